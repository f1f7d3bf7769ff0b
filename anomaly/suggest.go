package anomaly

import "math"

// seasonalGain is how much smaller a seasonal detector's error must be to be
// worth its history.
const seasonalGain = 0.8

// suggestedOn is how much of the past decides.
const suggestedOn = 2 * week

// Suggestion is the algorithm that predicts a series best.
type Suggestion struct {
	Algorithm Algorithm // Basic or Agile
	// The mean absolute error of the two over the last two weeks, where both
	// had an expectation; NaN where Agile had none.
	BasicError, AgileError float64
	Enough                 bool // there were three seasons of history
}

// Suggest compares Agile with Basic on the last two weeks of a series.
func Suggest(s Series, o Options) Suggestion {
	o = o.withDefaults()
	return s.suggest(0, len(s.Values), o)
}

// choose is Auto's choice for the points after the first to of the series.
func (s Series) choose(from, to int, o Options) Options {
	o.Algorithm = s.suggest(from, to, o).Algorithm
	return o
}

func (s Series) suggest(from, to int, o Options) Suggestion {
	out := Suggestion{Algorithm: Basic, BasicError: math.NaN(), AgileError: math.NaN()}
	o.Algorithm = Agile
	agile := newSeasonal(o.seasonal(s.Step), o.Bounds, o.Zone)
	basic := newBasic(basicDefaults, o.Bounds, s.Step)
	since := s.Start + int64(to)*s.Step - suggestedOn
	n, basicError, agileError := 0, 0.0, 0.0
	begun := false
	for i := from; i < to; i++ {
		t, x := s.Start+int64(i)*s.Step, s.Values[i]
		if begun = begun || present(x); o.DefaultZero && begun && math.IsNaN(x) {
			x = 0
		}
		a, b := agile.push(t, x), basic.push(t, x)
		if t >= since && present(x) && !math.IsNaN(a.Upper) && !math.IsNaN(b.Upper) {
			n++
			agileError += math.Abs(x - a.Middle)
			basicError += math.Abs(x - b.Middle)
		}
	}
	if n < leastResiduals {
		return out
	}
	out.Enough = true
	out.BasicError, out.AgileError = basicError/float64(n), agileError/float64(n)
	if out.AgileError < seasonalGain*out.BasicError {
		out.Algorithm = Agile
	}
	return out
}
