package chunk

import (
	"encoding/binary"
	"math"
)

// A column of decimals is the integers value x 10^exponent:
//
//	exponent u8, plus hasRare | rare values if flagged | integers
//
// A few values may be no such decimals: their integers are those of their left
// neighbours, and they follow in full.

// maxExponent is the largest power of ten tried: values with more decimals
// than that are full-mantissa floats for all practical purposes.
const maxExponent = 15

// powers holds the powers of ten up to maxExponent, all exact.
var powers = [maxExponent + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// maxDecimal bounds the integers: beyond 2^53 a float64 skips some, but those
// that it has convert exactly.
const maxDecimal = 1 << 62

// decimal returns x * 10^e when that is an integer that gives x back, bit for
// bit. -0, NaN and infinities never fit.
func decimal(x float64, e int) (int64, bool) {
	scaled := x * powers[e]
	if !(math.Abs(scaled) < maxDecimal) {
		return 0, false
	}
	n := int64(scaled + math.Copysign(0.5, scaled))
	if e == 0 {
		n = int64(scaled) // adding a half rounds where there are no halves
	}
	return n, math.Float64bits(float64(n)/powers[e]) == math.Float64bits(x)
}

// exponentOf finds the least exponent at which all of v are decimals.
func exponentOf(v []float64) (exponent int, ok bool) {
	for _, x := range v {
		for _, fits := decimal(x, exponent); !fits; _, fits = decimal(x, exponent) {
			if exponent++; exponent > maxExponent {
				return 0, false
			}
		}
	}
	return exponent, true
}

// toDecimals leaves v's integers in e.column and the places of those that have
// none in e.rare. It gives up when they are many.
func (e *Encoder) toDecimals(v []float64) (exponent int, ok bool) {
	most := len(v) / 8
	for i, tried := 0, 0; tried < 16 && i < len(v); i, tried = i+1+len(v)/16, tried+1 {
		if x, fits := exponentOf(v[i : i+1]); fits {
			exponent = max(exponent, x)
		} else if most -= 2; most < 0 {
			return 0, false
		}
	}
	most = len(v) / 8
restart:
	e.column, e.rare = e.column[:0], e.rare[:0]
	var last int64
	for i, x := range v {
		n, fits := decimal(x, exponent)
		if !fits {
			if finer, ok := exponentOf(v[i : i+1]); ok && finer > exponent {
				exponent = finer
				goto restart
			}
			if e.rare = append(e.rare, i); len(e.rare) > most {
				return 0, false
			}
			n = last
		}
		last = n
		e.column = append(e.column, n)
	}
	if len(e.rare) > 0 && e.rare[0] == 0 { // the first ones have no left neighbour
		first := 0
		for first < len(e.rare) && e.rare[first] == first {
			first++
		}
		for i := range first {
			e.column[i] = e.column[first]
		}
	}
	return exponent, true
}

func (e *Encoder) appendDecimals(b []byte, v []float64, exponent int) []byte {
	head := byte(exponent)
	if len(e.rare) > 0 {
		head |= hasRare
	}
	b = e.appendRare(append(b, head), v)
	return e.ints.append(b, e.column)
}

func (d *Decoder) decodeDecimals(dst []float64, b []byte) error {
	if len(b) == 0 || b[0]&^hasRare > maxExponent {
		return errCorrupt
	}
	scale := powers[b[0]&^hasRare]
	rare, b, err := splitRare(b[0], b[1:], len(dst))
	if err != nil {
		return err
	}
	if rest, err := decodeScaled(dst, scale, d.integers(0, len(dst)), b); err != nil || len(rest) > 0 {
		return errCorrupt
	}
	return setRare(dst, rare)
}

// Values that a form can't take are apart:
//
//	number uvarint | gap to the one before uvarint, 8 bytes; each
const hasRare = 0x80

// appendRare appends the values of v at the places of e.rare, if any.
func (e *Encoder) appendRare(b []byte, v []float64) []byte {
	if len(e.rare) == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(e.rare)))
	at := 0
	for _, i := range e.rare {
		b = binary.AppendUvarint(b, uint64(i-at))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v[i]))
		at = i
	}
	return b
}

// splitRare cuts the rare values off the front of b, if head says that there are any.
func splitRare(head byte, b []byte, n int) (rare, rest []byte, err error) {
	if head&hasRare == 0 {
		return nil, b, nil
	}
	count, used := binary.Uvarint(b)
	if used <= 0 || count > uint64(n) {
		return nil, nil, errCorrupt
	}
	end := used
	for range count {
		_, used := binary.Uvarint(b[end:])
		if used <= 0 || len(b)-end-used < 8 {
			return nil, nil, errCorrupt
		}
		end += used + 8
	}
	_, used = binary.Uvarint(b)
	return b[used:end], b[end:], nil
}

// setRare puts rare values where they belong.
func setRare(dst []float64, rare []byte) error {
	at := uint64(0)
	for len(rare) > 0 {
		gap, used := binary.Uvarint(rare)
		if at += gap; gap > uint64(len(dst)) || at >= uint64(len(dst)) {
			return errCorrupt
		}
		dst[at] = math.Float64frombits(binary.LittleEndian.Uint64(rare[used:]))
		rare = rare[used+8:]
	}
	return nil
}
