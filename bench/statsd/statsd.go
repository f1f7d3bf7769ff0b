// Command statsd measures a DogStatsD server under a steady load: how many
// messages a second it takes without loss, and what a message costs in CPU.
//
//	go build -o bin/whippet ./cmd/whippet
//	go run ./bench/statsd -whippet bin/whippet            # search the highest loss-free rate
//	go run ./bench/statsd -whippet bin/whippet -rate 1.6  # one run at 1.6 M messages a second
//	go run ./bench/statsd -whippet bare -packet 1         # what any receiver could take
//
// It starts the server as a process of its own on loopback, with a data folder
// that is thrown away, sends packets of tagged counters at an even pace, and
// asks the server what arrived. Lost is what was sent and not counted by the
// server as a value, wherever it went missing.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == bareCommand {
		if err := receive(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, "statsd:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "statsd:", err)
		os.Exit(1)
	}
}

// settings is what the command line says.
type settings struct {
	whippet  string
	rate     float64 // million messages a second; 0: search
	duration time.Duration
	allowed  float64
	load     load
}

func run(ctx context.Context) error {
	var s settings
	flag.StringVar(&s.whippet, "whippet", "bin/whippet", "the server's `executable`; bare: a receiver that only counts lines")
	flag.Float64Var(&s.rate, "rate", 0, "million messages a second of one run; 0: search the highest loss-free rate")
	flag.DurationVar(&s.duration, "duration", 5*time.Second, "how long each run sends")
	flag.Float64Var(&s.allowed, "allowed", 0.0001, "share of messages that may be lost and still count as no loss")
	flag.IntVar(&s.load.contexts, "contexts", 1000, "distinct names and tags")
	flag.IntVar(&s.load.packet, "packet", 1432, "bytes of a packet at most; 1: a message each")
	flag.IntVar(&s.load.sockets, "sockets", 4, "sockets that send, in turns")
	flag.StringVar(&s.load.kind, "type", "c", "type of the messages: c, g, h, ms, d")
	flag.Parse()

	packets := s.load.packets()
	fmt.Printf("%d contexts, %d packets of up to %d bytes, %s each\n", s.load.contexts, len(packets.bytes), s.load.packet, s.duration)
	fmt.Println("   offered      sent       lost    share   kernel   server CPU  RSS")
	if s.rate > 0 {
		r, err := s.measure(ctx, packets, s.rate*1e6)
		if err == nil {
			fmt.Println(r)
		}
		return err
	}
	// Double until something is lost or the sender is at its end, then halve
	// the distance.
	low, high := 0.0, 0.0
	for rate := 200e3; high == 0; rate *= 2 {
		r, err := s.measure(ctx, packets, rate)
		if err != nil {
			return err
		}
		fmt.Println(r)
		switch {
		case r.share() > s.allowed:
			high = rate
		case r.sent() < 0.97*rate:
			fmt.Printf("no loss at %.0f k/s, which is all that this sender can send\n", r.sent()/1e3)
			return nil
		default:
			low = rate
		}
	}
	for high-low > 0.05*high {
		rate := (low + high) / 2
		r, err := s.measure(ctx, packets, rate)
		if err != nil {
			return err
		}
		fmt.Println(r)
		if r.share() > s.allowed || r.sent() < 0.97*rate {
			high = rate
		} else {
			low = rate
		}
	}
	fmt.Printf("highest loss-free rate: %.0f k/s\n", low/1e3)
	return nil
}

// result is one run.
type result struct {
	offered  float64
	duration time.Duration // of sending
	messages uint64        // sent
	taken    uint64        // counted by the server
	kernel   uint64        // datagrams the kernel dropped
	cpu      time.Duration // of the server, from the first packet to the last flush
	rss      int64
}

func (r *result) sent() float64  { return float64(r.messages) / r.duration.Seconds() }
func (r *result) share() float64 { return 1 - float64(r.taken)/float64(r.messages) }

func (r *result) String() string {
	return fmt.Sprintf("%8.0f k/s %6.0f k/s %10d %7.3f%% %8d %7.3f us/msg %4d MB", r.offered/1e3, r.sent()/1e3, int64(r.messages)-int64(r.taken), 100*r.share(), r.kernel,
		float64(r.cpu.Microseconds())/float64(max(1, r.taken)), r.rss>>20)
}

// measure starts a server, sends at a rate (messages a second), and stops it.
func (s *settings) measure(ctx context.Context, packets *packets, rate float64) (*result, error) {
	folder, err := os.MkdirTemp("", "whippet-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	server, err := start(ctx, s.whippet, folder)
	if err != nil {
		return nil, err
	}
	defer server.stop()

	// Contexts are made at first sight; what is measured is what comes after.
	if _, _, err := packets.send(server.statsd, s.load.sockets, 50e3, time.Second/2); err != nil {
		return nil, err
	}
	if err := server.settle(ctx); err != nil {
		return nil, err
	}
	before, err := server.look(ctx)
	if err != nil {
		return nil, err
	}
	messages, took, err := packets.send(server.statsd, s.load.sockets, rate, s.duration)
	if err != nil {
		return nil, err
	}
	if err := server.settle(ctx); err != nil {
		return nil, err
	}
	after, err := server.look(ctx)
	if err != nil {
		return nil, err
	}
	return &result{
		offered: rate, duration: took, messages: messages, taken: after.Metrics - before.Metrics,
		kernel: after.KernelDrops - before.KernelDrops, cpu: after.cpu - before.cpu, rss: after.rss,
	}, nil
}

// server is a running whippet.
type server struct {
	process      *exec.Cmd
	statsd, http string
}

func start(ctx context.Context, executable, folder string) (*server, error) {
	statsd, err := freePort("udp")
	if err != nil {
		return nil, err
	}
	web, err := freePort("tcp")
	if err != nil {
		return nil, err
	}
	s := &server{statsd: statsd, http: web}
	if executable == "bare" {
		if executable, err = os.Executable(); err != nil {
			return nil, err
		}
		s.process = exec.Command(executable, bareCommand, statsd, web)
	} else {
		s.process = exec.Command(executable, "serve", "--data-dir", filepath.Join(folder, "data"), "--statsd", statsd, "--http", web, "--traces", "", "--host-metrics=false", "--log-level", "error")
	}
	s.process.Stderr = os.Stderr
	if err := s.process.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	for range 100 {
		if _, err = s.look(ctx); err == nil {
			return s, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.stop()
	return nil, fmt.Errorf("the server does not answer: %w", err)
}

func (s *server) stop() {
	s.process.Process.Signal(syscall.SIGTERM)
	s.process.Wait()
}

// freePort finds an address that nobody listens on.
func freePort(network string) (string, error) {
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		defer c.Close()
		return c.LocalAddr().String(), nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// seen is what a server has seen and used.
type seen struct {
	Metrics, KernelDrops uint64
	cpu                  time.Duration
	rss                  int64
}

func (s *server) look(ctx context.Context) (seen, error) {
	var v seen
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.http+"/debug/whippet/dogstatsd", nil)
	if err != nil {
		return v, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return v, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&v); err != nil {
		return v, fmt.Errorf("read the server's counts: %w", err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.Process.Pid))
	if err != nil {
		return v, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	pages, _ := strconv.ParseInt(fields[21], 10, 64)
	v.cpu = time.Duration(user+system) * (time.Second / 100)
	v.rss = pages * int64(os.Getpagesize())
	return v, nil
}

// settle waits until nothing more arrives and the bucket has been flushed.
func (s *server) settle(ctx context.Context) error {
	last, quiet := uint64(0), 0
	for range 600 {
		v, err := s.look(ctx)
		if err != nil {
			return err
		}
		if v.Metrics != last {
			last, quiet = v.Metrics, 0
		} else if quiet++; quiet > 5 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("messages still arrive after 30 s")
}
