package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/whippet-obs/whippet/store/index"
)

// Intern returns the ref of s, creating the series at first sight. s.Tags is
// copied when kept. A new series becomes durable with the first Append that
// has a sample of it. The ref may be kept: Append says with ErrForgotten when it
// is of no use any more, which Forgotten tells without trying.
func (db *DB) Intern(s Series) (Ref, error) {
	if s.Name == "" {
		return 0, errors.New("a series needs a name")
	}
	known := index.Series{Name: s.Name, Tags: s.Tags, Kind: uint8(s.Kind), Interval: s.Interval}
	if id := db.index.Lookup(&known); id != 0 {
		return Ref(id), nil
	}
	db.interning.Lock()
	defer db.interning.Unlock()
	if id := db.index.Lookup(&known); id != 0 {
		return Ref(id), nil
	}
	if err := db.limit(&known); err != nil {
		return 0, err
	}
	db.states.add(Ref(db.index.Next()), s.Kind, db.options.ruleOf(s.Name)) // whoever finds the ref finds its state
	id, _ := db.index.Add(&known)
	return Ref(id), nil
}

// define enters the series of a record that was read from disk.
func (db *DB) define(d definitions, flags uint32) {
	db.interning.Lock()
	defer db.interning.Unlock()
	db.index.Reserve(uint32(d.next))
	for i := range d.series {
		s := &d.series[i]
		if db.index.AddAs(uint32(s.ref), &s.Series) {
			db.states.add(s.ref, Kind(s.Kind), db.options.ruleOf(s.Name))
		}
		if state := db.states.at(s.ref); state != nil {
			state.flags.Or(flags)
		}
	}
}

func (db *DB) applyDefinitions(payload []byte, tag any) {
	if tag != nil {
		return // the sealer wrote what it knows
	}
	definitions, _, err := db.replay.decode(payload)
	if err != nil {
		db.logger.Error("a record of series definitions is not readable, its series are lost", "err", err)
		return
	}
	db.definitionsLogged += len(definitions.series)
	db.define(definitions, stateLogged|stateSaved)
}

// definitions returns those of the given series, each once.
func (db *DB) definitions(refs []Ref) []definition {
	if len(refs) == 0 {
		return nil
	}
	slices.Sort(refs)
	refs = slices.Compact(refs)
	all := make([]definition, 0, len(refs))
	for _, ref := range refs {
		if s, ok := db.index.Get(uint32(ref)); ok {
			all = append(all, definition{ref, s})
		}
	}
	return all
}

// definitionsPerRecord bounds what saving many series holds in memory at once.
const definitionsPerRecord = 16_384

// saveDefinitions makes the series with samples durable beyond the log.
func (db *DB) saveDefinitions() error {
	var unsaved []Ref
	db.states.mu.RLock()
	db.states.each(func(ref Ref, s *state) {
		if !s.is(stateSaved) && s.last != noSample {
			unsaved = append(unsaved, ref)
		}
	})
	db.states.mu.RUnlock()
	return db.saveSeries(unsaved)
}

// saveSeries appends the definitions of refs to their log.
func (db *DB) saveSeries(refs []Ref) error {
	if len(refs) == 0 {
		return nil
	}
	e, err := newDenseEncoder()
	if err != nil {
		return err
	}
	for part := range slices.Chunk(refs, definitionsPerRecord) {
		if err := db.defined.Append(e.encode(db.definitions(part), &Batch{}), true); err != nil {
			return fmt.Errorf("save %d series: %w", len(refs), err)
		}
		db.definitionsLogged += len(part)
		for _, ref := range part {
			if s := db.states.at(ref); s != nil {
				s.flags.Or(stateSaved)
			}
		}
	}
	return nil
}

// kind returns the kind of a series that exists.
func (db *DB) kind(ref Ref) Kind {
	if s := db.states.at(ref); s != nil {
		return s.kind()
	}
	return Gauge
}

// rule returns the rule of retention of a series that exists.
func (db *DB) rule(ref Ref) int {
	if s := db.states.at(ref); s != nil {
		return s.rule()
	}
	return 0
}

// sawSeries notes, while the store is opened, that a partition of the given day
// has a series' samples from first to last. Series that no definition names any
// more are skipped.
func (db *DB) sawSeries(ref Ref, day, first, last int64) {
	if s := db.states.at(ref); s != nil {
		s.saw(first, unknownValue)
		s.saw(last, unknownValue)
		db.index.Saw(day, uint32(ref))
	}
}

// Forgotten counts how often the store has forgotten series. While it stays the
// same, every ref handed out is good.
func (db *DB) Forgotten() uint64 { return db.counts.forgets.Load() }

// forgetBatch bounds the time for which forgetting holds up appends.
const forgetBatch = 2048

// forgetNow forgets the series whose last data is gone, once an hour.
func (db *DB) forgetNow() error {
	now := db.now()
	if since := now.Sub(db.lastForget); since >= 0 && since < time.Hour {
		return nil
	}
	db.lastForget = now
	idle := dayOf(now.UnixMilli()) != db.lastIdle // once a day: a sender may hold back its samples for hours
	db.lastIdle = dayOf(now.UnixMilli())
	return db.forget(db.oldest(now), idle)
}

// forget drops the series whose last sample is older than oldest, and with idle
// those that have been without any since the last such call. Their refs are never used again.
// When few of those in the log of definitions are left, it is written anew.
func (db *DB) forget(oldest int64, idle bool) error {
	var dead []Ref
	db.states.mu.RLock()
	db.states.each(func(ref Ref, s *state) {
		switch {
		case s.last != noSample && s.last < oldest, s.last == noSample && idle && s.is(stateIdle):
			dead = append(dead, ref)
		case s.last == noSample && idle:
			s.flags.Or(stateIdle)
		}
	})
	db.states.mu.RUnlock()
	for part := range slices.Chunk(dead, forgetBatch) {
		db.forgetSome(part, oldest)
	}
	if len(dead) == 0 {
		return nil
	}
	return db.compactDefinitions()
}

func (db *DB) forgetSome(refs []Ref, oldest int64) {
	db.forgetting.Lock() // no batch is under way
	defer db.forgetting.Unlock()
	db.interning.Lock()
	defer db.interning.Unlock()
	dead := make([]Ref, 0, len(refs))
	ids := roaring.New()
	db.states.mu.RLock()
	for _, ref := range refs {
		if s := db.states.at(ref); s != nil && (s.last == noSample || s.last < oldest) {
			dead = append(dead, ref)
			ids.Add(uint32(ref))
		}
	}
	db.states.mu.RUnlock()
	if len(dead) == 0 {
		return
	}
	db.index.Forget(ids)
	db.states.forget(dead)
	db.counts.forgets.Add(1)
	db.counts.forgotten.Add(uint64(len(dead)))
}

// compactDefinitions writes the log of definitions anew once most of it is of
// series that are gone. Dying in between leaves both, which agree.
func (db *DB) compactDefinitions() error {
	var saved []Ref
	db.states.each(func(ref Ref, s *state) {
		if s.is(stateSaved) {
			saved = append(saved, ref)
		}
	})
	if db.definitionsLogged < 2*len(saved)+1000 {
		return nil
	}
	next := Ref(db.index.Next())
	var segment int
	if err := db.defined.Cut(func(n int) { segment = n }); err != nil {
		return fmt.Errorf("write the series anew: %w", err)
	}
	db.definitionsLogged = 0
	e := &recordEncoder{}
	if err := db.defined.Append(e.encodeAll(definitions{next: next}, &Batch{}), true); err != nil {
		return fmt.Errorf("write the series anew: %w", err)
	}
	if err := db.saveSeries(saved); err != nil {
		return err
	}
	return db.defined.Drop(segment)
}
