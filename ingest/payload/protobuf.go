package payload

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field is one field of a protobuf message.
type Field struct {
	Number protowire.Number
	Type   protowire.Type
	Value  uint64 // of a varint, fixed32 or fixed64
	Bytes  []byte // content, of a length-delimited field
	Start  int    // offset of the field in the message
	End    int    // offset behind it
}

// Float is the value of a double field.
func (f *Field) Float() float64 { return math.Float64frombits(f.Value) }

// Content is the offset of Bytes in the message.
func (f *Field) Content() int { return f.End - len(f.Bytes) }

// Next reads the field of message that starts at offset f.End into f, in
// place. It returns false at the end; base is the message's own offset in the
// body, for errors.
//
//	var f payload.Field
//	for {
//		more, err := f.Next(message, base)
//		if !more || err != nil { ... }
//	}
func (f *Field) Next(message []byte, base int) (bool, error) {
	at := f.End
	if at >= len(message) {
		return false, nil
	}
	tag, n := uvarint(message[at:])
	if n <= 0 || tag>>3 == 0 || tag>>3 > uint64(protowire.MaxValidNumber) {
		return false, Malformed(base+at, "protobuf: bad field tag")
	}
	f.Start, f.Number, f.Type = at, protowire.Number(tag>>3), protowire.Type(tag&7)
	at += n
	switch f.Type {
	case protowire.VarintType:
		if f.Value, n = uvarint(message[at:]); n <= 0 {
			return false, f.bad(base)
		}
		f.Bytes = nil
		f.End = at + n
	case protowire.Fixed64Type:
		if len(message)-at < 8 {
			return false, f.bad(base)
		}
		f.Value, f.Bytes, f.End = binary.LittleEndian.Uint64(message[at:]), nil, at+8
	case protowire.Fixed32Type:
		if len(message)-at < 4 {
			return false, f.bad(base)
		}
		f.Value, f.Bytes, f.End = uint64(binary.LittleEndian.Uint32(message[at:])), nil, at+4
	case protowire.BytesType:
		size, n := uvarint(message[at:])
		if n <= 0 || size > uint64(len(message)-at-n) {
			return false, f.bad(base)
		}
		at += n
		f.Value, f.Bytes, f.End = 0, message[at:at+int(size)], at+int(size)
	default: // groups, which none of these protocols has
		return false, f.bad(base)
	}
	return true, nil
}

func (f *Field) bad(base int) error {
	return Malformed(base+f.Start, "protobuf: field %d is cut short or of a bad type", f.Number)
}

// uvarint is binary.Uvarint with the lengths of one and two bytes up front.
func uvarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	if len(b) > 1 && b[1] < 0x80 {
		return uint64(b[0]&0x7f) | uint64(b[1])<<7, 2
	}
	return binary.Uvarint(b)
}

// Varints calls fn for each number of a packed field, or once for an unpacked
// one.
func (f *Field) Varints(base int, fn func(uint64)) error {
	if f.Type == protowire.VarintType {
		fn(f.Value)
		return nil
	}
	for b := f.Bytes; len(b) > 0; {
		v, n := uvarint(b)
		if n <= 0 {
			return f.bad(base)
		}
		fn(v)
		b = b[n:]
	}
	return nil
}

// Doubles calls fn for each number of a packed double field, or once for an
// unpacked one.
func (f *Field) Doubles(base int, fn func(float64)) error {
	if f.Type == protowire.Fixed64Type {
		fn(f.Float())
		return nil
	}
	if len(f.Bytes)%8 != 0 {
		return f.bad(base)
	}
	for b := f.Bytes; len(b) > 0; b = b[8:] {
		fn(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return nil
}
