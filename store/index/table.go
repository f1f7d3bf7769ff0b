package index

// table finds ids by the hash of what they stand for: open addressing with
// linear probing. A slot holds the id below 32 bits of the hash, so that growing
// and most misses never touch what the ids stand for. Id 0 marks a free slot.
type table struct {
	slots []uint64 // a power of two of them
	used  int
}

// find returns the id with the given hash for which is answers true, or 0.
func (t *table) find(hash uint32, is func(id uint32) bool) uint32 {
	if len(t.slots) == 0 {
		return 0
	}
	mask := len(t.slots) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		slot := t.slots[i]
		if slot == 0 {
			return 0
		}
		if id := uint32(slot); uint32(slot>>32) == hash && is(id) {
			return id
		}
	}
}

// add enters an id that is not there yet.
func (t *table) add(hash, id uint32) {
	if 4*(t.used+1) > 3*len(t.slots) {
		old := t.slots
		t.slots = make([]uint64, max(16, 2*len(old)))
		for _, slot := range old {
			if slot != 0 {
				t.place(slot)
			}
		}
	}
	t.used++
	t.place(uint64(hash)<<32 | uint64(id))
}

func (t *table) place(slot uint64) {
	mask := len(t.slots) - 1
	i := int(slot>>32) & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = slot
}

// remove takes an id out and moves up those that were pushed past its slot.
func (t *table) remove(hash, id uint32) {
	mask := len(t.slots) - 1
	gone := uint64(hash)<<32 | uint64(id)
	i := int(hash) & mask
	for t.slots[i] != gone {
		if t.slots[i] == 0 {
			return
		}
		i = (i + 1) & mask
	}
	t.used--
	for j := (i + 1) & mask; t.slots[j] != 0; j = (j + 1) & mask {
		home := int(t.slots[j]>>32) & mask
		if (j-home)&mask >= (j-i)&mask {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = 0
}
