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
	ID, Title, URL   string
	ReflowType       string `json:"reflow_type"`
	TemplateVariable []struct {
		Name, Prefix string
		Defaults     []string
	} `json:"template_variables"`
	Presets []struct {
		Name string
	} `json:"template_variable_presets"`
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
	b.until("Three took the place of One", "document.querySelector('[role=status]').innerText.startsWith('Three: column 1, row 1')")
	b.pull(corner("Four"), spot{4 * column, 92})
	b.until("Four is larger", "document.querySelector('[role=status]').innerText.includes('Four: column 1, row 4, 8 wide, 4 high')")
	b.keys(grip("Four"), kb.ArrowRight)
	b.until("the keyboard moved it", "document.querySelector('[role=status]').innerText.includes('Four: column 2, row 4')")
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
	b.until("Two is in the group", "document.querySelector('[role=status]').innerText.endsWith('in Hosts')")
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
