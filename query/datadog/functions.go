package datadog

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/whippet-obs/whippet/anomaly"
	"github.com/whippet-obs/whippet/query"
)

// function is what a name in a query does.
type function struct {
	// check refuses arguments that can't be; nil: there may be none.
	check func(s *scanner, c *call, start int)
	eval  func(ev *evaluation, c *call, g query.Grid) (result, error)
}

// functionNames lists the functions, for suggestions and completion. Families
// such as top5_mean are not spelt out.
var functionNames = []string{
	"abs", "log2", "log10", "cumsum", "integral", "default_zero", "exclude_null", "clamp_min", "clamp_max", "cutoff_min", "cutoff_max",
	"per_second", "per_minute", "per_hour", "throughput", "dt", "diff", "derivative", "monotonic_diff",
	"ewma_3", "ewma_5", "ewma_7", "ewma_10", "ewma_20", "median_3", "median_5", "median_7", "median_9", "moving_rollup",
	"top", "top5", "top10", "bottom5", "bottom10", "timeshift", "hour_before", "day_before", "week_before", "month_before", "calendar_shift", "autosmooth",
	"count_nonzero", "count_not_null", "anomalies", "forecast", "outliers", "trend_line", "robust_trend", "piecewise_constant",
}

// functionOf finds a function by name.
func functionOf(name string) (function, bool) {
	each := func(fn func(float64) float64) (function, bool) {
		return function{eval: perRow(func(values []float64, _ query.Grid) {
			for i, v := range values {
				values[i] = fn(v)
			}
		})}, true
	}
	row := func(fn func(values []float64, g query.Grid)) (function, bool) {
		return function{eval: perRow(fn)}, true
	}
	switch name {
	case "abs":
		return each(math.Abs)
	case "log2":
		return each(finite(math.Log2))
	case "log10":
		return each(finite(math.Log10))
	case "default_zero":
		return function{eval: defaultZero}, true
	case "cumsum":
		return row(func(v []float64, _ query.Grid) { accumulate(v, func(int) float64 { return 1 }) })
	case "integral":
		return row(func(v []float64, g query.Grid) {
			accumulate(v, func(i int) float64 { return float64(g.Width(i)) / 1000 })
		})
	case "throughput":
		return row(func(v []float64, g query.Grid) {
			for i := range v {
				v[i] /= float64(g.Width(i)) / 1000
			}
		})
	case "dt":
		return function{eval: timeBetweenPoints}, true
	case "autosmooth":
		return function{eval: autosmooth}, true
	case "calendar_shift":
		return function{check: checkCalendarShift, eval: calendarShift}, true
	case "diff":
		return row(func(v []float64, g query.Grid) { differences(v, func(a, b, _ float64) float64 { return b - a }, g) })
	case "monotonic_diff":
		return row(func(v []float64, g query.Grid) {
			differences(v, func(a, b, _ float64) float64 { return increase(a, b) }, g)
		})
	case "derivative":
		return row(func(v []float64, g query.Grid) {
			differences(v, func(a, b, dt float64) float64 { return (b - a) / dt }, g)
		})
	case "per_second", "per_minute", "per_hour":
		factor := map[string]float64{"per_second": 1, "per_minute": 60, "per_hour": 3600}[name]
		return row(func(v []float64, g query.Grid) {
			differences(v, func(a, b, dt float64) float64 { return factor * increase(a, b) / dt }, g)
		})
	case "clamp_min", "clamp_max", "cutoff_min", "cutoff_max":
		return function{check: oneNumber, eval: limit(name)}, true
	case "moving_rollup":
		return function{check: checkMovingRollup, eval: movingRollup}, true
	case "count_nonzero", "count_not_null":
		return function{eval: countRows(name == "count_nonzero")}, true
	case "exclude_null":
		return function{check: anyArguments, eval: excludeNull}, true
	case "hour_before", "day_before", "week_before", "month_before":
		back := map[string]int64{"hour_before": 3600_000, "day_before": 86_400_000, "week_before": 7 * 86_400_000, "month_before": 28 * 86_400_000}[name]
		return function{eval: func(ev *evaluation, c *call, g query.Grid) (result, error) {
			return shifted(ev, c, g, -back)
		}}, true
	case "timeshift":
		return function{check: oneNumber, eval: func(ev *evaluation, c *call, g query.Grid) (result, error) {
			s, _ := strconv.ParseFloat(c.args[0].text, 64)
			return shifted(ev, c, g, int64(s*1000))
		}}, true
	case "anomalies":
		return function{check: checkAnomalies, eval: anomalies}, true
	case "forecast":
		return function{check: checkForecast, eval: forecast}, true
	case "outliers":
		return function{check: checkOutliers, eval: outliers}, true
	case "trend_line":
		return row(func(v []float64, _ query.Grid) { anomaly.TrendLine(v) })
	case "robust_trend":
		return row(func(v []float64, _ query.Grid) { anomaly.RobustTrend(v) })
	case "piecewise_constant":
		return row(func(v []float64, _ query.Grid) { anomaly.PiecewiseConstant(v) })
	case "top":
		return function{check: checkTop, eval: func(ev *evaluation, c *call, g query.Grid) (result, error) {
			n, _ := strconv.Atoi(c.args[0].text)
			return ranked(ev, c, g, n, c.args[1].text, c.args[2].text == "desc")
		}}, true
	}
	if span, ok := numberAfter(name, "ewma_", 3, 5, 7, 10, 20); ok {
		return row(func(v []float64, _ query.Grid) { ewma(v, span) })
	}
	if span, ok := numberAfter(name, "median_", 3, 5, 7, 9); ok {
		return row(func(v []float64, _ query.Grid) { runningMedian(v, span) })
	}
	if m := topFamily.FindStringSubmatch(name); m != nil {
		n, _ := strconv.Atoi(m[2])
		return function{eval: func(ev *evaluation, c *call, g query.Grid) (result, error) {
			return ranked(ev, c, g, n, cmp.Or(m[3], "mean"), m[1] == "top")
		}}, true
	}
	return function{}, false
}

// topFamily matches top5, bottom10_max and their like.
var topFamily = regexp.MustCompile(`^(top|bottom)(5|10|15|20)(?:_(mean|min|max|last|l2norm|area))?$`)

func numberAfter(name, prefix string, allowed ...int) (int, bool) {
	text, ok := strings.CutPrefix(name, prefix)
	n, err := strconv.Atoi(text)
	return n, ok && err == nil && slices.Contains(allowed, n)
}

// finite makes what has no value (a logarithm of zero) missing.
func finite(fn func(float64) float64) func(float64) float64 {
	return func(v float64) float64 {
		if r := fn(v); !math.IsInf(r, 0) {
			return r
		}
		return math.NaN()
	}
}

// perRow is a function that changes each row by itself, in place.
func perRow(fn func(values []float64, g query.Grid)) func(*evaluation, *call, query.Grid) (result, error) {
	return func(ev *evaluation, c *call, g query.Grid) (result, error) {
		r, err := ev.rows(c.query, g)
		if err != nil {
			return result{}, err
		}
		r.rows = mapRows(c, r.rows, func(v float64) float64 { return v })
		for i := range r.rows {
			fn(r.rows[i].Values, g)
		}
		return r, nil
	}
}

// rows evaluates n to rows; a number becomes one row.
func (ev *evaluation) rows(n node, g query.Grid) (result, error) {
	r, err := ev.eval(n, g)
	if err == nil && r.scalar {
		r = result{rows: []query.Row{{Tags: []string{}, Expr: n.String(), Values: repeat(r.value, g.Len())}}}
	}
	return r, err
}

func defaultZero(ev *evaluation, c *call, g query.Grid) (result, error) {
	r, err := ev.rows(c.query, g)
	if err != nil {
		return result{}, err
	}
	if len(r.rows) == 0 {
		r.rows = []query.Row{{Tags: []string{}, Expr: c.String(), Values: repeat(0, g.Len())}}
	}
	r.rows = mapRows(c, r.rows, func(v float64) float64 {
		if math.IsNaN(v) {
			return 0
		}
		return v
	})
	return r, nil
}

func accumulate(values []float64, factor func(i int) float64) {
	sum := 0.0
	for i, v := range values {
		if !math.IsNaN(v) {
			sum += v * factor(i)
		}
		values[i] = sum
	}
}

// differences replaces each value by a function of it, the present value
// before, and the seconds between the two. The first has none.
func differences(values []float64, fn func(before, now, seconds float64) float64, g query.Grid) {
	before, at := math.NaN(), 0
	for i, v := range values {
		values[i] = math.NaN()
		if math.IsNaN(v) {
			continue
		}
		if !math.IsNaN(before) {
			values[i] = fn(before, v, float64(g.At(i)-g.At(at))/1000)
		}
		before, at = v, i
	}
}

// increase of a counter that may have been reset to zero in between.
func increase(before, now float64) float64 {
	if now < before {
		return math.NaN()
	}
	return now - before
}

// ewma is the exponentially weighted moving average of a span.
func ewma(values []float64, span int) {
	alpha, mean := 2/(float64(span)+1), math.NaN()
	for i, v := range values {
		switch {
		case math.IsNaN(v):
			continue
		case math.IsNaN(mean):
			mean = v
		default:
			mean += alpha * (v - mean)
		}
		values[i] = mean
	}
}

// runningMedian replaces each present value by the median of the last span.
func runningMedian(values []float64, span int) {
	var recent []float64
	for i, v := range values {
		if math.IsNaN(v) {
			continue
		}
		recent = append(recent, v)
		if len(recent) > span {
			recent = recent[1:]
		}
		sorted := slices.Sorted(slices.Values(recent))
		mid := len(sorted) / 2
		values[i] = sorted[mid]
		if len(sorted)%2 == 0 {
			values[i] = (sorted[mid-1] + sorted[mid]) / 2
		}
	}
}

func anyArguments(*scanner, *call, int) {}

func oneNumber(s *scanner, c *call, start int) {
	if len(c.args) != 1 || !isNumber(c.args[0].text) {
		s.fail(start, "%s takes a query and a number", c.fn)
	}
}

// limit keeps values within a bound: clamp_ moves them to it, cutoff_ drops them.
func limit(name string) func(*evaluation, *call, query.Grid) (result, error) {
	return func(ev *evaluation, c *call, g query.Grid) (result, error) {
		bound, _ := strconv.ParseFloat(c.args[0].text, 64)
		r, err := ev.rows(c.query, g)
		r.rows = mapRows(c, r.rows, func(v float64) float64 {
			beyond := v < bound
			if strings.HasSuffix(name, "max") {
				beyond = v > bound
			}
			switch {
			case !beyond:
				return v
			case strings.HasPrefix(name, "clamp"):
				return bound
			}
			return math.NaN()
		})
		return r, err
	}
}

func checkMovingRollup(s *scanner, c *call, start int) {
	if len(c.args) == 0 || len(c.args) > 2 || !isNumber(c.args[0].text) {
		s.fail(start, "moving_rollup takes a query, seconds and an aggregator, such as moving_rollup(avg:a{*}, 60, 'max')")
	}
	if len(c.args) == 2 && !slices.Contains(timeAggregators, c.args[1].text) {
		s.fail(c.args[1].at, "%q is not an aggregator: allowed are avg, sum, min, max, count, last", c.args[1].text)
	}
	if seconds, _ := strconv.ParseFloat(c.args[0].text, 64); !(seconds > 0 && seconds <= 366*86400) {
		s.fail(c.args[0].at, "want seconds, above zero and at most a year")
	}
}

func movingRollup(ev *evaluation, c *call, g query.Grid) (result, error) {
	seconds, _ := strconv.ParseFloat(c.args[0].text, 64)
	aggregator := "avg"
	if len(c.args) == 2 {
		aggregator = c.args[1].text
	}
	points := max(1, int64(seconds*1000)/g.Step)
	wide := query.Grid{Start: g.Start - (points-1)*g.Step, End: g.End, Step: g.Step}
	if err := ev.run.Engine().CheckGrid(wide); err != nil {
		return result{}, err
	}
	r, err := ev.rows(c.query, wide)
	if err != nil {
		return result{}, err
	}
	for i, row := range r.rows {
		values := make([]float64, g.Len())
		for j := range values {
			values[j] = combineValues(row.Values[j:j+int(points)], aggregator)
		}
		r.rows[i].Values, r.rows[i].Expr = values, expr(c, row.Tags)
	}
	return r, nil
}

// countRows counts the groups with a value at each time.
func countRows(nonzero bool) func(*evaluation, *call, query.Grid) (result, error) {
	return func(ev *evaluation, c *call, g query.Grid) (result, error) {
		r, err := ev.rows(c.query, g)
		if err != nil {
			return result{}, err
		}
		counts := make([]float64, g.Len())
		for _, row := range r.rows {
			for i, v := range row.Values {
				if !math.IsNaN(v) && (v != 0 || !nonzero) {
					counts[i]++
				}
			}
		}
		return result{rows: []query.Row{{Tags: []string{}, Expr: c.String(), Values: counts}}}, nil
	}
}

// excludeNull drops the groups whose tags lack a value.
func excludeNull(ev *evaluation, c *call, g query.Grid) (result, error) {
	r, err := ev.rows(c.query, g)
	r.rows = slices.DeleteFunc(r.rows, func(row query.Row) bool {
		return slices.ContainsFunc(row.Tags, func(tag string) bool { return strings.HasSuffix(tag, ":N/A") })
	})
	return r, err
}

// shifted evaluates at another time and shows the result at this one.
func shifted(ev *evaluation, c *call, g query.Grid, ms int64) (result, error) {
	ms = floor(ms, g.Step)
	r, err := ev.rows(c.query, query.Grid{Start: g.Start + ms, End: g.End + ms, Step: g.Step})
	for i := range r.rows {
		r.rows[i].Expr = expr(c, r.rows[i].Tags)
	}
	return r, err
}

func checkTop(s *scanner, c *call, start int) {
	kinds := []string{"mean", "min", "max", "sum", "last", "l2norm", "area"}
	if len(c.args) != 3 || !slices.Contains(kinds, c.args[1].text) || c.args[2].text != "asc" && c.args[2].text != "desc" {
		s.fail(start, "want top(query, number, 'mean', 'desc'); by mean, min, max, sum, last, l2norm or area; asc or desc")
	}
	if n, err := strconv.Atoi(c.args[0].text); err != nil || n <= 0 || n > 100 {
		s.fail(c.args[0].at, "want how many rows, 1 to 100")
	}
}

// ranked keeps the n rows that rank first.
func ranked(ev *evaluation, c *call, g query.Grid, n int, by string, descending bool) (result, error) {
	r, err := ev.rows(c.query, g)
	if err != nil {
		return result{}, err
	}
	sortByRank(r.rows, by, descending)
	r.rows = r.rows[:min(n, len(r.rows))]
	return r, nil
}

// sortByRank orders rows by a measure of their values; rows without one come
// last.
func sortByRank(rows []query.Row, by string, descending bool) {
	slices.SortStableFunc(rows, func(a, b query.Row) int {
		x, y := rank(a.Values, by), rank(b.Values, by)
		switch {
		case math.IsNaN(x) || math.IsNaN(y):
			return -cmp.Compare(x, y) // NaN is least to cmp
		case descending:
			return cmp.Compare(y, x)
		}
		return cmp.Compare(x, y)
	})
}

// rank measures a row; NaN when it has no value.
func rank(values []float64, by string) float64 {
	switch by {
	case "l2norm":
		if !hasValue(values) {
			return math.NaN()
		}
		sum := 0.0
		for _, v := range values {
			if !math.IsNaN(v) {
				sum += v * v
			}
		}
		return math.Sqrt(sum)
	case "area":
		return combineValues(values, "sum")
	case "mean":
		by = "avg"
	}
	return combineValues(values, by)
}
