package query

import "time"

// Grid is the timestamps of a result: Start, Start+Step, ... up to End (ms).
type Grid struct {
	Start, End, Step int64
}

// Len is the number of timestamps.
func (g Grid) Len() int {
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
}

// Band is where a row's values were expected.
type Band struct {
	Lower, Upper []float64 // NaN where nothing could be judged
	Anomalous    []bool
}

// Stats is what a query cost.
type Stats struct {
	Series  int
	Samples int64 // read, or summed up in what was read
	Bytes   int64 // of intermediate and final rows
	Took    time.Duration
}
