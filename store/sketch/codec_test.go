package sketch

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := sketches().Draw(t, "sketch")
		tail := rapid.SliceOf(rapid.Byte()).Draw(t, "tail")
		b := append(s.AppendBinary(nil), tail...)
		got, rest, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if s.Count == 0 {
			s = &Sketch{}
		}
		if !equal(got, s) || !bytes.Equal(rest, tail) {
			t.Fatalf("got %+v and %x, want %+v and %x", got, rest, s, tail)
		}
	})
}

// The bytes of version 1, for ever.
func TestGoldenEncodings(t *testing.T) {
	four := new(Sketch)
	four.Add(5, 4)
	for _, c := range []struct {
		name string
		s    *Sketch
		hex  string
	}{
		{"empty", new(Sketch), "010300"},
		{"four fives", four, "010301c41603c028"},
		{"ten to hundred", add(10, 20, 30, 40, 50, 60, 70, 80, 90, 100),
			"01000a9e172c1a130e0c0a09070700000000000000000000c048c0b201c082c201"},
	} {
		b := c.s.AppendBinary(nil)
		if got := hex.EncodeToString(b); got != c.hex {
			t.Errorf("%s is %s, want %s", c.name, got, c.hex)
		}
		if s, rest, err := Decode(b); err != nil || len(rest) != 0 || !equal(s, c.s) {
			t.Errorf("%s comes back as %+v, %v", c.name, s, err)
		}
	}
}

func TestTruncatedSketchIsRefused(t *testing.T) {
	b := add(1, 2, 3, -4, 5e9).AppendBinary(nil)
	for n := range b {
		if s, _, err := Decode(b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes decode to %+v", n, len(b), s)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(new(Sketch).AppendBinary(nil))
	f.Add(add(10, 20, 30, 40, 50, 60, 70, 80, 90, 100).AppendBinary(nil))
	f.Add(add(-1, 0, 1e300).AppendBinary([]byte{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, rest, err := Decode(b)
		if err != nil {
			return
		}
		if !wellFormed(s) || len(rest) > len(b) {
			t.Fatalf("decoded %+v", s)
		}
		again, _, err := Decode(s.AppendBinary(nil))
		if err != nil || !equal(s, again) {
			t.Fatalf("%+v comes back as %+v, %v", s, again, err)
		}
		s.Quantile(0.5)
		s.Merge(again)
	})
}

func BenchmarkAppendBinary(b *testing.B) {
	s := new(Sketch)
	for i := range 100 {
		s.Add(float64(i)+0.5, 1)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = s.AppendBinary(buf[:0])
	}
	b.ReportMetric(float64(len(buf))/float64(len(s.Keys)), "B/bin")
}

func BenchmarkDecode(b *testing.B) {
	s := new(Sketch)
	for i := range 100 {
		s.Add(float64(i)+0.5, 1)
	}
	buf := s.AppendBinary(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Decode(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func TestManyComeBackTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []*Sketch
		var b []byte
		for range rapid.IntRange(0, 40).Draw(t, "sketches") {
			s := new(Sketch)
			for range rapid.IntRange(0, 60).Draw(t, "values") {
				s.Add(rapid.Float64Range(-1e6, 1e6).Draw(t, "value"), rapid.Uint64Range(1, 1000).Draw(t, "weight"))
			}
			want, b = append(want, s), s.AppendBinary(b)
		}
		got, err := DecodeAll(b, len(want), nil)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d sketches, want %d (error %v)", len(got), len(want), err)
		}
		for i, s := range want {
			if got[i].Count != s.Count || got[i].Sum != s.Sum || !slices.Equal(got[i].Keys, s.Keys) || !slices.Equal(got[i].Counts, s.Counts) {
				t.Fatalf("sketch %d: %+v, want %+v", i, got[i], s)
			}
		}
		for i := range got { // none may reach into its neighbour's memory
			got[i].Merge(want[(i+1)%len(want)])
			got[i].Add(1e9, 1)
		}
		again, err := DecodeAll(b, len(want), nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range again {
			m := want[i].Clone()
			m.Merge(want[(i+1)%len(want)])
			m.Add(1e9, 1)
			if !slices.Equal(got[i].Keys, m.Keys) || !slices.Equal(got[i].Counts, m.Counts) {
				t.Fatalf("merged sketch %d: %+v, want %+v", i, got[i], m)
			}
		}
		if len(want) > 0 {
			if _, err := DecodeAll(b, len(want)-1, nil); err == nil {
				t.Fatal("bytes are left over without an error")
			}
			if _, err := DecodeAll(b[:len(b)-1], len(want), nil); err == nil {
				t.Fatal("a truncated one is decoded")
			}
		}
	})
}

func TestSumIsWhatMergingGives(t *testing.T) {
	var sum Sum
	rapid.Check(t, func(t *rapid.T) {
		var want Sketch
		for range rapid.IntRange(0, 20).Draw(t, "sketches") {
			s := sketches().Draw(t, "sketch")
			want.Merge(s)
			sum.Add(s)
		}
		got := sum.Sketch()
		if got.Count != want.Count || !same(got.Sum, want.Sum) || got.Min != want.Min || got.Max != want.Max || !slices.Equal(got.Keys, want.Keys) || !slices.Equal(got.Counts, want.Counts) {
			t.Fatalf("%+v, want %+v", got, &want)
		}
	})
}
