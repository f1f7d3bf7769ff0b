package datadog

import (
	"math"
	"slices"

	"github.com/whippet-obs/whippet/anomaly"
	"github.com/whippet-obs/whippet/query"
)

func checkForecast(s *scanner, c *call, start int) {
	if len(c.args) < 2 || c.args[0].name != "" || c.args[1].name != "" {
		s.fail(start, "want forecast(query, 'linear', deviations), such as forecast(avg:system.disk.in_use{*}, 'linear', 2)")
	}
	if _, at, err := readForecastOptions(c); err != nil {
		s.fail(at, "%v", err)
	}
}

// readForecastOptions reads the arguments; at is where the wrong one stands.
func readForecastOptions(c *call) (o query.ForecastOptions, at int, err error) {
	for i, a := range c.args {
		name := a.name
		switch i {
		case 0:
			name = "method"
		case 1:
			name = "deviations"
		}
		if err := o.Set(name, a.text); err != nil {
			return o, a.at, noOption(err, name, query.ForecastOptionNames)
		}
	}
	return o, 0, nil
}

// forecast continues each row beyond its end. A graph that ends now is made
// half as long again for it; one that ends in the future is filled.
func forecast(ev *evaluation, c *call, g query.Grid) (result, error) {
	o, _, err := readForecastOptions(c)
	if err != nil {
		return result{}, err
	}
	r, start, err := ev.past(c.query, g, floor(g.Start-o.LookBack(g.End-g.Start), g.Step))
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
		warning, err := o.Continue(row, start, g)
		if err != nil {
			return result{}, err
		}
		ev.run.Warn(warning)
	}
	return r, nil
}

// futureOf is how far (ms) a graph is continued for the forecasts in it.
func futureOf(n node, span int64) int64 {
	if innerCall(n, []string{"forecast"}) == "" {
		return 0
	}
	return span / 2
}

// readOutlierOptions reads outliers(q, algorithm, tolerance, percent).
func readOutlierOptions(c *call) (o anomaly.OutlierOptions, at int, err error) {
	texts := make([]string, len(c.args))
	for i, a := range c.args {
		texts[i] = a.text
	}
	o, wrong, err := query.ParseOutliers(texts)
	return o, c.args[wrong].at, err
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
	warning, err := query.MarkOutliers(r.rows, o)
	if err != nil {
		return result{}, err
	}
	ev.run.Warn(warning)
	for i := range r.rows {
		r.rows[i].Expr = expr(c, r.rows[i].Tags)
	}
	return r, nil
}
