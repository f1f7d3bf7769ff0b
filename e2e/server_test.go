package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binary is what "make build" made.
const binary = "../bin/whippet"

// server is a whippet process under test.
type server struct {
	t       *testing.T
	dir     string // data folder
	url     string
	statsd  string // UDP address
	socket  string // unix datagram socket
	traces  string // TCP address
	args    []string
	ahead   time.Duration // that its clock was moved, kept over restarts
	client  *http.Client
	process *exec.Cmd
	exited  chan struct{}
	log     *bytes.Buffer
}

// startServer runs whippet on free ports with a fresh data folder, and stops
// it when the test ends. It dumps the log of a failed test.
func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("no binary to test: run \"make build\" (%v)", err)
	}
	dir := t.TempDir()
	s := &server{
		t: t, dir: filepath.Join(dir, "data"), client: http.DefaultClient,
		url: "http://" + freeTCP(t), statsd: freeUDP(t),
		socket: filepath.Join(shortTempDir(t), "dsd.socket"), traces: freeTCP(t),
	}
	for s.url == "http://"+s.traces { // a port is free again once it was found to be
		s.traces = freeTCP(t)
	}
	s.args = append([]string{
		"serve", "--data-dir", s.dir, "--http", strings.TrimPrefix(s.url, "http://"),
		"--statsd", s.statsd, "--statsd-socket", s.socket, "--traces", s.traces, "--debug-clock", "--timezone", "UTC", "--host-metrics=false",
	}, args...)
	s.start()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("log of whippet:\n%s", s.log)
		}
	})
	return s
}

// shortTempDir gives a folder whose path leaves room for a socket's name.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func freeTCP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func freeUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// start runs the process and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	s.log = &bytes.Buffer{}
	s.process = exec.Command(binary, append(s.args, "--debug-clock-ahead", s.ahead.String())...)
	s.process.Stdout, s.process.Stderr = s.log, s.log
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.exited = make(chan struct{})
	go func() {
		s.process.Wait()
		close(s.exited)
	}()
	s.eventually("whippet is ready", func() error {
		select {
		case <-s.exited:
			s.t.Fatalf("whippet exited at start: %s\n%s", s.process.ProcessState, s.log)
		default:
		}
		_, err := s.try("GET", "/readyz", nil, nil)
		return err
	})
}

// stop asks the process to end, and checks that it does so in order.
func (s *server) stop() {
	s.t.Helper()
	select {
	case <-s.exited:
		return
	default:
	}
	s.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
		if code := s.process.ProcessState.ExitCode(); code != 0 {
			s.t.Errorf("whippet exited with %d after SIGTERM\n%s", code, s.log)
		}
	case <-time.After(15 * time.Second):
		s.process.Process.Kill()
		s.t.Errorf("whippet did not end within 15 s of SIGTERM\n%s", s.log)
	}
}

// kill ends the process as a power cut would, as far as a process can tell.
func (s *server) kill() {
	s.process.Process.Kill()
	<-s.exited
}

// try makes one request and returns the body; a status of 300 or more is an error.
func (s *server) try(method, path string, header map[string]string, body []byte) ([]byte, error) {
	req, err := http.NewRequest(method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		return answer, &statusError{resp.StatusCode, method + " " + path, string(answer)}
	}
	return answer, nil
}

type statusError struct {
	status        int
	request, text string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s: status %d: %.400s", e.request, e.status, e.text)
}

// call makes a request with a JSON body (nil: none) and decodes the answer
// into out (nil: ignored).
func (s *server) call(method, path string, body, out any) {
	s.t.Helper()
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			s.t.Fatal(err)
		}
	}
	answer, err := s.try(method, path, map[string]string{"Content-Type": "application/json"}, raw)
	if err != nil {
		s.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			s.t.Fatalf("%s %s: %v in %.400s", method, path, err, answer)
		}
	}
}

// eventually waits until check succeeds.
func (s *server) eventually(what string, check func() error) {
	s.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("after 30 s still not true that %s: %v\nlog of whippet:\n%s", what, err, s.log)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// now is the server's clock.
func (s *server) now() time.Time {
	s.t.Helper()
	var clock struct{ Now int64 }
	s.call("GET", "/debug/whippet/clock", nil, &clock)
	return time.UnixMilli(clock.Now).UTC()
}

// advance moves the server's clock ahead.
func (s *server) advance(d time.Duration) time.Time {
	s.t.Helper()
	var clock struct{ Now int64 }
	s.call("POST", "/debug/whippet/clock", map[string]string{"advance": d.String()}, &clock)
	s.ahead += d
	return time.UnixMilli(clock.Now).UTC()
}

// advanceTo moves the server's clock ahead to t.
func (s *server) advanceTo(t time.Time) {
	s.t.Helper()
	if d := t.Sub(s.now()); d > 0 {
		s.advance(d)
	}
}

// series is one row of /api/v1/query's answer.
type series struct {
	Metric    string        `json:"metric"`
	Scope     string        `json:"scope"`
	TagSet    []string      `json:"tag_set"`
	Interval  int           `json:"interval"` // s
	PointList [][2]*float64 `json:"pointlist"`
}

// values are the points that hold a number, oldest first.
func (s series) values() []float64 {
	var values []float64
	for _, p := range s.PointList {
		if p[1] != nil {
			values = append(values, *p[1])
		}
	}
	return values
}

// query asks in the Datadog language.
func (s *server) query(q string, from, to time.Time) []series {
	s.t.Helper()
	var answer struct {
		Status string   `json:"status"`
		Series []series `json:"series"`
	}
	s.call("GET", "/api/v1/query?"+url.Values{
		"query": {q}, "from": {strconv.FormatInt(from.Unix(), 10)}, "to": {strconv.FormatInt(to.Unix(), 10)},
	}.Encode(), nil, &answer)
	if answer.Status != "ok" {
		s.t.Fatalf("query %s: status %q", q, answer.Status)
	}
	return answer.Series
}

// instant asks in MetricsQL at one time; the answer maps each row's labels, as
// JSON, to its value.
func (s *server) instant(q string, at time.Time) map[string]float64 {
	s.t.Helper()
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	s.call("GET", "/prometheus/api/v1/query?"+url.Values{
		"query": {q}, "time": {strconv.FormatInt(at.Unix(), 10)},
	}.Encode(), nil, &answer)
	rows := map[string]float64{}
	for _, r := range answer.Data.Result {
		labels, err := json.Marshal(r.Metric)
		if err != nil {
			s.t.Fatal(err)
		}
		value, err := strconv.ParseFloat(r.Value[1].(string), 64)
		if err != nil {
			s.t.Fatal(err)
		}
		rows[string(labels)] = value
	}
	return rows
}

// point is one sample to submit.
type point struct {
	at    time.Time
	value float64
}

// submit posts gauge samples as an API client does, in v1 JSON.
func (s *server) submit(metric, host string, tags []string, points ...point) {
	s.t.Helper()
	list := make([][2]float64, len(points))
	for i, p := range points {
		list[i] = [2]float64{float64(p.at.Unix()), p.value}
	}
	s.call("POST", "/api/v1/series", map[string]any{"series": []any{map[string]any{
		"metric": metric, "host": host, "tags": tags, "type": "gauge", "points": list,
	}}}, nil)
}
