package e2e

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// spot is a point of the page.
type spot struct{ X, Y float64 }

// centre is the middle of the first element that a selector finds.
func (b *browser) centre(selector string) spot {
	b.t.Helper()
	b.until(selector+" is there", fmt.Sprintf("document.querySelector(%q)", selector))
	at, err := chromedp.Run(b.ctx, chromedp.Evaluate[spot](fmt.Sprintf(`(() => {
		const element = document.querySelector(%q)
		element.scrollIntoView({ block: 'center' })
		const box = element.getBoundingClientRect()
		return { X: box.left + box.width / 2, Y: box.top + box.height / 2 }
	})()`, selector)))
	if err != nil {
		b.t.Fatal(err)
	}
	return at
}

// pull takes hold of an element and lets go elsewhere.
func (b *browser) pull(selector string, by spot) {
	b.t.Helper()
	from := b.centre(selector)
	b.do(chromedp.DragAndDropXY(from.X, from.Y, from.X+by.X, from.Y+by.Y, 12))
}

// keys presses keys in the element that a selector finds.
func (b *browser) keys(selector, keys string) {
	b.t.Helper()
	b.until(selector+" has the focus", fmt.Sprintf("(document.querySelector(%q)?.focus(), document.activeElement === document.querySelector(%q))", selector, selector))
	b.do(chromedp.KeyEvent(keys))
}

// places are where the page shows widgets, by title: "left,top,width,height".
func (b *browser) places() map[string]string {
	b.t.Helper()
	at, err := chromedp.Run(b.ctx, chromedp.Evaluate[map[string]string](`Object.fromEntries([...document.querySelectorAll('.cell')].map((cell) => {
		const own = cell.getBoundingClientRect(), root = document.querySelector('.board-root').getBoundingClientRect()
		const title = cell.querySelector('h2, .group-head input')
		return [title?.value ?? title?.innerText ?? '', [own.left - root.left, own.top - root.top, own.width, own.height].map(Math.round).join()]
	}))`))
	if err != nil {
		b.t.Fatal(err)
	}
	return at
}

type layout struct{ X, Y, Width, Height int }

type board struct {
	ID, Title, URL string
	ReflowType     string `json:"reflow_type"`
	Variables      []struct {
		Name, Prefix string
		Defaults     []string
	} `json:"template_variables"`
	Views   []struct{ Name string } `json:"template_variable_presets"`
	Widgets []struct {
		Definition struct {
			Title, Type string
			Widgets     []struct {
				Definition struct{ Title string }
				Layout     layout
			}
		}
		Layout layout
	}
}

// layouts are the places of a dashboard's widgets as it is kept, by title.
func (d board) layouts() map[string]layout {
	out := map[string]layout{}
	for _, w := range d.Widgets {
		out[w.Definition.Title] = w.Layout
		for _, inner := range w.Definition.Widgets {
			out[w.Definition.Title+"/"+inner.Definition.Title] = inner.Layout
		}
	}
	return out
}

func wantLayouts(t *testing.T, got, want map[string]layout) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("layout:\n got %v\nwant %v", got, want)
	}
}

func graphWidget(title, query string) map[string]any {
	return map[string]any{"definition": map[string]any{"type": "timeseries", "title": title, "requests": []any{map[string]any{"q": query, "display_type": "line"}}}}
}

// feedBoard sends an hour of my_metric from two hosts.
func (s *server) feedBoard() {
	for i, host := range []string{"web-1", "web-2"} {
		var points []point
		for k := range 120 {
			points = append(points, point{time.Now().Add(time.Duration(k-120) * 30 * time.Second), 300 + 100*float64(i) + 80*math.Sin(float64(k)/12)})
		}
		s.submit("my_metric", host, []string{"env:" + []string{"prod", "test"}[i]}, points...)
	}
}

// A person builds a dashboard with the mouse and with the keyboard; it is kept
// as they left it.
func TestDashboardIsBuiltByDragAndDrop(t *testing.T) {
	s := startServer(t)
	s.feedBoard()
	var made board
	s.call("POST", "/api/v1/dashboard", map[string]any{"title": "Built", "layout_type": "ordered", "widgets": []any{
		graphWidget("One", "avg:my_metric{*}"), graphWidget("Two", "avg:my_metric{*} by {host}"), graphWidget("Three", "max:my_metric{*}"), graphWidget("Four", "min:my_metric{*}"),
	}}, &made)

	b := openBrowser(t, s.url)
	b.do(chromedp.EmulateViewport(1440, 1300))
	b.open(made.URL)
	b.see("One", "Four")
	b.click("Edit")
	column := 1324.0 / 12 // px, of a page 1440 wide
	grip := func(title string) string { return fmt.Sprintf("[aria-label^='Move %s:']", title) }
	corner := func(title string) string { return fmt.Sprintf("[aria-label^='Resize %s:']", title) }

	b.pull(grip("Three"), spot{-8 * column, 0})
	b.until("Three took the place of One", "document.querySelector('.announced').innerText.startsWith('Three: column 1, row 1')")
	b.pull(corner("Four"), spot{4 * column, 92})
	b.until("Four is larger", "document.querySelector('.announced').innerText.includes('Four: column 1, row 4, 8 wide, 4 high')")
	b.keys(grip("Four"), kb.ArrowRight)
	b.until("the keyboard moved it", "document.querySelector('.announced').innerText.includes('Four: column 2, row 4')")
	b.keys(corner("Two"), kb.ArrowDown)
	b.click("Add group")
	b.fill("[aria-label='Title of the group']", "Hosts")
	b.do(chromedp.Evaluate[chromedp.Void]("document.activeElement.blur()"))
	title := "document.querySelector('.group-head input').value"
	b.do(chromedp.KeyEvent("z", chromedp.KeyModifiers(kb.ModifierCtrl)))
	b.until("the title is undone", title+" === 'New group'")
	b.do(chromedp.KeyEvent("y", chromedp.KeyModifiers(kb.ModifierCtrl)))
	b.until("and done again", title+" === 'Hosts'")
	group, two := b.centre(".cell-group"), b.centre(grip("Two"))
	b.pull(grip("Two"), spot{0, group.Y - two.Y})
	b.until("Two is in the group", "document.querySelector('.announced').innerText.endsWith('in Hosts')")
	b.screenshot("dashboard-editing")
	b.click("Save")
	b.until("it was saved", "!location.search.includes('edit')")

	before := b.places()
	var kept board
	s.call("GET", "/api/v1/dashboard/"+made.ID, nil, &kept)
	if kept.ReflowType != "fixed" {
		t.Errorf("reflow_type: %q", kept.ReflowType)
	}
	wantLayouts(t, kept.layouts(), map[string]layout{
		"Three": {0, 0, 4, 3}, "One": {8, 0, 4, 3}, "Four": {1, 3, 8, 4}, "Hosts": {0, 7, 12, 5}, "Hosts/Two": {4, 0, 4, 4},
	})
	b.open(made.URL)
	b.see("Hosts")
	b.until("the graphs are drawn", "document.querySelectorAll('canvas').length === 4")
	if after := b.places(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("after loading anew:\n got %v\nwant %v", after, before)
	}
}

// choose clicks what a dropdown or a menu holds, once the button that opens it
// was pressed.
func (b *browser) choose(button, item string) {
	b.t.Helper()
	b.until("the button "+button+" is there", fmt.Sprintf("[...document.querySelectorAll('button[popovertarget]')].find((e) => e.ariaLabel.startsWith(%q))?.click() === undefined && [...document.querySelectorAll('button[popovertarget]')].some((e) => e.ariaLabel.startsWith(%q))", button, button))
	b.until("there is "+item, fmt.Sprintf(`(() => {
		const found = [...document.querySelectorAll('.dropdown:popover-open :is(button, a, label)')].find((e) => e.innerText.trim() === %q || e.ariaLabel === %q)
		found?.click()
		return found
	})()`, item, item))
}

func TestTemplateVariablesAndSavedViews(t *testing.T) {
	s := startServer(t)
	s.feedBoard()
	var made board
	s.call("POST", "/api/v1/dashboard", map[string]any{
		"title": "By stage", "layout_type": "ordered", "template_variables": []any{map[string]any{"name": "env", "prefix": "env", "defaults": []string{"prod"}}},
		"widgets": []any{graphWidget("Metric in $env.value", "avg:my_metric{$env} by {host}")},
	}, &made)
	b := openBrowser(t, s.url)
	b.open(made.URL)
	b.see("Metric in prod")
	b.choose("env: prod", "Only test")
	b.see("Metric in test")
	b.until("the URL says so", "new URLSearchParams(location.search).get('tpl_var_env') === 'test'")
	b.choose("env: test", "prod")
	b.see("Metric in test, prod")
	b.until("the URL says both", "new URLSearchParams(location.search).get('tpl_var_env[1]') === 'prod'")
	b.until("both hosts are drawn", "document.querySelector('.chart')?.ariaLabel.includes('2 lines')")
	b.screenshot("dashboard-variables")
	b.do(chromedp.KeyEvent(kb.Escape))
	b.choose("Saved views", "Save this view")
	b.fill("dialog input", "Both stages")
	b.click("Save view")
	b.see("Both stages")

	b.open(made.URL)
	b.see("Metric in prod", "Default view", "Past 1h")
	b.click("Past 1h")
	b.click("4h")
	b.see("Past 4h")
	b.do(chromedp.NavigateBack())
	b.see("Past 1h")
	b.do(chromedp.NavigateForward())
	b.see("Past 4h")
	b.choose("Saved views", "Both stages")
	b.see("Metric in test, prod")
	var kept board
	s.call("GET", "/api/v1/dashboard/"+made.ID, nil, &kept)
	if len(kept.Views) != 1 || kept.Views[0].Name != "Both stages" {
		t.Errorf("saved views: %+v", kept.Views)
	}

	b.click("Edit")
	b.click("Template variables")
	b.fill("dialog .variable-row input", "stage")
	b.screenshot("dashboard-variables-dialog")
	b.click("Done")
	b.see("$stage")
	b.click("Save")
	b.until("it was saved", "!location.search.includes('edit')")
	s.call("GET", "/api/v1/dashboard/"+made.ID, nil, &kept)
	if kept.Variables[0].Name != "stage" || kept.Widgets[0].Definition.Title != "Metric in $stage.value" {
		t.Errorf("after renaming: %+v", kept)
	}
	b.choose("Saved views", "Delete the view Both stages")
	b.until("the view is gone", "!document.body.innerText.includes('Both stages')")
}

// What Datadog exports, with a widget that is not known here.
const exportedBoard = `{"title": "Exported", "description": "[[suggested_dashboards]]", "author_handle": "someone@example.com", "id": "abc-def-ghi", "reflow_type": "fixed",
	"layout_type": "ordered", "notify_list": [], "template_variables": [{"name": "host", "prefix": "host", "available_values": [], "default": "*"}], "tags": ["team:web"],
	"widgets": [
		{"id": 4200887632, "definition": {"title": "Rate", "show_legend": true, "legend_layout": "auto", "time": {}, "type": "timeseries", "requests": [{"formulas": [{"formula": "a / 2", "alias": "half"}],
			"queries": [{"data_source": "metrics", "name": "a", "query": "avg:my_metric{$host}"}], "response_format": "timeseries", "style": {"palette": "dog_classic"}, "display_type": "line"}]}, "layout": {"x": 0, "y": 0, "width": 8, "height": 3}},
		{"id": 1, "definition": {"type": "sunburst", "title": "Shares", "requests": []}, "layout": {"x": 8, "y": 0, "width": 4, "height": 3}}]}`

func TestDashboardIsImportedAndExported(t *testing.T) {
	s := startServer(t)
	s.feedBoard()
	b := openBrowser(t, s.url)
	b.open("/dashboards")
	b.click("Import")
	b.fill("dialog textarea", `{"title": "Broken", "layout_type": "ordered", "widgets": [{"definition": {}}]}`)
	b.until("it is imported", "[...document.querySelectorAll('dialog button')].find((e) => e.innerText.trim() === 'Import')?.click() === undefined")
	b.see("widgets[0].definition.type: every widget needs one")
	b.fill("dialog textarea", exportedBoard)
	b.until("it is imported", "[...document.querySelectorAll('dialog button')].find((e) => e.innerText.trim() === 'Import')?.click() === undefined")
	b.see("Exported", "Rate", "Shares")
	b.until("its graph is drawn", "document.querySelector('.chart')?.ariaLabel.includes('half')")
	b.screenshot("dashboard-imported")

	var list struct{ Dashboards []board }
	s.call("GET", "/api/v1/dashboard", nil, &list)
	var kept map[string]any
	s.call("GET", "/api/v1/dashboard/"+list.Dashboards[0].ID, nil, &kept)
	if fmt.Sprint(kept["tags"]) != "[team:web]" || list.Dashboards[0].ID == "abc-def-ghi" {
		t.Errorf("kept: %v", kept)
	}
	b.choose("More for this dashboard", "Copy as JSON, Terraform")
	b.click("Terraform")
	b.see(`resource "datadog_dashboard_json" "exported"`, `formula = "a / 2"`)
	b.press("Close")
	b.choose("What to do with Rate", "Full screen")
	b.until("the graph fills the window", "document.querySelector('[role=dialog].full-screen .chart')?.clientHeight > 400")
}

func TestDashboardOnTVAndBuiltIns(t *testing.T) {
	s := startServer(t)
	s.feedBoard()
	deadline := time.Now().Add(30 * time.Second)
	for {
		var presets struct{ Dashboards []board }
		s.call("GET", "/api/ui/presets", nil, &presets)
		if len(presets.Dashboards) > 0 && presets.Dashboards[len(presets.Dashboards)-1].ID == "builtin-whippet" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after 30 s the built-in dashboards are %+v", presets.Dashboards)
		}
		time.Sleep(200 * time.Millisecond)
	}
	b := openBrowser(t, s.url)
	b.open("/dashboards")
	b.see("Built-in dashboards", "How Whippet itself is doing")
	b.screenshot("dashboards-builtin")
	b.open("/dashboard/builtin-whippet")
	b.see("Samples kept, per second", "What comes in", "Clone to change")
	b.choose("More for this dashboard", "TV mode")
	b.until("nothing but the dashboard is seen", "document.elementFromPoint(10, 300)?.closest('.tv') && document.documentElement.dataset.theme === 'dark'")
	b.screenshot("dashboard-tv")
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until("TV mode is over", "!document.querySelector('.tv') && !location.search.includes('tv_mode')")
	b.click("Clone to change")
	b.see("Whippet (copy)", "Edit")
	b.until("it is a dashboard of one's own", "!location.pathname.includes('builtin')")
}

func TestUnsavedChangesAreNotLost(t *testing.T) {
	s := startServer(t)
	var made board
	s.call("POST", "/api/v1/dashboard", map[string]any{"title": "Shared", "layout_type": "ordered", "widgets": []any{graphWidget("One", "avg:my_metric{*}")}}, &made)
	b := openBrowser(t, s.url)
	b.open(made.URL)
	b.see("One")
	b.click("Edit")
	b.fill("main .field input", "Mine")
	b.until("there is something to undo", "document.querySelector('button[aria-label=Undo]:not(:disabled)')")
	b.until("the way out is taken", "document.querySelector('nav.rail a[href^=\"/metrics\"]')?.click() === undefined")
	b.see("Leave without saving?")
	b.click("Stay")
	b.do(chromedp.NavigateBack())
	b.see("Mine")

	s.call("PUT", "/api/v1/dashboard/"+made.ID, map[string]any{"title": "Theirs", "layout_type": "ordered", "widgets": []any{graphWidget("Two", "avg:my_metric{*}")}}, nil)
	b.see("Somebody else saved this dashboard meanwhile")
	b.click("Save")
	b.see("Changed meanwhile")
	b.click("Save mine as a copy")
	b.see("Mine (copy)")
	var theirs board
	s.call("GET", "/api/v1/dashboard/"+made.ID, nil, &theirs)
	if theirs.Title != "Theirs" {
		t.Errorf("their dashboard is now %q", theirs.Title)
	}

	b.open("/dashboards")
	b.click("Theirs")
	b.see("Two")
	b.click("Edit")
	b.fill("main .field input", "Lost")
	b.until("there is something to undo", "document.querySelector('button[aria-label=Undo]:not(:disabled)')")
	b.do(chromedp.NavigateBack())
	b.see("Lost")
	b.until("back to the list", "(history.back(), true)")
	b.see("Leave without saving?")
	b.click("Leave")
	b.until("the list is there", "location.pathname === '/dashboards'")
}

func TestFreeDashboardIsArrangedByHand(t *testing.T) {
	s := startServer(t)
	s.feedBoard()
	free := func(title string, x, y int) map[string]any {
		w := graphWidget(title, "avg:my_metric{*}")
		w["layout"] = map[string]int{"x": x, "y": y, "width": 40, "height": 15}
		return w
	}
	var made board
	s.call("POST", "/api/v1/dashboard", map[string]any{"title": "Free", "layout_type": "free", "widgets": []any{free("One", 0, 0), free("Two", 45, 0)}}, &made)
	b := openBrowser(t, s.url)
	b.do(chromedp.EmulateViewport(1440, 1300))
	b.open(made.URL)
	b.see("One", "Two")
	b.click("Edit")
	unit := 1324.0 / 100
	b.pull("[data-grid=root] > .cell:nth-of-type(2) .panel-head h2", spot{-20 * unit, 5 * unit})
	b.until("it lies on the other", "document.querySelector('.announced').innerText.startsWith('Two: column 26, row 6')")
	b.pull("[aria-label^='Resize One:']", spot{10 * unit, 8 * unit})
	b.until("it is larger", "document.querySelector('.announced').innerText.includes('One: column 1, row 1, 50 wide, 23 high')")
	b.click("Save")
	b.until("it was saved", "!location.search.includes('edit')")
	var kept board
	s.call("GET", "/api/v1/dashboard/"+made.ID, nil, &kept)
	wantLayouts(t, kept.layouts(), map[string]layout{"One": {0, 0, 50, 23}, "Two": {25, 5, 40, 15}})
}
