// Package message is the language in which people write what a monitor's mails
// say: Markdown with variables, sections that only some states show, and the
// receivers, as Datadog has it.
//
//	t, err := message.Parse("{{#is_alert}}{{host.name}} is at {{value}} @ops@example.com{{/is_alert}}")
//	problems := t.Check(message.Known{Groups: []string{"host"}})
//	out, err := t.Render(message.Data{To: message.Alert, Vars: map[string]string{"value": "812", "host.name": "web-1"}})
//
// A variable without a value shows nothing, as in Datadog. Values are text:
// they are never read as Markdown, HTML, template or receiver, so that a tag or
// an event can't write into a mail what the monitor's author didn't.
package message

import "time"

// State is a state of a group, as far as messages tell them apart.
type State uint8

// The states of a group. Unset is a group's state before its first.
const (
	Unset State = iota
	OK
	Warn
	Alert
	NoData
)

// Data is what a message is rendered with.
type Data struct {
	From, To State // the transition the mail is about; of a renotification both are the state that lasts
	Renotify bool
	Priority int // 1 to 5; 0: none

	// Vars are the variables' texts by name: "value", "threshold", "host.name",
	// "host.ip", "env.name", "check_message", "event.title".
	Vars map[string]string
	// Numbers are what eval counts with; a variable that isn't in Vars shows its
	// number as Number writes it.
	Numbers map[string]float64
	// Times are what local_time shows, by the variable's name.
	Times map[string]time.Time
}

// Rendered is a message for one transition.
type Rendered struct {
	Text string // to be read as plain text
	HTML string // a fragment, sanitized

	To       []string // mail addresses, in order, each once
	Webhooks []string // names, without "webhook-"
	All      bool     // @all
	Others   []string // handles that are none of these, without @
}

// Problem is something in a template that Render can do nothing with.
type Problem struct {
	Offset, Line, Column int    // in bytes from 0; lines and columns from 1
	Read                 string // the name as it stands there
	Message              string
	Suggestion           string // the nearest known name, or ""
}

// Known is what a monitor gives its messages besides the variables that all
// have.
type Known struct {
	Groups []string // keys the monitor groups by: each gives "<key>.name", "host" also "host.*"
	Vars   []string // further names; "event.*" allows all with that prefix
}

// Template is a parsed message, safe for concurrent use.
type Template struct{}

// Parse reads a message of at most 20,000 bytes. The error is a *SyntaxError.
func Parse(text string) (*Template, error) { panic("wave 1") }

// SyntaxError is a template that can't be read.
type SyntaxError struct {
	Offset, Line, Column int
	Message              string
}

func (e *SyntaxError) Error() string { panic("wave 1") }

// Check reports unknown variables and sections, in the order of the text.
func (t *Template) Check(known Known) []Problem { panic("wave 1") }

// Receivers returns every receiver the message names in any state, as far as
// they don't depend on variables.
func (t *Template) Receivers() Rendered { panic("wave 1") }

// Render writes the message for data.
func (t *Template) Render(data Data) (Rendered, error) { panic("wave 1") }

// RenderTitle writes a one-line text such as a monitor's name: variables and
// sections work, Markdown and receivers don't.
func (t *Template) RenderTitle(data Data) string { panic("wave 1") }

// Number writes a value as people read it: at most six significant digits, no
// exponent below 1e15.
func Number(v float64) string { panic("wave 1") }
