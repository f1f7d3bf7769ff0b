package trace

import (
	"strings"
	"time"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/sketch"
	"github.com/whippet-obs/whippet/store/span"
)

// The metrics of calls from one service to another. Their tags are from, to,
// env, kind (the type of the call: http, sql, ...), peer (real: a service that
// sends spans; inferred: one known by its callers only) and source: stats are
// complete, spans are those that were sent, weighted by their sampling.
const edgeName = "trace.service_edge"

var (
	edgeLatency = metric{"", store.Distribution, "second", "how long calls between two services took"}
	edgeHits    = metric{".hits", store.Count, "request", "calls between two services"}
	edgeErrors  = metric{".errors", store.Count, "error", "failed calls between two services"}
)

// edge is comparable.
type edge struct{ from, to, env, kind, peer, source string }

type edgeTargets struct{ latency, hits, errors store.Ref }

// edges joins spans to the spans that called them, also across payloads and
// hosts, and counts the calls from service to service.
type edges struct {
	series  *series
	targets map[edge]*edgeTargets

	// Spans of the last moments, by trace and id: two generations, the older of
	// which is given up at every turn.
	young, old *generation
	turned     int64 // ms
	// resolved are the names of peers that turned out to be services with spans.
	resolved map[resolvedPeer]int64 // last seen, ms
}

type generation struct {
	parents map[spanKey]parent
	waiting map[spanKey][]*waiting // children whose parent has not come, by the parent
	size    int
}

func newGeneration() *generation {
	return &generation{parents: map[spanKey]parent{}, waiting: map[spanKey][]*waiting{}}
}

type spanKey struct {
	trace span.TraceID
	id    uint64
}

// parent is what is remembered of a span.
type parent struct {
	service string
	call    *call // of client and producer spans
}

// call is a client's or producer's span whose callee is yet to be seen.
type call struct {
	edge     edge // with the peer's name as its end
	at       int64
	figures  figures
	answered bool
}

// waiting is a span in a service that is not its parent's, as far as is known.
type waiting struct {
	service, env, kind string
	at                 int64
	figures            figures
}

type resolvedPeer struct{ service, peer string }

const (
	// turnEvery is how long a span waits for its parent, or a call for its
	// callee, at the least; at the most it is twice that.
	turnEvery = 15 * time.Second
	// maxRemembered bounds the spans of a generation.
	maxRemembered = 200_000
	maxEdges      = 1 << 16
)

func newEdges(s *series) *edges {
	return &edges{series: s, targets: map[edge]*edgeTargets{}, young: newGeneration(), old: newGeneration(), resolved: map[resolvedPeer]int64{}}
}

func (e *edges) of(k edge) *edgeTargets {
	t := e.targets[k]
	if t != nil {
		return t
	}
	if len(e.targets) >= maxEdges {
		clear(e.targets)
	}
	tags := []string{
		store.NormalizeTag("from:" + k.from), store.NormalizeTag("to:" + k.to), store.NormalizeTag("env:" + k.env), "peer:" + k.peer, "source:" + k.source,
	}
	if k.kind != "" {
		tags = append(tags, store.NormalizeTag("kind:"+k.kind))
	}
	intern := func(m metric) store.Ref { return e.series.intern(edgeName, m, tags) }
	t = &edgeTargets{latency: intern(edgeLatency), hits: intern(edgeHits), errors: intern(edgeErrors)}
	e.targets[k] = t
	return t
}

func (e *edges) count(t *edgeTargets, at int64, f figures) {
	e.series.add(t.hits, at, f.hits)
	e.series.add(t.errors, at, f.errors)
	e.series.merge(t.latency, at, f.latency)
}

// ofStats is the edge that a group of stats is about: a call from within
// another service's process, or one to a peer that is no service of ours.
func (e *edges) ofStats(g *group) *edgeTargets {
	if base := peerOf(g.peers, tagBaseService); base != "" && normalService(base) != g.service && (g.kind == "client" || g.kind == "producer") {
		return e.of(edge{normalService(base), g.service, g.env, g.typ, "inferred", "stats"})
	}
	return nil
}

// addSpans counts the calls that a chunk's spans are evidence of. The caller
// holds series.mu.
func (e *edges) addSpans(c *chunk, now int64) {
	weight := weightOf(c)
	local := make(map[uint64]*span.Span, len(c.spans))
	for _, s := range c.spans {
		local[s.ID] = s
	}
	calls := map[uint64]*call{}
	for _, s := range c.spans {
		if kind := strings.ToLower(s.Text(tagKind)); kind == "client" || kind == "producer" {
			calls[s.ID] = e.newCall(s, weight)
		}
	}
	for _, s := range c.spans {
		if s.Parent == 0 {
			continue
		}
		w := &waiting{service: s.Service, env: s.Env, kind: s.Type, at: bucketOf(min(s.End(), now*1e6)), figures: figuresOf(s, weight)}
		if base := normalService(s.Text(tagBaseService)); base != "" && base != s.Service && calls[s.ID] != nil {
			// A call that its integration put into a service of its own: the
			// service that made it is named, whoever the parent is.
			e.count(e.of(edge{base, s.Service, s.Env, s.Type, "inferred", "spans"}), w.at, w.figures)
			calls[s.ID].answered = true
			continue
		}
		if p, ok := local[s.Parent]; ok {
			e.join(parent{p.Service, calls[p.ID]}, w, isServer(s))
			continue
		}
		key := spanKey{s.Trace, s.Parent}
		if p, ok := e.young.parents[key]; ok {
			e.join(p, w, isServer(s))
		} else if p, ok := e.old.parents[key]; ok {
			e.join(p, w, isServer(s))
		} else if e.young.size < maxRemembered {
			e.young.size++
			e.young.waiting[key] = append(e.young.waiting[key], w)
		}
	}
	for _, s := range c.spans {
		key := spanKey{s.Trace, s.ID}
		p := parent{s.Service, calls[s.ID]}
		for _, g := range []*generation{e.young, e.old} {
			for _, w := range g.waiting[key] {
				e.join(p, w, true)
			}
			delete(g.waiting, key)
		}
		if e.young.size < maxRemembered {
			e.young.size++
			e.young.parents[key] = p
		} else if p.call != nil {
			e.settle(p.call)
		}
	}
	if now-e.turned >= turnEvery.Milliseconds() || e.young.size >= maxRemembered {
		e.turn(now)
	}
}

func isServer(s *span.Span) bool {
	kind := strings.ToLower(s.Text(tagKind))
	return kind == "server" || kind == "consumer"
}

func figuresOf(s *span.Span, weight float64) figures {
	f := figures{hits: weight, latency: &sketch.Sketch{}}
	if s.Error {
		f.errors = weight
	}
	f.latency.Add(float64(s.Duration)/1e9, 1)
	return f
}

// weightOf is how many traces a sampled one stands for.
func weightOf(c *chunk) float64 {
	rate := 1.0
	root := c.root()
	for _, key := range []string{tagSampleRate, "_dd.agent_psr", "_dd.rule_psr"} {
		if v, ok := root.Number(key); ok && v > 0 && v <= 1 {
			rate *= v
		}
	}
	return 1 / max(rate, 1e-4)
}

// newCall is a call by s to whom its tags name.
func (e *edges) newCall(s *span.Span, weight float64) *call {
	name := peerName(func(key string) string { return s.Text(key) })
	if i := strings.LastIndexByte(name, ':'); i > 0 && strings.Trim(name[i+1:], "0123456789") == "" {
		name = name[:i] // a port makes no service
	}
	to := normalService(name)
	if isNowhere(name) {
		to = ""
	}
	return &call{edge: edge{s.Service, to, s.Env, s.Type, "inferred", "spans"}, at: bucketOf(s.End()), figures: figuresOf(s, weight)}
}

// join counts a span that p called.
func (e *edges) join(p parent, w *waiting, server bool) {
	if p.call != nil {
		p.call.answered = p.call.answered || server || p.service != w.service
	}
	if p.service == w.service {
		return
	}
	peer := "real"
	if !server {
		peer = "inferred"
	}
	if p.call != nil && p.call.edge.to != "" && len(e.resolved) < maxEdges {
		e.resolved[resolvedPeer{p.service, p.call.edge.to}] = e.series.now().UnixMilli()
	}
	e.count(e.of(edge{p.service, w.service, w.env, w.kind, peer, "spans"}), w.at, w.figures)
}

// settle counts a call that nobody was seen to answer, as one to the peer that
// its tags name.
func (e *edges) settle(c *call) {
	if c.answered || c.edge.to == "" || c.edge.to == c.edge.from {
		return
	}
	if _, ok := e.resolved[resolvedPeer{c.edge.from, c.edge.to}]; ok {
		return // a service with spans, whose span of this call was not sampled
	}
	c.answered = true
	e.count(e.of(c.edge), c.at, c.figures)
}

// turn gives up the older generation.
func (e *edges) turn(now int64) {
	for _, p := range e.old.parents {
		if p.call != nil {
			e.settle(p.call)
		}
	}
	e.old, e.young, e.turned = e.young, newGeneration(), now
	for peer, seen := range e.resolved {
		if now-seen > time.Hour.Milliseconds() {
			delete(e.resolved, peer)
		}
	}
}
