package alerting

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

func TestSearchFindsMonitorsAndCountsThem(t *testing.T) {
	s := newSite(t, noon)
	one := s.create(exerciseMonitor)
	two := s.create(change(t, change(t, monitorDoc(serviceCheck, `"pg".over("*").by("host").last(2).count_by_status()`, ""), "name", `"Postgres can't be reached"`), "tags", `["team:db"]`))
	three := s.create(change(t, monitorDoc(metricAlert, "avg(last_5m):avg:trace.flask.request.errors{env:prod} > 3", ""), "priority", "1"))
	four := s.create(monitorDoc(composite, fmt.Sprintf("%d && %d", one, three), ""))
	s.minutes(6, map[string]float64{"thinkpad": 900, "other": 1})
	if _, err := s.s.MuteMonitor(t.Context(), three, "*", 0); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]int64{
		"": {four, one, three, two}, "postgres": {two}, "type:metric": {one, three}, `type:"service check"`: {two}, "status:alert": {one}, "muted:true": {three},
		"tag:team:db": {two}, `tag:"team:db" OR priority:p1`: {three, two}, "metric:my_metric": {one}, "scope:env:prod": {three}, "-type:metric -type:composite": {two},
		"notification:alert@example.com": {one}, "group_status:alert": {one}, `group:"host:other"`: {one, four}, fmt.Sprintf("id:%d", two): {two}, "type:apm": {three},
		"team:db": {two}, "title:high": {one}, "nothing": nil,
	} {
		found, err := s.s.FindMonitors(FindOptions{Query: query})
		if err != nil {
			t.Errorf("%q: %v", query, err)
			continue
		}
		var ids []int64
		for _, m := range found.Monitors {
			ids = append(ids, m.ID)
		}
		slices.Sort(want)
		slices.Sort(ids)
		if !slices.Equal(ids, want) {
			t.Errorf("%q finds %v, want %v", query, ids, want)
		}
	}
	found, err := s.s.FindMonitors(FindOptions{Sort: "status,asc", PerPage: 1, Page: 0})
	if err != nil || found.Metadata != (Metadata{0, 4, 1, 4}) || found.Monitors[0].ID != one || found.Counts["muted"][0] != (Count{false, 3}) {
		t.Errorf("a page: %+v, %v", found, err)
	}
	groups, err := s.s.FindGroups(FindOptions{Query: "group_status:alert type:metric"})
	if err != nil || len(groups.Groups) != 1 || groups.Groups[0].Group != "host:thinkpad" {
		t.Errorf("groups: %+v, %v", groups, err)
	}
	for _, o := range []FindOptions{{Query: "("}, {Sort: "colour"}} {
		if _, err := s.s.FindMonitors(o); err == nil {
			t.Errorf("%+v is searched for", o)
		}
		if _, err := s.s.FindGroups(o); err == nil {
			t.Errorf("%+v is searched for", o)
		}
	}
	ok, problems := s.s.CanDelete([]int64{one, two})
	if !slices.Equal(ok, []int64{two}) || !strings.Contains(problems[fmt.Sprint(one)][0], fmt.Sprint(four)) {
		t.Errorf("can be deleted: %v, %v", ok, problems)
	}
}

func TestTimelinesShowWhatGroupsWere(t *testing.T) {
	s := newSite(t, noon)
	id := s.create(change(t, exerciseMonitor, "query", `"avg(last_1m):avg:my_metric{*} by {host} > 800"`))
	s.minutes(10, map[string]float64{"a": 1, "b": 600})
	s.minutes(10, map[string]float64{"a": 9000, "b": 600})
	s.minutes(10, map[string]float64{"a": 1, "b": 600})
	lines, err := s.s.Timeline(id, noon.UnixMilli(), s.clock().UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	words := func(periods []Period) (out string) {
		for i, p := range periods {
			if i > 0 && periods[i-1].To != p.From {
				t.Errorf("a gap before %+v", p)
			}
			out += fmt.Sprintf("%s %.0f; ", p.Status, time.Duration((p.To-p.From)*1e6).Minutes())
		}
		return out
	}
	// The average over a minute is high a little longer than the value.
	if got := words(lines["host:a"]); got != "OK 11; Alert 11; OK 8; " {
		t.Errorf("a was %s", got)
	}
	if got := words(lines["host:b"]); !strings.HasSuffix(got, "Warn 29; ") {
		t.Errorf("b was %s", got)
	}
	lines, err = s.s.Timeline(id, noon.Add(12*time.Minute).UnixMilli(), noon.Add(15*time.Minute).UnixMilli())
	if err != nil || words(lines["host:a"]) != "Alert 3; " {
		t.Errorf("a part: %v, %v", lines, err)
	}
}

func TestEditsAreWrittenDownWithWhatTheyChanged(t *testing.T) {
	s := newSite(t, noon)
	id := s.create(exerciseMonitor)
	s.advance(time.Minute)
	if _, err := s.s.UpdateMonitor(t.Context(), id, json.RawMessage(`{"priority": 2, "tags": ["team:db"], "options": {"thresholds": {"critical": 800, "warning": 400}, "notify_no_data": true, "no_data_timeframe": 10, "renotify_interval": 30}}`)); err != nil {
		t.Fatal(err)
	}
	changes, err := s.s.Changes(id)
	if err != nil || len(changes) != 2 {
		t.Fatalf("%+v, %v", changes, err)
	}
	want := "options.thresholds.warning: 500 → 400\n+ priority: 2\ntags: - \"team:exercise\", + \"team:db\""
	if changes[0].Text != want {
		t.Errorf("the edit is\n%s\nwant\n%s", changes[0].Text, want)
	}
}

func TestDiffs(t *testing.T) {
	for _, c := range []struct{ before, after, want string }{
		{`{"a": 1}`, `{"a": 1.0}`, ""}, {`{"a": null}`, `{}`, ""}, {`{}`, `{"a": {"b": 1}}`, `+ a: {"b":1}`}, {`{"a": [1, 2]}`, `{"a": [2, 3]}`, "a: - 1, + 3"},
		{`{"a": [{"b": 1}]}`, `{"a": [{"b": 2}]}`, "a[0].b: 1 → 2"}, {`{"a": [{"b": 1}]}`, `{"a": []}`, `a: [{"b":1}] → []`}, {`{"a": "x"}`, `{"a": 1}`, `a: "x" → 1`},
		{`{"a": [1, 2]}`, `{"a": [2, 1]}`, "a[0]: 1 → 2; a[1]: 2 → 1"}, {`{"a": 1}`, `{}`, "- a: 1"},
	} {
		if got := strings.Join(Diff(json.RawMessage(c.before), json.RawMessage(c.after)), "; "); got != c.want {
			t.Errorf("%s to %s: %s, want %s", c.before, c.after, got, c.want)
		}
	}
}

func TestExportedMonitorsCanBeMadeAnew(t *testing.T) {
	s := newSite(t, noon)
	id := s.create(change(t, exerciseMonitor, "message", `"first ${a}\nsecond \"quoted\" <b> @a@example.com"`))
	doc, err := s.s.ExportMonitor(id)
	if err != nil || strings.Contains(string(doc), "created") || strings.Contains(string(doc), "null") {
		t.Fatalf("%s, %v", doc, err)
	}
	again := s.create(string(doc))
	second, err := s.s.ExportMonitor(again)
	if err != nil || string(second) != string(doc) {
		t.Errorf("the copy is\n%s, of\n%s", second, doc)
	}
	text, err := s.s.Terraform(id)
	if err != nil {
		t.Fatal(err)
	}
	want := `resource "datadog_monitor" "my_metric_is_high" {
  name = "my_metric is high"
  type = "metric alert"
  query = "avg(last_5m):avg:my_metric{*} by {host} > 800"
  message = <<-EOT
    first $${a}
    second "quoted" <b> @a@example.com
  EOT
  tags = ["team:exercise"]

  include_tags = true
  no_data_timeframe = 10
  notify_audit = false
  notify_no_data = true
  renotify_interval = 30

  monitor_thresholds {
    critical = 800
    warning = 500
  }
}
`
	if text != want {
		t.Errorf("Terraform is\n%s", text)
	}
	raw, err := s.s.CloneMonitor(t.Context(), id)
	if err != nil || !strings.Contains(string(raw), `"name":"my_metric is high (copy)"`) || !strings.Contains(string(raw), `"draft_status":"draft"`) {
		t.Errorf("the clone is %s, %v", raw, err)
	}
}

func TestOldEventsAreForgotten(t *testing.T) {
	s := newSite(t, noon)
	s.deps.KeepEvents = time.Hour
	s.restart()
	for range 3 {
		if err := s.db.Catalog().AddEvents(t.Context(), []catalog.Event{{Title: "x", Time: s.clock().UnixMilli()}}); err != nil {
			t.Fatal(err)
		}
		s.advance(40 * time.Minute)
	}
	s.s.forget(t.Context())
	events, err := s.db.Catalog().Events(0, s.clock().UnixMilli(), nil, 0)
	if err != nil || len(events) != 1 {
		t.Errorf("%d events are left, %v", len(events), err)
	}
}
