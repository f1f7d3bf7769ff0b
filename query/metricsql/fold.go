package metricsql

import (
	"errors"
	"math"
	"slices"

	mql "github.com/VictoriaMetrics/metricsql"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// A fold is an aggregate whose rows can be added up one by one, so that a
// series' values are forgotten as soon as they are computed.
type fold struct {
	start  float64 // what totals begin with
	add    func(total, v float64) float64
	merge  func(total, other float64) float64
	result func(total, n float64) float64
}

// foldOf finds the fold of an aggregate; nil when it needs all rows at once.
func foldOf(name string) *fold {
	plus := func(a, b float64) float64 { return a + b }
	less := func(a, b float64) float64 {
		if b < a {
			return b
		}
		return a
	}
	more := func(a, b float64) float64 {
		if b > a {
			return b
		}
		return a
	}
	total := func(total, _ float64) float64 { return total }
	switch name {
	case "sum":
		return &fold{0, plus, plus, total}
	case "avg":
		return &fold{0, plus, plus, func(total, n float64) float64 { return total / n }}
	case "min":
		return &fold{math.Inf(1), less, less, total}
	case "max":
		return &fold{math.Inf(-1), more, more, total}
	case "count":
		return &fold{0, func(t, _ float64) float64 { return t }, plus, func(_, n float64) float64 { return n }}
	case "group":
		return &fold{0, func(t, _ float64) float64 { return t }, plus, func(_, _ float64) float64 { return 1 }}
	case "sum2":
		return &fold{0, func(t, v float64) float64 { return t + v*v }, plus, total}
	case "geomean":
		times := func(a, b float64) float64 { return a * b }
		return &fold{1, times, times, func(total, n float64) float64 { return math.Pow(total, 1/n) }}
	}
	return nil
}

// accumulator is what one worker has added up of one group.
type accumulator struct{ totals, counts []float64 }

// foldStored computes an aggregate of a rollup over stored series without
// keeping a row for each. done is false when arg is something else.
func (ev *evaluation) foldStored(foldName string, f *fold, arg mql.Expr, by mql.ModifierExpr, limit int) (rows []row, done bool, err error) {
	c, r := storedRollup(ev, arg)
	if c == nil || limit > 0 {
		return nil, false, nil
	}
	p, _, err := ev.plan(c)
	if err != nil {
		return nil, true, err
	}
	if len(p.outputs) != 1 || c.name == "absent_over_time" {
		return nil, false, nil
	}
	inner, moment, err := ev.shift(p, r)
	if err != nil {
		return nil, true, err
	}
	if err := inner.sizeWindow(p, r); err != nil {
		return nil, true, err
	}
	selection, err := inner.open(p, r.Expr.(*mql.MetricExpr))
	if errors.Is(err, store.ErrTooManySeries) && by.Op == "" && !moment {
		if rows, ok := inner.countLive(foldName, p, r.Expr.(*mql.MetricExpr)); ok {
			return rows, true, nil
		}
	}
	if err != nil {
		return nil, true, err
	}
	defer selection.Close()
	memo := inner.recall(selection, p, foldName+" "+string(by.AppendString(nil)))
	folding := &folding{f: f, run: ev.run}
	folding.group(selection.Series, by, p.keepsName)
	err = memo.Try(func(g query.Grid) error {
		folding.n, folding.workers = g.Len(), make([][]*accumulator, selection.Workers())
		return inner.on(g).each(selection, p, memo, folding.add)
	})
	if err != nil {
		return nil, true, err
	}
	rows = folding.rows(memo)
	if moment {
		for i := range rows {
			rows[i].values = ev.blank(rows[i].values[0])
		}
	}
	return rows, true, nil
}

// countLive answers how many series there are now, and whether there are any, when
// they are too many to be looked at one by one.
func (ev *evaluation) countLive(how string, p *rollupPlan, m *mql.MetricExpr) ([]row, bool) {
	if how != "count" && how != "group" || !p.takesLast || ev.grid.Len() != 1 {
		return nil, false
	}
	filter, err := filterOf(m)
	if err != nil {
		return nil, false
	}
	n, ok, err := ev.run.Engine().DB().CountLive(ev.run.Context(), filter, ev.grid.Start-p.window(ev.grid), ev.grid.Start)
	switch {
	case err != nil || !ok:
		return nil, false
	case n == 0:
		return nil, true
	case how == "group":
		n = 1
	}
	return ev.constant(float64(n)), true
}

// storedRollup reads an expression that rolls up stored series; nil when it is
// something else.
func storedRollup(ev *evaluation, e mql.Expr) (*call, *mql.RollupExpr) {
	c := &call{ev: ev, name: "default_rollup", args: []mql.Expr{e}}
	if f, ok := e.(*mql.FuncExpr); ok {
		c = callOf(ev, f)
		if !mql.IsRollupFunc(c.name) {
			return nil, nil
		}
	}
	at := mql.GetRollupArgIdx(&mql.FuncExpr{Name: c.name, Args: c.args})
	if at < 0 || at >= len(c.args) {
		return nil, nil
	}
	r, ok := c.args[at].(*mql.RollupExpr)
	if !ok {
		r = &mql.RollupExpr{Expr: c.args[at]}
	}
	if _, stored := r.Expr.(*mql.MetricExpr); !stored || r.ForSubquery() {
		return nil, nil
	}
	return c, r
}

// folding is a fold under way. Each worker adds to accumulators of its own;
// which series it gets does not depend on chance, so that neither does the sum.
type folding struct {
	f       *fold
	n       int // timestamps
	run     *query.Run
	groupOf []int // of each series
	groups  []row
	keys    []string
	workers [][]*accumulator // by worker, then group
}

// group finds the group of each series.
func (fo *folding) group(series []store.SeriesInfo, by mql.ModifierExpr, keepsName bool) {
	fo.groupOf = make([]int, len(series))
	if by.Op == "" { // one group
		fo.groups, fo.keys = make([]row, min(1, len(series))), make([]string, min(1, len(series)))
		return
	}
	keep := groupingOf(by)
	index := map[string]int{}
	for i := range series {
		r := rowOf(&series[i])
		if !keepsName {
			r.name = ""
		}
		key := r.key(keep)
		g, ok := index[key]
		if !ok {
			g = len(fo.groups)
			index[key] = g
			r.keepOnly(keep)
			fo.groups, fo.keys = append(fo.groups, r), append(fo.keys, key)
		}
		fo.groupOf[i] = g
	}
}

// add adds a series' values to its group.
func (fo *folding) add(worker, i int, values []float64) error {
	if fo.workers[worker] == nil {
		fo.workers[worker] = make([]*accumulator, len(fo.groups))
	}
	a := fo.workers[worker][fo.groupOf[i]]
	if a == nil {
		if err := fo.run.Hold(int64(2 * fo.n)); err != nil {
			return err
		}
		a = &accumulator{totals: make([]float64, fo.n), counts: make([]float64, fo.n)}
		fill(a.totals, fo.f.start)
		fo.workers[worker][fo.groupOf[i]] = a
	}
	totals, counts := a.totals[:len(values)], a.counts[:len(values)]
	for j, v := range values {
		if v == v { // not NaN
			totals[j] = fo.f.add(totals[j], v)
			counts[j]++
		}
	}
	return nil
}

// rows are the groups' results, with what is remembered of them. Groups without a
// value are left out.
func (fo *folding) rows(memo *query.Memo) []row {
	keep := map[string][]float64{}
	for g := range fo.groups {
		values := memo.Row(fo.keys[g], fo.result(g))
		if values == nil || empty(values) {
			continue
		}
		fo.groups[g].values, keep[fo.keys[g]] = values, values
	}
	memo.Keep(keep)
	return slices.DeleteFunc(fo.groups, func(r row) bool { return r.values == nil })
}

// result is what was computed of a group; nil for nothing.
func (fo *folding) result(g int) []float64 {
	var sum *accumulator
	for _, of := range fo.workers {
		switch {
		case of == nil || of[g] == nil:
		case sum == nil:
			sum = of[g]
		default:
			for i, n := range of[g].counts {
				if n > 0 {
					sum.totals[i] = fo.f.merge(sum.totals[i], of[g].totals[i])
					sum.counts[i] += n
				}
			}
		}
	}
	if sum == nil {
		return nil
	}
	for i, n := range sum.counts {
		if n == 0 {
			sum.totals[i] = math.NaN()
		} else {
			sum.totals[i] = fo.f.result(sum.totals[i], n)
		}
	}
	return sum.totals
}
