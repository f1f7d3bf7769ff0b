package metricsql

import (
	"math"
	"slices"
	"strings"

	mql "github.com/VictoriaMetrics/metricsql"
)

// turnComparisons writes every "number < query" as "query > number", so that a
// comparison gives the values of the query.
func turnComparisons(e mql.Expr) mql.Expr {
	mql.VisitAll(e, func(e mql.Expr) {
		b, ok := e.(*mql.BinaryOpExpr)
		if !ok || !mql.IsBinaryOpCmp(b.Op) || !isPlainNumber(b.Left) {
			return
		}
		if _, ok := b.Right.(*mql.NumberExpr); ok {
			return
		}
		b.Left, b.Right = b.Right, b.Left
		switch b.Op {
		case ">":
			b.Op = "<"
		case "<":
			b.Op = ">"
		case ">=":
			b.Op = "<="
		case "<=":
			b.Op = ">="
		}
	})
	return e
}

func isPlainNumber(e mql.Expr) bool {
	switch e := e.(type) {
	case *mql.NumberExpr:
		return true
	case *mql.FuncExpr:
		return strings.EqualFold(e.Name, "time")
	}
	return false
}

// binary evaluates an operator on two results.
func (ev *evaluation) binary(e *mql.BinaryOpExpr) ([]row, error) {
	left, right, err := ev.operands(e)
	if err != nil {
		return nil, err
	}
	op := strings.ToLower(e.Op)
	m := matchingOf(e)
	switch op {
	case "and", "or", "unless", "default", "if", "ifnot":
		return setOperation(op, left, right, m), nil
	case "==", "!=":
		if isUnion(e.Left) || isUnion(e.Right) {
			if isUnion(e.Left) {
				left, right = right, left
			}
			return oneOf(left, right, op == "=="), nil
		}
	}
	o, ok := operatorOf(op, e)
	if !ok {
		return nil, ev.fail("there is no operator %s", e.Op)
	}
	if !o.compares {
		left, right = withoutEmpty(left), withoutEmpty(right)
	}
	switch {
	case len(left) == 0 && (len(right) == 0 || e.FillLeft == nil), len(right) == 0 && e.FillRight == nil:
		return nil, nil
	case e.GroupModifier.Op == "" && e.JoinModifier.Op == "" && isScalar(left):
		for i := range right {
			o.apply(left[0].values, right[i].values, right[i].values)
			o.rename(&right[i])
		}
		return right, nil
	case e.GroupModifier.Op == "" && e.JoinModifier.Op == "" && isScalar(right):
		for i := range left {
			o.apply(left[i].values, right[0].values, left[i].values)
			o.rename(&left[i])
		}
		return left, nil
	}
	return ev.join(e, o, m, left, right)
}

// isUnion reports whether e is a list such as (1, 2, 3).
func isUnion(e mql.Expr) bool {
	f, ok := e.(*mql.FuncExpr)
	return ok && (f.Name == "" || strings.EqualFold(f.Name, "union"))
}

// oneOf keeps the values that are, or are not, in one of the rows of a list.
func oneOf(rows, list []row, keep bool) []row {
	if len(list) == 0 && keep {
		return nil
	}
	for _, r := range rows {
		for i, v := range r.values {
			if slices.ContainsFunc(list, func(l row) bool { return l.values[i] == v }) != keep {
				r.values[i] = math.NaN()
			}
		}
	}
	return rows
}

// matching says which labels two rows must share.
type matching func(label string) bool

func matchingOf(e *mql.BinaryOpExpr) matching {
	labels := e.GroupModifier.Args
	on := strings.EqualFold(e.GroupModifier.Op, "on")
	return func(name string) bool {
		if name == nameLabel && !e.KeepMetricNames {
			return false
		}
		return slices.Contains(labels, name) == on
	}
}

// operator is an arithmetic or comparing operator with its modifiers.
type operator struct {
	compute             func(a, b float64) float64
	compares, asBool    bool
	keepNames           bool
	fillLeft, fillRight *float64
	// dropsRight: a gap on the right is a value that a comparison left out, not
	// a NaN to compare with.
	dropsRight bool
}

func operatorOf(op string, e *mql.BinaryOpExpr) (operator, bool) {
	o := operator{compares: mql.IsBinaryOpCmp(op), asBool: e.Bool, keepNames: e.KeepMetricNames}
	if o.compute = arithmetic(op); o.compute == nil {
		return o, false
	}
	if e.FillLeft != nil {
		o.fillLeft = &e.FillLeft.N
	}
	if e.FillRight != nil {
		o.fillRight = &e.FillRight.N
	}
	o.dropsRight = o.compares && comparesSeries(e.Right)
	return o, true
}

// comparesSeries reports whether e is a comparison that leaves values out.
func comparesSeries(e mql.Expr) bool {
	if r, ok := e.(*mql.RollupExpr); ok && r.Window == nil {
		e = r.Expr
	}
	b, ok := e.(*mql.BinaryOpExpr)
	return ok && mql.IsBinaryOpCmp(b.Op) && !(givesScalar(b.Left) && givesScalar(b.Right))
}

// apply computes out[i] from left[i] and right[i]; out may be either.
func (o *operator) apply(left, right, out []float64) {
	for i := range out {
		a, b := left[i], right[i]
		switch noA, noB := math.IsNaN(a), math.IsNaN(b); {
		case noA && noB:
		case o.dropsRight && noB && o.fillRight == nil:
			out[i] = math.NaN()
			continue
		case noA && o.fillLeft != nil:
			a = *o.fillLeft
		case noB && o.fillRight != nil:
			b = *o.fillRight
		}
		v := o.compute(a, b)
		if o.compares {
			switch {
			case o.asBool && math.IsNaN(a):
				v = math.NaN()
			case !o.asBool && v == 1:
				v = a
			case !o.asBool:
				v = math.NaN()
			}
		}
		out[i] = v
	}
}

// rename drops the name of a result that is another metric.
func (o *operator) rename(r *row) {
	if !o.keepNames && (!o.compares || o.asBool) {
		r.name = ""
	}
}

// byKey groups rows by the labels that match.
func byKey(rows []row, m matching) (groups map[string][]int, order []string) {
	groups = make(map[string][]int, len(rows))
	for i := range rows {
		key := rows[i].key(m)
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], i)
	}
	return groups, order
}

// join pairs the rows of both sides by the labels they share.
func (ev *evaluation) join(e *mql.BinaryOpExpr, o operator, m matching, left, right []row) ([]row, error) {
	lefts, order := byKey(left, m)
	rights, more := byKey(right, m)
	if o.fillLeft != nil {
		for _, key := range more {
			if lefts[key] == nil {
				order = append(order, key)
			}
		}
	}
	pick := func(rows []row, at []int) []row {
		out := make([]row, len(at))
		for i, a := range at {
			out[i] = rows[a]
		}
		return out
	}
	filler := func(like row) []row {
		like.keepOnly(m)
		like.values = ev.blank(math.NaN())
		return []row{like}
	}
	var out []row
	for _, key := range order {
		l, r := pick(left, lefts[key]), pick(right, rights[key])
		if len(l) == 0 {
			l = filler(r[0])
		}
		if len(r) == 0 {
			if o.fillRight == nil {
				continue
			}
			r = filler(l[0])
		}
		var err error
		switch strings.ToLower(e.JoinModifier.Op) {
		case "group_left":
			out, err = ev.manyToOne(e, &o, out, l, r, "right", o.apply)
		case "group_right":
			out, err = ev.manyToOne(e, &o, out, r, l, "left", func(many, one, result []float64) { o.apply(one, many, result) })
		default:
			if l, err = ev.single(e, "left", l, m); err == nil {
				r, err = ev.single(e, "right", r, m)
			}
			if err != nil {
				return nil, err
			}
			o.rename(&l[0])
			name := l[0].name
			l[0].keepOnly(m)
			if on := strings.EqualFold(e.GroupModifier.Op, "on"); on && e.KeepMetricNames || slices.Contains(e.GroupModifier.Args, nameLabel) == on {
				l[0].name = name
			}
			o.apply(l[0].values, r[0].values, l[0].values)
			out = append(out, l[0])
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// single merges rows that follow one another in time into one.
func (ev *evaluation) single(e *mql.BinaryOpExpr, side string, rows []row, m matching) ([]row, error) {
	for len(rows) > 1 {
		if !mergeApart(rows[0].values, rows[len(rows)-1].values) {
			return nil, ev.fail("%s: several series on the %s side match {%s}: name more labels in on(), or use group_left() or group_right()",
				e.Op, side, strings.Trim(rows[0].readable(m), "{}"))
		}
		rows = rows[:len(rows)-1]
	}
	return rows, nil
}

// manyToOne joins each of many with one, or with several that the labels to be
// copied tell apart.
func (ev *evaluation) manyToOne(e *mql.BinaryOpExpr, o *operator, out, many, one []row, side string, apply func(many, one, result []float64)) ([]row, error) {
	for _, l := range many {
		o.rename(&l)
		if len(one) == 1 {
			copyLabels(e, &l, &one[0])
			apply(l.values, one[0].values, l.values)
			out = append(out, l)
			continue
		}
		index := map[string]int{}
		var made, partners []row
		for _, r := range one {
			joined := l
			copyLabels(e, &joined, &r)
			key := joined.key(anyLabel)
			at, ok := index[key]
			if !ok {
				index[key] = len(made)
				made, partners = append(made, joined), append(partners, r)
				continue
			}
			merged := slices.Clone(partners[at].values)
			if !mergeApart(merged, r.values) {
				return nil, ev.fail("%s: several series on the %s side match %s: name more labels in on(), or aggregate so that one is left",
					e.Op, side, r.readable(anyLabel))
			}
			partners[at].values = merged
		}
		for i := range made {
			made[i].values = make([]float64, len(l.values))
			apply(l.values, partners[i].values, made[i].values)
		}
		out = append(out, made...)
	}
	return out, nil
}

// copyLabels copies the labels that group_left or group_right names.
func copyLabels(e *mql.BinaryOpExpr, to, from *row) {
	prefix := ""
	if e.JoinModifierPrefix != nil {
		prefix = e.JoinModifierPrefix.S
	}
	var skip []string
	if strings.EqualFold(e.GroupModifier.Op, "on") {
		skip = e.GroupModifier.Args
	}
	for _, name := range e.JoinModifier.Args {
		if name == "*" {
			for _, l := range from.labels {
				if !slices.Contains(skip, l.Name) {
					to.set(prefix+l.Name, l.Value)
				}
			}
			continue
		}
		switch {
		case slices.Contains(skip, name):
		case name == nameLabel:
			to.name = from.name
		default:
			to.set(prefix+name, from.label(name))
		}
	}
}

// arithmetic finds what an operator computes; comparisons give 1 or 0.
func arithmetic(op string) func(a, b float64) float64 {
	switch op {
	case "+":
		return func(a, b float64) float64 { return a + b }
	case "-":
		return func(a, b float64) float64 { return a - b }
	case "*":
		return func(a, b float64) float64 { return a * b }
	case "/":
		return func(a, b float64) float64 { return a / b }
	case "%":
		return math.Mod
	case "^":
		return func(a, b float64) float64 {
			if math.IsNaN(a) {
				return a
			}
			return math.Pow(a, b)
		}
	case "atan2":
		return math.Atan2
	case "==":
		return func(a, b float64) float64 { return truth(a == b || math.IsNaN(a) && math.IsNaN(b)) }
	case "!=":
		return func(a, b float64) float64 {
			if math.IsNaN(a) {
				return truth(!math.IsNaN(b))
			}
			return truth(a != b)
		}
	case ">":
		return func(a, b float64) float64 { return truth(a > b) }
	case "<":
		return func(a, b float64) float64 { return truth(a < b) }
	case ">=":
		return func(a, b float64) float64 { return truth(a >= b) }
	case "<=":
		return func(a, b float64) float64 { return truth(a <= b) }
	}
	return nil
}
