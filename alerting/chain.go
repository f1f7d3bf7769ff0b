package alerting

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// chain is a query of the form that service checks and events have:
//
//	"postgres.can_connect".over("env:prod").by("host").last(4).count_by_status()
//	events("source:nagios").rollup("count").last("5m") > 3
type chain struct {
	head  string // "events"; "" when it begins with a text
	first string // the text
	links []link
	rest  string // behind the last link: " > 3"
}

// link is a call. A number is kept as it was written.
type link struct {
	name string
	args []string
	at   int // offset of the name
}

// chainError is a mistake in a chain.
type chainError struct {
	at   int
	text string
}

func (e *chainError) Error() string { return fmt.Sprintf("at character %d: %s", e.at+1, e.text) }

const maxLinks = 32

// parseChain reads text. Which links there may be is the caller's to say.
func parseChain(text string) (*chain, error) {
	p := &chainParser{text: text}
	c := &chain{}
	if len(text) > 16<<10 {
		return nil, p.wrong("longer than %d bytes", 16<<10)
	}
	p.blank()
	var args []string
	var err error
	if c.head = p.name(); c.head != "" {
		if args, err = p.args(); err == nil && len(args) != 1 {
			err = p.wrong("%s takes one text in quotation marks", c.head)
		}
	} else {
		var first string
		first, err = p.quoted()
		args = []string{first}
	}
	if err != nil {
		return nil, err
	}
	c.first = args[0]
	for p.blank(); p.at < len(text) && text[p.at] == '.'; p.blank() {
		p.at++
		l := link{at: p.at, name: p.name()}
		if l.name == "" || len(c.links) == maxLinks {
			return nil, p.wrong("want a call such as by(\"host\")")
		}
		if l.args, err = p.args(); err != nil {
			return nil, err
		}
		c.links = append(c.links, l)
	}
	c.rest = strings.TrimSpace(text[p.at:])
	return c, nil
}

type chainParser struct {
	text string
	at   int
}

func (p *chainParser) wrong(format string, args ...any) *chainError {
	return &chainError{p.at, fmt.Sprintf(format, args...)}
}

func (p *chainParser) blank() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *chainParser) name() string {
	start := p.at
	for p.at < len(p.text) && (p.text[p.at] == '_' || p.text[p.at] >= 'a' && p.text[p.at] <= 'z') {
		p.at++
	}
	return p.text[start:p.at]
}

// quoted reads a text in quotation marks of either kind; a backslash takes the
// character behind it as it is.
func (p *chainParser) quoted() (string, error) {
	if p.at == len(p.text) || p.text[p.at] != '"' && p.text[p.at] != '\'' {
		return "", p.wrong("want a text in quotation marks")
	}
	mark := p.text[p.at]
	var b strings.Builder
	for i := p.at + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == mark:
			p.at = i + 1
			return b.String(), nil
		case c == '\\' && i+1 < len(p.text):
			i++
			b.WriteByte(p.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.wrong("the quotation mark is never closed")
}

// args reads "(a, "b", 4)".
func (p *chainParser) args() (args []string, err error) {
	p.blank()
	if p.at == len(p.text) || p.text[p.at] != '(' {
		return nil, p.wrong("want ( and the arguments")
	}
	p.at++
	for {
		p.blank()
		switch rest := p.text[p.at:]; {
		case rest == "":
			return nil, p.wrong("the bracket is never closed")
		case rest[0] == ')':
			p.at++
			return args, nil
		case rest[0] == ',' && len(args) > 0:
			p.at++
		case rest[0] == '"' || rest[0] == '\'':
			text, err := p.quoted()
			if err != nil {
				return nil, err
			}
			args = append(args, text)
		default:
			end := strings.IndexAny(rest, ",) \t\r\n")
			if end < 0 {
				end = len(rest)
			}
			if _, err := strconv.ParseFloat(rest[:end], 64); err != nil {
				return nil, p.wrong("want a number, or a text in quotation marks")
			}
			args = append(args, rest[:end])
			p.at += end
		}
	}
}

// check refuses links that aren't allowed, or that stand twice.
func (c *chain) check(allowed ...string) error {
	seen := map[string]bool{}
	for _, l := range c.links {
		if !slices.Contains(allowed, l.name) {
			return &chainError{l.at, fmt.Sprintf("there is no %q here: allowed are %s", l.name, strings.Join(allowed, ", "))}
		}
		if seen[l.name] {
			return &chainError{l.at, fmt.Sprintf("%s stands twice", l.name)}
		}
		seen[l.name] = true
	}
	return nil
}

// of returns the arguments of the call name. Lists such as by("a,b") come
// apart.
func (c *chain) of(name string) (args []string, found bool) {
	for _, l := range c.links {
		if l.name != name {
			continue
		}
		for _, arg := range l.args {
			for part := range strings.SplitSeq(arg, ",") {
				if part = strings.TrimSpace(part); part != "" {
					args = append(args, part)
				}
			}
		}
		return args, true
	}
	return nil, false
}
