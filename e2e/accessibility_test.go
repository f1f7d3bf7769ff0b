package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// stocked is a server with something on every page.
func stocked(t *testing.T) (s *server, dashboard string, monitor int64) {
	t.Helper()
	s = startServer(t)
	now := time.Now()
	for i := range 24 {
		host := fmt.Sprintf("web-%02d", i)
		var points []point
		for k := range 60 {
			points = append(points, point{now.Add(time.Duration(k-60) * 15 * time.Second), float64(100*(i%5) + k%17)})
		}
		s.submit("my_metric", host, []string{"env:" + []string{"prod", "test"}[i%2], "team:web"}, points...)
	}
	for i, kind := range []string{"info", "warning", "error", "success"} {
		s.call("POST", "/api/v1/events", map[string]any{"title": "Deployed " + kind, "text": "by hand", "alert_type": kind, "tags": []string{"env:prod"}, "host": "web-01", "date_happened": now.Add(-time.Duration(i+1) * 5 * time.Minute).Unix()}, nil)
	}
	var runs []any
	for i := range 4 {
		runs = append(runs, map[string]any{"check": "http.up", "host_name": fmt.Sprintf("web-%02d", i), "status": i, "message": "as seen", "tags": []string{"env:prod"}})
	}
	s.call("POST", "/api/v1/check_run", runs, nil)
	var board struct{ ID string }
	graph := func(title, q, display string) map[string]any {
		return map[string]any{"definition": map[string]any{"type": "timeseries", "title": title, "requests": []any{map[string]any{"q": q, "display_type": display}}}}
	}
	s.call("POST", "/api/v1/dashboard", map[string]any{"title": "The shop", "layout_type": "ordered", "widgets": []any{
		graph("By host", "avg:my_metric{*} by {host}", "line"), graph("By env", "sum:my_metric{*} by {env}", "area"), graph("All", "sum:my_metric{*}", "bars"),
		map[string]any{"definition": map[string]any{"type": "query_value", "title": "Now", "requests": []any{map[string]any{"q": "avg:my_metric{*}", "aggregator": "last"}}}},
		map[string]any{"definition": map[string]any{"type": "toplist", "title": "Top", "requests": []any{map[string]any{"q": "top(avg:my_metric{*} by {host}, 10, 'mean', 'desc')"}}}},
		map[string]any{"definition": map[string]any{"type": "note", "content": "What to do **when it burns**"}},
	}}, &board)
	s.call("PUT", "/api/ui/favourites/"+board.ID, nil, nil)
	var made struct{ ID int64 }
	s.call("POST", "/api/v1/monitor", monitorDocument(nil), &made)
	s.call("POST", "/api/v1/downtime", map[string]any{"scope": []string{"env:test"}, "timezone": "Europe/Berlin", "cron": "0 19 * * MON-FRI", "duration": "14h"}, nil)
	return s, board.ID, made.ID
}

// Every page, in both themes and on a small screen, is accessible as far as axe
// can tell, keeps the content policy, and writes no error to the console.
// Screenshots of all of them are kept.
func TestEveryPageIsAccessible(t *testing.T) {
	installNode(t)
	axe, err := os.ReadFile(filepath.Join(nodeDir, "node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	s, dashboard, monitor := stocked(t)
	response, err := http.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'self'") || strings.Contains(policy, "script-src") {
		t.Errorf("the content policy is %q", policy)
	}

	pages := []struct{ name, path, sign string }{
		{"home", "/", "Favourites"},
		{"start", "/start", "OpenTelemetry"},
		{"dashboards", "/dashboards", "The shop"},
		{"dashboard", "/dashboard/" + dashboard, "By host"},
		{"metrics", "/metrics", "my_metric"},
		{"metric", "/metrics/my_metric", "Used by"},
		{"explorer", "/metrics/explorer?q=avg:my_metric{*}%20by%20{host}", "web-01"},
		{"hosts", "/infrastructure", "web-01"},
		{"host", "/infrastructure/web-01", "web-01"},
		{"checks", "/checks", "http.up"},
		{"monitors", "/monitors", "my_metric is high"},
		{"monitor", fmt.Sprintf("/monitors/%d", monitor), "my_metric is high"},
		{"monitor-new", "/monitors/new", "New monitor"},
		{"monitor-edit", fmt.Sprintf("/monitors/%d/edit", monitor), "my_metric"},
		{"downtimes", "/downtimes", "env:test"},
		{"downtime-new", "/downtimes/new", "Downtime"},
		{"outbox", "/outbox", "Outbox"},
		{"webhooks", "/webhooks", "Webhooks"},
		{"services", "/apm", "APM"},
		{"service-map", "/apm/map", "APM"},
		{"traces", "/apm/traces", "APM"},
		{"events", "/events", "Deployed error"},
		{"settings", "/settings/keys", "Settings"},
		{"missing", "/no/such/page", "no page"},
	}
	b := openBrowser(t, s.url)
	for _, page := range pages {
		b.open(page.path)
		b.see(page.sign)
		for _, theme := range []string{"light", "dark"} {
			b.do(emulateTheme(theme))
			b.until("nothing loads or moves", `!document.querySelector('.working') && document.getAnimations().length === 0`)
			if page.name == "home" || page.name == "dashboard" || page.name == "monitor" {
				b.until("the graphs are there", `document.querySelector('canvas')`)
			}
			for _, v := range b.violations(string(axe)) {
				t.Errorf("%s, %s: %s", page.name, theme, v)
			}
			b.screenshot("page-" + page.name + "-" + theme)
		}
		b.do(chromedp.EmulateViewport(390, 844))
		b.until("the page is no wider than the screen", `document.documentElement.scrollWidth <= 391`)
		b.screenshot("page-" + page.name + "-small")
		b.do(chromedp.EmulateViewport(1440, 900))
	}
}

func emulateTheme(theme string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`
		localStorage.setItem('whippet-theme', %q)
		document.documentElement.dataset.theme = %[1]q
		dispatchEvent(new Event('whippet:theme'))`, theme))
}

// violations runs axe over the page: what it finds, a line for each element.
func (b *browser) violations(axe string) []string {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void]("if (!window.axe) {" + axe + "}; 0"))
	b.do(chromedp.Evaluate[chromedp.Void](`window.found = null
		axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }).then((r) => {
			window.found = r.violations.flatMap((v) => v.nodes.slice(0, 5).map((n) => v.id + ': ' + n.html.slice(0, 160) + ' ' + (n.any[0] ?? n.all[0] ?? n.none[0])?.message))
		}, (e) => { window.found = [String(e)] })`))
	b.until("axe is done", "window.found")
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string]("window.found"))
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}
