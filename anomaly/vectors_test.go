package anomaly

import (
	"encoding/json"
	"math"
	"os"
	"testing"
	"time"
)

// vectors are cases that an independent implementation made; docs/anomaly.md
// tells how.
type vector struct {
	Name, Algo string
	Params     struct {
		W, Min, Lag, K, Bounds, Span                            float64
		Period, Buckets, M, TrendSpan, SigSpan, PhaseSpan       float64
		Phases, Seasons, Interval, Window, Critical, MinShare   float64
		Tolerance, Pct, Deviations, Horizon, Season, Share, Eps float64
		Direction, Model                                        string
	}
	X, Lower, Mid, Upper []*float64
	T                    []float64
	Flag, Alert          []*bool
	Series               [][]float64
	Outlier              []bool
	Eps, Median, Mad     float64
	Level, Slope, Sigma  float64
	Growth               float64
	Levels               []float64
	Forecast             [][3]float64
}

func vectors(t *testing.T) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []json.RawMessage
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	var out []vector
	for _, c := range file.Cases {
		var v vector
		if err := json.Unmarshal(c, &v); err != nil {
			t.Fatal(err)
		}
		var extra struct {
			Params map[string]any
		}
		if err := json.Unmarshal(c, &extra); err != nil {
			t.Fatal(err)
		}
		number := func(name string) float64 { f, _ := extra.Params[name].(float64); return f }
		v.Params.TrendSpan, v.Params.SigSpan, v.Params.PhaseSpan = number("trend_span"), number("sig_span"), number("phase_span")
		v.Params.MinShare = number("min_share")
		out = append(out, v)
	}
	if len(out) != 20 {
		t.Fatalf("%d vectors, want 20", len(out))
	}
	return out
}

func near(got, want float64) bool {
	return math.IsNaN(got) && math.IsNaN(want) || math.Abs(got-want) <= 1e-6*max(1, math.Abs(want))
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

func TestBandsAgreeWithTheReference(t *testing.T) {
	tested := 0
	for _, c := range vectors(t) {
		p := c.Params
		var push func(i int, x float64) Expectation
		switch c.Algo {
		case "basic":
			b := newBasic(basicParams{int(p.W), int(p.Min), p.K}, p.Bounds, 60_000)
			push = func(i int, x float64) Expectation { return b.push(int64(i)*60_000, x) }
		case "basic_sigma":
			s := newSigma(p.Span, int64(p.Min), p.Bounds)
			push = func(i int, x float64) Expectation { return s.push(x) }
		case "robust", "agile":
			s := newSeasonal(seasonalParams{
				period: int64(p.Period * 1000), buckets: int(p.Buckets), keep: int(p.K), level: int(p.M), seasons: int(p.Seasons),
				trendSpan: p.TrendSpan, scaleSpan: p.SigSpan, phaseSpan: p.PhaseSpan, phases: int(p.Phases), phasePeriod: int64(p.Period * 1000),
			}, p.Bounds, time.UTC)
			push = func(i int, x float64) Expectation { return s.push(int64(c.T[i]*1000), x) }
		default:
			continue
		}
		tested++
		o := Options{Direction: Direction(p.Direction)}.withDefaults()
		lower, middle, upper := floats(c.Lower), floats(c.Mid), floats(c.Upper)
		for i, x := range floats(c.X) {
			e := push(i, x)
			if !near(e.Lower, lower[i]) || !near(e.Middle, middle[i]) || !near(e.Upper, upper[i]) {
				t.Fatalf("%s: at %d: got %v, want %v, %v, %v", c.Name, i, e, lower[i], middle[i], upper[i])
			}
			if want := c.Flag[i] != nil && *c.Flag[i]; o.Anomalous(e, x) != want {
				t.Errorf("%s: flag at %d: got %v, want %v", c.Name, i, !want, want)
			}
		}
	}
	if tested != 6 {
		t.Errorf("%d vectors of bands tested, want 6", tested)
	}
}

func TestMonitorsAgreeWithTheReference(t *testing.T) {
	tested := 0
	for _, c := range vectors(t) {
		if c.Algo != "monitor" {
			continue
		}
		tested++
		rule := Rule{Bounds: 1, Window: int(c.Params.Window), Critical: c.Params.Critical}
		scores := make([]float64, len(c.Flag))
		for i, flag := range c.Flag {
			switch {
			case flag == nil:
				scores[i] = math.NaN()
			case *flag:
				scores[i] = 2
			}
			share, _, _ := rule.Share(scores[:i+1])
			want := c.Alert[i]
			if math.IsNaN(share) != (want == nil) || want != nil && (share >= rule.Critical) != *want {
				t.Errorf("%s: at %d: share %v", c.Name, i, share)
			}
		}
	}
	if tested != 2 {
		t.Errorf("%d vectors of monitors tested, want 2", tested)
	}
}

func TestOutliersAgreeWithTheReference(t *testing.T) {
	tested := 0
	for _, c := range vectors(t) {
		if c.Outlier == nil {
			continue
		}
		tested++
		got, err := FindOutliers(c.Series, OutlierOptions{Method: OutlierMethod(c.Algo), Tolerance: c.Params.Tolerance, Percent: c.Params.Pct})
		if err != nil {
			t.Fatal(err)
		}
		for g, want := range c.Outlier {
			if got.Outlier[g] != want {
				t.Errorf("%s: group %d: got %v, want %v", c.Name, g, got.Outlier[g], want)
			}
		}
		limit := c.Eps
		if c.Mad != 0 {
			limit = c.Mad * c.Params.Tolerance
		}
		if !near(got.Limit, limit) || !near(got.Median, c.Median) {
			t.Errorf("%s: limit %v, median %v, want %v, %v", c.Name, got.Limit, got.Median, limit, c.Median)
		}
	}
	if tested != 8 {
		t.Errorf("%d vectors of outliers tested, want 8", tested)
	}
}

func TestForecastsAgreeWithTheReference(t *testing.T) {
	tested := 0
	for _, c := range vectors(t) {
		if c.Forecast == nil {
			continue
		}
		tested++
		s := Series{Start: 0, Step: 60_000, Values: floats(c.X)}
		var got *Forecast
		var err error
		if c.Algo == "forecast_linear" {
			got, err = Predict(s, len(c.Forecast), ForecastOptions{Method: Linear, Model: Model(c.Params.Model), Deviations: c.Params.Deviations})
		} else {
			got, err = s.seasonalForecast(len(c.Forecast), int(c.Params.Season), ForecastOptions{Deviations: c.Params.Deviations})
		}
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		for i, want := range c.Forecast {
			if !near(got.Lower[i], want[0]) || !near(got.Middle[i], want[1]) || !near(got.Upper[i], want[2]) {
				t.Errorf("%s: at %d: got %v %v %v, want %v", c.Name, i, got.Lower[i], got.Middle[i], got.Upper[i], want)
			}
		}
		if !near(got.Sigma, c.Sigma) || !near(got.Slope, c.Slope) || !near(got.Growth, c.Growth) {
			t.Errorf("%s: sigma %v, slope %v, growth %v, want %v, %v, %v", c.Name, got.Sigma, got.Slope, got.Growth, c.Sigma, c.Slope, c.Growth)
		}
		if c.Algo == "forecast_linear" && !near(got.Level, c.Level) {
			t.Errorf("%s: level %v, want %v", c.Name, got.Level, c.Level)
		}
		for i, want := range c.Levels {
			if !near(got.Levels[i], want) {
				t.Errorf("%s: level of season %d: %v, want %v", c.Name, i, got.Levels[i], want)
			}
		}
	}
	if tested != 4 {
		t.Errorf("%d vectors of forecasts tested, want 4", tested)
	}
}
