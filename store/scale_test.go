package store

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/bench/fleet"
)

// cpu is the processor time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rss is the memory this process occupies, in bytes.
func rss(b *testing.B) float64 {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("needs /proc: ", err)
	}
	var total, resident float64
	if _, err := fmt.Sscan(string(raw), &total, &resident); err != nil {
		b.Fatal(err)
	}
	return resident * float64(os.Getpagesize())
}

// sender appends what a fleet sends, one host a batch, as agents do.
type sender struct {
	db     *DB
	hosts  []*fleet.Host
	refs   [][]Ref
	values []float64
	batch  Batch
	now    int64 // ms
}

func newSender(series int) *sender {
	s := &sender{now: fleet.Start}
	for n := 0; series > 0; n++ {
		h := fleet.NewHost(fleet.Fleet, 1, n)
		s.hosts = append(s.hosts, h)
		series -= len(h.Series())
	}
	s.refs = make([][]Ref, len(s.hosts))
	s.values = make([]float64, len(s.hosts[0].Series()))
	return s
}

func (s *sender) clock() time.Time { return time.UnixMilli(s.now) }

// tick sends one sample of every series.
func (s *sender) tick(b *testing.B) {
	b.Helper()
	for n, h := range s.hosts {
		if s.refs[n] == nil {
			for _, series := range h.Series() {
				ref, err := s.db.Intern(Series{Name: series.Name, Tags: series.Tags})
				if err != nil {
					b.Fatal(err)
				}
				s.refs[n] = append(s.refs[n], ref)
			}
		}
		at := h.Next(s.values)
		s.now = at
		s.batch.Samples = s.batch.Samples[:0]
		for i, v := range s.values {
			if v == v {
				s.batch.Samples = append(s.batch.Samples, Sample{s.refs[n][i], at, v})
			}
		}
		if _, err := s.db.Append(context.Background(), &s.batch); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScale registers series and gives each some samples, then kills the
// store (its folder is opened as it lies) and opens it again. Goals: below 15 µs
// of CPU per new series with 4 samples; below 350 B of memory per series; a count
// of a million below 300 ms; ready below 0.5 s with 100 k series of 65 samples,
// and below 3 s with a million.
func BenchmarkScale(b *testing.B) {
	for _, tt := range []struct{ series, ticks int }{{10_000, 180}, {100_000, 4}, {100_000, 65}, {1_000_000, 4}} {
		b.Run(fmt.Sprintf("series=%d/ticks=%d", tt.series, tt.ticks), func(b *testing.B) {
			for range b.N {
				dir := b.TempDir()
				s := newSender(tt.series)
				debug.FreeOSMemory()
				before, spent := rss(b), cpu()
				s.db = openTest(b, dir, Options{Now: s.clock})
				s.tick(b)
				for range tt.ticks - 1 {
					s.tick(b)
				}
				spent = cpu() - spent
				n := float64(tt.series)
				stats := s.db.Stats()
				b.ReportMetric(float64(spent.Nanoseconds())/n/float64(tt.ticks), "cpu-ns/sample")
				b.ReportMetric(float64(spent.Microseconds())/n, "cpu-µs/series")
				b.ReportMetric((rss(b)-before)/n, "B/series-at-once")
				debug.FreeOSMemory()
				b.ReportMetric((rss(b)-before)/n, "B/series")
				b.ReportMetric(float64(stats.LogBytes)/max(1, float64(stats.HeadSamples)), "log-B/sample")
				b.ReportMetric(float64(folderSize(b, dir))/n/float64(tt.ticks), "disk-B/sample")
				b.ReportMetric(float64(stats.Partitions), "partitions")

				began := cpu()
				if count, err := s.db.Count(context.Background(), Filter{}, s.now-60_000, s.now); err != nil || float64(count) < 0.95*n { // some skip a tick
					b.Fatalf("count: got %d (error %v) of %v", count, err, n)
				}
				b.ReportMetric(float64((cpu()-began).Microseconds())/1000, "count-ms")
				began = cpu()
				if found, err := s.db.Find(context.Background(), Filter{}, s.now-60_000, s.now, 0); err != nil || float64(len(found)) < 0.95*n {
					b.Fatalf("find: got %d (error %v) of %v", len(found), err, n)
				}
				b.ReportMetric(float64((cpu()-began).Microseconds())/1000, "find-ms")

				killed := b.TempDir()
				if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
					b.Fatal(err)
				}
				s.db.Close()
				debug.FreeOSMemory()
				began = cpu()
				start := time.Now()
				db := openTest(b, killed, Options{Now: s.clock})
				b.ReportMetric(float64((cpu()-began).Microseconds())/1000, "restart-cpu-ms")
				b.ReportMetric(float64(time.Since(start).Microseconds())/1000, "restart-ms")
				if got := db.Stats(); float64(got.Series) < 0.95*n {
					b.Fatalf("after a kill there are %d series, want %v", got.Series, n)
				}
				db.Close()
			}
		})
	}
}

func folderSize(b *testing.B, dir string) int64 {
	b.Helper()
	total := int64(0)
	for _, part := range []string{"log", "series", "partitions"} {
		entries, err := os.ReadDir(dir + "/" + part)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && !strings.HasSuffix(e.Name(), ".tmp") {
				total += info.Size()
			}
		}
	}
	return total
}
