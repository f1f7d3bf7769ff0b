package search

import (
	"errors"
	"strings"
	"testing"
)

// The document that all searches below are about.
var (
	tags  = []string{"env:prod", "team:db", "nice_tag", "url:http://a:80"}
	title = "Disk full on db-1"
)

func has(t Term) bool {
	if t.Key == "" {
		return Holds(title, t.Value) || Tagged(tags, t)
	}
	return Tagged(tags, t)
}

func TestSearchesFindWhatTheyDescribe(t *testing.T) {
	cases := []struct {
		text string
		want bool
	}{
		{"", true}, {"*", true}, {"disk", true}, {"DISK full", true}, {`"disk full"`, true}, {`"full disk"`, false},
		{"env:prod", true}, {"env:test", false}, {"env:pr*", true}, {"ENV:PROD", true}, {"tags:env:prod", true}, {"tag:nice_tag", true},
		{"-env:prod", false}, {"-env:test", true}, {"NOT env:test", true}, {"!env:test disk", true},
		{"env:test OR team:db", true}, {"env:test || team:db", true}, {"env:prod AND team:web", false}, {"env:prod && team:db", true},
		{"env:(test OR prod)", true}, {"env:(test, dev)", false}, {"(env:test OR disk) team:db", true},
		{"env:test OR team:web OR disk", true}, {"url:http://a:80", true}, {`url:"http://a:80"`, true}, {"f*l", true},
	}
	for _, c := range cases {
		q, err := Parse(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got := q.Match(has); got != c.want {
			t.Errorf("%q finds it: %v, want %v", c.text, got, c.want)
		}
	}
}

func TestWrongSearchesSayWhere(t *testing.T) {
	for text, says := range map[string]string{
		`"open`: "character 1", "(a": "character 3", "a )": "character 3", "env:": "character 5", "-": "character 2",
		strings.Repeat("(", 100) + "a": "deeper", strings.Repeat("-", 100) + "a": "deeper", strings.Repeat("a", 5000): "longer",
	} {
		_, err := Parse(text)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: %v, want %q in it", text, err, says)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`a:b OR (c "d e") -f:*`, `env:(a OR NOT b)`, `((`, `"`, `a:`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if q, err := Parse(text); err == nil {
			q.Match(has)
		}
	})
}
