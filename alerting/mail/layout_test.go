package mail

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

type golden struct {
	name    string
	content Content
}

// states is one mail of each state.
func states() []golden {
	monitor := func(state State, word, since, value, bodyText, bodyHTML string) Content {
		return Content{
			State: state, Word: word, Since: since, Title: "my_metric is high on host:thinkpad",
			Facts: []Fact{
				{Name: "Value", Value: value}, {Name: "Group", Value: "host:thinkpad"}, {Name: "Host", Value: "thinkpad"}, {Name: "IP", Value: "192.0.2.7"}, {Name: "Platform", Value: "Debian GNU/Linux 13, Linux 6.12"},
				{Name: "Host tags", Value: "awesome_tag, env:test, nice_tag, host:thinkpad"}, {Name: "Query", Value: "avg(last_5m):avg:my_metric{*} by {host} > 800", Code: true}, {Name: "Priority", Value: ""},
			},
			BodyText: bodyText, BodyHTML: bodyHTML,
			ImageCID: "graph@whippet", ImageAlt: "avg:my_metric{*} by {host} from 17:05 to 18:05 CET",
			Links: []Link{{"Monitor", "https://whippet.example.com/monitors/17"}, {"Graph at that time", "https://whippet.example.com/metrics/explorer?q=avg%3Amy_metric&from=1"},
				{"Host thinkpad", "https://whippet.example.com/hosts/thinkpad"}, {"Bad", "javascript:alert(1)"}},
			Actions: []Link{{"Mute for 1 h", "https://whippet.example.com/m/1"}, {"4 h", "https://whippet.example.com/m/2"}, {"until 9:00", "https://whippet.example.com/m/3"}},
			Footer:  `You get this because the message of monitor "my_metric is high" names your address.`,
		}
	}
	downtime := func(state State, since, text string) Content {
		return Content{
			State: state, Since: since, Title: "Nights, Monday to Friday",
			Facts: []Fact{{Name: "Scope", Value: "env:(staging OR prod) AND !role:db"}, {Name: "Monitors", Value: "all"}, {Name: "From", Value: "Mon Nov 23, 19:00 CET"}, {Name: "To", Value: "Tue Nov 24, 09:00 CET"},
				{Name: "Repeats", Value: "0 19 * * MON-FRI for 14 h, Europe/Berlin"}, {Name: "Next", Value: "Tue Nov 24, 19:00\nWed Nov 25, 19:00\nThu Nov 26, 19:00"}},
			BodyText: text, BodyHTML: "<p>" + text + "</p>",
			Links:  []Link{{"Downtime", "https://whippet.example.com/downtimes/3"}},
			Footer: "You get this because the message of this downtime names your address.",
		}
	}
	body := "<p><strong>thinkpad</strong> (192.0.2.7) is at <code>812.438</code>, above 800.</p>\n<ol>\n<li>Look at the <a href=\"https://wiki.example.com/runbook\">runbook</a></li>\n<li>Restart the importer:</li>\n</ol>\n<pre><code>systemctl restart importer\n</code></pre>\n<blockquote>\n<p>Last time it was the disk.</p>\n</blockquote>"
	text := "thinkpad (192.0.2.7) is at 812.438, above 800.\n\n1. Look at the runbook (https://wiki.example.com/runbook)\n2. Restart the importer:\n\n    systemctl restart importer\n\n> Last time it was the disk."
	short := func(s string) (string, string) { return s, "<p>" + s + "</p>" }
	warnText, warnHTML := short("It is getting warm.")
	noText, noHTML := short("Nothing has come from thinkpad for 10 minutes.")
	okText, okHTML := short("All is well again.")
	return []golden{
		{"alert", monitor(Alert, "", "since Mon Nov 23, 18:05 CET", "812.438 (alert > 800, warn > 500)", text, body)},
		{"warn", monitor(Warn, "", "since Mon Nov 23, 17:55 CET", "612 (alert > 800, warn > 500)", warnText, warnHTML)},
		{"no-data", monitor(NoData, "", "since Mon Nov 23, 18:20 CET", "no data for 10 minutes", noText, noHTML)},
		{"recovered", monitor(Recovered, "", "after 1h20m", "312 (alert > 800, warn > 500)", okText, okHTML)},
		{"renotify", monitor(Renotify, "Warn", "since Mon Nov 23, 17:55 CET", "640 (alert > 800, warn > 500)", warnText, warnHTML)},
		{"downtime-scheduled", downtime(DowntimeScheduled, "", "Nobody is disturbed at night.")},
		{"downtime-started", downtime(DowntimeStarted, "until Tue Nov 24, 09:00 CET", "Nobody is disturbed at night.")},
		{"downtime-ended", downtime(DowntimeEnded, "after 14 h", "Nobody is disturbed at night.")},
		{"downtime-canceled", downtime(DowntimeCanceled, "", "Nobody is disturbed at night.")},
		{"bare", Content{State: Test, Title: `<b>"Hello" & 'so on'</b>`}},
	}
}

func TestLayoutMatchesItsGoldenFiles(t *testing.T) {
	for _, g := range states() {
		html, text := Layout(g.content)
		for ext, got := range map[string]string{".html": html, ".txt": text} {
			file := filepath.Join("testdata", "golden", g.name+ext)
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; look at it, and write it anew with -update if that is right", file)
			}
		}
	}
}

func TestLayoutSaysEverythingInWords(t *testing.T) {
	for _, g := range states() {
		html, text := Layout(g.content)
		word := g.content.look().Word
		if !strings.Contains(html, ">"+word+"</td>") {
			t.Errorf("%s: the HTML doesn't name the state %q", g.name, word)
		}
		if !strings.HasPrefix(text, strings.ToUpper(word)) {
			t.Errorf("%s: the text doesn't begin with the state", g.name)
		}
		for _, f := range g.content.Facts {
			if f.Value != "" && (!strings.Contains(text, strings.Split(f.Value, "\n")[0]) || !strings.Contains(html, f.Name)) {
				t.Errorf("%s: %s is missing", g.name, f.Name)
			}
		}
		if strings.Contains(html, "ZgotmplZ") || strings.Contains(html+text, "javascript:") {
			t.Errorf("%s: a link is wrong", g.name)
		}
		if len(html) > 20_000 {
			t.Errorf("%s: %d bytes of HTML", g.name, len(html))
		}
	}
}

func TestRenotifyHasTheColourOfWhatLasts(t *testing.T) {
	for word, class := range map[string]string{"Alert": "alert", "Warn": "warn", "No Data": "nodata"} {
		c := Content{State: Renotify, Word: word}
		if l := c.look(); l.Class != class || l.Word != "Still in "+word {
			t.Errorf("%s: %+v", word, l)
		}
	}
}
