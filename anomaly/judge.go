package anomaly

import (
	"fmt"
	"math"
)

// Series is values on an even grid: the first at Start, then one every Step
// (ms since the epoch, ms). NaN is a missing value.
type Series struct {
	Start, Step int64
	Values      []float64
}

// Band is where each value was expected, and whether it was there. NaN bounds
// mean that there was not enough before the point to say.
type Band struct {
	Lower, Middle, Upper []float64
	Anomalous            []bool
	Points               []int // present values that each bound stands on
	// Algorithm is the one that made the last band: what Auto chose, or Basic
	// where a seasonal one had no band yet and was to be bridged.
	Algorithm Algorithm
}

func newBand(n int) Band {
	return Band{make([]float64, n), make([]float64, n), make([]float64, n), make([]bool, n), make([]int, n), ""}
}

func (b *Band) set(i int, e Expectation, anomalous bool) {
	b.Lower[i], b.Middle[i], b.Upper[i], b.Anomalous[i], b.Points[i] = e.Lower, e.Middle, e.Upper, anomalous, e.Points
}

// anchor is how a detector's memory is bounded: the points of each stretch of
// every ms (counted from the epoch) are judged by a detector that began history
// ms before the stretch. Every 0: history before any point is the same as all.
func (o Options) anchor(step int64) (every, history int64) {
	switch o.Algorithm {
	case BasicSigma: // after ten spans, what was before weighs 2e-9
		return 10 * sigmaSpan * step, 10 * sigmaSpan * step
	case Agile, Robust, Auto:
		switch o.Season {
		case Hourly:
			return day, 4 * day
		case Daily:
			return week, 2 * week
		default:
			return week, 6 * week
		}
	}
	return 0, basicDefaults.history() * step
}

// Start is where values must begin (ms), for Judge to say what it always says
// about points from from on. It lies on the grid of multiples of step.
func (o Options) Start(from, step int64) int64 {
	o = o.withDefaults()
	every, history := o.anchor(step)
	if every > 0 {
		from = floor(from, every)
	}
	return floor(from-history+step-1, step)
}

func floor(t, step int64) int64 { return t - mod(t, step) }

// Judge gives the band of the points from from (ms) on. The series must begin
// at o.Start(from) for verdicts that don't depend on from; where it begins
// later, there is no more to know.
func Judge(s Series, from int64, o Options) (Band, error) {
	o = o.withDefaults()
	if err := o.Validate(); err != nil {
		return Band{}, err
	}
	if s.Step <= 0 {
		return Band{}, fmt.Errorf("interval: want ms above 0, found %d", s.Step)
	}
	first := max(0, int((from-s.Start+s.Step-1)/s.Step))
	band := newBand(max(0, len(s.Values)-first))
	for i := first; i < len(s.Values); {
		at := s.Start + int64(i)*s.Step
		d, begin, err := s.Detector(at, o)
		if err != nil {
			return Band{}, err
		}
		end := len(s.Values)
		if stretch := o.StretchEnd(at, s.Step); stretch < s.Start+int64(end)*s.Step {
			end = int((stretch - s.Start + s.Step - 1) / s.Step)
		}
		for j := begin; j < end; j++ {
			e, anomalous := d.Push(s.Start+int64(j)*s.Step, s.Values[j])
			if j >= i {
				band.set(j-first, e, anomalous)
			}
		}
		band.Algorithm = d.options.Algorithm
		i = end
	}
	return band, nil
}

// Detector returns the detector that judges the point at at (ms), unfed, and
// the index of the first value to feed it with. It serves until StretchEnd.
func (s Series) Detector(at int64, o Options) (d *Detector, begin int, err error) {
	o = o.withDefaults()
	if every, history := o.anchor(s.Step); every > 0 {
		stretch := floor(at, every)
		begin = max(0, int((stretch-history-s.Start+s.Step-1)/s.Step))
		if o.Algorithm == Auto {
			end := min(len(s.Values), max(begin, int((stretch-s.Start+s.Step-1)/s.Step)))
			o = s.choose(begin, end, o)
		}
	}
	d, err = New(o, s.Step)
	return d, begin, err
}

// StretchEnd is until when (ms) the detector that judges the point at at serves.
func (o Options) StretchEnd(at, step int64) int64 {
	every, _ := o.withDefaults().anchor(step)
	if every == 0 {
		return math.MaxInt64
	}
	return floor(at, every) + every
}

// ZeroFill replaces what is missing after the first present value, as detectors
// with DefaultZero see it.
func ZeroFill(values []float64) {
	begun := false
	for i, v := range values {
		if begun = begun || present(v); begun && math.IsNaN(v) {
			values[i] = 0
		}
	}
}
