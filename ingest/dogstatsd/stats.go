package dogstatsd

import (
	"bytes"
	"cmp"
	"context"
	"net/netip"
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

	LateBatches    uint64 // batches of packets counted in the bucket before theirs, because that could not be closed in time
	KernelDrops    uint64 // datagrams that found a socket's buffer full
	DroppedSamples uint64 // that waited too long for the store
	DroppedEvents  uint64 // the catalog was too slow
	DroppedChecks  uint64
	RefusedSamples uint64 // of series over the store's limit
	Forgotten      uint64 // samples of series that the store had forgotten; their next ones are kept
	TooOld         uint64 // samples with a time before the retention
	TooNew         uint64 // samples with a time more than 10 minutes ahead

	Samples  uint64 // that the store has taken
	Waiting  int    // samples that wait for the store
	Contexts int    // metrics with their tags that are being aggregated
	Entries  int    // spellings of them, over all readers

	Sockets []SocketStats
	Senders []SenderStats // by packets, the busiest hundred
	Names   []NameStats   // by values, the busiest hundred
}

// SenderStats is what one address has sent: "local" for unix sockets and what
// was handed to Ingest, "::" for those that are too many to tell apart.
type SenderStats struct {
	Address                          string
	Packets, Bytes, Values, Rejected uint64
	LastSeen                         int64 // ms
}

// NameStats is what has arrived for one metric name, while anything of it is
// being aggregated.
type NameStats struct {
	Metric   string
	Values   uint64
	Contexts int
	LastSeen int64 // ms; start of the bucket
}

// maxListed is the length of the lists in Stats.
const maxListed = 100

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
	senders := map[netip.Addr]*SenderStats{}
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
		for addr, c := range t.clients.byAddr {
			sender := senders[addr]
			if sender == nil {
				sender = &SenderStats{Address: "local"}
				if addr.IsValid() {
					sender.Address = addr.String()
				}
				senders[addr] = sender
			}
			sender.Packets += c.packets
			sender.Bytes += c.bytes
			sender.Values += c.values
			sender.Rejected += c.rejected
			sender.LastSeen = max(sender.LastSeen, c.seen)
		}
		t.mu.Unlock()
	}
	for _, sender := range senders {
		st.Senders = append(st.Senders, *sender)
	}
	slices.SortFunc(st.Senders, func(a, b SenderStats) int {
		return cmp.Or(cmp.Compare(b.Packets, a.Packets), cmp.Compare(a.Address, b.Address))
	})
	st.Senders = st.Senders[:min(len(st.Senders), maxListed)]
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
	st.Contexts = s.agg.contexts.known
	for _, m := range s.agg.metrics.all {
		if m.contexts == 0 {
			continue
		}
		st.Names = append(st.Names, NameStats{m.name, m.values, m.contexts, m.last * bucketMillis})
	}
	s.agg.mu.Unlock()
	slices.SortFunc(st.Names, func(a, b NameStats) int {
		return cmp.Or(cmp.Compare(b.Values, a.Values), cmp.Compare(a.Metric, b.Metric))
	})
	st.Names = st.Names[:min(len(st.Names), maxListed)]
	st.LateBatches = s.agg.late.Load()
	st.Entries = int(s.agg.entries.Load())
	s.out.mu.Lock()
	st.Samples, st.DroppedSamples, st.Waiting = s.out.written, s.out.dropped, s.out.waiting
	st.Forgotten = uint64(s.out.forgotten)
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
