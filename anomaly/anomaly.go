// Package anomaly says where the values of a series were expected, which of
// them fell outside, and how unusual that is: pure functions from values on an
// even grid to bands, flags, scores, forecasts and sentences. It knows no
// clock, no store and no query.
//
//	band, err := anomaly.Judge(series, from, anomaly.Options{Algorithm: anomaly.Agile, Bounds: 3})
//
// Everything is causal: the expectation at a point is made from the points
// before it and from nothing else. And everything is anchored: what a detector
// remembers reaches back to a moment that depends on the point alone, so that a
// verdict does not depend on where a graph begins, and never changes when it is
// drawn again. Judge is the batch form, Detector the streaming one; the first
// is a loop over the second.
//
// The definitions, the reference vectors and the benchmark are described in
// docs/anomaly.md.
package anomaly

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Algorithm names a detector.
type Algorithm string

// The detectors. Basic is the lagging quantile, BasicSigma the exponentially
// weighted mean and deviation; both follow the level and know no season. Robust
// and Agile compare with the same time in the seasons before; Robust keeps its
// band through a shift of level, Agile follows it within the hour. Auto is
// Agile or Basic, whichever predicted the two weeks before better.
const (
	Basic      Algorithm = "basic"
	BasicSigma Algorithm = "basic_sigma"
	Agile      Algorithm = "agile"
	Robust     Algorithm = "robust"
	Auto       Algorithm = "auto"
)

// Algorithms are the names that Options allow.
var Algorithms = []Algorithm{Basic, BasicSigma, Agile, Robust, Auto}

// Season is the length of what repeats.
type Season string

// The seasons.
const (
	Hourly Season = "hourly"
	Daily  Season = "daily"
	Weekly Season = "weekly"
)

// Seasons are the names that Options allow.
var Seasons = []Season{Hourly, Daily, Weekly}

const (
	minute = int64(60_000)
	hour   = 60 * minute
	day    = 24 * hour
	week   = 7 * day
)

func (s Season) period() int64 {
	switch s {
	case Hourly:
		return hour
	case Daily:
		return day
	}
	return week
}

// Direction says on which side of the band a value is anomalous.
type Direction string

// Both sides, or one. The zero Direction is Both.
const (
	Both  Direction = "both"
	Above Direction = "above"
	Below Direction = "below"
)

// Directions are the names that Options allow.
var Directions = []Direction{Both, Above, Below}

// Options of a detector. Zero fields take the defaults.
type Options struct {
	Algorithm Algorithm // Basic
	Bounds    float64   // width on each side, in standard deviations; 0: 2
	Direction Direction // Both

	Season Season         // of Agile, Robust and Auto; "": Weekly
	Zone   *time.Location // whose clock the season follows; nil: UTC
	// Early gives seasonal bands after two seasons instead of three.
	Early bool

	// DefaultZero takes a missing value for 0, from the first present one on.
	DefaultZero bool
	// A value this near to the middle is never anomalous: absolutely, and
	// relative to the middle.
	MinChange, MinRatio float64
}

func (o Options) withDefaults() Options {
	if o.Algorithm == "" {
		o.Algorithm = Basic
	}
	if o.Bounds == 0 {
		o.Bounds = 2
	}
	if o.Direction == "" {
		o.Direction = Both
	}
	if o.Season == "" {
		o.Season = Weekly
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return o
}

// Validate says which option is not allowed, and what is.
func (o Options) Validate() error {
	o = o.withDefaults()
	if err := oneOf("algorithm", o.Algorithm, Algorithms); err != nil {
		return err
	}
	if err := oneOf("direction", o.Direction, Directions); err != nil {
		return err
	}
	if err := oneOf("seasonality", o.Season, Seasons); err != nil {
		return err
	}
	for _, n := range []struct {
		name  string
		value float64
	}{{"bounds", o.Bounds}, {"min_change", o.MinChange}, {"min_ratio", o.MinRatio}} {
		if !(n.value >= 0) || math.IsInf(n.value, 0) {
			return fmt.Errorf("%s: want a number above 0, found %v", n.name, n.value)
		}
	}
	return nil
}

func oneOf[T ~string](name string, value T, allowed []T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = "'" + string(a) + "'"
	}
	return fmt.Errorf("%s: allowed are %s, found %q", name, strings.Join(names, ", "), value)
}

// Seasonal reports whether the algorithm needs seasons of history.
func (a Algorithm) Seasonal() bool { return a == Agile || a == Robust || a == Auto }

// Expectation is what was expected of a value before it was seen. NaN bounds
// mean that there was not enough before it to say.
type Expectation struct {
	Lower, Middle, Upper float64
	Points               int // present values that it stands on
}

var nothing = Expectation{Lower: math.NaN(), Middle: math.NaN(), Upper: math.NaN()}

// Judged reports whether x can be judged by e: there is a value, and a band.
func (e Expectation) Judged(x float64) bool { return !math.IsNaN(x) && !math.IsNaN(e.Upper) }

// edge is how far beyond the band a value must be, relative to its width:
// equal to the edge is normal, however the sum was rounded.
const edge = 1e-9

// Anomalous reports whether x is outside, by the options' direction and least
// change.
func (o Options) Anomalous(e Expectation, x float64) bool {
	slack := edge * (e.Upper - e.Lower)
	above := x > e.Upper+slack && o.Direction != Below
	below := x < e.Lower-slack && o.Direction != Above
	if !above && !below {
		return false
	}
	off := math.Abs(x - e.Middle)
	return off >= o.MinChange && off >= o.MinRatio*math.Abs(e.Middle)
}

// floorOf is the least deviation that a band may have around a middle: a
// constant series then flags its first change, and nothing is divided by zero.
func floorOf(middle float64) float64 { return 1e-6*math.Abs(middle) + 1e-9 }

// present reports whether a detector may learn from x.
func present(x float64) bool { return x-x == 0 }
