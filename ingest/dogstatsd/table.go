package dogstatsd

import (
	"bytes"
	"hash/maphash"
	"math"
	"net/netip"
	"sync"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/sketch"
)

// Bounds on what one table holds. A sender that passes them loses what is above
// them, counted; what is known already goes on.
const (
	maxContexts = 4 << 20   // distinct lines over all tables
	maxTags     = 512       // of one of them
	maxFresh    = 128 << 20 // bytes of names and tags first seen in one bucket, per table
	maxHeld     = 128 << 20 // bytes of single values in one bucket, per table
)

var comma = []byte{','}

// table is where one reader accumulates, so that readers never wait for each
// other. Contexts are found by a hash of the bytes of name and tags as they
// were sent, keyed at random: two spellings of one context are two entries,
// which the aggregator merges when the bucket closes. The bytes themselves are
// kept only until then, so that a context takes little memory. There are two
// sides: values go to the open one while the aggregator empties the other.
type table struct {
	shared *aggregator

	mu      sync.Mutex // held by the reader for a batch of packets at a time
	open    int        // which side
	entries map[uint64]*entry
	touched [2][]*entry // entries with values, by side
	fresh   [2]int      // bytes of names and tags first seen, by side
	held    [2]int      // bytes of single values, by side
	timed   []timedValue
	order   uint32 // of the last line; grows over all tables, and wraps

	scratch  metric
	rejected rejections
	stats    tableStats
	clients  clients
}

type tableStats struct {
	packets, bytes, metrics, events, checks uint64
}

// entry is one spelling of a context. There may be millions: its fields are in
// an order that leaves no gaps.
type entry struct {
	sides [2]accumulator
	ctx   *metricContext // the aggregator's; nil until the first bucket closes
	key   *spelling      // until then
	round uint32         // when it last had values; the aggregator's
	kind  kind
}

// spelling is a context as it was sent.
type spelling struct{ name, tags, container string }

// timedValue is a value that came with its own time.
type timedValue struct {
	entry *entry
	n     int   // values that were packed
	at    int64 // ms
	value float64
}

// accumulator is what one entry has received in one bucket.
type accumulator struct {
	value float64 // a counter's sum, a gauge's last value
	many  *many   // for the kinds that can't be added up
	order uint32  // of a gauge's last value; it wraps
	n     uint32  // values; the highest bit says that there was a line, if only of values refused
}

const used = 1 << 31

func (a *accumulator) isUsed() bool { return a.n&used != 0 }

// many is where values go that can't be added up.
type many struct {
	spread  spread
	members map[string]struct{}
	sketch  *sketch.Sketch
}

func newTable(a *aggregator) *table {
	return &table{shared: a, entries: map[uint64]*entry{}, clients: newClients()}
}

// begin locks t for a batch of packets that arrived at now (ms).
func (t *table) begin(now int64) {
	t.shared.enter(now)
	t.mu.Lock()
	t.nextOrders()
}

func (t *table) end() { t.mu.Unlock() }

// orderBlock is how many lines are given their order by one atomic step.
const orderBlock = 1024

func (t *table) nextOrders() { t.order = t.shared.order.Add(orderBlock) - orderBlock }

// packet takes a datagram that arrived at now (ms); from is the zero Addr for
// senders on this machine that have none. cut says that its end is missing.
func (t *table) packet(b []byte, from netip.Addr, cut bool, now int64) {
	t.stats.packets++
	t.stats.bytes += uint64(len(b))
	size, values, refused := len(b), t.stats.metrics, t.rejected.total
	if cut {
		end := bytes.LastIndexByte(b, '\n') + 1
		t.rejected.add(truncated, b[end:], 1)
		b = b[:end]
	}
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		if len(line) > 0 {
			t.line(line, now)
		}
	}
	t.clients.add(from, now, size, t.stats.metrics-values, t.rejected.total-refused)
}

func (t *table) line(line []byte, now int64) {
	var why reason
	switch {
	case line[0] != '_':
		why = t.metric(line)
	case bytes.HasPrefix(line, eventPrefix):
		var e catalog.Event
		if e, why = parseEvent(line, now, t.shared.host); why == valid {
			t.stats.events++
			t.shared.documents.event(e)
		}
	case bytes.HasPrefix(line, checkPrefix):
		var c catalog.Check
		if c, why = parseCheck(line, now, t.shared.host); why == valid {
			t.stats.checks++
			t.shared.documents.check(c)
		}
	default:
		why = t.metric(line)
	}
	if why != valid {
		t.rejected.add(why, line, 1)
	}
}

func (t *table) metric(line []byte) reason {
	m := &t.scratch
	if why := parseMetric(line, m); why != valid {
		return why
	}
	if m.odd > 0 {
		t.rejected.add(badFinite, line, m.odd)
	}
	e, why := t.find(m)
	if why != valid {
		return why
	}
	if m.at != 0 {
		return t.addTimed(e, m)
	}
	acc := &e.sides[t.open]
	if !acc.isUsed() {
		acc.n = used
		t.touched[t.open] = append(t.touched[t.open], e)
	}
	why = t.add(acc, m)
	if why == valid {
		n := max(1, len(m.values)) // a set has one member
		acc.n = min(acc.n+uint32(n), math.MaxUint32)
		t.stats.metrics += uint64(n)
	}
	return why
}

// find returns the entry of m, created at first sight.
func (t *table) find(m *metric) (*entry, reason) {
	seed := t.shared.seed
	hash := payload.Join(maphash.Bytes(seed, m.name)+uint64(m.kind), maphash.Bytes(seed, m.tags))
	var container []byte
	if t.shared.containers && len(m.container) > 0 {
		container = m.container
		hash = payload.Join(hash, maphash.Bytes(seed, container))
	}
	if e := t.entries[hash]; e != nil {
		return e, valid
	}
	if bytes.Count(m.tags, comma) >= maxTags {
		return nil, tooManyTags
	}
	size := len(m.name) + len(m.tags) + len(container)
	if t.fresh[t.open]+size > maxFresh {
		return nil, tooManyContexts
	}
	if t.shared.entries.Add(1) > t.shared.maxEntries {
		t.shared.entries.Add(-1)
		return nil, tooManyContexts
	}
	e := &entry{kind: m.kind, key: &spelling{string(m.name), string(m.tags), string(container)}}
	t.entries[hash] = e
	t.fresh[t.open] += size
	return e, valid
}

// add puts the values of m into acc.
func (t *table) add(acc *accumulator, m *metric) reason {
	if t.order++; t.order%orderBlock == 0 {
		t.nextOrders()
	}
	switch m.kind {
	case counter:
		sum := 0.0
		for _, v := range m.values {
			sum += v
		}
		sum = sum/m.rate + acc.value
		if !finite(sum) {
			return badFinite
		}
		acc.value = sum
		return valid
	case gauge:
		acc.order, acc.value = t.order, m.values[len(m.values)-1]
		return valid
	}

	if acc.many == nil {
		acc.many = &many{}
	}
	held := &t.held[t.open]
	if *held > maxHeld {
		return tooMuchMemory
	}
	switch m.kind {
	case set:
		if acc.many.members == nil {
			acc.many.members = map[string]struct{}{}
		}
		if _, known := acc.many.members[string(m.member)]; !known {
			acc.many.members[string(m.member)] = struct{}{}
			*held += len(m.member) + 64
		}
	case histogram, timing:
		s, weight := &acc.many.spread, m.weight()
		if *held > maxHeld/2 {
			s.fold() // memory runs short: bins instead of values
		}
		before := s.size()
		for _, v := range m.values {
			s.add(v, weight)
		}
		*held += max(0, s.size()-before)
	case distribution:
		if acc.many.sketch == nil {
			acc.many.sketch = &sketch.Sketch{}
		}
		before := len(acc.many.sketch.Keys)
		weight := uint64(m.weight())
		for _, v := range m.values {
			acc.many.sketch.Add(v, weight)
		}
		*held += binBytes * (len(acc.many.sketch.Keys) - before)
	}
	return valid
}

// addTimed notes values that bypass aggregation. Several packed values of a
// counter are one sum; of a gauge, the last one counts.
func (t *table) addTimed(e *entry, m *metric) reason {
	if len(t.timed) >= maxTimed {
		return tooMuchMemory
	}
	value := m.values[len(m.values)-1]
	if m.kind == counterAt {
		value = 0
		for _, v := range m.values {
			value += v
		}
		if value = value / m.rate; !finite(value) {
			return badFinite
		}
	}
	t.timed = append(t.timed, timedValue{e, len(m.values), m.at, value})
	t.stats.metrics += uint64(len(m.values))
	return valid
}

// maxTimed is how many values with a time of their own a table holds between
// two flushes.
const maxTimed = 1 << 20

// binBytes is what a sketch's bin takes.
const binBytes = 12

// size is roughly what s holds, in bytes.
func (s *spread) size() int {
	n := 16 * len(s.points)
	if s.sketch != nil {
		n += binBytes * len(s.sketch.Keys)
	}
	return n
}

// flip opens the other side, which must be empty.
func (t *table) flip() {
	t.mu.Lock()
	t.open ^= 1
	t.mu.Unlock()
}

// takeTimed takes the values with times of their own.
func (t *table) takeTimed() []timedValue {
	t.mu.Lock()
	defer t.mu.Unlock()
	timed := t.timed
	t.timed = nil
	return timed
}

// sweep forgets entries without values since round oldest, and calls forgotten
// for each. It lets the reader in between steps.
func (t *table) sweep(oldest uint32, forgotten func(*entry)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	steps := 0
	for hash, e := range t.entries {
		if steps++; steps%512 == 0 {
			t.mu.Unlock()
			t.mu.Lock()
		}
		if e.round >= oldest || e.sides[0].isUsed() || e.sides[1].isUsed() {
			continue
		}
		if len(t.timed) > 0 && (e.kind == counterAt || e.kind == gaugeAt) {
			continue
		}
		delete(t.entries, hash)
		t.shared.entries.Add(-1)
		forgotten(e)
	}
}
