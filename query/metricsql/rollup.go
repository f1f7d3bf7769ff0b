package metricsql

import (
	"math"
	"slices"
	"sort"

	mql "github.com/VictoriaMetrics/metricsql"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// window is what a rollup function sees at one timestamp: the samples of
// (at-size, at].
type window struct {
	at, size int64 // ms
	times    []int64
	values   []float64

	before     float64 // the sample just before the window, if it is near; NaN otherwise
	beforeTime int64
	earlier    float64 // the sample before the window, however far; NaN if there is none
	after      float64 // the sample after the window; NaN if there is none
}

// rollup evaluates a rollup function over a selector or a subquery.
func (ev *evaluation) rollup(name string, arg mql.Expr, args []float64) ([]row, error) {
	fn, ok := rollupOf(name, args)
	if !ok {
		return nil, ev.fail("the function %s is not supported", name)
	}
	r, ok := arg.(*mql.RollupExpr)
	if !ok {
		r = &mql.RollupExpr{Expr: arg}
	}
	grid, err := ev.shift(r)
	if err != nil {
		return nil, err
	}
	size := int64(0)
	if r.Window != nil {
		if size, err = r.Window.NonNegativeDuration(ev.grid.Step); err != nil {
			return nil, ev.fail("%v", err)
		}
	}
	var rows []row
	compute := func(i, n int, base row, times []int64, values []float64) {
		base.values = fn.over(grid, size, times, values)
		if !fn.keepsName {
			base.name = ""
		}
		ev.mu.Lock()
		defer ev.mu.Unlock()
		if rows == nil {
			rows = make([]row, n)
		}
		rows[i] = base
	}
	if m, ok := r.Expr.(*mql.MetricExpr); ok && !r.ForSubquery() {
		lookback := max(size, grid.Step, maxStaleness) + maxStaleness
		err = ev.series(m, grid.Start-lookback, grid.End+1, func(i, n int, s *store.SeriesInfo, c *store.Columns) error {
			times, values := present(c.Times, c.Values)
			compute(i, n, rowOf(s), times, values)
			return nil
		})
	} else {
		err = ev.subquery(r, grid, size, compute)
	}
	if err != nil {
		return nil, err
	}
	if name == "absent_over_time" {
		return ev.absentOver(rows), nil
	}
	if r.At != nil { // one value for all times
		for i := range rows {
			v := rows[i].values[0]
			rows[i].values = ev.constant(v)[0].values
		}
	}
	return rows, nil
}

// maxStaleness is how old the last sample of a series may be before the series
// counts as gone, when nothing is known of its interval.
const maxStaleness = 5 * 60_000

// present leaves out NaN, which marks a series' end.
func present(times []int64, values []float64) ([]int64, []float64) {
	if !slices.ContainsFunc(values, math.IsNaN) {
		return slices.Clone(times), slices.Clone(values)
	}
	var t []int64
	var v []float64
	for i := range values {
		if !math.IsNaN(values[i]) {
			t, v = append(t, times[i]), append(v, values[i])
		}
	}
	return t, v
}

// shift is the grid that offset and @ move a rollup to.
func (ev *evaluation) shift(r *mql.RollupExpr) (query.Grid, error) {
	g := ev.grid
	if r.At != nil {
		at, err := ev.number(r.At, "@")
		if err != nil {
			return g, err
		}
		ms := int64(at * 1000)
		g = query.Grid{Start: ms, End: ms, Step: g.Step}
	}
	if r.Offset != nil {
		d := r.Offset.Duration(ev.grid.Step)
		g.Start, g.End = g.Start-d, g.End-d
	}
	return g, nil
}

// subquery evaluates the inner expression on its own grid, and rolls it up.
func (ev *evaluation) subquery(r *mql.RollupExpr, grid query.Grid, size int64, compute func(i, n int, base row, times []int64, values []float64)) error {
	step := ev.grid.Step
	if r.Step != nil {
		var err error
		if step, err = r.Step.NonNegativeDuration(ev.grid.Step); err != nil {
			return ev.fail("%v", err)
		}
	}
	step = max(step, 1)
	from := floor(grid.Start-max(size, step)-maxStaleness, step)
	inner := &evaluation{ctx: ev.ctx, engine: ev.engine, grid: query.Grid{Start: from, End: grid.End, Step: step}, depth: ev.depth, shared: ev.shared}
	if n := inner.grid.Len(); n > 1_000_000 {
		return &query.LimitError{Limit: "points in a subquery", Most: 1_000_000}
	}
	rows, err := inner.eval(r.Expr)
	if err != nil {
		return err
	}
	times := make([]int64, inner.grid.Len())
	for i := range times {
		times[i] = from + int64(i)*step
	}
	for i, base := range rows {
		t, v := present(times, base.values)
		compute(i, len(rows), base, t, v)
	}
	return nil
}

func floor(ms, step int64) int64 {
	f := ms / step * step
	if f > ms {
		f -= step
	}
	return f
}

// over computes the function at every timestamp of g. Without a window the
// step is used, widened to what the series' own interval asks for.
func (fn rollupFunction) over(g query.Grid, size int64, times []int64, values []float64) []float64 {
	out := make([]float64, g.Len())
	if fn.removesResets {
		values = withoutResets(values)
	}
	near := nearEnough(times)
	if size <= 0 {
		if size = g.Step; fn.adapts && size < near {
			size = near
		}
	}
	w := window{size: size}
	from, to := 0, 0
	for i := range out {
		w.at = g.Start + int64(i)*g.Step
		for to < len(times) && times[to] <= w.at {
			to++
		}
		for from < to && times[from] <= w.at-size {
			from++
		}
		w.times, w.values = times[from:to], values[from:to]
		w.before, w.earlier, w.after = math.NaN(), math.NaN(), math.NaN()
		if from > 0 {
			w.earlier = values[from-1]
			if times[from-1] > w.at-size-near {
				w.before, w.beforeTime = values[from-1], times[from-1]
			}
		}
		if to < len(times) {
			w.after = values[to]
		}
		out[i] = fn.compute(&w)
	}
	return out
}

// nearEnough estimates, from its last samples, how far apart two samples of a
// series may lie without a gap: its interval and a bit, more so for short ones.
func nearEnough(times []int64) int64 {
	if len(times) < 2 {
		return maxStaleness
	}
	var steps []int64
	for i := len(times) - 1; i > 0 && len(steps) < 20; i-- {
		steps = append(steps, times[i]-times[i-1])
	}
	slices.Sort(steps)
	interval := steps[(len(steps)-1)*6/10]
	switch {
	case interval <= 2_000:
		return 5 * interval
	case interval <= 4_000:
		return 3 * interval
	case interval <= 8_000:
		return 2 * interval
	case interval <= 16_000:
		return interval + interval/2
	case interval <= 32_000:
		return interval + interval/4
	}
	return interval + interval/8
}

// withoutResets makes a counter that fell go on from where it was. A fall of
// less than an eighth is taken for a late sample of a replica, not a reset.
func withoutResets(values []float64) []float64 {
	out := make([]float64, len(values))
	added := 0.0
	for i, v := range values {
		if i > 0 && v < values[i-1] {
			if fall := values[i-1] - v; fall*8 < values[i-1] {
				added += fall
			} else {
				added += values[i-1]
			}
		}
		out[i] = v + added
		if i > 0 && out[i] < out[i-1] {
			out[i] = out[i-1]
		}
	}
	return out
}

// absentOver is 1 where no row has a value.
func (ev *evaluation) absentOver(rows []row) []row {
	out := ev.constant(1)
	for _, r := range rows {
		for i, v := range r.values {
			if !math.IsNaN(v) {
				out[0].values[i] = math.NaN()
			}
		}
	}
	return out
}

// quantile interpolates between the two nearest of the sorted values.
func quantile(phi float64, sorted []float64) float64 {
	switch {
	case len(sorted) == 0 || math.IsNaN(phi):
		return math.NaN()
	case phi < 0:
		return math.Inf(-1)
	case phi > 1:
		return math.Inf(1)
	}
	at := phi * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

func sortedCopy(values []float64) []float64 {
	out := slices.Clone(values)
	sort.Float64s(out)
	return out
}
