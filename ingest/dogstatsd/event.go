package dogstatsd

import (
	"bytes"
	"strings"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

var (
	eventPrefix = []byte("_e{")
	checkPrefix = []byte("_sc|")
)

// parseEvent reads
//
//	_e{title bytes,text bytes}:title|text[|d:seconds][|h:host][|k:key][|p:priority][|s:source][|t:type][|#tags]...
//
// The lengths are of the escaped text, and let it hold '|' and ':'. An optional
// field that can't be read is skipped. now is in ms.
func parseEvent(line []byte, now int64, defaultHost string) (e catalog.Event, why reason) {
	b := line[len(eventPrefix):]
	titleLength, b, ok := cutLength(b, ',')
	if !ok || titleLength == 0 {
		return e, badEvent
	}
	textLength, b, ok := cutLength(b, '}')
	if !ok || len(b) == 0 || b[0] != ':' {
		return e, badEvent
	}
	b = b[1:]
	if len(b) < titleLength+1+textLength || b[titleLength] != '|' {
		return e, badEvent
	}
	e = catalog.Event{
		Title:     unescape(b[:titleLength]),
		Text:      unescape(b[titleLength+1 : titleLength+1+textLength]),
		Time:      now,
		AlertType: "info",
		Priority:  "normal",
	}
	if strings.TrimSpace(e.Title) == "" {
		return e, badEvent
	}
	host, tags := "", ""
	_, rest, more := nextField(b[titleLength+1+textLength:])
	for more {
		var field []byte
		field, rest, more = nextField(rest)
		key, value := cutField(field)
		switch key {
		case "d":
			if seconds, ok := parseSeconds([]byte(value)); ok {
				e.Time = seconds * 1000
			}
		case "h":
			host = value
		case "k":
			e.AggregationKey = value
		case "p":
			if value == "normal" || value == "low" {
				e.Priority = value
			}
		case "s":
			e.SourceType = value
		case "t":
			switch value {
			case "error", "warning", "info", "success":
				e.AlertType = value
			}
		case "#":
			tags = value
		}
	}
	e.Tags, e.Host = whereFrom(tags, host, defaultHost)
	return e, valid
}

// parseCheck reads
//
//	_sc|name|status[|d:seconds][|h:host][|#tags][|m:message]...
//
// with the fields in any order. The message stays escaped, as the agent leaves
// it. now is in ms.
func parseCheck(line []byte, now int64, defaultHost string) (c catalog.Check, why reason) {
	name, rest, more := nextField(line[len(checkPrefix):])
	if len(name) == 0 || !more {
		return c, badCheck
	}
	status, rest, more := nextField(rest)
	if len(status) != 1 || status[0] < '0' || status[0] > '3' {
		return c, badCheck
	}
	c = catalog.Check{Name: text(name), Status: int(status[0] - '0'), Time: now}
	host, tags := "", ""
	for more {
		var field []byte
		field, rest, more = nextField(rest)
		key, value := cutField(field)
		switch key {
		case "d":
			if seconds, ok := parseSeconds([]byte(value)); ok {
				c.Time = seconds * 1000
			}
		case "h":
			host = value
		case "m":
			c.Message = value
		case "#":
			tags = value
		}
	}
	c.Tags, c.Host = whereFrom(tags, host, defaultHost)
	return c, valid
}

// cutLength reads a number up to end.
func cutLength(b []byte, end byte) (n int, rest []byte, ok bool) {
	i := bytes.IndexByte(b, end)
	if i < 1 || i > 5 {
		return 0, nil, false
	}
	for _, c := range b[:i] {
		if c < '0' || c > '9' {
			return 0, nil, false
		}
		n = n*10 + int(c-'0')
	}
	return n, b[i+1:], true
}

// cutField splits "h:web-1" into "h" and "web-1", "#a,b" into "#" and "a,b".
func cutField(b []byte) (key, value string) {
	if len(b) > 0 && b[0] == '#' {
		return "#", text(b[1:])
	}
	if len(b) > 1 && b[1] == ':' {
		return string(b[:1]), text(b[2:])
	}
	return "", ""
}

// whereFrom returns the tags and host of an event or check: its own host field,
// or else a host tag, or else the default.
func whereFrom(tags, field, defaultHost string) ([]string, string) {
	list, host := splitTags(tags, defaultHost)
	if field != "" {
		host = store.NormalizeHost(field)
	}
	return store.NewTags(list), host
}

// text copies what is shown to people and written as JSON.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

func unescape(b []byte) string { return strings.ReplaceAll(text(b), `\n`, "\n") }
