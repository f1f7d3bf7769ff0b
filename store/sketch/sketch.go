// Package sketch holds mergeable percentile sketches.
package sketch

// Sketch is the agent's dogsketch: counts of values in bins whose bounds grow
// by gamma = 1.015625.
type Sketch struct {
	Count  int64
	Sum    float64
	Min    float64
	Max    float64
	Keys   []int32  // sorted, unique bin keys
	Counts []uint64 // counts[i] values lie in bin keys[i]
}

// Add puts v in s, weight times (weight >= 1).
func (s *Sketch) Add(v float64, weight uint64) { panic("wave 1") }

// Merge adds o to s.
func (s *Sketch) Merge(o *Sketch) { panic("wave 1") }

// Quantile returns the q-quantile, 0 <= q <= 1; NaN when s is empty.
func (s *Sketch) Quantile(q float64) float64 { panic("wave 1") }

// Clone copies s.
func (s *Sketch) Clone() *Sketch { panic("wave 1") }

// AppendBinary appends the encoded form of s to b.
func (s *Sketch) AppendBinary(b []byte) []byte { panic("wave 1") }

// Decode reads one encoded sketch from the front of b and returns the rest.
func Decode(b []byte) (s *Sketch, rest []byte, err error) { panic("wave 1") }
