package trace

import (
	"encoding/hex"
	"math"
	"strconv"

	"github.com/whippet-obs/whippet/store/span"
)

// decodeV1 reads the form of /v1.0/traces: maps with numbers for keys, and
// texts that are sent once. Wherever a text stands there is either the text
// itself, which then gets the next number, or the number of one sent before;
// number 0 is the empty text. So the order of the stream matters, and values
// of unknown fields must be read for the texts in them.
//
//	payload  1 strings 2 container 3 language 4 its version 5 tracer version
//	         6 runtime id 7 env 8 hostname 9 app version 10 attributes 11 chunks
//	chunk    1 priority 2 origin 3 attributes 4 spans 5 dropped 6 trace id (16 bytes) 7 mechanism
//	span     1 service 2 name 3 resource 4 id 5 parent 6 start 7 duration 8 error
//	         9 attributes 10 type 11 links 12 events 13 env 14 version 15 component 16 kind
func decodeV1(body []byte) (*tracerPayload, error) {
	d := tracerDecoder{u: unpacker{b: body}, strings: []string{""}}
	p := &tracerPayload{}
	var tags []span.Tag
	for range d.u.mapping() {
		switch d.u.integer() {
		case 1:
			for range d.u.array() {
				d.stream()
				if d.err() != nil {
					break
				}
			}
		case 3:
			p.lang = d.stream()
		case 6:
			p.runtime = d.stream()
		case 7:
			p.env = d.stream()
		case 8:
			p.host = d.stream()
		case 9:
			p.version = d.stream()
		case 10:
			tags = d.attributes()
		case 11:
			for range d.u.array() {
				p.chunks = append(p.chunks, d.chunkV1())
				if err := d.err(); err != nil {
					return nil, err
				}
			}
		default:
			d.unknown()
		}
		if d.u.err != nil {
			break
		}
	}
	for i := range p.chunks {
		for _, t := range tags {
			if t.Key == "_dd.tags.process" { // the others are about the tracer
				p.chunks[i].tags = append(p.chunks[i].tags, t)
			}
		}
	}
	return p, d.err()
}

// stream reads a streaming text.
func (d *tracerDecoder) stream() string {
	t := d.u.next()
	switch t.class {
	case classText:
		s := d.builder.text(t.text)
		d.builder.spent += 16 // a tiny text costs its place in the table
		d.strings = append(d.strings, s)
		return s
	case classUint:
		if t.bits < uint64(len(d.strings)) {
			return d.strings[t.bits]
		}
		d.u.fail("a text's number is beyond those sent so far")
	case classNil:
	default:
		if d.u.err == nil {
			d.u.fail("want a text or the number of one")
		}
	}
	return ""
}

// unknown passes over a value, keeping the texts in it: later numbers count them.
func (d *tracerDecoder) unknown() {
	for pending := uint64(1); pending > 0 && d.u.err == nil; pending-- {
		switch t := d.u.next(); t.class {
		case classText:
			d.builder.spent += 16
			d.strings = append(d.strings, d.builder.text(t.text))
		case classArray, classMap:
			if t.size > d.u.rest() {
				d.u.fail("more elements than there are bytes")
				return
			}
			pending += t.size
		}
	}
}

func (d *tracerDecoder) chunkV1() chunk {
	c := chunk{priority: noPriority}
	var id span.TraceID
	for range d.u.mapping() {
		switch d.u.integer() {
		case 1:
			c.priority = int(int32(d.u.integer()))
		case 2:
			c.origin = d.stream()
		case 3:
			for _, t := range d.attributes() {
				if t.Key != "service" { // of the root; every span names its own
					c.tags = append(c.tags, t)
				}
			}
		case 4:
			for range d.u.array() {
				c.spans = append(c.spans, d.spanV1())
				if d.err() != nil {
					return c
				}
			}
		case 5:
			d.u.truth()
		case 6:
			id = span.TraceIDFromBytes(d.u.bytes())
		case 7:
			d.u.integer()
		default:
			d.unknown()
		}
		if d.u.err != nil {
			return c
		}
	}
	for _, s := range c.spans {
		s.Trace = id
	}
	return c
}

func (d *tracerDecoder) spanV1() *span.Span {
	s := d.builder.span()
	var env, version, component, kind string
	for range d.u.mapping() {
		switch d.u.integer() {
		case 1:
			s.Service = d.stream()
		case 2:
			s.Name = d.stream()
		case 3:
			s.Resource = d.stream()
		case 4:
			s.ID = d.u.integer()
		case 5:
			s.Parent = d.u.integer()
		case 6:
			s.Start = int64(d.u.integer())
		case 7:
			s.Duration = int64(d.u.integer())
		case 8:
			s.Error = d.u.truth()
		case 9:
			s.Tags = append(s.Tags, d.attributes()...)
		case 10:
			s.Type = d.stream()
		case 11:
			d.linksV1(s)
		case 12:
			d.eventsV1(s)
		case 13:
			env = d.stream()
		case 14:
			version = d.stream()
		case 15:
			component = d.stream()
		case 16:
			kind = kindName(d.u.integer())
		default:
			d.unknown()
		}
		if d.err() != nil {
			return s
		}
	}
	d.builder.addText(s, "env", env)
	d.builder.addText(s, "version", version)
	d.builder.addText(s, "component", component)
	d.builder.addText(s, "span.kind", kind)
	return s
}

// The types of attribute values.
const (
	attrText  = 1
	attrBool  = 2
	attrFloat = 3
	attrInt   = 4
	attrBytes = 5
	attrArray = 6
	attrMap   = 7
)

// attributes reads a flat array of key, type and value.
func (d *tracerDecoder) attributes() (tags []span.Tag) {
	n := d.u.array()
	if n%3 != 0 {
		d.u.fail("want attributes of three elements each")
		return nil
	}
	for range n / 3 {
		t := span.Tag{Key: d.stream()}
		switch kind := d.u.integer(); kind {
		case attrText:
			t.Text = d.stream()
		case attrBool:
			t.Text = strconv.FormatBool(d.u.truth())
		case attrFloat, attrInt:
			t.Number, t.IsNumber = d.u.float()
			if math.IsNaN(t.Number) || math.IsInf(t.Number, 0) {
				t.IsNumber = false
			}
		default:
			t.Text = string(d.attributeJSON(nil, kind, 0))
		}
		d.builder.spent += costOfTag
		if d.err() != nil {
			return nil
		}
		if t.Key != "" && (t.IsNumber || t.Text != "") {
			tags = append(tags, t)
		}
	}
	return tags
}

// attributeJSON reads a value of the given type and appends it as JSON.
func (d *tracerDecoder) attributeJSON(to []byte, kind uint64, depth int) []byte {
	if depth > 8 {
		d.unknown()
		return append(to, "null"...)
	}
	switch kind {
	case attrText:
		return appendJSONText(to, d.stream())
	case attrBool:
		return strconv.AppendBool(to, d.u.truth())
	case attrFloat, attrInt:
		v, _ := d.u.float()
		return appendJSONFloat(to, v)
	case attrBytes:
		return appendJSONText(to, hex.EncodeToString(d.u.bytes()))
	case attrArray:
		n := d.u.array()
		to = append(to, '[')
		for i := range n / 2 {
			if i > 0 {
				to = append(to, ',')
			}
			to = d.attributeJSON(to, d.u.integer(), depth+1)
			if d.u.err != nil {
				return to
			}
		}
		return append(to, ']')
	case attrMap:
		return d.attributesJSON(to, depth)
	}
	d.unknown()
	return append(to, "null"...)
}

func (d *tracerDecoder) attributesJSON(to []byte, depth int) []byte {
	n := d.u.array()
	to = append(to, '{')
	for i := range n / 3 {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(appendJSONText(to, d.stream()), ':')
		to = d.attributeJSON(to, d.u.integer(), depth+1)
		if d.u.err != nil {
			return to
		}
	}
	return append(to, '}')
}

// linksV1 reads links: maps of 1 trace id 2 span id 3 attributes 4 tracestate 5 flags.
func (d *tracerDecoder) linksV1(s *span.Span) {
	text := []byte{'['}
	n := d.u.array()
	for i := range n {
		var id span.TraceID
		var spanID uint64
		attributes, tracestate := []byte("{}"), ""
		for range d.u.mapping() {
			switch d.u.integer() {
			case 1:
				id = span.TraceIDFromBytes(d.u.bytes())
			case 2:
				spanID = d.u.integer()
			case 3:
				attributes = d.attributesJSON(nil, 0)
			case 4:
				tracestate = d.stream()
			default:
				d.unknown()
			}
			if d.u.err != nil {
				return
			}
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = appendLink(text, id, spanID, tracestate, attributes)
	}
	if n > 0 && d.u.err == nil {
		d.builder.addText(s, tagLinks, string(append(text, ']')))
	}
}

func appendLink(to []byte, id span.TraceID, spanID uint64, tracestate string, attributes []byte) []byte {
	to = append(to, `{"trace_id":"`...)
	to = append(to, id.String()...)
	to = append(to, `","span_id":"`...)
	to = append(strconv.AppendUint(to, spanID, 16), '"')
	if tracestate != "" {
		to = appendJSONText(append(to, `,"tracestate":`...), tracestate)
	}
	if len(attributes) > 2 {
		to = append(append(to, `,"attributes":`...), attributes...)
	}
	return append(to, '}')
}

// eventsV1 reads events: maps of 1 time 2 name 3 attributes.
func (d *tracerDecoder) eventsV1(s *span.Span) {
	text := []byte{'['}
	n := d.u.array()
	for i := range n {
		var at uint64
		name, attributes := "", []byte("{}")
		for range d.u.mapping() {
			switch d.u.integer() {
			case 1:
				at = d.u.integer()
			case 2:
				name = d.stream()
			case 3:
				attributes = d.attributesJSON(nil, 0)
			default:
				d.unknown()
			}
			if d.u.err != nil {
				return
			}
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = appendEvent(text, at, name, attributes)
	}
	if n > 0 && d.u.err == nil {
		d.builder.addText(s, tagEvents, string(append(text, ']')))
	}
}

func appendEvent(to []byte, at uint64, name string, attributes []byte) []byte {
	to = strconv.AppendUint(append(to, `{"time_unix_nano":`...), at, 10)
	to = appendJSONText(append(to, `,"name":`...), name)
	if len(attributes) > 2 {
		to = append(append(to, `,"attributes":`...), attributes...)
	}
	return append(to, '}')
}
