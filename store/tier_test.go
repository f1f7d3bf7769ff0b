package store

import (
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/sketch"
)

// memoryDir is a folder in memory where there is one: properties are tried on
// hundreds of stores, and what they are about is not what the disk keeps.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "whippet-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// tierModel is a store beside what it must hold: the last write of each time.
type tierModel struct {
	t    *rapid.T
	dir  string
	now  time.Time
	o    Options
	db   *DB
	base int64 // the first day's start
	gone bool  // raw samples are
	data map[Kind]map[int64]float64
}

func newTierModel(t *rapid.T, dir string, o Options) *tierModel {
	o.fewForTier = rapid.SampledFrom([]int{-1, 40, 0}).Draw(t, "few for tier")
	m := &tierModel{t: t, dir: dir, now: start, o: o, base: floorTo(start.UnixMilli(), day) - 2*day, data: map[Kind]map[int64]float64{}}
	m.open()
	return m
}

func (m *tierModel) open() {
	o := m.o
	o.Log, o.Now = quiet, func() time.Time { return m.now }
	db, err := Open(m.dir, o)
	if err != nil {
		m.t.Fatal(err)
	}
	m.db = db
}

func (m *tierModel) ref(kind Kind) Ref {
	ref, err := m.db.Intern(Series{Name: "m", Kind: kind})
	if err != nil {
		m.t.Fatal(err)
	}
	return ref
}

// sketchOf is the sketch that the model's value stands for.
func sketchOf(v float64) *sketch.Sketch {
	s := &sketch.Sketch{}
	s.Add(v, 1)
	s.Add(2*v+1, 2)
	return s
}

var tierKinds = []Kind{Gauge, Cumulative, Distribution}

// step does something at random that must not change what can be read, or adds
// samples: runs at a steady pace, most of them late, and single ones.
func (m *tierModel) step() {
	t := m.t
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0:
		m.check(m.db.Seal())
	case 1:
		m.check(m.db.Settle())
	case 2:
		m.check(m.db.Seal())
		m.check(m.db.ask(func() error { return m.db.maintain(false, &pacer{stop: m.db.stop, fast: true}) }))
	case 3:
		m.check(m.db.Close())
		m.open()
	default:
		kind := rapid.SampledFrom(tierKinds).Draw(t, "kind")
		pace := rapid.SampledFrom([]int64{10_000, 60_000, 7_000, 300_000, 1_000_000}).Draw(t, "pace")
		at := m.base + 10_000*rapid.Int64Range(0, 21_600).Draw(t, "at") + rapid.SampledFrom([]int64{0, 0, 3_000, 1}).Draw(t, "shift")
		m.add(kind, at, pace, rapid.IntRange(1, 400).Draw(t, "samples"), rapid.Int64Range(1, 99).Draw(t, "seed"))
	}
}

func (m *tierModel) check(err error) {
	if err != nil {
		m.t.Fatal(err)
	}
}

// add appends n samples from at on. The values follow from the seed: quarters,
// whose sums are exact in any order, and now and then NaN.
func (m *tierModel) add(kind Kind, at, pace int64, n int, seed int64) {
	ref := m.ref(kind)
	if m.data[kind] == nil {
		m.data[kind] = map[int64]float64{}
	}
	var b Batch
	for i := range int64(n) {
		if at > m.now.UnixMilli() {
			break
		}
		v := float64((i*i*seed+7*i)%1000) / 4
		if kind == Distribution {
			b.Sketches = append(b.Sketches, SketchSample{ref, at, sketchOf(v)})
		} else {
			if (i+seed)%17 == 0 {
				v = math.NaN()
			}
			b.Samples = append(b.Samples, Sample{ref, at, v})
		}
		m.data[kind][at] = v
		at += pace
	}
	_, err := m.db.Append(context.Background(), &b)
	m.check(err)
}

// columns are the model's samples of a kind.
func (m *tierModel) columns(kind Kind) *Columns {
	c := &Columns{Times: slices.Sorted(maps.Keys(m.data[kind]))}
	for _, at := range c.Times {
		if kind == Distribution {
			c.Sketches = append(c.Sketches, sketchOf(m.data[kind][at]))
		} else {
			c.Values = append(c.Values, m.data[kind][at])
		}
	}
	return c
}

// compare holds aggregates of [from, to] against those of the model.
func (m *tierModel) compare(from, to, width int64, edge Edge, want Want) {
	m.t.Helper()
	m.compareMetric("m", from, to, width, edge, want)
}

func (m *tierModel) compareMetric(name string, from, to, width int64, edge Edge, want Want) {
	m.t.Helper()
	set, err := m.db.Select(context.Background(), Selector{Filter: Filter{Op: MatchName, Value: name}, From: from, To: to})
	m.check(err)
	defer set.Close()
	for i, s := range set.Series {
		b := Buckets{Want: want}
		if m.gone && s.Kind != Cumulative {
			b.Want &^= WantIncrease // is only kept for counters
		}
		m.check(set.Aggregate(i, width, edge, &b))
		if diff := sameBuckets(&b, wantBuckets(m.columns(s.Kind), from, to, width, edge)); diff != "" {
			m.t.Fatalf("%s, [%d, %d] by %d, edge %d, want %x: %s", s.Kind, from, to, width, edge, b.Want, diff)
		}
	}
	if w := set.Warnings(); len(w) > 0 {
		m.t.Fatalf("warnings: %q", w)
	}
}

func TestTierIsRaw(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newTierModel(rt, memoryDir(t), Options{})
		defer func() { m.db.Close() }()
		for range rapid.IntRange(1, 14).Draw(rt, "steps") {
			m.step()
		}
		for range 6 {
			width := rapid.SampledFrom([]int64{fiveMinutes, 3 * fiveMinutes, oneHour, 6 * oneHour, day, 60_000}).Draw(rt, "width")
			edge := Edge(rapid.IntRange(0, 1).Draw(rt, "edge"))
			from := m.base + rapid.Int64Range(0, 2*day).Draw(rt, "from")
			to := from + rapid.Int64Range(0, 2*day).Draw(rt, "length")
			if rapid.Bool().Draw(rt, "aligned") {
				from, to = floorTo(from, width)+int64(edge), floorTo(to, width)+width-1+int64(edge)
			}
			m.compare(from, to, width, edge, Want(rapid.Uint8().Draw(rt, "want")))
		}
	})
}

// Once raw samples are gone, the tiers answer for whole buckets as those did.
func TestTierIsRawAfterRawIsGone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newTierModel(rt, memoryDir(t), Options{Retention: 4 * 24 * time.Hour, Retention5m: 8 * 24 * time.Hour})
		defer func() { m.db.Close() }()
		for range rapid.IntRange(1, 10).Draw(rt, "steps") {
			m.step()
		}
		m.check(m.db.Settle())
		least := fiveMinutes
		m.now = m.now.Add(6 * 24 * time.Hour)
		if rapid.Bool().Draw(rt, "hours only") {
			least = oneHour
			m.now = m.now.Add(6 * 24 * time.Hour)
		}
		m.check(m.db.Settle())
		m.gone = true
		if s := m.db.Stats(); s.Partitions != 0 {
			rt.Fatalf("%d partitions are left", s.Partitions)
		}
		if rapid.Bool().Draw(rt, "restart") {
			m.check(m.db.Close())
			m.open()
		}
		for range 4 {
			width := rapid.SampledFrom([]int64{int64(least), 3 * oneHour, day}).Draw(rt, "width")
			from := floorTo(m.base+rapid.Int64Range(0, 2*day).Draw(rt, "from"), width)
			to := floorTo(from+rapid.Int64Range(0, 2*day).Draw(rt, "length"), width) + width - 1
			m.compare(from, to, width, LeftClosed, WantUsual|WantFirst|WantIncrease)
			if width != day { // of the sample on the end the next bucket must be there
				set, err := m.db.Select(context.Background(), Selector{From: from + 1, To: to + 1})
				m.check(err)
				b := Buckets{Want: WantSum | WantMin | WantMax | WantLast}
				for i, s := range set.Series {
					if s.Kind == Distribution {
						continue
					}
					m.check(set.Aggregate(i, width, RightClosed, &b))
					if diff := sameBuckets(&b, wantBuckets(m.columns(s.Kind), from+1, to+1, width, RightClosed)); diff != "" {
						rt.Fatalf("right closed: %s", diff)
					}
				}
				set.Close()
			}
		}
	})
}

func TestTierBlocksComeBack(t *testing.T) {
	codec := tierCodec{encoder: chunk.NewEncoder(), decoder: chunk.NewDecoder()}
	rapid.Check(t, func(t *rapid.T) {
		var c, sketches Columns
		at := floorTo(start.UnixMilli(), fiveMinutes)
		steps := rapid.SampledFrom([][]int64{{10_000, 300_000, 1, 5_000_000}, {60_000}, {300_000}}).Draw(t, "steps")
		lean := rapid.Bool().Draw(t, "lean")
		for range rapid.IntRange(1, 300).Draw(t, "samples") {
			at += rapid.SampledFrom(steps).Draw(t, "step")
			v := rapid.SampledFrom([]float64{0, 1, 2.5, 7, math.Inf(1), math.Pi}).Draw(t, "value")
			c.Times, c.Values = append(c.Times, at), append(c.Values, v)
			sketches.Sketches = append(sketches.Sketches, sketchOf(math.Min(v, 100)))
		}
		numbers, dist := tierColumns{width: fiveMinutes}, tierColumns{width: fiveMinutes}
		numbers.addSamples(c.Times, c.Values, rapid.Bool().Draw(t, "cumulative"))
		dist.addSketches(c.Times, sketches.Sketches)
		for _, want := range []*tierColumns{&numbers, &dist} {
			encoded, h := codec.encode(nil, want, lean)
			var got tierColumns
			if err := codec.decode(encoded, fiveMinutes, wantAllTierColumns|WantSketches, &got); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Start, want.Start) || h.MinTime != want.Start[0] || h.MaxTime != want.Start[len(want.Start)-1]+fiveMinutes-1 {
				t.Fatalf("starts %v, want %v", got.Start, want.Start)
			}
			flags := encoded[1]
			if flags&tierHasOneLast != 0 {
				if !lean || slices.Contains(want.OnStart[1:], 0) || len(want.Start) != int(want.Start[len(want.Start)-1]-want.Start[0])/fiveMinutes+1 {
					t.Fatal("last samples are left out that nothing follows on")
				}
				for k := range want.Last[1:] {
					want.Last[k] = math.NaN()
				}
			}
			for k, column := range got.floatColumns(flags) {
				if !sameBits(*column, *want.floatColumns(flags)[k]) {
					t.Fatalf("column %d: %v, want %v", k, *column, *want.floatColumns(flags)[k])
				}
			}
			var few tierColumns
			w := Want(rapid.Uint8().Draw(t, "want"))
			if err := codec.decode(encoded, fiveMinutes, w, &few); err != nil {
				t.Fatal(err)
			}
			for k, needed := range w.tierColumns(flags) {
				if needed && k < len(few.floatColumns(flags)) && !sameBits(*few.floatColumns(flags)[k], *want.floatColumns(flags)[k]) {
					t.Fatalf("want %x: column %d: %v, want %v", w, k, *few.floatColumns(flags)[k], *want.floatColumns(flags)[k])
				}
			}
		}
	})
}

func FuzzTierBlock(f *testing.F) {
	codec := tierCodec{encoder: chunk.NewEncoder(), decoder: chunk.NewDecoder()}
	numbers, dist := tierColumns{width: oneHour}, tierColumns{width: oneHour}
	numbers.addSamples([]int64{0, 10, oneHour, 5 * oneHour}, []float64{1, 2, 3.5, 2}, true)
	dist.addSketches([]int64{0, 10}, []*sketch.Sketch{sketchOf(1), sketchOf(3)})
	steady := tierColumns{width: oneHour}
	steady.addSamples([]int64{0, 10, oneHour, 2 * oneHour}, []float64{1, 2, 3.5, 2}, false)
	for _, t := range []*tierColumns{&numbers, &dist, &steady} {
		encoded, _ := codec.encode(nil, t, true)
		f.Add(encoded, uint8(0xff))
		f.Add(encoded, uint8(WantSum))
	}
	f.Add(codec.encodeFew(nil, &numbers), uint8(0xff))
	var t tierColumns
	f.Fuzz(func(_ *testing.T, b []byte, want uint8) {
		codec.decode(b, oneHour, Want(want), &t)
		codec.decodeFew(oneHour, b, oneHour, true, &t)
	})
}

// A container that lives for a minute must not cost more in tiers than in raw
// samples: eight columns of one bucket did.
func TestShortSeriesKeepTheirSamplesInTiers(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, Options{fewForTier: -1})
	var b Batch
	for n := range 500 {
		ref := intern(t, db, "m", fmt.Sprint("container:", n))
		for i := range int64(6) {
			at := start.Add(-time.Hour).UnixMilli() + int64(n)*1000 + i*10_000
			b.Samples = append(b.Samples, Sample{ref, at, math.Exp(float64(n) / float64(i+1))})
		}
	}
	if _, err := db.Append(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	if err := db.Settle(); err != nil {
		t.Fatal(err)
	}
	size := func(folder string) (total int64) {
		names, err := filepath.Glob(filepath.Join(dir, folder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			total += info.Size()
		}
		return total
	}
	if raw, tiers := size("partitions"), size("tiers"); raw == 0 || tiers > 3*raw {
		t.Errorf("the two tiers have %d bytes, the raw samples %d", tiers, raw)
	}
}
