package span

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

// The tags of a block: first the shapes, a shape being the list of columns that
// a span has values in, and the shape of each span; then the columns.
//
//	columns  uvarint, then per column: key, kind byte, length uvarint
//	shapes   a packed part: shapes uvarint, per shape columns uvarint and their
//	         numbers; per span its shape
//	values   a packed part per column
type columnWriter struct {
	byKey   map[columnKey]int
	columns []*column
	byShape map[string]int
	shapes  [][]int
	ofSpan  []byte
	scratch []int
}

type columnKey struct {
	key    string
	number bool
}

type column struct {
	columnKey
	dict    textDict
	texts   []byte
	numbers []float64
}

func (w *columnWriter) init(spans int) {
	w.byKey, w.byShape = map[columnKey]int{}, map[string]int{}
	w.ofSpan = make([]byte, 0, spans)
}

func (w *columnWriter) add(s *Span) {
	w.scratch = w.scratch[:0]
	for i := range s.Tags {
		t := &s.Tags[i]
		key := columnKey{t.Key, t.IsNumber}
		n, ok := w.byKey[key]
		if !ok {
			n = len(w.columns)
			w.byKey[key] = n
			w.columns = append(w.columns, &column{columnKey: key})
		}
		c := w.columns[n]
		if t.IsNumber {
			c.numbers = append(c.numbers, t.Number)
		} else {
			c.texts = c.dict.append(c.texts, t.Text)
		}
		w.scratch = append(w.scratch, n)
	}
	var id []byte
	for _, n := range w.scratch {
		id = binary.AppendUvarint(id, uint64(n))
	}
	shape, ok := w.byShape[string(id)]
	if !ok {
		shape = len(w.shapes)
		w.byShape[string(id)] = shape
		w.shapes = append(w.shapes, slices.Clone(w.scratch))
	}
	w.ofSpan = binary.AppendUvarint(w.ofSpan, uint64(shape))
}

func (w *columnWriter) encode(c *codec) []byte {
	shapes := binary.AppendUvarint(nil, uint64(len(w.shapes)))
	for _, s := range w.shapes {
		shapes = binary.AppendUvarint(shapes, uint64(len(s)))
		for _, n := range s {
			shapes = binary.AppendUvarint(shapes, uint64(n))
		}
	}
	shapes = c.pack(nil, append(shapes, w.ofSpan...))
	head := binary.AppendUvarint(nil, uint64(len(w.columns)))
	var body []byte
	for _, col := range w.columns {
		at := len(body)
		kind := byte(0)
		if col.number {
			kind = 1
			body = c.pack(body, encodeNumbers(col.numbers))
		} else {
			body = c.pack(body, col.texts)
		}
		head = binary.AppendUvarint(head, uint64(len(col.key)))
		head = append(head, col.key...)
		head = append(head, kind)
		head = binary.AppendUvarint(head, uint64(len(body)-at))
	}
	out := binary.AppendUvarint(nil, uint64(len(head)))
	out = append(out, head...)
	out = binary.AppendUvarint(out, uint64(len(shapes)))
	out = append(out, shapes...)
	return append(out, body...)
}

// encodeNumbers writes whole numbers as varints, and any others as their bits
// reversed, which is short for those with few digits.
func encodeNumbers(values []float64) []byte {
	whole := true
	for _, v := range values {
		if n := int64(v); v < -1<<53 || v > 1<<53 || float64(n) != v || n == 0 && math.Signbit(v) {
			whole = false
			break
		}
	}
	if whole {
		b := []byte{0}
		for _, v := range values {
			b = binary.AppendVarint(b, int64(v))
		}
		return b
	}
	b := []byte{1}
	for _, v := range values {
		b = binary.AppendUvarint(b, bits.ReverseBytes64(math.Float64bits(v)))
	}
	return b
}

// columnInfo is a column not read yet.
type columnInfo struct {
	key    string
	number bool
	n      int // its number in the shapes
	data   []byte
}

// openedColumns knows where the values of a block's tags are.
type openedColumns struct {
	all    []*columnInfo // by key
	shapes [][]uint64
	ofSpan []uint32 // span -> shape
}

func (c *codec) openColumns(b *block) (*openedColumns, error) {
	r := reader{b: b.columns}
	head := reader{b: r.bytes(r.uvarint())}
	packed := r.bytes(r.uvarint())
	n := head.uvarint()
	if r.failed || n > uint64(len(head.b)) {
		return nil, errBlock
	}
	o := &openedColumns{}
	for i := range n {
		info := &columnInfo{key: string(head.bytes(head.uvarint())), number: head.byte() == 1, n: int(i)}
		info.data = r.bytes(head.uvarint())
		o.all = append(o.all, info)
	}
	if head.failed || r.failed {
		return nil, errBlock
	}
	plain, err := c.unpack(packed)
	if err != nil {
		return nil, err
	}
	s := reader{b: plain}
	shapes := s.uvarint()
	if shapes > uint64(len(s.b)) {
		return nil, errBlock
	}
	for range shapes {
		k := s.uvarint()
		if k > n || k > uint64(len(s.b)) {
			return nil, errBlock
		}
		shape := make([]uint64, k)
		for i := range shape {
			shape[i] = s.uvarint()
		}
		o.shapes = append(o.shapes, shape)
	}
	o.ofSpan = make([]uint32, b.n)
	for i := range o.ofSpan {
		shape := s.uvarint()
		if shape >= shapes {
			return nil, errBlock
		}
		o.ofSpan[i] = uint32(shape)
	}
	if err := s.err(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(o.all, sortedKeys)
	return o, nil
}

// columnValues are the values of one column, and which of them each span has.
type columnValues struct {
	place   []int32 // span -> index; -1: none
	texts   []string
	numbers []float64
}

func (v *columnValues) of(span int) int { return int(v.place[span]) }

func (o *openedColumns) values(c *codec, info *columnInfo) (*columnValues, error) {
	has := make([]bool, len(o.shapes))
	for i, s := range o.shapes {
		has[i] = slices.Contains(s, uint64(info.n))
	}
	v := &columnValues{place: make([]int32, len(o.ofSpan))}
	n := int32(0)
	for i, shape := range o.ofSpan {
		v.place[i] = -1
		if has[shape] {
			v.place[i] = n
			n++
		}
	}
	plain, err := c.unpack(info.data)
	if err != nil {
		return nil, err
	}
	r := reader{b: plain}
	if !info.number {
		v.texts = make([]string, n)
		var d textDict
		for i := range v.texts {
			v.texts[i] = d.read(&r)
		}
		return v, r.err()
	}
	v.numbers = make([]float64, n)
	whole := r.byte() == 0
	for i := range v.numbers {
		if whole {
			v.numbers[i] = float64(r.varint())
		} else {
			v.numbers[i] = math.Float64frombits(bits.ReverseBytes64(r.uvarint()))
		}
	}
	return v, r.err()
}

// text is the value of one span's tag; ok is false when it has none.
func (v *columnValues) text(span int) (string, bool) {
	k := v.place[span]
	switch {
	case k < 0:
		return "", false
	case v.texts != nil:
		return v.texts[k], true
	default:
		return strconv.FormatFloat(v.numbers[k], 'f', -1, 64), true
	}
}
