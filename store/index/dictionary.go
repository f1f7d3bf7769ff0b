package index

import (
	"hash/maphash"
	"strings"
)

// dictionary interns strings and keeps the series of each. Ids start at 1 and
// are reused when a string is forgotten: they never leave this process.
type dictionary struct {
	seed    maphash.Seed
	table   table
	strings []string
	series  []postings
	free    []uint32
}

func newDictionary() dictionary {
	return dictionary{seed: maphash.MakeSeed(), strings: []string{""}, series: []postings{{}}}
}

func (d *dictionary) hash(s string) uint32 { return uint32(maphash.String(d.seed, s)) }

// find returns the id of s, or 0.
func (d *dictionary) find(s string) uint32 {
	return d.table.find(d.hash(s), func(id uint32) bool { return d.strings[id] == s })
}

// intern returns the id of s, entering a copy of it at first sight.
func (d *dictionary) intern(s string) (id uint32, added bool) {
	if id := d.find(s); id != 0 {
		return id, false
	}
	s = strings.Clone(s)
	if n := len(d.free); n > 0 {
		id, d.free = d.free[n-1], d.free[:n-1]
		d.strings[id] = s
	} else {
		id = uint32(len(d.strings))
		d.strings = append(d.strings, s)
		d.series = append(d.series, postings{})
	}
	d.table.add(d.hash(s), id)
	return id, true
}

// forget gives up a string that has no series left.
func (d *dictionary) forget(id uint32) {
	d.table.remove(d.hash(d.strings[id]), id)
	d.strings[id], d.series[id] = "", postings{}
	d.free = append(d.free, id)
}

// each calls fn with every string in use.
func (d *dictionary) each(fn func(id uint32, s string, series *postings)) {
	for id := 1; id < len(d.strings); id++ {
		if p := &d.series[id]; p.many != nil || len(p.few) > 0 {
			fn(uint32(id), d.strings[id], p)
		}
	}
}
