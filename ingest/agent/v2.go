package agent

import (
	"context"
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
)

// seriesV2 keeps the protobuf MetricPayload of /api/v2/series, walked in place:
//
//	MetricPayload  series=1
//	MetricSeries   resources=1 metric=2 tags=3 points=4 type=5 unit=6 source_type_name=7 interval=8
//	Resource       type=1 name=2
//	MetricPoint    value=1 (double) timestamp=2 (int64, s)
//
// Zero values are absent on the wire.
func (in *Intake) seriesV2(ctx context.Context, r request) (int, error) {
	if !r.isProtobuf() {
		return in.seriesV1(ctx, r)
	}
	b := in.begin()
	defer b.release()
	if err := b.payloadV2(r.plain); err != nil {
		return 0, err
	}
	return b.keep(ctx)
}

func (b *batch) payloadV2(body []byte) error {
	var f payload.Field
	for {
		more, err := f.Next(body, 0)
		if !more || err != nil {
			return err
		}
		if f.Number == 1 && f.Type == protowire.BytesType {
			if err := b.messageV2(f.Bytes, f.Content()); err != nil {
				return err
			}
		}
	}
}

// messageV2 reads one MetricSeries that starts at offset base of the body. All
// but its points is hashed as it lies there; only a series never seen is
// parsed.
func (b *batch) messageV2(message []byte, base int) error {
	var f payload.Field
	hash, from := uint64(0), 0 // what lies before from is in hash, or a point
	first := len(b.Samples)
	for {
		more, err := f.Next(message, base)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if f.Number != 4 || f.Type != protowire.BytesType {
			continue
		}
		if f.Start > from {
			hash = payload.Join(hash, b.in.series.Hash(message[from:f.Start]))
		}
		from = f.End
		if err := b.pointV2(f.Bytes, base+f.Content()); err != nil {
			return err
		}
	}
	if len(message) > from {
		hash = payload.Join(hash, b.in.series.Hash(message[from:]))
	}
	series, ok := b.in.series.Get(hash)
	if !ok {
		described, err := describeV2(message, base)
		if err != nil {
			return err
		}
		if series, err = b.in.intern(described); err != nil {
			return err
		}
		if series.ok() {
			b.in.series.Put(hash, series)
		}
	}
	b.assign(first, series)
	return nil
}

// pointV2 reads a MetricPoint; its series is filled in by assign.
func (b *batch) pointV2(message []byte, base int) error {
	if len(message) == 15 && message[0] == 0x10 && message[6] == 0x09 { // as agents write it until 2106
		if seconds, n := binary.Uvarint(message[1:6]); n == 5 {
			b.sample(0, int64(seconds)*1000, math.Float64frombits(binary.LittleEndian.Uint64(message[7:])))
			return nil
		}
	}
	var f payload.Field
	var seconds int64
	var value float64
	for {
		more, err := f.Next(message, base)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch {
		case f.Number == 1 && f.Type == protowire.Fixed64Type:
			value = f.Float()
		case f.Number == 2 && f.Type == protowire.VarintType:
			seconds = int64(f.Value)
		}
	}
	if seconds < 0 || seconds > maxSeconds {
		seconds = 0 // which no sample may have
	}
	b.sample(0, seconds*1000, value)
	return nil
}

// describeV2 parses all of a MetricSeries but its points.
func describeV2(message []byte, base int) (d described, err error) {
	var f payload.Field
	for {
		more, err := f.Next(message, base)
		if !more || err != nil {
			return d, err
		}
		switch f.Number {
		case 1:
			if err := d.resource(f.Bytes, base+f.Content()); err != nil {
				return d, err
			}
		case 2:
			d.name = string(f.Bytes)
		case 3:
			d.tags = append(d.tags, string(f.Bytes))
		case 5:
			d.kind = kindOf(f.Value)
		case 6:
			d.unit = string(f.Bytes)
		case 7:
			d.source = string(f.Bytes)
		case 8:
			d.interval = int64(f.Value)
		}
	}
}

// kindOf maps MetricType: 0 unspecified, 1 count, 2 rate, 3 gauge.
func kindOf(t uint64) store.Kind {
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
	var f payload.Field
	var kind, name string
	for {
		more, err := f.Next(message, base)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch f.Number {
		case 1:
			kind = string(f.Bytes)
		case 2:
			name = string(f.Bytes)
		}
	}
	d.addResource(kind, name)
	return nil
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
