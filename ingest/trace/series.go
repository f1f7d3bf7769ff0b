package trace

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/sketch"
)

// bucketMillis is the width of the buckets that everything is counted in.
const bucketMillis = 10_000

// bucketOf is the start of the bucket that a time in ns lies in, ms.
func bucketOf(ns int64) int64 {
	ms := ns / 1e6
	return ms - ms%bucketMillis
}

// series adds up figures of many senders in 10 s buckets and writes them to the
// store, where the last write of a time wins. So what is written is always the
// whole of a bucket so far: nothing waits for a bucket to end, and what is
// acknowledged is on disk. A bucket that was begun before a restart is read back
// from the store when more of it arrives.
type series struct {
	db    *store.DB
	learn func(catalog.Metric)
	now   func() time.Time

	flushing sync.Mutex // a bucket's later total must not be overtaken by an earlier one

	mu      sync.Mutex
	known   map[store.Ref]store.Series
	cells   map[cellKey]*cell
	dirty   map[cellKey]*cell
	since   int64 // buckets before it may be in the store and not in cells, ms
	refused uint64
}

type cellKey struct {
	ref store.Ref
	at  int64 // ms
}

type cell struct {
	value   float64
	latency *sketch.Sketch // of distributions
	lent    bool           // latency is the store's by now: copy it before changing it
	apdex   *apdex         // of apdex gauges
	touched int64          // ms
}

// apdex counts what its score is made of.
type apdex struct{ satisfied, tolerating, total float64 }

func (a *apdex) score() float64 {
	if a.total <= 0 {
		return 1
	}
	return (a.satisfied + a.tolerating/2) / a.total
}

const (
	// cellsKept is how long a bucket is kept in memory after its last change.
	cellsKept = 10 * time.Minute
	// maxCells bounds them. Past it, the oldest go early, and are read back
	// when needed.
	maxCells = 1 << 20
)

func newSeries(db *store.DB, now func() time.Time) *series {
	start := now().UnixMilli()
	return &series{
		db: db, learn: db.Catalog().LearnMetric, now: now, since: start,
		known: map[store.Ref]store.Series{}, cells: map[cellKey]*cell{}, dirty: map[cellKey]*cell{},
	}
}

// metric describes one kind of series.
type metric struct {
	suffix      string
	kind        store.Kind
	unit        string
	description string
}

// intern finds the series of a metric; 0 when the store refuses more series. The
// caller holds mu.
func (s *series) intern(name string, m metric, tags []string) store.Ref {
	interval := int64(0)
	if m.kind == store.Count {
		interval = bucketMillis
	}
	name = store.NormalizeName(name + m.suffix)
	described := store.Series{Name: name, Tags: store.NewTags(slices.Clone(tags)), Kind: m.kind, Interval: interval}
	ref, err := s.db.Intern(described)
	if err != nil {
		s.refused++
		return 0
	}
	if len(s.known) >= maxCells {
		clear(s.known)
	}
	s.known[ref] = described
	s.learn(catalog.Metric{Name: name, Type: m.kind.String(), Interval: bucketMillis / 1000, Unit: m.unit, Description: m.description, Integration: "apm"})
	return ref
}

// at returns the cell of a series and bucket, and marks it as changed. The
// caller holds mu.
func (s *series) at(ref store.Ref, at int64) *cell {
	key := cellKey{ref, at}
	c := s.cells[key]
	if c == nil {
		c = &cell{}
		if at < s.since {
			s.readBack(key, c)
		}
		s.cells[key] = c
	}
	c.touched = s.now().UnixMilli()
	s.dirty[key] = c
	return c
}

// readBack takes what the store has of a bucket. What can't be read counts from
// nothing; the store itself says why in its queries.
func (s *series) readBack(key cellKey, c *cell) {
	info, ok := s.known[key.ref]
	if !ok {
		return
	}
	filter := store.Filter{Op: store.And, Args: []store.Filter{{Op: store.MatchName, Value: info.Name}}}
	for _, tag := range info.Tags {
		filter.Args = append(filter.Args, store.Filter{Op: store.MatchTag, Value: tag})
	}
	set, err := s.db.Select(context.Background(), store.Selector{Filter: filter, From: key.at, To: key.at})
	if err != nil {
		return
	}
	defer set.Close()
	for i := range set.Series {
		if set.Series[i].Ref != key.ref {
			continue
		}
		var columns store.Columns
		if err := set.Read(i, &columns); err != nil || len(columns.Times) == 0 {
			return
		}
		if len(columns.Sketches) > 0 {
			c.latency = columns.Sketches[0].Clone()
		} else {
			c.value = columns.Values[0]
		}
	}
}

// add adds to a count or a sum.
func (s *series) add(ref store.Ref, at int64, v float64) {
	if ref != 0 {
		s.at(ref, at).value += v
	}
}

// merge adds to a distribution.
func (s *series) merge(ref store.Ref, at int64, sk *sketch.Sketch) {
	if ref == 0 || sk == nil || sk.Count == 0 {
		return
	}
	c := s.at(ref, at)
	if c.latency == nil {
		c.latency = &sketch.Sketch{}
	} else if c.lent {
		c.latency, c.lent = c.latency.Clone(), false
	}
	c.latency.Merge(sk)
}

// judge adds to an apdex score.
func (s *series) judge(ref store.Ref, at int64, a apdex) {
	if ref == 0 || a.total <= 0 {
		return
	}
	c := s.at(ref, at)
	if c.apdex == nil {
		c.apdex = &apdex{}
	}
	c.apdex.satisfied += a.satisfied
	c.apdex.tolerating += a.tolerating
	c.apdex.total += a.total
	c.value = c.apdex.score()
}

// flush writes what changed. What the store does not take stays to be written.
func (s *series) flush(ctx context.Context) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.mu.Lock()
	var batch store.Batch
	written := s.dirty
	s.dirty = map[cellKey]*cell{}
	for key, c := range written {
		if c.latency != nil {
			c.lent = true
			batch.Sketches = append(batch.Sketches, store.SketchSample{Ref: key.ref, Time: key.at, Sketch: c.latency})
		} else {
			batch.Samples = append(batch.Samples, store.Sample{Ref: key.ref, Time: key.at, Value: c.value})
		}
	}
	s.forget()
	s.mu.Unlock()
	if len(written) == 0 {
		return nil
	}
	if _, err := s.db.Append(ctx, &batch); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		for key, c := range written {
			if _, again := s.dirty[key]; !again {
				s.dirty[key] = c
			}
		}
		return fmt.Errorf("write %d trace metrics: %w", len(written), err)
	}
	return nil
}

// forget drops buckets that have not changed for a while. The caller holds mu.
func (s *series) forget() {
	now := s.now().UnixMilli()
	limit := now - cellsKept.Milliseconds()
	if len(s.cells) > maxCells {
		limit = now - bucketMillis
	}
	for key, c := range s.cells {
		if c.touched < limit {
			delete(s.cells, key)
			s.since = max(s.since, key.at+1)
		}
	}
}
