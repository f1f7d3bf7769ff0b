//go:build figures

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// The size of the dashboard that is measured.
const (
	figureGraphs = 20
	figureHosts  = 50 // series of each graph
	figureSpan   = 6 * time.Hour
	figureStep   = 10 * time.Second
)

// TestFiguresOfTheUI prints what the UI costs, as a table ("make bench-ui"). It
// asserts nothing: the machine is not ours to judge by.
func TestFiguresOfTheUI(t *testing.T) {
	s := startServer(t)
	row := func(what, value string) { fmt.Printf("| %s | %s |\n", what, value) }
	row("measure", "value")
	row("---", "---")

	// The first page.
	html, total := s.fetched("/")
	for _, path := range regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).FindAllStringSubmatch(html, -1) {
		_, n := s.fetched(path[1])
		total += n
	}
	row("first page, compressed", fmt.Sprintf("%.1f KB", float64(total)/1000))

	b := openBrowser(t, s.url)
	ready := `new MutationObserver((_, o) => { if (document.querySelector('main .panel')) { window.ready = performance.now(); o.disconnect() } }).observe(document, { childList: true, subtree: true })`
	if _, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: ready}); err != nil {
		b.do(chromedp.Evaluate[chromedp.Void]("0")) // starts the browser
		if _, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: ready}); err != nil {
			t.Fatal(err)
		}
	}
	var times []float64
	for range 5 {
		b.open("/")
		b.until("the page is there", "window.ready")
		ms, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64]("window.ready"))
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, ms)
	}
	row("first page, until it can be used: first visit", fmt.Sprintf("%.0f ms", times[0]))
	row("first page, until it can be used: later, median", fmt.Sprintf("%.0f ms", median(times[1:])))

	// A large dashboard.
	now := time.Now().Truncate(figureStep)
	var widgets []any
	var queries []string
	for g := range figureGraphs {
		name := fmt.Sprintf("load.metric%d", g)
		var series []any
		for h := range figureHosts {
			points := make([][2]float64, int(figureSpan/figureStep))
			for i := range points {
				points[i] = [2]float64{float64(now.Add(-figureSpan + time.Duration(i)*figureStep).Unix()), float64(h*10+(i*(h+1))%37) + float64(i%7)/8}
			}
			series = append(series, map[string]any{"metric": name, "host": fmt.Sprintf("host-%02d", h), "type": "gauge", "interval": 10, "points": points})
		}
		s.call("POST", "/api/v1/series", map[string]any{"series": series}, nil)
		q := "avg:" + name + "{*} by {host}"
		queries = append(queries, q)
		widgets = append(widgets, map[string]any{"definition": map[string]any{"type": "timeseries", "title": name, "requests": []any{map[string]any{"q": q, "display_type": "line"}}}})
	}
	var board struct{ ID string }
	s.call("POST", "/api/v1/dashboard", map[string]any{"title": "Large", "layout_type": "ordered", "widgets": widgets}, &board)

	times = nil
	for k := range 6 {
		to := now.Add(time.Duration(k) * figureStep) // live: each refresh is a little later
		start := time.Now()
		for _, q := range queries {
			s.fetched(fmt.Sprintf("/api/ui/query?query=%s&from=%d&to=%d", url.QueryEscape(q), to.Add(-figureSpan).UnixMilli(), to.UnixMilli()))
		}
		times = append(times, float64(time.Since(start).Microseconds())/1000)
	}
	size := fmt.Sprintf("%d graphs, %d series, %s", figureGraphs, figureGraphs*figureHosts, figureSpan)
	row("server, first refresh of "+size, fmt.Sprintf("%.0f ms", times[0]))
	row("server, later refreshes, median", fmt.Sprintf("%.0f ms", median(times[1:])))

	b.open(fmt.Sprintf("/dashboard/%s?from_ts=%d&to_ts=%d", board.ID, now.Add(-figureSpan).UnixMilli(), now.UnixMilli()))
	b.until("all graphs are drawn", fmt.Sprintf("document.querySelectorAll('.chart canvas').length === %d && !document.querySelector('.working')", figureGraphs))
	row("browser, longest task while the crosshair moves over them", fmt.Sprintf("%.1f ms", b.longestTask(func() {
		for i := range 60 {
			b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(() => {
				const over = document.querySelector('.u-over'), box = over.getBoundingClientRect()
				if (%[1]d === 0) over.dispatchEvent(new MouseEvent('mouseenter', { clientX: box.left, clientY: box.top }))
				over.dispatchEvent(new MouseEvent('mousemove', { clientX: box.left + box.width * %[1]d / 60, clientY: box.top + box.height / 2, movementX: 5, bubbles: true, view: window }))
			})()`, i)))
		}
	})))
	row("browser, longest task while panning back in time", fmt.Sprintf("%.1f ms", b.longestTask(func() {
		for _, key := range []string{",", ".", ",", "."} { // within the data
			b.do(chromedp.KeyEvent(key))
			time.Sleep(300 * time.Millisecond)
			b.until("the graphs are drawn", "!document.querySelector('.working')")
		}
	})))
}

// fetched is a body, as text where it is not compressed, and its size on the wire.
func (s *server) fetched(path string) (string, int) {
	s.t.Helper()
	request, err := http.NewRequest("GET", s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	plain := path == "/"
	if !plain {
		request.Header.Set("Accept-Encoding", "gzip") // by hand: the body stays as it came
	}
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != 200 {
		s.t.Fatalf("%s: %s %v", path, response.Status, err)
	}
	return string(body), len(body)
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// longestTask is the longest that the page's main thread worked at once while act
// went on, in ms, by Chromium's trace.
func (b *browser) longestTask(act func()) float64 {
	b.t.Helper()
	type event struct {
		Name string  `json:"name"`
		Tid  int     `json:"tid"`
		Pid  int     `json:"pid"`
		Dur  float64 `json:"tdur"` // µs of the thread itself: others have this machine, too
		Args struct {
			Name string `json:"name"`
		} `json:"args"`
	}
	var mu sync.Mutex
	var events []event
	done := make(chan struct{})
	err := chromedp.Listen(b.ctx, func(e any) {
		switch e := e.(type) {
		case *tracing.EventDataCollected:
			mu.Lock()
			defer mu.Unlock()
			for _, raw := range e.Value {
				var one event
				if json.Unmarshal(raw, &one) == nil {
					events = append(events, one)
				}
			}
		case *tracing.EventTracingComplete:
			select {
			case <-done:
			default:
				close(done)
			}
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := chromedp.Call(b.ctx, tracing.Start, tracing.StartParams{TraceConfig: &tracing.TraceConfig{IncludedCategories: []string{"toplevel", "disabled-by-default-devtools.timeline", "__metadata"}}}); err != nil {
		b.t.Fatal(err)
	}
	act()
	if _, err := chromedp.Call(b.ctx, tracing.End, struct{}{}); err != nil {
		b.t.Fatal(err)
	}
	<-done
	mu.Lock()
	defer mu.Unlock()
	main := map[[2]int]bool{}
	for _, e := range events {
		if e.Name == "thread_name" && e.Args.Name == "CrRendererMain" {
			main[[2]int{e.Pid, e.Tid}] = true
		}
	}
	longest := 0.0
	for _, e := range events {
		if main[[2]int{e.Pid, e.Tid}] && (e.Name == "RunTask" || e.Name == "ThreadControllerImpl::RunTask") {
			longest = max(longest, e.Dur/1000)
		}
	}
	return longest
}
