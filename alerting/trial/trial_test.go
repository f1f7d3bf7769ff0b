package trial

import (
	"encoding/json"
	"strings"
	"testing"
)

var monitors = []json.RawMessage{json.RawMessage(`{"name": "my_metric is high", "type": "metric alert", "query": "avg(last_5m):avg:my_metric{*} by {host} > 800",
	"message": "{{value}} on {{host.name}} @ops@example.com", "options": {"thresholds": {"critical": 800, "warning": 500}, "notify_no_data": true, "no_data_timeframe": 10}}`)}

func result(t *testing.T, doc string) *Result {
	t.Helper()
	var test Test
	if err := json.Unmarshal([]byte(doc), &test); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), monitors, test)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMonitorsAreTestedAsTheyWouldRun(t *testing.T) {
	r := result(t, `{"name": "a", "monitor": "my_metric is high",
		"series": [{"metric": "my_metric", "tags": ["host:a"], "values": "100x60 2000x60 100x60"}, {"metric": "my_metric", "tags": ["host:b"], "values": "100x270"}],
		"expect": [
			{"at": "10m..13m", "subject": "[Warn] my_metric is high on {host:a}"},
			{"at": "10m..13m", "subject": "[Triggered] my_metric is high on {host:a}", "to": ["ops@example.com"], "text": " on a"},
			{"at": "20m..26m", "subject": "[Warn] my_metric is high on {host:a}"},
			{"at": "20m..26m", "subject": "[Recovered] my_metric is high on {host:a}"},
			{"at": "39m..43m", "subject": "[No Data] my_metric is high on {host:a}"}]}`)
	if len(r.Failures) > 0 {
		t.Error(strings.Join(r.Failures, "\n"))
	}
}

func TestWhatIsNotExpectedFails(t *testing.T) {
	r := result(t, `{"name": "a", "monitor": "my_metric is high", "series": [{"metric": "my_metric", "tags": ["host:a"], "values": "100x60 2000x60"}],
		"expect": [{"at": "1m", "subject": "[Triggered] my_metric is high on {host:a}"}, {"subject": "[No Data] my_metric is high on {host:a}"}]}`)
	all := strings.Join(r.Failures, "\n")
	for _, want := range []string{`no mail "[Triggered] my_metric is high on {host:a}" at 1m; it came after 1`, `no mail "[No Data]`, "an unexpected mail after 1"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in\n%s", want, all)
		}
	}
}

func TestDowntimesChecksAndEvents(t *testing.T) {
	r := result(t, `{"name": "night", "timezone": "Europe/Berlin", "start": "2026-01-05T20:00", "for": "14h", "monitor": "my_metric is high",
		"series": [{"metric": "my_metric", "tags": ["host:a"], "every": "1m", "values": "900x840"}],
		"downtimes": [{"scope": ["*"], "cron": "0 19 * * MON-FRI", "duration": "14h", "timezone": "Europe/Berlin"}],
		"expect": [{"at": "13h..13h2m", "subject": "[Triggered] my_metric is high on {host:a}"}]}`)
	if len(r.Failures) > 0 {
		t.Error(strings.Join(r.Failures, "\n"))
	}
	r = result(t, `{"name": "check", "monitor": {"name": "pg", "type": "service check", "query": "\"pg\".over(\"*\").by(\"host\").last(4).count_by_status()", "message": "{{check_message}} @a@example.com", "options": {"thresholds": {"critical": 3, "warning": 1, "ok": 1}}},
		"checks": [{"check": "pg", "host": "db", "message": "refused", "values": "okx8 criticalx8 okx8"}],
		"expect": [{"at": "2m..3m", "subject": "[Triggered] pg on {host:db}", "text": "refused"}, {"at": "4m..5m", "subject": "[Recovered] pg on {host:db}"}]}`)
	if len(r.Failures) > 0 {
		t.Error(strings.Join(r.Failures, "\n"))
	}
	r = result(t, `{"name": "events", "for": "10m", "monitor": {"name": "deploys", "type": "event-v2 alert", "query": "events(\"source:ci\").rollup(\"count\").last(\"5m\") > 1", "message": "@a@example.com"},
		"events": [{"at": "1m", "title": "one", "source": "ci"}, {"at": "2m", "title": "two", "source": "ci"}],
		"expect": [{"at": "2m..4m", "subject": "[Triggered] deploys"}, {"at": "6m..8m", "subject": "[Recovered] deploys"}]}`)
	if len(r.Failures) > 0 {
		t.Error(strings.Join(r.Failures, "\n"))
	}
}

func TestWhatCannotBeRunSaysWhy(t *testing.T) {
	for doc, says := range map[string]string{
		`{"monitor": "x", "for": "1m"}`:                  `there is no "x", only "my_metric is high"`,
		`{"monitor": "my_metric is high"}`:               "give it series",
		`{"for": "soon"}`:                                "no duration",
		`{"series": [{"values": "1"}]}`:                  "name is missing",
		`{"series": [{"metric": "a", "values": "1xx"}]}`: "no value",
		`{"checks": [{"check": "a", "values": "good"}]}`: "ok, warning",
		`{"timezone": "Mars"}`:                           "Europe/Berlin",
		`{"for": "1m", "monitor": {"type": "x"}}`:        "metric alert",
	} {
		var test Test
		if err := json.Unmarshal([]byte(doc), &test); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), monitors, test); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", doc, err, says)
		}
	}
}
