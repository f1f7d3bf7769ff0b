package dogstatsd

import "math/bits"

// book keeps values by a 64-bit hash of what they stand for. There may be
// millions: they lie in pages that never move, which hold no pointers unless T
// does, and are found by numbers from 1 that are used again. A page goes when
// nothing on it is left. Growing never takes long at a time.
type book[T any] struct {
	parts [256]part // by the hash's highest byte
	known int       // that can be found
	pages []*page[T]
	room  []uint32 // pages that are not full, or gone
}

const pageLen = 1024

type page[T any] struct {
	leaves [pageLen]leaf[T]
	taken  [pageLen / 64]uint64 // which are in use
	count  int
}

type leaf[T any] struct {
	hash  uint64
	value T
}

// part is a table with open addressing and linear probing. A slot holds a
// number below the lowest 32 bits of its hash, by which slots are in order but
// for those that were pushed along; 0 marks a free one.
type part struct {
	slots []uint64
	used  int
}

func partOf(hash uint64) int { return int(hash >> 56) }

// home is where the slot belongs if it is free.
func (p *part) home(slot uint64) int { return int(slot >> 32 * uint64(len(p.slots)) >> 32) }

func (p *part) after(i int) int {
	if i++; i < len(p.slots) {
		return i
	}
	return 0
}

// at returns what has number id, which must be in use.
func (b *book[T]) at(id uint32) *T { return &b.leaf(id).value }

func (b *book[T]) leaf(id uint32) *leaf[T] {
	return &b.pages[(id-1)/pageLen].leaves[(id-1)%pageLen]
}

// find returns what is kept by a hash, and its number; 0 when there is nothing.
func (b *book[T]) find(hash uint64) (uint32, *T) {
	p := &b.parts[partOf(hash)]
	if len(p.slots) == 0 {
		return 0, nil
	}
	for i := p.home(hash << 32); p.slots[i] != 0; i = p.after(i) {
		if slot := p.slots[i]; slot>>32 == hash&(1<<32-1) {
			if l := b.leaf(uint32(slot)); l.hash == hash {
				return uint32(slot), &l.value
			}
		}
	}
	return 0, nil
}

// add keeps a zero value by a hash that nothing is kept by yet.
func (b *book[T]) add(hash uint64) (uint32, *T) {
	if len(b.room) == 0 {
		b.room = append(b.room, uint32(len(b.pages)))
		b.pages = append(b.pages, nil)
	}
	n := b.room[len(b.room)-1]
	if b.pages[n] == nil {
		b.pages[n] = new(page[T])
	}
	pg := b.pages[n]
	word := 0
	for ^pg.taken[word] == 0 {
		word++
	}
	bit := bits.TrailingZeros64(^pg.taken[word])
	pg.taken[word] |= 1 << bit
	if pg.count++; pg.count == pageLen {
		b.room = b.room[:len(b.room)-1]
	}
	place := word*64 + bit
	l := &pg.leaves[place]
	*l = leaf[T]{hash: hash}
	id := n*pageLen + uint32(place) + 1

	p := &b.parts[partOf(hash)]
	if p.used >= len(p.slots)*7/8 {
		old := p.slots
		p.slots = make([]uint64, len(old)+len(old)/4+4)
		for _, slot := range old {
			if slot != 0 {
				p.put(slot)
			}
		}
	}
	p.put(hash<<32 | uint64(id))
	p.used++
	b.known++
	return id, &l.value
}

func (p *part) put(slot uint64) {
	i := p.home(slot)
	for p.slots[i] != 0 {
		i = p.after(i)
	}
	p.slots[i] = slot
}

// remove gives up what has number id, and says whether it could be found.
func (b *book[T]) remove(id uint32) bool {
	hash := b.leaf(id).hash
	n, place := (id-1)/pageLen, (id-1)%pageLen
	pg := b.pages[n]
	pg.taken[place/64] &^= 1 << (place % 64)
	if pg.count == pageLen {
		b.room = append(b.room, n)
	}
	if pg.count--; pg.count == 0 {
		b.pages[n] = nil
	}
	return b.unlist(hash, id)
}

// hide lets what has number id be found no more, until it is removed, and says
// whether it could be.
func (b *book[T]) hide(id uint32) bool { return b.unlist(b.leaf(id).hash, id) }

func (b *book[T]) unlist(hash uint64, id uint32) bool {
	found := b.parts[partOf(hash)].remove(hash<<32 | uint64(id))
	if found {
		b.known--
	}
	return found
}

// remove takes a slot out and moves up those that were pushed past it.
func (p *part) remove(gone uint64) bool {
	if len(p.slots) == 0 {
		return false
	}
	i := p.home(gone)
	for p.slots[i] != gone {
		if p.slots[i] == 0 {
			return false
		}
		i = p.after(i)
	}
	for j := p.after(i); p.slots[j] != 0; j = p.after(j) {
		if p.between(p.home(p.slots[j]), j) >= p.between(i, j) {
			p.slots[i] = p.slots[j]
			i = j
		}
	}
	p.slots[i] = 0
	p.used--
	if len(p.slots) > 64 && p.used < len(p.slots)/4 {
		old := p.slots
		p.slots = make([]uint64, len(old)/2)
		for _, slot := range old {
			if slot != 0 {
				p.put(slot)
			}
		}
	}
	return true
}

// between is how many steps forward lead from i to j.
func (p *part) between(i, j int) int {
	if j >= i {
		return j - i
	}
	return j - i + len(p.slots)
}

// each calls fn with all that there is. fn may remove what it is called with.
func (b *book[T]) each(fn func(id uint32, value *T)) {
	for n := range b.pages {
		for word := 0; word < pageLen/64 && b.pages[n] != nil; word++ {
			pg := b.pages[n]
			for taken := pg.taken[word]; taken != 0; taken &= taken - 1 {
				place := word*64 + bits.TrailingZeros64(taken)
				fn(uint32(n*pageLen+place)+1, &pg.leaves[place].value)
			}
		}
	}
}
