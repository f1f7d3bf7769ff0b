package datadog

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/sketch"
)

// Spread is how values lie: over time for a heat map, or all together. Of
// distributions every value counts that was ever measured; of other metrics
// every row's value counts once.
type Spread struct {
	Grid     query.Grid  // of one timestamp when all is taken together
	Bounds   []float64   // of the buckets, ascending: one more than there are buckets
	Counts   [][]float64 // by timestamp, then bucket; nil where there is nothing
	All      *sketch.Sketch
	Unit     string
	Warnings []string
	Stats    query.Stats
}

// SpreadOptions say how a Spread is made.
type SpreadOptions struct {
	Buckets  int  // at most, from 1
	Log      bool // buckets widen with their values
	Together bool // of the whole range, a row by its mean
}

// weight is n values between two bounds.
type weight struct{ lower, upper, n float64 }

// SpreadOf spreads the values of a query. "histogram:" in the place of an
// aggregator takes every series by itself, and the values that distributions are
// made of. Errors are *SyntaxError and those of Range.
func SpreadOf(ctx context.Context, e *query.Engine, text string, o Options, want SpreadOptions) (_ *Spread, err error) {
	rest, each := strings.CutPrefix(strings.TrimSpace(text), "histogram:")
	if each {
		rest = "avg:" + rest
	}
	q, err := Parse(rest)
	var wrong *SyntaxError
	if each && errors.As(err, &wrong) {
		return nil, &SyntaxError{text, wrong.Offset + len("histogram") - len("avg"), wrong.Msg}
	}
	if err != nil {
		return nil, err
	}
	if len(q.parts) != 1 {
		return nil, &SyntaxError{text, 0, "want one query, without commas"}
	}
	run, err := e.Begin(ctx, text)
	if err != nil {
		return nil, err
	}
	defer func() { run.End(err) }()
	s := &Spread{Grid: gridOf(o.From, o.To, o.interval()), All: &sketch.Sketch{}}
	if err := e.CheckGrid(s.Grid); err != nil {
		return nil, err
	}
	ev := &evaluation{run: run, options: o, interval: o.interval()}
	columns, err := s.columns(ev, q.parts[0], each, want.Together)
	if err != nil {
		return nil, err
	}
	s.fill(columns, want)
	s.Warnings, s.Stats = run.Warnings(), run.Stats()
	return s, nil
}

// columns are the values by timestamp.
func (s *Spread) columns(ev *evaluation, n node, each, together bool) ([][]weight, error) {
	if t, ok := n.(*term); ok && t.percentile == 0 {
		sketches, err := sketchesOf(ev, t, s.Grid)
		if err != nil {
			return nil, err
		}
		if sketches != nil {
			if m, ok := ev.run.Engine().DB().Catalog().Metric(t.metric); ok {
				s.Unit = m.Unit
			}
			return s.ofSketches(sketches), nil
		}
		if each && len(t.by) == 0 {
			return nil, &SyntaxError{t.String(), 0, t.metric + " is not a distribution: want a row for each value, such as avg:" + t.metric + "{*} by {host}"}
		}
	}
	f, err := ev.frame(n)
	if err != nil {
		return nil, err
	}
	return s.ofRows(f, together), nil
}

// sketchesOf merges what distributions of the term hold, by timestamp; nil when
// its metric is none.
func sketchesOf(ev *evaluation, t *term, g query.Grid) ([]*sketch.Sketch, error) {
	filter := store.Filter{Op: store.And, Args: []store.Filter{{Op: store.MatchName, Value: t.metric}, t.filter}}
	selection, err := ev.run.Select(filter, g.Start, g.End+g.Step-1)
	if err != nil {
		return nil, err
	}
	defer selection.Close()
	merged := make([]*sketch.Sketch, g.Len())
	if len(selection.Series) == 0 {
		return merged, ev.explainNothing(t)
	}
	if !slices.ContainsFunc(selection.Series, func(i store.SeriesInfo) bool { return i.Kind == store.Distribution }) {
		return nil, nil
	}
	var mu sync.Mutex
	add := func(at int64, s *sketch.Sketch) {
		k := int((at - g.Start) / g.Step)
		switch {
		case s == nil || s.Count == 0 || at < g.Start || k >= len(merged):
		case merged[k] == nil:
			merged[k] = s.Clone()
		default:
			merged[k].Merge(s)
		}
	}
	if selection.Simple() {
		return merged, selection.Aggregate(g.Step, store.LeftClosed, store.WantSketches, func(_, _ int, b *store.Buckets) error {
			mu.Lock()
			defer mu.Unlock()
			for k, s := range b.Sketches {
				add(b.Start+int64(k)*b.Width, s)
			}
			return nil
		})
	}
	return merged, selection.Each(nil, func(_, _ int, c *store.Columns) error {
		mu.Lock()
		defer mu.Unlock()
		for j, s := range c.Sketches {
			add(c.Times[j], s)
		}
		return nil
	})
}

func (s *Spread) ofSketches(sketches []*sketch.Sketch) [][]weight {
	columns := make([][]weight, len(sketches))
	for k, one := range sketches {
		if one == nil {
			continue
		}
		s.All.Merge(one)
		for b := range one.Bins() {
			columns[k] = append(columns[k], weight{b.Lower, b.Upper, float64(b.Count)})
		}
	}
	return columns
}

func (s *Spread) ofRows(f *query.Frame, together bool) [][]weight {
	s.Grid = f.Grid
	columns := make([][]weight, f.Grid.Len())
	for _, row := range f.Rows {
		s.Unit = cmp.Or(s.Unit, row.Unit)
		values := row.Values
		if together {
			values = []float64{rank(row.Values, "avg")}
		}
		for k, v := range values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				s.All.Add(v, 1)
				columns[k] = append(columns[k], weight{v, v, 1})
			}
		}
	}
	return columns
}

// fill counts the points of columns in buckets.
func (s *Spread) fill(columns [][]weight, want SpreadOptions) {
	if want.Together {
		columns = [][]weight{slices.Concat(columns...)}
		s.Grid = query.Grid{Start: s.Grid.Start, End: s.Grid.Start, Step: max(1, s.Grid.End+s.Grid.Step-s.Grid.Start)}
	}
	s.Counts = make([][]float64, len(columns))
	if s.All.Count == 0 {
		return
	}
	s.Bounds = bounds(s.All, want)
	for k, column := range columns {
		if len(column) == 0 {
			continue
		}
		s.Counts[k] = make([]float64, len(s.Bounds)-1)
		for _, p := range column {
			share(s.Counts[k], s.Bounds, p)
		}
	}
}

// bounds are those of buckets that hold all values. Those of a logarithmic scale
// span nine powers of ten at most.
func bounds(all *sketch.Sketch, want SpreadOptions) []float64 {
	low, high := all.Min, all.Max
	if want.Log && high > 0 {
		least := low
		if least <= 0 {
			least = high
			for b := range all.Bins() {
				if b.Lower > 0 {
					least = b.Lower
					break
				}
			}
		}
		least = max(least, high/1e9)
		from, to := math.Log(least), math.Log(high)
		if to-from < 1e-9 {
			from, to = from-0.1, to+0.1
		}
		out := make([]float64, want.Buckets+1)
		for i := range out {
			out[i] = math.Exp(from + (to-from)*float64(i)/float64(want.Buckets))
		}
		out[want.Buckets] = max(out[want.Buckets], high)
		return out
	}
	if high-low <= 1e-9*math.Abs(high) {
		width := max(math.Abs(high)*0.1, 1e-9)
		low, high = low-width, high+width
	}
	step := niceStep((high - low) / float64(want.Buckets))
	first := math.Floor(low/step) * step
	out := []float64{first}
	for i := 1; out[len(out)-1] < high || i < 2; i++ {
		out = append(out, first+float64(i)*step)
	}
	return out
}

// niceStep is the least of 1, 2, 2.5, 5 times a power of ten that is not under v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// share adds a point to the buckets it lies in, by how much of it lies in each.
// What lies under or over all goes to the first or the last.
func share(counts, bounds []float64, p weight) {
	last := len(counts) - 1
	at := func(v float64) int {
		i, exact := slices.BinarySearch(bounds, v)
		if !exact {
			i--
		}
		return max(0, min(last, i))
	}
	from, to := at(p.lower), at(p.upper)
	if from == to || p.upper <= p.lower {
		counts[to] += p.n
		return
	}
	for i := from; i <= to; i++ {
		lower, upper := max(p.lower, bounds[i]), min(p.upper, bounds[i+1])
		if i == from {
			lower = p.lower
		}
		if i == to {
			upper = p.upper
		}
		counts[i] += p.n * (upper - lower) / (p.upper - p.lower)
	}
}
