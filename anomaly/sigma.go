package anomaly

import "math"

// ewma is an exponentially weighted mean and variance. The first values weigh
// equally.
type ewma struct {
	alpha          float64
	mean, variance float64
	n              int64
}

func newEWMA(span float64) ewma { return ewma{alpha: 2 / (span + 1)} }

func (w *ewma) learn(x float64) {
	w.n++
	if w.n == 1 {
		w.mean = x
		return
	}
	a := w.alpha
	if n := float64(w.n); a*n < 1 {
		a = 1 / n
	}
	e := x - w.mean
	w.mean += a * e
	w.variance = (1 - a) * (w.variance + a*e*e)
}

func (w *ewma) deviation() float64 { return math.Sqrt(w.variance) + floorOf(w.mean) }

// sigma judges each value against an exponentially weighted mean and deviation:
// a few multiplications per value and 40 bytes per series, for thousands of
// series watched at once.
type sigma struct {
	ewma
	bounds float64
	least  int64
}

// The definition of basic_sigma: the span of its weights, the values that a
// band needs.
const (
	sigmaSpan  = 288
	sigmaLeast = 30
)

func newSigma(span float64, least int64, bounds float64) *sigma {
	return &sigma{ewma: newEWMA(span), bounds: bounds, least: least}
}

func (s *sigma) push(x float64) Expectation {
	e := nothing
	if s.n >= s.least {
		d := s.bounds * s.deviation()
		e = Expectation{s.mean - d, s.mean, s.mean + d, int(s.n)}
	}
	if present(x) {
		s.learn(x)
	}
	return e
}
