package datadog

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// Range evaluates the query and gives one frame per comma-separated part.
// Errors are *query.LimitError and the store's.
func (q *Query) Range(ctx context.Context, e *query.Engine, o Options) (frames []*query.Frame, err error) {
	run, err := begin(ctx, e, q.text, o)
	if err != nil {
		return nil, err
	}
	defer func() { run.End(err) }()
	frames = make([]*query.Frame, len(q.parts))
	for i, part := range q.parts {
		ev := &evaluation{run: run, options: o, interval: o.interval()}
		f, err := ev.frame(part)
		if err != nil {
			return nil, err
		}
		frames[i] = f
	}
	return frames, nil
}

func begin(ctx context.Context, e *query.Engine, text string, o Options) (*query.Run, error) {
	run, err := e.Begin(ctx, text)
	if err != nil {
		return nil, err
	}
	if o.Explain {
		run.Explain()
	}
	if o.NoCache {
		run.Forgetful()
	}
	return run, nil
}

// evaluation is the state of one part's evaluation.
type evaluation struct {
	run      *query.Run
	options  Options
	interval int64
	raw      bool // don't bridge gaps unless the query says so
	carry    bool // bridge gaps with the value before them, not with the one after
	depth    int  // of the part that is evaluated
}

// frame evaluates a part over the range asked for. All its terms share one
// grid: the widest rollup in it decides.
func (ev *evaluation) frame(n node) (_ *query.Frame, err error) {
	interval := ev.interval
	if every := widestRollup(n); every > 0 {
		var warning string
		interval, warning = clampInterval(every, ev.options)
		ev.run.Warn(warning)
	}
	if c, ok := n.(*call); ok && interval == ev.interval {
		_, finest := c.every()
		interval = max(interval, finest)
	}
	g := gridOf(ev.options.From, ev.options.To+futureOf(n, ev.options.To-ev.options.From), interval)
	if c := calendarOf(n); c != nil {
		if g, err = c.grid(ev.options.From, ev.options.To); err != nil {
			return nil, err
		}
	}
	if err := ev.run.Engine().CheckGrid(g); err != nil {
		return nil, err
	}
	rows, err := ev.eval(n, g)
	if err != nil {
		return nil, err
	}
	if rows.scalar {
		rows.rows = []query.Row{{Tags: []string{}, Expr: n.String(), Values: repeat(rows.value, g.Len())}}
	}
	return &query.Frame{Grid: g, Rows: rows.rows, Warnings: ev.run.Warnings(), Stats: ev.run.Stats(), Steps: ev.run.Steps()}, nil
}

func widestRollup(n node) int64 {
	switch n := n.(type) {
	case *term:
		return n.every
	case *binary:
		return max(widestRollup(n.left), widestRollup(n.right))
	case *call:
		every := widestRollup(n.query)
		if every == 0 { // a rollup in the query wins
			every, _ = n.every()
		}
		return every
	}
	return 0
}

// result is rows, or one number for all rows and times.
type result struct {
	rows   []query.Row
	scalar bool
	value  float64
}

func (ev *evaluation) eval(n node, g query.Grid) (result, error) {
	ev.depth++
	defer func() { ev.depth-- }()
	done := ev.run.Step(ev.depth, n.String)
	r, err := ev.evalNode(n, g)
	done(len(r.rows))
	return r, err
}

func (ev *evaluation) evalNode(n node, g query.Grid) (result, error) {
	switch n := n.(type) {
	case number:
		return result{scalar: true, value: float64(n)}, nil
	case *term:
		rows, err := ev.term(n, g)
		return result{rows: rows}, err
	case *binary:
		return ev.binary(n, g)
	case *reduced:
		return result{rows: n.rows}, nil
	case *call:
		fn, _ := functionOf(n.fn) // the parser has checked it
		return fn.eval(ev, n, g)
	}
	return result{}, fmt.Errorf("BUG: a query holds a %T", n)
}

func repeat(v float64, n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = v
	}
	return values
}

func hasValue(values []float64) bool {
	return slices.ContainsFunc(values, func(v float64) bool { return !math.IsNaN(v) })
}

// explainNothing says why a term selects nothing, if its metric is unknown.
func (ev *evaluation) explainNothing(t *term) error {
	names, err := ev.run.Engine().DB().Metrics(ev.run.Context(), ev.options.From-30*86_400_000, ev.options.To)
	if err != nil {
		return err
	}
	if _, known := slices.BinarySearch(names, t.metric); !known {
		ev.run.Warn(fmt.Sprintf("no metric %q%s", t.metric, nearest(t.metric, names)))
	}
	return nil
}

// unfilled is t without its default way to bridge gaps.
func (t *term) unfilled() *term {
	c := *t
	c.fill = "null"
	return &c
}

// carried is t bridging gaps with what was known in them.
func (t *term) carried() *term {
	c := *t
	c.fill, c.fillFor = "carry", t.bridge()
	return &c
}

// scale makes counts of rates when the term asks for counts, or for rates that
// are counts over another interval.
func (t *term) scale(s *store.SeriesInfo) float64 {
	if t.as != "" && s.Kind == store.Rate && s.Interval > 0 {
		return float64(s.Interval) / 1000
	}
	return 1
}

// timeAggregator is the term's, or the default of the series' kind.
func (t *term) timeAggregator(s *store.SeriesInfo) string {
	switch {
	case t.as == "rate" && s.Kind != store.Gauge:
		return "sum" // divided by the bucket's length afterwards
	case t.space == "count_values":
		return "count"
	case t.rollup != "":
		return t.rollup
	case s.Kind == store.Count, s.Kind == store.Rate && t.as == "count":
		return "sum"
	}
	return "avg"
}

// perSecond divides sums over buckets by their length; a sample that stands for
// longer than a bucket by its own.
func perSecond(row []float64, g query.Grid, interval int64) {
	for i := range row {
		row[i] /= float64(max(g.Width(i), interval)) / 1000
	}
}

// binary joins two results on equal groups. A row without a group, or a number,
// goes with every row of the other side.
func (ev *evaluation) binary(n *binary, g query.Grid) (result, error) {
	left, err := ev.eval(n.left, g)
	if err != nil {
		return result{}, err
	}
	right, err := ev.eval(n.right, g)
	if err != nil {
		return result{}, err
	}
	switch {
	case left.scalar && right.scalar:
		return result{scalar: true, value: operate(n.op, left.value, right.value)}, nil
	case left.scalar:
		return result{rows: mapRows(n, right.rows, func(v float64) float64 { return operate(n.op, left.value, v) })}, nil
	case right.scalar:
		return result{rows: mapRows(n, left.rows, func(v float64) float64 { return operate(n.op, v, right.value) })}, nil
	}
	var rows []query.Row
	for _, l := range left.rows {
		for _, r := range right.rows {
			if !slices.Equal(l.Tags, r.Tags) && len(l.Tags) > 0 && len(r.Tags) > 0 {
				continue
			}
			row := query.Row{Tags: l.Tags, Unit: l.Unit, Values: make([]float64, len(l.Values))}
			if len(l.Tags) == 0 {
				row.Tags = r.Tags
			}
			if l.Unit != r.Unit {
				row.Unit = ""
			}
			row.Expr = expr(n, row.Tags)
			for i := range row.Values {
				row.Values[i] = operate(n.op, l.Values[i], r.Values[i])
			}
			if hasValue(row.Values) {
				rows = append(rows, row)
			}
		}
	}
	return result{rows: rows}, nil
}

func expr(n node, tags []string) string {
	if len(tags) == 0 {
		return n.String()
	}
	return n.String() + " " + strings.Join(tags, ",")
}

// mapRows applies fn to every value.
func mapRows(n node, rows []query.Row, fn func(float64) float64) []query.Row {
	out := make([]query.Row, len(rows))
	for i, r := range rows {
		out[i] = r
		out[i].Expr = expr(n, r.Tags)
		out[i].Values = make([]float64, len(r.Values))
		for j, v := range r.Values {
			out[i].Values[j] = fn(v)
		}
	}
	return out
}

// operate computes one value; a division by zero has none.
func operate(op byte, a, b float64) float64 {
	switch op {
	case '+':
		return a + b
	case '-':
		return a - b
	case '*':
		return a * b
	}
	if b == 0 {
		return math.NaN()
	}
	return a / b
}
