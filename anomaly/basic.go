package anomaly

import (
	"math"
	"slices"
)

// z90 is the standard normal distribution's 90 % quantile: the distance from
// the median to the 90 % quantile, in standard deviations.
const z90 = 1.2815515655446004

// basicParams are basic's definition: the values looked back on, how many a
// band needs, and the least width of a side in deviations of the window. The
// last keeps half-constant series from alarming.
type basicParams struct {
	window, least int
	floor         float64
}

var basicDefaults = basicParams{window: 240, least: 30, floor: 0.9}

// resum is how many steps pass between two exact sums over the window. They
// happen at multiples of it, so that the rounding in between does not depend on
// where the series began.
const resum = 64

// basic judges each value against the last values present: the middle is their
// median, a side's width the distance to their 90 % (10 %) quantile as standard
// deviations of a normal distribution, but at least floor times their standard
// deviation. A gap longer than the window starts over, and what is older than
// two windows is forgotten.
type basic struct {
	basicParams
	bounds float64
	step   int64

	values []float64 // a ring of the last window values
	ages   []int64   // the grid index of each
	oldest int       // where the ring begins, once it is full or was trimmed
	n      int
	sorted []float64
	last   int64 // index of the newest value
	shift  float64
	sum    float64 // of the values less shift
	square float64 // of their squares
}

func newBasic(p basicParams, bounds float64, step int64) *basic {
	return &basic{
		basicParams: p, bounds: bounds, step: step,
		values: make([]float64, p.window), ages: make([]int64, p.window), sorted: make([]float64, 0, p.window),
	}
}

// history is what basic can remember, in steps.
func (p basicParams) history() int64 { return int64(3*p.window + resum) }

func (b *basic) push(t int64, x float64) Expectation {
	index := t / b.step
	if b.n > 0 {
		if index-b.last > int64(b.window)+1 {
			b.n, b.oldest, b.sorted = 0, 0, b.sorted[:0]
			b.sum, b.square = 0, 0
		}
		for b.n > 0 && index-b.ages[b.oldest] > 2*int64(b.window) {
			b.drop()
		}
	}
	if index%resum == 0 {
		b.resum()
	}
	e := nothing
	if b.n >= b.least {
		e = b.expect()
	}
	if present(x) {
		b.add(index, x)
	}
	return e
}

func (b *basic) add(index int64, x float64) {
	if b.n == b.window {
		b.replace(index, x)
	} else {
		at := (b.oldest + b.n) % b.window
		b.values[at], b.ages[at] = x, index
		b.n++
		b.sorted = slices.Insert(b.sorted, rank(b.sorted, x), x)
	}
	b.last = index
	d := x - b.shift
	b.sum += d
	b.square += d * d
}

func (b *basic) drop() {
	x := b.forget()
	i := rank(b.sorted, x)
	b.sorted = slices.Delete(b.sorted, i, i+1)
	b.n--
}

// forget takes the oldest value out of the ring and the sums.
func (b *basic) forget() float64 {
	x := b.values[b.oldest]
	if b.oldest++; b.oldest == b.window {
		b.oldest = 0
	}
	d := x - b.shift
	b.sum -= d
	b.square -= d * d
	return x
}

// replace puts x where the oldest value of a full ring was.
func (b *basic) replace(index int64, x float64) {
	at := b.oldest
	old := b.forget()
	b.values[at], b.ages[at] = x, index
	exchange(b.sorted, old, x)
}

// exchange puts x into a sorted list for old, which is in it: one move of what
// lies between the two.
func exchange(sorted []float64, old, x float64) {
	from, to := rank(sorted, old), rank(sorted, x)
	if from < to { // to-1 is x's place once old is gone
		copy(sorted[from:to-1], sorted[from+1:to])
		sorted[to-1] = x
		return
	}
	copy(sorted[to+1:from+1], sorted[to:from])
	sorted[to] = x
}

// rank is where x stands, or would, in a sorted list. The search has no branch
// that a processor could guess wrong.
func rank(sorted []float64, x float64) int {
	low, n := 0, len(sorted)
	for n > 1 {
		half := n >> 1
		if sorted[low+half-1] < x {
			low += half
		}
		n -= half
	}
	if n == 1 && sorted[low] < x {
		low++
	}
	return low
}

func (b *basic) resum() {
	b.sum, b.square = 0, 0
	if b.n == 0 {
		return
	}
	b.shift = b.sorted[b.n/2]
	for i := range b.n {
		d := b.values[(b.oldest+i)%b.window] - b.shift
		b.sum += d
		b.square += d * d
	}
}

func (b *basic) expect() Expectation {
	middle := quantile(b.sorted, 0.5)
	mean := b.sum / float64(b.n)
	deviation := math.Sqrt(max(b.square/float64(b.n)-mean*mean, 0))
	least := max(b.floor*deviation, floorOf(middle))
	up := max((quantile(b.sorted, 0.9)-middle)/z90, least)
	down := max((middle-quantile(b.sorted, 0.1))/z90, least)
	return Expectation{middle - b.bounds*down, middle, middle + b.bounds*up, b.n}
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
