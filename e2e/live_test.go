package e2e

import (
	"fmt"
	"testing"
)

// What changes on the server comes to open pages without a reload, and after a
// restart they go on by themselves and say so. The pages used here ask for
// nothing by themselves in less than a minute.
func TestOpenPagesFollowLive(t *testing.T) {
	s := startServer(t)
	b := openBrowser(t, s.url)
	b.expect("ERR_") // the connection that the restart breaks
	b.open("/events")
	b.see("No events")
	b.until("the page is marked", "window.same = 1")
	event := func(title string) {
		s.call("POST", "/api/v1/events", map[string]any{"title": title, "text": "for the open page"}, nil)
	}
	event("The first deploy")
	b.see("The first deploy")

	s.stop()
	b.see("Reconnecting…")
	b.screenshot("live-reconnecting")
	s.start()
	b.see("Connected again")
	event("The second deploy")
	b.see("The second deploy")

	b.click("Dashboards")
	b.see("No dashboard")
	s.call("POST", "/api/v1/dashboard", map[string]any{"title": "Made elsewhere", "layout_type": "ordered", "widgets": []any{}}, nil)
	b.see("Made elsewhere")

	b.click("Monitors")
	b.see("Nothing is watched yet")
	var made struct{ ID int64 }
	s.call("POST", "/api/v1/monitor", monitorDocument(nil), &made)
	b.see("my_metric is high")
	s.call("DELETE", fmt.Sprintf("/api/v1/monitor/%d", made.ID), nil, nil)
	b.see("Nothing is watched yet")
	b.until("it is the same page still", "window.same === 1")
}
