package agent

import (
	"bytes"
	"encoding/json"

	"github.com/whippet-obs/whippet/ingest/payload"
)

// scanV1 reads a list of series as agents and their like write it, in place:
// all of a series but its points is hashed as it lies there, and only one
// never seen is parsed. It returns false for anything out of the ordinary, be
// it wrong or just rare: then parseV1 has the word.
func (b *batch) scanV1(body []byte) bool {
	s := scanner{b: body}
	if !s.take('{') {
		return false
	}
	found := false
	for !s.take('}') {
		key, ok := s.key()
		switch {
		case !ok:
			return false
		case string(key) != "series":
			if bytes.EqualFold(key, []byte("series")) || !s.skip() {
				return false
			}
		case found || !b.scanList(&s):
			return false
		default:
			found = true
		}
		if !s.take(',') && !s.at('}') {
			return false
		}
	}
	s.space()
	return found && len(s.b) == s.i
}

func (b *batch) scanList(s *scanner) bool {
	if !s.take('[') {
		return false
	}
	for !s.take(']') {
		if !b.scanSeries(s) || !s.take(',') && !s.at(']') {
			return false
		}
	}
	return true
}

func (b *batch) scanSeries(s *scanner) bool {
	if !s.take('{') {
		return false
	}
	start, first := s.i-1, len(b.Samples)
	hash, from, found := uint64(0), start, false
	for !s.take('}') {
		key, ok := s.key()
		switch {
		case !ok:
			return false
		case string(key) == "points":
			if found {
				return false
			}
			found = true
			hash = b.in.series.Hash(s.b[start:s.i])
			if !b.scanPoints(s) {
				return false
			}
			from = s.i
		case bytes.EqualFold(key, []byte("points")) || !s.skip():
			return false
		}
		if !s.take(',') && !s.at('}') {
			return false
		}
	}
	hash = payload.Join(hash, b.in.series.Hash(s.b[from:s.i]))
	series, ok := b.in.series.Get(hash)
	if !ok {
		var parsed seriesJSON
		if json.Unmarshal(s.b[start:s.i], &parsed) != nil {
			return false
		}
		var err error
		if series, err = b.in.intern(parsed.described()); err != nil {
			return false
		}
		if series.ok() {
			b.in.series.Put(hash, series)
		}
	}
	b.assign(first, series)
	return true
}

// scanPoints reads [[time, value], ...], both of them plain numbers.
func (b *batch) scanPoints(s *scanner) bool {
	if !s.take('[') {
		return false
	}
	for !s.take(']') {
		if !s.take('[') {
			return false
		}
		at, ok := s.number()
		if !ok || !s.take(',') {
			return false
		}
		value, ok := s.number()
		if !ok || !s.take(']') || !s.take(',') && !s.at(']') {
			return false
		}
		b.sample(0, milliseconds(at), value)
	}
	return true
}

// scanner walks JSON without building anything. It finds where values end, and
// leaves it to others whether they are right.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\n' || s.b[s.i] == '\r' || s.b[s.i] == '\t') {
		s.i++
	}
}

// at reports whether the next character is c.
func (s *scanner) at(c byte) bool {
	s.space()
	return s.i < len(s.b) && s.b[s.i] == c
}

// take goes past c, if it is next.
func (s *scanner) take(c byte) bool {
	if !s.at(c) {
		return false
	}
	s.i++
	return true
}

// text goes past a string and returns what is between its quotes, as it is.
func (s *scanner) text() (raw []byte, ok bool) {
	if !s.take('"') {
		return nil, false
	}
	start := s.i
	for {
		n := bytes.IndexByte(s.b[s.i:], '"')
		if n < 0 {
			return nil, false
		}
		s.i += n + 1
		escapes := 0
		for i := s.i - 2; i >= start && s.b[i] == '\\'; i-- {
			escapes++
		}
		if escapes%2 == 0 {
			return s.b[start : s.i-1], true
		}
	}
}

// key goes past a key, which must have no escapes, and its colon.
func (s *scanner) key() ([]byte, bool) {
	key, ok := s.text()
	return key, ok && bytes.IndexByte(key, '\\') < 0 && s.take(':')
}

// number goes past a number.
func (s *scanner) number() (float64, bool) {
	s.space()
	start := s.i
	for s.i < len(s.b) {
		c := s.b[s.i]
		if c-'0' > 9 && c != '.' && c != '-' && c != '+' && c|0x20 != 'e' {
			break
		}
		s.i++
	}
	return payload.ParseNumber(s.b[start:s.i])
}

// skip goes past any value.
func (s *scanner) skip() bool {
	depth := 0
	for {
		s.space()
		if s.i >= len(s.b) {
			return false
		}
		switch c := s.b[s.i]; c {
		case '"':
			if _, ok := s.text(); !ok {
				return false
			}
		case '{', '[':
			depth++
			s.i++
			continue
		case '}', ']':
			depth--
			s.i++
			if depth < 0 {
				return false
			}
		case ',', ':':
			if depth == 0 {
				return false
			}
			s.i++
			continue
		default: // a number, true, false or null
			for s.i < len(s.b) && !endsWord(s.b[s.i]) {
				s.i++
			}
		}
		if depth == 0 {
			return true
		}
	}
}

func endsWord(c byte) bool {
	switch c {
	case ',', ':', '}', ']', '{', '[', '"', ' ', '\n', '\r', '\t':
		return true
	}
	return false
}
