package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

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
func (in *Intake) sketches(ctx context.Context, r *Request) (int, error) {
	body, probe, err := r.plain()
	if err != nil || probe {
		return 0, err
	}
	now := in.now()
	if in.repeats.known(body, now) {
		in.counts.repeated.Add(1)
		return 0, nil
	}
	var batch store.Batch
	hosts := in.seen()
	err = eachField(body, 0, func(number protowire.Number, kind protowire.Type, at int, value []byte) error {
		if number != 1 || kind != protowire.BytesType {
			return nil
		}
		return in.sketchSeries(value, at, &batch, &hosts)
	})
	if err != nil {
		return 0, err
	}
	if err := in.append(ctx, &batch); err != nil {
		return 0, err
	}
	in.repeats.add(body, now)
	return len(batch.Sketches), nil
}

func (in *Intake) sketchSeries(message []byte, base int, batch *store.Batch, hosts *seenHosts) error {
	d := described{kind: store.Distribution, interval: sketchInterval}
	first := len(batch.Sketches)
	err := eachField(message, base, func(number protowire.Number, kind protowire.Type, at int, value []byte) error {
		if kind != protowire.BytesType {
			return nil
		}
		switch number {
		case 1:
			d.name = string(value)
		case 2:
			d.host = string(value)
		case 4:
			d.tags = append(d.tags, string(value))
		case 7:
			seconds, s, err := decodeDogsketch(value, at)
			if err != nil {
				return err
			}
			if seconds <= 0 || seconds > maxSeconds || s.Count == 0 {
				in.counts.value.Add(1)
				return nil
			}
			batch.Sketches = append(batch.Sketches, store.SketchSample{Time: seconds * 1000, Sketch: s})
		}
		return nil
	})
	if err != nil {
		return err
	}
	series, err := in.intern(d)
	if err != nil {
		return err
	}
	if !series.ok {
		batch.Sketches = batch.Sketches[:first]
		return nil
	}
	hosts.add(series.host)
	for i := first; i < len(batch.Sketches); i++ {
		batch.Sketches[i].Ref = series.ref
	}
	return nil
}

// maxBins bounds the bins of one sketch on the wire; an agent makes 4,096, with
// repeated keys for large counts.
const maxBins = 1 << 16

func decodeDogsketch(message []byte, base int) (seconds int64, s *sketch.Sketch, err error) {
	s = &sketch.Sketch{}
	var keys []int32
	var counts []uint64
	err = eachField(message, base, func(number protowire.Number, kind protowire.Type, at int, value []byte) error {
		switch {
		case kind == protowire.VarintType && number <= 2:
			v, _ := protowire.ConsumeVarint(value)
			if number == 1 {
				seconds = int64(v)
			} else {
				s.Count = int64(v)
			}
		case kind == protowire.Fixed64Type:
			bits, _ := protowire.ConsumeFixed64(value)
			switch v := math.Float64frombits(bits); number {
			case 3:
				s.Min = v
			case 4:
				s.Max = v
			case 6:
				s.Sum = v
			}
		case kind == protowire.BytesType && (number == 7 || number == 8):
			for len(value) > 0 {
				v, n := protowire.ConsumeVarint(value)
				if n < 0 {
					return malformed(at, "sketch bins: %v", protowire.ParseError(n))
				}
				value = value[n:]
				if number == 7 {
					keys = append(keys, int32(protowire.DecodeZigZag(v)))
				} else {
					counts = append(counts, v)
				}
				if len(keys) > maxBins || len(counts) > maxBins {
					return malformed(at, "sketch: more than %d bins", maxBins)
				}
			}
		}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	if len(keys) != len(counts) {
		return 0, nil, malformed(base, "sketch: %d bin keys for %d counts", len(keys), len(counts))
	}
	if math.IsNaN(s.Sum) || math.IsInf(s.Sum, 0) || math.IsNaN(s.Min) || math.IsNaN(s.Max) {
		return 0, nil, malformed(base, "sketch: its sum, min or max is not a number")
	}
	s.Keys, s.Counts = mergedBins(keys, counts)
	total := int64(0)
	for _, n := range s.Counts {
		if n > math.MaxInt64/2 || total > math.MaxInt64/2 {
			return 0, nil, malformed(base, "sketch: its counts are out of range")
		}
		total += int64(n)
	}
	s.Count = total
	return seconds, s, nil
}

// mergedBins sorts bins by key and adds up those of the same key: an agent
// repeats a key whose count passes 65,535.
func mergedBins(keys []int32, counts []uint64) ([]int32, []uint64) {
	order := make([]int, 0, len(keys))
	for i := range keys {
		if counts[i] > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
	var k []int32
	var n []uint64
	for _, i := range order {
		if len(k) > 0 && k[len(k)-1] == keys[i] {
			n[len(n)-1] += counts[i]
			continue
		}
		k, n = append(k, keys[i]), append(n, counts[i])
	}
	return k, n
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
func (in *Intake) distributionPoints(ctx context.Context, r *Request) (int, error) {
	body, probe, err := r.plain()
	if err != nil || probe {
		return 0, err
	}
	type seriesOfPoints struct {
		Metric string              `json:"metric"`
		Host   string              `json:"host"`
		Tags   []string            `json:"tags"`
		Points []distributionPoint `json:"points"`
	}
	list, err := listOf[seriesOfPoints](body, "series")
	if err != nil {
		return 0, err
	}
	now := in.now()
	if in.repeats.known(body, now) {
		in.counts.repeated.Add(1)
		return 0, nil
	}
	var batch store.Batch
	hosts := in.seen()
	for _, s := range list {
		series, err := in.intern(described{name: s.Metric, host: s.Host, tags: s.Tags, kind: store.Distribution, interval: sketchInterval})
		if err != nil {
			return 0, err
		}
		if !series.ok {
			continue
		}
		hosts.add(series.host)
		for _, p := range s.Points {
			sk := &sketch.Sketch{}
			for _, v := range p.values {
				if v.set && !math.IsNaN(v.value) && !math.IsInf(v.value, 0) {
					sk.Add(v.value, 1)
				}
			}
			if ms := milliseconds(p.time.value); ms > 0 && sk.Count > 0 {
				batch.Sketches = append(batch.Sketches, store.SketchSample{Ref: series.ref, Time: ms, Sketch: sk})
			}
		}
	}
	if err := in.append(ctx, &batch); err != nil {
		return 0, err
	}
	in.repeats.add(body, now)
	return len(batch.Sketches), nil
}
