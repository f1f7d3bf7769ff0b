package store

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/sketch"
)

// Edge says which end of a bucket's time is its own.
type Edge uint8

const (
	// LeftClosed buckets are [t, t+width), as the Datadog language has them.
	LeftClosed Edge = iota
	// RightClosed buckets are (t, t+width], as MetricsQL has them. A sketch
	// stands for the time that follows its stamp, so a sketch at t belongs to the
	// bucket that begins at t with either edge.
	RightClosed
)

// Want says which columns of Buckets are filled, besides Count.
type Want uint8

const (
	WantSum Want = 1 << iota
	WantMin
	WantMax
	WantLast
	// WantFirst together with RightClosed buckets reads raw samples where they
	// are still kept: tiers only know the first sample of LeftClosed buckets.
	WantFirst
	WantIncrease
	WantSketches // of distributions

	// WantUsual is what a zero Want stands for.
	WantUsual = WantSum | WantMin | WantMax | WantLast | WantSketches
)

// Buckets are aggregates of one series over time: bucket k begins at
// Start + k·Width. NaN samples count as none. The caller owns the slices and
// may reuse them from call to call; sketches are not shared with anyone.
//
// Of a distribution, Count, Sum, Min and Max are those of the values in its
// sketches, and First, Last and Increase are not filled.
type Buckets struct {
	Want Want // set by the caller; 0 stands for WantUsual

	Start, Width int64     // ms
	Count        []float64 // samples; 0: the bucket is empty
	Sum          []float64 // 0 in an empty bucket
	Min, Max     []float64 // NaN in an empty bucket
	First, Last  []float64 // the oldest and the newest sample; NaN in an empty bucket
	// Increase is how much a cumulative counter grew by the bucket's samples,
	// each against the sample before it, which may lie in an earlier bucket. A
	// value below the one before it is a counter that began again at 0. The
	// first sample of the set's range adds nothing.
	Increase []float64
	Sketches []*sketch.Sketch // nil in an empty bucket

	edge         Edge
	distribution bool
	prev         float64 // the newest sample added; NaN before the first
	sum          sketch.Sum
	summed       int // the bucket that sum holds; -1 for none
}

// maxBuckets bounds what one Aggregate may ask for.
const maxBuckets = 1 << 24

// reset makes b the empty buckets that [from, to] touches.
func (b *Buckets) reset(from, to, width int64, edge Edge) error {
	if width <= 0 {
		return fmt.Errorf("aggregate: a width of %d ms", width)
	}
	if b.Want == 0 {
		b.Want = WantUsual
	}
	b.Width, b.edge, b.prev, b.summed = width, edge, math.NaN(), -1
	b.Start = floorTo(from, width)
	last := floorTo(to, width)
	if edge == RightClosed {
		b.Start, last = floorTo(from-1, width), floorTo(to-1, width)
	}
	n := (last-b.Start)/width + 1
	if from > to {
		n = 0
	}
	if n > maxBuckets {
		return fmt.Errorf("aggregate: %d buckets of %d ms; at most %d are allowed", n, width, maxBuckets)
	}
	fill := func(column []float64, wanted bool, v float64) []float64 {
		if !wanted {
			return column[:0]
		}
		column = slices.Grow(column[:0], int(n))[:n]
		for i := range column {
			column[i] = v
		}
		return column
	}
	nan := math.NaN()
	b.Count = fill(b.Count, true, 0)
	b.Sum = fill(b.Sum, b.Want&WantSum != 0, 0)
	b.Min = fill(b.Min, b.Want&WantMin != 0, nan)
	b.Max = fill(b.Max, b.Want&WantMax != 0, nan)
	b.First = fill(b.First, b.Want&WantFirst != 0, nan)
	b.Last = fill(b.Last, b.Want&WantLast != 0, nan)
	b.Increase = fill(b.Increase, b.Want&WantIncrease != 0, 0)
	b.Sketches = b.Sketches[:0]
	if b.Want&WantSketches != 0 {
		b.Sketches = slices.Grow(b.Sketches, int(n))[:n]
		clear(b.Sketches)
	}
	return nil
}

// floorTo is the largest multiple of width that is not above ms.
func floorTo(ms, width int64) int64 {
	f := ms / width * width
	if f > ms {
		f -= width
	}
	return f
}

// at is the bucket of a sample's time, and the last time of that bucket.
func (b *Buckets) at(ms int64) (k int, end int64) {
	if b.edge == RightClosed {
		k = int((ms - 1 - b.Start) / b.Width)
		return k, b.Start + int64(k+1)*b.Width
	}
	k = int((ms - b.Start) / b.Width)
	return k, b.Start + int64(k+1)*b.Width - 1
}

// addSamples adds samples of the set's range, in time order, later than all
// that were added before.
func (b *Buckets) addSamples(times []int64, values []float64) {
	run := 1 // the length of the last bucket's run, most often that of the next
	for i := 0; i < len(times); {
		k, end := b.at(times[i])
		j := min(i+run, len(times))
		if times[j-1] > end || j < len(times) && times[j] <= end {
			j = i + sort.Search(len(times)-i, func(n int) bool { return times[i+n] > end })
		}
		b.addRun(k, values[i:j])
		run, i = j-i, j
	}
}

// addRun adds the values of one bucket, in time order.
func (b *Buckets) addRun(k int, values []float64) {
	count, sum := float64(len(values)), sumOf(values)
	if sum != sum { // a NaN among them, or infinities of both signs
		values = withoutNaN(values)
		if len(values) == 0 {
			return
		}
		count, sum = float64(len(values)), sumOf(values)
	}
	if len(b.First) > 0 && b.Count[k] == 0 {
		b.First[k] = values[0]
	}
	b.Count[k] += count
	if len(b.Sum) > 0 {
		b.Sum[k] += sum
	}
	if len(b.Min) > 0 {
		b.Min[k] = leastOf(values, b.Min[k])
	}
	if len(b.Max) > 0 {
		b.Max[k] = mostOf(values, b.Max[k])
	}
	if len(b.Last) > 0 {
		b.Last[k] = values[len(values)-1]
	}
	if len(b.Increase) > 0 {
		for _, v := range values {
			b.Increase[k] += increase(b.prev, v)
			b.prev = v
		}
	}
}

// increase is how much a counter grew from prev to v; prev is NaN when v is the
// first sample known.
func increase(prev, v float64) float64 {
	switch {
	case prev != prev:
		return 0
	case v < prev:
		return v
	}
	return v - prev
}

// sumOf adds four sums side by side: one alone waits for itself at each step.
func sumOf(values []float64) float64 {
	var a, b, c, d float64
	for len(values) >= 4 {
		a += values[0]
		b += values[1]
		c += values[2]
		d += values[3]
		values = values[4:]
	}
	for _, v := range values {
		a += v
	}
	return a + b + (c + d)
}

// leastOf is the least of values, none of them NaN, and least, which may be.
func leastOf(values []float64, least float64) float64 {
	low := values[0]
	for _, v := range values {
		if v < low {
			low = v
		}
	}
	if !(least <= low) {
		return low
	}
	return least
}

// mostOf is leastOf for the largest.
func mostOf(values []float64, most float64) float64 {
	high := values[0]
	for _, v := range values {
		if v > high {
			high = v
		}
	}
	if !(most >= high) {
		return high
	}
	return most
}

func withoutNaN(values []float64) []float64 {
	var numbers []float64
	for _, v := range values {
		if v == v {
			numbers = append(numbers, v)
		}
	}
	return numbers
}

// addSketches adds sketches of the set's range, which are b's from then on.
func (b *Buckets) addSketches(times []int64, sketches []*sketch.Sketch) {
	for i, s := range sketches {
		if s.Count == 0 {
			continue
		}
		k := int((floorTo(times[i], b.Width) - b.Start) / b.Width)
		if k >= len(b.Count) {
			continue // RightClosed, exactly at the end of the range: it is of a later time
		}
		b.Count[k] += float64(s.Count)
		if len(b.Sum) > 0 {
			b.Sum[k] += s.Sum
		}
		if len(b.Min) > 0 && !(b.Min[k] <= s.Min) {
			b.Min[k] = s.Min
		}
		if len(b.Max) > 0 && !(b.Max[k] >= s.Max) {
			b.Max[k] = s.Max
		}
		if len(b.Sketches) == 0 {
			continue
		}
		b.addSketch(k, s)
	}
}

// addTier adds the buckets [i, j) of a tier, later than all that was added
// before. Of the first and the last, what lies outside of [from, to] by its time
// is left out: the sample on the start, or the rest, whose time is taken for
// that of the whole bucket where the tier's buckets are the wider ones.
func (b *Buckets) addTier(t *tierColumns, i, j int, from, to int64) {
	distribution := len(t.First) == 0 && len(t.OnStart) == 0
	for ; i < j; i++ {
		start := t.Start[i]
		if distribution {
			if start+1 >= from && start <= to {
				b.addTierSketch(t, i)
			}
			continue
		}
		on := t.OnStart[i] != 0
		if on && start >= from && start <= to {
			k, _ := b.at(start)
			b.addRun(k, t.First[i:i+1])
		}
		if start+1 < from || start+1 > to {
			continue
		}
		k := int((start - b.Start) / b.Width) // with either edge
		n := t.Count[i]
		if len(b.First) > 0 && !on && b.Count[k] == 0 {
			b.First[k] = t.First[i]
		}
		if len(b.Increase) > 0 {
			if !on {
				b.Increase[k] += increase(b.prev, t.First[i])
			}
			b.prev = t.Last[i]
			if len(t.Increase) > 0 {
				b.Increase[k] += t.Increase[i]
			} else {
				b.Increase[k] += increase(t.First[i], t.Last[i])
			}
		}
		if n == 0 {
			continue
		}
		b.Count[k] += n
		if len(b.Sum) > 0 {
			b.Sum[k] += t.Sum[i]
		}
		if len(b.Min) > 0 && !(b.Min[k] <= t.Min[i]) {
			b.Min[k] = t.Min[i]
		}
		if len(b.Max) > 0 && !(b.Max[k] >= t.Max[i]) {
			b.Max[k] = t.Max[i]
		}
		if len(b.Last) > 0 {
			b.Last[k] = t.Last[i]
		}
	}
}

func (b *Buckets) addTierSketch(t *tierColumns, i int) {
	k := int((t.Start[i] - b.Start) / b.Width)
	if k >= len(b.Count) {
		return
	}
	b.Count[k] += t.Count[i]
	if len(b.Sum) > 0 {
		b.Sum[k] += t.Sum[i]
	}
	if len(b.Min) > 0 && !(b.Min[k] <= t.Min[i]) {
		b.Min[k] = t.Min[i]
	}
	if len(b.Max) > 0 && !(b.Max[k] >= t.Max[i]) {
		b.Max[k] = t.Max[i]
	}
	if len(b.Sketches) == 0 {
		return
	}
	b.addSketch(k, t.Sketches[i]) // freshly decoded: nobody else has it
}

// addSketch adds to the sketch of one bucket, later ones than any before.
func (b *Buckets) addSketch(k int, s *sketch.Sketch) {
	switch {
	case b.Sketches[k] == nil:
		b.Sketches[k] = s
		return
	case b.summed != k:
		b.endSum()
		b.sum.Add(b.Sketches[k])
		b.summed = k
	}
	b.sum.Add(s)
}

// endSum puts what was summed up into its bucket.
func (b *Buckets) endSum() {
	if b.summed >= 0 {
		b.Sketches[b.summed] = b.sum.Sketch()
		b.summed = -1
	}
}

// addRaw is addSamples or addSketches.
func (b *Buckets) addRaw(c *Columns) {
	if len(c.Sketches) > 0 {
		b.addSketches(c.Times, c.Sketches)
		return
	}
	b.addSamples(c.Times, c.Values)
}

// takesHeader says whether a block of these times may be added by its header.
func (b *Buckets) takesHeader(from, to int64) bool {
	_, end := b.at(from)
	return to <= end && !b.distribution && b.Want&WantIncrease == 0
}

// addHeader adds a block by its header, unless it holds NaN.
func (b *Buckets) addHeader(h *chunk.Header) bool {
	if h.Sum != h.Sum {
		return false
	}
	k, _ := b.at(h.MinTime)
	if len(b.First) > 0 && b.Count[k] == 0 {
		b.First[k] = h.First
	}
	b.Count[k] += float64(h.Count)
	if len(b.Sum) > 0 {
		b.Sum[k] += h.Sum
	}
	if len(b.Min) > 0 && !(b.Min[k] <= h.Min) {
		b.Min[k] = h.Min
	}
	if len(b.Max) > 0 && !(b.Max[k] >= h.Max) {
		b.Max[k] = h.Max
	}
	if len(b.Last) > 0 {
		b.Last[k] = h.Last
	}
	return true
}

// Aggregate fills b with the buckets of Series[i] that the set's range touches,
// aligned to multiples of width (ms) since the epoch. Samples outside of the
// range are left out, also in its first and last bucket. Where width is a
// multiple of 5 minutes or an hour, the tiers' buckets and the headers of
// blocks are read in place of samples, and give the same.
//
// Where raw samples are no longer kept, a tier's bucket counts as a whole, at
// its start: buckets narrower than the tier's are empty but for those.
//
// Like Read, Aggregate leaves out and names what it can't read, and is safe for
// concurrent use with different b.
func (s *SeriesSet) Aggregate(i int, width int64, edge Edge, b *Buckets) error {
	if err := b.reset(s.from, s.to, width, edge); err != nil {
		return err
	}
	info := &s.Series[i]
	b.distribution = info.Kind == Distribution
	matching := 0 // how many of the tiers serve
	switch grows := b.Want&WantIncrease != 0; {
	case b.Want&WantFirst != 0 && edge == RightClosed, grows && info.Kind != Cumulative && !b.distribution:
	case width%oneHour == 0:
		matching = 2
	case width%fiveMinutes == 0:
		matching = 1
	}
	lasts := edge == LeftClosed && b.Want&WantLast != 0 && !b.distribution && info.Kind != Cumulative
	r := s.db.readers.Get().(*seriesReader)
	defer s.db.readers.Put(r)
	err := r.read(s, info.Ref, s.planFor(matching, lasts), b.distribution, b.Want, b)
	b.endSum()
	return err
}
