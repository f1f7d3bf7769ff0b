package anomaly

import "math"

// tail is a histogram of sizes on logarithmic bins that forgets with a half
// life, and knows one of its quantiles at any time. Adding moves the quantile
// by a bin at most now and then, so it costs the same for every value.
type tail struct {
	growth float64 // weight of each value relative to the one before
	weight float64 // of the next value
	share  float64 // of the weight beyond the quantile
	total  float64
	beyond float64 // weight of the bins above at
	at     int     // the bin in which the quantile is
	edge   float64 // its upper edge: the quantile; 0 while empty
	bins   [tailBins]float32
}

// Bins are 1/8 octave wide (9 %) and reach from 1/64 to 2^14.
const (
	tailBins   = 160
	tailOctave = 8
	tailLeast  = -6
	tailMost   = 1e9 // weights are scaled down before they pass it
)

func newTail(halfLife, quantile float64) tail {
	t := tail{growth: math.Exp2(1 / halfLife), share: 1 - quantile}
	t.reset()
	return t
}

func (t *tail) reset() {
	t.weight, t.total, t.beyond, t.at, t.edge = 1, 0, 0, 0, 0
	clear(t.bins[:])
}

// tailBin is the bin of a size. The logarithm is read off the float's bits: the
// exponent, and the mantissa's place between powers of two as it is.
func tailBin(size float64) int {
	bits := math.Float64bits(size)
	octave := int(bits>>52&0x7ff) - 1023 - tailLeast
	bin := octave*tailOctave + int(bits>>(52-3)&(tailOctave-1))
	return max(0, min(bin, tailBins-1))
}

// binEdge is the upper edge of a bin.
func binEdge(bin int) float64 {
	bin++
	return math.Ldexp(1+float64(bin%tailOctave)/tailOctave, bin/tailOctave+tailLeast)
}

func (t *tail) add(size float64) {
	bin := tailBin(size)
	t.bins[bin] += float32(t.weight)
	t.total += t.weight
	if bin > t.at {
		t.beyond += t.weight
	}
	t.age()
	before := t.at
	limit := t.share * t.total
	for t.at < tailBins-1 && t.beyond > limit {
		t.at++
		t.beyond -= float64(t.bins[t.at])
	}
	for t.at > 0 && t.beyond+float64(t.bins[t.at]) <= limit {
		t.beyond += float64(t.bins[t.at])
		t.at--
	}
	if t.at != before || t.edge == 0 {
		t.edge = binEdge(t.at)
	}
}

// age lets what was added weigh less against what comes.
func (t *tail) age() {
	if t.weight *= t.growth; t.weight > tailMost {
		t.rescale()
	}
}

// beyondQuantile is how many sizes were beyond the quantile, in units of a new
// one, and the sum of the logarithms of how far.
func (t *tail) beyondQuantile() (n, logs float64) {
	for bin := t.at + 1; bin < tailBins; bin++ {
		if count := float64(t.bins[bin]); count > 0 {
			logs += count * math.Log((binEdge(bin-1)+binEdge(bin))/2/t.edge)
		}
	}
	return t.beyond / t.weight, logs / t.weight
}

// rescale makes the weights small again, and the sums exact.
func (t *tail) rescale() {
	t.total, t.beyond = 0, 0
	for i := range t.bins {
		t.bins[i] /= float32(t.weight)
		t.total += float64(t.bins[i])
		if i > t.at {
			t.beyond += float64(t.bins[i])
		}
	}
	t.weight = 1
}
