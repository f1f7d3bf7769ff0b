package metricsql

import (
	"math"
	"slices"
)

// rowFunctionOf finds a function of whole rows, one at a time; nil when there is
// none of that name.
func rowFunctionOf(name string) func(*call) ([]row, error) {
	switch name {
	case "range_normalize":
		return rangeNormalize
	case "range_quantile", "range_trim_outliers", "range_trim_spikes", "range_trim_zscore":
		return rangeWithNumber
	case "smooth_exponential":
		return smoothExponential
	case "range_linear_regression":
		return rangeRegression
	}
	fn, renames := rowFunction(name)
	if fn == nil {
		return nil
	}
	return func(c *call) ([]row, error) {
		rows, err := c.only()
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			fn(r.values)
		}
		if renames {
			return c.named(rows), nil
		}
		return rows, nil
	}
}

// rowFunction finds what a function of one row does to its values; renames
// reports that the result is another metric.
func rowFunction(name string) (fn func(values []float64), renames bool) {
	switch name {
	case "keep_last_value":
		return keepLast, false
	case "keep_next_value":
		return func(v []float64) {
			slices.Reverse(v)
			keepLast(v)
			slices.Reverse(v)
		}, false
	case "interpolate":
		return interpolate, false
	case "remove_resets":
		return removeResetsWithGaps, false
	case "running_sum":
		return running(func(so, v float64, _ int) float64 { return so + v }), true
	case "running_avg":
		return running(runningMean), true
	case "running_min":
		return running(func(so, v float64, _ int) float64 { return least([]float64{so, v}) }), true
	case "running_max":
		return running(func(so, v float64, _ int) float64 { return most([]float64{so, v}) }), true
	case "range_sum", "range_avg", "range_min", "range_max":
		run, _ := rowFunction("running_" + name[len("range_"):])
		return func(v []float64) {
			run(v)
			spreadLast(v)
		}, true
	case "range_first":
		return func(v []float64) {
			if at := slices.IndexFunc(v, isNumber); at >= 0 {
				fill(v, v[at])
			}
		}, false
	case "range_last":
		return spreadLast, false
	case "range_mad":
		return func(v []float64) { fill(v, medianDeviation(v)) }, false
	case "range_stddev":
		return func(v []float64) { fill(v, math.Sqrt(variance(v))) }, false
	case "range_stdvar":
		return func(v []float64) { fill(v, variance(v)) }, false
	case "range_zscore":
		return func(v []float64) {
			avg, deviation := meanOfNumbers(v), math.Sqrt(variance(v))
			for i := range v {
				v[i] = (v[i] - avg) / deviation
			}
		}, false
	}
	return nil, false
}

func isNumber(v float64) bool { return !math.IsNaN(v) }

func fill(values []float64, v float64) {
	for i := range values {
		values[i] = v
	}
}

func keepLast(values []float64) {
	last := math.NaN()
	for i, v := range values {
		if math.IsNaN(v) {
			values[i] = last
		} else {
			last = v
		}
	}
}

// interpolate draws a line through every gap between two values.
func interpolate(values []float64) {
	before := -1
	for i, v := range values {
		if math.IsNaN(v) {
			continue
		}
		if gap := i - before; before >= 0 && gap > 1 {
			step := (v - values[before]) / float64(gap)
			for j := before + 1; j < i; j++ {
				values[j] = values[j-1] + step
			}
		}
		before = i
	}
}

// removeResetsWithGaps is removeResets for values among which may be NaN.
func removeResetsWithGaps(values []float64) {
	var at []int
	var present []float64
	for i, v := range values {
		if !math.IsNaN(v) {
			at, present = append(at, i), append(present, v)
		}
	}
	removeResets(present)
	for k, i := range at {
		values[i] = present[k]
	}
}

// running carries a value from timestamp to timestamp, through gaps too. fn
// gets what it is so far, the next value and how many timestamps came since the
// first value.
func running(fn func(so, v float64, n int) float64) func([]float64) {
	return func(values []float64) {
		first := slices.IndexFunc(values, isNumber)
		if first < 0 {
			return
		}
		so := values[first]
		for n, v := range values[first+1:] {
			if !math.IsNaN(v) {
				so = fn(so, v, n+1)
			}
			values[first+1+n] = so
		}
	}
}

func runningMean(so, v float64, n int) float64 { return so + (v-so)/float64(n+1) }

// spreadLast makes every value the last one.
func spreadLast(values []float64) {
	for i := len(values) - 1; i >= 0; i-- {
		if !math.IsNaN(values[i]) {
			fill(values, values[i])
			return
		}
	}
}

func meanOfNumbers(values []float64) float64 {
	total, n := 0.0, 0.0
	for _, v := range values {
		if !math.IsNaN(v) {
			total += v
			n++
		}
	}
	return total / n
}

// rangeNormalize brings each row into [0, 1]; rows without a finite range are
// left out.
func rangeNormalize(c *call) ([]row, error) {
	if err := c.takes(1, -1); err != nil {
		return nil, err
	}
	var out []row
	for i := range c.args {
		rows, err := c.rows(i)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			present := sortedNumbers(r.values)
			if len(present) == 0 {
				continue
			}
			low := present[0]
			spread := present[len(present)-1] - low
			if math.IsInf(spread, 0) || math.IsNaN(spread) {
				continue
			}
			for i := range r.values {
				r.values[i] = (r.values[i] - low) / spread
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// rangeWithNumber are the range functions that take a number, then the query.
func rangeWithNumber(c *call) ([]row, error) {
	if err := c.takes(2, 2); err != nil {
		return nil, err
	}
	n, err := c.number(0)
	if err != nil {
		return nil, err
	}
	rows, err := c.rows(1)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		v := r.values
		drop := func(out func(x float64) bool) {
			for i, x := range v {
				if out(x) {
					v[i] = math.NaN()
				}
			}
		}
		switch c.name {
		case "range_quantile":
			if !empty(v) {
				fill(v, quantile(n, v))
			}
		case "range_trim_outliers":
			median, most := quantile(0.5, v), n*medianDeviation(v)
			drop(func(x float64) bool { return math.Abs(x-median) > most })
		case "range_trim_zscore":
			avg, deviation := meanOfNumbers(v), math.Sqrt(variance(v))
			drop(func(x float64) bool { return math.Abs(x-avg)/deviation > math.Abs(n) })
		case "range_trim_spikes":
			sorted := sortedNumbers(v)
			low, high := quantileSorted(n/2, sorted), quantileSorted(1-n/2, sorted)
			drop(func(x float64) bool { return x > high || x < low })
		}
	}
	return rows, nil
}

// rangeRegression replaces each row by its line of least squares.
func rangeRegression(c *call) ([]row, error) {
	rows, err := c.only()
	if err != nil {
		return nil, err
	}
	g := c.ev.grid
	for _, r := range rows {
		var times []int64
		var present []float64
		for i, v := range r.values {
			if !math.IsNaN(v) {
				times, present = append(times, g.Start+int64(i)*g.Step), append(present, v)
			}
		}
		value, slope := regression(times, present, g.Start)
		for i := range r.values {
			r.values[i] = value + slope*float64(int64(i)*g.Step)/1000
		}
	}
	return rows, nil
}

// smoothExponential moves each value towards the one before it; infinities are
// passed over.
func smoothExponential(c *call) ([]row, error) {
	if err := c.takes(2, 2); err != nil {
		return nil, err
	}
	rows, err := c.rows(0)
	if err != nil {
		return nil, err
	}
	factor, err := c.scalar(1)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		so := math.NaN()
		for i, v := range r.values {
			switch {
			case math.IsNaN(v):
			case math.IsNaN(so):
				if !math.IsInf(v, 0) {
					so = v
				}
			case math.IsInf(v, 0):
				r.values[i] = so
			default:
				f := 1.0
				if !math.IsNaN(factor[i]) {
					f = max(0, min(factor[i], 1))
				}
				so = so*(1-f) + v*f
				r.values[i] = so
			}
		}
	}
	return rows, nil
}
