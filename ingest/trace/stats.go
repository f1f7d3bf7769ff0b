package trace

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/sketch"
	"github.com/whippet-obs/whippet/store/span"
)

// The metrics of an operation NAME are trace.NAME and these behind it.
var (
	metricLatency   = metric{"", store.Distribution, "second", "how long the operation took"}
	metricHits      = metric{".hits", store.Count, "request", "how often the operation ran"}
	metricErrors    = metric{".errors", store.Count, "error", "how often the operation failed"}
	metricDuration  = metric{".duration", store.Gauge, "second", "time spent in the operation, of all hits together"}
	metricApdex     = metric{".apdex", store.Gauge, "", "how satisfied users are, 0 to 1"}
	metricHitsHTTP  = metric{".hits.by_http_status", store.Count, "request", "how often the operation ran, by the HTTP status of the answer"}
	metricErrorHTTP = metric{".errors.by_http_status", store.Count, "error", "how often the operation failed, by the HTTP status of the answer"}
	metricHitsPeer  = metric{".hits.by_peer_service", store.Count, "request", "how often the operation called another service"}
)

// group is what hits are counted by. It is comparable.
type group struct {
	env, host, version           string
	service, name, resource, typ string
	kind                         string // of the span: server, client, ...
	status                       string // HTTP status code
	grpc                         string
	peers                        string // peer tags, sorted, joined by NUL
	synthetics                   bool
	entry                        entry
}

// entry says whether a group's hits are the requests of its service.
type entry uint8

const (
	// entryNone: the operation is a part of others.
	entryNone entry = iota
	// entryRequest: it is how the service is entered.
	entryRequest
	// entryCall: it is a call, yet its service has no other spans: a database.
	entryCall
)

// entryOf is the entry of hits of a kind, of which topLevel were top-level. A
// service that calls itself makes server spans that are not top-level; they
// are requests all the same.
func entryOf(kind string, topLevel bool) entry {
	switch kind {
	case "server", "consumer":
		return entryRequest
	case "client", "producer":
		if topLevel {
			return entryCall
		}
	default:
		if topLevel {
			return entryRequest
		}
	}
	return entryNone
}

// figures are what is counted of a group.
type figures struct {
	hits, errors, seconds float64
	latency               *sketch.Sketch // seconds; may be nil
}

// targets are the series of a group.
type targets struct {
	latency, hits, errors, duration, hitsHTTP, errorsHTTP, hitsPeer store.Ref
	apdex                                                           store.Ref
	edge                                                            *edgeTargets // nil: none
}

// stats turns hits into the trace metrics.
type stats struct {
	series     *series
	targets    map[group]*targets
	resources  map[resourceOwner]map[string]bool
	thresholds map[string]time.Duration // of apdex, of services that have their own
	edges      *edges
}

type resourceOwner struct{ env, service, name string }

const (
	// maxResources bounds the resources of one operation of a service: past it
	// all new ones are one. Tracers bound them at the same order.
	maxResources   = 2000
	otherResources = "(other resources)"
	// maxShown is the length of the tag that a resource is shown by.
	maxShown = 200
	// maxGroups bounds what is remembered of groups. Past it all are looked up anew.
	maxGroups = 1 << 17
)

// known limits the resources of an operation.
func (st *stats) resource(g *group) {
	owner := resourceOwner{g.env, g.service, g.name}
	set := st.resources[owner]
	if set == nil {
		if len(st.resources) >= maxGroups {
			clear(st.resources)
		}
		set = map[string]bool{}
		st.resources[owner] = set
	}
	if set[g.resource] {
		return
	}
	if len(set) >= maxResources {
		g.resource = otherResources
		return
	}
	set[g.resource] = true
}

// add counts the figures of a group into a bucket. The caller holds series.mu.
func (st *stats) add(g group, at int64, f figures) {
	st.resource(&g)
	t := st.targets[g]
	if t == nil {
		if len(st.targets) >= maxGroups {
			clear(st.targets)
		}
		t = st.newTargets(&g)
		st.targets[g] = t
	}
	s := st.series
	s.add(t.hits, at, f.hits)
	s.add(t.errors, at, f.errors)
	s.add(t.duration, at, f.seconds)
	s.merge(t.latency, at, f.latency)
	if t.hitsHTTP != 0 {
		s.add(t.hitsHTTP, at, f.hits)
		s.add(t.errorsHTTP, at, f.errors)
	}
	s.add(t.hitsPeer, at, f.hits)
	if t.apdex != 0 && f.latency != nil {
		s.judge(t.apdex, at, apdexOf(f, st.threshold(g.service)))
	}
	if t.edge != nil {
		st.edges.count(t.edge, at, f)
	}
}

// threshold is the time within which a request of a service satisfies.
func (st *stats) threshold(service string) time.Duration {
	if t, ok := st.thresholds[service]; ok {
		return t
	}
	return catalog.DefaultApdex
}

// apdexOf judges figures by a threshold: at most it is satisfying, at most four
// times it is tolerable, and an error is neither.
func apdexOf(f figures, threshold time.Duration) apdex {
	t := threshold.Seconds()
	total := float64(f.latency.Count)
	satisfied := float64(f.latency.CountAtMost(t))
	tolerating := float64(f.latency.CountAtMost(4*t)) - satisfied
	// Of errors only the number is known: they are taken off in proportion.
	if good := total - f.errors; total > 0 && f.errors > 0 {
		share := max(0, good/total)
		satisfied, tolerating = satisfied*share, tolerating*share
	}
	return apdex{satisfied, tolerating, total}
}

func (st *stats) newTargets(g *group) *targets {
	tags := g.tags()
	intern := func(m metric, tags []string) store.Ref { return st.series.intern("trace."+g.name, m, tags) }
	t := &targets{
		latency: intern(metricLatency, tags), hits: intern(metricHits, tags),
		errors: intern(metricErrors, tags), duration: intern(metricDuration, tags),
	}
	if g.status != "" {
		t.hitsHTTP, t.errorsHTTP = intern(metricHitsHTTP, tags), intern(metricErrorHTTP, tags)
	}
	if g.peers != "" {
		peers := slices.Clone(tags)
		for tag := range strings.SplitSeq(g.peers, "\x00") {
			peers = append(peers, store.NormalizeTag(tag))
		}
		t.hitsPeer = intern(metricHitsPeer, peers)
	}
	if g.entry == entryRequest {
		t.apdex = intern(metricApdex, []string{"env:" + g.env, store.NormalizeTag("service:" + g.service)})
	}
	t.edge = st.edges.ofStats(g)
	return t
}

// tags are the tags of a group's series.
func (g *group) tags() []string {
	tags := []string{store.NormalizeTag("env:" + g.env), store.NormalizeTag("service:" + g.service)}
	add := func(key, value string) {
		if value != "" {
			tags = append(tags, store.NormalizeTag(key+value))
		}
	}
	// To filter by, in the form of a tag; and to show, as it is.
	tags = append(tags, ResourceTag(g.resource))
	tags = append(tags, "resource:"+cut(g.resource, maxShown))
	add("version:", g.version)
	add("type:", g.typ)
	add("span.kind:", g.kind)
	add("host:", store.NormalizeHost(g.host))
	add("rpc.grpc.status_code:", g.grpc)
	if g.status != "" {
		add("http.status_code:", g.status)
		add("http.status_class:", g.status[:1]+"xx")
	}
	if g.synthetics {
		tags = append(tags, "synthetics:true")
	}
	switch g.entry {
	case entryRequest:
		tags = append(tags, "entry:request")
	case entryCall:
		tags = append(tags, "entry:call")
	}
	return tags
}

// ResourceTag is the tag that a resource's metrics are found by: in the form of a
// tag, with one '_' for any number of them and none at the end.
func ResourceTag(resource string) string {
	tag := store.NormalizeTag("resource_name:" + resource)
	out := make([]byte, 0, len(tag))
	for i := range len(tag) {
		if tag[i] == '_' && len(out) > 0 && out[len(out)-1] == '_' {
			continue
		}
		out = append(out, tag[i])
	}
	return strings.TrimRight(string(out), "_")
}

// addClient counts what a tracer counted. localHost is the host of figures that
// name none. The caller holds series.mu.
func (st *stats) addClient(c *clientStats, localHost string) (groups int) {
	base := group{env: envOf(c.env), host: c.host, version: c.version}
	if base.host == "" {
		base.host = localHost
	}
	for _, b := range c.buckets {
		at := int64(b.start / 1e6)
		at -= at % bucketMillis
		for i := range b.groups {
			sg := &b.groups[i]
			if sg.hits == 0 && sg.latency == nil {
				continue
			}
			g := base
			g.service = normalService(sg.service)
			if g.service == "" {
				g.service = "unnamed-service"
			}
			if g.name = normalOperation(sg.name); g.name == "" {
				g.name = "unnamed_operation"
			}
			g.resource = obfuscateResource(sg.typ, sg.resource)
			if g.resource == "" {
				g.resource = g.name
			}
			g.typ, g.kind, g.grpc, g.synthetics = sg.typ, strings.ToLower(sg.kind), sg.grpc, sg.synthetics
			if sg.status >= 100 && sg.status < 600 {
				g.status = strconv.FormatInt(sg.status, 10)
			}
			slices.Sort(sg.peers)
			g.peers = strings.Join(sg.peers, "\x00")
			g.entry = entryOf(g.kind, sg.topLevel > 0)
			f := figures{hits: sg.hits, errors: sg.errors, seconds: sg.duration / 1e9, latency: sg.latency}
			if f.latency != nil && float64(f.latency.Count) == f.hits && f.hits > 0 {
				f.latency.Sum = f.seconds // exact, where bins only know it roughly
			}
			st.add(g, at, f)
			groups++
		}
	}
	return groups
}

func envOf(env string) string {
	if env = normalService(env); env == "" {
		return "none"
	}
	return env
}

// addSpans counts the spans of a chunk whose sender did not. The caller holds
// series.mu.
func (st *stats) addSpans(c *chunk, now int64) {
	weight := 1.0
	synthetics := strings.HasPrefix(c.origin, "synthetics")
	root := c.root()
	version := root.Text("version")
	if rate, ok := root.Number(tagSampleRate); ok && rate > 0 && rate <= 1 {
		weight = 1 / rate
	}
	for _, s := range c.spans {
		kind := strings.ToLower(s.Text(tagKind))
		top := isTopLevel(s)
		if !counts(s, kind, top) {
			continue
		}
		g := group{
			env: s.Env, host: s.Host, version: cmp.Or(s.Text("version"), version), service: s.Service, name: s.Name, resource: s.Resource,
			typ: s.Type, kind: kind, status: statusOf(s), grpc: grpcOf(s), synthetics: synthetics, entry: entryOf(kind, top),
			peers: strings.Join(peerTags(s, kind), "\x00"),
		}
		f := figures{hits: weight, seconds: float64(s.Duration) / 1e9 * weight, latency: &sketch.Sketch{}}
		if s.Error {
			f.errors = weight
		}
		f.latency.Add(float64(s.Duration)/1e9, 1)
		st.add(g, bucketOf(min(s.End(), now)), f)
	}
}

// counts reports whether a span is counted: it enters a service, is marked by
// its integration, or speaks with another process. Snapshots of unfinished
// spans are not.
func counts(s *span.Span, kind string, top bool) bool {
	if v, ok := s.Number(tagPartial); ok && v >= 0 {
		return false
	}
	if v, ok := s.Number(tagMeasured); top || ok && v == 1 {
		return true
	}
	return kind == "server" || kind == "client" || kind == "producer" || kind == "consumer"
}

func statusOf(s *span.Span) string {
	for _, key := range []string{"http.status_code", "http.response.status_code"} {
		if t, ok := tagOf(s, key); ok {
			if code, err := strconv.Atoi(t); err == nil && code >= 100 && code < 600 {
				return t
			}
		}
	}
	return ""
}

func grpcOf(s *span.Span) string {
	for _, key := range []string{"rpc.grpc.status_code", "grpc.code", "rpc.grpc.status.code", "grpc.status.code"} {
		if t, ok := tagOf(s, key); ok {
			return t
		}
	}
	return ""
}

func tagOf(s *span.Span, key string) (string, bool) {
	if text := s.Text(key); text != "" {
		return text, true
	}
	if v, ok := s.Number(key); ok {
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}
