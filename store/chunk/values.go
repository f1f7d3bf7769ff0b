package chunk

import (
	"encoding/binary"
	"math"

	"github.com/klauspost/compress/zstd"
)

// The forms a column of values may take; one byte in front says which.
const (
	formConstant   = 0 // the value, 8 bytes
	formRuns       = 1 // uvarint number of runs, then value and uvarint length of each
	formDecimal    = 2 // exponent e, then the integers value x 10^e
	formTransposed = 3 // the bytes of all values, most significant first, by zstd
	formRaw        = 4 // 8 bytes each
)

// maxExponent is the largest power of ten tried: values with more decimals
// than that are full-mantissa floats for all practical purposes.
const maxExponent = 12

// maxExact bounds the integers of formDecimal to those a float64 holds exactly.
const maxExact = 1 << 53

// powers holds the powers of ten up to maxExponent, all exact.
var powers = [maxExponent + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12}

// Encoder codes chunks. It holds buffers to reuse and is for one goroutine.
type Encoder struct {
	ints []int64
	raw  []byte
	zstd *zstd.Encoder
}

// NewEncoder returns an encoder.
func NewEncoder() *Encoder {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
	if err != nil {
		panic("BUG: zstd refuses constant options: " + err.Error())
	}
	return &Encoder{zstd: z}
}

// appendValues codes v, bit for bit, in the smallest of the forms that fit.
func (e *Encoder) appendValues(b []byte, v []float64) []byte {
	runs := 1
	for i := 1; i < len(v); i++ {
		if math.Float64bits(v[i]) != math.Float64bits(v[i-1]) {
			runs++
		}
	}
	if runs == 1 {
		return binary.LittleEndian.AppendUint64(append(b, formConstant), math.Float64bits(v[0]))
	}
	start := len(b)
	if exponent, ok := e.toDecimal(v); ok {
		b = append(b, formDecimal, byte(exponent))
		b = appendInts(b, e.ints)
	} else {
		b = e.appendTransposed(b, v)
	}
	if size := 1 + binary.MaxVarintLen16 + 9*runs; size < len(b)-start {
		b = appendRuns(b[:start], v, runs)
	}
	return b
}

func appendRuns(b []byte, v []float64, runs int) []byte {
	b = append(b, formRuns)
	b = binary.AppendUvarint(b, uint64(runs))
	for len(v) > 0 {
		n := 1
		for n < len(v) && math.Float64bits(v[n]) == math.Float64bits(v[0]) {
			n++
		}
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v[0]))
		b = binary.AppendUvarint(b, uint64(n))
		v = v[n:]
	}
	return b
}

// toDecimal finds the smallest exponent e at which every value is an integer
// over 10^e, exactly, and leaves those integers in e.ints.
func (e *Encoder) toDecimal(v []float64) (exponent int, ok bool) {
	e.ints = append(e.ints[:0], make([]int64, len(v))...)
	for i := 0; i < len(v); {
		n, fits := decimal(v[i], exponent)
		if fits {
			e.ints[i] = n
			i++
			continue
		}
		if exponent++; exponent > maxExponent {
			return 0, false
		}
		i = 0 // all of them again, on the finer scale
		if !plausible(v, exponent) {
			return 0, false
		}
	}
	return exponent, true
}

// plausible looks at a few values before a whole column is tried again.
func plausible(v []float64, exponent int) bool {
	for i := 0; i < len(v); i += 1 + len(v)/8 {
		for e := exponent; ; e++ {
			if e > maxExponent {
				return false
			}
			if _, ok := decimal(v[i], e); ok {
				break
			}
		}
	}
	return true
}

// decimal returns x * 10^e when that is an integer that gives x back, bit for
// bit. -0, NaN and infinities never fit.
func decimal(x float64, e int) (int64, bool) {
	scaled := math.Round(x * powers[e])
	if !(math.Abs(scaled) <= maxExact) {
		return 0, false
	}
	n := int64(scaled)
	return n, math.Float64bits(float64(n)/powers[e]) == math.Float64bits(x)
}

// appendTransposed puts the first bytes of all values together, then the
// second, and so on: signs and exponents compress, mantissas don't.
func (e *Encoder) appendTransposed(b []byte, v []float64) []byte {
	e.raw = append(e.raw[:0], make([]byte, 8*len(v))...)
	for i, x := range v {
		bits := math.Float64bits(x)
		for plane := range 8 {
			e.raw[plane*len(v)+i] = byte(bits >> (56 - 8*plane))
		}
	}
	start := len(b)
	b = e.zstd.EncodeAll(e.raw, append(b, formTransposed))
	if len(b)-start <= 8*len(v) {
		return b
	}
	b = append(b[:start], formRaw)
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// Decoder decodes chunks. It holds buffers to reuse and is for one goroutine.
type Decoder struct {
	ints []int64
	raw  []byte
	zstd *zstd.Decoder
}

// NewDecoder returns a decoder.
func NewDecoder() *Decoder {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(8*MaxSamples+1))
	if err != nil {
		panic("BUG: zstd refuses constant options: " + err.Error())
	}
	return &Decoder{zstd: z}
}

// decodeValues fills dst from b, all of which is one column.
func (d *Decoder) decodeValues(dst []float64, b []byte) error {
	if len(b) == 0 {
		return errCorrupt
	}
	form, b := b[0], b[1:]
	switch form {
	case formConstant:
		if len(b) != 8 {
			return errCorrupt
		}
		v := math.Float64frombits(binary.LittleEndian.Uint64(b))
		for i := range dst {
			dst[i] = v
		}
	case formRuns:
		return decodeRuns(dst, b)
	case formDecimal:
		return d.decodeDecimal(dst, b)
	case formTransposed:
		return d.decodeTransposed(dst, b)
	case formRaw:
		if len(b) != 8*len(dst) {
			return errCorrupt
		}
		for i := range dst {
			dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
	default:
		return errCorrupt
	}
	return nil
}

func decodeRuns(dst []float64, b []byte) error {
	runs, n := binary.Uvarint(b)
	if n <= 0 || runs > uint64(len(dst)) {
		return errCorrupt
	}
	b = b[n:]
	for range runs {
		if len(b) < 9 {
			return errCorrupt
		}
		v := math.Float64frombits(binary.LittleEndian.Uint64(b))
		length, n := binary.Uvarint(b[8:])
		if n <= 0 || length > uint64(len(dst)) {
			return errCorrupt
		}
		for i := range dst[:length] {
			dst[i] = v
		}
		dst, b = dst[length:], b[8+n:]
	}
	if len(dst) > 0 || len(b) > 0 {
		return errCorrupt
	}
	return nil
}

func (d *Decoder) decodeDecimal(dst []float64, b []byte) error {
	if len(b) == 0 || b[0] > maxExponent {
		return errCorrupt
	}
	scale := powers[b[0]]
	d.grow(len(dst))
	rest, err := decodeInts(d.ints, b[1:])
	if err != nil || len(rest) > 0 {
		return errCorrupt
	}
	if scale == 1 {
		for i, n := range d.ints {
			dst[i] = float64(n)
		}
		return nil
	}
	for i, n := range d.ints {
		dst[i] = float64(n) / scale
	}
	return nil
}

func (d *Decoder) grow(n int) {
	if cap(d.ints) < n {
		d.ints = make([]int64, n)
	}
	d.ints = d.ints[:n]
}

func (d *Decoder) decodeTransposed(dst []float64, b []byte) error {
	var err error
	d.raw, err = d.zstd.DecodeAll(b, d.raw[:0])
	if err != nil || len(d.raw) != 8*len(dst) {
		return errCorrupt
	}
	n := len(dst)
	for i := range dst {
		var bits uint64
		for plane := range 8 {
			bits = bits<<8 | uint64(d.raw[plane*n+i])
		}
		dst[i] = math.Float64frombits(bits)
	}
	return nil
}
