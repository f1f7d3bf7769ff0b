package store

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is the longest metric name, tag or host name kept, in bytes.
const maxName = 200

// NormalizeName brings a metric name into the form it is kept in: it starts
// with a letter, holds ASCII letters, digits, '_' and '.', no two '_' in a row
// and none beside a '.', and is at most 200 bytes long. A name without any
// letter becomes "". Agents send names as their users wrote them; this is the
// backend's work.
func NormalizeName(s string) string {
	if isNormalName(s) {
		return s
	}
	b := make([]byte, 0, min(len(s), maxName))
	for i := 0; i < len(s) && len(b) < maxName; i++ {
		c := s[i]
		switch {
		case isLetter(c):
		case len(b) == 0:
			continue
		case c >= '0' && c <= '9':
		case c == '.':
			if b[len(b)-1] == '_' {
				b = b[:len(b)-1]
			}
		default:
			if last := b[len(b)-1]; last == '_' || last == '.' {
				continue
			}
			c = '_'
		}
		b = append(b, c)
	}
	return string(b)
}

func isNormalName(s string) bool {
	if s == "" || len(s) > maxName || !isLetter(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case isLetter(c), c >= '0' && c <= '9':
		case c == '_':
			if s[i-1] == '_' || s[i-1] == '.' {
				return false
			}
		case c == '.':
			if s[i-1] == '_' {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// NormalizeTag brings a tag into the form it is kept in: lower case, letters,
// digits and "_-:./", anything else replaced by '_', at most 200 bytes.
func NormalizeTag(s string) string {
	if isNormalTag(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r):
			r = unicode.ToLower(r)
		case strings.ContainsRune("_-:./", r):
		default:
			r = '_'
		}
		if b.Len()+utf8.RuneLen(r) > maxName {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

func isNormalTag(s string) bool {
	if len(s) > maxName {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_', c >= '-' && c <= ':':
			// '-' to ':' are - . / 0-9 :
		default:
			return false
		}
	}
	return true
}

// NormalizeHost brings a host name into the form of the value of a host tag,
// so that the series of a host and its documents meet.
func NormalizeHost(s string) string {
	const key = "host:"
	return NormalizeTag(key + s)[len(key):]
}
