package metricsql

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	mql "github.com/VictoriaMetrics/metricsql"

	"github.com/whippet-obs/whippet/anomaly"
	"github.com/whippet-obs/whippet/query"
)

// Functions that judge a graph as a whole are no part of MetricsQL. They stand
// around a query, outermost, and are read before it:
//
//	anomalies(sum(rate(http_requests[5m])) by (job), 'agile', 3, seasonality='daily')
//	forecast(disk_used_percent, 'linear', 2)
//	outliers(load1, 'DBSCAN', 3)
//	trend_line(q)  robust_trend(q)  piecewise_constant(q)

// verdict is such a function and its arguments.
type verdict struct {
	name  string
	inner string // the query in it

	anomalies query.AnomalyOptions
	forecast  query.ForecastOptions
	outliers  anomaly.OutlierOptions
}

// outermost are the functions' names.
var outermost = []string{"anomalies", "forecast", "outliers", "trend_line", "robust_trend", "piecewise_constant"}

var verdictHead = regexp.MustCompile(`^\s*(\w+)\s*\(`)

// parseVerdict reads a function that judges; nil when text begins with none.
func parseVerdict(text string) (*verdict, error) {
	m := verdictHead.FindStringSubmatch(text)
	if m == nil || !slices.Contains(outermost, m[1]) {
		return nil, nil
	}
	v := &verdict{name: m[1]}
	fail := func(at int, format string, args ...any) error {
		return &SyntaxError{text, at, fmt.Sprintf(format, args...)}
	}
	args, places, end := arguments(text, len(m[0]))
	if rest := strings.TrimSpace(text[min(end, len(text)):]); end > len(text) || rest != "" {
		return nil, fail(min(end, len(text)), "%s must be the outermost function: want its \")\" at the end", v.name)
	}
	v.inner = args[0]
	args, places = args[1:], places[1:]
	var err error
	switch v.name {
	case "anomalies":
		if len(args) < 2 {
			return nil, fail(0, "want anomalies(query, 'basic', bounds)")
		}
		err = v.set(args, places, []string{"algorithm", "bounds"}, v.anomalies.Set, query.AnomalyOptionNames, fail)
	case "forecast":
		if len(args) < 2 {
			return nil, fail(0, "want forecast(query, 'linear', deviations)")
		}
		err = v.set(args, places, []string{"method", "deviations"}, v.forecast.Set, query.ForecastOptionNames, fail)
	case "outliers":
		if len(args) < 1 || len(args) > 3 {
			return nil, fail(0, "want outliers(query, 'DBSCAN', tolerance); MAD takes a percentage too")
		}
		for i := range args {
			args[i] = unquoted(args[i])
		}
		var wrong int
		if v.outliers, wrong, err = query.ParseOutliers(args); err != nil {
			err = fail(places[wrong], "%v", err)
		}
	default:
		if len(args) > 0 {
			err = fail(places[0], "%s takes a query and nothing else", v.name)
		}
	}
	return v, err
}

// set reads arguments: the first by their place, the others by their name.
func (v *verdict) set(args []string, places []int, first []string, set func(name, text string) error, names []string, fail func(int, string, ...any) error) error {
	for i, arg := range args {
		name, text := "", arg
		if i < len(first) {
			name = first[i]
		} else {
			var named bool
			if name, text, named = strings.Cut(arg, "="); !named {
				return fail(places[i], "want a named option such as %s=..., found %s", names[0], arg)
			}
		}
		err := set(strings.TrimSpace(name), unquoted(strings.TrimSpace(text)))
		switch {
		case errors.Is(err, query.ErrNoOption):
			return fail(places[i], "there is no option %q: allowed are %s", name, strings.Join(names, ", "))
		case err != nil:
			return fail(places[i], "%v", err)
		}
	}
	return nil
}

// arguments cuts text from from on at the commas that are in no bracket and no
// quotation, up to the bracket that closes. end is behind it; beyond text when
// there is none.
func arguments(text string, from int) (args []string, places []int, end int) {
	depth, quote, begin := 0, byte(0), from
	take := func(to int) {
		args, places = append(args, strings.TrimSpace(text[begin:to])), append(places, begin)
		begin = to + 1
	}
	for i := from; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case c == ')' && depth == 0:
			take(i)
			return args, places, i + 1
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case c == ',' && depth == 0:
			take(i)
		}
	}
	take(len(text))
	return args, places, len(text) + 1
}

func unquoted(text string) string {
	if n := len(text); n >= 2 && text[0] == text[n-1] && strings.IndexByte("'\"`", text[0]) >= 0 {
		return text[1 : n-1]
	}
	return text
}

// judge evaluates the query inside over as much of the past as is needed, and
// judges its rows on g.
func (v *verdict) judge(ctx context.Context, e *query.Engine, text string, g query.Grid, o Options) (frame *query.Frame, err error) {
	expr, err := parse(v.inner)
	if err != nil {
		return nil, v.within(text, err)
	}
	if g.Len() == 0 {
		return &query.Frame{Grid: g}, nil
	}
	wide := g
	switch v.name {
	case "anomalies":
		if v.anomalies.Interval > 0 {
			g = query.Grid{Start: g.Start - g.Start%v.anomalies.Interval, End: g.End, Step: v.anomalies.Interval}
			wide = g
		}
		wide.Start = stepsBack(g, v.anomalies.Start(g.Start, g.Step))
	case "forecast":
		if v.forecast.Interval > 0 {
			g = query.Grid{Start: g.Start - g.Start%v.forecast.Interval, End: g.End, Step: v.forecast.Interval}
		}
		g.End += (g.End - g.Start) / 2 / g.Step * g.Step
		wide = g
		wide.Start = stepsBack(g, g.Start-v.forecast.LookBack(g.End-g.Start))
	}
	if wide.Len() > query.MostPast/10 {
		return nil, &query.LimitError{Limit: "points of history per row", Most: query.MostPast / 10}
	}
	if err := e.CheckGrid(g); err != nil {
		return nil, err
	}
	ev, err := begin(ctx, e, text, wide, o)
	if err != nil {
		return nil, err
	}
	defer func() { ev.run.End(err) }()
	rows, err := ev.eval(expr)
	if err != nil {
		return nil, err
	}
	if frame, err = ev.frame(rows, expr); err != nil {
		return nil, err
	}
	return frame, v.mark(ev.run, frame, g)
}

// stepsBack is a time on the grid of g, at or before start.
func stepsBack(g query.Grid, start int64) int64 {
	return g.Start - max(0, g.Start-start+g.Step-1)/g.Step*g.Step
}

// mark gives the frame's rows their verdicts, and cuts them to g.
func (v *verdict) mark(run *query.Run, frame *query.Frame, g query.Grid) error {
	start := frame.Grid.Start
	frame.Grid = g
	switch v.name {
	case "anomalies":
		for i := range frame.Rows {
			warnings, err := v.anomalies.Judge(&frame.Rows[i], start, g, math.MaxInt64)
			if err != nil {
				return err
			}
			for _, w := range warnings {
				run.Warn(w)
			}
		}
	case "forecast":
		for i := range frame.Rows {
			warning, err := v.forecast.Continue(&frame.Rows[i], start, g)
			if err != nil {
				return err
			}
			run.Warn(warning)
		}
	case "outliers":
		warning, err := query.MarkOutliers(frame.Rows, v.outliers)
		if err != nil {
			return err
		}
		run.Warn(warning)
	default:
		draw := map[string]func([]float64){"trend_line": anomaly.TrendLine, "robust_trend": anomaly.RobustTrend, "piecewise_constant": anomaly.PiecewiseConstant}[v.name]
		for i := range frame.Rows {
			frame.Rows[i].Values = slices.Clone(frame.Rows[i].Values)
			draw(frame.Rows[i].Values)
		}
	}
	frame.Rows = slices.DeleteFunc(frame.Rows, func(r query.Row) bool {
		return !slices.ContainsFunc(r.Values, func(v float64) bool { return !math.IsNaN(v) })
	})
	frame.Warnings = run.Warnings()
	return nil
}

// within moves an error of the query inside to its place in the whole text.
func (v *verdict) within(text string, err error) error {
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	moved := *syntax
	if moved.Offset >= 0 {
		moved.Offset += strings.Index(text, v.inner)
	}
	moved.Text = text
	return &moved
}

// format lays the query inside out, and keeps the arguments as they are.
func (v *verdict) format(text string) (string, error) {
	pretty, err := mql.Prettify(v.inner)
	if err != nil {
		return "", v.within(text, &SyntaxError{v.inner, -1, err.Error()})
	}
	return strings.Replace(strings.TrimSpace(text), v.inner, pretty, 1), nil
}
