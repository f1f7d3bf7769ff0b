package chunk

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestColumnsComeBackBitForBit(t *testing.T) {
	e, d := NewEncoder(), NewDecoder()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(3.5)), 1, 400).Draw(t, "values")
		got := make([]float64, len(values))
		if err := d.Floats(got, e.AppendFloats(nil, values)); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if math.Float64bits(got[i]) != math.Float64bits(v) {
				t.Fatalf("value %d: %v, want %v", i, got[i], v)
			}
		}
	})
}

func FuzzFloats(f *testing.F) {
	f.Add(3, NewEncoder().AppendFloats(nil, []float64{1, 2.5, math.Pi}))
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, n int, b []byte) {
		if n < 0 || n > 4096 {
			return
		}
		d.Floats(make([]float64, n), b)
	})
}
