// Package histogram turns histograms of other protocols into sketches: native
// ones of Prometheus and exponential ones of OpenTelemetry, whose buckets grow
// by powers of two's roots, and those with bounds of their own. Most arrive as
// running totals; Totals follows them and gives what each one adds.
package histogram

import (
	"math"
	"slices"

	"github.com/whippet-obs/whippet/store/sketch"
)

// Histogram holds counts of values in buckets. Bucket i of Positive holds the
// values in (2^((i-1)/2^Schema), 2^(i/2^Schema)], and that of Negative the same
// below zero. With the schema Custom, bucket i of Positive holds those in
// (Bounds[i-1], Bounds[i]].
type Histogram struct {
	Time     int64 // ms
	Schema   int64
	Alone    bool // not a running total: it is about its own time only
	Reset    bool // the total began anew
	Stale    bool // the series has ended
	Count    float64
	Sum      float64
	Zero     float64
	Positive []Bucket // by index
	Negative []Bucket
	Bounds   []float64 // upper ones, ascending
}

// Bucket is the count of one bucket.
type Bucket struct {
	Index int32
	Count float64
}

// Limits of a histogram that decoders hold to.
const (
	Custom     = -53
	MinSchema  = -4
	MaxSchema  = 8
	MaxBuckets = 4096    // of one histogram
	MaxIndex   = 1 << 20 // either way: past every float64 at any schema
)

// Coarser brings h to a smaller schema, each step of which joins two buckets.
func (h *Histogram) Coarser(schema int64) {
	shift := h.Schema - schema
	join := func(side []Bucket) []Bucket {
		out := side[:0]
		for _, b := range side {
			b.Index = (b.Index-1)>>shift + 1
			if n := len(out); n > 0 && out[n-1].Index == b.Index {
				out[n-1].Count += b.Count
				continue
			}
			out = append(out, b)
		}
		return out
	}
	h.Positive, h.Negative, h.Schema = join(h.Positive), join(h.Negative), schema
}

// since returns what was observed after last, the histogram before h. A total
// that shrank began anew: then all of h was.
func (h *Histogram) since(last *Histogram) *Histogram {
	if h.Reset || h.Count < last.Count || h.Zero < last.Zero || h.Schema > last.Schema ||
		h.Schema == Custom != (last.Schema == Custom) || !slices.Equal(h.Bounds, last.Bounds) {
		return h
	}
	if h.Schema < last.Schema {
		earlier := *last
		earlier.Positive, earlier.Negative = slices.Clone(last.Positive), slices.Clone(last.Negative)
		earlier.Coarser(h.Schema)
		last = &earlier
	}
	positive, grew := subtract(h.Positive, last.Positive)
	negative, also := subtract(h.Negative, last.Negative)
	if !grew || !also {
		return h
	}
	d := *h
	d.Count, d.Zero, d.Sum = h.Count-last.Count, h.Zero-last.Zero, h.Sum-last.Sum
	d.Positive, d.Negative = positive, negative
	return &d
}

// subtract returns now - before, bucket by bucket; false when one shrank.
func subtract(now, before []Bucket) ([]Bucket, bool) {
	out := make([]Bucket, 0, len(now))
	for _, b := range now {
		for len(before) > 0 && before[0].Index < b.Index {
			if before[0].Count > 0 {
				return nil, false
			}
			before = before[1:]
		}
		if len(before) > 0 && before[0].Index == b.Index {
			if b.Count < before[0].Count {
				return nil, false
			}
			b.Count -= before[0].Count
			before = before[1:]
		}
		if b.Count > 0 {
			out = append(out, b)
		}
	}
	for _, b := range before {
		if b.Count > 0 {
			return nil, false
		}
	}
	return out, true
}

// Sketch spreads the buckets of h over those of a sketch: evenly by powers
// within an exponential bucket, evenly by value within a custom one, as
// Prometheus interpolates them. nil when nothing was observed.
func (h *Histogram) Sketch() *sketch.Sketch {
	s := &sketch.Sketch{}
	growth := math.Exp2(-float64(h.Schema)) // log2 of the buckets' ratio
	for _, b := range h.Negative {
		spread(s, b.Count, 0, float64(b.Index-1)*growth, float64(b.Index)*growth, func(x float64) float64 { return -math.Exp2(x) })
	}
	if n := whole(h.Zero); n > 0 {
		s.Add(0, n)
	}
	for _, b := range h.Positive {
		if h.Schema == Custom {
			low, high := h.bounds(b.Index)
			spread(s, b.Count, 16, low, high, func(x float64) float64 { return x })
			continue
		}
		spread(s, b.Count, 0, float64(b.Index-1)*growth, float64(b.Index)*growth, math.Exp2)
	}
	if s.Count == 0 {
		return nil
	}
	if !math.IsNaN(h.Sum) && !math.IsInf(h.Sum, 0) {
		s.Sum = h.Sum
	}
	return s
}

// bounds returns the bounds of a custom bucket. The first one reaches down to
// zero, and the last one, which has no end, is taken at its beginning.
func (h *Histogram) bounds(index int32) (low, high float64) {
	switch i := int(index); {
	case len(h.Bounds) == 0:
		return 0, 0
	case i <= 0:
		return min(0, h.Bounds[0]), h.Bounds[0]
	case i >= len(h.Bounds):
		last := h.Bounds[len(h.Bounds)-1]
		return last, last
	default:
		return h.Bounds[i-1], h.Bounds[i]
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
