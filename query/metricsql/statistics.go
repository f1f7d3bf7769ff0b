package metricsql

import (
	"math"
	"slices"
	"strings"
)

// The functions here take the values of a window, or of a group at one time.
// Those of a slice that must not be empty say so.

func hasPart(s, part string) bool { return strings.Contains(s, part) }

// last, mean, least, most: of at least one value.
func last(v []float64) float64 { return v[len(v)-1] }
func mean(v []float64) float64 { return sum(v) / float64(len(v)) }

// sum adds four sums side by side: one alone waits for itself at each step.
func sum(v []float64) float64 {
	var a, b, c, d float64
	for len(v) >= 4 {
		a += v[0]
		b += v[1]
		c += v[2]
		d += v[3]
		v = v[4:]
	}
	for _, x := range v {
		a += x
	}
	return a + b + (c + d)
}

func sumOfSquares(v []float64) float64 {
	total := 0.0
	for _, x := range v {
		total += x * x
	}
	return total
}

func least(v []float64) float64 {
	m := v[0]
	for _, x := range v {
		if x < m {
			m = x
		}
	}
	return m
}

func most(v []float64) float64 {
	m := v[0]
	for _, x := range v {
		if x > m {
			m = x
		}
	}
	return m
}

func count(v []float64, accept func(float64) bool) float64 {
	n := 0.0
	for _, x := range v {
		if accept(x) {
			n++
		}
	}
	return n
}

func geomean(v []float64) float64 {
	product := 1.0
	for _, x := range v {
		product *= x
	}
	return math.Pow(product, 1/float64(len(v)))
}

func distinct(v []float64) float64 {
	return float64(len(slices.Compact(sortedNumbers(v))))
}

// mode is the most frequent value, the least of several. The value before them,
// unless NaN, counts as one that precedes all others.
func mode(before float64, v []float64) float64 {
	sorted := sortedNumbers(v)
	best, longest := before, 0
	i := 0
	if !math.IsNaN(before) {
		for i < len(sorted) && sorted[i] == before {
			i++
		}
		longest = i + 1
	}
	for i < len(sorted) {
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

// variance is of the whole population, by Welford's method; NaN is left out.
func variance(values []float64) float64 {
	var n, avg, q float64
	for _, v := range values {
		if math.IsNaN(v) {
			continue
		}
		n++
		next := avg + (v-avg)/n
		q += (v - avg) * (v - next)
		avg = next
	}
	switch n {
	case 0:
		return math.NaN()
	case 1:
		return 0
	}
	return q / n
}

// medianDeviation is the median of the distances from the median.
func medianDeviation(values []float64) float64 {
	median := quantile(0.5, values)
	distances := make([]float64, len(values))
	for i, v := range values {
		distances[i] = math.Abs(v - median)
	}
	return quantile(0.5, distances)
}

// quantile interpolates between the two nearest values; NaN is left out.
func quantile(phi float64, values []float64) float64 {
	return quantileSorted(phi, sortedNumbers(values))
}

// quantileInPlace is quantile of numbers without NaN, which it sorts.
func quantileInPlace(phi float64, values []float64) float64 {
	slices.Sort(values)
	return quantileSorted(phi, values)
}

func quantileSorted(phi float64, sorted []float64) float64 {
	switch {
	case len(sorted) == 0 || math.IsNaN(phi):
		return math.NaN()
	case phi < 0:
		return math.Inf(-1)
	case phi > 1:
		return math.Inf(1)
	}
	rank := phi * float64(len(sorted)-1)
	low := int(rank)
	high := min(low+1, len(sorted)-1)
	weight := rank - float64(low)
	return sorted[low]*(1-weight) + sorted[high]*weight
}

// sortedNumbers is a sorted copy of values without NaN.
func sortedNumbers(values []float64) []float64 {
	out := make([]float64, 0, len(values))
	for _, v := range values {
		if !math.IsNaN(v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}
