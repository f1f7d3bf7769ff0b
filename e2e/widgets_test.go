package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"
	"github.com/chromedp/chromedp"
)

// widgetDefinitions are one or more of every type that is drawn, with a
// monitor's number and this server's address filled in.
func widgetDefinitions(t *testing.T, monitor, page string) []json.RawMessage {
	t.Helper()
	raw, err := os.ReadFile("testdata/widgets.json")
	if err != nil {
		t.Fatal(err)
	}
	var definitions []json.RawMessage
	if err := json.Unmarshal([]byte(strings.NewReplacer("MONITOR", monitor, "PAGE", page).Replace(string(raw))), &definitions); err != nil {
		t.Fatal(err)
	}
	return definitions
}

// TestOfficialClientGetsEveryWidgetBackAsSent creates, reads, changes and deletes
// a dashboard of each widget.
func TestOfficialClientGetsEveryWidgetBackAsSent(t *testing.T) {
	s := startServer(t)
	ctx, client := s.api()
	api := datadogV1.NewDashboardsApi(client)
	same := func(what string, sent datadogV1.Widget, got []datadogV1.Widget) {
		t.Helper()
		if len(got) != 1 || got[0].UnparsedObject != nil || got[0].Id == nil {
			t.Fatalf("%s: got %+v", what, got)
		}
		want, have := plain(t, sent.Definition), plain(t, got[0].Definition)
		withoutIDs(have)
		if !reflect.DeepEqual(want, have) {
			t.Errorf("%s: sent %v, got back %v", what, want, have)
		}
	}
	types := map[string]bool{}
	for i, raw := range widgetDefinitions(t, "17", s.url) {
		var definition datadogV1.WidgetDefinition
		if err := json.Unmarshal(raw, &definition); err != nil || definition.UnparsedObject != nil {
			t.Fatalf("Datadog's own model does not know widget %d: %s (error %v)", i, raw, err)
		}
		kind := plain(t, definition).(map[string]any)["type"].(string)
		types[kind] = true
		name := fmt.Sprintf("%s %d", kind, i)
		widget := datadogV1.Widget{Definition: definition}
		body := datadogV1.Dashboard{Title: name, LayoutType: datadogV1.DASHBOARDLAYOUTTYPE_ORDERED, Widgets: []datadogV1.Widget{widget}}
		made, _, err := api.CreateDashboard(ctx, body)
		if err != nil {
			t.Fatalf("create %s: %v: %s", name, err, bodyOf(err))
		}
		same("create "+name, widget, made.Widgets)
		read, _, err := api.GetDashboard(ctx, made.GetId())
		if err != nil {
			t.Fatalf("read %s: %v", name, err)
		}
		same("read "+name, widget, read.Widgets)
		read.Title = name + " changed"
		changed, _, err := api.UpdateDashboard(ctx, made.GetId(), read)
		if err != nil || changed.Title != read.Title || *changed.Widgets[0].Id != *made.Widgets[0].Id {
			t.Errorf("update %s: %v: got %q with widget %v, want %q with %v", name, err, changed.Title, changed.Widgets[0].Id, read.Title, made.Widgets[0].Id)
		}
		same("update "+name, widget, changed.Widgets)
		if gone, _, err := api.DeleteDashboard(ctx, made.GetId()); err != nil || gone.GetDeletedDashboardId() != made.GetId() {
			t.Errorf("delete %s: %v", name, err)
		}
		if _, response, err := api.GetDashboard(ctx, made.GetId()); err == nil || response.StatusCode != 404 {
			t.Errorf("%s is there after it was deleted", name)
		}
	}
	for _, kind := range []string{
		"timeseries", "query_value", "toplist", "query_table", "change", "heatmap", "distribution", "hostmap", "check_status", "manage_status", "alert_graph", "alert_value",
		"event_stream", "event_timeline", "note", "free_text", "image", "iframe", "group",
	} {
		if !types[kind] {
			t.Errorf("no widget of type %s was tried", kind)
		}
	}
}

// readAxe is what looks for what some people can't use.
func readAxe(t *testing.T) string {
	t.Helper()
	installNode(t)
	axe, err := os.ReadFile(filepath.Join(nodeDir, "node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(axe)
}

func bodyOf(err error) []byte {
	if e, ok := err.(datadog.GenericOpenAPIError); ok {
		return e.Body()
	}
	return nil
}

// plain is what a value is in JSON.
func plain(t *testing.T, v any) (out any) {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// withoutIDs takes out the numbers that the server gave to a group's widgets.
func withoutIDs(definition any) {
	widgets, _ := definition.(map[string]any)["widgets"].([]any)
	for _, w := range widgets {
		delete(w.(map[string]any), "id")
	}
}

// feedShop submits two hours of three hosts' load, of hits and of latencies, and
// checks and events.
func (s *server) feedShop(now time.Time) {
	s.t.Helper()
	random := rand.New(rand.NewPCG(7, 8))
	for i, host := range []string{"web-1", "web-2", "db-1"} {
		s.announce(host, []string{"env:prod", "env:prod", "env:test"}[i])
		var load []point
		for at := now.Add(-2 * time.Hour); at.Before(now); at = at.Add(20 * time.Second) {
			v := 0.4 + float64(i) + 0.3*random.Float64()
			if ago := now.Sub(at); i == 1 && ago > 20*time.Minute && ago < 30*time.Minute {
				v += 2.5
			}
			load = append(load, point{at, v})
		}
		s.submit("shop.load", host, nil, load...)
		s.call("POST", "/api/v1/check_run", []any{map[string]any{
			"check": "postgres.can_connect", "host_name": host, "status": []int{0, 2, 0}[i], "message": []string{"", "connection refused", ""}[i], "timestamp": now.Unix(),
		}}, nil)
	}
	for i, route := range []string{"/", "/cart", "/item", "/search", "/login"} {
		var hits []any
		var latency []any
		for at := now.Add(-time.Hour); at.Before(now); at = at.Add(20 * time.Second) {
			hits = append(hits, []float64{float64(at.Unix()), float64(random.IntN(40 * (6 - i)))})
			values := []float64{}
			for range 4 {
				values = append(values, float64(5+i*4)*(0.6+random.ExpFloat64()))
			}
			latency = append(latency, []any{float64(at.Unix()), values})
		}
		s.call("POST", "/api/v1/series", map[string]any{"series": []any{map[string]any{"metric": "shop.hits", "type": "count", "interval": 20, "points": hits, "tags": []string{"route:" + route}}}}, nil)
		s.call("POST", "/api/v1/distribution_points", map[string]any{"series": []any{map[string]any{"metric": "shop.latency", "points": latency, "tags": []string{"route:" + route}}}}, nil)
	}
	for i, kind := range []string{"info", "success", "error", "warning", "success"} {
		s.call("POST", "/api/v1/events", map[string]any{
			"title": fmt.Sprintf("deploy %d of the shop", i+1), "text": "by the pipeline", "alert_type": kind, "source_type_name": "deployer", "date_happened": now.Add(-time.Duration(50-11*i) * time.Minute).Unix(), "tags": []string{"service:shop"},
		}, nil)
	}
}

// TestEveryWidgetIsDrawnInTheBrowser opens a dashboard of all widgets on data and
// looks at what each drew.
func TestEveryWidgetIsDrawnInTheBrowser(t *testing.T) {
	s := startServer(t, "--embed", "https://pictures.example")
	now := s.now().Truncate(20 * time.Second)
	s.feedShop(now)
	var monitor struct{ ID int64 }
	s.call("POST", "/api/v1/monitor", map[string]any{
		"name": "Load is high", "type": "metric alert", "query": "avg(last_5m):avg:shop.load{*} by {host} > 2.5", "message": "", "priority": 2, "options": map[string]any{"thresholds": map[string]any{"critical": 2.5, "warning": 2}},
	}, &monitor)
	s.advance(3 * time.Minute)

	var widgets []any
	x, y := 0, 0
	for _, raw := range widgetDefinitions(t, fmt.Sprint(monitor.ID), s.url) {
		var kind struct{ Type string }
		if err := json.Unmarshal(raw, &kind); err != nil {
			t.Fatal(err)
		}
		width, height := 4, 3
		if kind.Type == "group" {
			width, x, y = 12, 0, y+3
		}
		widgets = append(widgets, map[string]any{"definition": raw, "layout": map[string]int{"x": x, "y": y, "width": width, "height": height}})
		if x += width; x >= 12 {
			x, y = 0, y+height
		}
	}
	var board struct{ ID string }
	s.call("POST", "/api/v1/dashboard", map[string]any{"title": "Every widget", "layout_type": "ordered", "reflow_type": "fixed", "widgets": widgets}, &board)

	b := openBrowser(t, s.url)
	b.do(chromedp.EmulateViewport(1440, 3400))
	b.open("/dashboard/" + board.ID)
	cell := func(title string) string {
		return fmt.Sprintf(`[...document.querySelectorAll('.panel')].find((p) => p.querySelector('.widget-title')?.firstChild.textContent === %q)`, title)
	}
	drawn := func(title, expression string) {
		t.Helper()
		b.until(title+" is drawn", fmt.Sprintf(`((panel) => panel && (%s))(%s)`, expression, cell(title)))
	}
	inked := `((canvas) => { const d = canvas?.width && canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; let n = 0; for (let i = 3; d && i < d.length; i += 4) if (d[i] > 128) n++; return n > 500 })(panel.querySelector('canvas'))`
	for _, title := range []string{"Load, with a limit and deploys", "Latency, log scale", "Hits by route, stacked", "Latency", "Load over hosts", "Load, as the monitor sees it"} {
		drawn(title, inked)
	}
	drawn("Load, with a limit and deploys", "panel.querySelectorAll('.legend tbody tr').length === 4 && panel.innerText.includes('past 1h')")
	drawn("Hits", `/^\d+\.\d k\s*hits$/.test(panel.querySelector('.big-number')?.innerText.trim()) && panel.querySelector('.sparkline path')`)
	drawn("Load now", `/\d\.\d\d$/.test(panel.querySelector('.big-number')?.innerText.trim()) && getComputedStyle(panel.querySelector('.big-value')).backgroundColor !== 'rgba(0, 0, 0, 0)'`)
	drawn("Busiest routes", `panel.querySelectorAll('.toplist li').length === 5 && panel.querySelector('.toplist li').innerText.includes('route:/') && panel.querySelector('a[href^="https://example.com/runbook?from=1"]')`)
	drawn("Load by host, older form", `panel.querySelector('.toplist li').innerText.includes('web-2')`)
	drawn("Routes", `panel.querySelectorAll('tbody tr').length === 5 && panel.querySelector('.cell-bar') && panel.innerText.includes(' ms')`)
	drawn("Hosts, older form", `panel.querySelectorAll('tbody tr').length === 3 && panel.querySelector('tbody tr').innerText.includes('db-1')`)
	drawn("Load against an hour before", `panel.querySelector('tbody tr').innerText.includes('web-2') && panel.innerText.includes('↑')`)
	drawn("Latency spread", `panel.querySelectorAll('.histogram-slot > span').length > 20 && panel.innerText.includes('p99')`)
	drawn("Load of hosts", `panel.querySelectorAll('.hex').length >= 3 && panel.innerText.includes('env:prod')`)
	drawn("Database", `panel.innerText.includes('Critical') && panel.innerText.includes('3 groups by host')`)
	drawn("Database of web-2", `panel.innerText.includes('connection refused')`)
	drawn("Monitors", `panel.querySelector('.rows')?.innerText.includes('Load is high')`)
	drawn("Load by the monitor", `/\d/.test(panel.querySelector('.big-number')?.innerText)`)
	drawn("What happened", `panel.querySelectorAll('.rows > li').length === 5`)
	drawn("Events over time", `panel.querySelectorAll('.timeline-part').length === 5 && panel.innerText.includes('1 errors')`)
	b.until("the note is formatted, its foreign picture a link", `document.querySelector('.note h1')?.innerText === 'The shop' && document.querySelector('.note a[href="https://tracker.example/p.png"]')`)
	b.until("the text is there", `document.querySelector('.free-text')?.innerText.trim() === 'Backend'`)
	b.until("the picture is loaded", `document.querySelector('img.picture')?.naturalWidth > 0`)
	b.see("Pages of https://status.example.com are not shown here", "--embed https://status.example.com", "A note in a group")
	drawn("In a group", `panel.querySelector('.big-number')`)
	b.until("nothing failed", `document.querySelectorAll('.failure').length === 0`)

	axe := readAxe(t)
	for _, theme := range []string{"light", "dark"} {
		for _, size := range [][2]int64{{1440, 900}, {390, 844}} {
			b.do(chromedp.EmulateViewport(size[0], 3400))
			b.until("the theme is "+theme, fmt.Sprintf(`(localStorage.setItem('whippet-theme', %q), true)`, theme))
			b.open("/dashboard/" + board.ID)
			b.until("it is drawn again", `document.documentElement.dataset.theme === `+fmt.Sprintf("%q", theme)+` && document.querySelectorAll('canvas').length >= 6 && document.querySelector('.note h1') && document.querySelectorAll('.hex').length >= 3`)
			if size[0] < 400 {
				b.until("it is no wider than the window", `document.documentElement.scrollWidth <= 390`)
			}
			b.until("nothing loads or moves", `!document.querySelector('.working') && document.getAnimations().length === 0`)
			b.screenshot(fmt.Sprintf("widgets-%s-%d", theme, size[0]))
			for _, v := range b.violations(axe) {
				t.Errorf("all widgets, %s: %s", theme, v)
			}
			if size[0] < 400 {
				b.until("the rest is in sight", `(scrollTo(0, 3300), true)`)
				b.screenshot(fmt.Sprintf("widgets-%s-%d-rest", theme, size[0]))
			}
		}
	}
}

// TestWidgetsAreWrittenInTheBrowser adds widgets by the editor and changes one,
// and looks at what was kept.
func TestWidgetsAreWrittenInTheBrowser(t *testing.T) {
	s := startServer(t)
	s.feedShop(s.now().Truncate(20 * time.Second))
	var board struct{ ID string }
	// MetricsQL is an addition to Datadog's form, which its own model does not know.
	inMetricsQL := func(kind, title, query string) map[string]any {
		return map[string]any{"definition": map[string]any{"type": kind, "title": title, "requests": []any{map[string]any{"queries": []any{map[string]any{"data_source": "prometheus", "name": "a", "query": query}}}}}}
	}
	s.call("POST", "/api/v1/dashboard", map[string]any{
		"title": "Written", "layout_type": "ordered", "template_variables": []any{map[string]any{"name": "host", "prefix": "host", "defaults": []any{"web-1", "web-2"}}},
		"widgets": []any{
			map[string]any{"definition": map[string]any{
				"type": "timeseries", "title": "Load", "news": "kept", "requests": []any{map[string]any{"q": "avg:shop.load{*}", "display_type": "line", "news": "kept too"}},
			}},
			inMetricsQL("timeseries", "In MetricsQL", `avg({__name__="shop.load", host=~"$host.value"}) by (host)`),
			inMetricsQL("query_value", "Hosts", `count({__name__="shop.load", host=~"$host.value"})`),
		},
	}, &board)
	b := openBrowser(t, s.url)
	b.do(chromedp.EmulateViewport(1440, 1100))
	b.open("/dashboard/" + board.ID + "?edit=1")
	panel := `[...document.querySelectorAll('.panel')].find((p) => p.querySelector('.widget-title')?.firstChild.textContent === %q)`
	b.until("the graph in MetricsQL has two lines", fmt.Sprintf(panel, "In MetricsQL")+`?.querySelector('[aria-label*="2 lines"]')`)
	b.until("the figure in MetricsQL counts them", fmt.Sprintf(panel, "Hosts")+`?.querySelector('.big-number')?.innerText.trim() === '2'`)
	choose := func(kind string) {
		b.click("Add widget")
		b.until("the type "+kind+" is there", fmt.Sprintf(`(() => { const button = [...document.querySelectorAll('.kinds button')].find((e) => e.querySelector('b').innerText === %q); button?.click(); return button })()`, kind))
	}
	ask := func(label, query string) {
		box := fmt.Sprintf("dialog textarea[aria-label=%q]", label)
		b.fill(box, query)
		b.until("the query is taken", fmt.Sprintf(`document.querySelector(%q).dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true })) === false`, box))
	}
	choose("Top list")
	ask("Query a", "sum:shop.hits{*} by {route}.as_count()")
	b.fill("dialog .editor-title input", "Busiest")
	b.until("the preview shows the routes", `document.querySelectorAll('.editor-preview .toplist li').length === 5`)
	b.screenshot("widget-editor-toplist")
	b.click("Add")
	choose("Top list")
	b.click("MetricsQL")
	ask("Query a", `max({__name__="shop.load"}) by (host)`)
	b.fill("dialog .editor-title input", "Busiest hosts")
	b.until("the preview shows the hosts, the busiest first", `document.querySelectorAll('.editor-preview .toplist li').length === 3 && document.querySelector('.editor-preview .toplist li').innerText.includes('db-1')`)
	b.screenshot("widget-editor-metricsql")
	b.click("Add")
	choose("Note")
	b.fill("dialog textarea", "# Read me")
	b.until("the preview shows the heading", `document.querySelector('.editor-preview .note h1')?.innerText === 'Read me'`)
	b.click("Add")
	choose("Heat map")
	ask("Query", "avg:shop.latency{*}")
	b.until("the preview is drawn", `document.querySelector('.editor-preview canvas')`)
	b.click("Add")
	choose("Timeseries")
	ask("Query a", "sum:shop.hits{*}.as_count()")
	b.until("a second query", `(() => { const button = [...document.querySelectorAll('dialog .request-form button')].find((e) => e.innerText.trim() === 'Query'); button.click(); return true })()`)
	ask("Query b", "avg:shop.load{*}")
	b.fill("dialog input.formula.mono", "a / b")
	b.until("the preview is drawn", `document.querySelector('.editor-preview canvas')`)
	b.screenshot("widget-editor-timeseries")
	b.do(chromedp.EmulateViewport(390, 1400))
	b.until("the form is no wider than the window", `document.querySelector('.dialog').scrollWidth <= 390 && document.documentElement.scrollWidth <= 390`)
	b.screenshot("widget-editor-390")
	b.do(chromedp.EmulateViewport(1440, 1100))
	b.click("Add")

	b.until("the first graph is opened", `(() => { const button = document.querySelector('[aria-label="Edit widget"]'); button?.click(); return button })()`)
	b.fill("dialog .editor-title input", "Load of all")
	b.click("Done")
	b.click("Save")
	b.until("it is saved", `!location.search.includes('edit')`)

	var kept struct {
		Widgets []struct{ Definition map[string]any }
	}
	s.call("GET", "/api/v1/dashboard/"+board.ID, nil, &kept)
	got := map[string]map[string]any{}
	for _, w := range kept.Widgets {
		title, _ := w.Definition["title"].(string)
		got[w.Definition["type"].(string)+" "+title] = w.Definition
	}
	request := func(name string) map[string]any {
		t.Helper()
		requests, _ := got[name]["requests"].([]any)
		if len(requests) != 1 {
			t.Fatalf("no %s of one request in %v", name, got)
		}
		return requests[0].(map[string]any)
	}
	if r := request("timeseries Load of all"); got["timeseries Load of all"]["news"] != "kept" || r["news"] != "kept too" || r["q"] != "avg:shop.load{*}" {
		t.Errorf("the changed graph is %v", got["timeseries Load of all"])
	}
	if r := request("toplist Busiest"); !strings.Contains(fmt.Sprint(r["queries"]), "sum:shop.hits{*} by {route}.as_count()") || r["response_format"] != "scalar" {
		t.Errorf("the top list asks %v", r)
	}
	if r := request("timeseries "); !strings.Contains(fmt.Sprint(r["formulas"]), "a / b") {
		t.Errorf("the ratio asks %v", r)
	}
	if r := request("toplist Busiest hosts"); !reflect.DeepEqual(r["queries"], []any{map[string]any{"data_source": "prometheus", "name": "a", "query": `max({__name__="shop.load"}) by (host)`, "aggregator": "last"}}) {
		t.Errorf("the top list in MetricsQL asks %v", r)
	}
	if request("heatmap ")["q"] != "avg:shop.latency{*}" || got["note "]["content"] != "# Read me" {
		t.Errorf("kept %v", got)
	}
}

// TestEveryWidgetPassesThroughTheEditor opens the form of every type, and looks
// through the editor at widgets that are there: nothing of them changes.
func TestEveryWidgetPassesThroughTheEditor(t *testing.T) {
	s := startServer(t)
	s.feedShop(s.now().Truncate(20 * time.Second))
	var monitor struct{ ID int64 }
	s.call("POST", "/api/v1/monitor", map[string]any{"name": "Load is high", "type": "metric alert", "query": "avg(last_5m):avg:shop.load{*} by {host} > 2.5", "message": ""}, &monitor)
	var widgets []any
	for _, raw := range widgetDefinitions(t, fmt.Sprint(monitor.ID), s.url) {
		widgets = append(widgets, map[string]any{"definition": raw})
	}
	var board struct {
		ID      string
		Widgets []struct{ Definition any }
	}
	s.call("POST", "/api/v1/dashboard", map[string]any{"title": "Looked through", "layout_type": "ordered", "widgets": widgets}, &board)
	b := openBrowser(t, s.url)
	b.do(chromedp.EmulateViewport(1440, 1100))
	b.open("/dashboard/" + board.ID + "?edit=1")
	press := func(selector, text string) { // click knows no links in drawings
		t.Helper()
		b.until("there is a button "+text, fmt.Sprintf(`(() => { const button = [...document.querySelectorAll(%q)].find((e) => e.innerText.trim() === %q); button?.click(); return button })()`, selector, text))
	}
	press("button", "Add widget")
	b.until("the types are there", `document.querySelectorAll('.kinds button').length >= 20`)
	b.screenshot("widget-editor-types")
	axe := readAxe(t)
	for i := range 20 {
		b.until("a form opens", fmt.Sprintf(`(() => { const button = document.querySelectorAll('.kinds button')[%d]; button?.click(); return button })()`, i))
		b.until("it has fields and a preview", `document.querySelector('dialog .editor-form .field') && document.querySelector('.editor-preview .panel, .editor-preview .free-text, .editor-preview .widget-group')`)
		b.until("nothing loads", `!document.querySelector('dialog .working')`)
		for _, v := range b.violations(axe) {
			t.Errorf("form %d: %s", i, v)
		}
		press("dialog button", "Another type")
		b.until("the types are back", `document.querySelector('.kinds')`)
	}
	b.until("the dialog is closed", `(document.querySelector('dialog [aria-label="Close"]')?.click(), !document.querySelector('dialog'))`)

	edits := 27 // of the widgets, two of which are in the group
	b.until("the widgets are there", fmt.Sprintf(`document.querySelectorAll('[aria-label="Edit widget"]').length === %d`, edits))
	for i := range edits {
		b.until("an editor opens", fmt.Sprintf(`(document.querySelectorAll('[aria-label="Edit widget"]')[%d]?.click(), document.querySelector('dialog .editor-preview'))`, i))
		b.until("its form is closed", `(() => { const done = [...document.querySelectorAll('dialog button')].find((e) => e.innerText.trim() === 'Done'); done?.click(); return !document.querySelector('dialog') })()`)
	}
	b.fill("input", "Looked through twice")
	press("button", "Save")
	b.until("it is saved", `!location.search.includes('edit')`)
	var kept struct {
		Title   string
		Widgets []struct{ Definition any }
	}
	s.call("GET", "/api/v1/dashboard/"+board.ID, nil, &kept)
	if kept.Title != "Looked through twice" || len(kept.Widgets) != len(board.Widgets) {
		t.Fatalf("kept %q with %d widgets, want %d", kept.Title, len(kept.Widgets), len(board.Widgets))
	}
	byType := func(widgets []struct{ Definition any }) map[string]any {
		out := map[string]any{}
		for _, w := range widgets {
			d := w.Definition.(map[string]any)
			withoutLayouts(d)
			out[fmt.Sprint(d["type"], d["title"])] = d
		}
		return out
	}
	want, got := byType(board.Widgets), byType(kept.Widgets)
	for name, definition := range want {
		if !reflect.DeepEqual(got[name], definition) {
			t.Errorf("%s was %v, is %v", name, definition, got[name])
		}
	}
}

// withoutLayouts takes out where a group's widgets stand, which saving writes down.
func withoutLayouts(definition map[string]any) {
	widgets, _ := definition["widgets"].([]any)
	for _, w := range widgets {
		delete(w.(map[string]any), "layout")
	}
}

// TestWidgetsWithoutDataSaySo opens all widgets on an empty server.
func TestWidgetsWithoutDataSaySo(t *testing.T) {
	s := startServer(t)
	var monitor struct{ ID int64 }
	s.call("POST", "/api/v1/monitor", map[string]any{"name": "Load is high", "type": "metric alert", "query": "avg(last_5m):avg:shop.load{*} by {host} > 2.5", "message": ""}, &monitor)
	var widgets []any
	for _, raw := range widgetDefinitions(t, fmt.Sprint(monitor.ID), s.url) {
		widgets = append(widgets, map[string]any{"definition": raw})
	}
	var board struct{ ID string }
	s.call("POST", "/api/v1/dashboard", map[string]any{"title": "Nothing yet", "layout_type": "ordered", "widgets": widgets}, &board)
	b := openBrowser(t, s.url)
	b.do(chromedp.EmulateViewport(1440, 3400))
	b.open("/dashboard/" + board.ID)
	b.see("No data in this time range", "Nothing to compare in this time range", "The check postgres.can_connect has not run yet", "No events in this time range", "no data")
	b.until("nothing failed or loads", `!document.querySelector('.failure, .working')`)
	b.screenshot("widgets-without-data")
}
