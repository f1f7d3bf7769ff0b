package anomaly

import (
	"errors"
	"fmt"
	"math"
)

// Detector is the streaming form of an algorithm: the state of one series, fed
// with its points in order, at one interval. It allocates nothing per point.
type Detector struct {
	options  Options
	step     int64
	begun    bool // a present value has come: from here on missing may mean 0
	basic    *basic
	sigma    *sigma
	seasonal *seasonal
}

// New returns the detector for series whose points are step ms apart. The
// options must be valid; Auto is a choice between two detectors (see Suggest),
// and not one itself.
func New(o Options, step int64) (*Detector, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if step <= 0 {
		return nil, fmt.Errorf("interval: want ms above 0, found %d", step)
	}
	o = o.withDefaults()
	d := &Detector{options: o, step: step}
	switch o.Algorithm {
	case Basic:
		d.basic = newBasic(basicDefaults, o.Bounds, step)
	case BasicSigma:
		d.sigma = newSigma(sigmaSpan, sigmaLeast, o.Bounds)
	case Agile, Robust:
		d.seasonal = newSeasonal(o.seasonal(step), o.Bounds, o.Zone)
	default:
		return nil, errors.New("auto is not a detector: choose one with Suggest")
	}
	return d, nil
}

// Algorithm is the detector's.
func (d *Detector) Algorithm() Algorithm { return d.options.Algorithm }

// Takes is the value that the detector learns for x: 0 for a missing one, if
// the options want that and a value has come before.
func (d *Detector) Takes(x float64) float64 {
	switch {
	case present(x):
		d.begun = true
	case d.options.DefaultZero && d.begun && math.IsNaN(x):
		return 0
	}
	return x
}

// Push says what was expected at time t (ms), whether x is anomalous, and
// learns x. NaN is a missing value: it is not judged and teaches nothing.
func (d *Detector) Push(t int64, x float64) (e Expectation, anomalous bool) {
	x = d.Takes(x)
	switch {
	case d.basic != nil:
		e = d.basic.push(t, x)
	case d.sigma != nil:
		e = d.sigma.push(x)
	default:
		e = d.seasonal.push(t, x)
	}
	return e, d.options.Anomalous(e, x)
}

// AppendState appends the detector's state to b, in a form for Restore.
func (d *Detector) AppendState(b []byte) []byte {
	begun := byte(0)
	if d.begun {
		begun = 1
	}
	b = append(b, stateVersion, begun)
	switch {
	case d.basic != nil:
		return d.basic.appendState(b)
	case d.sigma != nil:
		return appendFixed(b, d.sigma.mean, d.sigma.variance, d.sigma.n)
	default:
		return d.seasonal.appendState(b)
	}
}

// Restore takes over a state that AppendState wrote for the same options and
// interval.
func (d *Detector) Restore(state []byte) error {
	if len(state) < 2 || state[0] != stateVersion {
		return errors.New("restore detector: not a state of this version")
	}
	r := &stateReader{state[2:], nil}
	switch {
	case d.basic != nil:
		d.basic.restore(r)
	case d.sigma != nil:
		r.read(&d.sigma.mean, &d.sigma.variance, &d.sigma.n)
	default:
		d.seasonal.restore(r)
	}
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("%d bytes too many", len(r.rest))
	}
	if r.err != nil {
		return fmt.Errorf("restore detector: %w", r.err)
	}
	d.begun = state[1] == 1
	return nil
}
