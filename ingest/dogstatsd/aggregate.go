package dogstatsd

import (
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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

	tables  []*table
	current atomic.Int64  // number of the open bucket: its start / 10 s
	order   atomic.Uint64 // of batches of packets
	entries atomic.Int64  // in all tables

	mu       sync.Mutex // of a rotation or collection; taken before a table's
	pending  bool       // the tables' closed sides hold bucket closed
	closed   int64
	newest   int64  // the last bucket that has been emitted
	setBack  int64  // how often the clock was, by more than a bucket
	round    uint64 // collections so far
	contexts map[string]*metricContext
	ordered  []*metricContext // the same in order of creation, which is that of their refs
	active   []*metricContext // with values in the bucket being collected
	refused  uint64           // samples of series over the store's limit
}

// sink is what the aggregator needs of the store.
type sink struct {
	intern func(store.Series) (store.Ref, error)
	learn  func(catalog.Metric)
	seen   func(host string, ms int64)
}

// metricContext is a metric with its tags and host, in the form they are kept in.
type metricContext struct {
	key     string
	kind    kind
	unit    string
	name    string
	host    string
	tags    store.Tags // with the host's
	series  []seriesRef
	entries int // that point here
	last    int64
	acc     accumulator
}

// seriesRef is one series of a context, once it has been interned.
type seriesRef struct {
	ref store.Ref
	ok  bool
}

func newAggregator(tables int, now func() time.Time) *aggregator {
	started := now().UnixMilli()
	a := &aggregator{now: now, contexts: map[string]*metricContext{}, maxEntries: maxContexts, started: started, newest: math.MinInt64}
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
// no bucket is closed twice for a few milliseconds.
func (a *aggregator) enter(now int64) {
	b := bucketOf(now)
	if open := a.current.Load(); b != open && b != open-1 {
		a.mu.Lock()
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
		t.held[side] = 0
	}

	at := a.stamp()
	hosts := map[string]bool{}
	for _, c := range a.active {
		a.emit(c, at)
		hosts[c.host] = true
	}
	a.seen(hosts, at)
	clear(a.active)
	a.active = a.active[:0]
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
	to := &c.acc
	if !to.used {
		to.used = true
		a.active = append(a.active, c)
	}
	switch c.kind {
	case counter:
		to.value += from.value
	case gauge:
		if from.order > to.order {
			to.order, to.value = from.order, from.value
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

// emit makes samples of what c received in the bucket that starts at at (ms),
// and empties c.
func (a *aggregator) emit(c *metricContext, at int64) {
	c.last = a.closed
	acc := &c.acc
	switch c.kind {
	case counter:
		a.sample(c, 0, "", store.Rate, at, acc.value/bucketSeconds)
	case gauge:
		a.sample(c, 0, "", store.Gauge, at, acc.value)
	case set:
		if acc.many != nil {
			a.sample(c, 0, "", store.Gauge, at, float64(len(acc.many.members)))
		}
	case histogram:
		if acc.many == nil || acc.many.spread.count == 0 {
			break
		}
		acc.many.spread.sort()
		for i, f := range a.figures {
			k := store.Gauge
			if f.rate {
				k = store.Rate
			}
			a.sample(c, i, f.suffix, k, at, f.of(&acc.many.spread))
		}
	case distribution:
		if acc.many == nil || acc.many.sketch == nil {
			break
		}
		if ref, ok := a.ref(c, 0, "", store.Distribution); ok {
			a.out.addSketch(store.SketchSample{Ref: ref, Time: at, Sketch: acc.many.sketch})
		}
	}
	if acc.many != nil {
		acc.many.reset()
	}
	*acc = accumulator{many: acc.many}
}

// emitZeros lets counters that nobody counted go on as 0, in the closed bucket
// and in those that were missed because the clock jumped over them.
func (a *aggregator) emitZeros() {
	open := a.current.Load()
	for _, c := range a.ordered {
		if c.kind != counter {
			continue
		}
		c.last = min(c.last, open) // after the clock was set back
		for b := max(a.closed, a.newest+1, c.last+1); b < min(open, c.last+zeroBuckets+1); b++ {
			a.sample(c, 0, "", store.Rate, b*bucketMillis, 0)
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
		delete(a.contexts, c.key)
		return true
	})
}

// collectTimed emits values that came with times of their own.
func (a *aggregator) collectTimed() {
	open := a.current.Load()
	hosts := map[string]bool{}
	for _, t := range a.tables {
		for _, v := range t.takeTimed() {
			if v.entry.ctx == nil {
				a.resolve(v.entry)
			}
			v.entry.round = a.round
			c := v.entry.ctx
			c.last = open
			hosts[c.host] = true
			if c.kind == counterAt {
				a.sample(c, 0, "", store.Rate, v.at, v.value/bucketSeconds)
			} else {
				a.sample(c, 0, "", store.Gauge, v.at, v.value)
			}
		}
	}
	a.seen(hosts, open*bucketMillis)
}

func (a *aggregator) seen(hosts map[string]bool, at int64) {
	for host := range hosts {
		if host != "" {
			a.sink.seen(host, at)
		}
	}
}

func (a *aggregator) sample(c *metricContext, i int, suffix string, k store.Kind, at int64, value float64) {
	if !finite(value) {
		return // sums of large finite values overflow
	}
	if ref, ok := a.ref(c, i, suffix, k); ok {
		a.out.addSample(store.Sample{Ref: ref, Time: at, Value: value})
	}
}

// ref returns the i-th series of c.
func (a *aggregator) ref(c *metricContext, i int, suffix string, k store.Kind) (store.Ref, bool) {
	if c.series[i].ok {
		return c.series[i].ref, true
	}
	s := store.Series{Name: c.name[:min(len(c.name), maxName-len(suffix))] + suffix, Tags: c.tags, Kind: k}
	if k == store.Rate {
		s.Interval = bucketMillis
	}
	ref, err := a.sink.intern(s)
	if err != nil {
		a.refused++
		if !errors.Is(err, store.ErrSeriesLimit) {
			a.log.Error("make a series for DogStatsD", "metric", s.Name, "err", err)
		}
		return 0, false
	}
	learned := catalog.Metric{Name: s.Name, Type: k.String(), Interval: bucketSeconds}
	if k != store.Rate {
		learned.Unit = c.unit
	}
	a.sink.learn(learned)
	c.series[i] = seriesRef{ref, true}
	return ref, true
}

// maxName is the longest metric name the store's normalization lets through.
const maxName = 200

// resolve finds or creates the context of an entry.
func (a *aggregator) resolve(e *entry) {
	k := kind(e.key[0])
	name, tags, _ := strings.Cut(e.key[1:], "|")
	unit := ""
	if k == timing {
		k, unit = histogram, "millisecond"
	}
	list, host := splitTags(tags, a.host)
	if host != "" {
		list = append(list, "host:"+host)
	}
	c := &metricContext{kind: k, unit: unit, name: store.NormalizeName(name), host: host, tags: store.NewTags(list)}
	c.key = string(rune(k)) + c.name + "|" + strings.Join(c.tags, ",")
	if known, ok := a.contexts[c.key]; ok {
		c = known
		if c.unit == "" {
			c.unit = unit
		}
	} else {
		n := 1
		if k == histogram {
			n = len(a.figures)
		}
		c.series = make([]seriesRef, n)
		a.contexts[c.key] = c
		a.ordered = append(a.ordered, c)
	}
	c.entries++
	e.ctx = c
}
