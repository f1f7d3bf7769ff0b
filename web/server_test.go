package web

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/ingest/agent"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/web/uiapi"
)

// serve answers on a loopback port until the test ends, and returns its URL.
func serve(t *testing.T, change func(*Config)) string {
	t.Helper()
	return serveWith(t, change, func(*Server) {})
}

// serveWith is serve, and shows the server to see.
func serveWith(t *testing.T, change func(*Config), see func(*Server)) string {
	t.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	db, err := store.Open(t.TempDir(), store.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	engine := query.New(db, query.Options{Log: quiet})
	alerts, err := alerting.New(alerting.Deps{Catalog: db.Catalog(), Engine: engine, Now: time.Now, Log: quiet, From: "w@localhost", PublicURL: "http://whippet.test", Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	config := Config{
		DB: db, Engine: engine, Alerting: alerts, Intake: agent.New(agent.Deps{DB: db, Now: time.Now, Log: quiet}), Now: time.Now, Log: quiet,
		About: uiapi.About{Version: "test", HTTP: "http://whippet.test"},
	}
	if change != nil {
		change(&config)
	}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	see(s)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var stopped sync.WaitGroup
	stopped.Go(func() { s.app.Listener(listener) })
	t.Cleanup(func() {
		s.Shutdown(time.Second)
		stopped.Wait()
		db.Close()
	})
	return "http://" + listener.Addr().String()
}

// ask makes a request and returns the status and body. Headers come in pairs.
func ask(t *testing.T, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	url := serve(t, nil)
	tests := []struct {
		name, method, host, site string
		want                     int
	}{
		{"own page by address", "POST", "127.0.0.1:8127", "same-origin", 202},
		{"own page by IPv6 address", "POST", "[::1]:8127", "same-origin", 202},
		{"own page by localhost", "POST", "localhost:8127", "same-origin", 202},
		{"own page by its public name", "POST", "whippet.test", "same-origin", 202},
		{"another site's form", "POST", "127.0.0.1:8127", "cross-site", 403},
		{"a name that was rebound", "POST", "evil.example:8127", "same-origin", 403},
		{"a name that was rebound, reading", "GET", "evil.example:8127", "same-origin", 403},
		{"a link from another site", "GET", "127.0.0.1:8127", "cross-site", 200},
		{"an agent by any name", "POST", "metrics.internal:8127", "", 202},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, body := "/healthz", ""
			if tt.method == "POST" {
				path, body = "/api/v1/series", `{"series":[]}`
			}
			headers := []string{"Host", tt.host, fiber.HeaderContentType, "application/json"}
			if tt.site != "" {
				headers = append(headers, "Sec-Fetch-Site", tt.site)
			}
			if status, text := ask(t, tt.method, url+path, body, headers...); status != tt.want {
				t.Errorf("got %d %s, want %d", status, text, tt.want)
			}
		})
	}
}

func TestErrorsHaveTheShapeOfTheAPIAsked(t *testing.T) {
	url := serve(t, func(c *Config) { c.APIKeys = []string{"right"} })
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"Datadog", "GET", "/api/v1/query?query=avg:m{&from=1&to=2", "", 400, `{"errors":["`},
		{"Prometheus", "GET", "/prometheus/api/v1/query?query=sum(", "", 400, `"errorType":"bad_data"`},
		{"the UI's, with the place", "GET", "/api/ui/query?query=avg:m{&from=1&to=2", "", 400, `"offset":`},
		{"no such route", "GET", "/api/v1/nothing", "", 404, `{"errors":["no such route`},
		{"wrong key", "POST", "/api/v1/series?api_key=wrong", `{"series":[]}`, 403, "--api-keys"},
		{"not JSON", "POST", "/api/v1/series?api_key=right", `{"series":`, 400, "offset"},
		{"too large", "POST", "/api/v1/series?api_key=right", strings.Repeat(" ", maxBody+1), 413, "the limit is"},
		{"not ready", "GET", "/readyz", "", 503, "not ready"},
		{"a clock that stays", "POST", "/debug/whippet/clock", `{"advance":"1h"}`, 403, "--debug-clock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, text := ask(t, tt.method, url+tt.path, tt.body, fiber.HeaderContentType, "application/json")
			if status != tt.status || !strings.Contains(text, tt.want) {
				t.Errorf("got %d %s, want %d with %q", status, text, tt.status, tt.want)
			}
		})
	}
}

func TestCardinalityNamesMetricsKeysAndValues(t *testing.T) {
	url := serve(t, nil)
	now := time.Now().Unix()
	body := fmt.Sprintf(`{"series":[
		{"metric":"jobs","points":[[%d,1]],"tags":["user:a"]},{"metric":"jobs","points":[[%d,1]],"tags":["user:b","env:x"]},
		{"metric":"cpu","points":[[%d,1]]}]}`, now, now, now)
	if status, text := ask(t, "POST", url+"/api/v1/series", body, fiber.HeaderContentType, "application/json"); status != 202 {
		t.Fatalf("got %d %s", status, text)
	}
	status, got := ask(t, "GET", url+"/api/ui/cardinality?key=user&top=2", "")
	want := `{"series":3,"metrics":[{"metric":"jobs","series":2},{"metric":"cpu","series":1}],` +
		`"keys":[{"key":"user","values":2,"series":2},{"key":"env","values":1,"series":1}],` +
		`"values":[{"value":"a","series":1},{"value":"b","series":1}],"refused":[]}`
	if status != 200 || got != want {
		t.Errorf("got %d %s, want %s", status, got, want)
	}
	if status, got := ask(t, "GET", url+"/api/ui/cardinality?metric=jobs&tag=env:x", ""); status != 200 || !strings.HasPrefix(got, `{"series":1,`) {
		t.Errorf("narrowed: got %d %s", status, got)
	}
	if status, _ := ask(t, "GET", url+"/api/ui/cardinality?top=0", ""); status != 400 {
		t.Errorf("top=0: got status %d", status)
	}
}

func TestPrometheusExplorersListNamesAndValues(t *testing.T) {
	url := serve(t, nil)
	now := time.Now().Unix()
	body := fmt.Sprintf(`{"series":[
		{"metric":"jobs","points":[[%d,1]],"tags":["user:a","user:b","bare"]},{"metric":"jobs","points":[[%d,1]],"tags":["user:c"]},
		{"metric":"cpu","points":[[%d,1]],"tags":["core:0"]}]}`, now, now, now)
	if status, text := ask(t, "POST", url+"/api/v1/series", body, fiber.HeaderContentType, "application/json"); status != 202 {
		t.Fatalf("got %d %s", status, text)
	}
	for _, tt := range []struct{ path, want string }{
		{"/labels", `["__name__","bare","core","user"]`},
		{"/labels?match[]=cpu", `["__name__","core"]`},
		{"/labels?match[]=none", `[]`},
		{"/label/user/values", `["a","b","c"]`},
		{"/label/user/values?limit=2", `["a","b"]`},
		{"/label/user/values?match[]=jobs{bare='true'}", `["a","b"]`},
		{"/label/bare/values", `["true"]`},
		{"/label/__name__/values", `["cpu","jobs"]`},
		{"/label/__name__/values?match[]={core='0'}", `["cpu"]`},
		{"/series?match[]=cpu", `[{"__name__":"cpu","core":"0"}]`},
	} {
		status, got := ask(t, "GET", url+"/prometheus/api/v1"+tt.path, "")
		if status != 200 || !strings.Contains(got, `"data":`+tt.want+`}`) {
			t.Errorf("%s: got %d %s, want %s", tt.path, status, got, tt.want)
		}
	}
}
