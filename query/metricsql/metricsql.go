// Package metricsql is MetricsQL, VictoriaMetrics' superset of PromQL, over the
// query engine.
//
//	frame, err := metricsql.Range(ctx, engine, `sum(rate(http_requests[5m])) by (job)`, grid, metricsql.Options{})
//
// Texts are read by github.com/VictoriaMetrics/metricsql; evaluation is here.
// It follows the public description of the language
// (https://docs.victoriametrics.com/victoriametrics/metricsql/): rate and
// increase without extrapolation, lookbehind windows that adapt to a series'
// own interval, implicit rollups. docs/metricsql.md lists where it differs.
//
// Tags are labels: "key:value" is key="value", a bare tag is tag="true", a key
// with several values shows them joined by commas and matches by any of them.
package metricsql

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	mql "github.com/VictoriaMetrics/metricsql"

	"github.com/whippet-obs/whippet/query"
)

// SyntaxError is a query that can't be read or evaluated as it stands.
type SyntaxError struct {
	Text   string
	Offset int // -1 when unknown
	Msg    string
}

func (e *SyntaxError) Error() string { return "query: " + e.Msg }

// Options of an evaluation.
type Options struct {
	// Now is what now() gives. The zero time means the end of the range, so
	// that an evaluation depends on nothing but the store.
	Now time.Time
	// Step of an instant query (ms): how far back a selector without a window
	// looks. 0: five minutes.
	Step int64
	// Explain keeps the steps of the evaluation in the frame.
	Explain bool
	// NoCache computes all of it anew.
	NoCache bool
}

// Result is the answer to an instant query.
type Result struct {
	Type  string       // vector, matrix, scalar or string
	Frame *query.Frame // of one timestamp; for a matrix it has no rows
	Raw   []RawRow     // of a matrix
	Text  string       // of a string
}

// RawRow is the samples of one series as they are: Values[i] at Times[i] (ms).
type RawRow struct {
	query.Row
	Times []int64
}

// instantStep is the step of a query at one moment that names none.
const instantStep = 5 * 60_000

// maxText bounds a query's length.
const maxText = 16 << 10

// parse reads text, with its templates expanded and its selectors narrowed by
// what the operators around them ask for.
func parse(text string) (mql.Expr, error) {
	if len(text) > maxText {
		return nil, &SyntaxError{text, maxText, fmt.Sprintf("longer than %d bytes", maxText)}
	}
	if expansion(text) > maxExpansion {
		return nil, &SyntaxError{text, -1, fmt.Sprintf("its WITH templates expand to more than %d words", maxExpansion)}
	}
	e, err := mql.Parse(text)
	if err != nil {
		return nil, placed(text, err)
	}
	return turnComparisons(mql.Optimize(e)), nil
}

// Format writes text the way a person would lay it out.
func Format(text string) (string, error) {
	if v, err := parseVerdict(text); err != nil || v != nil {
		if err != nil {
			return "", err
		}
		return v.format(text)
	}
	if _, err := parse(text); err != nil {
		return "", err
	}
	pretty, err := mql.Prettify(text)
	if err != nil {
		return "", &SyntaxError{text, -1, err.Error()}
	}
	return pretty, nil
}

// Range evaluates text at every timestamp of g. Errors are *SyntaxError,
// *query.LimitError and the store's.
func Range(ctx context.Context, e *query.Engine, text string, g query.Grid, o Options) (frame *query.Frame, err error) {
	if v, err := parseVerdict(text); err != nil || v != nil {
		if err != nil {
			return nil, err
		}
		return v.judge(ctx, e, text, g, o)
	}
	expr, err := parse(text)
	if err != nil {
		return nil, err
	}
	if g.Len() == 0 {
		return &query.Frame{Grid: g}, nil
	}
	if err := e.CheckGrid(g); err != nil {
		return nil, err
	}
	ev, err := begin(ctx, e, text, g, o)
	if err != nil {
		return nil, err
	}
	defer func() { ev.run.End(err) }()
	rows, err := ev.eval(expr)
	if err != nil {
		return nil, err
	}
	return ev.frame(rows, expr)
}

func begin(ctx context.Context, e *query.Engine, text string, g query.Grid, o Options) (*evaluation, error) {
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
	return &evaluation{run: run, text: text, options: o, end: g.End, grid: g}, nil
}

// Instant evaluates text at one time (ms). A selector with a window gives its
// raw samples, and a subquery its points, as type matrix.
func Instant(ctx context.Context, e *query.Engine, text string, at int64, o Options) (result *Result, err error) {
	if v, err := parseVerdict(text); err != nil || v != nil {
		if err != nil {
			return nil, err
		}
		frame, err := v.judge(ctx, e, text, query.Grid{Start: at, End: at, Step: max(o.Step, query.FinestSeasonal)}, o)
		return &Result{Type: "vector", Frame: frame}, err
	}
	expr, err := parse(text)
	if err != nil {
		return nil, err
	}
	if s, ok := expr.(*mql.StringExpr); ok {
		return &Result{Type: "string", Text: s.S, Frame: &query.Frame{}}, nil
	}
	step := o.Step
	if step <= 0 {
		step = instantStep
	}
	ev, err := begin(ctx, e, text, query.Grid{Start: at, End: at, Step: step}, o)
	if err != nil {
		return nil, err
	}
	defer func() { ev.run.End(err) }()
	if r, ok := expr.(*mql.RollupExpr); ok && r.Window != nil {
		raw, err := ev.matrix(r)
		if err != nil {
			return nil, err
		}
		frame, err := ev.frame(nil, expr)
		return &Result{Type: "matrix", Frame: frame, Raw: raw}, err
	}
	rows, err := ev.eval(expr)
	if err != nil {
		return nil, err
	}
	frame, err := ev.frame(rows, expr)
	if err != nil {
		return nil, err
	}
	kind := "vector"
	if givesScalar(expr) {
		kind = "scalar"
	}
	return &Result{Type: kind, Frame: frame}, nil
}

// Duration reads a duration such as 5m or 1h30m, in ms.
func Duration(text string) (int64, error) { return mql.DurationValue(text, 0) }

// givesScalar reports whether e is of PromQL's type scalar.
func givesScalar(e mql.Expr) bool {
	switch e := e.(type) {
	case *mql.NumberExpr, *mql.DurationExpr:
		return true
	case *mql.FuncExpr:
		return slices.Contains([]string{"time", "scalar", "pi", "start", "end", "step", "now", "timezone_offset"}, strings.ToLower(e.Name))
	case *mql.BinaryOpExpr:
		return givesScalar(e.Left) && givesScalar(e.Right)
	}
	return false
}
