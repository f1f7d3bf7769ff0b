// Package metricsql is MetricsQL, VictoriaMetrics' superset of PromQL, over the
// query engine.
//
//	frame, err := metricsql.Range(ctx, engine, `sum(rate(http_requests[5m])) by (job)`, grid, metricsql.Options{})
//
// Texts are read by github.com/VictoriaMetrics/metricsql; evaluation is here.
// It follows the public description of the language
// (https://docs.victoriametrics.com/victoriametrics/metricsql/): rate and
// increase without extrapolation, lookbehind windows that adapt to a series'
// own interval, implicit rollups.
//
// Tags are labels: "key:value" is key="value", a bare tag is tag="true", a key
// with several values shows them joined by commas and matches by any of them.
package metricsql

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	mql "github.com/VictoriaMetrics/metricsql"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// SyntaxError is a query that can't be read or evaluated as it stands.
type SyntaxError struct {
	Text   string
	Offset int // -1 when unknown
	Msg    string
}

func (e *SyntaxError) Error() string { return "query: " + e.Msg }

// Options of an evaluation; none exist yet.
type Options struct{}

// Result is the answer to an instant query.
type Result struct {
	Type  string       // vector, matrix or scalar
	Frame *query.Frame // of one timestamp; for a matrix it has no rows
	Raw   []RawRow     // of a matrix
}

// RawRow is the samples of one series as they are: Values[i] at Times[i] (ms).
type RawRow struct {
	query.Row
	Times []int64
}

// instantStep is the step of a query at one moment: how far back a selector
// without a window looks.
const instantStep = 5 * 60_000

// maxText bounds a query's length.
const maxText = 16 << 10

func parse(text string) (mql.Expr, error) {
	if len(text) > maxText {
		return nil, &SyntaxError{text, maxText, fmt.Sprintf("longer than %d bytes", maxText)}
	}
	e, err := mql.Parse(text)
	if err != nil {
		return nil, &SyntaxError{text, -1, strings.TrimPrefix(err.Error(), "metricsql: ")}
	}
	return e, nil
}

// Range evaluates text at every timestamp of g. Errors are *SyntaxError,
// *query.LimitError and the store's.
func Range(ctx context.Context, e *query.Engine, text string, g query.Grid, _ Options) (*query.Frame, error) {
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
	ctx, cancel := e.Begin(ctx)
	defer cancel()
	ev := &evaluation{ctx: ctx, engine: e, grid: g, shared: &shared{text: text}}
	rows, err := ev.eval(expr)
	if err != nil {
		return nil, err
	}
	return ev.frame(rows), nil
}

// Instant evaluates text at one time (ms). A selector with a window gives its
// raw samples, as type matrix.
func Instant(ctx context.Context, e *query.Engine, text string, at int64, _ Options) (*Result, error) {
	expr, err := parse(text)
	if err != nil {
		return nil, err
	}
	ctx, cancel := e.Begin(ctx)
	defer cancel()
	ev := &evaluation{ctx: ctx, engine: e, grid: query.Grid{Start: at, End: at, Step: instantStep}, instant: true, shared: &shared{text: text}}
	if r, ok := expr.(*mql.RollupExpr); ok && r.Window != nil && !r.ForSubquery() {
		if m, ok := r.Expr.(*mql.MetricExpr); ok {
			raw, err := ev.raw(m, r)
			return &Result{Type: "matrix", Frame: ev.frame(nil), Raw: raw}, err
		}
	}
	rows, err := ev.eval(expr)
	if err != nil {
		return nil, err
	}
	kind := "vector"
	if ev.isScalar(expr) {
		kind = "scalar"
	}
	return &Result{Type: kind, Frame: ev.frame(rows)}, nil
}

// Label is a name and value.
type Label struct{ Name, Value string }

// nameLabel is the label that holds the metric's name.
const nameLabel = "__name__"

// Labels are the labels of a series, with its name and its hosts' tags, sorted.
func Labels(s store.SeriesInfo) []Label {
	tags := slices.Concat(s.Tags, s.HostTags)
	slices.Sort(tags)
	labels := make([]Label, 0, len(tags)+1)
	labels = append(labels, Label{nameLabel, s.Name})
	for _, tag := range tags {
		key, value := store.SplitTag(tag)
		if last := &labels[len(labels)-1]; last.Name == key {
			if last.Value != value {
				last.Value += "," + value
			}
			continue
		}
		labels = append(labels, Label{key, value})
	}
	slices.SortFunc(labels, func(a, b Label) int { return cmp.Compare(a.Name, b.Name) })
	return labels
}

// Selector reads a series selector such as m{a="b"} into the filters that its
// "or" parts are.
func Selector(text string) ([]store.Filter, error) {
	expr, err := parse(text)
	if err != nil {
		return nil, err
	}
	m, ok := expr.(*mql.MetricExpr)
	if !ok {
		return nil, &SyntaxError{text, 0, fmt.Sprintf("want a series selector such as up{host=\"a\"}, found %q", text)}
	}
	var filters []store.Filter
	for _, all := range m.LabelFilterss {
		f, err := filterOf(all)
		if err != nil {
			return nil, &SyntaxError{text, -1, err.Error()}
		}
		filters = append(filters, f)
	}
	return filters, nil
}

// filterOf is the filter of matchers that must all hold.
func filterOf(matchers []mql.LabelFilter) (store.Filter, error) {
	all := store.Filter{Op: store.And}
	for _, m := range matchers {
		f, err := matcherOf(m)
		if err != nil {
			return f, err
		}
		if m.IsNegative {
			f = store.Filter{Op: store.Not, Args: []store.Filter{f}}
		}
		all.Args = append(all.Args, f)
	}
	return all, nil
}

// matcherOf is the filter of one matcher, before its negation.
func matcherOf(m mql.LabelFilter) (store.Filter, error) {
	if m.Label == nameLabel && !m.IsRegexp {
		return nameFilter(m.Value), nil
	}
	if !m.IsRegexp {
		if m.Value == "" {
			return absent(m.Label), nil
		}
		exact := store.Filter{Op: store.MatchTag, Value: m.Label + ":" + m.Value}
		if m.Value == "true" {
			return store.Filter{Op: store.Or, Args: []store.Filter{exact, {Op: store.MatchTag, Value: m.Label}}}, nil
		}
		return exact, nil
	}
	re, err := regexp.Compile("^(?:" + m.Value + ")$")
	if err != nil {
		return store.Filter{}, fmt.Errorf("label %s: %w", m.Label, err)
	}
	if m.Label == nameLabel {
		return store.Filter{Op: store.MatchNameRegexp, Regexp: re}, nil
	}
	f := store.Filter{Op: store.MatchValueRegexp, Key: m.Label, Regexp: re}
	if re.MatchString("") {
		return store.Filter{Op: store.Or, Args: []store.Filter{f, absent(m.Label)}}, nil
	}
	return f, nil
}

func absent(label string) store.Filter {
	return store.Filter{Op: store.Not, Args: []store.Filter{{Op: store.MatchKey, Key: label}}}
}

// nameFilter matches a metric by its name or by its name as Prometheus would
// have it, with '_' for every '.'.
func nameFilter(name string) store.Filter {
	exact := store.Filter{Op: store.MatchName, Value: name}
	if !strings.Contains(name, "_") {
		return exact
	}
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(name), "_", "[._]") + "$"
	return store.Filter{Op: store.Or, Args: []store.Filter{exact, {Op: store.MatchNameRegexp, Regexp: regexp.MustCompile(pattern)}}}
}

// Duration reads a duration such as 5m or 1h30m, in ms.
func Duration(text string) (int64, error) { return mql.DurationValue(text, 0) }
