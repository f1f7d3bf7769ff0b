// Command peers measures Whippet beside VictoriaMetrics and Prometheus: the
// same load, made by package fleet, through each server's own door, on this
// machine, in one run. It prints tables in Markdown.
//
//	go run ./bench/peers -scale quick
//
// A server's CPU is what /proc/PID/stat says, its memory /proc/PID/status. Load
// is encoded before the clock starts. Client and server share the machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/whippet-obs/whippet/bench/fleet"
)

// scale is how much of everything is measured.
type scale struct {
	ticks      int   // of 10 s, of the loads that ingestion is measured with
	churnTicks int   // of the load whose series live for 6 samples
	dayHosts   int   // whose day is loaded for disk and queries
	memory     []int // hosts of 200 series each, for RSS per series
	killHosts  int   // hosts that send when the server is killed
	killAfter  time.Duration
	settle     time.Duration // that a server is given to calm down
	rest       time.Duration // from the last sample until memory is read
	rounds     int           // of each question and client
}

var scales = map[string]scale{
	"quick": {ticks: 18, churnTicks: 12, dayHosts: 5, memory: []int{100}, killHosts: 100, killAfter: 3 * time.Second, settle: 2 * time.Second, rest: 5 * time.Second, rounds: 3},
	"full":  {ticks: 180, churnTicks: 90, dayHosts: 50, memory: []int{500, 5000}, killHosts: 500, killAfter: 8 * time.Second, settle: 10 * time.Second, rest: 20 * time.Second, rounds: 9},
}

// ingestHosts send the loads that ingestion is measured with: 10,000 series.
const ingestHosts = 50

func main() {
	log.SetFlags(log.Ltime)
	name := flag.String("scale", "quick", "how much is measured: quick (about 3 minutes) or full (more than an hour)")
	whippet := flag.String("whippet", "bin/whippet", "the whippet `binary`")
	servers := flag.String("servers", "whippet,victoria-metrics,prometheus", "comma-separated servers to measure")
	parts := flag.String("parts", "ingest,day,memory,kill", "comma-separated parts to run: ingest, day (disk and queries), memory, kill")
	dir := flag.String("dir", "", "`folder` for the servers' data, emptied afterwards; default: a new one under $TMPDIR")
	flag.Parse()
	s, ok := scales[*name]
	if !ok || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s, *whippet, strings.Split(*servers, ","), strings.Split(*parts, ","), *dir); err != nil {
		stop()
		log.Fatal(err)
	}
}

func run(ctx context.Context, s scale, whippet string, names, parts []string, dir string) (err error) {
	if dir, err = os.MkdirTemp(dir, "peers"); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	whippet, err = filepath.Abs(whippet)
	if err != nil {
		return err
	}
	var peers []*peer
	for _, name := range names {
		p, err := newPeer(name, whippet)
		if err != nil {
			return err
		}
		peers = append(peers, p)
	}
	b := &bench{scale: s, peers: peers, dir: dir}
	fmt.Println(machine())
	for _, part := range parts {
		measure := map[string]func(context.Context) error{"ingest": b.ingest, "day": b.day, "memory": b.memory, "kill": b.kill}[part]
		if measure == nil {
			return fmt.Errorf("there is no part %q", part)
		}
		if err := measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return nil
}

// bench is one run.
type bench struct {
	scale scale
	peers []*peer
	dir   string // for data folders
}

// with runs measure on a fresh server, and stops it.
func (b *bench) with(ctx context.Context, p *peer, measure func(*server) error) error {
	dir, err := os.MkdirTemp(b.dir, p.name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := p.start(ctx, dir)
	if err != nil {
		return err
	}
	err = measure(s)
	return errors.Join(err, s.stop())
}

// machine says what ran, for the head of the tables.
func machine() string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	versions := ""
	if out, err := exec.Command("dpkg-query", "-W", "-f", "${Package} ${Version}; ", "victoria-metrics", "prometheus").Output(); err == nil {
		versions = string(out)
	}
	return fmt.Sprintf("%d x %s, %s/%s. %s%s.\n", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, versions, time.Now().UTC().Format("2006-01-02 15:04 UTC"))
}

// shift moves the fleet's times so that a load of so many ticks ends a minute ago.
func shift(ticks int) int64 {
	last := fleet.Start + int64(ticks)*fleet.Interval
	ahead := time.Now().Add(-time.Minute).UnixMilli() - last
	return ahead - ahead%fleet.Interval
}
