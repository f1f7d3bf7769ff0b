package span

// A bloom filter says which texts "key:value" the tags of a block's spans may
// be, so that a search for a rare one skips most blocks. It has bloomBits bits
// for each and sets bloomHashes of them: 1 block in 18 is read for nothing.
const (
	bloomBits   = 6
	bloomHashes = 4
)

// maxBloomText is the longest value that is in the filter: longer ones, such as
// stack traces, are seldom asked for as a whole.
const maxBloomText = 200

// tagHash hashes a tag. It is part of the format: FNV-1a, then mix.
func tagHash(key, value string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 0x100000001b3
	}
	h = (h ^ ':') * 0x100000001b3
	for i := range len(value) {
		h = (h ^ uint64(value[i])) * 0x100000001b3
	}
	return mix(h)
}

func bloomOf(spans []*Span) []byte {
	seen := map[uint64]struct{}{}
	for _, s := range spans {
		for i := range s.Tags {
			if t := &s.Tags[i]; !t.IsNumber && len(t.Text) <= maxBloomText {
				seen[tagHash(t.Key, t.Text)] = struct{}{}
			}
		}
	}
	bloom := make([]byte, (len(seen)*bloomBits+7)/8)
	for h := range seen {
		eachBit(h, len(bloom), func(at int, bit byte) bool {
			bloom[at] |= bit
			return true
		})
	}
	return bloom
}

func eachBit(h uint64, size int, fn func(at int, bit byte) bool) bool {
	if size == 0 {
		return false
	}
	step := h>>33 | 1
	for range bloomHashes {
		bit := h % uint64(size*8)
		if !fn(int(bit/8), 1<<(bit%8)) {
			return false
		}
		h += step
	}
	return true
}

// mayHave reports whether a block may have a span with the tag.
func mayHave(bloom []byte, key, value string) bool {
	if len(value) > maxBloomText {
		return true
	}
	return eachBit(tagHash(key, value), len(bloom), func(at int, bit byte) bool { return bloom[at]&bit != 0 })
}
