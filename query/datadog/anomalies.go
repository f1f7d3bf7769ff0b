package datadog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/query"
)

// anomalyOptions are the arguments of anomalies(q, algorithm, bounds, ...).
type anomalyOptions struct {
	query.AnomalyOptions
	alertWindow time.Duration // of monitors; 0: the query's
	alertText   string        // as it was written
}

// whole are functions whose values depend on where the window begins and ends,
// so that nothing can be learnt from them, and nothing be done with their bands.
var (
	windowed = []string{"cumsum", "integral", "trend_line", "robust_trend", "piecewise_constant"}
	judging  = []string{"anomalies", "forecast", "outliers"}
)

// innerCall is the first function of names in n; "" if there is none.
func innerCall(n node, names []string) string {
	switch n := n.(type) {
	case *binary:
		if name := innerCall(n.left, names); name != "" {
			return name
		}
		return innerCall(n.right, names)
	case *call:
		if slices.Contains(names, n.fn) {
			return n.fn
		}
		return innerCall(n.query, names)
	}
	return ""
}

// refuseNested refuses what can't stand in a function by name.
func (s *scanner) refuseNested(c *call, start int) {
	if inner := innerCall(c.query, judging); inner != "" {
		s.fail(start, "%s can't be applied to %s: it gives verdicts on a graph, and must be the outermost function", c.fn, inner)
	}
	if !slices.Contains(judging, c.fn) {
		return
	}
	if inner := innerCall(c.query, windowed); inner != "" {
		s.fail(start, "%s can't judge %s: its values depend on where the graph begins", c.fn, inner)
	}
}

func checkAnomalies(s *scanner, c *call, start int) {
	if len(c.args) < 2 || c.args[0].name != "" || c.args[1].name != "" {
		s.fail(start, "want anomalies(query, 'basic', bounds), such as anomalies(avg:system.load.1{*}, 'basic', 2)")
	}
	if _, at, err := readAnomalyOptions(c); err != nil {
		s.fail(at, "%v", err)
	}
}

// readAnomalyOptions reads the arguments; at is where the wrong one stands.
func readAnomalyOptions(c *call) (o anomalyOptions, at int, err error) {
	o.DefaultZero = true
	for i, a := range c.args {
		name := a.name
		switch {
		case i == 0:
			name = "algorithm"
		case i == 1:
			name = "bounds"
		case name == "alert_window":
			o.alertText = a.text
			if o.alertWindow, err = window(a.text); err != nil {
				return o, a.at, fmt.Errorf("alert_window: %w", err)
			}
			continue
		}
		if err := o.Set(name, a.text); err != nil {
			return o, a.at, noOption(err, name, append(query.AnomalyOptionNames, "alert_window"))
		}
	}
	return o, 0, nil
}

// noOption says which options there are, where there is none of a name.
func noOption(err error, name string, names []string) error {
	if errors.Is(err, query.ErrNoOption) {
		return fmt.Errorf("there is no option %q: allowed are %s%s", name, strings.Join(names, ", "), nearest(name, names))
	}
	return err
}

// every is the interval that a call asks for; 0: the graph's, but not less than
// finest.
func (c *call) every() (every, finest int64) {
	switch c.fn {
	case "anomalies":
		o, _, _ := readAnomalyOptions(c)
		if o.Algorithm.Seasonal() {
			finest = query.FinestSeasonal
		}
		return o.Interval, finest
	case "forecast":
		o, _, _ := readForecastOptions(c)
		return o.Interval, 0
	}
	return 0, 0
}

// anomalies gives each row the band that its past lets expect. The past is
// fetched from before the graph's left edge, so that the band does not depend
// on where that is.
func anomalies(ev *evaluation, c *call, g query.Grid) (result, error) {
	o, _, err := readAnomalyOptions(c)
	if err != nil {
		return result{}, err
	}
	if !ev.counts(c.query) {
		o.DefaultZero = false
	}
	r, start, err := ev.past(c.query, g, o.Start(g.Start, g.Step))
	if err != nil {
		return result{}, err
	}
	rows := r.rows[:0]
	for _, row := range r.rows {
		row.Expr = expr(c, row.Tags)
		warnings, err := o.Judge(&row, start, g, ev.options.To)
		if err != nil {
			return result{}, err
		}
		for _, w := range warnings {
			ev.run.Warn(w)
		}
		if hasValue(row.Values) {
			rows = append(rows, row)
		}
	}
	return result{rows: rows}, nil
}

// past evaluates n over g and what was before it, from start (ms) on. Gaps of
// gauges are carried forward and not bridged: what comes after a gap must not
// change what was said in it.
func (ev *evaluation) past(n node, g query.Grid, start int64) (result, int64, error) {
	wide := query.Grid{Start: start, End: g.End, Step: g.Step}
	if wide.Len() > query.MostPast/10 {
		return result{}, 0, &query.LimitError{Limit: "points of history per row", Most: query.MostPast / 10}
	}
	past := *ev
	past.carry = true
	r, err := past.rows(n, wide)
	if err != nil {
		return result{}, 0, err
	}
	if int64(len(r.rows))*int64(wide.Len()) > query.MostPast {
		return result{}, 0, &query.LimitError{Limit: "points of history", Most: query.MostPast}
	}
	return r, start, ev.run.Hold(int64(len(r.rows)) * int64(wide.Len()))
}

// counts reports whether a query asks for events counted, which are none where
// nothing came.
func (ev *evaluation) counts(n node) bool {
	switch n := n.(type) {
	case *term:
		m, _ := ev.run.Engine().DB().Catalog().Metric(n.metric)
		return n.as == "count" || m.Type == "count" || m.Type == "rate"
	case *binary:
		return ev.counts(n.left) && ev.counts(n.right)
	case *call:
		return ev.counts(n.query)
	}
	return true
}
