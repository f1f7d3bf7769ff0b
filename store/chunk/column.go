package chunk

import "fmt"

// AppendFloats appends a column of 1 to MaxSamples numbers without times or a
// header, for callers that have those by other means. It comes back bit for bit
// from Decoder.Floats, which must be told how many there are.
func (e *Encoder) AppendFloats(b []byte, values []float64) []byte {
	first := len(b)
	b, form := e.appendValues(append(b, 0), values)
	b[first] = form
	return b
}

// Floats fills dst from the whole of b, a column of as many numbers.
func (d *Decoder) Floats(dst []float64, b []byte) error {
	err := errCorrupt
	if len(b) > 0 {
		err = d.decodeValues(dst, b[0], b[1:])
	}
	if err != nil {
		return fmt.Errorf("decode a column of %d numbers: %w", len(dst), err)
	}
	return nil
}

// AppendInts appends a column of integers, of any number.
func (e *Encoder) AppendInts(b []byte, v []int64) []byte { return e.ints.append(b, v) }

// Ints fills dst from the column at the front of b, which has as many integers,
// and returns what follows it.
func Ints(dst []int64, b []byte) (rest []byte, err error) { return decodeInts(dst, b) }
