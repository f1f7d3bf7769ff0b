package datadog

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/whippet-obs/whippet/anomaly"
	"github.com/whippet-obs/whippet/query"
)

// Unusual is the most unusual recent point of a row, by the row's own measure.
type Unusual struct {
	Metric string
	Tags   []string
	Query  string // what draws the row
	Unit   string
	At     int64 // ms; of the point
	Value  float64
	Score  float64 // seen about once in 10^Score points
	Alarm  bool    // worth telling
	Odds   string  // "seen about once in 2,500 points of this series"
	What   string  // "unusual for this time"
}

// The scores' history: a week and a day, so that daily and weekly habits are
// known.
const (
	unusualStep    = 300_000
	unusualHistory = 8 * 86_400_000
)

// Unusual ranks the query's rows by how unusual their points of [from, to] (ms)
// began to be; rows in which nothing of note began are left out. Of anomalies
// and forecasts, the query inside is ranked.
func (q *Query) Unusual(ctx context.Context, e *query.Engine, from, to int64) ([]Unusual, error) {
	f := NewFeed(q)
	began, err := f.next(ctx, e, from, to)
	if err != nil {
		return nil, err
	}
	best := map[string]Unusual{} // of each row
	for _, u := range began {
		if id := u.Query + groupID(u.Tags); u.Score > best[id].Score {
			best[id] = u
		}
	}
	out := slices.Collect(maps.Values(best))
	slices.SortFunc(out, func(a, b Unusual) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(groupID(a.Tags), groupID(b.Tags)))
	})
	return out, nil
}

// Feed scores the rows of a query as they go on. It reads the history once, and
// then what came since.
type Feed struct {
	query *Query
	upto  int64 // ms; the scorers know the points before it; 0: there are none
	rows  map[string]*scored
}

// scored is the scorer of a row.
type scored struct {
	*anomaly.Calibrated
	points int
}

// NewFeed returns a feed that knows nothing yet.
func NewFeed(q *Query) *Feed { return &Feed{query: q, rows: map[string]*scored{}} }

// Rows is how many rows the feed scores.
func (f *Feed) Rows() int { return len(f.rows) }

// Next gives what began to be unusual since the last call, up to at (ms). The
// first call learns the history and gives nothing.
func (f *Feed) Next(ctx context.Context, e *query.Engine, at int64) ([]Unusual, error) {
	if f.upto > 0 && at-f.upto > feedPause {
		*f = *NewFeed(f.query)
	}
	since := f.upto
	if since == 0 {
		since = at
	}
	return f.next(ctx, e, since, at)
}

const (
	feedPause = 86_400_000 // ms; after a longer one the history is read anew
	feedLeast = 288        // points of a row before it is scored
)

func (f *Feed) next(ctx context.Context, e *query.Engine, from, to int64) (_ []Unusual, err error) {
	run, err := e.Begin(ctx, f.query.text)
	if err != nil {
		return nil, err
	}
	defer func() { run.End(err) }()
	end := floor(to, unusualStep) - unusualStep // the last bucket that is over
	start := f.upto
	if start == 0 {
		start = floor(end-unusualHistory, unusualStep)
	}
	if end < start {
		return nil, nil
	}
	var out []Unusual
	for _, n := range f.query.parts {
		for {
			c, ok := n.(*call)
			if !ok || !slices.Contains(judging, c.fn) {
				break
			}
			n = c.query
		}
		ev := &evaluation{run: run, options: Options{From: from, To: to}, interval: unusualStep}
		r, _, err := ev.past(n, query.Grid{Start: end, End: end, Step: unusualStep}, start)
		if err != nil {
			return nil, err
		}
		text := n.String()
		for _, row := range r.rows {
			id := text + groupID(row.Tags)
			s := f.rows[id]
			if s == nil {
				s = &scored{Calibrated: anomaly.NewCalibrated()}
				f.rows[id] = s
			}
			for i, v := range row.Values {
				at := start + int64(i)*unusualStep
				score := s.Push(at, v)
				if s.points++; score.Onset == 0 || at < from-unusualStep || s.points < feedLeast {
					continue
				}
				u := Unusual{
					Metric: row.Metric, Tags: row.Tags, Query: text, Unit: row.Unit, At: at, Value: v,
					Score: score.Onset, Alarm: score.Onset >= anomaly.AlarmScore, Odds: anomaly.Odds(score.Surprise), What: score.Channel.String(),
				}
				if score.Record {
					u.What = "never seen before"
				}
				out = append(out, u)
			}
		}
	}
	f.upto = end + unusualStep
	return out, nil
}
