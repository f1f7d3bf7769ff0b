package message

import (
	"regexp"
	"slices"
	"strings"
)

// address is a mail address as one can write it after an @.
var address = regexp.MustCompile(`^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

// receivers collects the handles, and takes lines that hold nothing else out of
// the Markdown.
func (w *writer) receivers() Receivers {
	var r Receivers
	var kept strings.Builder
	for line := range strings.SplitAfterSeq(w.markdown, "\n") {
		rest, found := line, false
		var others strings.Builder
		for {
			start, end, handle := w.handle(rest)
			others.WriteString(rest[:start])
			if handle == "" {
				break
			}
			found = true
			r.add(handle)
			rest = rest[end:]
		}
		if !found || strings.Trim(others.String(), " \t\r\n,;") != "" {
			kept.WriteString(line)
		}
	}
	w.markdown = kept.String()
	return r
}

// handle finds the first handle in a line; start is len(line) without one. Its
// @ is the author's: an @ inside a value is behind a mark.
func (w *writer) handle(line string) (start, end int, handle string) {
	for from := 0; ; {
		at := strings.IndexByte(line[from:], '@')
		if at < 0 {
			return len(line), len(line), ""
		}
		start = from + at
		from = start + 1
		if start > 0 && (isLetter(line[start-1]) || isDigit(line[start-1])) {
			continue // inside a word, such as an address without @ before it
		}
		var b strings.Builder
		end = from
		whose := true
		for end < len(line) {
			if s, e, index := w.nextMark(line[end:]); index >= 0 && s == 0 {
				value := w.values[index]
				whose = whose && value != unknown
				if strings.IndexFunc(value, func(r rune) bool { return r > 127 || !isHandleByte(byte(r)) && r != '@' }) >= 0 {
					break
				}
				b.WriteString(value)
				end += e
				continue
			}
			if c := line[end]; !isHandleByte(c) && c != '@' {
				break
			}
			b.WriteByte(line[end])
			end++
		}
		whole := b.String()
		if handle = strings.TrimRight(whole, ".,-@_%+"); handle == "" || !whose {
			continue
		}
		// The full stop after a handle belongs to the sentence.
		if trimmed := whole[len(handle):]; strings.HasSuffix(line[:end], trimmed) {
			end -= len(trimmed)
		}
		return start, end, handle
	}
}

// unknown stands for a value that nobody knows yet.
const unknown = "\x00"

func isHandleByte(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte(".-%+", c) >= 0
}

func (r *Receivers) add(handle string) {
	add := func(list *[]string, name string) {
		if !slices.ContainsFunc(*list, func(have string) bool { return strings.EqualFold(have, name) }) {
			*list = append(*list, name)
		}
	}
	name, webhook := strings.CutPrefix(handle, "webhook-")
	switch {
	case address.MatchString(handle):
		add(&r.To, handle)
	case webhook:
		add(&r.Webhooks, name)
	case handle == "all":
		r.All = true
	default:
		add(&r.Others, handle)
	}
}
