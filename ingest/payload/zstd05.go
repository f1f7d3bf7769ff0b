package payload

import (
	"encoding/binary"
	"math/bits"
)

// Process agents up to 7.8x compress their messages in the format that zstd had
// in its version 0.5, before it was fixed: the same ideas, Huffman-coded
// literals and sequences coded by finite states, in other frames. Libraries of
// today don't read it.
//
//	frame:    magic | window u8 | blocks, the last of type 3
//	block:    type 2 bits, size 22 bits, big endian | content
//	content:  literals | sequences
const (
	old05Magic = 0xfd2fb525
	old05Block = 128 << 10 // most bytes of a block

	old05MinMatch = 4
	old05MaxLit   = 63 // codes of lengths; the largest says that more follows
	old05MaxMatch = 127
	old05MaxOff   = 31
)

var errOld05 = Malformed(-1, "the body is not zstd of version 0.5, or damaged")

// unpackOld05 appends what a frame of zstd 0.5 holds to dst; more than limit
// bytes in all are errUnusual.
func unpackOld05(dst, src []byte, limit int) ([]byte, error) {
	if len(src) < 5 || binary.LittleEndian.Uint32(src) != old05Magic || src[4]>>4 != 0 {
		return nil, errOld05
	}
	start := len(dst)
	src = src[5:]
	for {
		if len(src) < 3 {
			return nil, errOld05
		}
		kind, size := src[0]>>6, int(src[0]&7)<<16|int(src[1])<<8|int(src[2])
		src = src[3:]
		if kind == 3 {
			return dst, nil
		}
		if size > len(src) || size > old05Block {
			return nil, errOld05
		}
		var err error
		switch kind {
		case 0:
			dst, err = old05Content(dst, start, src[:size])
		case 1:
			dst = append(dst, src[:size]...)
		default:
			err = errOld05
		}
		if err != nil {
			return nil, err
		}
		if len(dst)-start > limit {
			return nil, errUnusual
		}
		src = src[size:]
	}
}

// old05Content appends what a compressed block holds. Matches reach back to
// start at the most.
func old05Content(dst []byte, start int, b []byte) ([]byte, error) {
	literals, b, ok := old05Literals(b)
	if !ok || len(b) < 1 {
		return nil, errOld05
	}
	number := int(b[0])
	b = b[1:]
	if number >= 128 {
		if len(b) < 1 {
			return nil, errOld05
		}
		number = (number-128)<<8 | int(b[0])
		b = b[1:]
	}
	if number == 0 {
		return append(dst, literals...), nil
	}
	s, ok := old05Sequences(b)
	if !ok {
		return nil, errOld05
	}
	most := len(dst) + old05Block
	for range number {
		lit, offset, match, ok := s.next()
		if !ok || lit > len(literals) || offset < 1 || offset > len(dst)+lit-start || len(dst)+lit+match > most {
			return nil, errOld05
		}
		dst = append(dst, literals[:lit]...)
		literals = literals[lit:]
		from := len(dst) - offset
		for match > 0 { // they may overlap
			n := min(match, len(dst)-from)
			dst = append(dst, dst[from:from+n]...)
			match -= n
		}
	}
	if len(dst)+len(literals) > most {
		return nil, errOld05
	}
	return append(dst, literals...), nil
}

// old05Literals reads the literals of a block, and gives what follows them. Their
// first bytes hold the kind, the form of the sizes, and the sizes, big endian.
func old05Literals(b []byte) (literals, rest []byte, ok bool) {
	if len(b) < 5 && (len(b) < 3 || b[0]>>6 < 2) {
		return nil, nil, false
	}
	form := b[0] >> 4 & 3
	if kind := b[0] >> 6; kind >= 2 { // plain, or one byte repeated
		head, size := 1, int(b[0]&31)
		switch form {
		case 2:
			head, size = 2, int(b[0]&15)<<8|int(b[1])
		case 3:
			head, size = 3, int(b[0]&15)<<16|int(b[1])<<8|int(b[2])
		}
		b = b[head:]
		if size > old05Block {
			return nil, nil, false
		}
		if kind == 2 {
			return b[:min(size, len(b))], b[min(size, len(b)):], size <= len(b)
		}
		if len(b) == 0 {
			return nil, nil, false
		}
		literals = make([]byte, size)
		for i := range literals {
			literals[i] = b[0]
		}
		return literals, b[1:], true
	} else if kind == 1 {
		return nil, nil, false // of a dictionary
	}
	all := uint64(b[0]&15)<<32 | uint64(b[1])<<24 | uint64(b[2])<<16 | uint64(b[3])<<8 | uint64(b[4])
	width, head, single := 10, 3, form == 1
	switch form {
	case 2:
		width, head = 14, 4
	case 3:
		width, head = 18, 5
	}
	all >>= 36 - 2*width
	size, packed := int(all>>width), int(all&(1<<width-1))
	b = b[head:]
	if size > old05Block || packed > len(b) || size == 0 {
		return nil, nil, false
	}
	literals = make([]byte, size)
	return literals, b[packed:], old05Huffman(literals, b[:packed], single)
}

// old05Huffman fills out from one stream, or four that follow each other.
func old05Huffman(out, b []byte, single bool) bool {
	switch {
	case single:
	case len(b) == len(out):
		copy(out, b)
		return true
	case len(b) == 1:
		for i := range out {
			out[i] = b[0]
		}
		return true
	}
	table, log, b, ok := old05Tree(b)
	if !ok {
		return false
	}
	if single {
		return table.fill(out, b, log)
	}
	if len(b) < 10 {
		return false
	}
	lengths := [4]int{int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint16(b[2:])), int(binary.LittleEndian.Uint16(b[4:]))}
	b = b[6:]
	lengths[3] = len(b) - lengths[0] - lengths[1] - lengths[2]
	each := (len(out) + 3) / 4
	for i, n := range lengths {
		part := out[min(i*each, len(out)):min((i+1)*each, len(out))]
		if n < 0 || n > len(b) || !table.fill(part, b[:n], log) {
			return false
		}
		b = b[n:]
	}
	return true
}

// huffman gives the symbol and its length by the next bits of a stream.
type huffman []struct{ symbol, length uint8 }

func (t huffman) fill(out, b []byte, log int) bool {
	s, ok := backward(b)
	for i := range out {
		e := t[s.peek(log)]
		s.skip(int(e.length))
		out[i] = e.symbol
	}
	return ok && s.left == 0
}

// maxHuffmanLog is the longest code, in bits.
const maxHuffmanLog = 12

// old05Tree reads the weights of symbols, the last of which is what is missing
// to a power of two.
func old05Tree(b []byte) (table huffman, log int, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, 0, nil, false
	}
	var weights [256]uint8
	n, size := 0, int(b[0])
	b = b[1:]
	switch {
	case size >= 242: // all of one weight
		n = int([...]uint8{1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128}[size-242])
		for i := range n {
			weights[i] = 1
		}
		size = 0
	case size >= 128: // four bits each
		n = size - 127
		size = (n + 1) / 2
		if size > len(b) {
			return nil, 0, nil, false
		}
		for i := range n {
			weights[i] = b[i/2] >> (4 - 4*(i%2)) & 15
		}
	default:
		if size > len(b) {
			return nil, 0, nil, false
		}
		if n, ok = old05Weights(weights[:255], b[:size]); !ok {
			return nil, 0, nil, false
		}
	}
	total := 0
	for _, w := range weights[:n] {
		total += 1 << w >> 1
	}
	if total == 0 {
		return nil, 0, nil, false
	}
	log = bits.Len(uint(total))
	missing := 1<<log - total
	if log > maxHuffmanLog || missing&(missing-1) != 0 {
		return nil, 0, nil, false
	}
	weights[n] = uint8(bits.Len(uint(missing)))
	n++
	table = make(huffman, 1<<log)
	at := 0
	for w := uint8(1); int(w) <= log; w++ {
		for symbol, of := range weights[:n] {
			if of != w {
				continue
			}
			if at+1<<(w-1) > len(table) {
				return nil, 0, nil, false
			}
			for range 1 << (w - 1) {
				table[at] = struct{ symbol, length uint8 }{uint8(symbol), uint8(log + 1 - int(w))}
				at++
			}
		}
	}
	return table, log, b[size:], at == len(table)
}

// old05Weights reads weights coded by two finite states in turns, which end
// where the stream does, both at 0.
func old05Weights(out []uint8, b []byte) (n int, ok bool) {
	states, b, ok := readStates(b, 255, 12)
	if !ok {
		return 0, false
	}
	s, ok := backward(b)
	if !ok {
		return 0, false
	}
	at := [2]uint32{uint32(s.read(states.log)), uint32(s.read(states.log))}
	for turn := 0; !s.over && n < len(out); turn ^= 1 {
		if s.left == 0 && (states.fast || at[turn] == 0) {
			break
		}
		e := states.table[at[turn]]
		out[n] = e.symbol
		n++
		at[turn] = e.next + uint32(s.read(int(e.bits)))
	}
	return n, !s.over && s.left == 0 && at[0] == 0 && at[1] == 0
}

// sequences reads the sequences of one block.
type sequences struct {
	bits                   reversed
	literal, offset, match state
	long                   []byte // lengths that no code has
	last, before           int    // offsets
}

// state walks through a table of finite states.
type state struct {
	of *states
	at uint32
}

func (s *state) symbol() int { return int(s.of.table[s.at].symbol) }

func (s *state) step(b *reversed) {
	e := s.of.table[s.at]
	s.at = e.next + uint32(b.read(int(e.bits)))
}

func old05Sequences(b []byte) (*sequences, bool) {
	if len(b) < 3 {
		return nil, false
	}
	kinds := b[0]
	size := int(kinds&1)<<8 | int(b[1])
	b = b[2:]
	if kinds&2 != 0 {
		size = size&0xff<<8 | int(b[0])
		b = b[1:]
	}
	if size > len(b) {
		return nil, false
	}
	s := &sequences{long: b[:size], last: 1, before: 1}
	b = b[size:]
	for _, one := range []struct {
		to        *state
		kind      byte
		most, log int // the largest symbol, and the most bits of a state
		plain     int // bits of a symbol that is not coded
	}{
		{&s.literal, kinds >> 6, old05MaxLit, 10, 6},
		{&s.offset, kinds >> 4 & 3, old05MaxOff, 9, 5},
		{&s.match, kinds >> 2 & 3, old05MaxMatch, 10, 7},
	} {
		ok := true
		switch one.kind {
		case 0:
			one.to.of = plainStates(one.plain)
		case 1:
			if len(b) < 1 || int(b[0]) > one.most {
				return nil, false
			}
			one.to.of = &states{table: []stateEntry{{symbol: b[0]}}}
			b = b[1:]
		case 2:
			ok = false // of a dictionary
		default:
			one.to.of, b, ok = readStates(b, one.most, one.log)
		}
		if !ok {
			return nil, false
		}
	}
	var ok bool
	if s.bits, ok = backward(b); !ok {
		return nil, false
	}
	for _, to := range []*state{&s.literal, &s.offset, &s.match} {
		to.at = uint32(s.bits.read(to.of.log))
	}
	return s, true
}

// next reads how many literals to copy, and then how many bytes from how far
// back. The states that follow the last sequence are not in the stream.
func (s *sequences) next() (literals, offset, match int, ok bool) {
	if s.bits.over {
		return 0, 0, 0, false
	}
	literals = s.literal.symbol()
	previous := s.before
	if literals > 0 {
		previous = s.last
	}
	if literals == old05MaxLit {
		literals = s.longer(literals)
	}
	code := s.offset.symbol()
	if code == 0 {
		offset = previous
	} else {
		offset = 1<<(code-1) + int(s.bits.read(code-1))
	}
	if code != 0 || literals == 0 {
		s.before = s.last
	}
	s.offset.step(&s.bits)
	s.literal.step(&s.bits)
	match = s.match.symbol()
	s.match.step(&s.bits)
	if match == old05MaxMatch {
		match = s.longer(match)
	}
	s.last = offset
	return literals, offset, match + old05MinMatch, true
}

// longer reads a length of at least code.
func (s *sequences) longer(code int) int {
	take := func() (v int) {
		if len(s.long) > 0 {
			v, s.long = int(s.long[0]), s.long[1:]
		}
		return v
	}
	add := take()
	if add < 255 {
		return code + add
	}
	length := take() | take()<<8
	if length&1 != 0 {
		length |= take() << 16
	}
	return length >> 1
}

// states is a table of finite states: each stands for a symbol, and for where
// to go on with some more bits.
type states struct {
	table []stateEntry
	log   int
	fast  bool // no symbol has half of the states
}

type stateEntry struct {
	next         uint32
	symbol, bits uint8
}

// plainStates are symbols as they are.
func plainStates(width int) *states {
	s := &states{table: make([]stateEntry, 1<<width), log: width}
	for i := range s.table {
		s.table[i] = stateEntry{symbol: uint8(i), bits: uint8(width)}
	}
	return s
}

// readStates reads how many states each symbol has, and makes the table.
func readStates(b []byte, most, maxLog int) (*states, []byte, bool) {
	r := forward{b: b}
	log := int(r.read(4)) + 5
	if log > maxLog {
		return nil, nil, false
	}
	counts := make([]int, 0, most+1)
	remaining, threshold, width := 1<<log+1, 1<<log, log+1
	zero := false
	for remaining > 1 && len(counts) <= most {
		if zero {
			n := 0
			for {
				more := int(r.read(2))
				if n += more; more < 3 || n > most {
					break
				}
			}
			if len(counts)+n > most {
				return nil, nil, false
			}
			counts = append(counts, make([]int, n)...)
		}
		short := 2*threshold - 1 - remaining
		count := int(r.read(width - 1))
		if count >= short {
			if count |= int(r.read(1)) << (width - 1); count >= threshold {
				count -= short
			}
		}
		count-- // -1 is a symbol of which there is less than one
		remaining -= max(count, -count)
		if remaining < 1 {
			return nil, nil, false
		}
		counts = append(counts, count)
		zero = count == 0
		for remaining < threshold {
			width--
			threshold >>= 1
		}
	}
	if remaining != 1 || r.at > 8*len(b) {
		return nil, nil, false
	}
	return makeStates(counts, log), b[(r.at+7)/8:], true
}

func makeStates(counts []int, log int) *states {
	size := 1 << log
	s := &states{table: make([]stateEntry, size), log: log, fast: true}
	next := make([]uint32, len(counts))
	high := size - 1
	for symbol, n := range counts {
		next[symbol] = uint32(max(n, -n))
		if n < 0 {
			s.table[high].symbol = uint8(symbol)
			high--
		}
		if n >= size/2 {
			s.fast = false
		}
	}
	at, step := 0, size>>1+size>>3+3
	for symbol, n := range counts {
		for range n {
			s.table[at].symbol = uint8(symbol)
			for at = (at + step) & (size - 1); at > high; {
				at = (at + step) & (size - 1)
			}
		}
	}
	for i := range s.table {
		e := &s.table[i]
		n := next[e.symbol]
		next[e.symbol]++
		e.bits = uint8(log + 1 - bits.Len32(n))
		e.next = n<<e.bits - uint32(size)
	}
	return s
}

// forward reads bits from the first byte on, the lowest first.
type forward struct {
	b  []byte
	at int // bits read
}

func (r *forward) read(n int) (v uint64) {
	for i := range n {
		if at := r.at + i; at < 8*len(r.b) {
			v |= uint64(r.b[at/8]>>(at%8)&1) << i
		}
	}
	r.at += n
	return v
}

// reversed reads bits from the last on. Past the first they are zeros.
type reversed struct {
	b    []byte
	left int
	over bool // more was read than there is
}

// backward starts behind the highest bit set of the last byte, which marks the
// end.
func backward(b []byte) (reversed, bool) {
	if len(b) == 0 || b[len(b)-1] == 0 {
		return reversed{}, false
	}
	return reversed{b: b, left: 8*len(b) - 9 + bits.Len8(b[len(b)-1])}, true
}

// peek returns the next n bits, at most 32, the first of them highest.
func (r *reversed) peek(n int) uint64 {
	low := r.left - n
	if low < 0 {
		return r.between(0, r.left) << -low
	}
	return r.between(low, r.left)
}

// between returns the bits from low to high, which exist.
func (r *reversed) between(low, high int) uint64 {
	var word [8]byte
	copy(word[:], r.b[low/8:])
	return binary.LittleEndian.Uint64(word[:]) >> (low % 8) & (1<<(high-low) - 1)
}

func (r *reversed) skip(n int) {
	if r.left -= n; r.left < 0 {
		r.left, r.over = 0, true
	}
}

func (r *reversed) read(n int) uint64 {
	v := r.peek(n)
	r.skip(n)
	return v
}
