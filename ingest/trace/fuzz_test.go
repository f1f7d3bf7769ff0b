package trace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeds adds the recordings whose names end in suffix.
func seeds(f *testing.F, suffix string) {
	names, err := filepath.Glob("testdata/*/*" + suffix)
	if err != nil || len(names) == 0 {
		f.Fatal("no recordings", err)
	}
	for _, name := range names {
		f.Add(recording(f, strings.TrimPrefix(name, "testdata"+string(os.PathSeparator))))
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
	seeds(f, "v0.4_traces.body")
	fuzzTraces(f, one(decodeV04))
}

func FuzzV05(f *testing.F) {
	seeds(f, "v0.5_traces.body")
	fuzzTraces(f, one(decodeV05))
}

func FuzzV07(f *testing.F) {
	f.Add([]byte("\x82\xa6chunks\x91\x83\xa8priority\x01\xa5spans\x91\x82\xa8trace_id\x01\xa7span_id\x02\xa4tags\x81\xa1a\xa1b\xa3env\xa4test"))
	fuzzTraces(f, one(decodeV07))
}

func FuzzV1(f *testing.F) {
	seeds(f, "v1.0_traces.body")
	fuzzTraces(f, one(decodeV1))
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`[[{"service":"a","trace_id":1,"span_id":"2","start":1.5,"meta":{"a":"b"},"metrics":{"c":1}}]]`))
	fuzzTraces(f, one(func(body []byte) (*tracerPayload, error) { return decodeJSON(body, false) }))
}

func FuzzAgent(f *testing.F) {
	seeds(f, "api_v0.2_traces.body")
	fuzzTraces(f, decodeAgent)
}

func FuzzOTLP(f *testing.F) {
	f.Add(otlpRequest())
	fuzzTraces(f, one(decodeOTLP))
}

func FuzzOTLPJSON(f *testing.F) {
	f.Add([]byte(otlpJSONRequest))
	fuzzTraces(f, one(decodeOTLPJSON))
}

func FuzzStats(f *testing.F) {
	seeds(f, "stats.body")
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
