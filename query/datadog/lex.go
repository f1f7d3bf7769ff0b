package datadog

import (
	"fmt"
	"strings"
)

// SyntaxError is a query that can't be read.
type SyntaxError struct {
	Text   string // the whole query
	Offset int    // in bytes, where reading stopped
	Msg    string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("query: at position %d: %s", e.Offset+1, e.Msg)
}

// maxQuery bounds a query's length, and maxDepth how deep it may nest.
const (
	maxQuery = 16 << 10
	maxDepth = 64
)

// scanner reads a query from left to right. Its methods panic with a
// *SyntaxError, which Parse returns.
type scanner struct {
	text      string
	at        int
	depth     int
	variables map[string][]string // template variables
	names     map[string]node     // of queries that a formula may use; nil outside of formulas
}

func (s *scanner) fail(offset int, format string, args ...any) {
	panic(&SyntaxError{Text: s.text, Offset: offset, Msg: fmt.Sprintf(format, args...)})
}

// found describes what stands at the present place, for messages.
func (s *scanner) found() string {
	rest := strings.TrimLeft(s.text[s.at:], " \t\r\n")
	if rest == "" {
		return "the end"
	}
	end := 1
	for end < len(rest) && isNameByte(rest[0]) && isNameByte(rest[end]) {
		end++
	}
	return fmt.Sprintf("%q", rest[:end])
}

func (s *scanner) space() {
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.at++
	}
}

func (s *scanner) done() bool {
	s.space()
	return s.at == len(s.text)
}

// peek is the next byte after space; 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.at == len(s.text) {
		return 0
	}
	return s.text[s.at]
}

// accept takes token if it comes next.
func (s *scanner) accept(token string) bool {
	s.space()
	if !strings.HasPrefix(s.text[s.at:], token) {
		return false
	}
	s.at += len(token)
	return true
}

func (s *scanner) expect(token, where string) {
	if !s.accept(token) {
		s.fail(s.at, "want %q %s, found %s", token, where, s.found())
	}
}

// acceptWord takes a whole word, in any case.
func (s *scanner) acceptWord(word string) bool {
	s.space()
	end := s.at + len(word)
	if end > len(s.text) || !strings.EqualFold(s.text[s.at:end], word) || end < len(s.text) && isNameByte(s.text[end]) {
		return false
	}
	s.at = end
	return true
}

func isNameByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.'
}

// name reads letters, digits, '_' and '.'; "" when none come next.
func (s *scanner) name() string {
	s.space()
	start := s.at
	for s.at < len(s.text) && isNameByte(s.text[s.at]) {
		s.at++
	}
	return s.text[start:s.at]
}

// until reads up to one of the stop bytes, without the space at the end.
func (s *scanner) until(stop string) string {
	s.space()
	start := s.at
	for s.at < len(s.text) && strings.IndexByte(stop, s.text[s.at]) < 0 {
		s.at++
	}
	return strings.TrimRight(s.text[start:s.at], " \t\r\n")
}

// enter bounds the nesting; call the result on the way out.
func (s *scanner) enter() func() {
	if s.depth++; s.depth > maxDepth {
		s.fail(s.at, "nested more than %d deep", maxDepth)
	}
	return func() { s.depth-- }
}

// guard runs read and turns its panic into an error.
func guard(read func()) (err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case *SyntaxError:
			err = cause
		default:
			panic(cause)
		}
	}()
	read()
	return nil
}
