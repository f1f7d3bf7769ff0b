package alerting

import (
	"cmp"
	"context"
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	mql "github.com/VictoriaMetrics/metricsql"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/datadog"
	"github.com/whippet-obs/whippet/query/metricsql"
)

// Metric monitors in all their forms:
//
//	avg(last_5m):avg:my_metric{*} by {host} > 800
//	avg(last_4h):anomalies(avg:x{*}, 'basic', 2, alert_window='last_15m') >= 0.8
//	pct_change(avg(last_5m),last_1h):avg:x{*} by {host} > 50
//	sum(current_1d):sum:orders{*}.as_count() < 100
//	max(last_5m):metricsql(sum(rate(http_requests[1m])) by (job)) > 100

var (
	changeHead  = regexp.MustCompile(`^\s*(change|pct_change)\(\s*(\w+\(\s*\w+\s*\))\s*,\s*(\w+)\s*\)\s*:`)
	currentHead = regexp.MustCompile(`^\s*(\w+)\(\s*current_(1h|1d|1mo)\s*\)\s*:`)
	mqlHead     = regexp.MustCompile(`^\s*(\w+)\(\s*(\w+)\s*\)\s*:\s*metricsql\(`)
)

// parseMetric reads the query of a metric monitor.
func parseMetric(text string) (*question, error) {
	if m := changeHead.FindStringSubmatch(text); m != nil {
		return parseChange(text, m)
	}
	if m := currentHead.FindStringSubmatch(text); m != nil {
		return parseCurrent(text, m)
	}
	if m := mqlHead.FindStringSubmatch(text); m != nil {
		return parseMQL(text, m)
	}
	m, err := datadog.ParseMonitor(text)
	if err != nil {
		return nil, err
	}
	if m.Anomaly || m.Forecast || m.Outlier {
		return judging(m), nil
	}
	q := ofMonitor(m)
	q.direct = true
	q.source = &metricSource{monitor: m}
	return q, nil
}

func ofMonitor(m *datadog.Monitor) *question {
	return &question{
		text: m.QueryText, aggregator: m.Aggregator, window: m.Window, groupBy: m.GroupBy,
		comparator: m.Comparator, threshold: m.Threshold, anomaly: m.Anomaly,
		zero: m.Aggregator == "sum" || strings.Contains(m.QueryText, ".as_count()"),
	}
}

// parseRest reads a query of which the head has been replaced by another.
func parseRest(text, head, instead string) (*datadog.Monitor, error) {
	m, err := datadog.ParseMonitor(instead + text[len(head):])
	var syntax *datadog.SyntaxError
	if errors.As(err, &syntax) {
		moved := *syntax
		moved.Text, moved.Offset = text, max(0, syntax.Offset+len(head)-len(instead))
		return nil, &moved
	}
	return m, err
}

// metricSource asks a query in Datadog's language.
type metricSource struct {
	monitor *datadog.Monitor
	current *cumulation // of a cumulative window; nil: it slides
}

func (s *metricSource) ask(ctx context.Context, w world, end int64) ([]Reading, error) {
	m := s.monitor
	if s.current != nil {
		cumulative := *m
		cumulative.Window = msDuration(max(minuteMillis, end-s.current.since(end)))
		m = &cumulative
	}
	values, err := m.Eval(ctx, w.engine, end)
	if err != nil {
		return nil, err
	}
	readings := make([]Reading, len(values))
	for i, v := range values {
		// Last is the start of a bucket; somewhere up to its end there is data.
		readings[i] = Reading{Tags: v.Tags, Value: v.Value, Last: min(v.Last+coarseness(m), end)}
	}
	return readings, nil
}

func (s *metricSource) graph(ctx context.Context, w world, from, to int64) (*query.Frame, error) {
	return s.monitor.Range(ctx, w.engine, from, to)
}

const minuteMillis = int64(60_000)

// coarseness bounds the width of the buckets that a query looks at: what is
// newer than that isn't missing.
func coarseness(m *datadog.Monitor) int64 {
	window := m.Window.Milliseconds()
	switch {
	case m.Anomaly:
		return window
	case m.Forecast, m.Outlier:
		return time.Hour.Milliseconds()
	}
	widest := max(bucket, window/144)
	for _, match := range rollups.FindAllStringSubmatch(m.QueryText, -1) {
		seconds, err := strconv.ParseInt(match[1], 10, 64)
		if err == nil && seconds < 1<<32 {
			widest = max(widest, 1000*seconds)
		}
	}
	return widest
}

// rollups finds the seconds of a query's rollups.
var rollups = regexp.MustCompile(`rollup\([^)]*?(\d+)`)

// changeSource asks how far the present lies from the past, in units of the
// metric or in percent of what was.
type changeSource struct {
	metricSource
	shift   int64 // ms
	percent bool
}

func parseChange(text string, m []string) (*question, error) {
	shift, ok := lastWindow(m[3])
	if !ok {
		return nil, &datadog.SyntaxError{Text: text, Offset: strings.Index(text, m[3]), Msg: "want how far back to compare with, from last_1m to last_35d, found " + strconv.Quote(m[3])}
	}
	parsed, err := parseRest(text, m[0], m[2]+":")
	if err != nil {
		return nil, err
	}
	q := ofMonitor(parsed)
	q.aggregator = m[1] + " of the " + q.aggregator
	if q.zero = false; parsed.Anomaly || parsed.Forecast || parsed.Outlier {
		return nil, &datadog.SyntaxError{Text: text, Offset: 0, Msg: "the change of a verdict says nothing: use anomalies, forecast and outliers without " + m[1]}
	}
	q.source = &changeSource{metricSource{monitor: parsed}, shift.Milliseconds(), m[1] == "pct_change"}
	return q, nil
}

func (s *changeSource) ask(ctx context.Context, w world, end int64) ([]Reading, error) {
	now, err := s.metricSource.ask(ctx, w, end)
	if err != nil {
		return nil, err
	}
	then, err := s.metricSource.ask(ctx, w, end-s.shift)
	if err != nil {
		return nil, err
	}
	before := make(map[string]float64, len(then))
	for i := range then {
		before[groupName(then[i].Tags)] = then[i].Value
	}
	for i := range now {
		was, ok := before[groupName(now[i].Tags)]
		if !ok {
			was = math.NaN() // new: there is nothing to compare with
		}
		now[i].Value -= was
		if s.percent {
			now[i].Value *= 100 / math.Abs(was)
		}
		if math.IsInf(now[i].Value, 0) {
			now[i].Value = math.NaN() // from nothing to something is no share of anything
		}
	}
	return now, nil
}

// parseCurrent reads a query over a window that begins with the hour, the day
// or the month. Where those begin, options.scheduling_options says.
func parseCurrent(text string, m []string) (*question, error) {
	window := map[string]string{"1h": "last_1h", "1d": "last_1d", "1mo": "last_31d"}[m[2]]
	parsed, err := parseRest(text, m[0], m[1]+"("+window+"):")
	if err != nil {
		return nil, err
	}
	q := ofMonitor(parsed)
	q.direct = true
	q.source = &metricSource{monitor: parsed, current: &cumulation{unit: m[2], zone: time.UTC}}
	return q, nil
}

// cumulation is where cumulative windows begin.
type cumulation struct {
	unit   string // 1h, 1d or 1mo
	minute int    // of the hour, or of the day
	zone   *time.Location
}

func (c cumulation) since(end int64) int64 {
	t := time.UnixMilli(end - 1).In(c.zone)
	start := time.Date(t.Year(), t.Month(), 1, 0, c.minute, 0, 0, c.zone)
	switch c.unit {
	case "1mo":
		if start.After(t) {
			start = time.Date(t.Year(), t.Month()-1, 1, 0, c.minute, 0, 0, c.zone)
		}
	case "1h":
		start = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), c.minute, 0, 0, c.zone)
		if start.After(t) {
			start = start.Add(-time.Hour)
		}
	case "1d":
		start = time.Date(t.Year(), t.Month(), t.Day(), 0, c.minute, 0, 0, c.zone)
		if start.After(t) {
			start = time.Date(t.Year(), t.Month(), t.Day()-1, 0, c.minute, 0, 0, c.zone)
		}
	}
	return start.UnixMilli()
}

// mqlSource asks a query in MetricsQL.
type mqlSource struct {
	text       string
	aggregator string
	window     int64 // ms
}

func parseMQL(text string, m []string) (*question, error) {
	fail := func(at int, msg string) error { return &datadog.SyntaxError{Text: text, Offset: at, Msg: msg} }
	aggregators := []string{"avg", "sum", "min", "max", "last"}
	if !slices.Contains(aggregators, m[1]) {
		return nil, fail(strings.Index(text, m[1]), "want one of "+strings.Join(aggregators, ", ")+", found "+strconv.Quote(m[1]))
	}
	window, ok := lastWindow(m[2])
	if !ok {
		return nil, fail(strings.Index(text, m[2]), "want a window from last_1m to last_35d, found "+strconv.Quote(m[2]))
	}
	end := strings.LastIndexByte(text, ')')
	if end < len(m[0]) {
		return nil, fail(len(m[0]), "want ) behind the MetricsQL query")
	}
	q := &question{aggregator: m[1], window: window, direct: true}
	if err := q.readComparison(text[end+1:]); err != nil {
		return nil, fail(end+1, err.Error())
	}
	q.text = strings.TrimSpace(text[len(m[0]):end])
	expr, err := mql.Parse(q.text)
	if err != nil {
		return nil, fail(len(m[0]), "MetricsQL: "+err.Error())
	}
	q.groupBy, q.anyGroups = labelsOf(expr)
	q.source = &mqlSource{q.text, m[1], window.Milliseconds()}
	return q, nil
}

// labelsOf is the labels that an expression groups by. any: all that its
// series have.
func labelsOf(e mql.Expr) (labels []string, any bool) {
	switch e := e.(type) {
	case *mql.AggrFuncExpr:
		switch op := strings.ToLower(e.Modifier.Op); {
		case op == "by":
			return slices.Compact(slices.Sorted(slices.Values(e.Modifier.Args))), false
		case op != "" || !slices.Contains(whole, strings.ToLower(e.Name)):
			return nil, true
		}
		return nil, false
	case *mql.BinaryOpExpr:
		if labels, any = labelsOf(e.Left); any || labels != nil {
			return labels, any
		}
		return labelsOf(e.Right)
	case *mql.FuncExpr:
		for _, arg := range e.Args {
			if labels, any = labelsOf(arg); any || labels != nil {
				return labels, any
			}
		}
		return nil, false
	case *mql.NumberExpr, *mql.StringExpr, *mql.DurationExpr:
		return nil, false
	}
	return nil, true
}

// whole are the aggregations that make one row of all.
var whole = []string{"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile", "median", "mode", "sum2", "geomean", "distinct", "mad", "iqr"}

// ask evaluates at up to 60 moments of the window, and combines the values.
func (s *mqlSource) ask(ctx context.Context, w world, end int64) ([]Reading, error) {
	step := max(bucket, s.window/60/bucket*bucket)
	g := query.Grid{Start: end - s.window + step, End: end, Step: step}
	frame, err := metricsql.Range(ctx, w.engine, s.text, g, metricsql.Options{})
	if err != nil {
		return nil, err
	}
	readings := make([]Reading, 0, len(frame.Rows))
	for _, row := range frame.Rows {
		r := Reading{Tags: slices.Sorted(slices.Values(row.Tags)), Value: math.NaN()}
		sum, n := 0.0, 0
		for i, v := range row.Values {
			if math.IsNaN(v) {
				continue
			}
			if sum, n = sum+v, n+1; n == 1 {
				r.Value = v
			}
			switch r.Last = frame.Grid.Start + int64(i)*step; s.aggregator {
			case "min":
				r.Value = min(r.Value, v)
			case "max":
				r.Value = max(r.Value, v)
			case "last":
				r.Value = v
			case "sum":
				r.Value = sum
			case "avg":
				r.Value = sum / float64(n)
			}
		}
		if n > 0 {
			readings = append(readings, r)
		}
	}
	slices.SortFunc(readings, func(a, b Reading) int { return slices.CompareFunc(a.Tags, b.Tags, cmp.Compare[string]) })
	return readings, nil
}

func (s *mqlSource) graph(ctx context.Context, w world, from, to int64) (*query.Frame, error) {
	step := max(bucket, (to-from)/300/bucket*bucket)
	return metricsql.Range(ctx, w.engine, s.text, query.Grid{Start: from, End: to, Step: step}, metricsql.Options{})
}
