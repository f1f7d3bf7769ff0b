package index

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"pgregory.net/rapid"
)

// model is an index as a list.
type model map[uint32]Series

func (m model) ids(matches func(Series) bool) []uint32 {
	ids := []uint32{}
	for id, s := range m {
		if matches(s) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func same(a, b Series) bool {
	return a.Name == b.Name && slices.Equal(a.Tags, b.Tags) && a.Kind == b.Kind && a.Interval == b.Interval
}

// TestIndexAgreesWithAList adds, finds and forgets series at random, over few
// enough names and tags that postings grow past the slice and shrink back.
func TestIndexAgreesWithAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, m, next := New(), model{}, uint32(1)
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				gone := roaring.New()
				for id := range m {
					if rapid.Bool().Draw(t, "forget") {
						gone.Add(id)
						delete(m, id)
					}
				}
				x.Forget(gone)
			}
			for range rapid.IntRange(0, 80).Draw(t, "series") {
				s := Series{
					Name: fmt.Sprint("name", rapid.IntRange(0, 2).Draw(t, "name")),
					Kind: uint8(rapid.IntRange(0, 1).Draw(t, "kind")), Interval: int64(rapid.IntRange(0, 1).Draw(t, "interval")),
				}
				for _, key := range []string{"a:", "b:", "bare"} {
					if n := rapid.IntRange(-1, 6).Draw(t, "value"); n >= 0 {
						s.Tags = append(s.Tags, strings.TrimSuffix(fmt.Sprint(key, n), fmt.Sprint(n%max(1, len(key)-2))))
					}
				}
				slices.Sort(s.Tags)
				s.Tags = slices.Compact(s.Tags)
				known := m.ids(func(k Series) bool { return same(k, s) })
				id, added := x.Add(&s)
				if added == (len(known) == 1) || !added && id != known[0] || added && id != next {
					t.Fatalf("Add(%v) = %d, %v; known as %v, next is %d", s, id, added, known, next)
				}
				if added {
					next++
					m[id] = s
				}
			}
			check(t, x, m)
		}
	})
}

func check(t *rapid.T, x *Index, m model) {
	all := m.ids(func(Series) bool { return true })
	if got := x.All().ToArray(); !slices.Equal(got, all) || x.Len() != len(m) {
		t.Fatalf("all: got %v (%d), want %v", got, x.Len(), all)
	}
	names, tags := map[string]bool{}, map[string]bool{}
	for id, s := range m {
		if got, ok := x.Get(id); !ok || !same(got, s) {
			t.Fatalf("Get(%d) = %v, want %v", id, got, s)
		}
		if got := x.Lookup(&s); got != id {
			t.Fatalf("Lookup(%v) = %d, want %d", s, got, id)
		}
		names[s.Name] = true
		for _, tag := range s.Tags {
			tags[tag] = true
		}
	}
	for name := range names {
		want := m.ids(func(s Series) bool { return s.Name == name })
		if got := x.Name(name).ToArray(); !slices.Equal(got, want) || x.SeriesOf(name) != len(want) {
			t.Fatalf("name %s: got %v, want %v", name, got, want)
		}
	}
	keys := map[string]bool{}
	for tag := range tags {
		keys[Key(tag)] = true
		want := m.ids(func(s Series) bool { return slices.Contains(s.Tags, tag) })
		if got := x.Tag(tag).ToArray(); !slices.Equal(got, want) {
			t.Fatalf("tag %s: got %v, want %v", tag, got, want)
		}
	}
	if len(x.keys) != len(keys) || x.tags.table.used != len(tags) || x.names.table.used != len(names) {
		t.Fatalf("%d keys, %d tags, %d names are kept, want %d, %d and %d", len(x.keys), x.tags.table.used, x.names.table.used, len(keys), len(tags), len(names))
	}
	for key := range keys {
		odd := func(tag string) bool { return len(tag)%2 == 1 }
		want := m.ids(func(s Series) bool {
			return slices.ContainsFunc(s.Tags, func(tag string) bool { return Key(tag) == key && odd(tag) })
		})
		if got := x.TagsThat(key, odd).ToArray(); !slices.Equal(got, want) {
			t.Fatalf("odd tags of %s: got %v, want %v", key, got, want)
		}
	}
	var order []Series
	x.Each(all, func(i int, s Series) {
		if !same(s, m[all[i]]) {
			t.Fatalf("Each: %v at %d, want %v", s, i, m[all[i]])
		}
		order = append(order, s)
	})
	if len(order) != len(all) || !slices.IsSortedFunc(order, func(a, b Series) int {
		if a.Name != b.Name {
			return strings.Compare(a.Name, b.Name)
		}
		return slices.Compare(a.Tags, b.Tags)
	}) {
		t.Fatalf("Each gives %v of %d series", order, len(all))
	}
}

func TestForgottenSeriesGiveTheirMemoryBack(t *testing.T) {
	x := New()
	for round := range 3 {
		gone := roaring.New()
		for i := range 3 * pageLen {
			s := Series{Name: "m", Tags: []string{fmt.Sprint("pod:", round, "-", i)}}
			id, _ := x.Add(&s)
			x.Saw(int64(round), id)
			gone.Add(id)
		}
		x.Forget(gone)
	}
	pages := 0
	for _, p := range x.series.pages {
		if p != nil {
			pages++
		}
	}
	if pages > 0 || len(x.tags.strings) > 3*pageLen+1 || x.Len() != 0 || !x.SeenBetween(0, 3).IsEmpty() {
		t.Errorf("%d pages, %d strings, %d series are left", pages, len(x.tags.strings), x.Len())
	}
	if id, _ := x.Add(&Series{Name: "m"}); id != 9*pageLen+1 {
		t.Errorf("the next series has id %d: ids are never used again", id)
	}
}

func TestAddAsKeepsIds(t *testing.T) {
	x := New()
	s := Series{Name: "m", Tags: []string{"a:b"}}
	if !x.AddAs(5000, &s) || x.AddAs(5000, &Series{Name: "other"}) || x.AddAs(7, &s) {
		t.Error("an id or a series was entered twice, or not once")
	}
	x.Reserve(9000)
	if id, added := x.Add(&Series{Name: "n"}); id != 9000 || !added {
		t.Errorf("got id %d", id)
	}
}

// fleet adds hosts times metrics series of five tags.
func fleet(x *Index, hosts, metrics int) {
	for h := range hosts {
		tags := []string{
			fmt.Sprint("az:", h%3), fmt.Sprint("env:", h%2), fmt.Sprint("host:web-", h), fmt.Sprint("role:", h%20), fmt.Sprint("version:1.", h%40),
		}
		for m := range metrics {
			x.Add(&Series{Name: fmt.Sprint("service.subsystem.metric", m), Tags: tags})
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	x := New()
	fleet(x, 500, 200)
	s := Series{Name: "service.subsystem.metric77", Tags: []string{"az:1", "env:1", "host:web-421", "role:1", "version:1.21"}}
	for b.Loop() {
		if x.Lookup(&s) == 0 {
			b.Fatal("not found")
		}
	}
}

// BenchmarkAdd is to stay below 2 µs per series, and 100 bytes.
func BenchmarkAdd(b *testing.B) {
	const hosts, metrics = 500, 200
	b.ReportAllocs()
	for b.Loop() {
		fleet(New(), hosts, metrics)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(hosts*metrics), "ns/series")
}

func BenchmarkEach10k(b *testing.B) {
	x := New()
	fleet(x, 50, 200)
	ids := x.All().ToArray()
	for b.Loop() {
		x.Each(ids, func(int, Series) {})
	}
}
