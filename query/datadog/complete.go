package datadog

import (
	"context"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// Complete suggests how text may go on at a cursor (an offset in bytes), from the
// metrics and tags with samples in [from, to] (ms). The text need not be a query
// yet.
func Complete(ctx context.Context, db *store.DB, text string, cursor int, from, to int64) ([]query.Suggestion, error) {
	cursor = max(0, min(cursor, len(text), maxQuery))
	before := text[:cursor]
	word := before[strings.LastIndexAny(before, " \t\r\n,(){}!+-*/:")+1:]
	at := cursor - len(word)
	list := func(kind string, texts []string) []query.Suggestion {
		out := make([]query.Suggestion, len(texts))
		for i, t := range texts {
			out[i] = query.Suggestion{Text: t, Kind: kind, From: at}
		}
		return out
	}
	if open := strings.LastIndexAny(before, "{}"); open >= 0 && before[open] == '{' {
		return completeTags(ctx, db, before, open, from, to)
	}
	switch previous := strings.TrimRight(before[:at], " \t"); {
	case strings.HasSuffix(previous, ":"):
		metrics, err := rankMetrics(ctx, db, word, at, from, to)
		for i := range metrics {
			metrics[i] = asTerm(db, metrics[i], "", strings.HasPrefix(text[cursor:], "{"))
		}
		return metrics, err
	case strings.HasPrefix(word, ".") && (strings.HasSuffix(previous, "}") || strings.HasSuffix(previous, ")")):
		at++
		found := query.Rank(word[1:], list("method", methods))
		for i := range found {
			found[i].Insert, found[i].Note = methodForm(found[i].Text)
		}
		return found, nil
	case strings.HasSuffix(previous, "}"):
		return query.Rank(word, list("keyword", []string{"by"})), nil
	}
	aggregators := query.Rank(word, list("aggregator", slices.Concat(spaceAggregators, []string{"p50", "p95", "p99"})))
	for i := range aggregators {
		aggregators[i].Note = noteOn(aggregators[i].Text)
		if aggregators[i].Insert = aggregators[i].Text; !strings.HasPrefix(text[cursor:], ":") {
			aggregators[i].Insert += ":"
		}
	}
	names := functionNames
	if word == "" { // the ones that are asked for most
		names = []string{"anomalies", "top", "timeshift", "forecast"}
	}
	functions := query.Rank(word, list("function", names))
	for i := range functions {
		functions[i].Note = noteOn(functions[i].Text)
		functions[i] = calledWith(functions[i])
	}
	metrics, err := rankMetrics(ctx, db, word, at, from, to)
	for i := range metrics {
		metrics[i] = asTerm(db, metrics[i], "avg", false)
	}
	return slices.Concat(aggregators[:min(4, len(aggregators))], functions[:min(4, len(functions))], metrics), err
}

// rankMetrics suggests metrics.
func rankMetrics(ctx context.Context, db *store.DB, word string, at int, from, to int64) ([]query.Suggestion, error) {
	names, err := db.Metrics(ctx, from, to)
	found := make([]query.Suggestion, len(names))
	for i, name := range names {
		found[i] = query.Suggestion{Text: name, Kind: "metric", From: at}
	}
	return query.Rank(word, found), err
}

// asTerm completes a metric to a term, or what of one may follow an aggregator:
// counts are shown as counts. hasFilter tells that a filter stands there already.
func asTerm(db *store.DB, s query.Suggestion, aggregator string, hasFilter bool) query.Suggestion {
	m, _ := db.Catalog().Metric(s.Text)
	s.Note = strings.Trim(m.Type+" · "+m.Unit, " ·")
	counted := m.Type == "count" || m.Type == "rate"
	switch {
	case hasFilter:
		return s
	case aggregator != "" && counted:
		aggregator = "sum"
	}
	if aggregator != "" {
		s.Insert = aggregator + ":"
	}
	s.Insert += s.Text + "{*}"
	s.Caret = len(s.Insert) - 1
	if counted {
		s.Insert += ".as_count()"
	}
	return s
}

// calledWith is a function with the arguments that it can't do without.
func calledWith(s query.Suggestion) query.Suggestion {
	s = s.Called()
	switch s.Text {
	case "anomalies":
		s.Insert = "anomalies(, 'basic', 2)"
	case "forecast":
		s.Insert = "forecast(, 'linear', 2)"
	case "outliers":
		s.Insert = "outliers(, 'DBSCAN', 3)"
	}
	return s
}

// methodForm is a method as it is most often written, and what it is for.
func methodForm(name string) (insert, note string) {
	switch name {
	case "rollup":
		return "rollup(avg, 60)", "points this far apart"
	case "as_count":
		return "as_count()", "counts, not rates"
	case "as_rate":
		return "as_rate()", "per second"
	case "fill":
		return "fill(null)", "what stands in gaps"
	}
	return name + "()", ""
}

// noteOn says in a few words what an aggregator or a function does.
func noteOn(name string) string {
	switch name {
	case "avg":
		return "mean over series"
	case "sum":
		return "sum over series"
	case "min":
		return "least"
	case "max":
		return "greatest"
	case "count":
		return "number of series"
	case "count_values":
		return "number of samples"
	case "p50":
		return "median"
	case "p95", "p99":
		return "of a distribution"
	case "anomalies":
		return "the band that its past lets expect"
	case "forecast":
		return "how it goes on"
	case "outliers":
		return "groups unlike the others"
	case "trend_line":
		return "line of least squares"
	case "robust_trend":
		return "line that spikes do not turn"
	case "piecewise_constant":
		return "levels that hold for a while"
	case "abs":
		return "without sign"
	case "cumsum":
		return "sum so far"
	case "integral":
		return "area so far"
	case "default_zero":
		return "0 where nothing is"
	case "exclude_null":
		return "without groups that lack a tag"
	case "clamp_min":
		return "not below"
	case "clamp_max":
		return "not above"
	case "cutoff_min":
		return "drop below"
	case "cutoff_max":
		return "drop above"
	case "per_second", "per_minute", "per_hour":
		return "rate"
	case "throughput":
		return "per second"
	case "dt":
		return "seconds between points"
	case "diff":
		return "change"
	case "derivative":
		return "change per second"
	case "monotonic_diff":
		return "change of a counter"
	case "moving_rollup":
		return "over a moving window"
	case "top":
		return "the greatest"
	case "timeshift":
		return "of another time"
	case "calendar_shift":
		return "of another day or month"
	case "autosmooth":
		return "noise left out"
	case "count_nonzero":
		return "groups that are not 0"
	case "count_not_null":
		return "groups with a value"
	}
	return ""
}

// completeTags suggests what may stand in the braces that open at an offset.
func completeTags(ctx context.Context, db *store.DB, before string, open int, from, to int64) ([]query.Suggestion, error) {
	head := strings.TrimRight(before[:open], " \t")
	keysOnly := strings.HasSuffix(head, "by")
	if keysOnly { // the metric stands before the filter
		if brace := strings.LastIndexByte(head, '{'); brace >= 0 {
			head = head[:brace]
		}
	}
	metric := head[strings.LastIndexAny(head, " :(,")+1:]
	filter := store.Filter{Op: store.MatchName, Value: metric}
	tag := before[strings.LastIndexAny(before, " \t\r\n,(){!")+1:]
	at := len(before) - len(tag)
	key, value, hasValue := strings.Cut(tag, ":")
	if hasValue && !keysOnly {
		values, err := db.TagValues(ctx, key, filter, from, to)
		if err != nil {
			return nil, err
		}
		candidates := make([]query.Suggestion, len(values))
		for i, v := range values {
			candidates[i] = query.Suggestion{Text: v, Kind: "value", From: at + len(key) + 1}
		}
		return query.Rank(value, candidates), nil
	}
	keys, err := db.TagKeys(ctx, filter, from, to)
	if err != nil {
		return nil, err
	}
	candidates := make([]query.Suggestion, len(keys))
	for i, k := range keys {
		candidates[i] = query.Suggestion{Text: k, Kind: "key", Note: "tag", From: at}
		if !keysOnly {
			candidates[i].Text += ":"
		}
	}
	return query.Rank(tag, candidates), nil
}
