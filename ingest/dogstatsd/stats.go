package dogstatsd

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// backend is the store, as far as the server needs it.
type backend struct {
	sink      sink
	append    func(context.Context, *store.Batch) (store.Rejected, error)
	addEvents func(context.Context, []catalog.Event) error
	putChecks func(context.Context, []catalog.Check) error
}

// Stats is what a server has seen since it started, and holds now.
type Stats struct {
	Packets uint64 // datagrams, frames of streams and calls of Ingest
	Bytes   uint64
	Metrics uint64 // values accepted; a line may pack several
	Events  uint64
	Checks  uint64

	Rejected []Rejection // most frequent first

	KernelDrops    uint64 // datagrams that found a socket's buffer full
	DroppedSamples uint64 // that waited too long for the store
	DroppedEvents  uint64 // the catalog was too slow
	DroppedChecks  uint64
	RefusedSamples uint64 // of series over the store's limit
	TooOld         uint64 // samples with a time before the retention
	TooNew         uint64 // samples with a time more than 10 minutes ahead

	Samples  uint64 // that the store has taken
	Waiting  int    // samples that wait for the store
	Contexts int    // metrics with their tags that are being aggregated
	Entries  int    // spellings of them, over all readers

	Sockets []SocketStats
}

// SocketStats describes one listening socket.
type SocketStats struct {
	Name          string
	ReceiveBuffer int // bytes, as the kernel granted it
	KernelDrops   uint64
}

// Stats returns the figures of now.
func (s *Server) Stats() Stats {
	var st Stats
	var rejected [reasons]Rejection
	for _, t := range s.agg.tables {
		t.mu.Lock()
		st.Packets += t.stats.packets
		st.Bytes += t.stats.bytes
		st.Metrics += t.stats.metrics
		st.Events += t.stats.events
		st.Checks += t.stats.checks
		for why, n := range t.rejected.counts {
			if n == 0 {
				continue
			}
			r := &rejected[why]
			r.Reason, r.Count = reason(why).String(), r.Count+n
			for _, line := range t.rejected.examples[why] {
				if len(line) > 0 && len(r.Examples) < exampleCount {
					r.Examples = append(r.Examples, printable(line))
				}
			}
		}
		t.mu.Unlock()
	}
	for _, r := range rejected {
		if r.Count > 0 {
			st.Rejected = append(st.Rejected, r)
		}
	}
	slices.SortStableFunc(st.Rejected, func(a, b Rejection) int { return cmp.Compare(b.Count, a.Count) })

	for _, so := range s.sockets {
		drops := so.kernelDrops()
		st.KernelDrops += drops
		st.Sockets = append(st.Sockets, SocketStats{so.name, so.receiveBuffer, drops})
	}
	st.DroppedEvents, st.DroppedChecks = s.docs.droppedEvents.Load(), s.docs.droppedChecks.Load()
	s.agg.mu.Lock()
	st.RefusedSamples = s.agg.refused
	st.Contexts = len(s.agg.contexts)
	s.agg.mu.Unlock()
	st.Entries = int(s.agg.entries.Load())
	s.out.mu.Lock()
	st.Samples, st.DroppedSamples, st.Waiting = s.out.written, s.out.dropped, s.out.waiting
	st.TooOld, st.TooNew = uint64(s.out.rejected.Old), uint64(s.out.rejected.Future)
	s.out.mu.Unlock()
	return st
}

// printable returns b as it is when it is text on one line, else quoted.
func printable(b []byte) string {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if !utf8.Valid(b) || bytes.ContainsFunc(b, unprintable) {
		return strconv.Quote(string(b))
	}
	return string(b)
}
