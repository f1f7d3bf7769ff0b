// Package search is the language in which people find events and monitors:
//
//	source:nagios status:(error OR warning) -env:test "disk full"
//
// Words side by side must all be found; AND, OR, NOT (or a minus), and brackets
// combine. "key:value" asks for an attribute or a tag, a bare word or a quoted
// text for words anywhere. * stands for any characters. Case doesn't matter.
//
//	q, err := search.Parse(text)
//	q.Match(func(t search.Term) bool { ... })
package search

import (
	"fmt"
	"slices"
	"strings"
)

// Query is a parsed search. The zero Query matches everything.
type Query struct{ root *node }

// Term is one thing that is asked for. Both parts are in lower case.
type Term struct {
	Key   string // "" of a bare word
	Value string // may hold * for any characters
}

// Error is a search that can't be read.
type Error struct {
	Offset int // in bytes
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("search: at character %d: %s", e.Offset+1, e.Text) }

const (
	maxText  = 4096 // bytes
	maxDepth = 32
)

// node is a term, or an operation on others: all, any or none of them.
type node struct {
	op   byte // 't' term, '&', '|', '!'
	term Term
	args []*node
}

// Parse reads a search; "" and "*" match everything. The error is an *Error.
func Parse(text string) (*Query, error) {
	if len(text) > maxText {
		return nil, &Error{maxText, fmt.Sprintf("longer than %d bytes", maxText)}
	}
	p := &parser{text: text}
	p.blank()
	if p.at == len(text) {
		return &Query{}, nil
	}
	n, err := p.or("", 0)
	if err != nil {
		return nil, err
	}
	if p.at < len(text) {
		return nil, p.wrong("a bracket is closed that was never opened")
	}
	return &Query{n}, nil
}

// Match evaluates q, asking has about each term that matters.
func (q *Query) Match(has func(Term) bool) bool { return q.root == nil || q.root.match(has) }

func (n *node) match(has func(Term) bool) bool {
	switch n.op {
	case '&':
		return !slices.ContainsFunc(n.args, func(a *node) bool { return !a.match(has) })
	case '|':
		return slices.ContainsFunc(n.args, func(a *node) bool { return a.match(has) })
	case '!':
		return !n.args[0].match(has)
	}
	return n.term == Term{Value: "*"} || has(n.term)
}

type parser struct {
	text string
	at   int
}

func (p *parser) wrong(format string, args ...any) error {
	return &Error{p.at, fmt.Sprintf(format, args...)}
}

func (p *parser) blank() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n,", p.text[p.at]) >= 0 {
		p.at++
	}
}

// word takes an operator if it comes next.
func (p *parser) word(op string) bool {
	rest := p.text[p.at:]
	if len(rest) > len(op) && rest[:len(op)] == op && strings.IndexByte(" \t\r\n(", rest[len(op)]) >= 0 {
		p.at += len(op)
		p.blank()
		return true
	}
	return false
}

// or reads alternatives. key is that of "key:( ... )" around them.
func (p *parser) or(key string, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, p.wrong("brackets deeper than %d", maxDepth)
	}
	n := &node{op: '|'}
	for {
		arg, err := p.and(key, depth)
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
		if !p.word("OR") && !p.symbol("||") {
			break
		}
	}
	if len(n.args) == 1 {
		return n.args[0], nil
	}
	return n, nil
}

func (p *parser) symbol(s string) bool {
	if strings.HasPrefix(p.text[p.at:], s) {
		p.at += len(s)
		p.blank()
		return true
	}
	return false
}

func (p *parser) and(key string, depth int) (*node, error) {
	n := &node{op: '&'}
	for {
		arg, err := p.not(key, depth)
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
		p.blank()
		if p.word("AND") || p.symbol("&&") {
			continue
		}
		rest := p.text[p.at:]
		if rest == "" || rest[0] == ')' || strings.HasPrefix(rest, "||") || strings.HasPrefix(rest, "OR ") || strings.HasPrefix(rest, "OR(") {
			break
		}
	}
	if len(n.args) == 1 {
		return n.args[0], nil
	}
	return n, nil
}

func (p *parser) not(key string, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, p.wrong("deeper than %d", maxDepth)
	}
	if p.word("NOT") || p.symbol("-") || p.symbol("!") {
		arg, err := p.not(key, depth+1)
		if err != nil {
			return nil, err
		}
		return &node{op: '!', args: []*node{arg}}, nil
	}
	if p.symbol("(") {
		return p.closed(key, depth)
	}
	first, quoted, err := p.token()
	if err != nil {
		return nil, err
	}
	if quoted || p.at == len(p.text) || p.text[p.at] != ':' {
		return &node{op: 't', term: Term{key, strings.ToLower(first)}}, nil
	}
	p.at++
	p.spaces()
	if key != "" { // env:(a:b): the colon belongs to the value
		value, _, err := p.token()
		return &node{op: 't', term: Term{key, strings.ToLower(first + ":" + value)}}, err
	}
	key = strings.ToLower(first)
	if p.symbol("(") {
		return p.closed(key, depth)
	}
	value, quoted, err := p.token()
	for err == nil && !quoted && p.at < len(p.text) && p.text[p.at] == ':' {
		p.at++
		var more string
		more, _, err = p.token()
		value += ":" + more
	}
	return &node{op: 't', term: Term{key, strings.ToLower(value)}}, err
}

func (p *parser) spaces() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// closed reads what stands in brackets, the first of which is taken.
func (p *parser) closed(key string, depth int) (*node, error) {
	n, err := p.or(key, depth+1)
	if err != nil {
		return nil, err
	}
	if !p.symbol(")") {
		return nil, p.wrong("want ) to close the bracket")
	}
	return n, nil
}

// token reads a word, up to a blank, a bracket or a colon, or a quoted text.
func (p *parser) token() (text string, quoted bool, err error) {
	if p.at == len(p.text) {
		return "", false, p.wrong("want a word, found the end")
	}
	if q := p.text[p.at]; q == '"' || q == '\'' {
		end := strings.IndexByte(p.text[p.at+1:], q)
		if end < 0 {
			return "", false, p.wrong("the quotation mark is never closed")
		}
		text = p.text[p.at+1 : p.at+1+end]
		p.at += end + 2
		return text, true, nil
	}
	end := p.at
	for end < len(p.text) && strings.IndexByte(" \t\r\n,():", p.text[end]) < 0 {
		end++
	}
	if end == p.at {
		return "", false, p.wrong("want a word, found %q", p.text[p.at:p.at+1])
	}
	text = p.text[p.at:end]
	p.at = end
	return text, false, nil
}

// Like says whether text, in any case, is what pattern describes.
func Like(text, pattern string) bool {
	text, pattern = strings.ToLower(text), strings.ToLower(pattern)
	if !strings.Contains(pattern, "*") {
		return text == pattern
	}
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// Holds says whether text, in any case, contains what a bare word asks for.
func Holds(text, word string) bool {
	if strings.Contains(word, "*") {
		return Like(text, "*"+word+"*")
	}
	return strings.Contains(strings.ToLower(text), word)
}

// Tagged says whether one of tags ("key:value" or bare) is asked for by t.
func Tagged(tags []string, t Term) bool {
	want := t.Value
	if t.Key != "" && t.Key != "tag" && t.Key != "tags" {
		want = t.Key + ":" + t.Value
	}
	return slices.ContainsFunc(tags, func(tag string) bool { return Like(tag, want) })
}
