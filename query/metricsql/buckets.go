package metricsql

import (
	"math"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// Functions that add up the samples of a window are answered from buckets that
// the store has added up: from the headers of its blocks and from its tiers where
// these fit, so that most samples are not even decoded.

// wantOf is the column of buckets that a function is answered from; 0 when it
// needs samples.
func wantOf(name string) store.Want {
	switch name {
	case "avg_over_time", "sum_over_time", "count_over_time", "present_over_time":
		return store.WantSum
	case "min_over_time":
		return store.WantMin
	case "max_over_time":
		return store.WantMax
	case "last_over_time":
		return store.WantLast
	}
	return 0
}

// mostBuckets bounds the buckets that a window is made of.
const mostBuckets = 300

// bucketWidth is the width of buckets, aligned to its multiples, that windows of
// size before every timestamp of g are made of; 0 when there is none.
func bucketWidth(g query.Grid, size int64) int64 {
	a, width := g.Step, size
	for a != 0 {
		a, width = width%a, a
	}
	if g.Start%width != 0 || size/width > mostBuckets {
		return 0
	}
	return width
}

// bucketsFor is the width of buckets that p is answered from; 0 when it needs
// samples.
func (ev *evaluation) bucketsFor(selection *query.Selection, p *rollupPlan) int64 {
	if p.overTime == "" || !selection.Simple() || hasDistributions(selection) {
		return 0
	}
	return bucketWidth(ev.grid, p.window(ev.grid))
}

func hasDistributions(s *query.Selection) bool {
	for i := range s.Series {
		if s.Series[i].Kind == store.Distribution {
			return true
		}
	}
	return false
}

// eachBuckets computes p.overTime from buckets of width.
func (ev *evaluation) eachBuckets(selection *query.Selection, p *rollupPlan, width int64, out [][]float64, fn func(worker, i int, values []float64) error) error {
	g, per := ev.grid, int(p.window(ev.grid)/width)
	stride := int(g.Step / width)
	avg := p.overTime == "avg_over_time" && per == 1
	return selection.Aggregate(width, store.RightClosed, wantOf(p.overTime), func(worker, i int, b *store.Buckets) error {
		values, found := out[worker], false
		first := int((g.Start - int64(per)*width - b.Start) / width)
		for j := range values {
			from := first + j*stride
			lo, hi := max(0, from), min(from+per, len(b.Count))
			v := math.NaN()
			switch {
			case lo >= hi:
			case avg: // of an empty bucket it is 0/0
				v = b.Sum[lo] / b.Count[lo]
			default:
				v = p.ofBuckets(b, lo, hi)
			}
			values[j] = v
			found = found || v == v
		}
		if !found {
			return nil
		}
		return fn(worker, i, values)
	})
}

// ofBuckets is the value of the window that buckets lo up to hi make.
func (p *rollupPlan) ofBuckets(b *store.Buckets, lo, hi int) float64 {
	count, total, v := 0.0, 0.0, math.NaN()
	for k := lo; k < hi; k++ {
		n := b.Count[k]
		if n == 0 {
			continue
		}
		count += n
		switch p.overTime {
		case "avg_over_time", "sum_over_time":
			total += b.Sum[k]
		case "min_over_time":
			if !(v <= b.Min[k]) {
				v = b.Min[k]
			}
		case "max_over_time":
			if !(v >= b.Max[k]) {
				v = b.Max[k]
			}
		case "last_over_time":
			v = b.Last[k]
		}
	}
	if count == 0 {
		return math.NaN()
	}
	switch p.overTime {
	case "avg_over_time":
		return total / count
	case "sum_over_time":
		return total
	case "count_over_time":
		return count
	case "present_over_time":
		return 1
	}
	return v
}
