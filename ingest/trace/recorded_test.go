package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/span"
)

// The recordings were made around this time.
var recorded = time.Date(2026, 11, 23, 19, 30, 0, 0, time.UTC)

// recording reads a body as it was sent, decompressed.
func recording(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case bytes.HasPrefix(raw, []byte{0x1f, 0x8b}):
		r, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if raw, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	case bytes.HasPrefix(raw, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r, err := zstd.NewReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if raw, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return raw
}

// house is an intake with its stores and a receiver.
type house struct {
	t        testing.TB
	db       *store.DB
	spans    *span.Store
	in       *Intake
	receiver *Receiver
	dir      string
	now      time.Time
	statsd   []string
}

func newHouse(t testing.TB) *house {
	h := &house{t: t, dir: t.TempDir(), now: recorded}
	h.open()
	t.Cleanup(h.close)
	return h
}

func (h *house) open() {
	var err error
	log := slog.New(slog.DiscardHandler)
	clock := func() time.Time { return h.now }
	if h.db, err = store.Open(h.dir, store.Options{Now: clock, Log: log}); err != nil {
		h.t.Fatal(err)
	}
	if h.spans, err = span.Open(h.dir+"/spans", span.Options{Now: clock, Log: log}); err != nil {
		h.t.Fatal(err)
	}
	h.in = New(Deps{DB: h.db, Spans: h.spans, Now: clock, Log: log, Host: "local-host"})
	h.receiver, err = Listen(ReceiverConfig{Intake: h.in, StatsD: func(p []byte) { h.statsd = append(h.statsd, string(p)) }, StatsDPort: 8125, Log: log})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) close() {
	h.spans.Close()
	h.db.Close()
}

// settle lets what waits for other spans be counted, and writes everything.
func (h *house) settle() {
	h.t.Helper()
	h.in.series.mu.Lock()
	h.in.edges.turn(h.now.UnixMilli())
	h.in.edges.turn(h.now.UnixMilli())
	h.in.series.mu.Unlock()
	if err := h.in.series.flush(context.Background()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) send(method, path string, body []byte, headers ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	q := httptest.NewRequest(method, path, bytes.NewReader(body))
	q.Header.Set("Content-Type", "application/msgpack")
	for i := 0; i+1 < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.receiver.ServeHTTP(w, q)
	return w
}

func (h *house) mustSend(method, path string, body []byte, headers ...string) {
	h.t.Helper()
	if w := h.send(method, path, body, headers...); w.Code != 200 {
		h.t.Fatalf("%s %s: status %d: %s", method, path, w.Code, w.Body)
	}
}

func (h *house) mustHandle(path, name string) {
	h.t.Helper()
	if _, err := h.in.Handle(context.Background(), Request{Path: path, Body: recording(h.t, name)}); err != nil {
		h.t.Fatalf("%s: %v", name, err)
	}
}

// sums adds up a metric's samples by the values of tag keys, joined by " ".
func (h *house) sums(metric string, keys ...string) map[string]float64 {
	h.t.Helper()
	set, err := h.db.Select(context.Background(), store.Selector{Filter: store.Filter{Op: store.MatchName, Value: metric}, From: 0, To: math.MaxInt64 / 4})
	if err != nil {
		h.t.Fatal(err)
	}
	defer set.Close()
	sums := map[string]float64{}
	for i := range set.Series {
		var c store.Columns
		if err := set.Read(i, &c); err != nil {
			h.t.Fatal(err)
		}
		var values []string
		for _, key := range keys {
			values = append(values, strings.Join(set.Series[i].Tags.Values(key), "+"))
		}
		key := strings.Join(values, " ")
		for _, v := range c.Values {
			sums[key] += v
		}
		for _, s := range c.Sketches {
			sums[key] += float64(s.Count)
		}
	}
	return sums
}

func (h *house) want(metric string, keys []string, want map[string]float64) {
	h.t.Helper()
	got := h.sums(metric, keys...)
	if !maps.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) {
		h.t.Errorf("%s by %v:\n got %v\nwant %v", metric, keys, lines(got), lines(want))
	}
}

func lines(m map[string]float64) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "\n  %s: %v", k, m[k])
	}
	return b.String()
}

// wantGo is what the recorded Go application did: 20 requests to shop-web, each
// of which asked shop-inventory and a database, and one nightly job.
func (h *house) wantGo() {
	h.t.Helper()
	by := []string{"service", "resource", "http.status_code", "span.kind"}
	h.want("trace.http.request.hits", by, map[string]float64{
		"shop-web GET /item/ 200 server": 17, "shop-web GET /item/ 500 server": 3,
		"shop-web http.request 200 client": 17, "shop-web http.request 500 client": 3,
		"shop-inventory GET /stock/ 200 server": 17, "shop-inventory GET /stock/ 500 server": 3,
	})
	h.want("trace.http.request.errors", by, map[string]float64{
		"shop-web GET /item/ 200 server": 0, "shop-web GET /item/ 500 server": 3,
		"shop-web http.request 200 client": 0, "shop-web http.request 500 client": 0,
		"shop-inventory GET /stock/ 200 server": 0, "shop-inventory GET /stock/ 500 server": 3,
	})
	h.want("trace.http.request", by, h.sums("trace.http.request.hits", by...))
	h.want("trace.http.request.hits", []string{"service", "entry"}, map[string]float64{"shop-web request": 20, "shop-web ": 20, "shop-inventory request": 20})
	h.want("trace.postgres.query.hits", []string{"service", "resource", "entry", "type"}, map[string]float64{"postgres SELECT qty FROM stock WHERE sku = ? call sql": 20})
	h.want("trace.postgres.query.errors", []string{"service"}, map[string]float64{"postgres": 3})
	h.want("trace.nightly.job.hits", []string{"service", "resource", "entry", "env", "version"}, map[string]float64{"shop-web reindex request test 1.4.2": 1})
}

func (h *house) wantGoEdges() {
	h.t.Helper()
	by := []string{"source", "from", "to", "kind", "peer"}
	got := h.sums("trace.service_edge.hits", by...)
	if got["spans shop-web shop-inventory web real"] != 20 || got["spans shop-inventory postgres sql inferred"]+got["spans shop-web postgres sql inferred"] != 20 {
		h.t.Errorf("edges: %s", lines(got))
	}
	for edge := range got {
		if strings.Contains(edge, "127.0.0.1") || strings.Contains(edge, "localhost") {
			h.t.Errorf("an address is no service: %s", edge)
		}
	}
	if errors := h.sums("trace.service_edge.errors", "source", "from", "to"); errors["spans shop-web shop-inventory"] != 3 {
		h.t.Errorf("failed calls: %s", lines(errors))
	}
}

// wantJS is the recorded Express application: one process that calls itself.
func (h *house) wantJS(requests map[string]float64) {
	h.t.Helper()
	by := []string{"service", "resource", "http.status_code", "entry"}
	h.want("trace.express.request.hits", by, map[string]float64{
		"shop-node GET /item/:id 200 request": 17, "shop-node GET /item/:id 500 request": 3,
		"shop-node GET /stock/:sku 200 request": 17, "shop-node GET /stock/:sku 500 request": 3,
	})
	h.want("trace.express.request.errors", []string{"resource"}, map[string]float64{"GET /item/:id": 3, "GET /stock/:sku": 3})
	h.want("trace.http.request.hits", []string{"http.status_code", "span.kind"}, requests)
	h.want("trace.postgres.query.hits", []string{"service", "resource"}, map[string]float64{"stock-db SELECT qty FROM stock WHERE sku = ?": 20})
	h.want("trace.dns.lookup.hits", []string{"service"}, map[string]float64{"shop-node": 2})
	h.want("trace.tcp.connect.hits", []string{"service"}, map[string]float64{"shop-node": 2})
}

func (h *house) wantSpans(spans, traces, failed int) {
	h.t.Helper()
	ids, n, errors := map[span.TraceID]bool{}, 0, 0
	warnings, err := h.spans.Each(context.Background(), math.MinInt64, math.MaxInt64, span.Filter{}, func(m *span.Match) {
		n++
		ids[m.Trace()] = true
		if m.Error {
			errors++
		}
	})
	if err != nil || len(warnings) > 0 {
		h.t.Fatal(err, warnings)
	}
	if n != spans || len(ids) != traces || errors != failed {
		h.t.Errorf("kept %d spans of %d traces, %d of them errors; want %d, %d, %d", n, len(ids), errors, spans, traces, failed)
	}
}

var jsCalls = map[string]float64{"200 client": 34, "500 client": 6}

func TestGoTracerV04WithoutStats(t *testing.T) {
	h := newHouse(t)
	h.mustSend("POST", "/v0.4/traces", recording(t, "dd-trace-go-v04/03-v0.4_traces.body"))
	h.settle()
	h.wantGo()
	h.wantGoEdges()
	h.wantSpans(81, 21, 9)
}

func TestGoTracerV04WithItsOwnStats(t *testing.T) {
	h := newHouse(t)
	h.mustSend("POST", "/v0.4/traces", recording(t, "dd-trace-go-v04/03-v0.4_traces.body"), "Datadog-Client-Computed-Stats", "yes", "Datadog-Client-Computed-Top-Level", "t")
	h.mustSend("POST", "/v0.6/stats", recording(t, "dd-trace-go-v04-stats/03-v0.6_stats.body"))
	h.settle()
	h.wantGo()
	h.wantGoEdges()
}

func TestGoTracerV1WithItsOwnStats(t *testing.T) {
	h := newHouse(t)
	h.mustSend("POST", "/v1.0/traces", []byte{0x80})
	h.mustSend("POST", "/v1.0/traces", recording(t, "dd-trace-go-v10-stats/02-v1.0_traces.body"), "Datadog-Client-Computed-Stats", "yes", "Datadog-Client-Computed-Top-Level", "t")
	h.mustSend("POST", "/v0.6/stats", recording(t, "dd-trace-go-v10-stats/03-v0.6_stats.body"))
	h.settle()
	h.wantGo()
	h.wantGoEdges()
	h.wantSpans(81, 21, 9)
}

func TestGoTracerV1WithoutStats(t *testing.T) {
	h := newHouse(t)
	h.mustSend("POST", "/v1.0/traces", recording(t, "dd-trace-go-v10-stats/02-v1.0_traces.body"))
	h.settle()
	h.wantGo()
}

func TestNodeTracerV04WithoutStats(t *testing.T) {
	h := newHouse(t)
	h.mustSend("PUT", "/v0.4/traces", recording(t, "dd-trace-js-v04/01-v0.4_traces.body"))
	h.settle()
	h.wantJS(jsCalls)
	edges := h.sums("trace.service_edge.hits", "from", "to", "source")
	if edges["shop-node stock-db spans"] != 20 {
		t.Errorf("edges: %s", lines(edges))
	}
}

func TestNodeTracerV05WithItsOwnStats(t *testing.T) {
	h := newHouse(t)
	h.mustSend("PUT", "/v0.5/traces", recording(t, "dd-trace-js-v05-stats/01-v0.5_traces.body"), "Datadog-Client-Computed-Stats", "yes")
	h.mustSend("PUT", "/v0.6/stats", recording(t, "dd-trace-js-v05-stats/02-v0.6_stats.body"))
	h.settle()
	h.wantJS(jsCalls)
}

func TestTraceAgentOldAndNewForm(t *testing.T) {
	h := newHouse(t)
	h.mustHandle(pathAgentTraces, "agent-apm/01-api_v0.2_traces.body")
	h.mustHandle(pathAgentStats, "agent-apm/04-api_v0.2_stats.body")
	h.settle()
	h.wantJS(jsCalls)

	h = newHouse(t)
	h.mustHandle(pathAgentTraces, "agent-apm/02-api_v0.2_traces.body")
	h.mustHandle(pathAgentStats, "agent-apm/03-api_v0.2_stats.body")
	h.settle()
	h.wantGo()
	h.wantGoEdges()
	h.wantSpans(81, 21, 9)
	if got := h.sums("trace.nightly.job.hits", "host"); got["whip-host-1"] != 1 {
		t.Errorf("the agent's host: %v", got)
	}
}

func TestTraceAgentThatConvertsEverything(t *testing.T) {
	h := newHouse(t)
	h.mustHandle(pathAgentTraces, "trace-agent-lib-7.85/01-api_v0.2_traces.body")
	h.mustHandle(pathAgentStats, "trace-agent-lib-7.85/02-api_v0.2_stats.body")
	h.settle()
	h.wantJS(jsCalls)
}

func TestRepeatedBodyCountsOnce(t *testing.T) {
	h := newHouse(t)
	for range 2 {
		h.mustHandle(pathAgentTraces, "agent-apm/02-api_v0.2_traces.body")
		h.mustHandle(pathAgentStats, "agent-apm/03-api_v0.2_stats.body")
	}
	h.settle()
	h.wantGo()
	h.wantSpans(81, 21, 9)
}

// TestBucketGoesOnAfterARestart sends the halves of one bucket before and after
// a restart: the later half must be added to the earlier one.
func TestBucketGoesOnAfterARestart(t *testing.T) {
	h := newHouse(t)
	h.mustSend("POST", "/v0.6/stats", recording(t, "dd-trace-go-v10-stats/03-v0.6_stats.body"))
	h.close()
	h.now = h.now.Add(time.Minute)
	h.open()
	h.mustSend("POST", "/v0.6/stats", recording(t, "dd-trace-go-v10-stats/03-v0.6_stats.body"))
	h.want("trace.http.request.hits", []string{"service", "entry"}, map[string]float64{"shop-web request": 40, "shop-web ": 40, "shop-inventory request": 40})
	h.want("trace.http.request", []string{"service", "entry"}, map[string]float64{"shop-web request": 40, "shop-web ": 40, "shop-inventory request": 40})
}

func TestReceiverAnswersAsAnAgent(t *testing.T) {
	h := newHouse(t)
	w := h.send("GET", "/info", nil)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"/v1.0/traces"`) || w.Header().Get("Datadog-Agent-State") == "" {
		t.Errorf("/info: %d %v %s", w.Code, w.Header(), w.Body)
	}
	for _, c := range []struct {
		method, path, contentType, body string
		status                          int
		answer                          string
	}{
		{"POST", "/v0.4/traces", "application/msgpack", "\x90", 200, `{"rate_by_service":{"service:,env:":1}}`},
		{"PUT", "/v0.4/traces", "application/json", `[[{"service":"a","name":"b","trace_id":1,"span_id":18446744073709551615,"start":1795461301000000000,"duration":5,"meta":{"x":"y"},"metrics":{"n":1.5}}]]`, 200, `"service:a,env:none":1`},
		{"POST", "/v0.3/traces", "application/msgpack", "\x90", 200, "OK\n"},
		{"POST", "/v0.3/services", "", "{}", 200, "OK\n"},
		{"POST", "/v0.4/traces", "text/plain", "x", 415, "application/msgpack"},
		{"POST", "/v0.4/traces", "application/msgpack", "\x91\x91\x81", 400, "msgpack"},
		{"POST", "/v0.5/traces", "application/msgpack", "\x92\x90\x91\x91\x9c\x05\x00\x00\x01\x01\x01\x01\x01\x00\x80\x80\x00", 400, "text"},
		{"POST", "/telemetry/proxy/api/v2/apmtelemetry", "application/json", "{}", 202, "{}"},
		{"POST", "/dogstatsd/v2/proxy", "", "a:1|c\n", 200, ""},
		{"GET", "/v0.7/config", "", "{}", 404, ""},
		{"POST", "/profiling/v1/input", "multipart/form-data", "", 200, ""},
		{"GET", "/v0.4/traces", "", "", 405, "POST"},
		{"GET", "/nothing", "", "", 404, "/info"},
	} {
		w := h.send(c.method, c.path, []byte(c.body), "Content-Type", c.contentType)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.answer) {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
	if !slices.Equal(h.statsd, []string{"a:1|c\n"}) {
		t.Errorf("DogStatsD got %q", h.statsd)
	}
	first := h.send("POST", "/v0.4/traces", []byte{0x90}, "Datadog-Rates-Payload-Version", "x")
	second := h.send("POST", "/v0.4/traces", []byte{0x90}, "Datadog-Rates-Payload-Version", first.Header().Get("Datadog-Rates-Payload-Version"))
	if second.Body.String() != "{}" {
		t.Errorf("known rates are sent again: %s", second.Body)
	}
}

func TestLargeBodiesAreRefused(t *testing.T) {
	h := newHouse(t)
	big := make([]byte, maxBody+1)
	if w := h.send("POST", "/v0.4/traces", big); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over the limit: %d", w.Code)
	}
	// A million tiny spans in one trace fit the body's limit, not the memory's.
	tiny := append([]byte{0x91, 0xdd, 0, 0x0f, 0x42, 0x40}, bytes.Repeat([]byte{0x80}, 1_000_000)...)
	w := h.send("POST", "/v0.4/traces", tiny)
	if w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(w.Body.String(), "MiB") {
		t.Errorf("a million tiny spans: %d %s", w.Code, w.Body)
	}
}
