package dogstatsd

import (
	"cmp"
	"errors"
	"hash/maphash"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// The agent's numbers: values are gathered in buckets of 10 s that begin at
// multiples of 10 s; a counter that nobody counts any more goes on as 0 for
// 300 s; anything else is forgotten after 20 s.
const (
	bucketSeconds = 10
	bucketMillis  = bucketSeconds * 1000
	zeroBuckets   = 300 / bucketSeconds
	idleRounds    = 2
)

// aggregator turns what the tables gathered into samples, bucket by bucket.
//
// A bucket is closed by whoever first sees the clock past its end, reader or
// flusher: all tables flip to their other side, which costs a reader no more
// than a lock. The flusher then merges the closed sides by context.
type aggregator struct {
	now        func() time.Time
	host       string // of values that name none
	figures    []figure
	sink       sink
	documents  *documents
	out        *outbox
	log        *slog.Logger
	maxEntries int64
	started    int64 // ms
	seed       maphash.Seed
	containers bool // whether the container that a client names is a tag
	mapper     *Mapper

	tables  []*table
	current atomic.Int64  // number of the open bucket: its start / 10 s
	order   atomic.Uint32 // of lines
	entries atomic.Int64  // in all tables
	late    atomic.Uint64 // batches of packets that went into a bucket past its end

	mu       sync.Mutex // of a rotation or collection; taken before a table's
	pending  bool       // the tables' closed sides hold bucket closed
	closed   int64
	newest   int64                     // the last bucket that has been emitted
	setBack  int64                     // how often the clock was, by more than a bucket
	round    uint32                    // collections so far
	contexts map[uint64]*metricContext // by a hash of what they are
	metrics  map[string]*metricCounts  // by name
	hosts    map[string]*hostName
	ordered  []*metricContext // the same in order of creation, which is that of their refs
	active   []*metricContext // with values in the bucket being collected
	sums     []accumulator    // of those, in the same order
	relieve  func()           // called now and then while a bucket is emitted
	refused  uint64           // samples of series over the store's limit
}

// sink is what the aggregator needs of the store.
type sink struct {
	intern func(store.Series) (store.Ref, error)
	learn  func(catalog.Metric)
	seen   func(host string, ms int64)
}

// metricContext is a metric with its tags and host. There may be millions: its
// fields are in an order that leaves no gaps.
type metricContext struct {
	hash    uint64
	metric  *metricCounts
	host    *hostName
	made    *identity    // until all its series are made
	more    *[]store.Ref // of a histogram's further figures
	last    int64        // bucket
	ref     store.Ref    // of its series, or a histogram's first; 0 when there is none yet
	entries int32        // that point here
	active  int32        // place in the aggregator's lists of a collection, from 1; 0: not in it
	kind    kind
}

// hostName is the name of a host, shared by its contexts.
type hostName struct{ name string }

// identity is a context in the form it is kept in.
type identity struct {
	name, unit string
	tags       store.Tags // with the host's
}

// metricCounts is what has arrived for one metric name.
type metricCounts struct {
	name     string
	contexts int
	values   uint64
	last     int64 // bucket
}

func newAggregator(tables int, now func() time.Time) *aggregator {
	started := now().UnixMilli()
	a := &aggregator{now: now, contexts: map[uint64]*metricContext{}, metrics: map[string]*metricCounts{}, hosts: map[string]*hostName{}, relieve: func() {}, seed: maphash.MakeSeed(), maxEntries: maxContexts, started: started, newest: math.MinInt64}
	a.current.Store(bucketOf(started))
	for range tables {
		a.tables = append(a.tables, newTable(a))
	}
	return a
}

// bucketOf returns the number of the bucket that ms lies in.
func bucketOf(ms int64) int64 {
	n := ms / bucketMillis
	if ms%bucketMillis < 0 {
		n--
	}
	return n
}

// enter makes sure that values arriving now (ms) go into now's bucket. A clock
// that is set back by less than a bucket goes on filling the open one, so that
// no bucket is closed twice for a few milliseconds. While a bucket is still
// being collected the open one goes on, past its end if need be: a reader that
// waited would lose datagrams.
func (a *aggregator) enter(now int64) {
	b := bucketOf(now)
	if open := a.current.Load(); b != open && b != open-1 {
		if !a.mu.TryLock() {
			a.late.Add(1)
			return
		}
		// Others may have rotated since now was read: look again, or a late
		// reader would seem to set the clock back.
		a.rotate(bucketOf(a.now().UnixMilli()))
		a.mu.Unlock()
	}
}

// rotate closes the open bucket and opens b. The caller holds a.mu.
func (a *aggregator) rotate(b int64) {
	open := a.current.Load()
	if b == open || b == open-1 {
		return
	}
	if a.pending {
		a.collect() // the flusher has not come round since the last rotation
	}
	for _, t := range a.tables {
		t.flip()
	}
	if b < open {
		a.setBack++
	}
	a.pending, a.closed = true, open
	a.current.Store(b)
}

// flush collects what is complete at now (ms): the bucket closed last, and
// values with times of their own.
func (a *aggregator) flush(now int64) {
	a.enter(now)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pending {
		a.collect()
	}
	a.collectTimed()
	a.out.seal()
}

// flushAll collects everything, the open bucket too.
func (a *aggregator) flushAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	open := a.current.Load()
	a.rotate(open + 1)
	a.collect()
	a.collectTimed()
	a.out.seal()
}

// startAnew drops what is known of contexts, because the store has forgotten
// series of some: the next line of each makes its series again.
func (a *aggregator) startAnew() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.tables {
		t.mu.Lock()
		a.entries.Add(-int64(len(t.entries)))
		t.entries = map[uint64]*entry{}
		t.mu.Unlock()
	}
	a.contexts, a.ordered, a.metrics = map[uint64]*metricContext{}, nil, map[string]*metricCounts{}
}

// collect merges the closed sides and emits bucket a.closed. The caller holds
// a.mu; nobody else looks at a closed side.
func (a *aggregator) collect() {
	a.pending = false
	a.round++
	for _, t := range a.tables {
		side := t.open ^ 1
		for _, e := range t.touched[side] {
			a.merge(e, &e.sides[side])
		}
		clear(t.touched[side])
		t.touched[side] = t.touched[side][:0]
		t.held[side], t.fresh[side] = 0, 0
	}

	at := a.stamp()
	hosts := map[*hostName]bool{}
	for i, c := range a.active {
		a.emit(c, &a.sums[i], at)
		c.active = 0
		hosts[c.host] = true
		if i%relieveEvery == 0 {
			a.relieve()
		}
	}
	a.seen(hosts, at)
	clear(a.active)
	clear(a.sums)
	a.active, a.sums = a.active[:0], a.sums[:0]
	a.emitZeros()
	a.forget()
}

// stamp returns the time (ms) of the closed bucket's samples: its start, unless
// samples of that time must not be replaced. Those are what the process before
// this one kept of a bucket that this one began in, and the first pass over a
// bucket that came again because the clock was set back.
func (a *aggregator) stamp() int64 {
	at := a.closed * bucketMillis
	switch {
	case at < a.started && a.started < at+bucketMillis:
		return a.started
	case a.closed <= a.newest:
		return at + a.setBack%bucketMillis
	default:
		return at
	}
}

// merge adds what an entry received to its context, and empties it.
func (a *aggregator) merge(e *entry, from *accumulator) {
	if e.ctx == nil {
		a.resolve(e)
	}
	e.round = a.round
	c := e.ctx
	c.metric.values += uint64(from.n &^ used)
	if c.active == 0 {
		a.active, a.sums = append(a.active, c), append(a.sums, accumulator{})
		c.active = int32(len(a.active))
	}
	to := &a.sums[c.active-1]
	switch c.kind {
	case counter:
		to.value += from.value
	case gauge:
		if !to.isUsed() || int32(from.order-to.order) > 0 {
			to.order, to.value, to.n = from.order, from.value, used
		}
	default:
		switch {
		case from.many == nil: // its values were refused
		case to.many == nil:
			to.many, from.many = from.many, nil
		default:
			to.many.merge(from.many)
			from.many.reset()
		}
	}
	*from = accumulator{many: from.many}
}

func (m *many) merge(o *many) {
	m.spread.merge(&o.spread)
	if m.members == nil {
		m.members, o.members = o.members, nil
	}
	for member := range o.members {
		m.members[member] = struct{}{}
	}
	if m.sketch == nil {
		m.sketch, o.sketch = o.sketch, nil
	} else if o.sketch != nil {
		m.sketch.Merge(o.sketch)
	}
}

func (m *many) reset() {
	m.spread.reset()
	m.members = nil
	m.sketch = nil
}

// emit makes samples of what c received in the bucket that starts at at (ms).
func (a *aggregator) emit(c *metricContext, acc *accumulator, at int64) {
	c.last = a.closed
	c.metric.last = a.closed
	switch c.kind {
	case counter:
		a.sample(c, 0, at, acc.value/bucketSeconds)
	case gauge:
		a.sample(c, 0, at, acc.value)
	case set:
		if acc.many != nil {
			a.sample(c, 0, at, float64(len(acc.many.members)))
		}
	case histogram:
		if acc.many == nil || acc.many.spread.count == 0 {
			break
		}
		acc.many.spread.sort()
		for i, f := range a.figures {
			a.sample(c, i, at, f.of(&acc.many.spread))
		}
	case distribution:
		if acc.many == nil || acc.many.sketch == nil {
			break
		}
		if ref, ok := a.ref(c, 0); ok {
			a.out.addSketch(store.SketchSample{Ref: ref, Time: at, Sketch: acc.many.sketch})
		}
	}
}

// relieveEvery is after how many contexts finished samples go to the store, so
// that those of a million don't wait at once.
const relieveEvery = 8192

// emitZeros lets counters that nobody counted go on as 0, in the closed bucket
// and in those that were missed because the clock jumped over them.
func (a *aggregator) emitZeros() {
	open := a.current.Load()
	for i, c := range a.ordered {
		if i%relieveEvery == 0 {
			a.relieve()
		}
		if c.kind != counter {
			continue
		}
		c.last = min(c.last, open) // after the clock was set back
		for b := max(a.closed, a.newest+1, c.last+1); b < min(open, c.last+zeroBuckets+1); b++ {
			a.sample(c, 0, b*bucketMillis, 0)
		}
	}
	a.newest = max(a.newest, open-1)
}

// forget drops entries and contexts whose time is over.
func (a *aggregator) forget() {
	if a.round > idleRounds {
		for _, t := range a.tables {
			t.sweep(a.round-idleRounds, func(e *entry) {
				if e.ctx != nil {
					e.ctx.entries--
				}
			})
		}
	}
	open := a.current.Load()
	a.ordered = slices.DeleteFunc(a.ordered, func(c *metricContext) bool {
		if c.entries > 0 || c.kind == counter && open-c.last <= zeroBuckets {
			return false
		}
		delete(a.contexts, c.hash)
		if c.metric.contexts--; c.metric.contexts == 0 {
			delete(a.metrics, c.metric.name)
		}
		return true
	})
}

// collectTimed emits values that came with times of their own.
func (a *aggregator) collectTimed() {
	open := a.current.Load()
	hosts := map[*hostName]bool{}
	for _, t := range a.tables {
		for _, v := range t.takeTimed() {
			if v.entry.ctx == nil {
				a.resolve(v.entry)
			}
			v.entry.round = a.round
			c := v.entry.ctx
			c.last, c.metric.last = open, open
			c.metric.values += uint64(v.n)
			hosts[c.host] = true
			if c.kind == counterAt {
				a.sample(c, 0, v.at, v.value/bucketSeconds)
			} else {
				a.sample(c, 0, v.at, v.value)
			}
		}
	}
	a.seen(hosts, open*bucketMillis)
}

func (a *aggregator) seen(hosts map[*hostName]bool, at int64) {
	for host := range hosts {
		if host.name != "" {
			a.sink.seen(host.name, at)
		}
	}
}

func (a *aggregator) sample(c *metricContext, i int, at int64, value float64) {
	if !finite(value) {
		return // sums of large finite values overflow
	}
	if ref, ok := a.ref(c, i); ok {
		a.out.addSample(store.Sample{Ref: ref, Time: at, Value: value})
	}
}

// ref returns the i-th series of c.
func (a *aggregator) ref(c *metricContext, i int) (store.Ref, bool) {
	if c.made != nil {
		a.makeSeries(c)
	}
	ref := c.ref
	if i > 0 {
		ref = (*c.more)[i-1]
	}
	if ref == 0 {
		a.refused++
	}
	return ref, ref != 0
}

// makeSeries makes the series of c that it has not got yet. Once it has all,
// its text is forgotten: that is most of what a context takes.
func (a *aggregator) makeSeries(c *metricContext) {
	complete := true
	one := func(ref *store.Ref, suffix string, k store.Kind) {
		if *ref == 0 {
			*ref = a.intern(c.made, suffix, k)
		}
		complete = complete && *ref != 0
	}
	switch c.kind {
	case histogram:
		if c.more == nil {
			more := make([]store.Ref, len(a.figures)-1)
			c.more = &more
		}
		for i, f := range a.figures {
			ref, k := &c.ref, store.Gauge
			if i > 0 {
				ref = &(*c.more)[i-1]
			}
			if f.rate {
				k = store.Rate
			}
			one(ref, f.suffix, k)
		}
	case counter, counterAt:
		one(&c.ref, "", store.Rate)
	case distribution:
		one(&c.ref, "", store.Distribution)
	default:
		one(&c.ref, "", store.Gauge)
	}
	if complete {
		c.made = nil
	}
}

// intern makes one series; 0 when the store refuses it.
func (a *aggregator) intern(of *identity, suffix string, k store.Kind) store.Ref {
	s := store.Series{Name: of.name[:min(len(of.name), maxName-len(suffix))] + suffix, Tags: of.tags, Kind: k}
	if k == store.Rate {
		s.Interval = bucketMillis
	}
	ref, err := a.sink.intern(s)
	if err != nil {
		if !errors.Is(err, store.ErrSeriesLimit) {
			a.log.Error("make a series for DogStatsD", "metric", s.Name, "err", err)
		}
		return 0
	}
	learned := catalog.Metric{Name: s.Name, Type: k.String(), Interval: bucketSeconds}
	if k != store.Rate {
		learned.Unit = of.unit
	}
	a.sink.learn(learned)
	return ref
}

// maxName is the longest metric name the store's normalization lets through.
const maxName = 200

// resolve finds or creates the context of an entry.
func (a *aggregator) resolve(e *entry) {
	k, unit := e.kind, ""
	if k == timing {
		k, unit = histogram, "millisecond"
	}
	name, extra := a.mapper.apply(e.key.name)
	list, host := splitTags(strings.Join(append(extra, e.key.tags), ","), a.host)
	if host != "" {
		list = append(list, "host:"+host)
	}
	if e.key.container != "" {
		list = append(list, store.NormalizeTag("container_id:"+e.key.container))
	}
	tags := store.NewTags(list)
	metric := a.metric(cmp.Or(store.NormalizeName(name), store.NormalizeName(e.key.name)))
	hash := payload.Join(maphash.String(a.seed, metric.name)+uint64(k), maphash.String(a.seed, strings.Join(tags, ",")))
	c := a.contexts[hash]
	if c == nil {
		c = &metricContext{hash: hash, kind: k, metric: metric, host: a.hostOf(host), made: &identity{metric.name, unit, tags}}
		metric.contexts++
		a.contexts[hash] = c
		a.ordered = append(a.ordered, c)
	} else if c.made != nil && c.made.unit == "" {
		c.made.unit = unit
	}
	c.entries++
	e.ctx, e.key = c, nil
}

// hostOf returns the shared name of a host.
func (a *aggregator) hostOf(name string) *hostName {
	h := a.hosts[name]
	if h == nil {
		h = &hostName{strings.Clone(name)}
		if len(a.hosts) < maxHosts {
			a.hosts[h.name] = h
		}
	}
	return h
}

// maxHosts bounds the host names shared.
const maxHosts = 100_000

// metric returns the counts of a metric name.
func (a *aggregator) metric(name string) *metricCounts {
	m := a.metrics[name]
	if m == nil {
		m = &metricCounts{name: name}
		a.metrics[name] = m
	}
	return m
}
