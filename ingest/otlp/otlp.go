// Package otlp takes metrics and traces as OpenTelemetry's SDKs and collectors
// send them: OTLP over HTTP (protobuf and JSON) and over gRPC
// (https://opentelemetry.io/docs/specs/otlp/).
//
// Resource attributes become tags by Datadog's mapping (service.name is the tag
// service, deployment.environment.name the tag env, ...), attributes of points
// become tags as they are. Sums are counts or running totals, histograms become
// sketches, spans go where tracers' go.
//
//	in := otlp.New(otlp.Deps{DB: db, Now: time.Now, Traces: keepTraces})
//	answer, err := in.Handle(ctx, otlp.Request{Path: "/v1/metrics", ...})
package otlp

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"sync/atomic"
	"time"

	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/whippet-obs/whippet/ingest/histogram"
	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/exemplar"
	"github.com/whippet-obs/whippet/store/span"
)

// Application is the spans of one resource.
type Application struct {
	Host, Env, Version, Language string
	Spans                        []*span.Span
}

// Deps is what an Intake works with.
type Deps struct {
	DB  *store.DB
	Now func() time.Time

	Exemplars *exemplar.Store // nil: they are not kept

	Traces func(ctx context.Context, applications []Application) (kept int, err error)
}

// Intake decodes and keeps. Safe for concurrent use.
type Intake struct {
	db       *store.DB
	catalog  *catalog.Catalog
	now      func() time.Time
	traces   func(context.Context, []Application) (int, error)
	unpacker *payload.Unpacker
	totals   *histogram.Totals

	exemplars *exemplar.Store

	counts struct{ requests, malformed, points, spans, refused atomic.Uint64 }
}

// New returns an intake into d.DB.
func New(d Deps) *Intake {
	return &Intake{
		db: d.DB, catalog: d.DB.Catalog(), now: d.Now, traces: d.Traces,
		exemplars: d.Exemplars,
		unpacker:  payload.NewUnpacker(), totals: histogram.NewTotals(d.Now().UnixMilli()),
	}
}

// Stats is what an intake has seen since New.
type Stats struct {
	Requests, Malformed uint64
	Points, Spans       uint64 // kept
	Refused             uint64 // points that could not be kept
}

// Stats returns a snapshot.
func (in *Intake) Stats() Stats {
	c := &in.counts
	return Stats{c.requests.Load(), c.malformed.Load(), c.points.Load(), c.spans.Load(), c.refused.Load()}
}

// Paths of OTLP over HTTP.
const (
	PathMetrics = "/v1/metrics"
	PathTraces  = "/v1/traces"
)

// Request is one POST. Body is borrowed.
type Request struct {
	Path            string
	ContentType     string
	ContentEncoding string
	Body            []byte
}

// Answer is what to answer, in the request's own encoding.
type Answer struct {
	ContentType string
	Body        []byte
}

// Handle keeps one request; what it kept is durable when it returns. An error is
// a *payload.Error or a store's.
func (in *Intake) Handle(ctx context.Context, r Request) (Answer, error) {
	plain, err := in.unpacker.Unpack(r.ContentEncoding, r.Body)
	if err != nil {
		in.counts.malformed.Add(1)
		return Answer{}, err
	}
	defer plain.Release()
	isJSON, err := encodingOf(r.ContentType)
	if err != nil {
		in.counts.malformed.Add(1)
		return Answer{}, err
	}
	var request, response proto.Message
	switch r.Path {
	case PathMetrics:
		request = &metrics.ExportMetricsServiceRequest{}
	case PathTraces:
		request = &traces.ExportTraceServiceRequest{}
	default:
		return Answer{}, &payload.Error{Status: 404, Reason: "OTLP is taken at /v1/metrics and /v1/traces", Offset: -1}
	}
	if err := decode(plain.Bytes, isJSON, request); err != nil {
		in.counts.malformed.Add(1)
		return Answer{}, err
	}
	switch request := request.(type) {
	case *metrics.ExportMetricsServiceRequest:
		response, err = in.Metrics(ctx, request)
	case *traces.ExportTraceServiceRequest:
		response, err = in.Traces(ctx, request)
	}
	if err != nil {
		return Answer{}, err
	}
	return encode(response, isJSON)
}

// encodingOf tells JSON from protobuf.
func encodingOf(contentType string) (isJSON bool, err error) {
	kind, _, err := mime.ParseMediaType(contentType)
	switch {
	case err == nil && kind == "application/x-protobuf":
		return false, nil
	case err == nil && kind == "application/json":
		return true, nil
	}
	return false, &payload.Error{Status: 415, Reason: fmt.Sprintf("content type %q: want application/x-protobuf or application/json", contentType), Offset: -1}
}

// Metrics keeps the metrics of a request. What can't be kept is counted in the
// answer, and not sent again by a well-behaved sender.
func (in *Intake) Metrics(ctx context.Context, request *metrics.ExportMetricsServiceRequest) (*metrics.ExportMetricsServiceResponse, error) {
	in.counts.requests.Add(1)
	b := batch{in: in, ctx: ctx, hosts: map[string]bool{}}
	for _, r := range request.GetResourceMetrics() {
		b.resource(r)
	}
	refused, err := b.keep()
	if err != nil {
		return nil, err
	}
	in.counts.points.Add(uint64(b.points - refused))
	in.counts.refused.Add(uint64(refused))
	response := &metrics.ExportMetricsServiceResponse{}
	if refused > 0 {
		response.PartialSuccess = &metrics.ExportMetricsPartialSuccess{RejectedDataPoints: int64(refused), ErrorMessage: b.reason}
	}
	return response, nil
}

// Traces keeps the spans of a request.
func (in *Intake) Traces(ctx context.Context, request *traces.ExportTraceServiceRequest) (*traces.ExportTraceServiceResponse, error) {
	in.counts.requests.Add(1)
	var applications []Application
	sent := 0
	for _, r := range request.GetResourceSpans() {
		a := applicationOf(r)
		sent += len(a.Spans)
		applications = append(applications, a)
	}
	response := &traces.ExportTraceServiceResponse{}
	if sent == 0 {
		return response, nil
	}
	kept, err := in.traces(ctx, applications)
	if err != nil {
		return nil, err
	}
	in.counts.spans.Add(uint64(kept))
	if refused := sent - kept; refused > 0 {
		response.PartialSuccess = &traces.ExportTracePartialSuccess{RejectedSpans: int64(refused), ErrorMessage: "spans without an id of their own or of their trace"}
	}
	return response, nil
}

// overloaded reports whether a sender should try again later.
func overloaded(err error) bool {
	return errors.Is(err, store.ErrNoSpace) || errors.Is(err, store.ErrForgotten) || errors.Is(err, context.DeadlineExceeded)
}
