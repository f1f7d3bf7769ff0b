package store

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/partition"
)

// buildTiers makes the tiers' files of a day anew: of its files' samples, which
// are all that there are; or, when earlier ones are gone, of the buckets that are
// there and of the samples that came later. Without whole, and while no samples
// are gone, what those serve as well is left out.
func (db *DB) buildTiers(d int64, files []*sealedFile, whole bool, pace *pacer) error {
	for _, width := range []int64{fiveMinutes, oneHour} {
		if !db.tierWanted(width, d) {
			continue
		}
		db.mu.RLock()
		var old []*tierFile
		lean := !whole
		covers := map[int64]int{d: files[len(files)-1].number}
		for _, w := range []int64{fiveMinutes, oneHour} {
			if f := coveringTier(db.tiers, w, d); f != nil {
				if w == width {
					covers[d] = max(covers[d], f.covers[d])
				}
				if !f.lean {
					f.Acquire()
					old = append(old, f)
					lean = lean && w != width
				}
			}
		}
		db.mu.RUnlock()
		set := &SeriesSet{db: db, from: d * day, to: (d+1)*day - 1, sealed: files, tiers: old}
		err := db.replaceTier(set, width, covers, lean, nil, pace)
		for _, f := range old {
			err = errors.Join(err, f.Release())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// monthDays is how many days the files of the hour tier are brought together to
// hold, so that a query over years opens few.
const monthDays = 32

// mergeTiers brings the hour tier's files of single days together, once they
// are whole.
func (db *DB) mergeTiers(all bool, pace *pacer) error {
	db.mu.RLock()
	months := map[int64][]*tierFile{}
	for _, f := range db.tiers {
		if f.width != oneHour || f.lean {
			continue
		}
		for d := range f.covers {
			m := floorTo(d, monthDays)
			if !slices.Contains(months[m], f) {
				f.Acquire()
				months[m] = append(months[m], f)
			}
		}
	}
	db.mu.RUnlock()
	var err error
	for _, m := range slices.Sorted(maps.Keys(months)) {
		files := months[m]
		over := dayOf(db.now().UnixMilli()) > m+monthDays+1
		if err == nil && len(files) > 1 && (len(files) > 8 || all || over) {
			covers := map[int64]int{}
			for d := m; d < m+monthDays; d++ {
				if f := coveringTier(files, oneHour, d); f != nil {
					covers[d] = f.covers[d]
				}
			}
			set := &SeriesSet{db: db, from: m * day, to: (m+monthDays)*day - 1, tiers: files}
			err = db.replaceTier(set, oneHour, covers, false, nil, pace)
		}
		for _, f := range files {
			err = errors.Join(err, f.Release())
		}
	}
	return err
}

// rewriteTier writes a tier's file anew, with each series' buckets as edit leaves
// them.
func (db *DB) rewriteTier(f *tierFile, edit func(Ref, *tierColumns), pace *pacer) error {
	covers := map[int64]int{}
	db.mu.RLock()
	for d, n := range f.covers {
		if coveringTier(db.tiers, f.width, d) == f {
			covers[d] = n
		}
	}
	db.mu.RUnlock()
	set := &SeriesSet{db: db, from: f.MinTime, to: f.MaxTime, tiers: []*tierFile{f}}
	return db.replaceTier(set, f.width, covers, f.lean, edit, pace)
}

// replaceTier writes a file with the set's buckets of one width, after edit, if
// it is not nil, has seen to them, and lets it take the place of those that it
// covers.
func (db *DB) replaceTier(set *SeriesSet, width int64, covers map[int64]int, lean bool, edit func(Ref, *tierColumns), pace *pacer) error {
	db.mu.RLock()
	number := 1
	for _, f := range db.tiers {
		number = max(number, f.number+1)
	}
	for _, name := range db.broken {
		if _, n, ok := tierOf(name); ok {
			number = max(number, n+1)
		}
	}
	db.mu.RUnlock()
	name := db.tierName(width, number)
	if err := writeTier(name, set, width, covers, lean, edit, pace); err != nil {
		return fmt.Errorf("build a tier: %w", err)
	}
	for _, w := range set.Warnings() {
		db.logger.Error("a tier was built without what can't be read", "err", w)
	}
	f, err := db.openTier(name, width, number)
	if err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.tiers = append(db.tiers, f)
	db.counts.tiersBuilt.Add(1)
	return db.dropUnusedTiers()
}

// writeTier writes the tier's file of all series that the set's files hold; of a
// lean one, of those that are worth it.
func writeTier(name string, set *SeriesSet, width int64, covers map[int64]int, lean bool, edit func(Ref, *tierColumns), pace *pacer) error {
	w, err := partition.Create(name)
	if err != nil {
		return err
	}
	payload, header := coverage(covers)
	kind := uint8(coverageBlock)
	if lean {
		kind = leanBlock
	}
	w.Add(0, kind, header, payload)
	plan := set.plan([]int64{width}, false)
	r := newSeriesReader()
	r.codec.encoder = chunk.NewEncoder()
	sink := &tierSink{}
	for it := set.refs().Iterator(); it.HasNext(); {
		ref := Ref(it.Next())
		if set.db.states.at(ref) == nil { // the coverage, or what was forgotten
			continue
		}
		kind := set.db.kind(ref)
		sink.reset(width)
		sink.cumulative, sink.samples = kind == Cumulative, 0
		err := r.read(set, ref, plan, kind == Distribution, wantAllTierColumns|WantSketches, sink)
		if err == nil {
			err = pace.rest()
		}
		if err != nil {
			w.Abort()
			return err
		}
		if edit != nil {
			edit(ref, &sink.tierColumns)
		}
		if lean && set.sealed != nil && sink.rawServes(set.db.options.fewForTier) {
			continue
		}
		if len(sink.Start) > 0 {
			encoded, header := r.codec.encode(nil, &sink.tierColumns, lean)
			if few := r.codec.encodeFew(nil, &sink.tierColumns); few != nil && len(few) < len(encoded) {
				w.Add(uint32(ref), samplesBlock, header, few)
			} else {
				w.Add(uint32(ref), tierBlock, header, encoded)
			}
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return nil
}

// refs returns the series that have blocks in the set's files.
func (s *SeriesSet) refs() *roaring.Bitmap {
	refs := roaring.New()
	add := func(p *partition.Partition) {
		for series := range p.Series() {
			refs.Add(series)
		}
	}
	for _, f := range s.sealed {
		add(f.Partition)
	}
	for _, f := range s.tiers {
		add(f.Partition)
	}
	return refs
}

// tierSink makes buckets of what is read.
type tierSink struct {
	tierColumns
	cumulative bool
	samples    int // read raw, a sketch counting as many
}

// What raw samples serve as well: series with few of them in a day, which are
// read as fast as buckets are, and those with few in each bucket.
const (
	fewForTier   = 512
	fewForBucket = 6
	perSketch    = 8 // numbers that take as long to read as a sketch
)

// rawServes says that the series need not be in a lean tier.
func (t *tierSink) rawServes(few int) bool {
	return t.samples <= few || t.samples <= min(few, fewForBucket)*len(t.Start)
}

func (t *tierSink) takesHeader(_, _ int64) bool  { return false }
func (t *tierSink) addHeader(*chunk.Header) bool { return false }

func (t *tierSink) addRaw(c *Columns) {
	t.samples += len(c.Values) + perSketch*len(c.Sketches)
	if len(c.Sketches) > 0 {
		t.addSketches(c.Times, c.Sketches)
		return
	}
	t.addSamples(c.Times, c.Values, t.cumulative)
}

func (t *tierSink) addTier(o *tierColumns, i, j int, _, _ int64) {
	if i == 0 && j == len(o.Start) && !o.many {
		t.addFew(o.few.Times, o.few.Values)
	} else if i < j {
		t.many = true
	}
	switch {
	case o.width == t.width:
		t.addFrom(o, i, j)
	case o.width < t.width:
		t.addFiner(o, i, j)
	}
	// Nothing fine can be made of coarse buckets.
}
