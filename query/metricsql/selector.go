package metricsql

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	mql "github.com/VictoriaMetrics/metricsql"

	"github.com/whippet-obs/whippet/store"
)

// Selector reads a series selector such as m{a="b"} into the filters that its
// "or" parts are.
func Selector(text string) ([]store.Filter, error) {
	expr, err := parse(text)
	if err != nil {
		return nil, err
	}
	m, ok := expr.(*mql.MetricExpr)
	if !ok {
		return nil, &SyntaxError{text, 0, fmt.Sprintf("want a series selector such as up{host=\"a\"}, found %q", text)}
	}
	filter, err := filterOf(m)
	if err != nil {
		return nil, &SyntaxError{text, -1, err.Error()}
	}
	return filter.Args, nil
}

// Selectors reads the selectors in a query into a filter that any of them passes.
func Selectors(text string) (store.Filter, error) {
	any := store.Filter{Op: store.Or}
	expr, err := parse(text)
	if err != nil {
		return any, err
	}
	mql.VisitAll(expr, func(e mql.Expr) {
		if m, ok := e.(*mql.MetricExpr); ok && err == nil {
			var f store.Filter
			f, err = filterOf(m)
			any.Args = append(any.Args, f)
		}
	})
	if err != nil {
		return any, &SyntaxError{text, -1, err.Error()}
	}
	return any, nil
}

// filterOf is the filter of a selector: any of its "or" parts.
func filterOf(m *mql.MetricExpr) (store.Filter, error) {
	filter := store.Filter{Op: store.Or}
	for _, matchers := range m.LabelFilterss {
		f, err := conjunction(matchers)
		if err != nil {
			return filter, err
		}
		filter.Args = append(filter.Args, f)
	}
	if len(filter.Args) == 0 {
		return filter, fmt.Errorf("a selector needs a name or a matcher")
	}
	return filter, nil
}

// conjunction is the filter of matchers that must all hold.
func conjunction(matchers []mql.LabelFilter) (store.Filter, error) {
	all := store.Filter{Op: store.And}
	for _, m := range matchers {
		f, err := matcherOf(m)
		if err != nil {
			return f, err
		}
		if m.IsNegative {
			f = store.Filter{Op: store.Not, Args: []store.Filter{f}}
		}
		all.Args = append(all.Args, f)
	}
	return all, nil
}

// matcherOf is the filter of one matcher, before its negation.
func matcherOf(m mql.LabelFilter) (store.Filter, error) {
	if m.Label == "__graphite__" {
		re, err := graphitePattern(m.Value)
		return store.Filter{Op: store.MatchNameRegexp, Regexp: re}, err
	}
	if m.Label == nameLabel && !m.IsRegexp {
		return nameFilter(m.Value), nil
	}
	if !m.IsRegexp {
		if m.Value == "" {
			return absent(m.Label), nil
		}
		exact := store.Filter{Op: store.MatchTag, Value: m.Label + ":" + m.Value}
		if m.Value == "true" {
			return store.Filter{Op: store.Or, Args: []store.Filter{exact, {Op: store.MatchTag, Value: m.Label}}}, nil
		}
		return exact, nil
	}
	re, err := regexp.Compile("^(?:" + m.Value + ")$")
	if err != nil {
		return store.Filter{}, fmt.Errorf("label %s: %w", m.Label, err)
	}
	if m.Label == nameLabel {
		return store.Filter{Op: store.MatchNameRegexp, Regexp: re}, nil
	}
	f := store.Filter{Op: store.MatchValueRegexp, Key: m.Label, Regexp: re}
	if re.MatchString("") {
		return store.Filter{Op: store.Or, Args: []store.Filter{f, absent(m.Label)}}, nil
	}
	return f, nil
}

func absent(label string) store.Filter {
	return store.Filter{Op: store.Not, Args: []store.Filter{{Op: store.MatchKey, Key: label}}}
}

// nameFilter matches a metric by its name or by its name as Prometheus would
// have it, with '_' for every '.'.
func nameFilter(name string) store.Filter {
	if !strings.Contains(name, "_") || !utf8.ValidString(name) { // no such name is kept
		return store.Filter{Op: store.MatchName, Value: name}
	}
	return store.Filter{Op: store.MatchNameAlias, Value: name}
}

// graphitePattern reads a Graphite path expression: * and ? stay within one
// dotted part, {a,b} is a choice and [abc] a set.
func graphitePattern(path string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteByte('^')
	choices := 0
	for _, c := range path {
		switch c {
		case '*':
			b.WriteString("[^.]*")
		case '?':
			b.WriteString("[^.]")
		case '{':
			choices++
			b.WriteString("(?:")
		case '}':
			choices--
			b.WriteByte(')')
		case ',':
			if choices > 0 {
				b.WriteByte('|')
			} else {
				b.WriteByte(',')
			}
		case '[', ']', '-':
			b.WriteRune(c)
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	b.WriteByte('$')
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("__graphite__ %q: %w", path, err)
	}
	return re, nil
}
