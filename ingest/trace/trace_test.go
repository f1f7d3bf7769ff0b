package trace

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store/span"
)

func TestSQLLosesItsValues(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT qty FROM stock WHERE sku = $1":                       "SELECT qty FROM stock WHERE sku = ?",
		"SELECT * FROM t WHERE a = 'it''s' AND b=12.5e-3":            "SELECT * FROM t WHERE a = ? AND b=?",
		"select a1 from t2 where x in (1, 2,3)":                      "select a1 from t2 where x in (?)",
		"INSERT INTO t (a,b) VALUES (%s, %s)":                        "INSERT INTO t (a,b) VALUES (?)",
		"UPDATE t SET a = :name, b = @p1 /* secret 5 */ WHERE id=-7": "UPDATE t SET a = ?, b = ? WHERE id=-?",
		"SELECT 1 -- trailing\n FROM x":                              "SELECT ? FROM x",
		"SELECT a FROM t WHERE b IS NOT NULL AND c = NULL":           "SELECT a FROM t WHERE b IS NOT NULL AND c = ?",
		"SELECT $$ text $$, $tag$ more $tag$":                        "SELECT ?",
		"SELECT \"Col\" FROM `T` WHERE x::int = 0x1F":                "SELECT \"Col\" FROM `T` WHERE x::int = ?",
		"SELECT 'never closed":                                       "SELECT ?",
		"":                                                           "",
	} {
		if got := obfuscateSQL(query); got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
}

func TestSecretsLeaveOtherSpans(t *testing.T) {
	redis := &span.Span{Kind: span.Kind{Type: "redis", Resource: "SET session:12 secret\nGET x"}}
	redis.SetText("redis.raw_command", "SET session:12 secret")
	obfuscate(redis)
	mongo := &span.Span{Kind: span.Kind{Type: "mongodb", Resource: "find"}}
	mongo.SetText("mongodb.query", `{"name":"bob","age":{"$gt":5},"in":[1,2]}`)
	obfuscate(mongo)
	web := &span.Span{Kind: span.Kind{Type: "http"}}
	web.SetText("http.url", "https://user:pw@host/x?y=1")
	obfuscate(web)
	if redis.Resource != "SET GET" || redis.Text("redis.raw_command") != "SET" ||
		mongo.Text("mongodb.query") != `{"age":{"$gt":"?"},"in":["?","?"],"name":"?"}` || web.Text("http.url") != "https://host/x?y=1" {
		t.Errorf("%+v\n%+v\n%+v", redis, mongo, web)
	}
}

func take(h *house, spans ...*span.Span) {
	h.t.Helper()
	byTrace := map[span.TraceID]*chunk{}
	p := &tracerPayload{}
	var order []span.TraceID
	for _, s := range spans {
		if byTrace[s.Trace] == nil {
			byTrace[s.Trace] = &chunk{}
			order = append(order, s.Trace)
		}
		byTrace[s.Trace].spans = append(byTrace[s.Trace].spans, s)
	}
	for _, id := range order {
		p.chunks = append(p.chunks, *byTrace[id])
	}
	if _, err := h.in.take(context.Background(), []*tracerPayload{p}); err != nil {
		h.t.Fatal(err)
	}
}

func some(trace, id, parent uint64, service, kind string) *span.Span {
	s := &span.Span{
		Kind: span.Kind{Service: service, Name: "op", Resource: "r", Type: "web"}, Trace: span.TraceID{Low: trace}, ID: id, Parent: parent,
		Start: recorded.Add(-20 * time.Second).UnixNano(), Duration: int64(10 * time.Millisecond),
	}
	s.SetText(tagKind, kind)
	return s
}

// TestOddTracesAreBounded sends what no tracer should.
func TestOddTracesAreBounded(t *testing.T) {
	h := newHouse(t)
	circle := []*span.Span{some(1, 1, 2, "a", "server"), some(1, 2, 1, "b", "server")}
	orphan := some(2, 1, 99, "a", "server")
	itself := some(3, 3, 3, "a", "server")
	negative := some(4, 1, 0, "a", "server")
	negative.Duration = -5
	endless := some(5, 1, 0, "a", "server")
	endless.Duration = math.MaxInt64
	future := some(6, 1, 0, "a", "server")
	future.Start = recorded.Add(400 * 24 * time.Hour).UnixNano()
	past := some(7, 1, 0, "a", "server")
	past.Start = 12
	nameless := some(8, 1, 0, "", "server")
	nameless.Name, nameless.Resource = "", ""
	noID := some(9, 0, 0, "a", "server")
	deep := []*span.Span{}
	for i := range uint64(20_000) {
		deep = append(deep, some(10, i+1, i, "a", ""))
	}
	take(h, append(append(circle, orphan, itself, negative, endless, future, past, nameless, noID), deep...)...)
	h.settle()
	if n := h.in.Stats().Normalized; n != (Normalized{NoID: 1, NegativeDuration: 2, FutureStart: 1, PastStart: 1, Renamed: 2}) {
		t.Errorf("%+v", n)
	}
	h.wantSpans(20_009, 9, 0)
	trace, err := h.spans.Trace(context.Background(), span.TraceID{Low: 8})
	if err != nil || len(trace) != 1 || trace[0].Service != "unnamed-service" || trace[0].Name != "unnamed_operation" {
		t.Errorf("%+v %v", trace, err)
	}
}

// TestCallsAreJoinedAcrossPayloads sends caller and callee apart, in both
// orders, from two hosts.
func TestCallsAreJoinedAcrossPayloads(t *testing.T) {
	for _, callerFirst := range []bool{true, false} {
		h := newHouse(t)
		call := some(1, 2, 1, "front", "client")
		call.SetText("out.host", "back.internal")
		caller := []*span.Span{some(1, 1, 0, "front", "server"), call}
		callee := []*span.Span{some(1, 3, 2, "back", "server")}
		if callerFirst {
			take(h, caller...)
			take(h, callee...)
		} else {
			take(h, callee...)
			take(h, caller...)
		}
		h.settle()
		h.want("trace.service_edge.hits", []string{"from", "to", "peer"}, map[string]float64{"front back real": 1})
	}
}

// TestFlaskApplication is the shape that ddtrace gives a Flask application's
// requests: a request span with the view's span below it.
func TestFlaskApplication(t *testing.T) {
	h := newHouse(t)
	var spans []*span.Span
	for i, route := range []string{"GET /", "GET /api/apm", "GET /api/trace", "GET /api/trace"} {
		request := some(uint64(i+1), 1, 0, "flask", "server")
		request.Name, request.Resource = "flask.request", route
		request.SetText("http.status_code", "200")
		if i == 3 {
			request.Error = true
			request.SetText("http.status_code", "500")
		}
		view := some(uint64(i+1), 2, 1, "flask", "")
		view.Name, view.Resource, view.Type = "flask.dispatch_request", "flask.dispatch_request", ""
		spans = append(spans, request, view)
	}
	take(h, spans...)
	h.settle()
	h.want("trace.flask.request.hits", []string{"resource", "http.status_class"}, map[string]float64{"GET / 2xx": 1, "GET /api/apm 2xx": 1, "GET /api/trace 2xx": 1, "GET /api/trace 5xx": 1})
	h.want("trace.flask.request.hits.by_http_status", []string{"http.status_code"}, map[string]float64{"200": 3, "500": 1})
	h.want("trace.flask.request.errors", []string{"resource"}, map[string]float64{"GET /": 0, "GET /api/apm": 0, "GET /api/trace": 1})
	h.want("trace.flask.request.duration", []string{"service"}, map[string]float64{"flask": 0.04})
	h.want("trace.flask.request", []string{"service"}, map[string]float64{"flask": 4})
	h.want("trace.flask.dispatch_request.hits", nil, map[string]float64{})
}

func TestUnansweredCallIsAnInferredPeer(t *testing.T) {
	h := newHouse(t)
	call := some(1, 2, 1, "front", "client")
	call.SetText("peer.service", "payments.example.com:443")
	call.Error = true
	local := some(1, 3, 1, "front", "client")
	local.SetText("out.host", "127.0.0.1")
	take(h, some(1, 1, 0, "front", "server"), call, local)
	h.settle()
	h.want("trace.service_edge.hits", []string{"from", "to", "peer"}, map[string]float64{"front payments.example.com inferred": 1})
	h.want("trace.service_edge.errors", []string{"from", "to"}, map[string]float64{"front payments.example.com": 1})
}

func TestApdexJudgesRequests(t *testing.T) {
	h := newHouse(t)
	var spans []*span.Span
	for i, d := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second} {
		s := some(uint64(i+1), 1, 0, "a", "server")
		s.Start, s.Duration = recorded.Add(-d-time.Second).UnixNano(), int64(d)
		spans = append(spans, s)
	}
	take(h, spans...)
	h.settle()
	h.want("trace.op.apdex", []string{"service"}, map[string]float64{"a": (2 + 0.5) / 4})
}

func TestSamplerKeepsErrorsAndTheSlowest(t *testing.T) {
	sm := newSampler(10)
	keeps := func(i int, failed bool, d time.Duration) bool {
		s := some(uint64(i+1), 1, 0, "a", "server")
		s.Error, s.Duration = failed, int64(d)
		return sm.keep(&chunk{spans: []*span.Span{s}}, int64(i)) // one each millisecond
	}
	kept := 0
	for i := range 10_000 {
		if keeps(i, false, time.Duration(1000+i%7)*time.Microsecond) {
			kept++
		}
	}
	if kept < 100 || kept > 600 {
		t.Errorf("of 10,000 traces in 10 s %d were kept, the budget is 10 a second", kept)
	}
	if !keeps(10_000, true, time.Millisecond) || !keeps(10_000, false, time.Minute) {
		t.Error("an error or a slow trace was not kept")
	}
	if keeps(10_000, false, 100*time.Microsecond) {
		t.Error("the budget is spent")
	}
	sm.turn(10_000)
	if rates := string(sm.rates()); !strings.Contains(rates, `"service:a,env:":0.00`) && !strings.Contains(rates, `"service:a,env:":0.01`) {
		t.Errorf("tracers are told %s", rates)
	}
}

// TestResourcesAreBounded sends a resource for every request, as an
// application with ids in its paths does.
func TestResourcesAreBounded(t *testing.T) {
	h := newHouse(t)
	h.now = h.now.Add(time.Minute)
	var spans []*span.Span
	for i := range uint64(maxResources + 500) {
		s := some(i+1, 1, 0, "a", "server")
		s.Start = h.now.Add(-time.Second).UnixNano()
		s.Resource = fmt.Sprintf("GET /user/%d", i)
		spans = append(spans, s)
	}
	take(h, spans...)
	h.settle()
	if got := h.sums("trace.op.hits", "resource"); len(got) != maxResources+1 || got[otherResources] != 500 {
		t.Errorf("%d resources, %v in the last", len(got), got[otherResources])
	}
}

// BenchmarkTake must take 20,000 spans per second on one core: 50 µs each,
// from the body to everything counted and kept.
func BenchmarkTake(b *testing.B) {
	body := recording(b, "dd-trace-go-v10-stats/02-v1.0_traces.body")
	h := newHouse(b)
	b.ReportAllocs()
	spans := 0
	for b.Loop() {
		p, err := decodeV1(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := h.in.take(context.Background(), []*tracerPayload{p}); err != nil {
			b.Fatal(err)
		}
		spans += 81
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(spans), "ns/span")
	if err := h.spans.Seal(); err != nil {
		b.Fatal(err)
	}
}

// TestSpansOnDiskAreSmall holds the recorded applications' spans, many of them,
// under 60 bytes each.
func TestSpansOnDiskAreSmall(t *testing.T) {
	h := newHouse(t)
	for i := range 40 {
		for _, decode := range []func() (*tracerPayload, error){
			func() (*tracerPayload, error) {
				return decodeV1(recording(t, "dd-trace-go-v10-stats/02-v1.0_traces.body"))
			},
			func() (*tracerPayload, error) { return decodeV04(recording(t, "dd-trace-js-v04/01-v0.4_traces.body")) },
		} {
			p, err := decode()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range p.chunks {
				for _, s := range c.spans { // as if it were another request
					s.Trace.Low ^= uint64(i) * 0x9e3779b97f4a7c15
					s.ID ^= uint64(i) * 0xbf58476d1ce4e5b9
					if s.Parent != 0 {
						s.Parent ^= uint64(i) * 0xbf58476d1ce4e5b9
					}
					s.Start += int64(i) * int64(7*time.Second+123*time.Microsecond+57)
				}
			}
			h.in.sampler.perSecond = 1e9
			if _, err := h.in.take(context.Background(), []*tracerPayload{p}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := h.spans.Seal(); err != nil {
		t.Fatal(err)
	}
	st := h.spans.Stats()
	each := float64(st.DiskBytes-st.LogBytes) / float64(st.SealedSpans)
	t.Logf("%d spans, %.1f bytes each", st.SealedSpans, each)
	if each > 60 || st.SealedSpans < 10_000 {
		t.Errorf("%d spans take %.1f bytes each on disk", st.SealedSpans, each)
	}
}
