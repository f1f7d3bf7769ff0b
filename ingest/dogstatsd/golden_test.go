package dogstatsd

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store"
)

// TestEmitsWhatTheAgentEmits feeds the lines that were fed to a real agent and
// wants the agent's series back, brought into the form they are kept in.
func TestEmitsWhatTheAgentEmits(t *testing.T) {
	lines, err := os.ReadFile("testdata/golden/lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	emitted, err := os.ReadFile("testdata/golden/series.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	ts := newTestServer(t, Config{Host: "whip-host-1"})
	ts.Ingest(lines)
	ts.advance(10 * time.Second)

	want := map[string]bool{"g.T{host:whip-host-1} gauge": true, "d.rate{host:whip-host-1} distribution": true}
	for line := range strings.Lines(string(emitted)) {
		var s struct {
			Metric, Host, Type, Unit string
			Tags                     []string
			Value                    *float64
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		switch s.Metric {
		case "c.rate2": // @2: the agent divides, a rate over 1 is taken as 1 here
			*s.Value = 0.4
		case "c.rate0": // @0: the agent emits an infinite value and breaks its own payload
			s.Value = new(float64)
			*s.Value = 0.1
		}
		tags := []string{}
		for _, tag := range s.Tags {
			tags = append(tags, store.NormalizeTag(tag))
		}
		if s.Host != "" {
			tags = append(tags, "host:"+s.Host)
		}
		kind := store.Gauge
		if s.Type == "rate" {
			kind = store.Rate
		}
		name := seriesName(store.Series{Name: store.NormalizeName(s.Metric), Tags: store.NewTags(tags), Kind: kind})
		want[name] = true
		ts.wantPoints(name, map[int]float64{0: *s.Value})
		if unit := ts.got.metrics[store.NormalizeName(s.Metric)].Unit; unit != s.Unit {
			t.Errorf("%s: got unit %q, want %q", s.Metric, unit, s.Unit)
		}
	}
	ts.wantPoints("g.T{host:whip-host-1} gauge", map[int]float64{1795461000 - 1795463350: 4})
	s := ts.got.sketches["d.rate{host:whip-host-1} distribution"][epoch.Unix()]
	if s == nil || s.Count != 4 || s.Sum != 20 || s.Min != 5 || s.Max != 5 || !slices.Equal(s.Keys, []int32{1442}) || !slices.Equal(s.Counts, []uint64{4}) {
		t.Errorf("d.rate: got %+v", s)
	}
	for name := range ts.got.refs {
		if !want[name] {
			t.Errorf("emitted %s, the agent does not", name)
		}
	}
	got := ts.rejectedFor()
	for _, r := range []struct {
		why   reason
		count uint64
	}{{badType, 2}, {badNumber, 3}, {badName, 1}, {badForm, 1}, {badFinite, 2}, {badTimedType, 2}} {
		if got[r.why.String()] != r.count {
			t.Errorf("rejected as %v: got %d, want %d", r.why, got[r.why.String()], r.count)
		}
	}
}

func TestEventsAndChecksAreReadAsTheAgentReadsThem(t *testing.T) {
	const now = 1795463351000
	e, why := parseEvent([]byte(`_e{5,4}:a|b:c|d|ex|t:bogus|p:low|#x:y`), now, "whip-host-1")
	if why != valid || e.Title != "a|b:c" || e.Text != "d|ex" || e.AlertType != "info" || e.Priority != "low" || !slices.Equal(e.Tags, []string{"x:y"}) || e.Time != now || e.Host != "whip-host-1" {
		t.Errorf("got %+v, %v", e, why)
	}
	e, why = parseEvent([]byte(`_e{2,0}:hi|`), now, "")
	if why != valid || e.Title != "hi" || e.Text != "" || e.Priority != "normal" {
		t.Errorf("got %+v, %v", e, why)
	}
	e, why = parseEvent([]byte(`_e{6,18}:deploy|line one\nline two|d:1795461275|h:Web-9|k:deploys|p:low|s:jenkins|t:warning|#env:test,host:x|c:0123|card:low`), now, "d")
	if why != valid || e.Text != "line one\nline two" || e.Time != 1795461275000 || e.Host != "web-9" || e.AggregationKey != "deploys" || e.SourceType != "jenkins" || e.AlertType != "warning" || !slices.Equal(e.Tags, []string{"env:test"}) {
		t.Errorf("got %+v, %v", e, why)
	}
	for _, line := range []string{`_e{0,2}:|hi`, `_e{9999,1}:a|b`, `_e{1,9999}:a|b`, `_e{1,1}a|b`, `_e{1}:a|b`, `_e{-1,1}:a|b`, `_e{`, `_e{1,1}:ab`, `_e{1,1}: |b`, `_e{99999999999999999999,1}:a|b`} {
		if e, why := parseEvent([]byte(line), now, ""); why != badEvent {
			t.Errorf("%q: got %+v, want it refused", line, e)
		}
	}

	c, why := parseCheck([]byte(`_sc|n.ok|0|m:a|#k:v`), now, "whip-host-1")
	if why != valid || c.Name != "n.ok" || c.Status != 0 || c.Message != "a" || !slices.Equal(c.Tags, []string{"k:v"}) || c.Time != now || c.Host != "whip-host-1" {
		t.Errorf("got %+v, %v", c, why)
	}
	c, why = parseCheck([]byte(`_sc|n.msg|1|m:line\nx m\:y`), now, "")
	if why != valid || c.Status != 1 || c.Message != `line\nx m\:y` || len(c.Tags) != 0 {
		t.Errorf("got %+v, %v", c, why)
	}
	c, why = parseCheck([]byte(`_sc|db.can_connect|2|d:1795461275|h:db-1|#env:test|m:refused|c:0123|card:low`), now, "d")
	if why != valid || c.Time != 1795461275000 || c.Host != "db-1" || c.Message != "refused" {
		t.Errorf("got %+v, %v", c, why)
	}
	for _, line := range []string{`_sc|n.bad|9`, `_sc||0`, `_sc|n`, `_sc|n|`, `_sc|n|00`, `_sc|`} {
		if c, why := parseCheck([]byte(line), now, ""); why != badCheck {
			t.Errorf("%q: got %+v, want it refused", line, c)
		}
	}
}
