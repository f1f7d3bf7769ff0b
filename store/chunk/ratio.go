package chunk

import (
	"math"
	"slices"
)

// Shares and percentages are quotients of integers: busy and all jiffies, used
// and all blocks. Those hold far less than the 52 bits of the quotient. A
// column of ratios is
//
//	formula u8, plus hasRare | rare values if flagged |
//	numerators, integers | denominators, integers | corrections, integers
//
// where a correction is how many floats the value lies above what the formula
// gives: zero when it is the one that was used to make the value.
const formulas = 4

// ratio works out a formula.
func ratio(formula byte, n, d int64) float64 {
	switch formula {
	case 0:
		return float64(n) / float64(d)
	case 1:
		return float64(n) / float64(d) * 100
	case 2:
		return 100 * float64(n) / float64(d)
	default:
		return float64(n) * (100 / float64(d))
	}
}

// maxRatio bounds numerators and denominators.
const maxRatio = 1 << 31

// fraction finds the simplest n/d, d > 0, that is x or very near, by continued
// fractions: so near that there is no doubt that x was made from n and d or
// multiples of them.
func fraction(x float64) (n, d int64, ok bool) {
	if !(x > 0 && x < maxRatio) {
		return 0, 0, false
	}
	rest := x
	n0, d0, n1, d1 := int64(0), int64(1), int64(1), int64(0)
	for range 24 {
		whole := math.Floor(rest)
		if !(whole < maxRatio) {
			return 0, 0, false
		}
		k := int64(whole)
		n0, d0, n1, d1 = n1, d1, k*n1+n0, k*d1+d0
		if n1 >= maxRatio || d1 >= maxRatio {
			return 0, 0, false
		}
		// A float at random lies as near as this to few fractions of that size.
		off := math.Abs(float64(n1)/float64(d1) - x)
		if off <= 0x1p-51*x || off*float64(d1)*float64(d1) <= 0x1p-8 && off <= 0x1p-26*x {
			return n1, d1, true
		}
		if rest -= whole; rest == 0 {
			return 0, 0, false
		}
		rest = 1 / rest
	}
	return 0, 0, false
}

// toRatios leaves numerators, denominators and corrections of v in e.ratios,
// the formula in e.formula, and the places of values that have none in e.rare.
// It gives up when they are many.
func (e *Encoder) toRatios(v []float64) bool {
	if len(v) < 4 {
		return false
	}
	var sample [sampleLen]float64
	n := 0
	for i := 0; i < len(v) && n < sampleLen; i += 1 + len(v)/sampleLen {
		sample[n] = v[i]
		n++
	}
	var usuals [formulas]int64
	usuals[0] = usualDenominator(sample[:n], 1)
	usuals[1] = usualDenominator(sample[:n], 100)
	usuals[2], usuals[3] = usuals[1], usuals[1]
	most, least, usual := -1, math.MaxFloat64, int64(0)
	for f := range byte(formulas) {
		if usuals[f] == 0 {
			continue
		}
		right, sum := 0, 0.0
		for _, x := range sample[:n] {
			n, d := apart(x, f, usuals[f])
			if ratio(f, n, d) == x {
				right++
			}
			sum += math.Abs(float64(n)) + float64(d)
		}
		if right > most || right == most && sum < least {
			most, least, usual, e.formula = right, sum, usuals[f], f
		}
	}
	return usual > 0 && e.setRatios(v, usual)
}

// sampleLen is how many values are looked at before a column is tried.
const sampleLen = 16

// scaleOf is what a formula multiplies the quotient by.
func scaleOf(formula byte) float64 {
	if formula == 0 {
		return 1
	}
	return 100
}

// usualDenominator finds the denominator that most of v, divided by scale, have.
// Some show a divisor of theirs, where numerator and denominator have one in
// common. It returns 0 where half have none at all.
func usualDenominator(v []float64, scale float64) (usual int64) {
	var found [sampleLen]int64
	n := 0
	for i, x := range v {
		if i == len(v)/4 && n == 0 {
			return 0
		}
		if _, d, ok := fraction(math.Abs(x) / scale); ok {
			found[n] = d
			n++
		}
	}
	if n < 2 || n < len(v)/2 {
		return 0
	}
	slices.Sort(found[:n])
	most := 0
	for i := 0; i < n; {
		j := i
		for j < n && found[j] == found[i] {
			j++
		}
		if j-i >= max(2, most) && found[i] > 1 { // of equals the greatest
			most, usual = j-i, found[i]
		}
		i = j
	}
	return usual
}

// apart splits x into a numerator and a denominator at or near the usual one.
func apart(x float64, formula byte, usual int64) (n, d int64) {
	quotient := math.Abs(x) / scaleOf(formula)
	n = int64(math.Round(quotient * float64(usual)))
	d = usual
	if ratio(formula, n, d) != math.Abs(x) {
		if n1, d1, ok := fraction(quotient); ok && d1 <= 2*usual {
			times := max(1, (usual+d1/2)/d1)
			if near := d1 * times; usual-usual/16 <= near && near <= usual+usual/16 {
				n, d = n1*times, near
			}
		}
	}
	if x < 0 {
		n = -n
	}
	return n, d
}

// maxCorrection bounds corrections to what leaves something to gain.
const maxCorrection = 1 << 24

func (e *Encoder) setRatios(v []float64, usual int64) bool {
	ns, ds, cs := e.ratios[0][:0], e.ratios[1][:0], e.ratios[2][:0]
	e.rare = e.rare[:0]
	for i, x := range v {
		n, d, c := int64(0), usual, int64(0)
		fits := math.Abs(x) < maxRatio && (x != 0 || !math.Signbit(x))
		if fits {
			n, d = apart(x, e.formula, usual)
			c = int64(math.Float64bits(x) - math.Float64bits(ratio(e.formula, n, d)))
			fits = -maxCorrection < c && c < maxCorrection
		}
		if !fits {
			if e.rare = append(e.rare, i); len(e.rare) > len(v)/8 {
				return false
			}
			n, d, c = 0, usual, 0
			if i > 0 {
				n = ns[i-1]
			}
		}
		ns, ds, cs = append(ns, n), append(ds, d), append(cs, c)
	}
	e.ratios = [3][]int64{ns, ds, cs}
	return true
}

func (e *Encoder) appendRatios(b []byte, v []float64) []byte {
	head := e.formula
	if len(e.rare) > 0 {
		head |= hasRare
	}
	b = e.appendRare(append(b, head), v)
	for _, column := range e.ratios {
		b = e.ints.append(b, column)
	}
	return b
}

func (d *Decoder) decodeRatios(dst []float64, b []byte) error {
	if len(b) == 0 || b[0]&^hasRare >= formulas {
		return errCorrupt
	}
	formula := b[0] &^ hasRare
	rare, b, err := splitRare(b[0], b[1:], len(dst))
	if err != nil {
		return err
	}
	ns, ds := d.integers(0, len(dst)), d.integers(1, len(dst))
	if b, err = decodeInts(ns, b); err != nil {
		return err
	}
	if b, err = decodeInts(ds, b); err != nil {
		return err
	}
	for i, n := range ns {
		dst[i] = ratio(formula, n, ds[i])
	}
	cs := ns
	if b, err = decodeInts(cs, b); err != nil || len(b) > 0 {
		return errCorrupt
	}
	for i, c := range cs {
		dst[i] = math.Float64frombits(math.Float64bits(dst[i]) + uint64(c))
	}
	return setRare(dst, rare)
}
