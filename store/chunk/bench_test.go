package chunk

import (
	"testing"

	"github.com/whippet-obs/whippet/bench/fleet"
)

func BenchmarkEncode(b *testing.B) {
	for _, k := range fleet.Kinds {
		b.Run(k.String(), func(b *testing.B) {
			e, times, values := NewEncoder(), regular(1024), fleet.Column(k, 1, 1024)
			var out []byte
			b.ReportAllocs()
			for b.Loop() {
				out, _ = e.Append(out[:0], times, values)
			}
			perSample(b, len(values))
			b.ReportMetric(float64(len(out))/float64(len(values)), "B/sample")
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, k := range fleet.Kinds {
		b.Run(k.String(), func(b *testing.B) {
			chunk, h := NewEncoder().Append(nil, regular(1024), fleet.Column(k, 1, 1024))
			d := NewDecoder()
			var times []int64
			var values []float64
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if times, values, err = d.Decode(h.MinTime, chunk, times[:0], values[:0]); err != nil {
					b.Fatal(err)
				}
			}
			perSample(b, len(values))
		})
	}
}

func perSample(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/sample")
}
