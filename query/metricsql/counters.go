package metricsql

import "math"

// counterRollupOf finds a rollup function of how values change; nil when there
// is none of that name.
func counterRollupOf(name string) func(*window) float64 {
	switch name {
	case "rate", "deriv_fast":
		return perSecond
	case "irate", "ideriv":
		return instantPerSecond
	case "increase", "delta":
		return delta
	case "increase_pure":
		return pureDelta
	case "increase_prometheus", "delta_prometheus":
		return innerDelta
	case "rate_prometheus":
		return func(w *window) float64 { return innerDelta(w) / (float64(w.size) / 1000) }
	case "idelta":
		return instantDelta
	case "changes":
		return changes
	case "changes_prometheus":
		return some(func(v []float64) float64 { return changesFrom(v[0], v[1:]) })
	case "resets", "decreases_over_time":
		return steps(func(d float64) float64 { return truth(d < 0) })
	case "increases_over_time":
		return steps(func(d float64) float64 { return truth(d > 0) })
	case "ascent_over_time":
		return climb(func(d float64) float64 { return max(d, 0) })
	case "descent_over_time":
		return climb(func(d float64) float64 { return max(-d, 0) })
	}
	return nil
}

// removesResets reports whether a function is one of counters.
func removesResets(name string) bool {
	switch name {
	case "increase", "increase_prometheus", "increase_pure", "irate", "rate", "rate_prometheus", "rollup_increase", "rollup_rate":
		return true
	}
	return false
}

// removeResets makes a counter that fell go on from where it was, in place. A
// fall of less than an eighth is taken for a late sample of a replica, not for
// a reset to zero.
func removeResets(values []float64) {
	if len(values) == 0 {
		return
	}
	added, before := 0.0, values[0]
	for i, v := range values {
		if fall := before - v; fall > 0 {
			if fall*8 < before {
				added += fall
			} else {
				added += before
			}
		}
		before = v
		values[i] = v + added
		if i > 0 && values[i] < values[i-1] { // rounding
			values[i] = values[i-1]
		}
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
		if !math.IsNaN(w.earlier) { // nothing is known of a gap: it changed nothing
			return last(values) - w.earlier
		}
		step := 0.0
		if len(values) > 1 {
			step = values[1] - values[0]
		} else if !math.IsNaN(w.after) {
			step = w.after - values[0]
		}
		before = 0
		if !(math.Abs(values[0]) < 10*(math.Abs(step)+1)) {
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

// innerDelta looks at nothing but the window, as Prometheus does.
func innerDelta(w *window) float64 {
	if len(w.values) < 2 {
		return math.NaN()
	}
	return last(w.values) - w.values[0]
}

// perSecond is the change over the time between the samples it is taken from.
func perSecond(w *window) float64 {
	before, beforeTime := w.before, w.beforeTime
	if math.IsNaN(before) {
		if len(w.values) < 2 {
			return math.NaN()
		}
		before, beforeTime = w.values[0], w.times[0]
	} else if len(w.values) == 0 {
		return 0
	}
	return (last(w.values) - before) / (float64(w.times[len(w.times)-1]-beforeTime) / 1000)
}

// instantPerSecond is the change between the last two samples.
func instantPerSecond(w *window) float64 {
	n := len(w.values)
	switch {
	case n > 1:
		return (w.values[n-1] - w.values[n-2]) / (float64(w.times[n-1]-w.times[n-2]) / 1000)
	case n == 1 && !math.IsNaN(w.before):
		return (w.values[0] - w.before) / (float64(w.times[0]-w.beforeTime) / 1000)
	}
	return math.NaN()
}

func instantDelta(w *window) float64 {
	n := len(w.values)
	switch {
	case n > 1:
		return w.values[n-1] - w.values[n-2]
	case n == 0 && math.IsNaN(w.before):
		return math.NaN()
	case n == 0:
		return 0
	case math.IsNaN(w.before): // it began at zero
		return w.values[0]
	}
	return w.values[0] - w.before
}

func changes(w *window) float64 {
	values, before, n := w.values, w.before, 0.0
	if math.IsNaN(before) {
		if len(values) == 0 {
			return math.NaN()
		}
		if before = w.earlier; math.IsNaN(before) { // its appearance is a change
			before, values, n = values[0], values[1:], 1
		}
	}
	return n + changesFrom(before, values)
}

// changesFrom counts the changes of values after one before them.
func changesFrom(before float64, values []float64) float64 {
	n := 0.0
	for _, v := range values {
		if v != before && !rounding(before, v) {
			n++
			before = v
		}
	}
	return n
}

// rounding reports whether two values differ by no more than arithmetic may
// have made of them.
func rounding(a, b float64) bool { return math.Abs(b-a) < 1e-12*math.Abs(b) }

// steps adds up what counts gives of the difference of each value and the one
// before it.
func steps(counts func(d float64) float64) func(*window) float64 {
	return func(w *window) float64 {
		values, before, n := w.values, w.before, 0.0
		if math.IsNaN(before) {
			if len(values) == 0 {
				return math.NaN()
			}
			before, values = values[0], values[1:]
		}
		for _, v := range values {
			if !rounding(before, v) {
				n += counts(v - before)
			}
			before = v
		}
		return n
	}
}

// climb is steps without an allowance for rounding.
func climb(counts func(d float64) float64) func(*window) float64 {
	return func(w *window) float64 {
		values, before, n := w.values, w.before, 0.0
		if math.IsNaN(before) {
			if len(values) == 0 {
				return math.NaN()
			}
			before, values = values[0], values[1:]
		}
		for _, v := range values {
			n += counts(v - before)
			before = v
		}
		return n
	}
}

func truth(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
