package histogram

import (
	"sync"

	"github.com/whippet-obs/whippet/store"
)

// Totals follows the running totals of histograms, to know what each one adds.
// After a restart the first total of each is only noted, unless the sender says
// that it began after this process did. Safe for concurrent use.
type Totals struct {
	mu      sync.Mutex
	last    map[store.Ref]*Histogram
	buckets int   // in all of last
	since   int64 // ms
}

// NewTotals returns totals that begin now, in ms.
func NewTotals(now int64) *Totals { return &Totals{last: map[store.Ref]*Histogram{}, since: now} }

// Arrival is a histogram of a series as it came.
type Arrival struct {
	Ref     store.Ref
	Started int64 // when its counting began, ms; 0 when not said
	*Histogram
}

// Limits of what is followed; with both reached it is about 50 MB.
const (
	maxFollowed        = 100_000
	maxFollowedBuckets = 3_000_000
	forgetAfter        = 3_600_000 // ms without a sample
)

// Len is how many series are followed.
func (h *Totals) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.last)
}

// Request is one request's histograms on their way to the store. The totals are
// only moved on once that has worked: a sender that tries again finds them as
// they were.
type Request struct {
	of       *Totals
	arrivals []Arrival
	next     map[store.Ref]*Histogram
	Refused  int // histograms that there was no room to follow
}

// Begin holds all totals until End, so that requests take turns.
func (h *Totals) Begin(arrivals []Arrival) *Request {
	f := &Request{of: h, arrivals: arrivals}
	if len(arrivals) > 0 {
		h.mu.Lock()
		f.next = make(map[store.Ref]*Histogram, len(arrivals))
	}
	return f
}

// End lets go of the totals.
func (f *Request) End() {
	if len(f.arrivals) > 0 {
		f.of.mu.Unlock()
	}
}

// Deltas appends what was observed up to each arrival.
func (f *Request) Deltas(out []store.SketchSample) []store.SketchSample {
	for _, a := range f.arrivals {
		h := a.Histogram
		last := f.next[a.Ref]
		if last == nil {
			last = f.of.last[a.Ref]
		}
		observed := h
		switch {
		case h.Stale:
			f.next[a.Ref] = h
			continue
		case h.Alone:
		case last != nil && h.Time <= last.Time:
			continue // a repeat: it is there
		case last == nil || last.Stale:
			if !f.room(h) {
				f.Refused++
				continue
			}
			f.next[a.Ref] = h
			if a.Started < f.of.since && !h.Reset {
				continue
			}
		default:
			f.next[a.Ref] = h
			observed = h.since(last)
		}
		if s := observed.Sketch(); s != nil && h.Time > 0 {
			out = append(out, store.SketchSample{Ref: a.Ref, Time: h.Time, Sketch: s})
		}
	}
	return out
}

func (h *Histogram) size() int { return len(h.Positive) + len(h.Negative) + len(h.Bounds) }

// room reports whether one more histogram can be followed, and forgets those
// that ended.
func (f *Request) room(h *Histogram) bool {
	full := func() bool {
		return len(f.of.last)+len(f.next) >= maxFollowed || f.of.buckets+h.size() > maxFollowedBuckets
	}
	if full() {
		for ref, last := range f.of.last {
			if last.Time < h.Time-forgetAfter {
				f.of.forget(ref)
			}
		}
	}
	return !full()
}

func (h *Totals) forget(ref store.Ref) {
	if last := h.last[ref]; last != nil {
		h.buckets -= last.size()
		delete(h.last, ref)
	}
}

// Commit moves the totals on.
func (f *Request) Commit() {
	for ref, h := range f.next {
		f.of.forget(ref)
		if !h.Stale {
			f.of.last[ref] = h
			f.of.buckets += h.size()
		}
	}
}
