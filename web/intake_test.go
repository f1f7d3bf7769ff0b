package web

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"

	"github.com/whippet-obs/whippet/ingest/agent"
	"github.com/whippet-obs/whippet/ingest/dogstatsd"
	"github.com/whippet-obs/whippet/ingest/prometheus"
	"github.com/whippet-obs/whippet/store"
)

// client sends JSON and reads JSON.
type client struct {
	t   *testing.T
	url string
}

func (c client) call(method, path, body string, want int) (answer map[string]any) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if response.StatusCode != want {
		c.t.Fatalf("%s %s: got %d %s, want %d", method, path, response.StatusCode, raw, want)
	}
	if len(raw) > 0 && raw[0] == '{' {
		if err := json.Unmarshal(raw, &answer); err != nil {
			c.t.Fatal(err)
		}
	}
	return answer
}

func TestProcessesOfAHostByTheUIAPI(t *testing.T) {
	c := client{t, serve(t, nil)}
	c.call("GET", "/api/ui/hosts/web-1/processes", "", 404)
	c.call("POST", "/intake/", `{"internalHostname":"web-1","meta":{"hostname":"web-1","host_aliases":["i-0abc"]}}`, 202)
	if got := c.call("GET", "/api/ui/hosts/web-1/processes", "", 200); fmt.Sprint(got) != "map[processes:[] time:0 total:0]" {
		t.Errorf("before any: got %v", got)
	}
	at := time.Now().Unix()
	c.call("POST", "/intake/", fmt.Sprintf(`{"resources":{"meta":{"host":"web-1"},"processes":{"snaps":[[%d,[["root",2.5,1,9,4096,"nginx",3]]]]}}}`, at), 202)
	want := fmt.Sprintf("map[processes:[map[cpu:2.5 name:nginx number:3 rss:4096 user:root]] time:%v total:3]", float64(at*1000))
	if got := c.call("GET", "/api/ui/intake", "", 200)["Routes"].(map[string]any)["/intake"]; got.(map[string]any)["Payloads"] != 2.0 {
		t.Errorf("the intake counts %v", got)
	}
	if got := c.call("GET", "/api/ui/hosts/i-0abc/processes", "", 200); fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestHostsByTheDatadogAPI(t *testing.T) {
	c := client{t, serve(t, nil)}
	now := time.Now().Unix()
	c.call("POST", "/intake/", `{"internalHostname":"Web-1","os":"linux","agentVersion":"7.82.1","meta":{"hostname":"Web-1","host_aliases":["i-0abc"]},"host-tags":{"system":["env:test"]},
		"agent_checks":[["disk","disk","disk:1","OK","",""],["cpu","cpu","cpu:1","OK","",""]],"external_host_tags":[["vm-7",{"vsphere":["cluster:a"]}]]}`, 202)
	c.call("POST", "/api/v1/series", fmt.Sprintf(`{"series":[{"metric":"system.cpu.idle","points":[[%d,75]],"host":"web-1","source_type_name":"System"},
		{"metric":"x","points":[[%d,1]],"host":"db-1"}]}`, now, now), 202)

	first := func(path string) map[string]any {
		t.Helper()
		answer := c.call("GET", path, "", 200)
		if answer["total_matching"] != 1.0 || answer["total_returned"] != 1.0 {
			t.Fatalf("%s: got %v", path, answer)
		}
		return answer["host_list"].([]any)[0].(map[string]any)
	}
	for _, filter := range []string{"web", "host:WEB-1", "i-0abc", "env:test"} {
		h := first("/api/v1/hosts?filter=" + filter)
		if got := fmt.Sprintln(h["name"], h["up"], h["is_muted"], h["aliases"], h["apps"], h["tags_by_source"], h["metrics"]); got !=
			"web-1 true false [web-1 i-0abc] [agent cpu disk system] map[Datadog:[env:test]] map[cpu:25 iowait:0 load:0]\n" {
			t.Errorf("filter %s: got %s", filter, got)
		}
	}
	if got := c.call("GET", "/api/v1/hosts/totals", "", 200); got["total_active"] != 2.0 || got["total_up"] != 2.0 {
		t.Errorf("totals: got %v", got)
	}
	if got := c.call("GET", fmt.Sprint("/api/v1/hosts?from=", now+3600), "", 200); got["total_matching"] != 0.0 {
		t.Errorf("hosts seen in an hour: got %v", got)
	}
	if got := c.call("GET", "/api/v1/hosts?sort_field=cpu&sort_dir=desc&count=1", "", 200); got["total_matching"] != 2.0 || got["host_list"].([]any)[0].(map[string]any)["name"] != "web-1" {
		t.Errorf("by CPU: got %v", got)
	}

	end := now + 3600
	c.call("POST", "/api/v1/host/web-1/mute", fmt.Sprintf(`{"end":%d,"message":"quiet"}`, end), 200)
	c.call("POST", "/api/v1/host/web-1/mute", `{}`, 400)
	if h := first("/api/v1/hosts?filter=web"); h["is_muted"] != true || h["mute_timeout"] != float64(end) {
		t.Errorf("muted: got %v", h)
	}
	if got := c.call("POST", "/api/v1/host/i-0abc/mute", `{"override":true}`, 200); got["action"] != "Muted" || got["hostname"] != "web-1" {
		t.Errorf("muted anew, by an alias: got %v", got)
	}
	c.call("POST", "/api/v1/host/web-1/unmute", "", 200)
	c.call("POST", "/api/v1/host/web-1/unmute", "", 400)
	c.call("POST", "/api/v1/host/nobody/mute", "", 404)

	c.call("POST", "/api/v1/tags/hosts/i-0abc", `{"tags":["Team:Core","team:core"]}`, 201)
	c.call("POST", "/api/v1/tags/hosts/web-1?source=chef", `{"tags":["role:web"]}`, 201)
	for path, want := range map[string]string{
		"/api/v1/tags/hosts/web-1":              "[env:test role:web team:core]",
		"/api/v1/tags/hosts/i-0abc?source=chef": "[role:web]",
		"/api/v1/tags/hosts/web-1?source=Users": "[team:core]",
		"/api/v1/tags/hosts/vm-7":               "[cluster:a]",
	} {
		if got := c.call("GET", path, "", 200); fmt.Sprint(got["tags"]) != want {
			t.Errorf("%s: got %v, want %s", path, got, want)
		}
	}
	if got := c.call("GET", "/api/v1/tags/hosts?source=chef", "", 200); fmt.Sprint(got["tags"]) != "map[role:web:[web-1]]" {
		t.Errorf("tags by source: got %v", got)
	}
	c.call("PUT", "/api/v1/tags/hosts/web-1", `{"tags":["a:b"]}`, 201)
	c.call("DELETE", "/api/v1/tags/hosts/web-1?source=chef", "", 204)
	if got := c.call("GET", "/api/v1/tags/hosts/web-1", "", 200); fmt.Sprint(got["tags"]) != "[a:b env:test]" {
		t.Errorf("after PUT and DELETE: got %v", got)
	}
	c.call("GET", "/api/v1/tags/hosts/nobody", "", 404)
}

func TestStatsDLinesOverHTTP(t *testing.T) {
	var server *dogstatsd.Server
	c := client{t, serve(t, func(config *Config) {
		var err error
		if server, err = dogstatsd.Listen(dogstatsd.Config{DB: config.DB, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}); err != nil {
			t.Fatal(err)
		}
		config.StatsD = server
	})}
	c.call("POST", "/dogstatsd/v2/proxy", "a:1|c\nb:2|g\nbad\n", 200)
	got := c.call("GET", "/api/ui/dogstatsd", "", 200)
	if got["Metrics"] != 2.0 || fmt.Sprint(got["Senders"].([]any)[0].(map[string]any)["Address"]) != "127.0.0.1" {
		t.Errorf("got %v", got)
	}
}

func TestRemoteWriteAnswers(t *testing.T) {
	url := serve(t, func(config *Config) {
		config.RemoteWrite = prometheus.New(prometheus.Deps{DB: config.DB, Now: time.Now})
	})
	post := func(path, contentType string, body []byte) *http.Response {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), "POST", url+path, strings.NewReader(string(snappy.Encode(nil, body))))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Encoding", "snappy")
		request.Header.Set("Content-Type", contentType)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response
	}
	// One series "a" with one sample, at 1 s after the epoch: too old.
	series := []byte("\n\x1d\n\r\n\b__name__\x12\x01a\x12\x0c\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xe8\x07")
	for _, tt := range []struct {
		path, contentType string
		body              []byte
		status            int
	}{
		{"/api/v1/write", "application/x-protobuf", nil, 204},
		{"/prometheus/api/v1/write", "application/x-protobuf;proto=io.prometheus.write.v2.Request", nil, 204},
		{"/api/v1/write", "application/x-protobuf", series, 400},
		{"/api/v1/write", "text/plain", nil, 415},
	} {
		r := post(tt.path, tt.contentType, tt.body)
		if r.StatusCode != tt.status || tt.status != 415 && r.Header.Get("X-Prometheus-Remote-Write-Samples-Written") != "0" || r.Header.Get("Date") == "" {
			t.Errorf("%s %s: got %d %v, want %d", tt.path, tt.contentType, r.StatusCode, r.Header, tt.status)
		}
	}
}

func TestAgentsAreToldToWaitForRoom(t *testing.T) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	full, err := store.Open(t.TempDir(), store.Options{MinFree: 1 << 60, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { full.Close() })
	url := serve(t, func(config *Config) { config.Intake = agent.New(agent.Deps{DB: full, Now: time.Now, Log: quiet}) })
	response, err := http.Post(url+"/api/v1/series", "application/json", strings.NewReader(fmt.Sprintf(`{"series":[{"metric":"m","points":[[%d,1]]}]}`, time.Now().Unix())))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 503 || response.Header.Get("Retry-After") == "" {
		t.Errorf("got %d with Retry-After %q, want 503 and a time to wait", response.StatusCode, response.Header.Get("Retry-After"))
	}
}
