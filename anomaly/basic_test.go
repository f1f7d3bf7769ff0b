package anomaly

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"pgregory.net/rapid"
)

// TestBasicAgreesWithTheReference compares with vectors that an independent
// implementation made; see docs/anomaly.md.
func TestBasicAgreesWithTheReference(t *testing.T) {
	raw, err := os.ReadFile("testdata/basic.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name   string
		Params struct {
			W      int
			Min    int
			K      float64
			Bounds float64
		}
		X, Lower, Mid, Upper []*float64
		Flag                 []*bool
	}
	if err := json.Unmarshal(raw, &cases); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases (error %v)", len(cases), err)
	}
	for _, c := range cases {
		got := Basic(floats(c.X), BasicOptions{Bounds: c.Params.Bounds, Window: c.Params.W, Least: c.Params.Min, Floor: c.Params.K})
		for i := range c.X {
			for _, bound := range []struct {
				name string
				got  float64
				want *float64
			}{{"lower", got.Lower[i], c.Lower[i]}, {"middle", got.Middle[i], c.Mid[i]}, {"upper", got.Upper[i], c.Upper[i]}} {
				want := floats([]*float64{bound.want})[0]
				if math.IsNaN(want) != math.IsNaN(bound.got) || math.Abs(want-bound.got) > 1e-6*max(1, math.Abs(want)) {
					t.Errorf("%s: %s at %d: got %v, want %v", c.Name, bound.name, i, bound.got, want)
				}
			}
			if want := c.Flag[i] != nil && *c.Flag[i]; got.Anomalous[i] != want {
				t.Errorf("%s: flag at %d: got %v, want %v", c.Name, i, got.Anomalous[i], want)
			}
		}
	}
}

func floats(list []*float64) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = math.NaN()
		if v != nil {
			out[i] = *v
		}
	}
	return out
}

func TestBandDependsOnNothingButThePast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-100, 100), 60, 200).Draw(t, "values")
		o := BasicOptions{Window: 40, Least: 10}
		whole := Basic(values, o)
		cut := rapid.IntRange(0, len(values)).Draw(t, "cut")
		for i, upper := range Basic(values[:cut], o).Upper {
			if upper != whole.Upper[i] && !(math.IsNaN(upper) && math.IsNaN(whole.Upper[i])) {
				t.Fatalf("the band at %d changes when more comes: %v, then %v", i, upper, whole.Upper[i])
			}
		}
		// With enough history, it does not matter where a graph begins.
		from := rapid.IntRange(0, len(values)-o.History()).Draw(t, "from")
		part := Basic(values[from:], o)
		for i := from + o.History(); i < len(values); i++ {
			if math.Abs(part.Upper[i-from]-whole.Upper[i]) > 1e-9 {
				t.Fatalf("the band at %d depends on the left edge: %v and %v", i, part.Upper[i-from], whole.Upper[i])
			}
		}
	})
}

func TestFalseAlarmsOnNoiseAreWithinTheGoal(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	values := make([]float64, 60_000)
	for i := range values {
		values[i] = r.NormFloat64()
	}
	n := 0
	for _, a := range Basic(values, BasicOptions{Bounds: 3}).Anomalous {
		if a {
			n++
		}
	}
	if share := float64(n) / float64(len(values)); share < 0.002 || share > 0.006 {
		t.Errorf("%.2f %% of noise is anomalous at 3 bounds, want 0.2 to 0.6 %%", 100*share)
	}
}

func TestConstantSeriesFlagsItsFirstChange(t *testing.T) {
	values := make([]float64, 50)
	for i := range values {
		values[i] = 7
	}
	values[49] = 8
	band := Basic(values, BasicOptions{})
	if band.Anomalous[48] || !band.Anomalous[49] {
		t.Errorf("flags %v, %v, want false, true", band.Anomalous[48], band.Anomalous[49])
	}
	if above := Basic(values, BasicOptions{Direction: Below}); above.Anomalous[49] {
		t.Error("a value above is flagged though only those below should be")
	}
}

func BenchmarkBasic(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	values := make([]float64, 10_000)
	for i := range values {
		values[i] = r.NormFloat64()
	}
	for b.Loop() {
		Basic(values, BasicOptions{})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(values)), "ns/point")
}
