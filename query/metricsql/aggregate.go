package metricsql

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	mql "github.com/VictoriaMetrics/metricsql"
	"gonum.org/v1/gonum/stat"
)

// group is the rows that an aggregate combines.
type group struct {
	labels []Label
	rows   []row
}

// aggregate evaluates an aggregate function.
func (ev *evaluation) aggregate(e *mql.AggrFuncExpr) ([]row, error) {
	name := strings.ToLower(e.Name)
	args := e.Args
	var parameters []mql.Expr
	switch name {
	case "topk", "bottomk", "limitk", "quantile", "count_values":
		if len(args) != 2 {
			return nil, ev.fail("%s takes two arguments, found %d", name, len(args))
		}
		parameters, args = args[:1], args[1:]
	case "quantiles":
		if len(args) < 3 {
			return nil, ev.fail("quantiles takes a label, quantiles and a query")
		}
		parameters, args = args[:len(args)-1], args[len(args)-1:]
	}
	var rows []row
	for _, a := range args {
		more, err := ev.eval(a)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	groups := groupRows(rows, e.Modifier)
	if e.Limit > 0 && len(groups) > e.Limit {
		groups = groups[:e.Limit]
	}
	switch name {
	case "topk", "bottomk", "limitk":
		k, err := ev.number(parameters[0], name)
		if err != nil {
			return nil, err
		}
		var out []row
		for _, g := range groups {
			out = append(out, chosen(name, g, int(max(0, min(k, 1e6))))...)
		}
		return out, nil
	case "any":
		var out []row
		for _, g := range groups {
			out = append(out, g.rows[0])
		}
		return out, nil
	case "count_values":
		label, err := ev.stringOf(parameters[0], name)
		if err != nil {
			return nil, err
		}
		return ev.countValues(groups, label), nil
	case "quantiles":
		label, err := ev.stringOf(parameters[0], name)
		if err != nil {
			return nil, err
		}
		var out []row
		for _, p := range parameters[1:] {
			phi, err := ev.number(p, name)
			if err != nil {
				return nil, err
			}
			for _, r := range ev.combine(groups, quantileOf(phi)) {
				r.set(label, strconv.FormatFloat(phi, 'g', -1, 64))
				out = append(out, r)
			}
		}
		return out, nil
	case "quantile":
		phi, err := ev.number(parameters[0], name)
		if err != nil {
			return nil, err
		}
		return ev.combine(groups, quantileOf(phi)), nil
	}
	fn := aggregateOf(name)
	if fn == nil {
		return nil, ev.fail("the aggregate %s is not supported", e.Name)
	}
	return ev.combine(groups, fn), nil
}

func quantileOf(phi float64) func([]float64) float64 {
	return func(v []float64) float64 { return quantile(phi, sortedCopy(v)) }
}

// aggregateOf finds a function of the values of one moment, of which there is
// at least one; nil when there is none of that name.
func aggregateOf(name string) func([]float64) float64 {
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
		return func(v []float64) float64 { return stat.PopStdDev(v, nil) }
	case "stdvar":
		return func(v []float64) float64 { return stat.PopVariance(v, nil) }
	case "median":
		return quantileOf(0.5)
	case "mode":
		return mode
	case "geomean":
		return geomean
	case "sum2":
		return func(v []float64) float64 { return sumOf(v, func(x float64) float64 { return x * x }) }
	case "distinct":
		return func(v []float64) float64 { return float64(len(slices.Compact(sortedCopy(v)))) }
	}
	return nil
}

// groupRows groups rows by the labels that by or without name, in the order of
// the groups' labels.
func groupRows(rows []row, m mql.ModifierExpr) []group {
	keep := func(string) bool { return false }
	switch strings.ToLower(m.Op) {
	case "by":
		keep = func(name string) bool { return slices.Contains(m.Args, name) }
	case "without":
		keep = func(name string) bool { return !slices.Contains(m.Args, name) }
	}
	index := map[string]int{}
	var groups []group
	for _, r := range rows {
		key := r.key(keep)
		withName := strings.EqualFold(m.Op, "by") && slices.Contains(m.Args, nameLabel)
		if withName {
			key = r.name + "\x02" + key
		}
		g, ok := index[key]
		if !ok {
			g = len(groups)
			index[key] = g
			labels := slices.DeleteFunc(slices.Clone(r.labels), func(l Label) bool { return !keep(l.Name) })
			if withName {
				labels = append([]Label{{nameLabel, r.name}}, labels...)
			}
			groups = append(groups, group{labels: labels})
		}
		groups[g].rows = append(groups[g].rows, r)
	}
	slices.SortStableFunc(groups, func(a, b group) int {
		return slices.CompareFunc(a.labels, b.labels, func(x, y Label) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Value, y.Value)) })
	})
	return groups
}

// combine computes a function of each group's values at each time.
func (ev *evaluation) combine(groups []group, fn func([]float64) float64) []row {
	out := make([]row, len(groups))
	var column []float64
	for g, group := range groups {
		r := row{labels: group.labels, values: make([]float64, ev.grid.Len())}
		if len(r.labels) > 0 && r.labels[0].Name == nameLabel {
			r.name, r.labels = r.labels[0].Value, r.labels[1:]
		}
		for i := range r.values {
			column = column[:0]
			for _, m := range group.rows {
				if !math.IsNaN(m.values[i]) {
					column = append(column, m.values[i])
				}
			}
			r.values[i] = math.NaN()
			if len(column) > 0 {
				r.values[i] = fn(column)
			}
		}
		out[g] = r
	}
	return out
}

// chosen keeps, at each time, the k rows of a group that rank first.
func chosen(name string, g group, k int) []row {
	rows := make([]row, len(g.rows))
	for i, r := range g.rows {
		rows[i] = r
		rows[i].values = slices.Clone(r.values)
	}
	if name == "limitk" {
		return rows[:min(k, len(rows))]
	}
	if len(rows) == 0 {
		return nil
	}
	order := make([]int, 0, len(rows))
	for i := range rows[0].values {
		order = order[:0]
		for r := range rows {
			if !math.IsNaN(g.rows[r].values[i]) {
				order = append(order, r)
			}
		}
		slices.SortStableFunc(order, func(a, b int) int {
			x, y := g.rows[a].values[i], g.rows[b].values[i]
			if name == "topk" {
				x, y = y, x
			}
			return cmp.Compare(x, y)
		})
		for _, r := range order[min(k, len(order)):] {
			rows[r].values[i] = math.NaN()
		}
	}
	return slices.DeleteFunc(rows, func(r row) bool {
		return !slices.ContainsFunc(r.values, func(v float64) bool { return !math.IsNaN(v) })
	})
}

// countValues counts, per distinct value, how many rows have it.
func (ev *evaluation) countValues(groups []group, label string) []row {
	var out []row
	for _, g := range groups {
		counts := map[float64][]float64{}
		for _, r := range g.rows {
			for i, v := range r.values {
				if math.IsNaN(v) {
					continue
				}
				if counts[v] == nil {
					counts[v] = ev.constant(math.NaN())[0].values
				}
				if math.IsNaN(counts[v][i]) {
					counts[v][i] = 0
				}
				counts[v][i]++
			}
		}
		values := make([]float64, 0, len(counts))
		for v := range counts {
			values = append(values, v)
		}
		slices.Sort(values)
		for _, v := range values {
			r := row{labels: g.labels, values: counts[v]}
			r.set(label, fmt.Sprint(v))
			out = append(out, r)
		}
	}
	return out
}
