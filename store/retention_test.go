package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRulesKeepMetricsForTimesOfTheirOwn(t *testing.T) {
	const days = 24 * time.Hour
	now, dir := start, t.TempDir()
	o := Options{
		Now: func() time.Time { return now }, Retention: 4 * days, Retention5m: 6 * days, Retention1h: 20 * days,
		Rules: []RetentionRule{{"debug.*", Retention{Raw: days, FiveMinutes: 2 * days, OneHour: 3 * days}}, {"billing.*", Retention{Raw: 10 * days}}},
	}
	db := openTest(t, dir, o)
	at := floorTo(start.UnixMilli(), day) - 2*oneHour
	names := []string{"debug.x", "billing.x", "x"}
	for _, name := range names {
		appendOne(t, db, intern(t, db, name), at, 1)
		appendOne(t, db, intern(t, db, name), at+1000, 2)
	}
	// samples is how many samples of each metric can be read: two as they came, or
	// one of a tier.
	samples := func() (n [3]int) {
		t.Helper()
		if err := db.Settle(); err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			for _, s := range readAll(t, db, name) {
				n[i] += len(s)
			}
		}
		return n
	}
	for _, step := range []struct {
		after time.Duration
		want  [3]int
	}{
		{0, [3]int{2, 2, 2}},
		{2 * days, [3]int{1, 2, 2}}, // the raw samples of debug.x are gone
		{4 * days, [3]int{0, 2, 1}}, // its tiers, too
		{5 * days, [3]int{0, 2, 1}},
		{11 * days, [3]int{0, 1, 1}},
		{22 * days, [3]int{0, 0, 0}},
	} {
		now = start.Add(step.after)
		if got := samples(); got != step.want {
			t.Errorf("after %s: %v samples, want %v", step.after, got, step.want)
		}
		if step.after == 5*days {
			db.Close()
			db = openTest(t, dir, o)
		}
	}
	if s := db.Stats(); s.Partitions != 0 || len(db.tiers) != 0 {
		t.Errorf("%d partitions and %d tiers' files are left", s.Partitions, len(db.tiers))
	}
	// And samples are taken by the rule of their metric.
	late := now.Add(-8 * days).UnixMilli()
	rejected, err := db.Append(context.Background(), &Batch{Samples: []Sample{
		{intern(t, db, "debug.x"), late, 1}, {intern(t, db, "billing.x"), late, 1}, {intern(t, db, "x"), late, 1},
	}})
	if err != nil || rejected.Old != 2 {
		t.Errorf("got %+v (error %v), want two refused", rejected, err)
	}
}

func TestDiskBudgetDropsTheOldestRawDaysFirst(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, Options{})
	ref := intern(t, db, "m")
	today := floorTo(start.UnixMilli(), day)
	for d := range int64(5) {
		var b Batch
		for i := range int64(4320) {
			b.Samples = append(b.Samples, Sample{ref, today - d*day + i*10_000, float64(i*i%7919) / 3})
		}
		if _, err := db.Append(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Settle(); err != nil {
		t.Fatal(err)
	}
	before := db.Stats()
	db.Close()
	o := Options{MaxDisk: before.DiskBytes * 6 / 10}
	db = openTest(t, dir, o)
	if err := db.Settle(); err != nil {
		t.Fatal(err)
	}
	after := db.Stats()
	if after.DiskBytes > o.MaxDisk || after.Partitions >= before.Partitions || after.Partitions == 0 {
		t.Errorf("%d bytes in %d partitions, had %d in %d; the budget is %d", after.DiskBytes, after.Partitions, before.DiskBytes, before.Partitions, o.MaxDisk)
	}
	check := func(db *DB) {
		t.Helper()
		set, err := db.Select(context.Background(), Selector{From: today - 4*day, To: today + day - 1})
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		var b Buckets
		if err := set.Aggregate(0, oneHour, LeftClosed, &b); err != nil {
			t.Fatal(err)
		}
		n := 0.0
		for _, c := range b.Count {
			n += c
		}
		if n != 5*4320 {
			t.Errorf("%v samples are in the buckets, want %v", n, 5*4320)
		}
		rejected, err := db.Append(context.Background(), &Batch{Samples: []Sample{{ref, today - 4*day, 1}}})
		if err != nil || rejected.Old != 1 {
			t.Errorf("a sample of a day that was dropped: %+v (error %v)", rejected, err)
		}
	}
	check(db)
	db.Close()
	check(openTest(t, dir, o))
}

// What days were dropped to make room is told from the files: merged, late and
// damaged ones must not pass for dropped ones.
func TestOnlyDroppedDaysRefuseSamples(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, Options{})
	ref := intern(t, db, "m")
	yesterday := floorTo(start.UnixMilli(), day) - day
	settle := func() {
		t.Helper()
		if err := db.Settle(); err != nil {
			t.Fatal(err)
		}
	}
	for round := range int64(6) { // each merged with those before, in tiers of both days
		appendOne(t, db, ref, yesterday+round*1000, 1)
		appendOne(t, db, ref, yesterday-day+round, 1)
		settle()
		appendOne(t, db, ref, yesterday+round*1000+1, 1)
		settle()
	}
	appendOne(t, db, ref, yesterday+50, 1) // in a tier's file of its day; that of both days is out of date
	if err := db.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := db.ask(func() error { return db.maintainDay(dayOf(yesterday), true, &pacer{stop: db.stop}) }); err != nil {
		t.Fatal(err)
	}
	damage := false
	check := func() {
		t.Helper()
		db.Close()
		if damage {
			files, err := filepath.Glob(filepath.Join(dir, "partitions", "*.part"))
			if err != nil || len(files) != 2 {
				t.Fatalf("got files %v (error %v), want two", files, err)
			}
			for _, f := range files {
				if err := os.Truncate(f, 40); err != nil {
					t.Fatal(err)
				}
			}
		}
		db = openTest(t, dir, Options{})
		for _, at := range []int64{yesterday + 100, yesterday - day + 100} {
			if rejected, err := db.Append(context.Background(), &Batch{Samples: []Sample{{ref, at, 2}}}); err != nil || rejected.Old != 0 {
				t.Errorf("damage %t: %+v (error %v), want the sample to be taken", damage, rejected, err)
			}
		}
	}
	check()
	damage = true
	check()
}
