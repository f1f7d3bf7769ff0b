// Package datadog is the Datadog query language over the query engine.
//
//	q, err := datadog.Parse("avg:system.load.1{env:prod} by {host}")
//	frames, err := q.Range(ctx, engine, datadog.Options{From: from, To: to})
//
// A query is terms, functions and arithmetic:
//
//	query  := fn(query, args...) | query op query | (query) | number | term
//	term   := aggregator ":" metric "{" filter "}" ["by {" key, ... "}"] {"." method "(" args ")"}
//
// The order of work decides results, and is always the same: each series is put
// on the grid by the time aggregator, gaps of gauges are bridged, the series of
// a group are combined by the space aggregator, then come functions and
// arithmetic (https://docs.datadoghq.com/dashboards/querying/).
package datadog

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// Query is a parsed query, or several separated by commas.
type Query struct {
	text  string
	parts []node
}

// String is the text as it was given.
func (q *Query) String() string { return q.text }

// node is a part of a query.
type node interface {
	// String is the part as a person would write it.
	String() string
}

// term asks for one metric.
type term struct {
	space      string // avg, sum, min, max, count, or pNN
	percentile float64
	metric     string
	filter     store.Filter
	filterText string
	by         []string

	as      string    // "", "count" or "rate"
	rollup  string    // time aggregator; "" for the default
	every   int64     // rollup's interval, ms; 0 for the default
	days    *calendar // of a rollup by the calendar; nil otherwise
	fill    string    // "", null, zero, linear, last
	fillFor int64     // ms
}

// number is a constant.
type number float64

// binary is arithmetic on two queries.
type binary struct {
	op          byte
	left, right node
}

// call is a function of a query.
type call struct {
	fn    string
	query node
	args  []argument
}

// argument is a function's further argument.
type argument struct {
	name string // of a named one: direction='above'
	text string
	at   int // offset in the query
}

func (n number) String() string { return strconv.FormatFloat(float64(n), 'g', -1, 64) }

func (b *binary) String() string {
	return "(" + b.left.String() + " " + string(b.op) + " " + b.right.String() + ")"
}

func (c *call) String() string {
	parts := []string{c.query.String()}
	for _, a := range c.args {
		text := a.text
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			text = "'" + text + "'"
		}
		if a.name != "" {
			text = a.name + "=" + text
		}
		parts = append(parts, text)
	}
	return c.fn + "(" + strings.Join(parts, ", ") + ")"
}

func (t *term) String() string {
	var b strings.Builder
	b.WriteString(t.space + ":" + t.metric + "{" + t.filterText + "}")
	if len(t.by) > 0 {
		b.WriteString(" by {" + strings.Join(t.by, ",") + "}")
	}
	if t.as != "" {
		b.WriteString(".as_" + t.as + "()")
	}
	switch {
	case t.days != nil:
		b.WriteString(t.days.method(t.rollup))
	case t.rollup != "" && t.every > 0:
		b.WriteString(".rollup(" + t.rollup + ", " + strconv.FormatInt(t.every/1000, 10) + ")")
	case t.rollup != "":
		b.WriteString(".rollup(" + t.rollup + ")")
	case t.every > 0:
		b.WriteString(".rollup(" + strconv.FormatInt(t.every/1000, 10) + ")")
	}
	if t.fill != "" {
		b.WriteString(".fill(" + t.fill + ")")
	}
	return b.String()
}

// Parse reads a query. The error is a *SyntaxError.
func Parse(text string) (*Query, error) { return ParseWith(text, nil) }

// ParseWith is Parse for a query with template variables, as dashboards have
// them: $env stands for the tags that variables give env, such as "env:prod", and
// $env.value for what follows their colon. A variable with no tags, or "*",
// matches everything.
func ParseWith(text string, variables map[string][]string) (*Query, error) {
	q := &Query{text: text}
	err := guard(func() {
		s := &scanner{text: text, variables: variables}
		if len(text) > maxQuery {
			s.fail(maxQuery, "longer than %d bytes", maxQuery)
		}
		for {
			at := s.at
			n := s.expression(0)
			s.checkCalendar(n, at)
			q.parts = append(q.parts, n)
			if !s.accept(",") {
				break
			}
		}
		if !s.done() {
			s.fail(s.at, "want an operator, a comma or the end, found %s", s.found())
		}
	})
	if err != nil {
		return nil, err
	}
	return q, nil
}

// precedence of the operators; 0: none.
func precedence(op byte) int {
	switch op {
	case '+', '-':
		return 1
	case '*', '/':
		return 2
	}
	return 0
}

// expression reads operands joined by operators that bind tighter than least.
func (s *scanner) expression(least int) node {
	defer s.enter()()
	left := s.operand()
	for {
		op := s.peek()
		p := precedence(op)
		if p == 0 || p <= least {
			return left
		}
		at := s.at
		s.at++
		b := &binary{op, left, s.expression(p)}
		if inner := innerCall(b, judging); inner != "" {
			s.fail(at, "there is no arithmetic with %s: put it inside, as in %s(query %c 2, ...)", inner, inner, op)
		}
		left = b
	}
}

func (s *scanner) operand() node {
	switch c := s.peek(); {
	case c == '(':
		s.at++
		n := s.expression(0)
		s.expect(")", "to close the parenthesis")
		return n
	case c == '-':
		s.at++
		if n, ok := s.operand().(number); ok {
			return -n
		}
		s.fail(s.at, "\"-\" may stand before a number; to negate a query write 0 - query")
	case c >= '0' && c <= '9' || c == '.':
		return s.number()
	}
	start := s.at
	name := s.name()
	switch {
	case name == "":
		s.fail(s.at, "want a query such as avg:system.load.1{*}, a function or a number, found %s", s.found())
	case s.peek() == ':':
		s.at++
		return s.term(name, start)
	case s.peek() == '(':
		return s.call(name, start)
	case s.names != nil:
		if n, ok := s.names[name]; ok {
			return n
		}
		s.fail(start, "there is no query %q%s", name, nearest(name, slices.Sorted(maps.Keys(s.names))))
	}
	s.fail(start, "want an aggregator before the metric, such as avg:%s{*}", name)
	return nil
}

func (s *scanner) number() number {
	start := s.at
	for s.at < len(s.text) && (isNameByte(s.text[s.at]) || (s.text[s.at] == '-' || s.text[s.at] == '+') && s.text[s.at-1]|0x20 == 'e') {
		s.at++
	}
	v, err := strconv.ParseFloat(s.text[start:s.at], 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		s.fail(start, "%q is not a number", s.text[start:s.at])
	}
	return number(v)
}

var spaceAggregators = []string{"avg", "sum", "min", "max", "count", "count_values"}

func (s *scanner) term(space string, start int) node {
	t := &term{space: space}
	if !slices.Contains(spaceAggregators, space) {
		p, err := strconv.ParseFloat(strings.TrimPrefix(space, "p"), 64)
		if space[0] != 'p' || err != nil || !(p > 0 && p < 100) {
			s.fail(start, "%q is not an aggregator: allowed are avg, sum, min, max, count, count_values and percentiles such as p95%s", space, nearest(space, spaceAggregators))
		}
		t.percentile = p / 100
	}
	if t.metric = s.name(); t.metric == "" {
		s.fail(s.at, "want a metric name, found %s", s.found())
	}
	s.expect("{", "with a filter after the metric, such as {*}")
	from := s.at
	t.filter = s.filter()
	t.filterText = strings.TrimSpace(s.text[from:s.at])
	s.expect("}", "to close the filter")
	if s.acceptWord("by") {
		s.expect("{", "with tag keys after \"by\"")
		for {
			at := s.at
			key := s.until(",}")
			if key == "" || key == "*" {
				s.fail(at, "want a tag key, such as host")
			}
			for _, key := range s.expand(key, at) {
				t.by = append(t.by, store.NormalizeTag(key))
			}
			if len(t.by) > 16 {
				s.fail(at, "more than 16 tag keys")
			}
			if !s.accept(",") {
				break
			}
		}
		s.expect("}", "to close the tag keys")
	}
	for s.peek() == '.' {
		s.at++
		s.method(t)
	}
	return t
}

var methods = []string{"rollup", "as_count", "as_rate", "fill"}

func (s *scanner) method(t *term) {
	start := s.at
	name := s.name()
	if !slices.Contains(methods, name) {
		s.fail(start, "%q is not a method: allowed are rollup, as_count, as_rate, fill%s", name, nearest(name, methods))
	}
	s.expect("(", "after ."+name)
	args := s.arguments()
	switch name {
	case "as_count", "as_rate":
		if len(args) > 0 {
			s.fail(args[0].at, ".%s takes no arguments", name)
		}
		t.as = strings.TrimPrefix(name, "as_")
	case "rollup":
		s.rollup(t, args, start)
	case "fill":
		s.fill(t, args, start)
	}
}

var timeAggregators = []string{"avg", "sum", "min", "max", "count", "last"}

func (s *scanner) rollup(t *term, args []argument, start int) {
	if len(args) == 0 || len(args) > 4 {
		s.fail(start, "want .rollup(aggregator, seconds), either may be left out, with a time zone if wanted: .rollup(sum, daily, 'Europe/Berlin')")
	}
	if !isNumber(args[0].text) && !isPeriod(args[0].text) {
		t.rollup = args[0].text
		if !slices.Contains(timeAggregators, t.rollup) {
			s.fail(args[0].at, "%q is not a time aggregator: allowed are avg, sum, min, max, count, last%s", t.rollup, nearest(t.rollup, timeAggregators))
		}
		args = args[1:]
	}
	switch {
	case len(args) == 0:
		return
	case len(args) > 1 || isPeriod(args[0].text):
		t.days = s.calendar(args)
		t.every = t.days.usual()
		return
	}
	t.every = s.seconds(args[0])
}

// seconds reads whole seconds, to ms.
func (s *scanner) seconds(a argument) int64 {
	seconds, err := strconv.ParseInt(a.text, 10, 64)
	if err != nil || seconds <= 0 || seconds > 366*86400 {
		s.fail(a.at, "want whole seconds, 1 to a year, found %q", a.text)
	}
	return seconds * 1000
}

func (s *scanner) fill(t *term, args []argument, start int) {
	allowed := []string{"null", "zero", "linear", "last"}
	if len(args) == 0 || len(args) > 2 || !slices.Contains(allowed, args[0].text) {
		s.fail(start, "want .fill(null), .fill(zero), .fill(linear) or .fill(last), with seconds as a second argument if wanted")
	}
	t.fill, t.fillFor = args[0].text, defaultBridge
	if len(args) == 2 {
		seconds, err := strconv.ParseInt(args[1].text, 10, 64)
		if err != nil || seconds <= 0 || seconds > 366*86400 {
			s.fail(args[1].at, "want whole seconds, found %q", args[1].text)
		}
		t.fillFor = seconds * 1000
	}
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// arguments reads words, numbers and quoted texts up to the closing parenthesis.
func (s *scanner) arguments() []argument {
	var args []argument
	for {
		if s.accept(")") {
			return args
		}
		if len(args) > 0 {
			s.expect(",", "between arguments")
		}
		s.space()
		a := argument{at: s.at}
		a.text = s.argument()
		if s.peek() == '=' {
			s.at++
			s.space()
			a.name, a.at = a.text, s.at
			a.text = s.argument()
		}
		if args = append(args, a); len(args) > 32 {
			s.fail(a.at, "more than 32 arguments")
		}
	}
}

func (s *scanner) argument() string {
	s.space()
	if c := s.peek(); c == '\'' || c == '"' {
		start := s.at
		s.at++
		end := strings.IndexByte(s.text[s.at:], c)
		if end < 0 {
			s.fail(start, "the quote is not closed")
		}
		text := s.text[s.at : s.at+end]
		s.at += end + 1
		return text
	}
	start := s.at
	text := s.until(",)='\"({")
	if text == "" {
		s.fail(start, "want an argument, found %s", s.found())
	}
	return text
}

func (s *scanner) call(fn string, start int) node {
	known, ok := functionOf(fn)
	if !ok {
		s.fail(start, "there is no function %q%s", fn, nearest(fn, functionNames))
	}
	s.expect("(", "after the function's name")
	c := &call{fn: fn, query: s.expression(0)}
	if s.accept(",") {
		c.args = s.arguments()
	} else {
		s.expect(")", "to close "+fn)
	}
	s.refuseNested(c, start)
	if known.check == nil && len(c.args) > 0 {
		s.fail(c.args[0].at, "%s takes a query and nothing else", fn)
	}
	if known.check != nil {
		known.check(s, c, start)
	}
	return c
}

// nearest suggests the candidate closest to what was written, if one is close.
func nearest(written string, candidates []string) string {
	if near := query.Nearest(written, candidates); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}
