package datadog

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/whippet-obs/whippet/anomaly"
	"github.com/whippet-obs/whippet/query"
)

// anomalyOptions are the arguments of anomalies(q, 'basic', bounds, ...).
type anomalyOptions struct {
	anomaly.BasicOptions
	interval    int64  // ms; 0: the graph's
	alertWindow string // of monitors
	defaultZero bool
}

// notNestable are functions whose values depend on where the window begins, so
// that nothing can be learnt from them.
var notNestable = []string{"cumsum", "integral", "anomalies"}

func checkAnomalies(s *scanner, c *call, start int) {
	inner := innerCall(c.query)
	if slices.Contains(notNestable, inner) {
		s.fail(start, "anomalies can't judge %s: its values depend on where the graph begins", inner)
	}
	if len(c.args) < 2 || c.args[0].name != "" || c.args[1].name != "" {
		s.fail(start, "want anomalies(query, 'basic', bounds), such as anomalies(avg:system.load.1{*}, 'basic', 2)")
	}
	if c.args[0].text != "basic" {
		s.fail(c.args[0].at, "%q is not an algorithm: allowed is 'basic'", c.args[0].text)
	}
	if _, at, err := readAnomalyOptions(c); err != nil {
		s.fail(at, "%v", err)
	}
}

func innerCall(n node) string {
	if c, ok := n.(*call); ok {
		return c.fn
	}
	return ""
}

// readAnomalyOptions reads the arguments; at is where the wrong one stands.
func readAnomalyOptions(c *call) (o anomalyOptions, at int, err error) {
	bounds, err := strconv.ParseFloat(c.args[1].text, 64)
	if err != nil || !(bounds > 0 && bounds <= 100) {
		return o, c.args[1].at, fmt.Errorf("bounds: want a number above 0, such as 2, found %q", c.args[1].text)
	}
	o.Bounds = bounds
	for _, a := range c.args[2:] {
		switch a.name {
		case "direction":
			directions := map[string]anomaly.Direction{"both": anomaly.Both, "above": anomaly.Above, "below": anomaly.Below}
			d, ok := directions[a.text]
			if !ok {
				return o, a.at, fmt.Errorf("direction: allowed are both, above, below, found %q", a.text)
			}
			o.Direction = d
		case "interval":
			n, err := strconv.ParseInt(a.text, 10, 64)
			if err != nil || n <= 0 || n > 86400 {
				return o, a.at, fmt.Errorf("interval: want seconds, 1 to 86400, found %q", a.text)
			}
			o.interval = n * 1000
		case "alert_window":
			if _, err := window(a.text); err != nil {
				return o, a.at, fmt.Errorf("alert_window: %w", err)
			}
			o.alertWindow = a.text
		case "count_default_zero":
			if a.text != "true" && a.text != "false" {
				return o, a.at, fmt.Errorf("count_default_zero: allowed are 'true' and 'false', found %q", a.text)
			}
			o.defaultZero = a.text == "true"
		default:
			return o, a.at, fmt.Errorf("there is no option %q: allowed are direction, interval, alert_window, count_default_zero", a.name)
		}
	}
	return o, 0, nil
}

// anomalies gives each row the band that its past lets expect. The past is
// fetched from before the graph's left edge, so that the band does not depend
// on where that is.
func anomalies(ev *evaluation, c *call, g query.Grid) (result, error) {
	o, _, err := readAnomalyOptions(c)
	if err != nil {
		return result{}, err
	}
	history := int64(o.History())
	wide := query.Grid{Start: g.Start - history*g.Step, End: g.End, Step: g.Step}
	r, err := ev.rows(c.query, wide)
	if err != nil {
		return result{}, err
	}
	rows := r.rows[:0]
	for _, row := range r.rows {
		if o.defaultZero && ev.counts(c.query) {
			zeroInside(row.Values)
		}
		band := anomaly.Basic(row.Values, o.BasicOptions)
		if !slices.ContainsFunc(row.Values, func(v float64) bool { return v < 0 }) {
			for i, v := range band.Lower { // what was never negative is not expected to be
				band.Lower[i] = max(v, 0)
			}
		}
		row.Values = row.Values[history:]
		row.Expr = expr(c, row.Tags)
		row.Band = &query.Band{Lower: band.Lower[history:], Upper: band.Upper[history:], Anomalous: band.Anomalous[history:]}
		if hasValue(row.Values) {
			rows = append(rows, row)
		}
	}
	return result{rows: rows}, nil
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

// zeroInside replaces what is missing between the first and the last value.
func zeroInside(values []float64) {
	first := slices.IndexFunc(values, func(v float64) bool { return !math.IsNaN(v) })
	if first < 0 {
		return
	}
	last := len(values) - 1
	for math.IsNaN(values[last]) {
		last--
	}
	for i := first; i < last; i++ {
		if math.IsNaN(values[i]) {
			values[i] = 0
		}
	}
}
