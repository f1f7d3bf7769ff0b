// Package span keeps the spans of traces in a folder, durably. Spans go through
// Append: they are one record of the log, on disk when Append returns, and then
// in the head. From time to time the head is sealed into an immutable segment,
// and the log forgets it. Readers ask for one trace, or search:
//
//	s, err := span.Open(dir, span.Options{})
//	err = s.Append(ctx, spans)
//	trace, err := s.Trace(ctx, id)
//	found, err := s.Search(ctx, span.Query{From: from, To: to, Filter: filter, Limit: 50})
//
// docs/spans.md describes the files.
package span

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// TraceID is the 128 bits of a trace's id. Tracers that know 64 bits leave High
// zero.
type TraceID struct{ High, Low uint64 }

// String is the id as 32 hex digits.
func (id TraceID) String() string { return fmt.Sprintf("%016x%016x", id.High, id.Low) }

// ParseTraceID reads 32 or up to 16 hex digits, or a decimal number of 64 bits
// when every character is a decimal digit and there are more than 16 of them.
func ParseTraceID(s string) (TraceID, error) {
	s = strings.TrimSpace(s)
	if len(s) == 32 {
		b, err := hex.DecodeString(s)
		if err == nil {
			return TraceIDFromBytes(b), nil
		}
	}
	if len(s) > 0 && len(s) <= 16 {
		if low, err := strconv.ParseUint(s, 16, 64); err == nil {
			return TraceID{Low: low}, nil
		}
	}
	if low, err := strconv.ParseUint(s, 10, 64); err == nil {
		return TraceID{Low: low}, nil
	}
	return TraceID{}, errors.New("trace id " + strconv.Quote(s) + ": want 32 hex digits, up to 16 hex digits, or a decimal number")
}

// TraceIDFromBytes reads an id of 16 big-endian bytes; of fewer it takes the
// last 8 or less as the low half.
func TraceIDFromBytes(b []byte) (id TraceID) {
	if len(b) > 16 {
		b = b[len(b)-16:]
	}
	for i, c := range b {
		if len(b)-i > 8 {
			id.High = id.High<<8 | uint64(c)
		} else {
			id.Low = id.Low<<8 | uint64(c)
		}
	}
	return id
}

// Kind is what many spans have in common, and what searches begin with.
type Kind struct {
	Service  string
	Env      string
	Name     string // the operation: "http.request"
	Resource string // what it was done to: "GET /item/:id"
	Type     string // web, http, sql, cache, ...
	Host     string
	Error    bool
}

// Span is one timed operation of a trace. Tags are sorted by key, one value
// each; the store may share their strings between spans.
type Span struct {
	Kind
	Trace    TraceID
	ID       uint64
	Parent   uint64 // 0: none
	Start    int64  // ns since the epoch
	Duration int64  // ns, never negative
	Tags     []Tag
}

// Tag is a named text, or a named number when IsNumber.
type Tag struct {
	Key      string
	Text     string
	Number   float64
	IsNumber bool
}

// Value is the tag's value as text.
func (t *Tag) Value() string {
	if t.IsNumber {
		return strconv.FormatFloat(t.Number, 'f', -1, 64)
	}
	return t.Text
}

// End is when the span ended, ns.
func (s *Span) End() int64 { return s.Start + s.Duration }

func (s *Span) find(key string) (int, bool) {
	return slices.BinarySearchFunc(s.Tags, key, func(t Tag, key string) int { return strings.Compare(t.Key, key) })
}

// Text is the text of a tag; "" when the span has no such text.
func (s *Span) Text(key string) string {
	if i, ok := s.find(key); ok && !s.Tags[i].IsNumber {
		return s.Tags[i].Text
	}
	return ""
}

// Number is the number of a tag; ok is false when the span has no such number.
func (s *Span) Number(key string) (v float64, ok bool) {
	if i, ok := s.find(key); ok && s.Tags[i].IsNumber {
		return s.Tags[i].Number, true
	}
	return 0, false
}

// SetText sets a text tag; "" removes it.
func (s *Span) SetText(key, text string) { s.set(Tag{Key: key, Text: text}, text == "") }

// SetNumber sets a number tag.
func (s *Span) SetNumber(key string, v float64) {
	s.set(Tag{Key: key, Number: v, IsNumber: true}, false)
}

func (s *Span) set(t Tag, remove bool) {
	i, ok := s.find(t.Key)
	switch {
	case remove && ok:
		s.Tags = slices.Delete(s.Tags, i, i+1)
	case remove:
	case ok:
		s.Tags[i] = t
	default:
		s.Tags = slices.Insert(s.Tags, i, t)
	}
}

// SortTags orders the tags and lets the last of each key win. Decoders fill
// Tags in the order of the wire and call it once.
func (s *Span) SortTags() {
	slices.SortStableFunc(s.Tags, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	kept := s.Tags[:0]
	for i, t := range s.Tags {
		if i+1 < len(s.Tags) && s.Tags[i+1].Key == t.Key {
			continue
		}
		kept = append(kept, t)
	}
	clear(s.Tags[len(kept):])
	s.Tags = kept
}
