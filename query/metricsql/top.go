package metricsql

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"strings"
)

// aggregateTop keeps, at each time, the k rows of a group that rank first. Rows
// come in the order of their last values.
func aggregateTop(c *call, by grouping, limit int) ([]row, error) {
	k, rows, err := c.ranking()
	if err != nil {
		return nil, err
	}
	compare := ascending
	if c.name == "bottomk" {
		compare = descending
	}
	var out []row
	for _, g := range groupRows(rows, by, limit) {
		order := make([]int, len(g.rows))
		for i := range order {
			order[i] = i
		}
		for i := range c.ev.grid.Len() {
			slices.SortFunc(order, func(a, b int) int {
				if first := compare(g.rows[a].values[i], g.rows[b].values[i]); first != 0 {
					return first
				}
				return b - a // of equals those that come first stay
			})
			for _, at := range order[:len(order)-clampInt(k[i], len(order))] {
				g.rows[at].values[i] = math.NaN()
			}
		}
		kept := make([]row, len(order))
		for i, at := range order {
			kept[len(order)-1-i] = g.rows[at]
		}
		out = append(out, withoutEmpty(kept)...)
	}
	return out, nil
}

// ranking evaluates the arguments of topk and its kin: how many, and of what.
func (c *call) ranking() (k []float64, rows []row, err error) {
	most := 2
	if strings.Contains(c.name, "_") {
		most = 3
	}
	if err := c.takes(2, most); err != nil {
		return nil, nil, err
	}
	if k, err = c.scalar(0); err != nil {
		return nil, nil, err
	}
	rows, err = c.rows(1)
	return k, rows, err
}

func clampInt(v float64, most int) int { return max(0, min(wholeOf(v), most)) }

// ascending and descending order NaN before all numbers, so that the rows that
// rank first stand last.
func ascending(a, b float64) int { return cmp.Compare(a, b) }

func descending(a, b float64) int {
	if math.IsNaN(a) || math.IsNaN(b) {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(b, a)
}

// aggregateTopRows keeps the k rows of a group that rank first over the whole
// range, and can add up the others.
func aggregateTopRows(c *call, by grouping, limit int) ([]row, error) {
	k, rows, err := c.ranking()
	if err != nil {
		return nil, err
	}
	rest := ""
	if len(c.args) == 3 {
		if rest, err = c.text(2); err != nil {
			return nil, err
		}
	}
	compare := ascending
	if strings.HasPrefix(c.name, "bottomk") {
		compare = descending
	}
	var out []row
	for _, g := range groupRows(rows, by, limit) {
		weights := make([]float64, len(g.rows))
		order := make([]int, len(g.rows))
		weight := weightOf(c.name, g.rows)
		for i, r := range g.rows {
			weights[i], order[i] = weight(r.values), i
		}
		slices.SortStableFunc(order, func(a, b int) int { return compare(weights[a], weights[b]) })
		ranked := make([]row, len(order))
		for i, at := range order {
			ranked[i] = g.rows[at]
		}
		var kept []row
		if rest != "" {
			kept = append(kept, sumOfRest(c.ev, g.base, ranked, k, rest))
		}
		for i := range c.ev.grid.Len() {
			for _, r := range ranked[:len(ranked)-clampInt(k[i], len(ranked))] {
				r.values[i] = math.NaN()
			}
		}
		kept = withoutEmpty(append(ranked, kept...))
		slices.Reverse(kept)
		out = append(out, kept...)
	}
	return out, nil
}

// sumOfRest is the sum of the rows that do not rank, labelled "name=value".
func sumOfRest(ev *evaluation, base row, ranked []row, k []float64, label string) row {
	name, value, found := strings.Cut(label, "=")
	if !found {
		value = name
	}
	base.set(name, value)
	base.values = make([]float64, ev.grid.Len())
	var column []float64
	for i := range base.values {
		column = columnAt(column, ranked[:len(ranked)-clampInt(k[i], len(ranked))], i)
		base.values[i] = math.NaN()
		if len(column) > 0 {
			base.values[i] = sum(column)
		}
	}
	return base
}

// weightOf finds what rows of a group are ranked by.
func weightOf(name string, rows []row) func([]float64) float64 {
	if name == "outliersk" { // distance from the others
		var column []float64
		medians := make([]float64, len(rows[0].values))
		for i := range medians {
			column = columnAt(column, rows, i)
			medians[i] = quantile(0.5, column)
		}
		return func(v []float64) float64 {
			d := 0.0
			for i := range v {
				d += (v[i] - medians[i]) * (v[i] - medians[i])
			}
			return d
		}
	}
	_, of, _ := strings.Cut(name, "_")
	return func(v []float64) float64 {
		present := make([]float64, 0, len(v))
		for _, x := range v {
			if !math.IsNaN(x) {
				present = append(present, x)
			}
		}
		switch of {
		case "avg":
			return mean(present)
		case "min":
			return least(present)
		case "max":
			return most(present)
		case "median":
			return quantile(0.5, present)
		}
		return last(present)
	}
}

// aggregateLimit keeps k rows of each group, the same ones each time and no
// neighbours: those whose labels have the least hash.
func aggregateLimit(c *call, by grouping, limit int) ([]row, error) {
	if err := c.takes(2, 2); err != nil {
		return nil, err
	}
	k, err := c.whole(0)
	if err != nil {
		return nil, err
	}
	rows, err := c.rows(1)
	if err != nil {
		return nil, err
	}
	var out []row
	for _, g := range groupRows(rows, by, limit) {
		slices.SortStableFunc(g.rows, func(a, b row) int { return cmp.Compare(hashOf(&a), hashOf(&b)) })
		out = append(out, g.rows[:max(0, min(k, len(g.rows)))]...)
	}
	return out, nil
}

func hashOf(r *row) uint64 {
	h := fnv.New64a()
	h.Write([]byte(r.key(anyLabel)))
	return h.Sum64()
}

// aggregateOutliers keeps the rows that leave, at least once, the range in which
// their group lies.
func aggregateOutliers(c *call, by grouping, limit int) ([]row, error) {
	args := 1
	if c.name == "outliers_mad" {
		args = 2
	}
	if err := c.takes(args, args); err != nil {
		return nil, err
	}
	tolerance := []float64(nil)
	if args == 2 {
		var err error
		if tolerance, err = c.scalar(0); err != nil {
			return nil, err
		}
	}
	rows, err := c.rows(args - 1)
	if err != nil {
		return nil, err
	}
	var out []row
	var column []float64
	for _, g := range groupRows(rows, by, limit) {
		low, high := make([]float64, c.ev.grid.Len()), make([]float64, c.ev.grid.Len())
		for i := range low {
			column = columnAt(column, g.rows, i)
			if tolerance == nil {
				low[i], high[i] = fences(column)
				continue
			}
			median, reach := quantile(0.5, column), tolerance[i]*medianDeviation(column)
			low[i], high[i] = median-reach, median+reach
		}
		for _, r := range g.rows {
			for i, v := range r.values {
				if v < low[i] || v > high[i] {
					out = append(out, r)
					break
				}
			}
		}
	}
	return out, nil
}
