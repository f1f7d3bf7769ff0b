package store

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNamesAreBroughtIntoOneForm(t *testing.T) {
	for in, want := range map[string]string{
		"system.cpu.user":        "system.cpu.user",
		"UPPER Case!":            "UPPER_Case_",
		"9lives":                 "lives",
		"__a__b":                 "a_b",
		"a_.b":                   "a.b",
		"a._b":                   "a.b",
		"a b..c":                 "a_b..c",
		"é":                      "",
		"":                       "",
		strings.Repeat("x", 300): strings.Repeat("x", 200),
	} {
		if got := NormalizeName(in); got != want {
			t.Errorf("NormalizeName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTagsAreBroughtIntoOneForm(t *testing.T) {
	for in, want := range map[string]string{
		"env:test":               "env:test",
		"Tag Key:Val":            "tag_key:val",
		"nice_tag":               "nice_tag",
		"url:/a/b?c":             "url:/a/b_c",
		"Größe:Ä":                "größe:ä",
		"a\xffb":                 "a_b",
		strings.Repeat("é", 150): strings.Repeat("é", 100),
	} {
		if got := NormalizeTag(in); got != want {
			t.Errorf("NormalizeTag(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNormalizingTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		if once := NormalizeName(s); NormalizeName(once) != once {
			t.Errorf("name %q became %q, then %q", s, once, NormalizeName(once))
		}
		if once := NormalizeTag(s); NormalizeTag(once) != once {
			t.Errorf("tag %q became %q, then %q", s, once, NormalizeTag(once))
		}
	})
}
