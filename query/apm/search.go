// Package apm asks about traces: it reads the language that spans are searched
// in, and works out what services did from the metrics and edges that ingest
// makes of spans.
//
//	filter, err := apm.ParseSearch(`service:shop-web status:error @duration:>100ms`)
//	services, err := apm.Services(ctx, engine, apm.Scope{Env: "prod"}, from, to)
package apm

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/store/span"
)

// SyntaxError says where a search can't be read.
type SyntaxError struct {
	Offset  int // bytes into the search
	Message string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at offset %d", e.Message, e.Offset) }

// maxTerms and maxDepth bound a search.
const (
	maxTerms = 200
	maxDepth = 50
)

// ParseSearch reads a search as Datadog's trace explorer has it:
//
//	service:shop-web env:prod            fields that every span has
//	@http.status_code:500 team:core      tags, with or without @
//	resource_name:"GET /item/:id"        a value in quotes is taken as it is
//	service:shop-*                       * stands for any text, ? for a letter
//	@duration:>100ms @http.status_code:[500 TO 599]
//	-status:ok   NOT env:dev             what must not be
//	(a:1 OR b:2) AND c:(x OR y)          OR binds less than AND, which may be left out
//	checkout                             a word within service, operation or resource
//
// An empty search and * find every span.
func ParseSearch(text string) (span.Filter, error) {
	p := &parser{text: text}
	f, err := p.or("", 0)
	if err != nil {
		return span.Filter{}, err
	}
	if p.skip(); p.at < len(text) {
		return span.Filter{}, p.bad("a ) without its (")
	}
	return f, nil
}

type parser struct {
	text  string
	at    int
	terms int
}

func (p *parser) bad(format string, args ...any) error {
	return &SyntaxError{Offset: p.at, Message: fmt.Sprintf(format, args...)}
}

func (p *parser) skip() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// word takes a keyword, which must stand alone.
func (p *parser) word(keyword string) bool {
	rest := p.text[p.at:]
	if !strings.HasPrefix(rest, keyword) || len(rest) > len(keyword) && strings.IndexByte(" \t\r\n(", rest[len(keyword)]) < 0 {
		return false
	}
	p.at += len(keyword)
	return true
}

// or reads alternatives up to a ) or the end. key is the field when they stand
// in the parentheses of one.
func (p *parser) or(key string, depth int) (span.Filter, error) {
	if depth > maxDepth {
		return span.Filter{}, p.bad("parentheses nested more than %d deep", maxDepth)
	}
	var args []span.Filter
	for {
		f, err := p.and(key, depth)
		if err != nil {
			return f, err
		}
		args = append(args, f)
		if p.skip(); !p.word("OR") {
			break
		}
	}
	if len(args) == 1 {
		return args[0], nil
	}
	return span.Filter{Op: span.Or, Args: args}, nil
}

func (p *parser) and(key string, depth int) (span.Filter, error) {
	var args []span.Filter
	for {
		p.skip()
		if p.at == len(p.text) || p.text[p.at] == ')' {
			break
		}
		start := p.at
		if p.word("OR") {
			p.at = start
			break
		}
		if p.word("AND") {
			continue
		}
		f, err := p.factor(key, depth)
		if err != nil {
			return f, err
		}
		if f.Op != span.All {
			args = append(args, f)
		}
	}
	switch len(args) {
	case 0:
		return span.Filter{}, nil
	case 1:
		return args[0], nil
	}
	return span.Filter{Op: span.And, Args: args}, nil
}

func (p *parser) factor(key string, depth int) (span.Filter, error) {
	if p.terms++; p.terms > maxTerms {
		return span.Filter{}, p.bad("more than %d terms", maxTerms)
	}
	negated := false
	if p.word("NOT") {
		negated = true
		p.skip()
	} else if p.text[p.at] == '-' && key == "" {
		negated = true
		p.at++
	}
	f, err := p.term(key, depth)
	if err == nil && negated {
		f = span.Filter{Op: span.Not, Args: []span.Filter{f}}
	}
	return f, err
}

func (p *parser) term(key string, depth int) (span.Filter, error) {
	if p.at < len(p.text) && p.text[p.at] == '(' {
		p.at++
		f, err := p.or(key, depth+1)
		if err != nil {
			return f, err
		}
		if p.skip(); p.at == len(p.text) || p.text[p.at] != ')' {
			return f, p.bad("a ( without its )")
		}
		p.at++
		return f, nil
	}
	if key != "" {
		return p.value(key)
	}
	start := p.at
	if name, ok := p.name(); ok {
		if p.at < len(p.text) && p.text[p.at] == '(' {
			return p.term(fieldOf(name), depth)
		}
		return p.value(fieldOf(name))
	}
	p.at = start
	word, quoted, err := p.literal()
	if err != nil {
		return span.Filter{}, err
	}
	if word == "" {
		return span.Filter{}, p.bad("want a term such as service:web")
	}
	if word == "*" && !quoted {
		return span.Filter{}, nil
	}
	within := "*" + word + "*"
	return span.Filter{Op: span.Or, Args: []span.Filter{
		{Op: span.Glob, Field: span.FieldResource, Value: within}, {Op: span.Glob, Field: span.FieldService, Value: within}, {Op: span.Glob, Field: span.FieldOperation, Value: within},
	}}, nil
}

// name reads "key:".
func (p *parser) name() (string, bool) {
	start := p.at
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == ':' && p.at > start:
			p.at++
			return p.text[start : p.at-1], true
		case strings.IndexByte(" \t\r\n()\":", c) >= 0:
			return "", false
		}
		p.at++
	}
	return "", false
}

// fields are the names that people use for what every span has.
var fields = map[string]string{
	"name": span.FieldOperation, "operation": span.FieldOperation, "resource": span.FieldResource, "error": span.FieldStatus,
	"duration": span.FieldDuration, "@duration": span.FieldDuration, "@trace_id": span.FieldTrace, "@span_id": span.FieldSpan, "@_trace_id": span.FieldTrace,
	"@resource_name": span.FieldResource, "@operation_name": span.FieldOperation, "@service": span.FieldService, "@env": span.FieldEnv,
}

func fieldOf(name string) string {
	if field, ok := fields[name]; ok {
		return field
	}
	return strings.TrimPrefix(name, "@")
}

// value reads what a field is compared with.
func (p *parser) value(field string) (span.Filter, error) {
	if p.at == len(p.text) {
		return span.Filter{}, p.bad("want a value behind %s:", field)
	}
	switch c := p.text[p.at]; c {
	case '>', '<':
		p.at++
		inclusive := p.at < len(p.text) && p.text[p.at] == '='
		if inclusive {
			p.at++
		}
		n, err := p.number(field)
		if err != nil {
			return span.Filter{}, err
		}
		f := span.Filter{Op: span.Compare, Field: field, Min: math.Inf(-1), Max: math.Inf(1)}
		switch {
		case c == '>' && inclusive:
			f.Min = n
		case c == '>':
			f.Min = math.Nextafter(n, math.Inf(1))
		case inclusive:
			f.Max = n
		default:
			f.Max = math.Nextafter(n, math.Inf(-1))
		}
		return f, nil
	case '[':
		return p.between(field)
	}
	at := p.at
	text, quoted, err := p.literal()
	if err != nil {
		return span.Filter{}, err
	}
	switch {
	case text == "" && !quoted:
		return span.Filter{}, p.bad("want a value behind %s:", field)
	case text == "*" && !quoted:
		return span.Filter{Op: span.Exists, Field: field}, nil
	case field == span.FieldDuration:
		n, ok := duration(text)
		if !ok {
			p.at = at
			return span.Filter{}, p.bad("duration: want a time such as 100ms or nanoseconds, got %q", text)
		}
		return span.Filter{Op: span.Compare, Field: field, Min: n, Max: n}, nil
	case field == span.FieldStatus && (text == "true" || text == "1"):
		text = "error" // error:true
	case field == span.FieldStatus && (text == "false" || text == "0"):
		text = "ok"
	case strings.ContainsAny(text, "*?") && !quoted:
		return span.Filter{Op: span.Glob, Field: field, Value: text}, nil
	}
	return span.Filter{Op: span.Equal, Field: field, Value: text}, nil
}

// between reads [a TO b], where * is no bound.
func (p *parser) between(field string) (span.Filter, error) {
	start := p.at
	end := strings.IndexByte(p.text[p.at:], ']')
	low, high, ok := "", "", false
	if end > 0 {
		low, high, ok = strings.Cut(p.text[p.at+1:p.at+end], " TO ")
	}
	if !ok {
		return span.Filter{}, p.bad("want a range such as [500 TO 599]")
	}
	p.at += end + 1
	f := span.Filter{Op: span.Compare, Field: field, Min: math.Inf(-1), Max: math.Inf(1)}
	for _, b := range []struct {
		text string
		to   *float64
	}{{strings.TrimSpace(low), &f.Min}, {strings.TrimSpace(high), &f.Max}} {
		if b.text == "*" {
			continue
		}
		n, ok := numberOf(field, b.text)
		if !ok {
			p.at = start
			return f, p.bad("want a range of numbers such as [500 TO 599], got %q", b.text)
		}
		*b.to = n
	}
	return f, nil
}

func (p *parser) number(field string) (float64, error) {
	at := p.at
	text, _, err := p.literal()
	if err != nil {
		return 0, err
	}
	n, ok := numberOf(field, text)
	if !ok {
		p.at = at
		return 0, p.bad("want a number behind %s, got %q", field, text)
	}
	return n, nil
}

func numberOf(field, text string) (float64, bool) {
	if field == span.FieldDuration {
		return duration(text)
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && !math.IsNaN(n)
}

// duration reads nanoseconds, or a number with a unit.
func duration(text string) (float64, bool) {
	if n, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(n) {
		return n, true
	}
	d, err := time.ParseDuration(text)
	return float64(d), err == nil
}

// literal reads a word or a text in quotes.
func (p *parser) literal() (text string, quoted bool, err error) {
	if p.at < len(p.text) && p.text[p.at] == '"' {
		var b strings.Builder
		for i := p.at + 1; i < len(p.text); i++ {
			switch c := p.text[i]; {
			case c == '\\' && i+1 < len(p.text):
				i++
				b.WriteByte(p.text[i])
			case c == '"':
				p.at = i + 1
				return b.String(), true, nil
			default:
				b.WriteByte(c)
			}
		}
		return "", true, p.bad(`a " without its end`)
	}
	var b strings.Builder
	for p.at < len(p.text) {
		c := p.text[p.at]
		if strings.IndexByte(" \t\r\n()\"", c) >= 0 {
			break
		}
		if c == '\\' && p.at+1 < len(p.text) {
			p.at++
			c = p.text[p.at]
		}
		b.WriteByte(c)
		p.at++
	}
	return b.String(), false, nil
}
