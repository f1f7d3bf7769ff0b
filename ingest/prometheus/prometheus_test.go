package prometheus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/exemplar"
)

var start = time.Unix(1_795_500_000, 0)

func newIntake(t testing.TB) (*Intake, *store.DB) {
	t.Helper()
	now := func() time.Time { return start }
	db, err := store.Open(t.TempDir(), store.Options{Now: now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return New(Deps{DB: db, Now: now}), db
}

// series1 is a series of version 1.0 as a test writes it.
type series1 struct {
	labels     []string // name, value, ...
	samples    []store.Sample
	histograms [][]byte
	exemplars  int
}

func message(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

func varint(number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), v)
}

func double(number protowire.Number, v float64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(nil, number, protowire.Fixed64Type), math.Float64bits(v))
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func sampleMessage(s store.Sample) []byte {
	return message(2, join(double(1, s.Value), varint(2, uint64(s.Time))))
}

func (s series1) encode() []byte {
	var body []byte
	for i := 0; i < len(s.labels); i += 2 {
		body = append(body, message(1, join(message(1, []byte(s.labels[i])), message(2, []byte(s.labels[i+1]))))...)
	}
	for _, p := range s.samples {
		body = append(body, sampleMessage(p)...)
	}
	for range s.exemplars {
		body = append(body, message(3, join(double(2, 1), varint(3, 1)))...)
	}
	for _, h := range s.histograms {
		body = append(body, message(4, h)...)
	}
	return message(1, body)
}

func metadata(kind metricType, name, help, unit string) []byte {
	return message(3, join(varint(1, uint64(kind)), message(2, []byte(name)), message(4, []byte(help)), message(5, []byte(unit))))
}

// write sends a plain body and returns the answer.
func write(in *Intake, contentType string, parts ...[]byte) (Written, error) {
	return in.Write(context.Background(), Request{ContentType: contentType, ContentEncoding: "snappy", Body: snappy.Encode(nil, join(parts...))})
}

const version1, version2 = "application/x-protobuf", "application/x-protobuf;proto=io.prometheus.write.v2.Request"

// read returns the samples of the series of a metric, with what they are.
func read(t testing.TB, db *store.DB, name string) (all []store.SeriesInfo, columns []store.Columns) {
	t.Helper()
	set, err := db.Select(context.Background(), store.Selector{Filter: store.Filter{Op: store.MatchName, Value: name}, From: 0, To: 1 << 50})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	for i := range set.Series {
		var c store.Columns
		if err := set.Read(i, &c); err != nil {
			t.Fatal(err)
		}
		all, columns = append(all, set.Series[i]), append(columns, c)
	}
	return all, columns
}

func ms(seconds int) int64 { return start.UnixMilli() + int64(seconds)*1000 }

func TestSamplesAreKeptAsSent(t *testing.T) {
	in, db := newIntake(t)
	stale := math.Float64frombits(staleNaN)
	body := series1{
		labels:  []string{"__name__", "http:Requests__total", "instance", "10.0.0.1:9090", "Path", "/A b", "empty", ""},
		samples: []store.Sample{{Time: ms(-20), Value: 1.5}, {Time: ms(-10), Value: 0}, {Time: ms(0), Value: stale}},
	}
	for range 2 { // the second time by the cache
		w, err := write(in, version1, body.encode())
		if err != nil || w.Samples != 3 {
			t.Fatalf("wrote %+v (error %v)", w, err)
		}
	}
	all, columns := read(t, db, "http:Requests__total")
	if len(all) != 1 || fmt.Sprint(all[0].Tags) != "[Path:/A b instance:10.0.0.1:9090]" || all[0].Kind != store.Cumulative {
		t.Fatalf("got %+v", all)
	}
	values := columns[0].Values
	if len(values) != 3 || values[0] != 1.5 || values[1] != 0 || math.Float64bits(values[2]) != staleNaN {
		t.Errorf("got %v: want the staleness marker bit for bit", values)
	}
}

func TestKindsFollowMetadataThenSuffix(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind metricType
		want store.Kind
	}{
		{"up", typeUnknown, store.Gauge},
		{"a_total", typeUnknown, store.Cumulative},
		{"a_count", typeUnknown, store.Cumulative},
		{"a_sum", typeUnknown, store.Cumulative},
		{"a_bucket", typeUnknown, store.Cumulative},
		{"a_total", typeGauge, store.Gauge},
		{"plain", typeCounter, store.Cumulative},
		{"plain_created", typeCounter, store.Gauge},
		{"a_sum", typeSummary, store.Cumulative},
		{"a", typeSummary, store.Gauge},
		{"a_bucket", typeGaugeHistogram, store.Gauge},
	} {
		if got := kindOf(tt.name, tt.kind); got != tt.want {
			t.Errorf("%s of type %d: got %s, want %s", tt.name, tt.kind, got, tt.want)
		}
	}
}

func TestMetadataMayComeAfterTheSamples(t *testing.T) {
	in, db := newIntake(t)
	point := func(seconds int) []byte {
		return series1{labels: []string{"__name__", "jobs"}, samples: []store.Sample{{Time: ms(seconds), Value: 1}}}.encode()
	}
	for i, parts := range [][][]byte{{point(-30)}, {metadata(typeCounter, "jobs", "Jobs done.", "jobs")}, {point(-20)}} {
		if _, err := write(in, version1, parts...); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	m, ok := db.Catalog().Metric("jobs")
	if !ok || m.Type != "cumulative" || m.Description != "Jobs done." || m.Unit != "jobs" {
		t.Errorf("metadata: got %+v", m)
	}
	all, _ := read(t, db, "jobs")
	last := all[len(all)-1]
	if last.Kind != store.Cumulative {
		t.Errorf("got %s, want the counter that the metadata tells of", last.Kind)
	}
}

// encode2 is a request of version 2.0 with one series.
func encode2(kind metricType, labels []string, samples ...store.Sample) []byte {
	symbols := append([]string{"", "Help of it.", "seconds"}, labels...)
	var body, refs, inner []byte
	for _, s := range symbols {
		body = append(body, message(4, []byte(s))...)
	}
	for i := range labels {
		refs = protowire.AppendVarint(refs, uint64(3+i))
	}
	inner = message(1, refs)
	for _, s := range samples {
		inner = append(inner, sampleMessage(s)...)
	}
	inner = append(inner, message(4, double(2, 1))...) // an exemplar
	inner = append(inner, message(5, join(varint(1, uint64(kind)), varint(3, 1), varint(4, 2)))...)
	return append(body, message(5, inner)...)
}

func TestVersion2(t *testing.T) {
	in, db := newIntake(t)
	for i := range 2 {
		w, err := write(in, version2, encode2(typeCounter, []string{"__name__", "busy", "job", "x"}, store.Sample{Time: ms(-10 + i), Value: 2}))
		if err != nil || w != (Written{Samples: 1}) {
			t.Fatalf("wrote %+v (error %v)", w, err)
		}
	}
	all, columns := read(t, db, "busy")
	if len(all) != 1 || all[0].Kind != store.Cumulative || fmt.Sprint(all[0].Tags) != "[job:x]" || len(columns[0].Values) != 2 {
		t.Errorf("got %+v %+v", all, columns)
	}
	if m, _ := db.Catalog().Metric("busy"); m.Description != "Help of it." || m.Unit != "seconds" {
		t.Errorf("metadata: got %+v", m)
	}
	if n := in.Stats().Exemplars; n != 2 {
		t.Errorf("%d exemplars counted, want 2", n)
	}
}

func TestWhatCantBeKeptIsNamedAndTheRestKept(t *testing.T) {
	in, db := newIntake(t)
	w, err := write(in, version1,
		series1{labels: []string{"__name__", "good"}, samples: []store.Sample{{Time: ms(0), Value: 1}, {Time: ms(3600), Value: 2}}}.encode(),
		series1{labels: []string{"job", "nameless"}, samples: []store.Sample{{Time: ms(0), Value: 1}}}.encode(),
	)
	var refused *payload.Error
	if !errors.As(err, &refused) || refused.Status != 400 || !strings.Contains(refused.Reason, "1 samples of series without a name") || !strings.Contains(refused.Reason, "1 more than 10 minutes ahead") {
		t.Errorf("got %v", err)
	}
	if _, columns := read(t, db, "good"); w.Samples != 1 || len(columns) != 1 || columns[0].Values[0] != 1 {
		t.Errorf("wrote %+v, read %v", w, columns)
	}
}

func TestBadRequests(t *testing.T) {
	in, _ := newIntake(t)
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	good := series1{labels: []string{"__name__", "a"}, samples: []store.Sample{{Time: ms(0), Value: 1}}}.encode()
	for _, tt := range []struct {
		name   string
		r      Request
		status int // 0: fine
	}{
		{"zstd", Request{version1, "zstd", encoder.EncodeAll(good, nil)}, 0},
		{"no headers at all", Request{"", "", snappy.Encode(nil, good)}, 0},
		{"content type with parameters", Request{"application/x-protobuf; proto=prometheus.WriteRequest", "snappy", snappy.Encode(nil, good)}, 0},
		{"JSON", Request{"application/json", "snappy", snappy.Encode(nil, good)}, 415},
		{"a message not known", Request{"application/x-protobuf;proto=x.Y", "snappy", good}, 415},
		{"an encoding not known", Request{version1, "br", good}, 415},
		{"not snappy", Request{version1, "snappy", []byte("\xff\xff\xff")}, 400},
		{"a bomb", Request{version1, "snappy", binary.AppendUvarint(nil, 60<<20)}, 413},
		{"a zstd bomb", Request{version1, "zstd", encoder.EncodeAll(make([]byte, 60<<20), nil)}, 413},
		{"cut short", Request{version1, "snappy", snappy.Encode(nil, good[:len(good)-3])}, 400},
		{"a symbol that is not there", Request{version2, "snappy", snappy.Encode(nil, join(message(4, nil), message(5, message(1, []byte{0, 9}))))}, 400},
		{"a label without a value", Request{version2, "snappy", snappy.Encode(nil, join(message(4, nil), message(5, message(1, []byte{0}))))}, 400},
	} {
		_, err := in.Write(context.Background(), tt.r)
		var refused *payload.Error
		switch {
		case tt.status == 0 && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.status != 0 && (!errors.As(err, &refused) || refused.Status != tt.status):
			t.Errorf("%s: got %v, want status %d", tt.name, err, tt.status)
		}
	}
}

// native is a native histogram of version 1.0 with one span from index 1 on.
func native(seconds int, schema int64, zero uint64, sum float64, counts ...int64) []byte {
	total := zero
	var deltas []byte
	last := int64(0)
	for _, n := range counts {
		total += uint64(n)
		deltas = protowire.AppendVarint(deltas, protowire.EncodeZigZag(n-last))
		last = n
	}
	return join(
		varint(1, total), double(3, sum), varint(4, protowire.EncodeZigZag(schema)), varint(6, zero),
		message(11, join(varint(1, protowire.EncodeZigZag(1)), varint(2, uint64(len(counts))))), message(12, deltas),
		varint(15, uint64(ms(seconds))),
	)
}

func TestNativeHistogramsBecomeSketchesOfWhatWasObserved(t *testing.T) {
	in, db := newIntake(t)
	send := func(histograms ...[]byte) {
		t.Helper()
		w, err := write(in, version1, series1{labels: []string{"__name__", "latency", "job", "x"}, histograms: histograms}.encode())
		if err != nil || w.Histograms != len(histograms) {
			t.Fatalf("wrote %+v (error %v)", w, err)
		}
	}
	send(native(-40, 3, 1, 10, 5, 5))    // noted
	send(native(-30, 3, 2, 130, 105, 5)) // 100 in bucket 1, one zero
	send(native(-30, 3, 2, 130, 105, 5)) // a repeat
	send(native(-20, 3, 2, 130, 105, 5)) // nothing
	send(native(-10, 2, 2, 150, 120))    // coarser: 10 more
	send(native(0, 3, 0, 7, 0, 4))       // began anew
	all, columns := read(t, db, "latency")
	if len(all) != 1 || all[0].Kind != store.Distribution || len(columns[0].Sketches) != 3 {
		t.Fatalf("got %+v with %d sketches", all, len(columns[0].Sketches))
	}
	for i, want := range []struct {
		seconds int
		count   int64
		sum     float64
		low, hi float64 // where the median lies
	}{{-30, 101, 120, 1, math.Exp2(1.0 / 8)}, {-10, 10, 20, 1, math.Exp2(1.0 / 4)}, {0, 4, 7, math.Exp2(1.0 / 8), math.Exp2(2.0 / 8)}} {
		s := columns[0].Sketches[i]
		median := s.Quantile(0.5)
		if columns[0].Times[i] != ms(want.seconds) || s.Count != want.count || s.Sum != want.sum || median < want.low || median > want.hi {
			t.Errorf("sketch %d at %d: count %d, sum %v, median %v; want %+v", i, columns[0].Times[i], s.Count, s.Sum, median, want)
		}
	}
}

func TestHistogramsThatMakeNoSense(t *testing.T) {
	in, _ := newIntake(t)
	span := func(offset int64, length uint64) []byte {
		return message(11, join(varint(1, protowire.EncodeZigZag(offset)), varint(2, length)))
	}
	for name, h := range map[string][]byte{
		"schema":             varint(4, protowire.EncodeZigZag(9)),
		"spans without data": span(1, 3),
		"data without spans": message(12, []byte{2}),
		"a negative count":   join(span(1, 1), message(12, []byte{1})),
		"a count of NaN":     join(span(1, 1), message(13, double(1, math.NaN())[1:])),
		"overlapping spans":  join(span(5, 1), span(-3, 1), message(12, []byte{2, 2})),
		"an index too far":   join(span(1<<40, 1), message(12, []byte{2})),
		"bounds unsorted":    message(16, join(double(1, 2)[1:], double(1, 1)[1:])),
	} {
		_, err := write(in, version1, series1{labels: []string{"__name__", "h"}, histograms: [][]byte{h}}.encode())
		var refused *payload.Error
		if !errors.As(err, &refused) || refused.Status != 400 {
			t.Errorf("%s: got %v, want a 400", name, err)
		}
	}
}

func FuzzWrite(f *testing.F) {
	in, _ := newIntake(f)
	f.Add(false, join(metadata(typeCounter, "a", "b", "c"), series1{labels: []string{"__name__", "a"}, samples: []store.Sample{{Time: ms(0), Value: 1}}, histograms: [][]byte{native(0, 3, 1, 2, 3, 4)}, exemplars: 1}.encode()))
	f.Add(true, encode2(typeGauge, []string{"__name__", "a"}, store.Sample{Time: ms(0), Value: 1}))
	f.Fuzz(func(t *testing.T, two bool, body []byte) {
		contentType := version1
		if two {
			contentType = version2
		}
		_, err := write(in, contentType, body)
		var refused *payload.Error
		if err != nil && !errors.As(err, &refused) {
			t.Errorf("got %v, want an error that blames the body", err)
		}
	})
}

func TestExemplarsAreKeptWithTheirSeries(t *testing.T) {
	kept, err := exemplar.Open(t.TempDir(), exemplar.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	in, db := newIntake(t)
	in.exemplars = kept
	labelled := func(name, value string) []byte { return join(message(1, []byte(name)), message(2, []byte(value))) }
	one := message(3, join(message(1, labelled("trace_id", "4bf9")), double(2, 0.7), varint(3, uint64(ms(-3)))))
	series := func(parts ...[]byte) []byte {
		return message(1, join(append([][]byte{message(1, labelled("__name__", "took")), message(1, labelled("le", "1"))}, parts...)...))
	}
	// Version 1.0 sends exemplars in entries of their own.
	w, err := write(in, version1, series(sampleMessage(store.Sample{Time: ms(-5), Value: 1})), series(one))
	if err != nil || w != (Written{Samples: 1, Exemplars: 1}) {
		t.Fatalf("version 1.0: wrote %+v, error %v", w, err)
	}
	// Those of a series that no sample came of are left out.
	if w, err := write(in, version1, message(1, join(message(1, labelled("__name__", "never")), one))); err != nil || w.Exemplars != 0 {
		t.Errorf("without a series: wrote %+v, error %v", w, err)
	}
	var symbols []byte
	for _, s := range []string{"", "__name__", "took2", "trace_id", "00ab"} {
		symbols = append(symbols, message(4, []byte(s))...)
	}
	w, err = write(in, version2, symbols, message(5, join(message(1, []byte{1, 2}), sampleMessage(store.Sample{Time: ms(-5), Value: 1}),
		message(4, join(message(1, []byte{3, 4}), double(2, 0.9), varint(3, uint64(ms(-4))))))))
	if err != nil || w != (Written{Samples: 1, Exemplars: 1}) {
		t.Fatalf("version 2.0: wrote %+v, error %v", w, err)
	}
	if _, err := write(in, version2, symbols, message(5, join(message(1, []byte{1, 2}), message(4, message(1, []byte{3, 40}))))); err == nil {
		t.Error("a symbol that there is not: no error")
	}
	if _, err := in.Text(context.Background(), "", []byte("told 3 # {trace_id=\"11\",span_id=\"7\"} 0.5\ntold 4 # {} 0.25 1795499990.5\n")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"took":  fmt.Sprintf("[%d 0.7 [{trace_id 4bf9}]]", ms(-3)),
		"took2": fmt.Sprintf("[%d 0.9 [{trace_id 00ab}]]", ms(-4)),
		"told":  fmt.Sprintf("[1795499990500 0.25 []] [%d 0.5 [{span_id 7} {trace_id 11}]]", ms(0)),
	} {
		all, _ := read(t, db, name)
		var got []string
		for _, e := range kept.Of(uint32(all[0].Ref), 0, 1<<50) {
			got = append(got, fmt.Sprintf("[%d %v %v]", e.Time, e.Value, e.Labels))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", name, got, want)
		}
	}
	if _, err := in.Text(context.Background(), "", []byte("told 3 # {trace_id=11} 0.5\n")); err == nil || !strings.Contains(err.Error(), "want an exemplar such as") {
		t.Errorf("a malformed exemplar: got %v", err)
	}
}
