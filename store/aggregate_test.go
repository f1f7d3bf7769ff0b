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

// wantBuckets aggregates samples the plain way: sample by sample, into maps.
func wantBuckets(c *Columns, from, to, width int64, edge Edge) *Buckets {
	var b Buckets
	b.Want = WantUsual | WantFirst | WantIncrease
	if err := b.reset(from, to, width, edge); err != nil {
		panic(err)
	}
	prev := math.NaN()
	for i, at := range c.Times {
		if at < from || at > to {
			continue
		}
		start := int64(math.Floor(float64(at)/float64(width))) * width
		if edge == RightClosed && len(c.Sketches) == 0 {
			start = int64(math.Ceil(float64(at)/float64(width)))*width - width
		}
		k := int((start - b.Start) / width)
		if len(c.Sketches) > 0 {
			if k >= len(b.Count) {
				continue
			}
			if b.Sketches[k] == nil {
				b.Sketches[k] = &sketch.Sketch{}
			}
			m := b.Sketches[k]
			m.Merge(c.Sketches[i])
			b.Count[k], b.Sum[k], b.Min[k], b.Max[k] = float64(m.Count), m.Sum, m.Min, m.Max
			continue
		}
		v := c.Values[i]
		if math.IsNaN(v) {
			continue
		}
		if b.Count[k] == 0 {
			b.First[k], b.Min[k], b.Max[k] = v, v, v
		}
		b.Count[k]++
		b.Sum[k] += v
		b.Min[k], b.Max[k], b.Last[k] = min(b.Min[k], v), max(b.Max[k], v), v
		switch {
		case math.IsNaN(prev):
		case v < prev:
			b.Increase[k] += v
		default:
			b.Increase[k] += v - prev
		}
		prev = v
	}
	return &b
}

// sameBuckets says how two aggregates differ; "" when they don't.
func sameBuckets(got, want *Buckets) string {
	if got.Start != want.Start || got.Width != want.Width {
		return fmt.Sprintf("start %d width %d, want %d and %d", got.Start, got.Width, want.Start, want.Width)
	}
	for _, column := range []struct {
		name      string
		want      Want
		got, have []float64
	}{
		{"count", 0xff, got.Count, want.Count}, {"sum", WantSum, got.Sum, want.Sum},
		{"min", WantMin, got.Min, want.Min}, {"max", WantMax, got.Max, want.Max},
		{"first", WantFirst, got.First, want.First}, {"last", WantLast, got.Last, want.Last},
		{"increase", WantIncrease, got.Increase, want.Increase},
	} {
		if got.Want&column.want == 0 {
			continue
		}
		if len(column.got) != len(column.have) {
			return fmt.Sprintf("%s: %d buckets, want %d", column.name, len(column.got), len(column.have))
		}
		for k, v := range column.got {
			if v != column.have[k] && !(math.IsNaN(v) && math.IsNaN(column.have[k])) {
				return fmt.Sprintf("%s of bucket %d (%d): %v, want %v", column.name, k, got.Start+int64(k)*got.Width, v, column.have[k])
			}
		}
	}
	for k, s := range got.Sketches {
		w := want.Sketches[k]
		if (s == nil) != (w == nil) || s != nil && (s.Count != w.Count || s.Sum != w.Sum || !slices.Equal(s.Keys, w.Keys) || !slices.Equal(s.Counts, w.Counts)) {
			return fmt.Sprintf("sketch of bucket %d: %+v, want %+v", k, s, w)
		}
	}
	return ""
}

func TestAggregateIsThatOfTheSamples(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		db := openTest(t, memoryDir(t), Options{})
		defer db.Close()
		refs := []Ref{intern(t, db, "m")}
		distribution, err := db.Intern(Series{Name: "m", Kind: Distribution})
		if err != nil {
			rt.Fatal(err)
		}
		refs = append(refs, distribution)
		base := floorTo(start.Add(-30*time.Hour).UnixMilli(), 3_600_000)
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			var b Batch
			for range rapid.IntRange(1, 150).Draw(rt, "samples") {
				at := base + 7_500*int64(rapid.IntRange(0, 1500).Draw(rt, "slot"))
				v := float64(rapid.IntRange(-20, 1000).Draw(rt, "value")) / 4
				if v < -4 {
					v = math.NaN()
				}
				if rapid.Bool().Draw(rt, "number") {
					b.Samples = append(b.Samples, Sample{refs[0], at, v})
				} else {
					v = math.Abs(v)
					sk := &sketch.Sketch{}
					sk.Add(v, 1)
					if math.IsNaN(v) {
						sk.Add(2, 3)
					}
					b.Sketches = append(b.Sketches, SketchSample{refs[1], at, sk})
				}
			}
			if _, err := db.Append(context.Background(), &b); err != nil {
				rt.Fatal(err)
			}
			if rapid.Bool().Draw(rt, "seal") {
				if err := db.Seal(); err != nil {
					rt.Fatal(err)
				}
			}
		}
		from := base + int64(rapid.IntRange(-1000, 12_000_000).Draw(rt, "from"))
		to := from + int64(rapid.IntRange(0, 12_000_000).Draw(rt, "length"))
		set, err := db.Select(context.Background(), Selector{From: from, To: to})
		if err != nil {
			rt.Fatal(err)
		}
		defer set.Close()
		var c Columns
		var b Buckets
		for i := range set.Series {
			if err := set.Read(i, &c); err != nil {
				rt.Fatal(err)
			}
			for _, edge := range []Edge{LeftClosed, RightClosed} {
				width := rapid.SampledFrom([]int64{10_000, 60_000, 70_000, 300_000, 900_000, 3_600_000, day}).Draw(rt, "width")
				b.Want = Want(rapid.Uint8().Draw(rt, "want"))
				if err := set.Aggregate(i, width, edge, &b); err != nil {
					rt.Fatal(err)
				}
				if diff := sameBuckets(&b, wantBuckets(&c, from, to, width, edge)); diff != "" {
					rt.Fatalf("series %d, width %d, edge %d: %s", i, width, edge, diff)
				}
			}
		}
	})
}

func TestAggregateRefusesAbsurdGrids(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{})
	appendOne(t, db, intern(t, db, "m"), start.UnixMilli(), 1)
	set, err := db.Select(context.Background(), Selector{From: 0, To: 1 << 50})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var b Buckets
	for _, width := range []int64{0, -5, 1} {
		if err := set.Aggregate(0, width, LeftClosed, &b); err == nil {
			t.Errorf("width %d is accepted", width)
		}
	}
}

// Who has all but the newest samples asks for those alone, of a selection that
// has files of the day before.
func TestRangeIsNarrowedToWithinTheHead(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{})
	midnight := dayOf(start.UnixMilli()) * day
	ref := intern(t, db, "m")
	appendOne(t, db, ref, midnight-60_000, 1)
	if err := db.Settle(); err != nil {
		t.Fatal(err)
	}
	for i := range int64(13) {
		appendOne(t, db, ref, midnight+10_000*i, float64(i))
	}
	set, err := db.Select(context.Background(), Selector{From: midnight - 120_000, To: midnight + 129_999})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	for from, want := range map[int64]int{midnight - 60_000: 14, midnight + 60_000: 7, midnight + 120_000: 1, midnight + 190_000: 0} {
		var b Buckets
		var c Columns
		since := set.Since(from)
		if err := errors.Join(since.Aggregate(0, 10_000, LeftClosed, &b), since.Read(0, &c)); err != nil || sumOf(b.Count) != float64(want) || len(c.Times) != want {
			t.Errorf("from %d: got %v in buckets and %d samples, error %v, want %d", from-midnight, sumOf(b.Count), len(c.Times), err, want)
		}
	}
}
