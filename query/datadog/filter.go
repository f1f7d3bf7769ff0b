package datadog

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/store"
)

// filter reads what stands between the braces of a term:
//
//	"*" | tag | !tag | tag, tag | tag AND tag | tag OR tag | NOT tag | key IN (value, ...) | key NOT IN (...) | ( ... )
//
// A comma binds like AND. Tags may hold "*" anywhere.
func (s *scanner) filter() store.Filter {
	if s.peek() == '}' {
		return store.Filter{}
	}
	return s.anyOf()
}

func (s *scanner) anyOf() store.Filter {
	defer s.enter()()
	args := []store.Filter{s.allOf()}
	for s.acceptWord("OR") {
		args = append(args, s.allOf())
	}
	return combine(store.Or, args)
}

func (s *scanner) allOf() store.Filter {
	args := []store.Filter{s.one()}
	for s.accept(",") || s.acceptWord("AND") {
		args = append(args, s.one())
	}
	return combine(store.And, args)
}

func combine(op store.FilterOp, args []store.Filter) store.Filter {
	if len(args) == 1 {
		return args[0]
	}
	return store.Filter{Op: op, Args: args}
}

func not(f store.Filter) store.Filter {
	return store.Filter{Op: store.Not, Args: []store.Filter{f}}
}

func (s *scanner) one() store.Filter {
	defer s.enter()()
	switch {
	case s.accept("!"), s.acceptWord("NOT"):
		return not(s.one())
	case s.accept("("):
		f := s.anyOf()
		s.expect(")", "to close the parenthesis")
		return f
	}
	start := s.at
	tag := s.tag()
	if tag == "" {
		s.fail(start, "want a tag such as env:prod, or *, found %s", s.found())
	}
	if s.acceptWord("IN") {
		return s.in(tag)
	}
	at := s.at
	if s.acceptWord("NOT") {
		if !s.acceptWord("IN") {
			s.fail(at, "want IN after NOT")
		}
		return not(s.in(tag))
	}
	return s.match(tag, start)
}

// match is the filter of a tag, in which template variables may stand.
func (s *scanner) match(tag string, at int) store.Filter {
	var args []store.Filter
	for _, tag := range s.expand(tag, at) {
		args = append(args, matchTag(tag))
	}
	return combine(store.Or, args)
}

// expand gives what a text stands for when its template variable is replaced:
// one text per value. $name gives whole tags, $name.value what follows their
// colon, $name.key what precedes it.
func (s *scanner) expand(text string, at int) []string {
	from := strings.IndexByte(text, '$')
	if from < 0 {
		return []string{text}
	}
	to := from + 1
	for to < len(text) && (isNameByte(text[to]) && text[to] != '.' || text[to] == '-') {
		to++
	}
	name, rest := text[from+1:to], text[to:]
	values, known := s.variables[name]
	if !known {
		s.fail(at+from, "there is no template variable $%s%s", name, nearest(name, slices.Sorted(maps.Keys(s.variables))))
	}
	part := func(value string) string { return value }
	if after, ok := strings.CutPrefix(rest, ".value"); ok {
		rest = after
		part = func(value string) string {
			if _, v, ok := strings.Cut(value, ":"); ok {
				return v
			}
			return value
		}
	} else if after, ok := strings.CutPrefix(rest, ".key"); ok {
		rest = after
		part = func(value string) string {
			key, _, _ := strings.Cut(value, ":")
			return key
		}
	}
	if len(values) == 0 {
		values = []string{"*"}
	}
	var out []string
	for _, v := range values {
		out = append(out, text[:from]+part(v)+rest)
	}
	return out
}

// tag reads a tag up to a byte that can't belong to one.
func (s *scanner) tag() string {
	s.space()
	start := s.at
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n,{}()!", s.text[s.at]) < 0 {
		s.at++
	}
	return s.text[start:s.at]
}

// in reads the values of "key IN (a, b)".
func (s *scanner) in(key string) store.Filter {
	s.expect("(", "after IN")
	f := store.Filter{Op: store.Or}
	for {
		start := s.at
		value := s.tag()
		if value == "" {
			s.fail(start, "want a value, found %s", s.found())
		}
		f.Args = append(f.Args, s.match(key+":"+value, start))
		if len(f.Args) > 1000 {
			s.fail(start, "more than 1000 values")
		}
		if !s.accept(",") {
			break
		}
	}
	s.expect(")", "to close the values")
	return f
}

func matchTag(tag string) store.Filter {
	if tag == "*" {
		return store.Filter{}
	}
	if !strings.Contains(tag, "*") {
		return store.Filter{Op: store.MatchTag, Value: store.NormalizeTag(tag)}
	}
	parts := strings.Split(tag, "*")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(store.NormalizeTag(part))
	}
	pattern := regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
	if key, _, ok := strings.Cut(tag, ":"); ok && !strings.Contains(key, "*") {
		// All tags that match have this key, so only its values are tried.
		value := strings.TrimPrefix(strings.Join(parts, ".*"), regexp.QuoteMeta(store.NormalizeTag(key+":")))
		return store.Filter{Op: store.MatchValueRegexp, Key: store.NormalizeTag(key), Regexp: regexp.MustCompile("^" + value + "$")}
	}
	return store.Filter{Op: store.MatchTagRegexp, Regexp: pattern}
}
