package trace

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/span"
)

// The limits a trace agent keeps to, in bytes.
const (
	maxService   = 100
	maxOperation = 100
	maxResource  = 5000
	maxType      = 100
	maxTagKey    = 200
	maxTagValue  = 25_000
)

// maxAhead is how far in the future a span may start.
const maxAhead = 10 * time.Minute

// normalizer brings spans into the form a trace agent leaves them in, and
// counts what it had to mend or drop.
type normalizer struct {
	now    time.Time
	lang   string
	counts Normalized
}

// Normalized counts spans by what was wrong with them.
type Normalized struct {
	NoID             uint64 // traces dropped, for a span without a trace id or id
	NegativeDuration uint64 // set to 0
	FutureStart      uint64 // moved to now
	PastStart        uint64 // before the year 2000: moved to now
	Renamed          uint64 // service or operation made from nothing
}

// chunk normalises the spans of c. ok is false when the chunk is to be dropped.
func (n *normalizer) chunk(c *chunk) (ok bool) {
	if len(c.spans) == 0 {
		return false
	}
	for _, s := range c.spans {
		if s.Trace.Low == 0 && s.Trace.High == 0 || s.ID == 0 {
			n.counts.NoID++
			return false
		}
	}
	for _, s := range c.spans {
		n.span(s)
		for _, t := range c.tags {
			if _, ok := s.Number(t.Key); !ok && s.Text(t.Key) == "" && t.Key != "" {
				s.Tags = append(s.Tags, t)
				s.SortTags()
			}
		}
	}
	n.widenIDs(c)
	return true
}

func (n *normalizer) span(s *span.Span) {
	s.SortTags()
	if s.Service = normalService(s.Service); s.Service == "" {
		s.Service = unnamedService(n.lang)
		n.counts.Renamed++
	}
	if s.Name = normalOperation(s.Name); s.Name == "" {
		s.Name = "unnamed_operation"
		n.counts.Renamed++
	}
	if s.Resource == "" {
		s.Resource = s.Name
	}
	s.Resource = cut(s.Resource, maxResource)
	s.Type = cut(s.Type, maxType)
	if s.Parent == s.ID {
		s.Parent = 0 // of itself
	}
	n.times(s)
	kept := s.Tags[:0]
	for _, t := range s.Tags {
		if t.Key == "http.status_code" && !isStatus(&t) {
			continue
		}
		t.Key, t.Text = cut(t.Key, maxTagKey), cut(t.Text, maxTagValue)
		kept = append(kept, t)
	}
	s.Tags = kept
}

var year2000 = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

func (n *normalizer) times(s *span.Span) {
	if s.Duration < 0 || s.Start > 0 && s.Start+s.Duration < 0 {
		s.Duration = 0
		n.counts.NegativeDuration++
	}
	now := n.now.UnixNano()
	switch {
	case s.Start < year2000:
		s.Start = now - min(s.Duration, now-year2000)
		n.counts.PastStart++
	case s.Start > now+int64(maxAhead):
		s.Start = now
		n.counts.FutureStart++
	}
}

func isStatus(t *span.Tag) bool {
	code, err := strconv.Atoi(t.Value())
	return err == nil && code >= 100 && code < 600
}

// widenIDs gives every span of a chunk the high half of the trace's id, which
// older forms carry as the tag _dd.p.tid of one of them.
func (n *normalizer) widenIDs(c *chunk) {
	high := uint64(0)
	for _, s := range c.spans {
		if s.Trace.High != 0 {
			high = s.Trace.High
		} else if tid := s.Text("_dd.p.tid"); len(tid) == 16 {
			if v, err := strconv.ParseUint(tid, 16, 64); err == nil {
				high = v
			}
		}
	}
	if high == 0 {
		return
	}
	for _, s := range c.spans {
		if s.Trace.High == 0 {
			s.Trace.High = high
		}
		if tid := s.Text("_dd.p.tid"); tid != "" {
			s.SetText("_dd.p.tid", "")
		}
	}
}

func unnamedService(lang string) string {
	if lang = normalService(lang); lang == "" {
		return "unnamed-service"
	}
	return "unnamed-" + lang + "-service"
}

// normalService is a service or env as the value of a tag: lower case, letters,
// digits and "_-:./", at most 100 bytes, beginning with a letter, '_' or ':'.
func normalService(s string) string {
	s = strings.TrimLeftFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && r != '_' && r != ':' })
	return strings.TrimRight(cut(store.NormalizeTag(s), maxService), "_")
}

// normalOperation is an operation's name: letters, digits, '_' and '.', none of
// the last two side by side where that makes a '_' superfluous.
func normalOperation(s string) string {
	return strings.TrimRight(cut(store.NormalizeName(s), maxOperation), "_")
}

// cut shortens s to at most n bytes, at a letter's end.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// The tags that say what a span counts as.
const (
	tagTopLevel       = "_top_level"
	tagTracerTopLevel = "_dd.top_level"
	tagMeasured       = "_dd.measured"
	tagPartial        = "_dd.partial_version"
	tagSampleRate     = "_sample_rate"
	tagBaseService    = "_dd.base_service"
	tagKind           = "span.kind"
)

// markTopLevel marks the spans that enter a service: those without a parent in
// the chunk, or with one in another service. A tracer that did so itself is
// believed.
func markTopLevel(c *chunk, byTracer bool) {
	if byTracer {
		for _, s := range c.spans {
			if v, ok := s.Number(tagTracerTopLevel); ok && v == 1 {
				s.SetNumber(tagTopLevel, 1)
			}
		}
		return
	}
	services := make(map[uint64]string, len(c.spans))
	for _, s := range c.spans {
		services[s.ID] = s.Service
	}
	for _, s := range c.spans {
		if parent, ok := services[s.Parent]; s.Parent == 0 || !ok || parent != s.Service {
			s.SetNumber(tagTopLevel, 1)
		}
	}
}

func isTopLevel(s *span.Span) bool {
	if v, ok := s.Number(tagTopLevel); ok && v == 1 {
		return true
	}
	v, ok := s.Number(tagTracerTopLevel)
	return ok && v == 1
}

// root is the span of a chunk whose parent is not in it; one without any parent
// is preferred. Where parents form a circle it is the first span.
func (c *chunk) root() *span.Span {
	ids := make(map[uint64]bool, len(c.spans))
	for _, s := range c.spans {
		if s.Parent == 0 {
			return s
		}
		ids[s.ID] = true
	}
	for _, s := range c.spans {
		if !ids[s.Parent] {
			return s
		}
	}
	return c.spans[0]
}
