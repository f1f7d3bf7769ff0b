package downtime

import (
	"errors"
	"strings"
	"testing"
)

func TestScopesChooseByTags(t *testing.T) {
	web := []string{"host:web-1", "env:prod", "role:web", "role:cache", "nice_tag", "service:My-App"}
	for _, c := range []struct {
		scopes string // joined by "|"
		want   bool
	}{
		{"*", true},
		{"env:prod", true}, {"ENV:Prod", true}, {"env:staging", false},
		{"env:prod|role:web", true}, {"env:prod|role:db", false},
		{"env:prod,role:web", true}, {"env:prod role:db", false},
		{"role:cache", true}, {"role:web AND role:cache", true},
		{"nice_tag", true}, {"nice", false}, {"!nice_tag", false},
		{"!role:db", true}, {"-role:db", true}, {"NOT role:db", true}, {"not not role:web", true}, {"!role:web", false},
		{"env:(staging OR prod) AND !role:db", true},
		{"env:(staging OR prod) AND !role:web", false},
		{"env:(prod AND !staging)", true},
		{"env:staging OR env:prod AND role:db", false},
		{"(env:staging OR env:prod) AND role:web", true},
		{"host:web-*", true}, {"host:web-?", true}, {"host:*b-1", true}, {"host:db-*", false}, {"env:*", true}, {"zone:*", false}, {"*:prod", true},
		{"host:w*b*1", true}, {"host:w*b*2", false},
		{`service:"my-app"`, true}, {`"env:prod"`, true},
		{"role IN (db, web)", true}, {"role NOT IN (db, web)", false}, {"role in (db)", false}, {"role NOT IN (db) AND env:prod", true},
	} {
		s, err := ParseScope(strings.Split(c.scopes, "|")...)
		if err != nil {
			t.Errorf("%q: %v", c.scopes, err)
		} else if got := s.Match(web); got != c.want {
			t.Errorf("%q: %v, want %v", c.scopes, got, c.want)
		}
	}
	if s, _ := ParseScope(); !s.Match(nil) || !(Scope{}).Match(web) {
		t.Error("no scope must choose everything")
	}
	if s, _ := ParseScope("*"); !s.Match(nil) {
		t.Error("* must choose a group without tags")
	}
}

func TestWrongScopesSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  `a tag`,
		"env:prod AND":                      `where the end stands`,
		"env:(prod":                         `")"`,
		"(env:prod))":                       `where ) stands`,
		"env:prod OR OR role:db":            `after "env:prod OR", where OR stands`,
		`service:"a`:                        `closing "`,
		"role IN db":                        `"("`,
		"AND":                               "the beginning",
		strings.Repeat("(", 100):            "32 levels",
		strings.Repeat("a ", 300):           "256 tags",
		strings.Repeat("long-enough ", 400): "4096 bytes",
	} {
		_, err := ParseScope(text)
		var wrong *FieldError
		if !errors.As(err, &wrong) || !strings.Contains(wrong.Allowed, want) {
			t.Errorf("ParseScope(%.40q) = %v, want something with %s", text, err, want)
		}
	}
}

func FuzzScope(f *testing.F) {
	for _, seed := range []string{"env:(staging OR prod) AND !role:db", "*", "a,b -c", `x IN (1, "2")`, "((((", "not not not", "a:*?*?*b", `"`} {
		f.Add(seed, "env:prod")
	}
	f.Fuzz(func(t *testing.T, text, tag string) {
		s, err := ParseScope(text)
		if err == nil {
			s.Match([]string{tag, "env:prod"})
		}
		// Negation is negation, whatever is inside.
		if n, wrong := ParseScope("!(" + text + ")"); err == nil && wrong == nil {
			if s.Match([]string{tag}) == n.Match([]string{tag}) {
				t.Errorf("%q and its negation agree on %q", text, tag)
			}
		}
	})
}
