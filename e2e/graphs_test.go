package e2e

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// dragOverGraph drags the mouse over the page's first graph, from and to a share
// of its width.
func (b *browser) dragOverGraph(from, to float64, shift bool) {
	b.t.Helper()
	box, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]float64](`(() => { const r = document.querySelector('.u-over').getBoundingClientRect(); return [r.left, r.top, r.width, r.height] })()`))
	if err != nil {
		b.t.Fatal(err)
	}
	var options []chromedp.MouseOption
	if shift {
		options = append(options, chromedp.ButtonModifiers(chromedp.ModifierShift))
	}
	mouse := func(kind input.DispatchMouseEventType, share float64, more ...chromedp.MouseOption) {
		b.t.Helper()
		b.do(chromedp.MouseEvent(kind, box[0]+share*box[2], box[1]+box[3]/2, append(more, options...)...))
	}
	mouse(input.DispatchMouseEventTypeMouseMoved, from)
	mouse(input.DispatchMouseEventTypeMousePressed, from, chromedp.ButtonLeft, chromedp.ClickCount(1))
	for i := range 8 {
		mouse(input.DispatchMouseEventTypeMouseMoved, from+(to-from)*float64(i+1)/8, chromedp.ButtonLeft)
	}
	mouse(input.DispatchMouseEventTypeMouseReleased, to, chromedp.ButtonLeft, chromedp.ClickCount(1))
}

// A person reads graphs: by mouse, by keyboard, with events on them, beside the
// period before; and goes from a part of one to what happened then.
func TestGraphsInTheBrowser(t *testing.T) {
	s := startServer(t)
	now := time.Now()
	for _, host := range []string{"web-1", "web-2", "web-3"} {
		var points []point
		for i := range 360 {
			if i > 180 && i < 200 && host == "web-2" {
				continue // a gap
			}
			points = append(points, point{now.Add(time.Duration(i-360) * 20 * time.Second), float64(100 + i%60 + int(host[4]-'0')*40)})
		}
		s.submit("my_metric", host, []string{"service:shop"}, points...)
	}
	s.call("POST", "/api/v1/events", map[string]any{"title": "Deployed 4.2", "text": "by hand", "alert_type": "warning", "tags": []string{"service:shop"}, "date_happened": now.Add(-30 * time.Minute).Unix()}, nil)

	b := openBrowser(t, s.url)
	b.open("/metrics/explorer?q=" + "avg:my_metric{*}%20by%20{host}&overlay=service:shop")
	b.until("the graph is drawn", `document.querySelectorAll('.legend tbody tr').length === 3`)
	b.see("events: service:shop")
	b.until("the event is told at its tick", `(() => {
		const over = document.querySelector('.u-over')
		const box = over.getBoundingClientRect()
		over.dispatchEvent(new MouseEvent('mouseenter', { clientX: box.left, clientY: box.top + 20 }))
		for (let x = 0; x < box.width; x += 3) {
			over.dispatchEvent(new MouseEvent('mousemove', { clientX: box.left + x, clientY: box.top + 20, bubbles: true, view: window }))
			if (document.querySelector('.tooltip')?.innerText.includes('Deployed 4.2')) return true
		}
		return false
	})()`)
	b.screenshot("graph-event")
	b.until("the mouse leaves", `document.querySelector('.u-over').dispatchEvent(new MouseEvent('mouseleave'))`)

	// By keyboard.
	b.do(chromedp.Focus(".chart"), chromedp.KeyEvent(kb.ArrowLeft), chromedp.KeyEvent(kb.ArrowLeft), chromedp.KeyEvent(kb.ArrowDown))
	b.until("the value is put into words", `/host:web-2: [\d.]+, line 2 of 3/.test(document.querySelector('.chart + [role=status]').textContent)`)
	b.until("the tooltip shows it", `document.querySelector('.tooltip:not([hidden]) .nearest')?.innerText.includes('web-2')`)
	b.screenshot("graph-keyboard")
	for range 20 {
		b.do(chromedp.KeyEvent(kb.ArrowLeft, chromedp.KeyModifiers(chromedp.ModifierShift)))
	}
	b.until("a time is selected", `document.querySelector('.chart + [role=status]').textContent.includes('selected')`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("the page shows that time", `new URLSearchParams(location.search).get('to_ts') - new URLSearchParams(location.search).get('from_ts') < 3000e3`)
	b.do(chromedp.Focus(".chart"), chromedp.KeyEvent(kb.Backspace))
	b.until("and the one before again", `!new URLSearchParams(location.search).get('from_ts')`)

	// By mouse.
	b.dragOverGraph(0.2, 0.5, true)
	b.see("Compare with the period before")
	b.screenshot("graph-menu")
	b.click("Send snapshot…")
	b.until("a part of the graph can be sent", `document.querySelector('dialog img')?.complete`)
	b.press("Close")
	b.dragOverGraph(0.2, 0.5, true)
	b.click("Compare with the period before")
	b.see("with the period before")
	b.until("the lines of before are there", `[...document.querySelectorAll('.legend-name')].filter((e) => e.innerText.includes('before')).length === 3`)
	b.screenshot("graph-compare")
	b.click("with the period before")
	b.until("only the lines of now", `document.querySelectorAll('.legend tbody tr').length === 3`)
	b.dragOverGraph(0.1, 0.9, true)
	b.click("Events of this time")
	b.until("the events page shows that time", `location.pathname === '/events' && new URLSearchParams(location.search).get('from_ts')`)
}
