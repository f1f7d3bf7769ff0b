package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// peer is a server that can be measured, and how it is run.
type peer struct {
	name    string
	command func(dir, addr string) []string
	ready   string            // answers 200 when it serves
	query   string            // of the Prometheus query API, before /api/v1
	uncache string            // parameter that keeps a query from cached results
	doors   map[format]string // where each format goes
	flush   []string          // POSTed, or GET with "GET " before it, for data to settle
}

func newPeer(name, whippet string) (*peer, error) {
	switch name {
	case "whippet":
		if _, err := os.Stat(whippet); err != nil {
			return nil, fmt.Errorf("%w: run make build", err)
		}
		return &peer{
			name: name,
			command: func(dir, addr string) []string {
				return []string{whippet, "serve", "--data-dir", dir, "--http", addr, "--statsd", "", "--traces", "", "--host-metrics=false", "--log-level", "warn"}
			},
			ready: "/readyz", query: "/prometheus", uncache: "nocache=1",
			doors: map[format]string{remoteWrite: "/api/v1/write", datadogV1: "/api/v1/series", datadogV2: "/api/v2/series"},
			flush: []string{"/debug/whippet/settle"},
		}, nil
	case "victoria-metrics":
		return &peer{
			name: name,
			command: func(dir, addr string) []string {
				return []string{"victoria-metrics", "-storageDataPath", dir, "-httpListenAddr", addr, "-retentionPeriod", "10y", "-search.latencyOffset", "0s", "-loggerLevel", "ERROR"}
			},
			ready: "/health", uncache: "nocache=1",
			doors: map[format]string{remoteWrite: "/api/v1/write", datadogV1: "/datadog/api/v1/series"},
			flush: []string{"/internal/force_flush", "/internal/force_merge"},
		}, nil
	case "prometheus":
		return &peer{
			name: name,
			command: func(dir, addr string) []string {
				return []string{"prometheus", "--storage.tsdb.path", dir, "--web.listen-address", addr, "--config.file", filepath.Join(dir, "prometheus.yml"),
					"--web.enable-remote-write-receiver", "--log.level", "error"}
			},
			ready: "/-/ready",
			doors: map[format]string{remoteWrite: "/api/v1/write"},
		}, nil
	}
	return nil, fmt.Errorf("there is no server %q", name)
}

// server is a peer that runs.
type server struct {
	*peer
	dir  string
	addr string
	cmd  *exec.Cmd
	done chan error
	log  *os.File
}

// start runs the peer on a data folder, and waits until it serves.
func (p *peer) start(ctx context.Context, dir string) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{peer: p, dir: dir, addr: listener.Addr().String()}
	listener.Close()
	return s, s.restart(ctx)
}

// restart runs a stopped server again.
func (s *server) restart(ctx context.Context) (err error) {
	if s.name == "prometheus" {
		if err := os.WriteFile(filepath.Join(s.dir, "prometheus.yml"), nil, 0o644); err != nil {
			return err
		}
	}
	if s.log, err = os.Create(filepath.Join(filepath.Dir(s.dir), s.name+".log")); err != nil {
		return err
	}
	args := s.command(s.dir, s.addr)
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	s.done = make(chan error, 1)
	go func() { s.done <- s.cmd.Wait() }()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		select {
		case err := <-s.done:
			s.done <- err
			return fmt.Errorf("%s ended: %v: %s", s.name, err, s.said())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), s.stop())
		case <-time.After(2 * time.Millisecond):
		}
		if status, _, err := s.get(s.ready); err == nil && status == http.StatusOK {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("%s does not serve", s.name), s.stop())
}

// said is the end of what the server printed.
func (s *server) said() string {
	b, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-500):])
}

// stop ends the server and waits for it.
func (s *server) stop() error {
	if s.cmd == nil {
		return nil
	}
	s.cmd.Process.Signal(os.Interrupt)
	select {
	case <-s.done:
	case <-time.After(time.Minute):
		s.kill()
		return fmt.Errorf("%s did not stop within a minute", s.name)
	}
	s.cmd = nil
	return s.log.Close()
}

// kill ends the server as a crash would.
func (s *server) kill() {
	s.cmd.Process.Kill()
	<-s.done
	s.cmd = nil
	s.log.Close()
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}, Timeout: 10 * time.Minute}

func (s *server) get(path string) (status int, body []byte, err error) {
	response, err := client.Get("http://" + s.addr + path)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// settle lets the server write out and merge what it has, until it has been calm
// for as long as given.
func (s *server) settle(ctx context.Context, calm time.Duration) error {
	for _, path := range s.flush {
		response, err := client.Post("http://"+s.addr+path, "", nil)
		if err != nil {
			return err
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode/100 != 2 {
			return fmt.Errorf("%s: %s answers %s", s.name, path, response.Status)
		}
	}
	// What a server does later, such as merging, is waited for within reason.
	for quiet, waited := time.Duration(0), 0; quiet < calm && waited < 180; waited++ {
		before := s.cpu()
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		if quiet += time.Second; s.cpu()-before > 100*time.Millisecond {
			quiet = 0
		}
	}
	return nil
}

// cpu is the processor time that the server has used.
func (s *server) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	// The second field is a name that may hold anything; after it come 11 fields
	// and then user and system time in ticks of 10 ms.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// cpuNow is cpu to the nanosecond, without threads that have ended.
func (s *server) cpuNow() (total time.Duration) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.cmd.Process.Pid))
	for _, task := range tasks {
		stat, err := os.ReadFile(task)
		if err != nil {
			continue
		}
		ran, _, _ := strings.Cut(string(stat), " ")
		ns, _ := strconv.ParseInt(ran, 10, 64)
		total += time.Duration(ns)
	}
	return total
}

// memory reads a field of /proc/PID/status, such as VmRSS, in bytes.
func (s *server) memory(field string) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// resetPeak forgets the greatest RSS so far.
func (s *server) resetPeak() {
	os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0)
}

// disk is how many bytes of the disk the data folder takes.
func (s *server) disk() (total int64) {
	filepath.Walk(s.dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			total += blocks(info)
		}
		return nil
	})
	return total
}
