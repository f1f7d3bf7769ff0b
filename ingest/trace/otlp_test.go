package trace

import (
	"bytes"
	"context"
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/store/span"
)

// message writes protobuf fields: numbers, and pairs of a number and a value.
func message(fields ...any) (b []byte) {
	for i := 0; i+1 < len(fields); i += 2 {
		number := protowire.Number(fields[i].(int))
		switch v := fields[i+1].(type) {
		case string:
			b = protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), v)
		case []byte:
			b = protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), v)
		case int:
			b = protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(v))
		case uint64:
			b = protowire.AppendFixed64(protowire.AppendTag(b, number, protowire.Fixed64Type), v)
		}
	}
	return b
}

func attribute(key string, value any) []byte {
	switch v := value.(type) {
	case int:
		return message(1, key, 2, message(3, v))
	case float64:
		return message(1, key, 2, message(4, math.Float64bits(v)))
	default:
		return message(1, key, 2, message(1, v))
	}
}

// otlpRequest is a checkout that asks a database, which fails.
func otlpRequest() []byte {
	start := uint64(recorded.UnixNano() - 30e9)
	trace := bytes.Repeat([]byte{0xab}, 16)
	server := message(1, trace, 2, []byte{0, 0, 0, 0, 0, 0, 0, 1}, 5, "POST /checkout", 6, 2, 7, start, 8, start+20e6,
		9, attribute("http.request.method", "POST"), 9, attribute("http.route", "/checkout"), 9, attribute("http.response.status_code", 500), 15, message(3, 2))
	exception := message(1, start, 2, "exception", 3, attribute("exception.type", "Timeout"), 3, attribute("exception.message", "too slow"), 3, attribute("exception.stacktrace", "at x"))
	query := message(1, trace, 2, []byte{0, 0, 0, 0, 0, 0, 0, 2}, 4, []byte{0, 0, 0, 0, 0, 0, 0, 1}, 5, "SELECT orders", 6, 3, 7, start+1e6, 8, start+15e6,
		9, attribute("db.system.name", "postgresql"), 9, attribute("db.query.text", "SELECT * FROM orders WHERE id = 7"), 9, attribute("server.address", "db.shop.internal"), 9, attribute("ratio", 0.5),
		11, exception, 15, message(2, "failed", 3, 2))
	resource := message(1, attribute("service.name", "checkout"), 1, attribute("service.version", "3.1"), 1, attribute("deployment.environment.name", "prod"), 1, attribute("host.name", "web-7"))
	return message(1, message(1, resource, 2, message(1, message(1, "instrumentation"), 2, server, 2, query)))
}

const otlpJSONRequest = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"checkout"}}]},"scopeSpans":[{"scope":{"name":"x"},"spans":[
	{"traceId":"abababababababababababababababab","spanId":"0000000000000001","name":"GET /cart","kind":2,"startTimeUnixNano":"1795462170000000000","endTimeUnixNano":"1795462170020000000",
	"attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"http.route","value":{"stringValue":"/cart"}},{"key":"http.response.status_code","value":{"intValue":"200"}},{"key":"n","value":{"doubleValue":1.5}}],
	"events":[{"timeUnixNano":"1795462170000000000","name":"cache miss","attributes":[{"key":"k","value":{"boolValue":true}}]}],
	"links":[{"traceId":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","spanId":"0000000000000009"}],"status":{}}]}]}]}`

func TestOpenTelemetrySpansBecomeServicesResourcesAndEdges(t *testing.T) {
	h := newHouse(t)
	if _, err := h.in.OTLP(context.Background(), OTLP{ContentType: "application/x-protobuf", Body: otlpRequest()}); err != nil {
		t.Fatal(err)
	}
	h.settle()
	h.want("trace.http.server.request.hits", []string{"service", "resource", "http.status_code", "env", "version", "host", "entry"},
		map[string]float64{"checkout POST /checkout 500 prod 3.1 web-7 request": 1})
	h.want("trace.http.server.request.errors", []string{"service"}, map[string]float64{"checkout": 1})
	h.want("trace.postgresql.query.hits", []string{"service", "resource", "span.kind", "type"}, map[string]float64{"checkout SELECT * FROM orders WHERE id = ? client sql": 1})
	h.want("trace.service_edge.hits", []string{"from", "to", "peer"}, map[string]float64{"checkout db.shop.internal inferred": 1})
	trace, err := h.spans.Trace(context.Background(), span.TraceIDFromBytes(bytes.Repeat([]byte{0xab}, 16)))
	if err != nil || len(trace) != 2 {
		t.Fatal(trace, err)
	}
	if q := trace[1]; q.Parent != 1 || !q.Error || q.Text("error.type") != "Timeout" || q.Text("error.stack") != "at x" || q.Text("error.message") != "too slow" {
		t.Errorf("%+v", q)
	}
}

func TestOpenTelemetrySpansAsJSON(t *testing.T) {
	h := newHouse(t)
	answer, err := h.in.OTLP(context.Background(), OTLP{ContentType: "application/json", Body: []byte(otlpJSONRequest)})
	if err != nil || string(answer) != "{}" {
		t.Fatal(string(answer), err)
	}
	h.settle()
	h.want("trace.http.server.request.hits", []string{"service", "resource", "http.status_code"}, map[string]float64{"checkout GET /cart 200": 1})
	if _, err := h.in.OTLP(context.Background(), OTLP{ContentType: "text/plain"}); err == nil {
		t.Error("text is no OTLP")
	}
}
