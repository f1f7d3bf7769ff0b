package trace

import (
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/store/span"
)

// decodeAgent reads what a trace agent sends to /api/v0.2/traces:
//
//	AgentPayload  hostName=1 env=2 tracerPayloads=5 (the old form) tags=6
//	              agentVersion=7 idxTracerPayloads=11 (the new form)
//
// An agent uses the old form for what it got as v0.3 to v0.7, and the new one
// for v1.0; from 7.85 on it converts everything to the new form.
func decodeAgent(body []byte) ([]*tracerPayload, error) {
	var payloads []*tracerPayload
	var host, env string
	b := &builder{}
	err := eachField(body, func(f field) error {
		switch {
		case f.kind != protowire.BytesType:
		case f.number == 1:
			host = b.text(f.bytes)
		case f.number == 2:
			env = b.text(f.bytes)
		case f.number == 5:
			p, err := oldPayload(b, f.bytes)
			payloads = append(payloads, p)
			return err
		case f.number == 11:
			p, err := newPayload(b, f.bytes)
			payloads = append(payloads, p)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, p := range payloads {
		p.agent, p.stats = true, true
		if p.host == "" {
			p.host = host
		}
		if p.env == "" {
			p.env = env
		}
	}
	return payloads, nil
}

// oldPayload reads the old form:
//
//	TracerPayload  languageName=2 chunks=6 tags=7 env=8 hostname=9 appVersion=10
func oldPayload(b *builder, message []byte) (*tracerPayload, error) {
	p := &tracerPayload{}
	err := eachField(message, func(f field) error {
		switch f.number {
		case 2:
			p.lang = b.text(f.bytes)
		case 6:
			c, err := oldChunk(b, f.bytes)
			p.chunks = append(p.chunks, c)
			return err
		case 8:
			p.env = b.text(f.bytes)
		case 9:
			p.host = b.text(f.bytes)
		case 10:
			p.version = b.text(f.bytes)
		}
		return nil
	})
	return p, err
}

// oldChunk reads TraceChunk: priority=1 origin=2 spans=3 tags=4 droppedTrace=5.
func oldChunk(b *builder, message []byte) (chunk, error) {
	c := chunk{}
	b.spent += costOfTag
	err := eachField(message, func(f field) error {
		switch f.number {
		case 1:
			c.priority = int(int32(f.bits))
		case 2:
			c.origin = b.text(f.bytes)
		case 3:
			s, err := oldSpan(b, f.bytes)
			c.spans = append(c.spans, s)
			return err
		case 4:
			key, value, err := pair(f.bytes)
			c.tags = append(c.tags, span.Tag{Key: b.text(key.bytes), Text: b.text(value.bytes)})
			b.spent += costOfTag
			return err
		}
		return b.full()
	})
	return c, err
}

// oldSpan reads Span: service=1 name=2 resource=3 traceID=4 spanID=5 parentID=6
// start=7 duration=8 error=9 meta=10 metrics=11 type=12 spanLinks=14 spanEvents=15.
func oldSpan(b *builder, message []byte) (*span.Span, error) {
	s := b.span()
	var links, events jsonList
	err := eachField(message, func(f field) error {
		switch f.number {
		case 1:
			s.Service = b.text(f.bytes)
		case 2:
			s.Name = b.text(f.bytes)
		case 3:
			s.Resource = b.text(f.bytes)
		case 4:
			s.Trace.Low = f.bits
		case 5:
			s.ID = f.bits
		case 6:
			s.Parent = f.bits
		case 7:
			s.Start = int64(f.bits)
		case 8:
			s.Duration = int64(f.bits)
		case 9:
			s.Error = f.bits != 0
		case 10:
			key, value, err := pair(f.bytes)
			if err != nil {
				return err
			}
			b.addText(s, b.text(key.bytes), b.text(value.bytes))
		case 11:
			key, value, err := pair(f.bytes)
			if err != nil {
				return err
			}
			b.addNumber(s, b.text(key.bytes), math.Float64frombits(value.bits))
		case 12:
			s.Type = b.text(f.bytes)
		case 14:
			return links.add(func(to []byte) ([]byte, error) { return oldLink(to, f.bytes) })
		case 15:
			return events.add(func(to []byte) ([]byte, error) { return oldEvent(to, f.bytes) })
		}
		return b.full()
	})
	b.addText(s, tagLinks, links.String())
	b.addText(s, tagEvents, events.String())
	return s, err
}

// jsonList is a JSON array being written.
type jsonList struct{ text []byte }

func (l *jsonList) add(item func(to []byte) ([]byte, error)) (err error) {
	if len(l.text) == 0 {
		l.text = append(l.text, '[')
	} else {
		l.text = append(l.text, ',')
	}
	l.text, err = item(l.text)
	return err
}

func (l *jsonList) String() string {
	if len(l.text) == 0 {
		return ""
	}
	return string(append(l.text, ']'))
}

// oldLink reads SpanLink: traceID=1 traceID_high=2 spanID=3 attributes=4 tracestate=5.
func oldLink(to, message []byte) ([]byte, error) {
	var id span.TraceID
	var spanID uint64
	var tracestate string
	attributes := []byte{'{'}
	err := eachField(message, func(f field) error {
		switch f.number {
		case 1:
			id.Low = f.bits
		case 2:
			id.High = f.bits
		case 3:
			spanID = f.bits
		case 4:
			key, value, err := pair(f.bytes)
			attributes = appendJSONPair(attributes, string(key.bytes))
			attributes = appendJSONText(attributes, string(value.bytes))
			return err
		case 5:
			tracestate = string(f.bytes)
		}
		return nil
	})
	return appendLink(to, id, spanID, tracestate, append(attributes, '}')), err
}

func appendJSONPair(to []byte, key string) []byte {
	if len(to) > 1 {
		to = append(to, ',')
	}
	return append(appendJSONText(to, key), ':')
}

// oldEvent reads SpanEvent: time_unix_nano=1 name=2 attributes=3, a map to
// AttributeAnyValue: type=1 string_value=2 bool_value=3 int_value=4 double_value=5 array_value=6{values=1}.
func oldEvent(to, message []byte) ([]byte, error) {
	var at uint64
	var name string
	attributes := []byte{'{'}
	err := eachField(message, func(f field) error {
		switch f.number {
		case 1:
			at = f.bits
		case 2:
			name = string(f.bytes)
		case 3:
			key, value, err := pair(f.bytes)
			if err != nil {
				return err
			}
			attributes = appendJSONPair(attributes, string(key.bytes))
			attributes, err = oldValue(attributes, value.bytes, 0)
			return err
		}
		return nil
	})
	return appendEvent(to, at, name, append(attributes, '}')), err
}

// maxDepth bounds values within values.
const maxDepth = 8

func oldValue(to, message []byte, depth int) ([]byte, error) {
	written := false
	err := eachField(message, func(f field) (err error) {
		if written && f.number > 1 {
			return nil
		}
		switch f.number {
		case 2:
			to = appendJSONText(to, string(f.bytes))
		case 3:
			to = strconv.AppendBool(to, f.bits != 0)
		case 4:
			to = strconv.AppendInt(to, int64(f.bits), 10)
		case 5:
			to = appendJSONFloat(to, math.Float64frombits(f.bits))
		case 6:
			if depth >= maxDepth {
				return malformed("a span event's attribute is nested more than %d deep", maxDepth)
			}
			list := jsonList{}
			err = eachField(f.bytes, func(f field) error {
				return list.add(func(to []byte) ([]byte, error) { return oldValue(to, f.bytes, depth+1) })
			})
			if to = append(to, list.String()...); list.String() == "" {
				to = append(to, "[]"...)
			}
		default:
			return nil
		}
		written = true
		return err
	})
	if !written { // zero values are absent on the wire
		to = append(to, "null"...)
	}
	return to, err
}
