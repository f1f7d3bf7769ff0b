package datadog

import (
	"cmp"
	"context"
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
func (q *Query) Unusual(ctx context.Context, e *query.Engine, from, to int64) (_ []Unusual, err error) {
	run, err := e.Begin(ctx, q.text)
	if err != nil {
		return nil, err
	}
	defer func() { run.End(err) }()
	var out []Unusual
	for _, n := range q.parts {
		for {
			c, ok := n.(*call)
			if !ok || !slices.Contains(judging, c.fn) {
				break
			}
			n = c.query
		}
		end := floor(to, unusualStep) - unusualStep // the last bucket that is over
		g := query.Grid{Start: floor(from, unusualStep), End: end, Step: unusualStep}
		if g.Len() == 0 {
			continue
		}
		ev := &evaluation{run: run, options: Options{From: from, To: to}, interval: unusualStep}
		r, start, err := ev.past(n, g, floor(end-unusualHistory, unusualStep))
		if err != nil {
			return nil, err
		}
		for _, row := range r.rows {
			if u, ok := unusual(row, start, g.Start); ok {
				u.Query = n.String()
				out = append(out, u)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Unusual) int { return cmp.Compare(b.Score, a.Score) })
	return out, nil
}

// unusual is the strongest onset of a row from from on.
func unusual(row query.Row, start, from int64) (Unusual, bool) {
	c := anomaly.NewCalibrated()
	u := Unusual{Metric: row.Metric, Tags: row.Tags, Unit: row.Unit}
	for i, v := range row.Values {
		at := start + int64(i)*unusualStep
		if s := c.Push(at, v); at >= from && s.Onset > u.Score {
			u.At, u.Value, u.Score, u.Alarm = at, v, s.Onset, s.Onset >= anomaly.AlarmScore
			u.Odds, u.What = anomaly.Odds(s.Surprise), s.Channel.String()
			if s.Record {
				u.What = "never seen before"
			}
		}
	}
	return u, u.Score > 0
}
