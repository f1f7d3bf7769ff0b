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

// chunked codes a column in chunks of 1024, as the store does.
func chunked(e *Encoder, values []float64) (chunks [][]byte, size int) {
	times := regular(len(values))
	for from := 0; from < len(values); from += 1024 {
		to := min(from+1024, len(values))
		chunk, _ := e.Append(nil, times[from:to], values[from:to])
		chunks = append(chunks, chunk)
		size += len(chunk)
	}
	return chunks, size
}

// A day of one host's 200 series. The bar is 2.10 bytes per sample, and 1.28
// for the uniform integers alone.
func BenchmarkFleetDay(b *testing.B) {
	const ticks = 8640
	h := fleet.NewHost(fleet.Fleet, 1, 0)
	columns := make([][]float64, len(h.Series()))
	row := make([]float64, len(columns))
	for range ticks {
		h.Next(row)
		for i, v := range row {
			if v == v {
				columns[i] = append(columns[i], v)
			}
		}
	}
	sizes, samples := map[fleet.Kind]int{}, map[fleet.Kind]int{}
	size, total := 0, 0
	var all [][]byte
	for i, c := range columns {
		chunks, n := chunked(NewEncoder(), c)
		k := h.Series()[i].Kind
		sizes[k] += n
		samples[k] += len(c)
		size += n
		total += len(c)
		all = append(all, chunks...)
	}
	for _, k := range fleet.Kinds {
		b.Logf("%-12v %.3f B/sample", k, float64(sizes[k])/float64(samples[k]))
	}
	d := NewDecoder()
	var times []int64
	var values []float64
	for b.Loop() {
		for _, chunk := range all {
			var err error
			if times, values, err = d.Decode(fleet.Start, chunk, times[:0], values[:0]); err != nil {
				b.Fatal(err)
			}
		}
	}
	perSample(b, total)
	b.ReportMetric(float64(size)/float64(total), "B/sample")
}
