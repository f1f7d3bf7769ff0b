package sketch

import "math"

// The agent's constants: relative accuracy 1/128, so γ = 1 + 2/128; the
// smallest magnitude told from zero is γ^emin, the largest power under 1e-9.
const (
	gamma   = 1.015625
	lnGamma = 0.015504186535965254 // log1p(1/64)
	bias    = 1338                 // 1 - emin, with emin = floor(ln 1e-9 / ln γ) = -1337
	keyMax  = 32766
	keyInf  = 32767
	normMin = 9.941854089121368e-10 // γ^-1337
)

// keyOf returns the bin of v.
func keyOf(v float64) int32 {
	switch {
	case v < 0:
		return -keyOf(-v)
	case v < normMin:
		return 0
	case math.IsInf(v, 1):
		return keyInf
	}
	k := int32(math.RoundToEven(math.Log(v)/lnGamma)) + bias
	return max(1, min(k, keyMax))
}

// valueOf returns the value that stands for bin k.
func valueOf(k int32) float64 {
	switch {
	case k < 0:
		return -valueOf(-k)
	case k == 0:
		return 0
	case k >= keyInf:
		return math.Inf(1)
	}
	return math.Pow(gamma, float64(k-bias))
}
