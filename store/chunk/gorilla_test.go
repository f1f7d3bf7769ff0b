package chunk

import (
	"math"
	"math/bits"
	"testing"

	"github.com/whippet-obs/whippet/bench/fleet"
)

// gorilla is the codec to compare with: deltas of deltas of times, and XORed
// values, both of variable numbers of bits, as in Pelkonen et al., "Gorilla: A
// Fast, Scalable, In-Memory Time Series Database", VLDB 2015, section 4.1.
type gorilla struct {
	bytes []byte
	free  int // bits of the last byte
}

func (g *gorilla) put(v uint64, n int) {
	for n > 0 {
		if g.free == 0 {
			g.bytes, g.free = append(g.bytes, 0), 8
		}
		take := min(n, g.free)
		part := byte(v >> (n - take) & (1<<take - 1))
		g.bytes[len(g.bytes)-1] |= part << (g.free - take)
		g.free -= take
		n -= take
	}
}

// classes are the prefixes and widths of deltas of deltas, in seconds.
var classes = []struct{ prefix, prefixLen, width int }{{0b10, 2, 7}, {0b110, 3, 9}, {0b1110, 4, 12}, {0b1111, 4, 32}}

func (g *gorilla) encode(times []int64, values []float64) {
	*g = gorilla{bytes: g.bytes[:0]}
	at, delta := times[0]/1000, int64(0)
	g.put(uint64(at), 64)
	last := math.Float64bits(values[0])
	g.put(last, 64)
	leading, length := 65, 0
	for i := 1; i < len(times); i++ {
		now := times[i] / 1000
		change := now - at - delta
		delta, at = now-at, now
		if change == 0 {
			g.put(0, 1)
		} else {
			for _, c := range classes {
				if half := int64(1) << (c.width - 1); change >= -half && change < half {
					g.put(uint64(c.prefix), c.prefixLen)
					g.put(uint64(change), c.width)
					break
				}
			}
		}
		x := math.Float64bits(values[i]) ^ last
		last ^= x
		if x == 0 {
			g.put(0, 1)
			continue
		}
		l, t := min(31, bits.LeadingZeros64(x)), bits.TrailingZeros64(x)
		if l >= leading && t >= 64-leading-length {
			g.put(0b10, 2)
		} else {
			leading, length = l, 64-l-t
			g.put(0b11, 2)
			g.put(uint64(l), 5)
			g.put(uint64(length-1), 6)
		}
		g.put(x>>(64-leading-length), length)
	}
}

// bitReader reads what gorilla put.
type bitReader struct {
	bytes []byte
	acc   uint64
	have  int
	at    int
}

func (r *bitReader) get(n int) uint64 {
	if n > 56 {
		high := r.get(n - 32)
		return high<<32 | r.get(32)
	}
	for r.have < n {
		r.acc = r.acc<<8 | uint64(r.bytes[r.at])
		r.at++
		r.have += 8
	}
	r.have -= n
	return r.acc >> r.have & (1<<n - 1)
}

func decodeGorilla(b []byte, n int, times []int64, values []float64) {
	r := bitReader{bytes: b}
	at, delta := int64(r.get(64)), int64(0)
	last := r.get(64)
	times[0], values[0] = at*1000, math.Float64frombits(last)
	leading, length := 0, 0
	for i := 1; i < n; i++ {
		if r.get(1) != 0 {
			k := 0
			for k < 3 && r.get(1) != 0 {
				k++
			}
			width := classes[k].width
			delta += int64(r.get(width)<<(64-width)) >> (64 - width)
		}
		at += delta
		if r.get(1) != 0 {
			if r.get(1) != 0 {
				leading, length = int(r.get(5)), int(r.get(6))+1
			}
			last ^= r.get(length) << (64 - leading - length)
		}
		times[i], values[i] = at*1000, math.Float64frombits(last)
	}
}

func TestGorillaIsAFairReference(t *testing.T) {
	for _, k := range fleet.Kinds {
		times, values := regular(1000), fleet.Column(k, 1, 1000)
		times[500] += 17_000
		var g gorilla
		g.encode(times, values)
		gotTimes, gotValues := make([]int64, 1000), make([]float64, 1000)
		decodeGorilla(g.bytes, 1000, gotTimes, gotValues)
		if gotTimes[500] != times[500] || gotTimes[999] != times[999] || !sameBits(gotValues, values) {
			t.Errorf("%v does not come back", k)
		}
	}
}

// BenchmarkGorillaDecode is BenchmarkDecode for the codec to compare with.
func BenchmarkGorillaDecode(b *testing.B) {
	for _, k := range fleet.Kinds {
		b.Run(k.String(), func(b *testing.B) {
			var g gorilla
			g.encode(regular(1024), fleet.Column(k, 1, 1024))
			times, values := make([]int64, 1024), make([]float64, 1024)
			for b.Loop() {
				decodeGorilla(g.bytes, 1024, times, values)
			}
			perSample(b, 1024)
			b.ReportMetric(float64(len(g.bytes))/1024, "B/sample")
		})
	}
}
