package store

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"
)

// states holds what changes of each series: the span of its samples, the last
// one, and what is durable of it. Series come in pages, so that none ever moves.
type states struct {
	grow  sync.Mutex
	pages atomic.Pointer[[]*statePage]

	mu sync.RWMutex // guards first, last and value of all series; apply writes them
}

const statePageLen = 1024

type statePage [statePageLen]state

type state struct {
	first, last int64   // ms; first > last when no sample is known
	value       float64 // of the last sample, or unknownValue
	flags       atomic.Uint32
}

const (
	stateKnown  = 1 << iota // there is such a series
	stateLogged             // a durable log record defines it
	stateSaved              // the log of definitions has it; the sealer's
	stateIdle               // it was without a sample when idle series were last looked for
	stateKind   = 8         // the kind is in the 8 bits from here
	stateRule   = 16        // and the rule of retention in the 8 bits from here
)

const noSample = int64(-1) << 62

// unknownValue is a NaN for a last value that only a partition knows, and of
// distributions. A sample with these very bits is read as any other.
var unknownValue = math.Float64frombits(0x7ff8_0000_0077_6870)

func (s *state) kind() Kind { return Kind(s.flags.Load() >> stateKind) }

// rule is the index of the series' retention among the store's.
func (s *state) rule() int { return int(uint8(s.flags.Load() >> stateRule)) }

func (s *state) is(flag uint32) bool { return s.flags.Load()&flag != 0 }

// saw takes a sample into account. Of samples with one time the later wins.
func (s *state) saw(at int64, value float64) {
	s.first = min(s.first, at)
	if at >= s.last {
		s.last, s.value = at, value
	}
}

func (t *states) all() []*statePage {
	if p := t.pages.Load(); p != nil {
		return *p
	}
	return nil
}

// at returns the state of a series, nil when there is no such series.
func (t *states) at(ref Ref) *state {
	pages := t.all()
	if n := int(ref / statePageLen); n < len(pages) && pages[n] != nil {
		if s := &pages[n][ref%statePageLen]; s.is(stateKnown) {
			return s
		}
	}
	return nil
}

// add makes a series known.
func (t *states) add(ref Ref, kind Kind, rule int) *state {
	t.grow.Lock()
	defer t.grow.Unlock()
	pages := t.all()
	n := int(ref / statePageLen)
	if n >= len(pages) || pages[n] == nil {
		pages = slices.Clone(pages) // readers keep the one they have
		for n >= len(pages) {
			pages = append(pages, nil)
		}
		pages[n] = new(statePage)
		t.pages.Store(&pages)
	}
	s := &pages[n][ref%statePageLen]
	t.mu.Lock()
	s.first, s.last, s.value = -noSample, noSample, unknownValue
	t.mu.Unlock()
	s.flags.Store(stateKnown | uint32(kind)<<stateKind | uint32(rule)<<stateRule)
	return s
}

// forget gives up series, and the pages where none is left.
func (t *states) forget(refs []Ref) {
	t.grow.Lock()
	defer t.grow.Unlock()
	pages := slices.Clone(t.all())
	touched := map[int]bool{}
	for _, ref := range refs {
		n := int(ref / statePageLen)
		pages[n][ref%statePageLen].flags.Store(0)
		touched[n] = true
	}
	for n := range touched {
		if n < len(pages)-1 && pages[n].empty() {
			pages[n] = nil
		}
	}
	t.pages.Store(&pages)
}

func (p *statePage) empty() bool {
	for i := range p {
		if p[i].is(stateKnown) {
			return false
		}
	}
	return true
}

// each calls fn with every series. fn may read spans only under mu.
func (t *states) each(fn func(ref Ref, s *state)) {
	for n, page := range t.all() {
		for i := 0; page != nil && i < statePageLen; i++ {
			if page[i].is(stateKnown) {
				fn(Ref(n*statePageLen+i), &page[i])
			}
		}
	}
}

// span is what is known of a series' samples at one moment.
type span struct {
	ref         Ref
	first, last int64
	value       float64
}

// withinBatch bounds how long appends wait for readers of spans.
const withinBatch = 4096

// within returns the spans of those series that touch [from, to].
func (t *states) within(ids *roaring.Bitmap, from, to int64) []span {
	found := make([]span, 0, ids.GetCardinality())
	t.visit(ids, func(ref Ref, s *state) {
		if s.first <= to && s.last >= from {
			found = append(found, span{ref, s.first, s.last, s.value})
		}
	})
	return found
}

// visit calls fn under mu with those of the given series that are known.
func (t *states) visit(ids *roaring.Bitmap, fn func(ref Ref, s *state)) {
	it := ids.ManyIterator()
	buffer := make([]uint32, withinBatch)
	for n := it.NextMany(buffer); n > 0; n = it.NextMany(buffer) {
		t.mu.RLock()
		for _, id := range buffer[:n] {
			if s := t.at(Ref(id)); s != nil {
				fn(Ref(id), s)
			}
		}
		t.mu.RUnlock()
	}
}
