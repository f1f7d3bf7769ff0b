package trace

import (
	"bytes"
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// Seeds are recordings cut down to their first trace: of long ones a fuzzer
// spends all its time on making them shorter.

// firstTrace cuts a v0.4 body.
func firstTrace(body []byte) []byte {
	u := unpacker{b: body}
	u.array()
	start := u.at
	u.skip()
	return append([]byte{0x91}, body[start:u.at]...)
}

// firstChunk cuts a v1.0 body, whose chunks stand last.
func firstChunk(body []byte) []byte {
	u := unpacker{b: body}
	for range u.mapping() {
		if u.integer() == 11 {
			short := append(bytes.Clone(body[:u.at]), 0x91)
			u.array()
			start := u.at
			u.skip()
			return append(short, body[start:u.at]...)
		}
		u.skip()
	}
	return body
}

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

// agentSeeds are small payloads of both forms with links, events and nested
// attributes, which the recordings lack.
func agentSeeds() [][]byte {
	old := message(1, "web", 2, "op", 3, "GET /", 4, 5, 5, 6, 7, 1795461300000000000, 8, 100, 10, message(1, "env", 2, "test"), 11, message(1, "n", 2, uint64(0x3ff0000000000000)),
		14, message(1, 5, 3, 6, 4, message(1, "k", 2, "v"), 5, "t"), 15, message(1, uint64(7), 2, "event", 3, message(1, "a", 2, message(1, 4, 6, message(1, message(2, "x"))))))
	value := message(1, 1, 2, message(7, message(1, message(1, 2, 2, message(6, message(1, message(3, uint64(1))))))))
	idx := message(1, 1, 2, 2, 4, uint64(6), 6, uint64(1795461300000000000), 7, 100, 9, value, 9, message(1, 2, 2, message(1, 1)), 16, 2,
		11, message(1, make([]byte, 16), 2, uint64(6), 3, value), 12, message(1, uint64(7), 2, 1, 3, value))
	return [][]byte{
		message(1, "host", 2, "test", 5, message(2, "go", 6, message(1, 1, 2, "o", 3, old, 4, message(1, "k", 2, "v")))),
		message(1, "host", 11, message(1, "", 1, "web", 1, "op", 7, 1, 10, value, 11, message(1, 1, 3, value, 4, idx, 6, []byte("0123456789abcdef")))),
	}
}

func TestAgentsLinksEventsAndNestedValues(t *testing.T) {
	for i, body := range agentSeeds() {
		payloads, err := decodeAgent(body)
		if err != nil || len(payloads) != 1 || len(payloads[0].chunks) != 1 || len(payloads[0].chunks[0].spans) != 1 {
			t.Fatalf("payload %d: %+v %v", i, payloads, err)
		}
		s := payloads[0].chunks[0].spans[0]
		s.SortTags()
		for _, key := range []string{tagLinks, tagEvents} {
			if !json.Valid([]byte(s.Text(key))) {
				t.Errorf("payload %d: %s is %q", i, key, s.Text(key))
			}
		}
	}
}

// fuzzTraces feeds a decoder, and what it makes through all that follows.
func fuzzTraces(f *testing.F, decode func([]byte) ([]*tracerPayload, error)) {
	n := normalizer{now: recorded}
	f.Fuzz(func(t *testing.T, body []byte) {
		payloads, err := decode(body)
		if err != nil {
			return
		}
		for _, p := range payloads {
			for i := range p.chunks {
				c := &p.chunks[i]
				if !n.chunk(c) {
					continue
				}
				markTopLevel(c, p.topLevel)
				c.root()
				for _, s := range c.spans {
					obfuscate(s)
					if s.Duration < 0 || s.Service == "" || s.Name == "" || s.Resource == "" || len(s.Service) > maxService {
						t.Fatalf("not normal: %+v", s)
					}
				}
			}
		}
	})
}

func one(decode func([]byte) (*tracerPayload, error)) func([]byte) ([]*tracerPayload, error) {
	return func(body []byte) ([]*tracerPayload, error) {
		p, err := decode(body)
		return []*tracerPayload{p}, err
	}
}

func FuzzV04(f *testing.F) {
	f.Add(firstTrace(recording(f, "dd-trace-go-v04/03-v0.4_traces.body")))
	f.Add(firstTrace(recording(f, "dd-trace-js-v04/01-v0.4_traces.body")))
	fuzzTraces(f, one(decodeV04))
}

func FuzzV05(f *testing.F) {
	f.Add([]byte("\x92\x95\xa0\xa3web\xa1k\xa1v\xa1n\x91\x91\x9c\x01\x01\x01\x05\x06\x00\xcf\x18\xea\x00\x00\x00\x00\x00\x00\x07\x00\x81\x02\x03\x81\x04\x01\x00"))
	fuzzTraces(f, one(decodeV05))
}

func FuzzV07(f *testing.F) {
	f.Add([]byte("\x82\xa6chunks\x91\x83\xa8priority\x01\xa5spans\x91\x82\xa8trace_id\x01\xa7span_id\x02\xa4tags\x81\xa1a\xa1b\xa3env\xa4test"))
	fuzzTraces(f, one(decodeV07))
}

func FuzzV1(f *testing.F) {
	f.Add(firstChunk(recording(f, "dd-trace-go-v10-stats/02-v1.0_traces.body")))
	fuzzTraces(f, one(decodeV1))
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`[[{"service":"a","trace_id":1,"span_id":"2","start":1.5,"meta":{"a":"b"},"metrics":{"c":1}}]]`))
	fuzzTraces(f, one(func(body []byte) (*tracerPayload, error) { return decodeJSON(body, false) }))
}

func FuzzAgent(f *testing.F) {
	for _, body := range agentSeeds() {
		f.Add(body)
	}
	fuzzTraces(f, decodeAgent)
}

func FuzzStats(f *testing.F) {
	f.Add(recording(f, "dd-trace-go-v04-stats/03-v0.6_stats.body")[:600])
	f.Add([]byte("\x82\xaeAgentHostname\xa1h\xa5Stats\x91\x81\xa5Stats\x91\x82\xa5Start\x01\xa5Stats\x91\x83\xa7Service\xa1a\xa4Hits\x05\xa9OkSummary\xc4\x2e\x0a\x09\x09\xfd\x4a\x81\x5a\xbf\x52\xf0\x3f\x12\x21\x12\x18\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x40\x18\xba\x0c\x0a\x04\x08\x02\x11\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if s, err := decodeClientStats(body); err == nil {
			for _, b := range s.buckets {
				for _, g := range b.groups {
					if !(g.hits >= 0) || g.latency != nil && g.latency.Count < 0 {
						t.Fatalf("impossible figures: %+v", g)
					}
				}
			}
		}
		decodeAgentStats(body)
	})
}

func FuzzSQL(f *testing.F) {
	f.Add("SELECT 'it''s', $1, 2.5e-3 FROM \"t\" WHERE a IN (1, 2, 3) -- x")
	f.Fuzz(func(t *testing.T, query string) {
		once := obfuscateSQL(query)
		if len(once) > 2*len(query) {
			t.Fatalf("%q grew to %q", query, once)
		}
	})
}

// TestSeedsAreWhole: a fuzzer that begins with what is refused at once learns
// little.
func TestSeedsAreWhole(t *testing.T) {
	for name, decode := range map[string]func() (*tracerPayload, error){
		"v0.4 Go": func() (*tracerPayload, error) {
			return decodeV04(firstTrace(recording(t, "dd-trace-go-v04/03-v0.4_traces.body")))
		},
		"v1.0 Go": func() (*tracerPayload, error) {
			return decodeV1(firstChunk(recording(t, "dd-trace-go-v10-stats/02-v1.0_traces.body")))
		},
		"v0.4 Node": func() (*tracerPayload, error) {
			return decodeV04(firstTrace(recording(t, "dd-trace-js-v04/01-v0.4_traces.body")))
		},
	} {
		if p, err := decode(); err != nil || len(p.chunks) != 1 || len(p.chunks[0].spans) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
