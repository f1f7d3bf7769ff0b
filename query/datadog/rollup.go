package datadog

import (
	"math"
	"slices"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// rollup puts samples into the grid's buckets, [t, t+step), and combines those
// of a bucket. An empty bucket is NaN.
func rollup(g query.Grid, c *store.Columns, aggregator string) []float64 {
	row := repeat(math.NaN(), g.Len())
	for i := 0; i < len(c.Times); {
		bucket, end := bucketOf(g, c.Times[i])
		j := i
		for j < len(c.Times) && c.Times[j] < end {
			j++
		}
		if bucket >= 0 && bucket < len(row) {
			row[bucket] = combineValues(c.Values[i:j], aggregator)
		}
		i = j
	}
	return row
}

// bucketOf is the bucket of a time, and its end; below zero, or beyond the last,
// for times outside of the grid.
func bucketOf(g query.Grid, at int64) (bucket int, end int64) {
	if g.Edges == nil {
		b := floor(at-g.Start, g.Step)
		return int(b / g.Step), g.Start + b + g.Step
	}
	after, _ := slices.BinarySearch(g.Edges, at+1)
	if after == len(g.Edges) {
		return after, math.MaxInt64
	}
	return after - 1, g.Edges[after]
}

// spreadOut divides counts that the store keeps as sums of 5 minutes, since the
// samples are gone, among the narrower buckets of a grid. Such a sum is old, at
// its bucket's start, and alone in it.
func spreadOut(g query.Grid, c *store.Columns, row []float64, now int64) {
	const tier, old = 300_000, 86_400_000
	parts := int(tier / g.Step)
	for i, t := range c.Times {
		alone := (i == 0 || t-c.Times[i-1] >= tier) && (i+1 == len(c.Times) || c.Times[i+1]-t >= tier)
		at := int((t - g.Start) / g.Step)
		if parts < 2 || t > now-old {
			return
		}
		if !alone || t%tier != 0 || t < g.Start || at+parts > len(row) {
			continue
		}
		share := row[at] / float64(parts)
		for j := range parts {
			row[at+j] = share
		}
	}
}

// combineValues is the aggregate of the values that are numbers; NaN if none is.
func combineValues(values []float64, aggregator string) float64 {
	n, sum, least, most, last := 0, 0.0, math.NaN(), math.NaN(), math.NaN()
	for _, v := range values {
		if math.IsNaN(v) {
			continue
		}
		n++
		sum += v
		if !(least <= v) {
			least = v
		}
		if !(most >= v) {
			most = v
		}
		last = v
	}
	if n == 0 {
		return math.NaN()
	}
	switch aggregator {
	case "sum":
		return sum
	case "min":
		return least
	case "max":
		return most
	case "count":
		return float64(n)
	case "last":
		return last
	}
	return sum / float64(n)
}

// defaultBridge is the longest gap of a gauge that is bridged, in ms.
const defaultBridge = 300_000

// bridge is the longest gap that the term bridges, in ms.
func (t *term) bridge() int64 {
	switch {
	case t.fill == "null", t.space == "count_values", t.fill == "" && t.as != "":
		return 0
	case t.fill == "":
		return defaultBridge
	}
	return t.fillFor
}

// bridgeGaps fills the empty buckets of a row: between two values at most
// bridge apart, by the term's way of filling. Without one, gauges are bridged
// linearly, and counts and rates are not.
func (t *term) bridgeGaps(row []float64, step int64, kind store.Kind) {
	how := t.fill
	bridged := t.as == "" && t.space != "count_values" && (kind == store.Gauge || kind == store.Cumulative)
	switch {
	case how == "" && bridged:
		how = "linear"
	case how == "carry" && bridged:
		how = "last"
	case how == "carry":
		return
	}
	if how == "" || how == "null" {
		return
	}
	if how == "zero" {
		for i, v := range row {
			if math.IsNaN(v) {
				row[i] = 0
			}
		}
		return
	}
	last := -1
	for i, v := range row {
		if math.IsNaN(v) {
			if how == "last" && last >= 0 && int64(i-last)*step <= t.bridge() {
				row[i] = row[last]
			}
			continue
		}
		if how == "linear" && last >= 0 && i > last+1 && int64(i-last)*step <= t.bridge() {
			for j := last + 1; j < i; j++ {
				share := float64(j-last) / float64(i-last)
				row[j] = row[last] + share*(v-row[last])
			}
		}
		last = i
	}
}

// percentiles interpolates between the values that the series of a group have in
// each bucket.
func (t *term) percentiles(group query.Group, values [][]float64, n int) []float64 {
	out := make([]float64, n)
	column := make([]float64, 0, len(group.Members))
	for i := range out {
		column = column[:0]
		for _, m := range group.Members {
			if values[m] != nil && !math.IsNaN(values[m][i]) {
				column = append(column, values[m][i])
			}
		}
		out[i] = math.NaN()
		if len(column) > 0 {
			slices.Sort(column)
			at := t.percentile * float64(len(column)-1)
			low := int(at)
			high := min(low+1, len(column)-1)
			out[i] = column[low] + (at-float64(low))*(column[high]-column[low])
		}
	}
	return out
}
