package partition

import (
	"encoding/binary"
	"flag"
	"hash/fnv"
	"math"
	"testing"

	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/sketch"
)

var update = flag.Bool("update", false, "write testdata/v1.part anew; only before a version is released")

// golden are blocks of every form that a chunk of version 1 can take.
func golden() []added {
	const n = 100
	e := chunk.NewEncoder()
	times, odd := make([]int64, n), make([]int64, n)
	for i := range times {
		times[i] = 1_795_392_000_000 + int64(i)*10_000
		odd[i] = times[i] + int64(i*i%7)
	}
	noise := func(i int) float64 { return math.Float64frombits(uint64(i*i+1)*0x9e3779b97f4a7c15 ^ uint64(i)<<40) }
	columns := []func(i int) float64{
		func(int) float64 { return 8 },
		func(i int) float64 { return float64(i/20) * 1.5 },
		func(i int) float64 { return float64(i*i*31%997) / 10 },
		func(i int) float64 { return float64(i*i*31%997) / float64(1000+i%3) * 100 },
		func(i int) float64 { return 1 + math.Mod(math.Abs(noise(i)), 1) },
		noise,
		func(i int) float64 { return math.Float64frombits(uint64(i%5)<<62 ^ uint64(i*i*i)*0x9e3779b9) },
		func(i int) float64 {
			switch i {
			case 3:
				return math.NaN()
			case 50:
				return math.Copysign(0, -1)
			case 70:
				return 1e15
			}
			return float64(i % 11)
		},
	}
	var blocks []added
	for k, column := range columns {
		values := make([]float64, n)
		for i := range values {
			values[i] = column(i)
		}
		encoded, h := e.Append(nil, times, values)
		blocks = append(blocks, added{uint32(2 * k), Numbers, h, encoded})
		encoded, h = e.Append(nil, odd[:30], values[:30])
		h.MinTime += 1_000_000
		h.MaxTime += 1_000_000
		blocks = append(blocks, added{uint32(2 * k), Numbers, h, encoded})
	}
	var sketches []*sketch.Sketch
	for i := range 10 {
		s := new(sketch.Sketch)
		for v := range 20 {
			s.Add(float64(i*v)/4, uint64(v+1))
		}
		sketches = append(sketches, s)
	}
	encoded, h := e.AppendSketches(nil, times[:10], sketches)
	return append(blocks, added{99, Sketches, h, encoded}, added{100, 16, chunk.Header{MinTime: 5, MaxTime: 9}, []byte("opaque")})
}

// The file of version 1 is read for ever, and says the same.
func TestGoldenPartition(t *testing.T) {
	const path = "testdata/v1.part"
	if *update {
		write(t, path, golden())
	}
	d := chunk.NewDecoder()
	sum := fnv.New64a()
	blocks, samples, forms := 0, 0, map[byte]bool{}
	put := func(v any) { binary.Write(sum, binary.LittleEndian, v) }
	p := open(t, path)
	for b := range p.All() {
		encoded, err := p.Bytes(b)
		if err != nil {
			t.Fatal(err)
		}
		blocks++
		put(b.Series)
		put(b.MaxTime)
		switch b.Kind {
		case Numbers:
			forms[encoded[0]&7] = true
			times, values, err := d.Decode(b.MinTime, encoded, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			h, err := d.Header(b.MinTime, encoded)
			if err != nil {
				t.Fatal(err)
			}
			samples += len(times)
			put(times)
			put(values)
			put([]float64{h.Sum, h.First, h.Last})
		case Sketches:
			times, sketches, err := d.DecodeSketches(b.MinTime, encoded, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			samples += len(times)
			put(times)
			for _, s := range sketches {
				put(s.Keys)
				put(s.Counts)
				put(s.Sum)
			}
		default:
			sum.Write(encoded)
		}
	}
	if blocks != 18 || samples != 8*130+10 || len(forms) != 7 || sum.Sum64() != 0x2009642b198f8698 {
		t.Errorf("%d blocks of %d forms, %d samples, digest %#x", blocks, len(forms), samples, sum.Sum64())
	}
}
