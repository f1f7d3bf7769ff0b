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

// Mapping says which values the bins of a sketch hold.
type Mapping uint8

const (
	// Agent is the agent's own, of its dogsketch.
	Agent Mapping = iota
	// Durations is that of the DDSketches in which tracers and agents keep
	// durations, γ = 1.01/0.99: bin k holds what lies between γ^(k-1500) and
	// γ^(k-1499) nanoseconds, in seconds. It is the coarser of the two.
	Durations
)

// The constants of Durations: a bin's value is its lower bound times 1 + α.
const (
	durationGamma   = 1.01 / 0.99
	durationLnGamma = 0.020000666706669435 // log(1.01/0.99)
	durationBias    = 1500                 // under one attosecond is zero
	durationAlpha   = 0.01                 // (γ-1)/(γ+1)
	nanosecond      = 1e-9
)

// keyOf returns the bin of v.
func (m Mapping) keyOf(v float64) int32 {
	if m == Agent {
		return keyOf(v)
	}
	switch {
	case v < 0:
		return -m.keyOf(-v)
	case math.IsInf(v, 1):
		return keyInf
	}
	k := math.Floor(math.Log(v/nanosecond)/durationLnGamma) + durationBias
	if !(k >= 1) {
		return 0
	}
	return int32(min(k, keyMax))
}

// valueOf returns the value that stands for bin k.
func (m Mapping) valueOf(k int32) float64 {
	switch {
	case m == Agent:
		return valueOf(k)
	case k < 0:
		return -m.valueOf(-k)
	case k == 0:
		return 0
	case k >= keyInf:
		return math.Inf(1)
	}
	return math.Exp(float64(k-durationBias)*durationLnGamma) * (1 + durationAlpha) * nanosecond
}

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
