package sketch

import (
	"bytes"
	"encoding/hex"
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
