package metricsql

import (
	"math"
	"slices"
	"strings"

	mql "github.com/VictoriaMetrics/metricsql"
)

// binary evaluates an operator on two results.
func (ev *evaluation) binary(e *mql.BinaryOpExpr) ([]row, error) {
	left, err := ev.eval(e.Left)
	if err != nil {
		return nil, err
	}
	right, err := ev.eval(e.Right)
	if err != nil {
		return nil, err
	}
	op := strings.ToLower(e.Op)
	matching := matchingOf(e)
	switch op {
	case "and", "or", "unless", "default", "if", "ifnot":
		return ev.setOperation(op, left, right, matching, ev.isScalar(e.Right)), nil
	}
	compute, compares := operatorOf(op)
	if compute == nil {
		return nil, ev.fail("the operator %s is not supported", e.Op)
	}
	leftScalar, rightScalar := ev.isScalar(e.Left), ev.isScalar(e.Right)
	apply := func(l, r row, out row) row {
		out.values = make([]float64, len(l.values))
		for i := range out.values {
			a, b := l.values[i], r.values[i]
			switch {
			case !compares:
				out.values[i] = compute(a, b)
			case e.Bool:
				out.values[i] = math.NaN()
				if !math.IsNaN(a) {
					out.values[i] = compute(a, b)
				}
			case compute(a, b) == 1:
				out.values[i] = a
				if leftScalar && !rightScalar {
					out.values[i] = b
				}
			default:
				out.values[i] = math.NaN()
			}
		}
		if !(e.KeepMetricNames || compares && !e.Bool) {
			out.name = ""
		}
		return out
	}
	var rows []row
	switch {
	case leftScalar && len(left) == 1:
		for _, r := range right {
			rows = append(rows, apply(left[0], r, r))
		}
	case rightScalar && len(right) == 1:
		for _, l := range left {
			rows = append(rows, apply(l, right[0], l))
		}
	default:
		return ev.join(e, left, right, matching, apply)
	}
	return rows, nil
}

// matchingOf says which labels two rows must share.
func matchingOf(e *mql.BinaryOpExpr) func(string) bool {
	labels := e.GroupModifier.Args
	switch strings.ToLower(e.GroupModifier.Op) {
	case "on":
		return func(name string) bool { return slices.Contains(labels, name) }
	case "ignoring":
		return func(name string) bool { return !slices.Contains(labels, name) }
	}
	return all
}

// join pairs the rows of both sides by the labels they share.
func (ev *evaluation) join(e *mql.BinaryOpExpr, left, right []row, matching func(string) bool, apply func(l, r, out row) row) ([]row, error) {
	join := strings.ToLower(e.JoinModifier.Op)
	byKey := map[string][]row{}
	one, many := right, left
	if join == "group_right" {
		one, many = left, right
	}
	for _, r := range one {
		key := r.key(matching)
		if same := byKey[key]; len(same) > 0 && overlap(same[0], r) {
			return nil, ev.fail("%s: several series on the \"one\" side match {%s}: use on(), ignoring() or an aggregate so that one is left", e.Op, readable(r, matching))
		}
		byKey[key] = append(byKey[key], r)
	}
	taken := map[string]row{}
	var rows []row
	for _, m := range many {
		key := m.key(matching)
		for _, o := range byKey[key] {
			if join == "" {
				if before, ok := taken[key]; ok && overlap(before, m) {
					return nil, ev.fail("%s: several series match {%s} on both sides: use group_left() or group_right()", e.Op, readable(m, matching))
				}
				taken[key] = m
			}
			l, r := m, o
			if join == "group_right" {
				l, r = o, m
			}
			out := row{name: m.name, labels: m.labels}
			if join == "" {
				out.labels = slices.DeleteFunc(slices.Clone(m.labels), func(label Label) bool { return e.GroupModifier.Op != "" && !matching(label.Name) })
			}
			prefix := ""
			if e.JoinModifierPrefix != nil {
				prefix = e.JoinModifierPrefix.S
			}
			for _, name := range e.JoinModifier.Args {
				if name == "*" {
					for _, label := range o.labels {
						out.set(prefix+label.Name, label.Value)
					}
					continue
				}
				out.set(prefix+name, o.label(name))
			}
			rows = append(rows, apply(l, r, out))
		}
	}
	return rows, nil
}

// overlap reports whether two rows have a value at the same time.
func overlap(a, b row) bool {
	for i := range a.values {
		if !math.IsNaN(a.values[i]) && !math.IsNaN(b.values[i]) {
			return true
		}
	}
	return false
}

func readable(r row, keep func(string) bool) string {
	var parts []string
	for _, l := range r.labels {
		if keep(l.Name) {
			parts = append(parts, l.Name+"=\""+l.Value+"\"")
		}
	}
	return strings.Join(parts, ",")
}

// setOperation keeps rows, or values, of the left by what the right has.
func (ev *evaluation) setOperation(op string, left, right []row, matching func(string) bool, scalar bool) []row {
	byKey := map[string][]row{}
	for _, r := range right {
		byKey[r.key(matching)] = append(byKey[r.key(matching)], r)
	}
	// has reports whether the right has a value that matches l at i.
	partners := func(l row) []row {
		if scalar {
			return right
		}
		return byKey[l.key(matching)]
	}
	valueAt := func(rows []row, i int) float64 {
		for _, r := range rows {
			if !math.IsNaN(r.values[i]) {
				return r.values[i]
			}
		}
		return math.NaN()
	}
	var rows []row
	seen := map[string]bool{}
	for _, l := range left {
		p := partners(l)
		seen[l.key(matching)] = true
		out := l
		out.values = slices.Clone(l.values)
		for i := range out.values {
			other := valueAt(p, i)
			switch op {
			case "and", "if":
				if math.IsNaN(other) {
					out.values[i] = math.NaN()
				}
			case "unless", "ifnot":
				if !math.IsNaN(other) {
					out.values[i] = math.NaN()
				}
			case "default":
				if math.IsNaN(out.values[i]) {
					out.values[i] = other
				}
			}
		}
		rows = append(rows, out)
	}
	if op == "or" || op == "default" {
		for _, r := range right {
			if !seen[r.key(matching)] && (op == "or" || !scalar || len(left) == 0) {
				rows = append(rows, r)
			} else if op == "or" {
				rows = append(rows, r.without(left, matching))
			}
		}
	}
	return rows
}

// without drops the values at times where a matching row has one.
func (r row) without(rows []row, matching func(string) bool) row {
	r.values = slices.Clone(r.values)
	for _, o := range rows {
		if o.key(matching) != r.key(matching) {
			continue
		}
		for i := range r.values {
			if !math.IsNaN(o.values[i]) {
				r.values[i] = math.NaN()
			}
		}
	}
	return r
}

// operatorOf finds an arithmetic or comparing operator.
func operatorOf(op string) (compute func(a, b float64) float64, compares bool) {
	truth := func(holds func(a, b float64) bool) (func(a, b float64) float64, bool) {
		return func(a, b float64) float64 {
			if holds(a, b) {
				return 1
			}
			return 0
		}, true
	}
	switch op {
	case "+":
		return func(a, b float64) float64 { return a + b }, false
	case "-":
		return func(a, b float64) float64 { return a - b }, false
	case "*":
		return func(a, b float64) float64 { return a * b }, false
	case "/":
		return func(a, b float64) float64 { return a / b }, false
	case "%":
		return math.Mod, false
	case "^":
		return math.Pow, false
	case "atan2":
		return math.Atan2, false
	case "==":
		return truth(func(a, b float64) bool { return a == b })
	case "!=":
		return truth(func(a, b float64) bool { return a != b })
	case ">":
		return truth(func(a, b float64) bool { return a > b })
	case "<":
		return truth(func(a, b float64) bool { return a < b })
	case ">=":
		return truth(func(a, b float64) bool { return a >= b })
	case "<=":
		return truth(func(a, b float64) bool { return a <= b })
	}
	return nil, false
}
