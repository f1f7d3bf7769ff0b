package span

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// A block is up to maxBlock spans as columns, those of one trace side by side:
//
//	spans uvarint | length of each of the five parts uvarint
//	kinds    the distinct Kinds, each a row of texts (compressed)
//	scan     per span: kind uvarint, start varint (to the span before), duration uvarint
//	ids      per trace: spans uvarint, low half u64; per span: its id and parent
//	highs    the traces' high halves (compressed)
//	columns  the tags: shapes, then a column per key, each compressed by itself
//
// A search reads kinds, then scan, then only those columns it asks for.
const maxBlock = 4096

const blockParts = 5

var errBlock = errors.New("span block: damaged")

// The parts of an open block.
type block struct {
	n       int
	kinds   []Kind
	scan    []byte
	ids     []byte
	highs   []byte // still compressed
	columns []byte
}

// codec compresses and decompresses. Safe for concurrent use.
type codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// maxPart bounds what a compressed part may grow to.
const maxPart = 256 << 20

func newCodec(level zstd.EncoderLevel) (*codec, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	if err != nil {
		return nil, fmt.Errorf("make a compressor: %w", err)
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxPart))
	if err != nil {
		return nil, fmt.Errorf("make a decompressor: %w", err)
	}
	return &codec{e, d}, nil
}

func (c *codec) close() {
	c.encoder.Close()
	c.decoder.Close()
}

// pack appends a flag and b, compressed where that makes it smaller.
func (c *codec) pack(to, b []byte) []byte {
	if len(b) >= 48 {
		at := len(to)
		to = append(to, 1)
		to = c.encoder.EncodeAll(b, to)
		if len(to)-at-1 < len(b) {
			return to
		}
		to = to[:at]
	}
	return append(append(to, 0), b...)
}

func (c *codec) unpack(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, errBlock
	}
	switch b[0] {
	case 0:
		return b[1:], nil
	case 1:
		plain, err := c.decoder.DecodeAll(b[1:], nil)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errBlock, err)
		}
		return plain, nil
	}
	return nil, errBlock
}

// byTrace orders spans so that those of one trace stand side by side, traces
// by the first of their spans in time.
func byTrace(spans []*Span) {
	first := make(map[TraceID]int64, len(spans)/2)
	for _, s := range spans {
		if at, ok := first[s.Trace]; !ok || s.Start < at {
			first[s.Trace] = s.Start
		}
	}
	slices.SortStableFunc(spans, func(a, b *Span) int {
		if a.Trace == b.Trace {
			return cmp.Compare(a.Start, b.Start)
		}
		return cmp.Or(cmp.Compare(first[a.Trace], first[b.Trace]), cmp.Compare(a.Trace.High, b.Trace.High), cmp.Compare(a.Trace.Low, b.Trace.Low))
	})
}

// appendBlock encodes spans, which byTrace has ordered; at most maxBlock.
func (c *codec) appendBlock(to []byte, spans []*Span) []byte {
	var parts [blockParts][]byte
	var kinds kindTable
	var ids idWriter
	var columns columnWriter
	columns.init(len(spans))
	last := int64(0)
	for i, s := range spans {
		parts[1] = binary.AppendUvarint(parts[1], uint64(kinds.index(&s.Kind)))
		parts[1] = binary.AppendVarint(parts[1], s.Start-last)
		parts[1] = binary.AppendUvarint(parts[1], uint64(s.Duration))
		last = s.Start
		if i == 0 || spans[i-1].Trace != s.Trace {
			n := 1
			for i+n < len(spans) && spans[i+n].Trace == s.Trace {
				n++
			}
			ids.trace(spans[i : i+n])
		}
		columns.add(s)
	}
	parts[0] = c.pack(nil, kinds.encode())
	parts[2] = ids.low
	parts[3] = c.pack(nil, ids.high)
	parts[4] = columns.encode(c)
	to = binary.AppendUvarint(to, uint64(len(spans)))
	for _, p := range parts {
		to = binary.AppendUvarint(to, uint64(len(p)))
	}
	for _, p := range parts {
		to = append(to, p...)
	}
	return to
}

// kindTable numbers the distinct kinds of a block.
type kindTable struct {
	byKind map[Kind]int
	kinds  []Kind
}

func (t *kindTable) index(k *Kind) int {
	if i, ok := t.byKind[*k]; ok {
		return i
	}
	if t.byKind == nil {
		t.byKind = map[Kind]int{}
	}
	i := len(t.kinds)
	t.byKind[*k] = i
	t.kinds = append(t.kinds, *k)
	return i
}

// texts are the fields of a kind that are text, in the order they are coded.
func (k *Kind) texts() [6]*string {
	return [6]*string{&k.Service, &k.Env, &k.Name, &k.Resource, &k.Type, &k.Host}
}

func (t *kindTable) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(len(t.kinds)))
	for i := range t.kinds {
		if t.kinds[i].Error {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	for field := range 6 {
		var d textDict
		for i := range t.kinds {
			b = d.append(b, *t.kinds[i].texts()[field])
		}
	}
	return b
}

func decodeKinds(b []byte) ([]Kind, error) {
	r := reader{b: b}
	n := r.uvarint()
	if n > maxBlock || n > uint64(len(r.b)) {
		return nil, errBlock
	}
	kinds := make([]Kind, n)
	for i := range kinds {
		kinds[i].Error = r.byte() != 0
	}
	for field := range 6 {
		var d textDict
		for i := range kinds {
			*kinds[i].texts()[field] = d.read(&r)
		}
	}
	return kinds, r.err()
}

// textDict codes a text as its number among those seen, or as 0 and itself.
type textDict struct {
	numbers map[string]uint64
	texts   []string
}

func (d *textDict) append(b []byte, s string) []byte {
	if n, ok := d.numbers[s]; ok {
		return binary.AppendUvarint(b, n)
	}
	if d.numbers == nil {
		d.numbers = map[string]uint64{}
	}
	d.numbers[s] = uint64(len(d.numbers) + 1)
	b = append(b, 0)
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func (d *textDict) read(r *reader) string {
	n := r.uvarint()
	if n == 0 {
		s := string(r.bytes(r.uvarint()))
		if !r.failed {
			d.texts = append(d.texts, s)
		}
		return s
	}
	if n > uint64(len(d.texts)) {
		r.failed = true
		return ""
	}
	return d.texts[n-1]
}

// idWriter codes ids. A root's id is mostly the low half of its trace's, and a
// parent is mostly a span of the same trace in the same block.
type idWriter struct{ low, high []byte }

const (
	idIsTrace = 1 << iota // the span's id is its trace's
	noParent
	parentInTrace // its place follows
)

func (w *idWriter) trace(spans []*Span) {
	w.high = binary.LittleEndian.AppendUint64(w.high, spans[0].Trace.High)
	w.low = binary.AppendUvarint(w.low, uint64(len(spans)))
	w.low = binary.LittleEndian.AppendUint64(w.low, spans[0].Trace.Low)
	place := make(map[uint64]int, len(spans))
	for i, s := range spans {
		if _, ok := place[s.ID]; !ok {
			place[s.ID] = i
		}
	}
	for _, s := range spans {
		flags := byte(0)
		if s.ID == s.Trace.Low {
			flags |= idIsTrace
		}
		at, known := place[s.Parent]
		if s.Parent == 0 {
			flags |= noParent
		} else if known {
			flags |= parentInTrace
		}
		w.low = append(w.low, flags)
		if flags&idIsTrace == 0 {
			w.low = binary.LittleEndian.AppendUint64(w.low, s.ID)
		}
		switch {
		case flags&parentInTrace != 0:
			w.low = binary.AppendUvarint(w.low, uint64(at))
		case flags&noParent == 0:
			w.low = binary.LittleEndian.AppendUint64(w.low, s.Parent)
		}
	}
}

// openBlock splits the bytes of a block into its parts; they stay borrowed.
func (c *codec) openBlock(b []byte) (*block, error) {
	r := reader{b: b}
	n := r.uvarint()
	var lengths [blockParts]uint64
	for i := range lengths {
		lengths[i] = r.uvarint()
	}
	var parts [blockParts][]byte
	for i := range parts {
		parts[i] = r.bytes(lengths[i])
	}
	if r.failed || n > maxBlock {
		return nil, errBlock
	}
	plain, err := c.unpack(parts[0])
	if err != nil {
		return nil, err
	}
	kinds, err := decodeKinds(plain)
	if err != nil {
		return nil, err
	}
	return &block{n: int(n), kinds: kinds, scan: parts[1], ids: parts[2], highs: parts[3], columns: parts[4]}, nil
}

// row is what a block's scan part holds of one span.
type row struct {
	kind            int
	start, duration int64
}

// rows decodes the scan part into to.
func (b *block) rows(to []row) ([]row, error) {
	to = slices.Grow(to[:0], b.n)
	data, last := b.scan, int64(0)
	for range b.n {
		kind, n := binary.Uvarint(data)
		if n <= 0 || kind >= uint64(len(b.kinds)) {
			return nil, errBlock
		}
		data = data[n:]
		delta, n := binary.Varint(data)
		if n <= 0 {
			return nil, errBlock
		}
		data = data[n:]
		duration, n := binary.Uvarint(data)
		if n <= 0 {
			return nil, errBlock
		}
		data = data[n:]
		last += delta
		to = append(to, row{int(kind), last, int64(duration & math.MaxInt64)})
	}
	return to, nil
}

// spanIDs are the ids of one span of a block.
type spanIDs struct {
	trace      TraceID
	id, parent uint64
}

func (c *codec) idsOf(b *block) ([]spanIDs, error) {
	highs, err := c.unpack(b.highs)
	if err != nil {
		return nil, err
	}
	all := make([]spanIDs, 0, b.n)
	r, h := reader{b: b.ids}, reader{b: highs}
	places := []uint64{}
	for len(all) < b.n {
		n := r.uvarint()
		trace := TraceID{High: h.uint64(), Low: r.uint64()}
		if r.failed || h.failed || n == 0 || n > uint64(b.n-len(all)) {
			return nil, errBlock
		}
		first := len(all)
		places = places[:0]
		for range n {
			ids, place := spanIDs{trace: trace, id: trace.Low}, uint64(0)
			flags := r.byte()
			if flags&idIsTrace == 0 {
				ids.id = r.uint64()
			}
			switch {
			case flags&parentInTrace != 0:
				if place = r.uvarint() + 1; place > n {
					return nil, errBlock
				}
			case flags&noParent == 0:
				ids.parent = r.uint64()
			}
			places = append(places, place)
			all = append(all, ids)
		}
		if r.failed {
			return nil, errBlock
		}
		for i, place := range places {
			if place > 0 {
				all[first+i].parent = all[first+int(place)-1].id
			}
		}
	}
	return all, nil
}

// spans decodes the spans at the given places; nil means all.
func (c *codec) spans(b *block, at []int) ([]*Span, error) {
	rows, err := b.rows(nil)
	if err != nil {
		return nil, err
	}
	ids, err := c.idsOf(b)
	if err != nil {
		return nil, err
	}
	cols, err := c.openColumns(b)
	if err != nil {
		return nil, err
	}
	if at == nil {
		at = make([]int, b.n)
		for i := range at {
			at[i] = i
		}
	}
	found := make([]*Span, len(at))
	for i, place := range at {
		r := rows[place]
		found[i] = &Span{
			Kind: b.kinds[r.kind], Trace: ids[place].trace, ID: ids[place].id, Parent: ids[place].parent,
			Start: r.start, Duration: r.duration,
		}
	}
	for _, col := range cols.all {
		values, err := cols.values(c, col)
		if err != nil {
			return nil, err
		}
		for i, place := range at {
			if k := values.of(place); k >= 0 {
				t := Tag{Key: col.key, IsNumber: col.number}
				if col.number {
					t.Number = values.numbers[k]
				} else {
					t.Text = values.texts[k]
				}
				found[i].Tags = append(found[i].Tags, t)
			}
		}
	}
	return found, nil
}

// reader takes values off the front of b; after a failure it yields zeros.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.failed = true
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.failed = true
		r.b = nil
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte {
	b := r.bytes(1)
	if b == nil {
		return 0
	}
	return b[0]
}

func (r *reader) uint64() uint64 {
	b := r.bytes(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

func (r *reader) err() error {
	if r.failed {
		return errBlock
	}
	return nil
}

// sortedKeys orders columns so that a span's tags come out sorted.
func sortedKeys(a, b *columnInfo) int { return strings.Compare(a.key, b.key) }
