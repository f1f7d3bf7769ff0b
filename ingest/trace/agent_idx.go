package trace

import (
	"encoding/hex"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/store/span"
)

// newPayload reads the new form, in which texts are places in a table whose
// first is "":
//
//	TracerPayload  strings=1 languageNameRef=3 envRef=7 hostnameRef=8
//	               appVersionRef=9 attributes=10 chunks=11
//
// Fields may come in any order, so the table is read first.
func newPayload(b *builder, message []byte) (*tracerPayload, error) {
	d := idxDecoder{builder: b}
	p := &tracerPayload{}
	err := eachField(message, func(f field) error {
		if f.number == 1 && f.kind == protowire.BytesType {
			b.spent += 16 // a tiny text costs its place in the table
			d.strings = append(d.strings, b.text(f.bytes))
		}
		return b.full()
	})
	if err != nil {
		return p, err
	}
	var tags []span.Tag
	err = eachField(message, func(f field) error {
		switch f.number {
		case 3:
			p.lang = d.text(f.bits)
		case 7:
			p.env = d.text(f.bits)
		case 8:
			p.host = d.text(f.bits)
		case 9:
			p.version = d.text(f.bits)
		case 10:
			t, err := d.attribute(f.bytes)
			if t.Key == "_dd.tags.process" { // the others are about the tracer
				tags = append(tags, t)
			}
			return err
		case 11:
			c, err := d.chunk(f.bytes)
			p.chunks = append(p.chunks, c)
			return err
		}
		return nil
	})
	for i := range p.chunks {
		p.chunks[i].tags = append(p.chunks[i].tags, tags...)
	}
	return p, err
}

type idxDecoder struct {
	builder *builder
	strings []string
}

// text is the text of a place; "" for one beyond the table.
func (d *idxDecoder) text(place uint64) string {
	if place < uint64(len(d.strings)) {
		return d.strings[place]
	}
	return ""
}

// chunk reads TraceChunk: priority=1 originRef=2 attributes=3 spans=4
// droppedTrace=5 traceID=6 (16 bytes, big-endian).
func (d *idxDecoder) chunk(message []byte) (chunk, error) {
	c := chunk{}
	var id span.TraceID
	d.builder.spent += costOfTag
	err := eachField(message, func(f field) error {
		switch f.number {
		case 1:
			c.priority = int(int32(f.bits))
		case 2:
			c.origin = d.text(f.bits)
		case 3:
			t, err := d.attribute(f.bytes)
			if t.Key != "service" && t.Key != "" { // the root's; every span names its own
				c.tags = append(c.tags, t)
			}
			return err
		case 4:
			s, err := d.span(f.bytes)
			c.spans = append(c.spans, s)
			return err
		case 6:
			id = span.TraceIDFromBytes(f.bytes)
		}
		return d.builder.full()
	})
	for _, s := range c.spans {
		s.Trace = id
	}
	return c, err
}

// span reads Span: serviceRef=1 nameRef=2 resourceRef=3 spanID=4 parentID=5
// start=6 duration=7 error=8 attributes=9 typeRef=10 links=11 events=12
// envRef=13 versionRef=14 componentRef=15 kind=16.
func (d *idxDecoder) span(message []byte) (*span.Span, error) {
	b := d.builder
	s := b.span()
	var links, events jsonList
	err := eachField(message, func(f field) error {
		switch f.number {
		case 1:
			s.Service = d.text(f.bits)
		case 2:
			s.Name = d.text(f.bits)
		case 3:
			s.Resource = d.text(f.bits)
		case 4:
			s.ID = f.bits
		case 5:
			s.Parent = f.bits
		case 6:
			s.Start = int64(f.bits)
		case 7:
			s.Duration = int64(f.bits)
		case 8:
			s.Error = f.bits != 0
		case 9:
			t, err := d.attribute(f.bytes)
			if t.Key != "" && (t.IsNumber || t.Text != "") {
				s.Tags = append(s.Tags, t)
			}
			if err != nil {
				return err
			}
		case 10:
			s.Type = d.text(f.bits)
		case 11:
			return links.add(func(to []byte) ([]byte, error) { return d.link(to, f.bytes) })
		case 12:
			return events.add(func(to []byte) ([]byte, error) { return d.event(to, f.bytes) })
		case 13:
			b.addText(s, "env", d.text(f.bits))
		case 14:
			b.addText(s, "version", d.text(f.bits))
		case 15:
			b.addText(s, "component", d.text(f.bits))
		case 16:
			b.addText(s, "span.kind", kindName(f.bits))
		}
		return b.full()
	})
	b.addText(s, tagLinks, links.String())
	b.addText(s, tagEvents, events.String())
	return s, err
}

// attribute reads an entry of a map from places to AnyValue: stringValueRef=1
// boolValue=2 doubleValue=3 intValue=4 bytesValue=5 arrayValue=6 keyValueList=7.
func (d *idxDecoder) attribute(entry []byte) (t span.Tag, err error) {
	d.builder.spent += costOfTag
	key, value, err := pair(entry)
	if err != nil {
		return t, err
	}
	t.Key = d.text(key.bits)
	err = eachField(value.bytes, func(f field) (err error) {
		switch f.number {
		case 1:
			t.Text = d.text(f.bits)
		case 2:
			t.Text = strconv.FormatBool(f.bits != 0)
		case 3:
			t.Number, t.IsNumber = math.Float64frombits(f.bits), true
		case 4:
			t.Number, t.IsNumber = float64(int64(f.bits)), true
		case 5:
			t.Text = hex.EncodeToString(f.bytes)
		case 6, 7:
			var text []byte
			text, err = d.value(nil, value.bytes, 0)
			t.Text = string(text)
		}
		return err
	})
	if t.IsNumber && (math.IsNaN(t.Number) || math.IsInf(t.Number, 0)) {
		t = span.Tag{}
	}
	return t, err
}

// value appends an AnyValue as JSON.
func (d *idxDecoder) value(to, message []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return to, malformed("an attribute is nested more than %d deep", maxDepth)
	}
	written := false
	err := eachField(message, func(f field) (err error) {
		if written {
			return nil
		}
		written = true
		switch f.number {
		case 1:
			to = appendJSONText(to, d.text(f.bits))
		case 2:
			to = strconv.AppendBool(to, f.bits != 0)
		case 3:
			to = appendJSONFloat(to, math.Float64frombits(f.bits))
		case 4:
			to = strconv.AppendInt(to, int64(f.bits), 10)
		case 5:
			to = appendJSONText(to, hex.EncodeToString(f.bytes))
		case 6: // values=1
			to = append(to, '[')
			first := true
			err = eachField(f.bytes, func(f field) (err error) {
				if !first {
					to = append(to, ',')
				}
				first = false
				to, err = d.value(to, f.bytes, depth+1)
				return err
			})
			to = append(to, ']')
		case 7: // keyValues=1{key=1,value=2}
			to = append(to, '{')
			first := true
			err = eachField(f.bytes, func(f field) (err error) {
				if !first {
					to = append(to, ',')
				}
				first = false
				to, err = d.pairJSON(to, f.bytes, depth+1)
				return err
			})
			to = append(to, '}')
		default:
			written = false
		}
		return err
	})
	if !written {
		to = append(to, "null"...)
	}
	return to, err
}

func (d *idxDecoder) pairJSON(to, entry []byte, depth int) ([]byte, error) {
	key, value, err := pair(entry)
	if err != nil {
		return to, err
	}
	to = append(appendJSONText(to, d.text(key.bits)), ':')
	return d.value(to, value.bytes, depth)
}

// attributesJSON collects the entries of a map as a JSON object.
func (d *idxDecoder) attributesJSON(to, entry []byte) (_ []byte, err error) {
	if len(to) > 1 {
		to = append(to, ',')
	}
	return d.pairJSON(to, entry, 0)
}

// link reads SpanLink: traceID=1 (bytes) spanID=2 attributes=3 tracestateRef=4.
func (d *idxDecoder) link(to, message []byte) ([]byte, error) {
	var id span.TraceID
	var spanID uint64
	var tracestate string
	attributes := []byte{'{'}
	err := eachField(message, func(f field) (err error) {
		switch f.number {
		case 1:
			id = span.TraceIDFromBytes(f.bytes)
		case 2:
			spanID = f.bits
		case 3:
			attributes, err = d.attributesJSON(attributes, f.bytes)
		case 4:
			tracestate = d.text(f.bits)
		}
		return err
	})
	return appendLink(to, id, spanID, tracestate, append(attributes, '}')), err
}

// event reads SpanEvent: time=1 nameRef=2 attributes=3.
func (d *idxDecoder) event(to, message []byte) ([]byte, error) {
	var at uint64
	var name string
	attributes := []byte{'{'}
	err := eachField(message, func(f field) (err error) {
		switch f.number {
		case 1:
			at = f.bits
		case 2:
			name = d.text(f.bits)
		case 3:
			attributes, err = d.attributesJSON(attributes, f.bytes)
		}
		return err
	})
	return appendEvent(to, at, name, append(attributes, '}')), err
}
