package datadog

import (
	"fmt"
	"time"

	"github.com/whippet-obs/whippet/query"
)

// Options of Range.
type Options struct {
	From, To  int64 // ms
	MaxPoints int   // about how many points a row may have; 0: 350
	Interval  int64 // ms between points; 0: chosen from the range
	Bars      bool  // a quarter as many points as for lines, unless told
	NoCache   bool  // compute all of it anew
	Explain   bool  // keep the steps of the evaluation in the frames
}

// Points per row: as many as a graph shows, and the most that may be asked for.
const (
	defaultPoints = 350
	mostPoints    = 1500
)

// intervals are the steps that a graph's points may be apart, in ms.
var intervals = [...]int64{
	1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000,
	3_600_000, 7_200_000, 14_400_000, 21_600_000, 43_200_000, 86_400_000, 2 * 86_400_000, 4 * 86_400_000, 7 * 86_400_000, 30 * 86_400_000,
}

// defaultIntervals are the steps of lines by range.
var defaultIntervals = [...]struct{ span, interval int64 }{
	{15 * 60_000, 10_000}, {3600_000, 20_000}, {4 * 3600_000, 60_000}, {86_400_000, 300_000}, {2 * 86_400_000, 600_000},
	{7 * 86_400_000, 3600_000}, {31 * 86_400_000, 4 * 3600_000}, {92 * 86_400_000, 12 * 3600_000},
	{366 * 86_400_000, 86_400_000},
}

// interval chooses the step of a graph.
func (o Options) interval() int64 {
	switch {
	case o.Interval > 0:
		return o.Interval
	case o.Bars:
		o.Bars = false
		return coarser(4 * o.interval())
	}
	span := o.To - o.From
	if o.MaxPoints <= 0 || o.MaxPoints == defaultPoints {
		for _, d := range defaultIntervals {
			if span <= d.span {
				return d.interval
			}
		}
		return coarser(span / defaultPoints)
	}
	return max(10_000, coarser(span/int64(min(o.MaxPoints, mostPoints))))
}

// coarser is the first step that is at least ms.
func coarser(ms int64) int64 {
	for _, i := range intervals {
		if i >= ms {
			return i
		}
	}
	last := intervals[len(intervals)-1]
	return (ms + last - 1) / last * last
}

// gridOf aligns a range to buckets: timestamps are the buckets' starts, and the
// bucket of each end is part of it.
func gridOf(from, to, interval int64) query.Grid {
	return query.Grid{Start: floor(from, interval), End: floor(to, interval), Step: interval}
}

// floor rounds down to a multiple, also below zero.
func floor(ms, step int64) int64 {
	f := ms / step * step
	if f > ms {
		f -= step
	}
	return f
}

// clampInterval raises a rollup's interval so that no more points come than
// may be asked for, and says so.
func clampInterval(interval int64, o Options) (int64, string) {
	if (o.To-o.From)/interval <= mostPoints {
		return interval, ""
	}
	raised := coarser((o.To - o.From) / mostPoints)
	return raised, fmt.Sprintf("a rollup of %s over this range makes more than %d points: %s is used", seconds(interval), mostPoints, seconds(raised))
}

func seconds(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }
