package metricsql

import (
	"fmt"
	"math"
	"slices"
	"strings"

	mql "github.com/VictoriaMetrics/metricsql"

	"github.com/whippet-obs/whippet/query"
)

// evaluation computes expressions on one grid.
type evaluation struct {
	run     *query.Run
	text    string
	options Options
	end     int64 // ms, of the whole query
	grid    query.Grid
	depth   int
}

// on is an evaluation of a part of the query on another grid.
func (ev *evaluation) on(g query.Grid) *evaluation {
	inner := *ev
	inner.grid = g
	return &inner
}

func (ev *evaluation) fail(format string, args ...any) error {
	return &SyntaxError{ev.text, -1, fmt.Sprintf(format, args...)}
}

// frame makes the result that callers see: rows with a value, in the order of
// their labels unless the query orders them itself.
func (ev *evaluation) frame(rows []row, e mql.Expr) (*query.Frame, error) {
	rows = withoutEmpty(rows)
	if !ordersItself(e) {
		slices.SortFunc(rows, byLabels)
	}
	f := &query.Frame{Grid: ev.grid, Warnings: ev.run.Warnings(), Stats: ev.run.Stats(), Steps: ev.run.Steps(), Rows: make([]query.Row, len(rows))}
	seen := make(map[string]bool, len(rows))
	for i := range rows {
		key := rows[i].key(anyLabel)
		if seen[key] {
			return nil, ev.fail("the result has several series %s: keep_metric_names or an aggregate tells them apart", rows[i].readable(anyLabel))
		}
		seen[key] = true
		f.Rows[i] = ev.publish(rows[i])
	}
	return f, nil
}

// ordersItself reports whether the order of e's rows means something.
func ordersItself(e mql.Expr) bool {
	switch e := e.(type) {
	case *mql.FuncExpr:
		name := strings.ToLower(e.Name)
		return strings.HasPrefix(name, "sort") || name == "limit_offset"
	case *mql.AggrFuncExpr:
		name := strings.ToLower(e.Name)
		return strings.HasPrefix(name, "topk") || strings.HasPrefix(name, "bottomk") || name == "outliersk"
	case *mql.BinaryOpExpr:
		return strings.EqualFold(e.Op, "or")
	}
	return false
}

// publish is r as callers see it.
func (ev *evaluation) publish(r row) query.Row {
	out := query.Row{Metric: r.name, Tags: make([]string, len(r.labels)), Values: r.values}
	for i, l := range r.labels {
		out.Tags[i] = l.Name + ":" + l.Value
	}
	out.Expr = r.name
	if len(out.Tags) > 0 || r.name == "" {
		out.Expr += "{" + strings.Join(out.Tags, ",") + "}"
	}
	if m, ok := ev.run.Engine().DB().Catalog().Metric(r.name); ok {
		out.Unit = m.Unit
	}
	return out
}

// maxDepth bounds how deep expressions and subqueries may nest.
const maxDepth = 100

func (ev *evaluation) eval(e mql.Expr) ([]row, error) {
	if ev.depth++; ev.depth > maxDepth {
		return nil, ev.fail("nested more than %d deep", maxDepth)
	}
	defer func() { ev.depth-- }()
	if err := ev.run.Err(); err != nil {
		return nil, err
	}
	done := ev.run.Step(ev.depth, func() string { return string(e.AppendString(nil)) })
	rows, err := ev.evalNode(e)
	done(len(rows))
	return rows, err
}

func (ev *evaluation) evalNode(e mql.Expr) ([]row, error) {
	switch e := e.(type) {
	case *mql.NumberExpr:
		return ev.constant(e.N), nil
	case *mql.DurationExpr:
		return ev.constant(float64(e.Duration(ev.grid.Step)) / 1000), nil
	case *mql.MetricExpr:
		return ev.rollup(&call{ev: ev, name: "default_rollup", args: []mql.Expr{e}})
	case *mql.RollupExpr:
		return ev.rollup(&call{ev: ev, name: "default_rollup", args: []mql.Expr{e}})
	case *mql.BinaryOpExpr:
		return ev.binary(e)
	case *mql.AggrFuncExpr:
		return ev.aggregate(e)
	case *mql.FuncExpr:
		c := callOf(ev, e)
		if mql.IsRollupFunc(c.name) {
			return ev.rollup(c)
		}
		fn := transformOf(c.name)
		if fn == nil {
			return nil, ev.fail("there is no function %s%s", e.Name, orNearest(c.name))
		}
		return fn(c)
	case *mql.StringExpr:
		return nil, ev.fail("a text can't stand alone: %q", e.S)
	}
	return nil, ev.fail("%s can't be evaluated", e.AppendString(nil))
}

// blank is a row's worth of v.
func (ev *evaluation) blank(v float64) []float64 {
	values := make([]float64, ev.grid.Len())
	for i := range values {
		values[i] = v
	}
	return values
}

func (ev *evaluation) constant(v float64) []row { return []row{{values: ev.blank(v)}} }

// times is a row of a function of each timestamp (ms).
func (ev *evaluation) times(fn func(ms int64) float64) []row {
	values := make([]float64, ev.grid.Len())
	for i := range values {
		values[i] = fn(ev.grid.Start + int64(i)*ev.grid.Step)
	}
	return []row{{values: values}}
}

// call is a function and the arguments it is called with, not yet evaluated.
type call struct {
	ev        *evaluation
	name      string // in lower case
	args      []mql.Expr
	keepNames bool
}

func callOf(ev *evaluation, e *mql.FuncExpr) *call {
	return &call{ev: ev, name: strings.ToLower(e.Name), args: e.Args, keepNames: e.KeepMetricNames}
}

func (c *call) fail(format string, args ...any) error {
	name := c.name
	if name == "" {
		name = "union"
	}
	return &SyntaxError{c.ev.text, callOffset(c.ev.text, name), fmt.Sprintf("%s: "+format, append([]any{name}, args...)...)}
}

// takes refuses a call without between least and most arguments; most < 0
// means any number.
func (c *call) takes(least, most int) error {
	n := len(c.args)
	switch {
	case n >= least && (most < 0 || n <= most):
		return nil
	case most < 0:
		return c.fail("wants %d argument(s) or more, found %d", least, n)
	case least == most:
		return c.fail("wants %d argument(s), found %d", least, n)
	}
	return c.fail("wants %d to %d arguments, found %d", least, most, n)
}

// rows evaluates argument i.
func (c *call) rows(i int) ([]row, error) { return c.ev.eval(c.args[i]) }

// scalar evaluates argument i, which must be one series: a number per timestamp.
func (c *call) scalar(i int) ([]float64, error) {
	rows, err := c.rows(i)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, c.fail("argument %d must be a number, found %d series in %s", i+1, len(rows), c.args[i].AppendString(nil))
	}
	return rows[0].values, nil
}

// number evaluates argument i, which must be one number, at the first timestamp.
func (c *call) number(i int) (float64, error) {
	values, err := c.scalar(i)
	if err != nil {
		return 0, err
	}
	return values[0], nil
}

// whole evaluates argument i to a whole number.
func (c *call) whole(i int) (int, error) {
	v, err := c.number(i)
	if err != nil {
		return 0, err
	}
	return wholeOf(v), nil
}

func wholeOf(v float64) int {
	if math.IsNaN(v) {
		return 0
	}
	return int(max(math.MinInt32, min(v, math.MaxInt32)))
}

// text reads argument i, which must be a text.
func (c *call) text(i int) (string, error) {
	s, ok := c.args[i].(*mql.StringExpr)
	if !ok {
		return "", c.fail("argument %d must be a text in quotes, found %s", i+1, c.args[i].AppendString(nil))
	}
	return s.S, nil
}

// texts reads the arguments from i on, which must be texts.
func (c *call) texts(from int) ([]string, error) {
	var texts []string
	for i := from; i < len(c.args); i++ {
		s, err := c.text(i)
		if err != nil {
			return nil, err
		}
		texts = append(texts, s)
	}
	return texts, nil
}

// named drops the names of rows that a function has made into something else.
func (c *call) named(rows []row) []row {
	if !c.keepNames {
		for i := range rows {
			rows[i].name = ""
		}
	}
	return rows
}

// orNearest asks whether the function with the nearest name was meant.
func orNearest(name string) string {
	if near := query.Nearest(name, functionNames); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}
