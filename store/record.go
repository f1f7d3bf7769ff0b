package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/klauspost/compress/s2"

	"github.com/whippet-obs/whippet/store/sketch"
)

// A log record holds one batch: the definitions of its series that no durable
// record has yet, then its samples by columns, compressed as a whole with S2.
//
//	version u8 | s2(
//	  definitions uvarint | definition...
//	  samples uvarint | refs, times: varint differences | values 8 bytes each
//	  sketches uvarint | (ref uvarint, time varint, encoded sketch)... )
//
//	definition: ref uvarint | kind u8 | interval varint | name | tags uvarint | tag...
//	            strings are uvarint length and bytes
const recordVersion = 1

var errRecord = errors.New("log record is not readable")

// definition is a series and its ref.
type definition struct {
	ref Ref
	Series
}

func encodeRecord(definitions []definition, b *Batch) []byte {
	raw := make([]byte, 0, 64*len(definitions)+12*len(b.Samples)+128*len(b.Sketches)+16)
	raw = binary.AppendUvarint(raw, uint64(len(definitions)))
	for _, d := range definitions {
		raw = binary.AppendUvarint(raw, uint64(d.ref))
		raw = append(raw, byte(d.Kind))
		raw = binary.AppendVarint(raw, d.Interval)
		raw = appendString(raw, d.Name)
		raw = binary.AppendUvarint(raw, uint64(len(d.Tags)))
		for _, tag := range d.Tags {
			raw = appendString(raw, tag)
		}
	}
	raw = binary.AppendUvarint(raw, uint64(len(b.Samples)))
	ref, at := int64(0), int64(0)
	for _, s := range b.Samples {
		raw = binary.AppendVarint(raw, int64(s.Ref)-ref)
		ref = int64(s.Ref)
	}
	for _, s := range b.Samples {
		raw = binary.AppendVarint(raw, s.Time-at)
		at = s.Time
	}
	for _, s := range b.Samples {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(s.Value))
	}
	raw = binary.AppendUvarint(raw, uint64(len(b.Sketches)))
	for _, s := range b.Sketches {
		raw = binary.AppendUvarint(raw, uint64(s.Ref))
		raw = binary.AppendVarint(raw, s.Time)
		raw = s.Sketch.AppendBinary(raw)
	}
	out := make([]byte, 1, 1+s2.MaxEncodedLen(len(raw)))
	out[0] = recordVersion
	return append(out, s2.Encode(out[1:cap(out)], raw)...)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// maxRecordPlain bounds what a record may unpack to.
const maxRecordPlain = 1 << 30

func decodeRecord(payload []byte) (definitions []definition, b *Batch, err error) {
	if len(payload) == 0 || payload[0] != recordVersion {
		return nil, nil, fmt.Errorf("%w: unknown version", errRecord)
	}
	if n, err := s2.DecodedLen(payload[1:]); err != nil || n > maxRecordPlain {
		return nil, nil, fmt.Errorf("%w: bad length", errRecord)
	}
	raw, err := s2.Decode(nil, payload[1:])
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errRecord, err)
	}
	r := reader{b: raw}
	for range r.count(4) {
		d := definition{ref: Ref(r.uvarint())}
		d.Kind = Kind(r.byte())
		d.Interval = r.varint()
		d.Name = r.string()
		for range r.count(1) {
			d.Tags = append(d.Tags, r.string())
		}
		if d.ref > maxRef {
			r.fail()
		}
		definitions = append(definitions, d)
	}
	b = &Batch{Samples: make([]Sample, r.count(10))}
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
	for i := range b.Samples {
		b.Samples[i].Value = r.float()
	}
	for range r.count(4) {
		s := SketchSample{Ref: Ref(r.uvarint()), Time: r.varint()}
		if s.Ref > maxRef {
			r.fail()
		}
		s.Sketch = r.sketch()
		b.Sketches = append(b.Sketches, s)
	}
	if r.failed || len(r.b) > 0 {
		return nil, nil, errRecord
	}
	return definitions, b, nil
}

// maxRef bounds refs read from a file, and so the memory they can ask for.
const maxRef = 1 << 28

// reader reads fields off the front of b. After a failure it reads zeros.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) fail() { r.b, r.failed = nil, true }

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
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
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) float() float64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return v
}

func (r *reader) string() string {
	n := r.count(1)
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
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
