// Package trace takes spans and the statistics of spans: from tracers, as a
// trace agent on its own port does, and from trace agents. What goes in is
// normalised as the agent does it; spans go to the span store, and what is
// counted of them to the metric store, as ordinary series:
//
//	in := trace.New(trace.Deps{DB: db, Spans: spans, Now: time.Now, Host: "web-1"})
//	receiver, err := trace.Listen(trace.ReceiverConfig{TCP: "127.0.0.1:8126", Intake: in})
//	err = receiver.Run(ctx)     // tracers
//	kept, err := in.Handle(ctx, trace.Request{...}) // trace agents
//
// A payload that is answered with success is on disk: its spans, and what its
// statistics add up to. What is counted from spans that came without statistics
// is on disk within flushEvery.
package trace

import (
	"context"
	"hash/maphash"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/span"
)

// Deps is what an Intake works with.
type Deps struct {
	DB    *store.DB
	Spans *span.Store
	Now   func() time.Time
	Log   *slog.Logger
	Host  string // of tracers that name none
	// PerSecond is how many traces a second of each service are kept, beside
	// those with errors and the slowest; 0: 100.
	PerSecond float64
}

// Intake decodes and keeps. Safe for concurrent use.
type Intake struct {
	spans    *span.Store
	catalog  *catalog.Catalog
	now      func() time.Time
	log      *slog.Logger
	host     string
	series   *series
	repeats  repeats
	large    chan struct{} // one for each large body being taken
	unpacker *payload.Unpacker

	// Under series.mu, which is held once for a payload.
	stats   *stats
	edges   *edges
	sampler *sampler
	// counting are the processes that send statistics of their own, by runtime
	// id, and when they last did (ms). At its end a tracer may send spans
	// without saying so in their headers.
	counting map[string]int64

	mu     sync.Mutex
	counts Stats
	failed bool // the last flush; run's own
}

// flushEvery is how often what is counted from spans is written.
const flushEvery = 2 * time.Second

// New returns an intake. A Receiver's Run must be called for what is counted
// from spans to be written.
func New(d Deps) *Intake {
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.PerSecond == 0 {
		d.PerSecond = 100
	}
	in := &Intake{
		spans: d.Spans, catalog: d.DB.Catalog(), now: d.Now, log: d.Log, host: store.NormalizeHost(d.Host),
		series: newSeries(d.DB, d.Now), sampler: newSampler(d.PerSecond),
		unpacker: payload.NewUnpacker(), large: make(chan struct{}, maxLarge),
		repeats: repeats{seed: maphash.MakeSeed(), bodies: map[uint64]time.Time{}},
	}
	in.edges = newEdges(in.series)
	in.stats = &stats{
		series: in.series, targets: map[group]*targets{}, resources: map[resourceOwner]map[string]bool{},
		edges: in.edges,
	}
	in.readThresholds()
	in.counting = map[string]int64{}
	in.sampler.turned = d.Now().UnixMilli()
	return in
}

// Bodies above largeBody are taken maxLarge at a time: decoded, each may come to
// maxMemory.
const (
	largeBody = 2 << 20
	maxLarge  = 2
)

// Stats is what an intake has seen.
type Stats struct {
	Payloads, Repeated, Malformed uint64
	Traces, Spans                 uint64 // received, and fit to be kept
	SampledOut                    uint64 // traces counted and not kept
	Groups                        uint64 // of statistics
	RefusedSeries                 uint64 // over the store's limit
	Normalized
}

// Stats returns a snapshot.
func (in *Intake) Stats() Stats {
	in.mu.Lock()
	s := in.counts
	in.mu.Unlock()
	in.series.mu.Lock()
	defer in.series.mu.Unlock()
	s.RefusedSeries = in.series.refused
	return s
}

// run writes what is counted until ctx ends, and then what is left.
func (in *Intake) run(ctx context.Context) {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
			in.tick()
			in.flush(ctx)
		}
	}
	in.series.mu.Lock()
	now := in.now().UnixMilli()
	in.edges.turn(now)
	in.edges.turn(now)
	in.series.mu.Unlock()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	in.flush(last)
}

// readThresholds learns what people have set since.
func (in *Intake) readThresholds() {
	thresholds, err := in.catalog.ApdexThresholds()
	if err != nil {
		in.log.Error("the thresholds of apdex stay as they are", "err", err)
		return
	}
	in.series.mu.Lock()
	defer in.series.mu.Unlock()
	in.stats.thresholds = thresholds
}

// tick lets time pass for what waits.
func (in *Intake) tick() {
	in.readThresholds()
	in.series.mu.Lock()
	defer in.series.mu.Unlock()
	now := in.now().UnixMilli()
	if now-in.edges.turned >= turnEvery.Milliseconds() {
		in.edges.turn(now)
	}
	in.sampler.turn(now)
}

func (in *Intake) flush(ctx context.Context) {
	err := in.series.flush(ctx)
	if failed := err != nil && ctx.Err() == nil; failed != in.failed {
		if in.failed = failed; failed {
			in.log.Error("the store takes no trace metrics; keeping them in memory", "err", err)
		} else {
			in.log.Info("the store takes trace metrics again")
		}
	}
}

// The routes of trace agents.
const (
	pathAgentTraces = "/api/v0.2/traces"
	pathAgentStats  = "/api/v0.2/stats"
)

// AgentRoutes are the paths whose POSTs are for Handle.
func AgentRoutes() []string { return []string{pathAgentTraces, pathAgentStats} }

// Request is one that a trace agent makes. Body is borrowed.
type Request struct {
	Path            string
	ContentEncoding string
	Body            []byte
}

// Handle takes what a trace agent posts. It returns how many spans or groups of
// statistics were kept. An error is a *payload.Error, or a store's.
func (in *Intake) Handle(ctx context.Context, r Request) (kept int, err error) {
	plain, err := in.unpacker.Unpack(r.ContentEncoding, r.Body)
	if err != nil {
		in.countPayload(err, false)
		return 0, err
	}
	defer plain.Release()
	body := plain.Bytes
	if string(body) == "{}" { // an agent's self-test
		return 0, nil
	}
	if r.Path == pathAgentStats {
		return in.takeStats(ctx, body, func() ([]*clientStats, error) { return decodeAgentStats(body) })
	}
	return in.once(body, func() (int, error) {
		payloads, err := decodeAgent(body)
		if err != nil {
			return 0, err
		}
		return in.take(ctx, payloads)
	})
}

// once takes a body unless it was taken before: senders repeat one byte for
// byte when they hear no answer.
func (in *Intake) once(body []byte, take func() (int, error)) (kept int, err error) {
	if len(body) > largeBody {
		in.large <- struct{}{}
		defer func() { <-in.large }()
	}
	hash, now := in.repeats.hash(body), in.now()
	if in.repeats.known(hash, now) {
		in.countPayload(nil, true)
		return 0, nil
	}
	kept, err = take()
	in.countPayload(err, false)
	if err == nil && kept > 0 {
		in.repeats.add(hash, now)
	}
	return kept, err
}

func (in *Intake) countPayload(err error, repeated bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.counts.Payloads++
	if _, bad := err.(*payload.Error); bad {
		in.counts.Malformed++
	}
	if repeated {
		in.counts.Repeated++
	}
}

// takeStats counts what senders counted, and returns when it is on disk. Once
// counted it is not counted again, even if the disk was full: a repeated body
// only makes it be written.
func (in *Intake) takeStats(ctx context.Context, body []byte, decode func() ([]*clientStats, error)) (int, error) {
	groups, err := in.once(body, func() (int, error) {
		parts, err := decode()
		if err != nil {
			return 0, err
		}
		in.series.mu.Lock()
		defer in.series.mu.Unlock()
		groups := 0
		for _, part := range parts {
			groups += in.stats.addClient(part, in.host)
			in.countsItself(part.runtime)
		}
		return groups, nil
	})
	if err != nil {
		return 0, err
	}
	in.mu.Lock()
	in.counts.Groups += uint64(groups)
	in.mu.Unlock()
	return groups, in.series.flush(ctx)
}

// take normalises the spans of payloads, keeps them, and then counts them.
func (in *Intake) take(ctx context.Context, payloads []*tracerPayload) (kept int, err error) {
	now := in.now()
	var batch []*span.Span
	counted, normalized := Stats{}, Normalized{}
	hosts := map[string]bool{}
	in.series.mu.Lock()
	for _, p := range payloads {
		n := normalizer{now: now, lang: p.lang}
		good := p.chunks[:0]
		for i := range p.chunks {
			c := p.chunks[i]
			if !n.chunk(&c) {
				continue
			}
			in.describe(p, &c)
			hosts[c.spans[0].Host] = true
			good = append(good, c)
			counted.Traces++
			counted.Spans += uint64(len(c.spans))
			if in.sampler.keep(&c, now.UnixMilli()) {
				batch = append(batch, c.spans...)
			} else {
				counted.SampledOut++
			}
		}
		p.chunks = good
		normalized.add(&n.counts)
	}
	in.series.mu.Unlock()
	if len(batch) > 0 {
		if _, err := in.spans.Append(ctx, batch); err != nil {
			return 0, err
		}
	}
	in.series.mu.Lock()
	for _, p := range payloads {
		for i := range p.chunks {
			if !p.stats && !in.knownToCount(p, &p.chunks[i]) {
				in.stats.addSpans(&p.chunks[i], now.UnixNano())
			}
			in.edges.addSpans(&p.chunks[i], now.UnixMilli())
		}
	}
	in.series.mu.Unlock()
	for host := range hosts {
		in.catalog.Seen(host, now.UnixMilli())
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.counts.Traces += counted.Traces
	in.counts.Spans += counted.Spans
	in.counts.SampledOut += counted.SampledOut
	in.counts.Normalized.add(&normalized)
	return int(counted.Spans), nil
}

// maxCounting bounds the processes remembered.
const maxCounting = 100_000

// countsItself notes a process that sends statistics. The caller holds series.mu.
func (in *Intake) countsItself(runtime string) {
	if runtime == "" {
		return
	}
	if len(in.counting) >= maxCounting {
		clear(in.counting)
	}
	in.counting[runtime] = in.now().UnixMilli()
}

// knownToCount reports whether the process that a chunk is from has sent
// statistics of its own lately. The caller holds series.mu.
func (in *Intake) knownToCount(p *tracerPayload, c *chunk) bool {
	runtime := p.runtime
	if runtime == "" {
		runtime = c.root().Text("runtime-id")
	}
	at, ok := in.counting[runtime]
	return ok && in.now().UnixMilli()-at < time.Hour.Milliseconds()
}

func (n *Normalized) add(o *Normalized) {
	n.NoID += o.NoID
	n.NegativeDuration += o.NegativeDuration
	n.FutureStart += o.FutureStart
	n.PastStart += o.PastStart
	n.Renamed += o.Renamed
}

// describe gives the spans of a chunk their host, env and version, marks those
// that enter a service, and takes secrets out.
func (in *Intake) describe(p *tracerPayload, c *chunk) {
	root := c.root()
	env := root.Text("env")
	if env == "" {
		env = p.env
	}
	env = envOf(env)
	host := p.host
	if host == "" {
		host = root.Text("_dd.hostname")
	}
	if host = store.NormalizeHost(host); host == "" {
		host = in.host
	}
	markTopLevel(c, p.topLevel)
	for _, s := range c.spans {
		s.Env, s.Host = env, host
		s.SetText("env", "")
		if p.version != "" && s.Text("version") == "" && s.Text(tagBaseService) == "" {
			s.SetText("version", p.version)
		}
		if !p.agent {
			obfuscate(s)
		}
	}
}

// repeats remembers the bodies that were taken lately.
type repeats struct {
	seed   maphash.Seed
	mu     sync.Mutex
	bodies map[uint64]time.Time
}

const (
	repeatWindow = 15 * time.Minute
	maxRepeats   = 100_000
)

func (r *repeats) hash(body []byte) uint64 { return maphash.Bytes(r.seed, body) }

func (r *repeats) known(hash uint64, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.bodies[hash]
	return ok && now.Sub(at) < repeatWindow
}

func (r *repeats) add(hash uint64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.bodies) >= maxRepeats {
		for h, at := range r.bodies {
			if now.Sub(at) >= repeatWindow {
				delete(r.bodies, h)
			}
		}
	}
	if len(r.bodies) < maxRepeats {
		r.bodies[hash] = now
	}
}

// truthy reads a header of a tracer: any value but 0, f and false is yes.
func truthy(value string) bool {
	switch strings.ToLower(value) {
	case "", "0", "f", "false":
		return false
	}
	return true
}
