package metricsql

import (
	"context"
	"fmt"
	"math"
	"math/rand"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// benchFixture keeps a day of 10 s samples of 200 series of one metric over 20
// hosts, and a counter of each host.
func benchFixture(b *testing.B) *fixture {
	f := newFixture(b)
	r := rand.New(rand.NewSource(1))
	refs := make([]store.Ref, 220)
	for i := range refs {
		s := store.Series{Name: "m", Tags: store.NewTags([]string{fmt.Sprint("host:", i%20), fmt.Sprint("core:", i/20), fmt.Sprint("env:", i%5)})}
		if i >= 200 {
			s = store.Series{Name: "c_total", Tags: store.NewTags([]string{fmt.Sprint("host:", i-200)}), Kind: store.Cumulative}
		}
		ref, err := f.db.Intern(s)
		if err != nil {
			b.Fatal(err)
		}
		refs[i] = ref
	}
	totals := make([]float64, len(refs))
	for tick := 8640; tick > 0; tick -= 60 {
		var batch store.Batch
		for i, ref := range refs {
			for t := tick; t > tick-60; t-- {
				v := math.Round(1000*(50+20*math.Sin(float64(t)/500)+r.Float64())) / 1000
				if i >= 200 {
					totals[i] += float64(r.Intn(50))
					v = totals[i]
				}
				batch.Samples = append(batch.Samples, store.Sample{Ref: ref, Time: t0.UnixMilli() - int64(t)*10_000, Value: v})
			}
		}
		if _, err := f.db.Append(context.Background(), &batch); err != nil {
			b.Fatal(err)
		}
	}
	return f
}

// BenchmarkRange asks about a day of 200 series: the shapes of the goals in the
// project's performance page, a fiftieth as wide.
func BenchmarkRange(b *testing.B) {
	f := benchFixture(b)
	end := t0.UnixMilli()
	grid := func(hours, step int64, shift int64) query.Grid {
		return query.Grid{Start: end - hours*3_600_000 + shift, End: end + shift, Step: step}
	}
	for _, bb := range []struct {
		name, text string
		g          query.Grid
	}{
		{"one series 1h at 10s", `m{host="7",core="3"}`, grid(1, 10_000, 0)},
		{"one series 24h avg 5m", `avg_over_time(m{host="7",core="3"}[5m])`, grid(24, 300_000, 0)},
		{"avg by env 1h at 10s", `avg by (env) (m{core="3"})`, grid(1, 10_000, 0)},
		{"sum by host 6h at 1m", `sum by (host) (avg_over_time(m[1m]))`, grid(6, 60_000, 0)},
		{"avg of all 24h at 5m", `avg(avg_over_time(m[5m]))`, grid(24, 300_000, 0)},
		{"avg of all 24h at 5m unaligned", `avg(avg_over_time(m[5m]))`, grid(24, 300_000, 7_000)},
		{"avg of last values 24h at 5m", `avg(m)`, grid(24, 300_000, 0)},
		{"p95 over series 6h at 1m", `quantile(0.95, avg_over_time(m[1m]))`, grid(6, 60_000, 0)},
		{"p95 in time 6h at 5m", `quantile_over_time(0.95, m[5m])`, grid(6, 300_000, 0)},
		{"topk 24h at 5m", `topk(5, avg_over_time(m[5m]))`, grid(24, 300_000, 0)},
		{"rate 24h at 5m", `rate(c_total[5m])`, grid(24, 300_000, 0)},
		{"last value of all", `m`, query.Grid{Start: end, End: end, Step: 300_000}},
		{"count of all", `count(m)`, query.Grid{Start: end, End: end, Step: 300_000}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			var samples int64
			before := processorTime()
			for b.Loop() {
				frame, err := Range(context.Background(), f.engine, bb.text, bb.g, Options{NoCache: true})
				if err != nil {
					b.Fatal(err)
				}
				samples = frame.Stats.Samples
			}
			busy := float64(processorTime()-before) / float64(b.N)
			b.ReportMetric(busy/1e6, "cpu-ms/op")
			if samples > 0 {
				b.ReportMetric(busy/float64(samples), "cpu-ns/sample")
			}
		})
	}
}

// processorTime is what the process has used so far, of all its threads: unlike
// the clock, it is not lengthened by what else runs on the machine.
func processorTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
