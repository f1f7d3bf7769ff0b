package downtime

import (
	"strings"
)

// Scope chooses groups by their tags. The zero Scope chooses all.
type Scope struct{ all []matcher }

// matcher is a node of a scope's expression.
type matcher func(tags []string) bool

const (
	maxTerms = 256
	maxDepth = 32
)

// ParseScope reads scopes, all of which must match. Each is a tag ("env:prod",
// "nice_tag"), "*", or an expression: "env:(staging OR prod) AND !role:db",
// "service IN (a, b)", "env NOT IN (a, b)", with the wildcards * and ?. Commas
// and blanks between terms mean AND, which binds tighter than OR; "!", "-" and
// NOT negate. Case doesn't matter. The error is a *FieldError.
func ParseScope(scopes ...string) (Scope, error) {
	var s Scope
	terms := 0
	for _, text := range scopes {
		if strings.TrimSpace(text) == "" {
			return Scope{}, &FieldError{"scope", clip(text), `a tag such as "env:prod", or "*" for everything`}
		}
		p := scopeParser{text: text, terms: terms}
		m := p.parse()
		if p.wrong != nil {
			return Scope{}, p.wrong
		}
		terms = p.terms
		s.all = append(s.all, m)
	}
	return s, nil
}

// Match says whether a group with these tags ("key:value" or bare) is chosen. A
// key may occur with several values; one that matches is enough.
func (s Scope) Match(tags []string) bool {
	for _, m := range s.all {
		if !m(tags) {
			return false
		}
	}
	return true
}

// scopeParser reads by recursive descent:
//
//	or     = and { "OR" and }
//	and    = not { ["AND" | ","] not }
//	not    = { "!" | "-" | "NOT" } ( "(" or ")" | term )
//	term   = word | key ":(" values ")" | key ["NOT"] "IN" "(" words ")"
//	values = the same, of values instead of terms
type scopeParser struct {
	text  string
	pos   int
	depth int
	terms int
	wrong *FieldError
}

func (p *scopeParser) parse() matcher {
	if len(p.text) > maxText {
		p.fail("at most 4096 bytes")
		return nil
	}
	m := p.or("")
	if p.wrong == nil && p.peek() != "" {
		p.fail(`a tag, AND, OR or the end`)
	}
	return m
}

// fail keeps the first mistake, at the token that comes next.
func (p *scopeParser) fail(allowed string) {
	if p.wrong != nil {
		return
	}
	found := p.peek()
	if found == "" {
		found = "the end"
	}
	p.wrong = &FieldError{"scope", clip(p.text), "after " + quoteTail(p.text[:p.pos]) + ", where " + clip(found) + " stands: " + allowed}
}

func quoteTail(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return "the beginning"
	}
	if len(s) > 30 {
		s = "..." + strings.ToValidUTF8(s[len(s)-30:], "")
	}
	return `"` + s + `"`
}

// peek returns the next token without taking it: "(", ")", ",", "!", or a word.
// A minus that begins a word is "!".
func (p *scopeParser) peek() string {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
	rest := p.text[p.pos:]
	if rest == "" {
		return ""
	}
	if strings.IndexByte("(),!-", rest[0]) >= 0 {
		return rest[:1]
	}
	quoted := false
	for i := range len(rest) {
		switch {
		case rest[i] == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte(" \t\r\n(),!", rest[i]) >= 0:
			return rest[:i]
		}
	}
	return rest
}

func (p *scopeParser) accept(words ...string) bool {
	token := p.peek()
	for _, w := range words {
		if token != "" && strings.EqualFold(token, w) {
			p.pos += len(token)
			return true
		}
	}
	return false
}

// or reads an expression; with a key, one of values of that key.
func (p *scopeParser) or(key string) matcher {
	if p.depth++; p.depth > maxDepth {
		p.fail("at most 32 levels of brackets")
		return nil
	}
	defer func() { p.depth-- }()
	either := []matcher{p.and(key)}
	for p.wrong == nil && p.accept("OR", "||") {
		either = append(either, p.and(key))
	}
	if len(either) == 1 {
		return either[0]
	}
	return func(tags []string) bool {
		for _, m := range either {
			if m(tags) {
				return true
			}
		}
		return false
	}
}

func (p *scopeParser) and(key string) matcher {
	all := []matcher{p.not(key)}
	for p.wrong == nil {
		if !p.accept("AND", "&&", ",") {
			if next := p.peek(); next == "" || next == ")" || strings.EqualFold(next, "OR") || next == "||" {
				break
			}
		}
		all = append(all, p.not(key))
	}
	if len(all) == 1 {
		return all[0]
	}
	return func(tags []string) bool {
		for _, m := range all {
			if !m(tags) {
				return false
			}
		}
		return true
	}
}

func (p *scopeParser) not(key string) matcher {
	negative := false
	for p.accept("!", "-", "NOT") {
		negative = !negative
	}
	var m matcher
	if p.accept("(") {
		m = p.or(key)
		p.close()
	} else {
		m = p.term(key)
	}
	if !negative || p.wrong != nil {
		return m
	}
	return func(tags []string) bool { return !m(tags) }
}

func (p *scopeParser) close() {
	if p.wrong == nil && !p.accept(")") {
		p.fail(`")"`)
	}
}

func (p *scopeParser) term(key string) matcher {
	word := p.peek()
	for _, reserved := range []string{"", ")", ",", "AND", "OR", "IN", "&&", "||"} {
		if strings.EqualFold(word, reserved) {
			p.fail(`a tag such as "env:prod"`)
			return nil
		}
	}
	if strings.Count(word, `"`)%2 != 0 {
		p.fail(`a closing "`)
		return nil
	}
	if p.terms++; p.terms > maxTerms {
		p.fail("at most 256 tags")
		return nil
	}
	p.pos += len(word)
	word = strings.ToLower(strings.ReplaceAll(word, `"`, ""))
	if key != "" {
		return tagMatcher(key + word)
	}
	if strings.HasSuffix(word, ":") && p.accept("(") {
		m := p.or(word)
		p.close()
		return m
	}
	if strings.Contains(word, ":") {
		return tagMatcher(word)
	}
	// "key IN (...)" and "key NOT IN (...)": look ahead for the IN.
	start := p.pos
	negative := p.accept("NOT")
	if !p.accept("IN") {
		p.pos = start
		return tagMatcher(word)
	}
	if !p.accept("(") {
		p.fail(`"("`)
		return nil
	}
	m := p.list(word + ":")
	p.close()
	if negative {
		return func(tags []string) bool { return !m(tags) }
	}
	return m
}

// list reads the values of IN, with commas between them.
func (p *scopeParser) list(key string) matcher {
	either := []matcher{p.term(key)}
	for p.wrong == nil && p.accept(",") {
		either = append(either, p.term(key))
	}
	return func(tags []string) bool {
		for _, m := range either {
			if m(tags) {
				return true
			}
		}
		return false
	}
}

// tagMatcher matches one whole tag, in lower case, with wildcards.
func tagMatcher(pattern string) matcher {
	if pattern == "*" {
		return func([]string) bool { return true }
	}
	if !strings.ContainsAny(pattern, "*?") {
		return func(tags []string) bool {
			for _, tag := range tags {
				if strings.EqualFold(tag, pattern) {
					return true
				}
			}
			return false
		}
	}
	return func(tags []string) bool {
		for _, tag := range tags {
			if glob(pattern, strings.ToLower(tag)) {
				return true
			}
		}
		return false
	}
}

// glob matches with * for any run of bytes and ? for one byte. A star that
// doesn't fit is given one byte more and tried again, so the work is at most the
// product of the lengths.
func glob(pattern, s string) bool {
	p, i := 0, 0
	star, from := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
