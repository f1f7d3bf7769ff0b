package store

import (
	"cmp"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/sketch"
)

// head holds the samples that are in the log and not yet in a partition.
type head struct {
	segment int // of the log, where its first record may be

	mu      sync.RWMutex
	series  []*headSeries // by Ref; nil where there are no samples
	samples int
	since   time.Time // when the head was begun
}

// headSeries is one series' part of a head: closed blocks in the order they
// were closed, then a tail of samples as they came.
type headSeries struct {
	mu     sync.Mutex
	blocks []headBlock
	tail   Columns
	sorted bool // tail's times ascend strictly
}

type headBlock struct {
	chunk.Header
	encoded []byte
}

// tailLen is about how many samples a tail holds before it is closed. Series
// differ a little, so that they don't all close in the same instant.
const tailLen = 240

func tailLenOf(ref Ref) int { return tailLen + int(ref%64) }

// at returns the part of a series, and creates it when make is set.
func (h *head) at(ref Ref, make bool) *headSeries {
	h.mu.RLock()
	var s *headSeries
	if int(ref) < len(h.series) {
		s = h.series[ref]
	}
	h.mu.RUnlock()
	if s != nil || !make {
		return s
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for int(ref) >= len(h.series) {
		h.series = append(h.series, slices.Repeat([]*headSeries{nil}, max(1024, len(h.series)/2))...)
	}
	if h.series[ref] == nil {
		h.series[ref] = &headSeries{sorted: true}
	}
	return h.series[ref]
}

// add keeps one sample; sk is nil for numbers. Only the log's committer calls it.
func (h *head) add(e *chunk.Encoder, ref Ref, at int64, value float64, sk *sketch.Sketch) {
	s := h.at(ref, true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.tail.Times); n > 0 && at <= s.tail.Times[n-1] {
		s.sorted = false
	}
	s.tail.Times = append(s.tail.Times, at)
	if sk != nil {
		s.tail.Sketches = append(s.tail.Sketches, sk)
	} else {
		s.tail.Values = append(s.tail.Values, value)
	}
	if len(s.tail.Times) >= tailLenOf(ref) {
		s.closeTail(e)
	}
}

// closeTail codes the tail as a block.
func (s *headSeries) closeTail(e *chunk.Encoder) {
	if len(s.tail.Times) == 0 {
		return
	}
	if !s.sorted {
		sortColumns(&s.tail)
	}
	var b headBlock
	b.encoded, b.Header = encodeColumns(e, &s.tail)
	s.blocks = append(s.blocks, b)
	s.tail.Reset()
	clear(s.tail.Sketches[:cap(s.tail.Sketches)])
	s.sorted = true
}

func encodeColumns(e *chunk.Encoder, c *Columns) ([]byte, chunk.Header) {
	if len(c.Sketches) > 0 {
		return e.AppendSketches(nil, c.Times, c.Sketches)
	}
	return e.Append(nil, c.Times, c.Values)
}

// refs lists the series that have samples in h.
func (h *head) refs() iter.Seq[Ref] {
	return func(yield func(Ref) bool) {
		h.mu.RLock()
		n := len(h.series)
		h.mu.RUnlock()
		for ref := range n {
			if h.at(Ref(ref), false) != nil && !yield(Ref(ref)) {
				return
			}
		}
	}
}

// read appends the samples of one series in [from, to] to c, in the order they
// came: times may repeat and descend. Samples outside of the range may be among
// them.
func (h *head) read(d *chunk.Decoder, ref Ref, sketches bool, from, to int64, c *Columns) error {
	if s := h.at(ref, false); s != nil {
		return s.read(d, sketches, from, to, c)
	}
	return nil
}

// read appends the samples of [from, to] to c, in the order they came; blocks
// and tail may overlap in time.
func (s *headSeries) read(d *chunk.Decoder, sketches bool, from, to int64, c *Columns) error {
	s.mu.Lock()
	blocks := s.blocks[:len(s.blocks):len(s.blocks)]
	tail := Columns{slices.Clone(s.tail.Times), slices.Clone(s.tail.Values), slices.Clone(s.tail.Sketches)}
	s.mu.Unlock()
	for _, b := range blocks {
		if b.MaxTime < from || b.MinTime > to {
			continue
		}
		if err := decodeInto(d, b.MinTime, b.encoded, sketches, c); err != nil {
			return err
		}
	}
	c.Times = append(c.Times, tail.Times...)
	c.Values = append(c.Values, tail.Values...)
	c.Sketches = append(c.Sketches, tail.Sketches...)
	return nil
}

// decodeInto appends the samples of an encoded block, the first of them at
// start, to c.
func decodeInto(d *chunk.Decoder, start int64, encoded []byte, sketches bool, c *Columns) (err error) {
	if sketches {
		c.Times, c.Sketches, err = d.DecodeSketches(start, encoded, c.Times, c.Sketches)
	} else {
		c.Times, c.Values, err = d.Decode(start, encoded, c.Times, c.Values)
	}
	return err
}

// ascending reports whether the times rise strictly.
func ascending(times []int64) bool {
	for i := 1; i < len(times); i++ {
		if times[i] <= times[i-1] {
			return false
		}
	}
	return true
}

// sortColumns orders samples by time; of several with one time the one that
// came last stays.
func sortColumns(c *Columns) {
	order := make([]int, len(c.Times))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(c.Times[a], c.Times[b]) })
	var out Columns
	for i, from := range order {
		if i+1 < len(order) && c.Times[order[i+1]] == c.Times[from] {
			continue
		}
		out.Times = append(out.Times, c.Times[from])
		if len(c.Sketches) > 0 {
			out.Sketches = append(out.Sketches, c.Sketches[from])
		} else {
			out.Values = append(out.Values, c.Values[from])
		}
	}
	*c = out
}
