package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

// A snapshot under load holds all that was acknowledged before it began, of each
// series a beginning without a gap, and what the catalog had.
func TestSnapshotUnderLoadIsConsistent(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, filepath.Join(dir, "data"), Options{SealSamples: 3000})
	if err := db.Catalog().Update(context.Background(), func(tx *catalog.Tx) error {
		return tx.Put(catalog.Monitors, "17", json.RawMessage(`{"name":"m"}`))
	}); err != nil {
		t.Fatal(err)
	}
	const writers = 4
	var acknowledged [writers]atomic.Int64
	stop := make(chan struct{})
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := int64(0); ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				// A new series now and then, and a sample each of the steady one.
				ref, err := db.Intern(Series{Name: "m", Tags: Tags{fmt.Sprintf("w:%d", w)}})
				if err != nil {
					panic(err)
				}
				other, err := db.Intern(Series{Name: "churn", Tags: Tags{fmt.Sprintf("w:%d-%d", w, i/50)}})
				if err != nil {
					panic(err)
				}
				at := start.Add(-24*time.Hour).UnixMilli() + i*1000
				if _, err := db.Append(context.Background(), &Batch{Samples: []Sample{{ref, at, float64(i)}, {other, at, 1}}}); err != nil {
					panic(err)
				}
				acknowledged[w].Store(i + 1)
			}
		})
	}
	group.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				if err := db.Settle(); err != nil {
					panic(err)
				}
			}
		}
	})
	for round := range 4 {
		time.Sleep(60 * time.Millisecond)
		var before [writers]int64
		for w := range before {
			before[w] = acknowledged[w].Load()
		}
		copied := filepath.Join(dir, fmt.Sprint("copy", round))
		if err := db.Snapshot(context.Background(), copied); err != nil {
			t.Fatal(err)
		}
		report, err := Check(context.Background(), copied, nil)
		if err != nil || len(report.Problems) > 0 {
			t.Fatalf("problems %q (error %v)", report.Problems, err)
		}
		restored := openTest(t, copied, Options{})
		got := readAll(t, restored, "m")
		for w := range writers {
			samples := got[fmt.Sprintf("w:%d", w)]
			if int64(len(samples)) < before[w] {
				t.Fatalf("writer %d: %d samples, %d were acknowledged", w, len(samples), before[w])
			}
			for i, at := range slices.Sorted(maps.Keys(samples)) {
				if samples[at] != float64(i) {
					t.Fatalf("writer %d: a gap before sample %d", w, i)
				}
			}
		}
		if err := restored.Catalog().View(func(tx *catalog.Tx) error {
			var monitor map[string]string
			if ok, err := tx.Get(catalog.Monitors, "17", &monitor); err != nil || !ok || monitor["name"] != "m" {
				return fmt.Errorf("the monitor is %v (error %v)", monitor, err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		restored.Close()
	}
	close(stop)
	group.Wait()
	if err := db.Snapshot(context.Background(), filepath.Join(dir, "copy0")); err == nil || !strings.Contains(err.Error(), "something already") {
		t.Errorf("a snapshot over another: got error %v", err)
	}
}

// Check finds a flipped bit wherever it is.
func TestCheckFindsFlippedBits(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, Options{})
	var b Batch
	d, err := db.Intern(Series{Name: "d", Kind: Distribution})
	if err != nil {
		t.Fatal(err)
	}
	ref := intern(t, db, "m")
	for i := range int64(2000) {
		at := start.Add(-20*time.Hour).UnixMilli() + i*10_000
		b.Samples = append(b.Samples, Sample{ref, at, float64(i%77) / 3})
		b.Sketches = append(b.Sketches, SketchSample{d, at, sketchOf(float64(i % 9))})
	}
	if _, err := db.Append(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	if err := db.Settle(); err != nil {
		t.Fatal(err)
	}
	appendOne(t, db, ref, start.UnixMilli(), 1)
	appendOne(t, db, ref, start.UnixMilli()+1, 1)
	db.Close()
	report, err := Check(context.Background(), dir, func(done, total int64) {
		if done > total {
			t.Errorf("%d of %d bytes", done, total)
		}
	})
	if err != nil || len(report.Problems) > 0 || report.Samples != 4002 || report.Buckets == 0 || report.Series != 2 {
		t.Fatalf("%+v (error %v)", report, err)
	}
	for _, pattern := range []string{"partitions/*.part", "tiers/5m*.tier", "tiers/1h*.tier", "series/*.log", "catalog.db"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: no files (error %v)", pattern, err)
		}
		whole, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		positions := []int{len(whole) / 2, len(whole) / 3}
		if pattern == "catalog.db" {
			positions = []int{8} // a page's kind; bbolt has no checksums of documents
		}
		for _, at := range positions {
			broken := slices.Clone(whole)
			broken[at] ^= 4
			if err := os.WriteFile(names[0], broken, 0o644); err != nil {
				t.Fatal(err)
			}
			report, err := Check(context.Background(), dir, nil)
			if err != nil || len(report.Problems)+len(report.Notes) == 0 {
				t.Errorf("%s: byte %d of %d flipped is not found (error %v)", pattern, at, len(whole), err)
			} else if text := strings.Join(append(report.Problems, report.Notes...), "\n"); !strings.Contains(text, filepath.Base(names[0])) && pattern != "catalog.db" {
				t.Errorf("%s: the problem does not name the file: %s", pattern, text)
			}
		}
		if err := os.WriteFile(names[0], whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Check(context.Background(), t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "no data folder") {
		t.Errorf("a folder of something else: got error %v", err)
	}
}

// A damaged page of a tier costs speed while the samples it was made of are
// there, and is named.
func TestDamagedTierIsReplacedByItsSamples(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, Options{})
	ref := intern(t, db, "m")
	from := floorTo(start.UnixMilli(), day)
	want := &Columns{}
	var b Batch
	for i := range int64(4000) {
		at, v := from+i*10_000, float64(i%97)/4
		b.Samples = append(b.Samples, Sample{ref, at, v})
		want.Times, want.Values = append(want.Times, at), append(want.Values, v)
	}
	if _, err := db.Append(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	if err := db.Settle(); err != nil {
		t.Fatal(err)
	}
	db.Close()
	names, err := filepath.Glob(filepath.Join(dir, "tiers", "5m-*.tier"))
	if err != nil || len(names) != 1 {
		t.Fatalf("got files %v (error %v), want one", names, err)
	}
	raw, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{len(raw) / 3, len(raw) - 20} { // in a page, and in the directory
		broken := slices.Clone(raw)
		broken[at] ^= 1
		if err := os.WriteFile(names[0], broken, 0o644); err != nil {
			t.Fatal(err)
		}
		db = openTest(t, dir, Options{})
		set, err := db.Select(context.Background(), Selector{From: from, To: from + day - 1})
		if err != nil {
			t.Fatal(err)
		}
		var got Buckets
		if err := set.Aggregate(0, fiveMinutes, LeftClosed, &got); err != nil {
			t.Fatal(err)
		}
		if diff := sameBuckets(&got, wantBuckets(want, from, from+day-1, fiveMinutes, LeftClosed)); diff != "" {
			t.Errorf("byte %d: %s", at, diff)
		}
		named := slices.Concat(set.Warnings(), db.Stats().BrokenPartitions)
		if len(named) == 0 || !strings.Contains(named[0], filepath.Base(names[0])) {
			t.Errorf("byte %d: the file is not named: %q", at, named)
		}
		set.Close()
		db.Close()
	}
}
