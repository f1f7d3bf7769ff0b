package datadog

import (
	"context"
	"fmt"
	"strings"

	"github.com/whippet-obs/whippet/anomaly"
	"github.com/whippet-obs/whippet/query"
)

// Backtest is what an anomaly monitor would have done.
type Backtest struct {
	*anomaly.Backtest
	From, To, Step int64      // ms
	Groups         [][]string // tags, by Alert.Group
	More           int        // groups that were left out
	Algorithm      anomaly.Algorithm
	Suggestion     anomaly.Suggestion
	Line           string   // the outcome in a sentence
	Notes          []string // what to know about it
}

// backtestGroups bounds the groups of a backtest: those named first are tried.
const backtestGroups = 20

// backtestPoints bounds the points of each.
const backtestPoints = 60_000

// Backtest runs an anomaly monitor over [from, to] (ms), on its own interval,
// and tries other bounds and windows. recovers is the share down to which an
// alert ends.
func (m *Monitor) Backtest(ctx context.Context, e *query.Engine, from, to int64, recovers float64, marks []anomaly.Mark) (_ *Backtest, err error) {
	run, err := e.Begin(ctx, m.QueryText)
	if err != nil {
		return nil, err
	}
	defer func() { run.End(err) }()
	rule, step := m.Rule(recovers)
	g := query.Grid{Start: floor(from+step-1, step), End: floor(to, step) - step, Step: step}
	if g.Len() == 0 || g.Len() > backtestPoints {
		return nil, &query.LimitError{Limit: "points of a backtest", Most: backtestPoints}
	}
	c := m.verdicts()
	o, _, _ := readAnomalyOptions(c)
	ev := &evaluation{run: run, options: Options{From: g.Start, To: to}, interval: step}
	if !ev.counts(c.query) {
		o.DefaultZero = false
	}
	// Agile is tried too, for the suggestion.
	agile := o.Options
	agile.Algorithm = anomaly.Agile
	r, start, err := ev.past(c.query, g, min(o.Start(g.Start, step), agile.Start(g.Start, step)))
	if err != nil {
		return nil, err
	}
	out := &Backtest{From: g.Start, To: g.End + step, Step: step, Algorithm: o.Algorithm}
	if len(r.rows) > backtestGroups {
		out.More = len(r.rows) - backtestGroups
		r.rows = r.rows[:backtestGroups]
		out.Notes = append(out.Notes, fmt.Sprintf("Of %d groups the first %d are tried.", backtestGroups+out.More, backtestGroups))
	}
	begin := o.Start(g.Start, step)
	series := make([]anomaly.Series, len(r.rows))
	for i, row := range r.rows {
		series[i] = anomaly.Series{Start: begin, Step: step, Values: row.Values[(begin-start)/step:]}
		out.Groups = append(out.Groups, row.Tags)
	}
	if out.Backtest, err = anomaly.Run(series, g.Start, o.Options, rule, marks); err != nil {
		return nil, err
	}
	if len(r.rows) > 0 {
		out.Suggestion = anomaly.Suggest(anomaly.Series{Start: start, Step: step, Values: r.rows[0].Values}, o.Options)
	}
	out.describe(m, o.Options)
	return out, nil
}

// describe writes the line and the notes.
func (b *Backtest) describe(m *Monitor, o anomaly.Options) {
	var longest int64
	for _, a := range b.Alerts {
		longest = max(longest, a.To-a.From)
	}
	parts := []string{fmt.Sprintf("Last %s: %s", anomaly.Span(b.To-b.From), plural(len(b.Alerts), "alert"))}
	if longest > 0 {
		parts = append(parts, "longest "+anomaly.Span(longest))
	}
	// The same window with other bounds: that of the table nearest to it.
	window := nearestWindow(b.Table, m.alertWindow().Milliseconds())
	would := "would be "
	for _, cell := range b.Table {
		if cell.Window == window && cell.Bounds != o.Bounds && (cell.Bounds == 2 || cell.Bounds == 4) {
			parts = append(parts, fmt.Sprintf("%s%d at bounds %v", would, cell.Alerts, cell.Bounds))
			would = ""
		}
	}
	b.Line = strings.Join(parts, ", ") + "."
	if b.Judged == 0 {
		b.Notes = append(b.Notes, "No point could be judged: there is not enough history.")
	}
	season := o.Season
	if season == "" {
		season = anomaly.Weekly
	}
	if !b.Suggestion.Enough {
		b.Notes = append(b.Notes, fmt.Sprintf("History is shorter than three %s seasons: 'basic' works now, and 'auto' changes over to 'agile' when there is enough.", season))
	} else if s := b.Suggestion; s.Algorithm != o.Algorithm && o.Algorithm != anomaly.Auto && !(s.Algorithm == anomaly.Agile && o.Algorithm == anomaly.Robust) {
		why := "a season does not help here"
		if s.Algorithm == anomaly.Agile {
			why = fmt.Sprintf("the %s season predicts %.0f %% better", season, 100*(1-s.AgileError/s.BasicError))
		}
		b.Notes = append(b.Notes, fmt.Sprintf("'%s' would fit better: %s.", s.Algorithm, why))
	}
}

func nearestWindow(table []anomaly.Cell, window int64) int64 {
	best := table[0].Window
	for _, cell := range table {
		if d, e := cell.Window-window, best-window; max(d, -d) < max(e, -e) {
			best = cell.Window
		}
	}
	return best
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
