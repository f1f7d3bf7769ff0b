package chunk

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/whippet-obs/whippet/store/sketch"
)

// A column of sketches is the encoded sketches, one after another, by zstd.

// maxSketchBytes bounds what the sketches of one chunk may unpack to.
const maxSketchBytes = 64 << 20

// AppendSketches appends a chunk of 1 to MaxSamples sketches. Its header
// summarizes them: the least, the largest and the sum of all values in them.
func (e *Encoder) AppendSketches(b []byte, times []int64, sketches []*sketch.Sketch) ([]byte, Header) {
	h := Header{Min: math.NaN(), Max: math.NaN()}
	e.raw = e.raw[:0]
	for _, s := range sketches {
		if !(h.Min <= s.Min) {
			h.Min = s.Min
		}
		if !(h.Max >= s.Max) {
			h.Max = s.Max
		}
		h.Sum += s.Sum
		e.raw = s.AppendBinary(e.raw)
	}
	first := len(b)
	b = binary.AppendUvarint(append(b, 0), uint64(len(times)))
	b, flags := e.appendTimes(b, times)
	b[first] = formSketches | summarized | flags
	b = e.zstd.EncodeAll(e.raw, appendSummary(b, h))
	h.Count, h.MinTime, h.MaxTime = len(times), times[0], times[len(times)-1]
	return b, h
}

// DecodeSketches appends the samples of a chunk of sketches, the first of them
// at start.
func (d *Decoder) DecodeSketches(start int64, b []byte, times []int64, sketches []*sketch.Sketch) ([]int64, []*sketch.Sketch, error) {
	p, err := parse(start, b)
	if err != nil {
		return times, sketches, err
	}
	m := len(times)
	times = slices.Grow(times, p.count)[:m+p.count]
	fail := func(err error) ([]int64, []*sketch.Sketch, error) {
		return times[:m], sketches, fmt.Errorf("decode a chunk of %d sketches: %w", p.count, err)
	}
	if p.form != formSketches {
		return fail(errCorrupt)
	}
	column, err := p.decodeTimes(times[m:])
	if err != nil {
		return fail(err)
	}
	raw, err := d.zstd.DecodeAll(column, d.raw[:0])
	if err != nil {
		return fail(errCorrupt)
	}
	d.raw = raw
	decoded, err := sketch.DecodeAll(raw, p.count, sketches)
	if err != nil {
		return fail(err)
	}
	return times, decoded, nil
}
