package payload

import (
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
)

// old05Frames are frames that the original library made at its levels 1 to 19,
// of texts, of few symbols and many, of matches near and far, and of several
// blocks, with the length and CRC-32 of what they hold.
var old05Frames = []struct {
	name   string
	length int
	crc    uint32
}{
	{"zero-1-1", 1, 0xd202ef8d},
	{"text-3-300", 300, 0x11512f45},
	{"two-19-300", 300, 0x60c47e00},
	{"text-19-1000", 1000, 0x28ff6e9b},
	{"normal-3-1000", 1000, 0x42f03a79},
	{"random-1-1025", 1025, 0x3f9a1868},
	{"text-19-5000", 5000, 0xbeb05b2a},
	{"normal-1-5000", 5000, 0x009cac68},
	{"two-3-5000", 5000, 0x7c7b8d51},
	{"sparse-3-5000", 5000, 0x72a0a78c},
	{"text-19-20000", 20000, 0x0f4c8d56},
	{"two-1-20000", 20000, 0x58823490},
	{"sparse-1-70000", 70000, 0x54797259},
	{"zero-3-140000", 140000, 0xc8a2ae7d},
	{"pieces-9-140000", 140000, 0x0636aa31},
	{"pieces-9-400000", 400000, 0x7997a13c},
}

func old05Frame(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "zstd-0.5", name+".zst05"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestZstdOfVersionFive(t *testing.T) {
	u := NewUnpacker()
	for _, c := range old05Frames {
		raw := old05Frame(t, c.name)
		plain, err := u.Unpack(Old05, raw)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if len(plain.Bytes) != c.length || crc32.ChecksumIEEE(plain.Bytes) != c.crc {
			t.Errorf("%s: got %d bytes with CRC %08x, want %d with %08x", c.name, len(plain.Bytes), crc32.ChecksumIEEE(plain.Bytes), c.length, c.crc)
		}
		plain.Release()
		if _, err := unpackOld05(nil, raw, c.length-1); !errors.Is(err, errUnusual) {
			t.Errorf("%s: a limit of one byte less gives %v", c.name, err)
		}
		for cut := 0; cut < len(raw); cut += 1 + len(raw)/40 {
			if _, err := unpackOld05(nil, raw[:cut], MaxPlain); err == nil {
				t.Errorf("%s: %d of %d bytes are enough", c.name, cut, len(raw))
			}
		}
	}
	// What was there before is neither changed nor reached by matches.
	raw := old05Frame(t, "text-19-1000")
	if got, err := unpackOld05([]byte("before"), raw, MaxPlain); err != nil || string(got[:6]) != "before" || crc32.ChecksumIEEE(got[6:]) != 0x28ff6e9b {
		t.Errorf("behind other bytes: %v", err)
	}
}

func FuzzZstdOfVersionFive(f *testing.F) {
	for _, c := range old05Frames {
		if raw := old05Frame(f, c.name); len(raw) < 3000 {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		const limit = 1 << 20
		if plain, err := unpackOld05(nil, raw, limit); err == nil && len(plain) > limit {
			t.Errorf("%d bytes are more than the limit", len(plain))
		}
	})
}
