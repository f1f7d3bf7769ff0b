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
	entries book[entry]
	open    int    // which side
	turn    uint32 // of the open side; counts flips
	sides   [2]side
	spare   []*many // emptied, to be used again
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

// entry is one spelling of a context.
type entry struct {
	context uint32 // the aggregator's number of it; 0 until the first bucket closes
	slot    uint32 // place in the side of that turn
	turn    uint32 // when it last had values
	kind    kind
}

// spelling is a context as it was sent.
type spelling struct{ name, tags, container string }

// timedValue is a value that came with its own time.
type timedValue struct {
	entry uint32
	n     int   // values that were packed
	at    int64 // ms
	value float64
	first *spelling // of the entry, if this is its first value
}

// side is what the entries of a table have received in one bucket.
type side struct {
	pages []*sums
	used  uint32
	many  []*many
	held  int   // bytes of single values
	fresh texts // of the entries first seen, in their order
}

// sums is a page of accumulators.
type sums [1024]accumulator

func (s *side) at(slot uint32) *accumulator {
	return &s.pages[slot/uint32(len(sums{}))][slot%uint32(len(sums{}))]
}

// accumulator is what one entry has received in one bucket. It has no pointers.
type accumulator struct {
	value float64 // a counter's sum, a gauge's last value
	of    uint32  // the entry; while it is collected, the context, or 0 once it was merged into another
	many  uint32  // place from 1 in the side's, for the kinds that can't be added up
	order uint32  // of a gauge's last value; it wraps
	n     uint32  // values; none when they were all refused
}

// many is where values go that can't be added up.
type many struct {
	spread  spread
	members map[string]struct{}
	sketch  *sketch.Sketch
}

func newTable(a *aggregator) *table {
	return &table{shared: a, turn: 1, clients: newClients()}
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
	if m.at != 0 {
		return t.addTimed(m)
	}
	id, e, why := t.find(m)
	if why != valid {
		return why
	}
	acc := t.accumulator(id, e)
	why = t.add(acc, m)
	if why == valid {
		n := max(1, len(m.values)) // a set has one member
		acc.n += min(uint32(n), math.MaxUint32-acc.n)
		t.stats.metrics += uint64(n)
	}
	return why
}

// find returns the entry of m and its number. One that has to be made gets an
// accumulator, or a value with a time, next: its text waits for that.
func (t *table) find(m *metric) (uint32, *entry, reason) {
	hash, container := t.hash(m)
	if id, e := t.entries.find(hash); id != 0 {
		return id, e, valid
	}
	if bytes.Count(m.tags, comma) >= maxTags {
		return 0, nil, tooManyTags
	}
	fresh := &t.sides[t.open].fresh
	if fresh.size+len(m.name)+len(m.tags)+len(container) > maxFresh {
		return 0, nil, tooManyContexts
	}
	if t.shared.entries.Add(1) > t.shared.maxEntries {
		t.shared.entries.Add(-1)
		return 0, nil, tooManyContexts
	}
	if m.at == 0 {
		fresh.add(m.name, m.tags, container)
	}
	id, e := t.entries.add(hash)
	e.kind = m.kind
	return id, e, valid
}

func (t *table) hash(m *metric) (hash uint64, container []byte) {
	seed := t.shared.seed
	hash = payload.Join(maphash.Bytes(seed, m.name)+uint64(m.kind), maphash.Bytes(seed, m.tags))
	if t.shared.containers && len(m.container) > 0 {
		container = m.container
		hash = payload.Join(hash, maphash.Bytes(seed, container))
	}
	return hash, container
}

// accumulator returns that of an entry in the open side.
func (t *table) accumulator(id uint32, e *entry) *accumulator {
	s := &t.sides[t.open]
	if e.turn != t.turn {
		if int(s.used) == len(s.pages)*len(sums{}) {
			s.pages = append(s.pages, t.shared.pages.get())
		}
		e.turn, e.slot = t.turn, s.used
		s.used++
		*s.at(e.slot) = accumulator{of: id}
	}
	return s.at(e.slot)
}

// manyOf returns where acc's single values go.
func (t *table) manyOf(s *side, acc *accumulator) *many {
	if acc.many == 0 {
		m := &many{}
		if n := len(t.spare); n > 0 {
			m, t.spare = t.spare[n-1], t.spare[:n-1]
		}
		s.many = append(s.many, m)
		acc.many = uint32(len(s.many))
	}
	return s.many[acc.many-1]
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

	side := &t.sides[t.open]
	held := &side.held
	if *held > maxHeld {
		return tooMuchMemory
	}
	values := t.manyOf(side, acc)
	switch m.kind {
	case set:
		if values.members == nil {
			values.members = map[string]struct{}{}
		}
		if _, known := values.members[string(m.member)]; !known {
			values.members[string(m.member)] = struct{}{}
			*held += len(m.member) + 64
		}
	case histogram, timing:
		s, weight := &values.spread, m.weight()
		if *held > maxHeld/2 {
			s.fold() // memory runs short: bins instead of values
		}
		before := s.size()
		for _, v := range m.values {
			s.add(v, weight)
		}
		*held += max(0, s.size()-before)
	case distribution:
		if values.sketch == nil {
			values.sketch = &sketch.Sketch{}
		}
		before := len(values.sketch.Keys)
		weight := uint64(m.weight())
		for _, v := range m.values {
			values.sketch.Add(v, weight)
		}
		*held += binBytes * (len(values.sketch.Keys) - before)
	}
	return valid
}

// addTimed notes values that bypass aggregation. Several packed values of a
// counter are one sum; of a gauge, the last one counts.
func (t *table) addTimed(m *metric) reason {
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
	known := t.entries.known
	id, e, why := t.find(m)
	if why != valid {
		return why
	}
	v := timedValue{entry: id, n: len(m.values), at: m.at, value: value}
	if t.entries.known > known {
		_, container := t.hash(m)
		v.first = &spelling{string(m.name), string(m.tags), string(container)}
	}
	e.turn = t.turn
	t.timed = append(t.timed, v)
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
	t.turn++
	t.mu.Unlock()
}

// closed returns the side that is not open, and a view of the entries that is
// good for those that were known when it was closed. Nobody else uses either.
func (t *table) closed() (*side, *book[entry]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &t.sides[t.open^1], &book[entry]{pages: t.entries.pages}
}

// empty makes the closed side ready to be opened. What of its memory was in use
// is kept for the buckets to come.
func (t *table) empty(s *side) {
	for _, m := range s.many {
		m.reset()
	}
	t.shared.pages.put(s.pages)
	t.mu.Lock()
	t.spare = s.many
	t.mu.Unlock()
	*s = side{}
}

// takeTimed takes the values with times of their own, and what closed gives of
// the entries.
func (t *table) takeTimed() ([]timedValue, *book[entry]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	timed := t.timed
	t.timed = nil
	return timed, &book[entry]{pages: t.entries.pages}
}

// sweep forgets entries without values in the last turns, and calls forgotten
// with the context of each. It lets the reader in between steps.
func (t *table) sweep(turns uint32, forgotten func(context uint32)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	steps := 0
	t.entries.each(func(id uint32, e *entry) {
		if steps++; steps%512 == 0 {
			t.mu.Unlock()
			t.mu.Lock()
		}
		if t.turn-e.turn <= turns || len(t.timed) > 0 && (e.kind == counterAt || e.kind == gaugeAt) {
			return
		}
		context := e.context
		if t.entries.remove(id) {
			t.shared.entries.Add(-1)
		}
		forgotten(context)
	})
}

// hide makes the entries of some contexts unknown. Values that they have are
// collected still.
func (t *table) hide(some func(context uint32) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries.each(func(id uint32, e *entry) {
		if some(e.context) && t.entries.hide(id) {
			t.shared.entries.Add(-1)
		}
	})
}
