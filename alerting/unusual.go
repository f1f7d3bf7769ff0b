package alerting

import (
	"cmp"
	"context"
	"slices"

	"github.com/whippet-obs/whippet/query/datadog"
)

// unusualMost bounds the queries and the rows that a ranking looks at and gives.
const (
	unusualQueries = 100
	unusualRows    = 50
)

// Unusual ranks all watched series, those that monitors ask for, by how unusual
// their points of [from, to] (ms) began to be.
func (s *Service) Unusual(ctx context.Context, from, to int64) ([]datadog.Unusual, error) {
	var queries []*datadog.Query
	for _, w := range s.monitors() {
		m, _ := w.snapshot()
		var q *datadog.Query
		switch source := m.query.source.(type) {
		case *metricSource:
			q = source.monitor.Query
		case *verdictSource:
			q = source.monitor.Query
		default:
			continue
		}
		known := slices.ContainsFunc(queries, func(k *datadog.Query) bool { return k.String() == q.String() })
		if !known && len(queries) < unusualQueries {
			queries = append(queries, q)
		}
	}
	var out []datadog.Unusual
	for _, q := range queries {
		found, err := q.Unusual(ctx, s.engine, from, to)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.SortStableFunc(out, func(a, b datadog.Unusual) int { return cmp.Compare(b.Score, a.Score) })
	return out[:min(len(out), unusualRows)], nil
}
