// Package query evaluates over the store: it selects series, reads their
// samples in parallel within limits, and groups them by tags. The two languages
// (query/datadog, query/metricsql) are its front ends and decide what is done
// with the samples.
//
// A front end evaluates within a Run:
//
//	run, err := engine.Begin(ctx, text)
//	defer run.End()
//	selection, err := run.Select(filter, from, to)
//	defer selection.Close()
//	err = selection.Each(nil, func(worker, i int, c *store.Columns) error { ... })
package query

import (
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-obs/whippet/store"
)

// Options bound what queries may take. Zero fields take the defaults.
type Options struct {
	MaxSeries     int           // of one selector: 50,000
	MaxSamples    int64         // read by one query: 200 million
	MaxPoints     int           // timestamps per row: 11,000
	MaxMemory     int64         // bytes of intermediate and final rows of one query: 512 MiB
	MaxConcurrent int           // queries at once: four per core, eight at least; others wait
	Timeout       time.Duration // 30 s, with the wait for a place
	Slow          time.Duration // queries that take longer are logged: 1 s
	Cache         int64         // bytes of closed steps remembered between queries: 32 MiB; below 0: none
	Log           *slog.Logger  // slog.Default()
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
	places  chan struct{} // one per query under way
	buffers sync.Pool     // of *buffers, kept between queries
	memory  *memory
	counts  counts
}

// counts are what Stats tells, since the engine was made.
type counts struct {
	queries, failed, slow, refused atomic.Int64
	series, samples                atomic.Int64
	nanoseconds                    atomic.Int64
}

// EngineStats are counts of all queries since the engine was made.
type EngineStats struct {
	Queries, Failed, Slow int64
	Refused               int64 // for want of a place
	Running               int64
	Series, Samples       int64
	Seconds               float64 // of evaluation

	// Of what is remembered of earlier queries' selectors and aggregates:
	CacheHits, CacheMisses int64
	CacheStale             int64 // misses since late samples changed what was remembered
	CacheBytes             int64
}

// New returns an engine over db.
func New(db *store.DB, o Options) *Engine {
	if o.MaxSeries == 0 {
		o.MaxSeries = 50_000
	}
	if o.MaxSamples == 0 {
		o.MaxSamples = 200_000_000
	}
	if o.MaxPoints == 0 {
		o.MaxPoints = 11_000
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = 512 << 20
	}
	if o.MaxConcurrent == 0 {
		o.MaxConcurrent = max(8, 4*runtime.GOMAXPROCS(0))
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Slow == 0 {
		o.Slow = time.Second
	}
	if o.Cache == 0 {
		o.Cache = 32 << 20
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	e := &Engine{db: db, options: o, places: make(chan struct{}, o.MaxConcurrent), memory: newMemory(o.Cache)}
	e.buffers.New = func() any { return new(buffers) }
	return e
}

// DB is the store that the engine reads.
func (e *Engine) DB() *store.DB { return e.db }

// Limits are the options in force, with defaults filled in.
func (e *Engine) Limits() Options { return e.options }

// Stats tells what the engine has done so far.
func (e *Engine) Stats() EngineStats {
	c, m := &e.counts, e.memory
	return EngineStats{
		Queries: c.queries.Load(), Failed: c.failed.Load(), Slow: c.slow.Load(), Refused: c.refused.Load(),
		Running: int64(len(e.places)), Series: c.series.Load(), Samples: c.samples.Load(),
		Seconds:   time.Duration(c.nanoseconds.Load()).Seconds(),
		CacheHits: m.hits.Load(), CacheMisses: m.misses.Load(), CacheStale: m.stale.Load(), CacheBytes: m.used(),
	}
}

// CheckGrid refuses a grid with more points than a row may have.
func (e *Engine) CheckGrid(g Grid) error {
	if g.Len() > e.options.MaxPoints {
		return &LimitError{"points per row", int64(e.options.MaxPoints)}
	}
	return nil
}
