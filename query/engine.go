// Package query evaluates over the store: it selects series, reads their
// samples in parallel within limits, and groups them by tags. The two languages
// (query/datadog, query/metricsql) are its front ends and decide what is done
// with the samples.
package query

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/whippet-obs/whippet/store"
)

// Options bound what one query may take. Zero fields take the defaults.
type Options struct {
	MaxSeries  int           // 50,000
	MaxSamples int64         // 100 million samples read
	MaxPoints  int           // 11,000 timestamps per row
	Timeout    time.Duration // 30 s
	Log        *slog.Logger
}

// LimitError says which limit a query passed.
type LimitError struct {
	Limit string // what is limited
	Most  int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the query needs more than %d %s: narrow it with tags, or ask for a shorter range", e.Most, e.Limit)
}

// Engine evaluates queries over a store. Safe for concurrent use.
type Engine struct {
	db      *store.DB
	options Options
	buffers sync.Pool // of *buffers, kept between queries
}

// New returns an engine over db.
func New(db *store.DB, o Options) *Engine {
	if o.MaxSeries == 0 {
		o.MaxSeries = 50_000
	}
	if o.MaxSamples == 0 {
		o.MaxSamples = 100_000_000
	}
	if o.MaxPoints == 0 {
		o.MaxPoints = 11_000
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	e := &Engine{db: db, options: o}
	e.buffers.New = func() any { return new(buffers) }
	return e
}

// DB is the store that the engine reads.
func (e *Engine) DB() *store.DB { return e.db }

// Limits are the options in force, with defaults filled in.
func (e *Engine) Limits() Options { return e.options }

// Begin bounds the time of one query. Call cancel when it is done.
func (e *Engine) Begin(ctx context.Context) (_ context.Context, cancel context.CancelFunc) {
	return context.WithTimeoutCause(ctx, e.options.Timeout, &LimitError{"seconds", int64(e.options.Timeout / time.Second)})
}

// CheckGrid refuses a grid with more points than a row may have.
func (e *Engine) CheckGrid(g Grid) error {
	if g.Len() > e.options.MaxPoints {
		return &LimitError{"points per row", int64(e.options.MaxPoints)}
	}
	return nil
}

// Selection is the series that a selector found, to be read.
type Selection struct {
	// Series has an entry for every name and tag set: series of the store that
	// differ only in kind or interval are one here, described by the newest.
	Series []store.SeriesInfo

	engine  *Engine
	set     *store.SeriesSet
	members [][2]int // Series[i] is set.Series[members[i][0]:members[i][1]]
	samples atomic.Int64
}

// Select finds series. Close the selection.
func (e *Engine) Select(ctx context.Context, filter store.Filter, from, to int64) (*Selection, error) {
	set, err := e.db.Select(ctx, store.Selector{Filter: filter, From: from, To: to, MaxSeries: e.options.MaxSeries})
	if err != nil {
		return nil, err
	}
	s := &Selection{engine: e, set: set}
	for i := 0; i < len(set.Series); {
		newest, j := i, i+1
		for j < len(set.Series) && set.Series[j].Name == set.Series[i].Name && slices.Equal(set.Series[j].Tags, set.Series[i].Tags) {
			if set.Series[j].Last > set.Series[newest].Last {
				newest = j
			}
			j++
		}
		s.Series = append(s.Series, set.Series[newest])
		s.members = append(s.members, [2]int{i, j})
		i = j
	}
	return s, nil
}

// Close gives up the selection's hold on the store.
func (s *Selection) Close() { s.set.Close() }

// Stats is what has been read so far.
func (s *Selection) Stats() Stats { return Stats{Series: len(s.Series), Samples: s.samples.Load()} }

// Warnings says why the samples read may be partial.
func (s *Selection) Warnings() []string { return s.set.Warnings() }

// Each reads every series, several at a time, and calls fn with the index of
// each and its samples, which are lent until fn returns. scale gives the factor
// that makes a series' values comparable with those of the others of its name
// and tags; nil leaves values as they are.
func (s *Selection) Each(ctx context.Context, scale func(*store.SeriesInfo) float64, fn func(i int, c *store.Columns) error) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(s.Series)) {
		group.Go(func() error {
			buffers := s.engine.buffers.Get().(*buffers)
			defer s.engine.buffers.Put(buffers)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(s.Series) {
					return nil
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err := s.read(i, scale, buffers); err != nil {
					return err
				}
				if err := fn(i, &buffers.all); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// buffers are what one worker reads into.
type buffers struct{ all, one store.Columns }

func (s *Selection) read(i int, scale func(*store.SeriesInfo) float64, b *buffers) error {
	first, last := s.members[i][0], s.members[i][1]
	for m := first; m < last; m++ {
		into := &b.one
		if m == first {
			into = &b.all
		}
		if err := s.set.Read(m, into); err != nil {
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
	if s.samples.Add(int64(len(b.all.Times))) > s.engine.options.MaxSamples {
		return &LimitError{"samples", s.engine.options.MaxSamples}
	}
	return nil
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
