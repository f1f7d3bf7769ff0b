package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// timeseries is a widget of one query.
func timeseries(title, query string) map[string]any {
	return map[string]any{"definition": map[string]any{"type": "timeseries", "title": title, "requests": []any{map[string]any{"q": query}}}}
}

func TestDashboardsAreKeptInListsAndBroughtBack(t *testing.T) {
	s := startServer(t, "--statsd", "", "--traces", "")
	for _, title := range []string{"Shop", "Database", "Training run"} {
		s.call("POST", "/api/v1/dashboard", map[string]any{"title": title, "description": "all about the " + strings.ToLower(title), "layout_type": "ordered", "widgets": []any{timeseries("Load", "avg:load{*}")}}, nil)
	}
	b := openBrowser(t, s.url)
	b.open("/dashboards")
	b.see("All dashboards", "Shop", "Database", "Training run")
	b.click("New list")
	b.fill("dialog input", "Team web")
	b.click("Save")
	b.see("This list is empty")
	b.open("/dashboards")
	b.see("Training run")
	b.tick("Pick Shop")
	b.tick("Pick Database")
	b.see("2 dashboards")
	b.until("the two are added to the list", `(() => {
		const select = document.querySelector('select[aria-label="Add to a list"]')
		if (!select) return false
		select.value = [...select.options].find((o) => o.text === 'Team web').value
		return select.dispatchEvent(new Event('change', { bubbles: true }))
	})()`)
	b.until("the list has two", `[...document.querySelectorAll('.board-list')].some((e) => e.innerText.replace(/\s+/g, ' ') === 'Team web 2')`)
	b.press("Favourite: Training run")
	b.until("it is a favourite", `[...document.querySelectorAll('.board-list')].some((e) => e.innerText.replace(/\s+/g, ' ') === 'Favourites 1')`)
	b.screenshot("dashboards")
	b.until("the list is opened", `(() => { const a = [...document.querySelectorAll('a.board-list')].find((e) => e.innerText.startsWith('Team web')); a?.click(); return a })()`)
	b.see("Shop")
	b.until("it holds two", "document.querySelectorAll('.board-table tbody tr').length === 2")
	b.tick("Pick Shop")
	b.click("Delete")
	b.see("For 30 days you can bring them back")
	b.until("the deletion is confirmed", `(() => { const all = [...document.querySelectorAll('dialog button')].filter((e) => e.innerText.trim() === 'Delete'); all[0]?.click(); return all[0] })()`)
	b.until("it is deleted", `[...document.querySelectorAll('.board-list')].some((e) => e.innerText.replace(/\s+/g, ' ') === 'Recently deleted 1')`)
	b.until("the deleted are opened", `(() => { const a = [...document.querySelectorAll('a.board-list')].find((e) => e.innerText.startsWith('Recently')); a?.click(); return a })()`)
	b.see("Gone for good")
	b.screenshot("dashboards-deleted")
	b.click("Bring back")
	b.see("Nothing was deleted within the last 30 days")
	b.open("/dashboards")
	b.until("all three are there", "document.querySelectorAll('.board-table tbody tr').length === 3")
}

func TestSharedDashboardIsSeenWithoutALogin(t *testing.T) {
	s := startServer(t, "--statsd", "", "--traces", "")
	s.feedHistory(s.now())
	var board struct{ ID, URL string }
	s.call("POST", "/api/v1/dashboard", map[string]any{
		"title": "Shop", "layout_type": "ordered", "template_variables": []any{map[string]any{"name": "env", "prefix": "env", "defaults": []string{"test"}}},
		"widgets": []any{timeseries("Mine", "avg:my_metric{$env}"), timeseries("Rows", "anomalies(avg:postgresql.rows_fetched{*}, 'basic', 2)"),
			map[string]any{"definition": map[string]any{"type": "timeseries", "title": "Formula", "requests": []any{map[string]any{
				"queries": []any{map[string]any{"name": "a", "data_source": "metrics", "query": "sum:my_metric{$env} by {host}"}}, "formulas": []any{map[string]any{"formula": "a * 2"}}, "response_format": "timeseries",
			}}}}},
	}, &board)
	b := openBrowser(t, s.url)
	b.open(board.URL)
	b.click("Share")
	b.see("A link shows this dashboard to whoever has it")
	b.screenshot("share-new")
	b.click("Make link")
	b.see("Anybody with this link sees the dashboard")
	b.screenshot("share-link")
	var shares struct{ Shares []struct{ Token string } }
	s.call("GET", "/api/ui/shares/"+board.ID, nil, &shares)
	if len(shares.Shares) != 1 {
		t.Fatalf("shares: %+v", shares)
	}

	b.do(chromedp.Navigate("about:blank"))

	// Nobody: people must log in now.
	s.stop()
	s.args = append(s.args, "--login")
	s.start()
	if _, err := s.try("GET", "/api/v1/dashboard/"+board.ID, nil, nil); err == nil || !strings.Contains(err.Error(), "401") {
		t.Fatalf("a login is not needed: %v", err)
	}
	anybody := openBrowser(t, s.url)
	anybody.open("/p/" + shares.Shares[0].Token)
	anybody.see("Shop", "Mine", "Rows", "Formula", "Past 1h")
	anybody.until("three graphs are drawn", "document.querySelectorAll('canvas').length >= 3")
	anybody.inked("the points outside the band are red", 0xd9, 0x2d, 0x20, 5)
	anybody.until("nothing failed", "document.querySelectorAll('.failure').length === 0")
	anybody.until("there is no way into the rest", "!document.querySelector('nav, a[href]')")
	anybody.screenshot("shared-dashboard")
	anybody.expect("404")
	anybody.open("/p/" + strings.Repeat("0", 32))
	anybody.see("This link shows nothing")
}
