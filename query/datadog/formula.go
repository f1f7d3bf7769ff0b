package datadog

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/query"
)

// NamedQuery is a query that formulas use by its name.
type NamedQuery struct {
	Name  string
	Query *Query // of one part
	// Reduce makes one value of each row, for Scalars: avg (or mean), sum, min,
	// max, last, l2norm or area. Empty means avg.
	Reduce string
}

// Formula is arithmetic and functions over the names of queries, such as
// "errors / hits * 100", and how many of its rows are wanted.
type Formula struct {
	Text      string
	Limit     int // 0: all
	Ascending bool
}

var reducers = []string{"avg", "mean", "sum", "min", "max", "last", "l2norm", "area"}

// reduced is rows that are computed already, in the place of a query.
type reduced struct {
	name string
	rows []query.Row
}

func (r *reduced) String() string { return r.name }

// parseFormula reads a formula over the nodes that names stand for.
func parseFormula(text string, names map[string]node) (n node, err error) {
	err = guard(func() {
		s := &scanner{text: text, names: names}
		if len(text) > maxQuery {
			s.fail(maxQuery, "longer than %d bytes", maxQuery)
		}
		n = s.expression(0)
		s.checkCalendar(n, 0)
		if !s.done() {
			s.fail(s.at, "want an operator or the end, found %s", s.found())
		}
	})
	return n, err
}

// check refuses queries that formulas can't use.
func check(queries []NamedQuery) error {
	seen := map[string]bool{}
	for _, q := range queries {
		switch {
		case q.Name == "" || strings.ContainsFunc(q.Name, func(r rune) bool { return r > 127 || !isNameByte(byte(r)) }):
			return &SyntaxError{q.Name, 0, fmt.Sprintf("%q can't be the name of a query: want letters, digits, '_' and '.'", q.Name)}
		case seen[q.Name]:
			return &SyntaxError{q.Name, 0, fmt.Sprintf("two queries have the name %q", q.Name)}
		case len(q.Query.parts) != 1:
			return &SyntaxError{q.Query.text, 0, "want one query, without commas"}
		case q.Reduce != "" && !slices.Contains(reducers, q.Reduce):
			return &SyntaxError{q.Reduce, 0, fmt.Sprintf("%q is not an aggregator: allowed are %s%s", q.Reduce, strings.Join(reducers, ", "), nearest(q.Reduce, reducers))}
		}
		seen[q.Name] = true
	}
	return nil
}

// Timeseries evaluates formulas over queries, one frame each. Errors are
// *SyntaxError and those of Range.
func Timeseries(ctx context.Context, e *query.Engine, queries []NamedQuery, formulas []Formula, o Options) (frames []*query.Frame, err error) {
	if err := check(queries); err != nil {
		return nil, err
	}
	names, text := map[string]node{}, []string{}
	for _, q := range queries {
		names[q.Name] = q.Query.parts[0]
		text = append(text, q.Query.text)
	}
	parts := make([]node, len(formulas))
	for i, f := range formulas {
		if parts[i], err = parseFormula(f.Text, names); err != nil {
			return nil, err
		}
	}
	run, err := begin(ctx, e, strings.Join(text, ", "), o)
	if err != nil {
		return nil, err
	}
	defer func() { run.End(err) }()
	frames = make([]*query.Frame, len(formulas))
	for i, n := range parts {
		ev := &evaluation{run: run, options: o, interval: o.interval()}
		if frames[i], err = ev.frame(n); err != nil {
			return nil, err
		}
		frames[i].Rows = formulas[i].limited(frames[i].Rows)
	}
	return frames, nil
}

// limited keeps the rows that rank first by their mean.
func (f Formula) limited(rows []query.Row) []query.Row {
	if f.Limit <= 0 {
		return rows
	}
	sortByRank(rows, "mean", !f.Ascending)
	return rows[:min(f.Limit, len(rows))]
}

// Scalars reduces each row of each query to one value, and computes formulas of
// those: one frame of one timestamp per formula.
func Scalars(ctx context.Context, e *query.Engine, queries []NamedQuery, formulas []Formula, o Options) (frames []*query.Frame, err error) {
	if err := check(queries); err != nil {
		return nil, err
	}
	var text []string
	for _, q := range queries {
		text = append(text, q.Query.text)
	}
	run, err := begin(ctx, e, strings.Join(text, ", "), o)
	if err != nil {
		return nil, err
	}
	defer func() { run.End(err) }()
	names := map[string]node{}
	for _, q := range queries {
		ev := &evaluation{run: run, options: o, interval: o.interval()}
		f, err := ev.frame(q.Query.parts[0])
		if err != nil {
			return nil, err
		}
		for i := range f.Rows {
			row := &f.Rows[i]
			by := q.Reduce
			if by == "" {
				by = "avg"
			}
			row.Values, row.Band = []float64{rank(row.Values, by)}, nil
		}
		names[q.Name] = &reduced{q.Name, f.Rows}
	}
	g := query.Grid{Start: o.To, End: o.To, Step: max(1, o.To-o.From)}
	frames = make([]*query.Frame, len(formulas))
	for i, f := range formulas {
		n, err := parseFormula(f.Text, names)
		if err != nil {
			return nil, err
		}
		ev := &evaluation{run: run, options: o, interval: g.Step}
		r, err := ev.rows(n, g)
		if err != nil {
			return nil, err
		}
		rows := slices.DeleteFunc(slices.Clone(r.rows), func(r query.Row) bool { return len(r.Values) != 1 || math.IsNaN(r.Values[0]) })
		frames[i] = &query.Frame{Grid: g, Rows: f.limited(rows), Warnings: run.Warnings(), Stats: run.Stats(), Steps: run.Steps()}
	}
	return frames, nil
}

// GroupBy is the tag keys that the query groups by, in any of its parts.
func (q *Query) GroupBy() []string {
	var keys []string
	for _, n := range q.parts {
		keys = append(keys, groupKeys(n)...)
	}
	return slices.Compact(slices.Sorted(slices.Values(keys)))
}

// Aggregator is the space aggregator of part i; "" when the part is more than a
// term.
func (q *Query) Aggregator(i int) string {
	if t, ok := q.parts[i].(*term); ok {
		return t.space
	}
	return ""
}
