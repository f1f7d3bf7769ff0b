package sketch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// The encoded form, version 1:
//
//	version  byte 1
//	flags    byte: 1 max omitted, it equals min; 2 sum omitted, it is min×count
//	bins     uvarint
//	keys     varint: the first key, then uvarint: each key minus the one before
//	counts   uvarint each, minus 1
//	min, max, sum  each the double's bytes reversed, as uvarint: numbers with
//	         few significant bits, as most are, take two or three bytes
//
// The count is the sum of the bins' counts and not stored. An empty sketch is
// version, flags and a zero.
const codecVersion = 1

const (
	flagMaxIsMin = 1 << iota
	flagSumIsMinTimesCount
)

// AppendBinary appends the encoded form of s to b.
func (s *Sketch) AppendBinary(b []byte) []byte {
	var flags byte
	if same(s.Max, s.Min) {
		flags |= flagMaxIsMin
	}
	if same(s.Sum, s.Min*float64(s.Count)) {
		flags |= flagSumIsMinTimesCount
	}
	b = append(b, codecVersion, flags)
	b = binary.AppendUvarint(b, uint64(len(s.Keys)))
	if len(s.Keys) == 0 {
		return b
	}
	b = binary.AppendVarint(b, int64(s.Keys[0]))
	for i := 1; i < len(s.Keys); i++ {
		b = binary.AppendUvarint(b, uint64(s.Keys[i]-s.Keys[i-1]))
	}
	for _, n := range s.Counts {
		b = binary.AppendUvarint(b, n-1)
	}
	b = appendFloat(b, s.Min)
	if flags&flagMaxIsMin == 0 {
		b = appendFloat(b, s.Max)
	}
	if flags&flagSumIsMinTimesCount == 0 {
		b = appendFloat(b, s.Sum)
	}
	return b
}

// same compares bits, so that -0 and NaN come back as they went in.
func same(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }

func appendFloat(b []byte, v float64) []byte {
	return binary.AppendUvarint(b, bits.ReverseBytes64(math.Float64bits(v)))
}

var errTruncated = errors.New("sketch: truncated")

// Decode reads one encoded sketch from the front of b and returns the rest.
// It allocates in proportion to the bytes it is given, however hostile.
func Decode(b []byte) (s *Sketch, rest []byte, err error) {
	if len(b) < 3 {
		return nil, nil, errTruncated
	}
	if b[0] != codecVersion {
		return nil, nil, fmt.Errorf("sketch: version %d is not known, only %d", b[0], codecVersion)
	}
	r := reader{b: b[2:]}
	flags := b[1]
	if flags&^(flagMaxIsMin|flagSumIsMinTimesCount) != 0 {
		return nil, nil, fmt.Errorf("sketch: unknown flags %#x", flags)
	}
	n := r.uvarint()
	switch {
	case r.failed:
		return nil, nil, errTruncated
	case n == 0:
		return &Sketch{}, r.b, nil
	case n > MaxBins:
		return nil, nil, fmt.Errorf("sketch: %d bins, at most %d are allowed", n, MaxBins)
	case uint64(len(r.b)) < 2*n:
		return nil, nil, errTruncated
	}
	s = &Sketch{Keys: make([]int32, n), Counts: make([]uint64, n)}
	if err := r.bins(s); err != nil {
		return nil, nil, err
	}
	s.Min = r.float()
	s.Max, s.Sum = s.Min, s.Min*float64(s.Count)
	if flags&flagMaxIsMin == 0 {
		s.Max = r.float()
	}
	if flags&flagSumIsMinTimesCount == 0 {
		s.Sum = r.float()
	}
	if r.failed {
		return nil, nil, errTruncated
	}
	return s, r.b, nil
}

// reader takes numbers off the front of b; after a failure it yields zeros.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.failed = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader) float() float64 {
	return math.Float64frombits(bits.ReverseBytes64(r.uvarint()))
}

func (r *reader) bins(s *Sketch) error {
	key := r.varint()
	if key > keyInf || key < -keyInf {
		return fmt.Errorf("sketch: bin key %d out of range", key)
	}
	s.Keys[0] = int32(key)
	for i := 1; i < len(s.Keys); i++ {
		delta := r.uvarint()
		if r.failed {
			return errTruncated
		}
		if delta == 0 || delta > uint64(keyInf-key) {
			return fmt.Errorf("sketch: bin key %d + %d out of order or range", key, delta)
		}
		key += int64(delta)
		s.Keys[i] = int32(key)
	}
	var total uint64
	for i := range s.Counts {
		n := r.uvarint()
		if n >= math.MaxInt64-total {
			return errors.New("sketch: counts overflow")
		}
		s.Counts[i] = n + 1
		total += n + 1
	}
	if r.failed {
		return errTruncated
	}
	s.Count = int64(total)
	return nil
}
