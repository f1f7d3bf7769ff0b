package prometheus

import (
	"context"
	"fmt"
	"testing"

	"github.com/klauspost/compress/snappy"

	"github.com/whippet-obs/whippet/store"
)

// BenchmarkWrite is one batch of 2,000 known series with one sample each, of
// five labels, as Prometheus sends them: unpacked, decoded, durable. To hold:
// 700 ns of CPU per sample, of which the decoder may take 350 and allocates
// nothing (the rest is the store's).
func BenchmarkWrite(b *testing.B) {
	const series = 2000
	var one, two []byte
	in, _ := newIntake(b)
	for i := range series {
		labels := []string{"__name__", fmt.Sprintf("metric_%d", i%200), "env", "production", "host", fmt.Sprintf("host-%d", i/200), "rack", "r12", "service", "checkout-service"}
		one = append(one, series1{labels: labels, samples: []store.Sample{{Time: ms(0), Value: float64(i) * 1.1}}}.encode()...)
	}
	two = request2(series)
	for _, v := range []struct {
		name, contentType string
		body              []byte
	}{{"v1", version1, one}, {"v2", version2, two}} {
		packed := snappy.Encode(nil, v.body)
		b.Run(v.name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			d := &decoder{in: in}
			for b.Loop() {
				plain, err := in.unpacker.Unpack("snappy", packed)
				if err != nil {
					b.Fatal(err)
				}
				d.reset(plain.Bytes)
				if v.name == "v1" {
					err = d.request1()
				} else {
					err = d.request2()
				}
				if err != nil || len(d.batch.Samples) != series {
					b.Fatal(err, len(d.batch.Samples))
				}
				plain.Release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/series, "ns/sample")
		})
		b.Run(v.name+"/durable", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if w, err := in.Write(context.Background(), Request{v.contentType, "snappy", packed}); err != nil || w.Samples != series {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/series, "ns/sample")
		})
	}
}

// request2 is a batch of version 2.0.
func request2(series int) []byte {
	symbols := map[string]uint64{"": 0}
	body := message(4, nil)
	var all []byte
	ref := func(s string) []byte {
		n, ok := symbols[s]
		if !ok {
			n = uint64(len(symbols))
			symbols[s] = n
			body = append(body, message(4, []byte(s))...)
		}
		return varint(1, n)[1:]
	}
	for i := range series {
		var refs []byte
		for _, s := range []string{"__name__", fmt.Sprintf("two_%d", i%200), "env", "production", "host", fmt.Sprintf("host-%d", i/200), "rack", "r12", "service", "checkout-service"} {
			refs = append(refs, ref(s)...)
		}
		all = append(all, message(5, join(message(1, refs), sampleMessage(store.Sample{Time: ms(0), Value: float64(i) * 1.1}), message(5, varint(1, uint64(typeGauge)))))...)
	}
	return append(body, all...)
}
