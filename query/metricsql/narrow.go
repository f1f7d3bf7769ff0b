package metricsql

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	mql "github.com/VictoriaMetrics/metricsql"
)

// operands evaluates both sides of an operator. What one side turns out to have
// narrows the selectors of the other, so that series which can't match are not
// read: of "rate(errors) * on(pod) group_left(node) kube_pod_info" only the pods
// with errors are looked up.
func (ev *evaluation) operands(e *mql.BinaryOpExpr) (left, right []row, err error) {
	if !narrows(e) {
		if left, err = ev.eval(e.Left); err != nil {
			return nil, nil, err
		}
		right, err = ev.eval(e.Right)
		return left, right, err
	}
	first, second := e.Left, e.Right
	turned := false
	if op := strings.ToLower(e.Op); op == "and" || op == "if" || e.FillLeft != nil {
		first, second, turned = e.Right, e.Left, true
	}
	a, err := ev.eval(first)
	if err != nil {
		return nil, nil, err
	}
	var b []row
	if len(a) > 0 {
		second = mql.PushdownBinaryOpFilters(second, mql.TrimFiltersByGroupModifier(commonFilters(a), e))
		if b, err = ev.eval(second); err != nil {
			return nil, nil, err
		}
	}
	if turned {
		return b, a, nil
	}
	return a, b, nil
}

// narrows reports whether the rows of one side of e say which of the other can
// matter.
func narrows(e *mql.BinaryOpExpr) bool {
	op := strings.ToLower(e.Op)
	ungrouped := func(e mql.Expr) bool {
		a, ok := e.(*mql.AggrFuncExpr)
		return ok && len(a.Modifier.Args) == 0
	}
	return op != "or" && op != "default" && !ungrouped(e.Left) && !ungrouped(e.Right) && (e.FillLeft == nil || e.FillRight == nil)
}

// maxNarrowing bounds the values that a filter made of a result may list.
const maxNarrowing = 100

// commonFilters matches the labels that all rows have. A label with several
// values, shown joined by commas, can't be matched as one.
func commonFilters(rows []row) []mql.LabelFilter {
	var filters []mql.LabelFilter
	for _, l := range rows[0].labels {
		values := map[string]bool{}
		for i := range rows {
			v := rows[i].label(l.Name)
			values[v] = true
			if v == "" || strings.Contains(v, ",") || len(values) > maxNarrowing {
				values = nil
				break
			}
		}
		switch len(values) {
		case 0:
		case 1:
			filters = append(filters, mql.LabelFilter{Label: l.Name, Value: rows[0].label(l.Name)})
		default:
			sorted := slices.Sorted(maps.Keys(values))
			for i, v := range sorted {
				sorted[i] = regexp.QuoteMeta(v)
			}
			filters = append(filters, mql.LabelFilter{Label: l.Name, Value: strings.Join(sorted, "|"), IsRegexp: true})
		}
	}
	return filters
}
