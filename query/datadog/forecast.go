package datadog

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/anomaly"
	"github.com/whippet-obs/whippet/query"
)

// forecastOptions are the arguments of forecast(q, method, deviations, ...).
type forecastOptions struct {
	anomaly.ForecastOptions
	interval int64 // ms; 0: the graph's
	history  int64 // ms; 0: as much as the method wants
}

var forecastOptionNames = []string{"interval", "history", "model", "seasonality"}

func checkForecast(s *scanner, c *call, start int) {
	if len(c.args) < 2 || c.args[0].name != "" || c.args[1].name != "" {
		s.fail(start, "want forecast(query, 'linear', deviations), such as forecast(avg:system.disk.in_use{*}, 'linear', 2)")
	}
	if _, at, err := readForecastOptions(c); err != nil {
		s.fail(at, "%v", err)
	}
}

// readForecastOptions reads the arguments; at is where the wrong one stands.
func readForecastOptions(c *call) (o forecastOptions, at int, err error) {
	o.Method = anomaly.Method(c.args[0].text)
	if err := (anomaly.ForecastOptions{Method: o.Method}).Validate(); err != nil {
		return o, c.args[0].at, err
	}
	if o.Deviations, err = between("deviations", c.args[1].text, 100); err != nil {
		return o, c.args[1].at, err
	}
	for _, a := range c.args[2:] {
		switch a.name {
		case "interval":
			// Datadog writes '60m' as well as seconds.
			if d, err := duration(a.text); err == nil {
				o.interval = d
				continue
			}
			o.interval, err = intervalOf(a.text)
		case "history":
			o.history, err = duration(a.text)
		case "model":
			o.Model = anomaly.Model(a.text)
			err = anomaly.ForecastOptions{Model: o.Model}.Validate()
		case "seasonality":
			o.Season = anomaly.Season(a.text)
			err = anomaly.ForecastOptions{Season: o.Season}.Validate()
		default:
			err = fmt.Errorf("there is no option %q: allowed are %s%s", a.name, strings.Join(forecastOptionNames, ", "), nearest(a.name, forecastOptionNames))
		}
		if err != nil {
			return o, a.at, err
		}
	}
	return o, 0, nil
}

// duration reads "30m", "12h", "1w" or "3mo".
func duration(text string) (int64, error) {
	days, ok := strings.CutSuffix(text, "mo")
	if ok {
		text = days + "d"
	}
	d, err := window("last_" + text)
	if err != nil || ok && d.Hours() > 3*24 {
		return 0, fmt.Errorf("want a length of time such as 1h, 1d or 1w, up to 35d or 3mo, found %q", text)
	}
	if ok {
		d *= 30
	}
	return d.Milliseconds(), nil
}

// forecast continues each row beyond its end. A graph that ends now is made
// half as long again for it; one that ends in the future is filled.
func forecast(ev *evaluation, c *call, g query.Grid) (result, error) {
	o, _, err := readForecastOptions(c)
	if err != nil {
		return result{}, err
	}
	r, start, err := ev.past(c.query, g, floor(g.Start-o.lookBack(g.End-g.Start), g.Step))
	if err != nil {
		return result{}, err
	}
	counts := ev.counts(c.query)
	for i := range r.rows {
		row := &r.rows[i]
		row.Expr = expr(c, row.Tags)
		if now := int((floor(ev.options.To, g.Step) - start) / g.Step); counts && now < len(row.Values) {
			row.Values[now] = math.NaN() // what still fills is no point to go on from
		}
		band := o.continued(row.Values, start, g)
		row.Values = row.Values[len(row.Values)-g.Len():]
		switch f, err := band.forecast, band.err; {
		case errors.Is(err, anomaly.ErrSeasons), errors.Is(err, anomaly.ErrShort):
			ev.run.Warn(err.Error())
		case err != nil:
			return result{}, err
		default:
			row.Band = band.lines(g)
			row.Band.Summary = fmt.Sprintf("The band goes on for %s with %s from %d points: %v standard deviations on each side.",
				anomaly.Span(int64(len(f.Upper))*g.Step), o.describe(f, row.Unit), f.Points, o.Deviations)
		}
	}
	return r, nil
}

// lookBack is how much of the past is asked for a horizon (ms).
func (o forecastOptions) lookBack(horizon int64) int64 {
	if o.history > 0 {
		return o.history
	}
	return o.ForecastOptions.History(horizon)
}

func (o forecastOptions) describe(f *anomaly.Forecast, unit string) string {
	if o.Method == anomaly.Seasonal {
		return fmt.Sprintf("the last seasons and their growth of %s a season", showValue(f.Growth, unit))
	}
	return fmt.Sprintf("the trend of %s a day", showValue(f.Slope*86400, unit))
}

// continuation is a forecast and where in a row it begins.
type continuation struct {
	from     int // index in the graph's grid
	forecast *anomaly.Forecast
	err      error
}

// continued forecasts from the last value on, over the rest of the grid.
func (o forecastOptions) continued(values []float64, start int64, g query.Grid) continuation {
	last := len(values) - 1
	for last >= 0 && math.IsNaN(values[last]) {
		last--
	}
	from := max(last+1-(len(values)-g.Len()), 0)
	if o.history > 0 { // the history before the graph was asked for in full
		begin := max(0, last+1-int(o.history/g.Step))
		start += int64(begin) * g.Step
		values, last = values[begin:], last-begin
	}
	f, err := anomaly.Predict(anomaly.Series{Start: start, Step: g.Step, Values: values[:last+1]}, g.Len()-from, o.ForecastOptions)
	return continuation{from, f, err}
}

// lines are the forecast as a band over the whole grid.
func (c continuation) lines(g query.Grid) *query.Band {
	fill := func(values []float64) []float64 {
		return append(repeat(math.NaN(), c.from), values...)
	}
	f := c.forecast
	return &query.Band{
		Forecast: true, Lower: fill(f.Lower), Middle: fill(f.Middle), Upper: fill(f.Upper),
		Anomalous: make([]bool, g.Len()),
	}
}

// futureOf is how far (ms) a graph is continued for the forecasts in it.
func futureOf(n node, span int64) int64 {
	if innerCall(n, []string{"forecast"}) == "" {
		return 0
	}
	return span / 2
}

// OutliersOptions reads outliers(q, algorithm, tolerance, percent).
func readOutlierOptions(c *call) (o anomaly.OutlierOptions, at int, err error) {
	o.Method = anomaly.OutlierMethod(c.args[0].text)
	if err := o.Validate(); err != nil {
		return o, c.args[0].at, err
	}
	if len(c.args) > 1 {
		if o.Tolerance, err = between("tolerance", c.args[1].text, 1000); err != nil {
			return o, c.args[1].at, err
		}
	}
	if len(c.args) > 2 {
		if o.Percent, err = between("percentage", c.args[2].text, 100); err != nil {
			return o, c.args[2].at, err
		}
	}
	return o, 0, nil
}

func checkOutliers(s *scanner, c *call, start int) {
	named := slices.ContainsFunc(c.args, func(a argument) bool { return a.name != "" })
	if len(c.args) == 0 || len(c.args) > 3 || named {
		s.fail(start, "want outliers(query, 'DBSCAN', tolerance), such as outliers(avg:system.load.1{*} by {host}, 'DBSCAN', 3); MAD takes a percentage too")
	}
	if len(groupKeys(c.query)) == 0 {
		s.fail(start, "outliers compares groups: group the query by a tag, such as by {host}")
	}
	if _, at, err := readOutlierOptions(c); err != nil {
		s.fail(at, "%v", err)
	}
}

// outliers marks the rows that behave unlike the others.
func outliers(ev *evaluation, c *call, g query.Grid) (result, error) {
	o, _, err := readOutlierOptions(c)
	if err != nil {
		return result{}, err
	}
	r, err := ev.rows(c.query, g)
	if err != nil {
		return result{}, err
	}
	groups := make([][]float64, len(r.rows))
	for i, row := range r.rows {
		groups[i] = row.Values
	}
	if len(groups) > mostGroups {
		return result{}, &query.LimitError{Limit: "groups to compare", Most: mostGroups}
	}
	found, err := anomaly.FindOutliers(groups, o)
	if err != nil {
		return result{}, err
	}
	if found.Few {
		ev.run.Warn(fmt.Sprintf("outliers needs at least three groups with values most of the time: of these %d, none can be called one", len(groups)))
	}
	for i := range r.rows {
		r.rows[i].Expr = expr(c, r.rows[i].Tags)
		r.rows[i].Outlier = found.Outlier[i]
	}
	return r, nil
}

// mostGroups bounds the groups that are compared, each with each.
const mostGroups = 1000
