package metricsql

import (
	"math"
	"slices"
)

// rollupOf finds a rollup function that makes one row of a series; nil when
// there is none of that name. arg holds the arguments other than the series, a
// value per timestamp.
func rollupOf(name string, arg [][]float64) func(*window) float64 {
	switch name {
	case "default_rollup", "last_over_time":
		return some(last)
	case "first_over_time":
		return some(func(v []float64) float64 { return v[0] })
	case "avg_over_time":
		return some(mean)
	case "min_over_time":
		return some(least)
	case "max_over_time":
		return some(most)
	case "median_over_time":
		return func(w *window) float64 { return quantileSorted(0.5, w.sorted()) }
	case "quantile_over_time":
		return func(w *window) float64 { return quantileSorted(arg[0][w.i], w.sorted()) }
	case "mode_over_time":
		return func(w *window) float64 { return mode(w.before, w.values) }
	case "geomean_over_time":
		return some(geomean)
	case "sum_over_time":
		return some(sum)
	case "sum2_over_time":
		return some(sumOfSquares)
	case "count_over_time":
		return some(func(v []float64) float64 { return float64(len(v)) })
	case "present_over_time":
		return some(func([]float64) float64 { return 1 })
	case "absent_over_time":
		return func(w *window) float64 {
			if len(w.values) == 0 {
				return 1
			}
			return math.NaN()
		}
	case "stddev_over_time":
		return func(w *window) float64 { return math.Sqrt(variance(w.values)) }
	case "stdvar_over_time":
		return func(w *window) float64 { return variance(w.values) }
	case "mad_over_time":
		return func(w *window) float64 { return medianDeviation(w.values) }
	case "range_over_time":
		return some(func(v []float64) float64 { return most(v) - least(v) })
	case "zscore_over_time":
		return zscore
	case "outlier_iqr_over_time", "iqr_over_time":
		return outlierOfQuartiles
	case "distinct_over_time":
		return some(distinct)
	case "stale_samples_over_time":
		return some(func(v []float64) float64 { return count(v, isStale) })
	case "count_eq_over_time", "count_ne_over_time", "count_gt_over_time", "count_le_over_time",
		"share_eq_over_time", "share_gt_over_time", "share_le_over_time",
		"sum_eq_over_time", "sum_gt_over_time", "sum_le_over_time":
		return filtered(name, arg)
	case "timestamp", "timestamp_with_name", "tlast_over_time":
		return timeOf(func(w *window) int { return len(w.times) - 1 })
	case "tfirst_over_time":
		return timeOf(func(*window) int { return 0 })
	case "tmin_over_time":
		return timeOf(func(w *window) int { return lastIndexOf(w.values, least(w.values)) })
	case "tmax_over_time":
		return timeOf(func(w *window) int { return lastIndexOf(w.values, most(w.values)) })
	case "tlast_change_over_time":
		return lastChange
	case "duration_over_time":
		return func(w *window) float64 { return duration(w.times, int64(arg[0][w.i]*1000)) }
	case "lifetime":
		return lifetime
	case "lag":
		return lag
	case "scrape_interval":
		return scrapeInterval
	case "rate_over_sum":
		return func(w *window) float64 { return some(sum)(w) / (float64(w.size) / 1000) }
	case "integrate":
		return integrate
	case "hoeffding_bound_lower":
		return func(w *window) float64 { bound, avg := hoeffding(arg[0][w.i], w.values); return avg - bound }
	case "hoeffding_bound_upper":
		return func(w *window) float64 { bound, avg := hoeffding(arg[0][w.i], w.values); return avg + bound }
	case "holt_winters":
		return func(w *window) float64 { return holtWinters(w, arg[0][w.i], arg[1][w.i]) }
	case "deriv":
		return func(w *window) float64 { _, slope := regression(w.times, w.values, w.at); return slope }
	case "predict_linear":
		return func(w *window) float64 {
			value, slope := regression(w.times, w.values, w.at)
			return value + slope*arg[0][w.i]
		}
	}
	return counterRollupOf(name)
}

// rollupArguments are the fewest and most arguments of a rollup function,
// with the series.
func rollupArguments(name string) (least, most int) {
	switch name {
	case "holt_winters":
		return 3, 3
	case "quantile_over_time", "predict_linear", "duration_over_time", "hoeffding_bound_lower", "hoeffding_bound_upper",
		"count_eq_over_time", "count_ne_over_time", "count_gt_over_time", "count_le_over_time",
		"share_eq_over_time", "share_gt_over_time", "share_le_over_time",
		"sum_eq_over_time", "sum_gt_over_time", "sum_le_over_time":
		return 2, 2
	}
	return 1, 1
}

// rollupKeepsName reports whether a rollup function's result is the metric
// itself, at another time.
func rollupKeepsName(name string) bool {
	switch name {
	case "avg_over_time", "default_rollup", "first_over_time", "geomean_over_time", "hoeffding_bound_lower", "hoeffding_bound_upper",
		"holt_winters", "iqr_over_time", "last_over_time", "max_over_time", "median_over_time", "min_over_time", "mode_over_time",
		"predict_linear", "quantile_over_time", "quantiles_over_time", "rollup", "rollup_candlestick", "timestamp_with_name":
		return true
	}
	return false
}

// adapts reports whether a function that is given no window widens it to the
// series' interval.
func adapts(name string) bool {
	switch name {
	case "default_rollup", "deriv", "deriv_fast", "ideriv", "irate", "rate", "rate_over_sum", "rollup", "rollup_candlestick",
		"rollup_deriv", "rollup_rate", "rollup_scrape_interval", "scrape_interval", "timestamp":
		return true
	}
	return false
}

// looksBack reports whether a function looks at the sample before its window, or
// may widen the window: it reads samples from before the range, so that its
// first points are as good as the others.
func looksBack(name string) bool {
	switch name {
	case "ascent_over_time", "changes", "decreases_over_time", "delta", "descent_over_time", "holt_winters", "idelta", "increase",
		"increase_pure", "increases_over_time", "integrate", "lag", "lifetime", "mode_over_time", "resets", "rollup_delta",
		"rollup_increase", "aggr_over_time", "tlast_change_over_time", "zscore_over_time":
		return true
	}
	return adapts(name)
}

// some computes from the values of a window that has any.
func some(fn func(values []float64) float64) func(*window) float64 {
	return func(w *window) float64 {
		if len(w.values) == 0 {
			return math.NaN()
		}
		return fn(w.values)
	}
}

// filtered finds the functions of the values that compare to the argument.
func filtered(name string, arg [][]float64) func(*window) float64 {
	accept := func(v, limit float64) bool { return v == limit }
	switch {
	case hasPart(name, "_ne_"):
		accept = func(v, limit float64) bool { return v != limit }
	case hasPart(name, "_gt_"):
		accept = func(v, limit float64) bool { return v > limit }
	case hasPart(name, "_le_"):
		accept = func(v, limit float64) bool { return v <= limit }
	}
	return func(w *window) float64 {
		if len(w.values) == 0 {
			return math.NaN()
		}
		n, total := 0.0, 0.0
		for _, v := range w.values {
			if accept(v, arg[0][w.i]) {
				n++
				total += v
			}
		}
		switch name[0] {
		case 'c':
			return n
		case 's':
			if name[1] == 'u' {
				return total
			}
		}
		return n / float64(len(w.values))
	}
}

func timeOf(pick func(*window) int) func(*window) float64 {
	return func(w *window) float64 {
		if len(w.times) == 0 {
			return math.NaN()
		}
		return float64(w.times[pick(w)]) / 1000
	}
}

func lastIndexOf(v []float64, x float64) int {
	for i := len(v) - 1; i > 0; i-- {
		if v[i] == x {
			return i
		}
	}
	return 0
}

// lastChange is when the value became what it is now.
func lastChange(w *window) float64 {
	n := len(w.values)
	if n == 0 {
		return math.NaN()
	}
	for i := n - 2; i >= 0; i-- {
		if w.values[i] != w.values[n-1] {
			return float64(w.times[i+1]) / 1000
		}
	}
	if w.before != w.values[n-1] { // also when there is none
		return float64(w.times[0]) / 1000
	}
	return math.NaN()
}

// duration is how long samples came not more than most ms apart.
func duration(times []int64, most int64) float64 {
	if len(times) == 0 {
		return math.NaN()
	}
	total := int64(0)
	for i := 1; i < len(times); i++ {
		if d := times[i] - times[i-1]; d <= most {
			total += d
		}
	}
	return float64(total) / 1000
}

// span is the time from the first sample, counting the one before the window,
// to the last, and the number of intervals between them; false when there is
// none.
func span(w *window) (ms int64, intervals int, ok bool) {
	n := len(w.times)
	switch {
	case n == 0, n == 1 && math.IsNaN(w.before):
		return 0, 0, false
	case math.IsNaN(w.before):
		return w.times[n-1] - w.times[0], n - 1, true
	}
	return w.times[n-1] - w.beforeTime, n, true
}

func lifetime(w *window) float64 {
	ms, _, ok := span(w)
	if !ok {
		return math.NaN()
	}
	return float64(ms) / 1000
}

func scrapeInterval(w *window) float64 {
	ms, n, ok := span(w)
	if !ok {
		return math.NaN()
	}
	return float64(ms) / 1000 / float64(n)
}

func lag(w *window) float64 {
	switch n := len(w.times); {
	case n > 0:
		return float64(w.at-w.times[n-1]) / 1000
	case !math.IsNaN(w.before):
		return float64(w.at-w.beforeTime) / 1000
	}
	return math.NaN()
}

// zscore is how many deviations the last value is from the mean, as long as the
// series is alive.
func zscore(w *window) float64 {
	if l, interval := lag(w), scrapeInterval(w); math.IsNaN(l) || math.IsNaN(interval) || l > interval {
		return math.NaN()
	}
	d := some(last)(w) - some(mean)(w)
	if d == 0 {
		return 0
	}
	return d / math.Sqrt(variance(w.values))
}

// outlierOfQuartiles is the last value where it lies outside Tukey's fences:
// one and a half interquartile ranges beyond the quartiles.
func outlierOfQuartiles(w *window) float64 {
	if len(w.values) < 2 {
		return math.NaN()
	}
	low, high := fences(w.values)
	if v := last(w.values); v > high || v < low {
		return v
	}
	return math.NaN()
}

func fences(values []float64) (low, high float64) {
	sorted := sortedNumbers(values)
	q25, q75 := quantileSorted(0.25, sorted), quantileSorted(0.75, sorted)
	reach := 1.5 * (q75 - q25)
	return q25 - reach, q75 + reach
}

// integrate is the area under the steps that the samples make, in seconds. The
// last step lasts to the end of the window if the series goes on.
func integrate(w *window) float64 {
	times, values := w.times, w.values
	value, at := w.before, w.at-w.size
	if math.IsNaN(value) {
		if len(values) == 0 {
			return math.NaN()
		}
		value, at = values[0], times[0]
		times, values = times[1:], values[1:]
	}
	area := 0.0
	for i, v := range values {
		area += value * float64(times[i]-at) / 1000
		value, at = v, times[i]
	}
	if !math.IsNaN(w.after) {
		area += value * float64(w.at-at) / 1000
	}
	return area
}

// hoeffding is the mean and how far the true one may lie from it with
// confidence phi (https://en.wikipedia.org/wiki/Hoeffding%27s_inequality).
func hoeffding(phi float64, values []float64) (bound, avg float64) {
	if len(values) == 0 {
		return math.NaN(), math.NaN()
	}
	avg = mean(values)
	reach := most(values) - least(values)
	switch {
	case len(values) == 1, reach <= 0, phi <= 0:
		return 0, avg
	case phi >= 1:
		return math.Inf(1), avg
	}
	return reach * math.Sqrt(math.Log(1/(1-phi))/(2*float64(len(values)))), avg
}

// holtWinters is Holt's linear smoothing
// (https://en.wikipedia.org/wiki/Exponential_smoothing#Double_exponential_smoothing_(Holt_linear)).
func holtWinters(w *window, smoothing, trend float64) float64 {
	values := w.values
	if len(values) == 0 || !(smoothing >= 0 && smoothing <= 1) || !(trend >= 0 && trend <= 1) {
		return math.NaN()
	}
	level := w.before
	if math.IsNaN(level) {
		level, values = values[0], values[1:]
		if len(values) == 0 {
			return level
		}
	}
	slope := values[0] - level
	for _, v := range values {
		next := smoothing*v + (1-smoothing)*(level+slope)
		slope = trend*(next-level) + (1-trend)*slope
		level = next
	}
	return level
}

// regression is the line of least squares through points of which none is NaN:
// its value at a time (ms), and its slope per second.
func regression(times []int64, values []float64, at int64) (value, slope float64) {
	n := float64(len(values))
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	if !slices.ContainsFunc(values, func(v float64) bool { return v != values[0] }) {
		return values[0], 0
	}
	var sx, sy, sxx, sxy float64
	for i, y := range values {
		x := float64(times[i]-at) / 1000
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if spread := sxx - sx*sx/n; math.Abs(spread) >= 1e-6 {
		slope = (sxy - sx*sy/n) / spread
	}
	return sy/n - slope*sx/n, slope
}
