package anomaly

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSelectionFindsTheMedian(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-10, 10), 1, 60).Draw(t, "values")
		want := quantile(slices.Sorted(slices.Values(values)), 0.5)
		if got := selectMedian(values); math.Abs(got-want) > 1e-12 {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
	if got := selectMedian(nil); !math.IsNaN(got) {
		t.Errorf("of nothing: %v", got)
	}
}

func TestForecastSaysWhenADiskIsFull(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	s := Series{Start: 0, Step: hour}
	for i := range 200 {
		s.Values = append(s.Values, 50+0.1*float64(i)+0.2*r.NormFloat64())
	}
	f, err := Predict(s, 500, ForecastOptions{Method: Linear})
	if err != nil {
		t.Fatal(err)
	}
	// 70 at hour 200, 0.1 an hour: 90 at hour 400.
	at, ok := f.Reaches(f.Middle, 90, false)
	if !ok || math.Abs(float64(at/hour)-400) > 25 {
		t.Errorf("90 is reached at hour %d, want about 400", at/hour)
	}
	if edge, _ := f.Reaches(f.Upper, 90, false); edge >= at {
		t.Error("the edge of the interval is not there first")
	}
	if _, ok := f.Reaches(f.Lower, 0, true); ok {
		t.Error("it sinks to 0")
	}
}

func TestForecastNeedsHistory(t *testing.T) {
	if _, err := Predict(Series{0, hour, []float64{1, math.NaN()}}, 5, ForecastOptions{}); !errors.Is(err, ErrShort) {
		t.Errorf("one point: %v", err)
	}
	week := make([]float64, 7*24)
	if _, err := Predict(Series{0, hour, week}, 5, ForecastOptions{Method: Seasonal}); !errors.Is(err, ErrSeasons) {
		t.Errorf("one season: %v", err)
	}
	if err := (ForecastOptions{Method: "magic"}).Validate(); err == nil || !strings.Contains(err.Error(), "'linear', 'seasonal'") {
		t.Errorf("magic: %v", err)
	}
}

func TestOutliersAreNotThoseWhoStopped(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	groups := make([][]float64, 6)
	for g := range groups {
		for range 40 {
			groups[g] = append(groups[g], 100+r.NormFloat64())
		}
	}
	for i := range groups[5] {
		groups[5][i] += 50
	}
	for i := 10; i < 40; i++ {
		groups[4][i] = math.NaN()
	}
	for _, method := range OutlierMethods {
		got, err := FindOutliers(groups, OutlierOptions{Method: method, Tolerance: 3})
		if err != nil {
			t.Fatal(err)
		}
		if want := []bool{false, false, false, false, false, true}; !slices.Equal(got.Outlier, want) {
			t.Errorf("%s: %v, want %v", method, got.Outlier, want)
		}
	}
	if got, err := FindOutliers(groups[3:], OutlierOptions{Method: DBSCAN}); err != nil || !got.Few {
		t.Errorf("two groups to compare: %+v, %v", got, err)
	}
}

func TestTrendsAreLines(t *testing.T) {
	values := make([]float64, 100)
	for i := range values {
		values[i] = 3 + 2*float64(i)
	}
	for i := 30; i < 45; i++ {
		values[i] += 500
	}
	values[60] = math.NaN()
	plain, robust := slices.Clone(values), slices.Clone(values)
	TrendLine(plain)
	RobustTrend(robust)
	if slope := plain[99] - plain[98]; math.Abs(slope-2) < 0.05 {
		t.Errorf("the spikes don't turn the least-squares line: slope %v", slope)
	}
	if slope := robust[99] - robust[98]; math.Abs(slope-2) > 0.02 || math.Abs(robust[60]-123) > 3 {
		t.Errorf("robust: slope %v, %v at 60, want 2 and 123", slope, robust[60])
	}
}

func TestPiecewiseConstantFindsTheSteps(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	values := make([]float64, 300)
	for i := range values {
		level := 10.0
		if i >= 100 {
			level = 20
		}
		if i >= 220 {
			level = 5
		}
		values[i] = level + r.NormFloat64()
	}
	values[50] = math.NaN()
	PiecewiseConstant(values)
	var steps []int
	for i := 1; i < len(values); i++ {
		if values[i] != values[i-1] {
			steps = append(steps, i)
		}
	}
	if !slices.Equal(steps, []int{100, 220}) {
		t.Errorf("steps at %v, want 100 and 220", steps)
	}
	if math.Abs(values[0]-10) > 0.5 || math.Abs(values[150]-20) > 0.5 || math.Abs(values[299]-5) > 0.5 {
		t.Errorf("levels %v, %v, %v", values[0], values[150], values[299])
	}
}

func TestChangesAreFoundWhereTheyHappened(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	s := Series{Start: 0, Step: minute}
	for i := range 3000 {
		v := 10 + r.NormFloat64()
		if i >= 1200 {
			v += 15
		}
		if i >= 2200 {
			v -= 30
		}
		s.Values = append(s.Values, v)
	}
	got := Changes(s)
	if len(got) != 2 {
		t.Fatalf("changes %+v, want two", got)
	}
	for i, want := range []struct{ at, before, after float64 }{{1200, 10, 25}, {2200, 25, -5}} {
		if math.Abs(float64(got[i].At/minute)-want.at) > 3 || math.Abs(got[i].Before-want.before) > 1 || math.Abs(got[i].After-want.after) > 1 {
			t.Errorf("change %d: %+v, want %+v", i, got[i], want)
		}
	}
}

func TestSentencesArePlain(t *testing.T) {
	show := func(v float64) string { return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".") }
	x := Explanation{Value: 412, Lower: 180, Middle: 255, Upper: 330, Sigmas: 6.28, Anomalous: true, Algorithm: Robust, Season: Daily, Points: 8640, Step: minute}
	for _, c := range []struct {
		change func(*Explanation)
		want   string
	}{
		{func(*Explanation) {}, "412 is 6.3 sigmas above the 255 expected here (180 to 330), going by the same time on the days before: 8,640 points 1 min apart."},
		{func(x *Explanation) { x.Value, x.Sigmas, x.Season, x.Algorithm = 100, -6.2, "", Basic }, "100 is 6.2 sigmas below the 255 expected here (180 to 330), going by the values before it: 8,640 points 1 min apart."},
		{func(x *Explanation) { x.Value, x.Sigmas, x.Anomalous = 260, 0.2, false }, "260 is as expected here (180 to 330), going by the same time on the days before: 8,640 points 1 min apart."},
		{func(x *Explanation) { x.Upper = math.NaN() }, "412 can't be judged yet: a band needs three days of history."},
		{func(x *Explanation) { x.Value = math.NaN() }, "There is no value here to judge."},
	} {
		y := x
		c.change(&y)
		if got := y.Sentence(show); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	s := Series{Start: 0, Step: minute}
	for i := range 300 {
		s.Values = append(s.Values, float64(i%7))
	}
	s.Values[290] = 100
	band, err := Judge(s, 0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "The grey band is where values were expected: 2 standard deviations on each side of the median of the 240 points before (4 h at 1 min); 1 of 270 points (0.4 %) fell outside."
	if got := band.Summary(s.Values, s.Step, Options{}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
