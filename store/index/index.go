// Package index finds series by name and tags. Names and tags are interned
// strings, postings are roaring bitmaps of series ids, and patterns run over
// the distinct strings, not over the series. It lives in memory; the store
// fills it from its durable series definitions.
package index

import (
	"slices"
	"strings"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"
)

// Index maps names and tags to series ids. Safe for concurrent use.
type Index struct {
	mu    sync.RWMutex
	names map[string]*roaring.Bitmap
	tags  map[string]*roaring.Bitmap
	keys  map[string][]string // tag key -> its distinct tags, unsorted
	all   *roaring.Bitmap
	days  map[int64]*roaring.Bitmap // series with samples, by day since the epoch

	interned map[string]string
}

// New returns an empty index.
func New() *Index {
	return &Index{
		names: map[string]*roaring.Bitmap{}, tags: map[string]*roaring.Bitmap{}, keys: map[string][]string{},
		all: roaring.New(), days: map[int64]*roaring.Bitmap{}, interned: map[string]string{},
	}
}

// Key is the part of a tag before its first colon; of a bare tag, all of it.
func Key(tag string) string {
	key, _, _ := strings.Cut(tag, ":")
	return key
}

// Add enters a series. It returns the name and tags as interned strings, so
// that a million series share the memory of theirs.
func (x *Index) Add(id uint32, name string, tags []string) (string, []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all.Add(id)
	name = x.intern(name)
	postings(x.names, name).Add(id)
	own := make([]string, len(tags))
	for i, tag := range tags {
		tag = x.intern(tag)
		own[i] = tag
		if x.tags[tag] == nil {
			key := x.intern(Key(tag))
			x.keys[key] = append(x.keys[key], tag)
		}
		postings(x.tags, tag).Add(id)
	}
	return name, own
}

func (x *Index) intern(s string) string {
	if known, ok := x.interned[s]; ok {
		return known
	}
	s = strings.Clone(s)
	x.interned[s] = s
	return s
}

func postings(m map[string]*roaring.Bitmap, key string) *roaring.Bitmap {
	b := m[key]
	if b == nil {
		b = roaring.New()
		m[key] = b
	}
	return b
}

// Saw notes that the series had a sample on a day.
func (x *Index) Saw(day int64, id uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	b := x.days[day]
	if b == nil {
		b = roaring.New()
		x.days[day] = b
	}
	b.Add(id)
}

// ForgetDays drops what is known of days before the given one.
func (x *Index) ForgetDays(before int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for day := range x.days {
		if day < before {
			delete(x.days, day)
		}
	}
}

// SeenBetween returns the series with samples on the days from first to last.
func (x *Index) SeenBetween(first, last int64) *roaring.Bitmap {
	x.mu.RLock()
	defer x.mu.RUnlock()
	seen := roaring.New()
	for day, b := range x.days {
		if first <= day && day <= last {
			seen.Or(b)
		}
	}
	return seen
}

// All returns every series.
func (x *Index) All() *roaring.Bitmap {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.all.Clone()
}

// Name returns the series of a metric.
func (x *Index) Name(name string) *roaring.Bitmap {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return union(x.names[name])
}

// NamesThat returns the series of the metrics whose names pass the test.
func (x *Index) NamesThat(test func(name string) bool) *roaring.Bitmap {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var found []*roaring.Bitmap
	for name, b := range x.names {
		if test(name) {
			found = append(found, b)
		}
	}
	return union(found...)
}

// NamesOf returns the names that have a series among those given, sorted.
func (x *Index) NamesOf(series *roaring.Bitmap) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var names []string
	for name, b := range x.names {
		if b.Intersects(series) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Tag returns the series with a whole tag.
func (x *Index) Tag(tag string) *roaring.Bitmap {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return union(x.tags[tag])
}

// TagsThat returns the series with a tag that passes the test. With a key,
// only its tags are tried.
func (x *Index) TagsThat(key string, test func(tag string) bool) *roaring.Bitmap {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var found []*roaring.Bitmap
	if key != "" {
		for _, tag := range x.keys[key] {
			if test(tag) {
				found = append(found, x.tags[tag])
			}
		}
		return union(found...)
	}
	for tag, b := range x.tags {
		if test(tag) {
			found = append(found, b)
		}
	}
	return union(found...)
}

// union is a new bitmap of all of them; nil ones are empty.
func union(all ...*roaring.Bitmap) *roaring.Bitmap {
	out := roaring.New()
	for _, b := range all {
		if b != nil {
			out.Or(b)
		}
	}
	return out
}
