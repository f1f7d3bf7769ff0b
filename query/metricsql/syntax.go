package metricsql

import (
	"math"
	"slices"
	"strconv"
	"strings"

	mql "github.com/VictoriaMetrics/metricsql"
)

// Syntax is the tree of a query as Prometheus' parse_query tells it: objects with a
// "type". What MetricsQL has beyond PromQL is told with the types there are; a text
// is as MetricsQL's parser understands it, so that a comparison of numbers, say, is
// the number it comes to.
func Syntax(text string) (any, error) {
	if v, err := parseVerdict(text); err != nil || v != nil {
		if err != nil {
			return nil, err
		}
		return nil, v.within(text, &SyntaxError{v.inner, 0, "a query that is judged has no tree that PromQL could tell"})
	}
	e, err := parse(text)
	if err != nil {
		return nil, err
	}
	return syntaxOf(e, instantStep), nil
}

type object = map[string]any

func syntaxOf(e mql.Expr, step int64) any {
	switch e := e.(type) {
	case *mql.NumberExpr:
		return object{"type": "numberLiteral", "val": numberText(e.N)}
	case *mql.DurationExpr:
		return object{"type": "numberLiteral", "val": numberText(float64(e.Duration(step)) / 1000)}
	case *mql.StringExpr:
		return object{"type": "stringLiteral", "val": e.S}
	case *mql.MetricExpr:
		return selectorSyntax(e, nil, step)
	case *mql.RollupExpr:
		return rollupSyntax(e, step)
	case *mql.BinaryOpExpr:
		return binarySyntax(e, step)
	case *mql.AggrFuncExpr:
		return aggregationSyntax(e, step)
	case *mql.FuncExpr:
		if e.Name == "" && len(e.Args) == 1 {
			return object{"type": "parenExpr", "expr": syntaxOf(e.Args[0], step)}
		}
		return object{"type": "call", "args": syntaxesOf(e.Args, step), "func": object{
			"name": e.Name, "argTypes": typesOf(e.Args), "variadic": 0, "returnType": typeOf(e),
		}}
	}
	return object{"type": "parenExpr", "expr": nil}
}

func syntaxesOf(list []mql.Expr, step int64) []any {
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = syntaxOf(e, step)
	}
	return out
}

// typeOf is PromQL's type of an expression.
func typeOf(e mql.Expr) string {
	if r, ok := e.(*mql.RollupExpr); ok && r.Window != nil {
		return "matrix"
	}
	if _, ok := e.(*mql.StringExpr); ok {
		return "string"
	}
	if givesScalar(e) {
		return "scalar"
	}
	return "vector"
}

func typesOf(list []mql.Expr) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = typeOf(e)
	}
	return out
}

// selectorSyntax is a selector, with the offset and window of r, if there is one.
// Its "or" parts are told as one list.
func selectorSyntax(m *mql.MetricExpr, r *mql.RollupExpr, step int64) object {
	name, matchers := "", []object{}
	for _, part := range m.LabelFilterss {
		for _, f := range part {
			how := "="
			switch {
			case f.IsRegexp && f.IsNegative:
				how = "!~"
			case f.IsRegexp:
				how = "=~"
			case f.IsNegative:
				how = "!="
			}
			if f.Label == nameLabel && how == "=" && name == "" {
				name = f.Value
			}
			matchers = append(matchers, object{"name": f.Label, "type": how, "value": f.Value})
		}
	}
	o := object{"type": "vectorSelector", "name": name, "matchers": matchers}
	shifted(o, r, step)
	if r != nil && r.Window != nil {
		o["type"], o["range"] = "matrixSelector", r.Window.Duration(step)
	}
	return o
}

// shifted adds what offset and @ say.
func shifted(o object, r *mql.RollupExpr, step int64) {
	o["offset"], o["timestamp"], o["startOrEnd"] = int64(0), nil, nil
	if r == nil {
		return
	}
	if r.Offset != nil {
		o["offset"] = r.Offset.Duration(step)
	}
	switch at := r.At.(type) {
	case *mql.NumberExpr:
		o["timestamp"] = int64(math.Round(at.N * 1000))
	case *mql.FuncExpr:
		if name := strings.ToLower(at.Name); name == "start" || name == "end" {
			o["startOrEnd"] = name
		}
	}
}

func rollupSyntax(r *mql.RollupExpr, step int64) any {
	if m, ok := r.Expr.(*mql.MetricExpr); ok && !r.ForSubquery() {
		return selectorSyntax(m, r, step)
	}
	o := object{"type": "subquery", "expr": syntaxOf(r.Expr, step), "range": int64(0), "step": int64(0)}
	if r.Window != nil {
		o["range"] = r.Window.Duration(step)
	}
	if r.Step != nil {
		o["step"] = r.Step.Duration(step)
	}
	shifted(o, r, step)
	return o
}

func binarySyntax(e *mql.BinaryOpExpr, step int64) object {
	o := object{
		"type": "binaryExpr", "op": e.Op, "lhs": syntaxOf(e.Left, step), "rhs": syntaxOf(e.Right, step), "bool": e.Bool, "matching": nil,
	}
	if givesScalar(e.Left) || givesScalar(e.Right) {
		return o
	}
	card := "one-to-one"
	switch op := strings.ToLower(e.Op); {
	case slices.Contains([]string{"and", "or", "unless"}, op):
		card = "many-to-many"
	case strings.EqualFold(e.JoinModifier.Op, "group_left"):
		card = "many-to-one"
	case strings.EqualFold(e.JoinModifier.Op, "group_right"):
		card = "one-to-many"
	}
	o["matching"] = object{
		"card": card, "labels": append([]string{}, e.GroupModifier.Args...), "on": strings.EqualFold(e.GroupModifier.Op, "on"),
		"include": append([]string{}, e.JoinModifier.Args...),
	}
	return o
}

func aggregationSyntax(e *mql.AggrFuncExpr, step int64) object {
	o := object{
		"type": "aggregation", "op": e.Name, "expr": nil, "param": nil,
		"grouping": append([]string{}, e.Modifier.Args...), "without": strings.EqualFold(e.Modifier.Op, "without"),
	}
	if n := len(e.Args); n > 0 {
		o["expr"] = syntaxOf(e.Args[n-1], step)
		if n > 1 {
			o["param"] = syntaxOf(e.Args[0], step)
		}
	}
	return o
}

func numberText(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
