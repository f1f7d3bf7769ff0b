package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// goApp builds the shop that dd-trace-go instruments.
func goApp(t *testing.T) string { return built(t, "apps/go") }

// built builds an application of a folder.
func built(t *testing.T, folder string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "shop")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", folder, err, out)
	}
	return binary
}

// nodeApp installs what the shop that dd-trace instruments needs, as its lock
// file names it.
func nodeApp(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("apps/node/node_modules/dd-trace/package.json"); err != nil {
		install := exec.Command("npm", "ci", "--no-audit", "--no-fund")
		install.Dir = "apps/node"
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("install the Node application: %v\n%s", err, out)
		}
	}
	return "apps/node/main.js"
}

// runApp runs an instrumented application to its end.
func (s *server) runApp(env []string, name string, args ...string) {
	s.t.Helper()
	app := exec.Command(name, args...)
	app.Env = append(os.Environ(), append([]string{
		"DD_TRACE_AGENT_URL=http://" + s.traces, "DD_INSTRUMENTATION_TELEMETRY_ENABLED=false", "DD_REMOTE_CONFIGURATION_ENABLED=false",
		"DD_TRACE_STARTUP_LOGS=false",
	}, env...)...)
	if out, err := app.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// counts adds up a count metric by tag keys over the last minutes.
func (s *server) counts(metric string, keys ...string) map[string]float64 {
	s.t.Helper()
	now := s.now()
	sums := map[string]float64{}
	for _, row := range s.query(fmt.Sprintf("sum:%s{*} by {%s}.as_count()", metric, strings.Join(keys, ",")), now.Add(-10*time.Minute), now.Add(time.Minute)) {
		var values []string
		for _, key := range keys {
			for _, tag := range row.TagSet {
				if value, ok := strings.CutPrefix(tag, key+":"); ok {
					values = append(values, value)
				}
			}
		}
		for _, v := range row.values() {
			sums[strings.Join(values, " ")] += v
		}
	}
	return sums
}

// counted waits until what was received is counted, and nothing more waits.
func (s *server) counted() {
	s.t.Helper()
	time.Sleep(3 * time.Second) // spans are counted every two
}

// eventuallyCounts waits until a metric adds up to what is wanted, exactly.
func (s *server) eventuallyCounts(metric string, keys []string, want map[string]float64) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s by %v is %v", metric, keys, want), func() error {
		if got := s.counts(metric, keys...); !maps.Equal(got, want) {
			return fmt.Errorf("it is %v", got)
		}
		return nil
	})
}

// wantGoShop checks what the Go shop did: 20 requests, three of them failed.
func (s *server) wantGoShop() {
	s.t.Helper()
	s.counted()
	by := []string{"service", "resource_name", "http.status_code", "span.kind"}
	s.eventuallyCounts("trace.http.request.hits", by, map[string]float64{
		"shop-web get_/item/ 200 server": 17, "shop-web get_/item/ 500 server": 3,
		"shop-web http.request 200 client": 17, "shop-web http.request 500 client": 3,
		"shop-inventory get_/stock/ 200 server": 17, "shop-inventory get_/stock/ 500 server": 3,
	})
	s.eventuallyCounts("trace.http.request.errors", []string{"service", "span.kind"}, map[string]float64{"shop-web server": 3, "shop-web client": 0, "shop-inventory server": 3})
	s.eventuallyCounts("trace.postgres.query.hits", []string{"service", "resource_name"}, map[string]float64{"postgres select_qty_from_stock_where_sku": 20})
	s.eventuallyCounts("trace.postgres.query.errors", []string{"service"}, map[string]float64{"postgres": 3})
	s.eventuallyCounts("trace.nightly.job.hits", []string{"service", "resource_name", "env", "version"}, map[string]float64{"shop-web reindex test 1.4.2": 1})
	s.eventually("the edges are whole", func() error {
		edges := s.counts("trace.service_edge.hits", "from", "to", "source")
		for edge := range edges {
			if strings.Contains(edge, "127.0.0.1") || strings.Contains(edge, "localhost") {
				return fmt.Errorf("an address is no service: %s", edge)
			}
		}
		if edges["shop-web shop-inventory spans"] != 20 || edges["shop-web postgres spans"] != 20 {
			return fmt.Errorf("they are %v", edges)
		}
		return nil
	})
}

func TestD1GoTracerV1(t *testing.T) {
	s := startServer(t)
	s.runApp(nil, goApp(t))
	s.wantGoShop()

	// A killed process forgets nothing that it has answered.
	s.kill()
	s.start()
	s.wantGoShop()
	if spans := s.searchSpans("*"); len(spans) != 81 {
		t.Errorf("%d spans are kept, the application made 81", len(spans))
	}
}

func TestD1GoTracerV04(t *testing.T) {
	s := startServer(t)
	s.runApp([]string{"DD_TRACE_AGENT_PROTOCOL_VERSION=0.4"}, goApp(t))
	s.wantGoShop()
}

func TestD1GoTracerWithoutItsOwnStatistics(t *testing.T) {
	s := startServer(t)
	s.runApp([]string{"DD_TRACE_STATS_COMPUTATION_ENABLED=false"}, goApp(t))
	s.wantGoShop()
}

func TestD1GoTracerOverAUnixSocket(t *testing.T) {
	socket := filepath.Join(shortTempDir(t), "apm.socket")
	s := startServer(t, "--traces-socket", socket)
	s.runApp([]string{"DD_TRACE_AGENT_URL=unix://" + socket}, goApp(t))
	s.wantGoShop()
}

func TestD1NodeTracer(t *testing.T) {
	s := startServer(t)
	s.runApp(nil, "node", nodeApp(t))
	s.eventuallyCounts("trace.express.request.hits", []string{"service", "resource_name", "http.status_code", "span.kind"}, map[string]float64{
		"shop-node get_/item/:id 200 server": 17, "shop-node get_/item/:id 500 server": 3,
		"shop-node get_/stock/:sku 200 server": 17, "shop-node get_/stock/:sku 500 server": 3,
	})
	s.eventuallyCounts("trace.express.request.errors", []string{"resource_name"}, map[string]float64{"get_/item/:id": 3, "get_/stock/:sku": 3})
	s.eventuallyCounts("trace.postgres.query.hits", []string{"service", "resource_name"}, map[string]float64{"stock-db select_qty_from_stock_where_sku": 20})
	s.eventually("the edge to the database is whole", func() error {
		if edges := s.counts("trace.service_edge.hits", "from", "to", "source"); edges["shop-node stock-db spans"] != 20 {
			return fmt.Errorf("edges are %v", edges)
		}
		return nil
	})
}

func TestD1OpenTelemetry(t *testing.T) {
	s := startServer(t)
	s.runApp([]string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + s.url}, built(t, "apps/otel"))
	s.counted()
	s.eventuallyCounts("trace.http.server.request.hits", []string{"service", "http.status_code", "env", "version"}, map[string]float64{
		"otel-shop 200 test 0.9": 17, "otel-shop 500 test 0.9": 3, "otel-stock 200 test 0.9": 17, "otel-stock 500 test 0.9": 3,
	})
	s.eventuallyCounts("trace.http.server.request.errors", []string{"service"}, map[string]float64{"otel-shop": 3, "otel-stock": 3})
	s.eventuallyCounts("trace.http.client.request.hits", []string{"service"}, map[string]float64{"otel-shop": 20})
	s.eventually("the edge is whole", func() error {
		if edges := s.counts("trace.service_edge.hits", "from", "to", "peer"); edges["otel-shop otel-stock real"] != 20 {
			return fmt.Errorf("edges are %v", edges)
		}
		return nil
	})
}

// spanDocument is a span as the spans API gives it.
type spanDocument struct {
	Attributes struct {
		Service, Host, Env string
		ResourceName       string         `json:"resource_name"`
		TraceID            string         `json:"trace_id"`
		Attributes         map[string]any `json:"attributes"`
		Custom             map[string]any `json:"custom"`
	}
}

// searchSpans pages through all spans of the last 15 minutes that match.
func (s *server) searchSpans(query string) (all []spanDocument) {
	s.t.Helper()
	cursor := ""
	for {
		page := map[string]any{"limit": 50}
		if cursor != "" {
			page["cursor"] = cursor
		}
		var answer struct {
			Data []spanDocument
			Meta struct{ Page struct{ After string } }
		}
		s.call("POST", "/api/v2/spans/events/search", map[string]any{"data": map[string]any{"type": "search_request", "attributes": map[string]any{
			"filter": map[string]any{"query": query, "from": "now-15m", "to": "now"}, "page": page, "sort": "-timestamp",
		}}}, &answer)
		all = append(all, answer.Data...)
		if cursor = answer.Meta.Page.After; cursor == "" {
			return all
		}
	}
}

func TestD2SpansServicesAndDependenciesByTheAPI(t *testing.T) {
	s := startServer(t)
	s.runApp(nil, goApp(t))
	s.wantGoShop()

	failed := s.searchSpans(`service:shop-web @http.status_code:>=500 @span.kind:server`)
	if len(failed) != 3 || failed[0].Attributes.ResourceName != "GET /item/" || failed[0].Attributes.Env != "test" {
		t.Fatalf("failed requests: %+v", failed)
	}
	if found := s.searchSpans(`resource_name:"SELECT qty FROM stock WHERE sku = ?" status:error`); len(found) != 3 || found[0].Attributes.Custom["error.message"] != "connection reset by peer" {
		t.Errorf("failed queries: %+v", found)
	}
	var trace struct {
		Trace struct {
			RootID string `json:"root_id"`
			Spans  map[string]struct{ Service string }
		}
	}
	s.call("GET", "/api/v1/trace/"+failed[0].Attributes.TraceID, nil, &trace)
	if len(trace.Trace.Spans) != 4 || trace.Trace.Spans[trace.Trace.RootID].Service != "shop-web" {
		t.Errorf("the trace: %+v", trace)
	}

	var aggregate struct {
		Data []struct {
			Attributes struct {
				By       map[string]string
				Computes map[string]float64
			}
		}
	}
	s.call("POST", "/api/v2/spans/analytics/aggregate", map[string]any{"data": map[string]any{"type": "aggregate_request", "attributes": map[string]any{
		"compute":  []any{map[string]any{"aggregation": "count"}, map[string]any{"aggregation": "pc95", "metric": "@duration"}},
		"filter":   map[string]any{"query": "*", "from": "now-15m", "to": "now"},
		"group_by": []any{map[string]any{"facet": "service"}},
	}}}, &aggregate)
	counts := map[string]float64{}
	for _, b := range aggregate.Data {
		counts[b.Attributes.By["service"]] = b.Attributes.Computes["c0"]
		if b.Attributes.Computes["c1"] <= 0 {
			t.Errorf("no latency of %v", b.Attributes.By)
		}
	}
	if want := map[string]float64{"shop-web": 41, "shop-inventory": 20, "postgres": 20}; !maps.Equal(counts, want) {
		t.Errorf("spans by service: %v, want %v", counts, want)
	}

	var dependencies map[string]struct{ Calls []string }
	s.call("GET", "/api/v1/service_dependencies?env=test", nil, &dependencies)
	if !slices.Equal(dependencies["shop-web"].Calls, []string{"postgres", "shop-inventory"}) || len(dependencies["shop-inventory"].Calls) != 0 {
		t.Errorf("dependencies: %+v", dependencies)
	}
	var one struct {
		CalledBy []string `json:"called_by"`
	}
	s.call("GET", "/api/v1/service_dependencies/shop-inventory?env=test", nil, &one)
	if !slices.Equal(one.CalledBy, []string{"shop-web"}) {
		t.Errorf("callers: %+v", one)
	}
}

func TestD2ServicesMapResourcesAndTracesInTheBrowser(t *testing.T) {
	s := startServer(t)
	s.runApp(nil, goApp(t))
	s.wantGoShop()
	b := openBrowser(t, s.url)

	b.open("/apm")
	b.see("shop-inventory", "shop-web", "postgres", "Service or resource?", "15 %")
	b.screenshot("D2-services")

	b.open("/apm/map?service=shop-web")
	b.see("shop-web", "shop-inventory", "postgres", "Calls")
	b.until("the map has three services", `document.querySelectorAll('.service-map .node').length === 3`)
	b.until("and an edge for each call", `document.querySelectorAll('.service-map .edge').length === 2`)
	b.screenshot("D2-map")

	b.open("/apm/services/shop-web")
	b.see("GET /item/", "reindex", "1.4.2", "A resource is one thing")
	b.screenshot("D2-service")

	// Two clicks from a graph to the slowest traces of its time.
	b.click("Slowest traces")
	b.see("GET /item/", "Slowest")
	b.screenshot("D2-traces")

	failed := s.searchSpans("service:shop-web status:error")
	b.open("/apm/trace/" + failed[0].Attributes.TraceID)
	b.see("Flame graph", "4 spans", "3 errors", "Internal Server Error")
	b.until("the flame graph is drawn", `(() => {
		const canvas = document.querySelector('canvas.flame-graph')
		if (!canvas || !canvas.width) return false
		return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v > 0)
	})()`)
	b.screenshot("D2-trace")
	b.click("Span list")
	b.until("the list has its spans", `document.querySelectorAll('.span-row').length === 4`)
}

func TestD3D4TraceMetricsAreMetricsLikeAnyOther(t *testing.T) {
	s := startServer(t)
	s.runApp(nil, goApp(t))
	s.wantGoShop()

	// In the metrics summary, with type and unit.
	for name, want := range map[string]string{
		"trace.http.request.hits": "count", "trace.http.request.errors": "count", "trace.http.request.duration": "gauge",
		"trace.http.request": "distribution", "trace.http.request.apdex": "gauge",
	} {
		var m struct {
			Type, Unit string
			Series     int
		}
		s.call("GET", "/api/ui/metrics/"+url.PathEscape(name), nil, &m)
		if m.Type != want || m.Series == 0 {
			t.Errorf("%s is a %s of %d series, want a %s", name, m.Type, m.Series, want)
		}
	}
	// On a dashboard, beside a metric of the host.
	s.submit("system.load.1", "thinkpad", nil, point{s.now(), 0.5})
	graph := func(title, query string) any {
		return map[string]any{"definition": map[string]any{"type": "timeseries", "title": title, "requests": []any{map[string]any{"q": query, "display_type": "bars"}}}}
	}
	var dashboard struct{ ID string }
	s.call("POST", "/api/v1/dashboard", map[string]any{"title": "Shop", "layout_type": "ordered", "widgets": []any{
		graph("Requests", "sum:trace.http.request.hits{service:shop-web,entry:request} by {resource_name}.as_count()"), graph("Load", "avg:system.load.1{*}"),
		map[string]any{"definition": map[string]any{"type": "trace_service", "service": "shop-web", "env": "test", "span_name": "http.request", "show_resource_list": true, "show_breakdown": false}},
		map[string]any{"definition": map[string]any{"type": "topology_map", "requests": []any{
			map[string]any{"request_type": "topology", "query": map[string]any{"data_source": "service_map", "service": "shop-web", "filters": []string{"env:*"}}},
		}}},
	}}, &dashboard)
	b := openBrowser(t, s.url)
	b.open("/dashboard/" + dashboard.ID)
	b.see("Requests", "Load")
	b.until("both graphs are drawn", "document.querySelectorAll('.chart canvas').length >= 2")
	b.screenshot("D3-dashboard")
	b.see("Services round shop-web", "shop-inventory", "GET /item/")
	b.until("the service's own graphs are drawn", "document.querySelectorAll('.chart canvas').length >= 5")
	b.until("the map is in sight", "(document.querySelector('.map-scroll').scrollIntoView(), true)")
	b.screenshot("D3-dashboard-services")
	b.open("/metrics?search=trace.http")
	b.see("trace.http.request.hits", "count", "trace.http.request.duration", "gauge", "distribution", "how often the operation ran")
	b.screenshot("D4-metrics-summary")

	// In a monitor.
	var monitor struct{ ID int64 }
	s.call("POST", "/api/v1/monitor", map[string]any{
		"name": "Errors of the shop", "type": "query alert", "query": "sum(last_15m):sum:trace.http.request.errors{service:shop-web,entry:request}.as_count() > 2",
		"message": "too many errors @oncall@example.com",
	}, &monitor)
	s.advance(2 * time.Minute)
	s.eventually("the monitor alerts", func() error {
		raw, err := s.try("GET", fmt.Sprintf("/api/v1/monitor/%d?group_states=all", monitor.ID), nil, nil)
		if err != nil {
			return err
		}
		var m struct {
			OverallState string `json:"overall_state"`
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return err
		}
		if m.OverallState != "Alert" {
			return fmt.Errorf("it is %s", m.OverallState)
		}
		return nil
	})
}

func TestD3RecordedTraceAgentBodies(t *testing.T) {
	s := startServer(t)
	testdata := "../ingest/trace/testdata/"
	post := func(path, file, encoding string) {
		body, err := os.ReadFile(testdata + file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.try("POST", path, map[string]string{"Content-Encoding": encoding, "DD-API-KEY": strings.Repeat("0", 32)}, body); err != nil {
			t.Fatal(err)
		}
	}
	post("/api/v0.2/traces", "agent-apm/02-api_v0.2_traces.body", "zstd")
	post("/api/v0.2/stats", "agent-apm/03-api_v0.2_stats.body", "gzip")
	post("/api/v0.2/traces", "trace-agent-lib-7.85/01-api_v0.2_traces.body", "gzip")
	post("/api/v0.2/stats", "trace-agent-lib-7.85/02-api_v0.2_stats.body", "gzip")
	at := time.Date(2026, 11, 23, 19, 0, 0, 0, time.UTC)
	total := func(query string) (sum float64) {
		for _, row := range s.query(query, at, at.Add(time.Hour)) {
			for _, v := range row.values() {
				sum += v
			}
		}
		return sum
	}
	for query, want := range map[string]float64{
		"sum:trace.http.request.hits{service:shop-web,span.kind:server}.as_count()":               20,
		"sum:trace.http.request.errors{service:shop-inventory}.as_count()":                        3,
		"sum:trace.express.request.hits{resource_name:get_/item/:id}.as_count()":                  20,
		"sum:trace.express.request.hits{http.status_code:500}.as_count()":                         6,
		"sum:trace.postgres.query.hits{service:stock-db}.as_count()":                              20,
		"sum:trace.service_edge.hits{from:shop-web,to:shop-inventory,source:spans}.as_count()":    20,
		"sum:trace.service_edge.errors{from:shop-web,to:postgres,source:stats}.as_count()":        3,
		"sum:trace.http.request.hits{service:shop-web,host:whip-host-1,entry:request}.as_count()": 20,
	} {
		if got := total(query); got != want {
			t.Errorf("%s is %v, want %v", query, got, want)
		}
	}
}
