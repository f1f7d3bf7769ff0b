package alerting

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/anomaly"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// history keeps a gauge of each host for the minutes up to now, one sample each.
func (s *site) history(minutes int, value func(host string, minute int) float64, hosts ...string) {
	s.t.Helper()
	var b store.Batch
	for _, host := range hosts {
		ref, err := s.db.Intern(store.Series{Name: "my_metric", Tags: store.NewTags([]string{"host:" + host}), Kind: store.Gauge})
		if err != nil {
			s.t.Fatal(err)
		}
		for i := minutes; i > 0; i-- {
			if v := value(host, i); !math.IsNaN(v) {
				b.Samples = append(b.Samples, store.Sample{Ref: ref, Time: s.clock().UnixMilli() - int64(i)*60_000, Value: v})
			}
		}
	}
	if _, err := s.db.Append(s.t.Context(), &b); err != nil {
		s.t.Fatal(err)
	}
}

func verdictMonitor(query, options string) string {
	return fmt.Sprintf(`{"type": "query alert", "name": "odd", "query": %q, "options": %s,
		"message": "{{#is_alert}}It is odd: {{explanation}}{{/is_alert}} @ops@example.com"}`, query, options)
}

// sway is a calm series with a little movement.
func sway(_ string, minute int) float64 { return 100 + float64(minute*7%11) }

func TestAnomalyMonitorAlertsExplainsAndRecovers(t *testing.T) {
	s := newSite(t, noon)
	s.history(600, sway, "a")
	id := s.create(verdictMonitor("avg(last_1h):anomalies(avg:my_metric{*} by {host}, 'basic', 3, direction='above', alert_window='last_5m') >= 0.6",
		`{"thresholds": {"critical": 0.6, "critical_recovery": 0}, "threshold_windows": {"trigger_window": "last_5m", "recovery_window": "last_4m"}, "notify_no_data": true, "no_data_timeframe": 20}`))
	s.minutes(5, map[string]float64{"a": 104})
	s.want()
	s.minutes(3, map[string]float64{"a": 150})
	s.minutes(1, map[string]float64{"a": 150})
	mails := s.want("[Triggered] odd on {host:a}")
	for _, want := range []string{"150 is ", "sigmas above the 10", "going by the values before it: 240 points 1 min apart", "of the points are anomalous", "It is odd: 150"} {
		if !strings.Contains(mails[0].text, want) {
			t.Errorf("the mail lacks %q:\n%s", want, mails[0].text)
		}
	}
	if !strings.Contains(mails[0].html, "sigmas above") {
		t.Error("the HTML lacks the explanation")
	}
	// One calm minute more and the share is below 0.6, but the recovery's window is not calm.
	s.minutes(4, map[string]float64{"a": 104})
	s.want()
	if got := s.groups(id)["host:a"].Status; got != Alert {
		t.Errorf("after four calm minutes: %s, want Alert still", got)
	}
	s.minutes(2, map[string]float64{"a": 104})
	s.want("[Recovered] odd on {host:a}")
	// Silence is no data, not a drop.
	s.minutes(40, nil)
	s.want("[No Data] odd on {host:a}")
}

func TestOneSeverePointTriggers(t *testing.T) {
	s := newSite(t, noon)
	s.history(600, sway, "a")
	s.create(verdictMonitor("avg(last_1h):anomalies(avg:my_metric{*}, 'basic', 3, alert_window='last_15m', severe=6) >= 0.6", `{}`))
	s.minutes(2, map[string]float64{"a": 104})
	s.want()
	s.minutes(1, map[string]float64{"a": 1000})
	s.minutes(1, map[string]float64{"a": 104})
	s.want("[Triggered] odd")
}

// The table before saving counts the alerts that the monitor then raises.
func TestBacktestCountsTheAlertsOfTheMonitor(t *testing.T) {
	s := newSite(t, noon)
	odd := func(minute int) bool { return minute%97 < 4 }
	value := func(_ string, minute int) float64 {
		v := sway("", minute)
		if odd(minute) {
			v += 60
		}
		return v
	}
	s.history(900, value, "a", "b")
	doc := verdictMonitor("avg(last_1h):anomalies(avg:my_metric{*} by {host}, 'basic', 3, alert_window='last_5m') >= 0.6",
		`{"thresholds": {"critical": 0.6, "critical_recovery": 0}}`)
	doc = strings.Replace(doc, "@ops@example.com", "", 1) // events tell enough, and pictures take long
	id := s.create(doc)
	began := s.clock()
	for i := range 200 {
		s.advance(time.Minute)
		v := value("", -i)
		if (i%97+97)%97 < 4 {
			v = 170
		}
		s.send("my_metric", map[string]float64{"a": v, "b": v}, 6)
		s.evaluate()
	}
	events, err := s.s.MonitorHistory(id, 1000)
	if err != nil {
		t.Fatal(err)
	}
	raised := 0
	for _, e := range events {
		if e.AlertType == "error" {
			raised++
		}
	}
	got, err := s.s.BacktestAnomalies(t.Context(), []byte(doc), began.UnixMilli(), s.clock().UnixMilli(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if raised == 0 || len(got.Alerts) != raised {
		t.Errorf("the backtest counts %d alerts, the monitor raised %d", len(got.Alerts), raised)
	}
	if len(got.Table) != 18 || got.Algorithm != "basic" || got.Judged < 390 {
		t.Errorf("%d cells, algorithm %q, %d judged", len(got.Table), got.Algorithm, got.Judged)
	}
}

func TestBacktestSuggestsWhatKeepsTheRealOnes(t *testing.T) {
	s := newSite(t, noon)
	value := func(_ string, minute int) float64 {
		v := sway("", minute)
		switch {
		case minute >= 300 && minute < 330: // the real one
			v += 500
		case minute%60 < 6: // noise
			v += 40
		}
		return v
	}
	s.history(1440, value, "a")
	doc := verdictMonitor("avg(last_1h):anomalies(avg:my_metric{*}, 'basic', 2, alert_window='last_5m') >= 0.6", `{}`)
	from, to := s.clock().Add(-12*time.Hour).UnixMilli(), s.clock().UnixMilli()
	mark := anomaly.Mark{From: to - 330*60_000, To: to - 300*60_000, Real: true}
	got, err := s.s.BacktestAnomalies(t.Context(), []byte(doc), from, to, []anomaly.Mark{mark})
	if err != nil {
		t.Fatal(err)
	}
	if got.Best < 0 {
		t.Fatalf("nothing is suggested: %+v", got.Table)
	}
	best := got.Table[got.Best]
	if best.Found != 1 || best.Alerts >= len(got.Alerts) {
		t.Errorf("suggested is %+v, the settings given alert %d times", best, len(got.Alerts))
	}
	if _, err := s.s.BacktestAnomalies(t.Context(), []byte(exerciseMonitor), from, to, nil); err == nil || !strings.Contains(err.Error(), "anomalies") {
		t.Errorf("a monitor without anomalies: %v", err)
	}
}

func TestForecastMonitorSaysWhen(t *testing.T) {
	s := newSite(t, noon)
	s.history(2*1440, func(_ string, minute int) float64 { return 80 - 0.01*float64(minute) }, "a")
	s.create(verdictMonitor("max(next_1d):forecast(avg:my_metric{*} by {host}, 'linear', 2) >= 90", `{"thresholds": {"critical": 90}}`))
	s.minutes(1, nil)
	mails := s.want("[Triggered] odd on {host:a}")
	if !strings.Contains(mails[0].text, "It reaches 90 on ") {
		t.Errorf("the mail does not say when:\n%s", mails[0].text)
	}
}

func TestOutlierMonitorNamesTheHost(t *testing.T) {
	s := newSite(t, noon)
	s.history(120, func(host string, minute int) float64 {
		if host == "d" {
			return 400
		}
		return sway(host, minute)
	}, "a", "b", "c", "d")
	s.create(verdictMonitor("avg(last_1h):outliers(avg:my_metric{*} by {host}, 'DBSCAN', 3) > 0", `{"thresholds": {"critical": 0}}`))
	s.minutes(1, nil)
	s.want("[Triggered] odd on {host:d}")
}

func TestRecoveryWindowMustNotContradictTheAlert(t *testing.T) {
	s := newSite(t, noon)
	query := "avg(last_1h):anomalies(avg:my_metric{*}, 'basic', 3, alert_window='last_30m') >= 0.5"
	for window, ok := range map[string]bool{"last_30m": true, "last_16m": true, "last_20m": true, "last_15m": false, "last_45m": false, "soon": false} {
		err := s.s.ValidateMonitor([]byte(verdictMonitor(query, `{"threshold_windows": {"trigger_window": "last_30m", "recovery_window": "`+window+`"}}`)))
		if (err == nil) != ok {
			t.Errorf("%s: %v", window, err)
		}
	}
}

func TestFeedTellsWhatBecomesUnusual(t *testing.T) {
	s := newSite(t, noon)
	s.create(strings.Replace(exerciseMonitor, "last_5m", "last_10m", 1))
	s.history(4*1440, func(host string, minute int) float64 {
		return 100 + 30*math.Sin(float64(minute)/720*math.Pi) + sway(host, minute)
	}, "a", "b")
	feed := unusualFeed{}
	step := func() []catalog.Event {
		t.Helper()
		if err := s.s.feedOnce(t.Context(), feed, s.clock().UnixMilli()); err != nil {
			t.Fatal(err)
		}
		events, err := s.deps.Catalog.Events(s.clock().Add(-time.Hour).UnixMilli(), s.clock().UnixMilli(), func(e *catalog.Event) bool { return e.SourceType == "anomaly" }, 100)
		if err != nil {
			t.Fatal(err)
		}
		return events
	}
	if got := step(); len(got) != 0 {
		t.Fatalf("the history is told: %+v", got)
	}
	s.advance(5 * time.Minute)
	s.send("my_metric", map[string]float64{"a": 205, "b": 900}, 30)
	got := step()
	if len(got) != 1 || got[0].Host != "b" || !strings.Contains(got[0].Text, "seen ") || !strings.Contains(got[0].Title, "never seen before") {
		t.Fatalf("events: %+v", got)
	}
	s.advance(5 * time.Minute)
	s.send("my_metric", map[string]float64{"a": 205, "b": 900}, 30)
	if got := step(); len(got) != 1 {
		t.Errorf("it is told again: %+v", got)
	}
}
