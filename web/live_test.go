package web

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/web/access"
)

// reader is an open page's end of a stream.
type reader struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Scanner
	id       string
}

// news is what a "changed" event says.
type news struct {
	Topics    []string
	Restarted bool
	Version   string
}

func listen(t *testing.T, url string, headers ...string) *reader {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", url+"/api/ui/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %s, %s", response.Status, response.Header.Get("Content-Type"))
	}
	return &reader{t: t, response: response, lines: bufio.NewScanner(response.Body)}
}

// next waits for the next "changed" event.
func (r *reader) next() news {
	r.t.Helper()
	kind, data := "", ""
	for r.lines.Scan() {
		name, value, _ := strings.Cut(r.lines.Text(), ": ")
		switch name {
		case "id":
			r.id = value
		case "event":
			kind = value
		case "data":
			data = value
		case "":
			if kind == "changed" {
				var n news
				if err := json.Unmarshal([]byte(data), &n); err != nil {
					r.t.Fatalf("%s: %v", data, err)
				}
				return n
			}
		}
	}
	r.t.Fatalf("the stream ended: %v", r.lines.Err())
	return news{}
}

func TestChangesReachOpenPages(t *testing.T) {
	var server *Server
	url := serveWith(t, nil, func(s *Server) { server = s })
	cat := server.config.DB.Catalog()
	page := listen(t, url)
	if n := page.next(); len(n.Topics) != 0 || n.Restarted || n.Version != "test" {
		t.Errorf("a new page is told %+v", n)
	}
	if err := cat.AddEvents(t.Context(), []catalog.Event{{Title: "a", Time: 1}}); err != nil {
		t.Fatal(err)
	}
	if n := page.next(); !slices.Equal(n.Topics, []string{"events"}) {
		t.Errorf("after an event: told %+v", n)
	}
	cat.Seen("a", 1)
	if n := page.next(); !slices.Equal(n.Topics, []string{"hosts"}) {
		t.Errorf("after a new host: told %+v", n)
	}

	// Away for a while, and back with the last id.
	page.response.Body.Close()
	if status, text := ask(t, "POST", url+"/api/v1/dashboard", `{"title":"a","layout_type":"ordered","widgets":[]}`, "Content-Type", "application/json"); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	if n := listen(t, url, "Last-Event-ID", page.id).next(); !slices.Equal(n.Topics, []string{"dashboards"}) || n.Restarted {
		t.Errorf("after a pause: told %+v", n)
	}
	for _, id := range []string{"0badcafe.1.1.1.1.1.1", page.id + ".1", "x", strings.Replace(page.id, ".", ".x", 1)} {
		if n := listen(t, url, "Last-Event-ID", id).next(); len(n.Topics) != len(liveTopics) || !n.Restarted {
			t.Errorf("with the id %q of another process: told %+v", id, n)
		}
	}
}

func TestOpenPagesDoNotHoldUpAShutdown(t *testing.T) {
	var server *Server
	url := serveWith(t, nil, func(s *Server) { server = s })
	page := listen(t, url)
	page.next()
	if err := server.Shutdown(10 * time.Second); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	for page.lines.Scan() {
	}
	if err := page.lines.Err(); err != nil {
		t.Errorf("the stream did not end in order: %v", err)
	}
}

func TestOpenPagesAreBounded(t *testing.T) {
	var server *Server
	url := serveWith(t, nil, func(s *Server) { server = s })
	server.live.open.Store(maxStreams)
	if status, text := ask(t, "GET", url+"/api/ui/live", ""); status != http.StatusServiceUnavailable || !strings.Contains(text, "256") {
		t.Errorf("one too many: %d %s", status, text)
	}
	if n := server.live.open.Load(); n != maxStreams {
		t.Errorf("a refused page is counted: %d", n)
	}
	server.live.open.Store(maxStreams - 1)
	listen(t, url).next()
}

func TestStreamsEndWithTheLogin(t *testing.T) {
	var server *Server
	url := serveWith(t, func(c *Config) { c.LoginRequired = true }, func(s *Server) { server = s; s.live.beat = 20 * time.Millisecond })
	if status, _ := ask(t, "GET", url+"/api/ui/live", ""); status != http.StatusUnauthorized {
		t.Errorf("without a login: %d", status)
	}
	key, secret, err := server.access.AddKey(t.Context(), access.ApplicationKey, "a", access.Viewer, access.Caller{Name: "ada", Role: access.Admin})
	if err != nil {
		t.Fatal(err)
	}
	page := listen(t, url, "DD-APPLICATION-KEY", secret)
	page.next()
	if err := server.access.RemoveKey(t.Context(), access.ApplicationKey, key.ID); err != nil {
		t.Fatal(err)
	}
	for page.lines.Scan() {
	}
	if err := page.lines.Err(); err != nil {
		t.Errorf("the stream did not end in order: %v", err)
	}
}

// TestSlowReadersAreDropped has a page that takes nothing.
func TestSlowReadersAreDropped(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	p := &page{here, bufio.NewWriter(here), 10 * time.Millisecond}
	if err := p.tell("event: beat\n\n"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
}
