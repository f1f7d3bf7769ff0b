package store

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/partition"
)

// A series is read stretch by stretch: the range of a set is cut by days, and
// days that are read from the same file of a tier, and have nothing that came
// later than it, are one stretch.
type stretch struct {
	from, to int64     // ms, both inclusive
	tier     *tierFile // nil where there is only raw
	// matches: the tier's buckets are whole parts of those asked for, so it is
	// read in place of raw samples. Otherwise it stands in for raw samples that
	// are no longer kept.
	matches bool
	coarser *tierFile     // may have series that are gone from a tier of 5 minutes
	covered []*sealedFile // raw files that the tier's buckets hold; all of them without a tier
	fresh   []*sealedFile // raw files that came later
}

// plan cuts the set's range into stretches, for buckets that the given tiers,
// best first, are whole parts of; with lasts, for what needs the last sample of
// each of the tiers' buckets, which lean ones lack.
func (s *SeriesSet) plan(matching []int64, lasts bool) []stretch {
	files := map[int64][]*sealedFile{}
	days := []int64{}
	for _, p := range s.sealed {
		if files[p.day] == nil {
			days = append(days, p.day)
		}
		files[p.day] = append(files[p.day], p)
	}
	tiers := map[int64]map[int64]*tierFile{fiveMinutes: {}, oneHour: {}} // by width and day
	for _, t := range s.tiers {
		for d := range t.covers {
			if d < dayOf(s.from) || d > dayOf(s.to) {
				continue
			}
			days = append(days, d)
			if best := tiers[t.width][d]; best == nil || best.number < t.number {
				tiers[t.width][d] = t
			}
		}
	}
	slices.Sort(days)
	days = slices.Compact(days)
	var plan []stretch
	next := s.from
	for _, d := range days {
		if d*day > next { // days of which only a head can have samples
			plan = addStretch(plan, stretch{from: next, to: d*day - 1})
		}
		st := stretch{from: max(s.from, d*day), to: min(s.to, (d+1)*day-1)}
		next = max(next, (d+1)*day)
		if st.from > st.to {
			continue
		}
		for _, width := range matching {
			if t := tiers[width][d]; t != nil && !(lasts && t.lean) {
				st.tier, st.matches = t, true
				break
			}
		}
		for _, width := range []int64{fiveMinutes, oneHour} {
			if st.tier == nil {
				st.tier = tiers[width][d]
			}
		}
		if st.tier != nil && st.tier.width == fiveMinutes {
			st.coarser = tiers[oneHour][d]
		}
		for _, f := range files[d] {
			if st.tier != nil && f.number > st.tier.covers[d] {
				st.fresh = append(st.fresh, f)
			} else {
				st.covered = append(st.covered, f)
			}
		}
		plan = addStretch(plan, st)
	}
	if next <= s.to {
		plan = addStretch(plan, stretch{from: next, to: s.to})
	}
	return plan
}

// addStretch makes one of two adjacent stretches that are read in the same way.
func addStretch(plan []stretch, st stretch) []stretch {
	if len(plan) > 0 {
		last := &plan[len(plan)-1]
		same := last.tier == st.tier && last.coarser == st.coarser && last.matches == st.matches && len(last.fresh) == 0 && len(st.fresh) == 0
		if same && (st.tier == nil || st.matches || len(last.covered) == 0 && len(st.covered) == 0) {
			last.to = st.to
			last.covered = append(last.covered, st.covered...)
			return plan
		}
	}
	return append(plan, st)
}

// sink takes what is read of a series, in time order: samples, and buckets of a
// tier whose parts outside of [from, to] are to be left out.
type sink interface {
	addRaw(c *Columns)
	takesHeader(from, to int64) bool // of a block of these times, in place of samples
	addHeader(h *chunk.Header) bool  // false: it takes the samples after all
	addTier(t *tierColumns, i, j int, from, to int64)
}

// seriesReader reads one series at a time. It holds buffers and is for one
// goroutine.
type seriesReader struct {
	set      *SeriesSet
	ref      Ref
	sketches bool
	want     Want // what is needed of tiers
	sink     sink

	decoder *chunk.Decoder
	codec   tierCodec
	heads   [2]Columns // the samples in each head, in time order
	spans   []piece
	blocks  []partition.Block
	loaded  bool    // spans has what the tier was made of, too
	days    []int64 // whose raw samples, that the tier was made of, are there
	buffer  Columns
	holes   []interval
	tier    tierColumns
	cached  struct { // what tier holds
		file  *tierFile
		block int64
		want  Want
	}
	tierBlocks []partition.Block
	inTier     bool // the tier's file has the series, be it outside of the stretch
}

// interval is a time from one ms to another, both inclusive.
type interval struct{ from, to int64 }

// piece is a piece of raw samples in time order: a block, or what a head has.
type piece struct {
	interval
	source int // of two with the same time, the higher one wins
	file   *sealedFile
	block  partition.Block
	head   *Columns
}

func newSeriesReader() *seriesReader {
	d := chunk.NewDecoder()
	return &seriesReader{decoder: d, codec: tierCodec{decoder: d}}
}

// read gives the samples of a series, or buckets in their place, to the sink.
func (r *seriesReader) read(set *SeriesSet, ref Ref, plan []stretch, sketches bool, want Want, to sink) error {
	r.set, r.ref, r.sketches, r.want, r.sink = set, ref, sketches, want, to
	r.cached.file = nil
	defer func() { r.set, r.sink, r.cached.file = nil, nil, nil }()
	for i, h := range set.heads {
		c := &r.heads[i]
		c.Reset()
		if err := h.read(ref, sketches, set.from, set.to, c); err != nil {
			return fmt.Errorf("read series %d from the head: %w", ref, err)
		}
		if !ascending(c.Times) {
			sortColumns(c)
		}
	}
	for i := range plan {
		r.stretch(&plan[i])
	}
	return nil
}

// stretch reads one stretch.
func (r *seriesReader) stretch(st *stretch) {
	r.spans, r.days, r.loaded = r.spans[:0], r.days[:0], false
	for _, f := range st.fresh {
		r.addSpans(st, f)
	}
	for i := range r.set.heads {
		c := &r.heads[i]
		if n := len(c.Times); n > 0 && c.Times[0] <= st.to && c.Times[n-1] >= st.from {
			at := interval{max(c.Times[0], st.from), min(c.Times[n-1], st.to)}
			r.spans = append(r.spans, piece{interval: at, source: math.MaxInt - len(r.set.heads) + i, head: c})
		}
	}
	whole := r.findBuckets(st)
	if !st.matches || !whole || len(r.tierBlocks) == 0 {
		r.load(st)
		if !r.inTier && len(r.days) == 0 && st.coarser != nil {
			other := *st
			other.tier, other.coarser, other.matches = st.coarser, nil, false
			r.stretch(&other)
			return
		}
		if len(r.tierBlocks) == 0 || len(r.days) > 0 {
			r.raw(r.spans, st.from, st.to)
			return
		}
	}
	// The days whose raw samples the tier was made of are still there to be read
	// again where something changed since, or where the range cuts a bucket.
	r.findHoles(st)
	at := st.from
	for _, hole := range r.holes {
		r.buckets(st, at, hole.from-1)
		r.load(st)
		r.raw(r.spans, hole.from, hole.to)
		at = hole.to + 1
	}
	r.buckets(st, at, st.to)
}

// load adds the blocks that the tier was made of, which most questions to the
// tier don't need.
func (r *seriesReader) load(st *stretch) {
	if r.loaded {
		return
	}
	r.loaded = true
	for _, f := range st.covered {
		if r.addSpans(st, f) {
			r.days = append(r.days, f.day)
		}
	}
}

// addSpans adds a file's blocks of the series in the stretch, and says whether
// the file has any, be it outside.
func (r *seriesReader) addSpans(st *stretch, f *sealedFile) bool {
	r.blocks = f.AppendBlocks(r.blocks[:0], uint32(r.ref))
	for _, b := range r.blocks {
		if b.MinTime <= st.to && b.MaxTime >= st.from {
			r.spans = append(r.spans, piece{interval: interval{b.MinTime, b.MaxTime}, source: f.number, file: f, block: b})
		}
	}
	return len(r.blocks) > 0
}

// findBuckets finds the tier's blocks, and says whether all of them can be read.
func (r *seriesReader) findBuckets(st *stretch) (whole bool) {
	r.tierBlocks, r.inTier, whole = r.tierBlocks[:0], false, true
	if st.tier == nil {
		return true
	}
	r.blocks = st.tier.AppendBlocks(r.blocks[:0], uint32(r.ref))
	r.inTier = len(r.blocks) > 0
	for _, b := range r.blocks {
		if b.MinTime > st.to || b.MaxTime < st.from {
			continue
		}
		if _, err := st.tier.Bytes(b); err != nil {
			r.set.unreadable(st.tier.Partition, b, err)
			whole = false
			continue
		}
		r.tierBlocks = append(r.tierBlocks, b)
	}
	return whole
}

// findHoles finds the times that the stretch's tier can't answer for: buckets
// of which later samples have come, and buckets that the stretch cuts. A bucket
// whose raw samples are gone is left as it is.
func (r *seriesReader) findHoles(st *stretch) {
	width := st.tier.width
	r.holes = r.holes[:0]
	add := func(from, to int64) { // both of one day
		hole := interval{max(floorTo(from, width), st.from), min(floorTo(to, width)+width-1, st.to)}
		if hole.from <= hole.to && r.rawServes(st, hole) {
			r.holes = append(r.holes, hole)
		}
	}
	for _, s := range r.spans { // those that came later: no others are loaded yet
		if s.head == nil {
			add(s.from, s.to)
			continue
		}
		for next := s.from; ; { // a head's few late samples lie far from the rest
			i, _ := slices.BinarySearch(s.head.Times, next)
			if i == len(s.head.Times) || s.head.Times[i] > s.to {
				break
			}
			add(s.head.Times[i], s.head.Times[i])
			next = floorTo(s.head.Times[i], width) + width
		}
	}
	// A range that begins just behind a bucket's start takes all of the bucket but
	// the sample on the start, which is kept apart; one that ends on it, only that.
	// Sketches on the start are not.
	if behind := st.from - floorTo(st.from, width); behind > 1 || behind == 1 && (r.sketches || r.want&WantIncrease != 0) {
		add(st.from, st.from)
	}
	behind := st.to - floorTo(st.to, width)
	if behind < width-1 && (behind > 0 || r.sketches) {
		add(st.to, st.to)
	}
	// Of a bucket whose end is not in the range, a lean tier may lack the last one.
	if behind == width-1 && st.tier.lean && r.want&WantLast != 0 && r.followed(st.to) {
		add(st.to, st.to)
	}
	slices.SortFunc(r.holes, func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	merged := r.holes[:0]
	for _, h := range r.holes {
		if k := len(merged) - 1; k >= 0 && h.from <= merged[k].to+1 {
			merged[k].to = max(merged[k].to, h.to)
			continue
		}
		merged = append(merged, h)
	}
	r.holes = merged
}

// followed says whether the tier has buckets after at.
func (r *seriesReader) followed(at int64) bool {
	return len(r.tierBlocks) > 0 && r.tierBlocks[len(r.tierBlocks)-1].MaxTime > at
}

// rawServes says whether raw samples can be read in place of the buckets in a
// hole: those of its day are still there, or the tier has none in it.
func (r *seriesReader) rawServes(st *stretch, hole interval) bool {
	r.load(st)
	if slices.Contains(r.days, dayOf(hole.from)) {
		return true
	}
	for _, b := range r.tierBlocks {
		if b.MinTime <= hole.to && b.MaxTime >= hole.from {
			return false
		}
	}
	return true
}

// buckets gives the sink the tier's buckets of [from, to].
func (r *seriesReader) buckets(st *stretch, from, to int64) {
	if from > to {
		return
	}
	width := st.tier.width
	for _, b := range r.tierBlocks {
		if b.MinTime > to || b.MaxTime < from {
			continue
		}
		if r.cached.file != st.tier || r.cached.block != b.MinTime {
			encoded, err := st.tier.Bytes(b)
			switch {
			case err != nil:
			case b.Kind == samplesBlock:
				err = r.codec.decodeFew(b.MinTime, encoded, width, r.set.db.kind(r.ref) == Cumulative, &r.tier)
			default:
				err = r.codec.decode(encoded, width, r.want, &r.tier)
			}
			if err != nil {
				r.cached.file = nil
				r.set.unreadable(st.tier.Partition, b, err)
				continue
			}
			r.cached.file, r.cached.block = st.tier, b.MinTime
		}
		i, j := r.tier.search(floorTo(from, width)), r.tier.search(to+1)
		r.sink.addTier(&r.tier, i, j, from, to)
	}
}

// raw gives the sink the samples of [from, to] in the given spans.
func (r *seriesReader) raw(spans []piece, from, to int64) {
	if from > to {
		return
	}
	sorted := true
	for i := 1; i < len(spans) && sorted; i++ {
		sorted = spans[i-1].from <= spans[i].from
	}
	if !sorted {
		slices.SortStableFunc(spans, func(a, b piece) int { return cmp.Compare(a.from, b.from) })
	}
	for i := 0; i < len(spans); {
		// Pieces that overlap are sorted as one; most stand alone.
		end, j := spans[i].to, i+1
		for j < len(spans) && spans[j].from <= end {
			end = max(end, spans[j].to)
			j++
		}
		if spans[i].from <= to && end >= from {
			r.pieces(spans[i:j], from, to)
		}
		i = j
	}
}

// pieces gives the sink the samples of [from, to] of spans that overlap.
func (r *seriesReader) pieces(spans []piece, from, to int64) {
	if len(spans) == 1 && r.header(&spans[0], from, to) {
		return
	}
	c := &r.buffer
	c.Reset()
	if len(spans) > 1 {
		spans = slices.Clone(spans)
		slices.SortFunc(spans, func(a, b piece) int { return cmp.Compare(a.source, b.source) })
	}
	for i := range spans {
		s := &spans[i]
		if s.head != nil {
			c.Times = append(c.Times, s.head.Times...)
			c.Values = append(c.Values, s.head.Values...)
			c.Sketches = append(c.Sketches, s.head.Sketches...)
			continue
		}
		encoded, err := s.file.Bytes(s.block)
		if err == nil {
			err = decodeInto(r.decoder, s.block.MinTime, encoded, r.sketches, c)
		}
		if err != nil {
			r.set.unreadable(s.file.Partition, s.block, err)
		}
	}
	if !ascending(c.Times) {
		sortColumns(c)
	}
	c.trim(from, to)
	if len(c.Times) > 0 {
		r.sink.addRaw(c)
	}
}

// header gives the sink the header of a block that lies in [from, to], if that
// is all that it needs.
func (r *seriesReader) header(s *piece, from, to int64) bool {
	if s.head != nil || s.from < from || s.to > to || r.sketches || !r.sink.takesHeader(s.from, s.to) {
		return false
	}
	encoded, err := s.file.Bytes(s.block)
	if err != nil {
		return false
	}
	h, err := r.decoder.Header(s.block.MinTime, encoded)
	return err == nil && r.sink.addHeader(&h)
}

// unreadable names a block that an answer lacks.
func (s *SeriesSet) unreadable(p *partition.Partition, b partition.Block, err error) {
	s.db.counts.unreadable.Add(1)
	s.warn(fmt.Sprintf("%s: a block of series %d can't be read, its samples are left out: %v", filepath.Base(p.Path), b.Series, err))
}
