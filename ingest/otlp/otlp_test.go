package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/exemplar"
	"github.com/whippet-obs/whippet/store/span"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

type fixture struct {
	*Intake
	t     testing.TB
	db    *store.DB
	spans []*span.Span
	apps  []Application
}

func open(t testing.TB) *fixture {
	t.Helper()
	now := func() time.Time { return start }
	db, err := store.Open(t.TempDir(), store.Options{Now: now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	f := &fixture{t: t, db: db}
	f.Intake = New(Deps{DB: db, Now: now, Traces: func(_ context.Context, apps []Application) (int, error) {
		f.apps = append(f.apps, apps...)
		n := 0
		for _, a := range apps {
			f.spans = append(f.spans, a.Spans...)
			n += len(a.Spans)
		}
		return n, nil
	}})
	return f
}

func text(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

func nanos(d time.Duration) uint64 { return uint64(start.Add(d).UnixNano()) }

var shop = &resource.Resource{Attributes: []*common.KeyValue{
	text("service.name", "shop"), text("deployment.environment.name", "test"), text("host.name", "web-1"), text("service.version", "1.2"),
	text("k8s.pod.name", "shop-7f"), text("process.command", "not a tag"),
}}

func (f *fixture) send(ms ...*metrics.Metric) *colmetrics.ExportMetricsServiceResponse {
	f.t.Helper()
	response, err := f.Metrics(f.t.Context(), &colmetrics.ExportMetricsServiceRequest{ResourceMetrics: []*metrics.ResourceMetrics{{
		Resource: shop, ScopeMetrics: []*metrics.ScopeMetrics{{Metrics: ms}},
	}}})
	if err != nil {
		f.t.Fatal(err)
	}
	return response
}

// one reads the only series of a metric.
func (f *fixture) one(name string) (store.SeriesInfo, store.Columns) {
	f.t.Helper()
	set, err := f.db.Select(f.t.Context(), store.Selector{Filter: store.Filter{Op: store.MatchName, Value: name}, From: 0, To: 1 << 50})
	if err != nil {
		f.t.Fatal(err)
	}
	defer set.Close()
	if len(set.Series) != 1 {
		f.t.Fatalf("%s: got %d series, want 1", name, len(set.Series))
	}
	var c store.Columns
	if err := set.Read(0, &c); err != nil {
		f.t.Fatal(err)
	}
	return set.Series[0], c
}

func point(at time.Duration, value float64, attributes ...*common.KeyValue) *metrics.NumberDataPoint {
	return &metrics.NumberDataPoint{
		StartTimeUnixNano: nanos(-time.Hour), TimeUnixNano: nanos(at), Attributes: attributes, Value: &metrics.NumberDataPoint_AsDouble{AsDouble: value},
	}
}

const (
	delta      = metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	cumulative = metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE
)

func TestNumbersKeepTheirMeaning(t *testing.T) {
	f := open(t)
	late := point(-time.Minute, 30)
	late.StartTimeUnixNano = nanos(-2*time.Minute) + 4e6 // the timer was a little late
	f.send(
		&metrics.Metric{Name: "queue.depth", Unit: "{item}", Data: &metrics.Metric_Gauge{Gauge: &metrics.Gauge{DataPoints: []*metrics.NumberDataPoint{point(-time.Minute, 7.5, text("Queue", "In Box"))}}}},
		&metrics.Metric{Name: "requests", Data: &metrics.Metric_Sum{Sum: &metrics.Sum{AggregationTemporality: cumulative, IsMonotonic: true, DataPoints: []*metrics.NumberDataPoint{point(-time.Minute, 100)}}}},
		&metrics.Metric{Name: "connections", Data: &metrics.Metric_Sum{Sum: &metrics.Sum{AggregationTemporality: cumulative, DataPoints: []*metrics.NumberDataPoint{point(-time.Minute, 3)}}}},
		&metrics.Metric{Name: "errors", Data: &metrics.Metric_Sum{Sum: &metrics.Sum{AggregationTemporality: delta, IsMonotonic: true, DataPoints: []*metrics.NumberDataPoint{late}}}},
	)
	s, c := f.one("queue.depth")
	want := store.NewTags([]string{"env:test", "host:web-1", "pod_name:shop-7f", "queue:in_box", "service:shop", "version:1.2"})
	if s.Kind != store.Gauge || !slices.Equal(s.Tags, want) || c.Values[0] != 7.5 || c.Times[0] != start.Add(-time.Minute).UnixMilli() {
		t.Errorf("gauge: got %v %v at %v", s.Series, c.Values, c.Times)
	}
	if m, _ := f.db.Catalog().Metric("queue.depth"); m.Unit != "item" {
		t.Errorf("unit: got %q, want item", m.Unit)
	}
	if s, c := f.one("requests"); s.Kind != store.Cumulative || c.Values[0] != 100 {
		t.Errorf("running total: got %v %v", s.Kind, c.Values)
	}
	if s, c := f.one("connections"); s.Kind != store.Gauge || c.Values[0] != 3 {
		t.Errorf("sum that also falls: got %v %v", s.Kind, c.Values)
	}
	if s, c := f.one("errors"); s.Kind != store.Count || s.Interval != 60_000 || c.Values[0] != 30 || c.Times[0] != start.Add(-2*time.Minute).UnixMilli()+4 {
		t.Errorf("delta: got %v every %d ms: %v at %v", s.Kind, s.Interval, c.Values, c.Times)
	}
	if _, ok := f.db.Catalog().Host("web-1"); !ok {
		t.Error("the resource's host is not known")
	}
}

func TestHistogramsBecomeSketches(t *testing.T) {
	f := open(t)
	total := func(at time.Duration, counts ...uint64) *metrics.HistogramDataPoint {
		n := uint64(0)
		for _, c := range counts {
			n += c
		}
		return &metrics.HistogramDataPoint{
			StartTimeUnixNano: nanos(0), TimeUnixNano: nanos(at), Count: n, Sum: proto.Float64(float64(50 * n)), ExplicitBounds: []float64{10, 100}, BucketCounts: counts,
		}
	}
	histogram := func(t metrics.AggregationTemporality, points ...*metrics.HistogramDataPoint) *metrics.Metric {
		return &metrics.Metric{Name: "latency", Unit: "ms", Data: &metrics.Metric_Histogram{Histogram: &metrics.Histogram{AggregationTemporality: t, DataPoints: points}}}
	}
	f.send(histogram(cumulative, total(10*time.Second, 1, 9, 0)))
	f.send(histogram(cumulative, total(20*time.Second, 1, 29, 0)))
	s, c := f.one("latency")
	if s.Kind != store.Distribution || len(c.Sketches) != 2 || c.Sketches[0].Count != 10 || c.Sketches[1].Count != 20 {
		t.Fatalf("got %v %+v, want sketches of 10 and then of 20 values", s.Kind, c.Sketches)
	}
	if p50 := c.Sketches[1].Quantile(0.5); p50 < 10 || p50 > 100 || c.Sketches[1].Sum != 1000 {
		t.Errorf("got a median of %v and a sum of %v", p50, c.Sketches[1].Sum)
	}

	e := open(t)
	e.send(&metrics.Metric{Name: "size", Data: &metrics.Metric_ExponentialHistogram{ExponentialHistogram: &metrics.ExponentialHistogram{
		AggregationTemporality: delta, DataPoints: []*metrics.ExponentialHistogramDataPoint{{
			StartTimeUnixNano: nanos(-10 * time.Second), TimeUnixNano: nanos(0), Count: 101, Sum: proto.Float64(12_800), Scale: 10, ZeroCount: 1,
			// All in one bucket: (2^(7168/1024), 2^(7169/1024)], so from 128 on.
			Positive: &metrics.ExponentialHistogramDataPoint_Buckets{Offset: 7168, BucketCounts: []uint64{100}},
		}},
	}}})
	if _, c := e.one("size"); len(c.Sketches) != 1 || c.Sketches[0].Count != 101 || math.Abs(c.Sketches[0].Quantile(0.5)-128) > 3 || c.Times[0] != start.Add(-10*time.Second).UnixMilli() {
		t.Errorf("got %+v at %v, want 100 values of 128 and a zero", c.Sketches, c.Times)
	}
}

func TestWhatCannotBeKeptIsCountedInTheAnswer(t *testing.T) {
	f := open(t)
	response := f.send(
		&metrics.Metric{Name: "good", Data: &metrics.Metric_Gauge{Gauge: &metrics.Gauge{DataPoints: []*metrics.NumberDataPoint{point(0, 1), point(time.Hour, 2)}}}},
		&metrics.Metric{Name: "???", Data: &metrics.Metric_Gauge{Gauge: &metrics.Gauge{DataPoints: []*metrics.NumberDataPoint{point(0, 1)}}}},
		&metrics.Metric{Name: "h", Data: &metrics.Metric_Histogram{Histogram: &metrics.Histogram{AggregationTemporality: delta, DataPoints: []*metrics.HistogramDataPoint{{
			TimeUnixNano: nanos(0), Count: 1, ExplicitBounds: []float64{2, 1}, BucketCounts: []uint64{1, 0, 0},
		}}}}},
	)
	if p := response.GetPartialSuccess(); p.GetRejectedDataPoints() != 3 || p.GetErrorMessage() == "" {
		t.Errorf("got %v, want 3 points refused with a reason", p)
	}
	if _, c := f.one("good"); len(c.Times) != 1 {
		t.Errorf("the good point beside them: got %v", c.Times)
	}
}

func someSpans() *coltraces.ExportTraceServiceRequest {
	id := bytes.Repeat([]byte{0xab}, 16)
	number := &common.KeyValue{Key: "http.response.status_code", Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 500}}}
	return &coltraces.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{Resource: shop, ScopeSpans: []*trace.ScopeSpans{{
		Scope: &common.InstrumentationScope{Name: "net/http"},
		Spans: []*trace.Span{
			{
				TraceId: id, SpanId: []byte{0, 0, 0, 0, 0, 0, 0, 1}, Name: "GET", Kind: trace.Span_SPAN_KIND_SERVER, StartTimeUnixNano: nanos(0), EndTimeUnixNano: nanos(time.Second),
				Attributes: []*common.KeyValue{text("http.request.method", "GET"), text("http.route", "/item/{id}"), number},
				Status:     &trace.Status{Code: trace.Status_STATUS_CODE_ERROR, Message: "broken"},
				Events:     []*trace.Span_Event{{Name: "exception", Attributes: []*common.KeyValue{text("exception.type", "IOError"), text("exception.stacktrace", "at main")}}},
			},
			{
				TraceId: id, SpanId: []byte{0, 0, 0, 0, 0, 0, 0, 2}, ParentSpanId: []byte{0, 0, 0, 0, 0, 0, 0, 1}, Name: "SELECT", Kind: trace.Span_SPAN_KIND_CLIENT,
				StartTimeUnixNano: nanos(0), EndTimeUnixNano: nanos(time.Millisecond), Attributes: []*common.KeyValue{text("db.system.name", "postgresql"), text("db.query.text", "SELECT 1")},
			},
		},
	}}}}}
}

func TestSpansAreNamedAsTracersNameThem(t *testing.T) {
	f := open(t)
	if _, err := f.Traces(t.Context(), someSpans()); err != nil {
		t.Fatal(err)
	}
	if len(f.spans) != 2 || f.apps[0].Host != "web-1" || f.apps[0].Env != "test" || f.apps[0].Version != "1.2" {
		t.Fatalf("got %d spans of %+v", len(f.spans), f.apps)
	}
	server, query := f.spans[0], f.spans[1]
	if server.Service != "shop" || server.Name != "http.server.request" || server.Resource != "GET /item/{id}" || server.Type != "web" || !server.Error || server.Duration != 1e9 {
		t.Errorf("server: got %+v", server)
	}
	for key, want := range map[string]string{"span.kind": "server", "http.status_code": "500", "error.type": "IOError", "error.message": "broken", "pod_name": "shop-7f", "otel.scope.name": "net/http"} {
		if got := server.Text(key); got != want {
			t.Errorf("tag %s: got %q, want %q", key, got, want)
		}
	}
	if query.Name != "postgresql.query" || query.Resource != "SELECT 1" || query.Type != "sql" || query.Parent != server.ID || query.Trace != server.Trace || query.Error {
		t.Errorf("query: got %+v", query)
	}
}

func TestBothEncodingsSayTheSame(t *testing.T) {
	raw, err := proto.Marshal(someSpans())
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(raw)
	w.Close()
	asJSON, err := protojson.Marshal(someSpans())
	if err != nil {
		t.Fatal(err)
	}
	// OTLP's JSON has ids in hex, where protobuf's has base64.
	hexed := strings.NewReplacer("q6urq6urq6urq6urq6urqw==", "abababababababababababababababab", "AAAAAAAAAAE=", "0000000000000001", "AAAAAAAAAAI=", "0000000000000002").Replace(string(asJSON))
	for _, tt := range []struct {
		name, kind, encoding string
		body                 []byte
	}{
		{"protobuf", "application/x-protobuf", "", raw},
		{"gzip", "application/x-protobuf", "gzip", packed.Bytes()},
		{"JSON", "application/json; charset=utf-8", "", []byte(hexed)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := open(t)
			answer, err := f.Handle(t.Context(), Request{Path: PathTraces, ContentType: tt.kind, ContentEncoding: tt.encoding, Body: tt.body})
			if err != nil {
				t.Fatal(err)
			}
			if kind, _, _ := strings.Cut(tt.kind, ";"); answer.ContentType != kind {
				t.Errorf("answered as %s", answer.ContentType)
			}
			if len(f.spans) != 2 || f.spans[1].Parent != 1 || f.spans[0].Trace.High != 0xabababababababab {
				t.Errorf("got %+v", f.spans)
			}
		})
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	f := open(t)
	for _, tt := range []struct {
		name, path, kind, body string
		status                 int
	}{
		{"no protobuf", PathMetrics, "application/x-protobuf", "\xff\xff\xff", 400},
		{"no JSON", PathMetrics, "application/json", "{", 400},
		{"an id that is no hex", PathTraces, "application/json", `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}`, 400},
		{"too deep", PathTraces, "application/json", strings.Repeat("[", 300) + strings.Repeat("]", 300), 400},
		{"text", PathMetrics, "text/plain", "", 415},
		{"logs", "/v1/logs", "application/x-protobuf", "", 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := f.Handle(t.Context(), Request{Path: tt.path, ContentType: tt.kind, Body: []byte(tt.body)})
			var refused *payload.Error
			if !errors.As(err, &refused) || refused.Status != tt.status {
				t.Errorf("got error %v, want status %d", err, tt.status)
			}
		})
	}
}

func FuzzHandle(f *testing.F) {
	raw, err := proto.Marshal(someSpans())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(true, false, raw)
	f.Add(false, true, []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"timeUnixNano":"1795435200000000000","asInt":"3"}]}}]}]}]}`))
	in := open(f)
	f.Fuzz(func(t *testing.T, traces, isJSON bool, body []byte) {
		r := Request{Path: PathMetrics, ContentType: "application/x-protobuf", Body: body}
		if traces {
			r.Path = PathTraces
		}
		if isJSON {
			r.ContentType = "application/json"
		}
		var refused *payload.Error
		if _, err := in.Handle(context.Background(), r); err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		in.spans, in.apps = nil, nil
	})
}

func TestExemplarsLeadToTraces(t *testing.T) {
	kept, err := exemplar.Open(t.TempDir(), exemplar.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	f := open(t)
	f.exemplars = kept
	e := &metrics.Exemplar{
		TimeUnixNano: nanos(-time.Second), Value: &metrics.Exemplar_AsDouble{AsDouble: 0.7},
		TraceId: bytes.Repeat([]byte{0xab}, 16), SpanId: bytes.Repeat([]byte{1}, 8), FilteredAttributes: []*common.KeyValue{text("user.tier", "gold")},
	}
	f.send(
		&metrics.Metric{Name: "took", Data: &metrics.Metric_Histogram{Histogram: &metrics.Histogram{
			AggregationTemporality: metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA,
			DataPoints: []*metrics.HistogramDataPoint{{
				StartTimeUnixNano: nanos(-10 * time.Second), TimeUnixNano: nanos(0), Count: 1, BucketCounts: []uint64{1, 0}, ExplicitBounds: []float64{1}, Exemplars: []*metrics.Exemplar{e},
			}},
		}}},
		&metrics.Metric{Name: "hits", Data: &metrics.Metric_Sum{Sum: &metrics.Sum{
			IsMonotonic: true, AggregationTemporality: metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE,
			DataPoints: []*metrics.NumberDataPoint{{TimeUnixNano: nanos(0), Value: &metrics.NumberDataPoint_AsInt{AsInt: 3}, Exemplars: []*metrics.Exemplar{{TimeUnixNano: nanos(0), Value: &metrics.Exemplar_AsInt{AsInt: 1}}}}},
		}}},
	)
	info, _ := f.one("took")
	want := []exemplar.Exemplar{{
		Series: uint32(info.Ref), Time: start.Add(-time.Second).UnixMilli(), Value: 0.7,
		Labels: []exemplar.Label{{Name: "span_id", Value: "0101010101010101"}, {Name: "trace_id", Value: strings.Repeat("ab", 16)}, {Name: "user.tier", Value: "gold"}},
	}}
	if got := kept.Of(uint32(info.Ref), 0, 1<<50); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	info, _ = f.one("hits")
	if got := kept.Of(uint32(info.Ref), 0, 1<<50); len(got) != 1 || got[0].Value != 1 {
		t.Errorf("got %v", got)
	}
}
