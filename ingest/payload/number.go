package payload

import (
	"strconv"
	"unsafe"
)

// pow10 holds the powers of ten up to the number of digits read by hand.
var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// ParseNumber reads what strconv.ParseFloat reads, to the same bits. Up to 15
// digits with a point, which is nearly everything clients send, are read by
// hand: the digits and the power of ten are both exact as floats, so the one
// division rounds as it must.
func ParseNumber(b []byte) (float64, bool) {
	digits := b
	negative := false
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		negative = digits[0] == '-'
		digits = digits[1:]
	}
	if len(digits) > 16 {
		return parseAnyNumber(b)
	}
	var mantissa uint64
	point := -1
	for i, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			mantissa = mantissa*10 + uint64(c-'0')
		case c == '.' && point < 0:
			point = i
		default:
			return parseAnyNumber(b)
		}
	}
	read := len(digits)
	decimals := 0
	if point >= 0 {
		read--
		decimals = len(digits) - 1 - point
	}
	if read == 0 || read > 15 {
		return parseAnyNumber(b)
	}
	v := float64(mantissa) / pow10[decimals]
	if negative {
		v = -v
	}
	return v, true
}

// parseAnyNumber lends b to strconv, which keeps nothing of it.
func parseAnyNumber(b []byte) (float64, bool) {
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(b), len(b)), 64)
	return v, err == nil
}
