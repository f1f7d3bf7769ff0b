package agent

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/sketch"
)

// sketchInterval is the bucket of agents' sketches, in s; it is not on the wire.
const sketchInterval = 10

// sketches keeps a SketchPayload:
//
//	SketchPayload  sketches=1
//	Sketch         metric=1 host=2 tags=4 dogsketches=7
//	Dogsketch      ts=1 cnt=2 min=3 max=4 avg=5 sum=6 k=7 (packed sint32) n=8 (packed uint32)
func (in *Intake) sketches(ctx context.Context, r request) (int, error) {
	return in.once(r.plain, func() (int, error) {
		b := in.begin()
		defer b.release()
		var f payload.Field
		for {
			more, err := f.Next(r.plain, 0)
			if err != nil {
				return 0, err
			}
			if !more {
				return b.keep(ctx)
			}
			if f.Number == 1 && f.Type == protowire.BytesType {
				if err := b.sketchSeries(f.Bytes, f.Content()); err != nil {
					return 0, err
				}
			}
		}
	})
}

// sketchSeries reads one Sketch that starts at offset base of the body.
func (b *batch) sketchSeries(message []byte, base int) error {
	var f payload.Field
	d := described{kind: store.Distribution, interval: sketchInterval}
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
			d.name = string(f.Bytes)
		case 2:
			d.host = string(f.Bytes)
		case 4:
			d.tags = append(d.tags, string(f.Bytes))
		}
	}
	series, err := b.in.intern(d)
	if err != nil {
		return err
	}
	b.seen(series.host.name)
	f = payload.Field{}
	for {
		more, err := f.Next(message, base)
		if !more || err != nil {
			return err
		}
		if f.Number != 7 || f.Type != protowire.BytesType {
			continue
		}
		seconds, s, err := decodeDogsketch(f.Bytes, base+f.Content())
		switch {
		case err != nil:
			return err
		case !series.ok():
			b.in.counts.series.Add(1)
		default:
			b.sketch(series.ref, seconds*1000, s)
		}
	}
}

// maxBins bounds the bins of one sketch on the wire; an agent makes 4,096, with
// repeated keys for large counts.
const maxBins = 1 << 16

func decodeDogsketch(message []byte, base int) (seconds int64, s *sketch.Sketch, err error) {
	var f payload.Field
	var minimum, maximum, sum float64
	var keys []int32
	var counts []uint64
	for {
		more, err := f.Next(message, base)
		if err != nil {
			return 0, nil, err
		}
		if !more {
			break
		}
		switch {
		case len(f.Bytes) > maxBins*binary.MaxVarintLen64:
			err = payload.Malformed(base+f.Start, "sketch: more than %d bins", maxBins)
		case f.Number == 1 && f.Type == protowire.VarintType:
			if seconds = int64(f.Value); seconds < 0 || seconds > maxSeconds {
				seconds = 0
			}
		case f.Number == 3 && f.Type == protowire.Fixed64Type:
			minimum = f.Float()
		case f.Number == 4 && f.Type == protowire.Fixed64Type:
			maximum = f.Float()
		case f.Number == 6 && f.Type == protowire.Fixed64Type:
			sum = f.Float()
		case f.Number == 7:
			err = f.Varints(base, func(v uint64) { keys = append(keys, int32(protowire.DecodeZigZag(v))) })
		case f.Number == 8:
			err = f.Varints(base, func(v uint64) { counts = append(counts, v) })
		}
		if err != nil {
			return 0, nil, err
		}
	}
	s, err = sketchOf(keys, counts, minimum, maximum, sum, base)
	return seconds, s, err
}

// sketchOf makes a sketch of an agent's bins, whose keys repeat where a count
// passes 65,535.
func sketchOf(keys []int32, counts []uint64, minimum, maximum, sum float64, base int) (*sketch.Sketch, error) {
	if len(keys) > maxBins {
		return nil, payload.Malformed(base, "sketch: more than %d bins", maxBins)
	}
	if sum-sum != 0 || math.IsNaN(minimum) || math.IsNaN(maximum) {
		return nil, payload.Malformed(base, "sketch: its sum, min or max is not a number")
	}
	s, err := sketch.FromBins(keys, counts, minimum, maximum, sum)
	if err != nil {
		return nil, payload.Malformed(base, "sketch: %v", err)
	}
	return s, nil
}

// distributionPoint is [time, [values]].
type distributionPoint struct {
	time   number
	values []number
}

func (p *distributionPoint) UnmarshalJSON(raw []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(raw, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return errors.New("want a point [time, [values]], got " + excerpt(raw))
	}
	if err := json.Unmarshal(pair[0], &p.time); err != nil {
		return err
	}
	return json.Unmarshal(pair[1], &p.values)
}

// distributionPoints keeps raw values, as API clients post them, as sketches.
func (in *Intake) distributionPoints(ctx context.Context, r request) (int, error) {
	type seriesOfPoints struct {
		Metric string              `json:"metric"`
		Host   string              `json:"host"`
		Tags   []string            `json:"tags"`
		Points []distributionPoint `json:"points"`
	}
	list, err := listOf[seriesOfPoints](r.plain, "series")
	if err != nil {
		return 0, err
	}
	return in.once(r.plain, func() (int, error) {
		b := in.begin()
		defer b.release()
		for _, s := range list {
			series, err := in.intern(described{name: s.Metric, host: s.Host, tags: s.Tags, kind: store.Distribution, interval: sketchInterval})
			if err != nil {
				return 0, err
			}
			if !series.ok() {
				in.counts.series.Add(uint64(len(s.Points)))
				continue
			}
			b.seen(series.host.name)
			for _, p := range s.Points {
				sk := &sketch.Sketch{}
				for _, v := range p.values {
					if v.set && v.value-v.value == 0 {
						sk.Add(v.value, 1)
					}
				}
				b.sketch(series.ref, milliseconds(p.time.value), sk)
			}
		}
		return b.keep(ctx)
	})
}
