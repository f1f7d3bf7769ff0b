package message

import (
	"errors"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

var alert = Data{
	From: OK, To: Alert, Priority: 1,
	Vars: map[string]string{
		"host.name": "web-1", "host.ip": "192.0.2.7", "host.env": "prod", "env.name": "prod", "comparator": ">",
		"a.b.name": "dotted", "check_message": "line one\nline <two> & *three*", "url": "https://example.com/a?b=1&c=2",
		"markup": "<script>alert(1)</script> **bold** [x](javascript:alert(1)) @evil@example.org", "mail": "joe@example.com", "blank": " a b ",
	},
	Numbers: map[string]float64{"value": 812.4375, "threshold": 800, "warn_threshold": 500, "last_triggered_at_epoch": 1795456812000},
	Times:   map[string]time.Time{"last_triggered_at": time.Date(2026, 11, 23, 18, 5, 0, 0, time.UTC)},
}

func with(change func(d *Data)) Data {
	d := alert
	change(&d)
	return d
}

func render(t testing.TB, template string, data Data) Rendered {
	t.Helper()
	parsed, err := Parse(template)
	if err != nil {
		t.Fatalf("Parse(%q): %v", template, err)
	}
	out, err := parsed.Render(data)
	if err != nil {
		t.Fatalf("Render(%q): %v", template, err)
	}
	return out
}

func TestTextOfEveryConstruct(t *testing.T) {
	recovered := with(func(d *Data) { d.From, d.To = Alert, OK })
	warned := with(func(d *Data) { d.From, d.To = Alert, Warn })
	silent := with(func(d *Data) { d.From, d.To = Warn, NoData })
	again := with(func(d *Data) { d.From, d.To, d.Renotify = Alert, Alert, true })
	for _, c := range []struct {
		template string
		data     Data
		want     string
	}{
		{"{{value}} {{comparator}} {{threshold}}", alert, "812.438 > 800"},
		{"{{ value }}|{{{value}}}|{{nothing}}|{{ host.name }}", alert, "812.438|812.438||web-1"},
		{"{{host.ip}} {{host.env}} {{[a.b].name}} {{a.b.name}}", alert, "192.0.2.7 prod dotted dotted"},
		{"{{#is_alert}}A{{else}}B{{/is_alert}}{{^is_alert}}C{{/is_alert}}", alert, "A"},
		{"{{#is_alert}}A{{else}}B{{/is_alert}}{{^is_alert}}C{{/is_alert}}", recovered, "BC"},
		{"{{#is_recovery}}R{{/is_recovery}}{{#is_alert_recovery}}A{{/is_alert_recovery}}{{#is_warning_recovery}}W{{/is_warning_recovery}}{{#is_no_data_recovery}}N{{/is_no_data_recovery}}", recovered, "RA"},
		{"{{#is_warning}}W{{/is_warning}}{{#is_alert_to_warning}}AW{{/is_alert_to_warning}}", warned, "WAW"},
		{"{{#is_no_data}}silence{{/is_no_data}}", silent, "silence"},
		{"{{#is_renotify}}still {{/is_renotify}}{{#is_alert}}bad{{/is_alert}}", again, "still bad"},
		{"{{#is_alert}}{{#is_renotify}}x{{else}}first{{/is_renotify}}{{/is_alert}}", alert, "first"},
		{"{{#is_priority 'P1'}}one{{/is_priority}}{{#is_priority 'P2' 'P3'}}two{{/is_priority}}{{^is_priority 'P2'}}not two{{/is_priority}}", alert, "onenot two"},
		{`{{#is_match "host.name" "db" "web"}}yes{{/is_match}}{{#is_match "host.name" "db"}}no{{/is_match}}`, alert, "yes"},
		{`{{#is_match "nothing" ""}}empty{{/is_match}}{{#is_match "host.name" ""}}no{{/is_match}}`, alert, "empty"},
		{`{{#is_exact_match "host.name" "web"}}no{{else}}not exactly{{/is_exact_match}}{{#is_exact_match "host.name" "x" "web-1"}} but this{{/is_exact_match}}`, alert, "not exactly but this"},
		{`{{^is_exact_match "host.name" "web-1"}}other{{/is_exact_match}}`, alert, ""},
		{`{{eval "value*100"}} {{eval 'round(value/threshold*100, 1)'}} % {{eval "-(2+3)*4%7"}}`, alert, "81243.8 101.6 % -6"},
		{`{{eval "last_triggered_at_epoch-15*60*1000"}}`, alert, "1795455912000"},
		{`{{eval "int(7/2)"}} {{eval "max(1, 2, min(9, 5))"}} {{eval "pow(2, 10)"}} {{eval "abs(-3)+sqrt(4)"}}`, alert, "3 5 1024 5"},
		{`[{{eval "value/0"}}{{eval "nothing+1"}}{{eval "0/0"}}]`, alert, "[]"},
		{"{{local_time 'last_triggered_at' 'Asia/Tokyo'}}", alert, "Tue Nov 24 2026, 03:05:00 JST"},
		{"a{{! a comment }}b", alert, "ab"},
		{"{{{{raw}}}}{{value}}{{{{/raw}}}}", alert, "{{value}}"},
		{"{{#is_alert}}\nA\n{{else}}\nB\n{{/is_alert}}\nend", alert, "A\nend"},
		{"start\n  {{#is_alert}}  \n- one\n  {{/is_alert}}\n- two", alert, "start\n\n- one\n- two"},
		{"{{#no_such}}a{{/no_such}}{{^no_such}}b{{/no_such}}c", alert, "c"},
		{"{{check_message}}", alert, "line one\nline <two> & *three*"},
		{"**bold** _soft_ `code` ~~gone~~ [text](https://example.com) <https://example.org>", alert, "bold soft code gone text (https://example.com) https://example.org"},
		{"# Title\n\npara\nnext line\n\n> quote\n\n1. one\n2. two\n   - inner\n\n```\ncode\n```\n\n---\n\n| a | b |\n|---|---|\n| 1 | {{value}} |", alert,
			"Title\n\npara\nnext line\n\n> quote\n\n1. one\n2. two\n   - inner\n\n    code\n\n---\n\na | b\n1 | 812.438"},
		{`2 \* 3 &amp; 4`, alert, "2 * 3 & 4"},
	} {
		if got := render(t, c.template, c.data); got.Text != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.template, got.Text, c.want)
		}
	}
}

func TestHTMLIsSanitizedAndValuesAreText(t *testing.T) {
	for _, c := range []struct{ template, want string }{
		{"**{{value}}** on `{{host.name}}`", `<p><strong>812.438</strong> on <code>web-1</code></p>`},
		{"{{markup}}", `<p>&lt;script&gt;alert(1)&lt;/script&gt; **bold** [x](javascript:alert(1)) @evil@example.org</p>`},
		{"{{check_message}}", `<p>line one<br>line &lt;two&gt; &amp; *three*</p>`},
		{"<script>alert(1)</script>\n\n<b onclick=x>hi</b>", `<p>hi</p>`},
		{"[a](javascript:alert(1)) [b](data:text/html,x) [c](https://example.com/)", `<p>a b <a href="https://example.com/">c</a></p>`},
		{"[open](https://example.com/hosts?h={{host.name}}&m={{markup}})", `<p><a href="https://example.com/hosts?h=web-1&amp;m=%3Cscript%3Ealert%281%29%3C%2Fscript%3E%20%2A%2Abold%2A%2A%20%5Bx%5D%28javascript%3Aalert%281%29%29%20%40evil%40example.org">open</a></p>`},
		{"[open]({{url}})", `<p><a href="https://example.com/a?b=1&amp;c=2">open</a></p>`},
		{"[open]({{markup}})", `<p><a href="#">open</a></p>`},
		{"![{{markup}}](https://example.com/a.png)", `<p><img src="https://example.com/a.png" alt="&lt;script&gt;alert(1)&lt;/script&gt; **bold** [x](javascript:alert(1)) @evil@example.org"></p>`},
		{"one\ntwo", "<p>one<br>\ntwo</p>"},
		{"| a |\n|:-:|\n| 1 |", "<table>\n<thead>\n<tr>\n<th align=\"center\">a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td align=\"center\">1</td>\n</tr>\n</tbody>\n</table>"},
		{"xvaluex0x {{value}}", "<p>xvaluex0x 812.438</p>"},
	} {
		if got := render(t, c.template, alert).HTML; got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.template, got, c.want)
		}
	}
}

func TestReceiversFollowTheConditions(t *testing.T) {
	const template = `It burns. Ask @ann@example.com, or see bob@example.com.
{{#is_alert}}
@ops@example.com @webhook-pager @all @slack-ops
{{/is_alert}}
{{#is_warning}}@Day@Example.com{{/is_warning}}
@ops-{{env.name}}@example.com @{{mail}} @{{blank}}x @ANN@example.com @team_{{nothing}}
{{markup}} {{host.name}}@example.com`
	got := render(t, template, alert)
	want := Receivers{
		To:       []string{"ann@example.com", "ops@example.com", "ops-prod@example.com", "joe@example.com"},
		Webhooks: []string{"pager"}, All: true, Others: []string{"slack-ops", "team"},
	}
	if !reflect.DeepEqual(got.Receivers, want) {
		t.Errorf("got %+v\nwant %+v", got.Receivers, want)
	}
	if !strings.HasPrefix(got.Text, "It burns. Ask @ann@example.com, or see bob@example.com.\n") || strings.Contains(got.Text, "@ops@") || strings.Contains(got.Text, "pager") {
		t.Errorf("address lines must go and sentences stay:\n%s", got.Text)
	}
	warn := render(t, template, with(func(d *Data) { d.To = Warn }))
	if !slices.Contains(warn.To, "Day@Example.com") || slices.Contains(warn.To, "ops@example.com") || warn.All {
		t.Errorf("warning goes to %+v", warn.Receivers)
	}
	parsed, _ := Parse(template)
	want = Receivers{To: []string{"ann@example.com", "ops@example.com", "Day@Example.com"}, Webhooks: []string{"pager"}, All: true, Others: []string{"slack-ops"}}
	if got := parsed.Receivers(); !reflect.DeepEqual(got, want) {
		t.Errorf("all receivers %+v\nwant %+v", got, want)
	}
}

func TestTitlesAreOneLineOfText(t *testing.T) {
	parsed, err := Parse("my_metric is *high* on {{host.name}}{{#is_alert}}:\n{{check_message}}{{/is_alert}} @ops@example.com")
	if err != nil {
		t.Fatal(err)
	}
	want := "my_metric is *high* on web-1: line one line <two> & *three* @ops@example.com"
	if got := parsed.RenderTitle(alert); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestHostileValuesAreCleanedAndCut(t *testing.T) {
	data := Data{Vars: map[string]string{"a": "x\x00\x1b[31m\u202ey\r\n" + strings.Repeat("é", maxValue), "b": strings.Repeat("b", maxValue)}}
	got := render(t, "{{a}} {{b}} {{b}} {{b}} {{b}} {{b}} {{b}}", data)
	if !strings.HasPrefix(got.Text, "x[31my\né") || strings.Contains(got.Text, "\ufffd") {
		t.Errorf("not clean: %.20q", got.Text)
	}
	if len(got.Text) > maxValues+100 {
		t.Errorf("%d bytes of values", len(got.Text))
	}
}

func TestWrongTemplatesSayWhere(t *testing.T) {
	for template, want := range map[string]string{
		"a\nb {{value":                               `line 2, column 3: {{ without }} after it`,
		"{{#is_alert}}x":                             `line 1, column 1: {{#is_alert}} is never closed by {{/is_alert}}`,
		"x{{/is_alert}}":                             `line 1, column 2: {{/is_alert}} without a section before it`,
		"{{else}}":                                   `line 1, column 1: {{else}} without a section before it`,
		"{{#is_alert}}\nx{{/is_warning}}":            `line 2, column 2: {{/is_warning}} where {{/is_alert}} is due, for the section opened in line 1, column 1`,
		"{{#is_alert}}{{else}}{{else}}":              `a second {{else}} in {{#is_alert}}`,
		"{{}}":                                       `{{}} names no variable`,
		"{{ # }}":                                    `names no condition`,
		"{{a {{value}}":                              `{{ without }} before the next {{`,
		`{{eval "1+"}}`:                              `ends where a number or a variable is due`,
		`{{eval "1 2"}}`:                             `"2" stands where an operator or the end is due`,
		`{{eval "foo(1)"}}`:                          `no function "foo"`,
		`{{eval "round()"}}`:                         `a number or a variable`,
		`{{eval "round(1,2,3)"}}`:                    `round takes 1 to 2 arguments, not 3`,
		`{{eval value}}`:                             ``,
		`{{eval "1.2.3"}}`:                           `"1.2.3" is no number`,
		`{{eval "a" "b"}}`:                           `takes one expression`,
		`{{#is_match "a}}{{/is_match}}`:              `a quote is never closed`,
		"{{{{raw}}}} x":                              `never closed by {{{{/raw}}}}`,
		strings.Repeat("{{#is_alert}}", 20):          `nested 16 deep`,
		strings.Repeat("x", maxTemplate+1):           `at most 20000 bytes`,
		`{{eval "` + strings.Repeat("(", 40) + `"}}`: `nested 32 deep`,
	} {
		_, err := Parse(template)
		if want == "" {
			if err != nil {
				t.Errorf("Parse(%.60q): %v", template, err)
			}
			continue
		}
		var wrong *SyntaxError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.60q) = %v, want %s", template, err, want)
		}
	}
}

func TestCheckNamesTheNearest(t *testing.T) {
	known := Known{Groups: []string{"host", "env"}, Vars: []string{"event.*"}}
	for template, want := range map[string][2]string{ // read, suggestion
		"{{value}} {{host.name}} {{host.ip}} {{host.anything}} {{env.name}} {{event.title}} {{check_message}}": {},
		"{{#is_alert}}{{#is_match \"host.name\" \"a\"}}{{/is_match}}{{/is_alert}}":                             {},
		"{{vlaue}}":                                          {"vlaue", "value"},
		"{{Value}}":                                          {"Value", "value"},
		"{{treshold}}":                                       {"treshold", "threshold"},
		"{{host.name}} {{hostname}}":                         {"hostname", "host.name"},
		"{{#is_alret}}{{/is_alret}}":                         {"is_alret", "is_alert"},
		"{{^is_warn}}{{/is_warn}}":                           {"is_warn", "is_warning"},
		"{{role.name}}":                                      {"role.name", ""},
		`{{eval "valu*2"}}`:                                  {"valu", "value"},
		`{{#is_match "nme" "x"}}{{/is_match}}`:               {"nme", ""},
		"{{#is_priority 'P9'}}{{/is_priority}}":              {"P9", ""},
		"{{#is_priority}}{{/is_priority}}":                   {"is_priority", ""},
		"{{#is_match 'value'}}{{/is_match}}":                 {"is_match", ""},
		"{{#is_alert 'x'}}{{/is_alert}}":                     {"is_alert", ""},
		"{{local_time 'last_triggered_at' 'Europe/Berlim'}}": {"Europe/Berlim", ""},
		"{{foo bar}}":                                        {"foo bar", ""},
	} {
		parsed, err := Parse(template)
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		problems := parsed.Check(known)
		switch {
		case want[0] == "" && len(problems) == 0:
		case len(problems) != 1 || problems[0].Read != want[0] || problems[0].Suggestion != want[1]:
			t.Errorf("%s: %+v, want %q", template, problems, want)
		case !strings.HasPrefix(template[problems[0].Offset:], "{{"):
			t.Errorf("%s: offset %d", template, problems[0].Offset)
		}
	}
	parsed, _ := Parse("{{value}}\n{{env.name}} {{host.ip}}")
	problems := parsed.Check(Known{})
	if len(problems) != 2 || problems[0].Line != 2 || problems[0].Column != 1 || problems[1].Column != 14 || !strings.Contains(problems[0].Message, "groups by env") {
		t.Errorf("%+v", problems)
	}
}

func TestNumbersReadWell(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", math.Copysign(0, -1): "0", 5: "5", -3: "-3", 812.4375: "812.438", 0.1 + 0.2: "0.3", 99.99999999: "100", 123456.7: "123457", 1795456812000: "1795456812000",
		0.000123456789: "0.000123457", 1e-9: "1e-09", 1e15: "1e+15", -0.5: "-0.5", 1e300: "1e+300",
	} {
		if got := Number(v); got != want {
			t.Errorf("Number(%v) = %s, want %s", v, got, want)
		}
	}
	if Number(math.NaN()) != "NaN" {
		t.Error(Number(math.NaN()))
	}
}

func TestEvalComputesLikeGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := rapid.IntRange(-1000, 1000).Draw(t, "a"), rapid.IntRange(-1000, 1000).Draw(t, "b"), rapid.IntRange(1, 1000).Draw(t, "c")
		data := Data{Numbers: map[string]float64{"a": float64(a), "b": float64(b), "c": float64(c)}}
		e, err := parseExpr("(a - b) * -c % 7 + a*b/c")
		if err != nil {
			t.Fatal(err)
		}
		want := math.Mod(float64((a-b)*-c), 7) + float64(a*b)/float64(c)
		if got := e.eval(data.number); math.Abs(got-want) > 1e-6 {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// TestNoValueBecomesMarkup puts arbitrary values into every kind of place and
// expects that they add no tag, no receiver and no link scheme.
func TestNoValueBecomesMarkup(t *testing.T) {
	const template = "{{v}} **{{v}}** `{{v}}` [x](https://e.com/{{v}}) [y]({{v}}) <{{v}}>\n\n- {{v}}\n\n    {{v}}\n\n> {{v}}\n\n# {{v}}\n\n![{{v}}]({{v}})\n\n[{{v}}]: {{v}}"
	parsed, err := Parse(template)
	if err != nil {
		t.Fatal(err)
	}
	tags := func(page string) string {
		var b strings.Builder
		for part := range strings.SplitSeq(strings.ReplaceAll(page, "<br>", ""), "<") {
			name, _, _ := strings.Cut(part, ">")
			name, _, _ = strings.Cut(name, " ")
			b.WriteString(name + " ")
		}
		return b.String()
	}
	plain, _ := parsed.Render(Data{Vars: map[string]string{"v": "plain"}})
	_, wanted, _ := strings.Cut(tags(plain.HTML), " ")
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ <>"'@a-z:/\[\]()*_\x60#!&;.\n=-]{1,40}`)).Draw(t, "v")
		if strings.TrimSpace(v) == "" {
			return
		}
		got, err := parsed.Render(Data{Vars: map[string]string{"v": v + "."}})
		if err != nil {
			t.Fatal(err)
		}
		if _, have, _ := strings.Cut(tags(got.HTML), " "); have != wanted {
			t.Fatalf("value %q made\n%s\ntags %s\nwant %s", v, got.HTML, have, wanted)
		}
		if len(got.To)+len(got.Others)+len(got.Webhooks) > 0 || got.All {
			t.Fatalf("value %q made receivers %+v", v, got.Receivers)
		}
		if strings.Contains(strings.ToLower(got.HTML), `="javascript:`) {
			t.Fatalf("value %q made a script link: %s", v, got.HTML)
		}
	})
}

// sane is every tag that a message's HTML may hold.
var sane = regexp.MustCompile(`</?(p|br|hr|h[1-6]|strong|em|del|code|pre|blockquote|ul|ol|li|table|thead|tbody|tr|th|td|a)/?>` +
	`|<ol start="\d+">|<t[hd] align="(left|right|center)">|<a href="((https?://|mailto:)[^"<>]*|[^":<>]*|[^"<>:]*[/?#][^"<>]*)">|<img( src="(https?://[^"<>]*|#)")?( alt="[^"<>]*")?>`)

func FuzzParseAndRender(f *testing.F) {
	for _, seed := range []string{
		"{{#is_alert}}{{host.name}} at {{value}} @ops@example.com{{else}}ok{{/is_alert}}", "{{{{raw}}}}{{x}}{{{{/raw}}}}", `{{eval "round(value*100, 2)"}}`,
		"# T\n\n| a | b |\n|---|---|\n| {{value}} | c |", "[a]({{url}})![]({{value}})", "{{#is_match 'host.name' \"\"}}x{{/is_match}}", "@{{value}}@{{url}} @all\n@a@b",
		"<a href=\"{{value}}\">", "[[[[[[[[", "***___***", "xvaluex0x{{value}}", "```\n{{value}}", "{{local_time 'last_triggered_at' 'UTC'}}",
	} {
		f.Add(seed, "web-1 <b> @x@y.z")
	}
	f.Fuzz(func(t *testing.T, template, value string) {
		parsed, err := Parse(template)
		if err != nil {
			return
		}
		parsed.Check(Known{Groups: []string{"host"}})
		parsed.Receivers()
		data := with(func(d *Data) {
			d.Vars = map[string]string{"value": value, "url": value, "host.name": value}
		})
		got, err := parsed.Render(data)
		if err != nil {
			t.Fatal(err)
		}
		parsed.RenderTitle(data)
		if rest := sane.ReplaceAllString(got.HTML, ""); strings.ContainsAny(rest, "<>") {
			t.Errorf("not sane: %q in %q from %q with %q", rest, got.HTML, template, value)
		}
		if !strings.Contains(template, "@") && (len(got.To) > 0 || got.All || len(got.Others) > 0) {
			t.Errorf("%q with %q is for %+v", template, value, got.Receivers)
		}
	})
}

func BenchmarkRender(b *testing.B) {
	parsed, err := Parse("{{#is_alert}}\n**{{host.name}}** ({{host.ip}}) is at {{value}}, above {{threshold}}.\n\n- [Runbook](https://example.com/{{host.name}})\n\n@ops@example.com\n{{/is_alert}}")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parsed.Render(alert); err != nil {
			b.Fatal(err)
		}
	}
}
