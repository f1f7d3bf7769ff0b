package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whippet-obs/whippet/store/sketch"
)

func keepAll(Ref, int64, float64, bool) bool { return true }

// TestHeadGivesBackWhatItGot holds a head against slices, for any times and bits.
func TestHeadGivesBackWhatItGot(t *testing.T) {
	value := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) float64 { return math.Float64frombits(rapid.Uint64().Draw(t, "bits")) }),
		rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.IntRange(-3, 3).Draw(t, "n")) }),
	)
	at := rapid.OneOf(
		rapid.Int64(),
		rapid.Custom(func(t *rapid.T) int64 { return start.UnixMilli() + 1000*int64(rapid.IntRange(-20, 20).Draw(t, "s")) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		h := newHead(start, 0)
		defer h.release()
		numbers, sketches := map[Ref]*Columns{}, map[Ref]*Columns{}
		column := func(m map[Ref]*Columns, ref Ref) *Columns {
			if m[ref] == nil {
				m[ref] = &Columns{}
			}
			return m[ref]
		}
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			var b Batch
			for range rapid.IntRange(0, 60).Draw(t, "samples") {
				s := Sample{Ref(rapid.SampledFrom([]int{1, 2, 5000}).Draw(t, "ref")), at.Draw(t, "time"), value.Draw(t, "value")}
				b.Samples = append(b.Samples, s)
				c := column(numbers, s.Ref)
				c.Times, c.Values = append(c.Times, s.Time), append(c.Values, s.Value)
			}
			for range rapid.IntRange(0, 4).Draw(t, "sketches") {
				s := SketchSample{3, at.Draw(t, "time"), &sketch.Sketch{}}
				for i := range rapid.IntRange(1, 40).Draw(t, "bins") {
					s.Sketch.Add(float64(i*i), 1)
				}
				b.Sketches = append(b.Sketches, s)
				c := column(sketches, s.Ref)
				c.Times, c.Sketches = append(c.Times, s.Time), append(c.Sketches, s.Sketch)
			}
			h.add(&b, keepAll)
		}
		var refs []Ref
		for ref := range h.refs() {
			refs = append(refs, ref)
			var got Columns
			if err := h.read(ref, sketches[ref] != nil, math.MinInt64, math.MaxInt64, &got); err != nil {
				t.Fatal(err)
			}
			want := numbers[ref]
			if sketches[ref] != nil {
				want = sketches[ref]
			}
			if !slices.Equal(got.Times, want.Times) {
				t.Fatalf("ref %d: times %v, want %v", ref, got.Times, want.Times)
			}
			for i, v := range got.Values {
				if math.Float64bits(v) != math.Float64bits(want.Values[i]) {
					t.Fatalf("ref %d: value %d is %x, want %x", ref, i, math.Float64bits(v), math.Float64bits(want.Values[i]))
				}
			}
			for i, s := range got.Sketches {
				if !slices.Equal(s.AppendBinary(nil), want.Sketches[i].AppendBinary(nil)) {
					t.Fatalf("ref %d: sketch %d differs", ref, i)
				}
			}
		}
		if len(refs) != len(numbers)+len(sketches) || !slices.IsSorted(refs) || h.series != len(refs) {
			t.Fatalf("refs %v, %d series; want %d", refs, h.series, len(numbers)+len(sketches))
		}
	})
}

func TestHeadIsFullForAReason(t *testing.T) {
	o := Options{SealSamples: 120, SealBytes: 1 << 20, SealAge: time.Hour}
	fill := func(series, each int) *head {
		h := newHead(start, 0)
		t.Cleanup(func() { h.release() })
		var b Batch
		for i := range each {
			for ref := range series {
				b.Samples = append(b.Samples, Sample{Ref(ref + 1), start.UnixMilli() + int64(i), math.Sqrt(float64(ref * i))})
			}
		}
		h.add(&b, keepAll)
		return h
	}
	for _, tt := range []struct {
		what         string
		series, each int
		now          time.Time
		want         bool
	}{
		{"empty and old", 0, 0, start.Add(2 * time.Hour), false},
		{"young", 1, 10, start, false},
		{"old", 1, 10, start.Add(2 * time.Hour), true},
		{"blocks worth their overhead", 2, 60, start, true},
		{"many samples, in short blocks", 100, 10, start, false},
		{"large", 10_000, 10, start, true},
	} {
		if got := fill(tt.series, tt.each).full(&o, tt.now); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.what, got, tt.want)
		}
	}
}

func TestHeadIsSealedWhenABurstEnds(t *testing.T) {
	o := Options{SealSamples: 1 << 30, SealBytes: 1 << 30, SealAge: time.Hour}
	h := newHead(start, 0)
	t.Cleanup(func() { h.release() })
	now := start
	send := func(series, each int) {
		var b Batch
		for i := range each * series {
			b.Samples = append(b.Samples, Sample{Ref(i%series + 1), now.UnixMilli() + int64(i), 1})
		}
		h.add(&b, keepAll)
	}
	check := func(what string, want bool) {
		t.Helper()
		now = now.Add(burstQuiet)
		if got := h.full(&o, now); got != want {
			t.Errorf("%s: got %v", what, got)
		}
	}
	check("empty", false)
	for i := range 50 {
		send(100, 1)
		for range 4 {
			check(fmt.Sprint("round ", i, " of a sender, one a minute"), false)
		}
	}
	h.release()
	h = newHead(now, 0)
	send(100, 10)
	check("a burst", false)
	send(100, 10)
	check("a burst goes on", false)
	send(2, 1)
	check("next to nothing after it", true)
}

func TestAppendsWaitForACrowdedHeadToBeSealed(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{})
	ref := intern(t, db, "m")
	appendOne(t, db, ref, start.UnixMilli(), 1)
	db.crowded.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), 2*roomWait)
	defer cancel()
	if _, err := db.Append(ctx, &Batch{Samples: []Sample{{ref, start.UnixMilli() + 1, 2}}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want to have waited", err)
	}
	if err := db.Seal(); err != nil {
		t.Fatal(err)
	}
	appendOne(t, db, ref, start.UnixMilli()+1, 2)
}

func TestEveryHeadIsCrowdedWhenNoneMayBeLarge(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{SealBytes: 1})
	ref := intern(t, db, "m")
	for i := range int64(5) {
		sealed := make(chan error, 1)
		go func() { sealed <- db.Seal() }()
		appendOne(t, db, ref, start.UnixMilli()+i, 1)
		if err := <-sealed; err != nil {
			t.Fatal(err)
		}
	}
	if got := readAll(t, db, "m")[""]; len(got) != 5 {
		t.Errorf("%d samples are there, want 5", len(got))
	}
}

func TestReaderOutlivesTheHead(t *testing.T) {
	h := newHead(start, 0)
	h.add(&Batch{Samples: []Sample{{1, 1000, 2.5}}}, keepAll)
	h.acquire()
	if err := h.release(); err != nil {
		t.Fatal(err)
	}
	var c Columns
	if err := h.read(1, false, 0, 2000, &c); err != nil || !slices.Equal(c.Values, []float64{2.5}) {
		t.Errorf("got %v (error %v)", c, err)
	}
	if err := h.release(); err != nil || h.cells.slabs.all != nil {
		t.Errorf("the memory of a head without users is kept (error %v)", err)
	}
}

// BenchmarkHeadAdd is to stay near 20 ns per sample.
func BenchmarkHeadAdd(b *testing.B) {
	const series = 10_000
	batch := Batch{}
	for i := range series {
		batch.Samples = append(batch.Samples, Sample{Ref(i + 1), 0, 0})
	}
	h := newHead(start, 0)
	at := start.UnixMilli()
	n := 0
	for b.Loop() {
		if n++; n%100 == 0 {
			h.release()
			h = newHead(start, 0)
		}
		at += 10_000
		for i := range batch.Samples {
			batch.Samples[i].Time, batch.Samples[i].Value = at, float64(i+n)/10
		}
		h.add(&batch, keepAll)
	}
	h.release()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/series, "ns/sample")
}
