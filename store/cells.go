package store

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/whippet-obs/whippet/store/sketch"
)

// The samples of a head lie in cells of 64 bytes, each series' in a chain of its
// own: the content, then the number of the next cell. A cell's bytes are written
// once, so that whoever knows how long a chain was can read it while it grows.
//
// A sample is one byte of control, then
//
//	the change of the distance in time to the sample before: varint, if irregular
//	the bits that differ from the value before: without their outer zero bytes
//
// and a sketch is the change of the distance, its length, and its bytes.
const (
	cellLen     = 64
	cellContent = cellLen - 4
	slabLen     = 1 << 20
	slabCells   = slabLen / cellLen
)

const (
	controlLength    = 0x0f // bytes of the value's difference
	controlZeros     = 0x70 // zero bytes below them, times 16
	controlIrregular = 0x80
	maxSampleLen     = 1 + binary.MaxVarintLen64 + 8
)

// chain is one series' part of a head.
type chain struct {
	time, delta int64  // of the sample that came last, and from the one before it
	bits        uint64 // its value
	first, last uint32 // cells, by number; 0 is none
	count       uint32 // samples
	used        uint8  // bytes of the last cell
}

// cells hands out cells; the first has the number 1.
type cells struct {
	base  int64 // chains' first times are told from here, ms
	slabs slabs
	next  uint32
}

func (c *cells) new() uint32 {
	c.next++
	if int(c.next)/slabCells >= len(c.slabs.all) {
		c.slabs.add(slabLen)
	}
	return c.next
}

func cell(slabs [][]byte, number uint32) []byte {
	at := int(number) % slabCells * cellLen
	return slabs[number/slabCells][at : at+cellLen : at+cellLen]
}

// write appends b to a chain.
func (c *cells) write(t *chain, b []byte) {
	if t.last == 0 {
		t.first = c.new()
		t.last = t.first
	}
	for {
		current := cell(c.slabs.all, t.last)
		n := copy(current[t.used:cellContent], b)
		t.used += uint8(n)
		if b = b[n:]; len(b) == 0 {
			return
		}
		t.last, t.used = c.new(), 0
		binary.LittleEndian.PutUint32(current[cellContent:], t.last)
	}
}

// read appends the content of a chain to b.
func (t chain) read(slabs [][]byte, b []byte) []byte {
	for number := t.first; number != 0; {
		current := cell(slabs, number)
		if number == t.last {
			return append(b, current[:t.used]...)
		}
		b = append(b, current[:cellContent]...)
		number = binary.LittleEndian.Uint32(current[cellContent:])
	}
	return b
}

// step moves a chain's clock on and gives the change of the distance. The first
// sample's is its distance from the base, which the second doesn't repeat.
func (c *cells) step(t *chain, at int64) (change int64) {
	if t.count == 0 {
		change = at - c.base
	} else {
		delta := at - t.time
		change, t.delta = delta-t.delta, delta
	}
	t.time = at
	t.count++
	return change
}

// clock undoes what step did.
type clock struct {
	time, delta int64
	started     bool
}

func startClock(base int64) clock { return clock{time: base} }

func (k *clock) step(change int64) int64 {
	if !k.started {
		k.started = true
		k.time += change
		return k.time
	}
	k.delta += change
	k.time += k.delta
	return k.time
}

func (c *cells) addNumber(t *chain, at int64, value float64) {
	var buffer [maxSampleLen + 8]byte
	n := 1
	control := byte(0)
	if change := c.step(t, at); change != 0 {
		control = controlIrregular
		n += binary.PutVarint(buffer[1:], change)
	}
	v := math.Float64bits(value)
	if diff := v ^ t.bits; diff != 0 {
		zeros := bits.TrailingZeros64(diff) / 8
		length := 8 - zeros - bits.LeadingZeros64(diff)/8
		control |= byte(zeros<<4 | length)
		binary.LittleEndian.PutUint64(buffer[n:], diff>>(8*zeros))
		n += length
	}
	t.bits = v
	buffer[0] = control
	c.write(t, buffer[:n])
}

func (c *cells) addSketch(t *chain, at int64, s *sketch.Sketch, scratch []byte) []byte {
	scratch = s.AppendBinary(scratch[:0])
	var buffer [2 * binary.MaxVarintLen64]byte
	n := binary.PutVarint(buffer[:], c.step(t, at))
	n += binary.PutUvarint(buffer[n:], uint64(len(scratch)))
	c.write(t, buffer[:n])
	c.write(t, scratch)
	return scratch
}

// decodeNumbers appends count samples, whose content is b, to c.
func decodeNumbers(b []byte, base int64, count int, c *Columns) {
	k := startClock(base)
	var value uint64
	for range count {
		control := b[0]
		b = b[1:]
		var change int64
		if control&controlIrregular != 0 {
			var n int
			change, n = binary.Varint(b)
			b = b[n:]
		}
		at := k.step(change)
		if length := int(control & controlLength); length > 0 {
			var diff uint64
			if len(b) >= 8 {
				diff = binary.LittleEndian.Uint64(b) & (1<<(8*length) - 1)
			} else {
				for i := range length {
					diff |= uint64(b[i]) << (8 * i)
				}
			}
			b = b[length:]
			value ^= diff << (8 * int(control&controlZeros>>4))
		}
		c.Times = append(c.Times, at)
		c.Values = append(c.Values, math.Float64frombits(value))
	}
}

// decodeSketches appends count sketches, whose content is b, to c.
func decodeSketches(b []byte, base int64, count int, c *Columns) error {
	k := startClock(base)
	for range count {
		change, n := binary.Varint(b)
		b = b[n:]
		at := k.step(change)
		length, n := binary.Uvarint(b)
		b = b[n:]
		s, _, err := sketch.Decode(b[:length])
		if err != nil {
			return err
		}
		b = b[length:]
		c.Times = append(c.Times, at)
		c.Sketches = append(c.Sketches, s)
	}
	return nil
}
