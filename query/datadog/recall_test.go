package datadog

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
	"github.com/whippet-obs/whippet/store/sketch"
)

// sender sends a series while the same questions are asked again and again.
type sender struct {
	ref      store.Ref
	kind     store.Kind
	interval int64
	next     int64
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
		engine := query.New(db, query.Options{})
		r := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed")))
		now := t0.UnixMilli() - 13*3_600_000 // an hour before midnight
		var senders []*sender
		add := func() {
			n := len(senders)
			kind := []store.Kind{store.Gauge, store.Count, store.Rate, store.Distribution}[n%4]
			s := &sender{kind: kind, interval: []int64{10_000, 20_000, 60_000, 240_000}[r.Intn(4)], next: now}
			series := store.Series{Name: []string{"gauge", "count", "rate", "dist"}[n%4], Kind: kind, Tags: store.NewTags([]string{fmt.Sprint("n:", n), "host:" + string(rune('a'+n/4%3)), "env:" + []string{"prod", "test"}[n%2]})}
			if kind != store.Gauge {
				series.Interval = s.interval
			}
			if s.ref, err = db.Intern(series); err != nil {
				t.Fatal(err)
			}
			senders = append(senders, s)
		}
		keep := func(b *store.Batch, s *sender, at int64) {
			v := float64(r.Intn(20))
			if s.kind == store.Distribution {
				made := new(sketch.Sketch)
				made.Add(v, 1)
				b.Sketches = append(b.Sketches, store.SketchSample{Ref: s.ref, Time: at, Sketch: made})
				return
			}
			b.Samples = append(b.Samples, store.Sample{Ref: s.ref, Time: at, Value: v})
		}
		send := func(b *store.Batch) {
			if _, err := db.Append(context.Background(), b); err != nil {
				t.Fatal(err)
			}
		}
		pass := func(ms int64) {
			now += ms
			var b store.Batch
			for _, s := range senders {
				for ; s.next <= now; s.next += s.interval {
					keep(&b, s, s.next)
				}
			}
			send(&b)
		}
		for range 8 {
			add()
		}
		for range 6 {
			pass(600_000)
		}
		texts := []string{"p90:dist{*} by {host}", "avg:dist{host:a}", "p50:gauge{*}", "avg:gauge{team:x} by {team}"}
		for range 4 {
			texts = append(texts, randomQuery(r, r.Intn(3)))
		}
		step := []int64{10_000, 30_000, 60_000, 300_000}[r.Intn(4)]
		ask := func() {
			to := now - int64(max(0, r.Intn(12)-9))*60_000 // some ask for other ranges
			o := Options{From: to - step*60, To: to, Interval: step}
			for _, text := range texts {
				q, err := Parse(text)
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				got, err := q.Range(context.Background(), engine, o)
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				o := o
				o.NoCache = true
				want, err := q.Range(context.Background(), engine, o)
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				if d := unlike(got[0], want[0]); d != "" {
					t.Fatalf("%s every %d: %s", text, step, d)
				}
			}
		}
		ask()
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			s := senders[r.Intn(len(senders))]
			switch rapid.IntRange(0, 9).Draw(t, "event") {
			case 0: // late
				var b store.Batch
				keep(&b, s, now-int64(r.Intn(4000))*1000)
				send(&b)
			case 1: // a sender is silent
				s.next += int64(r.Intn(2000)) * 1000
			case 2: // another says what it held back
				s.next -= int64(r.Intn(2000)) * 1000
			case 3:
				from := now - int64(r.Intn(4000))*1000
				if _, err := db.Delete(context.Background(), store.Filter{Op: store.MatchTag, Value: "host:b"}, from, from+int64(r.Intn(1000))*1000); err != nil {
					t.Fatal(err)
				}
			case 4:
				add()
			case 5:
				err := db.Catalog().UpdateHost(context.Background(), "a", func(h *catalog.Host) {
					h.Tags = map[string][]string{"user": {[]string{"team:x", "team:y"}[r.Intn(2)]}}
				})
				if err != nil {
					t.Fatal(err)
				}
			case 6:
				if err := db.Seal(); err != nil {
					t.Fatal(err)
				}
			case 7: // and tiers are built
				if err := db.Settle(); err != nil {
					t.Fatal(err)
				}
			}
			pass(int64(r.Intn(150)) * 1000)
			ask()
		}
		hits += engine.Stats().CacheHits
		misses += engine.Stats().CacheMisses
	})
	if hits < misses/3 {
		t.Errorf("of %d questions only %d were answered from what is remembered", hits+misses, hits)
	}
}

func unlike(got, want *query.Frame) string {
	if len(got.Rows) != len(want.Rows) {
		return fmt.Sprintf("%d rows, want %d", len(got.Rows), len(want.Rows))
	}
	for i, w := range want.Rows {
		g := got.Rows[i]
		if !slices.Equal(g.Tags, w.Tags) || g.Last != w.Last || g.Expr != w.Expr {
			return fmt.Sprintf("row %d is %s%v until %d, want %s%v until %d", i, g.Expr, g.Tags, g.Last, w.Expr, w.Tags, w.Last)
		}
		for j, v := range w.Values {
			if x := g.Values[j]; x != v && !(math.IsNaN(x) && math.IsNaN(v)) && !(math.Abs(x-v) < 1e-9*math.Abs(v)) {
				return fmt.Sprintf("%v at step %d (%d) is %v, want %v\n%v\n%v", g.Tags, j, want.Grid.At(j), x, v, g.Values, w.Values)
			}
		}
	}
	return ""
}

// BenchmarkRefresh asks 20 questions about the last 6 hours of 1,000 series again,
// 10 seconds later, when each series has a sample more. The goal is 100 ms.
func BenchmarkRefresh(b *testing.B) {
	var queries []*Query
	for _, text := range []string{
		"avg:m{*}", "avg:m{*} by {host}", "max:m{*} by {host}", "sum:m{*} by {env}", "count:m{*} by {env}",
		"avg:m{host:7}", "sum:m{*} by {host}.rollup(sum, 300)", "max:m{env:1}", "min:m{*} by {env}", "top(avg:m{*} by {host}, 5, 'mean', 'desc')",
		"sum:hits{*}.as_rate()", "sum:hits{*} by {host}.as_rate()", "sum:hits{*} by {env}.as_count()", "sum:hits{*} by {host}.as_count()", "sum:hits{n:1} by {host}.as_rate()",
		"avg:m{*} / max:m{*}", "p90:m{*} by {env}", "sum:hits{*} by {env}.as_rate() * 60", "cumsum(sum:hits{*}.as_count())", "ewma_5(avg:m{env:2} by {host})",
	} {
		q, err := Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		queries = append(queries, q)
	}
	for _, cached := range []bool{true, false} {
		b.Run(fmt.Sprintf("cache=%v", cached), func(b *testing.B) {
			f := newFixture(b)
			refs := make([]store.Ref, 1000)
			for i := range refs {
				s := gauge("m", fmt.Sprint("host:", i%50), fmt.Sprint("n:", i/50), fmt.Sprint("env:", i%5))
				if i%2 == 1 {
					s = counter(store.Count, 10, "hits", s.Tags...)
				}
				s.Tags = store.NewTags(s.Tags)
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
					for _, ref := range refs {
						batch.Samples = append(batch.Samples, store.Sample{Ref: ref, Time: now, Value: float64(r.Intn(1000)) / 10})
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
				for _, q := range queries {
					if _, err := q.Range(context.Background(), f.engine, Options{From: now - 6*3_600_000, To: now, NoCache: !cached}); err != nil {
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
		})
	}
}
