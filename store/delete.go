package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Delete removes the samples in [from, to] (ms, both inclusive) of the series
// that match f, from raw files and from tiers, and returns how many series had
// any. When it returns, they are gone from the disk; what is appended meanwhile
// may stay. It writes the files of those series anew, one after the other: if it
// is interrupted, some of the samples are left, and it can be called again.
//
// Of tiers' buckets that the range cuts, what is outside is kept where their raw
// samples are; else all of the bucket goes.
func (db *DB) Delete(ctx context.Context, f Filter, from, to int64) (series int, err error) {
	if err := db.Seal(); err != nil {
		return 0, err
	}
	matching, _, err := db.match(ctx, f, from, to)
	if err != nil {
		return 0, err
	}
	refs := roaring.New()
	for _, s := range db.states.within(matching, from, to) {
		refs.Add(uint32(s.ref))
	}
	if refs.IsEmpty() {
		return 0, nil
	}
	err = db.ask(func() error {
		defer db.removedSamples()
		d := deletion{db, refs, from, to, &pacer{stop: db.stop, fast: true}}
		return errors.Join(d.raw(ctx), d.tiers(ctx), d.forget())
	})
	if err != nil {
		return 0, fmt.Errorf("delete series: %w", err)
	}
	return int(refs.GetCardinality()), nil
}

// deletion is one Delete. It runs in the maintenance goroutine.
type deletion struct {
	db       *DB
	refs     *roaring.Bitmap
	from, to int64
	pace     *pacer
}

// touches says whether a file has one of the series in the range.
func (d *deletion) touches(series func(yield func(uint32, [2]int64) bool)) bool {
	for ref, times := range series {
		if times[0] <= d.to && times[1] >= d.from && d.refs.Contains(ref) {
			return true
		}
	}
	return false
}

// raw writes the sealed files anew.
func (d *deletion) raw(ctx context.Context) error {
	db := d.db
	for _, day := range db.sealedDays() {
		files := db.filesOf(day)
		err := ctx.Err()
		for _, f := range files {
			if err == nil && d.touches(f.Series()) {
				err = d.rewrite(f)
			}
		}
		if err = errors.Join(err, release(files)); err != nil {
			return err
		}
	}
	return nil
}

func (d *deletion) rewrite(f *sealedFile) error {
	db := d.db
	err := db.mergeFiles(f.Path, []*sealedFile{f}, func(ref Ref, at int64) bool {
		return at >= d.from && at <= d.to && d.refs.Contains(uint32(ref))
	}, d.pace)
	if err != nil {
		return err
	}
	left, err := db.openSealed(f.Path, f.number, f.day)
	if err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	// An empty file stays: it says that its day takes samples still.
	return db.swap([]*sealedFile{f}, left)
}

// tiers writes the tiers' files anew: lean ones of the samples that are left.
func (d *deletion) tiers(ctx context.Context) error {
	db := d.db
	held := db.holdTiers()
	var err error
	var lean []int64 // days
	for _, f := range held {
		switch {
		case err != nil || !d.touches(f.Series()):
		case f.lean:
			lean = slices.AppendSeq(lean, maps.Keys(f.covers))
		default:
			if err = ctx.Err(); err == nil {
				err = db.rewriteTier(f, func(ref Ref, t *tierColumns) { d.buckets(f, ref, t) }, d.pace)
			}
		}
	}
	for _, f := range held {
		err = errors.Join(err, f.Release())
	}
	slices.Sort(lean)
	for _, day := range slices.Compact(lean) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		files := db.filesOf(day)
		err = errors.Join(db.buildTiers(day, files, false, d.pace), release(files))
	}
	return err
}

// buckets removes those of a series in a tier's file that the range touches, and
// makes those that it cuts anew of raw samples.
func (d *deletion) buckets(f *tierFile, ref Ref, t *tierColumns) {
	if !d.refs.Contains(uint32(ref)) {
		return
	}
	left := tierColumns{width: t.width}
	i, j := t.search(floorTo(d.from, t.width)), t.search(d.to+1)
	left.addFrom(t, 0, i)
	for k := i; k < j; k++ {
		if start := t.Start[k]; start < d.from || start+t.width-1 > d.to {
			again := d.again(f, ref, start)
			left.addFrom(again, 0, len(again.Start))
		}
	}
	left.addFrom(t, j, len(t.Start))
	*t = left
}

// again makes one bucket of the raw samples that are left of it, if there are any.
// Those that came later than the tier's file are not in it, before as after.
func (d *deletion) again(f *tierFile, ref Ref, start int64) *tierColumns {
	db, width, day := d.db, f.width, dayOf(start)
	files := db.filesOf(day)
	defer release(files)
	set := &SeriesSet{db: db, from: start, to: start + width - 1}
	for _, file := range files {
		if file.number <= f.covers[day] {
			set.sealed = append(set.sealed, file)
		}
	}
	kind := db.kind(ref)
	sink := &tierSink{cumulative: kind == Cumulative}
	sink.reset(width)
	r := newSeriesReader()
	if err := r.read(set, ref, set.plan(nil, false), kind == Distribution, 0, sink); err != nil {
		db.logger.Error("make a bucket anew", "err", err)
	}
	return &sink.tierColumns
}

// forget takes back what is known of the series' samples, where all of them are
// gone. It runs between two records of the log.
func (d *deletion) forget() error {
	db := d.db
	return db.log.Cut(func(int) {
		db.states.mu.Lock()
		defer db.states.mu.Unlock()
		for it := d.refs.Iterator(); it.HasNext(); {
			ref := Ref(it.Next())
			s := db.states.at(ref)
			if s != nil && s.first >= d.from && s.last <= d.to && !db.inHead(ref) {
				s.first, s.last, s.value = -noSample, noSample, unknownValue
			}
		}
	})
}

// inHead says whether samples of a series have come that are not sealed.
func (db *DB) inHead(ref Ref) bool {
	db.mu.RLock()
	defer db.mu.RUnlock()
	for _, h := range []*head{db.head, db.sealing} {
		var c Columns
		if h != nil && (h.read(ref, db.kind(ref) == Distribution, noSample, -noSample, &c) != nil || len(c.Times) > 0) {
			return true
		}
	}
	return false
}
