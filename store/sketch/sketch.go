// Package sketch holds mergeable percentile sketches.
//
// A sketch counts values in bins whose bounds grow geometrically, so that a
// quantile is known to within a fixed share of its value however many values
// went in, and two sketches merge by adding their counts, without loss. The
// arithmetic is that of the Datadog agent's "dogsketch", so that figures agree
// with what agents computed: bin k holds the values that round to γ^(k-1338)
// with γ = 1 + 1/64. Durations that tracers sketched keep the bins they came in;
// the two kinds of bins merge in the coarser ones.
//
//	var s sketch.Sketch
//	s.Add(12.5, 1)
//	p95 := s.Quantile(0.95)
package sketch

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// MaxBins is the most bins a sketch keeps. Past it the lowest bins fall
// together into the lowest that remains: small values lose precision first.
const MaxBins = 4096

// Sketch is counts of values in bins. The zero value is an empty sketch with the
// agent's bins.
//
// Where an agent repeats a key because its wire format counts in 16 bits, a
// Sketch has that key once with the sum.
type Sketch struct {
	Count  int64 // of all values: the sum of Counts
	Sum    float64
	Min    float64
	Max    float64
	Keys   []int32  // sorted, unique bin keys
	Counts []uint64 // counts[i] values lie in bin keys[i]; never 0

	Mapping Mapping // what the keys stand for
}

// FromBins makes a sketch of wire bins, whose keys may repeat or come out of
// order. Bins without a count are skipped. It keeps no reference to its
// arguments. Keys must lie in [-32767, 32767].
func FromBins(keys []int32, counts []uint64, minimum, maximum, sum float64) (*Sketch, error) {
	if len(keys) != len(counts) {
		return nil, errors.New("keys and counts differ in number")
	}
	s := &Sketch{Sum: sum, Min: minimum, Max: maximum}
	s.Keys = make([]int32, 0, len(keys))
	s.Counts = make([]uint64, 0, len(keys))
	sorted := true
	for i, k := range keys {
		switch {
		case k > keyInf || k < -keyInf:
			return nil, errors.New("bin key out of range")
		case counts[i] == 0:
			continue
		case counts[i] > math.MaxInt64-uint64(s.Count):
			return nil, errors.New("counts overflow")
		}
		s.Count += int64(counts[i])
		last := len(s.Keys) - 1
		if last >= 0 && s.Keys[last] == k {
			s.Counts[last] += counts[i]
			continue
		}
		sorted = sorted && (last < 0 || s.Keys[last] < k)
		s.Keys = append(s.Keys, k)
		s.Counts = append(s.Counts, counts[i])
	}
	if !sorted {
		s.sortBins()
	}
	s.trim()
	return s, nil
}

// sortBins sorts the bins by key and adds up repeated keys.
func (s *Sketch) sortBins() {
	type bin struct {
		key   int32
		count uint64
	}
	bins := make([]bin, len(s.Keys))
	for i := range bins {
		bins[i] = bin{s.Keys[i], s.Counts[i]}
	}
	slices.SortFunc(bins, func(a, b bin) int { return cmp.Compare(a.key, b.key) })
	s.Keys, s.Counts = s.Keys[:0], s.Counts[:0]
	for _, b := range bins {
		if last := len(s.Keys) - 1; last >= 0 && s.Keys[last] == b.key {
			s.Counts[last] += b.count
			continue
		}
		s.Keys = append(s.Keys, b.key)
		s.Counts = append(s.Counts, b.count)
	}
}

// Add puts v in s, weight times (weight >= 1). NaN and a weight of 0 change
// nothing.
func (s *Sketch) Add(v float64, weight uint64) {
	if v != v || weight == 0 {
		return
	}
	if s.Count == 0 {
		s.Min, s.Max = v, v
	} else {
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
	}
	s.Count += int64(weight)
	s.Sum += v * float64(weight)

	k := s.Mapping.keyOf(v)
	i, found := slices.BinarySearch(s.Keys, k)
	if found {
		s.Counts[i] += weight
		return
	}
	s.Keys = slices.Insert(s.Keys, i, k)
	s.Counts = slices.Insert(s.Counts, i, weight)
	s.trim()
}

// FromDurations makes a sketch of a tracer's DDSketch with γ = 1.01/0.99: counts
// of durations by the indexes of their bins, which may repeat and come in any
// order, and how many took no time. Its minimum, maximum and sum are those of
// the values that stand for the bins.
func FromDurations(indexes []int32, counts []uint64, zeros uint64) (*Sketch, error) {
	keys := make([]int32, 1, len(indexes)+1)
	all := append(make([]uint64, 0, len(counts)+1), zeros)
	for i, index := range indexes {
		k := max(0, min(int64(index)+durationBias, keyMax))
		keys, all = append(keys, int32(k)), append(all, counts[i])
	}
	s, err := FromBins(keys, all, 0, 0, 0)
	if err != nil || s.Count == 0 {
		return s, err
	}
	s.Mapping = Durations
	s.Min, s.Max = s.Mapping.valueOf(s.Keys[0]), s.Mapping.valueOf(s.Keys[len(s.Keys)-1])
	for i, n := range s.Counts {
		s.Sum += float64(n) * s.Mapping.valueOf(s.Keys[i])
	}
	return s, nil
}

// in returns s with the bins of a mapping: s itself, if it has them.
func (s *Sketch) in(m Mapping) *Sketch {
	if s.Mapping == m {
		return s
	}
	c := &Sketch{Count: s.Count, Sum: s.Sum, Min: s.Min, Max: s.Max, Mapping: m}
	for i, k := range s.Keys {
		k = m.keyOf(s.Mapping.valueOf(k))
		if last := len(c.Keys) - 1; last >= 0 && c.Keys[last] == k {
			c.Counts[last] += s.Counts[i]
			continue
		}
		c.Keys, c.Counts = append(c.Keys, k), append(c.Counts, s.Counts[i])
	}
	return c
}

// Merge adds o to s. o is left as it is and shares nothing with s.
func (s *Sketch) Merge(o *Sketch) {
	if o.Count == 0 {
		return
	}
	if s.Count == 0 {
		s.Mapping = o.Mapping
	}
	if o.Mapping != s.Mapping {
		if s.Mapping == Agent {
			*s = *s.in(Durations)
		}
		o = o.in(Durations)
	}
	if s.Count == 0 {
		s.Min, s.Max = o.Min, o.Max
	} else {
		s.Min, s.Max = min(s.Min, o.Min), max(s.Max, o.Max)
	}
	s.Count += o.Count
	s.Sum += o.Sum
	s.mergeBins(o)
	s.trim()
}

// mergeBins merges from the back, in place, so that merging many sketches into
// one allocates only while the union of their bins still grows.
func (s *Sketch) mergeBins(o *Sketch) {
	i, j, fresh := 0, 0, 0
	for j < len(o.Keys) {
		switch {
		case i == len(s.Keys) || s.Keys[i] > o.Keys[j]:
			fresh++
			j++
		case s.Keys[i] == o.Keys[j]:
			i++
			j++
		default:
			i++
		}
	}
	i, j = len(s.Keys)-1, len(o.Keys)-1
	s.Keys = slices.Grow(s.Keys, fresh)[:len(s.Keys)+fresh]
	s.Counts = slices.Grow(s.Counts, fresh)[:len(s.Counts)+fresh]
	for at := len(s.Keys) - 1; j >= 0; at-- {
		switch {
		case i < 0 || s.Keys[i] < o.Keys[j]:
			s.Keys[at], s.Counts[at] = o.Keys[j], o.Counts[j]
			j--
		case s.Keys[i] == o.Keys[j]:
			s.Keys[at], s.Counts[at] = s.Keys[i], s.Counts[i]+o.Counts[j]
			i--
			j--
		default:
			s.Keys[at], s.Counts[at] = s.Keys[i], s.Counts[i]
			i--
		}
	}
}

// trim lets the lowest bins fall upward until at most MaxBins remain.
func (s *Sketch) trim() {
	extra := len(s.Keys) - MaxBins
	if extra <= 0 {
		return
	}
	for _, n := range s.Counts[:extra] {
		s.Counts[extra] += n
	}
	s.Keys = slices.Delete(s.Keys, 0, extra)
	s.Counts = slices.Delete(s.Counts, 0, extra)
}

// Quantile returns the q-quantile, 0 <= q <= 1; NaN when s is empty. It is the
// value of rank round(q·(count-1)), never outside [Min, Max]: with the agent's
// bins interpolated inside its bin by rank, as the agent does, with those of
// durations the one that stands for its bin.
func (s *Sketch) Quantile(q float64) float64 {
	switch {
	case s.Count == 0 || q != q:
		return math.NaN()
	case q <= 0:
		return s.Min
	case q >= 1:
		return s.Max
	}
	rank := math.RoundToEven(q * float64(s.Count-1))
	cum := 0.0
	for i, n := range s.Counts {
		cum += float64(n)
		if cum <= rank {
			continue
		}
		low := s.Mapping.valueOf(s.Keys[i])
		if s.Mapping == Durations || math.IsInf(low, 0) {
			return clamp(low, s.Min, s.Max)
		}
		high := low * gamma
		if i == 0 {
			low = s.Min
		}
		weight := (cum - rank) / float64(n)
		return clamp(low*weight+high*(1-weight), s.Min, s.Max)
	}
	return s.Max
}

func clamp(v, low, high float64) float64 { return max(low, min(v, high)) }

// Avg returns the mean; NaN when s is empty.
func (s *Sketch) Avg() float64 {
	if s.Count == 0 {
		return math.NaN()
	}
	return s.Sum / float64(s.Count)
}

// Clone copies s.
func (s *Sketch) Clone() *Sketch {
	c := *s
	c.Keys = slices.Clone(s.Keys)
	c.Counts = slices.Clone(s.Counts)
	return &c
}

// Reset empties s and keeps its memory.
func (s *Sketch) Reset() {
	*s = Sketch{Keys: s.Keys[:0], Counts: s.Counts[:0]} // with the agent's bins
}
