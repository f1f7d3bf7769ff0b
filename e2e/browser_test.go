package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a headless Chromium with one page.
type browser struct {
	t   *testing.T
	ctx context.Context
	url string

	expected string // a console error with this in it is no problem; "": none is
	mu       sync.Mutex
	problems []string // console errors, exceptions, failed loads
}

func openBrowser(t *testing.T, url string) *browser {
	t.Helper()
	ctx, stop := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1440, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	))
	b := &browser{t: t, ctx: ctx, url: url}
	t.Cleanup(func() {
		stop()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.problems {
			if b.expected != "" && strings.Contains(p, b.expected) {
				continue
			}
			t.Errorf("the browser's console: %s", p)
		}
	})
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
				var words []string
				for _, a := range e.Args {
					words = append(words, string(a.Value)+a.Description)
				}
				b.problem(strings.Join(words, " "))
			}
		case *runtime.EventExceptionThrown:
			b.problem(exception(e.ExceptionDetails))
		case *cdplog.EventEntryAdded:
			if e.Entry.Level == cdplog.EntryLevelError {
				b.problem(e.Entry.Text + " " + e.Entry.URL)
			}
		}
	})
	if err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return b
}

func (b *browser) problem(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, text)
}

// do performs steps in the page, within a bound on their time.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.screenshot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
		b.t.Fatal(err)
	}
}

// open loads a page.
func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
}

// expect lets console errors pass that the test itself causes.
func (b *browser) expect(text string) { b.expected = text }

// fill types into the first field that a selector finds.
func (b *browser) fill(selector, text string) {
	b.t.Helper()
	b.until("the field "+selector+" is there", fmt.Sprintf("document.querySelector(%q)", selector))
	b.until("the field "+selector+" is filled in", fmt.Sprintf(`(() => {
		const field = document.querySelector(%q)
		Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set.call(field, %q)
		return field.dispatchEvent(new Event('input', { bubbles: true }))
	})()`, selector, text))
}

// click presses the button or follows the link with a text.
func (b *browser) click(text string) {
	b.t.Helper()
	b.until("there is a button "+text, fmt.Sprintf(`(() => {
		const button = [...document.querySelectorAll('button, a')].find((e) => e.innerText.trim() === %q)
		button?.click()
		return button
	})()`, text))
}

// see waits until the page shows the text somewhere.
func (b *browser) see(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("the page shows %q", text), fmt.Sprintf("document.body.innerText.includes(%q)", text))
	}
}

// until waits until a JavaScript expression is true in the page.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText.slice(0, 2000)"))
			b.screenshot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
			b.t.Fatalf("after 20 s still not true that %s (error %v); the page:\n%s", what, err, text)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// inked counts the pixels of the page's canvases within 48 of the colour, per
// channel, and waits until at least n are there.
func (b *browser) inked(what string, red, green, blue, n int) {
	b.t.Helper()
	b.until(what, fmt.Sprintf(`[...document.querySelectorAll('canvas')].reduce((sum, canvas) => {
		if (!canvas.width || !canvas.height) return sum
		const d = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
		for (let i = 0; i < d.length; i += 4) {
			if (d[i+3] > 128 && Math.abs(d[i]-%d) < 48 && Math.abs(d[i+1]-%d) < 48 && Math.abs(d[i+2]-%d) < 48) sum++
		}
		return sum
	}, 0) >= %d`, red, green, blue, n))
}

// screenshot keeps a picture of the page as an artefact.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll("artefacts", 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("artefacts", name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func exception(d *runtime.ExceptionDetails) string {
	if d.Exception != nil && d.Exception.Description != "" {
		return d.Exception.Description
	}
	return d.Text
}

// press presses the button of an icon, by its name.
func (b *browser) press(label string) {
	b.t.Helper()
	b.until("there is a button "+label, fmt.Sprintf(`(() => {
		const button = [...document.querySelectorAll('button')].find((e) => e.ariaLabel === %q)
		button?.click()
		return button
	})()`, label))
}

// drag moves the mouse over an element with its button held, between points
// given as parts of the element's width and height.
func (b *browser) drag(selector string, x0, y0, x1, y1 float64) {
	b.t.Helper()
	b.until("dragged over "+selector, fmt.Sprintf(`(() => {
		const element = document.querySelector(%q)
		const box = element?.getBoundingClientRect()
		if (!box?.width) return false
		element.setPointerCapture = () => {}
		const fire = (type, x, y) => element.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 1, button: 0, clientX: box.left + x * box.width, clientY: box.top + y * box.height }))
		fire('pointerdown', %g, %g)
		setTimeout(() => fire('pointermove', %g, %g), 50)
		setTimeout(() => fire('pointerup', %g, %g), 100)
		return true
	})()`, selector, x0, y0, x1, y1, x1, y1))
}

// tick changes a checkbox, by its name.
func (b *browser) tick(label string) {
	b.t.Helper()
	b.until("there is a checkbox "+label, fmt.Sprintf(`(() => {
		const box = [...document.querySelectorAll('input[type=checkbox]')].find((e) => e.ariaLabel === %q)
		box?.click()
		return box
	})()`, label))
}
