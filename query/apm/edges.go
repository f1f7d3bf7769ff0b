package apm

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"sync"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// Edge is the calls from one service to another.
type Edge struct {
	From, To string
	Kind     string // of the calls: web, http, sql, ...
	Inferred bool   // To is known by its callers only
	Figures
}

var edgeMetrics = regexp.MustCompile(`^trace\.service_edge(\.hits|\.errors)?$`)

// Edges lists who called whom in [from, to) (ms), by the names of both. Where
// the statistics that tracers keep know of an edge they are believed, as they
// are complete; elsewhere the spans that were sent are.
func Edges(ctx context.Context, e *query.Engine, scope Scope, from, to int64) (_ []Edge, err error) {
	run, err := e.Begin(ctx, "calls between services")
	if err != nil {
		return nil, err
	}
	defer func() { run.End(err) }()
	filter := store.Filter{Op: store.And, Args: []store.Filter{{Op: store.MatchNameRegexp, Regexp: edgeMetrics}}}
	if scope.Env != "" {
		filter.Args = append(filter.Args, store.Filter{Op: store.MatchTag, Value: store.NormalizeTag("env:" + scope.Env)})
	}
	if scope.Service != "" {
		filter.Args = append(filter.Args, store.Filter{Op: store.Or, Args: []store.Filter{
			{Op: store.MatchTag, Value: store.NormalizeTag("from:" + scope.Service)}, {Op: store.MatchTag, Value: store.NormalizeTag("to:" + scope.Service)},
		}})
	}
	set, err := run.Select(filter, from, to-1)
	if err != nil {
		return nil, err
	}
	defer set.Close()
	type key struct{ from, to, source string }
	var mu sync.Mutex
	found := map[key]*Edge{}
	err = set.Each(nil, func(_, i int, c *store.Columns) error {
		info := &set.Series[i]
		one := func(key string) string {
			if values := info.Tags.Values(key); len(values) > 0 {
				return values[0]
			}
			return ""
		}
		var f Figures
		for _, s := range c.Sketches {
			f.Latency.Merge(s)
		}
		for _, v := range c.Values {
			if _, part := partOf(info); part == "hits" {
				f.Hits += v
			} else {
				f.Errors += v
			}
		}
		k := key{one("from"), one("to"), one("source")}
		mu.Lock()
		defer mu.Unlock()
		edge := found[k]
		if edge == nil {
			edge = &Edge{From: k.from, To: k.to, Kind: one("kind"), Inferred: true}
			found[k] = edge
		}
		edge.Inferred = edge.Inferred && one("peer") == "inferred"
		edge.merge(&f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []Edge
	for k, edge := range found {
		if other, ok := found[key{k.from, k.to, "stats"}]; k.source == "spans" && ok && other.Hits > 0 {
			continue
		}
		if edge.Hits > 0 {
			all = append(all, *edge)
		}
	}
	slices.SortFunc(all, func(a, b Edge) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return all, nil
}
