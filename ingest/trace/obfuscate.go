package trace

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/whippet-obs/whippet/store/span"
)

// obfuscate takes out of a span what may be personal or secret, as a trace
// agent does: the values in SQL, the arguments of Redis commands, the values in
// JSON queries, and logins in URLs. A resource made of raw values would also be
// another one for every value.
func obfuscate(s *span.Span) {
	switch strings.ToLower(s.Type) {
	case "sql", "cassandra":
		s.Resource = obfuscateSQL(s.Resource)
		for _, key := range []string{"sql.query", "db.statement", "db.query.text"} {
			if text := s.Text(key); text != "" {
				s.SetText(key, obfuscateSQL(text))
			}
		}
	case "redis", "valkey", "memcached":
		s.Resource = commandNames(s.Resource)
		for _, key := range []string{"redis.raw_command", "valkey.raw_command", "memcached.command", "db.statement"} {
			if text := s.Text(key); text != "" {
				s.SetText(key, commandNames(text))
			}
		}
	case "mongodb", "elasticsearch", "opensearch":
		for _, key := range []string{"mongodb.query", "elasticsearch.body", "opensearch.body", "db.statement"} {
			if text := s.Text(key); text != "" {
				s.SetText(key, obfuscateJSON(text))
			}
		}
	}
	if text := s.Text("http.url"); strings.Contains(text, "@") {
		s.SetText("http.url", withoutLogin(text))
	}
}

// obfuscateResource does it for a resource alone, as it stands in stats.
func obfuscateResource(typ, resource string) string {
	s := span.Span{Kind: span.Kind{Type: typ, Resource: resource}}
	obfuscate(&s)
	return s.Resource
}

// obfuscateSQL replaces every value by "?", drops comments, and writes one
// space where there are more. A list of values becomes one "?".
func obfuscateSQL(query string) string {
	out := make([]byte, 0, len(query))
	space := func() {
		if len(out) > 0 && out[len(out)-1] != ' ' {
			out = append(out, ' ')
		}
	}
	value := func() {
		// "?, ?" is a list of values.
		if bytes.HasSuffix(bytes.TrimRight(out, " "), []byte{','}) {
			if before := bytes.TrimRight(out, " ,"); bytes.HasSuffix(before, []byte{'?'}) {
				out = before
				return
			}
		}
		out = append(out, '?')
	}
	for i := 0; i < len(query); {
		c := query[i]
		rest := query[i:]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			space()
			i++
		case strings.HasPrefix(rest, "--") || c == '#' && (i == 0 || query[i-1] == ' ' || query[i-1] == '\n'):
			space()
			i += lengthUntil(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			space()
			i += 2 + lengthUntil(rest[2:], "*/")
		case c == '\'':
			value()
			i += quoted(rest, '\'')
		case c == '$' && len(rest) > 1 && (rest[1] == '$' || isWord(rest[1]) && !isDigit(rest[1])) && dollarQuoted(rest) > 0:
			value()
			i += dollarQuoted(rest)
		case c == '"' || c == '`':
			n := quoted(rest, c)
			out = append(out, rest[:n]...)
			i += n
		case c == '$' && len(rest) > 1 && isDigit(rest[1]):
			value()
			i += 1 + wordLength(rest[1:])
		case c == '?':
			value()
			i++
		case (c == ':' || c == '@') && len(rest) > 1 && isWord(rest[1]) && (i == 0 || !isWord(query[i-1]) && query[i-1] != ':' && query[i-1] != '@'):
			value()
			i += 1 + wordLength(rest[1:])
		case c == '%' && (strings.HasPrefix(rest, "%s") || strings.HasPrefix(rest, "%d")):
			value()
			i += 2
		case c == '%' && strings.HasPrefix(rest, "%(") && strings.Contains(rest, ")s"):
			value()
			i += strings.Index(rest, ")s") + 2
		case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]) && (i == 0 || !isWord(query[i-1])):
			value()
			i += numberLength(rest)
		case isWord(c):
			n := wordLength(rest)
			switch strings.ToLower(rest[:n]) {
			case "null", "true", "false":
				if !afterIs(out) {
					value()
					i += n
					continue
				}
			}
			out = append(out, rest[:n]...)
			i += n
		default:
			out = append(out, c)
			i++
		}
	}
	return strings.TrimSpace(string(out))
}

// afterIs reports "... is" and "... not": what follows is no value.
func afterIs(out []byte) bool {
	end := strings.ToLower(strings.TrimRight(string(out[max(0, len(out)-8):]), " "))
	return strings.HasSuffix(end, " is") || strings.HasSuffix(end, " not")
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return c == '_' || c >= 0x80 || isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func wordLength(s string) (n int) {
	for n < len(s) && (isWord(s[n]) || s[n] == '$') {
		n++
	}
	return n
}

func numberLength(s string) (n int) {
	for n < len(s) && (isWord(s[n]) || s[n] == '.' || (s[n] == '+' || s[n] == '-') && n > 0 && s[n-1]|0x20 == 'e' && isDigit(s[0]) && !strings.HasPrefix(s, "0x")) {
		n++
	}
	return n
}

func lengthUntil(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}

// quoted is the length of a quoted text; the quote is written twice or behind a
// backslash within it.
func quoted(s string, quote byte) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote == '\'':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// dollarQuoted is the length of $tag$ ... $tag$; 0 when s is none.
func dollarQuoted(s string) int {
	n := 1
	for n < len(s) && isWord(s[n]) {
		n++
	}
	if n >= len(s) || s[n] != '$' {
		return 0
	}
	mark := s[:n+1]
	if i := strings.Index(s[n+1:], mark); i >= 0 {
		return n + 1 + i + len(mark)
	}
	return len(s)
}

// commandNames keeps the first word of each line, three lines at most.
func commandNames(text string) string {
	var names []string
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" {
			continue
		}
		if len(names) == 3 {
			names = append(names, "...")
			break
		}
		names = append(names, strings.ToUpper(name))
	}
	return strings.Join(names, " ")
}

// obfuscateJSON replaces the values of a JSON document; what is none is "?".
func obfuscateJSON(text string) string {
	var doc any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return "?"
	}
	raw, err := json.Marshal(valuesGone(doc))
	if err != nil {
		return "?"
	}
	return string(raw)
}

func valuesGone(doc any) any {
	switch v := doc.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = valuesGone(value)
		}
		return v
	case []any:
		for i := range v {
			v[i] = valuesGone(v[i])
		}
		return v
	}
	return "?"
}

// withoutLogin takes user and password out of a URL.
func withoutLogin(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "?"
	}
	if u.User == nil {
		return text
	}
	u.User = nil
	return u.String()
}
