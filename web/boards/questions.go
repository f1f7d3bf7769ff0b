package boards

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/whippet-obs/whippet/query/chart"
)

// Request is one request of a widget, in either form: the query itself, or named
// queries and formulas over them.
type Request struct {
	Q           string `json:"q"`
	DisplayType string `json:"display_type"` // line, area or bars
	Type        string `json:"type"`         // the same, of timeboards' graphs
	Queries     []struct {
		Name       string `json:"name"`
		DataSource string `json:"data_source"`
		Query      string `json:"query"`
	} `json:"queries"`
	Formulas []struct {
		Formula string `json:"formula"`
	} `json:"formulas"`
}

// Questions is what the request asks, in the query language, one for each line
// or formula. Pages put a formula together in the same way.
func (r *Request) Questions() ([]string, error) {
	if r.Q != "" {
		return []string{r.Q}, nil
	}
	byName := map[string]string{}
	var names []string
	for _, q := range r.Queries {
		if q.DataSource != "" && q.DataSource != "metrics" {
			return nil, fmt.Errorf("data_source %q is not one of metrics", q.DataSource)
		}
		if q.Query != "" {
			byName[q.Name] = q.Query
			names = append(names, q.Name)
		}
	}
	if len(r.Formulas) > 0 {
		names = names[:0]
		for _, f := range r.Formulas {
			names = append(names, f.Formula)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("want q, or queries")
	}
	questions := make([]string, len(names))
	for i, formula := range names {
		questions[i] = FormulaText(formula, byName)
	}
	return questions, nil
}

var (
	nameOrText = regexp.MustCompile(`'[^']*'|[A-Za-z_]\w*`)
	quoted     = regexp.MustCompile(`'[^']*'`)
)

// FormulaText puts the queries into a formula in the place of their names.
func FormulaText(formula string, queries map[string]string) string {
	if alone, ok := queries[strings.TrimSpace(formula)]; ok {
		return alone
	}
	arithmetic := strings.ContainsAny(quoted.ReplaceAllString(formula, ""), "+-*/")
	return nameOrText.ReplaceAllStringFunc(formula, func(name string) string {
		query, ok := queries[name]
		switch {
		case !ok:
			return name
		case arithmetic:
			return "(" + query + ")"
		}
		return query
	})
}

// Marker is a line across a graph: "y > 500", "y = 15", "0 < y < 20".
type Marker struct {
	Value       string `json:"value"`
	DisplayType string `json:"display_type"`
	Label       string `json:"label"`
}

var single = regexp.MustCompile(`(?i)^\s*y\s*(=|[<>]=?)\s*(-?[\d.]+(?:e[+-]?\d+)?)\s*$`)

// Thresholds is the markers that say where something is wrong.
func Thresholds(markers []Marker) []chart.Threshold {
	var out []chart.Threshold
	for _, m := range markers {
		found := single.FindStringSubmatch(m.Value)
		if found == nil {
			continue
		}
		value, err := strconv.ParseFloat(found[2], 64)
		if err != nil {
			continue
		}
		t := chart.Threshold{Value: value, Label: m.Label, Below: strings.HasPrefix(found[1], "<")}
		switch {
		case strings.Contains(m.DisplayType, "error"):
			t.Severity = chart.Alert
		case strings.Contains(m.DisplayType, "warning"):
			t.Severity = chart.Warn
		default:
			continue // a line that says nothing is wrong has no place among thresholds
		}
		out = append(out, t)
	}
	return out
}
