package chunk

import "fmt"

// AppendFloats appends a column of 1 to MaxSamples numbers without times or a
// header, for callers that have those by other means. It comes back bit for bit
// from Decoder.Floats, which must be told how many there are.
func (e *Encoder) AppendFloats(b []byte, values []float64) []byte {
	return e.appendValues(b, values)
}

// Floats fills dst from the whole of b, a column of as many numbers.
func (d *Decoder) Floats(dst []float64, b []byte) error {
	if err := d.decodeValues(dst, b); err != nil {
		return fmt.Errorf("column: %w", err)
	}
	return nil
}
