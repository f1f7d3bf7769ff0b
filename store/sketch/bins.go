package sketch

import (
	"iter"
	"math"
)

// Bin is how many values lie between two bounds; equal bounds are one value.
type Bin struct {
	Lower, Upper float64
	Count        uint64
}

// Bins gives the bins from low to high. Their bounds lie in [Min, Max].
func (s *Sketch) Bins() iter.Seq[Bin] {
	return func(yield func(Bin) bool) {
		for i, k := range s.Keys {
			lower, upper := s.Mapping.bounds(k)
			b := Bin{min(max(lower, s.Min), s.Max), max(min(upper, s.Max), s.Min), s.Counts[i]}
			if !yield(b) {
				return
			}
		}
	}
}

// bounds are the least and the greatest value of bin k.
func (m Mapping) bounds(k int32) (lower, upper float64) {
	switch {
	case k < 0:
		lower, upper = m.bounds(-k)
		return -upper, -lower
	case k == 0:
		return 0, 0
	case k >= keyInf:
		return math.Inf(1), math.Inf(1)
	case m == Durations:
		at := func(k int32) float64 { return math.Exp(float64(k-durationBias)*durationLnGamma) * nanosecond }
		return at(k), at(k + 1)
	}
	at := func(k float64) float64 { return math.Exp((k - bias) * lnGamma) }
	return at(float64(k) - 0.5), at(float64(k) + 0.5)
}
