package chunk

import (
	"encoding/binary"
	"math"
)

// A summary is the figures of a Header: least, largest, first, last and sum.
// Mostly the first four are decimals with one number of digits:
//
//	exponent u8, plus decimalSum | least x 10^exponent zigzag varint | largest,
//	first, last less the least uvarint each | sum x 10^exponent zigzag varint
//	if flagged, else 8 bytes
//
// or else, after a byte of noExponent, 8 bytes each.
const (
	noExponent = 0xff
	decimalSum = 0x80
)

// fewSamples is up to how many samples a chunk has no summary: it is worked
// out from them as fast as it would be read.
const fewSamples = 64

// summarize works out the figures of a header. NaN values are left out of Min
// and Max, which are NaN when there is nothing else, and make Sum NaN, so that
// whoever counts numbers knows not to rely on Count.
func summarize(values []float64) Header {
	h := Header{Min: math.NaN(), Max: math.NaN(), First: values[0], Last: values[len(values)-1]}
	for _, v := range values {
		h.Sum += v
		if v != v {
			continue
		}
		if !(h.Min <= v) {
			h.Min = v
		}
		if !(h.Max >= v) {
			h.Max = v
		}
	}
	return h
}

// sumOfConstant is the sum of n times v.
func sumOfConstant(v float64, n int) float64 {
	if v != v {
		return 0
	}
	return v * float64(n)
}

func appendSummary(b []byte, h Header) []byte {
	figures := [4]float64{h.Min, h.Max, h.First, h.Last}
	if exponent, ok := exponentOf(figures[:]); ok {
		var n [4]int64
		for i, x := range figures {
			n[i], ok = decimal(x, exponent)
			ok = ok && n[i] >= n[0]
			if !ok {
				break
			}
		}
		if ok {
			head := byte(exponent)
			sum, short := decimal(h.Sum, exponent)
			if short {
				head |= decimalSum
			}
			b = binary.AppendVarint(append(b, head), n[0])
			for _, x := range n[1:] {
				b = binary.AppendUvarint(b, uint64(x-n[0]))
			}
			if short {
				return binary.AppendVarint(b, sum)
			}
			return binary.LittleEndian.AppendUint64(b, math.Float64bits(h.Sum))
		}
	}
	b = append(b, noExponent)
	for _, x := range [...]float64{h.Min, h.Max, h.First, h.Last, h.Sum} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// readSummary reads the figures of h from the front of b.
func readSummary(h *Header, b []byte) (rest []byte, err error) {
	if len(b) == 0 {
		return nil, errCorrupt
	}
	head, b := b[0], b[1:]
	exponent := head &^ decimalSum
	var figures [5]float64
	if head == noExponent {
		if len(b) < 40 {
			return nil, errCorrupt
		}
		for i := range figures {
			figures[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
		b = b[32:]
	} else {
		if exponent > maxExponent {
			return nil, errCorrupt
		}
		least, used := binary.Varint(b)
		if used <= 0 {
			return nil, errCorrupt
		}
		figures[0], b = float64(least)/powers[exponent], b[used:]
		for i := 1; i < 4; i++ {
			more, used := binary.Uvarint(b)
			if used <= 0 {
				return nil, errCorrupt
			}
			figures[i], b = float64(least+int64(more))/powers[exponent], b[used:]
		}
		if head&decimalSum != 0 {
			sum, used := binary.Varint(b)
			if used <= 0 {
				return nil, errCorrupt
			}
			h.Min, h.Max, h.First, h.Last, h.Sum = figures[0], figures[1], figures[2], figures[3], float64(sum)/powers[exponent]
			return b[used:], nil
		}
		if len(b) < 8 {
			return nil, errCorrupt
		}
		figures[4] = math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	h.Min, h.Max, h.First, h.Last, h.Sum = figures[0], figures[1], figures[2], figures[3], figures[4]
	return b[8:], nil
}
