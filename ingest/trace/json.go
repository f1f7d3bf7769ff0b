package trace

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/whippet-obs/whippet/store/span"
)

// decodeJSON reads spans as JSON, as some old tracers send them: an array of
// traces, each an array of spans; or, where flat is set, an array of spans.
// Spans are decoded one by one, so that a body of tiny ones stays bounded.
func decodeJSON(body []byte, flat bool) (*tracerPayload, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	b := &builder{}
	p := &tracerPayload{}
	bad := func(err error) error { return malformed("the body is not JSON spans: %v", err) }
	if err := open(d); err != nil {
		return nil, bad(err)
	}
	byTrace := map[uint64]int{}
	for d.More() {
		if flat {
			s, err := jsonSpanOf(d, b)
			if err != nil {
				return nil, err
			}
			i, ok := byTrace[s.Trace.Low]
			if !ok {
				i = len(p.chunks)
				byTrace[s.Trace.Low] = i
				p.chunks = append(p.chunks, chunk{priority: noPriority})
			}
			p.chunks[i].spans = append(p.chunks[i].spans, s)
			continue
		}
		if err := open(d); err != nil {
			return nil, bad(err)
		}
		c := chunk{priority: noPriority}
		b.spent += costOfTag
		for d.More() {
			s, err := jsonSpanOf(d, b)
			if err != nil {
				return nil, err
			}
			c.spans = append(c.spans, s)
		}
		if _, err := d.Token(); err != nil {
			return nil, bad(err)
		}
		p.chunks = append(p.chunks, c)
		if err := b.full(); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, bad(err)
	}
	return p, nil
}

func open(d *json.Decoder) error {
	t, err := d.Token()
	if err == nil && t != json.Delim('[') {
		err = malformed("want an array, got %v", t)
	}
	return err
}

type jsonSpan struct {
	Service  string                 `json:"service"`
	Name     string                 `json:"name"`
	Resource string                 `json:"resource"`
	Type     string                 `json:"type"`
	TraceID  jsonInt                `json:"trace_id"`
	SpanID   jsonInt                `json:"span_id"`
	ParentID jsonInt                `json:"parent_id"`
	Start    jsonInt                `json:"start"`
	Duration jsonInt                `json:"duration"`
	Error    jsonInt                `json:"error"`
	Meta     map[string]string      `json:"meta"`
	Metrics  map[string]json.Number `json:"metrics"`
}

// jsonInt is a whole number of 64 bits, signed or not, or a text of one.
type jsonInt uint64

func (n *jsonInt) UnmarshalJSON(raw []byte) error {
	text := string(bytes.Trim(raw, `"`))
	if text == "null" || text == "" {
		return nil
	}
	if v, err := strconv.ParseUint(text, 10, 64); err == nil {
		*n = jsonInt(v)
		return nil
	}
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		*n = jsonInt(v)
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return malformed("want a whole number, got %.40q", text)
	}
	*n = jsonInt(wholeOf(f))
	return nil
}

func jsonSpanOf(d *json.Decoder, b *builder) (*span.Span, error) {
	var j jsonSpan
	if err := d.Decode(&j); err != nil {
		return nil, malformed("a span is not as JSON spans are: %v", err)
	}
	s := b.span()
	s.Service, s.Name, s.Resource, s.Type = j.Service, j.Name, j.Resource, j.Type
	s.Trace.Low, s.ID, s.Parent = uint64(j.TraceID), uint64(j.SpanID), uint64(j.ParentID)
	s.Start, s.Duration, s.Error = int64(j.Start), int64(j.Duration), j.Error != 0
	for key, text := range j.Meta {
		b.addText(s, key, text)
	}
	for key, n := range j.Metrics {
		if v, err := n.Float64(); err == nil {
			b.addNumber(s, key, v)
		}
	}
	return s, b.full()
}
