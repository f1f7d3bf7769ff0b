package store

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// head holds the samples that are in the log and not yet in a partition, as
// they came. Its memory is mapped and goes back when the last user releases it:
// the store itself until the head is sealed, and readers.
type head struct {
	segment int       // of the log, where its first record may be
	since   time.Time // when it was begun
	users   atomic.Int32

	mu       sync.RWMutex
	chains   []*chainPage // by Ref
	pages    slabs        // where they lie
	cells    cells
	samples  int
	series   int // with samples
	min, max int64
	scratch  []byte
	pace     pace // the sealer's
}

const chainPageLen = 1024

type chainPage [chainPageLen]chain

func newHead(since time.Time, segment int) *head {
	h := &head{segment: segment, since: since, min: math.MaxInt64, max: math.MinInt64}
	h.cells.base = since.UnixMilli()
	h.users.Store(1)
	return h
}

// acquire adds a user. Only a user, or who holds the lock on the store's heads,
// may acquire.
func (h *head) acquire() { h.users.Add(1) }

// release ends a use; the last one gives the memory back.
func (h *head) release() error {
	if h.users.Add(-1) > 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.chains = nil
	if err := errors.Join(h.pages.free(), h.cells.slabs.free()); err != nil {
		return fmt.Errorf("free the head: %w", err)
	}
	return nil
}

// add keeps the samples of a batch whose series keep says to, and gives the
// memory that the head takes then. Only who has the log's turn calls it.
func (h *head) add(b *Batch, keep func(ref Ref, at int64, value float64, sketch bool) bool) (memory int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range b.Samples {
		s := &b.Samples[i]
		if keep(s.Ref, s.Time, s.Value, false) {
			h.cells.addNumber(h.grow(s.Ref, s.Time), s.Time, s.Value)
		}
	}
	for _, s := range b.Sketches {
		if keep(s.Ref, s.Time, 0, true) {
			h.scratch = h.cells.addSketch(h.grow(s.Ref, s.Time), s.Time, s.Sketch, h.scratch)
		}
	}
	return h.memory()
}

// grow returns the chain of a series that is about to get a sample.
func (h *head) grow(ref Ref, at int64) *chain {
	n := int(ref / chainPageLen)
	for n >= len(h.chains) {
		h.chains = append(h.chains, nil)
	}
	if h.chains[n] == nil {
		memory := h.pages.add(int(unsafe.Sizeof(chainPage{})))
		h.chains[n] = (*chainPage)(unsafe.Pointer(unsafe.SliceData(memory)))
	}
	h.samples++
	h.min, h.max = min(h.min, at), max(h.max, at)
	t := &h.chains[n][ref%chainPageLen]
	if t.count == 0 {
		h.series++
	}
	return t
}

// refs lists the series that have samples in h, in ascending order.
func (h *head) refs() iter.Seq[Ref] {
	return func(yield func(Ref) bool) {
		for n := 0; ; n++ {
			h.mu.RLock()
			if n >= len(h.chains) {
				h.mu.RUnlock()
				return
			}
			page := h.chains[n]
			h.mu.RUnlock()
			for i := 0; page != nil && i < chainPageLen; i++ {
				if ref := Ref(n*chainPageLen + i); h.has(ref) && !yield(ref) {
					return
				}
			}
		}
	}
}

func (h *head) has(ref Ref) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.chains[ref/chainPageLen][ref%chainPageLen].count > 0
}

// read appends the samples of one series to c, in the order they came: times
// may repeat and descend. Nothing is read when all of the head lies outside of
// [from, to]; else samples outside of it may be among those appended.
func (h *head) read(ref Ref, sketches bool, from, to int64, c *Columns) error {
	h.mu.RLock()
	var t chain
	if n := int(ref / chainPageLen); n < len(h.chains) && h.chains[n] != nil && h.min <= to && h.max >= from {
		t = h.chains[n][ref%chainPageLen]
	}
	slabs := h.cells.slabs.all
	h.mu.RUnlock()
	if t.count == 0 {
		return nil
	}
	// What t describes is written once and for all: it is read without the lock.
	var buffer [1024]byte
	content := t.read(slabs, buffer[:0])
	if !sketches {
		decodeNumbers(content, h.cells.base, int(t.count), c)
		return nil
	}
	return decodeSketches(content, h.cells.base, int(t.count), c)
}

// full says whether it is time to seal: when blocks of the average series are
// worth their overhead, when memory says so, when the oldest sample has waited
// long enough, or when a burst has ended: what was loaded at once is not to lie
// in the log for hours. Only the sealer calls it.
func (h *head) full(o *Options, now time.Time) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	ended := h.burstEnded(now)
	switch {
	case h.samples == 0:
		return false
	case h.samples >= o.SealSamples && h.samples >= sealPerSeries*h.series:
		return true
	default:
		return ended || h.memory() >= o.SealBytes || now.Sub(h.since) >= o.SealAge
	}
}

const (
	// sealPerSeries is how many samples the average block of a head is to have
	// before its head is sealed for their number.
	sealPerSeries = 60
	// A burst is over when next to nothing has come for burstQuiet. It is one when
	// it brought burstPerSeries samples for the average series, faster than one in
	// burstInterval: imports, and senders that catch up.
	burstQuiet     = 15 * time.Second
	burstInterval  = 5 * time.Second
	burstPerSeries = 8
)

// pace is how a head has grown.
type pace struct {
	began, grew time.Time // when it was first seen to, and last
	at          time.Time // when it was last looked at
	samples     int
}

func (h *head) burstEnded(now time.Time) bool {
	p := &h.pace
	if since := now.Sub(p.at); since >= 0 && since < burstQuiet {
		return false
	}
	if p.began.IsZero() && h.samples > 0 {
		p.began = now
	}
	quiet := h.samples-p.samples <= h.samples/200
	if !quiet {
		p.grew = now
	}
	p.at, p.samples = now, h.samples
	return quiet && h.samples >= burstPerSeries*h.series && p.grew.Sub(p.began) < burstInterval*time.Duration(h.samples/max(1, h.series))
}

// memory is what the head takes, in bytes.
func (h *head) memory() int {
	return int(h.cells.next)*cellLen + len(h.pages.all)*int(unsafe.Sizeof(chainPage{}))
}
