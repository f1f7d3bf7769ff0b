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
	every, history := o.anchor(s.Step)
	for i := first; i < len(s.Values); {
		end, begin := len(s.Values), 0
		if every > 0 {
			stretch := floor(s.Start+int64(i)*s.Step, every)
			begin = max(0, int((stretch-history-s.Start+s.Step-1)/s.Step))
			end = min(end, int((stretch+every-s.Start+s.Step-1)/s.Step))
		}
		used := o
		if o.Algorithm == Auto {
			used = s.choose(begin, i, o)
		}
		d, err := New(used, s.Step)
		if err != nil {
			return Band{}, err
		}
		for j := begin; j < end; j++ {
			e, anomalous := d.Push(s.Start+int64(j)*s.Step, s.Values[j])
			if j >= i {
				band.set(j-first, e, anomalous)
			}
		}
		band.Algorithm = used.Algorithm
		i = end
	}
	return band, nil
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
