//go:build agent

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/DataDog/datadog-go/v5/statsd"
)

// These tests need an unmodified Datadog Agent, which "make e2e-agent" fetches
// and runs them with, in a network of its own that holds nothing but loopback:
// whatever the agent tried to send elsewhere would fail, and be in its log.
const agentFolder = "../bin/agent"

const (
	agentHost = "live-host-1"
	warmUp    = 90 * time.Second // until everything an agent sends has come once
	absence   = 30 * time.Second // of Whippet
	backOff   = 3 * time.Minute  // until the agent has sent what waited
)

// liveAgent is a running agent of Datadog.
type liveAgent struct {
	t        *testing.T
	statsd   string // UDP address
	traces   string // TCP address
	log      string // file
	traceLog string // file, of the trace agent
}

// startAgent runs the core agent and the trace agent with the environment that
// keeps them local, and some more settings, until the test ends.
func startAgent(t *testing.T, url, settings string) *liveAgent {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			t.Fatalf("the network interface %s is up: run this with \"make e2e-agent\", in a network without any", i.Name)
		}
	}
	dir := t.TempDir()
	a := &liveAgent{t: t, statsd: freeUDP(t), traces: freeTCP(t), log: filepath.Join(dir, "agent.log"), traceLog: filepath.Join(dir, "trace.log")}
	port := func(address string) string {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		return port
	}
	config := fmt.Sprintf(`
hostname: %[1]s
tags: [awesome_tag, nice_tag, "team:core"]
env: test
confd_path: %[2]s/conf.d
run_path: %[2]s/run
log_file: %[3]s
auth_token_file_path: %[2]s/token
ipc_cert_file_path: %[2]s/cert.pem
cmd_port: %[4]s
expvar_port: %[5]s
dogstatsd_port: %[6]s
dogstatsd_socket: ""
logs_enabled: true
process_config:
  process_collection: {enabled: true}
apm_config:
  receiver_port: %[7]s
  receiver_socket: ""
  log_file: %[8]s
  debug: {port: 0}
`, agentHost, dir, a.log, port(freeTCP(t)), port(freeTCP(t)), port(a.statsd), port(a.traces), a.traceLog)
	for _, check := range []string{"cpu", "disk", "file_handle", "io", "load", "memory", "network", "uptime"} {
		folder := filepath.Join(dir, "conf.d", check+".d")
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "conf.yaml"), []byte("init_config:\ninstances:\n  - {}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "datadog.yaml"), []byte(config+settings), 0o644); err != nil {
		t.Fatal(err)
	}
	environment := append(os.Environ(), "HOME="+dir, "DD_API_KEY=0123456789abcdef0123456789abcdef",
		"DD_DD_URL="+url, "DD_APM_DD_URL="+url, "DD_PROCESS_CONFIG_PROCESS_DD_URL="+url,
		"DD_LOGS_CONFIG_LOGS_DD_URL="+url, "DD_LOGS_CONFIG_FORCE_USE_HTTP=true",
		"DD_REMOTE_CONFIGURATION_ENABLED=false", "DD_AGENT_TELEMETRY_ENABLED=false", "DD_APM_TELEMETRY_ENABLED=false")
	for _, command := range [][]string{{"datadog-agent", "run", "-c", dir}, {"trace-agent", "run", "-c", filepath.Join(dir, "datadog.yaml")}} {
		var out bytes.Buffer
		process := exec.Command(filepath.Join(agentFolder, command[0]), command[1:]...)
		process.Env, process.Stdout, process.Stderr = environment, &out, &out
		if err := process.Start(); err != nil {
			t.Fatalf("no agent to run: use \"make e2e-agent\" (%v)", err)
		}
		t.Cleanup(func() {
			process.Process.Signal(syscall.SIGTERM)
			process.Wait()
			if t.Failed() {
				t.Logf("what %s wrote:\n%s", command[0], out.String())
			}
		})
	}
	return a
}

// harmless are the complaints that an agent has about a machine without a
// network, without containers, with a full disk and without the agent's other
// programs.
var harmless = regexp.MustCompile(`gohai|kubelet|Kubelet|system-probe|sysprobe|no_proxy|security-agent|[Dd]ocker|containerd|/var/run/datadog|tagger|config/set|launchers/integration`)

// complaints are the warnings and errors in the agents' logs outside of a time
// in which Whippet was away.
func (a *liveAgent) complaints(from, to time.Time) (list []string) {
	a.t.Helper()
	for _, file := range []string{a.log, a.traceLog} {
		raw, err := os.ReadFile(file)
		if err != nil {
			a.t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			fields := strings.Split(line, " | ")
			if len(fields) < 3 || fields[2] != "WARN" && fields[2] != "ERROR" && fields[2] != "CRITICAL" || harmless.MatchString(line) {
				continue
			}
			at, err := time.ParseInLocation("2006-01-02 15:04:05 MST", fields[0], time.UTC)
			if err == nil && at.After(from.Add(-time.Second)) && at.Before(to.Add(time.Second)) {
				continue
			}
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

// counting sends DogStatsD values to the agent by its official client, ten a
// second of each kind, until it is told to stop.
type counting struct {
	stop chan struct{}
	done sync.WaitGroup
	sent int // of each kind
}

func (a *liveAgent) count() *counting {
	a.t.Helper()
	client, err := statsd.New(a.statsd, statsd.WithTags([]string{"via:agent"}), statsd.WithoutTelemetry())
	if err != nil {
		a.t.Fatal(err)
	}
	c := &counting{stop: make(chan struct{})}
	c.done.Go(func() {
		defer client.Close()
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-c.stop:
				return
			case <-ticker.C:
			}
			client.Incr("live.requests", []string{"route:/cart"}, 1)
			client.Distribution("live.latency", float64(c.sent*37%100+1), nil, 1) // 1 to 100, evenly at any time
			client.Gauge("live.queue", 42.5, nil, 1)
			client.Set("live.users", strconv.Itoa(c.sent%7), nil, 1)
			if c.sent%50 == 0 {
				client.ServiceCheck(&statsd.ServiceCheck{Name: "live.can_connect", Status: statsd.Warn, Tags: []string{"db:shop"}})
			}
			c.sent++
		}
	})
	client.Event(&statsd.Event{Title: "live deploy", Text: "line one\nline two", AlertType: statsd.Success})
	return c
}

// end stops it, and gives how many values of each kind were sent.
func (c *counting) end() int {
	close(c.stop)
	c.done.Wait()
	return c.sent
}

// raw is every sample of the series that a selector finds, by time in s.
func (s *server) raw(selector string, from, to time.Time) map[int64]float64 {
	s.t.Helper()
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]any }
		}
	}
	s.call("GET", "/prometheus/api/v1/query?"+url.Values{
		"query": {fmt.Sprintf("%s[%ds]", selector, int(to.Sub(from).Seconds()))}, "time": {fmt.Sprint(to.Unix())},
	}.Encode(), nil, &answer)
	got := map[int64]float64{}
	for _, r := range answer.Data.Result {
		for _, v := range r.Values {
			value, err := strconv.ParseFloat(v[1].(string), 64)
			if err != nil {
				s.t.Fatal(err)
			}
			got[int64(v[0].(float64))] += value
		}
	}
	return got
}

// sum adds up the points of a query's only row.
func (s *server) sum(query string, from, to time.Time) float64 {
	s.t.Helper()
	total := 0.0
	for _, row := range s.query(query, from, to) {
		for _, v := range row.values() {
			total += v
		}
	}
	return total
}

// TestUnmodifiedAgent runs one agent for each form that its metrics come in.
func TestUnmodifiedAgent(t *testing.T) {
	for _, form := range []struct {
		name, settings string // URL stands for Whippet's
		routes         []string
	}{
		{"v2", "", []string{"/api/v2/series", "/api/beta/sketches"}},
		{"v3", "use_v3_api: {series: {enabled: true}}\nserializer_experimental_use_v3_api: {sketches: {endpoints: [URL]}}\n", []string{"/api/intake/metrics/v3/series"}},
		{"v1", "use_v2_api: {series: false}\nserializer_compressor_kind: zlib\n", []string{"/api/v1/series", "/api/beta/sketches"}},
	} {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			s.withAgent(strings.ReplaceAll(form.settings, "URL", s.url), form.routes)
		})
	}
}

// withAgent runs an agent against s, and checks everything that it sends.
func (s *server) withAgent(settings string, routes []string) {
	t := s.t
	begin := time.Now()
	a := startAgent(t, s.url, settings)
	for { // until the agent listens
		if c, err := net.Dial("tcp", a.traces); err == nil {
			c.Close()
			break
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatal("the trace agent does not listen")
		}
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(5 * time.Second) // DogStatsD comes later than traces
	sending := a.count()
	shop := goApp(t)
	s.runApp([]string{"DD_TRACE_AGENT_URL=http://" + a.traces}, shop)
	time.Sleep(time.Until(begin.Add(warmUp)))

	s.wantAgentHost()
	s.wantSystemMetrics(begin)
	s.wantAgentDocuments(begin)
	s.wantGoShop()
	var intake struct {
		Routes map[string]struct{ Kept, Malformed, TooLarge, Failed int }
	}
	s.call("GET", "/api/ui/intake", nil, &intake)
	for path, r := range intake.Routes {
		if r.Malformed+r.TooLarge+r.Failed > 0 {
			t.Errorf("%s: %+v", path, r)
		}
	}
	for _, path := range routes {
		if intake.Routes[path].Kept == 0 {
			t.Errorf("nothing came by %s: %+v", path, intake.Routes)
		}
	}

	s.stop()
	gone := time.Now()
	time.Sleep(absence)
	s.start()
	back := time.Now()
	time.Sleep(20 * time.Second)
	sent := float64(sending.end())
	s.wantNothingLost(begin, sent)

	if list := a.complaints(gone, back.Add(backOff)); len(list) > 0 {
		t.Errorf("the agents complain while Whippet is there:\n%s", strings.Join(list, "\n"))
	}
}

// wantAgentHost checks what is known of the agent's host.
func (s *server) wantAgentHost() {
	s.t.Helper()
	var answer struct {
		Hosts []struct {
			Name, Platform, OS string
			Version            string `json:"agent_version"`
			Tags               map[string][]string
			Apps               []string
			Memory             int64 `json:"memory_bytes"`
			Cores              int
			Up                 bool
		}
	}
	s.call("GET", "/api/ui/hosts", nil, &answer)
	found := false
	for _, h := range answer.Hosts {
		if h.Name != agentHost {
			continue
		}
		found = true
		if !h.Up || h.OS != "linux" || h.Platform == "" || !strings.HasPrefix(h.Version, "7.") || h.Cores < 1 || h.Memory < 1<<28 {
			s.t.Errorf("the agent's host is %+v", h)
		}
		if tags := fmt.Sprint(h.Tags["system"]); tags != "[awesome_tag env:test nice_tag team:core]" {
			s.t.Errorf("its tags are %s", tags)
		}
		for _, app := range []string{"agent", "cpu", "disk", "load", "memory"} {
			if !slices.Contains(h.Apps, app) {
				s.t.Errorf("its apps are %v, without %s", h.Apps, app)
			}
		}
	}
	if !found {
		s.t.Fatalf("%s is not among the hosts: %+v", agentHost, answer.Hosts)
	}
	var processes struct {
		Total     int
		Processes []struct {
			PID     int
			Name    string
			Command string
			User    string
			RSS     int64
		}
	}
	s.call("GET", "/api/ui/hosts/"+agentHost+"/processes", nil, &processes)
	for _, p := range processes.Processes {
		if p.Name == "datadog-agent" && p.RSS > 10<<20 && p.User != "" {
			return
		}
	}
	s.t.Errorf("the agent is not among the host's processes: %+v", processes)
}

// wantSystemMetrics checks what the agent's own checks measure.
func (s *server) wantSystemMetrics(begin time.Time) {
	s.t.Helper()
	now := time.Now()
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		s.t.Fatal(err)
	}
	memory := float64(info.Totalram) * float64(info.Unit) / (1 << 20)
	for _, m := range []struct {
		name      string
		low, high float64
	}{
		{"system.cpu.idle", 0, 100}, {"system.cpu.user", 0, 100}, {"system.load.1", 0, 1000}, {"system.load.norm.5", 0, 1000},
		{"system.mem.total", memory * 0.99, memory * 1.01}, {"system.mem.pct_usable", 0, 1}, {"system.swap.total", 0, 1 << 30},
		{"system.uptime", 1, 1e10}, {"system.disk.in_use", 0, 1}, {"system.fs.file_handles.max", 1, math.Inf(1)},
		{"datadog.agent.running", 1, 1},
	} {
		rows := s.query("avg:"+m.name+"{awesome_tag,env:test,host:"+agentHost+"}", begin, now)
		if len(rows) != 1 || len(rows[0].values()) < 2 {
			s.t.Errorf("%s: got %+v, want one row of the host's tags with several points", m.name, rows)
			continue
		}
		for _, v := range rows[0].values() {
			if v < m.low || v > m.high {
				s.t.Errorf("%s is %v, want %v to %v", m.name, v, m.low, m.high)
				break
			}
		}
	}
	if got := s.query("avg:live.queue{via:agent,nice_tag}", begin, now); len(got) != 1 || got[0].values()[0] != 42.5 {
		s.t.Errorf("live.queue: got %+v", got)
	}
	if got := s.query("max:live.users{*}", begin, now); len(got) != 1 || slices.Max(got[0].values()) != 7 {
		s.t.Errorf("live.users: got %+v", got)
	}
	for quantile, want := range map[string]float64{"p50": 50, "p95": 95, "max": 100, "min": 1} {
		rows := s.query(quantile+":live.latency{*}.rollup(600)", begin, now)
		if len(rows) != 1 || len(rows[0].values()) == 0 {
			s.t.Errorf("%s of live.latency: got %+v", quantile, rows)
			continue
		}
		for _, v := range rows[0].values() {
			if math.Abs(v/want-1) > 0.05 && len(rows[0].values()) == 1 {
				s.t.Errorf("%s of live.latency is %v, want %v", quantile, v, want)
			}
		}
	}
}

// wantAgentDocuments checks service checks and events.
func (s *server) wantAgentDocuments(begin time.Time) {
	s.t.Helper()
	var checks struct {
		Checks []struct {
			Check  string
			Host   string `json:"host_name"`
			Status int
			Tags   []string
		}
	}
	s.call("GET", "/api/ui/checks", nil, &checks)
	states := map[string]int{}
	for _, c := range checks.Checks {
		if c.Host == agentHost {
			states[c.Check] = c.Status
		} else {
			s.t.Errorf("a check of no host that is known: %+v", c)
		}
	}
	if up, ok := states["datadog.agent.up"]; !ok || up != 0 {
		s.t.Errorf("datadog.agent.up: %v in %v", up, states)
	}
	if states["live.can_connect"] != 1 {
		s.t.Errorf("live.can_connect: %v in %v", states["live.can_connect"], states)
	}
	var events struct {
		Events []struct{ Title, Text, Host string }
	}
	s.call("GET", fmt.Sprintf("/api/ui/events?from=%d&to=%d", begin.UnixMilli(), time.Now().UnixMilli()), nil, &events)
	titles := map[string]string{}
	for _, e := range events.Events {
		titles[e.Title] += e.Text
	}
	if titles["live deploy"] != "line one\nline two" {
		s.t.Errorf("the client's event: got %v", titles)
	}
	if _, ok := titles["Agent Startup"]; !ok {
		s.t.Errorf("the agent's own event: got %v", titles)
	}
}

// wantNothingLost checks that what the agent sent during Whippet's absence is
// there once, as all before and after.
func (s *server) wantNothingLost(begin time.Time, sent float64) {
	s.t.Helper()
	// A bucket's samples are of its start, which may be before the test's.
	begin = begin.Add(-time.Minute)
	var rates map[int64]float64
	counted := func() (requests, latencies float64) {
		now := time.Now()
		rates = s.raw(`{__name__="live.requests"}`, begin, now)
		for _, rate := range rates {
			requests += 10 * rate
		}
		return math.Round(requests), s.sum("count:live.latency{*}.rollup(sum, 10)", begin, now)
	}
	deadline := time.Now().Add(backOff)
	for {
		requests, latencies := counted()
		if requests == sent && latencies == sent {
			break
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%v of each were sent, %v requests and %v latencies are there %s after Whippet is back", sent, requests, latencies, backOff)
		}
		time.Sleep(time.Second)
	}
	first := rates
	time.Sleep(70 * time.Second) // longer than the agent waits before it tries again
	if requests, latencies := counted(); requests != sent || latencies != sent {
		s.t.Errorf("%v of each were sent, later there are %v requests and %v latencies; rates were\n%v\nand are\n%v", sent, requests, latencies, first, rates)
	}
	loads := s.raw(`{__name__="system.load.1"}`, begin, time.Now())
	var times []int64
	for at := range loads {
		times = append(times, at)
	}
	slices.Sort(times)
	for i := 1; i < len(times); i++ {
		if gap := times[i] - times[i-1]; gap > 17 { // it runs every 15 s
			s.t.Errorf("system.load.1 has a gap of %d s at %s", gap, time.Unix(times[i-1], 0).UTC())
		}
	}
	if raw, err := json.Marshal(times); err == nil {
		s.t.Logf("%v values of each kind; system.load.1 at %s", sent, raw)
	}
}
