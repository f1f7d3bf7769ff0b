package trace

import (
	"encoding/binary"
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/store/sketch"
)

// ddSketch is a tracer's sketch: contiguous bins from an index on.
func ddSketch(gamma, offset float64, first int32, counts ...float64) []byte {
	mapping := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(gamma))
	mapping = protowire.AppendFixed64(protowire.AppendTag(mapping, 2, protowire.Fixed64Type), math.Float64bits(offset))
	var packed []byte
	for _, c := range counts {
		packed = binary.LittleEndian.AppendUint64(packed, math.Float64bits(c))
	}
	bins := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), packed)
	bins = protowire.AppendVarint(protowire.AppendTag(bins, 3, protowire.VarintType), protowire.EncodeZigZag(int64(first)))
	b := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), mapping)
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), bins)
}

func TestTracersBinsAreKeptAsTheyCome(t *testing.T) {
	const gamma = 1.02020202020202
	first := int32(math.Floor(math.Log(50e6) / math.Log(gamma))) // 50 ms
	for _, tt := range []struct {
		what    string
		message []byte
		mapping sketch.Mapping
	}{
		{"the mapping of all tracers", ddSketch(gamma, 0, first, 3, 0, 1), sketch.Durations},
		{"the same, its indexes moved", ddSketch(gamma, 7, first+7, 3, 0, 1), sketch.Durations},
		{"another", ddSketch(1.04, 0, int32(math.Floor(math.Log(50e6)/math.Log(1.04))), 3, 1), sketch.Agent},
	} {
		s, err := decodeDDSketch(tt.message)
		if err != nil {
			t.Fatalf("%s: %v", tt.what, err)
		}
		if s.Mapping != tt.mapping || s.Count != 4 || len(s.Keys) != 2 {
			t.Errorf("%s: got %+v", tt.what, s)
		}
		if p50 := s.Quantile(0.5); math.Abs(p50-0.05) > 0.0015 {
			t.Errorf("%s: the median is %v s, want 0.05", tt.what, p50)
		}
	}
}
