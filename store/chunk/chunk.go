// Package chunk codes the samples of one series to bytes and back, bit for bit.
//
// A chunk holds its samples' times as distances from the first: whoever keeps
// the chunk keeps that time beside it, and gives both to the decoder. A chunk
// of numbers is
//
//	first u8: the values' form, and flags | count uvarint |
//	times | summary, unless there are few samples | values
//
// Values are coded in the smallest of the forms that suit them: a constant,
// runs, decimal integers, ratios of integers, bits, or transposed bytes. A
// chunk of sketches has the encoded sketches in their place. The page
// docs/storage-format.md describes all of it.
//
//	e, d := chunk.NewEncoder(), chunk.NewDecoder()
//	encoded := e.Append(nil, times, values)
//	times, values, err := d.Decode(times[0], encoded, times[:0], values[:0])
package chunk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// MaxSamples bounds one chunk.
const MaxSamples = 1 << 16

var errCorrupt = errors.New("chunk: corrupt")

// Header is what may be asked of a chunk without decoding its samples.
type Header struct {
	Count            int
	MinTime, MaxTime int64 // ms
	Min, Max, Sum    float64
	First, Last      float64
}

// Parts of a chunk's first byte; times.go has two more.
const (
	formMask   = 0x07
	summarized = 0x08
	firstFlags = formMask | summarized | timesIrregular | timesInMs
)

// Encoder codes chunks. It holds buffers to reuse and is for one goroutine.
type Encoder struct {
	ints    ints
	column  []int64    // times, decimal integers, bits
	ratios  [3][]int64 // numerators, denominators, corrections
	formula byte
	rare    []int     // where the values are that a form doesn't take
	runs    []float64 // the values of runs
	other   []byte    // a column whose length goes before it
	raw     []byte
	zstd    *zstd.Encoder
}

// NewEncoder returns an encoder.
func NewEncoder() *Encoder {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
	if err != nil {
		panic("BUG: zstd refuses constant options: " + err.Error())
	}
	return &Encoder{zstd: z}
}

// Decoder decodes chunks. It holds buffers to reuse and is for one goroutine.
type Decoder struct {
	ints [2][]int64
	runs []float64
	raw  []byte
	zstd *zstd.Decoder
}

// NewDecoder returns a decoder.
func NewDecoder() *Decoder {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxSketchBytes))
	if err != nil {
		panic("BUG: zstd refuses constant options: " + err.Error())
	}
	return &Decoder{zstd: z}
}

// Append appends a chunk of 1 to MaxSamples numbers, whose times ascend. What
// it returns beside is what Decoder.Header will.
func (e *Encoder) Append(b []byte, times []int64, values []float64) ([]byte, Header) {
	first := len(b)
	b = binary.AppendUvarint(append(b, 0), uint64(len(times)))
	b, flags := e.appendTimes(b, times)
	h := summarize(values)
	if len(values) > fewSamples && countRuns(values) > 1 {
		flags |= summarized
		b = appendSummary(b, h)
	}
	b, form := e.appendValues(b, values)
	if form == formConstant {
		h.Sum = sumOfConstant(values[0], len(values))
	}
	b[first] = form | flags
	h.Count, h.MinTime, h.MaxTime = len(times), times[0], times[len(times)-1]
	return b, h
}

// Decode appends the samples of a chunk of numbers, the first of them at start,
// to times and values.
func (d *Decoder) Decode(start int64, b []byte, times []int64, values []float64) ([]int64, []float64, error) {
	p, err := parse(start, b)
	if err != nil {
		return times, values, err
	}
	m, n := len(times), len(values)
	times = slices.Grow(times, p.count)[:m+p.count]
	values = slices.Grow(values, p.count)[:n+p.count]
	rest, err := p.decodeTimes(times[m:])
	if err == nil {
		if err = d.decodeValues(values[n:], p.form, rest); err == nil {
			return times, values, nil
		}
	}
	return times[:m], values[:n], fmt.Errorf("decode a chunk of %d numbers: %w", p.count, err)
}

// Header returns what a chunk's header says; start is the time of its first
// sample. Of a chunk of few samples it is worked out from them.
func (d *Decoder) Header(start int64, b []byte) (Header, error) {
	p, err := parse(start, b)
	if err != nil {
		return Header{}, err
	}
	h := Header{}
	_, _, rest, err := splitTimes(p.body, p.first, p.count)
	switch {
	case err != nil:
		return Header{}, err
	case p.first&summarized != 0:
		if _, err := readSummary(&h, rest); err != nil {
			return Header{}, err
		}
	case p.form == formConstant || p.count <= fewSamples:
		var few [fewSamples]float64
		n := min(p.count, fewSamples)
		if err := d.decodeValues(few[:n], p.form, rest); err != nil {
			return Header{}, err
		}
		h = summarize(few[:n])
		if p.form == formConstant {
			h.Sum = sumOfConstant(h.First, p.count)
		}
	default:
		return Header{}, errCorrupt
	}
	h.Count, h.MinTime, h.MaxTime = p.count, start, p.maxTime
	return h, nil
}

// Span returns how many samples a chunk has and the time of the last one, by
// reading no more than its first bytes; start is the time of the first.
func Span(start int64, b []byte) (count int, maxTime int64, err error) {
	p, err := parse(start, b)
	return p.count, p.maxTime, err
}

// HoldsSketches reports whether a chunk is one of sketches.
func HoldsSketches(b []byte) bool { return len(b) > 0 && b[0]&formMask == formSketches }

// parsed is the front of a chunk.
type parsed struct {
	first   byte
	form    byte
	count   int
	start   int64
	maxTime int64
	body    []byte // from the times on
}

func parse(start int64, b []byte) (parsed, error) {
	if len(b) < 2 || b[0]&^firstFlags != 0 {
		return parsed{}, errCorrupt
	}
	count, n := binary.Uvarint(b[1:])
	if n <= 0 || count == 0 || count > MaxSamples {
		return parsed{}, errCorrupt
	}
	p := parsed{first: b[0], form: b[0] & formMask, count: int(count), start: start, body: b[1+n:]}
	length, _, err := span(p.body, p.first, p.count)
	if err != nil || start+length < start {
		return parsed{}, errCorrupt
	}
	p.maxTime = start + length
	return p, nil
}

// decodeTimes fills dst, count long, and returns the column of values.
func (p *parsed) decodeTimes(dst []int64) (rest []byte, err error) {
	if rest, err = decodeTimes(dst, p.start, p.body, p.first); err != nil {
		return nil, err
	}
	if p.first&summarized != 0 {
		return readSummary(new(Header), rest)
	}
	return rest, nil
}
