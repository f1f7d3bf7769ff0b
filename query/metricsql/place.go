package metricsql

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/whippet-obs/whippet/query"
)

// The parser says what it could not read by quoting what is left of the text. From
// that follow the place, what stands there, and what was meant.

var (
	unparsedData = regexp.MustCompile(`^(?s:(.*?);? ?)unparsed data(?: left)?: ("(?:[^"\\]|\\.)*")$`)
	unexpected   = regexp.MustCompile(`(?:^|: )(\w+): unexpected token ("(?:[^"\\]|\\.)*"); want (.*)$`)
	unknownName  = regexp.MustCompile(`unsupported function ("(?:[^"\\]|\\.)*")`)
	unreadable   = regexp.MustCompile(`cannot recognize ("(?:[^"\\]|\\.)*")`)
	unclosed     = regexp.MustCompile(`cannot find closing quote (\S) for the string ("(?:[^"\\]|\\.)*")`)
	bareValue    = regexp.MustCompile(`missing ("(?:[^"\\]|\\.)*") value inside StringExpr`)
	badRegexp    = regexp.MustCompile(`invalid regexp in (.*?): error parsing regexp: (.*)$`)
)

// placed makes an error of the parser one that names its place in text.
func placed(text string, err error) *SyntaxError {
	told := strings.TrimPrefix(err.Error(), "metricsql: ")
	at := -1
	if m := unparsedData.FindStringSubmatch(told); m != nil {
		told, at = m[1], placeOf(text, unquote(m[2]))
	}
	if m := unknownName.FindStringSubmatch(told); m != nil {
		name := unquote(m[1])
		if slices.Contains(outermost, name) {
			return &SyntaxError{text, callOffset(text, name), name + " judges a graph as a whole: it must be the outermost function, and nothing can be computed from it"}
		}
		return &SyntaxError{text, callOffset(text, name), "there is no function " + name + orNearest(strings.ToLower(name))}
	}
	if m := unreadable.FindStringSubmatch(told); m != nil {
		rest := unquote(m[1])
		return &SyntaxError{text, placeOf(text, rest), fmt.Sprintf("want an operator or the end, found %q", firstOf(rest))}
	}
	if m := unclosed.FindStringSubmatch(told); m != nil {
		return &SyntaxError{text, placeOf(text, unquote(m[2])), fmt.Sprintf("the text that begins here has no closing %s", m[1])}
	}
	if m := bareValue.FindStringSubmatch(told); m != nil {
		name := unquote(m[1])
		return &SyntaxError{text, wordOffset(text, name), fmt.Sprintf("want a value in quotes, such as %q, found %s", name, name)}
	}
	if m := badRegexp.FindStringSubmatch(told); m != nil {
		matcher, _, _ := strings.Cut(m[1], "=")
		return &SyntaxError{text, wordOffset(text, strings.TrimSpace(matcher)), fmt.Sprintf("the regexp of %s can't be read: %s", m[1], m[2])}
	}
	if m := unexpected.FindStringSubmatch(told); m != nil {
		return &SyntaxError{text, at, fmt.Sprintf("want %s, found %s", wantOfParser(m[1], m[3]), foundAt(text, at))}
	}
	if told == "" { // something is left
		msg := "want an operator or the end, found " + foundAt(text, at)
		if word := strings.ToLower(wordAt(text, at)); len(word) > 2 {
			near := query.Nearest(word, keywords)
			if near == "" || len(word) < 4 && !strings.HasPrefix(word, near) {
				return &SyntaxError{text, at, msg}
			}
			msg += "; did you mean " + near + "?"
		}
		return &SyntaxError{text, at, msg}
	}
	return &SyntaxError{text, at, told}
}

// wantOfParser says what a part of the parser wants, as a person would.
func wantOfParser(part, want string) string {
	switch {
	case part == "singleExpr":
		return "a metric, a function or a number"
	case strings.Contains(want, `"ident"`):
		return "a label's name"
	case strings.Contains(want, `"string"`):
		return "a text in quotes"
	case part == "duration":
		return "a duration such as 5m"
	}
	return strings.ReplaceAll(want, ", ", " or ")
}

func unquote(quoted string) string {
	s, err := strconv.Unquote(quoted)
	if err != nil {
		return ""
	}
	return s
}

// placeOf is where the rest of text begins, of which spaces may be left out.
func placeOf(text, rest string) int {
	if strings.TrimSpace(rest) == "" {
		return len(strings.TrimRight(text, " \t\r\n"))
	}
	i, j := len(text), len(rest)
	for j > 0 {
		switch {
		case isSpace(rest[j-1]):
			j--
		case i == 0:
			return -1
		case isSpace(text[i-1]):
			i--
		case text[i-1] == rest[j-1]:
			i, j = i-1, j-1
		default:
			return -1
		}
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// callOffset is where a function of that name is called.
func callOffset(text, name string) int {
	at := regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(name) + `\s*\(`).FindStringIndex(text)
	if at == nil {
		return -1
	}
	return at[0]
}

func wordOffset(text, word string) int {
	at := regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`).FindStringIndex(text)
	if at == nil {
		return -1
	}
	return at[0]
}

func wordAt(text string, at int) string {
	if at < 0 {
		return ""
	}
	end := at
	for end < len(text) && (text[end] == '_' || text[end]|0x20 >= 'a' && text[end]|0x20 <= 'z' || text[end] >= '0' && text[end] <= '9') {
		end++
	}
	return text[at:end]
}

// foundAt names what stands at a place.
func foundAt(text string, at int) string {
	switch {
	case at < 0:
		return "something else"
	case at >= len(text):
		return "the end"
	}
	if word := wordAt(text, at); word != "" {
		return strconv.Quote(word)
	}
	return strconv.Quote(firstOf(text[at:]))
}

func firstOf(text string) string {
	for _, r := range text {
		return string(r)
	}
	return ""
}
