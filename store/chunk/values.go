package chunk

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"unsafe"
)

// The forms a column of values may take, in the low bits of a chunk's first byte.
const (
	formConstant   = 0 // the value's bits reversed, uvarint: few where its mantissa is short
	formRuns       = 1 // see runs.go
	formDecimals   = 2 // see decimal.go
	formRatios     = 3 // see ratio.go
	formBits       = 4 // the values' bits as integers
	formTransposed = 5 // the bytes of all values, most significant first, by zstd
	formRaw        = 6 // 8 bytes each
	formSketches   = 7 // see sketches.go
)

// appendValues appends v, bit for bit, in the smallest of the forms.
func (e *Encoder) appendValues(b []byte, v []float64) (_ []byte, form byte) {
	start, n := len(b), countRuns(v)
	if u := math.Float64bits(v[0]); len(v) == 1 && u&0xff != 0 { // a full mantissa is shorter as it is
		return binary.LittleEndian.AppendUint64(b, u), formRaw
	}
	if n == 1 {
		return binary.AppendUvarint(b, bits.ReverseBytes64(math.Float64bits(v[0]))), formConstant
	}
	b, form = e.appendPlain(b, v)
	if n <= len(v)/2 {
		mid := len(b)
		if b, smaller := keepSmaller(e.appendRuns(b, v), start, mid, 1); smaller {
			return b, formRuns
		}
		b = b[:mid]
	}
	return b, form
}

// keepSmaller keeps the second of two encodings, b[start:mid] and b[mid:], if
// its size is less than share of the first one's, in the place of both.
func keepSmaller(b []byte, start, mid int, share float64) (_ []byte, second bool) {
	if float64(len(b)-mid) >= share*float64(mid-start) {
		return b[:mid], false
	}
	return b[:start+copy(b[start:], b[mid:])], true
}

// appendPlain is appendValues without constants and runs.
func (e *Encoder) appendPlain(b []byte, v []float64) (_ []byte, form byte) {
	start := len(b)
	form = formRaw
	if exponent, ok := e.toDecimals(v); ok {
		if b = e.appendDecimals(b, v, exponent); len(b)-start <= fullMantissa*len(v) {
			return b, formDecimals
		}
		form = formDecimals
	} else {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	// Full mantissas, it seems. The share is what a slower form must save.
	better := func(other []byte, otherForm byte, share float64) {
		smaller := false
		if b, smaller = keepSmaller(other, start, len(b), share); smaller {
			form = otherForm
		}
	}
	if e.toRatios(v) {
		better(e.appendRatios(b, v), formRatios, 0.9)
	}
	if form != formRatios {
		e.column = e.column[:0]
		for _, x := range v {
			e.column = append(e.column, int64(math.Float64bits(x)))
		}
		better(e.ints.append(b, e.column), formBits, 1)
		if len(v) > fewSamples && len(b)-start > 7*len(v) {
			better(e.appendTransposed(b, v), formTransposed, 0.97)
		}
	}
	return b, form
}

// fullMantissa is from how many bytes per value on forms for full mantissas are tried.
const fullMantissa = 4

// appendTransposed puts the first bytes of all values together, then the
// second, and so on: signs and exponents compress, mantissas don't.
func (e *Encoder) appendTransposed(b []byte, v []float64) []byte {
	e.raw = slices.Grow(e.raw[:0], 8*len(v))[:8*len(v)]
	for i, x := range v {
		u := math.Float64bits(x)
		for plane := range 8 {
			e.raw[plane*len(v)+i] = byte(u >> (56 - 8*plane))
		}
	}
	return e.zstd.EncodeAll(e.raw, b)
}

// integers returns n integers to fill; which tells buffers apart.
func (d *Decoder) integers(which, n int) []int64 {
	d.ints[which] = slices.Grow(d.ints[which][:0], n)[:n]
	return d.ints[which]
}

// decodeValues fills dst from b, all of which is one column.
func (d *Decoder) decodeValues(dst []float64, form byte, b []byte) error {
	switch form {
	case formConstant:
		u, n := binary.Uvarint(b)
		if n <= 0 || n != len(b) {
			return errCorrupt
		}
		v := math.Float64frombits(bits.ReverseBytes64(u))
		for i := range dst {
			dst[i] = v
		}
		return nil
	case formRuns:
		return d.decodeRuns(dst, b)
	default:
		return d.decodePlain(dst, form, b)
	}
}

func (d *Decoder) decodePlain(dst []float64, form byte, b []byte) error {
	switch form {
	case formDecimals:
		return d.decodeDecimals(dst, b)
	case formRatios:
		return d.decodeRatios(dst, b)
	case formBits:
		// The integers are the floats' bits: they are decoded where they belong.
		n := unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(dst))), len(dst))
		if rest, err := decodeInts(n, b); err != nil || len(rest) > 0 {
			return errCorrupt
		}
		return nil
	case formTransposed:
		return d.decodeTransposed(dst, b)
	case formRaw:
		if len(b) != 8*len(dst) {
			return errCorrupt
		}
		for i := range dst {
			dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
		return nil
	default:
		return errCorrupt
	}
}

func (d *Decoder) decodeTransposed(dst []float64, b []byte) error {
	var err error
	d.raw, err = d.zstd.DecodeAll(b, d.raw[:0])
	if err != nil || len(d.raw) != 8*len(dst) {
		return errCorrupt
	}
	n := len(dst)
	p0, p1, p2, p3 := d.raw[:n], d.raw[n:2*n], d.raw[2*n:3*n], d.raw[3*n:4*n]
	p4, p5, p6, p7 := d.raw[4*n:5*n], d.raw[5*n:6*n], d.raw[6*n:7*n], d.raw[7*n:]
	for i := range dst {
		high := uint64(p0[i])<<24 | uint64(p1[i])<<16 | uint64(p2[i])<<8 | uint64(p3[i])
		low := uint64(p4[i])<<24 | uint64(p5[i])<<16 | uint64(p6[i])<<8 | uint64(p7[i])
		dst[i] = math.Float64frombits(high<<32 | low)
	}
	return nil
}
