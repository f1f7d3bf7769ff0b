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
//	flags    byte: 1 max omitted, it equals min; 2 sum omitted, it is min×count;
//	         4 the bins are those of durations
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
	flagDurations

	knownFlags = flagMaxIsMin | flagSumIsMinTimesCount | flagDurations
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
	if s.Mapping == Durations && len(s.Keys) > 0 {
		flags |= flagDurations
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
	s = new(Sketch)
	rest, err = s.decode(b, func(n int) ([]int32, []uint64) { return make([]int32, n), make([]uint64, n) })
	if err != nil {
		return nil, nil, err
	}
	return s, rest, nil
}

// DecodeAll appends all of the n sketches that b consists of to sketches. They
// share memory: it goes when the last of them does.
func DecodeAll(b []byte, n int, sketches []*Sketch) ([]*Sketch, error) {
	if n > len(b)/3 {
		return sketches, errTruncated
	}
	all := make([]Sketch, n)
	var keys []int32
	var counts []uint64
	cut := func(bins int) ([]int32, []uint64) {
		if bins > len(keys) {
			size := max(bins, min(slabBins, len(b)/2)) // a bin takes two bytes at least
			keys, counts = make([]int32, size), make([]uint64, size)
		}
		k, c := keys[:bins:bins], counts[:bins:bins]
		keys, counts = keys[bins:], counts[bins:]
		return k, c
	}
	start := len(sketches)
	for i := range all {
		var err error
		if b, err = all[i].decode(b, cut); err != nil {
			return sketches[:start], err
		}
		sketches = append(sketches, &all[i])
	}
	if len(b) > 0 {
		return sketches[:start], errors.New("sketch: more bytes than sketches")
	}
	return sketches, nil
}

// slabBins is how many bins share one piece of memory at the most.
const slabBins = 4096

// decode reads s, whose bins lie in what cut returns.
func (s *Sketch) decode(b []byte, cut func(bins int) ([]int32, []uint64)) (rest []byte, err error) {
	if len(b) < 3 {
		return nil, errTruncated
	}
	if b[0] != codecVersion {
		return nil, fmt.Errorf("sketch: version %d is not known, only %d", b[0], codecVersion)
	}
	r := reader{b: b[2:]}
	flags := b[1]
	if flags&^knownFlags != 0 {
		return nil, fmt.Errorf("sketch: unknown flags %#x", flags)
	}
	n := r.uvarint()
	switch {
	case r.failed:
		return nil, errTruncated
	case n == 0:
		return r.b, nil
	case n > MaxBins:
		return nil, fmt.Errorf("sketch: %d bins, at most %d are allowed", n, MaxBins)
	case uint64(len(r.b)) < 2*n:
		return nil, errTruncated
	}
	if flags&flagDurations != 0 {
		s.Mapping = Durations
	}
	s.Keys, s.Counts = cut(int(n))
	if err := r.bins(s); err != nil {
		return nil, err
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
		return nil, errTruncated
	}
	return r.b, nil
}

// reader takes numbers off the front of b; after a failure it yields zeros.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 { // most are
		v := r.b[0]
		r.b = r.b[1:]
		return uint64(v)
	}
	return r.longUvarint()
}

func (r *reader) longUvarint() uint64 {
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

// bins reads keys and counts. It is where decoding spends its time, so it goes
// over the bytes by itself as long as numbers are of one byte.
func (r *reader) bins(s *Sketch) error {
	key := r.varint()
	if key > keyInf || key < -keyInf {
		return fmt.Errorf("sketch: bin key %d out of range", key)
	}
	keys, counts := s.Keys, s.Counts[:len(s.Keys)]
	keys[0] = int32(key)
	b := r.b
	for i := 1; i < len(keys); i++ {
		var delta uint64
		if len(b) > 0 && b[0] < 0x80 {
			delta, b = uint64(b[0]), b[1:]
		} else {
			r.b = b
			delta = r.longUvarint()
			b = r.b
		}
		if delta == 0 || delta > uint64(keyInf-key) {
			if r.failed {
				return errTruncated
			}
			return fmt.Errorf("sketch: bin key %d + %d out of order or range", key, delta)
		}
		key += int64(delta)
		keys[i] = int32(key)
	}
	var total uint64
	for i := range counts {
		var n uint64
		if len(b) > 0 && b[0] < 0x80 {
			n, b = uint64(b[0]), b[1:]
		} else {
			r.b = b
			n = r.longUvarint()
			b = r.b
		}
		if n >= math.MaxInt64-total {
			return errors.New("sketch: counts overflow")
		}
		counts[i] = n + 1
		total += n + 1
	}
	r.b = b
	if r.failed {
		return errTruncated
	}
	s.Count = int64(total)
	return nil
}
