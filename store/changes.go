package store

// changes remembers what happened to samples that queries may have seen already,
// so that who keeps answers knows which of them still hold. Samples that come in
// the order of their times are not among them: a series' Last tells of those.
// states.mu guards it.
type changes struct {
	behind [changesKept]behind // a ring
	next   uint64              // entries so far
	floor  uint64              // what was seen before this entry holds no more
}

// behind is a sample that came at or before the newest of its series.
type behind struct {
	ref Ref
	at  int64
}

// changesKept bounds the samples that are remembered one by one: 256 KiB.
const changesKept = 16 << 10

// Mark is a moment in the history of a store's samples.
type Mark uint64

// Mark returns the present moment. What is selected after it was called has all
// samples from before it.
func (db *DB) Mark() Mark {
	db.states.mu.RLock()
	defer db.states.mu.RUnlock()
	return Mark(db.changes.next)
}

// Changes calls fn with the samples that were added or replaced since a mark, other
// than those that are newer than what their series had then. complete is false when
// others may have changed or are gone, whichever. fn must not call the store.
func (db *DB) Changes(since Mark, fn func(ref Ref, at int64)) (complete bool) {
	db.states.mu.RLock()
	defer db.states.mu.RUnlock()
	c := &db.changes
	if uint64(since) < c.floor || c.next-uint64(since) > changesKept {
		return false
	}
	for i := uint64(since); i < c.next; i++ {
		b := &c.behind[i%changesKept]
		fn(b.ref, b.at)
	}
	return true
}

// add notes a sample. The caller holds states.mu for writing.
func (c *changes) add(ref Ref, at int64) {
	c.behind[c.next%changesKept] = behind{ref, at}
	c.next++
}

// removedSamples notes that samples are gone, whichever they were.
func (db *DB) removedSamples() {
	db.states.mu.Lock()
	defer db.states.mu.Unlock()
	db.changes.next++ // a mark of this moment is of afterwards
	db.changes.floor = db.changes.next
}
