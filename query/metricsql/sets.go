package metricsql

import (
	"math"
	"slices"
)

// setOperation keeps rows, or values, of the left by what the right has.
func setOperation(op string, left, right []row, m matching) []row {
	lefts, order := byKey(left, m)
	rights, more := byKey(right, m)
	// partners are the rows of the right that match a key. A single number
	// matches any, for the operators that PromQL does not have.
	partners := func(key string) ([]row, bool) {
		at, ok := rights[key]
		if !ok && op != "and" && op != "unless" && isScalar(right) {
			return right, true
		}
		rows := make([]row, len(at))
		for i, a := range at {
			rows[i] = right[a]
		}
		return rows, ok
	}
	if op == "or" {
		return or(left, right, lefts, rights, more)
	}
	if op == "default" && len(left) == 0 {
		return right
	}
	var out []row
	for _, key := range order {
		others, ok := partners(key)
		for _, at := range lefts[key] {
			l := left[at]
			switch {
			case !ok && (op == "and" || op == "if"):
				continue
			case ok:
				for i, v := range l.values {
					other := firstAt(others, i)
					switch op {
					case "and", "if":
						if math.IsNaN(other) {
							l.values[i] = math.NaN()
						}
					case "unless", "ifnot":
						if !math.IsNaN(other) {
							l.values[i] = math.NaN()
						}
					case "default":
						if math.IsNaN(v) {
							l.values[i] = other
						}
					}
				}
				if op != "default" && empty(l.values) {
					continue
				}
			}
			out = append(out, l)
		}
	}
	return out
}

// firstAt is the first value that any of rows has at i.
func firstAt(rows []row, i int) float64 {
	for _, r := range rows {
		if !math.IsNaN(r.values[i]) {
			return r.values[i]
		}
	}
	return math.NaN()
}

// or is the rows of the left, then those of the right where nothing of the left
// matches. A row that both sides have is one in the result.
func or(left, right []row, lefts, rights map[string][]int, order []string) []row {
	for _, key := range order {
		for _, l := range lefts[key] {
			if empty(left[l].values) {
				continue
			}
			same := left[l].key(anyLabel)
			for _, r := range rights[key] {
				l, r := &left[l], &right[r]
				merge := r.key(anyLabel) == same
				for i := range l.values {
					if math.IsNaN(l.values[i]) {
						if merge {
							l.values[i], r.values[i] = r.values[i], math.NaN()
						}
						continue
					}
					r.values[i] = math.NaN()
				}
			}
		}
	}
	slices.SortStableFunc(left, byLabels)
	slices.SortStableFunc(right, byLabels)
	return append(withoutEmpty(left), withoutEmpty(right)...)
}
