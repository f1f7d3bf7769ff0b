package chunk

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/whippet-obs/whippet/bench/fleet"
	"github.com/whippet-obs/whippet/store/sketch"
)

func sameBits(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Float64bits(a[i]) != math.Float64bits(b[i]) {
			return false
		}
	}
	return true
}

// anyFloat draws floats of every sort, odd ones often.
func anyFloat() *rapid.Generator[float64] {
	return rapid.OneOf(
		rapid.Map(rapid.Uint64(), math.Float64frombits),
		rapid.Map(rapid.Int64Range(-1e6, 1e6), func(n int64) float64 { return float64(n) / 100 }),
		rapid.Map(rapid.Int64(), func(n int64) float64 { return float64(n) }),
		rapid.SampledFrom([]float64{
			0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(0x7ff8000000000dd5), math.Inf(1), math.Inf(-1),
			math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, math.MaxFloat64, 1 << 53, 1<<53 + 2, 1e-300, 0.1 + 0.2,
		}),
	)
}

func TestEveryFloatComesBackBitForBit(t *testing.T) {
	e, d := NewEncoder(), NewDecoder()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(anyFloat(), 1, 400).Draw(t, "values")
		times := make([]int64, len(values))
		at := rapid.Int64Range(-1<<50, 1<<50).Draw(t, "start")
		for i := range times {
			times[i] = at
			at += rapid.OneOf(rapid.Just(int64(10_000)), rapid.Int64Range(1, 1<<40)).Draw(t, "step")
		}
		b, h := e.Append(nil, times, values)
		gotTimes, gotValues, err := d.Decode(times[0], b, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(gotTimes) != fmt.Sprint(times) || !sameBits(gotValues, values) {
			t.Fatalf("got %v %v, want %v %v", gotTimes, gotValues, times, values)
		}
		if h.Count != len(values) || h.MinTime != times[0] || h.MaxTime != times[len(times)-1] {
			t.Fatalf("header %+v of %d samples from %d to %d", h, len(values), times[0], times[len(times)-1])
		}
	})
}

func TestIntegersOfEveryWidthComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.OneOf(rapid.Int64(), rapid.Int64Range(-3, 3)), 0, 300).Draw(t, "ints")
		b := new(ints).append(nil, want)
		got := make([]int64, len(want))
		rest, err := decodeInts(got, append(b, 0xee))
		if err != nil || len(rest) != 1 {
			t.Fatalf("rest %v, error %v", rest, err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestSketchesComeBack(t *testing.T) {
	e, d := NewEncoder(), NewDecoder()
	var want []*sketch.Sketch
	var times []int64
	for i := range 50 {
		s := &sketch.Sketch{}
		for v := range 20 {
			s.Add(float64(i*v), 1)
		}
		want, times = append(want, s), append(times, int64(i)*10_000)
	}
	b, h := e.AppendSketches(nil, times, want)
	gotTimes, got, err := d.DecodeSketches(times[0], b, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(gotTimes) != 50 || h.Count != 50 || h.Min != 0 || h.Max != 49*19 {
		t.Errorf("got %d times, header %+v", len(gotTimes), h)
	}
	for i := range want {
		if fmt.Sprint(*got[i]) != fmt.Sprint(*want[i]) {
			t.Errorf("sketch %d: got %v, want %v", i, *got[i], *want[i])
		}
	}
}

func FuzzDecode(f *testing.F) {
	e := NewEncoder()
	for _, k := range fleet.Kinds {
		for _, n := range []int{1, 5, 200} {
			b, _ := e.Append(nil, regular(n), fleet.Column(k, 1, n))
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewDecoder()
		times, values, err := d.Decode(0, b, nil, nil)
		if err == nil && len(times) != len(values) {
			t.Fatalf("%d times, %d values", len(times), len(values))
		}
		count, last, err2 := Span(0, b)
		if err == nil && (err2 != nil || count != len(times) || last != times[count-1]) {
			t.Fatalf("%d times up to %d, the span says %d up to %d", len(times), times[len(times)-1], count, last)
		}
		d.Header(0, b)
		d.DecodeSketches(0, b, nil, nil)
	})
}

func regular(n int) []int64 {
	times := make([]int64, n)
	for i := range times {
		times[i] = fleet.Start + int64(i)*fleet.Interval
	}
	return times
}
