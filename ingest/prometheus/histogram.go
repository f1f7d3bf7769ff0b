package prometheus

import (
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store/sketch"
)

// histogram is a native histogram: counts of the values in buckets whose
// bounds grow by 2^(2^-schema), or, with schema customSchema, lie where custom
// says. Prometheus sends it as a running total.
type histogram struct {
	time     int64 // ms
	schema   int64
	gauge    bool // not a running total
	reset    bool // the total began anew
	stale    bool
	count    float64
	sum      float64
	zero     float64
	positive []bucket // by index
	negative []bucket
	custom   []float64 // upper bounds
}

type bucket struct {
	index int32
	count float64
}

const (
	customSchema = -53
	minSchema    = -4
	maxSchema    = 8
	maxBuckets   = 4096    // of one histogram
	maxIndex     = 1 << 20 // either way: past every float64 at any schema
	staleNaN     = 0x7ff0000000000002
)

// spanned collects one side of a histogram as it is on the wire: spans of
// neighbouring buckets, and either differences of counts or counts.
type spanned struct {
	offsets, lengths []int64
	deltas           []int64
	counts           []float64
}

// histogram reads a Histogram, whose fields both versions number alike:
//
//	Histogram   count_int=1 count_float=2 sum=3 schema=4 zero_threshold=5 zero_count_int=6 zero_count_float=7
//	            negative_spans=8 negative_deltas=9 negative_counts=10
//	            positive_spans=11 positive_deltas=12 positive_counts=13
//	            reset_hint=14 (1 reset, 3 gauge) timestamp=15 (ms) custom_values=16
//	BucketSpan  offset=1 (sint32) length=2
func (d *decoder) histogram(message []byte, base int) error {
	h := &histogram{}
	var positive, negative spanned
	var f payload.Field
	for {
		more, err := f.Next(message, base)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch f.Number {
		case 1:
			h.count = float64(f.Value)
		case 2:
			h.count = f.Float()
		case 3:
			h.sum = f.Float()
			h.stale = f.Value == staleNaN
		case 4:
			h.schema = protowire.DecodeZigZag(f.Value)
		case 6:
			h.zero = float64(f.Value)
		case 7:
			h.zero = f.Float()
		case 8, 9, 10:
			err = negative.read(&f, f.Number-8, base)
		case 11, 12, 13:
			err = positive.read(&f, f.Number-11, base)
		case 14:
			h.reset, h.gauge = f.Value == 1, f.Value == 3
		case 15:
			h.time = int64(f.Value)
		case 16:
			err = f.Doubles(base, func(v float64) { h.custom = append(h.custom, v) })
		}
		if err != nil {
			return err
		}
	}
	if h.schema != customSchema && (h.schema < minSchema || h.schema > maxSchema) {
		return payload.Malformed(base, "histogram: schema %d: known are %d to %d, and %d for custom bounds", h.schema, minSchema, maxSchema, customSchema)
	}
	if len(h.custom) > maxBuckets || !slices.IsSorted(h.custom) {
		return payload.Malformed(base, "histogram: its custom bounds are not in order, or more than %d", maxBuckets)
	}
	var err error
	if h.positive, err = positive.buckets(base); err != nil {
		return err
	}
	if h.negative, err = negative.buckets(base); err != nil {
		return err
	}
	d.histograms = append(d.histograms, arrival{h: h})
	return nil
}

// read takes one of a side's three fields.
func (s *spanned) read(f *payload.Field, which protowire.Number, base int) error {
	switch which {
	case 0:
		var span payload.Field
		offset, length := int64(0), int64(0)
		for {
			more, err := span.Next(f.Bytes, base+f.Content())
			if err != nil {
				return err
			}
			if !more {
				break
			}
			switch span.Number {
			case 1:
				offset = protowire.DecodeZigZag(span.Value)
			case 2:
				length = int64(min(span.Value, maxBuckets+1))
			}
		}
		if len(s.offsets) > maxBuckets {
			return payload.Malformed(base+f.Start, "histogram: more than %d spans", maxBuckets)
		}
		s.offsets, s.lengths = append(s.offsets, offset), append(s.lengths, length)
		return nil
	case 1:
		return f.Varints(base, func(v uint64) { s.deltas = append(s.deltas, protowire.DecodeZigZag(v)) })
	default:
		return f.Doubles(base, func(v float64) { s.counts = append(s.counts, v) })
	}
}

// buckets lays a side out by index.
func (s *spanned) buckets(base int) ([]bucket, error) {
	counts := s.counts
	if len(counts) == 0 {
		total := int64(0)
		for _, delta := range s.deltas {
			total += delta
			counts = append(counts, float64(total))
		}
	}
	if len(counts) > maxBuckets {
		return nil, payload.Malformed(base, "histogram: %d buckets, the limit is %d", len(counts), maxBuckets)
	}
	out := make([]bucket, 0, len(counts))
	index := int64(0)
	for i, length := range s.lengths {
		index += s.offsets[i]
		for range length {
			if len(counts) == 0 || index < -maxIndex || index > maxIndex {
				return nil, payload.Malformed(base, "histogram: its spans don't fit its buckets")
			}
			if !(counts[0] >= 0) || math.IsInf(counts[0], 1) {
				return nil, payload.Malformed(base, "histogram: a bucket's count is %v", counts[0])
			}
			if len(out) > 0 && int32(index) <= out[len(out)-1].index {
				return nil, payload.Malformed(base, "histogram: its spans overlap")
			}
			out = append(out, bucket{int32(index), counts[0]})
			counts = counts[1:]
			index++
		}
	}
	if len(counts) > 0 {
		return nil, payload.Malformed(base, "histogram: its spans don't fit its buckets")
	}
	return out, nil
}

// coarser brings h to a smaller schema, each step of which joins two buckets.
func (h *histogram) coarser(schema int64) {
	shift := h.schema - schema
	join := func(side []bucket) []bucket {
		out := side[:0]
		for _, b := range side {
			b.index = (b.index-1)>>shift + 1
			if n := len(out); n > 0 && out[n-1].index == b.index {
				out[n-1].count += b.count
				continue
			}
			out = append(out, b)
		}
		return out
	}
	h.positive, h.negative, h.schema = join(h.positive), join(h.negative), schema
}

// since returns what was observed after last, the histogram before h. A total
// that shrank began anew: then all of h was.
func (h *histogram) since(last *histogram) *histogram {
	if h.reset || h.count < last.count || h.zero < last.zero || h.schema > last.schema ||
		h.schema == customSchema != (last.schema == customSchema) || !slices.Equal(h.custom, last.custom) {
		return h
	}
	if h.schema < last.schema {
		earlier := *last
		earlier.positive, earlier.negative = slices.Clone(last.positive), slices.Clone(last.negative)
		earlier.coarser(h.schema)
		last = &earlier
	}
	positive, grew := subtract(h.positive, last.positive)
	negative, also := subtract(h.negative, last.negative)
	if !grew || !also {
		return h
	}
	d := *h
	d.count, d.zero, d.sum = h.count-last.count, h.zero-last.zero, h.sum-last.sum
	d.positive, d.negative = positive, negative
	return &d
}

// subtract returns now - before, bucket by bucket; false when one shrank.
func subtract(now, before []bucket) ([]bucket, bool) {
	out := make([]bucket, 0, len(now))
	for _, b := range now {
		for len(before) > 0 && before[0].index < b.index {
			if before[0].count > 0 {
				return nil, false
			}
			before = before[1:]
		}
		if len(before) > 0 && before[0].index == b.index {
			if b.count < before[0].count {
				return nil, false
			}
			b.count -= before[0].count
			before = before[1:]
		}
		if b.count > 0 {
			out = append(out, b)
		}
	}
	for _, b := range before {
		if b.count > 0 {
			return nil, false
		}
	}
	return out, true
}

// sketch spreads the buckets of h over those of a sketch: evenly by powers
// within an exponential bucket, evenly by value within a custom one, as
// Prometheus interpolates them. nil when nothing was observed.
func (h *histogram) sketch() *sketch.Sketch {
	s := &sketch.Sketch{}
	growth := math.Exp2(-float64(h.schema)) // log2 of the buckets' ratio
	for _, b := range h.negative {
		spread(s, b.count, 0, float64(b.index-1)*growth, float64(b.index)*growth, func(x float64) float64 { return -math.Exp2(x) })
	}
	if n := whole(h.zero); n > 0 {
		s.Add(0, n)
	}
	for _, b := range h.positive {
		if h.schema == customSchema {
			low, high := h.bounds(b.index)
			spread(s, b.count, 16, low, high, func(x float64) float64 { return x })
			continue
		}
		spread(s, b.count, 0, float64(b.index-1)*growth, float64(b.index)*growth, math.Exp2)
	}
	if s.Count == 0 {
		return nil
	}
	if !math.IsNaN(h.sum) && !math.IsInf(h.sum, 0) {
		s.Sum = h.sum
	}
	return s
}

// bounds returns the bounds of a custom bucket. The first one reaches down to
// zero, and the last one, which has no end, is taken at its beginning.
func (h *histogram) bounds(index int32) (low, high float64) {
	switch i := int(index); {
	case len(h.custom) == 0:
		return 0, 0
	case i <= 0:
		return min(0, h.custom[0]), h.custom[0]
	case i >= len(h.custom):
		last := h.custom[len(h.custom)-1]
		return last, last
	default:
		return h.custom[i-1], h.custom[i]
	}
}

// sketchGrowth is log2 of the ratio of a sketch's bins.
const sketchGrowth = 0.0223678130

// spread adds a bucket's count to s in parts, at even distances of x in
// [low, high]; parts 0 is one for each of the sketch's bins.
func spread(s *sketch.Sketch, count float64, parts uint64, low, high float64, at func(float64) float64) {
	n := whole(count)
	if parts == 0 {
		parts = uint64(min(64, math.Ceil((high-low)/sketchGrowth)))
	}
	parts = max(1, min(parts, n))
	for i := range parts {
		share := n/parts + min(1, n%parts*(i+1)/parts-n%parts*i/parts)
		v := at(low + (high-low)*(float64(i)+0.5)/float64(parts))
		if v = max(-math.MaxFloat64, min(v, math.MaxFloat64)); share > 0 {
			s.Add(v, share)
		}
	}
}

// whole rounds a count; those no sketch can hold are 0.
func whole(count float64) uint64 {
	if !(count >= 0.5 && count < 1<<52) {
		return 0
	}
	return uint64(math.Round(count))
}
