package datadog

import (
	"context"
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
		names, err := db.Metrics(ctx, from, to)
		return query.Rank(word, list("metric", names)), err
	case strings.HasPrefix(word, ".") && (strings.HasSuffix(previous, "}") || strings.HasSuffix(previous, ")")):
		at++
		return query.Rank(word[1:], list("method", methods)), nil
	case strings.HasSuffix(previous, "}"):
		return query.Rank(word, list("keyword", []string{"by"})), nil
	}
	return query.Rank(word, append(list("aggregator", append(spaceAggregators, "p50", "p95", "p99")), list("function", functionNames)...)), nil
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
		candidates[i] = query.Suggestion{Text: k, Kind: "key", From: at}
		if !keysOnly {
			candidates[i].Text += ":"
		}
	}
	return query.Rank(tag, candidates), nil
}
