package index

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// postings is a set of series ids. Most tags of a fleet with churn are on a
// handful of series, where a bitmap would cost ten times its content: those stay
// a plain ascending slice.
type postings struct {
	few  []uint32
	many *roaring.Bitmap // in use once there are more than maxFew
}

const maxFew = 32

func (p *postings) add(id uint32) {
	if p.many != nil {
		p.many.Add(id)
		return
	}
	if n := len(p.few); n == 0 || p.few[n-1] < id {
		p.few = append(p.few, id)
	} else if i, found := slices.BinarySearch(p.few, id); !found {
		p.few = slices.Insert(p.few, i, id)
	}
	if len(p.few) > maxFew {
		p.many = roaring.BitmapOf(p.few...)
		p.few = nil
	}
}

func (p *postings) removeAll(ids *roaring.Bitmap) {
	if p.many == nil {
		p.few = slices.DeleteFunc(p.few, ids.Contains)
		return
	}
	p.many.AndNot(ids)
	if p.many.GetCardinality() <= maxFew {
		p.few, p.many = p.many.ToArray(), nil
	}
}

func (p *postings) len() int {
	if p.many != nil {
		return int(p.many.GetCardinality())
	}
	return len(p.few)
}

// addTo puts the ids into b.
func (p *postings) addTo(b *roaring.Bitmap) {
	if p.many != nil {
		b.Or(p.many)
	} else {
		b.AddMany(p.few)
	}
}

// within counts the ids that are in b.
func (p *postings) within(b *roaring.Bitmap) int {
	if p.many != nil {
		return int(p.many.AndCardinality(b))
	}
	n := 0
	for _, id := range p.few {
		if b.Contains(id) {
			n++
		}
	}
	return n
}

func (p *postings) intersects(b *roaring.Bitmap) bool {
	if p.many != nil {
		return p.many.Intersects(b)
	}
	return slices.ContainsFunc(p.few, b.Contains)
}

// union is a new bitmap of all of them.
func union(all []*postings) *roaring.Bitmap {
	out := roaring.New()
	for _, p := range all {
		p.addTo(out)
	}
	return out
}
