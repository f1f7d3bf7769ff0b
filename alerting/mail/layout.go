package mail

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"unicode/utf8"
)

// State is what a mail is about; it gives the colour and the word on top.
type State uint8

// The states of mails.
const (
	Alert State = iota
	Warn
	NoData
	Recovered
	Renotify // still in the state that Content.Word names: "Alert", "Warn", "No Data"
	DowntimeScheduled
	DowntimeStarted
	DowntimeEnded
	DowntimeCanceled
	Test
	Snapshot // somebody sends a graph
)

// Content is what a mail shows, from top to bottom.
type Content struct {
	State    State
	Word     string // the state's word instead of its own; of a Renotify, the state that lasts
	Since    string // beside the word: "since Nov 23, 18:05"
	Title    string
	Facts    []Fact // in order; one with an empty value is left out
	BodyHTML string // sanitized, as in message.Rendered; goes into the page as it is
	BodyText string
	ImageCID string // "" when the mail goes without a picture
	ImageAlt string
	DarkCID  string // the picture for readers whose mails are dark; "" when there is only one
	Links    []Link // the first is the main one
	Actions  []Link // smaller, below: "Mute for 1 h"
	Footer   string // why the reader gets this
}

// Fact is a row of the table under the title. The first is set in bold.
type Fact struct {
	Name, Value string // a value may have several lines
	Code        bool   // it is a query or an ID, to be set in a monospaced font
}

// Link is something to follow. Only http and https are shown.
type Link struct{ Text, URL string }

//go:embed layout.html
var layoutSource string

var layout = template.Must(template.New("layout").Parse(layoutSource))

// look is the colour and the word of a state. The classes are in layout.html;
// the colours, of its light half, stand in the page itself too, for clients that
// drop its style sheet. Ink is what is readable on the colour.
type look struct{ Class, Color, Ink, Word string }

const (
	white = "#ffffff"
	dark  = "#0e1116"
)

func (s State) look() look {
	switch s {
	case Alert:
		return look{"alert", "#d92d20", white, "Alert"}
	case Warn:
		return look{"warn", "#d97706", dark, "Warn"}
	case NoData:
		return look{"nodata", "#667085", white, "No Data"}
	case Recovered:
		return look{"ok", "#1f9d55", dark, "Recovered"}
	case Renotify:
		return look{"alert", "#d92d20", white, "Renotify"}
	case DowntimeScheduled:
		return look{"info", "#3b5bdb", white, "Downtime scheduled"}
	case DowntimeStarted:
		return look{"muted", "#98a2b3", dark, "Downtime started"}
	case DowntimeEnded:
		return look{"info", "#3b5bdb", white, "Downtime ended"}
	case DowntimeCanceled:
		return look{"muted", "#98a2b3", dark, "Downtime canceled"}
	case Snapshot:
		return look{"info", "#3b5bdb", white, "Snapshot"}
	default:
		return look{"info", "#3b5bdb", white, "Test"}
	}
}

// look is the state's look with the mail's own word.
func (c *Content) look() look {
	l := c.State.look()
	if c.Word == "" {
		return l
	}
	if c.State != Renotify {
		l.Word = c.Word
		return l
	}
	for _, s := range []State{Alert, Warn, NoData} {
		if lasting := s.look(); lasting.Word == c.Word {
			l = lasting
		}
	}
	l.Word = "Still in " + c.Word
	return l
}

// Layout writes c as an HTML document and as plain text.
func Layout(c Content) (html, text string) {
	facts := make([]Fact, 0, len(c.Facts))
	for _, f := range c.Facts {
		if strings.TrimSpace(f.Value) != "" {
			facts = append(facts, f)
		}
	}
	c.Facts, c.Links, c.Actions = facts, webLinks(c.Links), webLinks(c.Actions)
	var b strings.Builder
	err := layout.Execute(&b, map[string]any{
		"C": &c, "Look": c.look(), "Preview": c.preview(),
		"Body": template.HTML(c.BodyHTML), "Image": template.URL("cid:" + url.PathEscape(c.ImageCID)), "Dark": template.Srcset("cid:" + url.PathEscape(c.DarkCID)),
	})
	text = c.text()
	if err != nil {
		// Writing to memory a template that the tests execute can't fail; the
		// words are worth more than their looks if it does.
		return "<pre>" + template.HTMLEscapeString(text) + "</pre>", text
	}
	return b.String(), text
}

func webLinks(links []Link) []Link {
	out := make([]Link, 0, len(links))
	for _, l := range links {
		if u, err := url.Parse(l.URL); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
			out = append(out, Link{l.Text, u.String()})
		}
	}
	return out
}

// preview is what a mail client shows in its list behind the subject.
func (c *Content) preview() string {
	var parts []string
	for _, f := range c.Facts[:min(2, len(c.Facts))] {
		parts = append(parts, f.Name+": "+f.Value)
	}
	return oneLine(strings.Join(append(parts, c.BodyText), " · "), 140)
}

// text is the mail for those who read without HTML.
func (c *Content) text() string {
	var parts []string
	head := strings.ToUpper(c.look().Word)
	if c.Since != "" {
		head += " " + c.Since
	}
	parts = append(parts, head+"\n"+c.Title)

	var b strings.Builder
	width := 0
	for _, f := range c.Facts {
		width = max(width, utf8.RuneCountInString(f.Name))
	}
	for _, f := range c.Facts {
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(f.Name))
		value := strings.ReplaceAll(f.Value, "\n", "\n"+strings.Repeat(" ", width+3))
		fmt.Fprintf(&b, "%s:%s  %s\n", f.Name, pad, value)
	}
	parts = append(parts, b.String(), c.BodyText)
	if c.ImageCID != "" && c.ImageAlt != "" {
		parts = append(parts, "Graph: "+c.ImageAlt)
	}
	for _, links := range [][]Link{c.Links, c.Actions} {
		b.Reset()
		for _, l := range links {
			fmt.Fprintf(&b, "%s: %s\n", l.Text, l.URL)
		}
		parts = append(parts, b.String())
	}
	if c.Footer != "" {
		parts = append(parts, "-- \n"+c.Footer) // RFC 3676 4.3: what follows is the signature
	}
	var out []string
	for _, p := range parts {
		if p = strings.Trim(p, "\n"); p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, "\n\n") + "\n"
}
