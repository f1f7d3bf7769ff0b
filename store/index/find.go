package index

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

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
	return union([]*postings{&x.names.series[x.names.find(name)]})
}

// NamesThat returns the series of the metrics whose names pass the test.
func (x *Index) NamesThat(test func(name string) bool) *roaring.Bitmap {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var found []*postings
	x.names.each(func(_ uint32, name string, series *postings) {
		if test(name) {
			found = append(found, series)
		}
	})
	return union(found)
}

// NamesOf returns the names that have a series among those given, sorted.
func (x *Index) NamesOf(ids *roaring.Bitmap) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var names []string
	x.names.each(func(_ uint32, name string, series *postings) {
		if series.intersects(ids) {
			names = append(names, name)
		}
	})
	slices.Sort(names)
	return names
}

// Tag returns the series with a whole tag.
func (x *Index) Tag(tag string) *roaring.Bitmap {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return union([]*postings{&x.tags.series[x.tags.find(tag)]})
}

// TagsThat returns the series with a tag that passes the test. With a key,
// only its tags are tried.
func (x *Index) TagsThat(key string, test func(tag string) bool) *roaring.Bitmap {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var found []*postings
	if key == "" {
		x.tags.each(func(_ uint32, tag string, series *postings) {
			if test(tag) {
				found = append(found, series)
			}
		})
		return union(found)
	}
	for _, id := range x.keys[key] {
		if test(x.tags.strings[id]) {
			found = append(found, &x.tags.series[id])
		}
	}
	return union(found)
}

// TagsOf calls fn with every tag that one of the given series has, and with how
// many have it, in no order; with a key, only with the tags of that key.
func (x *Index) TagsOf(ids *roaring.Bitmap, key string, fn func(tag string, series int)) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	visit := func(_ uint32, tag string, series *postings) {
		if n := series.within(ids); n > 0 {
			fn(tag, n)
		}
	}
	if key == "" {
		x.tags.each(visit)
		return
	}
	for _, id := range x.keys[key] {
		visit(id, x.tags.strings[id], &x.tags.series[id])
	}
}

// CountNames calls fn with every name that one of the given series has, and with
// how many have it, in no order.
func (x *Index) CountNames(ids *roaring.Bitmap, fn func(name string, series int)) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	x.names.each(func(_ uint32, name string, series *postings) {
		if n := series.within(ids); n > 0 {
			fn(name, n)
		}
	})
}
