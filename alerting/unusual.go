package alerting

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/datadog"
	"github.com/whippet-obs/whippet/store/catalog"
)

// unusualMost bounds the queries and the rows that a ranking looks at and gives.
const (
	unusualQueries = 100
	unusualRows    = 50
)

// watched are the queries of all monitors, each once.
func (s *Service) watched() []*datadog.Query {
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
	return queries
}

// Unusual ranks all watched series, those that monitors ask for, by how unusual
// their points of [from, to] (ms) began to be.
func (s *Service) Unusual(ctx context.Context, from, to int64) ([]datadog.Unusual, error) {
	var out []datadog.Unusual
	for _, q := range s.watched() {
		found, err := q.Unusual(ctx, s.engine, from, to)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.SortStableFunc(out, func(a, b datadog.Unusual) int { return cmp.Compare(b.Score, a.Score) })
	return out[:min(len(out), unusualRows)], nil
}

// The event feed of what became unusual: looked at once in five minutes, for so
// many series at most.
const (
	feedEvery = 5 * time.Minute
	feedRows  = 2000
	feedTick  = 10 * time.Second
)

// tendFeed writes an event when a watched series becomes unusual.
func (s *Service) tendFeed(ctx context.Context) {
	tick := time.NewTicker(feedTick)
	defer tick.Stop()
	feed := unusualFeed{}
	var last int64
	for {
		// A little after the five minutes are over: what is late has arrived.
		if now := (s.ms() - settle - bucket) / feedEvery.Milliseconds(); now > last {
			last = now
			if err := s.feedOnce(ctx, feed, now*feedEvery.Milliseconds()); err != nil && ctx.Err() == nil {
				s.log.Warn("the feed of unusual series is not up to date", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// unusualFeed is what the feed knows, by query.
type unusualFeed map[string]*datadog.Feed

// feedOnce looks at what came up to at (ms).
func (s *Service) feedOnce(ctx context.Context, feed unusualFeed, at int64) error {
	queries := s.watched()
	for text := range feed {
		if !slices.ContainsFunc(queries, func(q *datadog.Query) bool { return q.String() == text }) {
			delete(feed, text)
		}
	}
	var events []catalog.Event
	rows := 0
	for _, q := range queries {
		f := feed[q.String()]
		if f == nil {
			if rows >= feedRows {
				continue
			}
			f = datadog.NewFeed(q)
			feed[q.String()] = f
		}
		began, err := f.Next(ctx, s.engine, at)
		if err != nil {
			return err
		}
		rows += f.Rows()
		for _, u := range began {
			if u.Alarm {
				events = append(events, unusualEvent(u))
			}
		}
	}
	if len(events) == 0 {
		return nil
	}
	return s.catalog.AddEvents(ctx, events)
}

func unusualEvent(u datadog.Unusual) catalog.Event {
	what := cmp.Or(strings.Join(u.Tags, ","), u.Metric, u.Query)
	e := catalog.Event{
		Title: fmt.Sprintf("Unusual: %s, %s", what, u.What),
		Text:  fmt.Sprintf("%s is %s: %s.", u.Query, query.ShowValue(u.Value, u.Unit), u.Odds),
		Time:  u.At, Tags: u.Tags, AlertType: "info", Priority: "low", SourceType: "anomaly", AggregationKey: "unusual " + u.Query + " " + what,
	}
	for _, tag := range u.Tags {
		if host, ok := strings.CutPrefix(tag, "host:"); ok {
			e.Host = host
		}
	}
	return e
}
