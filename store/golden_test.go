package store

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/sketch"
)

// goldenFolders were written by each version of the data folder. What reads them
// must do so for ever; a new version gets a folder of its own beside them, by
//
//	WHIPPET_WRITE_GOLDEN=testdata/golden-N go test -run TestWriteGoldenFolder
var goldenFolders = []string{"testdata/golden-1", "testdata/golden-2"}

// goldenSamples are those of every golden folder: two days of each kind of
// series every 10 minutes, the last hour of them not sealed.
func goldenSamples(kind Kind) *Columns {
	c := &Columns{}
	from := floorTo(start.UnixMilli(), day) - day
	for i := range int64(216) {
		c.Times = append(c.Times, from+i*600_000+i%3*7000)
		v := float64(i*i%101) / 4
		switch {
		case kind == Distribution && i%2 == 0:
			s, err := sketch.FromDurations([]int32{int32(i), 900}, []uint64{2, uint64(i + 1)}, 1)
			if err != nil {
				panic(err)
			}
			c.Sketches = append(c.Sketches, s)
		case kind == Distribution:
			c.Sketches = append(c.Sketches, sketchOf(v))
		case kind == Rate: // full mantissas
			c.Values = append(c.Values, math.Sqrt(v))
		case kind == Cumulative:
			c.Values = append(c.Values, float64(i%50*i))
		default:
			c.Values = append(c.Values, v)
		}
	}
	return c
}

var goldenKinds = []Kind{Gauge, Count, Rate, Cumulative, Distribution}

func goldenSeries(kind Kind) Series {
	return Series{Name: "golden." + kind.String(), Tags: NewTags([]string{"host:a", "env:test", "bare"}), Kind: kind, Interval: 600_000}
}

func TestWriteGoldenFolder(t *testing.T) {
	dir := os.Getenv("WHIPPET_WRITE_GOLDEN")
	if dir == "" {
		t.Skip("WHIPPET_WRITE_GOLDEN names no folder")
	}
	db := openTest(t, dir, Options{fewForTier: 5}) // some series are in the tiers, others are left out
	for _, part := range [][2]int{{0, 100}, {100, 210}, {210, 216}} {
		var b Batch
		for _, kind := range goldenKinds {
			ref, err := db.Intern(goldenSeries(kind))
			if err != nil {
				t.Fatal(err)
			}
			c := goldenSamples(kind)
			for i := part[0]; i < part[1]; i++ {
				if kind == Distribution {
					b.Sketches = append(b.Sketches, SketchSample{ref, c.Times[i], c.Sketches[i]})
				} else {
					b.Samples = append(b.Samples, Sample{ref, c.Times[i], c.Values[i]})
				}
			}
		}
		if _, err := db.Append(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		if part[1] < 216 {
			if err := db.Settle(); err != nil {
				t.Fatal(err)
			}
		}
	}
	err := db.Catalog().Update(context.Background(), func(tx *catalog.Tx) error {
		return tx.Put(catalog.Monitors, "1", map[string]string{"name": "golden"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(dir, "lock"))
}

func TestGoldenFoldersAreReadForEver(t *testing.T) {
	for _, golden := range goldenFolders {
		t.Run(filepath.Base(golden), func(t *testing.T) { readGolden(t, golden) })
	}
}

func readGolden(t *testing.T, golden string) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(golden)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error { // git keeps no write bits of others
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	report, err := Check(context.Background(), dir, nil)
	if err != nil || len(report.Problems) > 0 || report.Series != len(goldenKinds) || report.Samples != int64(216*len(goldenKinds)) || report.Buckets == 0 {
		t.Fatalf("%+v (error %v)", report, err)
	}
	db := openTest(t, dir, Options{Now: func() time.Time { return start }})
	from := floorTo(start.UnixMilli(), day) - day
	to := from + 2*day - 1
	for _, kind := range goldenKinds {
		s, want := goldenSeries(kind), goldenSamples(kind)
		set, err := db.Select(context.Background(), Selector{Filter: Filter{Op: MatchName, Value: s.Name}, From: from, To: to})
		if err != nil {
			t.Fatal(err)
		}
		if len(set.Series) != 1 || fmt.Sprint(set.Series[0].Series) != fmt.Sprint(s) {
			t.Fatalf("got series %+v, want %+v", set.Series, s)
		}
		var c Columns
		if err := set.Read(0, &c); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(c.Times, c.Values) != fmt.Sprint(want.Times, want.Values) || len(c.Sketches) != len(want.Sketches) {
			t.Errorf("%s: other samples", s.Name)
		}
		for i, sk := range c.Sketches {
			if w := want.Sketches[i]; sk.Quantile(0.9) != w.Quantile(0.9) || sk.Count != w.Count || sk.Sum != w.Sum || sk.Mapping != w.Mapping {
				t.Errorf("%s: sketch %d: %+v, want %+v", s.Name, i, sk, w)
			}
		}
		for _, width := range []int64{fiveMinutes, oneHour, day} {
			b := Buckets{Want: WantUsual | WantFirst}
			if kind == Rate {
				b.Want &^= WantSum // of full mantissas, whose sum depends on the order
			}
			if err := set.Aggregate(0, width, LeftClosed, &b); err != nil {
				t.Fatal(err)
			}
			plain := wantBuckets(want, from, to, width, LeftClosed)
			if kind == Distribution {
				b.Want &^= WantSum | WantFirst | WantLast
				b.Sketches = nil // merged in another order
			}
			if diff := sameBuckets(&b, plain); diff != "" {
				t.Errorf("%s by %d ms: %s", s.Name, width, diff)
			}
		}
		if w := set.Warnings(); len(w) > 0 {
			t.Errorf("warnings: %q", w)
		}
		set.Close()
	}
	err = db.Catalog().View(func(tx *catalog.Tx) error {
		var m map[string]string
		if ok, err := tx.Get(catalog.Monitors, "1", &m); err != nil || !ok || m["name"] != "golden" {
			return fmt.Errorf("the monitor is %v (error %v)", m, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
