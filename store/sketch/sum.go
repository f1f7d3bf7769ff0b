package sketch

import "math/bits"

// A Sum merges many sketches into one faster than Merge does: it keeps a count
// for every bin of a range, and adding is a step per bin. The zero value is
// empty. It holds memory to reuse.
type Sum struct {
	total  Sketch   // without bins
	lowest int32    // the key of counts[0]
	counts []uint64 // from the lowest key on; its length a power of two, or 0
}

// Add adds s, which is left as it is.
func (t *Sum) Add(s *Sketch) {
	if s.Count == 0 {
		return
	}
	if t.total.Count == 0 {
		t.total.Mapping = s.Mapping
	}
	if t.total.Mapping != s.Mapping { // to the coarser bins
		if t.total.Mapping == Agent {
			t.Add(t.Sketch().in(Durations))
		}
		s = s.in(Durations)
	}
	if t.total.Count == 0 {
		t.total.Min, t.total.Max = s.Min, s.Max
	} else {
		t.total.Min, t.total.Max = min(t.total.Min, s.Min), max(t.total.Max, s.Max)
	}
	t.total.Count += s.Count
	t.total.Sum += s.Sum
	first, last := s.Keys[0], s.Keys[len(s.Keys)-1]
	if first < t.lowest || int(last-t.lowest) >= len(t.counts) {
		t.widen(first, last)
	}
	counts := s.Counts[:len(s.Keys)]
	for i, k := range s.Keys {
		t.counts[k-t.lowest] += counts[i]
	}
}

// widen makes room for the bins from first to last.
func (t *Sum) widen(first, last int32) {
	old, from := t.counts, t.lowest
	if len(old) > 0 {
		first, last = min(first, from), max(last, from+int32(len(old))-1)
	}
	t.counts = make([]uint64, 1<<bits.Len(uint(last-first)+64))
	t.lowest = first - int32(len(t.counts)-int(last-first))/2 // room on both sides
	if len(old) > 0 {
		copy(t.counts[from-t.lowest:], old)
	}
}

// Sketch returns what was added, and leaves t empty.
func (t *Sum) Sketch() *Sketch {
	s := t.total
	t.total = Sketch{}
	n := 0
	for _, c := range t.counts {
		if c > 0 {
			n++
		}
	}
	s.Keys, s.Counts = make([]int32, 0, n), make([]uint64, 0, n)
	for i, c := range t.counts {
		if c > 0 {
			s.Keys, s.Counts = append(s.Keys, t.lowest+int32(i)), append(s.Counts, c)
		}
	}
	clear(t.counts)
	s.trim()
	return &s
}
