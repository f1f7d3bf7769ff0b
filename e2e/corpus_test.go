package e2e

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"
)

// recording is one request body as an unmodified program sent it.
type recording struct {
	name    string
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	body    []byte
}

func recordings(t *testing.T, folder string) []recording {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", folder, "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no recordings in %s (error %v)", folder, err)
	}
	slices.Sort(names)
	var all []recording
	for _, name := range names {
		r := recording{name: name}
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		if r.body, err = os.ReadFile(strings.TrimSuffix(name, ".json") + ".body"); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// replay posts a folder of recordings, with the times of series moved by
// shift, and checks that each is accepted.
func (s *server) replay(folder string, shift time.Duration) {
	s.t.Helper()
	for _, r := range recordings(s.t, folder) {
		body := r.body
		if seconds := int64(shift / time.Second); seconds != 0 && strings.HasSuffix(r.Path, "/series") && len(body) > 0 {
			plain := decompress(s.t, r.Headers["Content-Encoding"], body)
			switch r.Headers["Content-Type"] {
			case "application/x-protobuf":
				plain = shiftV2(s.t, plain, seconds)
			default:
				plain = shiftV1(s.t, plain, seconds)
			}
			body = compress(s.t, r.Headers["Content-Encoding"], plain)
		}
		if _, err := s.try(r.Method, r.Path, r.Headers, body); err != nil {
			s.t.Errorf("%s: %v", r.name, err)
		}
	}
}

func decompress(t *testing.T, encoding string, body []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch encoding {
	case "zstd", "zstd1":
		r, err = zstd.NewReader(r)
	case "deflate":
		r, err = zlib.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func compress(t *testing.T, encoding string, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "zstd", "zstd1":
		var err error
		if w, err = zstd.NewWriter(&b); err != nil {
			t.Fatal(err)
		}
	case "deflate":
		w = zlib.NewWriter(&b)
	default:
		return plain
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// shiftV1 moves the points of a v1 series payload. A 2-byte probe stays itself.
func shiftV1(t *testing.T, plain []byte, seconds int64) []byte {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(plain, &doc); err != nil {
		t.Fatal(err)
	}
	list, ok := doc["series"].([]any)
	if !ok {
		return plain
	}
	for _, series := range list {
		for _, p := range series.(map[string]any)["points"].([]any) {
			switch p := p.(type) {
			case []any: // v1: [time, value]
				p[0] = p[0].(float64) + float64(seconds)
			case map[string]any: // v2: {"timestamp": ..., "value": ...}
				p["timestamp"] = p["timestamp"].(float64) + float64(seconds)
			}
		}
	}
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// shiftV2 moves MetricPayload.series[].points[].timestamp.
func shiftV2(t *testing.T, plain []byte, seconds int64) []byte {
	return rewrite(t, plain, 1, func(series []byte) []byte {
		return rewrite(t, series, 4, func(point []byte) []byte {
			var out []byte
			fields(t, point, func(number protowire.Number, kind protowire.Type, field []byte) {
				if number == 2 && kind == protowire.VarintType {
					_, _, tag := protowire.ConsumeTag(field)
					at, _ := protowire.ConsumeVarint(field[tag:])
					field = protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), at+uint64(seconds))
				}
				out = append(out, field...)
			})
			return out
		})
	})
}

// rewrite replaces every length-delimited field of that number by change's result.
func rewrite(t *testing.T, message []byte, number protowire.Number, change func([]byte) []byte) []byte {
	t.Helper()
	var out []byte
	fields(t, message, func(n protowire.Number, kind protowire.Type, field []byte) {
		if n == number && kind == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(field)
			content, _ := protowire.ConsumeBytes(field[tag:])
			field = protowire.AppendBytes(protowire.AppendTag(nil, n, kind), change(content))
		}
		out = append(out, field...)
	})
	return out
}

func fields(t *testing.T, message []byte, fn func(number protowire.Number, kind protowire.Type, field []byte)) {
	t.Helper()
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeField(message)
		_ = kind
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		_, wire, _ := protowire.ConsumeTag(message)
		fn(number, wire, message[:n])
		message = message[n:]
	}
}

// The corpus was recorded around this time.
const recorded = 1795461600 // s

func TestRecordedAgentIsReadBackInBothLanguages(t *testing.T) {
	s := startServer(t)
	now := s.now()
	shift := now.Truncate(10 * time.Second).Add(-20 * time.Second).Sub(time.Unix(recorded, 0))
	for _, folder := range []string{"agent-core", "agent-env", "agent-v1zlib", "datadog-api-client-go"} {
		s.replay(folder, shift)
	}
	from, to := now.Add(-time.Hour), now.Add(time.Minute)

	// A counter of 20 in 10 s arrives as the rate 2; it counts 20. The UDP and
	// socket runs of the agent-core recording sent it earlier, 20 each.
	checks := []struct {
		query string
		want  float64 // of the points at the recording's last bucket
	}{
		{"avg:rc.queue.depth{host:whip-host-1}", 42.5},
		{"avg:plain.g{*}", -4},
		{"max:rc.hist.max{env:test}", 10},
		{"avg:rc.hist.avg{env:test}", 5.5},
		{"avg:rc.users{client:datadog-go}", 4},
		{"sum:rc.requests{route:/cart}", 2},
		{"sum:rc.requests{route:/cart}.as_count()", 20},
		{"avg:rc.timing.95percentile{team:core}", 10}, // a host tag, from the metadata payload
	}
	last := time.Unix(recorded, 0).Add(shift)
	for _, check := range checks {
		rows := s.query(check.query, last.Add(-10*time.Second), last.Add(20*time.Second))
		if len(rows) != 1 {
			t.Errorf("%s: got %d rows, want 1", check.query, len(rows))
			continue
		}
		found := false
		for _, p := range rows[0].PointList {
			if p[1] != nil && *p[0] == float64(last.UnixMilli()) {
				found = true
				if *p[1] != check.want {
					t.Errorf("%s: got %v, want %v", check.query, *p[1], check.want)
				}
			}
		}
		if !found {
			t.Errorf("%s: no point at %v in %+v", check.query, last, rows[0].values())
		}
	}

	for q, want := range map[string]float64{
		`max({__name__="rc.queue.depth", host="whip-host-1"})`: 42.5,
		`max({__name__="plain.g"})`:                            -4,
		`max(rc_hist_max{team="core", role="db"})`:             10,
		`max({__name__="rc.requests", route=~"/c.*"}) * 10`:    20,
	} {
		rows := s.instant(q, last)
		if len(rows) != 1 {
			t.Errorf("%s: got %v, want one row", q, rows)
		}
		for _, got := range rows {
			if got != want {
				t.Errorf("%s: got %v, want %v", q, got, want)
			}
		}
	}

	// Distributions: 20 values 10..100 twice over in one bucket; the sketch's
	// own times are the recording's, which lie inside the retention.
	at := time.Unix(recorded, 0)
	for q, want := range map[string]float64{"max:rc.dist{*}": 100, "min:rc.dist{*}": 10, "count:rc.dist{*}": 20, "sum:rc.dist{*}": 1100} {
		rows := s.query(q, at.Add(-20*time.Minute), at.Add(20*time.Minute))
		if len(rows) != 1 || !slices.Contains(rows[0].values(), want) {
			t.Errorf("%s: got %+v, want a point %v", q, rows, want)
		}
	}

	var hosts struct {
		Hosts []struct {
			Name, OS, Platform, IP string
			AgentVersion           string   `json:"agent_version"`
			AllTags                []string `json:"all_tags"`
			Checks                 []struct {
				Check  string
				Status int
			}
		}
	}
	s.call("GET", "/api/ui/hosts", nil, &hosts)
	found := false
	for _, h := range hosts.Hosts {
		if h.Name != "whip-host-1" {
			continue
		}
		found = true
		if h.AgentVersion != "7.82.1" || h.IP != "192.0.2.2" || h.OS != "linux" || h.Platform != "debian 12.11" {
			t.Errorf("host metadata: got %+v", h)
		}
		for _, tag := range []string{"env:staging", "role:db", "team:core"} {
			if !slices.Contains(h.AllTags, tag) {
				t.Errorf("host tags: got %v, want %s among them", h.AllTags, tag)
			}
		}
		if len(h.Checks) == 0 || h.Checks[0].Check != "datadog.agent.up" {
			t.Errorf("host checks: got %v, want datadog.agent.up", h.Checks)
		}
	}
	if !found {
		t.Errorf("no host whip-host-1 in %+v", hosts)
	}

	var events struct {
		Events []struct{ Title, Host string }
	}
	s.call("GET", fmt.Sprintf("/api/ui/events?from=%d&to=%d", at.Add(-time.Hour).UnixMilli(), to.UnixMilli()), nil, &events)
	titles := map[string]string{}
	for _, e := range events.Events {
		titles[e.Title] = e.Host
	}
	if titles["deploy"] != "web-9" || titles["Agent Startup"] != "whip-host-1" {
		t.Errorf("events: got %v, want deploy of web-9 and Agent Startup of whip-host-1", titles)
	}
	_ = from
}

func TestSelfTestOfTheAgentLeavesNoTrace(t *testing.T) {
	s := startServer(t)
	s.replay("agent-selftest", 0)
	var checks struct{ Checks []map[string]any }
	s.call("GET", "/api/ui/checks", nil, &checks)
	if len(checks.Checks) != 0 {
		t.Errorf("got checks %v, want none", checks.Checks)
	}
	var stats struct{ Intake map[string]any }
	s.call("GET", "/debug/whippet/intake", nil, &stats)
	t.Logf("intake: %v", stats)
}
