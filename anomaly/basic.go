// Package anomaly says where the values of a series were expected: pure
// functions from values on an even grid to bands and flags. It knows no clock,
// no store and no query.
//
// Everything is lagging: the band at a point is made from the points before it
// and from nothing else, so a verdict never changes when more data comes.
package anomaly

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Direction says on which side of the band a value is anomalous.
type Direction uint8

// Both sides, or one.
const (
	Both Direction = iota
	Above
	Below
)

// Band is where each value was expected. NaN bounds mean that there was not
// enough before the point to say.
type Band struct {
	Lower, Middle, Upper []float64
	Anomalous            []bool
}

// BasicOptions of Basic. Zero fields take the defaults.
type BasicOptions struct {
	Bounds    float64   // width on each side, in standard deviations; 0: 2
	Window    int       // present points looked back on; 0: 240
	Least     int       // present points needed for a band; 0: 30
	Floor     float64   // least width, in standard deviations of the window; 0: 0.9
	Direction Direction // Both unless said otherwise
}

// History is how many points before a graph's left edge Basic needs for bands
// there that don't depend on where the edge is.
func (o BasicOptions) History() int { return o.withDefaults().Window }

func (o BasicOptions) withDefaults() BasicOptions {
	if o.Bounds == 0 {
		o.Bounds = 2
	}
	if o.Window == 0 {
		o.Window = 240
	}
	if o.Least == 0 {
		o.Least = 30
	}
	if o.Floor == 0 {
		o.Floor = 0.9
	}
	return o
}

// z90 is the standard normal distribution's 90 % quantile: the distance from
// the median to the 90 % quantile, in standard deviations.
const z90 = 1.2815515655446004

// Basic judges each value against a lagging window of the present values
// before it: the middle is their median, a side's width the distance to their
// 90 % (10 %) quantile as standard deviations of a normal distribution, but at
// least Floor times their standard deviation, and never nothing. NaN is a
// missing value: it is not judged and teaches nothing. A gap longer than the
// window starts over.
func Basic(values []float64, o BasicOptions) Band {
	o = o.withDefaults()
	n := len(values)
	band := Band{make([]float64, n), make([]float64, n), make([]float64, n), make([]bool, n)}
	w := window{size: o.Window}
	missing := 0
	for i, v := range values {
		band.Lower[i], band.Middle[i], band.Upper[i] = math.NaN(), math.NaN(), math.NaN()
		if len(w.sorted) >= o.Least {
			band.Lower[i], band.Middle[i], band.Upper[i] = w.expect(o)
			band.Anomalous[i] = o.Direction != Below && v > band.Upper[i] || o.Direction != Above && v < band.Lower[i]
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			if missing++; missing > o.Window {
				w.reset()
			}
			continue
		}
		missing = 0
		w.push(v)
	}
	return band
}

// window is the last size values, in the order they came and sorted.
type window struct {
	size   int
	recent []float64 // a ring
	next   int       // where the oldest is, once the ring is full
	sorted []float64
}

func (w *window) reset() { w.recent, w.sorted, w.next = w.recent[:0], w.sorted[:0], 0 }

func (w *window) push(v float64) {
	if len(w.recent) < w.size {
		w.recent = append(w.recent, v)
	} else {
		at, _ := slices.BinarySearch(w.sorted, w.recent[w.next])
		w.sorted = slices.Delete(w.sorted, at, at+1)
		w.recent[w.next] = v
		w.next = (w.next + 1) % w.size
	}
	at, _ := slices.BinarySearch(w.sorted, v)
	w.sorted = slices.Insert(w.sorted, at, v)
}

func (w *window) expect(o BasicOptions) (lower, middle, upper float64) {
	middle = quantile(w.sorted, 0.5)
	_, deviation := stat.PopMeanStdDev(w.sorted, nil)
	least := max(o.Floor*deviation, 1e-6*math.Abs(middle)+1e-9)
	up := max((quantile(w.sorted, 0.9)-middle)/z90, least)
	down := max((middle-quantile(w.sorted, 0.1))/z90, least)
	return middle - o.Bounds*down, middle, middle + o.Bounds*up
}

// quantile is Hyndman and Fan's type 7, which interpolates between the two
// nearest order statistics.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
