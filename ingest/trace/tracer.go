package trace

import "github.com/whippet-obs/whippet/store/span"

// The forms in which tracers send spans to an agent, as msgpack. v0.3 and v0.4
// are an array of traces, each an array of spans, each a map.
func decodeV04(body []byte) (*tracerPayload, error) {
	d := tracerDecoder{u: unpacker{b: body}}
	p := &tracerPayload{}
	for range d.u.array() {
		c := chunk{priority: noPriority, spans: d.spansV04()}
		d.builder.spent += costOfTag
		if err := d.err(); err != nil {
			return nil, err
		}
		p.chunks = append(p.chunks, c)
	}
	return p, d.err()
}

type tracerDecoder struct {
	u       unpacker
	builder builder
	strings []string // of v0.5 and v1.0
}

func (d *tracerDecoder) err() error {
	if d.u.err != nil {
		return d.u.err
	}
	return d.builder.full()
}

func (d *tracerDecoder) text() string { return d.builder.text(d.u.bytes()) }

func (d *tracerDecoder) spansV04() (spans []*span.Span) {
	for range d.u.array() {
		s := d.spanV04()
		if d.err() != nil {
			return nil
		}
		spans = append(spans, s)
	}
	return spans
}

func (d *tracerDecoder) spanV04() *span.Span {
	s := d.builder.span()
	for range d.u.mapping() {
		switch string(d.u.bytes()) {
		case "service":
			s.Service = d.text()
		case "name":
			s.Name = d.text()
		case "resource":
			s.Resource = d.text()
		case "type":
			s.Type = d.text()
		case "trace_id":
			s.Trace.Low = d.u.integer()
		case "span_id":
			s.ID = d.u.integer()
		case "parent_id":
			s.Parent = d.u.integer()
		case "start":
			s.Start = int64(d.u.integer())
		case "duration":
			s.Duration = int64(d.u.integer())
		case "error":
			s.Error = d.u.integer() != 0
		case "meta":
			for range d.u.mapping() {
				key := d.text()
				d.builder.addText(s, key, d.text())
				if d.err() != nil {
					return s
				}
			}
		case "metrics":
			for range d.u.mapping() {
				key := d.text()
				if v, ok := d.u.float(); ok {
					d.builder.addNumber(s, key, v)
				}
				if d.err() != nil {
					return s
				}
			}
		case "span_links":
			d.json(s, tagLinks)
		case "span_events":
			d.json(s, tagEvents)
		default:
			d.u.skip()
		}
		if d.u.err != nil {
			return s
		}
	}
	return s
}

// json keeps a list as a tag of JSON text; an empty list is nothing.
func (d *tracerDecoder) json(s *span.Span, key string) {
	if text := d.u.jsonValue(nil, 0); d.u.err == nil && len(text) > 2 && text[0] == '[' {
		d.builder.addText(s, key, string(text))
	}
}

// decodeV05 reads [strings, traces]: a span is an array of twelve, whose texts
// are places in strings.
func decodeV05(body []byte) (*tracerPayload, error) {
	d := tracerDecoder{u: unpacker{b: body}}
	if n := d.u.array(); n != 2 && d.u.err == nil {
		return nil, malformed("v0.5: want an array of two, the texts and the traces; this one has %d", n)
	}
	for range d.u.array() {
		d.strings = append(d.strings, d.text())
		d.builder.spent += 16 // a tiny text costs its place in the table
		if d.err() != nil {
			break
		}
	}
	p := &tracerPayload{}
	for range d.u.array() {
		c := chunk{priority: noPriority}
		for range d.u.array() {
			s := d.spanV05()
			if err := d.err(); err != nil {
				return nil, err
			}
			c.spans = append(c.spans, s)
		}
		d.builder.spent += costOfTag
		if d.err() != nil {
			break
		}
		p.chunks = append(p.chunks, c)
	}
	return p, d.err()
}

func (d *tracerDecoder) place() string {
	i := d.u.integer()
	if d.u.err == nil && i >= uint64(len(d.strings)) {
		d.u.fail("a text's number is beyond the table")
	}
	if d.u.err != nil {
		return ""
	}
	return d.strings[i]
}

func (d *tracerDecoder) spanV05() *span.Span {
	s := d.builder.span()
	if n := d.u.array(); n != 12 {
		d.u.fail("want a span of twelve fields")
		return s
	}
	s.Service, s.Name, s.Resource = d.place(), d.place(), d.place()
	s.Trace.Low, s.ID, s.Parent = d.u.integer(), d.u.integer(), d.u.integer()
	s.Start, s.Duration = int64(d.u.integer()), int64(d.u.integer())
	s.Error = d.u.integer() != 0
	for range d.u.mapping() {
		key := d.place()
		d.builder.addText(s, key, d.place())
		if d.err() != nil {
			return s
		}
	}
	for range d.u.mapping() {
		key := d.place()
		if v, ok := d.u.float(); ok {
			d.builder.addNumber(s, key, v)
		}
		if d.err() != nil {
			return s
		}
	}
	s.Type = d.place()
	return s
}

// decodeV07 reads a map with the tracer's names, and chunks of v0.4 spans.
func decodeV07(body []byte) (*tracerPayload, error) {
	d := tracerDecoder{u: unpacker{b: body}}
	p := &tracerPayload{}
	for range d.u.mapping() {
		switch string(d.u.bytes()) {
		case "language_name":
			p.lang = d.text()
		case "runtime_id":
			p.runtime = d.text()
		case "env":
			p.env = d.text()
		case "hostname":
			p.host = d.text()
		case "app_version":
			p.version = d.text()
		case "chunks":
			for range d.u.array() {
				p.chunks = append(p.chunks, d.chunkV07())
				if err := d.err(); err != nil {
					return nil, err
				}
			}
		default:
			d.u.skip()
		}
		if d.u.err != nil {
			break
		}
	}
	return p, d.err()
}

func (d *tracerDecoder) chunkV07() chunk {
	c := chunk{priority: noPriority}
	for range d.u.mapping() {
		switch string(d.u.bytes()) {
		case "priority":
			c.priority = int(int32(d.u.integer()))
		case "origin":
			c.origin = d.text()
		case "spans":
			c.spans = append(c.spans, d.spansV04()...)
		case "tags":
			for range d.u.mapping() {
				key := d.text()
				c.tags = append(c.tags, span.Tag{Key: key, Text: d.text()})
				d.builder.spent += costOfTag
				if d.err() != nil {
					return c
				}
			}
		default:
			d.u.skip()
		}
		if d.err() != nil {
			return c
		}
	}
	return c
}
