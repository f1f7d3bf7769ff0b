package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/sketch"
)

// The widths of the tiers' buckets, ms.
const (
	fiveMinutes = 5 * 60_000
	oneHour     = 60 * 60_000
)

// tierColumns are the buckets of one series in a tier, in time order; those
// without samples are left out. A bucket [start, start+width) keeps the sample
// that lies exactly on its start apart from the aggregate of the rest, so that
// it serves both edges exactly: with it [a, b), without it and with the next
// bucket's (a, b].
//
// Of a distribution, Count, Sum, Min and Max are those of the values in
// Sketches, which hold the whole bucket, and First, Last and Increase are not
// kept.
type tierColumns struct {
	width    int64     // ms
	Start    []int64   // ms, multiples of the width
	OnStart  []float64 // 1: First lies exactly on Start, and is not in Count, Sum, Min and Max
	Count    []float64 // samples behind the start; may be 0 where OnStart is 1
	Sum      []float64
	Min, Max []float64 // NaN where Count is 0
	First    []float64 // of the whole bucket
	Last     []float64
	Increase []float64 // of cumulative counters: from First to Last; empty for others
	Sketches []*sketch.Sketch

	// The samples that the buckets are of, while they are few and all there.
	few  Columns
	many bool
}

func (t *tierColumns) reset(width int64) {
	*t = tierColumns{
		width, t.Start[:0], t.OnStart[:0], t.Count[:0], t.Sum[:0], t.Min[:0], t.Max[:0],
		t.First[:0], t.Last[:0], t.Increase[:0], t.Sketches[:0], t.few, false,
	}
	t.few.Reset()
}

// fewInTier is up to how many samples a series may keep in a tier in place of
// buckets, where those are larger: a container's that lived for a minute are.
const fewInTier = 64

// addFew adds samples to the few.
func (t *tierColumns) addFew(times []int64, values []float64) {
	if t.many = t.many || len(t.few.Times)+len(times) > fewInTier; !t.many {
		t.few.Times = append(t.few.Times, times...)
		t.few.Values = append(t.few.Values, values...)
	}
}

// addSamples adds buckets made of samples in time order, later than those that
// are there.
func (t *tierColumns) addSamples(times []int64, values []float64, cumulative bool) {
	t.addFew(times, values)
	for i := 0; i < len(times); {
		start := floorTo(times[i], t.width)
		j := i + 1
		for j < len(times) && times[j] < start+t.width {
			j++
		}
		t.addBucket(start, times[i] == start, values[i:j], cumulative)
		i = j
	}
}

// addBucket adds values to the bucket that begins at start, the last one or a
// new one; the first value lies on the start if onStart.
func (t *tierColumns) addBucket(start int64, onStart bool, values []float64, cumulative bool) {
	if sum := sumOf(values); sum != sum {
		onStart = onStart && values[0] == values[0]
		if values = withoutNaN(values); len(values) == 0 {
			return
		}
	}
	k := len(t.Start) - 1
	if k < 0 || t.Start[k] != start {
		k = t.open(start)
		t.First = append(t.First, values[0])
		t.Last = append(t.Last, math.NaN())
		on := 0.0
		if onStart {
			on = 1
		}
		t.OnStart = append(t.OnStart, on)
		if cumulative {
			t.Increase = append(t.Increase, 0)
		}
	}
	if cumulative {
		prev := t.Last[k]
		for _, v := range values {
			t.Increase[k] += increase(prev, v)
			prev = v
		}
	}
	t.Last[k] = values[len(values)-1]
	if onStart {
		values = values[1:]
	}
	if len(values) > 0 {
		t.Count[k] += float64(len(values))
		t.Sum[k] += sumOf(values)
		t.Min[k], t.Max[k] = leastOf(values, t.Min[k]), mostOf(values, t.Max[k])
	}
}

// open begins a bucket without samples in the columns that numbers and
// distributions share, and returns its index.
func (t *tierColumns) open(start int64) int {
	t.Start = append(t.Start, start)
	t.Count, t.Sum = append(t.Count, 0), append(t.Sum, 0)
	t.Min, t.Max = append(t.Min, math.NaN()), append(t.Max, math.NaN())
	return len(t.Start) - 1
}

// addSketches is addSamples for a distribution. The sketches are t's from then on.
func (t *tierColumns) addSketches(times []int64, sketches []*sketch.Sketch) {
	for i, s := range sketches {
		if s.Count == 0 {
			continue
		}
		start := floorTo(times[i], t.width)
		k := len(t.Start) - 1
		if k < 0 || t.Start[k] != start {
			k = t.open(start)
			t.Sketches = append(t.Sketches, s)
		} else {
			t.Sketches[k].Merge(s)
		}
		m := t.Sketches[k]
		t.Count[k], t.Sum[k], t.Min[k], t.Max[k] = float64(m.Count), m.Sum, m.Min, m.Max
	}
}

// addFiner adds the buckets [i, j) of o, whose width is a part of t's.
func (t *tierColumns) addFiner(o *tierColumns, i, j int) {
	if len(o.Sketches) > 0 {
		t.addSketches(o.Start[i:j], o.Sketches[i:j])
		return
	}
	for ; i < j; i++ {
		start := floorTo(o.Start[i], t.width)
		cumulative := len(o.Increase) > 0
		if o.OnStart[i] != 0 {
			t.addBucket(start, o.Start[i] == start, o.First[i:i+1], cumulative)
		}
		if o.Count[i] == 0 {
			continue
		}
		k := len(t.Start) - 1
		if k < 0 || t.Start[k] != start {
			k = t.open(start)
			t.First, t.Last = append(t.First, o.First[i]), append(t.Last, math.NaN())
			t.OnStart = append(t.OnStart, 0)
			if cumulative {
				t.Increase = append(t.Increase, 0)
			}
		}
		if cumulative {
			if o.OnStart[i] == 0 {
				t.Increase[k] += increase(t.Last[k], o.First[i])
			}
			t.Increase[k] += o.Increase[i]
		}
		t.Count[k] += o.Count[i]
		t.Sum[k] += o.Sum[i]
		if !(t.Min[k] <= o.Min[i]) {
			t.Min[k] = o.Min[i]
		}
		if !(t.Max[k] >= o.Max[i]) {
			t.Max[k] = o.Max[i]
		}
		t.Last[k] = o.Last[i]
	}
}

// addFrom adds the buckets [i, j) of o.
func (t *tierColumns) addFrom(o *tierColumns, i, j int) {
	t.Start = append(t.Start, o.Start[i:j]...)
	for _, c := range []struct {
		to   *[]float64
		from []float64
	}{
		{&t.OnStart, o.OnStart}, {&t.Count, o.Count}, {&t.Sum, o.Sum}, {&t.Min, o.Min}, {&t.Max, o.Max},
		{&t.First, o.First}, {&t.Last, o.Last}, {&t.Increase, o.Increase},
	} {
		if len(c.from) > 0 {
			*c.to = append(*c.to, c.from[i:j]...)
		}
	}
	if len(o.Sketches) > 0 {
		t.Sketches = append(t.Sketches, o.Sketches[i:j]...)
	}
}

// search is the first bucket whose start is not before ms.
func (t *tierColumns) search(ms int64) int {
	i, _ := slices.BinarySearch(t.Start, ms)
	return i
}

// A tier's block is
//
//	version u8 | flags u8 | buckets uvarint | first start / width varint | columns
//
// and a column is its length as uvarint and its bytes: floats as package chunk
// codes them, or of length 0 and a byte that names the earlier column it equals. Numbers
// have the columns gaps, on start, count, sum, min, max, first, last and
// increase; distributions gaps, count, sum, min, max and a chunk of sketches.
// A lean tier leaves out last samples but that of the last bucket where each
// bucket is followed by one with a sample on its start: windows closed on the
// right end with that.
// Gaps are the buckets' distances, in widths, and are left out when all are 1;
// only cumulative counters have increases.
const tierVersion = 1

const (
	tierHasGaps = 1 << iota
	tierHasIncreases
	tierHasSketches
	tierHasOneLast // the column of last samples has the last bucket's only
)

var errTierCorrupt = errors.New("tier block: corrupt")

// tierCodec codes blocks of tiers. It holds buffers and is for one goroutine.
type tierCodec struct {
	encoder *chunk.Encoder
	decoder *chunk.Decoder
	gaps    []float64
	times   []int64
}

// floatColumns are the columns of a block in their order.
func (t *tierColumns) floatColumns(flags byte) []*[]float64 {
	if flags&tierHasSketches != 0 {
		return []*[]float64{&t.Count, &t.Sum, &t.Min, &t.Max}
	}
	columns := []*[]float64{&t.OnStart, &t.Count, &t.Sum, &t.Min, &t.Max, &t.First, &t.Last}
	if flags&tierHasIncreases != 0 {
		columns = append(columns, &t.Increase)
	}
	return columns
}

// encode appends a block of the buckets of t, of which there is at least one.
func (c *tierCodec) encode(b []byte, t *tierColumns, lean bool) ([]byte, chunk.Header) {
	n, width := len(t.Start), t.width
	h := chunk.Header{Count: n, MinTime: t.Start[0], MaxTime: t.Start[n-1] + width - 1}
	var flags byte
	c.gaps = append(c.gaps[:0], 1)
	for i := 1; i < n; i++ {
		gap := float64((t.Start[i] - t.Start[i-1]) / width)
		c.gaps = append(c.gaps, gap)
		if gap != 1 {
			flags |= tierHasGaps
		}
	}
	if len(t.Increase) > 0 {
		flags |= tierHasIncreases
	}
	if len(t.Sketches) > 0 {
		flags |= tierHasSketches
	}
	if lean && flags == 0 && n > 1 && !slices.Contains(t.OnStart[1:], 0) {
		flags |= tierHasOneLast
	}
	b = append(b, tierVersion, flags)
	b = binary.AppendUvarint(b, uint64(n))
	b = binary.AppendVarint(b, t.Start[0]/width)
	if flags&tierHasGaps != 0 {
		b = appendColumn(b, c.encoder.AppendFloats(nil, c.gaps))
	}
	columns := t.floatColumns(flags)
	for i, column := range columns {
		if column == &t.Last && flags&tierHasOneLast != 0 {
			b = appendColumn(b, c.encoder.AppendFloats(nil, t.Last[n-1:]))
			continue
		}
		twin := slices.IndexFunc(columns[:i], func(o *[]float64) bool { return sameBits(*o, *column) })
		if twin >= 0 {
			b = append(b, 0, byte(twin))
			continue
		}
		b = appendColumn(b, c.encoder.AppendFloats(nil, *column))
	}
	if flags&tierHasSketches != 0 {
		encoded, _ := c.encoder.AppendSketches(nil, t.Start, t.Sketches)
		b = appendColumn(b, encoded)
	}
	return b, h
}

func appendColumn(b, column []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(column))), column...)
}

func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

// encodeFew appends the few samples of t as a block, if it has all of them:
//
//	first time less that of the first bucket uvarint | chunk
func (c *tierCodec) encodeFew(b []byte, t *tierColumns) []byte {
	n := sumOf(t.Count) + sumOf(t.OnStart)
	if t.many || n == 0 || n != float64(len(t.few.Times)) {
		return nil // NaN samples are in no bucket
	}
	b = binary.AppendUvarint(b, uint64(t.few.Times[0]-t.Start[0]))
	b, _ = c.encoder.Append(b, t.few.Times, t.few.Values)
	return b
}

// decodeFew is decode for a block of few samples; start is that of the first
// bucket.
func (c *tierCodec) decodeFew(start int64, b []byte, width int64, cumulative bool, t *tierColumns) error {
	t.reset(width)
	ahead, n := binary.Uvarint(b)
	if n <= 0 || ahead >= uint64(width) {
		return errTierCorrupt
	}
	var few Columns
	if err := decodeInto(c.decoder, start+int64(ahead), b[n:], false, &few); err != nil {
		return fmt.Errorf("tier block: %w", err)
	}
	t.addSamples(few.Times, few.Values, cumulative)
	return nil
}

// decode replaces t by the buckets of a block. Of the columns only those that
// want needs are filled, besides Start, OnStart and Count.
func (c *tierCodec) decode(b []byte, width int64, want Want, t *tierColumns) error {
	t.reset(width)
	if len(b) < 2 || b[0] != tierVersion {
		return fmt.Errorf("format version: %w", errTierCorrupt)
	}
	flags := b[1]
	r := reader{b: b[2:]}
	n, first := r.uvarint(), r.varint()
	if r.failed || n == 0 || n > chunk.MaxSamples || first > math.MaxInt64/2/width || first < math.MinInt64/2/width {
		return errTierCorrupt
	}
	t.Start = slices.Grow(t.Start, int(n))[:n]
	at := first * width
	if flags&tierHasGaps != 0 {
		c.gaps = slices.Grow(c.gaps[:0], int(n))[:n]
		if err := c.decoder.Floats(c.gaps, r.bytes(r.count(1))); err != nil {
			return fmt.Errorf("tier block: gaps: %w", err)
		}
		for i, gap := range c.gaps {
			if i > 0 {
				if !(gap >= 1 && gap < 1<<32) {
					return errTierCorrupt
				}
				at += int64(gap) * width
			}
			t.Start[i] = at
		}
	} else {
		for i := range t.Start {
			t.Start[i] = at + int64(i)*width
		}
	}
	columns := t.floatColumns(flags)
	needed := want.tierColumns(flags)
	for i, column := range columns {
		encoded, twin := r.bytes(r.count(1)), 0
		if len(encoded) == 0 {
			if twin = int(r.byte()); twin >= i {
				return errTierCorrupt
			}
		}
		if !needed[i] {
			continue
		}
		*column = slices.Grow((*column)[:0], int(n))[:n]
		filled := *column
		if column == &t.Last && flags&tierHasOneLast != 0 {
			for k := range filled {
				filled[k] = math.NaN()
			}
			filled = filled[n-1:]
		}
		if len(encoded) == 0 {
			if len(*columns[twin]) == 0 { // not needed for itself; its bytes are behind us
				return c.decode(b, width, want|wantAllTierColumns, t)
			}
			copy(*column, *columns[twin])
			continue
		}
		if err := c.decoder.Floats(filled, encoded); err != nil {
			return fmt.Errorf("tier block: column %d: %w", i, err)
		}
	}
	if flags&tierHasSketches != 0 && want&WantSketches != 0 {
		var err error
		c.times, t.Sketches, err = c.decoder.DecodeSketches(t.Start[0], r.bytes(r.count(1)), c.times[:0], t.Sketches[:0])
		if err != nil || len(t.Sketches) != int(n) {
			return fmt.Errorf("tier block: %w", errors.Join(errTierCorrupt, err))
		}
	}
	if r.failed {
		return errTierCorrupt
	}
	return nil
}

// wantAllTierColumns is a Want that needs every column of numbers.
const wantAllTierColumns = WantSum | WantMin | WantMax | WantLast | WantFirst | WantIncrease

// tierColumns says which of a block's columns w needs. The first sample of a
// bucket is one of its samples, also where it is kept apart.
func (w Want) tierColumns(flags byte) []bool {
	sum, least, most := w&WantSum != 0, w&WantMin != 0, w&WantMax != 0
	if flags&tierHasSketches != 0 {
		return []bool{true, sum, least, most}
	}
	grows := w&WantIncrease != 0
	return []bool{true, true, sum, least, most, true, w&WantLast != 0 || grows, grows}
}
