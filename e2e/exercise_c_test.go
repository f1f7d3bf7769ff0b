package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"
)

const (
	monitorQuery   = "avg(last_5m):avg:my_metric{*} by {host} > 800"
	monitorMessage = `{{#is_alert}}ALERT my_metric is {{value}} on {{host.name}} ({{host.ip}}){{/is_alert}}
{{#is_warning}}WARNING my_metric rises on {{host.name}}{{/is_warning}}
{{#is_no_data}}NO DATA from {{host.name}}{{/is_no_data}}
{{#is_recovery}}RECOVERED my_metric is well again{{/is_recovery}}
@ops@example.com`
)

// monitorDocument is the exercise's monitor, with changes to its options.
func monitorDocument(options map[string]any) map[string]any {
	all := map[string]any{
		"thresholds":     map[string]any{"critical": 800, "warning": 500},
		"notify_no_data": true, "no_data_timeframe": 10, "require_full_window": false,
	}
	for k, v := range options {
		all[k] = v
	}
	return map[string]any{"name": "my_metric is high", "type": "metric alert", "query": monitorQuery, "message": monitorMessage, "options": all}
}

// alarm is a server with the exercise's monitor, fed minute by minute.
type alarm struct {
	*server
	mail *mailServer
	id   int64
}

func newAlarm(t *testing.T, options map[string]any) *alarm {
	t.Helper()
	mail := startPostfix(t)
	a := &alarm{server: startServer(t, mail.mailerArgs()...), mail: mail}
	a.announce("thinkpad", "env:test", "nice_tag")
	a.live(map[string]float64{"thinkpad": 100}, 6)
	var made struct{ ID int64 }
	a.call("POST", "/api/v1/monitor", monitorDocument(options), &made)
	a.id = made.ID
	a.live(map[string]float64{"thinkpad": 100}, 2)
	a.state("thinkpad", "OK")
	return a
}

// live lets minutes pass in which every host reports its value each 10 s.
func (a *alarm) live(values map[string]float64, minutes int) {
	a.t.Helper()
	for range minutes {
		from := a.now()
		for host, value := range values {
			var points []point
			for i := range 6 {
				points = append(points, point{from.Add(time.Duration(10*i) * time.Second), value})
			}
			a.submit("my_metric", host, []string{"env:test"}, points...)
		}
		before := a.evaluations()
		a.advance(time.Minute)
		if a.id != 0 {
			a.eventually("the monitor is evaluated again", func() error {
				if a.evaluations() == before {
					return &statusError{0, "alerting", "no evaluation yet"}
				}
				return nil
			})
		}
	}
}

// evaluations is how many the server has done since it started.
func (a *alarm) evaluations() int {
	a.t.Helper()
	var stats struct{ Evaluations int }
	a.call("GET", "/debug/whippet/alerting", nil, &stats)
	return stats.Evaluations
}

// state waits until the host's group has the state.
func (a *alarm) state(host, want string) {
	a.t.Helper()
	a.eventually(host+" is "+want, func() error {
		var m struct {
			State struct {
				Groups map[string]struct{ Status string }
			}
		}
		a.call("GET", fmt.Sprintf("/api/v1/monitor/%d?group_states=all", a.id), nil, &m)
		if got := m.State.Groups["host:"+host].Status; got != want {
			return &statusError{0, "group_states", fmt.Sprintf("%+v", m.State.Groups)}
		}
		return nil
	})
}

// one waits for exactly one mail and checks its subject and texts.
func (a *alarm) one(subject string, texts ...string) message {
	a.t.Helper()
	m := a.mail.wait(1)[0]
	if !strings.Contains(m.Subject, subject) {
		a.t.Errorf("subject: got %q, want %q in it", m.Subject, subject)
	}
	for _, text := range texts {
		if !strings.Contains(m.Text, text) {
			a.t.Errorf("text: want %q in\n%s", text, m.Text)
		}
		if !strings.Contains(m.HTML, text) {
			a.t.Errorf("HTML: want %q in it", text)
		}
	}
	return m
}

// silence checks that no mail is waiting.
func (a *alarm) silence(during string) {
	a.t.Helper()
	time.Sleep(1500 * time.Millisecond)
	for _, m := range a.mail.unread() {
		a.t.Errorf("a mail during %s: %s\n%s", during, m.Subject, m.Text)
	}
}

func TestC1MonitorByTheOfficialClient(t *testing.T) {
	s := startServer(t)
	ctx, client := s.api()
	monitors := datadogV1.NewMonitorsApi(client)
	m := datadogV1.NewMonitor(monitorQuery, datadogV1.MONITORTYPE_METRIC_ALERT)
	m.SetName("my_metric is high")
	m.SetMessage(monitorMessage)
	options := datadogV1.MonitorOptions{NotifyNoData: datadog.PtrBool(true), NoDataTimeframe: *datadog.NewNullableInt64(datadog.PtrInt64(10))}
	options.SetThresholds(datadogV1.MonitorThresholds{Critical: datadog.PtrFloat64(800), Warning: *datadog.NewNullableFloat64(datadog.PtrFloat64(500))})
	m.SetOptions(options)
	if _, _, err := monitors.ValidateMonitor(ctx, *m); err != nil {
		t.Fatalf("validate: %v", err)
	}
	made, _, err := monitors.CreateMonitor(ctx, *m)
	if err != nil {
		t.Fatal(err)
	}
	read, _, err := monitors.GetMonitor(ctx, made.GetId())
	if err != nil || read.GetQuery() != monitorQuery || read.GetMessage() != monitorMessage {
		t.Errorf("read back %+v (error %v)", read, err)
	}
	update := datadogV1.NewMonitorUpdateRequest()
	update.SetName("renamed")
	if changed, _, err := monitors.UpdateMonitor(ctx, made.GetId(), *update); err != nil || changed.GetName() != "renamed" || changed.GetQuery() != monitorQuery {
		t.Errorf("update: got %+v (error %v)", changed, err)
	}
	if list, _, err := monitors.ListMonitors(ctx); err != nil || len(list) != 1 {
		t.Errorf("list: got %d (error %v), want 1", len(list), err)
	}

	// A threshold that disagrees with the query is refused, and says so.
	options.SetThresholds(datadogV1.MonitorThresholds{Critical: datadog.PtrFloat64(700)})
	m.SetOptions(options)
	_, response, err := monitors.CreateMonitor(ctx, *m)
	if err == nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("a threshold unlike the query's: got error %v, want status 400", err)
	} else if body := string(err.(datadog.GenericOpenAPIError).Body()); !strings.Contains(body, "critical") || !strings.Contains(body, "800") {
		t.Errorf("a threshold unlike the query's: got %s, want the field and the query's 800 named", body)
	}
	if _, _, err := monitors.DeleteMonitor(ctx, made.GetId()); err != nil {
		t.Fatal(err)
	}
}

func TestC2EachStateHasItsOwnMailOncePerTransitionAndGroup(t *testing.T) {
	a := newAlarm(t, nil)
	a.live(map[string]float64{"thinkpad": 640}, 6)
	a.state("thinkpad", "Warn")
	a.one("Warn", "WARNING my_metric rises on thinkpad")

	a.live(map[string]float64{"thinkpad": 950}, 6)
	a.state("thinkpad", "Alert")
	m := a.one("Triggered", "ALERT my_metric is ", "on thinkpad (192.0.2.2)")
	if len(m.Pictures) != 2 || m.Pictures[0].Width < 600 {
		t.Errorf("pictures: got %+v, want a graph, light and dark", m.Pictures)
	}
	if !slices.Equal(m.To, []string{"ops@example.com"}) {
		t.Errorf("receivers: got %v", m.To)
	}
	if !strings.Contains(m.Text, fmt.Sprintf("%s/monitors/%d", a.url, a.id)) {
		t.Errorf("no link to the monitor in\n%s", m.Text)
	}

	// A second host has its own transitions.
	a.live(map[string]float64{"thinkpad": 950, "other": 950}, 7)
	a.state("other", "Alert")
	a.one("other", "ALERT my_metric is 950")

	// The first falls silent; the second goes on.
	a.live(map[string]float64{"other": 950}, 17)
	a.state("thinkpad", "No Data")
	a.one("No Data", "NO DATA from thinkpad")

	b := openBrowser(t, a.url)
	b.open("/monitors")
	b.see("my_metric is high")
	b.screenshot("C2-monitors")
	b.open(fmt.Sprintf("/monitors/%d", a.id))
	b.see("my_metric is high", "host:thinkpad", "host:other", "No Data", "Alert")
	b.until("the graph is drawn", "document.querySelectorAll('canvas').length >= 1")
	b.screenshot("C2-monitor")
	b.open("/outbox")
	b.see("[No Data] my_metric is high")
	b.screenshot("C2-outbox")
}

func TestC3RecoveryIsMailedAndRenotifyIsObeyed(t *testing.T) {
	a := newAlarm(t, map[string]any{"renotify_interval": 10, "thresholds": map[string]any{"critical": 800}})
	a.live(map[string]float64{"thinkpad": 950}, 6)
	a.state("thinkpad", "Alert")
	first := a.mail.wait(1)
	if !strings.Contains(first[0].Subject, "Triggered") {
		t.Errorf("got %q first, want the alert", first[0].Subject)
	}
	a.live(map[string]float64{"thinkpad": 950}, 11)
	again := a.one("Re-Triggered", "ALERT my_metric is 950")
	if again.MessageID == first[0].MessageID {
		t.Error("the renotification has the alert's Message-ID")
	}
	// A restart says nothing again.
	a.stop()
	a.start()
	a.silence("the restart")
	a.live(map[string]float64{"thinkpad": 100}, 7)
	a.state("thinkpad", "OK")
	a.one("Recovered", "RECOVERED my_metric is well again")
}

func TestC4DowntimesOfNightsAndWeekends(t *testing.T) {
	for _, form := range []string{"cron", "rrule"} {
		t.Run(form, func(t *testing.T) {
			a := newAlarm(t, nil)
			berlin, err := time.LoadLocation("Europe/Berlin")
			if err != nil {
				t.Fatal(err)
			}
			// The next weekday evening, well before 19:00.
			local := a.now().In(berlin)
			evening := time.Date(local.Year(), local.Month(), local.Day(), 18, 40, 0, 0, berlin)
			for !evening.After(local) || evening.Weekday() == time.Saturday || evening.Weekday() == time.Sunday || evening.Weekday() == time.Friday {
				evening = evening.AddDate(0, 0, 1)
			}
			nights := map[string]any{"scope": []string{"env:test"}, "timezone": "Europe/Berlin", "message": "the nights @boss@example.com"}
			weekends := map[string]any{"scope": []string{"*"}, "timezone": "Europe/Berlin", "message": "the weekends"}
			if form == "cron" {
				nights["cron"], nights["duration"] = "0 19 * * MON-FRI", "14h"
				weekends["cron"], weekends["duration"] = "0 0 * * SAT,SUN", "24h"
			} else {
				start := func(hour int) int64 {
					return time.Date(local.Year(), local.Month(), local.Day()-7, hour, 0, 0, 0, berlin).Unix()
				}
				nights["start"], nights["end"] = start(19), start(19)+14*3600
				nights["recurrence"] = map[string]any{"type": "rrule", "rrule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"}
				weekends["start"], weekends["end"] = start(0), start(0)+24*3600
				weekends["recurrence"] = map[string]any{"type": "rrule", "rrule": "FREQ=WEEKLY;BYDAY=SA,SU"}
			}
			a.advanceTo(evening.Add(-20 * time.Minute))
			a.live(map[string]float64{"thinkpad": 100}, 8)
			for _, m := range a.mail.unread() { // the gap while the clock jumped
				if !strings.Contains(m.Subject, "No Data") && !strings.Contains(m.Subject, "Recovered") {
					t.Errorf("unexpected mail: %s", m.Subject)
				}
			}
			var made struct{ ID int64 }
			a.call("POST", "/api/v1/downtime", nights, &made)
			a.call("POST", "/api/v1/downtime", weekends, nil)
			if m := a.mail.wait(1)[0]; !slices.Contains(m.To, "boss@example.com") || !strings.Contains(strings.ToLower(m.Subject), "scheduled") {
				t.Errorf("got %q to %v, want the boss told of the schedule", m.Subject, m.To)
			}

			a.advanceTo(evening.Add(18 * time.Minute)) // 18:58
			a.live(map[string]float64{"thinkpad": 100}, 6)
			started := a.mail.unread()
			if !slices.ContainsFunc(started, func(m message) bool { return strings.Contains(strings.ToLower(m.Subject), "started") }) {
				time.Sleep(2 * time.Second)
				started = append(started, a.mail.unread()...)
			}
			if n := countSubjects(started, "started"); n != 1 {
				t.Errorf("got %d mails of the start, want 1", n)
			}

			// In the night the state goes on, and nobody is woken.
			a.live(map[string]float64{"thinkpad": 950}, 7)
			a.state("thinkpad", "Alert")
			a.silence("the downtime")

			// At 9:00 it ends, and the alert that still holds is mailed.
			a.advanceTo(evening.Add(14*time.Hour + 12*time.Minute)) // 8:52
			a.live(map[string]float64{"thinkpad": 950}, 7)
			a.silence("the last minutes of the downtime")
			a.live(map[string]float64{"thinkpad": 950}, 4)
			mails := a.mail.wait(2)
			if countSubjects(mails, "ended") != 1 || countSubjects(mails, "triggered") != 1 {
				t.Errorf("got %v, want one mail of the end and one alert", subjects(mails))
			}

			b := openBrowser(t, a.url)
			b.open("/downtimes")
			b.see("Europe/Berlin", "The next two weeks")
			b.until("its windows are in the calendar", `document.querySelectorAll('.by-day .lane-part').length >= 9`)
			b.screenshot("C4-downtimes-" + form)

			ctx, client := a.api()
			downtimes := datadogV1.NewDowntimesApi(client)
			//lint:ignore SA1019 people's scripts call v1 for years to come
			if d, _, err := downtimes.GetDowntime(ctx, made.ID); err != nil || d.GetTimezone() != "Europe/Berlin" {
				t.Errorf("the official client reads %+v (error %v)", d, err)
			}
			//lint:ignore SA1019 as above
			if _, err := downtimes.CancelDowntime(ctx, made.ID); err != nil {
				t.Error(err)
			}
		})
	}
}

func subjects(mails []message) []string {
	var all []string
	for _, m := range mails {
		all = append(all, m.Subject)
	}
	return all
}

func countSubjects(mails []message, word string) int {
	n := 0
	for _, m := range mails {
		if strings.Contains(strings.ToLower(m.Subject), word) {
			n++
		}
	}
	return n
}
