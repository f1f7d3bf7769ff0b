package message

import (
	"fmt"
	"strings"
)

// Template is a parsed message, safe for concurrent use.
type Template struct {
	source string
	nodes  []node
}

// Source is the text that t was parsed from.
func (t *Template) Source() string { return t.source }

type kind uint8

const (
	literal   kind = iota // text
	variable              // name
	section               // name, args, body, other
	eval                  // expr
	localTime             // args: variable, zone
)

// node is a piece of a template.
type node struct {
	kind   kind
	offset int // of the tag, or of the text
	text   string
	name   string
	args   []string
	negate bool
	expr   *expr

	body, other []node // other is what {{else}} shows
}

// Parse reads a message of at most 20,000 bytes. The error is a *SyntaxError.
func Parse(text string) (*Template, error) {
	p := &parser{source: text}
	if len(text) > maxTemplate {
		return nil, p.wrong(maxTemplate, "a message has at most %d bytes, this one has %d", maxTemplate, len(text))
	}
	nodes, end, err := p.nodes(0)
	if err != nil {
		return nil, err
	}
	if end != nil {
		return nil, p.wrong(end.offset, "{{%s}} without a section before it", end.content)
	}
	return &Template{source: text, nodes: nodes}, nil
}

type parser struct {
	source string
	pos    int
}

// tag is what stands between {{ and }}.
type tag struct {
	offset  int
	content string
}

func (p *parser) wrong(offset int, format string, args ...any) *SyntaxError {
	e := &SyntaxError{Offset: offset, Message: fmt.Sprintf(format, args...)}
	e.Line, e.Column = position(p.source, offset)
	return e
}

// position turns an offset into a line and a column, in bytes, from 1.
func position(text string, offset int) (line, column int) {
	before := text[:min(offset, len(text))]
	return strings.Count(before, "\n") + 1, len(before) - strings.LastIndexByte(before, '\n')
}

// nodes reads up to the end, or to an {{else}} or {{/...}}, which it returns.
func (p *parser) nodes(depth int) (out []node, end *tag, err error) {
	for p.pos < len(p.source) {
		at := strings.Index(p.source[p.pos:], "{{")
		if at < 0 {
			break
		}
		if at > 0 {
			out = append(out, node{kind: literal, offset: p.pos, text: p.source[p.pos : p.pos+at]})
			p.pos += at
		}
		start := p.pos
		if raw, ok, err := p.raw(); err != nil {
			return nil, nil, err
		} else if ok {
			out = append(out, node{kind: literal, offset: start, text: raw})
			continue
		}
		t, err := p.tag()
		if err != nil {
			return nil, nil, err
		}
		first := t.content
		if first != "" {
			first = first[:1]
		}
		if strings.Contains("#^/!", first) || t.content == "else" {
			out = p.aloneOnLine(out, start)
		}
		switch {
		case t.content == "else" || first == "/":
			return out, t, nil
		case first == "!":
		case first == "#" || first == "^":
			n, err := p.section(t, depth)
			if err != nil {
				return nil, nil, err
			}
			out = append(out, n)
		default:
			n, err := p.value(t)
			if err != nil {
				return nil, nil, err
			}
			out = append(out, n)
		}
	}
	if p.pos < len(p.source) {
		out = append(out, node{kind: literal, offset: p.pos, text: p.source[p.pos:]})
		p.pos = len(p.source)
	}
	return out, nil, nil
}

// raw reads {{{{raw}}}} ... {{{{/raw}}}}.
func (p *parser) raw() (text string, ok bool, err error) {
	const opening, closing = "{{{{raw}}}}", "{{{{/raw}}}}"
	rest, ok := strings.CutPrefix(p.source[p.pos:], opening)
	if !ok {
		return "", false, nil
	}
	text, _, ok = strings.Cut(rest, closing)
	if !ok {
		return "", false, p.wrong(p.pos, "%s is never closed by %s", opening, closing)
	}
	p.pos += len(opening) + len(text) + len(closing)
	return text, true, nil
}

// tag reads {{...}} or {{{...}}}, which means the same.
func (p *parser) tag() (*tag, error) {
	opening, closing := "{{", "}}"
	if strings.HasPrefix(p.source[p.pos:], "{{{") {
		opening, closing = "{{{", "}}}"
	}
	t := &tag{offset: p.pos}
	content, _, ok := strings.Cut(p.source[p.pos+len(opening):], closing)
	if !ok {
		return nil, p.wrong(p.pos, "%s without %s after it", opening, closing)
	}
	p.pos += len(opening) + len(content) + len(closing)
	t.content = strings.TrimSpace(content)
	if strings.Contains(t.content, "{{") {
		return nil, p.wrong(t.offset, "%s without %s before the next %s", opening, closing, opening)
	}
	if t.content == "" {
		return nil, p.wrong(t.offset, "%s%s names no variable", opening, closing)
	}
	return t, nil
}

// aloneOnLine takes the blanks and the line break around a tag that has its
// line to itself, so that sections don't leave empty lines.
func (p *parser) aloneOnLine(before []node, start int) []node {
	lineStart := strings.LastIndexByte(p.source[:start], '\n') + 1
	rest := p.source[p.pos:]
	after := strings.TrimLeft(rest, " \t\r")
	if strings.TrimSpace(p.source[lineStart:start]) != "" || after != "" && after[0] != '\n' {
		return before
	}
	p.pos += len(rest) - len(after)
	if after != "" {
		p.pos++
	}
	if n := len(before); n > 0 && before[n-1].kind == literal && lineStart < start {
		last := &before[n-1]
		last.text = last.text[:max(0, lineStart-last.offset)]
	}
	return before
}

// section reads on from {{#name args}} or {{^name args}} to its end.
func (p *parser) section(t *tag, depth int) (node, error) {
	n := node{kind: section, offset: t.offset, negate: t.content[0] == '^'}
	if depth >= maxNesting {
		return n, p.wrong(t.offset, "sections can be nested %d deep", maxNesting)
	}
	words, err := p.words(t, t.content[1:])
	if err != nil {
		return n, err
	}
	if len(words) == 0 {
		return n, p.wrong(t.offset, "{{%s}} names no condition", t.content)
	}
	n.name, n.args = words[0], words[1:]
	body, end, err := p.nodes(depth + 1)
	if err != nil {
		return n, err
	}
	n.body = body
	if end != nil && end.content == "else" {
		if n.other, end, err = p.nodes(depth + 1); err != nil {
			return n, err
		}
		if end != nil && end.content == "else" {
			return n, p.wrong(end.offset, "a second {{else}} in {{%s}}", t.content)
		}
	}
	line, column := position(p.source, t.offset)
	if end == nil {
		return n, p.wrong(t.offset, "{{%s}} is never closed by {{/%s}}", t.content, n.name)
	}
	if name := strings.TrimSpace(end.content[1:]); name != n.name {
		return n, p.wrong(end.offset, "{{%s}} where {{/%s}} is due, for the section opened in line %d, column %d", end.content, n.name, line, column)
	}
	return n, nil
}

// value reads a tag that shows something.
func (p *parser) value(t *tag) (node, error) {
	n := node{kind: variable, offset: t.offset, name: plainName(t.content)}
	if !strings.ContainsAny(t.content, " \t\n\"'") {
		return n, nil
	}
	words, err := p.words(t, t.content)
	if err != nil {
		return n, err
	}
	switch {
	case words[0] == "eval":
		if len(words) != 2 {
			return n, p.wrong(t.offset, `{{eval "..."}} takes one expression in quotes`)
		}
		n.kind = eval
		if n.expr, err = parseExpr(words[1]); err != nil {
			return n, p.wrong(t.offset, "{{%s}}: %v", t.content, err)
		}
	case words[0] == "local_time":
		if len(words) != 3 {
			return n, p.wrong(t.offset, `{{local_time 'variable' 'zone'}} takes a variable and a zone in quotes`)
		}
		n.kind, n.args = localTime, words[1:]
	}
	return n, nil
}

// plainName takes the brackets from [dotted.key].name.
func plainName(name string) string {
	if rest, ok := strings.CutPrefix(name, "["); ok {
		if key, after, ok := strings.Cut(rest, "]"); ok {
			return key + after
		}
	}
	return name
}

// words splits the inside of a tag at blanks, with " and ' around words that
// have some.
func (p *parser) words(t *tag, content string) ([]string, error) {
	var out []string
	for content = strings.TrimSpace(content); content != ""; content = strings.TrimLeft(content, " \t\r\n") {
		if quote := content[0]; quote == '"' || quote == '\'' {
			word, rest, ok := strings.Cut(content[1:], string(quote))
			if !ok {
				return nil, p.wrong(t.offset, "{{%s}}: a quote is never closed", t.content)
			}
			out, content = append(out, word), rest
			continue
		}
		end := strings.IndexAny(content, " \t\r\n\"'")
		if end < 0 {
			end = len(content)
		}
		out, content = append(out, content[:end]), content[end:]
	}
	return out, nil
}
