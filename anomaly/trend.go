package anomaly

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// TrendLine replaces values by the least-squares line through them, over the
// whole length. Nothing changes when there are fewer than two.
func TrendLine(values []float64) {
	at, present := points(values)
	if len(at) < 2 {
		return
	}
	level, slope := stat.LinearRegression(at, present, nil, false)
	draw(values, level, slope)
}

// The settings of RobustTrend: Huber's usual constant, and rounds until the
// line stands.
const (
	huber       = 1.345
	huberRounds = 50
)

// RobustTrend replaces values by the line that minimises Huber's loss: squares
// for what is near, absolute values for what is far, so that spikes don't turn
// it. P. J. Huber, "Robust Estimation of a Location Parameter", 1964; solved by
// reweighting.
func RobustTrend(values []float64) {
	at, present := points(values)
	if len(at) < 2 {
		return
	}
	level, slope := stat.LinearRegression(at, present, nil, false)
	weights, left := make([]float64, len(at)), make([]float64, len(at))
	for range huberRounds {
		for i := range at {
			left[i] = present[i] - level - slope*at[i]
			weights[i] = left[i]
		}
		scale := scaledMAD(left)
		if scale == 0 {
			break
		}
		for i, w := range weights {
			weights[i] = min(1, huber*scale/max(math.Abs(w), 1e-300))
		}
		l, s := stat.LinearRegression(at, present, weights, false)
		done := math.Abs(l-level) <= 1e-9*(1+math.Abs(l)) && math.Abs(s-slope) <= 1e-12*(1+math.Abs(s))
		level, slope = l, s
		if done {
			break
		}
	}
	draw(values, level, slope)
}

func points(values []float64) (at, found []float64) {
	for i, v := range values {
		if present(v) {
			at, found = append(at, float64(i)), append(found, v)
		}
	}
	return at, found
}

func draw(values []float64, level, slope float64) {
	for i := range values {
		values[i] = level + slope*float64(i)
	}
}

// PiecewiseConstant replaces values by levels that hold for a while: the split
// into segments with the least squares about their means, where every further
// segment must earn 3 s^2 log n. It is found exactly, with pruning: R. Killick
// and others, "Optimal Detection of Changepoints With a Linear Computational
// Cost", 2012. s is the noise, from the differences of neighbours.
func PiecewiseConstant(values []float64) {
	at, x := points(values)
	n := len(x)
	if n < 2 {
		return
	}
	differences := make([]float64, n-1)
	sums, squares := make([]float64, n+1), make([]float64, n+1)
	for i, v := range x {
		if i > 0 {
			differences[i-1] = v - x[i-1]
		}
		v -= x[0]
		sums[i+1], squares[i+1] = sums[i]+v, squares[i]+v*v
	}
	noise := scaledMAD(differences) / math.Sqrt2
	penalty := 3*noise*noise*math.Log(float64(n)) + 1e-12*squares[n] + 1e-300
	cost := func(from, to int) float64 {
		sum := sums[to] - sums[from]
		return max(squares[to]-squares[from]-sum*sum/float64(to-from), 0)
	}
	best, before := make([]float64, n+1), make([]int, n+1)
	best[0] = -penalty
	candidates := []int{0}
	for to := 1; to <= n; to++ {
		best[to] = math.Inf(1)
		for _, from := range candidates {
			if c := best[from] + cost(from, to) + penalty; c < best[to] {
				best[to], before[to] = c, from
			}
		}
		kept := candidates[:0]
		for _, from := range candidates {
			if best[from]+cost(from, to) <= best[to] {
				kept = append(kept, from)
			}
		}
		candidates = append(kept, to)
	}
	for to := n; to > 0; to = before[to] {
		from := before[to]
		level := x[0] + (sums[to]-sums[from])/float64(to-from)
		end := len(values)
		if to < n {
			end = int(at[to])
		}
		begin := int(at[from])
		if from == 0 {
			begin = 0
		}
		for i := begin; i < end; i++ {
			values[i] = level
		}
	}
}
