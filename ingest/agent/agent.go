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
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-obs/whippet/ingest/payload"
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
	db       *store.DB
	catalog  *catalog.Catalog
	now      func() time.Time
	log      *slog.Logger
	unpacker *payload.Unpacker
	series   *payload.Cache[known]
	batches  sync.Pool // of *batch
	repeats  *repeats
	parts    parts
	hostsMu  sync.Mutex
	hosts    map[string]*hostName // of series; shared
	counts   counts
}

// New returns an intake into d.DB.
func New(d Deps) *Intake {
	in := &Intake{
		db: d.DB, catalog: d.DB.Catalog(), now: d.Now, log: d.Log,
		unpacker: payload.NewUnpacker(), series: payload.NewCache[known](maxKnown), repeats: newRepeats(), hosts: map[string]*hostName{},
	}
	in.counts.routes = map[string]*RouteStats{}
	return in
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

// request is a Request whose body is unpacked.
type request struct {
	*Request
	plain []byte
}

// handler decodes one kind of payload. It returns the number of things kept.
type handler func(in *Intake, ctx context.Context, r request) (kept int, err error)

// route is what a path of the intake means. Without a handler its payloads are
// not kept.
type route struct {
	handle handler
	answer Response
}

func accepted(body string) Response { return Response{202, "application/json", []byte(body)} }

// processAnswer is the frame that a process agent decodes its answer from: a
// response of type 23 that asks for no real-time data.
var processAnswer = Response{200, "application/octet-stream", []byte("\x03\x00\x17\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x1a\x02\x10\x02")}

// lookup finds the route of a request; ok is false for what the intake does not
// own. The path has no trailing slash and no query.
func lookup(method, path string) (r route, ok bool) {
	switch method {
	case "POST":
		return lookupPost(path)
	case "GET":
		switch path {
		case "/api/v1/validate":
			return route{nil, Response{200, "application/json", []byte(`{"valid":true}`)}}, true
		case "/api/v2/validate":
			return route{nil, Response{200, "application/json", []byte(`{"data":{"id":"00000000-0000-4000-8000-000000000000","type":"validate_v2","attributes":{"valid":true,"api_key_scopes":[]}}}`)}}, true
		case "/_health":
			return route{nil, Response{200, "application/json", []byte(`{}`)}}, true
		}
	case "HEAD":
		if path == "/support/flare" {
			return route{nil, Response{200, "application/json", nil}}, true
		}
	}
	return route{}, false
}

func lookupPost(path string) (r route, ok bool) {
	switch path {
	case "/api/v1/series":
		return route{(*Intake).seriesV1, accepted(`{"status":"ok"}`)}, true
	case "/api/v2/series":
		return route{(*Intake).seriesV2, accepted(`{"errors":[]}`)}, true
	case "/api/intake/metrics/v3/series", "/api/intake/metrics/v3/sketches", "/api/intake/metrics/v3beta/series", "/api/intake/metrics/v3beta/sketches":
		return route{(*Intake).metricsV3, Response{202, "application/x-protobuf", nil}}, true
	case "/api/beta/sketches":
		return route{(*Intake).sketches, accepted(`{"errors":[]}`)}, true
	case "/api/v1/distribution_points":
		return route{(*Intake).distributionPoints, accepted(`{"status":"ok"}`)}, true
	case "/api/v1/check_run":
		return route{(*Intake).checkRun, accepted(`{"status":"ok"}`)}, true
	case "/intake":
		return route{(*Intake).intakeV5, accepted(`{"status":"ok"}`)}, true
	case "/api/v1/metadata":
		return route{(*Intake).inventory, accepted(`{"status":"ok"}`)}, true
	case "/api/v2/logs", "/v1/input":
		return route{(*Intake).logs, accepted(`{}`)}, true
	case "/api/v1/collector":
		return route{(*Intake).processes, processAnswer}, true
	case "/api/v1/container", "/api/v1/discovery", "/api/v1/connections":
		return route{nil, processAnswer}, true
	case "/support/flare":
		return route{nil, Response{200, "application/json", []byte(`{}`)}}, true
	}
	return route{}, false
}

// answering returns the handler of a POST whose answer depends on what was
// posted; nil for others.
func answering(path string) func(*Intake, context.Context, request) (Response, int, error) {
	switch path {
	case "/api/v1/events":
		return (*Intake).eventV1
	case "/api/v2/events":
		return (*Intake).eventV2
	}
	return nil
}

// Route is the route that a request's path means to the intake; ok is false
// for one that is the public API's or the UI's. Agents may be pointed at a URL
// with a path, which then stands before every route of theirs.
func Route(method, path string) (own string, ok bool) {
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	owns := func(path string) bool {
		_, ok := lookup(method, path)
		return ok || method == "POST" && answering(path) != nil
	}
	if owns(path) {
		return path, true
	}
	for _, start := range []string{"/api/", "/intake", "/v1/input", "/support/flare", "/_health"} {
		if i := strings.Index(path, start); i > 0 && owns(path[i:]) {
			return path[i:], true
		}
	}
	return path, false
}

// Handle takes one request. A POST to a route the intake doesn't know is
// accepted, counted and dropped: answering 404 would make an agent keep it and
// try for ever. An error is a *payload.Error, or one of the store's.
func (in *Intake) Handle(ctx context.Context, r Request) (Response, error) {
	path, ok := Route(r.Method, r.Path)
	if !ok {
		in.count("other", 0, nil)
		return accepted(`{}`), nil
	}
	response, kept, err := in.handle(ctx, path, &r)
	in.count(path, kept, err)
	if err != nil {
		return Response{}, err
	}
	return response, nil
}

func (in *Intake) handle(ctx context.Context, path string, r *Request) (Response, int, error) {
	known, ok := lookup(r.Method, path)
	if ok && known.handle == nil {
		return known.answer, 0, nil
	}
	plain, err := in.unpacker.Unpack(r.ContentEncoding, r.Body)
	if err != nil {
		return Response{}, 0, err
	}
	defer plain.Release()
	// The agent's self-test posts literally {} to every route, even where
	// protobuf is due.
	probe := string(plain.Bytes) == "{}"
	switch {
	case probe && ok:
		return known.answer, 0, nil
	case probe:
		return accepted(`{"status":"ok"}`), 0, nil
	case !ok:
		return answering(path)(in, ctx, request{r, plain.Bytes})
	}
	kept, err := known.handle(in, ctx, request{r, plain.Bytes})
	return known.answer, kept, err
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
	RejectedSeries uint64 // samples of series above the limit, or without a usable name
	RejectedHosts  uint64 // payloads of hosts over the limit
	Logs           uint64 // log entries received; none is kept
	Repeated       uint64 // sketch payloads that had been taken before
	OddFrames      uint64 // of processes, in an encoding that isn't read
	KnownSeries    int    // in the cache of series as agents send them
}

// RouteStats counts one route's payloads and what they held.
type RouteStats struct {
	Payloads, Kept, Malformed, TooLarge, Failed uint64
}

type counts struct {
	mu     sync.Mutex
	routes map[string]*RouteStats

	future, old, value, series, hosts, repeated, logs, oddFrames atomic.Uint64
}

// Stats returns a snapshot.
func (in *Intake) Stats() Stats {
	s := Stats{
		Routes:         map[string]RouteStats{},
		RejectedFuture: in.counts.future.Load(), RejectedOld: in.counts.old.Load(),
		RejectedValue: in.counts.value.Load(), RejectedSeries: in.counts.series.Load(),
		Repeated: in.counts.repeated.Load(), Logs: in.counts.logs.Load(), OddFrames: in.counts.oddFrames.Load(), RejectedHosts: in.counts.hosts.Load(), KnownSeries: in.series.Len(),
	}
	in.counts.mu.Lock()
	defer in.counts.mu.Unlock()
	for path, r := range in.counts.routes {
		s.Routes[path] = *r
	}
	return s
}

// count notes one payload of a route, which is one of ours or "other".
func (in *Intake) count(path string, kept int, err error) {
	in.counts.mu.Lock()
	defer in.counts.mu.Unlock()
	s := in.counts.routes[path]
	if s == nil {
		s = &RouteStats{}
		in.counts.routes[strings.Clone(path)] = s
	}
	s.Payloads++
	s.Kept += uint64(kept)
	var refused *payload.Error
	switch {
	case err == nil:
	case !errors.As(err, &refused), refused.Status == 429:
		s.Failed++
	case refused.Status == 413:
		s.TooLarge++
	default:
		s.Malformed++
	}
}
