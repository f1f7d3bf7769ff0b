// Package message is the language in which people write what a monitor's mails
// say: Markdown with variables, sections that only some states show, and the
// receivers, as Datadog has it.
//
//	t, err := message.Parse("{{#is_alert}}{{host.name}} is at {{value}} @ops@example.com{{/is_alert}}")
//	problems := t.Check(message.Known{Groups: []string{"host"}})
//	out, err := t.Render(message.Data{To: message.Alert, Vars: map[string]string{"value": "812", "host.name": "web-1"}})
//
// # Language
//
//	{{value}} {{host.name}} {{[dotted.key].name}}    a variable
//	{{#is_alert}} ... {{else}} ... {{/is_alert}}     shown when the condition holds, or else
//	{{^is_alert}} ... {{/is_alert}}                  shown when it doesn't
//	{{#is_match "host.name" "web" "db"}} ...         the variable contains one of the texts; "" is: it is empty
//	{{#is_exact_match "host.name" "web-1"}} ...      the variable is one of the texts
//	{{#is_priority 'P1' 'P2'}} ...                   the monitor's priority
//	{{eval "value*100"}}                             arithmetic, see below
//	{{local_time 'last_triggered_at' 'Asia/Tokyo'}}  a time in a zone
//	{{! ... }}                                       a comment
//	{{{{raw}}}} ... {{{{/raw}}}}                     text in which {{ means nothing
//
// The conditions without arguments are is_alert, is_warning, is_no_data,
// is_recovery, is_renotify, is_<state>_recovery and is_<state>_to_<state> with
// alert, warning and no_data. eval knows + - * / %, brackets, numbers,
// variables, and abs, ceil, floor, int, log, max, min, pow, round, sqrt.
// A line that holds nothing but the tag of a section vanishes with it.
//
// # Values
//
// A variable without a value shows nothing, as in Datadog; so does arithmetic
// on one, or on zero as divisor. Values are text: they are never read as
// Markdown, HTML, template or receiver, so that a tag or an event can't write
// into a mail what the monitor's author didn't.
//
// # Receivers
//
// @person@example.com, @webhook-name, @all and any other @handle count where
// the section around them is shown. A value can be part of a handle that the
// author began (@ops-{{env.name}}@example.com). Handles stay readable inside a
// sentence; a line of nothing but handles is an address line, and is left out
// of the text.
package message

import (
	"math"
	"strconv"
	"time"
)

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
	// number as [Number] writes it. eval reads a variable that is only in Vars if
	// it looks like a number.
	Numbers map[string]float64
	// Times are what local_time shows, by the variable's name.
	Times map[string]time.Time
}

// Rendered is a message for one transition.
type Rendered struct {
	Text string // to be read as plain text
	HTML string // a fragment, sanitized
	Receivers
}

// Receivers are whom a message is for, in the order of the text, each once.
type Receivers struct {
	To       []string // mail addresses
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

// The limits of a message. A value beyond its limit is cut.
const (
	maxTemplate = 20_000 // bytes
	maxNesting  = 16     // sections in sections
	maxValue    = 4 << 10
	maxValues   = 16 << 10 // bytes of all values together
	maxEval     = 500      // bytes of an expression
)

// SyntaxError is a template that can't be read.
type SyntaxError struct {
	Offset, Line, Column int // in bytes from 0; lines and columns from 1
	Message              string
}

func (e *SyntaxError) Error() string {
	return "line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column) + ": " + e.Message
}

// Number writes a value as people read it: whole numbers as they are, others
// with six significant digits, an exponent only from 1e15 on and below 1e-6.
func Number(v float64) string {
	size := math.Abs(v)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return strconv.FormatFloat(v, 'g', -1, 64)
	case v == math.Trunc(v) && size < 1e15:
		return strconv.FormatFloat(v+0, 'f', 0, 64)
	case size >= 1e15 || size < 1e-6:
		return strconv.FormatFloat(v, 'g', 6, 64)
	case size >= 1e5:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 5, 64), 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
