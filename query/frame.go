package query

import "time"

// Grid is the timestamps of a result: Start, Start+Step, ... up to End (ms).
type Grid struct {
	Start, End, Step int64

	// Edges are the timestamps of a grid that follows a calendar, whose days and
	// months are not all as long as one another, and the end of the last. Start
	// and End are the first and last timestamp, Step is the usual distance. nil
	// for all other grids.
	Edges []int64
}

// At is timestamp i.
func (g Grid) At(i int) int64 {
	if g.Edges != nil {
		return g.Edges[i]
	}
	return g.Start + int64(i)*g.Step
}

// Width is the time from timestamp i to the next.
func (g Grid) Width(i int) int64 {
	if g.Edges != nil {
		return g.Edges[i+1] - g.Edges[i]
	}
	return g.Step
}

// Len is the number of timestamps.
func (g Grid) Len() int {
	if g.Edges != nil {
		return len(g.Edges) - 1
	}
	if g.Step <= 0 || g.End < g.Start {
		return 0
	}
	return int((g.End-g.Start)/g.Step) + 1
}

// Frame is a query's result: rows of values on one grid.
type Frame struct {
	Grid     Grid
	Rows     []Row
	Warnings []string // why the answer may be partial, or differs from what was asked
	Stats    Stats
	Steps    []Step // when the query was asked to explain itself
}

// Row is one line of a graph.
type Row struct {
	Metric string    // metric name; "" when none is left (arithmetic over two)
	Tags   []string  // the group: "env:test", "host:a"; empty when there is one group for all
	Expr   string    // the part of the query that made the row, as a person would write it
	Unit   string    // from the metric's metadata; "" when unknown
	Values []float64 // one per timestamp; NaN where there is nothing
	Band   *Band     // of anomalies and forecasts; nil otherwise

	Outlier bool  // the row behaves unlike the others it was compared with
	Last    int64 // ms; of the newest sample in it; 0: unknown
}

// Band is where a row's values were expected, or (Forecast) will be. All lists
// have one entry per timestamp.
type Band struct {
	Lower, Middle, Upper []float64 // NaN where nothing could be said
	Anomalous            []bool
	Points               []int     // present values that each bound stands on; nil of forecasts
	Scores               []float64 // how many deviations off the middle; NaN where not judged
	Forecast             bool
	Algorithm            string   // of anomalies: the one that judged last
	Summary              string   // what the band means, in a sentence
	Notes                []Note   // why points are anomalous, the newest first; not of all, if they are many
	Changes              []Change // where the level changed and stayed
}

// Note is a sentence about a point.
type Note struct {
	At   int64 // ms
	Text string
}

// Change is a moment from which on a row has another level.
type Change struct {
	At            int64 // ms
	Before, After float64
}

// Stats is what a query cost.
type Stats struct {
	Series  int
	Samples int64 // read, or summed up in what was read
	Bytes   int64 // of intermediate and final rows
	Took    time.Duration
}
