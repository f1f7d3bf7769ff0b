package trace

import "google.golang.org/protobuf/encoding/protowire"

// field is one field of a protobuf message: a number for varint and fixed
// kinds, bytes for the rest.
type field struct {
	number protowire.Number
	kind   protowire.Type
	bits   uint64
	bytes  []byte // borrowed
}

// eachField calls fn for the fields of a message in the order of the wire.
func eachField(message []byte, fn func(f field) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return malformed("protobuf: %v", protowire.ParseError(n))
		}
		message = message[n:]
		f := field{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			f.bits, n = protowire.ConsumeVarint(message)
		case protowire.Fixed64Type:
			f.bits, n = protowire.ConsumeFixed64(message)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(message)
			f.bits = uint64(v)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return malformed("protobuf: field %d: %v", number, protowire.ParseError(n))
		}
		message = message[n:]
		if err := fn(f); err != nil {
			return err
		}
	}
	return nil
}

// pair reads a map's entry: its key and value fields.
func pair(entry []byte) (key, value field, err error) {
	err = eachField(entry, func(f field) error {
		switch f.number {
		case 1:
			key = f
		case 2:
			value = f
		}
		return nil
	})
	return key, value, err
}
