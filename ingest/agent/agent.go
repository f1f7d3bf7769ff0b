// Package agent takes what the Datadog Agent and Datadog's API clients post:
// series, sketches, events, service checks and host metadata. It knows nothing
// of the HTTP server in front of it: a Request goes into Intake.Handle, a
// Response comes out, and whatever was accepted is durable by then.
//
// The formats are those recorded from real agents; the agents' retry rules
// decide the answers. An agent drops what is answered 400 or 413, repeats what
// is answered 404, 429 or 5xx, and looks at nothing but the status.
package agent

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// Deps is what an Intake works with.
type Deps struct {
	DB  *store.DB
	Now func() time.Time
	Log *slog.Logger
}

// Intake decodes payloads and appends them to the store. Safe for concurrent use.
type Intake struct {
	db      *store.DB
	catalog *catalog.Catalog
	now     func() time.Time
	log     *slog.Logger
	refs    *refCache
	repeats *repeats
	counts  counts
}

// New returns an intake into d.DB.
func New(d Deps) *Intake {
	return &Intake{db: d.DB, catalog: d.DB.Catalog(), now: d.Now, log: d.Log, refs: newRefCache(), repeats: newRepeats()}
}

// Request is one HTTP request, as far as the intake looks at it. Body is
// borrowed: nothing of it is kept.
type Request struct {
	Method, Path    string
	ContentType     string
	ContentEncoding string
	Body            []byte
}

// Response is what to answer.
type Response struct {
	Status      int
	ContentType string
	Body        []byte
}

// Error is a payload that can't be taken. Status is what to answer: 400 for one
// that can't be read, 413 for one too large.
type Error struct {
	Status int
	Reason string
	Offset int // into the decompressed body; -1 when unknown
}

func (e *Error) Error() string {
	if e.Offset < 0 {
		return e.Reason
	}
	return fmt.Sprintf("%s at offset %d", e.Reason, e.Offset)
}

func malformed(offset int, format string, args ...any) error {
	return &Error{Status: 400, Reason: fmt.Sprintf(format, args...), Offset: offset}
}

// maxPlain is the largest decompressed body taken. Agents stay under 5 MiB.
const maxPlain = 64 << 20

// handler decodes one kind of payload. It returns the number of things kept.
type handler func(in *Intake, ctx context.Context, r *Request) (kept int, err error)

// route is what a path of the intake means.
type route struct {
	handle handler
	answer Response
}

func accepted(body string) Response { return Response{202, "application/json", []byte(body)} }

// discard is the handler of routes whose payloads are not kept.
func discard(*Intake, context.Context, *Request) (int, error) { return 0, nil }

// processAnswer is the frame that a process agent decodes its answer from: a
// response of type 23 that asks for no real-time data.
var processAnswer = Response{200, "application/octet-stream", []byte("\x03\x00\x17\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x1a\x02\x10\x02")}

// lookup finds the route of a request; ok is false for what the intake does not
// own. The path has no trailing slash and no query.
func lookup(method, path string) (r route, ok bool) {
	switch method + " " + path {
	case "GET /api/v1/validate":
		return route{discard, Response{200, "application/json", []byte(`{"valid":true}`)}}, true
	case "GET /api/v2/validate":
		return route{discard, Response{200, "application/json", []byte(`{"data":{"id":"00000000-0000-4000-8000-000000000000","type":"validate_v2","attributes":{"valid":true,"api_key_scopes":[]}}}`)}}, true
	case "GET /_health":
		return route{discard, Response{200, "application/json", []byte(`{}`)}}, true
	case "POST /api/v1/series":
		return route{(*Intake).seriesV1, accepted(`{"status":"ok"}`)}, true
	case "POST /api/v2/series":
		return route{(*Intake).seriesV2, accepted(`{"errors":[]}`)}, true
	case "POST /api/beta/sketches":
		return route{(*Intake).sketches, accepted(`{"errors":[]}`)}, true
	case "POST /api/v1/distribution_points":
		return route{(*Intake).distributionPoints, accepted(`{"status":"ok"}`)}, true
	case "POST /api/v1/check_run":
		return route{(*Intake).checkRun, accepted(`{"status":"ok"}`)}, true
	case "POST /intake":
		return route{(*Intake).intakeV5, accepted(`{"status":"ok"}`)}, true
	case "POST /api/v1/metadata":
		return route{(*Intake).inventory, accepted(`{"status":"ok"}`)}, true
	case "POST /api/v1/collector", "POST /api/v1/container", "POST /api/v1/discovery", "POST /api/v1/connections":
		return route{discard, processAnswer}, true
	case "HEAD /support/flare", "POST /support/flare":
		return route{discard, Response{200, "application/json", []byte(`{}`)}}, true
	}
	return route{}, false
}

// Owns reports whether a route is the intake's own, rather than the public
// API's or the UI's.
func Owns(method, path string) bool {
	_, ok := lookup(method, trimPath(path))
	return ok || method == "POST" && trimPath(path) == eventsPath
}

const eventsPath = "/api/v1/events"

func trimPath(path string) string {
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	return path
}

// Handle takes one request. A POST to a route the intake doesn't know is
// accepted, counted and dropped: answering 404 would make an agent keep it and
// try for ever. An error is an *Error, or one of the store's.
func (in *Intake) Handle(ctx context.Context, r Request) (Response, error) {
	path := trimPath(r.Path)
	if r.Method == "POST" && path == eventsPath {
		return in.count(path, func() (Response, int, error) { return in.apiEvent(ctx, &r) })
	}
	known, ok := lookup(r.Method, path)
	if !ok {
		return in.count("other", func() (Response, int, error) { return accepted(`{}`), 0, nil })
	}
	return in.count(path, func() (Response, int, error) {
		kept, err := known.handle(in, ctx, &r)
		return known.answer, kept, err
	})
}

// plain decompresses the body of r. probe is true for the agent's self-test,
// whose body is literally {} on every route, even where protobuf is due.
func (r *Request) plain() (body []byte, probe bool, err error) {
	body, err = Decompress(r.ContentEncoding, r.Body, maxPlain)
	if err != nil {
		return nil, false, err
	}
	return body, string(body) == "{}", nil
}

// isProtobuf tells a protobuf body from a JSON one by its content type.
func (r *Request) isProtobuf() bool {
	return strings.HasPrefix(r.ContentType, "application/x-protobuf")
}

// Stats is what an intake has seen, by route.
type Stats struct {
	Routes         map[string]RouteStats
	RejectedFuture uint64 // samples more than 10 minutes ahead
	RejectedOld    uint64 // samples older than the retention
	RejectedValue  uint64 // samples that are not numbers
	RejectedSeries uint64 // series above the limit, or without a usable name
	Repeated       uint64 // sketch payloads that had been taken before
	KnownSeries    int    // in the cache of series as agents send them
}

// RouteStats counts one route's payloads and what they held.
type RouteStats struct {
	Payloads, Kept, Malformed, TooLarge, Failed uint64
}

type counts struct {
	mu     sync.Mutex
	routes map[string]*RouteStats

	future, old, value, series, repeated atomic.Uint64
}

// Stats returns a snapshot.
func (in *Intake) Stats() Stats {
	s := Stats{
		Routes:         map[string]RouteStats{},
		RejectedFuture: in.counts.future.Load(), RejectedOld: in.counts.old.Load(),
		RejectedValue: in.counts.value.Load(), RejectedSeries: in.counts.series.Load(),
		Repeated: in.counts.repeated.Load(), KnownSeries: in.refs.len(),
	}
	in.counts.mu.Lock()
	defer in.counts.mu.Unlock()
	for path, r := range in.counts.routes {
		s.Routes[path] = *r
	}
	return s
}

func (in *Intake) count(path string, do func() (Response, int, error)) (Response, error) {
	response, kept, err := do()
	in.counts.mu.Lock()
	defer in.counts.mu.Unlock()
	if in.counts.routes == nil {
		in.counts.routes = map[string]*RouteStats{}
	}
	s := in.counts.routes[path]
	if s == nil {
		s = &RouteStats{}
		in.counts.routes[path] = s
	}
	s.Payloads++
	s.Kept += uint64(kept)
	if err == nil {
		return response, nil
	}
	switch e, ok := err.(*Error); {
	case !ok:
		s.Failed++
	case e.Status == 413:
		s.TooLarge++
	default:
		s.Malformed++
	}
	return Response{}, err
}

// append makes the batch durable and counts what the store refused.
func (in *Intake) append(ctx context.Context, b *store.Batch) error {
	if len(b.Samples) == 0 && len(b.Sketches) == 0 {
		return nil
	}
	rejected, err := in.db.Append(ctx, b)
	if err != nil {
		return fmt.Errorf("append %d samples and %d sketches: %w", len(b.Samples), len(b.Sketches), err)
	}
	in.counts.future.Add(uint64(rejected.Future))
	in.counts.old.Add(uint64(rejected.Old))
	return nil
}
