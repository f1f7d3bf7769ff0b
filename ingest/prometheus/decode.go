package prometheus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/ingest/histogram"
	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/exemplar"
)

// decoder turns one request into one batch. It is used again and again.
type decoder struct {
	in      *Intake
	body    []byte
	symbols []symbol // of version 2.0
	refs    []uint32 // of one series of version 2.0
	labels  []label  // of one unknown series

	batch      store.Batch
	histograms []histogram.Arrival // of all series, in their order
	exemplars  []exemplar.Exemplar
	received   int // exemplars
	refused    int // samples and histograms of refused series
}

// label is a name and value as sent, in the request's memory.
type label struct{ name, value []byte }

func (d *decoder) reset(body []byte) {
	clear(d.symbols)
	clear(d.labels[:cap(d.labels)])
	clear(d.histograms)
	clear(d.exemplars)
	clear(d.batch.Sketches[:cap(d.batch.Sketches)])
	*d = decoder{
		in: d.in, body: body, symbols: d.symbols[:0], refs: d.refs[:0], labels: d.labels[:0], histograms: d.histograms[:0], exemplars: d.exemplars[:0],
		batch: store.Batch{Samples: d.batch.Samples[:0], Sketches: d.batch.Sketches[:0]},
	}
}

// request1 walks a WriteRequest of version 1.0:
//
//	WriteRequest    timeseries=1 metadata=3
//	TimeSeries      labels=1 samples=2 exemplars=3 histograms=4
//	Label           name=1 value=2
//	Sample          value=1 (double) timestamp=2 (int64, ms)
//	Exemplar        labels=1 value=2 (double) timestamp=3 (int64, ms)
//	MetricMetadata  type=1 metric_family_name=2 help=4 unit=5
func (d *decoder) request1() error {
	var f payload.Field
	for {
		more, err := f.Next(d.body, 0)
		if !more || err != nil {
			return err
		}
		if f.Type != protowire.BytesType {
			continue
		}
		switch f.Number {
		case 1:
			err = d.series1(f.Bytes, f.Content())
		case 3:
			err = d.metadata1(f.Bytes, f.Content())
		}
		if err != nil {
			return err
		}
	}
}

// series1 reads one TimeSeries that starts at offset base of the body. Its
// labels are hashed as they lie there; only those never seen are parsed.
func (d *decoder) series1(message []byte, base int) error {
	var f payload.Field
	hash, from, to := uint64(0), 0, 0 // labels in [from, to) are not in hash yet
	first := d.mark()
	for {
		more, err := f.Next(message, base)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if f.Type != protowire.BytesType {
			continue
		}
		switch f.Number {
		case 1:
			if f.Start != to { // labels in several places; no sender known does it
				hash, from = payload.Join(hash, d.in.series.Hash(message[from:to])), f.Start
			}
			to = f.End
		case 2:
			err = d.sample(f.Bytes, base+f.Content())
		case 3:
			err = d.exemplar(f.Bytes, base+f.Content())
		case 4:
			err = d.histogram(f.Bytes, base+f.Content())
		}
		if err != nil {
			return err
		}
	}
	hash = payload.Join(hash, d.in.series.Hash(message[from:to]))
	return d.resolve(hash, first, 0, func() (description, error) { return d.describe1(message, base) })
}

// sample reads a Sample; its series is filled in by resolve.
func (d *decoder) sample(message []byte, base int) error {
	s := store.Sample{}
	if len(message) >= 10 && message[0] == 0x09 && message[9] == 0x10 { // as senders write it
		if ms, n := binary.Uvarint(message[10:]); n == len(message)-10 {
			s.Value, s.Time = math.Float64frombits(binary.LittleEndian.Uint64(message[1:])), int64(ms)
			d.batch.Samples = append(d.batch.Samples, s)
			return nil
		}
	}
	var f payload.Field
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
			s.Value = f.Float()
		case f.Number == 2 && f.Type == protowire.VarintType:
			s.Time = int64(f.Value)
		}
	}
	d.batch.Samples = append(d.batch.Samples, s)
	return nil
}

// marks are how many samples, histograms and exemplars there were before a series.
type marks struct{ samples, histograms, exemplars int }

func (d *decoder) mark() marks {
	return marks{len(d.batch.Samples), len(d.histograms), len(d.exemplars)}
}

// resolve gives what came since first its series.
func (d *decoder) resolve(hash uint64, first marks, started int64, describe func() (description, error)) error {
	var series known
	if len(d.batch.Samples) > first.samples {
		k, err := d.known(hash, false, describe)
		if err != nil {
			return err
		}
		if series = k; k.ok() {
			for i := first.samples; i < len(d.batch.Samples); i++ {
				d.batch.Samples[i].Ref = k.ref
			}
		} else {
			d.refused += len(d.batch.Samples) - first.samples
			d.batch.Samples = d.batch.Samples[:first.samples]
		}
	}
	if len(d.histograms) > first.histograms {
		k, err := d.known(payload.Join(hash, 1), true, describe)
		if err != nil {
			return err
		}
		if series = k; k.ok() {
			for i := first.histograms; i < len(d.histograms); i++ {
				d.histograms[i].Ref, d.histograms[i].Started = k.ref, started
			}
		} else {
			d.refused += len(d.histograms) - first.histograms
			d.histograms = d.histograms[:first.histograms]
		}
	}
	if len(d.exemplars) > first.exemplars {
		d.exemplify(hash, series, first)
	}
	return nil
}

// exemplify gives exemplars their series. Senders put them into entries of their
// own, behind those with the samples; those of a series without any are left out.
func (d *decoder) exemplify(hash uint64, series known, first marks) {
	if !series.ok() {
		series, _ = d.in.series.Get(hash)
	}
	if !series.ok() {
		series, _ = d.in.series.Get(payload.Join(hash, 1))
	}
	if !series.ok() {
		d.exemplars = d.exemplars[:first.exemplars]
		return
	}
	for i := first.exemplars; i < len(d.exemplars); i++ {
		d.exemplars[i].Series = uint32(series.ref)
	}
}

// exemplar reads an Exemplar of either version: its labels are messages or pairs
// of symbols.
func (d *decoder) exemplar(message []byte, base int) error {
	d.received++
	var e exemplar.Exemplar
	var refs []uint32
	var f payload.Field
	for {
		more, err := f.Next(message, base)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch {
		case f.Number == 1 && len(d.symbols) > 0:
			refs, err = appendRefs(refs, &f, base)
		case f.Number == 1 && f.Type == protowire.BytesType:
			var l label
			l, err = readLabel(f.Bytes, base+f.Content())
			e.Labels = append(e.Labels, exemplar.Label{Name: string(l.name), Value: string(l.value)})
		case f.Number == 2 && f.Type == protowire.Fixed64Type:
			e.Value = f.Float()
		case f.Number == 3 && f.Type == protowire.VarintType:
			e.Time = int64(f.Value)
		}
		if err != nil {
			return err
		}
	}
	for i := 0; i+1 < len(refs); i += 2 {
		if int(max(refs[i], refs[i+1])) >= len(d.symbols) {
			return payload.Malformed(base, "a label of an exemplar refers to symbol %d of %d", max(refs[i], refs[i+1]), len(d.symbols))
		}
		e.Labels = append(e.Labels, exemplar.Label{Name: string(d.symbols[refs[i]].text), Value: string(d.symbols[refs[i+1]].text)})
	}
	d.exemplars = append(d.exemplars, e)
	return nil
}

// known finds the series with a hash, and interns it at first sight.
func (d *decoder) known(hash uint64, native bool, describe func() (description, error)) (known, error) {
	if k, ok := d.in.series.Get(hash); ok {
		return k, nil
	}
	description, err := describe()
	if err != nil {
		return known{}, err
	}
	k, err := d.in.intern(description, native)
	if err == nil && k.ok() {
		d.in.series.Put(hash, k)
	}
	return k, err
}

// describe1 parses the labels of a TimeSeries.
func (d *decoder) describe1(message []byte, base int) (description, error) {
	d.labels = d.labels[:0]
	var f payload.Field
	for {
		more, err := f.Next(message, base)
		if err != nil {
			return description{}, err
		}
		if !more {
			return description{labels: d.labels}, nil
		}
		if f.Number != 1 || f.Type != protowire.BytesType {
			continue
		}
		l, err := readLabel(f.Bytes, base+f.Content())
		if err != nil {
			return description{}, err
		}
		d.labels = append(d.labels, l)
	}
}

func readLabel(message []byte, base int) (l label, err error) {
	var f payload.Field
	for {
		more, err := f.Next(message, base)
		if !more || err != nil {
			return l, err
		}
		switch f.Number {
		case 1:
			l.name = f.Bytes
		case 2:
			l.value = f.Bytes
		}
	}
}

// keep makes the batch durable.
func (d *decoder) keep(ctx context.Context) (Written, error) {
	c := &d.in.counts
	c.exemplars.Add(uint64(d.received))
	follow := d.in.histograms.Begin(d.histograms)
	defer follow.End()
	d.batch.Sketches = follow.Deltas(d.batch.Sketches)
	sent := len(d.batch.Samples)
	var rejected store.Rejected
	if sent > 0 || len(d.batch.Sketches) > 0 {
		var err error
		rejected, err = d.in.db.Append(ctx, &d.batch)
		if errors.Is(err, store.ErrForgotten) {
			d.in.series.Clear() // the sender repeats the request, and its series are found anew
		}
		if err != nil {
			return Written{}, fmt.Errorf("append %d samples and %d sketches of a remote write: %w", sent, len(d.batch.Sketches), err)
		}
	}
	follow.Commit()
	refused := d.refused + follow.Refused
	w := Written{Samples: sent - rejected.Future - rejected.Old, Histograms: len(d.histograms) - follow.Refused}
	w.Samples = max(w.Samples, 0)
	if d.in.exemplars != nil {
		w.Exemplars = d.in.exemplars.Add(d.exemplars)
	}
	c.samples.Add(uint64(w.Samples))
	c.histograms.Add(uint64(w.Histograms))
	c.future.Add(uint64(rejected.Future))
	c.old.Add(uint64(rejected.Old))
	c.series.Add(uint64(refused))
	if refused+rejected.Future+rejected.Old > 0 {
		return w, payload.Malformed(-1, "kept all but %d samples of series without a name or over a limit, %d more than 10 minutes ahead, and %d older than the retention",
			refused, rejected.Future, rejected.Old)
	}
	return w, nil
}
