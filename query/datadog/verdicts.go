package datadog

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/whippet-obs/whippet/anomaly"
	"github.com/whippet-obs/whippet/query"
)

// alertWindow is the window of an anomaly monitor's share.
func (m *Monitor) alertWindow() time.Duration {
	o, _, _ := readAnomalyOptions(m.verdicts())
	return cmp.Or(o.alertWindow, m.Window)
}

// AlertWindow is the window of an anomaly monitor's share, as the query says it;
// "" where the query's window is it.
func (m *Monitor) AlertWindow() string {
	if !m.Anomaly {
		return ""
	}
	o, _, _ := readAnomalyOptions(m.verdicts())
	return o.alertText
}

// Rule is when an anomaly monitor alerts, in points of its interval, which is
// given too (ms). recovers is the share down to which an alert ends.
func (m *Monitor) Rule(recovers float64) (rule anomaly.Rule, step int64) {
	o, _, _ := readAnomalyOptions(m.verdicts())
	step = m.interval()
	points := func(d time.Duration) int { return max(1, int(d.Milliseconds()/step)) }
	rule = anomaly.Rule{
		Bounds: o.Bounds, Direction: o.Direction, Critical: m.Threshold, CriticalRecovery: recovers, Severe: o.Severe,
		Window: points(m.alertWindow()),
	}
	if m.Recovery > 0 {
		rule.Recovery = points(m.Recovery)
	}
	return rule, step
}

// judged is the grid of the complete points of the windows that end at at.
func (m *Monitor) judged(at int64, rule anomaly.Rule, step int64) query.Grid {
	end := floor(at, step) - step // the last bucket that is over
	return query.Grid{Start: end - int64(max(rule.Window, rule.Recovery)-1)*step, End: end, Step: step}
}

// evalAnomalies judges the windows that end at at, from the history in the
// store.
func (m *Monitor) evalAnomalies(run *query.Run, at int64) ([]GroupValue, error) {
	rule, step := m.Rule(0)
	g := m.judged(at, rule, step)
	ev := &evaluation{run: run, options: Options{From: g.Start, To: at}, interval: step}
	r, err := anomalies(ev, m.verdicts(), g)
	if err != nil {
		return nil, err
	}
	groups := make([]GroupValue, 0, len(r.rows))
	for _, row := range r.rows {
		if v, ok := m.groupValue(row, rule, g); ok {
			groups = append(groups, v)
		}
	}
	return sorted(groups), nil
}

// groupValue is what a row's window says; false for a row of which nothing has
// arrived in it: what is there was carried over from before.
func (m *Monitor) groupValue(row query.Row, rule anomaly.Rule, g query.Grid) (GroupValue, bool) {
	if row.Last < g.Start {
		return GroupValue{}, false
	}
	v := GroupValue{Tags: row.Tags, Last: floor(row.Last, g.Step)}
	for _, x := range row.Values {
		if !math.IsNaN(x) {
			v.Points++
		}
	}
	if v.Points == 0 {
		return GroupValue{}, false
	}
	share, recovery, severe := rule.Share(row.Band.Scores)
	if v.Value = share; severe {
		v.Value = 1 // one point is enough
	}
	if m.Recovery > 0 {
		v.Recovered = &recovery
	}
	o, _, _ := readAnomalyOptions(m.verdicts())
	v.Explanation = explainShare(row, rule, o, g)
	return v, true
}

func sorted(groups []GroupValue) []GroupValue {
	slices.SortFunc(groups, func(a, b GroupValue) int { return slices.CompareFunc(a.Tags, b.Tags, cmp.Compare[string]) })
	return groups
}

// explainShare says what a share was made of: the point farthest out, and how
// many of how many were outside.
func explainShare(row query.Row, rule anomaly.Rule, o anomalyOptions, g query.Grid) string {
	scores := row.Band.Scores
	from := max(0, len(scores)-rule.Window)
	farthest, judged, outside := -1, 0, 0
	for i := from; i < len(scores); i++ {
		if math.IsNaN(scores[i]) {
			continue
		}
		judged++
		if row.Band.Anomalous[i] {
			outside++
		}
		better := farthest < 0 || row.Band.Anomalous[i] && !row.Band.Anomalous[farthest]
		same := farthest >= 0 && row.Band.Anomalous[i] == row.Band.Anomalous[farthest]
		if better || same && math.Abs(scores[i]) >= math.Abs(scores[farthest]) {
			farthest = i
		}
	}
	if farthest < 0 {
		return "None of the points of the last " + anomaly.Span(int64(rule.Window)*g.Step) + " can be judged yet."
	}
	x := anomaly.Explanation{
		At: g.Start + int64(farthest)*g.Step, Value: row.Values[farthest],
		Lower: row.Band.Lower[farthest], Middle: row.Band.Middle[farthest], Upper: row.Band.Upper[farthest],
		Sigmas: scores[farthest], Anomalous: row.Band.Anomalous[farthest],
		Algorithm: anomaly.Algorithm(row.Band.Algorithm), Points: row.Band.Points[farthest], Step: g.Step,
	}
	if x.Algorithm.Seasonal() {
		x.Season = cmp.Or(o.Season, anomaly.Weekly)
	}
	return fmt.Sprintf("%s %d of the %d points of the last %s were outside.",
		x.Sentence(func(v float64) string { return query.ShowValue(v, row.Unit) }), outside, judged, anomaly.Span(int64(rule.Window)*g.Step))
}

// evalForecast gives the edge of the forecast that meets the threshold first,
// combined over the window ahead.
func (m *Monitor) evalForecast(run *query.Run, at int64) ([]GroupValue, error) {
	c := m.verdicts()
	o, _, _ := readForecastOptions(c)
	step := m.interval()
	end := floor(at, step) - step
	horizon := max(1, int(m.Window.Milliseconds()/step))
	ev := &evaluation{run: run, options: Options{From: end, To: at}, interval: step}
	start := floor(end-o.LookBack(m.Window.Milliseconds()), step)
	r, _, err := ev.past(c.query, query.Grid{Start: end, End: end, Step: step}, start)
	if err != nil {
		return nil, err
	}
	groups := make([]GroupValue, 0, len(r.rows))
	for _, row := range r.rows {
		f, err := anomaly.Predict(anomaly.Series{Start: start, Step: step, Values: row.Values}, horizon, o.ForecastOptions)
		v := GroupValue{Tags: row.Tags, Value: math.NaN(), Last: floor(row.Last, step), Points: 1}
		switch down := m.Comparator[0] == '<'; {
		case errors.Is(err, anomaly.ErrShort), errors.Is(err, anomaly.ErrSeasons):
			v.Explanation = "There is no forecast yet: " + err.Error() + "."
		case err != nil:
			return nil, err
		default:
			edge := f.Upper
			if down {
				edge = f.Lower
			}
			v.Value, v.Points = combineValues(edge, m.Aggregator), f.Points
			v.Explanation = explainForecast(f, edge, m.Threshold, down, o, row.Unit)
		}
		groups = append(groups, v)
	}
	return sorted(groups), nil
}

// explainForecast says when a threshold is reached.
func explainForecast(f *anomaly.Forecast, edge []float64, threshold float64, down bool, o query.ForecastOptions, unit string) string {
	basis := "going by " + o.Describe(f, unit) + fmt.Sprintf(" over %d points", f.Points)
	at, meets := f.Reaches(edge, threshold, down)
	when := func(ms int64) string { return time.UnixMilli(ms).UTC().Format("Jan 2, 15:04 MST") }
	if !meets {
		return fmt.Sprintf("It stays on this side of %s for the next %s, %s.", query.ShowValue(threshold, unit), anomaly.Span(int64(len(edge))*f.Step), basis)
	}
	if middle, ok := f.Reaches(f.Middle, threshold, down); ok {
		return fmt.Sprintf("It reaches %s on %s, at the earliest on %s, %s.", query.ShowValue(threshold, unit), when(middle), when(at), basis)
	}
	return fmt.Sprintf("It may reach %s on %s at the earliest, %s.", query.ShowValue(threshold, unit), when(at), basis)
}

// outlierValue is 1 for an outlier.
func outlierValue(row query.Row, c *call) (float64, string) {
	if !row.Outlier {
		return 0, "It behaves like the others."
	}
	o, _, _ := readOutlierOptions(c)
	return 1, fmt.Sprintf("It behaves unlike the others that it is compared with (%s, tolerance %v).", o.Method, cmp.Or(o.Tolerance, 3))
}
