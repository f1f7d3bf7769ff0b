package prometheus

import (
	"sync"

	"github.com/whippet-obs/whippet/store"
)

// histograms follows the running totals of native histograms, to know what
// each one adds. After a restart the first total of each is only noted, unless
// the sender says that it began after this process did.
type histograms struct {
	mu      sync.Mutex
	last    map[store.Ref]*histogram
	buckets int   // in all of last
	since   int64 // ms
}

// Limits of what is followed; with both reached it is about 50 MB.
const (
	maxFollowed        = 100_000
	maxFollowedBuckets = 3_000_000
	forgetAfter        = 3_600_000 // ms without a sample
)

func (h *histograms) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.last)
}

// follow is one request's histograms on their way to the store. The totals are
// only moved on once that has worked: a sender that tries again finds them as
// they were.
type follow struct {
	of       *histograms
	arrivals []arrival
	next     map[store.Ref]*histogram
	refused  int
}

// begin holds all totals until end, so that requests take turns.
func (h *histograms) begin(arrivals []arrival) *follow {
	f := &follow{of: h, arrivals: arrivals}
	if len(arrivals) > 0 {
		h.mu.Lock()
		f.next = make(map[store.Ref]*histogram, len(arrivals))
	}
	return f
}

func (f *follow) end() {
	if len(f.arrivals) > 0 {
		f.of.mu.Unlock()
	}
}

// deltas appends what was observed up to each arrival.
func (f *follow) deltas(out []store.SketchSample) []store.SketchSample {
	for _, a := range f.arrivals {
		h := a.h
		last := f.next[a.ref]
		if last == nil {
			last = f.of.last[a.ref]
		}
		observed := h
		switch {
		case h.stale:
			f.next[a.ref] = h
			continue
		case h.gauge:
		case last != nil && h.time <= last.time:
			continue // a repeat: it is there
		case last == nil || last.stale:
			if !f.room(h) {
				f.refused++
				continue
			}
			f.next[a.ref] = h
			if a.started < f.of.since && !h.reset {
				continue
			}
		default:
			f.next[a.ref] = h
			observed = h.since(last)
		}
		if s := observed.sketch(); s != nil && h.time > 0 {
			out = append(out, store.SketchSample{Ref: a.ref, Time: h.time, Sketch: s})
		}
	}
	return out
}

func (h *histogram) size() int { return len(h.positive) + len(h.negative) + len(h.custom) }

// room reports whether one more histogram can be followed, and forgets those
// that ended.
func (f *follow) room(h *histogram) bool {
	full := func() bool {
		return len(f.of.last)+len(f.next) >= maxFollowed || f.of.buckets+h.size() > maxFollowedBuckets
	}
	if full() {
		for ref, last := range f.of.last {
			if last.time < h.time-forgetAfter {
				f.of.forget(ref)
			}
		}
	}
	return !full()
}

func (h *histograms) forget(ref store.Ref) {
	if last := h.last[ref]; last != nil {
		h.buckets -= last.size()
		delete(h.last, ref)
	}
}

// commit moves the totals on.
func (f *follow) commit() {
	for ref, h := range f.next {
		f.of.forget(ref)
		if !h.stale {
			f.of.last[ref] = h
			f.of.buckets += h.size()
		}
	}
}
