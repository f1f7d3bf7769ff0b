package boards

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestSpansAreRead(t *testing.T) {
	day := 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"15m": 15 * time.Minute, "15mi": 15 * time.Minute, "4h": 4 * time.Hour, "2d": 2 * day, "1w": 7 * day, "3mo": 93 * day, "1y": 366 * day,
	} {
		if got, err := spanOf(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, wrong := range []string{"", "1", "h", "0h", "-1h", "99999d", "1h ", "alert"} {
		if _, err := spanOf(wrong); err == nil {
			t.Errorf("%q is a span", wrong)
		}
	}
}

// A widget may look further back than the link's own time, and so may a change.
func TestLinkReachesAsFarAsItsWidgets(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		widgets       string
		longest, back time.Duration
	}{
		{`[]`, time.Hour, 0},
		{`[{"definition":{"type":"timeseries","time":{"live_span":"1d"}}}]`, 24 * time.Hour, 0},
		{`[{"definition":{"type":"timeseries","time":{"live_span":"15m"}}}]`, time.Hour, 0},
		{`[{"definition":{"type":"timeseries","time":{"type":"live","value":3,"unit":"hour"}}}]`, 3 * time.Hour, 0},
		{`[{"definition":{"type":"timeseries","time":{"type":"fixed","from":1795521600,"to":1795525200}}}]`, 86400 * time.Second, 0},
		{`[{"definition":{"type":"group","widgets":[{"definition":{"type":"change","requests":[{"q":"avg:x{*}","compare_to":"week_before"}]}}]}}]`, time.Hour, 7 * 24 * time.Hour},
		{`[{"definition":{"type":"hostmap","requests":{"fill":{"q":"avg:x{*} by {host}"}}}}]`, time.Hour, 0},
	} {
		p := Public{Share: Share{Time: &GlobalTime{"1h"}}}
		if err := json.Unmarshal([]byte(tt.widgets), &p.board.Widgets); err != nil {
			t.Fatal(err)
		}
		if longest, back := p.reach(now); longest != tt.longest || back != tt.back {
			t.Errorf("%s: reaches %v and %v back, want %v and %v", tt.widgets, longest, back, tt.longest, tt.back)
		}
	}
}

func TestQuestionsOfEveryForm(t *testing.T) {
	p := Public{Share: Share{Time: &GlobalTime{"1h"}}}
	widgets := `[
		{"definition":{"type":"timeseries","requests":[{"q":"avg:a{*}"},{"queries":[{"name":"x","query":"sum:b{$env}","data_source":"metrics"},{"name":"y","query":"sum:c{*}"}],"formulas":[{"formula":"x / y"}]}]}},
		{"definition":{"type":"hostmap","requests":{"fill":{"q":"avg:d{*} by {host}"},"size":{"q":"avg:e{*} by {host}"}}}},
		{"definition":{"type":"timeseries","requests":[{"queries":[{"name":"l","query":"status:error","data_source":"logs"}]}]}},
		{"definition":{"type":"note","content":"avg:f{*}"}}]`
	if err := json.Unmarshal([]byte(widgets), &p.board.Widgets); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, q := range p.questions(map[string][]string{"env": {"env:prod"}}) {
		texts = append(texts, q.String())
	}
	all := strings.Join(texts, " | ")
	for _, want := range []string{"avg:a{*}", "(sum:b{$env}) / (sum:c{*})", "avg:d{*} by {host}", "avg:e{*} by {host}"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not among %s", want, all)
		}
	}
	if strings.Contains(all, "status") || strings.Contains(all, "avg:f") {
		t.Errorf("too much is asked: %s", all)
	}
}
