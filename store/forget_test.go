package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

func TestSeriesGoWithTheirLastData(t *testing.T) {
	dir := t.TempDir()
	now := start
	retention := 24 * time.Hour
	options := Options{Retention: retention, Retention5m: retention, Retention1h: retention, Now: func() time.Time { return now }}
	db := openTest(t, dir, options)
	var old []Ref
	var b Batch
	for i := range 3000 {
		old = append(old, intern(t, db, "m", fmt.Sprint("pod:", i)))
		b.Samples = append(b.Samples, Sample{old[i], now.UnixMilli(), float64(i)})
	}
	if _, err := db.Append(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	steady := intern(t, db, "m", "pod:steady")
	appendOne(t, db, steady, now.UnixMilli(), 1)
	if err := db.Seal(); err != nil {
		t.Fatal(err)
	}
	before := db.defined.Stats().Bytes
	generation := db.Forgotten()
	now = now.Add(25 * time.Hour)
	appendOne(t, db, steady, now.UnixMilli(), 2)
	if err := db.Seal(); err != nil { // forgets, too
		t.Fatal(err)
	}
	if s := db.Stats(); s.Series != 1 || s.ForgottenSeries != 3000 || db.Forgotten() == generation {
		t.Fatalf("%d series are left, %d forgotten, generation %d", s.Series, s.ForgottenSeries, db.Forgotten())
	}
	if after := db.defined.Stats().Bytes; after > before/10 {
		t.Errorf("the log of definitions has %d bytes, and had %d", after, before)
	}
	if _, err := db.Append(context.Background(), &Batch{Samples: []Sample{{steady, now.UnixMilli(), 3}, {old[5], now.UnixMilli(), 1}}}); !errors.Is(err, ErrForgotten) {
		t.Errorf("append to a forgotten series: got error %v", err)
	}
	check := func(db *DB) {
		t.Helper()
		again := intern(t, db, "m", "pod:5")
		if again <= steady {
			t.Errorf("ref %d was used before", again)
		}
		appendOne(t, db, again, now.UnixMilli(), 7)
		if got := readAll(t, db, "m"); len(got) != 2 || got["pod:5"][now.UnixMilli()] != 7 || got["pod:steady"][now.UnixMilli()] != 2 {
			t.Errorf("got %v", got)
		}
	}
	db.Close()
	db = openTest(t, dir, options)
	if n := db.Stats().Series; n != 1 {
		t.Errorf("after a restart there are %d series", n)
	}
	check(db)
	db.Close()
	check(openTest(t, dir, options))
}

func TestSeriesWithoutAnySampleGo(t *testing.T) {
	now := start
	db := openTest(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	intern(t, db, "m", "never:used")
	for range 2 {
		if err := db.forget(now.Add(-time.Hour).UnixMilli(), true); err != nil {
			t.Fatal(err)
		}
	}
	if n := db.Stats().Series; n != 0 {
		t.Errorf("%d series are kept", n)
	}
}

func TestAppendsGoOnWhileSeriesAreForgotten(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{})
	stop := make(chan struct{})
	done := make(chan map[int64]float64)
	go func() {
		written := map[int64]float64{}
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				done <- written
				return
			default:
			}
			ref, err := db.Intern(Series{Name: "m", Tags: Tags{"live:1"}})
			if err == nil {
				_, err = db.Append(context.Background(), &Batch{Samples: []Sample{{ref, start.UnixMilli() - i, float64(i)}}})
			}
			if err != nil && !errors.Is(err, ErrForgotten) {
				t.Error(err)
			}
			if err == nil {
				written[start.UnixMilli()-i] = float64(i)
			}
		}
	}()
	for i := range 50 {
		var b Batch
		for n := range 100 {
			b.Samples = append(b.Samples, Sample{intern(t, db, "gone", fmt.Sprint("n:", i, "-", n)), start.Add(-48 * time.Hour).UnixMilli(), 1})
		}
		if _, err := db.Append(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		if err := db.forget(start.Add(-24*time.Hour).UnixMilli(), false); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if written := <-done; !maps.Equal(readAll(t, db, "m")["live:1"], written) {
		t.Errorf("%d samples were acknowledged, %d are there", len(written), len(readAll(t, db, "m")["live:1"]))
	}
	if n := db.Stats().Series; n != 1 {
		t.Errorf("%d series are left, want the live one", n)
	}
}

func TestLimitsNameWhatExploded(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{MaxSeries: 8, MaxSeriesPerMetric: 5, MaxTags: 3, MaxTagBytes: 20})
	refused := map[string]int{}
	add := func(name string, tags ...string) {
		t.Helper()
		if _, err := db.Intern(Series{Name: name, Tags: NewTags(tags)}); errors.Is(err, ErrSeriesLimit) && strings.Contains(err.Error(), name) {
			refused[name]++
		} else if err != nil {
			t.Fatalf("%s %v: got error %v", name, tags, err)
		}
	}
	for i := range 7 {
		add("requests", "env:prod", fmt.Sprint("user:", i))
	}
	add("wide", "a:1", "b:1", "c:1", "d:1")
	add("long", "a:"+strings.Repeat("x", 30))
	for i := range 5 {
		add("other", fmt.Sprint("n:", i))
	}
	if want := map[string]int{"requests": 2, "wide": 1, "long": 1, "other": 2}; !maps.Equal(refused, want) {
		t.Errorf("refused %v, want %v", refused, want)
	}
	var got []string
	for _, r := range db.Refusals() {
		got = append(got, fmt.Sprint(r.Metric, ", ", r.Limit, ", ", r.Count, ", ", r.Key, " ", r.Values))
	}
	if want := []string{
		"other, series in all, 2, n 3", "requests, series per metric, 2, user 5", "long, bytes per tag, 1,  0", "wide, tags per series, 1,  0",
	}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := db.Stats().RefusedSeries; n != 6 {
		t.Errorf("%d refusals are counted, want 6", n)
	}
}

func TestFutureSamplesAreNamed(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{})
	appended, err := db.Append(context.Background(), &Batch{Samples: []Sample{{intern(t, db, "m", "host:a"), start.Add(3 * time.Hour).UnixMilli(), 1}}})
	if got := db.Stats(); err != nil || appended.Future != 1 || got.RejectedFuture != 1 || got.LastFuture != "m[host:a], 3h0m0s ahead" {
		t.Errorf("got %+v, %q (error %v)", appended, got.LastFuture, err)
	}
}

func TestExplorer(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{})
	ctx := context.Background()
	at := start.Add(-time.Minute).UnixMilli()
	for i := range 6 {
		appendOne(t, db, intern(t, db, "cpu", fmt.Sprint("host:h", i%3), fmt.Sprint("core:", i), "bare"), at, 1)
	}
	appendOne(t, db, intern(t, db, "mem", "host:h0"), at, 1)
	appendOne(t, db, intern(t, db, "old", "host:h9"), at-10*day, 1)
	if err := db.Catalog().UpdateHost(ctx, "h0", func(h *catalog.Host) { h.Tags = map[string][]string{"system": {"env:prod"}} }); err != nil {
		t.Fatal(err)
	}
	cpu := Filter{Op: MatchName, Value: "cpu"}
	if n, err := db.Count(ctx, cpu, at, at); n != 6 || err != nil {
		t.Errorf("count: got %d (error %v)", n, err)
	}
	if n, err := db.Count(ctx, Filter{}, at+1, at+1000); n != 0 || err != nil {
		t.Errorf("count later the same day: got %d (error %v)", n, err)
	}
	for _, tt := range []struct {
		what   string
		list   func() ([]string, error)
		wanted string
	}{
		{"keys", func() ([]string, error) { return db.TagKeys(ctx, Filter{}, at, at) }, "bare core env host"},
		{"keys of a tag", func() ([]string, error) {
			return db.TagKeys(ctx, Filter{Op: MatchTag, Value: "host:h1"}, at, at)
		}, "bare core host"},
		{"values", func() ([]string, error) { return db.TagValues(ctx, "core", cpu, at, at) }, "0 1 2 3 4 5"},
		{"values of hosts", func() ([]string, error) { return db.TagValues(ctx, "env", cpu, at, at) }, "prod"},
		{"values of another day", func() ([]string, error) { return db.TagValues(ctx, "host", Filter{}, at-10*day, at-10*day) }, "h9"},
		{"the value of a bare tag", func() ([]string, error) { return db.TagValues(ctx, "bare", cpu, at, at) }, "true"},
	} {
		if got, err := tt.list(); strings.Join(got, " ") != tt.wanted || err != nil {
			t.Errorf("%s: got %v (error %v), want %s", tt.what, got, err, tt.wanted)
		}
	}
	got, err := db.Cardinality(ctx, Filter{}, at, at, "host", 3)
	want := Cardinality{
		Series:  7,
		Metrics: []MetricCount{{"cpu", 6}, {"mem", 1}},
		Keys:    []KeyCount{{"core", 6, 6}, {"host", 3, 7}, {"bare", 1, 6}},
		Values:  []ValueCount{{"h0", 3}, {"h1", 2}, {"h2", 2}},
	}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v (error %v), want %v", got, err, want)
	}
}

func TestLastSampleIsKnownWithoutReading(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, Options{})
	ref := intern(t, db, "m")
	last := func(db *DB, to int64) string {
		t.Helper()
		set, err := db.Select(context.Background(), Selector{From: 0, To: to})
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		at, v, ok := set.Last(0)
		return fmt.Sprint(at-start.UnixMilli(), v, ok)
	}
	appendOne(t, db, ref, start.UnixMilli(), 1)
	appendOne(t, db, ref, start.UnixMilli()-5, 2)
	if got := last(db, start.UnixMilli()); got != "0 1 true" {
		t.Errorf("a late sample came last: got %s", got)
	}
	appendOne(t, db, ref, start.UnixMilli(), 3)
	if got := last(db, start.UnixMilli()); got != "0 3 true" {
		t.Errorf("the last sample was written again: got %s", got)
	}
	if got := last(db, start.UnixMilli()-1); !strings.HasSuffix(got, "false") {
		t.Errorf("it is newer than the range: got %s", got)
	}
	db.Close()
	db = openTest(t, dir, Options{})
	if got := last(db, start.UnixMilli()); got != "0 3 true" {
		t.Errorf("after a restart: got %s", got)
	}
	if err := db.Seal(); err != nil {
		t.Fatal(err)
	}
	if got := last(db, start.UnixMilli()); got != "0 3 true" {
		t.Errorf("after sealing: got %s", got)
	}
	db.Close()
	db = openTest(t, dir, Options{})
	if got := last(db, start.UnixMilli()); !strings.HasPrefix(got, "0 ") || !strings.HasSuffix(got, "false") {
		t.Errorf("a partition has it: got %s", got)
	}
}
