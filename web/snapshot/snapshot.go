// Package snapshot draws the graph of a question as a picture, and keeps
// pictures for a while, so that a chat or a mail can show what somebody saw.
//
//	shelf := &snapshot.Shelf{Catalog: c, Engine: e, Now: time.Now, Zone: zone}
//	picture, err := shelf.Draw(ctx, snapshot.Graph{Queries: ..., From: from, To: to})
//	id, err := shelf.Keep(ctx, picture)
//	png, found, err := shelf.Picture(id)
//
// A kept picture is found by an id that can't be guessed, and by nothing else:
// whoever has its URL sees it, without a login. It stays 30 days, or until a
// thousand newer ones have come.
package snapshot

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/alerting/search"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/chart"
	"github.com/whippet-obs/whippet/query/datadog"
	"github.com/whippet-obs/whippet/query/metricsql"
	"github.com/whippet-obs/whippet/store/catalog"
)

// Shelf draws pictures and keeps them. Safe for concurrent use.
type Shelf struct {
	Catalog *catalog.Catalog
	Engine  *query.Engine
	Now     func() time.Time
	Zone    *time.Location // of the times in a picture; nil: UTC
}

// Graph is what a picture shows.
type Graph struct {
	Title         string
	Queries       []Query
	Events        string // search for events to show as ticks; "": none
	From, To      int64  // ms
	Thresholds    []chart.Threshold
	Marks         []chart.Mark
	Dark          bool
	Width, Height int // CSS px; 0: 640 by 320
}

// Query is one question of a graph.
type Query struct {
	Text string `json:"query"`
	Lang string `json:"lang"` // "datadog" (also when empty) or "metricsql"

	Style chart.Style `json:"style"`
	Alias string      `json:"alias"` // in the legend; "": as the query has it
}

const (
	maxQueries = 20
	points     = 350 // per line and picture, about one for each two CSS px
)

// InvalidError is a graph that can't be drawn as it was asked for.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return e.Field + ": " + e.Reason }

// Draw answers the graph's queries and draws the answer as PNG. Errors are
// *InvalidError, and those of the query languages, the search and the engine.
func (s *Shelf) Draw(ctx context.Context, g Graph) ([]byte, chart.Plot, error) {
	pictures, area, err := s.DrawAll(ctx, g, g.Dark)
	if err != nil {
		return nil, area, err
	}
	return pictures[0], area, nil
}

// DrawAll draws the same graph once for each theme.
func (s *Shelf) DrawAll(ctx context.Context, g Graph, dark ...bool) ([][]byte, chart.Plot, error) {
	spec, err := s.spec(ctx, g)
	if err != nil {
		return nil, chart.Plot{}, err
	}
	var pictures [][]byte
	for _, d := range dark {
		spec.Theme = chart.Light
		if d {
			spec.Theme = chart.Dark
		}
		var b bytes.Buffer
		if err := chart.PNG(&b, spec); err != nil {
			return nil, chart.Plot{}, err
		}
		pictures = append(pictures, b.Bytes())
	}
	area, err := chart.PlotOf(spec)
	return pictures, area, err
}

// Text is the graph's queries in one line.
func (g *Graph) Text() string {
	texts := make([]string, len(g.Queries))
	for i, q := range g.Queries {
		texts[i] = q.Text
	}
	return strings.Join(texts, ", ")
}

func (s *Shelf) spec(ctx context.Context, g Graph) (chart.Spec, error) {
	spec := chart.Spec{
		Title: g.Title, Subtitle: g.Text(), From: g.From, To: g.To, Zone: s.Zone, Thresholds: g.Thresholds, Width: g.Width, Height: g.Height,
	}
	switch {
	case len(g.Queries) == 0 || len(g.Queries) > maxQueries:
		return spec, &InvalidError{"queries", fmt.Sprintf("a picture shows 1 to %d, got %d", maxQueries, len(g.Queries))}
	case g.From <= 0 || g.To <= g.From || g.To > 1<<50:
		return spec, &InvalidError{"time range", "the start must be before the end"}
	}
	var frames []*query.Frame
	for _, q := range g.Queries {
		answer, err := s.ask(ctx, q, g.From, g.To)
		if err != nil {
			return spec, err
		}
		for _, f := range answer {
			for range f.Rows {
				spec.Styles, spec.Names = append(spec.Styles, q.Style), append(spec.Names, q.Alias)
			}
		}
		frames = append(frames, answer...)
	}
	spec.Grid, spec.Rows = onOneGrid(frames)
	for _, f := range frames { // a forecast reaches beyond the range
		spec.To = max(spec.To, f.Grid.End)
	}
	for _, m := range g.Marks {
		if m.From > m.To {
			m.From, m.To = m.To, m.From
		}
		if m.Low > m.High {
			m.Low, m.High = m.High, m.Low
		}
		spec.Marks = append(spec.Marks, m)
	}
	if g.Events == "" {
		return spec, nil
	}
	wanted, err := search.Parse(g.Events)
	if err != nil {
		return spec, &InvalidError{"event query", err.Error()}
	}
	const most = 200
	events, err := s.Catalog.Events(g.From, g.To, func(e *catalog.Event) bool { return alerting.MatchEvent(wanted, e, s.Catalog) }, most)
	for i := range events {
		spec.Events = append(spec.Events, events[i].Time)
	}
	return spec, err
}

func (s *Shelf) ask(ctx context.Context, q Query, from, to int64) ([]*query.Frame, error) {
	switch q.Lang {
	case "", "datadog":
		parsed, err := datadog.Parse(q.Text)
		if err != nil {
			return nil, err
		}
		return parsed.Range(ctx, s.Engine, datadog.Options{From: from, To: to, MaxPoints: points})
	case "metricsql":
		step := max(1000, (to-from)/points/1000*1000)
		frame, err := metricsql.Range(ctx, s.Engine, q.Text, query.Grid{Start: (from + step - 1) / step * step, End: to / step * step, Step: step}, metricsql.Options{})
		if err != nil {
			return nil, err
		}
		return []*query.Frame{frame}, nil
	}
	return nil, &InvalidError{"lang", fmt.Sprintf("allowed are datadog and metricsql, got %q", q.Lang)}
}

// onOneGrid brings the rows of all frames to the finest of their grids. A line
// between two points of a wider grid stays the same line.
func onOneGrid(frames []*query.Frame) (query.Grid, []query.Row) {
	finest, same := query.Grid{}, true
	for i, f := range frames {
		same = same && sameGrid(f.Grid, frames[0].Grid)
		if i == 0 || f.Grid.Step < finest.Step {
			finest = f.Grid
		}
	}
	var rows []query.Row
	if same {
		for _, f := range frames {
			finest, rows = f.Grid, append(rows, f.Rows...)
		}
		return finest, rows
	}
	grid := query.Grid{Start: finest.Start, End: finest.End, Step: finest.Step}
	for _, f := range frames {
		grid.Start, grid.End = min(grid.Start, f.Grid.Start), max(grid.End, f.Grid.End)
	}
	grid.Start = grid.Start / grid.Step * grid.Step
	for _, f := range frames {
		for _, r := range f.Rows {
			r.Values = between(f.Grid, r.Values, grid)
			if b := r.Band; b != nil {
				band := *b
				band.Lower, band.Middle, band.Upper = between(f.Grid, b.Lower, grid), between(f.Grid, b.Middle, grid), between(f.Grid, b.Upper, grid)
				band.Anomalous = make([]bool, grid.Len())
				for i := range min(len(b.Anomalous), f.Grid.Len()) {
					if at := (f.Grid.At(i) - grid.Start) / grid.Step; b.Anomalous[i] && at >= 0 && at < int64(len(band.Anomalous)) {
						band.Anomalous[at] = true
					}
				}
				r.Band = &band
			}
			rows = append(rows, r)
		}
	}
	return grid, rows
}

func sameGrid(a, b query.Grid) bool {
	return a.Start == b.Start && a.End == b.End && a.Step == b.Step && slices.Equal(a.Edges, b.Edges)
}

// between reads values, at the times of from, at the times of to: on the
// straight line between two neighbours, and nowhere else.
func between(from query.Grid, values []float64, to query.Grid) []float64 {
	out := make([]float64, to.Len())
	n := min(len(values), from.Len())
	next := 0
	for i := range out {
		out[i] = math.NaN()
		at := to.At(i)
		for next < n && from.At(next) < at {
			next++
		}
		switch {
		case next < n && from.At(next) == at:
			out[i] = values[next]
		case next > 0 && next < n:
			t0, t1 := from.At(next-1), from.At(next)
			out[i] = values[next-1] + (values[next]-values[next-1])*float64(at-t0)/float64(t1-t0)
		}
	}
	return out
}

// How long and how many pictures are kept.
const (
	keepFor  = 30 * 24 * time.Hour
	keepMost = 1000
)

// A picture is kept under its id; beside it is an entry by time, so that the
// oldest are found without reading pictures.
func pictureKey(id string) string { return "png/" + id }

type entry struct {
	ID string `json:"id"`
	At int64  `json:"at"` // ms
}

// Keep keeps a picture and returns its id, 32 characters that can't be guessed.
func (s *Shelf) Keep(ctx context.Context, png []byte) (string, error) {
	var random [16]byte
	rand.Read(random[:]) // never fails
	e := entry{ID: hex.EncodeToString(random[:]), At: s.Now().UnixMilli()}
	err := s.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := s.drop(tx, e.At); err != nil {
			return err
		}
		if err := tx.Put(catalog.Snapshots, fmt.Sprintf("at/%013d-%s", e.At, e.ID), e); err != nil {
			return err
		}
		return tx.Put(catalog.Snapshots, pictureKey(e.ID), png)
	})
	if err != nil {
		return "", fmt.Errorf("keep a snapshot: %w", err)
	}
	return e.ID, nil
}

// drop makes room for one more.
func (s *Shelf) drop(tx *catalog.Tx, now int64) error {
	var keys []string
	var entries []entry
	err := tx.Each(catalog.Snapshots, "at/", func(key string, raw json.RawMessage) error {
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return err
		}
		keys, entries = append(keys, key), append(entries, e)
		return nil
	})
	if err != nil {
		return err
	}
	for i, e := range entries {
		if len(entries)-i < keepMost && now-e.At <= keepFor.Milliseconds() {
			break
		}
		if err := tx.Delete(catalog.Snapshots, keys[i]); err != nil {
			return err
		}
		if err := tx.Delete(catalog.Snapshots, pictureKey(e.ID)); err != nil {
			return err
		}
	}
	return nil
}

// Picture returns a kept picture; found is false when there is none, or none
// any more.
func (s *Shelf) Picture(id string) (png []byte, found bool, err error) {
	if len(id) != 32 || slices.ContainsFunc([]byte(id), func(c byte) bool { return !strings.ContainsRune("0123456789abcdef", rune(c)) }) {
		return nil, false, nil
	}
	err = s.Catalog.View(func(tx *catalog.Tx) error {
		found, err = tx.Get(catalog.Snapshots, pictureKey(id), &png)
		return err
	})
	return png, found, err
}
