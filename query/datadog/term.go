package datadog

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/sketch"
)

// term selects, rolls up in time, bridges gaps and aggregates over tags.
func (ev *evaluation) term(t *term, g query.Grid) ([]query.Row, error) {
	// Gaps at the edges are bridged from samples beyond them.
	switch {
	case t.fill != "":
	case ev.carry:
		t = t.carried()
	case ev.raw:
		t = t.unfilled()
	}
	pad, wide := 0, g
	if g.Edges == nil {
		pad = int((t.bridge() + g.Step - 1) / g.Step)
		wide = padded(g, pad)
	}
	filter := store.Filter{Op: store.And, Args: []store.Filter{{Op: store.MatchName, Value: t.metric}, t.filter}}
	selection, err := ev.run.Select(filter, wide.Start, wide.At(wide.Len()-1)+wide.Width(wide.Len()-1)-1)
	if err != nil {
		return nil, err
	}
	defer selection.Close()
	if len(selection.Series) == 0 {
		return nil, ev.explainNothing(t)
	}
	leaf := query.Leaf{
		Grid: g, From: wide.Start, Before: int64(pad) * g.Step, After: int64(pad+1)*g.Step - 1,
		AllSeries: t.fill == "zero", // also where a series has no sample
	}
	if !ev.carry {
		leaf.Key = t.key()
	}
	memo := selection.Recall(leaf)
	var a *assembly
	err = memo.Try(func(rest query.Grid) error {
		a = newAssembly(t, selection, ev.run, rest, padded(rest, pad), pad)
		a.carry = ev.carry
		if a.wide.Edges == nil && a.wide.Start%a.wide.Step == 0 && selection.Simple() && !ev.carry {
			return selection.Aggregate(a.wide.Step, store.LeftClosed, a.want(), a.addBuckets)
		}
		return selection.Each(t.scale, a.addSamples)
	})
	if err != nil {
		return nil, err
	}
	for i, last := range a.lasts {
		a.lasts[i] = memo.Newest(i, last)
	}
	unit := ""
	if m, ok := ev.run.Engine().DB().Catalog().Metric(t.metric); ok {
		unit = m.Unit
	}
	var rows []query.Row
	keep := map[string][]float64{}
	for at, group := range a.groups {
		key := strings.Join(group.Tags, "\x00")
		row := query.Row{Metric: t.metric, Tags: group.Tags, Unit: unit, Values: memo.Row(key, a.result(at))}
		if !hasValue(row.Values) {
			continue
		}
		keep[key] = row.Values
		for _, m := range group.Members {
			row.Last = max(row.Last, a.lasts[m])
		}
		row.Expr = t.String()
		if len(group.Tags) > 0 {
			row.Expr += " " + strings.Join(group.Tags, ",")
		}
		rows = append(rows, row)
	}
	memo.Keep(keep)
	return rows, nil
}

// key says all that the values of a term follow from.
func (t *term) key() string {
	return fmt.Sprintf("datadog\x00%s\x00%s\x00%s\x00%q\x00%s %s %s %d", t.space, t.metric, filterKey(t.filter), t.by, t.as, t.rollup, t.fill, t.fillFor)
}

// filterKey writes a filter, with its variables replaced.
func filterKey(f store.Filter) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d%q%q", f.Op, f.Key, f.Value)
	if f.Regexp != nil {
		fmt.Fprintf(&b, "%q", f.Regexp.String())
	}
	b.WriteByte('(')
	for _, arg := range f.Args {
		b.WriteString(filterKey(arg))
	}
	b.WriteByte(')')
	return b.String()
}

// padded is g and pad buckets more at either end.
func padded(g query.Grid, pad int) query.Grid {
	if pad == 0 {
		return g
	}
	return query.Grid{Start: g.Start - int64(pad)*g.Step, End: g.End + int64(pad)*g.Step, Step: g.Step}
}

// assembly puts the series of a term together as they are read, group by group.
// Each worker adds to partials of its own.
type assembly struct {
	t         *term
	selection *query.Selection
	run       *query.Run
	g, wide   query.Grid // asked for; and with what bridges gaps at its edges
	carry     bool       // counts of long buckets are spread over the grid's
	pad       int        // buckets by which wide is longer at either end
	groups    []query.Group
	groupsOf  [][]int      // of each series
	partials  [][]*partial // by worker, then group
	rows      [][]float64  // by worker
	values    [][]float64  // of each series, for percentiles over series
	lasts     []int64      // of each series: the time of its newest sample, or of its bucket
}

// partial is what a worker has added up of a group.
type partial struct {
	count, total []float64 // of the series' values; total holds the extreme for min and max
	samples      *distribution
}

// distribution is what was added up of distributions.
type distribution struct {
	count, sum, least, most []float64
	sketches                []*sketch.Sketch
}

func newAssembly(t *term, s *query.Selection, run *query.Run, g, wide query.Grid, pad int) *assembly {
	a := &assembly{
		t: t, selection: s, run: run, g: g, wide: wide, pad: pad, groups: query.GroupBy(s.Series, t.by),
		groupsOf: make([][]int, len(s.Series)), partials: make([][]*partial, s.Workers()), rows: make([][]float64, s.Workers()),
		lasts: make([]int64, len(s.Series)),
	}
	for i, group := range a.groups {
		for _, m := range group.Members {
			a.groupsOf[m] = append(a.groupsOf[m], i)
		}
	}
	if t.percentile > 0 {
		a.values = make([][]float64, len(s.Series))
	}
	return a
}

// want is the columns of buckets that the term needs.
func (a *assembly) want() store.Want {
	want := store.WantSum
	if a.t.percentile > 0 {
		want |= store.WantSketches
	}
	// The default of the time aggregator follows from each series' kind, and is a
	// sum or an average.
	for _, how := range []string{a.t.rollup, a.t.space} {
		switch how {
		case "min":
			want |= store.WantMin
		case "max":
			want |= store.WantMax
		case "last":
			want |= store.WantLast
		}
	}
	return want
}

func (a *assembly) addSamples(worker, i int, c *store.Columns) error {
	info := &a.selection.Series[i]
	if n, _ := slices.BinarySearch(c.Times, a.g.End+a.g.Width(a.g.Len()-1)); n > 0 {
		a.lasts[i] = c.Times[n-1]
	}
	if info.Kind == store.Distribution {
		return a.addDistribution(worker, i, func(d *distribution) {
			for j, at := range c.Times {
				if k, _ := bucketOf(a.g, at); k >= 0 && k < a.g.Len() {
					s := c.Sketches[j]
					d.add(k, float64(s.Count), s.Sum, s.Min, s.Max, s, true)
				}
			}
		})
	}
	return a.addRow(worker, i, rollup(a.wide, c, a.t.timeAggregator(info)), c)
}

func (a *assembly) addBuckets(worker, i int, b *store.Buckets) error {
	info := &a.selection.Series[i]
	for k := min(len(b.Count), a.pad+a.g.Len()) - 1; k >= 0; k-- {
		if b.Count[k] > 0 {
			a.lasts[i] = b.Start + int64(k)*b.Width
			break
		}
	}
	if info.Kind == store.Distribution {
		return a.addDistribution(worker, i, func(d *distribution) {
			for k := range a.g.Len() {
				if at := k + a.pad; at < len(b.Count) && b.Count[at] > 0 {
					least, most, s := math.NaN(), math.NaN(), (*sketch.Sketch)(nil)
					if len(b.Min) > 0 {
						least = b.Min[at]
					}
					if len(b.Max) > 0 {
						most = b.Max[at]
					}
					if len(b.Sketches) > 0 {
						s = b.Sketches[at]
					}
					d.add(k, b.Count[at], b.Sum[at], least, most, s, len(a.groupsOf[i]) > 1)
				}
			}
		})
	}
	row := a.rows[worker]
	if row == nil {
		row = make([]float64, a.wide.Len())
		a.rows[worker] = row
	}
	how, factor := a.t.timeAggregator(info), a.t.scale(info)
	for k := range row {
		switch {
		case k >= len(b.Count) || b.Count[k] == 0:
			row[k] = math.NaN()
		case how == "sum":
			row[k] = b.Sum[k] * factor
		case how == "count":
			row[k] = b.Count[k]
		case how == "min":
			row[k] = b.Min[k] * factor
		case how == "max":
			row[k] = b.Max[k] * factor
		case how == "last":
			row[k] = b.Last[k] * factor
		default:
			row[k] = b.Sum[k] / b.Count[k] * factor
		}
	}
	return a.addRow(worker, i, row, nil)
}

// addRow adds a series' values on the wide grid, which are not kept. c is the
// samples behind them, where they were read.
func (a *assembly) addRow(worker, i int, row []float64, c *store.Columns) error {
	info := &a.selection.Series[i]
	if a.t.as == "rate" && info.Kind != store.Gauge {
		perSecond(row, a.wide, info.Interval)
	}
	if a.carry && info.Kind == store.Count && c != nil {
		spreadOut(a.wide, c, row, a.g.End)
	}
	a.t.bridgeGaps(row, a.wide.Step, info.Kind)
	row = row[a.pad : len(row)-a.pad]
	if a.values != nil {
		a.values[i] = slices.Clone(row)
		return a.run.Hold(int64(len(row)))
	}
	for _, group := range a.groupsOf[i] {
		p, err := a.partial(worker, group)
		if err != nil {
			return err
		}
		p.add(row, a.t.space)
	}
	return nil
}

// add adds the values of a series, ignoring what is missing.
func (p *partial) add(row []float64, space string) {
	for k, v := range row {
		if v != v { // NaN
			continue
		}
		switch {
		case space == "min":
			if p.count[k] == 0 || v < p.total[k] {
				p.total[k] = v
			}
		case space == "max":
			if p.count[k] == 0 || v > p.total[k] {
				p.total[k] = v
			}
		default:
			p.total[k] += v
		}
		p.count[k]++
	}
}

// merge adds what another worker has added up.
func (p *partial) merge(o *partial, space string) {
	for k, n := range o.count {
		if n == 0 {
			continue
		}
		switch {
		case space == "min":
			if p.count[k] == 0 || o.total[k] < p.total[k] {
				p.total[k] = o.total[k]
			}
		case space == "max":
			if p.count[k] == 0 || o.total[k] > p.total[k] {
				p.total[k] = o.total[k]
			}
		default:
			p.total[k] += o.total[k]
		}
		p.count[k] += n
	}
	switch {
	case o.samples == nil:
	case p.samples == nil:
		p.samples = o.samples
	default:
		for k, n := range o.samples.count {
			if n > 0 {
				p.samples.add(k, n, o.samples.sum[k], o.samples.least[k], o.samples.most[k], o.samples.sketches[k], false)
			}
		}
	}
}

func (a *assembly) partial(worker, group int) (*partial, error) {
	if a.partials[worker] == nil {
		a.partials[worker] = make([]*partial, len(a.groups))
	}
	p := a.partials[worker][group]
	if p == nil {
		n := a.g.Len()
		if err := a.run.Hold(int64(2 * n)); err != nil {
			return nil, err
		}
		p = &partial{count: make([]float64, n), total: make([]float64, n)}
		a.partials[worker][group] = p
	}
	return p, nil
}

// addDistribution adds a series of sketches to its groups.
func (a *assembly) addDistribution(worker, i int, fill func(*distribution)) error {
	for _, group := range a.groupsOf[i] {
		p, err := a.partial(worker, group)
		if err != nil {
			return err
		}
		if p.samples == nil {
			n := a.g.Len()
			if err := a.run.Hold(int64(5 * n)); err != nil {
				return err
			}
			p.samples = &distribution{make([]float64, n), make([]float64, n), repeat(math.NaN(), n), repeat(math.NaN(), n), make([]*sketch.Sketch, n)}
		}
		fill(p.samples)
	}
	return nil
}

// add adds what one series has in bucket k. shared tells that s is not d's to
// keep.
func (d *distribution) add(k int, count, sum, least, most float64, s *sketch.Sketch, shared bool) {
	d.count[k] += count
	d.sum[k] += sum
	if !(d.least[k] <= least) {
		d.least[k] = least
	}
	if !(d.most[k] >= most) {
		d.most[k] = most
	}
	switch {
	case s == nil:
	case d.sketches[k] != nil:
		d.sketches[k].Merge(s)
	case shared:
		d.sketches[k] = s.Clone()
	default:
		d.sketches[k] = s
	}
}

// result is the values of a group.
func (a *assembly) result(group int) []float64 {
	var p *partial
	for _, of := range a.partials {
		switch {
		case of == nil || of[group] == nil:
		case p == nil:
			p = of[group]
		default:
			p.merge(of[group], a.t.space)
		}
	}
	if p != nil && p.samples != nil {
		return a.ofDistribution(p.samples)
	}
	if a.values != nil {
		return a.t.percentiles(a.groups[group], a.values, a.g.Len())
	}
	if p == nil {
		return repeat(math.NaN(), a.g.Len())
	}
	for k, n := range p.count {
		switch {
		case n == 0:
			p.total[k] = math.NaN()
		case a.t.space == "count":
			p.total[k] = n
		case a.t.space == "avg":
			p.total[k] /= n
		}
	}
	return p.total
}

// ofDistribution reads the term's aggregate off what was added up.
func (a *assembly) ofDistribution(d *distribution) []float64 {
	out := repeat(math.NaN(), len(d.count))
	for k, n := range d.count {
		if n == 0 {
			continue
		}
		switch {
		case a.t.percentile > 0:
			out[k] = d.sketches[k].Quantile(a.t.percentile)
		case a.t.space == "sum":
			out[k] = d.sum[k]
		case a.t.space == "min":
			out[k] = d.least[k]
		case a.t.space == "max":
			out[k] = d.most[k]
		case a.t.space == "count", a.t.space == "count_values":
			out[k] = n
		default:
			out[k] = d.sum[k] / n
		}
		if a.t.as == "rate" {
			out[k] /= float64(a.g.Width(k)) / 1000
		}
	}
	return out
}
