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
		// A float at random lies as near as this to one of a few thousand times
		// fewer fractions of that size.
		off := math.Abs(float64(n1)/float64(d1) - x)
		if off <= 0x1p-51*x || off*float64(d1)*float64(d1) <= 0x1p-14 && off <= 0x1p-30*x {
			return n1, d1, true
		}
		if rest -= whole; rest == 0 {
			return 0, 0, false
		}
		rest = 1 / rest
	}
	return 0, 0, false
}

// toRatios leaves numerators, denominators and corrections of v in e.ratios and
// the places of values that have none in e.rare, the formula in e.formula. It
// gives up when they are many.
func (e *Encoder) toRatios(v []float64) bool {
	if len(v) < 4 {
		return false
	}
	for _, scale := range [...]float64{1, 100} {
		if usual, ok := usualDenominator(v, scale); ok {
			e.formula = bestFormula(v, scale, usual)
			return e.setRatios(v, scale, usual)
		}
	}
	return false
}

// sampleLen is how many values are looked at before a column is tried.
const sampleLen = 16

// usualDenominator looks at some of v for a denominator that most have, or are
// near of: the greater ones that are found are likely not to be shortened.
func usualDenominator(v []float64, scale float64) (int64, bool) {
	var found [sampleLen]int64
	n, tried := 0, 0
	for i := 0; i < len(v) && tried < sampleLen; i, tried = i+1+len(v)/sampleLen, tried+1 {
		if x := math.Abs(v[i]) / scale; x > 0 {
			if _, d, ok := fraction(x); ok {
				found[n] = d
				n++
			}
		}
	}
	if n < 2 || n < tried/2 {
		return 0, false
	}
	slices.Sort(found[:n])
	usual := found[n*3/4]
	return usual, usual > 1
}

// apart splits x, a multiple of 1/scale, into a numerator and a denominator
// near the usual one.
func apart(x, scale float64, usual int64) (n, d int64) {
	x /= scale
	n, d, ok := fraction(math.Abs(x))
	if !ok || d > 2*usual {
		d = usual
		n = int64(math.Round(math.Abs(x) * float64(d)))
	} else {
		times := max(1, (usual+d/2)/d)
		n, d = n*times, d*times
	}
	if x < 0 {
		n = -n
	}
	return n, d
}

// bestFormula finds the formula that most often gives v without correction.
func bestFormula(v []float64, scale float64, usual int64) (best byte) {
	if scale == 1 {
		return 0
	}
	var right [formulas]int
	for i := 0; i < len(v); i += 1 + len(v)/sampleLen {
		n, d := apart(v[i], scale, usual)
		for f := byte(1); f < formulas; f++ {
			if ratio(f, n, d) == v[i] {
				right[f]++
			}
		}
	}
	best = 1
	for f := byte(2); f < formulas; f++ {
		if right[f] > right[best] {
			best = f
		}
	}
	return best
}

// maxCorrection bounds corrections to what leaves something to gain.
const maxCorrection = 1 << 24

func (e *Encoder) setRatios(v []float64, scale float64, usual int64) bool {
	ns, ds, cs := e.ratios[0][:0], e.ratios[1][:0], e.ratios[2][:0]
	e.rare = e.rare[:0]
	for i, x := range v {
		n, d, c := int64(0), usual, int64(0)
		fits := math.Abs(x) < maxRatio && (x != 0 || !math.Signbit(x))
		if fits {
			n, d = apart(x, scale, usual)
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
