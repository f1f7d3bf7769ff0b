package trace

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store/span"
)

// tracerPayload is what one request holds, whatever form it came in.
type tracerPayload struct {
	chunks []chunk

	host, env, version string // of the application, where the payload says so
	lang, runtime      string // language, and id of the process
	stats              bool   // the sender counts stats itself
	topLevel           bool   // the sender marked top-level spans itself
	agent              bool   // came through a trace agent, which normalised it
}

// chunk is spans of one trace that were sent together.
type chunk struct {
	priority int // none: noPriority
	origin   string
	spans    []*span.Span
	tags     []span.Tag // of every span of the chunk
}

// noPriority is what an agent writes for a chunk without a sampling priority.
const noPriority = math.MinInt8

// refusal is a request that can't be taken, and the status to answer: 400 for a
// body that can't be read, 413 for one too large, 415 for a content type that
// is not known, 429 when there is too much at once.
func refusal(status int, format string, args ...any) error {
	return &payload.Error{Status: status, Reason: fmt.Sprintf(format, args...), Offset: -1}
}

func malformed(format string, args ...any) error { return refusal(400, format, args...) }

// maxMemory is what the spans of one payload may come to, estimated: a body of
// millions of empty spans must not become gigabytes.
const maxMemory = 128 << 20

// The estimate's parts.
const (
	costOfSpan = 256
	costOfTag  = 64
)

// builder makes spans for a decoder, sharing equal texts and bounding memory.
type builder struct {
	texts map[string]string
	spent int
}

func (b *builder) text(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	if known, ok := b.texts[string(raw)]; ok {
		return known
	}
	s := valid(string(raw))
	if len(s) <= 128 {
		if b.texts == nil {
			b.texts = map[string]string{}
		}
		b.texts[s] = s
	}
	return s
}

// valid replaces what is not UTF-8.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func (b *builder) span() *span.Span {
	b.spent += costOfSpan
	return &span.Span{}
}

func (b *builder) addText(s *span.Span, key, text string) {
	if key == "" || text == "" {
		return
	}
	b.spent += costOfTag
	s.Tags = append(s.Tags, span.Tag{Key: key, Text: text})
}

func (b *builder) addNumber(s *span.Span, key string, v float64) {
	if key == "" || math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	b.spent += costOfTag
	s.Tags = append(s.Tags, span.Tag{Key: key, Number: v, IsNumber: true})
}

// full reports a payload that is too large, as an error.
func (b *builder) full() error {
	if b.spent <= maxMemory {
		return nil
	}
	return refusal(413, "the payload's spans and tags come to more than %d MiB: send fewer spans at a time", maxMemory>>20)
}

// tagLinks and tagEvents are the tags that hold a span's links and events, as
// JSON, under the names that tracers use when they send them as tags.
const (
	tagLinks  = "_dd.span_links"
	tagEvents = "events"
)

func appendJSONText(to []byte, s string) []byte {
	raw, err := json.Marshal(valid(s))
	if err != nil {
		panic("BUG: a text does not marshal: " + err.Error())
	}
	return append(to, raw...)
}

func appendJSONFloat(to []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(to, "null"...)
	}
	return strconv.AppendFloat(to, v, 'g', -1, 64)
}

// kindNames are the texts of span.kind by their number.
var kindNames = [...]string{"", "internal", "server", "client", "producer", "consumer"}

func kindName(n uint64) string {
	if n < uint64(len(kindNames)) {
		return kindNames[n]
	}
	return ""
}
