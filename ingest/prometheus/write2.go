package prometheus

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/ingest/payload"
)

// symbol is a string of a request of version 2.0, with its hash.
type symbol struct {
	text []byte
	hash uint64
}

// maxSymbols bounds the symbols of one request.
const maxSymbols = 1 << 20

// request2 walks a Request of version 2.0. Strings are sent once, and labels
// are pairs of their indexes:
//
//	Request     symbols=4 timeseries=5
//	TimeSeries  labels_refs=1 samples=2 histograms=3 exemplars=4 metadata=5 created_timestamp=6 (ms)
//	Exemplar    labels_refs=1 value=2 timestamp=3 (ms)
//	Metadata    type=1 help_ref=3 unit_ref=4
func (d *decoder) request2() error {
	if err := d.readSymbols(); err != nil {
		return err
	}
	var f payload.Field
	for {
		more, err := f.Next(d.body, 0)
		if !more || err != nil {
			return err
		}
		if f.Number == 5 && f.Type == protowire.BytesType {
			if err := d.series2(f.Bytes, f.Content()); err != nil {
				return err
			}
		}
	}
}

// readSymbols reads all symbols first: they may come behind their uses.
func (d *decoder) readSymbols() error {
	var f payload.Field
	for {
		more, err := f.Next(d.body, 0)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if f.Number != 4 || f.Type != protowire.BytesType {
			continue
		}
		if len(d.symbols) >= maxSymbols {
			return payload.Malformed(f.Start, "more than %d symbols: send smaller requests", maxSymbols)
		}
		d.symbols = append(d.symbols, symbol{f.Bytes, d.in.series.Hash(f.Bytes)})
	}
	return nil
}

// metadata2 is the Metadata of a series.
type metadata2 struct{ kind, help, unit uint64 }

func (d *decoder) series2(message []byte, base int) error {
	var f payload.Field
	var meta metadata2
	started := int64(0)
	d.refs = d.refs[:0]
	first := d.mark()
	for {
		more, err := f.Next(message, base)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch {
		case f.Number == 1:
			d.refs, err = appendRefs(d.refs, &f, base)
		case f.Number == 2 && f.Type == protowire.BytesType:
			err = d.sample(f.Bytes, base+f.Content())
		case f.Number == 3 && f.Type == protowire.BytesType:
			err = d.histogram(f.Bytes, base+f.Content())
		case f.Number == 4 && f.Type == protowire.BytesType:
			err = d.exemplar(f.Bytes, base+f.Content())
		case f.Number == 5 && f.Type == protowire.BytesType:
			meta, err = readMetadata2(f.Bytes, base+f.Content())
		case f.Number == 6 && f.Type == protowire.VarintType:
			started = int64(f.Value)
		}
		if err != nil {
			return err
		}
	}
	hash := meta.kind
	for _, ref := range d.refs {
		if int(ref) >= len(d.symbols) {
			return payload.Malformed(base, "a label refers to symbol %d of %d", ref, len(d.symbols))
		}
		hash = payload.Join(hash, d.symbols[ref].hash)
	}
	if len(d.refs)%2 != 0 {
		return payload.Malformed(base, "a label has a name and no value")
	}
	return d.resolve(hash, first, started, func() (description, error) { return d.describe2(meta, base) })
}

// appendRefs reads labels_refs, packed or not.
func appendRefs(refs []uint32, f *payload.Field, base int) ([]uint32, error) {
	if f.Type == protowire.VarintType {
		return append(refs, uint32(min(f.Value, maxSymbols))), nil
	}
	for b := f.Bytes; len(b) > 0; {
		v, n := uint64(b[0]), 1
		if v >= 0x80 {
			if v, n = binary.Uvarint(b); n <= 0 {
				return refs, payload.Malformed(base+f.Start, "labels_refs is cut short")
			}
		}
		refs = append(refs, uint32(min(v, maxSymbols)))
		b = b[n:]
	}
	return refs, nil
}

func readMetadata2(message []byte, base int) (m metadata2, err error) {
	var f payload.Field
	for {
		more, err := f.Next(message, base)
		if !more || err != nil {
			return m, err
		}
		switch f.Number {
		case 1:
			m.kind = f.Value
		case 3:
			m.help = f.Value
		case 4:
			m.unit = f.Value
		}
	}
}

// describe2 looks up the labels of d.refs.
func (d *decoder) describe2(meta metadata2, base int) (description, error) {
	if meta.help >= uint64(max(1, len(d.symbols))) || meta.unit >= uint64(max(1, len(d.symbols))) {
		return description{}, payload.Malformed(base, "metadata refers to a symbol past the %d there are", len(d.symbols))
	}
	d.labels = d.labels[:0]
	for i := 0; i+1 < len(d.refs); i += 2 {
		d.labels = append(d.labels, label{d.symbols[d.refs[i]].text, d.symbols[d.refs[i+1]].text})
	}
	described := description{labels: d.labels}
	if len(d.symbols) > 0 {
		described.family = family{kind: metricType(meta.kind), help: cut(string(d.symbols[meta.help].text), maxHelp), unit: cut(string(d.symbols[meta.unit].text), maxUnit)}
	}
	return described, nil
}
