package index

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// key is a Series in ids of the dictionaries.
type key struct {
	name     uint32
	tags     []uint32
	kind     uint8
	interval int64
}

// seriesTable keeps series by id and finds their ids by key. Series come in
// pages, so that none ever moves, and a page goes when all of its series have.
type seriesTable struct {
	seed  maphash.Seed
	table table
	pages []*page
	next  uint32 // id of the next new series
}

const pageLen = 1024

type page struct {
	tags   []uint32 // of all series of the page, one after the other
	known  int
	series [pageLen]record
}

// record is one series; its tags are page.tags[first:first+length].
type record struct {
	interval int64
	name     uint32 // 0: there is no series
	first    uint32
	length   uint16
	kind     uint8
}

// get returns the record of a series, nil when it isn't known.
func (t *seriesTable) get(id uint32) *record {
	if n := int(id / pageLen); n < len(t.pages) && t.pages[n] != nil {
		if r := &t.pages[n].series[id%pageLen]; r.name != 0 {
			return r
		}
	}
	return nil
}

func (t *seriesTable) tagsOf(id uint32, r *record) []uint32 {
	return t.pages[id/pageLen].tags[r.first : r.first+uint32(r.length)]
}

func (t *seriesTable) keyOf(id uint32, r *record) key {
	return key{r.name, t.tagsOf(id, r), r.kind, r.interval}
}

func (t *seriesTable) hash(k key) uint32 {
	var buffer [160]byte
	b := binary.LittleEndian.AppendUint32(buffer[:0], k.name)
	b = binary.LittleEndian.AppendUint64(b, uint64(k.interval))
	b = append(b, k.kind)
	for _, tag := range k.tags {
		b = binary.LittleEndian.AppendUint32(b, tag)
	}
	return uint32(maphash.Bytes(t.seed, b))
}

// find returns the id of the series with a key, or 0.
func (t *seriesTable) find(k key) uint32 {
	return t.table.find(t.hash(k), func(id uint32) bool {
		r := t.get(id)
		return r.name == k.name && r.kind == k.kind && r.interval == k.interval && slices.Equal(t.tagsOf(id, r), k.tags)
	})
}

// add enters a series under an id that none has.
func (t *seriesTable) add(id uint32, k key) {
	n := int(id / pageLen)
	for n >= len(t.pages) {
		t.pages = append(t.pages, nil)
	}
	if t.pages[n] == nil {
		t.pages[n] = &page{}
	}
	p := t.pages[n]
	p.known++
	p.series[id%pageLen] = record{k.interval, k.name, uint32(len(p.tags)), uint16(len(k.tags)), k.kind}
	p.tags = append(p.tags, k.tags...)
	if id%pageLen == pageLen-1 {
		p.tags = slices.Clone(p.tags) // most often the page is complete: its room to grow is not needed
	}
	t.table.add(t.hash(k), id)
	t.next = max(t.next, id+1)
}

func (t *seriesTable) remove(id uint32) {
	r := t.get(id)
	t.table.remove(t.hash(t.keyOf(id, r)), id)
	*r = record{}
	p := t.pages[id/pageLen]
	if p.known--; p.known == 0 {
		t.pages[id/pageLen] = nil
	}
}
