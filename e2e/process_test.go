package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestSecondProcessOnTheFolderIsRefusedWithThePID(t *testing.T) {
	s := startServer(t)
	second := exec.Command(binary, "serve", "--data-dir", s.dir, "--http", freeTCP(t), "--statsd", "", "--traces", "")
	out, err := second.CombinedOutput()
	if err == nil {
		t.Fatal("a second process serves the same folder")
	}
	if want := fmt.Sprint(s.process.Process.Pid); !strings.Contains(string(out), want) {
		t.Errorf("the refusal does not name PID %s:\n%s", want, out)
	}
}

// rounds of kill -9; each loses whatever is not on disk.
const killRounds = 12

func TestKillLosesNothingAcknowledged(t *testing.T) {
	s := startServer(t)
	const workers = 4
	acknowledged := make([][]int64, workers) // times, s, by worker
	base := time.Now().Add(-24 * time.Hour).Unix()
	next := make([]int64, workers)
	for round := range killRounds {
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for {
					at := base + next[w]
					next[w]++
					body, _ := json.Marshal(map[string]any{"series": []any{map[string]any{
						"metric": "crash.test", "host": fmt.Sprintf("w%d", w), "type": "gauge",
						"points": [][2]int64{{at, at}},
					}}})
					if _, err := s.try("POST", "/api/v1/series", map[string]string{"Content-Type": "application/json"}, body); err != nil {
						return // killed: this sample was never acknowledged
					}
					acknowledged[w] = append(acknowledged[w], at)
				}
			})
		}
		time.Sleep(time.Duration(50+rand.IntN(400)) * time.Millisecond)
		s.kill()
		wg.Wait()
		s.start()
		if round%4 == 3 {
			s.stop() // an orderly end in between
			s.start()
		}
	}
	total, lost := 0, 0
	for w, times := range acknowledged {
		got := s.exported(fmt.Sprintf(`{__name__="crash.test", host="w%d"}`, w), base, base+next[w])
		for _, at := range times {
			total++
			if got[at] != at {
				lost++
			}
		}
	}
	if total < killRounds*workers {
		t.Fatalf("only %d samples were acknowledged in %d rounds", total, killRounds)
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged samples are gone after %d kills", lost, total, killRounds)
	}
	t.Logf("%d acknowledged samples over %d kills, %d lost", total, killRounds, lost)
}

// exported reads the raw samples of one series: time in s to value.
func (s *server) exported(selector string, from, to int64) map[int64]int64 {
	s.t.Helper()
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]any }
		}
	}
	s.call("GET", "/prometheus/api/v1/query?"+url.Values{
		"query": {fmt.Sprintf("%s[%ds]", selector, to-from+1)}, "time": {fmt.Sprint(to)},
	}.Encode(), nil, &answer)
	got := map[int64]int64{}
	for _, r := range answer.Data.Result {
		for _, v := range r.Values {
			var value int64
			fmt.Sscan(v[1].(string), &value)
			got[int64(v[0].(float64))] = value
		}
	}
	return got
}

func TestBadInputIsToldAndSpoilsNothing(t *testing.T) {
	s := startServer(t)
	cases := []struct {
		name, path, contentType, encoding string
		body                              []byte
		status                            int
		text                              string
	}{
		{"JSON cut short", "/api/v1/series", "application/json", "", []byte(`{"series":[{"metric":"a","points":[[1,`), 400, "offset"},
		{"not protobuf", "/api/v2/series", "application/x-protobuf", "", []byte("\x0a\xff\xff\xff\xff\xff"), 400, "offset"},
		{"not zlib", "/api/v1/series", "application/json", "deflate", []byte("hello"), 400, "deflate"},
		{"too large once unpacked", "/api/v1/series", "application/json", "deflate", compress(t, "deflate", bytes.Repeat([]byte(" "), 200<<20)), 413, ""},
		{"too large as sent", "/api/v1/series", "application/json", "", bytes.Repeat([]byte(" "), 20<<20), 413, ""},
		{"a monitor without a query", "/api/v1/monitor", "application/json", "", []byte(`{"type":"metric alert","name":"x"}`), 400, "query"},
		{"a dashboard without a layout", "/api/v1/dashboard", "application/json", "", []byte(`{"title":"x","widgets":[]}`), 400, "layout_type"},
	}
	for _, c := range cases {
		_, err := s.try("POST", c.path, map[string]string{"Content-Type": c.contentType, "Content-Encoding": c.encoding}, c.body)
		status, ok := err.(*statusError)
		if !ok || status.status != c.status || !strings.Contains(status.text, c.text) {
			t.Errorf("%s: got %v, want status %d with %q", c.name, err, c.status, c.text)
		}
	}
	_, err := s.try("GET", "/api/v1/query?from=1&to=2&query=avg:m{*}.by", nil, nil)
	if status, ok := err.(*statusError); !ok || status.status != 400 {
		t.Errorf("a malformed query: got %v, want status 400", err)
	}
	if _, err := s.try("POST", "/api/v2/some_future_track", map[string]string{"User-Agent": "datadog-agent/9.0", "DD-API-KEY": "k"}, []byte("x")); err != nil {
		t.Errorf("an unknown agent route: got %v, want it accepted", err)
	}

	c, err := net.Dial("udp", s.statsd)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "good.one:1|g\nbad:x|g\n\x00\xff|||\n_e{9999,1}:a|b\ngood.two:2|g\n")
	now := s.now()
	s.eventually("the packet is in", func() error {
		var stats struct{ Metrics uint64 }
		s.call("GET", "/debug/whippet/dogstatsd", nil, &stats)
		if stats.Metrics < 2 {
			return &statusError{0, "dogstatsd", "not yet"}
		}
		return nil
	})
	s.advance(15 * time.Second)
	for name, want := range map[string]float64{"good.one": 1, "good.two": 2} {
		s.eventually(name+" is readable", func() error {
			rows := s.query("avg:"+name+"{*}", now.Add(-time.Minute), now.Add(time.Minute))
			if len(rows) == 1 && len(rows[0].values()) > 0 && rows[0].values()[0] == want {
				return nil
			}
			return &statusError{0, name, fmt.Sprintf("%+v", rows)}
		})
	}
}

func TestKeysAreRequiredWhenConfigured(t *testing.T) {
	s := startServer(t, "--api-keys", "secret")
	body := []byte(`{"series":[]}`)
	if _, err := s.try("POST", "/api/v1/series", map[string]string{"DD-API-KEY": "wrong"}, body); err == nil || err.(*statusError).status != 403 {
		t.Errorf("wrong key: got %v, want status 403", err)
	}
	if _, err := s.try("GET", "/api/v1/validate?api_key=wrong", nil, nil); err == nil || err.(*statusError).status != 403 {
		t.Errorf("validate with a wrong key: got %v, want status 403", err)
	}
	for _, try := range []struct {
		path   string
		header map[string]string
	}{{"/api/v1/series", map[string]string{"DD-API-KEY": "secret"}}, {"/api/v1/series?api_key=secret", nil}} {
		if _, err := s.try("POST", try.path, try.header, body); err != nil {
			t.Errorf("right key: %v", err)
		}
	}
}

func TestFirstVisitShowsACurve(t *testing.T) {
	s := startServer(t)
	s.eventually("Whippet's own metrics are there", func() error {
		now := s.now()
		if rows := s.query("avg:whippet.process.rss_bytes{*}", now.Add(-5*time.Minute), now); len(rows) == 1 && len(rows[0].values()) > 0 {
			return nil
		}
		return &statusError{0, "whippet.process.rss_bytes", "no points yet"}
	})
	b := openBrowser(t, s.url)
	for _, page := range []string{"/", "/metrics", "/metrics/explorer", "/infrastructure", "/dashboards", "/monitors", "/downtimes", "/events", "/outbox"} {
		b.open(page)
		b.until("the page has content", "document.querySelector('main') && document.querySelector('main').innerText.length > 20")
		b.screenshot("first" + strings.ReplaceAll(page, "/", "-"))
	}
}

func TestFullDiskIsTemporary(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=128m"); err != nil {
		t.Skipf("a small file system can't be mounted here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) }) // after the server has stopped
	s := startServer(t, "--data-dir", filepath.Join(disk, "data"))
	now := s.now()
	s.submit("my_metric", "thinkpad", nil, point{now.Add(-time.Minute), 1})

	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 100<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	body := fmt.Appendf(nil, `{"series":[{"metric":"my_metric","host":"thinkpad","type":"gauge","points":[[%d,2]]}]}`, now.Add(-30*time.Second).Unix())
	send := func() (status int, retry string) {
		resp, err := http.Post(s.url+"/api/v1/series", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Retry-After")
	}
	s.eventually("a full disk is answered 503 with Retry-After", func() error {
		if status, retry := send(); status != http.StatusServiceUnavailable || retry == "" {
			return &statusError{status, "POST /api/v1/series", "Retry-After: " + retry}
		}
		return nil
	})
	if rows := s.query("avg:my_metric{*}", now.Add(-5*time.Minute), now); len(rows) != 1 {
		t.Errorf("on a full disk a query answers %+v, want the row from before", rows)
	}
	s.call("POST", "/api/v1/tags/hosts/thinkpad", map[string]any{"tags": []string{"kept:yes"}}, nil)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.eventually("samples are taken again", func() error {
		if status, _ := send(); status != http.StatusAccepted {
			return &statusError{status, "POST /api/v1/series", ""}
		}
		return nil
	})
	s.kill()
	s.start()
	rows := s.query("sum:my_metric{kept:yes}.rollup(sum, 600)", now.Add(-10*time.Minute), now)
	total := 0.0
	for _, r := range rows {
		for _, v := range r.values() {
			total += v
		}
	}
	if total != 3 {
		t.Errorf("after a restart: got a sum of %v, want 1 + 2", total)
	}
}
