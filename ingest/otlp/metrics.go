package otlp

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/whippet-obs/whippet/ingest/histogram"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/exemplar"
)

// batch collects the points of one request.
type batch struct {
	in     *Intake
	ctx    context.Context
	tags   []string // of the resource at hand
	hosts  map[string]bool
	out    store.Batch
	totals []histogram.Arrival

	exemplars []exemplar.Exemplar

	points  int
	refused int    // so far
	reason  string // of the first one
}

func (b *batch) refuse(n int, format string, args ...any) {
	if n > 0 {
		b.refused += n
		if b.reason == "" {
			b.reason = fmt.Sprintf(format, args...)
		}
	}
}

func (b *batch) resource(r *metrics.ResourceMetrics) {
	attributes := resourceAttributes(r.GetResource())
	b.tags = nil
	for key, value := range attributes {
		if tag := tagOf(key); tag != "" {
			b.tags = append(b.tags, store.NormalizeTag(tag+":"+value))
		}
	}
	if host := hostOf(attributes); host != "" {
		b.tags = append(b.tags, "host:"+host)
		b.hosts[host] = true
	}
	for _, s := range r.GetScopeMetrics() {
		for _, m := range s.GetMetrics() {
			b.metric(m)
		}
	}
}

func (b *batch) metric(m *metrics.Metric) {
	switch data := m.GetData().(type) {
	case *metrics.Metric_Gauge:
		b.numbers(m, data.Gauge.GetDataPoints(), store.Gauge)
	case *metrics.Metric_Sum:
		kind := store.Gauge // a sum that also falls is a level
		switch delta := data.Sum.GetAggregationTemporality() == metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA; {
		case delta:
			kind = store.Count
		case data.Sum.GetIsMonotonic():
			kind = store.Cumulative
		}
		b.numbers(m, data.Sum.GetDataPoints(), kind)
	case *metrics.Metric_Histogram:
		b.histograms(m, data.Histogram)
	case *metrics.Metric_ExponentialHistogram:
		b.exponentials(m, data.ExponentialHistogram)
	case *metrics.Metric_Summary:
		b.summaries(m, data.Summary)
	}
}

// series finds the series of a point; ok is false when it can't be kept.
func (b *batch) series(m *metrics.Metric, suffix string, attributes []*common.KeyValue, kind store.Kind, interval int64, more ...string) (ref store.Ref, ok bool) {
	name := store.NormalizeName(m.GetName() + suffix)
	if name == "" {
		b.refuse(1, "the metric %.64q has no usable name", m.GetName())
		return 0, false
	}
	tags := make([]string, 0, len(b.tags)+len(attributes)+len(more))
	tags = append(append(tags, b.tags...), more...)
	for key, value := range attributesOf(attributes) {
		tags = append(tags, store.NormalizeTag(key+":"+value))
	}
	ref, err := b.in.db.Intern(store.Series{Name: name, Tags: store.NewTags(tags), Kind: kind, Interval: interval})
	if err != nil {
		b.refuse(1, "%v", err)
		return 0, false
	}
	b.in.catalog.LearnMetric(catalog.Metric{
		Name: name, Type: kind.String(), Interval: interval / 1000, Unit: unitOf(m.GetUnit()), Description: m.GetDescription(), Integration: "otlp",
	})
	return ref, true
}

// unitOf turns the units that UCUM writes short into words; "{request}" is "request".
func unitOf(unit string) string {
	words := map[string]string{
		"s": "second", "ms": "millisecond", "us": "microsecond", "ns": "nanosecond", "min": "minute", "h": "hour",
		"By": "byte", "KiBy": "kibibyte", "MiBy": "mebibyte", "GiBy": "gibibyte", "%": "percent", "1": "", "Hz": "hertz", "Cel": "degree celsius", "W": "watt",
	}
	if word, ok := words[unit]; ok {
		return word
	}
	if n := len(unit); n > 2 && unit[0] == '{' && unit[n-1] == '}' {
		return unit[1 : n-1]
	}
	return unit
}

const noValue = uint32(metrics.DataPointFlags_DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK)

// intervalOf is what a delta is about: when it begins, in ms, and how long it
// is, to the whole second, so that a timer that is a little late makes no series
// of its own.
func intervalOf(start, end uint64) (at, interval int64) {
	at, last := int64(start/1e6), int64(end/1e6)
	if start == 0 || at >= last {
		return last, 0
	}
	return at, max(1, (last-at+500)/1000) * 1000
}

func (b *batch) numbers(m *metrics.Metric, points []*metrics.NumberDataPoint, kind store.Kind) {
	for _, p := range points {
		if p.GetFlags()&noValue != 0 {
			continue
		}
		b.points++
		at, interval := int64(p.GetTimeUnixNano()/1e6), int64(0)
		if kind == store.Count {
			at, interval = intervalOf(p.GetStartTimeUnixNano(), p.GetTimeUnixNano())
		}
		ref, ok := b.series(m, "", p.GetAttributes(), kind, interval)
		if !ok {
			continue
		}
		value := p.GetAsDouble()
		if _, isInt := p.GetValue().(*metrics.NumberDataPoint_AsInt); isInt {
			value = float64(p.GetAsInt())
		}
		b.out.Samples = append(b.out.Samples, store.Sample{Ref: ref, Time: at, Value: value})
		b.exemplify(ref, p.GetExemplars())
	}
}

// exemplify notes the exemplars of a point.
func (b *batch) exemplify(ref store.Ref, exemplars []*metrics.Exemplar) {
	for _, e := range exemplars {
		out := exemplar.Exemplar{Series: uint32(ref), Time: int64(e.GetTimeUnixNano() / 1e6), Value: e.GetAsDouble()}
		if _, isInt := e.GetValue().(*metrics.Exemplar_AsInt); isInt {
			out.Value = float64(e.GetAsInt())
		}
		add := func(name, value string) {
			if value != "" {
				out.Labels = append(out.Labels, exemplar.Label{Name: name, Value: value})
			}
		}
		add("trace_id", hex.EncodeToString(e.GetTraceId()))
		add("span_id", hex.EncodeToString(e.GetSpanId()))
		for key, value := range attributesOf(e.GetFilteredAttributes()) {
			add(key, value)
		}
		b.exemplars = append(b.exemplars, out)
	}
}

// histograms takes those with bounds of their own.
func (b *batch) histograms(m *metrics.Metric, h *metrics.Histogram) {
	delta := h.GetAggregationTemporality() == metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	for _, p := range h.GetDataPoints() {
		if p.GetFlags()&noValue != 0 {
			continue
		}
		b.points++
		counts, bounds := p.GetBucketCounts(), p.GetExplicitBounds()
		if len(counts) > histogram.MaxBuckets || len(counts) > 0 && len(counts) != len(bounds)+1 || !ascending(bounds) {
			b.refuse(1, "the histogram %.64q has bounds that don't fit its buckets", m.GetName())
			continue
		}
		if len(counts) == 0 { // only how many, and their sum
			counts = []uint64{p.GetCount()}
		}
		ref, ok := b.series(m, "", p.GetAttributes(), store.Distribution, 0)
		if !ok {
			continue
		}
		out := &histogram.Histogram{Schema: histogram.Custom, Alone: delta, Count: float64(p.GetCount()), Sum: p.GetSum(), Bounds: bounds}
		for i, n := range counts {
			if n > 0 {
				out.Positive = append(out.Positive, histogram.Bucket{Index: int32(i), Count: float64(n)})
			}
		}
		if p.Sum == nil {
			out.Sum = math.NaN()
		}
		b.total(ref, out, p.GetStartTimeUnixNano(), p.GetTimeUnixNano())
		b.exemplify(ref, p.GetExemplars())
	}
}

func ascending(bounds []float64) bool {
	for i, v := range bounds {
		if math.IsNaN(v) || math.IsInf(v, 0) || i > 0 && v <= bounds[i-1] {
			return false
		}
	}
	return true
}

// exponentials takes those whose buckets grow: bucket i holds the values in
// (b^i, b^(i+1)] with b = 2^(2^-scale), one further than Prometheus counts.
func (b *batch) exponentials(m *metrics.Metric, h *metrics.ExponentialHistogram) {
	delta := h.GetAggregationTemporality() == metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	for _, p := range h.GetDataPoints() {
		if p.GetFlags()&noValue != 0 {
			continue
		}
		b.points++
		scale := int64(p.GetScale())
		positive, good := exponentialSide(p.GetPositive())
		negative, also := exponentialSide(p.GetNegative())
		if !good || !also || scale < -10 || scale > 20 {
			b.refuse(1, "the exponential histogram %.64q has a scale or buckets beyond any number", m.GetName())
			continue
		}
		ref, ok := b.series(m, "", p.GetAttributes(), store.Distribution, 0)
		if !ok {
			continue
		}
		out := &histogram.Histogram{
			Schema: scale, Alone: delta, Count: float64(p.GetCount()), Sum: p.GetSum(), Zero: float64(p.GetZeroCount()), Positive: positive, Negative: negative,
		}
		if scale > histogram.MaxSchema {
			out.Coarser(histogram.MaxSchema)
		}
		if p.Sum == nil {
			out.Sum = math.NaN()
		}
		b.total(ref, out, p.GetStartTimeUnixNano(), p.GetTimeUnixNano())
		b.exemplify(ref, p.GetExemplars())
	}
}

func exponentialSide(buckets *metrics.ExponentialHistogramDataPoint_Buckets) ([]histogram.Bucket, bool) {
	counts, offset := buckets.GetBucketCounts(), int64(buckets.GetOffset())
	if len(counts) > histogram.MaxBuckets || offset < -1<<30 || offset > 1<<30 {
		return nil, false
	}
	var out []histogram.Bucket
	for i, n := range counts {
		if n > 0 {
			out = append(out, histogram.Bucket{Index: int32(offset + int64(i) + 1), Count: float64(n)})
		}
	}
	return out, true
}

// total notes a histogram. A delta is about the time from its start.
func (b *batch) total(ref store.Ref, h *histogram.Histogram, start, end uint64) {
	h.Time = int64(end / 1e6)
	if h.Alone {
		h.Time, _ = intervalOf(start, end)
	}
	b.totals = append(b.totals, histogram.Arrival{Ref: ref, Started: int64(start / 1e6), Histogram: h})
}

// summaries become their parts: quantiles can't be merged.
func (b *batch) summaries(m *metrics.Metric, s *metrics.Summary) {
	for _, p := range s.GetDataPoints() {
		if p.GetFlags()&noValue != 0 {
			continue
		}
		b.points++
		at := int64(p.GetTimeUnixNano() / 1e6)
		add := func(suffix string, kind store.Kind, value float64, more ...string) bool {
			ref, ok := b.series(m, suffix, p.GetAttributes(), kind, 0, more...)
			if ok {
				b.out.Samples = append(b.out.Samples, store.Sample{Ref: ref, Time: at, Value: value})
			}
			return ok
		}
		if !add(".count", store.Cumulative, float64(p.GetCount())) || !add(".sum", store.Cumulative, p.GetSum()) {
			continue
		}
		for _, q := range p.GetQuantileValues() {
			add(".quantile", store.Gauge, q.GetValue(), fmt.Sprintf("quantile:%g", q.GetQuantile()))
		}
	}
}

// keep makes the batch durable and returns how many points it lacks.
func (b *batch) keep() (refused int, err error) {
	request := b.in.totals.Begin(b.totals)
	defer request.End()
	b.out.Sketches = request.Deltas(b.out.Sketches)
	if len(b.out.Samples)+len(b.out.Sketches) > 0 {
		rejected, err := b.in.db.Append(b.ctx, &b.out)
		if err != nil {
			if errors.Is(err, store.ErrForgotten) {
				err = fmt.Errorf("the series ended while the request was read, send it again: %w", err)
			}
			return 0, err
		}
		b.refuse(rejected.Future, "%d points are more than 10 minutes ahead", rejected.Future)
		b.refuse(rejected.Old, "%d points are older than what is kept", rejected.Old)
	}
	request.Commit()
	if b.in.exemplars != nil {
		b.in.exemplars.Add(b.exemplars)
	}
	b.refuse(request.Refused, "%d histograms are too many to follow", request.Refused)
	now := b.in.now().UnixMilli()
	for host := range b.hosts {
		b.in.catalog.Seen(host, now)
	}
	return min(b.refused, b.points), nil
}
