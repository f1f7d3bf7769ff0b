package query

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/whippet-obs/whippet/store"
)

// Selection is the series that a selector found, to be read.
type Selection struct {
	// Series has an entry for every name and tag set: series of the store that
	// differ only in kind or interval are one here, described by the newest.
	Series []store.SeriesInfo

	run     *Run
	set     *store.SeriesSet
	members [][2]int // Series[i] is set.Series[members[i][0]:members[i][1]]
	samples atomic.Int64
	how     string
	mark    store.Mark // of before it was made
	memo    *Memo      // nil: nothing is remembered of it
}

// Select finds series with samples in [from, to] (ms). Close the selection.
func (r *Run) Select(filter store.Filter, from, to int64) (*Selection, error) {
	if err := r.Err(); err != nil {
		return nil, err
	}
	mark := r.engine.db.Mark()
	set, err := r.engine.db.Select(r.ctx, store.Selector{Filter: filter, From: from, To: to, MaxSeries: r.engine.options.MaxSeries})
	if err != nil {
		return nil, err
	}
	s := &Selection{run: r, set: set, Series: set.Series, mark: mark}
	for i := 0; i < len(set.Series); {
		j := i + 1
		for j < len(set.Series) && set.Series[j].Name == set.Series[i].Name && slices.Equal(set.Series[j].Tags, set.Series[i].Tags) {
			j++
		}
		s.members = append(s.members, [2]int{i, j})
		i = j
	}
	if !s.Simple() {
		s.Series = make([]store.SeriesInfo, len(s.members))
		for i, m := range s.members {
			s.Series[i] = slices.MaxFunc(set.Series[m[0]:m[1]], func(a, b store.SeriesInfo) int { return cmp.Compare(a.Last, b.Last) })
		}
	}
	r.series.Add(int64(len(s.Series)))
	return s, nil
}

// Close gives up the selection's hold on the store, and accounts for it.
func (s *Selection) Close() {
	for _, w := range s.set.Warnings() {
		s.run.Warn(w)
	}
	tier := s.set.Tier()
	if s.memo != nil && s.memo.first > 0 {
		tier = max(tier, s.memo.tail.Tier())
		s.how = "cache and " + s.how
		for _, w := range s.memo.tail.Warnings() {
			s.run.Warn(w)
		}
	}
	s.run.read(s.how, tier, len(s.Series), s.samples.Load())
	s.set.Close()
}

// Simple reports whether every entry of Series is one series of the store, so
// that Aggregate can be used.
func (s *Selection) Simple() bool { return len(s.members) == len(s.set.Series) }

// Last is the newest sample of Series[i], without reading any; ok is false when
// the store can't tell, or when it lies after the selection's range.
func (s *Selection) Last(i int) (at int64, v float64, ok bool) {
	first, last := s.members[i][0], s.members[i][1]
	if last-first > 1 {
		return 0, 0, false
	}
	return s.set.Last(first)
}

// EachLast is Each for callers whom the newest sample of a series may satisfy: take
// gets it, and says whether it does; the samples of the other series are read.
func (s *Selection) EachLast(take func(worker, i int, at int64, v float64) (bool, error), fn func(worker, i int, c *store.Columns) error) error {
	s.how = "last values"
	return s.parallel(func(i int, b *buffers, worker int) error {
		if at, v, ok := s.Last(i); ok {
			if taken, err := take(worker, i, at, v); taken || err != nil {
				return err
			}
		}
		if err := s.read(s.set, i, nil, b); err != nil {
			return err
		}
		return fn(worker, i, &b.all)
	})
}

// Workers is how many callbacks of Each run at once at most.
func (s *Selection) Workers() int { return max(1, min(runtime.GOMAXPROCS(0), len(s.Series))) }

// workerRun is how many series a worker takes at a time.
const workerRun = 16

// Each reads every series, several at a time, and calls fn with the index of
// each and its samples, which are lent until fn returns, and which fn may
// change. worker is below Workers; one worker's calls follow one another. scale
// gives the factor that makes a series' values comparable with those of the
// others of its name and tags; nil leaves values as they are.
func (s *Selection) Each(scale func(*store.SeriesInfo) float64, fn func(worker, i int, c *store.Columns) error) error {
	s.how = "samples"
	return s.parallel(func(i int, b *buffers, worker int) error {
		set, err := s.source(i, b)
		if err != nil || set == nil {
			return err
		}
		if err := s.read(set, i, scale, b); err != nil {
			return err
		}
		return fn(worker, i, &b.all)
	})
}

// Aggregate is Each for callers who want aggregates over buckets of width ms
// that begin at multiples of it: headers and tiers may answer them. The selection
// must be Simple.
func (s *Selection) Aggregate(width int64, edge store.Edge, want store.Want, fn func(worker, i int, b *store.Buckets) error) error {
	s.how = "buckets"
	return s.parallel(func(i int, b *buffers, worker int) error {
		set, err := s.source(i, b)
		if err != nil || set == nil {
			return err
		}
		b.buckets.Want = want
		if err := set.Aggregate(i, width, edge, &b.buckets); err != nil {
			return err
		}
		n := 0.0
		for _, c := range b.buckets.Count {
			n += c
		}
		if err := s.account(int64(n)); err != nil {
			return err
		}
		return fn(worker, i, &b.buckets)
	})
}

// parallel calls fn for every series on as many workers as there are cores. The
// series are dealt out in equal runs, so that which worker gets which does not
// depend on chance.
func (s *Selection) parallel(fn func(i int, b *buffers, worker int) error) error {
	workers := s.Workers()
	group, ctx := errgroup.WithContext(s.run.ctx)
	for worker := range workers {
		group.Go(func() error {
			b := s.run.engine.buffers.Get().(*buffers)
			defer s.run.engine.buffers.Put(b)
			for from := worker * workerRun; from < len(s.Series); from += workers * workerRun {
				for i := from; i < min(from+workerRun, len(s.Series)); i++ {
					if ctx.Err() != nil {
						return context.Cause(ctx)
					}
					if err := fn(i, b, worker); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// buffers are what one worker reads into.
type buffers struct {
	all, one store.Columns
	buckets  store.Buckets
}

func (s *Selection) account(samples int64) error {
	s.samples.Add(samples)
	if most := s.run.engine.options.MaxSamples; s.run.samples.Add(samples) > most {
		return &LimitError{"samples", most}
	}
	return nil
}

// source is what is read of series i; nil for nothing.
func (s *Selection) source(i int, b *buffers) (*store.SeriesSet, error) {
	if s.memo == nil {
		return s.set, nil
	}
	return s.memo.source(i, b)
}

func (s *Selection) read(set *store.SeriesSet, i int, scale func(*store.SeriesInfo) float64, b *buffers) error {
	first, last := s.members[i][0], s.members[i][1]
	for m := first; m < last; m++ {
		into := &b.one
		if m == first {
			into = &b.all
		}
		if err := set.Read(m, into); err != nil {
			return err
		}
		if scale != nil {
			if factor := scale(&s.set.Series[m]); factor != 1 {
				for j := range into.Values {
					into.Values[j] *= factor
				}
			}
		}
		if m > first && (s.set.Series[m].Kind == store.Distribution) == (s.set.Series[first].Kind == store.Distribution) {
			merge(&b.all, &b.one)
		}
	}
	return s.account(int64(len(b.all.Times)))
}

// merge adds the samples of more to c, in time order. Where both have one, c's stays.
func merge(c, more *store.Columns) {
	var out store.Columns
	i, j := 0, 0
	take := func(from *store.Columns, k int) {
		out.Times = append(out.Times, from.Times[k])
		if len(from.Sketches) > 0 {
			out.Sketches = append(out.Sketches, from.Sketches[k])
		} else {
			out.Values = append(out.Values, from.Values[k])
		}
	}
	for i < len(c.Times) || j < len(more.Times) {
		switch {
		case j == len(more.Times) || i < len(c.Times) && c.Times[i] < more.Times[j]:
			take(c, i)
			i++
		case i == len(c.Times) || more.Times[j] < c.Times[i]:
			take(more, j)
			j++
		default:
			take(c, i)
			i, j = i+1, j+1
		}
	}
	*c = out
}
