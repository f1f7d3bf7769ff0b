package main

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/bench/fleet"
)

// format is a protocol with its compression.
type format int

const (
	remoteWrite format = iota // Prometheus remote write 1.0, snappy
	datadogV1                 // JSON, deflate
	datadogV2                 // protobuf, zstd, as agents send
)

func (f format) String() string {
	return [...]string{"remote write", "Datadog v1 JSON", "Datadog v2"}[f]
}

func (f format) headers() map[string]string {
	return [...]map[string]string{
		{"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"},
		{"Content-Type": "application/json", "Content-Encoding": "deflate", "DD-API-KEY": "00000000000000000000000000000000"},
		{"Content-Type": "application/x-protobuf", "Content-Encoding": "zstd", "DD-API-KEY": "00000000000000000000000000000000"},
	}[f]
}

// encoder makes requests of a format.
type encoder struct {
	format format
	ahead  int64 // added to all times, ms
	raw    []byte
	inner  []byte
	zstd   *zstd.Encoder
}

func newEncoder(f format, ahead int64) *encoder {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic("BUG: zstd refuses constant options: " + err.Error())
	}
	return &encoder{format: f, ahead: ahead, zstd: z}
}

func (e *encoder) encode(request []fleet.Points) []byte {
	e.raw = e.raw[:0]
	switch e.format {
	case remoteWrite:
		for i := range request {
			e.addTimeSeries(&request[i])
		}
		return snappy.Encode(nil, e.raw)
	case datadogV1:
		e.raw = append(e.raw, `{"series":[`...)
		for i := range request {
			if i > 0 {
				e.raw = append(e.raw, ',')
			}
			e.addJSON(&request[i])
		}
		e.raw = append(e.raw, "]}"...)
		var out bytes.Buffer
		z := zlib.NewWriter(&out)
		z.Write(e.raw)
		z.Close()
		return out.Bytes()
	default:
		for i := range request {
			e.addMetricSeries(&request[i])
		}
		return e.zstd.EncodeAll(e.raw, nil)
	}
}

// underscored is a metric's name as Prometheus spells it.
func underscored(name string) string { return strings.ReplaceAll(name, ".", "_") }

func appendLabel(b []byte, name, value string) []byte {
	size := protowire.SizeTag(1) + protowire.SizeBytes(len(name)) + protowire.SizeTag(2) + protowire.SizeBytes(len(value))
	b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.BytesType), uint64(size))
	b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), name)
	return protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), value)
}

func appendDouble(b []byte, v float64) []byte {
	b = protowire.AppendTag(b, 1, protowire.Fixed64Type)
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

// addTimeSeries appends a TimeSeries of remote write: labels and samples.
func (e *encoder) addTimeSeries(p *fleet.Points) {
	b := appendLabel(e.inner[:0], "__name__", underscored(p.Series.Name))
	for _, tag := range p.Series.Tags {
		key, value, _ := strings.Cut(tag, ":")
		b = appendLabel(b, key, value)
	}
	for i, at := range p.Times {
		at := uint64(at + e.ahead)
		b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.BytesType), uint64(9+protowire.SizeTag(2)+protowire.SizeVarint(at)))
		b = appendDouble(b, p.Values[i])
		b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), at)
	}
	e.raw = protowire.AppendBytes(protowire.AppendTag(e.raw, 1, protowire.BytesType), b)
	e.inner = b
}

// addMetricSeries appends a MetricSeries of the agent's payload: resources,
// metric, tags, points and type.
func (e *encoder) addMetricSeries(p *fleet.Points) {
	host := hostOf(p.Series)
	b := protowire.AppendVarint(protowire.AppendTag(e.inner[:0], 1, protowire.BytesType),
		uint64(2*protowire.SizeTag(1)+protowire.SizeBytes(len("host"))+protowire.SizeBytes(len(host))))
	b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), "host")
	b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), host)
	b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), p.Series.Name)
	for _, tag := range p.Series.Tags {
		if !strings.HasPrefix(tag, "host:") {
			b = protowire.AppendString(protowire.AppendTag(b, 3, protowire.BytesType), tag)
		}
	}
	for i, at := range p.Times {
		at := uint64(at+e.ahead) / 1000
		b = protowire.AppendVarint(protowire.AppendTag(b, 4, protowire.BytesType), uint64(9+protowire.SizeTag(2)+protowire.SizeVarint(at)))
		b = appendDouble(b, p.Values[i])
		b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), at)
	}
	b = protowire.AppendVarint(protowire.AppendTag(b, 5, protowire.VarintType), 3) // gauge
	e.raw = protowire.AppendBytes(protowire.AppendTag(e.raw, 1, protowire.BytesType), b)
	e.inner = b
}

func (e *encoder) addJSON(p *fleet.Points) {
	b := append(e.raw, `{"metric":`...)
	b = strconv.AppendQuote(b, p.Series.Name)
	b = append(b, `,"type":"gauge","host":`...)
	b = strconv.AppendQuote(b, hostOf(p.Series))
	b = append(b, `,"tags":[`...)
	sep := ""
	for _, tag := range p.Series.Tags {
		if !strings.HasPrefix(tag, "host:") {
			b = strconv.AppendQuote(append(b, sep...), tag)
			sep = ","
		}
	}
	b = append(b, `],"points":[`...)
	for i, at := range p.Times {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, '['), (at+e.ahead)/1000, 10)
		b = strconv.AppendFloat(append(b, ','), p.Values[i], 'g', -1, 64)
		b = append(b, ']')
	}
	e.raw = append(b, "]}"...)
}

func hostOf(s *fleet.Series) string {
	for _, tag := range s.Tags {
		if host, ok := strings.CutPrefix(tag, "host:"); ok {
			return host
		}
	}
	return ""
}

// load is what is sent, and how.
type load struct {
	workload     fleet.Workload
	hosts, ticks int
	shape        fleet.Shape
	format       format
	connections  int
}

// sent is what came of a load.
type sent struct {
	samples  int
	requests int
	last     int64         // ms, of the last tick's time
	took     time.Duration // while requests were under way
}

// A load is encoded and sent in slices of at most this many samples, to keep it
// in memory, and ms, for connections to stay near each other: Prometheus refuses
// what is an hour behind. The clock stands still while a slice is made.
const (
	sliceSamples = 20_000_000
	sliceLength  = 30 * 60_000
)

// send sends a load, in the order of time for each host. stopAfter ends it
// early when it is not 0.
func (s *server) send(ctx context.Context, l load, stopAfter time.Duration) (sent, error) {
	var total sent
	ahead := shift(l.ticks)
	e := newEncoder(l.format, ahead)
	queues := make([][]request, l.connections)
	pending, begun := 0, int64(0)
	flush := func() error {
		kept, err := s.post(ctx, l.format, queues, stopAfter-total.took, stopAfter > 0)
		total.took += kept.took
		total.samples += kept.samples
		total.requests += kept.requests
		for i := range queues {
			clear(queues[i])
			queues[i] = queues[i][:0]
		}
		pending = 0
		return err
	}
	groups := (l.hosts + l.shape.Hosts - 1) / l.shape.Hosts
	i := 0
	for points := range fleet.Requests(l.workload, 1, l.hosts, l.ticks, l.shape) {
		if i%groups == 0 && (pending >= sliceSamples || total.last-begun >= sliceLength) {
			if err := flush(); err != nil {
				return total, err
			}
			if stopAfter > 0 && total.took >= stopAfter {
				return total, nil
			}
			begun = total.last
		}
		n := 0
		for _, p := range points {
			n += len(p.Times)
			total.last = max(total.last, p.Times[len(p.Times)-1]+ahead)
		}
		lane := i % groups % l.connections
		i++
		queues[lane] = append(queues[lane], request{e.encode(points), n})
		pending += n
	}
	return total, flush()
}

type request struct {
	body    []byte
	samples int
}

// post sends queues side by side, and gives the number of samples that the
// server acknowledged.
func (s *server) post(ctx context.Context, f format, queues [][]request, limit time.Duration, limited bool) (kept sent, err error) {
	url := "http://" + s.addr + s.doors[f]
	var samples, requests atomic.Int64
	var once sync.Once
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start := time.Now()
	var wait sync.WaitGroup
	for _, queue := range queues {
		wait.Go(func() {
			for _, r := range queue {
				if ctx.Err() != nil || limited && time.Since(start) >= limit {
					return
				}
				if e := postOne(ctx, url, f, r.body); e != nil {
					once.Do(func() { err = fmt.Errorf("%s, %v: %w", s.name, f, e) })
					cancel()
					return
				}
				samples.Add(int64(r.samples))
				requests.Add(1)
			}
		})
	}
	wait.Wait()
	return sent{samples: int(samples.Load()), requests: int(requests.Load()), took: time.Since(start)}, err
}

func postOne(ctx context.Context, url string, f format, body []byte) error {
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		for key, value := range f.headers() {
			r.Header.Set(key, value)
		}
		response, err := client.Do(r)
		if err != nil {
			return err
		}
		text, _ := io.ReadAll(io.LimitReader(response.Body, 300))
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		switch {
		case response.StatusCode/100 == 2:
			return nil
		case response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable || wait > 5*time.Second:
			return fmt.Errorf("%s: %s", response.Status, text)
		}
		time.Sleep(wait) // as agents do
	}
}

// blocks is what a file takes of the disk.
func blocks(info os.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}
