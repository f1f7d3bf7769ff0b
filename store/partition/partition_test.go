package partition

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/whippet-obs/whippet/bench/fleet"
	"github.com/whippet-obs/whippet/store/chunk"
)

// added is a block as it was given to the writer.
type added struct {
	series  uint32
	kind    uint8
	header  chunk.Header
	encoded []byte
}

func write(t testing.TB, path string, blocks []added) {
	t.Helper()
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		w.Add(b.series, b.kind, b.header, b.encoded)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, path string) *Partition {
	t.Helper()
	p, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Release(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// draw makes blocks in order: chunks of numbers, and some of another kind.
func draw(t *rapid.T) []added {
	e := chunk.NewEncoder()
	var blocks []added
	series := uint32(0)
	for range rapid.IntRange(1, 40).Draw(t, "series") {
		series += rapid.Uint32Range(1, 1000).Draw(t, "gap")
		at := rapid.Int64Range(-1e12, 2e12).Draw(t, "start")
		for range rapid.IntRange(1, 4).Draw(t, "blocks") {
			if rapid.IntRange(0, 9).Draw(t, "other") == 0 {
				data := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes")
				blocks = append(blocks, added{series, 200, chunk.Header{MinTime: at, MaxTime: at + 5}, data})
				at += 6
				continue
			}
			n := rapid.SampledFrom([]int{1, 3, 500}).Draw(t, "samples")
			times, values := make([]int64, n), fleet.Column(rapid.SampledFrom(fleet.Kinds).Draw(t, "kind"), 1, n)
			for i := range times {
				times[i] = at
				at += 10_000
			}
			encoded, h := e.Append(nil, times, values)
			blocks = append(blocks, added{series, Numbers, h, encoded})
		}
	}
	return blocks
}

func same(t *rapid.T, p *Partition, got Block, want added) {
	encoded, err := p.Bytes(got)
	if err != nil {
		t.Fatal(err)
	}
	if got.Series != want.series || got.Kind != want.kind || got.MinTime != want.header.MinTime || got.MaxTime != want.header.MaxTime || !bytes.Equal(encoded, want.encoded) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}

func TestBlocksComeBack(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		blocks := draw(rt)
		path := filepath.Join(dir, "a.part")
		write(t, path, blocks)
		p, err := Open(path)
		if err != nil {
			rt.Fatal(err)
		}
		defer p.Release()
		i := 0
		for b := range p.All() {
			same(rt, p, b, blocks[i])
			i++
		}
		if i != len(blocks) {
			rt.Fatalf("%d blocks, want %d", i, len(blocks))
		}
		i, least, most := 0, blocks[0].header.MinTime, blocks[0].header.MaxTime
		for series, times := range p.Series() {
			first, found := blocks[i].header.MinTime, p.Blocks(series)
			for _, b := range found {
				same(rt, p, b, blocks[i])
				least, most = min(least, b.MinTime), max(most, b.MaxTime)
				i++
			}
			if want := [2]int64{first, found[len(found)-1].MaxTime}; times != want {
				rt.Fatalf("series %d: times %v, want %v", series, times, want)
			}
			if more := p.Blocks(series + 1); len(more) > 0 && more[0].Series != series+1 {
				rt.Fatalf("asked for series %d, got %d", series+1, more[0].Series)
			}
		}
		if i != len(blocks) || p.MinTime != least || p.MaxTime != most {
			rt.Fatalf("%d of %d blocks, times %d to %d, want %d to %d", i, len(blocks), p.MinTime, p.MaxTime, least, most)
		}
	})
}

func TestSeriesBeyondOneGroupOfTheTable(t *testing.T) {
	encoded, h := chunk.NewEncoder().Append(nil, []int64{5}, []float64{7})
	var blocks []added
	for i := range uint32(3*tableGroup + 1) {
		blocks = append(blocks, added{2 * i, Numbers, h, encoded})
	}
	path := filepath.Join(t.TempDir(), "a.part")
	write(t, path, blocks)
	n := uint32(0)
	for series := range open(t, path).Series() {
		if series != 2*n {
			t.Fatalf("series %d at %d", series, n)
		}
		n++
	}
	if n != 3*tableGroup+1 {
		t.Errorf("%d series", n)
	}
}

// someFile writes a partition of several pages.
func someFile(t testing.TB) string {
	e := chunk.NewEncoder()
	var blocks []added
	for series := range uint32(12) {
		times := make([]int64, 1000)
		for i := range times {
			times[i] = int64(i) * 1000
		}
		encoded, h := e.Append(nil, times, fleet.Column(fleet.Latency, uint64(series), 1000))
		blocks = append(blocks, added{series, Numbers, h, encoded})
	}
	path := filepath.Join(t.TempDir(), "some.part")
	write(t, path, blocks)
	return path
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	path := someFile(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += 1 + at%37 {
		broken := bytes.Clone(whole)
		broken[at] ^= 1 << (at % 8)
		if err := os.WriteFile(path, broken, 0o644); err != nil {
			t.Fatal(err)
		}
		p, err := Open(path)
		if err != nil {
			continue
		}
		bad, good := 0, 0
		for b := range p.All() {
			if _, err := p.Bytes(b); errors.Is(err, ErrCorrupt) {
				bad++
			} else {
				good++
			}
		}
		p.Release()
		if bad != 1 || good < 9 {
			t.Fatalf("byte %d of %d flipped: %d corrupt, %d good", at, len(whole), bad, good)
		}
	}
}

func TestTruncatedFileIsRefused(t *testing.T) {
	path := someFile(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(whole); n += 1 + n%501 {
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if p, err := Open(path); err == nil {
			p.Release()
			t.Fatalf("the first %d of %d bytes are a partition", n, len(whole))
		}
	}
}

func TestAnotherVersionIsRefusedByName(t *testing.T) {
	path := someFile(t)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(magic)] = Version + 1
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("version %d", Version+1)
	if _, err := Open(path); err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
		t.Errorf("got error %v, want one that names %s", err, want)
	}
}

func TestBlocksOutOfOrderAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.part")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	encoded, h := chunk.NewEncoder().Append(nil, []int64{5}, []float64{7})
	w.Add(2, Numbers, h, encoded)
	w.Add(1, Numbers, h, encoded)
	if err := w.Close(); err == nil {
		t.Error("no error")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 0 {
		t.Errorf("files stay: %v", left)
	}
}

// A million series of six samples: what one hour of churn leaves.
func BenchmarkMillionSeries(b *testing.B) {
	e := chunk.NewEncoder()
	path := filepath.Join(b.TempDir(), "a.part")
	w, err := Create(path)
	if err != nil {
		b.Fatal(err)
	}
	var columns [][]float64
	for _, k := range fleet.Kinds {
		columns = append(columns, fleet.Column(k, 1, 600))
	}
	times := make([]int64, fleet.ChurnTicks)
	var encoded []byte
	var h chunk.Header
	const series = 1_000_000
	for i := range series {
		for j := range times {
			times[j] = fleet.Start + int64(i/1000*60_000+j*fleet.Interval)
		}
		from := i / len(columns) % 590
		encoded, h = e.Append(encoded[:0], times, columns[i%len(columns)][from:from+len(times)])
		w.Add(uint32(i+1), Numbers, h, encoded)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	p := open(b, path)
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p, err := Open(path)
			if err != nil {
				b.Fatal(err)
			}
			p.Release()
		}
		b.ReportMetric(float64(p.Size())/series/fleet.ChurnTicks, "B/sample")
	})
	b.Run("series", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for range p.Series() {
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/series, "ns/series")
	})
	b.Run("blocks", func(b *testing.B) {
		b.ReportAllocs()
		i := uint32(0)
		for b.Loop() {
			i = (i + 7919) % series
			if len(p.Blocks(i+1)) != 1 {
				b.Fatal("no block")
			}
		}
	})
}

// A page's checksum guards against flipped bits, not against a file that someone
// made up: no bytes may bring the reader down.
func FuzzPage(f *testing.F) {
	path := someFile(f)
	p := open(f, path)
	for i := range p.pages() {
		g := p.page(i)
		f.Add(p.data[g.from:min(g.to, g.from+600)])
	}
	d := chunk.NewDecoder()
	f.Fuzz(func(t *testing.T, data []byte) {
		var b Block
		for ok := true; ok && len(data) > 0; {
			before := len(data)
			if b, data, ok = nextBlock(b, data); ok && len(data) >= before {
				t.Fatal("a block of no bytes")
			}
			if ok && b.end() && b.Kind == Numbers {
				if _, err := d.Header(b.MinTime, b.data); err == nil && b.MinTime > b.MaxTime {
					t.Fatalf("times %d to %d", b.MinTime, b.MaxTime)
				}
			}
		}
	})
}
