package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/whippet-obs/whippet/store/index"
	"github.com/whippet-obs/whippet/store/sketch"
)

// A log record holds one batch: the definitions of its series that no durable
// record has yet, then its samples by columns, compressed as a whole: with
// S2, or, where it is kept for as long as its series are, with Zstandard.
//
//	version u8 | s2 or zstd(
//	  lowest free ref uvarint, 0 if not told
//	  strings uvarint | (length uvarint, bytes)...
//	  definitions uvarint | definition...
//	  samples uvarint | refs: varint differences | times: varint differences
//	                  | controls u8 each | values
//	  sketches uvarint | (ref uvarint, time varint, encoded sketch)... )
//
//	definition: ref: varint difference | kind u8 | interval varint | name uvarint
//	            | tags uvarint | tag uvarint...    names and tags: places in strings
//	control:    bits 0-3: bytes of the value, least significant first
//	            bits 4-7: 0-3: a zigzag integer divided by that power of ten
//	                      15: the bits of a float64
const (
	recordVersion      = 2 // S2
	denseRecordVersion = 3 // Zstandard
)

const (
	valueLength = 0x0f
	valueFloat  = 0xf0
)

var errRecord = errors.New("record is not readable")

// definition is a series and its ref.
type definition struct {
	ref Ref
	index.Series
}

// definitions are those of one record.
type definitions struct {
	next   Ref // no series has had this ref or a higher one; 0: not told
	series []definition
}

// recordEncoder encodes records. It holds buffers to reuse and is for one
// goroutine.
type recordEncoder struct {
	raw, controls, values, out []byte
	dense                      *zstd.Encoder // nil: S2
}

// newDenseEncoder returns an encoder of records that are kept for long.
func newDenseEncoder() (*recordEncoder, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("make a compressor: %w", err)
	}
	return &recordEncoder{dense: z}, nil
}

// encode returns a record, valid until the next call.
func (e *recordEncoder) encode(series []definition, b *Batch) []byte {
	return e.encodeAll(definitions{series: series}, b)
}

func (e *recordEncoder) encodeAll(d definitions, b *Batch) []byte {
	raw := appendDefinitions(e.raw[:0], d)
	raw = binary.AppendUvarint(raw, uint64(len(b.Samples)))
	ref, at := int64(0), int64(0)
	for i := range b.Samples {
		raw = binary.AppendVarint(raw, int64(b.Samples[i].Ref)-ref)
		ref = int64(b.Samples[i].Ref)
	}
	for i := range b.Samples {
		raw = binary.AppendVarint(raw, b.Samples[i].Time-at)
		at = b.Samples[i].Time
	}
	controls, values := e.controls[:0], e.values[:0]
	for i := range b.Samples {
		var control byte
		var v uint64
		control, v = splitValue(b.Samples[i].Value)
		controls = append(controls, control)
		values = binary.LittleEndian.AppendUint64(values, v)
		values = values[:len(values)-8+int(control&valueLength)]
	}
	raw = append(append(raw, controls...), values...)
	raw = binary.AppendUvarint(raw, uint64(len(b.Sketches)))
	for _, s := range b.Sketches {
		raw = binary.AppendUvarint(raw, uint64(s.Ref))
		raw = binary.AppendVarint(raw, s.Time)
		raw = s.Sketch.AppendBinary(raw)
	}
	if e.dense != nil {
		e.raw = raw
		e.out = e.dense.EncodeAll(raw, append(e.out[:0], denseRecordVersion))
		return e.out
	}
	if need := 1 + s2.MaxEncodedLen(len(raw)); cap(e.out) < need {
		e.out = make([]byte, need)
	}
	out := e.out[:cap(e.out)]
	out[0] = recordVersion
	out = out[:1+len(s2.Encode(out[1:], raw))]
	e.raw, e.controls, e.values = raw, controls, values
	if len(raw) > maxEncoderBuffer { // one large batch must not hold its memory for ever
		*e = recordEncoder{}
	}
	return out
}

const maxEncoderBuffer = 1 << 20

func appendDefinitions(raw []byte, d definitions) []byte {
	raw = binary.AppendUvarint(raw, uint64(d.next))
	if len(d.series) == 0 {
		return append(raw, 0, 0)
	}
	places := map[string]uint64{}
	var strings []string
	place := func(s string) uint64 {
		p, ok := places[s]
		if !ok {
			p = uint64(len(strings))
			places[s] = p
			strings = append(strings, s)
		}
		return p
	}
	for _, s := range d.series {
		place(s.Name)
		for _, tag := range s.Tags {
			place(tag)
		}
	}
	raw = binary.AppendUvarint(raw, uint64(len(strings)))
	for _, s := range strings {
		raw = binary.AppendUvarint(raw, uint64(len(s)))
		raw = append(raw, s...)
	}
	raw = binary.AppendUvarint(raw, uint64(len(d.series)))
	ref := int64(0)
	for _, s := range d.series {
		raw = binary.AppendVarint(raw, int64(s.ref)-ref)
		ref = int64(s.ref)
		raw = append(raw, s.Kind)
		raw = binary.AppendVarint(raw, s.Interval)
		raw = binary.AppendUvarint(raw, place(s.Name))
		raw = binary.AppendUvarint(raw, uint64(len(s.Tags)))
		for _, tag := range s.Tags {
			raw = binary.AppendUvarint(raw, place(tag))
		}
	}
	return raw
}

// splitValue finds the short form of a value: an integer over a small power of
// ten where that gives the value back bit for bit, else its bits.
func splitValue(x float64) (control byte, v uint64) {
	for exponent, power := range [...]float64{1, 10, 100, 1000} {
		scaled := math.Round(x * power)
		if !(math.Abs(scaled) < 1<<47) {
			break
		}
		n := int64(scaled)
		if math.Float64bits(float64(n)/power) == math.Float64bits(x) {
			zigzag := uint64(n)<<1 ^ uint64(n>>63)
			return byte(exponent<<4 | (bits.Len64(zigzag)+7)/8), zigzag
		}
	}
	return valueFloat | 8, math.Float64bits(x)
}

// joinValue undoes splitValue; ok is false for controls it never makes.
func joinValue(control byte, v uint64) (x float64, ok bool) {
	if control&^valueLength == valueFloat {
		return math.Float64frombits(v), true
	}
	n := float64(int64(v>>1) ^ -int64(v&1))
	switch control >> 4 {
	case 0:
		return n, true
	case 1:
		return n / 10, true
	case 2:
		return n / 100, true
	case 3:
		return n / 1000, true
	}
	return 0, false
}

// maxRecordPlain bounds what a record may unpack to.
const maxRecordPlain = 1 << 30

// recordDecoder decodes records. What it returns is valid until the next call.
type recordDecoder struct {
	raw   []byte
	batch Batch
	dense *zstd.Decoder // made for the first record that needs it
}

// unpack decompresses a record.
func (d *recordDecoder) unpack(payload []byte) (raw []byte, err error) {
	if len(payload) == 0 {
		return nil, errors.New("it is empty")
	}
	switch version, packed := payload[0], payload[1:]; version {
	case recordVersion:
		if n, err := s2.DecodedLen(packed); err != nil || n > maxRecordPlain {
			return nil, errors.New("bad length")
		}
		return s2.Decode(d.raw[:cap(d.raw)], packed)
	case denseRecordVersion:
		if d.dense == nil {
			d.dense, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxRecordPlain))
			if err != nil {
				return nil, err
			}
		}
		return d.dense.DecodeAll(packed, d.raw[:0])
	default:
		return nil, fmt.Errorf("unknown version %d", version)
	}
}

func (d *recordDecoder) decode(payload []byte) (definitions, *Batch, error) {
	raw, err := d.unpack(payload)
	if err != nil {
		return definitions{}, nil, fmt.Errorf("%w: %w", errRecord, err)
	}
	d.raw = raw
	r := reader{b: raw}
	defined := r.definitions()
	b := &d.batch
	n := r.count(3)
	b.Samples = append(b.Samples[:0], make([]Sample, n)...)
	ref, at := int64(0), int64(0)
	for i := range b.Samples {
		ref += r.varint()
		if ref < 0 || ref > maxRef {
			r.fail()
		}
		b.Samples[i].Ref = Ref(ref)
	}
	for i := range b.Samples {
		at += r.varint()
		b.Samples[i].Time = at
	}
	controls := r.bytes(n)
	for i, control := range controls {
		x, ok := joinValue(control, r.littleEndian(int(control&valueLength)))
		if !ok {
			r.fail()
		}
		b.Samples[i].Value = x
	}
	b.Sketches = b.Sketches[:0]
	for range r.count(4) {
		s := SketchSample{Ref: Ref(r.uvarint()), Time: r.varint()}
		if s.Ref > maxRef {
			r.fail()
		}
		s.Sketch = r.sketch()
		b.Sketches = append(b.Sketches, s)
	}
	if r.failed || len(r.b) > 0 {
		return definitions{}, nil, errRecord
	}
	return defined, b, nil
}

// maxRef bounds refs read from a file, and so the memory they can ask for.
const maxRef = 1 << 28

// reader reads fields off the front of b. After a failure it reads zeros.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) fail() { r.b, r.failed = nil, true }

func (r *reader) definitions() (d definitions) {
	d.next = Ref(min(r.uvarint(), maxRef))
	strings := make([]string, r.count(1))
	for i := range strings {
		strings[i] = string(r.bytes(r.count(1)))
	}
	pick := func() string {
		n := r.uvarint()
		if n >= uint64(len(strings)) {
			r.fail()
			return ""
		}
		return strings[n]
	}
	d.series = make([]definition, r.count(5))
	ref := int64(0)
	for i := range d.series {
		s := &d.series[i]
		ref += r.varint()
		if ref <= 0 || ref > maxRef {
			r.fail()
		}
		s.ref = Ref(ref)
		s.Kind = r.byte()
		s.Interval = r.varint()
		s.Name = pick()
		s.Tags = make([]string, r.count(1))
		for t := range s.Tags {
			s.Tags[t] = pick()
		}
	}
	return d
}

func (r *reader) uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		v := r.b[0]
		r.b = r.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// littleEndian reads an integer of n bytes; n is at most 8.
func (r *reader) littleEndian(n int) (v uint64) {
	if n > 8 || n > len(r.b) {
		r.fail()
		return 0
	}
	if len(r.b) >= 8 {
		v = binary.LittleEndian.Uint64(r.b) & (1<<(8*n) - 1)
	} else {
		for i := range n {
			v |= uint64(r.b[i]) << (8 * i)
		}
	}
	r.b = r.b[n:]
	return v
}

// count reads a number of items that take at least size bytes each.
func (r *reader) count(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.b)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) byte() byte {
	if b := r.bytes(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

// bytes reads n bytes, none when there are fewer.
func (r *reader) bytes(n int) []byte {
	if n > len(r.b) {
		r.fail()
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) sketch() *sketch.Sketch {
	if r.failed {
		return nil
	}
	s, rest, err := sketch.Decode(r.b)
	if err != nil {
		r.fail()
		return nil
	}
	r.b = rest
	return s
}
