package agent

import (
	"context"
	"hash/maphash"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/store"
)

// The protobuf MetricPayload of /api/v2/series, walked in place:
//
//	MetricPayload  series=1
//	MetricSeries   resources=1 metric=2 tags=3 points=4 type=5 unit=6 source_type_name=7 interval=8
//	Resource       type=1 name=2
//	MetricPoint    value=1 (double) timestamp=2 (int64, s)
//
// Zero values are absent on the wire.

func (in *Intake) seriesV2(ctx context.Context, r *Request) (int, error) {
	body, probe, err := r.plain()
	if err != nil || probe {
		return 0, err
	}
	if !r.isProtobuf() {
		return in.seriesV2JSON(ctx, body)
	}
	d := v2Decoder{in: in, body: body, hosts: in.seen()}
	d.hash.SetSeed(in.refs.seed)
	if err := d.payload(); err != nil {
		return 0, err
	}
	if err := in.append(ctx, &d.batch); err != nil {
		return 0, err
	}
	return len(d.batch.Samples), nil
}

// v2Decoder turns one payload into one batch.
type v2Decoder struct {
	in    *Intake
	body  []byte
	hash  maphash.Hash
	batch store.Batch
	hosts seenHosts
}

func (d *v2Decoder) payload() error {
	return eachField(d.body, 0, func(number protowire.Number, kind protowire.Type, at int, value []byte) error {
		if number != 1 || kind != protowire.BytesType {
			return nil
		}
		return d.series(value, at)
	})
}

// series reads one MetricSeries that starts at offset base of the body. All
// but its points is hashed; only a series never seen is parsed.
func (d *v2Decoder) series(message []byte, base int) error {
	d.hash.Reset()
	first := len(d.batch.Samples)
	for at := 0; at < len(message); {
		number, kind, tag := protowire.ConsumeTag(message[at:])
		if tag < 0 {
			return malformed(base+at, "series: %v", protowire.ParseError(tag))
		}
		n := protowire.ConsumeFieldValue(number, kind, message[at+tag:])
		if n < 0 {
			return malformed(base+at, "series: field %d: %v", number, protowire.ParseError(n))
		}
		if number == 4 && kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(message[at+tag:])
			if err := d.point(content, base+at); err != nil {
				return err
			}
		} else {
			d.hash.Write(message[at : at+tag+n])
		}
		at += tag + n
	}
	hash := d.hash.Sum64()
	series, ok := d.in.refs.get(hash)
	if !ok {
		described, err := describeV2(message, base)
		if err != nil {
			return err
		}
		if series, err = d.in.intern(described); err != nil {
			return err
		}
		if series.ok {
			d.in.refs.put(hash, series)
		}
	}
	if !series.ok {
		d.batch.Samples = d.batch.Samples[:first]
		return nil
	}
	for i := first; i < len(d.batch.Samples); i++ {
		d.batch.Samples[i].Ref = series.ref
	}
	d.hosts.add(series.host)
	return nil
}

// maxSeconds keeps times in seconds where milliseconds fit.
const maxSeconds = 1 << 42

func (d *v2Decoder) point(message []byte, at int) error {
	var seconds int64
	var value float64
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return malformed(at, "point: %v", protowire.ParseError(n))
		}
		message = message[n:]
		switch {
		case number == 1 && kind == protowire.Fixed64Type:
			var bits uint64
			if bits, n = protowire.ConsumeFixed64(message); n >= 0 {
				value = math.Float64frombits(bits)
			}
		case number == 2 && kind == protowire.VarintType:
			var v uint64
			if v, n = protowire.ConsumeVarint(message); n >= 0 {
				seconds = int64(v)
			}
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return malformed(at, "point: field %d: %v", number, protowire.ParseError(n))
		}
		message = message[n:]
	}
	d.batch.Samples = d.in.sample(d.batch.Samples, 0, seconds*1000, value)
	return nil
}

// sample adds one sample, unless its value or time is no number to keep.
func (in *Intake) sample(samples []store.Sample, ref store.Ref, ms int64, value float64) []store.Sample {
	if math.IsNaN(value) || math.IsInf(value, 0) || ms <= 0 || ms > maxSeconds*1000 {
		in.counts.value.Add(1)
		return samples
	}
	return append(samples, store.Sample{Ref: ref, Time: ms, Value: value})
}

// describeV2 parses all of a MetricSeries but its points.
func describeV2(message []byte, base int) (described, error) {
	var d described
	err := eachField(message, base, func(number protowire.Number, kind protowire.Type, at int, value []byte) error {
		switch {
		case number == 1 && kind == protowire.BytesType:
			return d.resource(value, at)
		case number == 2 && kind == protowire.BytesType:
			d.name = string(value)
		case number == 3 && kind == protowire.BytesType:
			d.tags = append(d.tags, string(value))
		case number == 5 && kind == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			d.kind = kindOf(int64(v))
		case number == 6 && kind == protowire.BytesType:
			d.unit = string(value)
		case number == 7 && kind == protowire.BytesType:
			d.source = string(value)
		case number == 8 && kind == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			d.interval = int64(v)
		}
		return nil
	})
	return d, err
}

// kindOf maps MetricType: 0 unspecified, 1 count, 2 rate, 3 gauge.
func kindOf(t int64) store.Kind {
	switch t {
	case 1:
		return store.Count
	case 2:
		return store.Rate
	default:
		return store.Gauge
	}
}

func (d *described) resource(message []byte, base int) error {
	var kind, name string
	err := eachField(message, base, func(number protowire.Number, wire protowire.Type, _ int, value []byte) error {
		switch {
		case number == 1 && wire == protowire.BytesType:
			kind = string(value)
		case number == 2 && wire == protowire.BytesType:
			name = string(value)
		}
		return nil
	})
	d.addResource(kind, name)
	return err
}

// addResource turns a resource back into the tag it was.
func (d *described) addResource(kind, name string) {
	switch {
	case name == "":
	case kind == "host":
		d.host = name
	case kind == "device":
		d.device = name
	case kind != "":
		d.tags = append(d.tags, kind+":"+name)
	}
}

// eachField calls fn for every field of a message that starts at offset base.
// value is the content of a length-delimited field, and the raw bytes of any
// other; at is its field's offset in the body.
func eachField(message []byte, base int, fn func(number protowire.Number, kind protowire.Type, at int, value []byte) error) error {
	for at := 0; at < len(message); {
		number, kind, tag := protowire.ConsumeTag(message[at:])
		if tag < 0 {
			return malformed(base+at, "protobuf: %v", protowire.ParseError(tag))
		}
		n := protowire.ConsumeFieldValue(number, kind, message[at+tag:])
		if n < 0 {
			return malformed(base+at, "protobuf: field %d: %v", number, protowire.ParseError(n))
		}
		value := message[at+tag : at+tag+n]
		start := base + at
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(message[at+tag:])
			start = base + at + tag + n - len(value)
		}
		if err := fn(number, kind, start, value); err != nil {
			return err
		}
		at += tag + n
	}
	return nil
}
