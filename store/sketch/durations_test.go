package sketch

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestDurationConstantsFollowFromTheirFormulas(t *testing.T) {
	if got := math.Log(durationGamma); math.Abs(got-durationLnGamma) > 1e-16 {
		t.Errorf("ln γ = %v, the constant is %v", got, durationLnGamma)
	}
	gamma := durationGamma
	if got := (gamma - 1) / (gamma + 1); math.Abs(got-durationAlpha) > 1e-15 {
		t.Errorf("α = %v, the constant is %v", got, durationAlpha)
	}
}

// indexOf is DDSketch's index of a value, with a logarithmic mapping.
func indexOf(ns float64) int32 { return int32(math.Floor(math.Log(ns) / math.Log(1.01/0.99))) }

// The quantiles of what a tracer sketched are right to 1 %, as they were there.
func TestDurationsKeepTheAccuracyTheyCameWith(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.SliceOfN(rapid.Float64Range(1, 1e13), 1, 200).Draw(t, "ns")
		var indexes []int32
		var counts []uint64
		for _, v := range ns {
			indexes, counts = append(indexes, indexOf(v)), append(counts, 1)
		}
		s, err := FromDurations(indexes, counts, 0)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(ns)
		for _, q := range []float64{0, 0.5, 0.95, 0.99, 1} {
			want := ns[int(math.RoundToEven(q*float64(len(ns)-1)))] * 1e-9
			if got := s.Quantile(q); math.Abs(got-want) > 0.0101*want {
				t.Fatalf("quantile %v is %v, want %v", q, got, want)
			}
		}
		if s.Count != int64(len(ns)) {
			t.Fatalf("%d values, want %d", s.Count, len(ns))
		}
	})
}

func TestZeroAndTinyDurations(t *testing.T) {
	s, err := FromDurations([]int32{0, -2000, math.MaxInt32, math.MinInt32}, []uint64{1, 2, 1, 4}, 3)
	if err != nil || s.Count != 11 || s.Quantile(0.5) != 0 || s.Min != 0 || math.IsInf(s.Max, 0) {
		t.Errorf("got %+v (error %v)", s, err)
	}
	if s, err = FromDurations(nil, nil, 0); err != nil || s.Count != 0 || s.Mapping != Agent {
		t.Errorf("an empty one: %+v (error %v)", s, err)
	}
	if s, err = FromDurations([]int32{1, 1}, []uint64{math.MaxInt64, 5}, 0); err == nil {
		t.Errorf("counts overflow: got %+v", s)
	}
}

// Two kinds of bins in one query are brought to the coarser: a quantile is off by
// no more than both together.
func TestMixedBinsMergeInTheCoarser(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		agent, durations := new(Sketch), &Sketch{Mapping: Durations}
		var values []float64
		for range rapid.IntRange(1, 100).Draw(t, "values") {
			v := rapid.Float64Range(1e-6, 1e3).Draw(t, "value")
			values = append(values, v)
			if rapid.Bool().Draw(t, "agent") {
				agent.Add(v, 1)
			} else {
				durations.Add(v, 1)
			}
		}
		one, two := agent.Clone(), durations.Clone()
		one.Merge(durations)
		two.Merge(agent)
		if !slices.Equal(one.Keys, two.Keys) || !slices.Equal(one.Counts, two.Counts) || one.Count != int64(len(values)) {
			t.Fatalf("%+v one way, %+v the other", one, two)
		}
		var sum Sum
		sum.Add(agent)
		sum.Add(durations)
		sum.Add(&Sketch{})
		if s := sum.Sketch(); !slices.Equal(s.Keys, one.Keys) || !slices.Equal(s.Counts, one.Counts) || s.Mapping != one.Mapping {
			t.Fatalf("the sum is %+v, want %+v", s, one)
		}
		slices.Sort(values)
		for _, q := range []float64{0, 0.5, 0.99, 1} {
			want := values[int(math.RoundToEven(q*float64(len(values)-1)))]
			if got := one.Quantile(q); math.Abs(got-want) > 0.026*want {
				t.Fatalf("quantile %v is %v, want %v", q, got, want)
			}
		}
	})
}

func TestCountAtMostKnowsBothMappings(t *testing.T) {
	durations, err := FromDurations([]int32{indexOf(2e6), indexOf(3e8), indexOf(9e8)}, []uint64{5, 3, 2}, 1)
	if err != nil {
		t.Fatal(err)
	}
	var agent Sketch
	for value, n := range map[float64]uint64{0: 1, 0.002: 5, 0.3: 3, 0.9: 2} {
		agent.Add(value, n)
	}
	for _, s := range []*Sketch{durations, &agent} {
		for limit, want := range map[float64]uint64{-1: 0, 0: 1, 0.001: 1, 0.1: 6, 0.5: 9, 2: 11} {
			if got := s.CountAtMost(limit); got != want {
				t.Errorf("mapping %d: got %d values of at most %v, want %d", s.Mapping, got, limit, want)
			}
		}
	}
}
