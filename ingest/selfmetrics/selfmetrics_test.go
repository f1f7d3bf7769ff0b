package selfmetrics

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store"
)

var epoch = time.Unix(1795463353, 0).UTC() // 3 s into a bucket

func open(t *testing.T, now *time.Time) *store.DB {
	t.Helper()
	db, err := store.Open(t.TempDir(), store.Options{Now: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// points returns the samples of a metric: seconds since epoch and value.
func points(t *testing.T, db *store.DB, metric string) (points []string) {
	t.Helper()
	set, err := db.Select(t.Context(), store.Selector{
		Filter: store.Filter{Op: store.MatchName, Value: metric},
		From:   epoch.Add(-time.Hour).UnixMilli(), To: epoch.Add(time.Hour).UnixMilli(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var c store.Columns
	for i, s := range set.Series {
		if err := set.Read(i, &c); err != nil {
			t.Fatal(err)
		}
		for j := range c.Times {
			points = append(points, fmt.Sprintf("%v %v %d=%v", s.Tags, s.Kind, (c.Times[j]-epoch.UnixMilli())/1000, c.Values[j]))
		}
	}
	return points
}

func TestLevelsAreThereAtOnceAndTotalsAfterTheFirstTenSeconds(t *testing.T) {
	now := epoch
	db := open(t, &now)
	level, total := 5.0, 100.0
	r := New(Config{DB: db, Host: "Web-1", Now: func() time.Time { return now }, Sources: []Source{func() []Figure {
		return []Figure{
			{Name: "whippet.store.series", Value: level, Unit: "series", Help: "Series known."},
			{Name: "whippet.statsd.rejected", Value: total, Total: true, Tags: []string{"reason:Bad name"}},
		}
	}}})
	ctx := t.Context()
	step := func(d time.Duration, newLevel, newTotal float64) {
		now, level, total = now.Add(d), newLevel, newTotal
		r.poll(ctx)
	}
	r.poll(ctx)
	step(time.Second, 6, 110)    // the same 10 s: nothing
	step(6*time.Second, 7, 130)  // the next one
	step(10*time.Second, 8, 150) // and the next
	step(time.Minute, 9, 20)     // a jump, and a source that started over
	step(-time.Minute, 10, 21)   // the clock is set back
	step(0, 11, 22)              // and stands still
	want := []string{"[host:web-1] gauge -3=5", "[host:web-1] gauge 7=7", "[host:web-1] gauge 17=10", "[host:web-1] gauge 77=9"}
	if got := points(t, db, "whippet.store.series"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	const tags = "[host:web-1 reason:bad_name] count "
	want = []string{tags + "-3=130", tags + "7=1", tags + "67=20"}
	if got := points(t, db, "whippet.statsd.rejected"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	m, ok := db.Catalog().Metric("whippet.store.series")
	if !ok || m.Unit != "series" || m.Description != "Series known." || m.Type != "gauge" || m.Interval != 10 {
		t.Errorf("metadata: got %+v", m)
	}
}

func TestProcessTellsOfItself(t *testing.T) {
	figures := map[string]Figure{}
	for _, f := range process()() {
		figures[f.Name] = f
	}
	for _, name := range []string{"whippet.process.rss_bytes", "whippet.process.goroutines", "whippet.process.go_memory_bytes", "whippet.process.allocated_bytes", "whippet.process.open_files", "whippet.process.cpu_seconds"} {
		if f := figures[name]; !(f.Value > 0) || f.Help == "" {
			t.Errorf("%s: got %+v", name, f)
		}
	}
	if rss := figures["whippet.process.rss_bytes"].Value; rss < 1<<20 || rss > 1<<36 {
		t.Errorf("got %v bytes of memory", rss)
	}
}

func TestFirstReportIsMadeAsRunStarts(t *testing.T) {
	now := epoch
	db := open(t, &now)
	r := New(Config{DB: db, Now: func() time.Time { return now }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	for len(points(t, db, "whippet.process.rss_bytes")) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestSeriesOverTheLimitSpoilNoOthers(t *testing.T) {
	now := epoch
	db, err := store.Open(t.TempDir(), store.Options{Now: func() time.Time { return now }, MaxSeries: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r := New(Config{DB: db, Now: func() time.Time { return now }})
	if err := r.report(t.Context(), epoch.UnixMilli()); err == nil {
		t.Error("no error though most series were refused")
	}
	if got := points(t, db, "whippet.process.goroutines"); len(got) != 1 {
		t.Errorf("got %q", got)
	}
}
