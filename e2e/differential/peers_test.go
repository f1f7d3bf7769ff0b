package differential

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
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

	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/encoding/protowire"
)

// peer is a server that answers the Prometheus HTTP API.
type peer struct {
	name  string
	api   string // where /api/v1/query stands
	write string // where remote write goes
	extra url.Values
}

// startPeers runs Whippet and both others on free ports, with empty folders,
// until the test ends.
func startPeers(t *testing.T) (whippet, vm, prometheus *peer) {
	t.Helper()
	for program, hint := range map[string]string{
		"../../bin/whippet": `run "make build"`, "victoria-metrics": "apt-get install victoria-metrics", "prometheus": "apt-get install prometheus",
	} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: %s", err, hint)
		}
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte("global: {scrape_interval: 1h}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, v, p := freeAddress(t), freeAddress(t), freeAddress(t)
	run(t, "http://"+w+"/readyz", "../../bin/whippet", "serve", "--data-dir", filepath.Join(dir, "whippet"), "--http", w,
		"--statsd", freeAddress(t), "--statsd-socket", "", "--traces", "", "--retention", "876000h")
	run(t, "http://"+v+"/health", "victoria-metrics", "-storageDataPath="+filepath.Join(dir, "vm"), "-httpListenAddr="+v,
		"-retentionPeriod=100y", "-search.latencyOffset=0s", "-search.disableCache", "-search.maxPointsPerTimeseries=100000")
	run(t, "http://"+p+"/-/ready", "prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "prometheus"), "--storage.tsdb.retention.time=100y",
		"--web.listen-address="+p, "--web.enable-remote-write-receiver", "--enable-feature=promql-negative-offset")
	whippet = &peer{name: "whippet", api: "http://" + w + "/prometheus", write: "http://" + w + "/api/v1/write"}
	vm = &peer{name: "victoria-metrics", api: "http://" + v, write: "http://" + v + "/api/v1/write", extra: url.Values{"nocache": {"1"}}}
	prometheus = &peer{name: "prometheus", api: "http://" + p, write: "http://" + p + "/api/v1/write"}
	return whippet, vm, prometheus
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run starts a program, waits until ready answers, and ends it with the test.
func run(t *testing.T, ready, program string, args ...string) {
	t.Helper()
	log := &bytes.Buffer{}
	c := exec.Command(program, args...)
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		c.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		c.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(20 * time.Second):
			c.Process.Kill()
			<-exited
		}
	})
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		select {
		case <-exited:
			t.Fatalf("%s ended at start:\n%s", program, log)
		default:
		}
		if response, err := http.Get(ready); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready after a minute:\n%s", program, log)
		}
	}
}

// feed sends the samples by remote write 1.0: a request for every few minutes of
// all series, since Prometheus wants time to go on.
func (p *peer) feed(t *testing.T, all []series) {
	t.Helper()
	const span = 5 * 60_000
	for from := begin.UnixMilli() - span; from <= end.UnixMilli()+span; from += span {
		var request []byte
		for _, s := range all {
			var encoded []byte
			for _, l := range append([]label{{"__name__", s.name}}, s.labels...) {
				var pair []byte
				pair = protowire.AppendString(protowire.AppendTag(pair, 1, protowire.BytesType), l.name)
				pair = protowire.AppendString(protowire.AppendTag(pair, 2, protowire.BytesType), l.value)
				encoded = protowire.AppendBytes(protowire.AppendTag(encoded, 1, protowire.BytesType), pair)
			}
			n := 0
			for i, at := range s.times {
				if at < from || at >= from+span || p.name == "prometheus" && skipsNaN(s.values[i]) {
					continue
				}
				var sample []byte
				sample = protowire.AppendFixed64(protowire.AppendTag(sample, 1, protowire.Fixed64Type), math.Float64bits(s.values[i]))
				sample = protowire.AppendVarint(protowire.AppendTag(sample, 2, protowire.VarintType), uint64(at))
				encoded = protowire.AppendBytes(protowire.AppendTag(encoded, 2, protowire.BytesType), sample)
				n++
			}
			if n > 0 {
				request = protowire.AppendBytes(protowire.AppendTag(request, 1, protowire.BytesType), encoded)
			}
		}
		if len(request) == 0 {
			continue
		}
		r, err := http.NewRequest(http.MethodPost, p.write, bytes.NewReader(s2.EncodeSnappy(nil, request)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Encoding", "snappy")
		r.Header.Set("Content-Type", "application/x-protobuf")
		r.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode/100 != 2 {
			t.Fatalf("%s refused samples: %s: %s", p.name, response.Status, body)
		}
	}
	if p.name == "victoria-metrics" {
		if response, err := http.Get(p.api + "/internal/force_flush"); err == nil {
			response.Body.Close()
		}
	}
}

// skipsNaN reports whether v is a NaN that is no staleness marker: Prometheus
// keeps those as values, MetricsQL has none.
func skipsNaN(v float64) bool {
	return math.IsNaN(v) && math.Float64bits(v) != math.Float64bits(stale)
}

// grid is what a question is asked for: an instant when step is 0.
type grid struct{ start, end, step int64 } // ms

// answer is the series of a result: labels to time to value.
type answer map[string]map[int64]float64

// ask evaluates a query. refused is why the peer does not want to.
func (p *peer) ask(t *testing.T, query string, g grid) (a answer, refused string) {
	t.Helper()
	form := url.Values{"query": {query}}
	for k, v := range p.extra {
		form[k] = v
	}
	path := "/api/v1/query"
	if g.step > 0 {
		path = "/api/v1/query_range"
		form.Set("start", seconds(g.start))
		form.Set("end", seconds(g.end))
		form.Set("step", seconds(g.step))
	} else {
		form.Set("time", seconds(g.start))
	}
	response, err := http.PostForm(p.api+path, form)
	if err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	var parsed struct {
		Status, Error string
		Data          struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &parsed); err != nil {
		t.Fatalf("%s answers %s to %s: %s", p.name, response.Status, query, body)
	}
	if parsed.Status != "success" {
		return nil, parsed.Error
	}
	a = answer{}
	if parsed.Data.ResultType == "scalar" || parsed.Data.ResultType == "string" {
		var point [2]any
		if err := json.Unmarshal(parsed.Data.Result, &point); err != nil {
			t.Fatal(err)
		}
		a.add("{}", point)
		return a, ""
	}
	var rows []struct {
		Metric map[string]string
		Value  *[2]any
		Values [][2]any
	}
	if err := json.Unmarshal(parsed.Data.Result, &rows); err != nil {
		t.Fatalf("%s: %v in %s", p.name, err, body)
	}
	for _, r := range rows {
		key := show(r.Metric)
		if r.Value != nil {
			a.add(key, *r.Value)
		}
		for _, v := range r.Values {
			a.add(key, v)
		}
	}
	return a, ""
}

func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64) }

func (a answer) add(key string, point [2]any) {
	v, err := strconv.ParseFloat(fmt.Sprint(point[1]), 64)
	if err != nil || math.IsNaN(v) {
		return // MetricsQL has no NaN in results
	}
	if a[key] == nil {
		a[key] = map[int64]float64{}
	}
	a[key][int64(math.Round(point[0].(float64)*1000))] = v
}

func show(metric map[string]string) string {
	names := make([]string, 0, len(metric))
	for name := range metric {
		names = append(names, name)
	}
	sortStrings(names)
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = name + "=" + strconv.Quote(metric[name])
	}
	return "{" + strings.Join(parts, ",") + "}"
}
