package anomaly

import (
	"fmt"
	"math"
)

// OutlierMethod names a way to find the groups that behave unlike the others.
type OutlierMethod string

// The methods. DBSCAN looks at the distance between whole series; MAD counts
// the points that are far from the median of all. The scaled forms measure the
// spread against the level too, so that groups that are all but equal have no
// outlier among them.
const (
	DBSCAN       OutlierMethod = "DBSCAN"
	MAD          OutlierMethod = "MAD"
	ScaledDBSCAN OutlierMethod = "scaledDBSCAN"
	ScaledMAD    OutlierMethod = "scaledMAD"
)

// OutlierMethods are the names that OutlierOptions allow.
var OutlierMethods = []OutlierMethod{DBSCAN, MAD, ScaledDBSCAN, ScaledMAD}

// OutlierOptions are those of FindOutliers.
type OutlierOptions struct {
	Method    OutlierMethod
	Tolerance float64 // 0: 3
	Percent   float64 // of MAD: how many of a group's points must be out; 0: 20
}

// Validate says which option is not allowed, and what is.
func (o OutlierOptions) Validate() error {
	if err := oneOf("algorithm", o.Method, OutlierMethods); err != nil {
		return err
	}
	if !(o.Tolerance >= 0) || math.IsInf(o.Tolerance, 0) {
		return fmt.Errorf("tolerance: want a number above 0, found %v", o.Tolerance)
	}
	if !(o.Percent >= 0 && o.Percent <= 100) {
		return fmt.Errorf("percentage: want 0 to 100, found %v", o.Percent)
	}
	return nil
}

// Outliers says which groups are.
type Outliers struct {
	Outlier []bool
	Few     bool    // fewer than three groups could be compared: none is an outlier
	Limit   float64 // DBSCAN: the distance that joins two groups. MAD: how far from the median a point may be
	Median  float64 // of MAD: of all points
}

// Comparing takes this many groups, and a group that has values this often.
const (
	leastGroups  = 3
	leastPresent = 0.5
	scaledSpread = 0.1 // of the level, in the scaled forms
)

// FindOutliers compares groups, each a series on the same grid. A group that
// is missing more than half of the time is not an outlier: it has stopped.
func FindOutliers(groups [][]float64, o OutlierOptions) (Outliers, error) {
	if o.Tolerance == 0 {
		o.Tolerance = 3
	}
	if o.Percent == 0 {
		o.Percent = 20
	}
	if err := o.Validate(); err != nil {
		return Outliers{}, err
	}
	out := Outliers{Outlier: make([]bool, len(groups))}
	var alive []int
	for g, values := range groups {
		n := 0
		for _, v := range values {
			if present(v) {
				n++
			}
		}
		if n > 0 && float64(n) >= leastPresent*float64(len(values)) {
			alive = append(alive, g)
		}
	}
	if len(alive) < leastGroups {
		out.Few = true
		return out, nil
	}
	series := make([][]float64, len(alive))
	for i, g := range alive {
		series[i] = groups[g]
	}
	var odd []bool
	switch o.Method {
	case DBSCAN, ScaledDBSCAN:
		odd, out.Limit = byDistance(series, o.Tolerance, o.Method == ScaledDBSCAN)
	default:
		odd, out.Median, out.Limit = byDeviation(series, o.Tolerance, o.Percent, o.Method == ScaledMAD)
		out.Limit *= o.Tolerance
	}
	for i, g := range alive {
		out.Outlier[g] = odd[i]
	}
	return out, nil
}

// byDistance joins groups no farther apart than tolerance times the median
// distance to the median series; whatever is outside the largest cluster is
// odd. Times at which any group is missing are left out.
func byDistance(groups [][]float64, tolerance float64, scaled bool) (odd []bool, limit float64) {
	var times []int
	for t := range groups[0] {
		whole := true
		for _, g := range groups {
			whole = whole && present(g[t])
		}
		if whole {
			times = append(times, t)
		}
	}
	odd = make([]bool, len(groups))
	if len(times) == 0 {
		return odd, 0
	}
	middle := make([]float64, len(times))
	column := make([]float64, len(groups))
	size, most := 0.0, 0.0
	for i, t := range times {
		for g := range groups {
			column[g] = groups[g][t]
		}
		middle[i] = selectMedian(column)
		size += middle[i] * middle[i]
		most = max(most, math.Abs(middle[i]))
	}
	off := make([]float64, len(groups))
	for g := range groups {
		for i, t := range times {
			d := groups[g][t] - middle[i]
			off[g] += d * d
		}
		off[g] = math.Sqrt(off[g])
	}
	limit = tolerance * selectMedian(append([]float64(nil), off...))
	if scaled {
		limit = max(limit, tolerance*scaledSpread*math.Sqrt(size))
	}
	limit = max(limit, 1e-9*(1+most))

	cluster := make([]int, len(groups))
	for i := range cluster {
		cluster[i] = i
	}
	near := func(a, b []float64) bool {
		sum := 0.0
		for _, t := range times {
			d := a[t] - b[t]
			if sum += d * d; sum > limit*limit*(1+1e-12) {
				return false
			}
		}
		return math.Sqrt(sum) <= limit
	}
	for i := range groups {
		for j := range i {
			if cluster[i] == cluster[j] || !near(groups[i], groups[j]) {
				continue
			}
			from, to := cluster[i], cluster[j]
			for k := range cluster {
				if cluster[k] == from {
					cluster[k] = to
				}
			}
		}
	}
	members, distance := make([]int, len(groups)), make([]float64, len(groups))
	for g, c := range cluster {
		members[c]++
		distance[c] += off[g]
	}
	best := -1
	for c, n := range members {
		if n > 0 && (best < 0 || n > members[best] || n == members[best] && distance[c] < distance[best]) {
			best = c
		}
	}
	for g, c := range cluster {
		odd[g] = c != best
	}
	return odd, limit
}

// byDeviation calls a point out that is farther from the median of all groups'
// points than tolerance times their median absolute deviation, and a group odd
// when more than percent of its points are out.
func byDeviation(groups [][]float64, tolerance, percent float64, scaled bool) (odd []bool, middle, deviation float64) {
	var all []float64
	for _, g := range groups {
		for _, v := range g {
			if present(v) {
				all = append(all, v)
			}
		}
	}
	middle = selectMedian(all)
	for i, v := range all {
		all[i] = math.Abs(v - middle)
	}
	deviation = selectMedian(all)
	if scaled {
		deviation = max(deviation, scaledSpread*math.Abs(middle))
	}
	deviation = max(deviation, 1e-9*(1+math.Abs(middle)))
	odd = make([]bool, len(groups))
	for g, values := range groups {
		n, out := 0, 0
		for _, v := range values {
			if present(v) {
				n++
				if math.Abs(v-middle) > tolerance*deviation {
					out++
				}
			}
		}
		odd[g] = n > 0 && 100*float64(out)/float64(n) > percent
	}
	return odd, middle, deviation
}
