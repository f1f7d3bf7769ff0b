package query

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Run is one query under way: what it may still read and hold. Its methods are
// safe for concurrent use.
type Run struct {
	ctx    context.Context
	cancel context.CancelFunc
	engine *Engine
	text   string
	began  time.Time

	series, samples, held atomic.Int64

	mu       sync.Mutex
	warnings []string
	explain  bool

	forgetful bool
	steps     []Step
}

// Begin waits for a place among the queries that may run at once, and bounds the
// time of this one. text is for the log. End the run.
func (e *Engine) Begin(ctx context.Context, text string) (*Run, error) {
	cause := &LimitError{"seconds", int64(e.options.Timeout / time.Second)}
	ctx, cancel := context.WithTimeoutCause(ctx, e.options.Timeout, cause)
	select {
	case e.places <- struct{}{}:
	default:
		select {
		case e.places <- struct{}{}:
		case <-ctx.Done():
			cancel()
			e.counts.refused.Add(1)
			if err := context.Cause(ctx); !errors.As(err, &cause) {
				return nil, err
			}
			return nil, &LimitError{"queries at once", int64(e.options.MaxConcurrent)}
		}
	}
	return &Run{ctx: ctx, cancel: cancel, engine: e, text: text, began: time.Now()}, nil
}

// End gives up the run's place and logs it if it was slow. err is what became of
// the query.
func (r *Run) End(err error) {
	r.cancel()
	<-r.engine.places
	took, c := time.Since(r.began), &r.engine.counts
	c.queries.Add(1)
	c.series.Add(r.series.Load())
	c.samples.Add(r.samples.Load())
	c.nanoseconds.Add(int64(took))
	if err != nil {
		c.failed.Add(1)
	}
	if took >= r.engine.options.Slow {
		c.slow.Add(1)
		r.engine.options.Log.Warn("slow query", "query", shortened(r.text), "took", took.Round(time.Millisecond),
			"series", r.series.Load(), "samples", r.samples.Load(), "bytes", r.held.Load(), "err", err)
	}
}

// shortened cuts a text to what a line of the log may hold.
func shortened(text string) string {
	const most = 500
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

// Context ends when the run's time is over or its caller is gone.
func (r *Run) Context() context.Context { return r.ctx }

// Engine is the engine that the run is one of.
func (r *Run) Engine() *Engine { return r.engine }

// Err is why the run must stop; nil while it may go on.
func (r *Run) Err() error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return nil
}

// Hold accounts for that many float64 that the query keeps until its end.
func (r *Run) Hold(values int64) error {
	if most := r.engine.options.MaxMemory; r.held.Add(8*values) > most {
		return &LimitError{"bytes of memory", most}
	}
	return nil
}

// Release takes back what Hold accounted for.
func (r *Run) Release(values int64) { r.held.Add(-8 * values) }

// Warn keeps a text to be told with the result, once.
func (r *Run) Warn(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if text != "" && !slices.Contains(r.warnings, text) {
		r.warnings = append(r.warnings, text)
	}
}

// Warnings says why the answer may be partial, or differs from what was asked.
func (r *Run) Warnings() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.warnings)
}

// Stats is what the run has cost so far.
func (r *Run) Stats() Stats {
	return Stats{Series: int(r.series.Load()), Samples: r.samples.Load(), Bytes: r.held.Load(), Took: time.Since(r.began)}
}

// Forgetful makes the run neither use what is remembered of earlier ones nor add
// to it.
func (r *Run) Forgetful() { r.forgetful = true }
