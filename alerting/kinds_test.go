package alerting

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whippet-obs/whippet/store/catalog"
)

// noon is where most sites begin.
var noon = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)

// monitorDoc is a document with options as JSON; "" for none.
func monitorDoc(kind, query, options string) string {
	doc := map[string]any{"type": kind, "name": "n", "query": query, "message": "{{value}} @a@example.com"}
	if options != "" {
		doc["options"] = json.RawMessage(options)
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func TestQueriesOfEveryKindAreUnderstood(t *testing.T) {
	s := newSite(t, noon)
	one := s.create(monitorDoc(metricAlert, "avg(last_5m):avg:my_metric{*} > 1", ""))
	two := s.create(monitorDoc(metricAlert, "avg(last_5m):avg:my_metric{*} by {host} > 1", ""))
	s.create(monitorDoc(composite, fmt.Sprintf("%d && !%d", one, two), ""))
	for _, c := range []struct{ kind, query, options string }{
		{metricAlert, "pct_change(avg(last_5m),last_1h):avg:x{*} by {host} > 50", `{"thresholds": {"critical": 50, "warning": 20}}`},
		{queryAlert, "change(max(last_10m),last_1d):max:x{env:prod} <= -3.5", ""},
		{metricAlert, "sum(current_1d):sum:orders{*}.as_count() < 100", `{"scheduling_options": {"evaluation_window": {"day_starts": "04:00", "timezone": "Europe/Berlin"}}}`},
		{metricAlert, "sum(current_1h):sum:orders{*}.as_count() < 100", `{"scheduling_options": {"evaluation_window": {"hour_starts": 30}}}`},
		{metricAlert, "sum(current_1mo):sum:orders{*}.as_count() < 100", `{"scheduling_options": {"evaluation_window": {"month_starts": 1}}}`},
		{metricAlert, "sum(current_1mo):sum:orders{*}.as_count() < 100", `{"scheduling_options": {"evaluation_window": {"month_starts": 1, "day_starts": "04:00"}}}`},
		{metricAlert, "avg(last_5m):avg:x{*} > 3", `{"thresholds": {"critical": 3, "ok": 1}}`},
		{metricAlert, "avg(last_5m):avg:x{*} > 3", `{"thresholds": {}}`},
		{metricAlert, "avg(last_1d):avg:x{*} > 3", `{"scheduling_options": {"custom_schedule": {"recurrences": [{"rrule": "FREQ=DAILY;INTERVAL=1", "start": "2026-10-01T09:00:00", "timezone": "Europe/Berlin"}]}}}`},
		{queryAlert, `max(last_5m):metricsql(sum(rate(http_requests{code=~"5.."}[1m])) by (job)) > 1e2`, ""},
		{queryAlert, `avg(last_4h):anomalies(avg:x{*}, 'basic', 2, direction='above', alert_window='last_15m', interval=60, count_default_zero='true') >= 1`,
			`{"threshold_windows": {"trigger_window": "last_15m", "recovery_window": "last_10m"}}`},
		{serviceCheck, `"postgres.can_connect".over("env:prod").by("host").last(4).count_by_status()`, `{"thresholds": {"ok": 1, "warning": 2, "critical": 3}}`},
		{serviceCheck, `"a.b".over("*").exclude("host:x").by("*").last(2).pct_by_status()`, `{"thresholds": {"critical": 40}}`},
		{eventAlert, `events('priority:all sources:nagios "disk full"').by('host').last('1h') >= 1`, ""},
		{eventV2Alert, `events("source:deploy status:(error OR warning) -env:test").rollup("count").by("service,env").last("15m") > 3`, ""},
		{composite, fmt.Sprintf("(%d || %d) && !%d", one, two, one), `{"notify_no_data": true}`},
	} {
		if err := s.s.ValidateMonitor(json.RawMessage(monitorDoc(c.kind, c.query, c.options))); err != nil {
			t.Errorf("%s: %v", c.query, err)
		}
	}
	for _, c := range []struct{ kind, query, options, field, says string }{
		{metricAlert, "pct_change(avg(last_5m),1h):avg:x{*} > 50", "", "query", "last_1m to last_35d"},
		{metricAlert, "pct_change(avg(last_5m),last_1h):avg:x{* > 50", "", "query", "position 42"},
		{metricAlert, "avg(last_5m):metricsql(sum(rate(x[1m])) > 3", "", "query", "MetricsQL"},
		{metricAlert, "avg(last_5m):metricsql(sum(x)) ~ 3", "", "query", "comparison"},
		{metricAlert, "avg(5m):metricsql(sum(x)) > 3", "", "query", "last_1m"},
		{metricAlert, "avg(last_5m):avg:x{*} > 3", `{"scheduling_options": {"evaluation_window": {"day_starts": "04:00"}}}`, "options.scheduling_options.evaluation_window", "current_1d"},
		{metricAlert, "avg(current_1d):avg:x{*} > 3", `{"scheduling_options": {"evaluation_window": {"day_starts": "4 am"}}}`, "options.scheduling_options.evaluation_window.day_starts", "04:00"},
		{metricAlert, "avg(current_1d):avg:x{*} > 3", `{"scheduling_options": {"evaluation_window": {"hour_starts": 3}}}`, "options.scheduling_options.evaluation_window.hour_starts", "current_1d"},
		{metricAlert, "avg(last_1d):avg:x{*} > 3", `{"scheduling_options": {"custom_schedule": {"recurrences": [{"rrule": "FREQ=SOMETIMES", "timezone": "UTC"}]}}}`, "options.scheduling_options.custom_schedule.recurrences.rrule", "FREQ"},
		{serviceCheck, `"a".over("*").count_by_state()`, "", "query", "count_by_status"},
		{serviceCheck, `"a".over("*").last(4)`, "", "query", "count_by_status"},
		{serviceCheck, `"a".over("*").last(4000).count_by_status()`, "", "query", "1 to 100"},
		{serviceCheck, `"a".over("*").last(4).count_by_status()`, `{"thresholds": {"critical": 0}}`, "options.thresholds.critical", "1 to 100"},
		{serviceCheck, `"a".over("(").last(4).count_by_status()`, "", "query", "over"},
		{eventAlert, `events("a").rollup("count") > 3`, "", "query", `last("1m")`},
		{eventAlert, `events("a OR (").last("5m") > 3`, "", "query", "search"},
		{eventAlert, `events("a").last("5m")`, "", "query", "comparison"},
		{eventAlert, `events("a").last("5m") > 3`, `{"thresholds": {"critical": 4}}`, "options.thresholds.critical", "3, the threshold in the query"},
		{composite, "1 &&", "", "query", "number of a monitor"},
		{composite, "1 & 2", "", "query", "&&"},
		{composite, "1 && 77", "", "query", "no monitor 77"},
		{composite, "1 && 3", "", "query", "composite itself"},
		{composite, "1", `{"thresholds": {"critical": 4}}`, "options.thresholds.critical", "composite"},
	} {
		err := s.s.ValidateMonitor(json.RawMessage(monitorDoc(c.kind, c.query, c.options)))
		var f *FieldError
		if !errors.As(err, &f) || f.Field != c.field || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %v\nwant %s and %q", c.query, c.options, err, c.field, c.says)
		}
	}
}

func TestChangeComparesWithThePast(t *testing.T) {
	s := newSite(t, noon)
	s.create(monitorDoc(metricAlert, "pct_change(avg(last_1m),last_5m):avg:my_metric{*} by {host} > 50", ""))
	s.create(monitorDoc(metricAlert, "change(avg(last_1m),last_5m):avg:my_metric{*} by {host} < -90", ""))
	s.minutes(8, map[string]float64{"a": 100, "b": 0})
	s.want()
	s.minutes(3, map[string]float64{"a": 160, "b": 10}) // from 0 to 10 is no share
	s.want("[Triggered] n on {host:a}")
	s.minutes(8, map[string]float64{"a": 160, "b": 10})
	s.want("[Recovered] n on {host:a}")
	s.minutes(3, map[string]float64{"a": 60, "b": 10})
	s.want("[Triggered] n on {host:a}")
}

func TestCumulativeWindowsBeginWhereTheyAreSaidTo(t *testing.T) {
	zone := berlin(t)
	at := func(text string) int64 {
		t.Helper()
		m, err := time.ParseInLocation("2006-01-02 15:04:05", text, zone)
		if err != nil {
			t.Fatal(err)
		}
		return m.UnixMilli()
	}
	for _, c := range []struct {
		cumulation
		now, want string
	}{
		{cumulation{"1h", 0, zone}, "2026-10-20 12:34:00", "2026-10-20 12:00:00"},
		{cumulation{"1h", 40, zone}, "2026-10-20 12:34:00", "2026-10-20 11:40:00"},
		{cumulation{"1d", 240, zone}, "2026-10-20 12:34:00", "2026-10-20 04:00:00"},
		{cumulation{"1d", 240, zone}, "2026-10-20 03:34:00", "2026-10-19 04:00:00"},
		{cumulation{"1d", 0, zone}, "2026-10-25 12:00:00", "2026-10-25 00:00:00"}, // a day of 25 hours
		{cumulation{"1mo", 0, zone}, "2026-10-20 03:34:00", "2026-10-01 00:00:00"},
		{cumulation{"1mo", 240, zone}, "2026-10-01 05:00:00", "2026-10-01 04:00:00"},
		{cumulation{"1mo", 240, zone}, "2026-10-01 03:34:00", "2026-09-01 04:00:00"},
	} {
		if got := c.since(at(c.now)); got != at(c.want) {
			t.Errorf("%s at %s begins %s, want %s", c.unit, c.now, time.UnixMilli(got).In(zone), c.want)
		}
	}
	s := newSite(t, time.Date(2026, 10, 20, 23, 50, 0, 0, time.UTC))
	s.create(monitorDoc(metricAlert, "max(current_1d):max:my_metric{*}.rollup(max, 60) > 100", ""))
	s.minutes(1, map[string]float64{"a": 200})
	s.minutes(8, map[string]float64{"a": 2})
	s.want("[Triggered] n")
	s.minutes(4, map[string]float64{"a": 2}) // a new day
	s.want("[Recovered] n")
}

func TestMetricsQLMonitors(t *testing.T) {
	s := newSite(t, noon)
	s.create(monitorDoc(queryAlert, `max(last_5m):metricsql(sum(my_metric) by (host)) > 800`, `{"thresholds": {"critical": 800, "warning": 500}}`))
	s.create(monitorDoc(queryAlert, `max(last_5m):metricsql(sum(my_metric)) > 2000`, `{"notify_no_data": true, "no_data_timeframe": 10}`))
	s.minutes(3, map[string]float64{"a": 100, "b": 600})
	s.want("[Warn] n on {host:b}")
	s.minutes(3, map[string]float64{"a": 900, "b": 1200})
	s.want("[Triggered] n on {host:a}", "[Triggered] n on {host:b}", "[Triggered] n")
	s.minutes(20, nil)
	s.want("[No Data] n")
}

func (s *site) check(name, host string, status int, message string, tags ...string) {
	s.t.Helper()
	err := s.db.Catalog().PutChecks(s.t.Context(), []catalog.Check{
		{Name: name, Host: host, Status: status, Message: message, Tags: tags, Time: s.clock().UnixMilli()},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestServiceChecksCountRunsInARow(t *testing.T) {
	s := newSite(t, noon)
	doc := change(t, monitorDoc(serviceCheck, `"pg".over("env:prod").by("host").last(4).count_by_status()`,
		`{"thresholds": {"ok": 2, "warning": 1, "critical": 3}, "notify_no_data": true, "no_data_timeframe": 10}`),
		"message", `"{{#is_alert}}{{check_message}} after {{threshold}} on {{host.name}}{{/is_alert}} @a@example.com"`)
	s.create(doc)
	run := func(status int, n int) {
		t.Helper()
		for range n {
			s.check("pg", "db-1", status, "says <no>", "env:prod")
			s.check("pg", "db-9", 2, "", "env:test")
			s.minutes(1, nil)
		}
	}
	run(0, 3)
	s.want()
	run(2, 2)
	s.want()
	run(2, 1)
	if m := s.want("[Triggered] n on {host:db-1}")[0]; !strings.Contains(m.text, "says <no> after 3 on db-1") || !strings.Contains(m.text, "3 runs in a row") {
		t.Errorf("the mail says\n%s", m.text)
	}
	run(0, 1)
	s.want()
	run(0, 1)
	s.want("[Recovered] n on {host:db-1}")
	run(1, 1)
	s.want("[Warn] n on {host:db-1}")
	s.minutes(20, nil)
	s.want("[No Data] n on {host:db-1}")
}

func TestClusterChecksJudgeTheShare(t *testing.T) {
	s := newSite(t, noon)
	s.create(monitorDoc(serviceCheck, `"up".over("*").by("dc").last(2).pct_by_status()`, `{"thresholds": {"critical": 50, "warning": 25}}`))
	run := func(statuses ...int) {
		for i, status := range statuses {
			s.check("up", fmt.Sprint("h", i), status, "", "dc:a")
		}
		s.minutes(1, nil)
	}
	run(0, 0, 0, 0)
	s.want()
	run(0, 0, 0, 1)
	s.want("[Warn] n on {dc:a}")
	run(2, 2, 0, 0)
	s.want("[Triggered] n on {dc:a}")
	run(0, 0, 0, 0)
	s.want("[Recovered] n on {dc:a}")
}

func TestAHostWhoseAgentFallsSilentIsNoData(t *testing.T) {
	s := newSite(t, noon)
	s.create(monitorDoc(serviceCheck, `"datadog.agent.up".over("*").by("host").last(2).count_by_status()`, `{"notify_no_data": true, "no_data_timeframe": 2}`))
	agent := func(host string) {
		s.t.Helper()
		if err := s.db.Catalog().UpdateHost(t.Context(), host, func(h *catalog.Host) { h.AgentVersion, h.LastSeen = "7", s.clock().UnixMilli() }); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		agent("a")
		agent("b")
		s.minutes(1, nil)
	}
	s.want()
	for range 4 {
		agent("b")
		s.minutes(1, nil)
	}
	s.want("[No Data] n on {host:a}")
	agent("a")
	s.minutes(1, nil)
	s.want("[Recovered] n on {host:a}")
}

func TestEventMonitorsCountWhatTheyFind(t *testing.T) {
	s := newSite(t, noon)
	s.create(change(t, monitorDoc(eventV2Alert, `events("source:deploy status:error").rollup("count").by("service").last("5m") > 1`, ""),
		"message", `"{{value}}: {{event.title}} by {{event.tags.by}} @a@example.com"`))
	event := func(title, kind string, tags ...string) {
		t.Helper()
		if err := s.db.Catalog().AddEvents(t.Context(), []catalog.Event{{Title: title, SourceType: "deploy", AlertType: kind, Tags: tags, Time: s.clock().UnixMilli()}}); err != nil {
			t.Fatal(err)
		}
	}
	s.minutes(2, nil)
	event("first", "error", "service:web", "by:ann")
	event("fine", "success", "service:web")
	event("other", "error", "service:api")
	s.minutes(1, nil)
	s.want()
	event("second *bold*", "error", "service:web", "by:bob")
	s.minutes(1, nil)
	if m := s.want("[Triggered] n on {service:web}")[0]; !strings.Contains(m.text, "2: second *bold* by bob") {
		t.Errorf("the mail says\n%s", m.text)
	}
	s.minutes(6, nil)
	s.want("[Recovered] n on {service:web}")
}

func TestCompositesJoinStates(t *testing.T) {
	s := newSite(t, noon)
	high := s.create(change(t, monitorDoc(metricAlert, "avg(last_1m):avg:my_metric{*} by {host} > 800", `{"thresholds": {"critical": 800, "warning": 500}}`), "message", `""`))
	off := s.create(change(t, monitorDoc(metricAlert, "avg(last_1m):avg:maintenance{*} > 0", ""), "message", `""`))
	s.create(monitorDoc(composite, fmt.Sprintf("%d && !%d", high, off), ""))
	maintenance := func(v float64, n int, values map[string]float64) {
		for range n {
			s.advance(time.Minute)
			s.send("maintenance", map[string]float64{"x": v}, 6)
			s.send("my_metric", values, 6)
			s.evaluate()
			s.advance(15 * time.Second) // composites look after their members
			s.evaluate()
		}
	}
	maintenance(0, 2, map[string]float64{"a": 100, "b": 600})
	s.want("[Warn] n on {host:b}")
	maintenance(0, 3, map[string]float64{"a": 950, "b": 100})
	s.want("[Recovered] n on {host:b}", "[Triggered] n on {host:a}")
	maintenance(1, 8, map[string]float64{"a": 950, "b": 100})
	s.want("[Recovered] n on {host:a}")
	maintenance(0, 8, map[string]float64{"a": 950, "b": 100})
	s.want("[Triggered] n on {host:a}")
}

// && is the mildest, || the worst, whatever stands where.
func TestCompositeLogicIsALattice(t *testing.T) {
	statuses := []Status{OK, NoData, Warn, Alert}
	rapid.Check(t, func(t *rapid.T) {
		of := map[int64]Status{}
		for id := int64(1); id <= 4; id++ {
			of[id] = rapid.SampledFrom(statuses).Draw(t, fmt.Sprint(id))
		}
		status := func(text string) Status {
			q, err := parseComposite(text)
			if err != nil {
				t.Fatal(err)
			}
			return q.source.(*compositeSource).root.status(of)
		}
		for _, law := range [][2]string{
			{"1 && 2", "2 && 1"}, {"1 || 2 && 3", "1 || (2 && 3)"}, {"1 && (2 || 3)", "1 && 2 || 1 && 3"}, {"1 && 1", "1"}, {"!(1 && 1)", "!1"}, {"((1))", "1"},
		} {
			if a, b := status(law[0]), status(law[1]); a != b {
				t.Fatalf("%s is %s, %s is %s", law[0], a, law[1], b)
			}
		}
	})
}

func TestCustomScheduleSaysWhenToEvaluate(t *testing.T) {
	s := newSite(t, noon)
	s.create(monitorDoc(metricAlert, "avg(last_1h):avg:my_metric{*} > 800",
		`{"scheduling_options": {"custom_schedule": {"recurrences": [{"rrule": "FREQ=DAILY", "start": "2026-10-01T14:00:00", "timezone": "UTC"}]}}}`))
	w := s.s.monitors()[0]
	w.due = s.clock().Add(-22 * time.Hour).UnixMilli() // yesterday at 14:00
	s.minutes(119, map[string]float64{"a": 950})
	s.want()
	s.minutes(2, map[string]float64{"a": 950})
	s.want("[Triggered] n")
}

func FuzzParseQuestion(f *testing.F) {
	for _, kind := range kinds {
		f.Add(kind, example(kind))
	}
	f.Add(queryAlert, "pct_change(avg(last_5m),last_1h):avg:x{*} > 50")
	f.Add(queryAlert, "max(last_5m):metricsql(sum(rate(x[1m])) by (job)) > 1e2")
	f.Fuzz(func(t *testing.T, kind, text string) {
		q, err := parseQuestion(kind, text)
		if err == nil && (q.source == nil || slices.Contains(q.groupBy, "")) {
			t.Errorf("%q is understood as %+v", text, q)
		}
	})
}
