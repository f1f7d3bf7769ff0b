package prometheus

import (
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/ingest/histogram"
	"github.com/whippet-obs/whippet/ingest/payload"
)

// staleNaN marks the end of a series.
const staleNaN = 0x7ff0000000000002

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
	h := &histogram.Histogram{}
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
			h.Count = float64(f.Value)
		case 2:
			h.Count = f.Float()
		case 3:
			h.Sum = f.Float()
			h.Stale = f.Value == staleNaN
		case 4:
			h.Schema = protowire.DecodeZigZag(f.Value)
		case 6:
			h.Zero = float64(f.Value)
		case 7:
			h.Zero = f.Float()
		case 8, 9, 10:
			err = negative.read(&f, f.Number-8, base)
		case 11, 12, 13:
			err = positive.read(&f, f.Number-11, base)
		case 14:
			h.Reset, h.Alone = f.Value == 1, f.Value == 3
		case 15:
			h.Time = int64(f.Value)
		case 16:
			err = f.Doubles(base, func(v float64) { h.Bounds = append(h.Bounds, v) })
		}
		if err != nil {
			return err
		}
	}
	if h.Schema != histogram.Custom && (h.Schema < histogram.MinSchema || h.Schema > histogram.MaxSchema) {
		return payload.Malformed(base, "histogram: schema %d: known are %d to %d, and %d for custom bounds", h.Schema, histogram.MinSchema, histogram.MaxSchema, histogram.Custom)
	}
	if len(h.Bounds) > histogram.MaxBuckets || !slices.IsSorted(h.Bounds) {
		return payload.Malformed(base, "histogram: its custom bounds are not in order, or more than %d", histogram.MaxBuckets)
	}
	var err error
	if h.Positive, err = positive.buckets(base); err != nil {
		return err
	}
	if h.Negative, err = negative.buckets(base); err != nil {
		return err
	}
	d.histograms = append(d.histograms, histogram.Arrival{Histogram: h})
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
				length = int64(min(span.Value, histogram.MaxBuckets+1))
			}
		}
		if len(s.offsets) > histogram.MaxBuckets {
			return payload.Malformed(base+f.Start, "histogram: more than %d spans", histogram.MaxBuckets)
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
func (s *spanned) buckets(base int) ([]histogram.Bucket, error) {
	counts := s.counts
	if len(counts) == 0 {
		total := int64(0)
		for _, delta := range s.deltas {
			total += delta
			counts = append(counts, float64(total))
		}
	}
	if len(counts) > histogram.MaxBuckets {
		return nil, payload.Malformed(base, "histogram: %d buckets, the limit is %d", len(counts), histogram.MaxBuckets)
	}
	out := make([]histogram.Bucket, 0, len(counts))
	index := int64(0)
	for i, length := range s.lengths {
		index += s.offsets[i]
		for range length {
			if len(counts) == 0 || index < -histogram.MaxIndex || index > histogram.MaxIndex {
				return nil, payload.Malformed(base, "histogram: its spans don't fit its buckets")
			}
			if !(counts[0] >= 0) || math.IsInf(counts[0], 1) {
				return nil, payload.Malformed(base, "histogram: a bucket's count is %v", counts[0])
			}
			if len(out) > 0 && int32(index) <= out[len(out)-1].Index {
				return nil, payload.Malformed(base, "histogram: its spans overlap")
			}
			out = append(out, histogram.Bucket{Index: int32(index), Count: counts[0]})
			counts = counts[1:]
			index++
		}
	}
	if len(counts) > 0 {
		return nil, payload.Malformed(base, "histogram: its spans don't fit its buckets")
	}
	return out, nil
}
