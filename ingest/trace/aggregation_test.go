package trace

import (
	"encoding/binary"
	"math"
	"testing"
)

// pairs is a msgpack map: keys and values in turns.
type pairs []any

// packed writes v as msgpack.
func packed(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(binary.BigEndian.AppendUint16(append(b, 0xda), uint16(len(v))), v...)
	case []byte:
		return append(append(b, 0xc4, byte(len(v))), v...)
	case int:
		return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(v))
	case bool:
		return append(b, map[bool]byte{false: 0xc2, true: 0xc3}[v])
	case []any:
		b = binary.BigEndian.AppendUint16(append(b, 0xdc), uint16(len(v)))
		for _, one := range v {
			b = packed(b, one)
		}
		return b
	case pairs:
		b = binary.BigEndian.AppendUint16(append(b, 0xde), uint16(len(v)/2))
		for _, one := range v {
			b = packed(b, one)
		}
		return b
	}
	panic(v)
}

// TestSplitAggregationIsPutTogether is an agent that aggregates what tracers
// counted: it sends hits and errors in one payload, whose sketches are empty,
// and the sketches in another, without hits.
func TestSplitAggregationIsPutTogether(t *testing.T) {
	gamma := message(1, math.Float64bits(1.0202020202020203))
	empty := message(1, gamma, 2, []byte{}, 3, []byte{})
	seven := message(1, gamma, 2, message(1, message(1, 2*921, 2, math.Float64bits(7))), 3, []byte{})
	three := message(1, gamma, 2, message(1, message(1, 2*950, 2, math.Float64bits(3))), 3, []byte{})
	client := func(aggregation string, hits, errors, duration int, ok, failed []byte) pairs {
		return pairs{
			"Hostname", "web-1", "Env", "test", "Version", "", "Lang", "go", "AgentAggregation", aggregation, "Service", "shop",
			"Stats", []any{pairs{"Start", int(recorded.UnixNano()), "Duration", 10_000_000_000, "Stats", []any{pairs{
				"Service", "shop", "Name", "http.request", "Resource", "GET /", "HTTPStatusCode", 200, "Type", "web", "Hits", hits, "Errors", errors,
				"Duration", duration, "OkSummary", ok, "ErrorSummary", failed, "Synthetics", false, "TopLevelHits", hits, "SpanKind", "server",
			}}}},
		}
	}
	counts := client("counts", 10, 3, 1_500_000_000, empty, empty)
	distributions := client("distributions", 0, 0, 0, seven, three)
	body := func(parts ...any) []byte {
		return packed(nil, pairs{"AgentHostname", "web-1", "AgentEnv", "test", "Stats", parts, "AgentVersion", "7.82.1", "ClientComputed", true, "SplitPayload", false})
	}
	for name, bodies := range map[string][][]byte{
		"in one payload": {body(counts, distributions)}, "in two": {body(counts), body(distributions)}, "the other way round": {body(distributions), body(counts)},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			for _, b := range bodies {
				if _, err := h.in.Handle(t.Context(), Request{Path: pathAgentStats, Body: b}); err != nil {
					t.Fatal(err)
				}
			}
			h.settle()
			by := []string{"service", "resource"}
			h.want("trace.http.request.hits", by, map[string]float64{"shop GET /": 10})
			h.want("trace.http.request.errors", by, map[string]float64{"shop GET /": 3})
			h.want("trace.http.request", by, map[string]float64{"shop GET /": 10}) // observations in the sketch
			h.want("trace.http.request.duration", by, map[string]float64{"shop GET /": 1.5})
		})
	}
}
