package chunk

import (
	"fmt"
	"math"
	"slices"
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

// check codes samples and compares everything that comes back.
func check(t *rapid.T, e *Encoder, d *Decoder, times []int64, values []float64) {
	b, h := e.Append([]byte("before"), times, values)
	b = b[len("before"):]
	gotTimes, gotValues, err := d.Decode(times[0], b, []int64{1}, []float64{2})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(gotTimes[1:], times) || !sameBits(gotValues[1:], values) {
		t.Fatalf("got %v %v, want %v %v", gotTimes, gotValues, times, values)
	}
	if count, last, err := Span(times[0], b); err != nil || count != len(times) || last != times[len(times)-1] {
		t.Fatalf("span %d up to %d (%v), want %d up to %d", count, last, err, len(times), times[len(times)-1])
	}
	read, err := d.Header(times[0], b)
	if err != nil || !sameHeader(read, h) {
		t.Fatalf("header %+v (%v), want %+v", read, err, h)
	}
	want := summarize(values)
	want.Count, want.MinTime, want.MaxTime = len(times), times[0], times[len(times)-1]
	if math.IsNaN(h.Sum) && !math.IsNaN(want.Sum) {
		t.Fatalf("the sum is %v, not %v", h.Sum, want.Sum)
	}
	if want.Sum = h.Sum; !sameHeader(h, want) {
		t.Fatalf("header %+v of a chunk with %+v", h, want)
	}
}

func sameHeader(a, b Header) bool {
	return a.Count == b.Count && a.MinTime == b.MinTime && a.MaxTime == b.MaxTime &&
		sameBits([]float64{a.Min, a.Max, a.Sum, a.First, a.Last}, []float64{b.Min, b.Max, b.Sum, b.First, b.Last})
}

// anyTimes draws ascending times: regular ones, with gaps, jitter, repeats.
func anyTimes(t *rapid.T, n int) []int64 {
	times := make([]int64, n)
	at := rapid.Int64Range(-1<<50, 1<<50).Draw(t, "start")
	step := rapid.SampledFrom([]int64{0, 1, 1000, 10_000, 15_000}).Draw(t, "step")
	odd := rapid.SampledFrom([]int64{0, 0, 1, 40, 1 << 40}).Draw(t, "odd")
	for i := range times {
		times[i] = at
		at += step
		if odd > 0 && rapid.IntRange(0, 5).Draw(t, "is odd") == 0 {
			at += rapid.Int64Range(0, odd).Draw(t, "more")
		}
	}
	return times
}

func TestEveryFloatComesBackBitForBit(t *testing.T) {
	e, d := NewEncoder(), NewDecoder()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(anyFloat(), 1, 400).Draw(t, "values")
		check(t, e, d, anyTimes(t, len(values)), values)
	})
}

// Columns as they come, of every kind, with some odd values among them.
func TestColumnsWithOddValuesComeBackBitForBit(t *testing.T) {
	e, d := NewEncoder(), NewDecoder()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{1, 2, 3, 6, 64, 65, 127, 128, 129, 130, 600}).Draw(t, "samples")
		values := fleet.Column(rapid.SampledFrom(fleet.Kinds).Draw(t, "kind"), rapid.Uint64().Draw(t, "seed"), n)
		if rapid.Bool().Draw(t, "negative") {
			for i := range values {
				values[i] = -values[i]
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "odd values") {
			values[rapid.IntRange(0, n-1).Draw(t, "at")] = anyFloat().Draw(t, "value")
		}
		check(t, e, d, anyTimes(t, n), values)
	})
}

// Quotients, worked out in each of the ways that agents do.
func TestRatiosAreRecovered(t *testing.T) {
	e, d := NewEncoder(), NewDecoder()
	for formula := range byte(formulas) {
		values := make([]float64, 500)
		for i := range values {
			values[i] = ratio(formula, int64(100+i*i*7919%800), 1000+int64(i*i*31%3))
		}
		times := regular(len(values))
		b, _ := e.Append(nil, times, values)
		_, got, err := d.Decode(times[0], b, nil, nil)
		if err != nil || !sameBits(got, values) {
			t.Errorf("formula %d does not come back: %v", formula, err)
		}
		if b[0]&formMask != formRatios || len(b) > 900 {
			t.Errorf("formula %d: form %d, %d bytes for %d values", formula, b[0]&formMask, len(b), len(values))
		}
	}
}

// An agent subtracts totals in seconds, which are not exact, before it divides:
// its percentages lie some millions of floats beside the quotient.
func TestRatiosAreRecoveredUnderNoise(t *testing.T) {
	e, d := NewEncoder(), NewDecoder()
	user, total := int64(20_000_000), int64(100_000_000) // jiffies
	values := make([]float64, 500)
	for i := range values {
		lastUser, lastTotal := float64(user)/100, float64(total)/100
		user += int64(100 + i*i*7919%800)
		total += int64(1000 + i*i*31%3)
		values[i] = (float64(user)/100 - lastUser) * (100 / (float64(total)/100 - lastTotal))
	}
	times := regular(len(values))
	b, _ := e.Append(nil, times, values)
	_, got, err := d.Decode(times[0], b, nil, nil)
	if err != nil || !sameBits(got, values) {
		t.Errorf("they do not come back: %v", err)
	}
	if b[0]&formMask != formRatios || len(b) > 4*len(values) {
		t.Errorf("form %d, %d bytes for %d values", b[0]&formMask, len(b), len(values))
	}
}

// An outlier or two must not make all the others wide.
func TestOutliersAreApart(t *testing.T) {
	values := make([]float64, 128)
	for i := range values {
		values[i] = float64(i * i * 31 % 11)
	}
	e := NewEncoder()
	plain, _ := e.Append(nil, regular(128), values)
	for _, odd := range []float64{1e9, -1e9, 1 << 60, math.NaN(), 0.1, math.Pi} {
		values[77] = odd
		if b, _ := e.Append(nil, regular(128), values); len(b) > len(plain)+64 {
			t.Errorf("%d bytes with %v among them, %d without", len(b), odd, len(plain))
		}
	}
}

func TestRegularTimesTakeThreeBytes(t *testing.T) {
	e := NewEncoder()
	values := make([]float64, 5000)
	one, _ := e.Append(nil, regular(1), values[:1])
	many, _ := e.Append(nil, regular(5000), values)
	if more := len(many) - len(one); more > 3 {
		t.Errorf("5000 regular times take %d bytes more than one", more)
	}
}

func TestDecodingDoesNotAllocate(t *testing.T) {
	e, d := NewEncoder(), NewDecoder()
	for _, k := range fleet.Kinds {
		times := regular(500)
		b, _ := e.Append(nil, times, fleet.Column(k, 3, 500))
		gotTimes, gotValues, err := d.Decode(times[0], b, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(10, func() { d.Decode(times[0], b, gotTimes[:0], gotValues[:0]) }); n > 0 {
			t.Errorf("%v: %v allocations", k, n)
		}
	}
}

func TestIntegersOfEveryWidthComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		reach := int64(1) << rapid.IntRange(0, 62).Draw(t, "bits")
		draw := rapid.OneOf(rapid.Int64Range(-reach, reach-1), rapid.Int64Range(0, 3))
		if rapid.Bool().Draw(t, "outliers") {
			draw = rapid.OneOf(rapid.Int64Range(0, 9), rapid.Int64Range(0, 9), rapid.Int64Range(0, 9), draw, rapid.Int64())
		}
		want := rapid.SliceOfN(draw, 0, 300).Draw(t, "ints")
		if rapid.Bool().Draw(t, "sums") {
			for i := 1; i < len(want); i++ {
				want[i] += want[i-1]
			}
		}
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
