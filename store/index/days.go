package index

import "github.com/RoaringBitmap/roaring/v2"

// Saw notes that the series had a sample on a day.
func (x *Index) Saw(day int64, id uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	b := x.days[day]
	if b == nil {
		for _, earlier := range x.days { // their days are over: nearly every series, in long runs
			earlier.RunOptimize()
		}
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
