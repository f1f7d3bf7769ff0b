package store

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/bench/fleet"
)

// cpuTime is what this process has used so far; on a busy machine it tells more
// than the clock does.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// dayOfFleet is a store with the day before start of some hosts' 200 series
// each, every 10 s.
func dayOfFleet(b *testing.B, hosts int) (db *DB, from, to int64) {
	to = floorTo(start.UnixMilli(), day) - 1
	from = to + 1 - day
	db = openTest(b, b.TempDir(), Options{})
	for request := range fleet.Requests(fleet.Fleet, 1, hosts, 8640, fleet.Shape{Hosts: 1, Ticks: 720}) {
		var batch Batch
		for _, p := range request {
			ref, err := db.Intern(Series{Name: p.Series.Name, Tags: NewTags(p.Series.Tags)})
			if err != nil {
				b.Fatal(err)
			}
			for i, at := range p.Times {
				batch.Samples = append(batch.Samples, Sample{ref, from + at - fleet.Start, p.Values[i]})
			}
		}
		if _, err := db.Append(context.Background(), &batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Settle(); err != nil {
		b.Fatal(err)
	}
	return db, from, to
}

// The average of 2,000 series over 24 h by 5 minutes must take at most 30 ms of
// two cores when read from raw samples, and 6 ms from the tier.
func BenchmarkAggregateDay(b *testing.B) {
	db, from, to := dayOfFleet(b, 10)
	s := db.Stats()
	b.Logf("%d bytes in files", s.DiskBytes-s.LogBytes)
	for _, c := range []struct {
		name  string
		width int64
		edge  Edge
		want  Want
	}{
		{"raw 1m avg", 60_000, LeftClosed, WantSum}, {"raw 4m avg", 4 * 60_000, LeftClosed, WantSum},
		{"raw 4m max", 4 * 60_000, LeftClosed, WantMax}, {"raw 4m usual", 4 * 60_000, LeftClosed, WantUsual},
		{"tier 5m avg", fiveMinutes, LeftClosed, WantSum}, {"tier 5m usual", fiveMinutes, RightClosed, WantUsual},
		{"tier 1h avg", oneHour, LeftClosed, WantSum},
	} {
		b.Run(c.name, func(b *testing.B) {
			n := 0
			began := cpuTime()
			for b.Loop() {
				set, err := db.Select(context.Background(), Selector{From: from, To: to})
				if err != nil {
					b.Fatal(err)
				}
				n = len(set.Series)
				var next atomic.Int64
				var group sync.WaitGroup
				for range runtime.GOMAXPROCS(0) {
					group.Go(func() {
						buckets := Buckets{Want: c.want}
						for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
							if err := set.Aggregate(i, c.width, c.edge, &buckets); err != nil {
								panic(err)
							}
						}
					})
				}
				group.Wait()
				set.Close()
			}
			used := float64(cpuTime() - began)
			b.ReportMetric(used/float64(b.N)/float64(n*8640), "cpu-ns/sample")
			b.ReportMetric(used/float64(b.N)/float64(n), "cpu-ns/series")
		})
	}
}

// Reading 24 h of samples, to hold the above against.
func BenchmarkReadDay(b *testing.B) {
	db, from, to := dayOfFleet(b, 1)
	set, err := db.Select(context.Background(), Selector{From: from, To: to})
	if err != nil {
		b.Fatal(err)
	}
	defer set.Close()
	var c Columns
	n := 0
	for b.Loop() {
		n = 0
		for i := range set.Series {
			if err := set.Read(i, &c); err != nil {
				b.Fatal(err)
			}
			n += len(c.Times)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/sample")
}

// p99 of 1,000 distributions over 30 days by the hour must take well under a
// second of two cores.
func BenchmarkPercentileMonth(b *testing.B) {
	const series, days = 100, 30
	now := start
	db := openTest(b, b.TempDir(), Options{Now: func() time.Time { return now }, Retention: 40 * 24 * time.Hour})
	to := floorTo(start.UnixMilli(), oneHour)
	from := to - days*day
	for i := range series {
		ref, err := db.Intern(Series{Name: "d", Tags: Tags{fmt.Sprint("n:", i)}, Kind: Distribution})
		if err != nil {
			b.Fatal(err)
		}
		values := fleet.Column(fleet.Latency, uint64(i), days*24*6*20)
		var batch Batch
		for at := from; at < to; at += 600_000 { // every 10 minutes, 20 values
			sk := sketchOf(values[0])
			for _, v := range values[:20] {
				sk.Add(v, 1)
			}
			values = values[20:]
			batch.Sketches = append(batch.Sketches, SketchSample{ref, at, sk})
		}
		if _, err := db.Append(context.Background(), &batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Settle(); err != nil {
		b.Fatal(err)
	}
	set, err := db.Select(context.Background(), Selector{From: from, To: to - 1})
	if err != nil {
		b.Fatal(err)
	}
	defer set.Close()
	for _, width := range []int64{oneHour, day} {
		b.Run(fmt.Sprint(time.Duration(width)*time.Millisecond), func(b *testing.B) {
			began := cpuTime()
			for b.Loop() {
				var group sync.WaitGroup
				var next atomic.Int64
				for range runtime.GOMAXPROCS(0) {
					group.Go(func() {
						buckets := Buckets{Want: WantSketches}
						for i := int(next.Add(1)) - 1; i < series; i = int(next.Add(1)) - 1 {
							if err := set.Aggregate(i, width, LeftClosed, &buckets); err != nil {
								panic(err)
							}
						}
					})
				}
				group.Wait()
			}
			b.ReportMetric(float64(cpuTime()-began)/float64(b.N)/series/1e6*1000, "cpu-ms/1000series")
		})
	}
}
