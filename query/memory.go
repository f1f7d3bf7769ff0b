package query

import (
	"container/list"
	"sync"
	"sync/atomic"

	"github.com/whippet-obs/whippet/store"
)

// memory keeps, from one query to the next, what leaves of range queries came
// to: a live dashboard asks the same again and again, each time for a range that
// begins and ends a bit later. Kept are the steps that are closed: no sample is
// expected any more that they depend on. One that comes nevertheless is found by
// the store, and what was kept is thrown away.
type memory struct {
	most int64 // bytes; 0: nothing is kept

	mu     sync.Mutex
	bytes  int64
	byKey  map[string]*list.Element // of *remembered
	recent *list.List               // the one used last first

	hits, misses, stale atomic.Int64
}

func newMemory(most int64) *memory {
	return &memory{most: max(0, most), byKey: map[string]*list.Element{}, recent: list.New()}
}

// remembered is what is kept of one leaf. It does not change.
type remembered struct {
	key        string
	start, end int64 // of the steps kept, ms
	asked      int64 // the last step asked for then
	closed     int64 // the steps kept depend on no sample after this time
	until      int64 // and on which sample comes next up to this one
	mark       store.Mark
	series     []facts
	hostTags   []store.Tags // of each series; nil where none has any
	reach      []int64      // of each step: the oldest sample that it depends on; nil: not noted
	span       int64        // Enough lies so far before the newest sample of living series
	rows       map[string][]float64
	bytes      int64
}

// facts are what is known of a series of a leaf.
type facts struct {
	ref  store.Ref
	last int64 // ms; of the newest sample in the store then
	Facts
}

// Facts are what evaluating a series found out about it.
type Facts struct {
	Seen int64 // ms; of the newest sample read; 0: none was

	// Of leaves that adapt to a series' own interval:
	Near      int64 // that interval, and a bit (ms)
	Low, High int64 // the values would be the same with any other in (Low, High]
	Enough    int64 // ms; samples from this time on are enough to find it
	Open      int64 // ms; the first step whose value the next sample, however late, may change
}

func (m *memory) get(key string) *remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.byKey[key]
	if e == nil {
		return nil
	}
	m.recent.MoveToFront(e)
	return e.Value.(*remembered)
}

// largestShare of the memory is what one leaf may take.
const largestShare = 4

func (m *memory) put(r *remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(r.key)
	if r.bytes > m.most/largestShare {
		return
	}
	m.byKey[r.key] = m.recent.PushFront(r)
	m.bytes += r.bytes
	for m.bytes > m.most {
		m.drop(m.recent.Back().Value.(*remembered).key)
	}
}

func (m *memory) forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(key)
}

func (m *memory) drop(key string) {
	if e := m.byKey[key]; e != nil {
		m.bytes -= m.recent.Remove(e).(*remembered).bytes
		delete(m.byKey, key)
	}
}

// used is how many bytes are kept.
func (m *memory) used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}
