// Package index knows the series: it gives each a dense id, and finds ids by
// name and tags.
//
// Names and tags are interned once and a series is a few small integers, so that
// a million series of five tags take less than a hundred bytes each. Postings are
// roaring bitmaps of series ids, patterns run over the distinct strings, not over
// the series, and a bitmap per day says which series had samples then. The index
// lives in memory; the store fills it from its durable series definitions.
package index

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"
)

// Series is what identifies a series. Kind and Interval mean nothing here, but
// two series that differ in them are two.
type Series struct {
	Name     string
	Tags     []string // sorted, each once
	Kind     uint8
	Interval int64
}

// Index maps names and tags to series ids. Safe for concurrent use.
type Index struct {
	mu     sync.RWMutex
	names  dictionary
	tags   dictionary
	keys   map[string][]uint32 // tag key -> its distinct tags, unsorted
	series seriesTable
	all    *roaring.Bitmap
	days   map[int64]*roaring.Bitmap // series with samples, by day since the epoch
}

// New returns an empty index. Its first series will have the id 1.
func New() *Index {
	return &Index{
		names: newDictionary(), tags: newDictionary(), keys: map[string][]uint32{},
		series: seriesTable{seed: maphash.MakeSeed(), next: 1}, all: roaring.New(), days: map[int64]*roaring.Bitmap{},
	}
}

// Key is the part of a tag before its first colon; of a bare tag, all of it.
func Key(tag string) string {
	key, _, _ := strings.Cut(tag, ":")
	return key
}

// Lookup returns the id of s, or 0 when it is not known.
func (x *Index) Lookup(s *Series) uint32 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.lookup(s)
}

func (x *Index) lookup(s *Series) uint32 {
	k := key{name: x.names.find(s.Name), kind: s.Kind, interval: s.Interval}
	if k.name == 0 {
		return 0
	}
	var buffer [32]uint32
	k.tags = buffer[:0]
	for _, tag := range s.Tags {
		id := x.tags.find(tag)
		if id == 0 {
			return 0
		}
		k.tags = append(k.tags, id)
	}
	return x.series.find(k)
}

// Add returns the id of s, entering it at first sight.
func (x *Index) Add(s *Series) (id uint32, added bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if id := x.lookup(s); id != 0 {
		return id, false
	}
	id = x.series.next
	x.enter(id, s)
	return id, true
}

// AddAs enters a series that had its id before, and reports whether it was new.
func (x *Index) AddAs(id uint32, s *Series) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.series.get(id) != nil || x.lookup(s) != 0 {
		return false
	}
	x.enter(id, s)
	return true
}

// Reserve makes the ids of series added later at least next.
func (x *Index) Reserve(next uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.series.next = max(x.series.next, next)
}

// Next is the lowest id that no series has had yet.
func (x *Index) Next() uint32 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.series.next
}

func (x *Index) enter(id uint32, s *Series) {
	k := key{kind: s.Kind, interval: s.Interval}
	k.name, _ = x.names.intern(s.Name)
	x.names.series[k.name].add(id)
	var buffer [32]uint32
	k.tags = buffer[:0]
	for _, tag := range s.Tags {
		t, added := x.tags.intern(tag)
		if added {
			tag = x.tags.strings[t]
			x.keys[Key(tag)] = append(x.keys[Key(tag)], t)
		}
		x.tags.series[t].add(id)
		k.tags = append(k.tags, t)
	}
	x.series.add(id, k)
	x.all.Add(id)
}

// Get returns a series; ok is false when there is none with that id. The strings
// are the index's own.
func (x *Index) Get(id uint32) (s Series, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	r := x.series.get(id)
	if r == nil {
		return Series{}, false
	}
	return x.describe(id, r, make([]string, 0, r.length)), true
}

// describe appends the tags of a series to tags, which has room for them.
func (x *Index) describe(id uint32, r *record, tags []string) Series {
	start := len(tags)
	for _, t := range x.series.tagsOf(id, r) {
		tags = append(tags, x.tags.strings[t])
	}
	return Series{Name: x.names.strings[r.name], Tags: tags[start:len(tags):len(tags)], Kind: r.kind, Interval: r.interval}
}

// Len is the number of series.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.series.table.used
}

// SeriesOf is the number of series of one metric.
func (x *Index) SeriesOf(name string) int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.names.series[x.names.find(name)].len()
}

// Forget drops series, and the names and tags that no other series has.
func (x *Index) Forget(ids *roaring.Bitmap) {
	x.mu.Lock()
	defer x.mu.Unlock()
	names, tags := map[uint32]bool{}, map[uint32]bool{}
	for it := ids.Iterator(); it.HasNext(); {
		id := it.Next()
		if r := x.series.get(id); r != nil {
			names[r.name] = true
			for _, t := range x.series.tagsOf(id, r) {
				tags[t] = true
			}
			x.series.remove(id)
		}
	}
	x.all.AndNot(ids)
	for _, seen := range x.days {
		seen.AndNot(ids)
	}
	for id := range names {
		if x.names.series[id].removeAll(ids); x.names.series[id].len() == 0 {
			x.names.forget(id)
		}
	}
	keys := map[string]bool{}
	for id := range tags {
		if x.tags.series[id].removeAll(ids); x.tags.series[id].len() == 0 {
			keys[Key(x.tags.strings[id])] = true
			x.tags.forget(id)
		}
	}
	for key := range keys {
		left := slices.DeleteFunc(x.keys[key], func(id uint32) bool { return x.tags.series[id].len() == 0 })
		if len(left) == 0 {
			delete(x.keys, key)
		} else {
			x.keys[key] = slices.Clip(left)
		}
	}
}
