package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// typeKeys sends keys to the page, one after the other.
func (b *browser) typeKeys(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		b.do(chromedp.KeyEvent(key))
	}
}

// A person goes everywhere by the keyboard.
func TestEverythingIsFoundByKeyboard(t *testing.T) {
	s := startServer(t)
	now := time.Now()
	s.submit("shop.cart.size", "web-1", []string{"env:prod"}, point{now.Add(-time.Minute), 3})
	s.call("POST", "/api/v1/dashboard", map[string]any{"title": "Shop overview", "layout_type": "ordered", "widgets": []any{}}, nil)
	s.call("POST", "/api/v1/monitor", monitorDocument(nil), nil)

	b := openBrowser(t, s.url)
	b.open("/")
	b.see("Home")
	b.do(chromedp.KeyEvent("k", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	b.until("the search is open", `document.activeElement?.getAttribute('role') === 'combobox'`)
	b.typeKeys("s", "h", "o", "p")
	b.until("what is called so is found, the dashboard first", `(() => {
		const found = [...document.querySelectorAll('#finder-list [role=option]')].map((e) => e.innerText)
		return found[0]?.includes('Shop overview') && found.some((f) => f.includes('shop.cart.size'))
	})()`)
	b.screenshot("finder")
	b.typeKeys(kb.Enter)
	b.until("the dashboard is open", `location.pathname.startsWith('/dashboard/')`)
	b.see("Shop overview")

	b.typeKeys("g", "m")
	b.see("my_metric is high")
	b.typeKeys("g", "e")
	b.until("the events are open", `location.pathname === '/events'`)
	b.typeKeys("t")
	b.until("the time range is asked for", `document.activeElement?.getAttribute('aria-label') === 'Time range'`)
	b.fill(`input[aria-label="Time range"]`, "last 90m")
	b.typeKeys(kb.Enter)
	b.see("Past 1 h 30 m")
	b.typeKeys("l")
	b.until("the time stands still", `!new URLSearchParams(location.search).get('live')`)
	b.typeKeys("?")
	b.see("search everything", "Shift drag")
	b.screenshot("keys")
	b.typeKeys(kb.Escape)
	b.typeKeys("/")
	b.until("the page's search has the focus", `document.activeElement?.matches('main [data-search]')`)
}

// A person narrows events by what they have in common, and lays them over graphs;
// and finds the checks that fail.
func TestEventsAndChecksInTheBrowser(t *testing.T) {
	s := startServer(t)
	now := time.Now()
	for i := range 60 {
		kind := []string{"info", "info", "warning", "error", "success"}[i%5]
		s.call("POST", "/api/v1/events", map[string]any{
			"title": fmt.Sprintf("Job %d ended", i), "text": "with code 0", "alert_type": kind, "source_type_name": []string{"cron", "my apps"}[i%2],
			"tags": []string{"env:prod", fmt.Sprintf("team:t%d", i%3)}, "host": fmt.Sprintf("web-%d", i%4), "date_happened": now.Add(-time.Duration(i*i) * 20 * time.Second).Unix(),
		}, nil)
	}
	var runs []any
	for i := range 12 {
		runs = append(runs, map[string]any{"check": []string{"postgres.can_connect", "http.up", "ntp.in_sync"}[i%3], "host_name": fmt.Sprintf("db-%d", i/3), "status": []int{0, 0, 1, 0, 2}[i%5], "message": "as seen by the agent", "tags": []string{"env:prod"}})
	}
	s.call("POST", "/api/v1/check_run", runs, nil)

	b := openBrowser(t, s.url)
	b.open("/events")
	b.see("60 events", "Job 0 ended")
	b.screenshot("events")
	b.until("a facet with a blank in it is asked for", `(() => { const f = [...document.querySelectorAll('.facets button')].find((e) => e.innerText.startsWith('my apps')); f?.click(); return f })()`)
	b.see("30 events")
	b.until("it stands in the URL", `new URLSearchParams(location.search).get('q') === 'source:"my apps"'`)
	b.click("Lay over all graphs")
	b.see("events: source:\"my apps\"")
	b.click("explorer")
	b.until("they go along", `location.pathname === '/metrics/explorer' && new URLSearchParams(location.search).get('overlay') === 'source:"my apps"'`)

	b.open("/checks")
	b.see("12 checks", "postgres.can_connect")
	b.screenshot("checks")
	b.until("only critical ones are shown", `(() => { const c = [...document.querySelectorAll('.count')].find((e) => e.innerText.includes('Critical')); if (c?.getAttribute('aria-pressed') === 'false') c.click(); return document.body.innerText.includes('2 checks') })()`)
}
