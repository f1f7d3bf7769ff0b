package metricsql

import (
	"math"
	"slices"
	"strconv"
	"sync"

	mql "github.com/VictoriaMetrics/metricsql"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// maxStaleness is how far before a window samples are read, for functions that
// look at the sample before it.
const maxStaleness = 5 * 60_000

// rollup evaluates a rollup function over a selector or a subquery.
func (ev *evaluation) rollup(c *call) ([]row, error) {
	p, r, err := ev.plan(c)
	if err != nil {
		return nil, err
	}
	rows, err := ev.rollUp(p, r)
	if err != nil {
		return nil, err
	}
	if c.name == "absent_over_time" {
		rows = ev.absentFrom(rows, r.Expr)
	}
	return rows, nil
}

// plan finds what a rollup function computes, and over what.
func (ev *evaluation) plan(c *call) (*rollupPlan, *mql.RollupExpr, error) {
	series := mql.GetRollupArgIdx(&mql.FuncExpr{Name: c.name, Args: c.args})
	if series < 0 || series >= len(c.args) {
		return nil, nil, c.fail("needs a series, such as %s(m[5m])", c.name)
	}
	r, ok := c.args[series].(*mql.RollupExpr)
	if !ok {
		r = &mql.RollupExpr{Expr: c.args[series]}
	}
	p, err := planOf(c, series)
	return p, r, err
}

// rollUp computes p over r's series.
func (ev *evaluation) rollUp(p *rollupPlan, r *mql.RollupExpr) ([]row, error) {
	inner, moment, err := ev.shift(p, r)
	if err != nil {
		return nil, err
	}
	var (
		mu   sync.Mutex
		rows [][]row // by series
	)
	if m, ok := r.Expr.(*mql.MetricExpr); ok && !r.ForSubquery() && len(p.outputs) == 1 {
		return ev.rollUpStored(inner, p, r, m, moment)
	}
	err = inner.eachSeries(p, r, func(n int) { rows = make([][]row, n) }, func(i int, base func() row, s *samples) error {
		made := p.over(inner, base(), s)
		mu.Lock()
		defer mu.Unlock()
		rows[i] = made
		return inner.hold(len(made))
	})
	if err != nil {
		return nil, err
	}
	all := slices.Concat(rows...)
	if moment {
		for i := range all {
			all[i].values = ev.blank(all[i].values[0])
		}
	}
	return all, nil
}

// rollUpStored is rollUp for plans that make one row of each stored series.
func (ev *evaluation) rollUpStored(inner *evaluation, p *rollupPlan, r *mql.RollupExpr, m *mql.MetricExpr, moment bool) ([]row, error) {
	if err := inner.sizeWindow(p, r); err != nil {
		return nil, err
	}
	selection, err := inner.open(p, m)
	if err != nil {
		return nil, err
	}
	defer selection.Close()
	memo := inner.recall(selection, p, "")
	values := make([][]float64, len(selection.Series)) // nil where there is no row
	err = memo.Try(func(g query.Grid) error {
		clear(values)
		return inner.on(g).each(selection, p, memo, func(_, i int, made []float64) error {
			values[i] = slices.Clone(made)
			return ev.run.Hold(int64(len(made)))
		})
	})
	if err != nil {
		return nil, err
	}
	rows := make([]row, 0, len(selection.Series))
	keep, buckets := map[string][]float64{}, inner.bucketsFor(selection, p) > 0
	for i, made := range values {
		if memo.On() {
			key := strconv.Itoa(int(selection.Series[i].Ref))
			if made = memo.Row(key, made); made == nil || buckets && empty(made) || !buckets && !memo.Seen(i) {
				continue
			}
			keep[key] = made
		}
		if made == nil {
			continue
		}
		r := rowOf(&selection.Series[i])
		if !p.keepsName {
			r.name = ""
		}
		r.values = made
		rows = append(rows, r)
	}
	memo.Keep(keep)
	if moment {
		for i := range rows {
			rows[i].values = ev.blank(rows[i].values[0])
		}
	}
	return rows, nil
}

// hold accounts for n more rows of the grid, and refuses when they are too much
// to keep.
func (ev *evaluation) hold(n int) error {
	return ev.run.Hold(int64(n) * int64(ev.grid.Len()))
}

// shift is the evaluation on the grid that offset and @ move a rollup to;
// moment reports that it is one moment, whose values go for all times.
func (ev *evaluation) shift(p *rollupPlan, r *mql.RollupExpr) (inner *evaluation, moment bool, err error) {
	g := ev.grid
	if r.At != nil {
		at, err := ev.at(r.At)
		if err != nil {
			return nil, false, err
		}
		g.Start, g.End, moment = at, at, true
	}
	if r.Offset != nil {
		d := r.Offset.Duration(ev.grid.Step)
		g.Start, g.End = g.Start-d, g.End-d
	}
	if p.looksAhead { // a candle is drawn at its beginning
		g.Start, g.End = g.Start+g.Step, g.End+g.Step
	}
	return ev.on(g), moment, nil
}

// at evaluates what @ asks for, in ms: the first value of one series.
func (ev *evaluation) at(e mql.Expr) (int64, error) {
	rows, err := ev.eval(e)
	if err != nil {
		return 0, err
	}
	if len(rows) == 1 {
		for _, v := range rows[0].values {
			if !math.IsNaN(v) {
				return int64(max(-maxSeconds, min(v, maxSeconds)) * 1000), nil
			}
		}
	}
	return 0, ev.fail("@: want a time in seconds, found %s", e.AppendString(nil))
}

// maxSeconds bounds times to what int64 milliseconds hold, with room to add.
const maxSeconds = 1 << 40

// samples are those of one series in a range, with gaps left out. The slices
// may be changed; they are lent until the callback returns.
type samples struct {
	times  []int64
	values []float64
}

// eachSeries reads the series under r and calls fn for each with its index, on
// several workers at once; begin hears how many there are. base makes the row
// that describes the series.
func (ev *evaluation) eachSeries(p *rollupPlan, r *mql.RollupExpr, begin func(n int), fn func(i int, base func() row, s *samples) error) error {
	if err := ev.sizeWindow(p, r); err != nil {
		return err
	}
	m, stored := r.Expr.(*mql.MetricExpr)
	if !stored || r.ForSubquery() {
		return ev.subquery(r, p.size, begin, fn)
	}
	selection, err := ev.open(p, m)
	if err != nil {
		return err
	}
	defer selection.Close()
	begin(len(selection.Series))
	return ev.read(selection, p, func(_, i int, s *samples) error {
		return fn(i, func() row { return rowOf(&selection.Series[i]) }, s)
	})
}

// sizeWindow sets the window that the query names.
func (ev *evaluation) sizeWindow(p *rollupPlan, r *mql.RollupExpr) (err error) {
	if r.Window == nil {
		return nil
	}
	if p.size, err = r.Window.NonNegativeDuration(ev.grid.Step); err != nil {
		return ev.fail("%v", err)
	}
	return nil
}

// open selects the series behind m in the range that p needs.
func (ev *evaluation) open(p *rollupPlan, m *mql.MetricExpr) (*query.Selection, error) {
	filter, err := filterOf(m)
	if err != nil {
		return nil, ev.fail("%v", err)
	}
	return ev.run.Select(filter, ev.grid.Start-p.before(ev.grid), ev.grid.End)
}

// before is how far before a window's timestamp p reads samples.
func (p *rollupPlan) before(g query.Grid) int64 {
	before := max(p.size, g.Step)
	if p.looksBack {
		before += maxStaleness
	}
	return before
}

// read calls fn with the samples of every series that has any.
func (ev *evaluation) read(selection *query.Selection, p *rollupPlan, fn func(worker, i int, s *samples) error) error {
	return selection.Each(nil, func(worker, i int, c *store.Columns) error {
		return ev.withSamples(selection, p, worker, i, c, fn)
	})
}

// withSamples calls fn with the samples in c, if there are any.
func (ev *evaluation) withSamples(selection *query.Selection, p *rollupPlan, worker, i int, c *store.Columns, fn func(worker, i int, s *samples) error) error {
	s := samplesIn(selection, p, i, c)
	if len(s.times) == 0 {
		return nil // there is no such series in this range
	}
	return fn(worker, i, s)
}

func samplesIn(selection *query.Selection, p *rollupPlan, i int, c *store.Columns) *samples {
	if selection.Series[i].Kind == store.Distribution { // its average, per bucket
		c.Values = c.Values[:0]
		for _, s := range c.Sketches {
			c.Values = append(c.Values, s.Sum/float64(s.Count))
		}
	}
	s := &samples{c.Times, c.Values}
	s.dropNaN(p.keepsStale)
	return s
}

// each calls fn with the values that p, which has one output, computes of each
// series that has samples; they are lent until fn returns. It reads no more than
// it must: the newest samples, buckets that the store has summed up, or samples.
func (ev *evaluation) each(selection *query.Selection, p *rollupPlan, memo *query.Memo, fn func(worker, i int, values []float64) error) error {
	out := make([][]float64, selection.Workers())
	for w := range out {
		out[w] = make([]float64, ev.grid.Len())
	}
	compute := func(worker, i int, s *samples) error {
		p.compute(ev.grid, s, nil, out[worker])
		return fn(worker, i, out[worker])
	}
	switch {
	case p.takesLast && ev.grid.Len() == 1 && !memo.On():
		return ev.eachLast(selection, p, out, fn, compute)
	case ev.bucketsFor(selection, p) > 0:
		return ev.eachBuckets(selection, p, ev.bucketsFor(selection, p), out, fn)
	case memo.On():
		return ev.eachNoted(selection, p, memo, out, fn)
	}
	return ev.read(selection, p, compute)
}

// eachLast answers for one moment from the newest samples, where these are what
// the window ends with.
func (ev *evaluation) eachLast(selection *query.Selection, p *rollupPlan, out [][]float64, fn func(worker, i int, values []float64) error, compute func(worker, i int, s *samples) error) error {
	begin := ev.grid.Start - p.window(ev.grid)
	take := func(worker, i int, at int64, v float64) (bool, error) {
		switch {
		case at <= begin-maxStaleness: // the series is gone
			return true, nil
		case at <= begin: // nothing is in the window
			out[worker][0] = math.NaN()
			return true, fn(worker, i, out[worker])
		case math.IsNaN(v) && !(p.keepsStale && isStale(v)):
			return false, nil
		}
		out[worker][0] = v
		return true, fn(worker, i, out[worker])
	}
	return selection.EachLast(take, func(worker, i int, c *store.Columns) error {
		return ev.withSamples(selection, p, worker, i, c, compute)
	})
}

// staleNaN marks the end of a series (Prometheus' staleness marker).
const staleNaN = 0x7ff0000000000002

func isStale(v float64) bool { return math.Float64bits(v) == staleNaN }

// dropNaN leaves out samples that are not numbers; markers of a series' end
// only when keepStale is false.
func (s *samples) dropNaN(keepStale bool) {
	if !slices.ContainsFunc(s.values, math.IsNaN) {
		return
	}
	n := 0
	for i, v := range s.values {
		if !math.IsNaN(v) || keepStale && isStale(v) {
			s.times[n], s.values[n] = s.times[i], v
			n++
		}
	}
	s.times, s.values = s.times[:n], s.values[:n]
}

// maxSubquery bounds the points of a subquery's row.
const maxSubquery = 100_000

// subquery evaluates the inner expression on its own grid, which stands on
// whole multiples of its step.
func (ev *evaluation) subquery(r *mql.RollupExpr, size int64, begin func(n int), fn func(i int, base func() row, s *samples) error) error {
	step := ev.grid.Step
	if r.Step != nil {
		var err error
		if step, err = r.Step.NonNegativeDuration(ev.grid.Step); err != nil {
			return ev.fail("%v", err)
		}
		if step == 0 {
			step = ev.grid.Step
		}
	}
	from := floor(ev.grid.Start-size-step-maxStaleness, step)
	inner := ev.on(query.Grid{Start: from, End: floor(ev.grid.End+step, step) + step, Step: step})
	if inner.grid.Len() > maxSubquery {
		return &query.LimitError{Limit: "points in a subquery", Most: maxSubquery}
	}
	inner.grid.End = inner.grid.Start + int64(inner.grid.Len()-1)*step
	rows, err := inner.eval(r.Expr)
	if err != nil {
		return err
	}
	begin(len(rows))
	times := make([]int64, inner.grid.Len())
	for i, base := range rows {
		for j := range times {
			times[j] = from + int64(j)*step
		}
		s := &samples{times, base.values}
		s.dropNaN(false)
		base.values = nil
		if err := fn(i, func() row { return base }, s); err != nil {
			return err
		}
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

// matrix answers an instant query for a selector with a window, or a subquery:
// the samples as they are.
func (ev *evaluation) matrix(r *mql.RollupExpr) ([]RawRow, error) {
	p := &rollupPlan{}
	inner, _, err := ev.shift(p, r)
	if err != nil {
		return nil, err
	}
	var (
		mu    sync.Mutex
		found []RawRow
	)
	err = inner.eachSeries(p, r, func(n int) { found = make([]RawRow, n) }, func(i int, base func() row, s *samples) error {
		raw := RawRow{Row: ev.publish(base())}
		for j, at := range s.times {
			if at > inner.grid.Start-p.size && at <= inner.grid.Start {
				raw.Times, raw.Values = append(raw.Times, at), append(raw.Values, s.values[j])
			}
		}
		mu.Lock()
		defer mu.Unlock()
		found[i] = raw
		return inner.hold(1 + len(raw.Times))
	})
	return slices.DeleteFunc(found, func(r RawRow) bool { return len(r.Times) == 0 }), err
}

// absentFrom is 1 where no row has a value: where absent_over_time is 1 for
// every series. It carries the labels that the selector e asked for.
func (ev *evaluation) absentFrom(rows []row, e mql.Expr) []row {
	out := ev.constant(1)
	out[0].labels = askedLabels(e)
	for _, r := range rows {
		for i, v := range r.values {
			if math.IsNaN(v) {
				out[0].values[i] = math.NaN()
			}
		}
	}
	return out
}

// askedLabels are the labels that a selector fixes to one value.
func askedLabels(e mql.Expr) []Label {
	m, ok := e.(*mql.MetricExpr)
	if !ok || len(m.LabelFilterss) != 1 {
		return nil
	}
	var r row
	for _, f := range m.LabelFilterss[0] {
		if f.Label != nameLabel && !f.IsRegexp && !f.IsNegative {
			r.set(f.Label, f.Value)
		}
	}
	return r.labels
}
