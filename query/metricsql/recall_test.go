package metricsql

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// live is a store that samples come to while the same queries are asked again
// and again, as dashboards do.
type live struct {
	db     *store.DB
	engine *query.Engine
	rand   *rand.Rand
	now    int64 // ms
	series []*liveSeries
}

type liveSeries struct {
	ref      store.Ref
	interval int64 // ms
	jitter   bool
	next     int64
	total    float64
	counter  bool
}

func (l *live) add(t *rapid.T, name string) {
	n := len(l.series)
	s := &liveSeries{
		interval: rapid.SampledFrom([]int64{10_000, 15_000, 30_000, 60_000, 420_000}).Draw(t, "interval"),
		jitter:   rapid.Bool().Draw(t, "jitter"), counter: name == "c_total", next: l.now,
	}
	kind := store.Gauge
	if s.counter {
		kind = store.Cumulative
	}
	ref, err := l.db.Intern(store.Series{Name: name, Kind: kind, Tags: store.NewTags([]string{fmt.Sprint("host:", n%3), fmt.Sprint("n:", n)})})
	if err != nil {
		t.Fatal(err)
	}
	s.ref = ref
	l.series = append(l.series, s)
}

func (l *live) append(t *rapid.T, samples ...store.Sample) {
	if len(samples) == 0 {
		return
	}
	if _, err := l.db.Append(context.Background(), &store.Batch{Samples: samples}); err != nil {
		t.Fatal(err)
	}
}

// pass lets time go by, in which series send what they have to.
func (l *live) pass(t *rapid.T, ms int64) {
	l.now += ms
	var samples []store.Sample
	for _, s := range l.series {
		for ; s.next <= l.now; s.next += s.interval {
			v := float64(l.rand.Intn(9))
			if s.counter {
				if s.total += v; l.rand.Intn(40) == 0 {
					s.total = 0
				}
				v = s.total
			}
			at := s.next
			if s.jitter {
				at -= l.rand.Int63n(900)
			}
			samples = append(samples, store.Sample{Ref: s.ref, Time: at, Value: v})
		}
	}
	l.append(t, samples...)
}

// liveQueries are asked; each comes to leaves of another kind.
var liveQueries = []string{
	`m`, `sum(m) by (host)`, `avg_over_time(m[5m])`, `sum(sum_over_time(m[2m]))`, `max(max_over_time(m[90s])) by (host)`,
	`rate(c_total[2m])`, `sum(rate(c_total[5m])) by (host)`, `sum(increase(c_total[1m]))`, `irate(c_total)`, `sum(c_total)`,
	`sum(rate(c_total))`, `delta(m[3m])`, `quantile_over_time(0.5, m[4m])`, `count(m)`, `changes(m[10m])`, `last_over_time(m[7m] offset 3m)`,
	`sum(m{team="a"})`, `lag(m[5m])`, `deriv(m)`, `m default 3`,
}

func sameFrame(t *rapid.T, text string, got, want *query.Frame) {
	if len(got.Rows) != len(want.Rows) {
		t.Fatalf("%s: %d rows, want %d\n%v\n%v", text, len(got.Rows), len(want.Rows), got.Rows, want.Rows)
	}
	for i, w := range want.Rows {
		g := got.Rows[i]
		if g.Metric != w.Metric || !slices.Equal(g.Tags, w.Tags) || g.Last != w.Last {
			t.Fatalf("%s: row %d is %s%v %d, want %s%v %d", text, i, g.Metric, g.Tags, g.Last, w.Metric, w.Tags, w.Last)
		}
		for j, v := range w.Values {
			if x := g.Values[j]; x != v && !(math.IsNaN(x) && math.IsNaN(v)) && !(math.Abs(x-v) < 1e-9*math.Abs(v)) {
				t.Fatalf("%s: %v at step %d (%d) is %v, want %v\n%v\n%v", text, g.Tags, j, want.Grid.At(j), x, v, g.Values, w.Values)
			}
		}
	}
}

func TestWhatIsRememberedIsWhatIsComputed(t *testing.T) {
	hits, misses := int64(0), int64(0)
	memory := "/dev/shm" // hundreds of stores, of which the disk needs to keep nothing
	if _, err := os.Stat(memory); err != nil {
		memory = t.TempDir()
	}
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(memory, "store")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		db, err := store.Open(dir, store.Options{
			Now: func() time.Time { return t0 }, Log: slog.New(slog.DiscardHandler), Sync: func(*os.File) error { return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		l := &live{db: db, engine: query.New(db, query.Options{}), rand: rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed"))), now: t0.UnixMilli() - 13*3_600_000} // an hour before midnight
		for range 3 {
			l.add(t, "m")
			l.add(t, "c_total")
		}
		for range rapid.IntRange(2, 6).Draw(t, "begin") {
			l.pass(t, 600_000)
		}
		texts := rapid.SliceOfNDistinct(rapid.SampledFrom(liveQueries), 2, 4, rapid.ID[string]).Draw(t, "queries")
		step := rapid.SampledFrom([]int64{10_000, 20_000, 60_000, 300_000}).Draw(t, "step")
		length := rapid.SampledFrom([]int64{600_000, 1800_000, 5400_000}).Draw(t, "length")
		ask := func() {
			end := (l.now/step - int64(max(0, l.rand.Intn(12)-9))) * step // some ask for other ranges
			g := query.Grid{Start: end - length/step*step, End: end, Step: step}
			for _, text := range texts {
				got, err := Range(context.Background(), l.engine, text, g, Options{})
				if err != nil {
					t.Fatal(err)
				}
				want, err := Range(context.Background(), l.engine, text, g, Options{NoCache: true})
				if err != nil {
					t.Fatal(err)
				}
				sameFrame(t, text, got, want)
			}
		}
		ask()
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			switch rapid.IntRange(0, 11).Draw(t, "event") {
			case 0: // late
				s := rapid.SampledFrom(l.series).Draw(t, "series")
				at := l.now - int64(rapid.IntRange(0, 4000).Draw(t, "late"))*1000
				l.append(t, store.Sample{Ref: s.ref, Time: at, Value: 5})
			case 1: // a sender that comes late, in order
				s := rapid.SampledFrom(l.series).Draw(t, "series")
				s.next += int64(rapid.IntRange(0, 2000).Draw(t, "silence")) * 1000
			case 2: // and says then what it had to
				s := rapid.SampledFrom(l.series).Draw(t, "series")
				s.next -= int64(rapid.IntRange(0, 2000).Draw(t, "back")) * 1000
			case 3:
				from := l.now - int64(rapid.IntRange(0, 4000).Draw(t, "deleted"))*1000
				filter := store.Filter{Op: store.MatchTag, Value: "host:1"}
				if _, err := l.db.Delete(context.Background(), filter, from, from+int64(rapid.IntRange(0, 1000).Draw(t, "long"))*1000); err != nil {
					t.Fatal(err)
				}
			case 4:
				l.add(t, rapid.SampledFrom([]string{"m", "c_total"}).Draw(t, "name"))
			case 5:
				team := rapid.SampledFrom([]string{"team:a", "team:b"}).Draw(t, "team")
				err := l.db.Catalog().UpdateHost(context.Background(), "1", func(h *catalog.Host) {
					h.Tags = map[string][]string{"user": {team}}
				})
				if err != nil {
					t.Fatal(err)
				}
			case 6:
				if err := l.db.Seal(); err != nil {
					t.Fatal(err)
				}
			case 7: // and tiers are built
				if err := l.db.Settle(); err != nil {
					t.Fatal(err)
				}
			}
			l.pass(t, int64(rapid.IntRange(1, 150).Draw(t, "seconds"))*1000)
			ask()
		}
		hits += l.engine.Stats().CacheHits
		misses += l.engine.Stats().CacheMisses
	})
	if hits < misses/3 {
		t.Errorf("of %d questions only %d were answered from what is remembered", hits+misses, hits)
	}
}

// BenchmarkRefresh asks 20 questions about the last 6 hours of 1,000 series again,
// 10 seconds later, when each series has a sample more. The goal is 100 ms.
func BenchmarkRefresh(b *testing.B) {
	texts := []string{
		`avg(m)`, `avg(m) by (host)`, `max(m) by (host)`, `sum(m) by (env)`, `count(m) by (env)`,
		`avg_over_time(m{n="7"}[5m])`, `sum(avg_over_time(m[1m])) by (host)`, `max(max_over_time(m[1m]))`, `min(min_over_time(m[1m])) by (env)`, `topk(5, avg(m) by (host))`,
		`sum(rate(c_total[5m]))`, `sum(rate(c_total[5m])) by (host)`, `sum(increase(c_total[1m])) by (env)`, `avg(irate(c_total[1m])) by (host)`, `rate(c_total{n="1"}[5m])`,
		`sum(m) / count(m)`, `quantile(0.9, avg(m) by (n))`, `sum(rate(c_total[5m])) by (host) / 100`, `avg(m{env="1"}) by (host)`, `max(rate(c_total[2m])) by (env)`,
	}
	for _, cached := range []bool{true, false} {
		b.Run(fmt.Sprintf("cache=%v", cached), func(b *testing.B) {
			f := newFixture(b)
			refs, totals := make([]store.Ref, 1000), make([]float64, 1000)
			for i := range refs {
				s := store.Series{Name: "m", Tags: store.NewTags([]string{fmt.Sprint("host:", i%50), fmt.Sprint("n:", i/50), fmt.Sprint("env:", i%5)})}
				if i%2 == 1 {
					s.Name, s.Kind = "c_total", store.Cumulative
				}
				ref, err := f.db.Intern(s)
				if err != nil {
					b.Fatal(err)
				}
				refs[i] = ref
			}
			r, now := rand.New(rand.NewSource(1)), t0.UnixMilli()-12*3_600_000
			send := func(ticks int) {
				var batch store.Batch
				for range ticks {
					now += 10_000
					for i, ref := range refs {
						totals[i] += float64(r.Intn(50))
						v := totals[i]
						if i%2 == 0 {
							v = float64(r.Intn(1000)) / 10
						}
						batch.Samples = append(batch.Samples, store.Sample{Ref: ref, Time: now, Value: v})
					}
				}
				if _, err := f.db.Append(context.Background(), &batch); err != nil {
					b.Fatal(err)
				}
			}
			for range 60 {
				send(36)
			}
			refresh := func() {
				end := now / 60_000 * 60_000
				g := query.Grid{Start: end - 6*3_600_000, End: end, Step: 60_000}
				for _, text := range texts {
					if _, err := Range(context.Background(), f.engine, text, g, Options{NoCache: !cached}); err != nil {
						b.Fatal(err)
					}
				}
			}
			refresh()
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				send(1)
				b.StartTimer()
				refresh()
			}
			s := f.engine.Stats()
			b.ReportMetric(100*float64(s.CacheHits)/float64(max(1, s.CacheHits+s.CacheMisses)), "%hits")
		})
	}
}
