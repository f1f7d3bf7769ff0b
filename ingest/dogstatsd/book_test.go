package dogstatsd

import (
	"testing"

	"pgregory.net/rapid"
)

// TestBookAgreesWithAMap adds, hides and removes at random, hashes that differ
// only in some bits among them, and compares with maps.
func TestBookAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var b book[int]
		found := map[uint64]uint32{} // number by hash, of what can be found
		kept := map[uint32]int{}     // value by number
		hash := rapid.OneOf(rapid.Uint64Range(0, 20), rapid.Uint64(),
			rapid.Custom(func(t *rapid.T) uint64 {
				return rapid.Uint64Range(0, 3).Draw(t, "high")<<56 | 0xffff_fff0 | rapid.Uint64Range(0, 15).Draw(t, "low")
			}))
		for step := range rapid.IntRange(1, 400).Draw(rt, "steps") {
			h := hash.Draw(rt, "hash")
			id, v := b.find(h)
			if id != found[h] || id != 0 && *v != kept[id] {
				rt.Fatalf("step %d: hash %x: found %d, want %d", step, h, id, found[h])
			}
			switch {
			case id == 0:
				id, v = b.add(h)
				if _, taken := kept[id]; taken || *v != 0 {
					rt.Fatalf("step %d: number %d was given twice, or holds %d", step, id, *v)
				}
				*v = step + 1
				found[h], kept[id] = id, step+1
			case rapid.Bool().Draw(rt, "hide"):
				if !b.hide(id) || b.hide(id) {
					rt.Fatalf("step %d: hidden twice, or not once", step)
				}
				delete(found, h)
			default:
				if !b.remove(id) {
					rt.Fatalf("step %d: %d could not be found", step, id)
				}
				delete(found, h)
				delete(kept, id)
			}
		}
		if b.known != len(found) {
			rt.Fatalf("%d can be found, want %d", b.known, len(found))
		}
		seen := 0
		b.each(func(id uint32, v *int) {
			if seen++; *v != kept[id] {
				rt.Fatalf("number %d: %d, want %d", id, *v, kept[id])
			}
			b.remove(id)
		})
		if seen != len(kept) || b.known != 0 || len(b.pages) > 0 && b.pages[0] != nil {
			rt.Fatalf("met %d of %d, %d are left", seen, len(kept), b.known)
		}
	})
}

func TestBookGrowsAndShrinks(t *testing.T) {
	var b book[uint32]
	const n = 200_000
	hash := func(i uint64) uint64 { return (i + 1) * 0x9e3779b97f4a7c15 }
	for i := range uint64(n) {
		_, v := b.add(hash(i))
		*v = uint32(i)
	}
	for i := range uint64(n) {
		if _, v := b.find(hash(i)); v == nil || *v != uint32(i) {
			t.Fatalf("%d is not found", i)
		}
	}
	for i := range uint64(n) {
		if i%50 != 0 {
			id, _ := b.find(hash(i))
			b.remove(id)
		}
	}
	slots := 0
	for i := range b.parts {
		slots += len(b.parts[i].slots)
	}
	if slots > n/4 {
		t.Errorf("%d slots for %d values", slots, b.known)
	}
	for i := range uint64(n) {
		if _, v := b.find(hash(i)); (v != nil) != (i%50 == 0) {
			t.Fatalf("%d: found is %v", i, v != nil)
		}
	}
}

func TestTextsComeOutInTheirOrder(t *testing.T) {
	var q texts
	long := make([]byte, 2*chunkLen)
	for i := range 5000 {
		q.add([]byte{'a', byte(i)}, long[:i%3*7], long[:i%2])
		if i == 1000 {
			q.add(long, nil, long)
		}
	}
	for i := range 5000 {
		if s := q.next(); s.name != string([]byte{'a', byte(i)}) || len(s.tags) != i%3*7 || len(s.container) != i%2 {
			t.Fatalf("text %d: %d %d %d bytes", i, len(s.name), len(s.tags), len(s.container))
		}
		if i == 1000 {
			if s := q.next(); len(s.name) != len(long) || s.tags != "" || len(s.container) != len(long) {
				t.Fatalf("the long text: %d %d %d bytes", len(s.name), len(s.tags), len(s.container))
			}
		}
	}
}
