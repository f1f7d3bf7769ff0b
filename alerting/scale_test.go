package alerting

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// 5,000 monitors of 20 groups each, over 100,000 series with a point every 10 s:
// an operation is everything that is due in one minute, evaluated by 4 workers
// as the scheduler does, with new data in every minute and 1 in 100 groups
// changing its status. To hold: well under 60 s, and cpu-s/min under 30, which
// is half of a core.
func BenchmarkAMinuteOf5000Monitors(b *testing.B) {
	const metrics, hosts, teams = 250, 400, 20
	now := noon
	clock := func() time.Time { return now }
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(b.TempDir(), store.Options{Now: clock, Log: log})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	refs := make([]store.Ref, 0, metrics*hosts)
	for m := range metrics {
		for h := range hosts {
			ref, err := db.Intern(store.Series{
				Name: fmt.Sprintf("load.%03d", m), Kind: store.Gauge,
				Tags: store.NewTags([]string{fmt.Sprintf("host:h%03d", h), fmt.Sprintf("team:t%02d", h%teams), "env:prod"}),
			})
			if err != nil {
				b.Fatal(err)
			}
			refs = append(refs, ref)
		}
	}
	minutes := 0
	send := func() {
		for range 6 {
			now = now.Add(10 * time.Second)
			var batch store.Batch
			for i, ref := range refs {
				v := float64((i*7 + minutes) % 500)
				if (i+minutes)%100 == 0 {
					v = 5000
				}
				batch.Samples = append(batch.Samples, store.Sample{Ref: ref, Time: now.UnixMilli(), Value: v})
			}
			if _, err := db.Append(context.Background(), &batch); err != nil {
				b.Fatal(err)
			}
		}
		minutes++
	}
	for range 6 {
		send()
	}
	s, err := New(Deps{Catalog: db.Catalog(), Engine: query.New(db, query.Options{Log: log}), Now: clock, Log: log, PublicURL: "http://whippet.example.com"})
	if err != nil {
		b.Fatal(err)
	}
	for m := range metrics {
		for team := range teams {
			doc := fmt.Sprintf(`{"type": "metric alert", "name": "load of t%02d", "query": "avg(last_5m):avg:load.%03d{team:t%02d} by {host} > 800", "message": "@a@example.com"}`, team, m, team)
			if _, err := s.CreateMonitor(context.Background(), []byte(doc)); err != nil {
				b.Fatal(err)
			}
		}
	}
	evaluate := func() {
		var wg sync.WaitGroup
		queue := make(chan *watch)
		for range s.workers {
			wg.Go(func() {
				for w := range queue {
					due, ok := w.claim(s.ms())
					if !ok {
						b.Error("not due")
					}
					s.evaluateDue(context.Background(), w, due)
				}
			})
		}
		for _, w := range s.monitors() {
			queue <- w
		}
		close(queue)
		wg.Wait()
	}
	evaluate() // the first meets 100,000 new groups
	var cpu time.Duration
	for b.Loop() {
		b.StopTimer()
		send()
		before := cpuTime()
		b.StartTimer()
		evaluate()
		cpu += cpuTime() - before
	}
	b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s/min")
	if st := s.Stats(); st.Groups != metrics*hosts || st.Errors > 0 {
		b.Errorf("%+v", st)
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
