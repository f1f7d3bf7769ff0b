package trace

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/store/span"
)

// OTLP is a request of OpenTelemetry's exporters, on /v1/traces
// (https://opentelemetry.io/docs/specs/otlp/). Body is borrowed.
type OTLP struct {
	ContentType     string // application/x-protobuf or application/json
	ContentEncoding string
	Body            []byte
}

// OTLP takes spans as OpenTelemetry's exporters post them. Their service is the
// resource's service.name; operation, resource and type are worked out from the
// span's kind and attributes, as Datadog's mapping has it. It returns the answer,
// in the request's content type.
func (in *Intake) OTLP(ctx context.Context, r OTLP) (answer []byte, err error) {
	plain, err := in.unpacker.Unpack(r.ContentEncoding, r.Body)
	if err != nil {
		in.countPayload(err, false)
		return nil, err
	}
	defer plain.Release()
	media, _, _ := strings.Cut(r.ContentType, ";")
	var decode func([]byte) (*tracerPayload, error)
	switch strings.TrimSpace(media) {
	case "application/x-protobuf", "application/protobuf", "":
		decode = decodeOTLP
	case "application/json":
		decode, answer = decodeOTLPJSON, []byte("{}")
	default:
		return nil, refusal(http.StatusUnsupportedMediaType, "content type %.60q: want application/x-protobuf or application/json", media)
	}
	_, err = in.once(plain.Bytes, func() (int, error) {
		p, err := decode(plain.Bytes)
		if err != nil {
			return 0, err
		}
		return in.take(ctx, []*tracerPayload{p})
	})
	return answer, err
}

// otlpSpan is a span before its attributes are looked at.
type otlpSpan struct {
	s          *span.Span
	name       string
	kind       uint64 // 1 internal 2 server 3 client 4 producer 5 consumer
	statusText string
	scope      string
}

// otlpDecoder collects spans by trace.
type otlpDecoder struct {
	builder builder
	byTrace map[span.TraceID]int
	chunks  []chunk
}

func decodeOTLP(body []byte) (*tracerPayload, error) {
	d := otlpDecoder{byTrace: map[span.TraceID]int{}}
	// TracesData resourceSpans=1; ResourceSpans resource=1 scopeSpans=2
	err := eachField(body, func(f field) error {
		if f.number != 1 || f.kind != protowire.BytesType {
			return nil
		}
		var resource []span.Tag
		err := eachField(f.bytes, func(f field) error {
			if f.number != 1 {
				return nil
			}
			return eachField(f.bytes, func(f field) error { // Resource attributes=1
				if f.number != 1 {
					return nil
				}
				t, err := d.keyValue(f.bytes)
				if err != nil {
					return err
				}
				resource = append(resource, t)
				return d.builder.full()
			})
		})
		if err != nil {
			return err
		}
		return eachField(f.bytes, func(f field) error {
			if f.number != 2 {
				return nil
			}
			return d.scope(f.bytes, resource)
		})
	})
	return d.payload(), err
}

// scope reads ScopeSpans: scope=1 (name=1) spans=2.
func (d *otlpDecoder) scope(message []byte, resource []span.Tag) error {
	name := ""
	return eachField(message, func(f field) error {
		switch f.number {
		case 1:
			return eachField(f.bytes, func(f field) error {
				if f.number == 1 {
					name = d.builder.text(f.bytes)
				}
				return nil
			})
		case 2:
			o, err := d.span(f.bytes)
			if err != nil {
				return err
			}
			o.scope = name
			d.add(o, resource)
			return d.builder.full()
		}
		return nil
	})
}

// span reads Span: trace_id=1 span_id=2 trace_state=3 parent_span_id=4 name=5
// kind=6 start=7 end=8 attributes=9 events=11 links=13 status=15 (message=2 code=3).
func (d *otlpDecoder) span(message []byte) (otlpSpan, error) {
	o := otlpSpan{s: d.builder.span()}
	var links, events jsonList
	var end uint64
	err := eachField(message, func(f field) error {
		switch f.number {
		case 1:
			o.s.Trace = span.TraceIDFromBytes(f.bytes)
		case 2:
			o.s.ID = span.TraceIDFromBytes(f.bytes).Low
		case 4:
			o.s.Parent = span.TraceIDFromBytes(f.bytes).Low
		case 5:
			o.name = d.builder.text(f.bytes)
		case 6:
			o.kind = f.bits
		case 7:
			o.s.Start = int64(f.bits)
		case 8:
			end = f.bits
		case 9:
			t, err := d.keyValue(f.bytes)
			if t.Key != "" && (t.IsNumber || t.Text != "") {
				o.s.Tags = append(o.s.Tags, t)
			}
			if err != nil {
				return err
			}
		case 11:
			return events.add(func(to []byte) ([]byte, error) { return d.event(to, f.bytes, o.s) })
		case 13:
			return links.add(func(to []byte) ([]byte, error) { return d.link(to, f.bytes) })
		case 15:
			return eachField(f.bytes, func(f field) error {
				switch f.number {
				case 2:
					o.statusText = d.builder.text(f.bytes)
				case 3:
					o.s.Error = f.bits == 2
				}
				return nil
			})
		}
		return d.builder.full()
	})
	o.s.Duration = int64(end) - o.s.Start
	d.builder.addText(o.s, tagLinks, links.String())
	d.builder.addText(o.s, tagEvents, events.String())
	return o, err
}

// keyValue reads KeyValue: key=1 value=2, an AnyValue of string=1 bool=2 int=3
// double=4 array=5 kvlist=6 bytes=7.
func (d *otlpDecoder) keyValue(message []byte) (t span.Tag, err error) {
	d.builder.spent += costOfTag
	key, value, err := pair(message)
	if err != nil {
		return t, err
	}
	t.Key = d.builder.text(key.bytes)
	err = eachField(value.bytes, func(f field) (err error) {
		switch f.number {
		case 1:
			t.Text = d.builder.text(f.bytes)
		case 2:
			t.Text = strconv.FormatBool(f.bits != 0)
		case 3:
			t.Number, t.IsNumber = float64(int64(f.bits)), true
		case 4:
			v := math.Float64frombits(f.bits)
			t.Number, t.IsNumber = v, !math.IsNaN(v) && !math.IsInf(v, 0)
		default:
			var text []byte
			text, err = anyValue(nil, value.bytes, 0)
			t.Text = string(text)
		}
		return err
	})
	return t, err
}

// anyValue appends an AnyValue as JSON.
func anyValue(to, message []byte, depth int) ([]byte, error) {
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
			to = appendJSONText(to, string(f.bytes))
		case 2:
			to = strconv.AppendBool(to, f.bits != 0)
		case 3:
			to = strconv.AppendInt(to, int64(f.bits), 10)
		case 4:
			to = appendJSONFloat(to, math.Float64frombits(f.bits))
		case 5, 6:
			open, shut, first := byte('['), byte(']'), true
			if f.number == 6 {
				open, shut = '{', '}'
			}
			list := f.number == 5
			to = append(to, open)
			err = eachField(f.bytes, func(f field) (err error) {
				if !first {
					to = append(to, ',')
				}
				first = false
				if list {
					to, err = anyValue(to, f.bytes, depth+1)
					return err
				}
				key, value, err := pair(f.bytes)
				if err != nil {
					return err
				}
				to = append(appendJSONText(to, string(key.bytes)), ':')
				to, err = anyValue(to, value.bytes, depth+1)
				return err
			})
			to = append(to, shut)
		case 7:
			to = appendJSONText(to, hex.EncodeToString(f.bytes))
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

// event reads Event: time=1 name=2 attributes=3. The exception that a span ended
// with becomes its error tags.
func (d *otlpDecoder) event(to, message []byte, s *span.Span) ([]byte, error) {
	var at uint64
	var name string
	var tags []span.Tag
	err := eachField(message, func(f field) error {
		switch f.number {
		case 1:
			at = f.bits
		case 2:
			name = d.builder.text(f.bytes)
		case 3:
			t, err := d.keyValue(f.bytes)
			tags = append(tags, t)
			return err
		}
		return d.builder.full()
	})
	if name == "exception" {
		for _, t := range tags {
			if to, ok := exceptionTags[t.Key]; ok {
				d.builder.addText(s, to, t.Text)
			}
		}
	}
	return appendEvent(to, at, name, jsonOfTags(tags)), err
}

var exceptionTags = map[string]string{"exception.type": "error.type", "exception.message": "error.message", "exception.stacktrace": "error.stack"}

func jsonOfTags(tags []span.Tag) []byte {
	out := []byte{'{'}
	for i := range tags {
		out = appendJSONPair(out, tags[i].Key)
		if tags[i].IsNumber {
			out = appendJSONFloat(out, tags[i].Number)
		} else {
			out = appendJSONText(out, tags[i].Text)
		}
	}
	return append(out, '}')
}

// link reads Link: trace_id=1 span_id=2 trace_state=3 attributes=4.
func (d *otlpDecoder) link(to, message []byte) ([]byte, error) {
	var id span.TraceID
	var spanID uint64
	var state string
	var tags []span.Tag
	err := eachField(message, func(f field) error {
		switch f.number {
		case 1:
			id = span.TraceIDFromBytes(f.bytes)
		case 2:
			spanID = span.TraceIDFromBytes(f.bytes).Low
		case 3:
			state = string(f.bytes)
		case 4:
			t, err := d.keyValue(f.bytes)
			tags = append(tags, t)
			return err
		}
		return d.builder.full()
	})
	return appendLink(to, id, spanID, state, jsonOfTags(tags)), err
}

// add gives a span its names and puts it with those of its trace.
func (d *otlpDecoder) add(o otlpSpan, resource []span.Tag) {
	s := o.s
	d.builder.spent += costOfTag * len(resource)
	s.Tags = append(resource[:len(resource):len(resource)], s.Tags...)
	s.SortTags()
	kind := kindName(o.kind)
	first := func(keys ...string) string {
		for _, key := range keys {
			if text, ok := tagOf(s, key); ok {
				return text
			}
		}
		return ""
	}
	s.Service = first("service.name")
	s.SetText("service.name", "")
	for _, t := range [][2]string{
		{"env", first("deployment.environment.name", "deployment.environment")}, {"version", first("service.version")}, {"_dd.hostname", first("host.name")},
		{"http.status_code", first("http.response.status_code", "http.status_code")}, {tagKind, kind}, {"otel.scope.name", o.scope},
	} {
		if t[1] != "" {
			s.SetText(t[0], t[1])
		}
	}
	if s.Error && s.Text("error.message") == "" {
		s.SetText("error.message", o.statusText)
	}
	s.Type, s.Name = otlpNames(kind, first)
	s.Resource = otlpResource(kind, o.name, first)
	i, ok := d.byTrace[s.Trace]
	if !ok {
		i = len(d.chunks)
		d.byTrace[s.Trace] = i
		d.chunks = append(d.chunks, chunk{priority: noPriority})
		d.builder.spent += costOfTag
	}
	d.chunks[i].spans = append(d.chunks[i].spans, s)
}

// otlpNames are the type and the operation of a span of a kind with attributes.
func otlpNames(kind string, first func(...string) string) (typ, operation string) {
	db, messaging, rpc := first("db.system.name", "db.system"), first("messaging.system"), first("rpc.system")
	isHTTP := first("http.request.method", "http.method") != ""
	switch {
	case isHTTP && kind == "server":
		return "web", "http.server.request"
	case isHTTP && kind == "client":
		return "http", "http.client.request"
	case db != "" && kind == "client":
		switch db {
		case "redis", "memcached", "mongodb", "elasticsearch", "cassandra":
			return db, db + ".query"
		}
		return "sql", db + ".query"
	case messaging != "" && kind != "":
		operation = messaging
		if what := first("messaging.operation.type", "messaging.operation"); what != "" {
			operation += "." + what
		}
		return "queue", operation
	case rpc != "" && (kind == "client" || kind == "server"):
		return "rpc", rpc + "." + kind + ".request"
	case kind == "server":
		return "web", "server.request"
	case kind != "":
		return "custom", kind
	}
	return "custom", "internal"
}

// otlpResource is what a span's operation was done to.
func otlpResource(kind, name string, first func(...string) string) string {
	if method := first("http.request.method", "http.method"); method != "" {
		if route := first("http.route"); route != "" && kind == "server" {
			return method + " " + route
		}
		if kind == "server" || name == "" {
			return method
		}
	}
	if query := first("db.query.summary", "db.statement", "db.query.text"); query != "" && kind == "client" {
		return query
	}
	return name
}

func (d *otlpDecoder) payload() *tracerPayload { return &tracerPayload{chunks: d.chunks} }

// The JSON form: ids are hex digits, whole numbers are texts.
type otlpJSON struct {
	ResourceSpans []struct {
		Resource struct {
			Attributes []otlpAttribute `json:"attributes"`
		} `json:"resource"`
		ScopeSpans []struct {
			Scope struct {
				Name string `json:"name"`
			} `json:"scope"`
			Spans []otlpJSONSpan `json:"spans"`
		} `json:"scopeSpans"`
	} `json:"resourceSpans"`
}

type otlpJSONSpan struct {
	TraceID      string          `json:"traceId"`
	SpanID       string          `json:"spanId"`
	ParentSpanID string          `json:"parentSpanId"`
	Name         string          `json:"name"`
	Kind         jsonInt         `json:"kind"`
	Start        jsonInt         `json:"startTimeUnixNano"`
	End          jsonInt         `json:"endTimeUnixNano"`
	Attributes   []otlpAttribute `json:"attributes"`
	Events       []struct {
		Time       jsonInt         `json:"timeUnixNano"`
		Name       string          `json:"name"`
		Attributes []otlpAttribute `json:"attributes"`
	} `json:"events"`
	Links []struct {
		TraceID    string          `json:"traceId"`
		SpanID     string          `json:"spanId"`
		TraceState string          `json:"traceState"`
		Attributes []otlpAttribute `json:"attributes"`
	} `json:"links"`
	Status struct {
		Message string  `json:"message"`
		Code    jsonInt `json:"code"`
	} `json:"status"`
}

type otlpAttribute struct {
	Key   string `json:"key"`
	Value struct {
		String *string         `json:"stringValue"`
		Bool   *bool           `json:"boolValue"`
		Int    *jsonSigned     `json:"intValue"`
		Double *float64        `json:"doubleValue"`
		Array  json.RawMessage `json:"arrayValue"`
		List   json.RawMessage `json:"kvlistValue"`
	} `json:"value"`
}

// jsonSigned is a jsonInt that may be negative.
type jsonSigned int64

func (n *jsonSigned) UnmarshalJSON(raw []byte) error {
	var v jsonInt
	err := v.UnmarshalJSON(raw)
	*n = jsonSigned(v)
	return err
}

func (a *otlpAttribute) tag() span.Tag {
	t := span.Tag{Key: a.Key}
	switch v := &a.Value; {
	case v.String != nil:
		t.Text = *v.String
	case v.Bool != nil:
		t.Text = strconv.FormatBool(*v.Bool)
	case v.Int != nil:
		t.Number, t.IsNumber = float64(*v.Int), true
	case v.Double != nil:
		t.Number, t.IsNumber = *v.Double, true
	case v.Array != nil:
		t.Text = string(v.Array)
	case v.List != nil:
		t.Text = string(v.List)
	}
	return t
}

// maxJSON is the longest body of JSON spans: decoded, they take many times more.
const maxJSON = 8 << 20

func decodeOTLPJSON(body []byte) (*tracerPayload, error) {
	if len(body) > maxJSON {
		return nil, refusal(http.StatusRequestEntityTooLarge, "a JSON body of more than %d bytes: send fewer spans at a time, or protobuf", maxJSON)
	}
	var doc otlpJSON
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, malformed("the body is not OTLP as JSON: %v", err)
	}
	d := otlpDecoder{byTrace: map[span.TraceID]int{}}
	tags := func(list []otlpAttribute) (tags []span.Tag) {
		d.builder.spent += costOfTag * len(list)
		for i := range list {
			if t := list[i].tag(); t.Key != "" && (t.IsNumber || t.Text != "") {
				tags = append(tags, t)
			}
		}
		return tags
	}
	for _, r := range doc.ResourceSpans {
		resource := tags(r.Resource.Attributes)
		for _, scope := range r.ScopeSpans {
			for i := range scope.Spans {
				j := &scope.Spans[i]
				o := otlpSpan{s: d.builder.span(), name: j.Name, kind: uint64(j.Kind), statusText: j.Status.Message, scope: scope.Scope.Name}
				s := o.s
				s.Trace, s.ID, s.Parent = hexID(j.TraceID), hexID(j.SpanID).Low, hexID(j.ParentSpanID).Low
				s.Start, s.Duration, s.Error = int64(j.Start), int64(j.End)-int64(j.Start), j.Status.Code == 2
				s.Tags = tags(j.Attributes)
				var links, events []byte
				for _, e := range j.Events {
					list := tags(e.Attributes)
					if e.Name == "exception" {
						for _, t := range list {
							if to, ok := exceptionTags[t.Key]; ok {
								d.builder.addText(s, to, t.Text)
							}
						}
					}
					events = appendEvent(append(events, ','), uint64(e.Time), e.Name, jsonOfTags(list))
				}
				for _, l := range j.Links {
					links = appendLink(append(links, ','), hexID(l.TraceID), hexID(l.SpanID).Low, l.TraceState, jsonOfTags(tags(l.Attributes)))
				}
				if len(links) > 0 {
					d.builder.addText(s, tagLinks, "["+string(links[1:])+"]")
				}
				if len(events) > 0 {
					d.builder.addText(s, tagEvents, "["+string(events[1:])+"]")
				}
				d.add(o, resource)
				if err := d.builder.full(); err != nil {
					return nil, err
				}
			}
		}
	}
	return d.payload(), nil
}

func hexID(text string) span.TraceID {
	b, err := hex.DecodeString(text)
	if err != nil {
		return span.TraceID{}
	}
	return span.TraceIDFromBytes(b)
}
