package payload

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"math"
	"strconv"
	"sync"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// pack is body in every encoding there is; several frames where they may be.
func pack(t testing.TB, body []byte) map[string][]byte {
	t.Helper()
	write := func(w io.WriteCloser, body []byte) {
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	half := len(body) / 2
	frames := append(encoder.EncodeAll(body[:half], nil), encoder.EncodeAll(body[half:], nil)...)
	var zlibbed, gzipped bytes.Buffer
	write(zlib.NewWriter(&zlibbed), body)
	write(gzip.NewWriter(&gzipped), body[:half])
	write(gzip.NewWriter(&gzipped), body[half:])
	return map[string][]byte{
		"": body, "identity": body, "deflate": zlibbed.Bytes(), "gzip": gzipped.Bytes(),
		"zstd": frames, "zstd1": frames, "snappy": snappy.Encode(nil, body),
	}
}

func TestEveryEncodingIsUndone(t *testing.T) {
	u := NewUnpacker()
	for _, size := range []int{0, 5, 100_000, usualPlain + 1} {
		body := bytes.Repeat([]byte("hello "), size/6+1)[:size]
		for encoding, packed := range pack(t, body) {
			plain, err := u.Unpack(encoding, packed)
			if err != nil || !bytes.Equal(plain.Bytes, body) {
				t.Errorf("%q of %d bytes: got %d bytes (error %v)", encoding, size, len(plain.Bytes), err)
			}
			plain.Release()
		}
	}
	if n := u.inUse.Load(); n != 0 {
		t.Errorf("%d bytes are still counted as in use", n)
	}
}

func TestBombsAndGarbageAreRefused(t *testing.T) {
	u := NewUnpacker()
	status := func(encoding string, body []byte) int {
		plain, err := u.Unpack(encoding, body)
		defer plain.Release()
		var refused *Error
		if !errors.As(err, &refused) {
			t.Errorf("%q: got error %v", encoding, err)
			return 0
		}
		return refused.Status
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bombs := pack(t, make([]byte, MaxPlain+1))
	bombs["zstd"] = encoder.EncodeAll(make([]byte, 60<<20), nil)
	for encoding, bomb := range bombs {
		if got := status(encoding, bomb); got != 413 {
			t.Errorf("%q: a bomb of %d bytes got %d, want 413", encoding, len(bomb), got)
		}
	}
	for _, encoding := range []string{"deflate", "gzip", "zstd", "snappy"} {
		if got := status(encoding, []byte("\xffhello")); got != 400 {
			t.Errorf("%s of garbage: got %d, want 400", encoding, got)
		}
	}
	if got := status("br", nil); got != 415 {
		t.Errorf("br: got %d, want 415", got)
	}
}

func TestTooMuchAtOnceIsToldToWait(t *testing.T) {
	u := NewUnpacker()
	var held []Plain
	for {
		plain, err := u.Unpack("", make([]byte, MaxPlain))
		if err != nil {
			var busy *Error
			if !errors.As(err, &busy) || busy.Status != 429 || len(held) < maxInUse/MaxPlain {
				t.Fatalf("got %v after %d bodies", err, len(held))
			}
			break
		}
		held = append(held, plain)
	}
	for i := range held {
		held[i].Release()
	}
	if plain, err := u.Unpack("", []byte("x")); err != nil {
		t.Errorf("after all was released: %v", err)
	} else {
		plain.Release()
	}
}

func TestManyAtOnceShareAnUnpacker(t *testing.T) {
	u := NewUnpacker()
	body := bytes.Repeat([]byte("0123456789"), 1000)
	packed := pack(t, body)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				for encoding, b := range packed {
					plain, err := u.Unpack(encoding, b)
					if err != nil || !bytes.Equal(plain.Bytes, body) {
						t.Errorf("%q: got %d bytes (error %v)", encoding, len(plain.Bytes), err)
					}
					plain.Release()
				}
			}
		})
	}
	all.Wait()
}

func TestCacheStartsAnewWhenFull(t *testing.T) {
	c := NewCache[int](3)
	for i := range 4 {
		c.Put(c.Hash([]byte{byte(i)}), i)
	}
	if v, ok := c.Get(c.Hash([]byte{3})); !ok || v != 3 || c.Len() != 1 {
		t.Errorf("got %d, %v of %d", v, ok, c.Len())
	}
	if Join(Join(0, 1), 2) == Join(Join(0, 2), 1) {
		t.Error("the order of joined hashes makes no difference")
	}
}

func TestFieldsAreReadAsProtowireDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var message []byte
		n := rapid.IntRange(0, 8).Draw(t, "fields")
		for range n {
			number := protowire.Number(rapid.IntRange(1, 3000).Draw(t, "number"))
			switch rapid.IntRange(0, 3).Draw(t, "type") {
			case 0:
				message = protowire.AppendVarint(protowire.AppendTag(message, number, protowire.VarintType), rapid.Uint64().Draw(t, "v"))
			case 1:
				message = protowire.AppendFixed64(protowire.AppendTag(message, number, protowire.Fixed64Type), rapid.Uint64().Draw(t, "v"))
			case 2:
				message = protowire.AppendFixed32(protowire.AppendTag(message, number, protowire.Fixed32Type), rapid.Uint32().Draw(t, "v"))
			default:
				message = protowire.AppendBytes(protowire.AppendTag(message, number, protowire.BytesType), rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "b"))
			}
		}
		message = message[:len(message)-rapid.IntRange(0, min(3, len(message))).Draw(t, "cut")]
		var f Field
		for at := 0; ; at = f.End {
			more, err := f.Next(message, 0)
			number, kind, size := protowire.ConsumeField(message[at:])
			if at == len(message) {
				if more || err != nil {
					t.Fatalf("at the end: got %v (error %v)", more, err)
				}
				return
			}
			if (err != nil) != (size < 0) {
				t.Fatalf("at %d: got error %v, protowire %d", at, err, size)
			}
			if err != nil {
				return
			}
			if f.Number != number || f.Type != kind || f.End-f.Start != size {
				t.Fatalf("at %d: got %+v, protowire field %d type %d of %d bytes", at, f, number, kind, size)
			}
		}
	})
}

func TestNumbersAreReadToTheSameBitsAsByStrconv(t *testing.T) {
	same := func(t interface{ Errorf(string, ...any) }, s string) {
		want, err := strconv.ParseFloat(s, 64)
		got, ok := ParseNumber([]byte(s))
		if ok != (err == nil) || ok && math.Float64bits(got) != math.Float64bits(want) && !(got != got && want != want) {
			t.Errorf("%q: got %v, %v; want %v, %v", s, got, ok, want, err)
		}
	}
	for _, s := range []string{"", "+", "-", ".", "-.", "1.", ".5", "-0", "+.0", "00012", "0.1", "999999999999999", "9999999999999999", "1.23456789012345",
		"0.00000000000001", "123456789.123456", "1_000", "0x1F", "0x1p-2", "Inf", "nan", "1e5", "1e-400", "1e400", "1e", "--1", "1..2", " 1", "1 "} {
		same(t, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		same(t, rapid.StringMatching(`[-+]?[0-9]{0,18}\.?[0-9]{0,18}`).Draw(t, "s"))
		same(t, strconv.FormatFloat(rapid.Float64().Draw(t, "v"), 'g', rapid.IntRange(-1, 17).Draw(t, "digits"), 64))
	})
}

func FuzzUnpack(f *testing.F) {
	u := NewUnpacker()
	for encoding, packed := range pack(f, []byte("hello hello hello")) {
		f.Add(encoding, packed)
	}
	f.Fuzz(func(t *testing.T, encoding string, body []byte) {
		plain, err := u.Unpack(encoding, body)
		if err == nil && len(plain.Bytes) > MaxPlain {
			t.Fatalf("%d bytes are over the limit", len(plain.Bytes))
		}
		plain.Release()
	})
}
