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
type Monitor struct {
	Aggregator string        // avg, sum, min, max or last
	Window     time.Duration // looked back on
	Query      *Query
	QueryText  string // the query alone
	Comparator string // >, >=, <, <=
	Threshold  float64
	GroupBy    []string // tag keys; empty: one group
	Anomaly    bool     // the value is the share of anomalous points, 0 to 1
}

// GroupValue is what a monitor found for one group.
type GroupValue struct {
	Tags   []string
	Value  float64 // NaN: no data
	Points int
	Last   int64 // ms; start of the newest bucket with data
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
		if m.Window, err = window(s.until(")")); err != nil {
			s.fail(at, "%v", err)
		}
		s.expect(")", "to close the window")
		s.expect(":", "before the query")
		s.space()
		from := s.at
		n := s.expression(0)
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
		m.Anomaly = m.anomalies() != nil
		if m.Anomaly && (m.Threshold < 0 || m.Threshold > 1) {
			s.fail(from, "the threshold of anomalies is a share of points, 0 to 1")
		}
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Monitor) anomalies() *call {
	if c, ok := m.Query.parts[0].(*call); ok && c.fn == "anomalies" {
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
	if m.Anomaly {
		o, _, _ := readAnomalyOptions(m.anomalies())
		w := m.Window
		if o.alertWindow != "" {
			w, _ = window(o.alertWindow)
		}
		return max(10_000, coarser(w.Milliseconds()/15))
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
	step := m.interval()
	g := query.Grid{Start: floor(at-m.Window.Milliseconds(), step), End: floor(at-1, step), Step: step}
	if g.Start < at-m.Window.Milliseconds() && g.Start < g.End {
		g.Start += step // a bucket that begins before the window
	}
	n := m.Query.parts[0]
	ev := &evaluation{run: run, options: Options{From: g.Start, To: at}, interval: step}
	_, arithmetic := n.(*binary)
	ev.raw = !arithmetic
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
		if m.Anomaly {
			v.Value = m.anomalousShare(row, step)
		}
		if v.Points > 0 {
			groups = append(groups, v)
		}
	}
	slices.SortFunc(groups, func(a, b GroupValue) int { return slices.CompareFunc(a.Tags, b.Tags, cmp.Compare[string]) })
	return groups, nil
}

// anomalousShare is the share of anomalous points among those judged in the
// alert window; NaN when fewer than half of its points could be judged.
func (m *Monitor) anomalousShare(row query.Row, step int64) float64 {
	o, _, _ := readAnomalyOptions(m.anomalies())
	points := len(row.Values)
	if o.alertWindow != "" {
		w, _ := window(o.alertWindow)
		points = min(points, int(w.Milliseconds()/step))
	}
	judged, anomalous := 0, 0
	for i := len(row.Values) - points; i < len(row.Values); i++ {
		if math.IsNaN(row.Values[i]) || math.IsNaN(row.Band.Upper[i]) {
			continue
		}
		judged++
		if row.Band.Anomalous[i] {
			anomalous++
		}
	}
	if judged == 0 || 2*judged < points {
		return math.NaN()
	}
	return float64(anomalous) / float64(judged)
}

// Range evaluates the monitor's query as a graph.
func (m *Monitor) Range(ctx context.Context, e *query.Engine, from, to int64) (*query.Frame, error) {
	frames, err := m.Query.Range(ctx, e, Options{From: from, To: to})
	if err != nil {
		return nil, err
	}
	return frames[0], nil
}
