package alerting

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

// change returns the exercise's monitor with fields set by path: "options.x".
func change(t testing.TB, doc, path, value string) string {
	t.Helper()
	var set func(doc []byte, keys []string) []byte
	set = func(doc []byte, keys []string) []byte {
		o := object{}
		if err := json.Unmarshal(doc, &o); err != nil {
			t.Fatal(err)
		}
		if len(keys) == 1 {
			o[keys[0]] = json.RawMessage(value)
		} else {
			o[keys[0]] = set(o[keys[0]], keys[1:])
		}
		return o.json()
	}
	return string(set([]byte(doc), strings.Split(path, ".")))
}

func TestValidationNamesTheField(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	cases := []struct{ path, value, field, says string }{
		{"type", `"log alert"`, "type", `"metric alert", "query alert"`},
		{"query", `""`, "query", "avg(last_5m)"},
		{"query", `17`, "query", "a text"},
		{"query", `"avg(last_5m):avg:my_metric{*} by {host}"`, "query", "threshold"},
		{"query", `"avg(last_5m):avg:my_metric{*} by {host} > 900"`, "options.thresholds.critical", "900"},
		{"priority", `6`, "priority", "1 to 5"},
		{"priority", `"P1"`, "priority", "1 to 5"},
		{"tags", `"a"`, "tags", "list"},
		{"message", `7`, "message", "text"},
		{"message", `"{{valu}}"`, "message", "value"},
		{"message", `"{{#is_alert}}"`, "message", "is_alert"},
		{"name", `"{{hots.name}}"`, "name", "host.name"},
		{"draft_status", `"secret"`, "draft_status", "draft or published"},
		{"options", `[]`, "options", "object"},
		{"options.thresholds", `[]`, "options.thresholds", "object"},
		{"options.thresholds.critical", `"high"`, "options.thresholds.critical", "number"},
		{"options.thresholds.warning", `900`, "options.thresholds.warning", "below critical, 800"},
		{"options.thresholds.critical_recovery", `800`, "options.thresholds.critical_recovery", "below critical, 800"},
		{"options.thresholds.warning_recovery", `600`, "options.thresholds.warning_recovery", "below warning, 500"},
		{"options.thresholds.unknown", `1`, "options.thresholds.unknown", "service checks"},
		{"options.thresholds.critical_query", `"x"`, "options.thresholds.critical_query", "nothing"},
		{"options.no_data_timeframe", `0`, "options.no_data_timeframe", "minutes"},
		{"options.no_data_timeframe", `1.5`, "options.no_data_timeframe", "minutes"},
		{"options.on_missing_data", `"resolve"`, "options.on_missing_data", "notify_no_data"},
		{"options.evaluation_delay", `-1`, "options.evaluation_delay", "seconds"},
		{"options.timeout_h", `25`, "options.timeout_h", "24"},
		{"options.renotify_statuses", `["ok"]`, "options.renotify_statuses", `"alert", "warn" and "no data"`},
		{"options.notify_by", `["env"]`, "options.notify_by", "host"},
		{"options.group_retention_duration", `"30m"`, "options.group_retention_duration", `"60m" to "72h"`},
		{"options.include_tags", `"yes"`, "options.include_tags", "true or false"},
		{"options.notification_preset_name", `"loud"`, "options.notification_preset_name", "show_all"},
		{"options.silenced", `[]`, "options.silenced", "object"},
		{"options.scheduling_options", `{"evaluation_window": {"hour_starts": 0}}`, "options.scheduling_options.evaluation_window", "current_1d"},
		{"options.threshold_windows", `{"trigger_window": "last_15m"}`, "options.threshold_windows.trigger_window", "anomaly"},
		{"options.variables", `[{}]`, "options.variables", "formula"},
	}
	for _, c := range cases {
		t.Run(c.path+"="+c.value, func(t *testing.T) {
			err := s.s.ValidateMonitor(json.RawMessage(change(t, exerciseMonitor, c.path, c.value)))
			var f *FieldError
			if !errors.As(err, &f) {
				t.Fatalf("validation says %v", err)
			}
			if f.Field != c.field || !strings.Contains(f.Error(), c.says) {
				t.Errorf("validation says %v (field %s); want field %s and %q", err, f.Field, c.field, c.says)
			}
		})
	}
	for _, doc := range []string{exerciseMonitor, `{"type": "query alert", "query": "sum(last_1d):sum:a.b{*}.as_count() <= -1.5"}`,
		`{"type": "metric alert", "query": "avg(last_1h):avg:a{env:x} by {host} < 5", "options": {"thresholds": {"critical": 5, "warning": 9, "critical_recovery": 7, "warning_recovery": 12}}}`,
		// What the official Go client fills in by default.
		change(t, exerciseMonitor, "options", `{"include_tags": true, "min_failure_duration": 0, "min_location_failed": 1, "new_host_delay": 300, "notification_preset_name": "show_all", "notify_audit": false, "notify_no_data": false}`),
	} {
		if err := s.s.ValidateMonitor(json.RawMessage(doc)); err != nil {
			t.Errorf("%s: %v", doc, err)
		}
	}
	if err := s.s.ValidateMonitor(json.RawMessage(`[1]`)); err == nil {
		t.Error("a list is a monitor")
	}
}

// The life of a monitor as Datadog's clients lead it.
func TestMonitorDocumentsKeepWhatClientsSend(t *testing.T) {
	ctx := t.Context()
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	raw, err := s.s.CreateMonitor(ctx, json.RawMessage(`{
		"type": "metric alert", "query": "avg(last_5m):avg:my_metric{env:test} by {host} > 8e2", "name": "n", "message": "m",
		"id": 77, "overall_state": "Alert", "future_field": {"a": [1, 2.50]}, "restricted_roles": ["r"], "priority": 3,
		"options": {"thresholds": {"critical": 800.0, "warning": null}, "future_option": "x", "locked": true}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	id := idOf(t, raw)
	has := func(raw json.RawMessage, path, want string) {
		t.Helper()
		for _, key := range strings.Split(path, ".") {
			var o object
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatal(err)
			}
			raw = o[key]
		}
		if string(raw) != want {
			t.Errorf("%s is %s, want %s", path, raw, want)
		}
	}
	has(raw, "future_field", `{"a":[1,2.50]}`)
	has(raw, "options.future_option", `"x"`)
	has(raw, "options.thresholds", `{"critical":800.0}`)
	has(raw, "options.include_tags", `true`)
	has(raw, "options.silenced", `{}`)
	has(raw, "overall_state", `"No Data"`)
	has(raw, "multi", `true`)
	has(raw, "deleted", `null`)
	has(raw, "restricted_roles", `["r"]`)
	has(raw, "priority", `3`)
	has(raw, "created", `"2026-10-20T12:00:00.000000+00:00"`)

	// As Terraform sends a monitor without thresholds, and used to send no priority.
	bare, err := s.s.CreateMonitor(ctx, json.RawMessage(`{"type": "query alert", "query": "avg(last_1h):avg:my_metric{*} > 2", "name": "bare", "message": "m", "priority": 0, "options": {"thresholds": {}}}`))
	if err != nil {
		t.Fatal(err)
	}
	has(bare, "options.thresholds", `{}`)
	has(bare, "priority", `null`)

	s.advance(time.Minute)
	raw, err = s.s.UpdateMonitor(ctx, id, json.RawMessage(`{"name": "better", "id": 5, "created": "x"}`))
	if err != nil {
		t.Fatal(err)
	}
	has(raw, "name", `"better"`)
	has(raw, "created", `"2026-10-20T12:00:00.000000+00:00"`)
	has(raw, "modified", `"2026-10-20T12:01:00.000000+00:00"`)
	has(raw, "future_field", `{"a":[1,2.50]}`)
	if raw, err = s.s.UpdateMonitor(ctx, id, json.RawMessage(`{"options": {"notify_no_data": true}}`)); err != nil {
		t.Fatal(err)
	}
	has(raw, "options.thresholds", ``) // the critical one is in the query
	if _, err = s.s.UpdateMonitor(ctx, id, json.RawMessage(`{"type": "composite"}`)); err == nil {
		t.Error("a monitor became a composite")
	}

	s.restart()
	again, err := s.s.Monitor(id, "")
	if err != nil {
		t.Fatal(err)
	}
	has(again, "future_field", `{"a":[1,2.50]}`)
	if list := s.s.Monitors(ListOptions{Name: "BETT", Tags: []string{"env:test"}}); len(list) != 1 {
		t.Errorf("%d monitors found", len(list))
	}
	if list := s.s.Monitors(ListOptions{MonitorTags: []string{"x"}}); len(list) != 0 {
		t.Errorf("%d monitors found", len(list))
	}
	if err := s.s.DeleteMonitor(ctx, id); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		second(s.s.Monitor(id, "")), s.s.DeleteMonitor(ctx, id), second(s.s.UpdateMonitor(ctx, id, json.RawMessage(`{}`))),
		second(s.s.MuteMonitor(ctx, id, "", 0)), s.s.ResolveMonitor(ctx, id, ""), second(s.s.MonitorGroups(id)),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("a deleted monitor answers %v", err)
		}
	}
	other, err := s.s.CreateMonitor(ctx, json.RawMessage(exerciseMonitor))
	if err != nil || idOf(t, other) == id {
		t.Errorf("the number %d is given again (%v)", id, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestGroupStatesComeAsDatadogHasThem(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	id := s.create(exerciseMonitor)
	s.minutes(2, map[string]float64{"thinkpad": 950, "web": 100})
	raw, err := s.s.Monitor(id, "all")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		OverallState string `json:"overall_state"`
		State        struct {
			Groups map[string]struct {
				Name            string
				Status          string
				LastTriggeredTs int64 `json:"last_triggered_ts"`
				LastNotifiedTs  int64 `json:"last_notified_ts"`
				Value           float64
			}
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	g := doc.State.Groups["host:thinkpad"]
	if doc.OverallState != "Alert" || g.Status != "Alert" || g.Value != 950 || g.LastTriggeredTs < 1_790_000_000 || g.LastNotifiedTs != g.LastTriggeredTs {
		t.Errorf("monitor answers %s", raw)
	}
	if len(doc.State.Groups) != 2 {
		t.Errorf("%d groups", len(doc.State.Groups))
	}
	if raw, err = s.s.Monitor(id, "alert,warn"); err != nil || strings.Contains(string(raw), `"host:web"`) {
		t.Errorf("alert and warn groups are %s, %v", raw, err)
	}
}

func TestMuteUnmuteResolveByHand(t *testing.T) {
	ctx := t.Context()
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s.undelivered = true
	id := s.create(exerciseMonitor)
	high := map[string]float64{"thinkpad": 950, "web": 950}
	if _, err := s.s.MuteMonitor(ctx, id, "host:web", s.clock().Unix()+600); err != nil {
		t.Fatal(err)
	}
	s.minutes(3, high)
	s.want("[Triggered] my_metric is high on {host:thinkpad}")
	s.minutes(8, high)
	s.want("[Triggered] my_metric is high on {host:web}") // the mute ran out
	if _, err := s.s.MuteMonitor(ctx, id, "", 1); err == nil {
		t.Error("muted until 1970")
	}
	if err := s.s.ResolveMonitor(ctx, id, "host:web"); err != nil {
		t.Fatal(err)
	}
	s.want("[Recovered] my_metric is high on {host:web}")
	s.minutes(1, high)
	s.want("[Triggered] my_metric is high on {host:web}") // it still is
	if _, err := s.s.MuteMonitor(ctx, id, "", 0); err != nil {
		t.Fatal(err)
	}
	s.minutes(6, map[string]float64{"thinkpad": 1, "web": 1})
	s.want()
	if _, err := s.s.UnmuteMonitor(ctx, id, "", true); err != nil {
		t.Fatal(err)
	}
	s.minutes(1, map[string]float64{"thinkpad": 1, "web": 1})
	s.want("[Recovered] my_metric is high on {host:web}", "[Recovered] my_metric is high on {host:thinkpad}")
}

func TestNotifyAuditTellsOfEdits(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	id := s.create(change(t, exerciseMonitor, "options.notify_audit", "true"))
	s.advance(time.Second)
	if _, err := s.s.UpdateMonitor(t.Context(), id, json.RawMessage(`{"priority": 2}`)); err != nil {
		t.Fatal(err)
	}
	s.s.deliverReady(t.Context())
	s.want("[Edited] [P2] my_metric is high")
}

func TestPreviewShowsEveryState(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s.minutes(5, map[string]float64{"thinkpad": 640})
	previews, err := s.s.PreviewMonitor(t.Context(), json.RawMessage(exerciseMonitor))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		state   Status
		subject string
		text    string
	}{
		{Alert, "[Triggered] my_metric is high on {host:thinkpad}", "Alert text: 800"},
		{Warn, "[Warn] my_metric is high on {host:thinkpad}", "Warning text."},
		{NoData, "[No Data] my_metric is high on {host:thinkpad}", "No data text."},
		{OK, "[Recovered] my_metric is high on {host:thinkpad}", "Recovery text."},
	}
	if len(previews) != len(want) {
		t.Fatalf("%d previews", len(previews))
	}
	for i, w := range want {
		p := previews[i]
		if p.State != w.state || p.Subject != w.subject || !strings.Contains(p.Text, w.text) || !strings.Contains(p.HTML, "<html") || len(p.To) != 1 {
			t.Errorf("preview %d: %s %q %v\n%s", i, p.State, p.Subject, p.To, p.Text)
		}
	}
	if mails, _ := s.s.Outbox(); len(mails) != 0 {
		t.Error("a preview sends mail")
	}
}

func TestDowntimeDocuments(t *testing.T) {
	ctx := t.Context()
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	refused := []struct{ doc, field string }{
		{`{}`, "scope"},
		{`{"scope": ["*"], "timezone": "Mars/Olympus"}`, "timezone"},
		{`{"scope": ["*"], "start": 1792500000, "end": 1792400000}`, "end"},
		{`{"scope": ["*"], "end": 1792500000, "recurrence": {"type": "hours", "period": 1}}`, "recurrence.type"},
		{`{"scope": ["*"], "end": 1792500000, "recurrence": {"type": "weeks", "period": 1, "week_days": ["Moonday"]}}`, "recurrence.week_days"},
		{`{"scope": ["*"], "cron": "0 25 * * *", "duration": "1h"}`, "cron"},
		{`{"scope": ["*"], "cron": "0 19 * * *"}`, "duration"},
		{`{"scope": ["*"], "cron": "0 19 * * *", "duration": "soon"}`, "duration"},
		{`{"scope": ["env:("]}`, "scope"},
		{`{"scope": ["*"], "notify_end_types": ["always"]}`, "notify_end_types"},
		{`{"scope": ["*"], "notify_end_states": ["ok"]}`, "notify_end_states"},
		{`{"scope": ["*"], "message": 5}`, "message"},
	}
	for _, c := range refused {
		_, err := s.s.CreateDowntime(ctx, json.RawMessage(c.doc))
		var f *FieldError
		if !errors.As(err, &f) || f.Field != c.field {
			t.Errorf("%s: %v, want field %s", c.doc, err, c.field)
		}
	}
	// From a recorded session of Datadog's Go client.
	raw, err := s.s.CreateDowntime(ctx, json.RawMessage(`{"end":1792501380,"message":"x","recurrence":{"period":1,"type":"weeks","until_date":1794312180,"week_days":["Mon","Tue","Wed","Thu","Fri"]},"scope":["*"],"start":1792497000,"timezone":"Etc/UTC","future":1}`))
	if err != nil {
		t.Fatal(err)
	}
	id := idOf(t, raw)
	for _, part := range []string{`"active":true`, `"canceled":null`, `"disabled":false`, `"downtime_type":0`, `"end":1792501380`, `"start":1792497000`,
		`"monitor_tags":["*"]`, `"scope":["*"]`, `"future":1`, `"parent_id":null`, `"until_date":1794312180`} {
		if !strings.Contains(string(raw), part) {
			t.Errorf("downtime lacks %s: %s", part, raw)
		}
	}
	if raw, err = s.s.UpdateDowntime(ctx, id, json.RawMessage(`{"message":"y"}`)); err != nil || !strings.Contains(string(raw), `"message":"y"`) {
		t.Errorf("update: %s, %v", raw, err)
	}
	if list := s.s.Downtimes(true); len(list) != 1 {
		t.Errorf("%d current downtimes", len(list))
	}
	for range 2 {
		if err := s.s.CancelDowntime(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	s.restart()
	raw, err = s.s.Downtime(id)
	if err != nil || !strings.Contains(string(raw), `"active":false`) || !strings.Contains(string(raw), `"canceled":1792497600`) || !strings.Contains(string(raw), `"disabled":true`) {
		t.Errorf("canceled: %s, %v", raw, err)
	}
	if len(s.s.Downtimes(true)) != 0 || len(s.s.Downtimes(false)) != 1 {
		t.Error("a canceled downtime is current, or gone")
	}
	if _, err := s.s.Downtime(999); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown downtime is %v", err)
	}
	if err := s.s.CancelDowntime(ctx, 999); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown downtime is %v", err)
	}
}

// Nights and weekends are one downtime, told of once per window.
func TestSeveralRecurrencesAreOneCalendar(t *testing.T) {
	s := newSite(t, time.Date(2026, 11, 20, 12, 0, 0, 0, berlin(t))) // a Friday
	doc := `{"scope": ["*"], "timezone": "Europe/Berlin", "message": "@ops@example.com", "recurrences": [{"cron": "0 19 * * MON-FRI", "duration": "14h"}, {"cron": "0 0 * * SAT,SUN", "duration": "24h"}]}`
	upcoming, err := s.s.UpcomingDowntime(json.RawMessage(doc), 2)
	if err != nil || len(upcoming) != 2 || upcoming[0].End-upcoming[0].Start != 53*time.Hour.Milliseconds() {
		t.Fatalf("upcoming: %+v, %v", upcoming, err)
	}
	if _, err := s.s.CreateDowntime(t.Context(), json.RawMessage(doc)); err != nil {
		t.Fatal(err)
	}
	for range 4 * 24 {
		s.advance(time.Hour)
		s.evaluate()
	}
	s.want("[Downtime Scheduled] everything", "[Downtime Started] everything", "[Downtime Ended] everything", "[Downtime Started] everything", "[Downtime Ended] everything")
	for bad, field := range map[string]string{
		`[]`: "recurrences", `[{"duration": "1h"}]`: "recurrences[0].rrule", `[{"cron": "x", "duration": "1h"}, {"cron": "0 1 * * *", "duration": "1h"}]`: "recurrences[0].cron",
	} {
		var f *FieldError
		_, err := s.s.UpcomingDowntime(json.RawMessage(`{"scope": ["*"], "recurrences": `+bad+`}`), 1)
		if !errors.As(err, &f) || f.Field != field {
			t.Errorf("%s: %v, want %s", bad, err, field)
		}
	}
}

func TestUpcomingDowntimes(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 22, 20, 0, 0, 0, berlin(t))) // Thursday evening
	list, err := s.s.UpcomingDowntime(json.RawMessage(`{"timezone": "Europe/Berlin", "cron": "0 19 * * MON-FRI", "duration": "14h"}`), 5)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range list {
		got = append(got, time.UnixMilli(o.Start).In(s.now.Location()).Format("Mon 15:04")+"-"+time.UnixMilli(o.End).In(s.now.Location()).Format("Mon 15:04"))
	}
	want := "Thu 19:00-Fri 09:00 Fri 19:00-Sat 09:00 Mon 19:00-Tue 09:00 Tue 19:00-Wed 09:00 Wed 19:00-Thu 09:00"
	if strings.Join(got, " ") != want {
		t.Errorf("upcoming: %v", got)
	}
}

func TestDowntimeCalendar(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 22, 20, 0, 0, 0, berlin(t))) // Thursday evening
	made := func(doc string) int64 {
		t.Helper()
		raw, err := s.s.CreateDowntime(t.Context(), json.RawMessage(doc))
		var d struct{ ID int64 }
		if err = errors.Join(err, json.Unmarshal(raw, &d)); err != nil {
			t.Fatal(err)
		}
		return d.ID
	}
	nights := made(`{"scope": ["env:test"], "timezone": "Europe/Berlin", "cron": "0 19 * * MON-FRI", "duration": "14h"}`)
	open := made(`{"scope": ["host:a"]}`)
	canceled := made(`{"scope": ["host:b"]}`)
	if err := s.s.CancelDowntime(t.Context(), canceled); err != nil {
		t.Fatal(err)
	}
	later := made(fmt.Sprintf(`{"scope": ["host:c"], "start": %d}`, s.now.Add(8*24*time.Hour).Unix()))
	got := s.s.DowntimeCalendar(s.now.Add(7 * 24 * time.Hour).UnixMilli())
	if len(got[nights]) != 5 || len(got[open]) != 1 || got[open][0].End != 0 || len(got[canceled]) != 0 || len(got[later]) != 0 {
		t.Errorf("got %+v", got)
	}
}

// A downtime mutes what its scope says: tags of the group, of its host, of the
// query; one monitor, or monitors with a tag.
func TestDowntimesMuteWhatTheyAreAbout(t *testing.T) {
	cases := []struct {
		doc   string
		muted string // hosts
	}{
		{`{"scope": ["*"]}`, "thinkpad web"},
		{`{"scope": ["host:web"]}`, "web"},
		{`{"scope": ["env:prod"]}`, "web"}, // a tag of the host
		{`{"scope": ["env:(staging OR prod) AND !host:thinkpad"]}`, "web"},
		{`{"scope": ["*"], "monitor_id": 1}`, "thinkpad web"},
		{`{"scope": ["*"], "monitor_id": 2}`, ""},
		{`{"monitor_tags": ["team:exercise"]}`, "thinkpad web"},
		{`{"monitor_tags": ["team:exercise", "team:other"]}`, ""},
		{`{"scope": ["*"], "disabled": true}`, ""},
		{`{"scope": ["*"], "start": 1892400000}`, ""},
	}
	for _, c := range cases {
		t.Run(c.doc, func(t *testing.T) {
			s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
			s.undelivered = true
			if err := s.deps.Catalog.UpdateHost(t.Context(), "web", hostTagged("env:prod")); err != nil {
				t.Fatal(err)
			}
			s.create(exerciseMonitor)
			raw, err := s.s.CreateDowntime(t.Context(), json.RawMessage(c.doc))
			if err != nil {
				t.Fatal(err)
			}
			s.minutes(1, map[string]float64{"thinkpad": 950, "web": 950})
			var held []string
			for _, host := range []string{"thinkpad", "web"} {
				subject := "[Triggered] my_metric is high on {host:" + host + "}"
				if strings.Contains(" "+c.muted+" ", " "+host+" ") {
					held = append(held, subject)
				}
			}
			if got := s.subjects(); len(got) != 2-len(held) {
				t.Fatalf("mails %q", got)
			}
			// Canceled: what was held back is told.
			if err := s.s.CancelDowntime(t.Context(), idOf(t, raw)); err != nil {
				t.Fatal(err)
			}
			s.minutes(1, map[string]float64{"thinkpad": 950, "web": 950})
			s.want(held...)
		})
	}
}

func TestDowntimeTellsEachOccurrenceOnce(t *testing.T) {
	ctx := t.Context()
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	raw, err := s.s.CreateDowntime(ctx, json.RawMessage(`{"scope": ["host:web"], "cron": "0 13 * * *", "duration": "1h", "message": "Backup @ops@example.com"}`))
	if err != nil {
		t.Fatal(err)
	}
	tick := func() {
		s.s.tendOnce(ctx)
		s.s.tendOnce(ctx)
		for s.s.deliverReady(ctx) {
		}
	}
	tick()
	first := s.want("[Downtime Scheduled] host:web")[0]
	s.advance(time.Hour)
	tick()
	s.restart()
	tick()
	if m := s.want("[Downtime Started] host:web")[0]; len(m.references) != 1 || m.references[0] != first.id {
		t.Errorf("the start refers to %v, not to %s", m.references, first.id)
	}
	s.advance(time.Hour)
	s.restart()
	tick()
	s.want("[Downtime Ended] host:web")
	s.advance(24 * time.Hour) // over a whole occurrence
	tick()
	s.want()
	s.advance(23 * time.Hour)
	tick()
	s.want("[Downtime Started] host:web")
	if err := s.s.CancelDowntime(ctx, idOf(t, raw)); err != nil {
		t.Fatal(err)
	}
	tick()
	s.advance(24 * time.Hour)
	tick()
	s.want("[Downtime Canceled] host:web")
}

// Whatever a client sends as a document, it is refused or it works.
func FuzzDocuments(f *testing.F) {
	f.Add([]byte(exerciseMonitor))
	f.Add([]byte(`{"scope": ["*"], "timezone": "Europe/Berlin", "cron": "0 19 * * MON-FRI", "duration": "14h", "message": "@a@example.com"}`))
	f.Add([]byte(`{"end":1792501380,"message":"x","recurrence":{"period":1,"type":"weeks","until_date":1794312180,"week_days":["Mon"]},"scope":["*"],"start":1792497000,"timezone":"Etc/UTC"}`))
	f.Add([]byte(change(f, exerciseMonitor, "options.silenced", `{"host:a": 5, "*": null}`)))
	now := time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	s := &Service{now: func() time.Time { return now }}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if m, err := s.understand(doc); err == nil {
			m.windowEnd(now.UnixMilli())
			evaluate(&m.rules, nil, Observation{At: now.UnixMilli(), End: now.UnixMilli()})
		}
		if list, err := s.UpcomingDowntime(doc, 3); err == nil {
			for i := 1; i < len(list); i++ {
				if list[i].Start <= list[i-1].Start {
					t.Fatalf("windows out of order: %v", list)
				}
			}
		}
	})
}

func hostTagged(tag string) func(*catalog.Host) {
	return func(h *catalog.Host) { h.Tags = map[string][]string{"user": {tag}} }
}

func TestPreviewNamesHandlesThatReachNobody(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	doc := strings.Replace(exerciseMonitor, "@alert@example.com", "@alert@example.com @slack-ops", 1)
	if doc == exerciseMonitor {
		t.Fatal("the monitor of the exercise has another receiver")
	}
	previews, err := s.s.PreviewMonitor(t.Context(), json.RawMessage(doc))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range previews {
		var want []string
		if p.State == Alert { // the only state whose text names it
			want = []string{"@slack-ops"}
		}
		if !slices.Equal(p.Unheard, want) || len(p.To) != 1 {
			t.Errorf("%s: to %v, unheard %v, want %v", p.State, p.To, p.Unheard, want)
		}
	}
}
