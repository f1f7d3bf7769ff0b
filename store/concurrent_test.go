package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"
)

// TestWritersReadWhatTheyWrote lets writers append to series of their own and to
// one they share, and read after each batch, while heads are sealed, files are
// merged and dead series forgotten: what Append acknowledged is there at once.
func TestWritersReadWhatTheyWrote(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{SealSamples: 100, SealBytes: 1 << 20})
	ctx := context.Background()
	base := start.Add(-3 * time.Hour).UnixMilli()
	shared := intern(t, db, "shared")
	var writers, others sync.WaitGroup
	stop := make(chan struct{})
	others.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			dead, err := db.Intern(Series{Name: "dead", Tags: Tags{fmt.Sprint("n:", n)}})
			if err == nil {
				_, err = db.Append(ctx, &Batch{Samples: []Sample{{dead, base - 1000, 1}}})
			}
			if err := errors.Join(err, db.Seal(), db.forget(base-1, false)); err != nil {
				t.Error(err)
			}
		}
	})
	for w := range int64(4) {
		writers.Go(func() {
			ref, err := db.Intern(Series{Name: "own", Tags: Tags{fmt.Sprint("w:", w)}})
			if err != nil {
				t.Error(err)
				return
			}
			filter := Filter{Op: MatchTag, Value: fmt.Sprint("w:", w)}
			written := map[int64]float64{}
			for n := range int64(60) {
				var b Batch
				for i := range int64(20) {
					at := base + (n*13+i*7)%500*1000 // late, early, and again
					v := math.Sqrt(float64(n*100 + i))
					written[at] = v
					b.Samples = append(b.Samples, Sample{ref, at, v}, Sample{shared, base + (n*20+i)*4 + w, float64(n)})
				}
				if _, err := db.Append(ctx, &b); err != nil {
					t.Error(err)
					return
				}
				set, err := db.Select(ctx, Selector{Filter: filter, From: base, To: base + 500_000})
				if err != nil {
					t.Error(err)
					return
				}
				var c Columns
				if len(set.Series) != 1 || set.Read(0, &c) != nil || len(c.Times) != len(written) {
					t.Errorf("writer %d, batch %d: %d series, %d samples of %d", w, n, len(set.Series), len(c.Times), len(written))
				}
				for i, at := range c.Times {
					if c.Values[i] != written[at] {
						t.Errorf("writer %d, batch %d: at %d: got %v, want %v", w, n, at, c.Values[i], written[at])
					}
				}
				set.Close()
				if t.Failed() {
					return
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	others.Wait()
	if n := db.index.SeriesOf("dead"); n != 0 {
		t.Errorf("%d dead series are left", n)
	}
	if got := readAll(t, db, "shared")[""]; len(got) != 4*60*20 {
		t.Errorf("%d samples of the shared series are there, want %d", len(got), 4*60*20)
	}
}
