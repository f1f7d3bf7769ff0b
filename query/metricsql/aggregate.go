package metricsql

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/VictoriaMetrics/metrics"
	mql "github.com/VictoriaMetrics/metricsql"
)

// group is the rows that an aggregate combines.
type group struct {
	base row // what they have in common, without values
	rows []row
}

// aggregate evaluates an aggregate function.
func (ev *evaluation) aggregate(e *mql.AggrFuncExpr) ([]row, error) {
	c := &call{ev: ev, name: strings.ToLower(e.Name), args: e.Args}
	by := groupingOf(e.Modifier)
	if fold := foldOf(c.name); fold != nil && len(c.args) == 1 {
		if rows, done, err := ev.foldStored(c.name, fold, c.args[0], e.Modifier, e.Limit); done || err != nil {
			return rows, err
		}
	}
	if fn := columnOf(c.name); fn != nil {
		rows, err := c.every()
		if err != nil {
			return nil, err
		}
		return ev.combine(groupRows(rows, by, e.Limit), func(_ int, column []float64) float64 { return fn(column) }), nil
	}
	fn, ok := groupFunctionOf(c.name)
	if !ok {
		return nil, ev.fail("there is no aggregate %s", e.Name)
	}
	return fn(c, by, e.Limit)
}

// every evaluates all arguments, and needs one at least.
func (c *call) every() ([]row, error) {
	if err := c.takes(1, -1); err != nil {
		return nil, err
	}
	var rows []row
	for i := range c.args {
		more, err := c.rows(i)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// grouping accepts the labels that tell groups apart.
type grouping func(label string) bool

func groupingOf(m mql.ModifierExpr) grouping {
	if strings.EqualFold(m.Op, "without") {
		return func(name string) bool { return name != nameLabel && !slices.Contains(m.Args, name) }
	}
	return func(name string) bool { return slices.Contains(m.Args, name) }
}

// groupRows groups the rows that have a value, in the order in which groups
// appear; limit > 0 takes the first so many groups.
func groupRows(rows []row, by grouping, limit int) []group {
	index := map[string]int{}
	var groups []group
	for _, r := range rows {
		if empty(r.values) {
			continue
		}
		key := r.key(by)
		g, ok := index[key]
		if !ok {
			if limit > 0 && len(groups) >= limit {
				continue
			}
			g = len(groups)
			index[key] = g
			base := r
			base.values = nil
			base.keepOnly(by)
			groups = append(groups, group{base: base})
		}
		groups[g].rows = append(groups[g].rows, r)
	}
	return groups
}

// columnOf finds an aggregate that computes a value from those of one time, of
// which there is at least one; nil when there is none of that name.
func columnOf(name string) func([]float64) float64 {
	switch name {
	case "sum":
		return sum
	case "avg":
		return mean
	case "min":
		return least
	case "max":
		return most
	case "count":
		return func(v []float64) float64 { return float64(len(v)) }
	case "group":
		return func([]float64) float64 { return 1 }
	case "stddev":
		return func(v []float64) float64 { return math.Sqrt(variance(v)) }
	case "stdvar":
		return variance
	case "median":
		return func(v []float64) float64 { return quantileInPlace(0.5, v) }
	case "mode":
		return func(v []float64) float64 { return mode(math.NaN(), v) }
	case "geomean":
		return geomean
	case "sum2":
		return sumOfSquares
	case "distinct":
		return distinct
	case "mad":
		return medianDeviation
	}
	return nil
}

// combine computes a function of each group's values at each time where it has
// one.
func (ev *evaluation) combine(groups []group, fn func(i int, column []float64) float64) []row {
	out := make([]row, len(groups))
	var column []float64
	for g, group := range groups {
		r := group.base
		r.values = make([]float64, ev.grid.Len())
		for i := range r.values {
			column = columnAt(column, group.rows, i)
			r.values[i] = math.NaN()
			if len(column) > 0 {
				r.values[i] = fn(i, column)
			}
		}
		out[g] = r
	}
	return out
}

// columnAt collects the values that rows have at i into column's memory.
func columnAt(column []float64, rows []row, i int) []float64 {
	column = column[:0]
	for _, r := range rows {
		if v := r.values[i]; !math.IsNaN(v) {
			column = append(column, v)
		}
	}
	return column
}

// groupFunctionOf finds an aggregate that needs more than columns.
func groupFunctionOf(name string) (func(c *call, by grouping, limit int) ([]row, error), bool) {
	switch name {
	case "any":
		return aggregateAny, true
	case "quantile":
		return aggregateQuantile, true
	case "quantiles":
		return aggregateQuantiles, true
	case "count_values":
		return aggregateCountValues, true
	case "histogram":
		return aggregateHistogram, true
	case "share", "zscore":
		return aggregateRelative, true
	case "limitk":
		return aggregateLimit, true
	case "topk", "bottomk":
		return aggregateTop, true
	case "outliersk", "topk_avg", "topk_max", "topk_median", "topk_last", "topk_min",
		"bottomk_avg", "bottomk_max", "bottomk_median", "bottomk_last", "bottomk_min":
		return aggregateTopRows, true
	case "outliers_iqr", "outliers_mad":
		return aggregateOutliers, true
	}
	return nil, false
}

func aggregateAny(c *call, by grouping, limit int) ([]row, error) {
	rows, err := c.every()
	if err != nil {
		return nil, err
	}
	var out []row
	for _, g := range groupRows(rows, by, limit) {
		out = append(out, g.rows[0])
	}
	return out, nil
}

func aggregateQuantile(c *call, by grouping, limit int) ([]row, error) {
	if err := c.takes(2, 2); err != nil {
		return nil, err
	}
	phi, err := c.scalar(0)
	if err != nil {
		return nil, err
	}
	rows, err := c.rows(1)
	if err != nil {
		return nil, err
	}
	return c.ev.combine(groupRows(rows, by, limit), func(i int, column []float64) float64 { return quantileInPlace(phi[i], column) }), nil
}

func aggregateQuantiles(c *call, by grouping, limit int) ([]row, error) {
	if err := c.takes(3, -1); err != nil {
		return nil, err
	}
	label, err := c.text(0)
	if err != nil {
		return nil, err
	}
	n := len(c.args) - 1
	rows, err := c.rows(n)
	if err != nil {
		return nil, err
	}
	groups := groupRows(rows, by, limit)
	var out []row
	for a := 1; a < n; a++ {
		phi, err := c.number(a)
		if err != nil {
			return nil, err
		}
		for _, r := range c.ev.combine(groups, func(_ int, column []float64) float64 { return quantileInPlace(phi, column) }) {
			r.set(label, strconv.FormatFloat(phi, 'g', -1, 64))
			out = append(out, r)
		}
	}
	return out, nil
}

// aggregateCountValues makes a row per distinct value: how many rows have it.
func aggregateCountValues(c *call, by grouping, limit int) ([]row, error) {
	if err := c.takes(2, 2); err != nil {
		return nil, err
	}
	label, err := c.text(0)
	if err != nil {
		return nil, err
	}
	rows, err := c.rows(1)
	if err != nil {
		return nil, err
	}
	var out []row
	for _, g := range groupRows(rows, func(name string) bool { return name != label && by(name) }, limit) {
		counts := map[float64]int{} // value to row of out
		for _, r := range g.rows {
			for i, v := range r.values {
				if math.IsNaN(v) {
					continue
				}
				at, ok := counts[v]
				if !ok {
					if err := c.ev.hold(1); err != nil {
						return nil, err
					}
					at = len(out)
					counts[v] = at
					made := g.base
					made.set(label, strconv.FormatFloat(v, 'f', -1, 64))
					made.values = c.ev.blank(math.NaN())
					out = append(out, made)
				}
				if n := &out[at].values[i]; math.IsNaN(*n) {
					*n = 1
				} else {
					*n++
				}
			}
		}
	}
	return out, nil
}

// aggregateHistogram makes cumulative buckets of the values of each time.
func aggregateHistogram(c *call, by grouping, limit int) ([]row, error) {
	rows, err := c.every()
	if err != nil {
		return nil, err
	}
	var made []row
	for _, g := range groupRows(rows, by, limit) {
		index := map[string]int{}
		for i := range c.ev.grid.Len() {
			var h metrics.Histogram
			for _, r := range g.rows {
				h.Update(r.values[i])
			}
			h.VisitNonZeroBuckets(func(vmrange string, count uint64) {
				at, ok := index[vmrange]
				if !ok {
					at = len(made)
					index[vmrange] = at
					r := g.base
					r.set("vmrange", vmrange)
					r.values = c.ev.blank(0)
					made = append(made, r)
				}
				made[at].values[i] = float64(count)
			})
		}
	}
	return cumulativeBuckets(made), nil
}

// aggregateRelative replaces each value by its share of the group's sum, or by
// how many deviations it is from the group's mean.
func aggregateRelative(c *call, by grouping, limit int) ([]row, error) {
	rows, err := c.every()
	if err != nil {
		return nil, err
	}
	var out []row
	var column []float64
	for _, g := range groupRows(rows, by, limit) {
		for i := range c.ev.grid.Len() {
			column = columnAt(column, g.rows, i)
			if len(column) == 0 {
				continue
			}
			shift, scale := 0.0, 0.0
			if c.name == "zscore" {
				shift, scale = welfordMean(column), math.Sqrt(variance(column))
			} else {
				for _, v := range column {
					scale += max(v, 0)
				}
			}
			for _, r := range g.rows {
				if c.name == "share" && r.values[i] < 0 {
					r.values[i] = math.NaN()
				}
				r.values[i] = (r.values[i] - shift) / scale
			}
		}
		out = append(out, g.rows...)
	}
	return out, nil
}

// welfordMean is the mean as variance computes it, so that equal values have no
// deviation from it.
func welfordMean(values []float64) float64 {
	avg := 0.0
	for i, v := range values {
		avg += (v - avg) / float64(i+1)
	}
	return avg
}
