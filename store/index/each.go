package index

import (
	"cmp"
	"slices"
	"strings"
)

// Each calls fn with the series of the given ids, which ascend, in the order of
// name, tags and id; i is the place in ids. Series that are gone are left out. fn
// must not use the index.
func (x *Index) Each(ids []uint32, fn func(i int, s Series)) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	all, total := make([]found, 0, len(ids)), 0
	for i, id := range ids {
		if r := x.series.get(id); r != nil {
			all = append(all, found{i, r.name, x.series.tagsOf(id, r)})
			total += int(r.length)
		}
	}
	tags := make([]string, 0, total) // of all of them: one allocation
	for _, i := range x.order(all) {
		id := ids[all[i].place]
		s := x.describe(id, x.series.get(id), tags)
		tags = tags[:len(tags)+len(s.Tags)]
		fn(all[i].place, s)
	}
}

// found is a series to be put in order.
type found struct {
	place int // in the ids asked for
	name  uint32
	tags  []uint32
}

// radixFrom is the number of series from which ranking strings pays.
const radixFrom = 64

// order returns the order of series by name, tags and place.
func (x *Index) order(all []found) []uint32 {
	order := make([]uint32, len(all))
	for i := range order {
		order[i] = uint32(i)
	}
	if len(all) < radixFrom {
		slices.SortStableFunc(order, func(a, b uint32) int { return x.compare(&all[a], &all[b]) })
		return order
	}
	// The distinct strings are few: each gets its rank, and the series are sorted
	// by ranks, the last tag first, in passes that keep the order of equals.
	names, tags := newRanks(&x.names), newRanks(&x.tags)
	longest := 0
	for _, f := range all {
		names.use(f.name)
		for _, t := range f.tags {
			tags.use(t)
		}
		longest = max(longest, len(f.tags))
	}
	names.settle()
	tags.settle()
	spare := make([]uint32, len(all))
	for n := longest - 1; n >= 0; n-- {
		order, spare = tags.pass(order, spare, func(i uint32) uint32 {
			if f := &all[i]; n < len(f.tags) {
				return tags.of[f.tags[n]]
			}
			return 0
		})
	}
	order, _ = names.pass(order, spare, func(i uint32) uint32 { return names.of[all[i].name] })
	return order
}

func (x *Index) compare(a, b *found) int {
	if a.name != b.name {
		return strings.Compare(x.names.strings[a.name], x.names.strings[b.name])
	}
	for i := range min(len(a.tags), len(b.tags)) {
		if a.tags[i] != b.tags[i] {
			return strings.Compare(x.tags.strings[a.tags[i]], x.tags.strings[b.tags[i]])
		}
	}
	return cmp.Compare(len(a.tags), len(b.tags))
}

// ranks order some of a dictionary's strings, from 1.
type ranks struct {
	strings []string
	used    []uint32 // ids of those to be ordered
	of      []uint32 // by id
	counts  []uint32
}

func newRanks(d *dictionary) *ranks {
	return &ranks{strings: d.strings, of: make([]uint32, len(d.strings))}
}

// use makes the string with an id one of those to be ordered.
func (r *ranks) use(id uint32) {
	if r.of[id] == 0 {
		r.of[id] = 1
		r.used = append(r.used, id)
	}
}

func (r *ranks) settle() {
	slices.SortFunc(r.used, func(a, b uint32) int { return strings.Compare(r.strings[a], r.strings[b]) })
	for i, id := range r.used {
		r.of[id] = uint32(i + 1)
	}
	r.counts = make([]uint32, len(r.used)+1)
}

// pass sorts order by rank into spare, equals in the order they have, and gives
// the two in changed places.
func (r *ranks) pass(order, spare []uint32, rank func(i uint32) uint32) (sorted, _ []uint32) {
	clear(r.counts)
	for _, i := range order {
		r.counts[rank(i)]++
	}
	at := uint32(0)
	for i, n := range r.counts {
		r.counts[i] = at
		at += n
	}
	for _, i := range order {
		n := &r.counts[rank(i)]
		spare[*n] = i
		*n++
	}
	return spare, order
}
