package store

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// maxAhead is how far in the future a sample may lie.
const maxAhead = 10 * time.Minute

// Rejected counts the samples of a batch that were not kept, by reason.
type Rejected struct {
	Future int // more than 10 minutes ahead
	Old    int // before the retention
}

// logged is a batch on its way through the log.
type logged struct {
	batch       *Batch
	definitions []definition
}

// Append keeps b: when it returns nil, b is on disk and visible to readers.
// Samples may be late, out of order or repeated; the last write of a time wins.
// Those outside of the times that may be kept are left out and counted. b is
// borrowed until Append returns, and reordered. ErrForgotten says that a ref of
// b is of a series the store has forgotten, and that nothing of b was kept.
func (db *DB) Append(ctx context.Context, b *Batch) (Rejected, error) {
	if err := ctx.Err(); err != nil {
		return Rejected{}, err
	}
	if db.full.Load() {
		return Rejected{}, fmt.Errorf("%w: less than %d MiB are free on the disk of %s", ErrNoSpace, db.options.MinFree>>20, db.dir)
	}
	if err := db.awaitRoom(ctx); err != nil {
		return Rejected{}, err
	}
	db.forgetting.RLock() // a series that was let through stays until its samples are in the head
	defer db.forgetting.RUnlock()
	kept, rejected, definitions, err := db.admit(b)
	if err != nil {
		return Rejected{}, err
	}
	if n := len(kept.Samples) + len(kept.Sketches); n > 0 {
		e := db.records.Get().(*recordEncoder)
		err := db.log.Append(e.encode(definitions, &kept), &logged{&kept, definitions})
		db.records.Put(e)
		if err != nil {
			if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
				err = fmt.Errorf("%w: %w", ErrNoSpace, err)
			}
			return Rejected{}, err
		}
		db.counts.appended.Add(uint64(n))
	}
	db.counts.future.Add(uint64(rejected.Future))
	db.counts.old.Add(uint64(rejected.Old))
	return rejected, nil
}

// roomWait is how often an appender looks again whether there is room.
const roomWait = 10 * time.Millisecond

// awaitRoom waits while a head that can't be sealed yet is as large as a head
// may ever get: the one before it is still being written, or writing it fails.
func (db *DB) awaitRoom(ctx context.Context) error {
	for db.crowded.Load() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("append: wait for the head to be sealed: %w", context.Cause(ctx))
		case <-db.stop:
			return errClosed
		case <-time.After(roomWait):
		}
	}
	return nil
}

// admission decides which samples of one batch are kept.
type admission struct {
	db             *DB
	now            time.Time
	oldest, newest int64 // of series that no rule gives another retention
	rejected       Rejected
	fresh          []Ref // series that no durable record defines
}

func (a *admission) admit(ref Ref, at int64, sketch bool) (bool, error) {
	s := a.db.states.at(ref)
	if s == nil {
		return false, fmt.Errorf("append: %w: ref %d", ErrForgotten, ref)
	}
	if (s.kind() == Distribution) != sketch {
		return false, fmt.Errorf("append: ref %d is a %s: sketches belong to distributions, numbers to the others", ref, s.kind())
	}
	if at > a.newest {
		a.rejected.Future++
		if a.rejected.Future == 1 { // one is enough to name
			a.db.future.note(a.db, ref, time.UnixMilli(at).Sub(a.now), a.now)
		}
		return false, nil
	}
	oldest := a.oldest
	if s.rule() > 0 {
		oldest = a.db.oldestRaw(s.rule(), a.now)
	}
	if at < oldest {
		a.rejected.Old++
		return false, nil
	}
	if !s.is(stateLogged) {
		a.fresh = append(a.fresh, ref)
	}
	return true, nil
}

// admit drops the samples of b whose times can't be kept, and finds the series
// among the rest that no durable record defines.
func (db *DB) admit(b *Batch) (kept Batch, rejected Rejected, definitions []definition, err error) {
	now := db.now()
	a := admission{db: db, now: now, oldest: db.oldestRaw(0, now), newest: now.Add(maxAhead).UnixMilli()}
	kept = Batch{Samples: b.Samples[:0], Sketches: b.Sketches[:0]}
	for _, s := range b.Samples {
		ok, err := a.admit(s.Ref, s.Time, false)
		if err != nil {
			return kept, a.rejected, nil, err
		}
		if ok {
			kept.Samples = append(kept.Samples, s)
		}
	}
	for _, s := range b.Sketches {
		ok, err := a.admit(s.Ref, s.Time, true)
		if err != nil {
			return kept, a.rejected, nil, err
		}
		if ok {
			kept.Sketches = append(kept.Sketches, s)
		}
	}
	return kept, a.rejected, db.definitions(a.fresh), nil
}

// apply puts a durable record into the head. It runs in the order of the log,
// one record at a time.
func (db *DB) apply(payload []byte, tag any) {
	var b *Batch
	if record, live := tag.(*logged); live {
		b = record.batch
		for _, d := range record.definitions {
			db.states.at(d.ref).flags.Or(stateLogged)
		}
	} else {
		var definitions definitions
		var err error
		if definitions, b, err = db.replay.decode(payload); err != nil {
			db.logger.Error("a log record is not readable, its samples are lost", "err", err)
			return
		}
		db.define(definitions, stateLogged)
	}
	db.mu.RLock()
	h := db.head
	db.mu.RUnlock()
	db.states.mu.Lock()
	memory := h.add(b, db.sawSample)
	db.states.mu.Unlock()
	if memory >= maxHeads*db.options.SealBytes {
		db.crowded.Store(true)
	}
	for _, s := range db.today.seen {
		db.index.Saw(s.day, uint32(s.ref))
	}
	db.today.seen = db.today.seen[:0]
}

const day = 24 * 60 * 60 * 1000 // ms

// dayOf is the number of the UTC day of a time, also before the epoch.
func dayOf(ms int64) int64 {
	d := ms / day
	if ms%day < 0 {
		d--
	}
	return d
}

// today is the day of the last sample applied, and what the index has still
// to hear of series and days.
type today struct {
	number, from, to int64 // the day, and its first and last ms
	ref              Ref   // whose sample on this day was noted last
	seen             []seen
}

type seen struct {
	day int64
	ref Ref
}

// sawSample notes a sample for its series and day, and reports whether there is
// such a series.
func (db *DB) sawSample(ref Ref, at int64, value float64, sketch bool) bool {
	s := db.states.at(ref)
	if s == nil || (s.kind() == Distribution) != sketch {
		return false
	}
	t := &db.today
	if at < t.from || at > t.to {
		t.number, t.ref = dayOf(at), 0
		t.from, t.to = t.number*day, t.number*day+day-1
	}
	// Most samples follow one of their series and day.
	if (s.last < t.from || s.last > t.to) && ref != t.ref {
		t.ref = ref
		t.seen = append(t.seen, seen{t.number, ref})
	}
	if sketch {
		value = unknownValue
	}
	if at <= s.last {
		db.changes.add(ref, at)
	}
	s.saw(at, value)
	return true
}
