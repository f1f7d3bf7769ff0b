package datadog

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/anomaly"
	"github.com/whippet-obs/whippet/query"
)

// anomalyOptions are the arguments of anomalies(q, algorithm, bounds, ...).
type anomalyOptions struct {
	anomaly.Options
	interval    int64         // ms; 0: the graph's
	alertWindow time.Duration // of monitors; 0: the query's
	alertText   string        // as it was written
	severe      float64       // of monitors: one point so many deviations off is an alert
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

// anomalyOptionNames lists the options that anomalies takes by name.
var anomalyOptionNames = []string{
	"direction", "interval", "alert_window", "count_default_zero", "seasonality", "timezone", "min_change", "min_ratio", "min_seasons", "severe",
}

// readAnomalyOptions reads the arguments; at is where the wrong one stands.
func readAnomalyOptions(c *call) (o anomalyOptions, at int, err error) {
	o.Algorithm, o.DefaultZero = anomaly.Algorithm(c.args[0].text), true
	if err := (anomaly.Options{Algorithm: o.Algorithm}).Validate(); err != nil {
		return o, c.args[0].at, err
	}
	if o.Bounds, err = between("bounds", c.args[1].text, 100); err != nil {
		return o, c.args[1].at, err
	}
	for _, a := range c.args[2:] {
		if err := o.set(a); err != nil {
			return o, a.at, err
		}
	}
	return o, 0, nil
}

func (o *anomalyOptions) set(a argument) (err error) {
	switch a.name {
	case "direction":
		o.Direction = anomaly.Direction(a.text)
		return anomaly.Options{Direction: o.Direction}.Validate()
	case "seasonality":
		o.Season = anomaly.Season(a.text)
		return anomaly.Options{Season: o.Season}.Validate()
	case "interval":
		o.interval, err = intervalOf(a.text)
	case "alert_window":
		o.alertText = a.text
		if o.alertWindow, err = window(a.text); err != nil {
			return fmt.Errorf("alert_window: %w", err)
		}
	case "count_default_zero":
		if a.text != "true" && a.text != "false" {
			return fmt.Errorf("count_default_zero: allowed are 'true' and 'false', found %q", a.text)
		}
		o.DefaultZero = a.text == "true"
	case "timezone":
		if o.Zone, err = time.LoadLocation(a.text); err != nil || a.text == "" || a.text == "Local" {
			return fmt.Errorf("timezone: want a name such as 'Europe/Berlin', found %q", a.text)
		}
	case "min_change":
		o.MinChange, err = between(a.name, a.text, math.MaxFloat64)
	case "min_ratio":
		o.MinRatio, err = between(a.name, a.text, math.MaxFloat64)
	case "severe":
		o.severe, err = between(a.name, a.text, 1000)
	case "min_seasons":
		if a.text != "2" && a.text != "3" {
			return fmt.Errorf("min_seasons: allowed are 2 and 3, found %q", a.text)
		}
		o.Early = a.text == "2"
	default:
		return fmt.Errorf("there is no option %q: allowed are %s%s", a.name, strings.Join(anomalyOptionNames, ", "), nearest(a.name, anomalyOptionNames))
	}
	return err
}

func intervalOf(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > 86400 {
		return 0, fmt.Errorf("interval: want seconds, 1 to 86400, found %q", text)
	}
	return n * 1000, nil
}

// between reads a number above 0.
func between(name, text string, most float64) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0 && v <= most) {
		return 0, fmt.Errorf("%s: want a number above 0, such as 2, found %q", name, text)
	}
	return v, nil
}

// finestSeasonal is the finest interval that seasonal algorithms work at where
// none is asked for: their history is weeks.
const finestSeasonal = 60_000

// every is the interval that a call asks for; 0: the graph's, but not less than
// finest.
func (c *call) every() (every, finest int64) {
	switch c.fn {
	case "anomalies":
		o, _, _ := readAnomalyOptions(c)
		if o.Algorithm.Seasonal() {
			finest = finestSeasonal
		}
		return o.interval, finest
	case "forecast":
		o, _, _ := readForecastOptions(c)
		return o.interval, 0
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
		past := anomaly.Series{Start: start, Step: g.Step, Values: row.Values}
		band, err := anomaly.Judge(past, g.Start, o.Options)
		if err != nil {
			return result{}, err
		}
		changes := anomaly.Changes(past)
		if o.DefaultZero {
			anomaly.ZeroFill(row.Values)
		}
		neverNegative := !slices.ContainsFunc(row.Values, func(v float64) bool { return v < 0 })
		row.Values = row.Values[len(row.Values)-len(band.Upper):]
		row.Expr = expr(c, row.Tags)
		row.Band = ev.bandOf(row, band, g, o, neverNegative)
		for _, change := range changes {
			if change.At >= g.Start {
				row.Band.Changes = append(row.Band.Changes, query.Change(change))
			}
		}
		if hasValue(row.Values) {
			rows = append(rows, row)
		}
	}
	return result{rows: rows}, nil
}

// mostPast bounds the values that are read for history, over all rows.
const mostPast = 30_000_000

// past evaluates n over g and what was before it, from start (ms) on. Gaps of
// gauges are carried forward and not bridged: what comes after a gap must not
// change what was said in it.
func (ev *evaluation) past(n node, g query.Grid, start int64) (result, int64, error) {
	wide := query.Grid{Start: start, End: g.End, Step: g.Step}
	if wide.Len() > mostPast/10 {
		return result{}, 0, &query.LimitError{Limit: "points of history per row", Most: mostPast / 10}
	}
	past := *ev
	past.carry = true
	r, err := past.rows(n, wide)
	if err != nil {
		return result{}, 0, err
	}
	if int64(len(r.rows))*int64(wide.Len()) > mostPast {
		return result{}, 0, &query.LimitError{Limit: "points of history", Most: mostPast}
	}
	return r, start, ev.run.Hold(int64(len(r.rows)) * int64(wide.Len()))
}

// notesMost bounds the sentences that come with a row.
const notesMost = 100

// bandOf makes of a band what a graph shows.
func (ev *evaluation) bandOf(row query.Row, band anomaly.Band, g query.Grid, o anomalyOptions, neverNegative bool) *query.Band {
	out := &query.Band{
		Lower: band.Lower, Middle: band.Middle, Upper: band.Upper, Anomalous: band.Anomalous,
		Points: band.Points, Scores: band.Scores(row.Values, o.Options), Algorithm: string(band.Algorithm),
		Summary: band.Summary(row.Values, g.Step, o.Options),
	}
	if len(out.Scores) > 0 && g.End+g.Step > ev.options.To { // the newest bucket still fills
		last := len(out.Scores) - 1
		out.Scores[last], out.Anomalous[last] = math.NaN(), false
	}
	show := func(v float64) string { return showValue(v, row.Unit) }
	// From the newest: those are looked at.
	for i := len(row.Values) - 1; i >= 0 && len(out.Notes) < notesMost; i-- {
		if band.Anomalous[i] {
			x := band.Explain(row.Values, i, g.Start+int64(i)*g.Step, g.Step, o.Options)
			out.Notes = append(out.Notes, query.Note{At: x.At, Text: x.Sentence(show)})
		}
	}
	if neverNegative { // what was never negative is not expected to be
		clipped := false
		for i, v := range band.Lower {
			if v < 0 {
				out.Lower[i], clipped = 0, true
			}
		}
		if clipped && o.Direction == anomaly.Below {
			ev.run.Warn("the band reaches down to 0, and a value below 0 never comes: nothing can be below it")
		}
	}
	if o.Algorithm.Seasonal() && o.Algorithm != anomaly.Auto && len(band.Upper) > 0 && math.IsNaN(band.Upper[len(band.Upper)-1]) {
		ev.run.Warn(fmt.Sprintf("'%s' has no band yet: it needs three seasons of history; 'basic' has one after 30 points, and 'auto' changes over by itself", o.Algorithm))
	}
	return out
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

// showValue writes a value for a sentence.
func showValue(v float64, unit string) string {
	prefixes := []struct {
		from float64
		name string
	}{{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e4, " k"}}
	text := strconv.FormatFloat(v, 'g', 4, 64)
	for _, p := range prefixes {
		if math.Abs(v) >= p.from {
			if p.name == " k" {
				v /= 1e3
			} else {
				v /= p.from
			}
			text = strconv.FormatFloat(v, 'g', 4, 64) + p.name
			break
		}
	}
	if unit != "" {
		text += " " + unit
	}
	return text
}
