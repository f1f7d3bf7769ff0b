package chunk

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Integers are packed in frames of up to frameLen: each as its distance from
// the frame's base, in a fixed number of bits. The few that don't fit are
// exceptions: they count as the base in the packed bits and follow in full.
//
//	code u8 | base zigzag varint if flagged | packed bits, little endian |
//	if flagged: exceptions u8, their places u8 each, their distances zigzag varint each
//
// The lower six bits of the code are the width, wideCode for 64. Without a base
// of its own a frame has that of the frame before it.
const (
	frameLen = 128

	maxWidth   = 57 // at any bit offset, one load of 8 bytes holds that many
	wideCode   = maxWidth + 1
	ownBase    = 0x40
	exceptions = 0x80
)

// frame is how some integers are to be packed.
type frame struct {
	base  int64
	width int // 0 to maxWidth, or 64
	rare  int // exceptions
	size  int // bytes in all, the base's own included where it differs
}

// roundWidth raises widths that no single load can hold to 64.
func roundWidth(w int) int {
	if w > maxWidth {
		return 64
	}
	return w
}

func packedLen(n, width int) int { return (n*width + 7) / 8 }

func varintLen(v int64) int {
	u := uint64(v)<<1 ^ uint64(v>>63)
	return (bits.Len64(u|1) + 6) / 7
}

// plan finds a small frame for v; prev is the base of the frame before it. It
// may put v's values in order in scratch.
func plan(v []int64, prev int64, scratch *[frameLen]int64) frame {
	lo, hi := v[0], v[0]
	var sum uint64 // of the distances from the first, for a guess at the spread
	for _, x := range v {
		lo, hi = min(lo, x), max(hi, x)
		sum += uint64(max(x, v[0]) - min(x, v[0]))
	}
	width := roundWidth(bits.Len64(uint64(hi) - uint64(lo)))
	best := frame{base: lo, width: width, size: packedLen(len(v), width)}
	if lo == prev {
		best.size++
	} else {
		best.size += 1 + varintLen(lo)
		if w := roundWidth(bits.Len64(uint64(hi) - uint64(prev))); prev < lo && 1+packedLen(len(v), w) <= best.size {
			best = frame{base: prev, width: w, size: 1 + packedLen(len(v), w)}
		}
	}
	// Exceptions pay when most values keep within a part of the range.
	spread := bits.Len64(sum / uint64(len(v)))
	if width < 2 || len(v) < 16 || spread+2 > width && spread > 1 {
		return best
	}
	sorted := scratch[:copy(scratch[:], v)]
	slices.Sort(sorted)
	for w := min(width-1, maxWidth); w >= 0; w-- {
		from, n := densest(sorted, w)
		rare := len(v) - n
		if rare > len(v)/4 {
			break
		}
		if rare*(8+max(8, w)) >= len(v)*(width-w) {
			continue
		}
		f := frame{base: sorted[from], width: w, rare: rare, size: 2 + packedLen(len(v), w)}
		if f.base != prev {
			f.size += varintLen(f.base)
		}
		for i, x := range sorted {
			if i < from || i >= from+n {
				f.size += 1 + varintLen(x-f.base)
			}
		}
		if f.size < best.size {
			best = f
		}
	}
	return best
}

// densest finds the most values of sorted that lie within w bits of the least
// of them.
func densest(sorted []int64, w int) (from, n int) {
	reach := uint64(1)<<w - 1
	last := 0
	for first := range sorted {
		for last < len(sorted) && uint64(sorted[last])-uint64(sorted[first]) <= reach {
			last++
		}
		if last-first > n {
			from, n = first, last-first
		}
		if last == len(sorted) {
			break
		}
	}
	return from, n
}

// appendFrame packs v as planned; prev is the base of the frame before it.
func appendFrame(b []byte, v []int64, f frame, prev int64) []byte {
	code := f.width
	if code == 64 {
		code = wideCode
	}
	if f.base != prev {
		code |= ownBase
	}
	if f.rare > 0 {
		code |= exceptions
	}
	b = append(b, byte(code))
	if f.base != prev {
		b = binary.AppendVarint(b, f.base)
	}
	limit := ^uint64(0)
	if f.width < 64 {
		limit = 1<<f.width - 1
	}
	var acc uint64
	filled := 0
	for _, x := range v {
		u := uint64(x) - uint64(f.base)
		if u > limit {
			u = 0
		}
		acc |= u << filled
		filled += f.width
		if filled >= 64 {
			b = binary.LittleEndian.AppendUint64(b, acc)
			filled -= 64
			acc = u >> (f.width - filled) // 0 when filled is 0: Go shifts of width bits clear
		}
	}
	for ; filled > 0; filled -= 8 {
		b = append(b, byte(acc))
		acc >>= 8
	}
	if f.rare == 0 {
		return b
	}
	b = append(b, byte(f.rare))
	for i, x := range v {
		if uint64(x)-uint64(f.base) > limit {
			b = append(b, byte(i))
		}
	}
	for _, x := range v {
		if uint64(x)-uint64(f.base) > limit {
			b = binary.AppendVarint(b, x-f.base)
		}
	}
	return b
}

// decodeFrame fills dst, at most frameLen long, from the front of b. It returns
// what follows and the frame's base.
func decodeFrame(dst []int64, b []byte, base int64) (rest []byte, _ int64, err error) {
	if len(b) == 0 {
		return nil, 0, errCorrupt
	}
	code, b := b[0], b[1:]
	width := int(code & 0x3f)
	if code&ownBase != 0 {
		v, n := binary.Varint(b)
		if n <= 0 {
			return nil, 0, errCorrupt
		}
		base, b = v, b[n:]
	}
	if width == wideCode {
		width = 64
	}
	size := packedLen(len(dst), width)
	if width > wideCode && width != 64 || size > len(b) {
		return nil, 0, errCorrupt
	}
	unpack(dst, b, size, width, base)
	b = b[size:]
	if code&exceptions == 0 {
		return b, base, nil
	}
	if len(b) == 0 || len(b) <= int(b[0]) {
		return nil, 0, errCorrupt
	}
	places := b[1 : 1+int(b[0])]
	b = b[1+len(places):]
	for _, place := range places {
		v, n := binary.Varint(b)
		if n <= 0 || int(place) >= len(dst) {
			return nil, 0, errCorrupt
		}
		dst[place], b = base+v, b[n:]
	}
	return b, base, nil
}

// unpack fills dst with base plus the distances packed in the first size bytes
// of b. It reads up to 7 bytes past them where b has them.
func unpack(dst []int64, b []byte, size, width int, base int64) {
	switch width {
	case 0:
		for i := range dst {
			dst[i] = base
		}
		return
	case 8:
		for i, u := range b[:size] {
			dst[i] = base + int64(u)
		}
		return
	case 16:
		for i := range dst {
			dst[i] = base + int64(binary.LittleEndian.Uint16(b[2*i:]))
		}
		return
	case 64:
		for i := range dst {
			dst[i] = base + int64(binary.LittleEndian.Uint64(b[8*i:]))
		}
		return
	}
	mask, step := uint64(1)<<width-1, uint(width)
	i, at := 0, uint(0)
	// A load of 8 bytes holds 57 bits from any bit on: the first value's last
	// may lie as far back as this for the load not to leave b.
	if len(b) < 8 {
		unpackTail(dst, 0, b, width, base)
		return
	}
	last := uint(len(b)-8)*8 + 7
	switch {
	case width <= 7:
		for ; i+8 <= len(dst) && at <= last; i, at = i+8, at+8*step {
			d := dst[i : i+8 : i+8]
			u := binary.LittleEndian.Uint64(b[at>>3:]) >> (at & 7)
			d[0] = base + int64(u&mask)
			u >>= step & 63
			d[1] = base + int64(u&mask)
			u >>= step & 63
			d[2] = base + int64(u&mask)
			u >>= step & 63
			d[3] = base + int64(u&mask)
			u >>= step & 63
			d[4] = base + int64(u&mask)
			u >>= step & 63
			d[5] = base + int64(u&mask)
			u >>= step & 63
			d[6] = base + int64(u&mask)
			u >>= step & 63
			d[7] = base + int64(u&mask)
		}
	case width <= 14:
		for ; i+4 <= len(dst) && at <= last; i, at = i+4, at+4*step {
			d := dst[i : i+4 : i+4]
			u := binary.LittleEndian.Uint64(b[at>>3:]) >> (at & 7)
			d[0] = base + int64(u&mask)
			u >>= step & 63
			d[1] = base + int64(u&mask)
			u >>= step & 63
			d[2] = base + int64(u&mask)
			u >>= step & 63
			d[3] = base + int64(u&mask)
		}
	case width <= 28:
		for ; i+2 <= len(dst) && at <= last; i, at = i+2, at+2*step {
			d := dst[i : i+2 : i+2]
			u := binary.LittleEndian.Uint64(b[at>>3:]) >> (at & 7)
			d[0] = base + int64(u&mask)
			d[1] = base + int64(u>>(step&63)&mask)
		}
	default:
		for ; i < len(dst) && at <= last; i, at = i+1, at+step {
			dst[i] = base + int64(binary.LittleEndian.Uint64(b[at>>3:])>>(at&7)&mask)
		}
	}
	unpackTail(dst, i, b, width, base)
}

// unpackTail unpacks what lies too near the end of b for loads of 8 bytes.
func unpackTail(dst []int64, i int, b []byte, width int, base int64) {
	mask := uint64(1)<<width - 1
	for ; i < len(dst); i++ {
		var load [8]byte
		copy(load[:], b[i*width>>3:])
		dst[i] = base + int64(binary.LittleEndian.Uint64(load[:])>>(i*width&7)&mask)
	}
}
