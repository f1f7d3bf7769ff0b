package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/sketch"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// start is the tests' present.
var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func openTest(t testing.TB, dir string, o Options) *DB {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return start }
	}
	o.Log = quiet
	db, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if db != nil && !isClosed(db) {
			db.Close()
		}
	})
	return db
}

func isClosed(db *DB) bool {
	select {
	case <-db.stop:
		return true
	default:
		return false
	}
}

func intern(t testing.TB, db *DB, name string, tags ...string) Ref {
	t.Helper()
	ref, err := db.Intern(Series{Name: name, Tags: NewTags(tags)})
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func appendOne(t testing.TB, db *DB, ref Ref, at int64, value float64) {
	t.Helper()
	if _, err := db.Append(context.Background(), &Batch{Samples: []Sample{{ref, at, value}}}); err != nil {
		t.Fatal(err)
	}
}

// readAll returns all samples of all series of a metric, by tags.
func readAll(t testing.TB, db *DB, name string) map[string]map[int64]float64 {
	t.Helper()
	set, err := db.Select(context.Background(), Selector{Filter: Filter{Op: MatchName, Value: name}, From: 0, To: 1 << 50})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	all := map[string]map[int64]float64{}
	var c Columns
	for i, s := range set.Series {
		if err := set.Read(i, &c); err != nil {
			t.Fatal(err)
		}
		samples := map[int64]float64{}
		for j, at := range c.Times {
			if j > 0 && at <= c.Times[j-1] {
				t.Fatalf("times do not ascend: %d after %d", at, c.Times[j-1])
			}
			samples[at] = c.Values[j]
		}
		all[strings.Join(s.Tags, ",")] = samples
	}
	return all
}

// TestStoreAgreesWithAMap does random things to a store and to a map, and
// compares what can be read.
func TestStoreAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := memoryDir(t)
		options := Options{Sync: func(*os.File) error { return nil }} // nothing kills this process
		db := openTest(t, dir, options)
		defer func() { db.Close() }()
		model := map[string]map[int64]float64{}
		base := start.Add(-48 * time.Hour).UnixMilli()
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0:
				if err := db.Seal(); err != nil {
					rt.Fatal(err)
				}
			case 1:
				if err := db.Close(); err != nil {
					rt.Fatal(err)
				}
				db = openTest(t, dir, options)
			default:
				var b Batch
				for range rapid.IntRange(1, 200).Draw(rt, "samples") {
					tag := fmt.Sprint("n:", rapid.IntRange(0, 3).Draw(rt, "series"))
					at := base + 10_000*int64(rapid.IntRange(0, 600).Draw(rt, "slot"))
					value := rapid.OneOf(
						rapid.Custom(func(rt *rapid.T) float64 { return float64(rapid.IntRange(-5, 1000).Draw(rt, "quarters")) / 4 }),
						rapid.Float64(),
						rapid.SampledFrom([]float64{math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, 0.1, 1e-300}),
					).Draw(rt, "value")
					b.Samples = append(b.Samples, Sample{intern(t, db, "m", tag), at, value})
					if model[tag] == nil {
						model[tag] = map[int64]float64{}
					}
					model[tag][at] = value
				}
				if _, err := db.Append(context.Background(), &b); err != nil {
					rt.Fatal(err)
				}
			}
			got := readAll(t, db, "m")
			if len(got) != len(model) {
				rt.Fatalf("got %d series, want %d", len(got), len(model))
			}
			for tag, samples := range model {
				if !maps.Equal(got[tag], samples) {
					rt.Fatalf("%s: got %d samples, want %d, or other values", tag, len(got[tag]), len(samples))
				}
			}
		}
	})
}

func TestLateSampleReplacesEarlierOne(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{})
	ref := intern(t, db, "m")
	at := start.Add(-time.Hour).UnixMilli()
	appendOne(t, db, ref, at, 1)
	appendOne(t, db, ref, at+10_000, 2)
	if err := db.Seal(); err != nil {
		t.Fatal(err)
	}
	appendOne(t, db, ref, at, 3)
	if got := readAll(t, db, "m")[""]; !maps.Equal(got, map[int64]float64{at: 3, at + 10_000: 2}) {
		t.Errorf("got %v", got)
	}
}

func TestSamplesOutsideOfTheTimesKeptAreCounted(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{Retention: 24 * time.Hour})
	ref := intern(t, db, "m")
	rejected, err := db.Append(context.Background(), &Batch{Samples: []Sample{
		{ref, start.Add(11 * time.Minute).UnixMilli(), 1}, {ref, start.Add(-25 * time.Hour).UnixMilli(), 1}, {ref, start.UnixMilli(), 1},
	}})
	if err != nil || rejected != (Rejected{Future: 1, Old: 1}) {
		t.Errorf("got %+v (error %v)", rejected, err)
	}
	if n := len(readAll(t, db, "m")[""]); n != 1 {
		t.Errorf("%d samples are kept, want 1", n)
	}
}

func TestSketchesAreKeptAsTheyCame(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, Options{})
	ref, err := db.Intern(Series{Name: "d", Kind: Distribution})
	if err != nil {
		t.Fatal(err)
	}
	at := start.Add(-time.Hour).UnixMilli()
	for i := range int64(300) {
		s := &sketch.Sketch{}
		s.Add(float64(i), 1)
		s.Add(2, 3)
		if _, err := db.Append(context.Background(), &Batch{Sketches: []SketchSample{{ref, at + i*10_000, s}}}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(db *DB) {
		t.Helper()
		set, err := db.Select(context.Background(), Selector{From: at, To: at + 299*10_000})
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		var c Columns
		if err := set.Read(0, &c); err != nil || len(c.Sketches) != 300 {
			t.Fatalf("got %d sketches (error %v), want 300", len(c.Sketches), err)
		}
		if s := c.Sketches[77]; s.Count != 4 || s.Sum != 77+6 || s.Max != 77 {
			t.Errorf("got %+v", s)
		}
	}
	check(db)
	if err := db.Seal(); err != nil {
		t.Fatal(err)
	}
	check(db)
	db.Close()
	check(openTest(t, dir, Options{}))
}

func TestFiltersOverNamesTagsAndHosts(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{})
	at := start.Add(-time.Minute).UnixMilli()
	for i, tags := range [][]string{
		{"host:a", "env:prod", "nice"}, {"host:b", "env:test", "env:dev"}, {"host:c"}, {"role:db"},
	} {
		appendOne(t, db, intern(t, db, "cpu", tags...), at, float64(i))
	}
	appendOne(t, db, intern(t, db, "mem", "host:a"), at, 9)
	err := db.Catalog().UpdateHost(context.Background(), "c", func(h *catalog.Host) {
		h.Tags = map[string][]string{"system": {"env:prod", "bare"}}
	})
	if err != nil {
		t.Fatal(err)
	}
	re := regexp.MustCompile
	name := func(f ...Filter) Filter {
		return Filter{Op: And, Args: append([]Filter{{Op: MatchName, Value: "cpu"}}, f...)}
	}
	for _, tt := range []struct {
		what   string
		filter Filter
		want   []float64
	}{
		{"all", Filter{}, []float64{0, 1, 2, 3, 9}},
		{"a name", name(), []float64{0, 1, 2, 3}},
		{"a pattern of names", Filter{Op: MatchNameRegexp, Regexp: re("^m.*$")}, []float64{9}},
		{"a tag, of a series or of its host", name(Filter{Op: MatchTag, Value: "env:prod"}), []float64{0, 2}},
		{"a bare tag of a host", name(Filter{Op: MatchTag, Value: "bare"}), []float64{2}},
		{"one of several values of a key", name(Filter{Op: MatchTag, Value: "env:dev"}), []float64{1}},
		{"a pattern of tags", name(Filter{Op: MatchTagRegexp, Regexp: re("^env:.*o.*$")}), []float64{0, 2}},
		{"a key", name(Filter{Op: MatchKey, Key: "env"}), []float64{0, 1, 2}},
		{"a bare key", name(Filter{Op: MatchKey, Key: "nice"}), []float64{0}},
		{"a pattern of values", name(Filter{Op: MatchValueRegexp, Key: "env", Regexp: re("^(test|prod)$")}), []float64{0, 1, 2}},
		{"a bare tag's value", name(Filter{Op: MatchValueRegexp, Key: "nice", Regexp: re("^true$")}), []float64{0}},
		{"not", name(Filter{Op: Not, Args: []Filter{{Op: MatchTag, Value: "env:prod"}}}), []float64{1, 3}},
		{"or", name(Filter{Op: Or, Args: []Filter{{Op: MatchTag, Value: "role:db"}, {Op: MatchTag, Value: "host:b"}}}), []float64{1, 3}},
	} {
		set, err := db.Select(context.Background(), Selector{Filter: tt.filter, From: at, To: at})
		if err != nil {
			t.Fatal(err)
		}
		var got []float64
		var c Columns
		for i := range set.Series {
			if err := set.Read(i, &c); err != nil {
				t.Fatal(err)
			}
			got = append(got, c.Values...)
		}
		set.Close()
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.what, got, tt.want)
		}
	}
	found, err := db.Find(context.Background(), name(Filter{Op: MatchTag, Value: "host:c"}), at, at, 0)
	if err != nil || len(found) != 1 || !slices.Equal(found[0].HostTags, Tags{"bare", "env:prod"}) {
		t.Errorf("host tags: got %+v (error %v)", found, err)
	}
	if names, err := db.Metrics(context.Background(), at, at); err != nil || !slices.Equal(names, []string{"cpu", "mem"}) {
		t.Errorf("metrics: got %v (error %v)", names, err)
	}
	if found, err := db.Find(context.Background(), Filter{}, at-10*day, at-9*day, 0); err != nil || len(found) != 0 {
		t.Errorf("series of another day: got %v (error %v)", found, err)
	}
	if _, err := db.Select(context.Background(), Selector{From: at, To: at, MaxSeries: 2}); !errors.Is(err, ErrTooManySeries) {
		t.Errorf("above the limit: got error %v", err)
	}
}

func TestSecondOpenIsRefusedWithThePID(t *testing.T) {
	dir := t.TempDir()
	openTest(t, dir, Options{})
	_, err := Open(dir, Options{Log: quiet})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("got error %v, want ErrLocked with PID %d", err, os.Getpid())
	}
}

func TestSeriesLimitRefusesOnlyNewSeries(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{MaxSeries: 2})
	first := intern(t, db, "a")
	intern(t, db, "b")
	if _, err := db.Intern(Series{Name: "c"}); !errors.Is(err, ErrSeriesLimit) {
		t.Errorf("got error %v, want ErrSeriesLimit", err)
	}
	if again := intern(t, db, "a"); again != first {
		t.Errorf("a known series has ref %d, then %d", first, again)
	}
}

func TestFlippedBitLosesOnePageAndIsNamed(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, Options{})
	at := start.Add(-2 * time.Hour).UnixMilli()
	for _, tag := range []string{"n:1", "n:2"} {
		ref := intern(t, db, "m", tag)
		var b Batch
		for i := range int64(2000) {
			b.Samples = append(b.Samples, Sample{ref, at + i*1000, math.Exp(math.Sin(float64(i * i)))})
		}
		if _, err := db.Append(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Seal(); err != nil {
		t.Fatal(err)
	}
	db.Close()
	files, err := filepath.Glob(filepath.Join(dir, "partitions", "*.part"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got files %v (error %v), want one", files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	raw[200] ^= 1 // in the first page, which the first series fills
	if err := os.WriteFile(files[0], raw, 0o644); err != nil {
		t.Fatal(err)
	}
	db = openTest(t, dir, Options{})
	set, err := db.Select(context.Background(), Selector{From: 0, To: 1 << 50})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var c Columns
	total := 0
	for i := range set.Series {
		if err := set.Read(i, &c); err != nil {
			t.Fatal(err)
		}
		total += len(c.Times)
	}
	if total != 2000 || len(set.Warnings()) != 1 || !strings.Contains(set.Warnings()[0], filepath.Base(files[0])) {
		t.Errorf("got %d samples and warnings %q, want 2000 and the partition named", total, set.Warnings())
	}
}

func TestFullDiskRefusesAndRecovers(t *testing.T) {
	full := false
	db := openTest(t, t.TempDir(), Options{Sync: func(f *os.File) error {
		if full {
			return fmt.Errorf("write: %w", syscall.ENOSPC)
		}
		return f.Sync()
	}})
	ref := intern(t, db, "m")
	at := start.Add(-time.Minute).UnixMilli()
	appendOne(t, db, ref, at, 1)
	full = true
	if _, err := db.Append(context.Background(), &Batch{Samples: []Sample{{ref, at + 1, 2}}}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("got error %v, want ErrNoSpace", err)
	}
	full = false
	appendOne(t, db, ref, at+2, 3)
	if got := readAll(t, db, "m")[""]; !maps.Equal(got, map[int64]float64{at: 1, at + 2: 3}) {
		t.Errorf("got %v", got)
	}
}

func TestNewerFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("whippet data 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Log: quiet}); err == nil || !strings.Contains(err.Error(), "whippet data 3") {
		t.Errorf("got error %v, want both versions named", err)
	}
}

func TestPartitionsOlderThanTheRetentionGo(t *testing.T) {
	now := start
	db := openTest(t, t.TempDir(), Options{Retention: 24 * time.Hour, Now: func() time.Time { return now }})
	appendOne(t, db, intern(t, db, "m"), start.Add(-time.Hour).UnixMilli(), 1)
	if err := db.Settle(); err != nil {
		t.Fatal(err)
	}
	if n := db.Stats().Partitions; n != 1 {
		t.Fatalf("got %d partitions, want 1", n)
	}
	now = now.Add(48 * time.Hour)
	if err := db.Settle(); err != nil {
		t.Fatal(err)
	}
	if n := db.Stats().Partitions; n != 0 {
		t.Errorf("got %d partitions, want none", n)
	}
}

// BenchmarkAppend appends batches of one sample per series from several senders
// at once. The processor's time, which other work on the machine doesn't
// stretch, is to stay below 200 ns per sample with 8 senders of 200.
func BenchmarkAppend(b *testing.B) {
	for _, tt := range []struct{ senders, size int }{{1, 200}, {8, 200}, {1, 2000}, {8, 2000}} {
		b.Run(fmt.Sprintf("senders=%d/size=%d", tt.senders, tt.size), func(b *testing.B) {
			var tick atomic.Int64
			db := openTest(b, b.TempDir(), Options{Now: func() time.Time { return start.Add(time.Duration(tick.Load()) * 10 * time.Second) }})
			b.ReportAllocs()
			var left atomic.Int64
			left.Store(int64(b.N))
			spent := cpu()
			b.ResetTimer()
			var wg sync.WaitGroup
			for sender := range tt.senders {
				wg.Go(func() {
					batch := Batch{Samples: make([]Sample, tt.size)}
					refs := make([]Ref, tt.size)
					for i := range refs {
						refs[i] = intern(b, db, "m", fmt.Sprint("sender:", sender), fmt.Sprint("n:", i))
					}
					for n := int64(1); left.Add(-1) >= 0; n++ {
						tick.Store(n)
						for i, ref := range refs {
							batch.Samples[i] = Sample{ref, start.UnixMilli() + n*10_000, float64((n*int64(i+7))%1000) / 10}
						}
						if _, err := db.Append(context.Background(), &batch); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64((cpu()-spent).Nanoseconds())/float64(b.N)/float64(tt.size), "cpu-ns/sample")
			b.ReportMetric(float64(db.Stats().Commits)/float64(b.N), "fsyncs/op")
		})
	}
}

func BenchmarkInternKnown(b *testing.B) {
	db := openTest(b, b.TempDir(), Options{})
	s := Series{Name: "system.cpu.user", Tags: NewTags([]string{"env:prod", "host:web-1", "role:db"})}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.Intern(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadOneHour(b *testing.B) {
	db := openTest(b, b.TempDir(), Options{})
	ref := intern(b, db, "m", "host:a")
	var batch Batch
	from := start.Add(-time.Hour).UnixMilli()
	for i := range int64(360) {
		batch.Samples = append(batch.Samples, Sample{ref, from + i*10_000, float64(i % 7)})
	}
	if _, err := db.Append(context.Background(), &batch); err != nil {
		b.Fatal(err)
	}
	if err := db.Seal(); err != nil {
		b.Fatal(err)
	}
	var c Columns
	b.ReportAllocs()
	for b.Loop() {
		set, err := db.Select(context.Background(), Selector{Filter: Filter{Op: MatchName, Value: "m"}, From: from, To: start.UnixMilli()})
		if err != nil {
			b.Fatal(err)
		}
		if err := set.Read(0, &c); err != nil || len(c.Times) != 360 {
			b.Fatal(err, len(c.Times))
		}
		set.Close()
	}
}
