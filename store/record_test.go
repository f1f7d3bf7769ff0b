package store

import (
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/whippet-obs/whippet/store/index"
	"github.com/whippet-obs/whippet/store/sketch"
)

func TestRecordsComeBackBitForBit(t *testing.T) {
	value := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) float64 { return math.Float64frombits(rapid.Uint64().Draw(t, "bits")) }),
		rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.Int64Range(-1<<50, 1<<50).Draw(t, "n")) / 1000 }),
		rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), 0.1, 0.25, -12.345, 1<<47 - 1, 1 << 47, 1 << 53, math.SmallestNonzeroFloat64, math.MaxFloat64}),
	)
	var encoder recordEncoder
	var decoder recordDecoder
	rapid.Check(t, func(t *rapid.T) {
		d := definitions{next: Ref(rapid.IntRange(0, maxRef).Draw(t, "next"))}
		for range rapid.IntRange(0, 5).Draw(t, "definitions") {
			d.series = append(d.series, definition{
				ref: Ref(rapid.IntRange(1, maxRef).Draw(t, "ref")),
				Series: index.Series{
					Name: rapid.String().Draw(t, "name"), Tags: rapid.SliceOfN(rapid.SampledFrom([]string{"a:b", "c", "", "d:é"}), 0, 4).Draw(t, "tags"),
					Kind: rapid.Uint8().Draw(t, "kind"), Interval: rapid.Int64().Draw(t, "interval"),
				},
			})
		}
		var b Batch
		for range rapid.IntRange(0, 50).Draw(t, "samples") {
			b.Samples = append(b.Samples, Sample{Ref(rapid.IntRange(0, maxRef).Draw(t, "ref")), rapid.Int64().Draw(t, "time"), value.Draw(t, "value")})
		}
		if rapid.Bool().Draw(t, "sketch") {
			s := &sketch.Sketch{}
			s.Add(4.5, 2)
			b.Sketches = append(b.Sketches, SketchSample{3, rapid.Int64().Draw(t, "time"), s})
		}
		gotDefinitions, got, err := decoder.decode(encoder.encodeAll(d, &b))
		if err != nil {
			t.Fatal(err)
		}
		if gotDefinitions.next != d.next || len(gotDefinitions.series) != len(d.series) || len(got.Samples) != len(b.Samples) || len(got.Sketches) != len(b.Sketches) {
			t.Fatalf("got %+v %+v, want %+v %+v", gotDefinitions, got, d, b)
		}
		for i, s := range b.Samples {
			if g := got.Samples[i]; g.Ref != s.Ref || g.Time != s.Time || math.Float64bits(g.Value) != math.Float64bits(s.Value) {
				t.Fatalf("sample %d: got %+v, want %+v", i, g, s)
			}
		}
		for i, s := range d.series {
			if g := gotDefinitions.series[i]; !reflect.DeepEqual(g, s) {
				t.Fatalf("definition %d: got %+v, want %+v", i, g, s)
			}
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	s := &sketch.Sketch{}
	s.Add(4.5, 2)
	var e recordEncoder
	f.Add(e.encode([]definition{{7, index.Series{Name: "m", Tags: []string{"a:b"}, Kind: uint8(Rate), Interval: 10_000}}},
		&Batch{Samples: []Sample{{7, 1000, 1.5}, {8, 2000, math.Pi}}, Sketches: []SketchSample{{9, 3000, s}}}))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var d recordDecoder
		d.decode(payload)
	})
}
