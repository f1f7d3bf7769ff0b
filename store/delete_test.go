package store

import (
	"context"
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// What is deleted is gone from samples and from tiers, and the rest is as before.
func TestDeletedIsGone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newTierModel(rt, memoryDir(t), Options{})
		defer func() { m.db.Close() }()
		other := Filter{Op: MatchName, Value: "other"}
		ref, err := m.db.Intern(Series{Name: "other"})
		m.check(err)
		_, err = m.db.Append(context.Background(), &Batch{Samples: []Sample{{ref, m.base + 5000, 7}}})
		m.check(err)
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			m.step()
		}
		from, to := int64(noSample), int64(-noSample)
		if rapid.Bool().Draw(rt, "part") {
			from = m.base + rapid.Int64Range(0, day).Draw(rt, "from")
			to = from + rapid.Int64Range(0, 2*day).Draw(rt, "length")
		}
		_, err = m.db.Delete(context.Background(), Filter{Op: MatchName, Value: "m"}, from, to)
		m.check(err)
		for _, samples := range m.data {
			maps.DeleteFunc(samples, func(at int64, _ float64) bool { return at >= from && at <= to })
		}
		check := func() {
			m.compareMetric("m", m.base, m.base+3*day-1, oneHour, LeftClosed, WantUsual)
			m.compareMetric("m", m.base, m.base+3*day-1, 3*fiveMinutes, RightClosed, WantUsual)
			m.compareMetric("m", m.base, m.base+3*day-1, 60_000, LeftClosed, WantUsual)
			found, err := m.db.Find(context.Background(), other, m.base, m.base+day, 0)
			if m.check(err); len(found) != 1 {
				rt.Fatalf("%d series of another metric, want 1", len(found))
			}
			if from == noSample {
				if found, err := m.db.Find(context.Background(), Filter{Op: MatchName, Value: "m"}, m.base, m.base+3*day, 0); err != nil || len(found) != 0 {
					rt.Fatalf("%d series are found (error %v)", len(found), err)
				}
			}
		}
		check()
		if rapid.Bool().Draw(rt, "restart") {
			m.check(m.db.Close())
			m.open()
			check()
		}
		clear(m.data) // what was deleted may be sent again
		from, to = noSample, -noSample
		_, err = m.db.Delete(context.Background(), Filter{Op: MatchName, Value: "m"}, from, to)
		m.check(err)
		for _, kind := range tierKinds {
			m.add(kind, m.base+123_000, 10_000, 500, 3)
		}
		m.compareMetric("m", m.base, m.base+3*day-1, oneHour, LeftClosed, WantUsual)
		m.check(m.db.Settle())
		m.compareMetric("m", m.base, m.base+3*day-1, oneHour, LeftClosed, WantUsual)
	})
}

func TestDeletingTheOnlyDataOfADayStopsNothing(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, Options{})
	ref := intern(t, db, "m")
	at := start.UnixMilli() - 60_000
	appendOne(t, db, ref, at, 1)
	if err := db.Settle(); err != nil {
		t.Fatal(err)
	}
	if n, err := db.Delete(context.Background(), Filter{}, noSample, -noSample); n != 1 || err != nil {
		t.Fatalf("deleted %d series (error %v), want 1", n, err)
	}
	db.Close()
	db = openTest(t, dir, Options{})
	appendOne(t, db, intern(t, db, "m"), at, 2)
	if got := readAll(t, db, "m")[""]; !maps.Equal(got, map[int64]float64{at: 2}) {
		t.Errorf("got %v", got)
	}
}

// A bucket that a deletion cuts is made anew of what the tier was made of. With
// what came later in it, those samples would count twice.
func TestDeletionLeavesLateSamplesOutOfTiers(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{})
	ref := intern(t, db, "m")
	at := dayOf(start.UnixMilli()-day) * day
	appendOne(t, db, ref, at+70_000, 1)
	if err := db.Settle(); err != nil {
		t.Fatal(err)
	}
	appendOne(t, db, ref, at, 2)
	if _, err := db.Delete(context.Background(), Filter{}, at+60_000, at+100_000); err != nil {
		t.Fatal(err)
	}
	set, err := db.Select(context.Background(), Selector{Filter: Filter{Op: MatchName, Value: "m"}, From: at, To: at + day - 1})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	for _, tier := range set.tiers {
		for _, b := range tier.Blocks(uint32(ref)) {
			t.Errorf("the tier has a block of [%d, %d]", b.MinTime-at, b.MaxTime-at)
		}
	}
	if got := readAll(t, db, "m")[""]; !maps.Equal(got, map[int64]float64{at: 2}) {
		t.Errorf("got %v", got)
	}
}
