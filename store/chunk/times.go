package chunk

import "encoding/binary"

// A column of times is coded in units of a second where that can be, else of a
// millisecond, from the first time on: a regular one by its step, any other by
// its length and the integers of a column.
//
//	regular:   step uvarint; absent when there is but one sample
//	irregular: last minus first uvarint | length of the integers uvarint | integers
const (
	timesIrregular = 0x10 // flags in a chunk's first byte
	timesInMs      = 0x20
)

const second = 1000 // ms

// appendTimes appends times and returns the flags to read them by.
func (e *Encoder) appendTimes(b []byte, times []int64) (_ []byte, flags byte) {
	if len(times) == 1 {
		return b, 0
	}
	start, step := times[0], times[1]-times[0]
	unit, regular := int64(second), true
	for i := 1; i < len(times); i++ {
		d := times[i] - times[i-1]
		regular = regular && d == step
		if d%second != 0 {
			unit = 1
		}
	}
	if unit == 1 {
		flags |= timesInMs
	}
	if regular {
		return binary.AppendUvarint(b, uint64(step/unit)), flags
	}
	b = binary.AppendUvarint(b, uint64((times[len(times)-1]-start)/unit))
	e.column = e.column[:0]
	for _, t := range times {
		e.column = append(e.column, (t-start)/unit)
	}
	e.other = e.ints.append(e.other[:0], e.column)
	b = binary.AppendUvarint(b, uint64(len(e.other)))
	return append(b, e.other...), flags | timesIrregular
}

// span reads what the front of a column of n times says of the last one's
// distance from the first, in ms.
func span(b []byte, flags byte, n int) (length int64, rest []byte, err error) {
	if n == 1 {
		return 0, b, nil
	}
	unit := int64(1)
	if flags&timesIrregular == 0 {
		unit = int64(n - 1)
	}
	if flags&timesInMs == 0 {
		unit *= second
	}
	v, used := binary.Uvarint(b)
	if used <= 0 || v > uint64(maxSpan/unit) {
		return 0, nil, errCorrupt
	}
	return int64(v) * unit, b[used:], nil
}

// maxSpan bounds the time from a chunk's first sample to its last.
const maxSpan = int64(1) << 60

// splitTimes cuts the column of n times off the front of b. A regular one's
// integers are empty.
func splitTimes(b []byte, flags byte, n int) (length int64, integers, rest []byte, err error) {
	length, b, err = span(b, flags, n)
	if err != nil || n == 1 || flags&timesIrregular == 0 {
		return length, nil, b, err
	}
	size, used := binary.Uvarint(b)
	if used <= 0 || size > uint64(len(b)-used) {
		return 0, nil, nil, errCorrupt
	}
	b = b[used:]
	return length, b[:size], b[size:], nil
}

// decodeTimes fills dst from the column at the front of b.
func decodeTimes(dst []int64, start int64, b []byte, flags byte) (rest []byte, err error) {
	length, integers, rest, err := splitTimes(b, flags, len(dst))
	if err != nil {
		return nil, err
	}
	if integers == nil {
		if len(dst) == 1 {
			dst[0] = start
			return rest, nil
		}
		step := length / int64(len(dst)-1)
		for i := range dst {
			dst[i] = start
			start += step
		}
		return rest, nil
	}
	if left, err := decodeInts(dst, integers); err != nil || len(left) > 0 {
		return nil, errCorrupt
	}
	unit := int64(second)
	if flags&timesInMs != 0 {
		unit = 1
	}
	for i, t := range dst {
		dst[i] = start + t*unit
	}
	if dst[len(dst)-1] != start+length {
		return nil, errCorrupt
	}
	return rest, nil
}
