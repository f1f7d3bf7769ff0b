package metricsql

import (
	"math"

	mql "github.com/VictoriaMetrics/metricsql"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// Rollups of stored series, and aggregates of such, are remembered between
// queries, if each value follows from samples near it. What exactly it followed
// from is noted while it is computed: a value stays the same as long as none of
// that changes.

// keyOf says all that the value of a rollup at a time follows from, if that is
// the samples in its window, those next to it, and the series' interval; "" else.
func keyOf(c *call, series int) string {
	switch c.name {
	case "absent_over_time", "integrate": // of a series without a sample; of whether a series goes on
		return ""
	}
	key := []byte(c.name)
	for i, arg := range c.args {
		if _, constant := arg.(*mql.NumberExpr); i != series && !constant {
			return ""
		}
		key = arg.AppendString(append(key, 0))
	}
	if r, ok := c.args[series].(*mql.RollupExpr); ok && r.At != nil {
		return ""
	}
	if c.keepNames {
		key = append(key, "\x00keep_metric_names"...)
	}
	return string(key)
}

// recall looks up what is remembered of p over a selection, aggregated as how
// says.
func (ev *evaluation) recall(selection *query.Selection, p *rollupPlan, how string) *query.Memo {
	leaf := query.Leaf{
		Grid: ev.grid, From: ev.grid.Start - p.before(ev.grid), Before: p.before(ev.grid), Size: p.window(ev.grid),
		Adapts: p.overTime == "" && !(p.takesLast && p.size > 0),
	}
	if p.key != "" && !(p.overTime != "" && hasDistributions(selection)) { // then samples are read in place of buckets
		leaf.Key = "metricsql\x00" + how + "\x00" + p.key
	}
	return selection.Recall(leaf)
}

// eachNoted is each from samples, with notes of what values follow from.
func (ev *evaluation) eachNoted(selection *query.Selection, p *rollupPlan, memo *query.Memo, out [][]float64, fn func(worker, i int, values []float64) error) error {
	trackers := make([]*tracker, selection.Workers())
	err := selection.Each(nil, func(worker, i int, c *store.Columns) error {
		t := trackers[worker]
		if t == nil {
			t = newTracker(ev.grid.Len(), memo.Adapts())
			trackers[worker] = t
		}
		s := samplesIn(selection, p, i, c)
		t.begin(s, memo, i, ev.grid.Step)
		if !t.short {
			p.compute(ev.grid, s, t, out[worker])
		}
		if t.short {
			if err := memo.ReadWhole(i, c); err != nil {
				return err
			}
			s = samplesIn(selection, p, i, c)
			t.begin(s, memo, i, ev.grid.Step)
			p.compute(ev.grid, s, t, out[worker])
		}
		if err := memo.Note(i, t.Facts); err != nil || len(s.times) == 0 {
			return err
		}
		return fn(worker, i, out[worker])
	})
	for _, t := range trackers {
		if t != nil && t.adapts {
			memo.Reached(t.reach, t.ahead)
		}
	}
	return err
}

// tracker notes what the values of a series follow from besides the samples in
// their windows.
type tracker struct {
	query.Facts
	adapts bool  // otherwise there is nothing
	from   int64 // what was before it is not known; math.MinInt64 when nothing was
	short  bool  // the samples before from may matter

	reach []int64 // of each step, over all series: the oldest sample that it follows from
	ahead int64   // over all series: the last sample behind a window that was looked at
}

func newTracker(steps int, adapts bool) *tracker {
	t := &tracker{adapts: adapts, reach: make([]int64, steps), ahead: math.MinInt64}
	for i := range t.reach {
		t.reach[i] = math.MaxInt64
	}
	return t
}

// enoughForNear is as many samples as nearEnough looks at.
const enoughForNear = 21

// begin prepares for a series, of which s was read.
func (t *tracker) begin(s *samples, memo *query.Memo, i int, step int64) {
	n := len(s.times)
	t.Facts = query.Facts{Low: math.MinInt64, High: math.MaxInt64, Enough: math.MaxInt64, Open: math.MaxInt64}
	t.from, t.short = memo.From(i), false
	if n > 0 {
		t.Seen, t.Enough = s.times[n-1], s.times[max(0, n-enoughForNear)]
	}
	if !t.adapts {
		return
	}
	t.Near = nearEnough(s.times, step)
	if t.from != math.MinInt64 && n < enoughForNear {
		known, ok := memo.Known(i)
		t.Near, t.Enough, t.short = known.Near, known.Enough, !ok
	}
}

// sized notes that the length of windows follows from the series' interval, where
// it does.
func (t *tracker) sized(p *rollupPlan, size, usual int64) {
	switch {
	case !t.adapts || p.size > 0 || !p.adapts:
	case size > usual:
		t.Low, t.High = size-1, size
	default:
		t.High = usual
	}
}

// last notes what the last sample in a window is looked for among, at step i:
// times up to the window's end, at. Another size might find another one, or none.
func (t *tracker) last(i int, times []int64, at, size, usual int64) {
	switch {
	case !t.adapts:
	case len(times) == 0 && t.from == math.MinInt64:
	case len(times) == 0:
		t.short = t.short || at-size < t.from
		t.High = min(t.High, at-t.from)
	default:
		newest := times[len(times)-1]
		gap := at - newest
		if gap >= size {
			t.High = min(t.High, gap)
			return
		}
		if gap >= usual {
			t.Low = max(t.Low, gap)
		}
		t.reach[i] = min(t.reach[i], newest)
	}
}

// around notes what w, the window of times[from:to], has next to it.
func (t *tracker) around(w *window, times []int64, from, to int) {
	if !t.adapts {
		return
	}
	begin, oldest := w.at-w.size, int64(math.MaxInt64)
	if to > from {
		oldest = times[from]
	}
	switch {
	case from > 0:
		gap := begin - times[from-1]
		near := gap < t.Near
		if near {
			t.Low = max(t.Low, gap)
		} else {
			t.High = min(t.High, gap)
		}
		if near && from == len(times) { // a next sample would make it the one before
			t.Open = min(t.Open, w.at)
		}
		if near || to > from {
			oldest = times[from-1]
		}
	case t.from != math.MinInt64:
		t.short = t.short || to > from || begin-t.Near < t.from
		t.High = min(t.High, begin-t.from)
	case to-from == 1 && to == len(times):
		t.Open = min(t.Open, w.at)
	case to-from == 1:
		t.ahead = max(t.ahead, times[to])
	}
	t.reach[w.i] = min(t.reach[w.i], oldest)
}
