package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// startServer runs "whippet serve" until the test ends, and returns its URL.
func startServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"serve", "--data-dir", filepath.Join(t.TempDir(), "data"), "--http", addr, "--statsd", "", "--traces", "", "--host-metrics=false", "--log-level", "error"}, io.Discard, io.Discard)
	}()
	t.Cleanup(func() { stop(); <-done })
	for range 200 {
		if response, err := http.Get("http://" + addr + "/readyz"); err == nil {
			if response.Body.Close(); response.StatusCode == http.StatusOK {
				return "http://" + addr
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the server doesn't get ready")
	return ""
}

const applied = `
monitors:
  - key: high
    name: my_metric is high
    type: metric alert
    query: avg(last_5m):avg:my_metric{*} by {host} > 800
    message: "{{value}} @ops@example.com"
    tags: [team:db]
    options:
      thresholds: {critical: 800, warning: 500}
  - key: both
    name: both at once
    type: composite
    query: ${high} && ${other}
    message: "@ops@example.com"
  - key: other
    name: other
    type: metric alert
    query: avg(last_5m):avg:other{*} > 1
downtimes:
  - key: nights
    scope: "*"
    monitor: high
    timezone: Europe/Berlin
    cron: 0 19 * * MON-FRI
    duration: 14h
  - key: once
    scope: env:prod
    timezone: Europe/Berlin
    start: 2036-11-23T19:00
    end: 2036-11-23T21:00
dashboards:
  - title: ours
    layout_type: ordered
    widgets:
      - definition: {type: note, content: hello}
`

func TestApplyPlansAppliesAndRefusesConflicts(t *testing.T) {
	url := startServer(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "all.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	apply := func(want int, flags ...string) string {
		t.Helper()
		var out bytes.Buffer
		code := run(t.Context(), append(append([]string{"apply", "--server", url}, flags...), file), &out, &out)
		if code != want {
			t.Fatalf("apply %v ends with %d:\n%s", flags, code, &out)
		}
		return regexp.MustCompile(`\((\d+|[a-z0-9]+-[a-z0-9]+-[a-z0-9]+)\)`).ReplaceAllString(out.String(), "(ID)")
	}
	says := func(out string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%q is missing in\n%s", w, out)
			}
		}
	}
	write(applied)
	says(apply(0, "--plan"), `+ monitor "high"`, `+ monitor "both"`, `+ downtime "nights"`, `+ dashboard "ours"`, "Plan: 6 to create, 0 to change, 0 to delete, 0 unchanged")
	says(apply(1), "use --yes")
	says(apply(0, "--yes"), `monitor "both" created`, `dashboard "ours" created`)
	says(apply(0, "--yes"), "Plan: 0 to create, 0 to change, 0 to delete, 6 unchanged")

	write(strings.NewReplacer("warning: 500", "warning: 400", "[team:db]", "[team:db, env:prod]", "14h", "12h").Replace(applied))
	says(apply(0, "--yes"), `~ monitor "high" (ID)`, `options.thresholds.warning: 500 → 400`, `tags: + "env:prod"`, `duration: "14h" → "12h"`, "2 to change", `monitor "high" changed`)

	// Somebody changes the monitor by hand, in another field and in a muting.
	c := &apiClient{server: url, http: http.DefaultClient}
	var list []map[string]any
	if err := c.call(t.Context(), "GET", "/api/v1/monitor?name=my_metric", nil, &list); err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	path := "/api/v1/monitor/" + list[0]["id"].(interface{ String() string }).String()
	if err := c.call(t.Context(), "PUT", path, map[string]any{"message": "by hand"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.call(t.Context(), "POST", path+"/mute", map[string]any{"scope": "host:a"}, nil); err != nil {
		t.Fatal(err)
	}
	says(apply(1, "--yes"), `! monitor "high" (ID)`, "changed by somebody else", `message: "{{value}} @ops@example.com" → "by hand"`, "nothing was applied")
	says(apply(0, "--yes", "--force"), `message: "by hand" → "{{value}} @ops@example.com"`)
	var doc struct {
		Message string
		Options struct{ Silenced map[string]any }
	}
	if err := c.call(t.Context(), "GET", path, nil, &doc); err != nil || doc.Message != "{{value}} @ops@example.com" || len(doc.Options.Silenced) != 1 {
		t.Errorf("after --force: %+v, %v", doc, err)
	}

	write("monitors:\n  - {name: theirs, type: metric alert, query: 'avg(last_5m):avg:x{*} > 1'}\n")
	if err := c.call(t.Context(), "POST", "/api/v1/monitor", map[string]any{"name": "theirs", "type": "metric alert", "query": "avg(last_5m):avg:y{*} > 1"}, nil); err != nil {
		t.Fatal(err)
	}
	says(apply(1, "--yes"), "--adopt takes it over", "not in the files any more; --prune deletes it")
	says(apply(0, "--yes", "--adopt", "--prune"), `~ monitor "theirs" (ID)`, `- monitor "both" (ID)`, `- downtime "nights" (ID)`, `dashboard "ours" deleted`)
	says(apply(0), "Plan: 0 to create, 0 to change, 0 to delete, 1 unchanged")
}

func TestApplyRefusesWrongFilesBeforeItStarts(t *testing.T) {
	url := startServer(t)
	file := filepath.Join(t.TempDir(), "a.yaml")
	for text, want := range map[string]string{
		"monitor: []":                      `did you mean "monitors"?`,
		"monitors: {}":                     "want a list",
		"monitors: [{type: metric alert}]": "give it a key",
		"monitors: [{name: a}, {name: a}]": "two of",
		"monitors: [{name: a, type: metric alert, query: 'avg(last_5m):avg:x{*} > 1', message: '{{valeu}}'}]": "value",
		"monitors: [{name: a, type: composite, query: '${x} && 1'}]":                                          `no monitor with the key "x"`,
		"downtimes: [{key: a, scope: '*', cron: 'x', duration: 1h}]":                                          "cron",
		"downtimes: [{key: a, scope: '*', timezone: Mars}]":                                                   "Europe/Berlin",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if code := run(t.Context(), []string{"apply", "--server", url, "--yes", file}, &out, &out); code == 0 || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %d\n%s\nwant %q", text, code, &out, want)
		}
	}
}

func TestTestsOfMonitorsPassAndFail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yaml")
	text := `
monitors:
  - name: my_metric is high
    type: metric alert
    query: avg(last_1m):avg:my_metric{*} > 800
    message: "{{value}} @ops@example.com"
tests:
  - name: it alerts
    monitor: my_metric is high
    series:
      - {metric: my_metric, values: 100x30 900x30}
    expect:
      - {at: 5m..7m, subject: "[Triggered] my_metric is high", to: [ops@example.com], text: "900"}
  - name: it is quiet
    monitor: my_metric is high
    series: [{metric: my_metric, values: 100x30 WHAT}]
`
	if err := os.WriteFile(file, []byte(strings.Replace(text, "WHAT", "100x30", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"test", "-v", file}, &out, &out); code != 0 || !strings.Contains(out.String(), "2 passed, 0 failed") {
		t.Errorf("%d\n%s", code, &out)
	}
	out.Reset()
	if err := os.WriteFile(file, []byte(strings.Replace(text, "WHAT", "900x30", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run(t.Context(), []string{"test", file}, &out, &out); code != 1 || !strings.Contains(out.String(), `an unexpected mail after`) {
		t.Errorf("%d\n%s", code, &out)
	}
}
