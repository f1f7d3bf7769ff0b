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
	idleTurns     = 3 // the one open now, too
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
	newest   int64 // the last bucket that has been emitted
	setBack  int64 // how often the clock was, by more than a bucket
	contexts book[metricContext]
	made     map[uint32]*identity // of contexts that have not got all their series
	figured  blocks               // refs of histograms
	metrics  metricList
	hosts    hostList
	pages    pages
	relieve  func() // called now and then while a bucket is emitted
	refused  uint64 // samples of series over the store's limit
}

// sink is what the aggregator needs of the store.
type sink struct {
	intern func(store.Series) (store.Ref, error)
	learn  func(catalog.Metric)
	seen   func(host string, ms int64)
}

// metricContext is a metric with its tags and host. It has no pointers, and no
// gaps between its fields: there may be millions.
type metricContext struct {
	last    int64        // bucket
	metric  uint32       // in aggregator.metrics
	host    uint32       // in aggregator.hosts
	ref     [1]store.Ref // of its series, 0 when there is none yet; a histogram's are in aggregator.figured
	figured uint32       // place there
	entries uint32       // that point here
	place   uint32       // while collected, where its values are: a placeOf; 0: it has none
	kind    kind
	lost    bool // the store has forgotten a series of it: its next line makes another context
}

// placeOf numbers all accumulators of the tables' closed sides, from 1.
func placeOf(table int, slot uint32) uint32 { return uint32(table)*maxContexts + slot + 1 }

// identity is a context in the form it is kept in.
type identity struct {
	name, unit string
	tags       store.Tags // with the host's
}

func newAggregator(tables int, now func() time.Time) *aggregator {
	started := now().UnixMilli()
	a := &aggregator{now: now, made: map[uint32]*identity{}, metrics: newMetricList(), hosts: newHostList(), relieve: func() {}, seed: maphash.MakeSeed(), maxEntries: maxContexts, started: started, newest: math.MinInt64}
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

// startAnew gives up the contexts of series that the store has forgotten: the
// next line of each makes its series again.
func (a *aggregator) startAnew(forgotten []store.Ref) {
	a.mu.Lock()
	defer a.mu.Unlock()
	gone := make(map[store.Ref]bool, len(forgotten))
	for _, ref := range forgotten {
		gone[ref] = true
	}
	a.contexts.each(func(id uint32, c *metricContext) {
		if slices.ContainsFunc(a.refs(c), func(ref store.Ref) bool { return gone[ref] }) {
			c.lost = true
			a.contexts.hide(id)
		}
	})
	for _, t := range a.tables {
		t.hide(func(context uint32) bool { return context != 0 && a.contexts.at(context).lost })
	}
}

// collect merges the closed sides and emits bucket a.closed. The caller holds
// a.mu; nobody else looks at a closed side. First every context's values come
// together in the accumulator where it is met first; then those are emitted.
func (a *aggregator) collect() {
	a.pending = false
	for i, t := range a.tables {
		side, entries := t.closed()
		for slot := range side.used {
			a.merge(entries, side, i, slot)
		}
	}
	at, met, used := a.stamp(), make([]bool, len(a.hosts.names)), 0
	for _, t := range a.tables {
		side, _ := t.closed()
		for slot := range side.used {
			if acc := side.at(slot); acc.of != 0 {
				c := a.contexts.at(acc.of)
				a.emit(acc.of, c, side, acc, at)
				c.place = 0
				met[c.host] = true
			}
			if slot%relieveEvery == 0 {
				a.relieve()
			}
		}
		used += len(side.pages)
		t.empty(side)
	}
	a.pages.trim(used)
	a.seen(met, at)
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

// merge adds what an entry received to the values of its context.
func (a *aggregator) merge(entries *book[entry], s *side, table int, slot uint32) {
	from := s.at(slot)
	e := entries.at(from.of)
	if e.context == 0 {
		a.resolve(e, s.fresh.next())
		if from.n > 0 {
			a.makeSeries(e.context) // its text may go
		}
	}
	c := a.contexts.at(e.context)
	a.metrics.all[c.metric].values += uint64(from.n)
	if c.place == 0 {
		c.place, from.of = placeOf(table, slot), e.context
		return
	}
	from.of = 0
	first := a.tables[(c.place-1)/maxContexts]
	side := &first.sides[first.open^1]
	to := side.at((c.place - 1) % maxContexts)
	switch c.kind {
	case counter:
		to.value += from.value
	case gauge:
		if int32(from.order-to.order) > 0 {
			to.order, to.value = from.order, from.value
		}
	default:
		switch {
		case from.many == 0: // its values were refused
		case to.many == 0:
			side.many = append(side.many, s.many[from.many-1])
			to.many, s.many[from.many-1] = uint32(len(side.many)), &many{}
		default:
			side.many[to.many-1].merge(s.many[from.many-1])
		}
	}
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
func (a *aggregator) emit(id uint32, c *metricContext, s *side, acc *accumulator, at int64) {
	c.last = a.closed
	a.metrics.all[c.metric].last = a.closed
	var values *many
	if acc.many != 0 {
		values = s.many[acc.many-1]
	}
	switch c.kind {
	case counter:
		a.sample(id, c, 0, at, acc.value/bucketSeconds)
	case gauge:
		a.sample(id, c, 0, at, acc.value)
	case set:
		if values != nil {
			a.sample(id, c, 0, at, float64(len(values.members)))
		}
	case histogram:
		if values == nil || values.spread.count == 0 {
			break
		}
		values.spread.sort()
		for i, f := range a.figures {
			a.sample(id, c, i, at, f.of(&values.spread))
		}
	case distribution:
		if values == nil || values.sketch == nil {
			break
		}
		if ref, ok := a.ref(id, c, 0); ok {
			a.out.addSketch(store.SketchSample{Ref: ref, Time: at, Sketch: values.sketch})
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
	a.contexts.each(func(id uint32, c *metricContext) {
		if id%relieveEvery == 0 {
			a.relieve()
		}
		if c.kind != counter || c.lost {
			return
		}
		c.last = min(c.last, open) // after the clock was set back
		for b := max(a.closed, a.newest+1, c.last+1); b < min(open, c.last+zeroBuckets+1); b++ {
			a.sample(id, c, 0, b*bucketMillis, 0)
		}
	})
	a.newest = max(a.newest, open-1)
}

// forget drops entries and contexts whose time is over.
func (a *aggregator) forget() {
	for _, t := range a.tables {
		t.sweep(idleTurns, func(context uint32) {
			if context != 0 {
				a.contexts.at(context).entries--
			}
		})
	}
	open := a.current.Load()
	a.contexts.each(func(id uint32, c *metricContext) {
		if c.entries > 0 || c.kind == counter && !c.lost && open-c.last <= zeroBuckets {
			return
		}
		if c.kind == histogram {
			a.figured.remove(c.figured)
		}
		a.metrics.release(c.metric)
		a.contexts.remove(id)
		delete(a.made, id)
	})
}

// collectTimed emits values that came with times of their own.
func (a *aggregator) collectTimed() {
	open := a.current.Load()
	met := map[uint32]bool{}
	for _, t := range a.tables {
		timed, entries := t.takeTimed()
		for _, v := range timed {
			e := entries.at(v.entry)
			if e.context == 0 {
				a.resolve(e, *v.first)
			}
			id := e.context
			c, m := a.contexts.at(id), &a.metrics.all[a.contexts.at(id).metric]
			c.last, m.last = open, open
			m.values += uint64(v.n)
			met[c.host] = true
			if c.kind == counterAt {
				a.sample(id, c, 0, v.at, v.value/bucketSeconds)
			} else {
				a.sample(id, c, 0, v.at, v.value)
			}
		}
	}
	for host := range met {
		a.sawHost(host, open*bucketMillis)
	}
}

// seen notes the hosts of a bucket.
func (a *aggregator) seen(met []bool, at int64) {
	for host, is := range met {
		if is {
			a.sawHost(uint32(host), at)
		}
	}
}

func (a *aggregator) sawHost(host uint32, at int64) {
	if name := a.hosts.names[host]; name != "" {
		a.sink.seen(name, at)
	}
}

func (a *aggregator) sample(id uint32, c *metricContext, i int, at int64, value float64) {
	if !finite(value) {
		return // sums of large finite values overflow
	}
	if ref, ok := a.ref(id, c, i); ok {
		a.out.addSample(store.Sample{Ref: ref, Time: at, Value: value})
	}
}

// ref returns the i-th series of c.
func (a *aggregator) ref(id uint32, c *metricContext, i int) (store.Ref, bool) {
	refs := a.refs(c)
	if refs[i] == 0 {
		a.makeSeries(id)
	}
	if refs[i] == 0 {
		a.refused++
	}
	return refs[i], refs[i] != 0
}

// refs is where those of c are kept.
func (a *aggregator) refs(c *metricContext) []store.Ref {
	if c.kind == histogram {
		return a.figured.at(c.figured)
	}
	return c.ref[:]
}

// makeSeries makes the series of a context that it has not got yet. Once it has
// all, its text is forgotten: that is most of what a context takes.
func (a *aggregator) makeSeries(id uint32) {
	of := a.made[id]
	if of == nil {
		return
	}
	c, complete := a.contexts.at(id), true
	for i, ref := range a.refs(c) {
		if ref == 0 {
			ref = a.intern(of, a.suffix(c, i), a.storedAs(c, i))
			a.refs(c)[i] = ref
		}
		complete = complete && ref != 0
	}
	if complete {
		delete(a.made, id)
	}
}

// suffix is what the i-th series of c has behind the metric's name.
func (a *aggregator) suffix(c *metricContext, i int) string {
	if c.kind == histogram {
		return a.figures[i].suffix
	}
	return ""
}

// storedAs is the kind of the i-th series of c.
func (a *aggregator) storedAs(c *metricContext, i int) store.Kind {
	switch {
	case c.kind == counter || c.kind == counterAt || c.kind == histogram && a.figures[i].rate:
		return store.Rate
	case c.kind == distribution:
		return store.Distribution
	default:
		return store.Gauge
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
func (a *aggregator) resolve(e *entry, text spelling) {
	k, unit := e.kind, ""
	if k == timing {
		k, unit = histogram, "millisecond"
	}
	name, extra := a.mapper.apply(text.name)
	if len(extra) > 0 {
		text.tags = strings.Join(append(extra, text.tags), ",")
	}
	list, host := splitTags(text.tags, a.host)
	if host != "" {
		list = append(list, "host:"+host)
	}
	if text.container != "" {
		list = append(list, store.NormalizeTag("container_id:"+text.container))
	}
	tags := store.NewTags(list)
	name = cmp.Or(store.NormalizeName(name), store.NormalizeName(text.name))
	id, c := a.contextOf(name, tags, k, host)
	if of := a.made[id]; of != nil && of.unit == "" {
		of.unit = unit
	}
	c.entries++
	e.context = id
}

// contextOf finds or creates a context.
func (a *aggregator) contextOf(name string, tags store.Tags, k kind, host string) (uint32, *metricContext) {
	hash := maphash.String(a.seed, name) + uint64(k)
	for _, tag := range tags {
		hash = payload.Join(hash, maphash.String(a.seed, tag))
	}
	id, c := a.contexts.find(hash)
	if c == nil {
		id, c = a.contexts.add(hash)
		c.kind, c.metric, c.host = k, a.metrics.use(name), a.hosts.number(host)
		if k == histogram {
			c.figured = a.figured.add(len(a.figures))
		}
		a.made[id] = &identity{name: a.metrics.all[c.metric].name, tags: tags}
	}
	return id, c
}
