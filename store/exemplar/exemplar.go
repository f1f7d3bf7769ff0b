// Package exemplar keeps exemplars: single observations out of those that a
// series' samples sum up, with labels that lead further, most often to the trace
// in which they were made.
//
//	s, err := exemplar.Open(dir, exemplar.Options{})
//	s.Add([]exemplar.Exemplar{{Series: ref, Time: ms, Value: 0.7, Labels: labels}})
//	for _, e := range s.Of(ref, from, to) { ... }
//	s.Close()
//
// The newest are kept, in memory and in a few files of a folder (log.go). They are
// written when Add returns, and not synced: a process that dies loses none, a
// machine that loses power may lose those of the last seconds.
package exemplar

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// Label is a name and value.
type Label struct{ Name, Value string }

// Exemplar is one observation.
type Exemplar struct {
	Series uint32 // the store's Ref
	Time   int64  // ms
	Value  float64
	Labels []Label // sorted by name
}

// Labels beyond these bounds make an exemplar be refused.
const (
	maxLabels = 32
	maxBytes  = 1024 // of names and values together
)

// Options of Open. The zero value is ready to use.
type Options struct {
	Keep int          // exemplars; 0: 100,000
	Log  *slog.Logger // nil: slog.Default
}

// Stats are what a store has seen since Open, and holds.
type Stats struct {
	Kept    int
	Added   uint64
	Refused uint64 // for too many labels, or without a time
	Doubles uint64 // that were there already: senders repeat them until there is another
}

// Store is a folder of exemplars. Safe for concurrent use.
type Store struct {
	mu     sync.RWMutex
	ring   []entry
	next   uint64            // exemplars so far: the next one goes to next % len(ring)
	newest map[uint32]uint64 // of each series: its newest in the ring, by number, from 1
	log    log
	stats  Stats
}

// entry is an exemplar and the one before it of its series, by number; 0: none.
type entry struct {
	Exemplar
	before uint64
}

// Open opens the folder dir, creating it if needed.
func Open(dir string, o Options) (*Store, error) {
	o.Keep = cmp.Or(o.Keep, 100_000)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Store{ring: make([]entry, o.Keep), newest: map[uint32]uint64{}}
	err := s.log.open(dir, o.Keep, o.Log, func(e Exemplar) {
		if !s.has(e) {
			s.keep(e)
		}
	})
	if err == nil {
		err = s.log.rewrite(s.all())
	}
	if err != nil {
		return nil, fmt.Errorf("open the exemplars: %w", err)
	}
	return s, nil
}

// Close closes the files.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.close()
}

// Add keeps exemplars, of whose labels it takes ownership, and returns how many of
// them it has then.
func (s *Store) Add(exemplars []Exemplar) (kept int) {
	if len(exemplars) == 0 {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range exemplars {
		if !e.fits() {
			s.stats.Refused++
			continue
		}
		slices.SortFunc(e.Labels, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
		kept++
		if s.has(e) {
			s.stats.Doubles++
			continue
		}
		s.keep(e)
		s.log.write(e)
		s.stats.Added++
	}
	s.log.flush()
	return kept
}

func (e *Exemplar) fits() bool {
	bytes := 0
	for _, l := range e.Labels {
		bytes += len(l.Name) + len(l.Value)
	}
	return e.Time > 0 && len(e.Labels) <= maxLabels && bytes <= maxBytes
}

// lookedAt bounds how many of a series' exemplars one is compared with.
const lookedAt = 32

func (s *Store) has(e Exemplar) bool {
	seen := 0
	for n := s.newest[e.Series]; s.holds(n) && seen < lookedAt; seen++ {
		old := s.at(n)
		if old.Time == e.Time && old.Value == e.Value && slices.Equal(old.Labels, e.Labels) {
			return true
		}
		n = old.before
	}
	return false
}

// holds reports whether the exemplar of that number is still in the ring.
func (s *Store) holds(n uint64) bool { return n > 0 && s.next-n < uint64(len(s.ring)) }

func (s *Store) at(n uint64) *entry { return &s.ring[(n-1)%uint64(len(s.ring))] }

func (s *Store) keep(e Exemplar) {
	place := &s.ring[s.next%uint64(len(s.ring))]
	s.next++
	if oldest := s.next - uint64(len(s.ring)); s.next > uint64(len(s.ring)) && s.newest[place.Series] == oldest {
		delete(s.newest, place.Series) // it was the only one of its series
	}
	*place = entry{e, s.newest[e.Series]}
	s.newest[e.Series] = s.next
}

// all lists what is in the ring, the oldest first.
func (s *Store) all() []Exemplar {
	var all []Exemplar
	for n := s.next - min(s.next, uint64(len(s.ring))) + 1; n <= s.next; n++ {
		all = append(all, s.at(n).Exemplar)
	}
	return all
}

// Of lists the exemplars of a series in [from, to] (ms), in the order of their
// times. Their labels are not to be changed.
func (s *Store) Of(series uint32, from, to int64) []Exemplar {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []Exemplar
	for n := s.newest[series]; s.holds(n); n = s.at(n).before {
		if e := s.at(n); e.Time >= from && e.Time <= to {
			found = append(found, e.Exemplar)
		}
	}
	slices.SortStableFunc(found, func(a, b Exemplar) int { return cmp.Compare(a.Time, b.Time) })
	return found
}

// Stats returns a snapshot.
func (s *Store) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	stats := s.stats
	stats.Kept = int(min(s.next, uint64(len(s.ring))))
	return stats
}
