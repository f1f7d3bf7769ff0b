package metricsql

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	mql "github.com/VictoriaMetrics/metricsql"
)

// call evaluates a function that is not an aggregate.
func (ev *evaluation) call(e *mql.FuncExpr) ([]row, error) {
	name := strings.ToLower(e.Name)
	if mql.IsRollupFunc(name) {
		rows, err := ev.callRollup(name, e.Args)
		return rows, err
	}
	if fn := valueFunction(name); fn != nil {
		if len(e.Args) != 1 {
			return nil, ev.fail("%s takes one argument, found %d", name, len(e.Args))
		}
		rows, err := ev.eval(e.Args[0])
		if err != nil {
			return nil, err
		}
		return each(rows, e.KeepMetricNames || keepsName(name), fn), nil
	}
	switch name {
	case "time":
		return ev.times(func(ms int64) float64 { return float64(ms) / 1000 }), nil
	case "start":
		return ev.constant(float64(ev.grid.Start) / 1000), nil
	case "end":
		return ev.constant(float64(ev.grid.End) / 1000), nil
	case "step":
		return ev.constant(float64(ev.grid.Step) / 1000), nil
	case "pi":
		return ev.constant(math.Pi), nil
	case "vector", "union":
		return ev.union(e.Args)
	case "scalar":
		rows, err := ev.args(e, 1)
		if err != nil {
			return nil, err
		}
		if len(rows) != 1 {
			return ev.constant(math.NaN()), nil
		}
		return []row{{values: rows[0].values}}, nil
	case "absent":
		rows, err := ev.args(e, 1)
		return ev.absentOver(rows), err
	case "minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year":
		return ev.calendar(e, name)
	case "clamp", "clamp_min", "clamp_max", "round":
		return ev.bounded(e, name)
	case "sort", "sort_desc", "sort_by_label", "sort_by_label_desc":
		return ev.sorted(e, name)
	case "histogram_quantile":
		return ev.histogramQuantile(e)
	case "keep_last_value", "keep_next_value", "interpolate", "running_sum", "running_avg", "running_min", "running_max",
		"range_sum", "range_avg", "range_min", "range_max", "range_first", "range_last", "range_median", "remove_resets":
		rows, err := ev.args(e, 1)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			rows[i].values = slices.Clone(rows[i].values)
			overRow(name, rows[i].values)
			if !strings.HasPrefix(name, "keep") && name != "interpolate" && !e.KeepMetricNames {
				rows[i].name = ""
			}
		}
		return rows, nil
	case "range_quantile":
		if len(e.Args) != 2 {
			return nil, ev.fail("range_quantile takes a quantile and a query")
		}
		phi, err := ev.number(e.Args[0], name)
		if err != nil {
			return nil, err
		}
		rows, err := ev.eval(e.Args[1])
		for i := range rows {
			v := quantile(phi, sortedCopy(dropNaN(rows[i].values)))
			rows[i].values, rows[i].name = ev.constant(v)[0].values, ""
		}
		return rows, err
	}
	if strings.HasPrefix(name, "label_") || name == "drop_common_labels" || name == "alias" {
		return ev.relabel(e, name)
	}
	return nil, ev.fail("the function %s is not supported", e.Name)
}

// callRollup finds the series among a rollup function's arguments; the others
// are numbers.
func (ev *evaluation) callRollup(name string, args []mql.Expr) ([]row, error) {
	series := 0
	if strings.HasPrefix(name, "quantile_over") && len(args) == 2 {
		series = 1
	}
	if len(args) <= series {
		return nil, ev.fail("%s needs a series", name)
	}
	var numbers []float64
	for i, a := range args {
		if i == series {
			continue
		}
		n, err := ev.number(a, name)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return ev.rollup(name, args[series], numbers)
}

// args evaluates a function's only argument.
func (ev *evaluation) args(e *mql.FuncExpr, n int) ([]row, error) {
	if len(e.Args) != n {
		return nil, ev.fail("%s takes %d argument(s), found %d", e.Name, n, len(e.Args))
	}
	return ev.eval(e.Args[0])
}

func each(rows []row, keepName bool, fn func(float64) float64) []row {
	out := make([]row, len(rows))
	for i, r := range rows {
		out[i] = r
		if !keepName {
			out[i].name = ""
		}
		out[i].values = make([]float64, len(r.values))
		for j, v := range r.values {
			out[i].values[j] = fn(v)
		}
	}
	return out
}

func keepsName(name string) bool {
	return slices.Contains([]string{"ceil", "floor", "round", "clamp", "clamp_min", "clamp_max", "keep_last_value", "keep_next_value", "interpolate"}, name)
}

// valueFunction finds a function of single values; nil when there is none.
func valueFunction(name string) func(float64) float64 {
	switch name {
	case "abs":
		return math.Abs
	case "ceil":
		return math.Ceil
	case "floor":
		return math.Floor
	case "exp":
		return math.Exp
	case "ln":
		return math.Log
	case "log2":
		return math.Log2
	case "log10":
		return math.Log10
	case "sqrt":
		return math.Sqrt
	case "sin":
		return math.Sin
	case "cos":
		return math.Cos
	case "tan":
		return math.Tan
	case "asin":
		return math.Asin
	case "acos":
		return math.Acos
	case "atan":
		return math.Atan
	case "sinh":
		return math.Sinh
	case "cosh":
		return math.Cosh
	case "tanh":
		return math.Tanh
	case "asinh":
		return math.Asinh
	case "acosh":
		return math.Acosh
	case "atanh":
		return math.Atanh
	case "deg":
		return func(v float64) float64 { return v * 180 / math.Pi }
	case "rad":
		return func(v float64) float64 { return v * math.Pi / 180 }
	case "sgn":
		return func(v float64) float64 {
			switch {
			case v > 0:
				return 1
			case v < 0:
				return -1
			}
			return v
		}
	}
	return nil
}

func (ev *evaluation) times(fn func(ms int64) float64) []row {
	rows := ev.constant(0)
	for i := range rows[0].values {
		rows[0].values[i] = fn(ev.grid.Start + int64(i)*ev.grid.Step)
	}
	return rows
}

// union evaluates several expressions to one list; of rows with the same labels
// the first stays.
func (ev *evaluation) union(args []mql.Expr) ([]row, error) {
	var rows []row
	seen := map[string]bool{}
	for _, a := range args {
		more, err := ev.eval(a)
		if err != nil {
			return nil, err
		}
		for _, r := range more {
			if key := r.name + "\x02" + r.key(all); !seen[key] {
				seen[key] = true
				rows = append(rows, r)
			}
		}
	}
	return rows, nil
}

// calendar gives a part of the UTC date of the values, or of the timestamps.
func (ev *evaluation) calendar(e *mql.FuncExpr, part string) ([]row, error) {
	rows := ev.times(func(ms int64) float64 { return float64(ms) / 1000 })
	if len(e.Args) > 0 {
		var err error
		if rows, err = ev.args(e, 1); err != nil {
			return nil, err
		}
	}
	return each(rows, false, func(v float64) float64 {
		if math.IsNaN(v) || math.Abs(v) > 1e12 {
			return math.NaN()
		}
		t := time.Unix(int64(v), 0).UTC()
		switch part {
		case "minute":
			return float64(t.Minute())
		case "hour":
			return float64(t.Hour())
		case "day_of_week":
			return float64(t.Weekday())
		case "day_of_month":
			return float64(t.Day())
		case "day_of_year":
			return float64(t.YearDay())
		case "days_in_month":
			return float64(time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day())
		case "month":
			return float64(t.Month())
		}
		return float64(t.Year())
	}), nil
}

// bounded is clamp and round, whose further arguments are numbers.
func (ev *evaluation) bounded(e *mql.FuncExpr, name string) ([]row, error) {
	want := map[string]int{"clamp": 3, "clamp_min": 2, "clamp_max": 2}[name]
	if name == "round" {
		want = max(1, min(2, len(e.Args)))
	}
	if len(e.Args) != want {
		return nil, ev.fail("%s takes %d arguments, found %d", name, want, len(e.Args))
	}
	rows, err := ev.eval(e.Args[0])
	if err != nil {
		return nil, err
	}
	var numbers []float64
	for _, a := range e.Args[1:] {
		n, err := ev.number(a, name)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return each(rows, true, func(v float64) float64 {
		switch name {
		case "clamp":
			return max(numbers[0], min(numbers[1], v))
		case "clamp_min":
			return max(numbers[0], v)
		case "clamp_max":
			return min(numbers[0], v)
		}
		if len(numbers) == 1 && numbers[0] != 0 {
			return math.Round(v/numbers[0]) * numbers[0]
		}
		return math.Floor(v + 0.5)
	}), nil
}

// sorted orders rows by their last value, or by labels.
func (ev *evaluation) sorted(e *mql.FuncExpr, name string) ([]row, error) {
	if len(e.Args) == 0 {
		return nil, ev.fail("%s needs a query", name)
	}
	rows, err := ev.eval(e.Args[0])
	if err != nil {
		return nil, err
	}
	var labels []string
	for _, a := range e.Args[1:] {
		label, err := ev.stringOf(a, name)
		if err != nil {
			return nil, err
		}
		labels = append(labels, label)
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		c := 0
		if strings.HasPrefix(name, "sort_by") {
			for _, l := range labels {
				c = cmp.Or(c, cmp.Compare(a.label(l), b.label(l)))
			}
		} else {
			c = cmp.Compare(a.values[len(a.values)-1], b.values[len(b.values)-1])
		}
		if strings.HasSuffix(name, "desc") {
			c = -c
		}
		return c
	})
	return rows, nil
}

// overRow changes a row's values in place, each by those before or after it.
func overRow(name string, v []float64) {
	switch name {
	case "keep_last_value":
		for i := 1; i < len(v); i++ {
			if math.IsNaN(v[i]) {
				v[i] = v[i-1]
			}
		}
	case "keep_next_value":
		for i := len(v) - 2; i >= 0; i-- {
			if math.IsNaN(v[i]) {
				v[i] = v[i+1]
			}
		}
	case "interpolate":
		last := -1
		for i := range v {
			if math.IsNaN(v[i]) {
				continue
			}
			for j := last + 1; last >= 0 && j < i; j++ {
				v[j] = v[last] + (v[i]-v[last])*float64(j-last)/float64(i-last)
			}
			last = i
		}
	case "remove_resets":
		copy(v, withoutResets(v))
	default:
		kind, of, _ := strings.Cut(name, "_")
		present := dropNaN(v)
		if kind == "range" {
			value := math.NaN()
			if len(present) > 0 {
				value = rangeValue(of, present)
			}
			for i := range v {
				v[i] = value
			}
			return
		}
		var seen []float64
		for i := range v {
			if !math.IsNaN(v[i]) {
				seen = append(seen, v[i])
				v[i] = rangeValue(of, seen)
			}
		}
	}
}

func rangeValue(of string, v []float64) float64 {
	switch of {
	case "sum":
		return sum(v)
	case "avg":
		return mean(v)
	case "min":
		return least(v)
	case "max":
		return most(v)
	case "first":
		return v[0]
	case "median":
		return quantile(0.5, sortedCopy(v))
	}
	return last(v)
}

func dropNaN(v []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(v), math.IsNaN)
}

// relabel evaluates the label_ functions.
func (ev *evaluation) relabel(e *mql.FuncExpr, name string) ([]row, error) {
	if len(e.Args) == 0 {
		return nil, ev.fail("%s needs a query", name)
	}
	rows, err := ev.eval(e.Args[0])
	if err != nil {
		return nil, err
	}
	args := make([]string, len(e.Args)-1)
	for i, a := range e.Args[1:] {
		if args[i], err = ev.stringOf(a, name); err != nil {
			return nil, err
		}
	}
	pairs := len(args)%2 == 0
	switch {
	case name == "label_set" && pairs:
		eachPair(rows, args, func(r *row, label, value string) { r.set(label, value) })
	case name == "label_copy" && pairs, name == "label_move" && pairs:
		eachPair(rows, args, func(r *row, from, to string) {
			if v := r.label(from); v != "" {
				r.set(to, v)
				if name == "label_move" {
					r.set(from, "")
				}
			}
		})
	case name == "label_del":
		for i := range rows {
			for _, label := range args {
				rows[i].set(label, "")
			}
		}
	case name == "label_keep":
		for i := range rows {
			rows[i].labels = slices.DeleteFunc(slices.Clone(rows[i].labels), func(l Label) bool { return !slices.Contains(args, l.Name) })
			if !slices.Contains(args, nameLabel) {
				rows[i].name = ""
			}
		}
	case name == "label_join" && len(args) >= 2:
		for i := range rows {
			var values []string
			for _, label := range args[2:] {
				values = append(values, rows[i].label(label))
			}
			rows[i].set(args[0], strings.Join(values, args[1]))
		}
	case name == "label_replace" && len(args) == 4:
		re, err := regexp.Compile("^(?:" + args[3] + ")$")
		if err != nil {
			return nil, ev.fail("label_replace: %v", err)
		}
		for i := range rows {
			value := rows[i].label(args[2])
			if m := re.FindStringSubmatchIndex(value); m != nil {
				rows[i].set(args[0], string(re.ExpandString(nil, args[1], value, m)))
			}
		}
	case name == "label_value" && len(args) == 1:
		for i := range rows {
			v, err := strconv.ParseFloat(rows[i].label(args[0]), 64)
			if err != nil {
				v = math.NaN()
			}
			rows[i] = each(rows[i:i+1], false, func(old float64) float64 {
				if math.IsNaN(old) {
					return old
				}
				return v
			})[0]
		}
	case name == "alias" && len(args) == 1:
		for i := range rows {
			rows[i].name = args[0]
		}
	default:
		return nil, ev.fail("%s is not supported with %d arguments", name, len(e.Args))
	}
	return rows, nil
}

func eachPair(rows []row, args []string, fn func(r *row, a, b string)) {
	for i := range rows {
		for j := 0; j+1 < len(args); j += 2 {
			fn(&rows[i], args[j], args[j+1])
		}
	}
}

// histogramQuantile estimates a quantile from cumulative buckets, whose upper
// bounds are in the label le.
func (ev *evaluation) histogramQuantile(e *mql.FuncExpr) ([]row, error) {
	if len(e.Args) != 2 {
		return nil, ev.fail("histogram_quantile takes a quantile and a query")
	}
	phi, err := ev.number(e.Args[0], "histogram_quantile")
	if err != nil {
		return nil, err
	}
	rows, err := ev.eval(e.Args[1])
	if err != nil {
		return nil, err
	}
	type bucket struct {
		bound float64
		row   row
	}
	groups := map[string][]bucket{}
	var order []string
	for _, r := range rows {
		bound, err := strconv.ParseFloat(r.label("le"), 64)
		if err != nil {
			continue
		}
		key := r.key(func(name string) bool { return name != "le" })
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], bucket{bound, r})
	}
	var out []row
	for _, key := range order {
		buckets := groups[key]
		slices.SortFunc(buckets, func(a, b bucket) int { return cmp.Compare(a.bound, b.bound) })
		r := buckets[0].row
		r.name = ""
		r.set("le", "")
		r.values = make([]float64, ev.grid.Len())
		for i := range r.values {
			bounds, counts := make([]float64, len(buckets)), make([]float64, len(buckets))
			for j, b := range buckets {
				bounds[j], counts[j] = b.bound, b.row.values[i]
			}
			r.values[i] = bucketQuantile(phi, bounds, counts)
		}
		out = append(out, r)
	}
	return out, nil
}

// bucketQuantile interpolates within the bucket where the quantile lies. counts
// are cumulative.
func bucketQuantile(phi float64, bounds, counts []float64) float64 {
	total, before := 0.0, 0.0
	for i, c := range counts {
		if math.IsNaN(c) || c < before {
			counts[i] = before
		}
		before = counts[i]
	}
	if total = before; total == 0 || math.IsNaN(phi) {
		return math.NaN()
	}
	rank := max(0, min(1, phi)) * total
	lower, below := 0.0, 0.0
	for i, upper := range bounds {
		if counts[i] >= rank {
			switch {
			case math.IsInf(upper, 1):
				return lower
			case counts[i] == below:
				return upper
			case i == 0 && upper <= 0:
				return upper
			}
			return lower + (upper-lower)*(rank-below)/(counts[i]-below)
		}
		lower, below = upper, counts[i]
	}
	return lower
}
