package trace

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/store/sketch"
)

// maxSketchBins bounds the bins of one sketch on the wire; tracers make 2,048.
const maxSketchBins = 1 << 13

// decodeDDSketch reads a DDSketch of durations in ns, and gives the sketch of
// them in seconds. The bins of the mapping that all tracers use are kept as they
// are; of another, each bin's values go where its middle lies, so that a quantile
// moves by under 1 %.
//
//	DDSketch      mapping=1 positiveValues=2 negativeValues=3 zeroCount=4
//	IndexMapping  gamma=1 indexOffset=2 interpolation=3
//	Store         binCounts=1 map<sint32,double> contiguousBinCounts=2
//	              contiguousBinIndexOffset=3 sint32
//
// Both forms of bins may be mixed. Only logarithmic mappings (interpolation 0)
// are known: every tracer uses it.
func decodeDDSketch(message []byte) (*sketch.Sketch, error) {
	var gamma, offset, zeros float64
	var interpolation uint64
	var positive, negative []byte
	err := eachField(message, func(f field) error {
		switch f.number {
		case 1:
			return eachField(f.bytes, func(f field) error {
				switch f.number {
				case 1:
					gamma = math.Float64frombits(f.bits)
				case 2:
					offset = math.Float64frombits(f.bits)
				case 3:
					interpolation = f.bits
				}
				return nil
			})
		case 2:
			positive = f.bytes
		case 3:
			negative = f.bytes
		case 4:
			zeros = math.Float64frombits(f.bits)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	none := countOf(zeros)
	bins, err := binsOf(positive)
	if err != nil {
		return nil, err
	}
	below, err := binsOf(negative) // durations are not negative; what is there is zero
	if err != nil {
		return nil, err
	}
	for _, b := range below {
		none = min(none+countOf(b.count), math.MaxInt64)
	}
	s := &sketch.Sketch{}
	if len(bins) == 0 {
		s.Add(0, none)
		return s, nil
	}
	switch {
	case interpolation != 0:
		return nil, malformed("a sketch's interpolation is %d: only logarithmic mappings (0) are known", interpolation)
	case !(gamma > 1.000001 && gamma < 16) || math.IsNaN(offset) || math.Abs(offset) > 1e6:
		return nil, malformed("a sketch's mapping has gamma %g and offset %g: want a gamma such as 1.02", gamma, offset)
	}
	if math.Abs(gamma-1.01/0.99) < 1e-9 && offset == math.Trunc(offset) {
		indexes, counts := make([]int32, len(bins)), make([]uint64, len(bins))
		for i, b := range bins {
			indexes[i] = int32(max(math.MinInt32, min(int64(b.index)-int64(offset), math.MaxInt32)))
			counts[i] = countOf(b.count)
		}
		if s, err = sketch.FromDurations(indexes, counts, none); err != nil {
			return nil, malformed("a sketch of durations: %v", err)
		}
		return s, nil
	}
	s.Add(0, none)
	log := math.Log(gamma)
	middle := 2 * gamma / (gamma + 1)
	for _, b := range bins {
		v := math.Exp((float64(b.index)-offset)*log) * middle * 1e-9
		if !math.IsInf(v, 0) {
			s.Add(v, countOf(b.count))
		}
	}
	return s, nil
}

// countOf makes a count of a wire's double.
func countOf(v float64) uint64 {
	if !(v >= 0.5) || v > 1<<53 {
		return 0
	}
	return uint64(math.Round(v))
}

type ddBin struct {
	index int32
	count float64
}

func binsOf(message []byte) (bins []ddBin, err error) {
	var counts []float64
	first := int32(0)
	add := func(b ddBin) error {
		if len(bins)+len(counts) >= maxSketchBins {
			return malformed("a sketch has more than %d bins", maxSketchBins)
		}
		if b.count > 0 {
			bins = append(bins, b)
		}
		return nil
	}
	err = eachField(message, func(f field) error {
		switch {
		case f.number == 1 && f.kind == protowire.BytesType:
			key, value, err := pair(f.bytes)
			if err != nil {
				return err
			}
			return add(ddBin{int32(protowire.DecodeZigZag(key.bits)), math.Float64frombits(value.bits)})
		case f.number == 2 && f.kind == protowire.BytesType:
			if len(f.bytes)/8+len(counts) > maxSketchBins {
				return malformed("a sketch has more than %d bins", maxSketchBins)
			}
			for rest := f.bytes; len(rest) >= 8; rest = rest[8:] {
				bits, _ := protowire.ConsumeFixed64(rest)
				counts = append(counts, math.Float64frombits(bits))
			}
		case f.number == 3:
			first = int32(protowire.DecodeZigZag(f.bits))
		}
		return nil
	})
	for i, n := range counts {
		if n > 0 {
			bins = append(bins, ddBin{first + int32(i), n})
		}
	}
	return bins, err
}
