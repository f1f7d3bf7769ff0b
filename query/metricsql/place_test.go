package metricsql

import (
	"errors"
	"strings"
	"testing"
)

// TestErrorsNameTheirPlace has the place where the bar stands.
func TestErrorsNameTheirPlace(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"sum(m) |byy (host)", `want an operator or the end, found "byy"; did you mean by?`},
		{"foo |bar", `want an operator or the end, found "bar"`},
		{"m|)", `want an operator or the end, found ")"`},
		{"m |? 2", `want an operator or the end, found "?"`},
		{"|rat(m[5m])", "there is no function rat; did you mean rate?"},
		{"rate(m[5m]) + |ratee(m)", "there is no function ratee; did you mean rate?"},
		{"m{|", "want a label's name, found the end"},
		{"WITH (x = m{|) x", `want a label's name, found ")"`},
		{`m{a=|"b`, `the text that begins here has no closing "`},
		{`|"abc`, `the text that begins here has no closing "`},
		{"label_replace(m, |'a)", "the text that begins here has no closing '"},
		{"m{a=|b}", `want a value in quotes, such as "b", found b`},
		{"m{a|!b}", `want an operator or the end, found "!"`},
		{`m{|a=~"("}`, "the regexp of a=\"(\" can't be read: missing closing ): `^(?:()$`"},
		{"sum(|", "want a metric, a function or a number, found the end"},
		{"1 +|", "want a metric, a function or a number, found the end"},
		{"|", "want a metric, a function or a number, found the end"},
		{"m[5|x]", `want "]", found "x"`},
		{"m[5m|", `want "]", found the end`},
		{"m offset|", "want a duration such as 5m, found the end"},
		{"sum by |host (m)", `want "(", found "host"`},
		{"quantile(0.5 |m)", `want "," or ")", found "m"`},
		{"1 + |clamp(m)", "clamp: wants 3 argument(s), found 1"},
	} {
		at := strings.IndexByte(tt.text, '|')
		text := strings.Replace(tt.text, "|", "", 1)
		_, err := parse(text)
		if err == nil {
			f := newFixture(t)
			_, err = Instant(t.Context(), f.engine, text, t0.UnixMilli(), Options{})
		}
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Msg != tt.want || syntax.Offset != at {
			t.Errorf("%s: got %v at %d, want %q at %d", text, err, offsetOf(syntax), tt.want, at)
		}
	}
}

func offsetOf(e *SyntaxError) int {
	if e == nil {
		return -2
	}
	return e.Offset
}
