package otlp

import (
	"cmp"
	"strings"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/whippet-obs/whippet/store/span"
)

// applicationOf turns the spans of a resource into those that tracers send, by
// the rules of the agent's OTLP intake
// (https://docs.datadoghq.com/opentelemetry/schema_semantics/).
func applicationOf(r *trace.ResourceSpans) Application {
	attributes := resourceAttributes(r.GetResource())
	a := Application{
		Host: hostOf(attributes), Version: attributes["service.version"], Language: attributes["telemetry.sdk.language"],
		Env: cmp.Or(attributes["deployment.environment.name"], attributes["deployment.environment"]),
	}
	service := cmp.Or(attributes["service.name"], "otlpresourcenoservicename")
	var tags []span.Tag
	for key, value := range attributes {
		if tag := tagOf(key); tag != "" && tag != "env" && tag != "service" && tag != "version" {
			tags = append(tags, span.Tag{Key: tag, Text: value})
		}
	}
	for _, scope := range r.GetScopeSpans() {
		for _, s := range scope.GetSpans() {
			out := spanOf(s, service)
			out.Tags = append(out.Tags, tags...)
			if name := scope.GetScope().GetName(); name != "" {
				out.Tags = append(out.Tags, span.Tag{Key: "otel.scope.name", Text: name})
			}
			out.SortTags()
			a.Spans = append(a.Spans, out)
		}
	}
	return a
}

func spanOf(s *trace.Span, service string) *span.Span {
	attributes := attributesOf(s.GetAttributes())
	kind := kinds[s.GetKind()]
	out := &span.Span{
		Kind:  span.Kind{Service: service, Name: operation(kind, attributes), Resource: resourceOf(s, kind, attributes), Type: typeOf(kind, attributes)},
		Trace: span.TraceIDFromBytes(s.GetTraceId()), ID: idOf(s.GetSpanId()), Parent: idOf(s.GetParentSpanId()),
		Start: int64(s.GetStartTimeUnixNano()), Duration: int64(s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano()),
	}
	out.Error = s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR
	for _, kv := range s.GetAttributes() {
		text, ok := attributes[kv.GetKey()]
		if !ok {
			continue
		}
		tag := span.Tag{Key: kv.GetKey(), Text: text}
		switch v := kv.GetValue(); {
		case v.GetIntValue() != 0:
			tag = span.Tag{Key: tag.Key, Number: float64(v.GetIntValue()), IsNumber: true}
		case v.GetDoubleValue() != 0:
			tag = span.Tag{Key: tag.Key, Number: v.GetDoubleValue(), IsNumber: true}
		}
		out.Tags = append(out.Tags, tag)
	}
	add := func(key, text string) {
		if text != "" {
			out.Tags = append(out.Tags, span.Tag{Key: key, Text: text})
		}
	}
	add("span.kind", kind)
	add("w3c.tracestate", s.GetTraceState())
	if status := cmp.Or(attributes["http.response.status_code"], attributes["http.status_code"]); status != "" {
		add("http.status_code", status) // the stats are counted by it
	}
	if !out.Error {
		return out
	}
	add("error.message", s.GetStatus().GetMessage())
	for _, e := range s.GetEvents() {
		if e.GetName() == "exception" {
			exception := attributesOf(e.GetAttributes())
			add("error.message", exception["exception.message"])
			add("error.type", exception["exception.type"])
			add("error.stack", exception["exception.stacktrace"])
		}
	}
	return out
}

func idOf(b []byte) uint64 { return span.TraceIDFromBytes(b).Low }

var kinds = map[trace.Span_SpanKind]string{
	trace.Span_SPAN_KIND_INTERNAL: "internal", trace.Span_SPAN_KIND_SERVER: "server", trace.Span_SPAN_KIND_CLIENT: "client",
	trace.Span_SPAN_KIND_PRODUCER: "producer", trace.Span_SPAN_KIND_CONSUMER: "consumer",
}

func httpMethod(a map[string]string) string {
	return cmp.Or(a["http.request.method"], a["http.method"])
}

func databaseOf(a map[string]string) string { return cmp.Or(a["db.system.name"], a["db.system"]) }

// operation names what kind of work a span is.
func operation(kind string, a map[string]string) string {
	name := ""
	switch {
	case a["operation.name"] != "":
		name = a["operation.name"]
	case httpMethod(a) != "" && kind == "server":
		name = "http.server.request"
	case httpMethod(a) != "" && kind == "client":
		name = "http.client.request"
	case databaseOf(a) != "" && kind == "client":
		name = databaseOf(a) + ".query"
	case a["messaging.system"] != "" && a["messaging.operation"] != "":
		name = a["messaging.system"] + "." + a["messaging.operation"]
	case a["rpc.system"] != "":
		name = a["rpc.system"] + "." + cmp.Or(kind, "client") + ".request"
	case a["faas.invoked_provider"] != "" && kind == "client":
		name = a["faas.invoked_provider"] + "." + a["faas.invoked_name"] + ".invoke"
	case a["faas.trigger"] != "" && kind == "server":
		name = a["faas.trigger"] + ".invoke"
	case a["graphql.operation.type"] != "":
		name = "graphql.server.request"
	case kind == "server" || kind == "client":
		name = kind + ".request"
	default:
		name = cmp.Or(kind, "internal")
	}
	return strings.ToLower(name)
}

// resourceOf names what the work was done to.
func resourceOf(s *trace.Span, kind string, a map[string]string) string {
	join := func(parts ...string) string {
		return strings.TrimSpace(strings.Join(parts, " "))
	}
	switch method := httpMethod(a); {
	case a["resource.name"] != "":
		return a["resource.name"]
	case method != "":
		if method == "_OTHER" {
			method = "HTTP"
		}
		route := a["http.route"]
		if kind == "client" {
			route = cmp.Or(a["url.template"], route)
		}
		return join(method, route)
	case cmp.Or(a["messaging.operation.name"], a["messaging.operation"]) != "":
		return join(cmp.Or(a["messaging.operation.name"], a["messaging.operation"]), cmp.Or(a["messaging.destination.name"], a["messaging.destination"]))
	case a["rpc.method"] != "":
		return join(a["rpc.method"], a["rpc.service"])
	case a["graphql.operation.type"] != "":
		return join(a["graphql.operation.type"], a["graphql.operation.name"])
	case cmp.Or(a["db.query.text"], a["db.statement"]) != "":
		return cmp.Or(a["db.query.text"], a["db.statement"])
	}
	return s.GetName()
}

// typeOf is the type of a span as tracers name it.
func typeOf(kind string, a map[string]string) string {
	if t := a["span.type"]; t != "" {
		return t
	}
	switch kind {
	case "server":
		return "web"
	case "client":
		switch database := databaseOf(a); database {
		case "":
			return "http"
		case "redis", "memcached", "mongodb", "elasticsearch", "opensearch", "cassandra":
			return database
		case "mysql", "postgresql", "mssql", "microsoft.sql_server", "oracle", "sqlite", "mariadb", "db2", "cockroachdb", "h2", "hsqldb", "clickhouse":
			return "sql"
		default:
			return "db"
		}
	default:
		return "custom"
	}
}
