package chunk

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// Integers are coded as: one byte of delta order (0, 1 or 2), that many first
// values, the common divisor of what is left, then frames of up to 128: the
// frame's least value, the width in bits of the largest distance from it, and
// the distances packed at that width.
//
//	order u8 | first zigzag varint x order | gcd varint | frame...
//	frame: base zigzag varint | width u8 | ceil(n*width/8) bytes, little endian

// frameLen is how many integers share one frame of reference.
const frameLen = 128

var errCorrupt = errors.New("chunk: corrupt")

// appendInts codes v, which it overwrites.
func appendInts(b []byte, v []int64) []byte {
	order := bestOrder(v)
	b = append(b, byte(order))
	for range order {
		b = binary.AppendVarint(b, v[0])
		for i := len(v) - 1; i > 0; i-- {
			v[i] -= v[i-1] // may wrap; decoding wraps back
		}
		v = v[1:]
	}
	divisor := gcd(v)
	b = binary.AppendUvarint(b, divisor)
	if divisor > 1 {
		for i := range v {
			v[i] /= int64(divisor)
		}
	}
	for len(v) > 0 {
		n := min(frameLen, len(v))
		b = appendFrame(b, v[:n])
		v = v[n:]
	}
	return b
}

// bestOrder estimates, by the widths of whole-chunk ranges, which order of
// deltas packs smallest. Uniform noise is best left alone, ramps want deltas.
func bestOrder(v []int64) int {
	if len(v) < 3 {
		return 0
	}
	best, least := 0, rangeWidth(v, 0)
	for order := 1; order <= 2; order++ {
		if w := rangeWidth(v, order); w < least {
			best, least = order, w
		}
	}
	return best
}

// rangeWidth is the sum of the frames' widths for the deltas of an order.
func rangeWidth(v []int64, order int) int {
	total := 0
	for start := order; start < len(v); start += frameLen {
		lo, hi := int64(0), int64(0)
		for i := start; i < min(start+frameLen, len(v)); i++ {
			d := v[i]
			switch order {
			case 1:
				d = v[i] - v[i-1]
			case 2:
				d = v[i] - 2*v[i-1] + v[i-2]
			}
			if i == start {
				lo, hi = d, d
			}
			lo, hi = min(lo, d), max(hi, d)
		}
		total += bits.Len64(uint64(hi) - uint64(lo))
	}
	return total
}

// gcd is the greatest common divisor of all of v; 1 when there is none to gain.
func gcd(v []int64) uint64 {
	var g uint64
	for _, x := range v {
		u := uint64(x)
		if x < 0 {
			u = -u
		}
		for u != 0 {
			g, u = u, g%u
		}
		if g == 1 {
			return 1
		}
	}
	if g == 0 || g > 1<<62 {
		return 1
	}
	return g
}

func appendFrame(b []byte, v []int64) []byte {
	lo, hi := v[0], v[0]
	for _, x := range v {
		lo, hi = min(lo, x), max(hi, x)
	}
	width := bits.Len64(uint64(hi) - uint64(lo))
	b = binary.AppendVarint(b, lo)
	b = append(b, byte(width))
	if width == 0 {
		return b
	}
	var acc uint64
	filled := 0
	for _, x := range v {
		u := uint64(x) - uint64(lo)
		acc |= u << filled
		filled += width
		for filled >= 64 {
			b = binary.LittleEndian.AppendUint64(b, acc)
			filled -= 64
			acc = u >> (width - filled) // 0 when filled is 0: Go shifts of width bits clear
		}
	}
	for filled > 0 {
		b = append(b, byte(acc))
		acc >>= 8
		filled -= 8
	}
	return b
}

// decodeInts fills dst, whose length is the number of integers, and returns
// what follows them.
func decodeInts(dst []int64, b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] > 2 || int(b[0]) > len(dst) {
		return nil, errCorrupt
	}
	order := int(b[0])
	b = b[1:]
	var first [2]int64
	for i := range order {
		v, n := binary.Varint(b)
		if n <= 0 {
			return nil, errCorrupt
		}
		first[i], b = v, b[n:]
	}
	divisor, n := binary.Uvarint(b)
	if n <= 0 || divisor == 0 {
		return nil, errCorrupt
	}
	b = b[n:]
	rest := dst[order:]
	for len(rest) > 0 {
		n := min(frameLen, len(rest))
		var err error
		if b, err = decodeFrame(rest[:n], b); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	if divisor > 1 {
		for i := order; i < len(dst); i++ {
			dst[i] *= int64(divisor)
		}
	}
	for level := order - 1; level >= 0; level-- {
		sum := first[level]
		dst[level] = sum
		for i := level + 1; i < len(dst); i++ {
			sum += dst[i]
			dst[i] = sum
		}
	}
	return b, nil
}

func decodeFrame(dst []int64, b []byte) ([]byte, error) {
	lo, n := binary.Varint(b)
	if n <= 0 || len(b) == n {
		return nil, errCorrupt
	}
	width := int(b[n])
	b = b[n+1:]
	size := (len(dst)*width + 7) / 8
	if width > 64 || size > len(b) {
		return nil, errCorrupt
	}
	packed, rest := b[:size], b[size:]
	if width == 0 {
		for i := range dst {
			dst[i] = lo
		}
		return rest, nil
	}
	i := 0
	if width <= 56 {
		// One unaligned load holds any value; the last few lie too near the end.
		mask := uint64(1)<<width - 1
		for at := 0; i < len(dst) && at>>3+8 <= len(packed); i++ {
			dst[i] = lo + int64(binary.LittleEndian.Uint64(packed[at>>3:])>>(at&7)&mask)
			at += width
		}
	}
	for ; i < len(dst); i++ {
		dst[i] = lo + int64(slowBits(packed, i*width, width))
	}
	return rest, nil
}

// slowBits reads width bits that start at bit at, byte by byte.
func slowBits(b []byte, at, width int) uint64 {
	var v uint64
	for got := 0; got < width; {
		take := min(8-at&7, width-got)
		part := uint64(b[at>>3]) >> (at & 7) & (1<<take - 1)
		v |= part << got
		got += take
		at += take
	}
	return v
}
