package sketch

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestConstantsFollowFromTheirFormulas(t *testing.T) {
	if got := math.Log1p(1.0 / 64); got != lnGamma {
		t.Errorf("ln γ = %v, the constant is %v", got, lnGamma)
	}
	if got := math.Floor(math.Log(1e-9) / lnGamma); got != 1-bias {
		t.Errorf("emin = %v, bias says %v", got, 1-bias)
	}
	if got := math.Pow(gamma, 1-bias); math.Abs(got-normMin) > 1e-24 {
		t.Errorf("γ^emin = %v, the constant is %v", got, normMin)
	}
}

// The first four were seen on the wire of a real agent.
func TestKeysAreTheAgents(t *testing.T) {
	for _, c := range []struct {
		v    float64
		want int32
	}{
		{1, 1338}, {2, 1383}, {10, 1487}, {100, 1635}, {5, 1442},
		{20, 1531}, {30, 1557}, {40, 1576}, {50, 1590}, {60, 1602}, {70, 1612}, {80, 1621}, {90, 1628},
		{0, 0}, {math.Copysign(0, -1), 0}, {9.9e-10, 0}, {-9.9e-10, 0}, {normMin, 1},
		{-1, -1338}, {-10, -1487},
		{math.MaxFloat64, 32766}, {-math.MaxFloat64, -32766},
		{math.Inf(1), 32767}, {math.Inf(-1), -32767},
		{math.SmallestNonzeroFloat64, 0},
	} {
		if got := keyOf(c.v); got != c.want {
			t.Errorf("key(%v) = %d, want %d", c.v, got, c.want)
		}
	}
}

func TestValueStaysWithinTheBinsAccuracy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(1e-9, 1e200).Draw(t, "v")
		if rapid.Bool().Draw(t, "negative") {
			v = -v
		}
		got := valueOf(keyOf(v))
		if relative := math.Abs(got-v) / math.Abs(v); relative > 1.0/128 {
			t.Fatalf("value(key(%v)) = %v, off by %v", v, got, relative)
		}
	})
}

func add(values ...float64) *Sketch {
	s := new(Sketch)
	for _, v := range values {
		s.Add(v, 1)
	}
	return s
}

func TestSketchOfTenToHundredIsTheOneOnTheWire(t *testing.T) {
	s := add(10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
	if s.Count != 10 || s.Sum != 550 || s.Min != 10 || s.Max != 100 {
		t.Errorf("count %d sum %v min %v max %v", s.Count, s.Sum, s.Min, s.Max)
	}
	want := []int32{1487, 1531, 1557, 1576, 1590, 1602, 1612, 1621, 1628, 1635}
	if !slices.Equal(s.Keys, want) {
		t.Errorf("keys %v, want %v", s.Keys, want)
	}
}

func TestQuantilesOfOneValueAreThatValue(t *testing.T) {
	for _, v := range []float64{5, -5, 0, 1e-12, math.Inf(1), math.Inf(-1)} {
		s := new(Sketch)
		s.Add(v, 4)
		for _, q := range []float64{0, 0.01, 0.5, 0.99, 1} {
			if got := s.Quantile(q); got != v {
				t.Errorf("quantile %v of %v is %v", q, v, got)
			}
		}
	}
}

func TestQuantileFollowsTheAgentsRule(t *testing.T) {
	s := add(10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
	for _, c := range []struct{ q, want float64 }{
		{-1, 10}, {0, 10}, {1, 100}, {2, 100},
		// rank round(.5·9) = 4, to even: the bin of 50 from its lower end.
		{0.5, math.Pow(gamma, 1590-bias)},
		{0.99, math.Pow(gamma, 1628-bias+7)}, // rank 9: the bin of 100
		{0.05, 10},                           // rank 0: the first bin starts at Min
	} {
		if got := s.Quantile(c.q); math.Abs(got-c.want) > 1e-9*c.want {
			t.Errorf("quantile %v = %v, want %v", c.q, got, c.want)
		}
	}
	// Inside a bin the rank interpolates: 4 of one value and a spread.
	w := new(Sketch)
	w.Add(1, 1)
	w.Add(100, 4)
	w.Add(1000, 1)
	low := math.Pow(gamma, 1635-bias)
	want := low*0.75 + low*gamma*0.25 // rank round(.4·5) = 2, cum 5, (5-2)/4
	if got := w.Quantile(0.4); math.Abs(got-want) > 1e-9 {
		t.Errorf("quantile .4 = %v, want %v", got, want)
	}
}

func TestEmptySketchHasNoQuantile(t *testing.T) {
	if got := new(Sketch).Quantile(0.5); !math.IsNaN(got) {
		t.Errorf("got %v", got)
	}
	s := add(math.NaN())
	s.Add(3, 0)
	if s.Count != 0 || len(s.Keys) != 0 {
		t.Errorf("NaN or a zero weight was counted: %+v", s)
	}
}

func TestQuantileIsWithinAccuracyOfTheExactOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(1e-6, 1e6), 1, 300).Draw(t, "values")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		s := add(values...)
		slices.Sort(values)
		exact := values[int(math.RoundToEven(q*float64(len(values)-1)))]
		got := s.Quantile(q)
		// Half a bin for the key, one bin for the interpolation.
		if got < exact/gamma/gamma || got > exact*gamma*gamma {
			t.Fatalf("quantile %v = %v, exactly %v", q, got, exact)
		}
	})
}

func sketches() *rapid.Generator[*Sketch] {
	return rapid.Custom(func(t *rapid.T) *Sketch {
		s := new(Sketch)
		if rapid.IntRange(0, 3).Draw(t, "durations") == 0 {
			s.Mapping = Durations
		}
		n := rapid.IntRange(0, 40).Draw(t, "n")
		for range n {
			v := rapid.OneOf(
				rapid.Float64(),
				rapid.Float64Range(-10, 10),
				rapid.Map(rapid.IntRange(-100, 100), func(i int) float64 { return float64(i) }),
			).Draw(t, "v")
			s.Add(v, rapid.Uint64Range(1, 1<<40).Draw(t, "weight"))
		}
		return s
	})
}

func equal(a, b *Sketch) bool {
	return a.Count == b.Count && same(a.Sum, b.Sum) && same(a.Min, b.Min) && same(a.Max, b.Max) &&
		slices.Equal(a.Keys, b.Keys) && slices.Equal(a.Counts, b.Counts) && a.Mapping == b.Mapping
}

func wellFormed(s *Sketch) bool {
	var total uint64
	for i, n := range s.Counts {
		total += n
		if n == 0 || i > 0 && s.Keys[i-1] >= s.Keys[i] {
			return false
		}
	}
	return len(s.Keys) == len(s.Counts) && len(s.Keys) <= MaxBins && total == uint64(s.Count)
}

func TestMergeIsTheSketchOfAllValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.Float64Range(-1e3, 1e3)).Draw(t, "values")
		cut := rapid.IntRange(0, len(values)).Draw(t, "cut")
		whole, left, right := add(values...), add(values[:cut]...), add(values[cut:]...)
		before := right.Clone()
		left.Merge(right)
		if !equal(before, right) {
			t.Fatalf("merging changed its argument: %+v, was %+v", right, before)
		}
		if math.Abs(left.Sum-whole.Sum) > 1e-6 {
			t.Fatalf("sum %v, want %v", left.Sum, whole.Sum)
		}
		left.Sum = whole.Sum
		if !equal(left, whole) {
			t.Fatalf("merged %+v, want %+v", left, whole)
		}
	})
}

func TestMergeSharesNothing(t *testing.T) {
	a, b := new(Sketch), add(1, 2)
	a.Merge(b)
	a.Add(1, 5)
	if b.Count != 2 || b.Counts[0] != 1 {
		t.Errorf("adding to the merged sketch changed the source: %+v", b)
	}
	c := a.Clone()
	c.Add(2, 1)
	if a.Count != 7 {
		t.Errorf("adding to the clone changed the source: %+v", a)
	}
}

func TestLowestBinsFallUpwardPastTheLimit(t *testing.T) {
	s := new(Sketch)
	for k := int32(1); k <= MaxBins+10; k++ {
		s.Add(valueOf(k), 1)
	}
	if len(s.Keys) != MaxBins || s.Count != MaxBins+10 || !wellFormed(s) {
		t.Fatalf("%d bins, count %d", len(s.Keys), s.Count)
	}
	if s.Keys[0] != 11 || s.Counts[0] != 11 || s.Min != valueOf(1) {
		t.Errorf("lowest bin %d holds %d, min %v; want bin 11 with 11", s.Keys[0], s.Counts[0], s.Min)
	}
	low, high := new(Sketch), new(Sketch)
	for k := int32(1); k <= MaxBins; k++ {
		low.Add(valueOf(k), 1)
		high.Add(valueOf(k+100), 1)
	}
	low.Merge(high)
	if len(low.Keys) != MaxBins || low.Keys[0] != 101 || !wellFormed(low) {
		t.Errorf("merged: %d bins from %d", len(low.Keys), low.Keys[0])
	}
}

func TestWireBinsMayRepeatOrComeUnsorted(t *testing.T) {
	s, err := FromBins([]int32{5, 5, 3, 9, 3}, []uint64{65535, 10, 1, 0, 2}, 1, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := &Sketch{Count: 65548, Sum: 3, Min: 1, Max: 2, Keys: []int32{3, 5}, Counts: []uint64{3, 65545}}
	if !equal(s, want) {
		t.Errorf("got %+v, want %+v", s, want)
	}
	for _, c := range []struct {
		keys   []int32
		counts []uint64
	}{
		{[]int32{1}, nil},
		{[]int32{40000}, []uint64{1}},
		{[]int32{-40000}, []uint64{1}},
		{[]int32{1, 2}, []uint64{math.MaxInt64, 1}},
	} {
		if _, err := FromBins(c.keys, c.counts, 0, 0, 0); err == nil {
			t.Errorf("bins %v %v were accepted", c.keys, c.counts)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	var s Sketch
	b.ReportAllocs()
	for i := range b.N {
		s.Add(float64(i%1000)+0.5, 1)
	}
}

// Merging a year's hours of a busy series must stay memory-bound.
func BenchmarkMerge(b *testing.B) {
	var part, whole Sketch
	for i := range 1000 {
		part.Add(float64(i)+0.5, 1)
	}
	whole.Merge(&part)
	b.ReportAllocs()
	b.ReportMetric(float64(len(part.Keys)), "bins")
	for b.Loop() {
		whole.Merge(&part)
	}
}

func BenchmarkQuantile(b *testing.B) {
	var s Sketch
	for i := range 1000 {
		s.Add(float64(i)+0.5, 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Quantile(0.99)
	}
}
