package nab

import (
	"math"

	"github.com/whippet-obs/whippet/anomaly"
)

// Detector turns a series into a score for each row.
type Detector struct {
	Name  string
	Score func(*File) []float64
}

// Detectors are those of package anomaly, each as it would rank the points of
// many series: what lies beyond the band in deviations, reported at its onset.
func Detectors() []Detector {
	banded := func(name string, o anomaly.Options) Detector {
		return Detector{name, func(f *File) []float64 { return onset(deviations(f, o)) }}
	}
	return []Detector{
		banded("basic", anomaly.Options{Algorithm: anomaly.Basic}),
		{"basic_sigma", func(f *File) []float64 {
			return onset(deviations(f, anomaly.Options{Algorithm: anomaly.BasicSigma}))
		}},
		{"basic_sigma, tail", func(f *File) []float64 {
			return onset(tail(deviations(f, anomaly.Options{Algorithm: anomaly.BasicSigma})))
		}},
		banded("agile, daily", anomaly.Options{Algorithm: anomaly.Agile, Season: anomaly.Daily, Early: true}),
		banded("robust, daily", anomaly.Options{Algorithm: anomaly.Robust, Season: anomaly.Daily, Early: true}),
		{"calibrated", func(f *File) []float64 {
			c := anomaly.NewCalibrated()
			scores := make([]float64, len(f.Values))
			for i, v := range f.Values {
				scores[i] = c.Push(f.Times[i], v).Onset
			}
			return scores
		}},
	}
}

// interval is what most rows of the corpus are apart.
const interval = 300_000

// deviations is how far each row is from the middle of its band; NaN where
// there was none.
func deviations(f *File, o anomaly.Options) []float64 {
	o.Bounds = 1
	times := f.Times
	if !o.Algorithm.Seasonal() { // the n-th row is the n-th point, however uneven the clock
		times = make([]int64, len(f.Times))
		for i := range times {
			times[i] = f.Times[0] + int64(i)*interval
		}
	}
	d, err := anomaly.New(o, interval)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	scores := make([]float64, len(f.Values))
	for i, v := range f.Values {
		e, _ := d.Push(times[i], v)
		if scores[i] = math.NaN(); e.Judged(v) {
			scores[i] = anomaly.Sigmas(e, v, 1)
		}
	}
	return scores
}

// onset reports a score only beyond the peak of what was reported, which fades.
func onset(scores []float64) []float64 {
	const fades = 350 // points
	out, peak := make([]float64, len(scores)), 0.0
	for i, s := range scores {
		peak -= peak / fades
		if s = math.Abs(s); s > peak {
			out[i], peak = s, s
		}
	}
	return out
}

// tail turns deviations into how rare they are for their series.
func tail(scores []float64) []float64 {
	var r anomaly.Rarity
	out := make([]float64, len(scores))
	for i, s := range scores {
		out[i] = r.Push(s)
	}
	return out
}
