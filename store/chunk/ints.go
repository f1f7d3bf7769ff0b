package chunk

import (
	"encoding/binary"
	"math"
)

// A column of integers is coded as its deltas of order 0, 1 or 2, divided by
// their greatest common divisor, in frames:
//
//	head u8: the order, plus 4 if a divisor follows
//	first of each lower order, zigzag varint
//	divisor uvarint
//	frames, see frame.go
//
// Sums and products wrap around on both ways, so that every int64 comes back.
const (
	orderBits = 3
	divided   = 4
)

// ints codes columns of integers. It holds buffers to reuse.
type ints struct {
	scratch [frameLen]int64
	orders  [3]order
}

// order is one way to code a column.
type order struct {
	deltas  []int64 // divided by divisor
	divisor uint64
	plans   []frame
}

// append codes v, which it leaves alone.
func (c *ints) append(b []byte, v []int64) []byte {
	var first [2]int64
	prefix, least, best := 0, math.MaxInt, 0
	for k := 0; k <= 2 && k < max(1, len(v)); k++ {
		o := &c.orders[k]
		if k == 0 {
			o.deltas = append(o.deltas[:0], v...)
		} else {
			o.setDeltas(v, k)
		}
		size := prefix + c.plan(o)
		if k == 0 || size < least {
			least, best = size, k
		} else {
			break // deltas of a higher order gain nothing either
		}
		if least <= 3+2*len(o.plans) || k == 2 {
			break // no bits per value: nothing left to gain
		}
		first[k] = v[0]
		if k == 1 {
			first[k] = v[1] - v[0]
		}
		prefix += varintLen(first[k])
	}
	o := &c.orders[best]
	head := byte(best)
	if o.divisor > 1 {
		head |= divided
	}
	b = append(b, head)
	for _, x := range first[:best] {
		b = binary.AppendVarint(b, x)
	}
	if o.divisor > 1 {
		b = binary.AppendUvarint(b, o.divisor)
	}
	prev := int64(0)
	for i, f := range o.plans {
		b = appendFrame(b, o.deltas[i*frameLen:min((i+1)*frameLen, len(o.deltas))], f, prev)
		prev = f.base
	}
	return b
}

// setDeltas sets o's values to the deltas of v of order k, 1 or 2.
func (o *order) setDeltas(v []int64, k int) {
	o.deltas = append(o.deltas[:0], v[k:]...)
	switch k {
	case 1:
		for i := range o.deltas {
			o.deltas[i] -= v[i]
		}
	case 2:
		for i := range o.deltas {
			o.deltas[i] += v[i] - 2*v[i+1]
		}
	}
}

// plan divides o's values by what they have in common and plans their frames.
// It returns the size in bytes.
func (c *ints) plan(o *order) (size int) {
	size = 1
	if o.divisor = gcd(o.deltas); o.divisor > 1 {
		size += varintLen(int64(o.divisor))
		for i := range o.deltas {
			o.deltas[i] /= int64(o.divisor)
		}
	}
	o.plans = o.plans[:0]
	prev := int64(0)
	for rest := o.deltas; len(rest) > 0; {
		n := min(frameLen, len(rest))
		f := plan(rest[:n], prev, &c.scratch)
		o.plans = append(o.plans, f)
		size += f.size
		prev, rest = f.base, rest[n:]
	}
	return size
}

// gcd is the greatest common divisor of all of v; 1 when there is none to gain.
func gcd(v []int64) uint64 {
	var g uint64
	for _, x := range v {
		u := uint64(x)
		if x < 0 {
			u = -u
		}
		if g != 0 && u%g == 0 {
			continue
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

// column is what the front of a column of integers says.
type column struct {
	order   int
	first   [2]int64
	divisor int64
}

// decodeInts fills dst, whose length is the number of integers, and returns
// what follows them.
func decodeInts(dst []int64, b []byte) ([]byte, error) {
	c, b, err := decodeDeltas(dst, b)
	if err != nil {
		return nil, err
	}
	switch c.order {
	case 0:
		if c.divisor != 1 {
			for i, x := range dst {
				dst[i] = x * c.divisor
			}
		}
	case 1:
		sum := c.first[0]
		dst[0] = sum
		for i, x := range dst[1:] {
			sum += x * c.divisor
			dst[1+i] = sum
		}
	case 2:
		slope := c.first[1]
		sum := c.first[0]
		dst[0] = sum
		sum += slope
		dst[1] = sum
		for i, x := range dst[2:] {
			slope += x * c.divisor
			sum += slope
			dst[2+i] = sum
		}
	}
	return b, nil
}

// decodeDeltas fills dst, but for the first of a higher order, with deltas
// still divided.
func decodeDeltas(dst []int64, b []byte) (c column, rest []byte, err error) {
	if len(b) == 0 || b[0]&^(orderBits|divided) != 0 {
		return c, nil, errCorrupt
	}
	head := b[0]
	c.order, c.divisor = int(head&orderBits), 1
	if c.order > 2 || c.order > len(dst) {
		return c, nil, errCorrupt
	}
	b = b[1:]
	for i := range c.order {
		v, n := binary.Varint(b)
		if n <= 0 {
			return c, nil, errCorrupt
		}
		c.first[i], b = v, b[n:]
	}
	if head&divided != 0 {
		u, n := binary.Uvarint(b)
		if n <= 0 {
			return c, nil, errCorrupt
		}
		c.divisor, b = int64(u), b[n:]
	}
	base := int64(0)
	for rest := dst[c.order:]; len(rest) > 0; {
		n := min(frameLen, len(rest))
		if b, base, err = decodeFrame(rest[:n], b, base); err != nil {
			return c, nil, err
		}
		rest = rest[n:]
	}
	return c, b, nil
}

// decodeScaled is decodeInts, with every integer divided by scale. The sums,
// the conversion and the division go through the processor side by side.
func decodeScaled(dst []float64, scale float64, scratch []int64, b []byte) (rest []byte, err error) {
	c, rest, err := decodeDeltas(scratch, b)
	if err != nil {
		return nil, err
	}
	dst = dst[:len(scratch)]
	switch {
	case c.order == 2:
		slope, sum := c.first[1], c.first[0]
		dst[0] = float64(sum) / scale
		sum += slope
		dst[1] = float64(sum) / scale
		for i, x := range scratch[2:] {
			slope += x * c.divisor
			sum += slope
			dst[2+i] = float64(sum) / scale
		}
	case c.order == 1 && scale == 1:
		sum := c.first[0]
		dst[0] = float64(sum)
		for i := 1; i < len(scratch); i++ {
			sum += scratch[i] * c.divisor
			dst[i] = float64(sum)
		}
	case c.order == 1:
		sum := c.first[0]
		dst[0] = float64(sum) / scale
		for i := 1; i < len(scratch); i++ {
			sum += scratch[i] * c.divisor
			dst[i] = float64(sum) / scale
		}
	case scale == 1:
		for i, x := range scratch {
			dst[i] = float64(x * c.divisor)
		}
	default:
		for i, x := range scratch {
			dst[i] = float64(x*c.divisor) / scale
		}
	}
	return rest, nil
}
