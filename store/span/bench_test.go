package span

import (
	"context"
	"math"
	"os"
	"strconv"
	"testing"
	"time"
)

// BenchmarkAppend must keep 20,000 spans per second on one core: 50 µs each,
// sealing included. Spans come a trace agent's payload at a time.
func BenchmarkAppend(b *testing.B) {
	s := open(b, b.TempDir(), Options{Sync: func(*os.File) error { return nil }})
	defer s.Close()
	spans := app(b.N/4+250, start)
	b.ReportAllocs()
	b.ResetTimer()
	n := 0
	for n < b.N {
		part := spans[n:min(n+1000, len(spans))]
		mustAppend(b, s, part)
		n += len(part)
	}
	if err := s.Seal(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	st := s.Stats()
	b.ReportMetric(float64(st.DiskBytes-st.LogBytes)/float64(n), "diskB/span")
}

// daySpans is what BenchmarkSearch searches: 10 M spans take minutes to make,
// so the default is a tenth of it. SPANS=10000000 makes the whole day.
func daySpans() int {
	if n, err := strconv.Atoi(os.Getenv("SPANS")); err == nil {
		return n
	}
	return 1_000_000
}

// BenchmarkSearch must answer over 10 M spans in under 300 ms.
func BenchmarkSearch(b *testing.B) {
	s := open(b, b.TempDir(), Options{Sync: func(*os.File) error { return nil }, Now: func() time.Time { return start.Add(24 * time.Hour) }})
	defer s.Close()
	total := daySpans()
	every := 24 * time.Hour / time.Duration(total/40_000)
	for n := 0; n < total; n += 40_000 {
		mustAppend(b, s, app(10_000, start.Add(time.Duration(n/40_000)*every)))
		if err := s.Seal(); err != nil {
			b.Fatal(err)
		}
	}
	for _, bm := range []struct {
		name string
		q    Query
	}{
		{"newest", Query{}},
		{"errors_of_a_service", Query{Filter: Filter{Op: And, Args: []Filter{{Op: Equal, Field: FieldService, Value: "shop-web"}, {Op: Equal, Field: FieldStatus, Value: "error"}}}}},
		{"slowest_of_a_resource", Query{Order: Slowest, Filter: Filter{Op: Equal, Field: FieldResource, Value: "GET /stock/"}}},
		{"nothing_is_so_slow", Query{Filter: Filter{Op: Compare, Field: FieldDuration, Min: 7e6, Max: math.Inf(1)}}},
		{"rare_tag", Query{Filter: Filter{Op: Equal, Field: "unique", Value: "req-9999"}}},
		{"absent_tag", Query{Filter: Filter{Op: Equal, Field: "unique", Value: "nobody"}}},
	} {
		bm.q.From, bm.q.To = math.MinInt64, math.MaxInt64
		b.Run(bm.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Search(context.Background(), bm.q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("trace", func(b *testing.B) {
		id := app(1, start)[0].Trace
		for b.Loop() {
			if spans, err := s.Trace(context.Background(), id); err != nil || len(spans) != 4 {
				b.Fatal(len(spans), err)
			}
		}
	})
}
