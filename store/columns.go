package store

import (
	"cmp"
	"slices"
	"sort"

	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/sketch"
)

// Columns holds the samples of one series in time order, one entry per time.
// Values is filled for numbers, Sketches for distributions. The caller owns
// the slices and may reuse them from call to call.
type Columns struct {
	Times    []int64
	Values   []float64
	Sketches []*sketch.Sketch
}

// Reset empties c and keeps its memory.
func (c *Columns) Reset() {
	c.Times, c.Values, c.Sketches = c.Times[:0], c.Values[:0], c.Sketches[:0]
}

func encodeColumns(e *chunk.Encoder, c *Columns) ([]byte, chunk.Header) {
	if len(c.Sketches) > 0 {
		return e.AppendSketches(nil, c.Times, c.Sketches)
	}
	return e.Append(nil, c.Times, c.Values)
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

// trim keeps the samples of [from, to]; times ascend.
func (c *Columns) trim(from, to int64) {
	lo := sort.Search(len(c.Times), func(i int) bool { return c.Times[i] >= from })
	hi := sort.Search(len(c.Times), func(i int) bool { return c.Times[i] > to })
	c.Times = slices.Delete(c.Times[:hi], 0, lo)
	if len(c.Sketches) > 0 {
		c.Sketches = slices.Delete(c.Sketches[:hi], 0, lo)
	} else {
		c.Values = slices.Delete(c.Values[:hi], 0, lo)
	}
}
