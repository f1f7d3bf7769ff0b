package metricsql

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	mql "github.com/VictoriaMetrics/metricsql"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// row is one series of an intermediate result.
type row struct {
	name   string
	labels []Label // sorted by name, without the metric's name
	values []float64
}

func (r *row) label(name string) string {
	if name == nameLabel {
		return r.name
	}
	for _, l := range r.labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// set changes, adds or (for "") removes a label. The labels are copied: rows
// share them.
func (r *row) set(name, value string) {
	if name == nameLabel {
		r.name = value
		return
	}
	at, found := slices.BinarySearchFunc(r.labels, name, func(l Label, name string) int { return strings.Compare(l.Name, name) })
	labels := slices.Clone(r.labels)
	switch {
	case value == "" && found:
		labels = slices.Delete(labels, at, at+1)
	case value == "":
	case found:
		labels[at].Value = value
	default:
		labels = slices.Insert(labels, at, Label{name, value})
	}
	r.labels = labels
}

// key joins the labels that keep accepts, to compare rows by.
func (r *row) key(keep func(name string) bool) string {
	var b strings.Builder
	for _, l := range r.labels {
		if keep(l.Name) {
			b.WriteString(l.Name)
			b.WriteByte(0)
			b.WriteString(l.Value)
			b.WriteByte(1)
		}
	}
	return b.String()
}

func all(string) bool { return true }

// evaluation computes expressions on one grid.
type evaluation struct {
	ctx     context.Context
	engine  *query.Engine
	grid    query.Grid
	instant bool
	depth   int
	*shared
}

// shared is what an evaluation and those of its subqueries add to.
type shared struct {
	text     string
	mu       sync.Mutex // guards what workers gather
	stats    query.Stats
	warnings []string
}

func (ev *evaluation) fail(format string, args ...any) error {
	return &SyntaxError{ev.text, -1, fmt.Sprintf(format, args...)}
}

func (ev *evaluation) frame(rows []row) *query.Frame {
	f := &query.Frame{Grid: ev.grid, Warnings: ev.warnings, Stats: ev.stats}
	for _, r := range rows {
		if !slices.ContainsFunc(r.values, func(v float64) bool { return !math.IsNaN(v) }) {
			continue
		}
		f.Rows = append(f.Rows, ev.publish(r))
	}
	return f
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
	if m, ok := ev.engine.DB().Catalog().Metric(r.name); ok {
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
	if ev.ctx.Err() != nil {
		return nil, context.Cause(ev.ctx)
	}
	switch e := e.(type) {
	case *mql.NumberExpr:
		return ev.constant(e.N), nil
	case *mql.DurationExpr:
		return ev.constant(float64(e.Duration(ev.grid.Step)) / 1000), nil
	case *mql.MetricExpr:
		return ev.rollup("default_rollup", e, nil)
	case *mql.RollupExpr:
		return ev.rollup("default_rollup", e, nil)
	case *mql.BinaryOpExpr:
		return ev.binary(e)
	case *mql.AggrFuncExpr:
		return ev.aggregate(e)
	case *mql.FuncExpr:
		return ev.call(e)
	case *mql.StringExpr:
		return nil, ev.fail("a text can't stand alone: %q", e.S)
	}
	return nil, ev.fail("%s is not supported", e.AppendString(nil))
}

func (ev *evaluation) constant(v float64) []row {
	values := make([]float64, ev.grid.Len())
	for i := range values {
		values[i] = v
	}
	return []row{{values: values}}
}

func (ev *evaluation) isScalar(e mql.Expr) bool {
	switch e := e.(type) {
	case *mql.NumberExpr, *mql.DurationExpr:
		return true
	case *mql.FuncExpr:
		return slices.Contains([]string{"time", "scalar", "pi", "start", "end", "step"}, strings.ToLower(e.Name))
	case *mql.BinaryOpExpr:
		return ev.isScalar(e.Left) && ev.isScalar(e.Right)
	}
	return false
}

// number evaluates an argument that must be one number.
func (ev *evaluation) number(e mql.Expr, what string) (float64, error) {
	rows, err := ev.eval(e)
	if err != nil {
		return 0, err
	}
	if len(rows) != 1 || len(rows[0].values) == 0 {
		return 0, ev.fail("%s: want a number, found %s", what, e.AppendString(nil))
	}
	return rows[0].values[0], nil
}

// stringOf reads an argument that must be a text.
func (ev *evaluation) stringOf(e mql.Expr, what string) (string, error) {
	s, ok := e.(*mql.StringExpr)
	if !ok {
		return "", ev.fail("%s: want a text in quotes, found %s", what, e.AppendString(nil))
	}
	return s.S, nil
}

// series reads the samples behind a selector, from (exclusive) to to, and calls
// fn for each series, several at a time.
func (ev *evaluation) series(m *mql.MetricExpr, from, to int64, fn func(i, n int, s *store.SeriesInfo, c *store.Columns) error) error {
	filter := store.Filter{Op: store.Or}
	for _, matchers := range m.LabelFilterss {
		f, err := filterOf(matchers)
		if err != nil {
			return ev.fail("%v", err)
		}
		filter.Args = append(filter.Args, f)
	}
	if len(filter.Args) == 0 {
		return ev.fail("a selector needs a name or a matcher")
	}
	selection, err := ev.engine.Select(ev.ctx, filter, from+1, to)
	if err != nil {
		return err
	}
	defer selection.Close()
	err = selection.Each(ev.ctx, nil, func(i int, c *store.Columns) error {
		info := &selection.Series[i]
		if info.Kind == store.Distribution { // its average, per bucket
			c.Values = c.Values[:0]
			for _, s := range c.Sketches {
				c.Values = append(c.Values, s.Sum/float64(s.Count))
			}
		}
		return fn(i, len(selection.Series), info, c)
	})
	stats := selection.Stats()
	ev.stats.Series += stats.Series
	ev.stats.Samples += stats.Samples
	for _, w := range selection.Warnings() {
		if !slices.Contains(ev.warnings, w) {
			ev.warnings = append(ev.warnings, w)
		}
	}
	return err
}

// raw answers an instant query for a selector with a window: the samples as
// they are.
func (ev *evaluation) raw(m *mql.MetricExpr, r *mql.RollupExpr) ([]RawRow, error) {
	at, err := ev.shift(r)
	if err != nil {
		return nil, err
	}
	var found []RawRow
	err = ev.series(m, at.Start-r.Window.Duration(ev.grid.Step), at.Start, func(i, n int, s *store.SeriesInfo, c *store.Columns) error {
		base := rowOf(s)
		ev.mu.Lock()
		defer ev.mu.Unlock()
		if found == nil {
			found = make([]RawRow, n)
		}
		found[i] = RawRow{Row: ev.publish(base), Times: slices.Clone(c.Times)}
		found[i].Values = slices.Clone(c.Values)
		return nil
	})
	return found, err
}

func rowOf(s *store.SeriesInfo) row {
	r := row{name: s.Name}
	for _, l := range Labels(*s) {
		if l.Name != nameLabel {
			r.labels = append(r.labels, l)
		}
	}
	return r
}
