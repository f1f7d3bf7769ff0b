package trace

import (
	"math"

	"github.com/whippet-obs/whippet/store/sketch"
)

// clientStats is what a tracer counted: the body of /v0.6/stats, and a part of
// that of /api/v0.2/stats.
type clientStats struct {
	host, env, version, service string
	runtime                     string // id of the process
	buckets                     []statsBucket
}

// statsBucket is 10 seconds of it.
type statsBucket struct {
	start, duration uint64 // ns
	groups          []statsGroup
}

// statsGroup is the hits of one combination of what the fields say.
type statsGroup struct {
	service, name, resource, kind, typ string
	status                             int64
	grpc                               string
	hits, errors, topLevel             float64
	duration                           float64 // ns, of all hits
	peers                              []string
	synthetics                         bool
	latency                            *sketch.Sketch // seconds; nil when there is none
}

// statsDecoder reads the msgpack of both forms: maps with the names of the Go
// fields as keys. What is missing is zero, what is unknown is passed over.
type statsDecoder struct {
	u       unpacker
	builder builder
}

func (d *statsDecoder) text() string { return d.builder.text(d.u.bytes()) }

func (d *statsDecoder) err() error {
	if d.u.err != nil {
		return d.u.err
	}
	return d.builder.full()
}

// each calls fn with every key of a map; fn reads or skips the value.
func (d *statsDecoder) each(fn func(key string)) {
	for range d.u.mapping() {
		key := string(d.u.bytes())
		if d.err() != nil {
			return
		}
		fn(key)
	}
}

// decodeAgentStats reads StatsPayload.
func decodeAgentStats(body []byte) (parts []*clientStats, err error) {
	d := statsDecoder{u: unpacker{b: body}}
	var host, env string
	d.each(func(key string) {
		switch key {
		case "AgentHostname":
			host = d.text()
		case "AgentEnv":
			env = d.text()
		case "Stats":
			for range d.u.array() {
				parts = append(parts, d.client())
				if d.err() != nil {
					return
				}
			}
		default:
			d.u.skip()
		}
	})
	for _, p := range parts {
		if p.host == "" {
			p.host = host
		}
		if p.env == "" {
			p.env = env
		}
	}
	return parts, d.err()
}

// decodeClientStats reads ClientStatsPayload.
func decodeClientStats(body []byte) (*clientStats, error) {
	d := statsDecoder{u: unpacker{b: body}}
	s := d.client()
	return s, d.err()
}

func (d *statsDecoder) client() *clientStats {
	s := &clientStats{}
	d.builder.spent += costOfSpan
	d.each(func(key string) {
		switch key {
		case "Hostname":
			s.host = d.text()
		case "Env":
			s.env = d.text()
		case "Version":
			s.version = d.text()
		case "Service":
			s.service = d.text()
		case "RuntimeID":
			s.runtime = d.text()
		case "Stats":
			for range d.u.array() {
				s.buckets = append(s.buckets, d.bucket())
				if d.err() != nil {
					return
				}
			}
		default:
			d.u.skip()
		}
	})
	return s
}

func (d *statsDecoder) bucket() (b statsBucket) {
	d.builder.spent += costOfTag
	d.each(func(key string) {
		switch key {
		case "Start":
			b.start = d.u.integer()
		case "Duration":
			b.duration = d.u.integer()
		case "Stats":
			for range d.u.array() {
				b.groups = append(b.groups, d.group())
				if d.err() != nil {
					return
				}
			}
		default:
			d.u.skip()
		}
	})
	return b
}

// maxPeers bounds the peer tags of one group.
const maxPeers = 64

func (d *statsDecoder) group() (g statsGroup) {
	d.builder.spent += costOfSpan
	number := func() float64 {
		v, _ := d.u.float()
		if !(v >= 0) || v > math.MaxInt64 {
			return 0
		}
		return v
	}
	merge := func(summary []byte) {
		if len(summary) == 0 || d.u.err != nil {
			return
		}
		s, err := decodeDDSketch(summary)
		if err != nil {
			d.u.err = err
			return
		}
		d.builder.spent += 12 * len(s.Keys)
		if g.latency == nil {
			g.latency = s
		} else {
			g.latency.Merge(s)
		}
	}
	d.each(func(key string) {
		switch key {
		case "Service":
			g.service = d.text()
		case "Name":
			g.name = d.text()
		case "Resource":
			g.resource = d.text()
		case "HTTPStatusCode":
			g.status = int64(d.u.integer())
		case "Type":
			g.typ = d.text()
		case "Hits":
			g.hits = number()
		case "Errors":
			g.errors = number()
		case "TopLevelHits":
			g.topLevel = number()
		case "Duration":
			g.duration = number()
		case "OkSummary", "ErrorSummary":
			merge(d.u.bytes())
		case "Synthetics":
			g.synthetics = d.u.truth()
		case "SpanKind":
			g.kind = d.text()
		case "GRPCStatusCode":
			g.grpc = d.text()
		case "PeerTags":
			for range d.u.array() {
				tag := d.text()
				if d.u.err != nil {
					return
				}
				if len(g.peers) < maxPeers {
					g.peers = append(g.peers, tag)
				}
			}
		default:
			d.u.skip()
		}
	})
	return g
}
