package trace

import (
	"math"
	"strconv"
)

// unpacker reads msgpack from the front of b, leniently, as tracers write it:
// numbers of any width where a number is due, texts as str or bin, nil for a
// zero. After the first failure it yields zeros, and err says what was wrong.
// It never recurses and never allocates more than the bytes it is given call for.
type unpacker struct {
	b   []byte
	at  int
	err error
}

func (u *unpacker) fail(what string) {
	if u.err == nil {
		u.err = malformed("msgpack: %s at offset %d", what, u.at)
	}
	u.at = len(u.b)
}

// take returns the next n bytes, borrowed; nil after a failure.
func (u *unpacker) take(n uint64) []byte {
	if u.err != nil || n > uint64(len(u.b)-u.at) {
		u.fail("the body ends too early")
		return nil
	}
	b := u.b[u.at : u.at+int(n)]
	u.at += int(n)
	return b
}

func (u *unpacker) big(n int) (v uint64) {
	for _, c := range u.take(uint64(n)) {
		v = v<<8 | uint64(c)
	}
	return v
}

// class is what a value is, as far as readers care.
type class uint8

const (
	classNil class = iota
	classBool
	classUint
	classInt
	classFloat
	classText // str or bin
	classArray
	classMap
	classExt
)

// token is the head of a value: a scalar whole, a text or ext with its bytes, a
// container with the number of its elements (of a map: keys and values).
type token struct {
	class class
	bits  uint64 // of numbers and booleans
	text  []byte
	size  uint64
}

// next reads one head.
func (u *unpacker) next() token {
	head := u.take(1)
	if head == nil {
		return token{}
	}
	c := head[0]
	switch {
	case c < 0x80:
		return token{class: classUint, bits: uint64(c)}
	case c < 0x90:
		return token{class: classMap, size: 2 * uint64(c&0x0f)}
	case c < 0xa0:
		return token{class: classArray, size: uint64(c & 0x0f)}
	case c < 0xc0:
		return token{class: classText, text: u.take(uint64(c & 0x1f))}
	case c >= 0xe0:
		return token{class: classInt, bits: uint64(int64(int8(c)))}
	}
	switch c {
	case 0xc0:
		return token{class: classNil}
	case 0xc2, 0xc3:
		return token{class: classBool, bits: uint64(c - 0xc2)}
	case 0xc4, 0xc5, 0xc6: // bin
		return token{class: classText, text: u.take(u.big(1 << (c - 0xc4)))}
	case 0xc7, 0xc8, 0xc9: // ext: length, type, bytes
		n := u.big(1 << (c - 0xc7))
		return token{class: classExt, text: u.take(n + 1)}
	case 0xca:
		return token{class: classFloat, bits: math.Float64bits(float64(math.Float32frombits(uint32(u.big(4)))))}
	case 0xcb:
		return token{class: classFloat, bits: u.big(8)}
	case 0xcc, 0xcd, 0xce, 0xcf:
		return token{class: classUint, bits: u.big(1 << (c - 0xcc))}
	case 0xd0:
		return token{class: classInt, bits: uint64(int64(int8(u.big(1))))}
	case 0xd1:
		return token{class: classInt, bits: uint64(int64(int16(u.big(2))))}
	case 0xd2:
		return token{class: classInt, bits: uint64(int64(int32(u.big(4))))}
	case 0xd3:
		return token{class: classInt, bits: u.big(8)}
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8: // fixext: type, bytes
		return token{class: classExt, text: u.take(1<<(c-0xd4) + 1)}
	case 0xd9, 0xda, 0xdb:
		return token{class: classText, text: u.take(u.big(1 << (c - 0xd9)))}
	case 0xdc, 0xdd:
		return token{class: classArray, size: u.big(2 << (c - 0xdc))}
	case 0xde, 0xdf:
		return token{class: classMap, size: 2 * u.big(2<<(c-0xde))}
	}
	u.at--
	u.fail("an unknown kind of value")
	return token{}
}

// rest is how many bytes have not been read: no container can have more elements.
func (u *unpacker) rest() uint64 { return uint64(len(u.b) - u.at) }

func (u *unpacker) elements(t token, want class, what string) int {
	if t.class == classNil || u.err != nil {
		return 0
	}
	if t.class != want {
		u.fail("want " + what)
		return 0
	}
	if t.size > u.rest() {
		u.fail("more elements than there are bytes")
		return 0
	}
	return int(t.size)
}

// array begins an array and returns how many elements follow; nil is empty.
func (u *unpacker) array() int { return u.elements(u.next(), classArray, "an array") }

// mapping begins a map and returns how many pairs follow; nil is empty.
func (u *unpacker) mapping() int { return u.elements(u.next(), classMap, "a map") / 2 }

// skip passes over one value with all it contains.
func (u *unpacker) skip() {
	for pending := uint64(1); pending > 0 && u.err == nil; pending-- {
		if t := u.next(); t.class == classArray || t.class == classMap {
			if t.size > u.rest() {
				u.fail("more elements than there are bytes")
				return
			}
			pending += t.size
		}
	}
}

// skipToken passes over what a head began.
func (u *unpacker) skipToken(t token) {
	if t.class == classArray || t.class == classMap {
		if t.size > u.rest() {
			u.fail("more elements than there are bytes")
			return
		}
		for range t.size {
			u.skip()
			if u.err != nil {
				return
			}
		}
	}
}

// bytes reads a text, borrowed. Numbers and booleans, which some tracers put
// where a text is due, are written out.
func (u *unpacker) bytes() []byte {
	t := u.next()
	switch t.class {
	case classText:
		return t.text
	case classNil:
		return nil
	case classUint:
		return strconv.AppendUint(nil, t.bits, 10)
	case classInt:
		return strconv.AppendInt(nil, int64(t.bits), 10)
	case classFloat:
		return strconv.AppendFloat(nil, math.Float64frombits(t.bits), 'g', -1, 64)
	case classBool:
		return strconv.AppendBool(nil, t.bits != 0)
	}
	u.fail("want a text")
	return nil
}

// integer reads a whole number of any width; negative ones come as their two's
// complement, which is how some tracers write ids.
func (u *unpacker) integer() uint64 {
	t := u.next()
	switch t.class {
	case classUint, classInt, classBool:
		return t.bits
	case classNil:
		return 0
	case classFloat:
		return wholeOf(math.Float64frombits(t.bits))
	case classText:
		if v, err := strconv.ParseUint(string(t.text), 10, 64); err == nil {
			return v
		}
	}
	u.fail("want a whole number")
	return 0
}

func wholeOf(f float64) uint64 {
	switch {
	case f >= 0 && f < 1<<64:
		return uint64(f)
	case f < 0 && f >= -1<<63:
		return uint64(int64(f))
	}
	return 0
}

// float reads a number as a float; ok is false for nil.
func (u *unpacker) float() (v float64, ok bool) {
	t := u.next()
	switch t.class {
	case classFloat:
		return math.Float64frombits(t.bits), true
	case classUint, classBool:
		return float64(t.bits), true
	case classInt:
		return float64(int64(t.bits)), true
	case classNil:
		return 0, false
	case classText:
		if v, err := strconv.ParseFloat(string(t.text), 64); err == nil {
			return v, true
		}
	}
	u.fail("want a number")
	return 0, false
}

// truth reads a boolean.
func (u *unpacker) truth() bool { return u.integer() != 0 }

// jsonValue reads any value and appends it to to as JSON, for what is kept as
// JSON text (links and events of spans). Depth is bounded.
func (u *unpacker) jsonValue(to []byte, depth int) []byte {
	t := u.next()
	if depth > 8 {
		u.skipToken(t)
		return append(to, "null"...)
	}
	switch t.class {
	case classBool:
		return strconv.AppendBool(to, t.bits != 0)
	case classUint:
		return strconv.AppendUint(to, t.bits, 10)
	case classInt:
		return strconv.AppendInt(to, int64(t.bits), 10)
	case classFloat:
		return appendJSONFloat(to, math.Float64frombits(t.bits))
	case classText:
		return appendJSONText(to, string(t.text))
	case classArray:
		n := u.elements(t, classArray, "an array")
		to = append(to, '[')
		for i := range n {
			if i > 0 {
				to = append(to, ',')
			}
			to = u.jsonValue(to, depth+1)
			if u.err != nil {
				return to
			}
		}
		return append(to, ']')
	case classMap:
		n := u.elements(t, classMap, "a map") / 2
		to = append(to, '{')
		for i := range n {
			if i > 0 {
				to = append(to, ',')
			}
			to = append(appendJSONText(to, string(u.bytes())), ':')
			to = u.jsonValue(to, depth+1)
			if u.err != nil {
				return to
			}
		}
		return append(to, '}')
	}
	return append(to, "null"...)
}
