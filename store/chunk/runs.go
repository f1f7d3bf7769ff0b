package chunk

import (
	"encoding/binary"
	"math"
	"slices"
)

// A column of runs has the values of runs apart from their lengths:
//
//	number uvarint | form u8 of the values | length of the lengths uvarint |
//	lengths, integers | values, in a plain form

func countRuns(v []float64) int {
	n := 1
	for i := 1; i < len(v); i++ {
		if math.Float64bits(v[i]) != math.Float64bits(v[i-1]) {
			n++
		}
	}
	return n
}

func (e *Encoder) appendRuns(b []byte, v []float64) []byte {
	e.runs, e.column = e.runs[:0], e.column[:0]
	for len(v) > 0 {
		n := 1
		for n < len(v) && math.Float64bits(v[n]) == math.Float64bits(v[0]) {
			n++
		}
		e.runs, e.column = append(e.runs, v[0]), append(e.column, int64(n))
		v = v[n:]
	}
	e.other = e.ints.append(e.other[:0], e.column)
	b = binary.AppendUvarint(b, uint64(len(e.runs)))
	form := len(b)
	b = binary.AppendUvarint(append(b, 0), uint64(len(e.other)))
	b = append(b, e.other...)
	b, plain := e.appendPlain(b, e.runs)
	b[form] = plain
	return b
}

func (d *Decoder) decodeRuns(dst []float64, b []byte) error {
	number, n := binary.Uvarint(b)
	if n <= 0 || number == 0 || number > uint64(len(dst)) || len(b) == n {
		return errCorrupt
	}
	form, b := b[n], b[n+1:]
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return errCorrupt
	}
	lengths, b := b[n:n+int(size)], b[n+int(size):]
	d.runs = slices.Grow(d.runs[:0], int(number))[:number]
	if err := d.decodePlain(d.runs, form, b); err != nil {
		return err
	}
	ends := d.integers(0, int(number))
	if rest, err := decodeInts(ends, lengths); err != nil || len(rest) > 0 {
		return errCorrupt
	}
	for i, length := range ends {
		if length <= 0 || length > int64(len(dst)) {
			return errCorrupt
		}
		run := dst[:length]
		dst = dst[length:]
		for j := range run {
			run[j] = d.runs[i]
		}
	}
	if len(dst) > 0 {
		return errCorrupt
	}
	return nil
}
