// Package chunk codes the samples of one series to bytes and back, bit for
// bit. A chunk of numbers is a Header, a column of times and a column of
// values:
//
//	version u8 | header | uvarint length of times | times | values
//
// Values are tried as constants, runs, and decimal integers with deltas, a
// common divisor and bit packing; what is left are full-mantissa floats, whose
// bytes are transposed and compressed. A chunk of sketches has, in place of
// values, each bucket's encoded sketch.
package chunk

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/whippet-obs/whippet/store/sketch"
)

// version is the first byte of every chunk.
const version = 1

// MaxSamples bounds one chunk.
const MaxSamples = 1 << 16

// Header is what may be asked of a chunk without decoding its samples.
type Header struct {
	Count            int
	MinTime, MaxTime int64 // ms
	Min, Max, Sum    float64
	First, Last      float64
}

// headerOf summarizes a chunk of numbers. NaN values count, and are skipped
// in Min, Max and Sum.
func headerOf(times []int64, values []float64) Header {
	h := Header{
		Count: len(times), MinTime: times[0], MaxTime: times[len(times)-1],
		Min: math.NaN(), Max: math.NaN(), First: values[0], Last: values[len(values)-1],
	}
	for _, v := range values {
		if v != v {
			continue
		}
		if !(h.Min <= v) {
			h.Min = v
		}
		if !(h.Max >= v) {
			h.Max = v
		}
		h.Sum += v
	}
	return h
}

// AppendHeader appends the 64 bytes of h.
func AppendHeader(b []byte, h Header) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(h.Count))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.MinTime))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.MaxTime))
	for _, v := range [...]float64{h.Min, h.Max, h.Sum, h.First, h.Last} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// HeaderLen is the length of an encoded Header.
const HeaderLen = 64

// ReadHeader reads the header at the front of b.
func ReadHeader(b []byte) (Header, error) {
	if len(b) < HeaderLen {
		return Header{}, errCorrupt
	}
	u := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	f := func(i int) float64 { return math.Float64frombits(u(i)) }
	h := Header{Count: int(u(0)), MinTime: int64(u(1)), MaxTime: int64(u(2)), Min: f(3), Max: f(4), Sum: f(5), First: f(6), Last: f(7)}
	if h.Count <= 0 || h.Count > MaxSamples || h.MinTime > h.MaxTime {
		return Header{}, errCorrupt
	}
	return h, nil
}

// Append appends a chunk of numbers: 1 to MaxSamples of them, times ascending.
func (e *Encoder) Append(b []byte, times []int64, values []float64) ([]byte, Header) {
	h := headerOf(times, values)
	b = e.appendTimes(append(b, version), h, times)
	return e.appendValues(b, values), h
}

// AppendSketches appends a chunk of sketches. Its header summarizes them: the
// least, the largest and the sum of all values in them.
func (e *Encoder) AppendSketches(b []byte, times []int64, sketches []*sketch.Sketch) ([]byte, Header) {
	h := Header{Count: len(times), MinTime: times[0], MaxTime: times[len(times)-1], Min: math.NaN(), Max: math.NaN()}
	for _, s := range sketches {
		if !(h.Min <= s.Min) {
			h.Min = s.Min
		}
		if !(h.Max >= s.Max) {
			h.Max = s.Max
		}
		h.Sum += s.Sum
	}
	b = e.appendTimes(append(b, version), h, times)
	e.raw = e.raw[:0]
	for _, s := range sketches {
		e.raw = s.AppendBinary(e.raw)
	}
	return e.zstd.EncodeAll(e.raw, b), h
}

func (e *Encoder) appendTimes(b []byte, h Header, times []int64) []byte {
	b = AppendHeader(b, h)
	e.ints = append(e.ints[:0], times...)
	column := appendInts(nil, e.ints)
	b = binary.AppendUvarint(b, uint64(len(column)))
	return append(b, column...)
}

// Decode appends the samples of a chunk of numbers to times and values.
func (d *Decoder) Decode(b []byte, times []int64, values []float64) ([]int64, []float64, error) {
	times, column, n, err := d.times(b, times)
	if err != nil {
		return times, values, err
	}
	values = slices.Grow(values, n)
	start := len(values)
	if err := d.decodeValues(values[start:start+n], column); err != nil {
		return times[:len(times)-n], values, fmt.Errorf("values: %w", err)
	}
	return times, values[:start+n], nil
}

// maxSketchBytes bounds what the sketches of one chunk may unpack to.
const maxSketchBytes = 64 << 20

// DecodeSketches appends the samples of a chunk of sketches.
func (d *Decoder) DecodeSketches(b []byte, times []int64, sketches []*sketch.Sketch) ([]int64, []*sketch.Sketch, error) {
	times, column, n, err := d.times(b, times)
	if err != nil {
		return times, sketches, err
	}
	fail := func(err error) ([]int64, []*sketch.Sketch, error) {
		return times[:len(times)-n], sketches, fmt.Errorf("sketches: %w", err)
	}
	raw, err := d.zstd.DecodeAll(column, d.raw[:0])
	if err != nil || len(raw) > maxSketchBytes {
		return fail(errCorrupt)
	}
	d.raw = raw
	decoded := sketches
	for range n {
		var s *sketch.Sketch
		if s, raw, err = sketch.Decode(raw); err != nil {
			return fail(err)
		}
		decoded = append(decoded, s)
	}
	if len(raw) > 0 {
		return fail(errCorrupt)
	}
	return times, decoded, nil
}

// times decodes the header and times of a chunk, and gives the column of
// values and their number.
func (d *Decoder) times(b []byte, times []int64) (_ []int64, column []byte, n int, err error) {
	if len(b) == 0 || b[0] != version {
		return times, nil, 0, fmt.Errorf("format version: %w", errCorrupt)
	}
	h, err := ReadHeader(b[1:])
	if err != nil {
		return times, nil, 0, fmt.Errorf("header: %w", err)
	}
	b = b[1+HeaderLen:]
	size, used := binary.Uvarint(b)
	if used <= 0 || size > uint64(len(b)-used) {
		return times, nil, 0, fmt.Errorf("times: %w", errCorrupt)
	}
	column, b = b[used:used+int(size)], b[used+int(size):]
	times = slices.Grow(times, h.Count)
	start := len(times)
	rest, err := decodeInts(times[start:start+h.Count], column)
	if err != nil || len(rest) > 0 {
		return times, nil, 0, fmt.Errorf("times: %w", errCorrupt)
	}
	return times[:start+h.Count], b, h.Count, nil
}
