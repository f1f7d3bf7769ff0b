package datadog

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/query"
)

// Monitor is a parsed monitor query:
//
//	avg(last_5m):avg:my_metric{*} by {host} > 800
//	avg(last_4h):anomalies(avg:x{*}, 'basic', 2, alert_window='last_15m') >= 0.8
//	max(next_1w):forecast(avg:system.disk.in_use{*} by {host}, 'linear', 2) >= 0.9
//	avg(last_1h):outliers(avg:x{*} by {host}, 'DBSCAN', 3) > 0
type Monitor struct {
	Aggregator string        // avg, sum, min, max or last
	Window     time.Duration // looked back on; of a forecast, ahead
	Query      *Query
	QueryText  string // the query alone
	Comparator string // >, >=, <, <=
	Threshold  float64
	GroupBy    []string // tag keys; empty: one group
	Anomaly    bool     // the value is the share of anomalous points, 0 to 1
	Forecast   bool     // the value is the forecast's edge that is nearer to the threshold
	Outlier    bool     // the value is 1 for an outlier, 0 for the others

	// Recovery is the window over which the share must fall, for an alert about
	// anomalies to end; 0: that of the alert.
	Recovery time.Duration
}

// GroupValue is what a monitor found for one group.
type GroupValue struct {
	Tags   []string
	Value  float64 // NaN: no data
	Points int
	Last   int64 // ms; start of the newest bucket with data

	Recovered   *float64 // of anomalies: the share over Monitor.Recovery; nil without one
	Explanation string   // of anomalies, forecasts and outliers: why, in a sentence
}

var monitorAggregators = []string{"avg", "sum", "min", "max", "last"}

var comparators = []string{">=", "<=", ">", "<"}

// ParseMonitor reads a monitor query. The error is a *SyntaxError.
func ParseMonitor(text string) (*Monitor, error) {
	m := &Monitor{}
	err := guard(func() {
		s := &scanner{text: text}
		if len(text) > maxQuery {
			s.fail(maxQuery, "longer than %d bytes", maxQuery)
		}
		s.space()
		start := s.at
		m.Aggregator = s.name()
		if !slices.Contains(monitorAggregators, m.Aggregator) {
			s.fail(start, "want a time aggregator and a window, such as avg(last_5m):, found %q; allowed are avg, sum, min, max, last%s", m.Aggregator, nearest(m.Aggregator, monitorAggregators))
		}
		s.expect("(", "with a window, such as (last_5m)")
		at := s.at
		var err error
		text, ahead := s.until(")"), false
		if text, ahead = strings.CutPrefix(text, "next_"); ahead {
			text = "last_" + text
		}
		if m.Window, err = window(text); err != nil {
			s.fail(at, "%v", err)
		}
		s.expect(")", "to close the window")
		s.expect(":", "before the query")
		s.space()
		from := s.at
		n := s.expression(0)
		if calendarOf(n) != nil {
			s.fail(from, "a monitor can't roll up by the calendar: name seconds")
		}
		m.QueryText = strings.TrimSpace(s.text[from:s.at])
		m.Query = &Query{text: m.QueryText, parts: []node{n}}
		if _, constant := n.(number); constant {
			s.fail(from, "want a query, found a number")
		}
		for _, c := range comparators {
			if s.accept(c) {
				m.Comparator = c
				break
			}
		}
		if m.Comparator == "" {
			s.fail(s.at, "want a comparison with a threshold, such as > 800, found %s", s.found())
		}
		negative := s.accept("-")
		s.space()
		if m.Threshold = float64(s.number()); negative {
			m.Threshold = -m.Threshold
		}
		if !s.done() {
			s.fail(s.at, "want the end after the threshold, found %s", s.found())
		}
		m.GroupBy = groupKeys(n)
		m.judge(s, n, at, from, ahead)
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// judge finds out what a monitor with verdicts asks for, and whether that can be.
func (m *Monitor) judge(s *scanner, n node, at, from int, ahead bool) {
	c := m.verdicts()
	m.Anomaly, m.Forecast, m.Outlier = c != nil && c.fn == "anomalies", c != nil && c.fn == "forecast", c != nil && c.fn == "outliers"
	switch {
	case m.Anomaly && (m.Threshold < 0 || m.Threshold > 1):
		s.fail(from, "the threshold of anomalies is a share of points, 0 to 1")
	case m.Anomaly && m.Comparator[0] == '<':
		s.fail(from, "anomalies alerts when the share of anomalous points is high: compare with >=")
	case m.Anomaly && m.alertWindow() > m.Window:
		s.fail(from, "alert_window can't be longer than the query's window")
	case m.Forecast && !ahead:
		s.fail(at, "a forecast is judged ahead: want a window such as next_1w")
	case !m.Forecast && ahead:
		s.fail(at, "only forecast(...) looks ahead: want a window such as last_5m")
	}
}

// verdicts is the call that judges; nil when the query's own values are compared.
func (m *Monitor) verdicts() *call {
	if c, ok := m.Query.parts[0].(*call); ok && slices.Contains(judging, c.fn) {
		return c
	}
	return nil
}

// groupKeys is every key that a part of the query groups by.
func groupKeys(n node) []string {
	var keys []string
	switch n := n.(type) {
	case *term:
		keys = n.by
	case *binary:
		keys = append(groupKeys(n.left), groupKeys(n.right)...)
	case *call:
		keys = groupKeys(n.query)
	}
	return slices.Compact(slices.Sorted(slices.Values(keys)))
}

// window reads last_5m, last_1h, last_1d and their like.
func window(text string) (time.Duration, error) {
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	amount, ok := strings.CutPrefix(text, "last_")
	if ok && len(amount) > 1 {
		if unit, known := units[amount[len(amount)-1]]; known {
			n, err := strconv.Atoi(amount[:len(amount)-1])
			if d := time.Duration(n) * unit; err == nil && n > 0 && n <= 100_000 && d <= 35*24*time.Hour {
				return d, nil
			}
		}
	}
	return 0, fmt.Errorf("want a window from last_1m to last_35d, such as last_5m, last_4h or last_1d, found %q", text)
}

// interval is the step at which the window is looked at: fine enough for the
// peaks that max and min are asked for.
func (m *Monitor) interval() int64 {
	if every := widestRollup(m.Query.parts[0]); every > 0 {
		return every
	}
	switch {
	case m.Anomaly: // at most 15 points, at a pace that senders keep
		return max(60_000, coarser(m.alertWindow().Milliseconds()/15))
	case m.Forecast:
		return coarser(max(m.Window.Milliseconds()/150, 60_000))
	case m.Outlier:
		return coarser(max(m.Window.Milliseconds()/60, 60_000))
	}
	return max(10_000, coarser(m.Window.Milliseconds()/360))
}

// Eval evaluates the window that ends at at (ms), and gives every group with
// data in it, sorted by tags.
func (m *Monitor) Eval(ctx context.Context, e *query.Engine, at int64) (groups []GroupValue, err error) {
	run, err := e.Begin(ctx, m.QueryText)
	if err != nil {
		return nil, err
	}
	defer func() { run.End(err) }()
	switch {
	case m.Anomaly:
		return m.evalAnomalies(run, at)
	case m.Forecast:
		return m.evalForecast(run, at)
	}
	step := m.interval()
	g := query.Grid{Start: floor(at-m.Window.Milliseconds(), step), End: floor(at-1, step), Step: step}
	if g.Start < at-m.Window.Milliseconds() && g.Start < g.End {
		g.Start += step // a bucket that begins before the window
	}
	n := m.Query.parts[0]
	ev := &evaluation{run: run, options: Options{From: g.Start, To: at}, interval: step}
	_, arithmetic := n.(*binary)
	ev.raw, ev.carry = !arithmetic, m.Outlier
	r, err := ev.eval(n, g)
	if err != nil {
		return nil, err
	}
	groups = make([]GroupValue, 0, len(r.rows))
	for _, row := range r.rows {
		v := GroupValue{Tags: row.Tags, Value: combineValues(row.Values, m.Aggregator)}
		for i, x := range row.Values {
			if !math.IsNaN(x) {
				v.Points++
				v.Last = g.Start + int64(i)*step
			}
		}
		if m.Outlier {
			v.Value, v.Explanation = outlierValue(row, m.verdicts())
		}
		if v.Points > 0 {
			groups = append(groups, v)
		}
	}
	slices.SortFunc(groups, func(a, b GroupValue) int { return slices.CompareFunc(a.Tags, b.Tags, cmp.Compare[string]) })
	return groups, nil
}

// Range evaluates the monitor's query as a graph.
func (m *Monitor) Range(ctx context.Context, e *query.Engine, from, to int64) (*query.Frame, error) {
	o := Options{From: from, To: to}
	if m.Anomaly { // what is shown is what was judged
		o.Interval = m.interval()
		for (to-from)/o.Interval > mostPoints {
			o.Interval = coarser(o.Interval + 1)
		}
	}
	frames, err := m.Query.Range(ctx, e, o)
	if err != nil {
		return nil, err
	}
	return frames[0], nil
}
