package e2e

import (
	"fmt"
	"testing"
	"time"
)

// key presses a key in the first field that a selector finds.
func (b *browser) key(selector, key string) {
	b.t.Helper()
	b.until("the key "+key+" is pressed", fmt.Sprintf(`(() => {
		const field = document.querySelector(%q)
		field.focus()
		field.dispatchEvent(new KeyboardEvent('keydown', { key: %q, bubbles: true, cancelable: true }))
		return true
	})()`, selector, key))
}

// A query is written with what the server suggests, in both languages, and then
// explains itself.
func TestTheQueryBoxCompletesAndExplains(t *testing.T) {
	s := startServer(t)
	now := s.now().Unix()
	var series []map[string]any
	for _, host := range []string{"alpha", "beta"} {
		var points [][2]int64
		for i := range int64(60) {
			points = append(points, [2]int64{now - 600 + 10*i, i})
		}
		series = append(series, map[string]any{"metric": "shop.orders", "type": "gauge", "points": points, "host": host, "tags": []string{"env:prod"}})
	}
	s.call("POST", "/api/v1/series", map[string]any{"series": series}, nil)
	s.eventually("the samples are in", func() error {
		if rows := s.query("avg:shop.orders{*}", time.Unix(now-600, 0), time.Unix(now, 0)); len(rows) == 1 {
			return nil
		}
		return &statusError{0, "query", "not yet"}
	})

	const box = ".query textarea"
	b := openBrowser(t, s.url)
	suggested := func(text string) {
		t.Helper()
		b.until(text+" is suggested", fmt.Sprintf(`[...document.querySelectorAll('.suggestions li')].some((li) => li.querySelector('span').innerText === %q)`, text))
	}
	written := func(text string) {
		t.Helper()
		b.until("the box has "+text, fmt.Sprintf("document.querySelector(%q).value === %q", box, text))
	}
	b.open("/metrics/explorer")
	b.fill(box, "shop")
	suggested("shop.orders")
	b.screenshot("explorer-completion")
	b.key(box, "Tab")
	written("avg:shop.orders{*}")
	b.fill(box, "avg:shop.orders{ho")
	suggested("host:")
	b.key(box, "Tab")
	written("avg:shop.orders{host:")
	suggested("beta")
	b.key(box, "ArrowDown")
	b.key(box, "ArrowDown")
	b.key(box, "Enter")
	written("avg:shop.orders{host:beta")

	b.fill(box, "avg:shop.orders{*} by {host}")
	b.key(box, "Enter")
	b.click("Explain")
	b.see("How it was computed", "In all")
	b.until("the table tells what was read", "[...document.querySelectorAll('.explain tbody tr')].some((tr) => /avg:shop.orders.*by \\{host\\}/.test(tr.innerText) && /sums of blocks/.test(tr.innerText))")
	b.screenshot("explorer-explain")

	b.expect("400") // of a query that can't be read
	b.click("MetricsQL")
	b.fill(box, "sum(shop_o")
	suggested("shop_orders")
	b.key(box, "Tab")
	written("sum(shop_orders")
	b.fill(box, "sum(shop_orders) byy (host)")
	b.key(box, "Enter")
	b.until("the place of the error is marked", "document.querySelector('.query mark')")
	b.screenshot("explorer-error")
}
