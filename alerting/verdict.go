package alerting

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/datadog"
)

// verdictSource asks a query that judges: anomalies, forecast, outliers.
type verdictSource struct {
	monitor *datadog.Monitor
	watch   *datadog.Watch
}

func judging(m *datadog.Monitor) *question {
	q := ofMonitor(m)
	q.zero = false // what is judged is not what is counted
	q.direct = m.Forecast
	q.ahead = m.Forecast
	q.source = &verdictSource{m, datadog.NewWatch(m)}
	return q
}

func (s *verdictSource) ask(ctx context.Context, w world, end int64) ([]Reading, error) {
	values, err := s.watch.Eval(ctx, w.engine, end)
	if err != nil {
		return nil, err
	}
	var readings []Reading
	for _, v := range values {
		if math.IsNaN(v.Value) {
			continue // too little could be judged: as good as no data
		}
		readings = append(readings, Reading{
			Tags: v.Tags, Value: v.Value, Recovery: v.Recovered, Last: min(v.Last+coarseness(s.monitor), end),
			Vars: map[string]string{"explanation": v.Explanation},
		})
	}
	return readings, nil
}

func (s *verdictSource) graph(ctx context.Context, w world, from, to int64) (*query.Frame, error) {
	return s.monitor.Range(ctx, w.engine, from, to)
}

// readWindows reads the windows of an anomaly monitor: that of the alert stands
// in the query too, and that of the recovery may be another.
func readWindows(r *reader, s *verdictSource) {
	alert := s.monitor.AlertWindow()
	var text string
	if r.get("trigger_window", "a text", &text) && alert != "" {
		r.check(text == alert, "trigger_window", fmt.Sprintf("%q, the alert_window in the query", alert))
	}
	if !r.get("recovery_window", "a text", &text) || text == alert || r.err != nil {
		return
	}
	window, ok := lastWindow(text)
	r.check(ok, "recovery_window", "a window such as last_15m")
	// A recovery that looks at less than what may be normal while the share
	// is critical would be alert and recovered at once.
	most := s.monitor.Window
	if alert != "" {
		most, _ = lastWindow(alert)
	}
	least := time.Duration((1-s.monitor.Threshold)*float64(most)) + time.Minute
	r.check(window >= min(least, most) && window <= most, "recovery_window",
		fmt.Sprintf("from %s to %s: with another it could alert and be recovered at once", windowText(min(least, most)), windowText(most)))
	if r.err == nil {
		s.monitor.Recovery = window
	}
}

// judgeShare judges a share of anomalous points. An alert ends when the share
// over the recovery's window has come down to its threshold; without one, when
// it is below that of the alert.
func (r *rules) judgeShare(prev Status, reading *Reading) Status {
	v, calm := reading.Value, reading.Value
	if reading.Recovery != nil {
		calm = *reading.Recovery
	}
	lasts := func(recovery, limit float64) bool {
		if math.IsNaN(recovery) {
			return !(calm < limit)
		}
		return !(calm <= recovery)
	}
	switch {
	case r.breaches(v, r.critical), prev == Alert && lasts(r.criticalRecovery, r.critical):
		return Alert
	case math.IsNaN(r.warning):
		return OK
	case r.breaches(v, r.warning), (prev == Warn || prev == Alert) && lasts(r.warningRecovery, r.warning):
		return Warn
	}
	return OK
}
