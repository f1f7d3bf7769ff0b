package metricsql

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// rollupFunction turns a window into a value.
type rollupFunction struct {
	compute       func(*window) float64
	keepsName     bool // the result is the metric itself, at another time
	removesResets bool // of counters
	adapts        bool // without a window, to the series' interval
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

// rollupOf finds a rollup function. args are those after (or before) the
// series, in their order.
func rollupOf(name string, args []float64) (rollupFunction, bool) {
	arg := func(i int) float64 {
		if i < len(args) {
			return args[i]
		}
		return math.NaN()
	}
	count := func(accept func(v float64) bool) func(*window) float64 {
		return some(func(values []float64) float64 {
			n := 0.0
			for _, v := range values {
				if accept(v) {
					n++
				}
			}
			return n
		})
	}
	share := func(accept func(v float64) bool) func(*window) float64 {
		return func(w *window) float64 { return count(accept)(w) / float64(len(w.values)) }
	}
	switch name {
	case "default_rollup":
		return rollupFunction{compute: some(last), keepsName: true, adapts: true}, true
	case "last_over_time":
		return rollupFunction{compute: some(last), keepsName: true}, true
	case "first_over_time":
		return rollupFunction{compute: some(func(v []float64) float64 { return v[0] }), keepsName: true}, true
	case "avg_over_time":
		return rollupFunction{compute: some(mean), keepsName: true}, true
	case "min_over_time":
		return rollupFunction{compute: some(least), keepsName: true}, true
	case "max_over_time":
		return rollupFunction{compute: some(most), keepsName: true}, true
	case "median_over_time":
		return rollupFunction{compute: some(func(v []float64) float64 { return quantile(0.5, sortedCopy(v)) }), keepsName: true}, true
	case "quantile_over_time":
		return rollupFunction{compute: some(func(v []float64) float64 { return quantile(arg(0), sortedCopy(v)) }), keepsName: true}, true
	case "mode_over_time":
		return rollupFunction{compute: some(mode), keepsName: true}, true
	case "geomean_over_time":
		return rollupFunction{compute: some(geomean), keepsName: true}, true
	case "sum_over_time":
		return rollupFunction{compute: some(sum)}, true
	case "sum2_over_time":
		return rollupFunction{compute: some(func(v []float64) float64 { return sumOf(v, func(x float64) float64 { return x * x }) })}, true
	case "count_over_time":
		return rollupFunction{compute: some(func(v []float64) float64 { return float64(len(v)) })}, true
	case "present_over_time":
		return rollupFunction{compute: some(func([]float64) float64 { return 1 })}, true
	case "absent_over_time":
		return rollupFunction{compute: some(func([]float64) float64 { return 1 })}, true
	case "stddev_over_time":
		return rollupFunction{compute: some(func(v []float64) float64 { return stat.PopStdDev(v, nil) })}, true
	case "stdvar_over_time":
		return rollupFunction{compute: some(func(v []float64) float64 { return stat.PopVariance(v, nil) })}, true
	case "range_over_time":
		return rollupFunction{compute: some(func(v []float64) float64 { return most(v) - least(v) })}, true
	case "zscore_over_time":
		return rollupFunction{compute: some(func(v []float64) float64 { return (last(v) - mean(v)) / stat.PopStdDev(v, nil) })}, true
	case "distinct_over_time":
		return rollupFunction{compute: some(func(v []float64) float64 {
			seen := map[float64]bool{}
			for _, x := range v {
				seen[x] = true
			}
			return float64(len(seen))
		})}, true
	case "count_eq_over_time":
		return rollupFunction{compute: count(func(v float64) bool { return v == arg(0) })}, true
	case "count_ne_over_time":
		return rollupFunction{compute: count(func(v float64) bool { return v != arg(0) })}, true
	case "count_le_over_time":
		return rollupFunction{compute: count(func(v float64) bool { return v <= arg(0) })}, true
	case "count_gt_over_time":
		return rollupFunction{compute: count(func(v float64) bool { return v > arg(0) })}, true
	case "share_le_over_time":
		return rollupFunction{compute: share(func(v float64) bool { return v <= arg(0) })}, true
	case "share_gt_over_time":
		return rollupFunction{compute: share(func(v float64) bool { return v > arg(0) })}, true
	case "share_eq_over_time":
		return rollupFunction{compute: share(func(v float64) bool { return v == arg(0) })}, true
	case "rate":
		return rollupFunction{compute: perSecond, removesResets: true, adapts: true}, true
	case "deriv_fast":
		return rollupFunction{compute: perSecond, adapts: true}, true
	case "irate":
		return rollupFunction{compute: instantPerSecond, removesResets: true, adapts: true}, true
	case "ideriv":
		return rollupFunction{compute: instantPerSecond, adapts: true}, true
	case "increase":
		return rollupFunction{compute: delta, removesResets: true, adapts: true}, true
	case "increase_pure":
		return rollupFunction{compute: pureDelta, removesResets: true, adapts: true}, true
	case "delta":
		return rollupFunction{compute: delta, adapts: true}, true
	case "idelta":
		return rollupFunction{compute: func(w *window) float64 {
			switch n := len(w.values); {
			case n > 1:
				return w.values[n-1] - w.values[n-2]
			case n == 1 && !math.IsNaN(w.before):
				return w.values[0] - w.before
			}
			return math.NaN()
		}, adapts: true}, true
	case "deriv":
		return rollupFunction{compute: func(w *window) float64 { _, slope := regression(w); return slope }, adapts: true}, true
	case "predict_linear":
		return rollupFunction{compute: func(w *window) float64 {
			value, slope := regression(w)
			return value + slope*arg(0)
		}, keepsName: true}, true
	case "changes":
		return rollupFunction{compute: changes, adapts: true}, true
	case "resets", "decreases_over_time":
		return rollupFunction{compute: steps(func(before, now float64) bool { return now < before })}, true
	case "increases_over_time":
		return rollupFunction{compute: steps(func(before, now float64) bool { return now > before })}, true
	case "integrate":
		return rollupFunction{compute: integrate}, true
	case "timestamp", "tlast_over_time":
		return rollupFunction{compute: timeOf(func(w *window) int { return len(w.times) - 1 }), adapts: name == "timestamp"}, true
	case "tfirst_over_time":
		return rollupFunction{compute: timeOf(func(*window) int { return 0 })}, true
	case "tmin_over_time":
		return rollupFunction{compute: timeOf(func(w *window) int { return indexOf(w.values, least(w.values)) })}, true
	case "tmax_over_time":
		return rollupFunction{compute: timeOf(func(w *window) int { return indexOf(w.values, most(w.values)) })}, true
	case "lifetime":
		return rollupFunction{compute: func(w *window) float64 {
			if len(w.times) == 0 {
				return math.NaN()
			}
			first := w.times[0]
			if !math.IsNaN(w.before) {
				first = w.beforeTime
			}
			return float64(w.times[len(w.times)-1]-first) / 1000
		}}, true
	case "lag":
		return rollupFunction{compute: func(w *window) float64 {
			if len(w.times) == 0 {
				return math.NaN()
			}
			return float64(w.at-w.times[len(w.times)-1]) / 1000
		}}, true
	case "scrape_interval":
		return rollupFunction{compute: func(w *window) float64 {
			n := len(w.times)
			switch {
			case n == 0, n == 1 && math.IsNaN(w.before):
				return math.NaN()
			case math.IsNaN(w.before):
				return float64(w.times[n-1]-w.times[0]) / 1000 / float64(n-1)
			}
			return float64(w.times[n-1]-w.beforeTime) / 1000 / float64(n)
		}, adapts: true}, true
	}
	return rollupFunction{}, false
}

func last(v []float64) float64 { return v[len(v)-1] }
func mean(v []float64) float64 { return sum(v) / float64(len(v)) }
func sum(v []float64) float64  { return sumOf(v, func(x float64) float64 { return x }) }

func sumOf(v []float64, fn func(float64) float64) float64 {
	total := 0.0
	for _, x := range v {
		total += fn(x)
	}
	return total
}

func least(v []float64) float64 {
	m := v[0]
	for _, x := range v {
		m = min(m, x)
	}
	return m
}

func most(v []float64) float64 {
	m := v[0]
	for _, x := range v {
		m = max(m, x)
	}
	return m
}

func geomean(v []float64) float64 {
	product := 1.0
	for _, x := range v {
		product *= x
	}
	return math.Pow(product, 1/float64(len(v)))
}

// mode is the most frequent value, the least of several.
func mode(v []float64) float64 {
	sorted := sortedCopy(v)
	best, longest := sorted[0], 0
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		if j-i > longest {
			best, longest = sorted[i], j-i
		}
		i = j
	}
	return best
}

func indexOf(v []float64, x float64) int {
	for i := range v {
		if v[i] == x {
			return i
		}
	}
	return 0
}

func timeOf(pick func(*window) int) func(*window) float64 {
	return func(w *window) float64 {
		if len(w.times) == 0 {
			return math.NaN()
		}
		return float64(w.times[pick(w)]) / 1000
	}
}

// delta is the last value less the one before the window. A series that begins
// in the window began at zero, unless its first value is too large for that.
func delta(w *window) float64 {
	values, before := w.values, w.before
	if math.IsNaN(before) {
		if len(values) == 0 {
			return math.NaN()
		}
		if !math.IsNaN(w.earlier) {
			return last(values) - w.earlier
		}
		step := 10.0
		if len(values) > 1 {
			step = values[1] - values[0]
		} else if !math.IsNaN(w.after) {
			step = w.after - values[0]
		}
		before = 0
		if math.Abs(values[0]) >= 10*(math.Abs(step)+1) {
			before, values = values[0], values[1:]
		}
	}
	if len(values) == 0 {
		return 0
	}
	return last(values) - before
}

// pureDelta takes every series to have begun at zero.
func pureDelta(w *window) float64 {
	before := w.before
	if math.IsNaN(before) {
		if len(w.values) == 0 {
			return math.NaN()
		}
		before = 0
		if !math.IsNaN(w.earlier) {
			before = w.earlier
		}
	}
	if len(w.values) == 0 {
		return 0
	}
	return last(w.values) - before
}

// perSecond is the change over the time between the samples it is taken from.
func perSecond(w *window) float64 {
	values, before, beforeTime := w.values, w.before, w.beforeTime
	if math.IsNaN(before) {
		if len(values) < 2 {
			return math.NaN()
		}
		before, beforeTime = values[0], w.times[0]
	} else if len(values) == 0 {
		return 0
	}
	return (last(values) - before) / (float64(w.times[len(w.times)-1]-beforeTime) / 1000)
}

// instantPerSecond is the change between the last two samples.
func instantPerSecond(w *window) float64 {
	n := len(w.values)
	switch {
	case n > 1:
		return (w.values[n-1] - w.values[n-2]) / (float64(w.times[n-1]-w.times[n-2]) / 1000)
	case n == 1 && !math.IsNaN(w.before):
		return (w.values[0] - w.before) / (float64(w.times[0]-w.beforeTime) / 1000)
	case n == 0 && !math.IsNaN(w.before):
		return 0
	}
	return math.NaN()
}

// regression is the line of least squares: its value at the window's end, and
// its slope per second.
func regression(w *window) (value, slope float64) {
	n := float64(len(w.values))
	if n < 2 {
		return math.NaN(), math.NaN()
	}
	var sx, sy, sxx, sxy float64
	for i, y := range w.values {
		x := float64(w.times[i]-w.at) / 1000
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	spread := n*sxx - sx*sx
	if spread == 0 {
		return sy / n, 0
	}
	slope = (n*sxy - sx*sy) / spread
	return (sy - slope*sx) / n, slope
}

func changes(w *window) float64 {
	values, before, n := w.values, w.before, 0.0
	if math.IsNaN(before) {
		if len(values) == 0 {
			return math.NaN()
		}
		before, values = values[0], values[1:]
		n++
	}
	for _, v := range values {
		if v != before {
			n++
		}
		before = v
	}
	return n
}

func steps(counts func(before, now float64) bool) func(*window) float64 {
	return func(w *window) float64 {
		values, before, n := w.values, w.before, 0.0
		if math.IsNaN(before) {
			if len(values) == 0 {
				return math.NaN()
			}
			before, values = values[0], values[1:]
		}
		for _, v := range values {
			if counts(before, v) {
				n++
			}
			before = v
		}
		return n
	}
}

// integrate is the area under the steps that the samples make.
func integrate(w *window) float64 {
	if len(w.values) == 0 && math.IsNaN(w.before) {
		return math.NaN()
	}
	area, value, at := 0.0, w.before, w.at-w.size
	if math.IsNaN(value) {
		value, at = w.values[0], w.times[0]
	}
	for i, v := range w.values {
		area += value * float64(w.times[i]-at) / 1000
		value, at = v, w.times[i]
	}
	return area + value*float64(w.at-at)/1000
}
