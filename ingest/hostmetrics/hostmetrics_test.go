package hostmetrics

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// measured is what two rounds of a collector delivered.
type measured struct {
	series []wireSeries
	checks []wireCheck
	host   map[string]any
}

// measure runs two rounds, 10 s apart by the collector's clock.
func measure(t *testing.T, c Config) measured {
	t.Helper()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var m measured
	c.Log, c.Now = quiet, func() time.Time { return now }
	c.Deliver = func(_ context.Context, path string, body []byte) error {
		var into any
		var series struct{ Series []wireSeries }
		switch path {
		case "/intake/":
			into = &m.host
		case "/api/v1/check_run":
			into = &m.checks
		default:
			into = &series
		}
		if err := json.Unmarshal(body, into); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		m.series = append(m.series, series.Series...)
		return nil
	}
	collector := New(c)
	for range 2 {
		if err := collector.round(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		now = now.Add(Interval)
		time.Sleep(100 * time.Millisecond) // the kernel's counters have some ticks to grow
	}
	return m
}

func (m measured) last(name string, tags ...string) (wireSeries, bool) {
	for _, s := range slices.Backward(m.series) {
		if s.Metric == name && !slices.ContainsFunc(tags, func(tag string) bool { return !slices.Contains(s.Tags, tag) }) {
			return s, true
		}
	}
	return wireSeries{}, false
}

func TestThisMachineIsMeasuredUnderTheAgentsNames(t *testing.T) {
	m := measure(t, Config{Host: "web-1", Tags: []string{"env:test"}, Version: "whippet test"})
	names := []string{
		"system.cpu.num_cores", "system.load.1", "system.load.norm.15", "system.mem.total", "system.mem.usable", "system.mem.pct_usable",
		"system.swap.total", "system.swap.pct_free", "system.uptime",
	}
	if runtime.GOOS == "linux" {
		names = append(names, "system.cpu.user", "system.cpu.idle", "system.cpu.iowait", "system.core.user", "system.net.bytes_rcvd", "system.net.packets_in.count",
			"system.fs.file_handles.used", "system.fs.file_handles.max", "system.cpu.context_switches", "system.net.tcp.current_established")
	}
	for _, name := range names {
		s, ok := m.last(name)
		if !ok {
			t.Errorf("%s was not measured", name)
			continue
		}
		if s.Host != "web-1" || s.Source != "System" || s.Points[0][1] < 0 || math.Mod(s.Points[0][0], 10) != 0 {
			t.Errorf("%s: got %+v", name, s)
		}
	}
	if cores, _ := m.last("system.cpu.num_cores"); int(cores.Points[0][1]) != runtime.NumCPU() && runtime.GOOS == "linux" {
		t.Logf("%v cores measured, %d usable", cores.Points[0][1], runtime.NumCPU())
	}
	if len(m.checks) != 1 || m.checks[0].Check != "datadog.agent.up" || m.checks[0].Status != 0 {
		t.Errorf("checks: got %+v, want datadog.agent.up", m.checks)
	}
	if m.host["internalHostname"] != "web-1" || m.host["agentVersion"] != "whippet test" || fmt.Sprint(m.host["host-tags"]) != "map[system:[env:test]]" {
		t.Errorf("host metadata: got %v", m.host)
	}
	var gohai struct{ Memory, CPU map[string]string }
	if text, ok := m.host["gohai"].(string); !ok || json.Unmarshal([]byte(text), &gohai) != nil || gohai.Memory["total"] == "" {
		t.Errorf("gohai: got %v", m.host["gohai"])
	}
}

func TestSharesOfAProcessorAddUp(t *testing.T) {
	m := measure(t, Config{Host: "web-1"})
	sum := 0.0
	for _, part := range []string{"user", "system", "idle", "iowait", "stolen", "guest"} {
		s, ok := m.last("system.cpu." + part)
		if !ok {
			t.Skip("two looks at the processors within one tick of the kernel")
		}
		sum += s.Points[0][1]
	}
	if math.Abs(sum-100) > 0.5 {
		t.Errorf("the shares add up to %v %%", sum)
	}
}

func TestRatesNeedTwoLooksCloseTogether(t *testing.T) {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var c counters
	steps := []struct {
		at    time.Duration
		total float64
		want  []float64
	}{
		{0, 100, nil},                         // first sight
		{10 * time.Second, 150, []float64{5}}, // 50 in 10 s
		{20 * time.Second, 20, nil},           // started over
		{30 * time.Second, 40, []float64{2}},
		{10 * time.Minute, 1000, nil}, // the machine slept
		{11 * time.Minute, 1000, nil}, // too far apart again
		{11*time.Minute + 20*time.Second, 1100, []float64{5}},
	}
	for _, step := range steps {
		r := report{at: start.Add(step.at), counters: &c}
		c.begin(r.at)
		r.rate("m", step.total)
		c.end()
		var got []float64
		for _, p := range r.points {
			got = append(got, p.value)
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("after %v: got %v, want %v", step.at, got, step.want)
		}
	}
}

func TestProcessesAreWatchedByName(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(self)
	m := measure(t, Config{Host: "web-1", Processes: []string{name, "no-such-process"}})
	number, _ := m.last("system.processes.number", "process_name:"+name)
	rss, _ := m.last("system.processes.mem.rss", "process_name:"+name)
	if number.Points[0][1] < 1 || rss.Points[0][1] < 1<<20 {
		t.Errorf("this process: got number %v and memory %v", number.Points, rss.Points)
	}
	if none, ok := m.last("system.processes.number", "process_name:no-such-process"); !ok || none.Points[0][1] != 0 {
		t.Errorf("a process that does not run: got %+v, want a 0", none)
	}
}

// fakeSMI answers as nvidia-smi does for a card that has no fan.
const fakeSMI = `#!/bin/sh
case "$1" in
--query-gpu=*) echo '0, GPU-5f6c, NVIDIA H100 80GB HBM3, 37, 12, 81559, 1024, 80535, 41, 120.33, 700.00, 1980, 2619, [N/A]' ;;
--query-compute-apps=*) echo 'GPU-5f6c, 4242, /usr/bin/python3, 812' ;;
*) echo "unknown option $1" >&2; exit 2 ;;
esac
`

func TestGPUsAreReadFromNvidiaSMI(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte(fakeSMI), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	m := measure(t, Config{Host: "trainer"})
	for name, want := range map[string]float64{
		"gpu.utilization": 37, "gpu.memory.usage": 1 << 30, "gpu.memory.limit": 81559 << 20, "gpu.temperature": 41,
		"gpu.power.usage": 120.33, "gpu.clock_speed.sm": 1980e6,
	} {
		s, ok := m.last(name, "gpu:0", "gpu_uuid:GPU-5f6c", "gpu_device:NVIDIA H100 80GB HBM3")
		if !ok || s.Points[0][1] != want {
			t.Errorf("%s: got %+v, want %v", name, s, want)
		}
	}
	if s, ok := m.last("gpu.process.memory.usage", "process_name:python3", "pid:4242", "gpu:0"); !ok || s.Points[0][1] != 812<<20 {
		t.Errorf("memory of a process: got %+v", s)
	}
	if _, ok := m.last("gpu.fan_speed"); ok {
		t.Error("a fan that the card does not have was measured")
	}
}

func TestUnreachablePostgresIsCritical(t *testing.T) {
	m := measure(t, Config{Host: "web-1", Postgres: []string{"postgres://me@127.0.0.1:1/shop?sslmode=disable&connect_timeout=2"}})
	i := slices.IndexFunc(m.checks, func(c wireCheck) bool { return c.Check == "postgres.can_connect" })
	if i < 0 || m.checks[i].Status != 2 || !slices.Contains(m.checks[i].Tags, "db:shop") || m.checks[i].Message == "" {
		t.Errorf("got checks %+v, want postgres.can_connect critical with db:shop", m.checks)
	}
	if _, ok := m.last("system.load.1"); !ok {
		t.Error("the rest was not measured")
	}
}
