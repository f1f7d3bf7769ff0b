package dogstatsd

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/whippet-obs/whippet/store/sketch"
)

// maxExact is how many values of one histogram are kept as they are within one
// bucket. Beyond it they go into a sketch: the percentiles are then right to
// within 1 % of their value, everything else stays exact.
const maxExact = 8192

// spread is the values of one histogram in one bucket.
type spread struct {
	count    int64 // sum of weights
	sum      float64
	min, max float64
	points   []point
	sketch   *sketch.Sketch // instead of points, once there are too many
}

type point struct {
	value  float64
	weight int64
}

func (s *spread) add(v float64, weight int64) {
	s.note(v*float64(weight), v, v, weight)
	if s.sketch != nil {
		s.sketch.Add(v, uint64(weight))
		return
	}
	s.points = append(s.points, point{v, weight})
	if len(s.points) >= maxExact {
		s.fold()
	}
}

func (s *spread) note(sum, low, high float64, weight int64) {
	if s.count == 0 {
		s.min, s.max = low, high
	} else {
		s.min, s.max = min(s.min, low), max(s.max, high)
	}
	s.sum += sum
	s.count += weight
}

// fold pours the points into a sketch.
func (s *spread) fold() {
	if s.sketch == nil {
		s.sketch = &sketch.Sketch{}
	}
	for _, p := range s.points {
		s.sketch.Add(p.value, uint64(p.weight))
	}
	s.points = nil
}

// merge adds the values of o.
func (s *spread) merge(o *spread) {
	if o.count == 0 {
		return
	}
	s.note(o.sum, o.min, o.max, o.count)
	s.points = append(s.points, o.points...)
	if o.sketch != nil || s.sketch != nil || len(s.points) >= maxExact {
		s.fold()
	}
	if o.sketch != nil {
		s.sketch.Merge(o.sketch)
	}
}

// reset empties s and keeps memory worth keeping.
func (s *spread) reset() {
	points := s.points[:0]
	if cap(points) > 64 && cap(points) > 4*len(s.points) {
		points = nil
	}
	*s = spread{points: points}
}

// percentile returns the agent's figure: the first of the sorted values whose
// cumulative weight passes (p·Σw − 1)/100, p in percent. The points must be
// sorted.
func (s *spread) percentile(p float64) float64 {
	return s.firstPast((p*float64(s.count)-1)/100, p/100)
}

// median returns the first of the sorted values whose cumulative weight passes
// (Σw − 1)/2: the agent's rule for the median is not that for the 50th
// percentile.
func (s *spread) median() float64 {
	return s.firstPast(float64(s.count-1)/2, 0.5)
}

func (s *spread) firstPast(rank, q float64) float64 {
	if s.sketch != nil {
		return s.sketch.Quantile(q)
	}
	cum := 0.0
	for _, p := range s.points {
		cum += float64(p.weight)
		if cum > rank {
			return p.value
		}
	}
	return s.max
}

func (s *spread) sort() {
	slices.SortFunc(s.points, func(a, b point) int { return cmp.Compare(a.value, b.value) })
}

// figure is one series that a histogram gives rise to.
type figure struct {
	suffix string
	of     func(*spread) float64
	rate   bool // events per second; the others are levels in the histogram's unit
}

// figures makes the list of what is computed of every histogram.
func figures(aggregates []string, percentiles []float64) ([]figure, error) {
	var list []figure
	for _, name := range aggregates {
		f := figure{suffix: "." + name}
		switch name {
		case "min":
			f.of = func(s *spread) float64 { return s.min }
		case "max":
			f.of = func(s *spread) float64 { return s.max }
		case "sum":
			f.of = func(s *spread) float64 { return s.sum }
		case "avg":
			f.of = func(s *spread) float64 { return s.sum / float64(s.count) }
		case "median":
			f.of = (*spread).median
		case "count":
			f.of = func(s *spread) float64 { return float64(s.count) / bucketSeconds }
			f.rate = true
		default:
			return nil, fmt.Errorf("histogram aggregate %q: allowed: min, max, median, avg, sum, count", name)
		}
		list = append(list, f)
	}
	for _, p := range percentiles {
		if !(p > 0 && p < 1) {
			return nil, fmt.Errorf("histogram percentile %v: must lie between 0 and 1", p)
		}
		percent := int(100*p + 0.5)
		list = append(list, figure{
			suffix: "." + strconv.Itoa(percent) + "percentile",
			of:     func(s *spread) float64 { return s.percentile(float64(percent)) },
		})
	}
	return list, nil
}
