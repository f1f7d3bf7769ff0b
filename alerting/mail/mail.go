// Package mail makes the mails that monitors and downtimes send and hands them
// to a mail server.
//
//	html, text := mail.Layout(content)
//	raw, err := mail.Build(mail.Message{From: from, To: to, Subject: subject, HTML: html, Text: text, ...})
//	err = smtp.Deliver(ctx, raw, from, to)
//
// A message is built once and delivered as often as it takes: its bytes, its
// Message-ID among them, are the same at every attempt.
package mail

import (
	"context"
	"time"
)

// Message is a mail before it is built.
type Message struct {
	From       string   // "Whippet <whippet@example.com>" or the bare address
	To         []string // as From
	Subject    string
	MessageID  string   // with or without <>; required: a retry has the same
	References []string // Message-IDs of the thread, oldest first; the last is what this one answers
	Date       time.Time
	Text, HTML string
	Images     []Image
}

// Image is a picture that HTML shows with <img src="cid:...">.
type Image struct {
	CID string // letters, digits, "." "-" "_" "@"
	Alt string
	PNG []byte
}

// Build writes m as RFC 5322 with CRLF, all 7 bit: multipart/alternative of
// text and HTML, inside multipart/related when there are pictures. The same m
// gives the same bytes. Line breaks and control characters in header fields
// are replaced by blanks; an address that can't be read is an error.
func Build(m Message) ([]byte, error) { panic("wave 1") }

// NewMessageID returns "<unique@host of from>" for a mail that is told apart by
// unique, such as "monitor-17-host-web-1790000000000".
func NewMessageID(unique, from string) string { panic("wave 1") }

// State is what a mail is about; it gives the colour and the word on top.
type State uint8

const (
	Alert State = iota
	Warn
	NoData
	Recovered
	Renotify // still in the state that Word names
	DowntimeScheduled
	DowntimeStarted
	DowntimeEnded
	DowntimeCanceled
	Test
)

// Content is what a mail shows, from top to bottom.
type Content struct {
	State    State
	Word     string // the state's word instead of its own, "Warn" of a Renotify
	Since    string // beside the word: "since Nov 23, 18:05"
	Title    string
	Facts    []Fact // in order; one with an empty value is left out
	BodyHTML string // sanitized, from message.Rendered
	BodyText string
	ImageCID string // "" when the mail goes without a picture
	ImageAlt string
	Links    []Link // the first is the main one
	Actions  []Link // smaller, below: "Mute for 1 h"
	Footer   string // why the reader gets this
}

// Fact is a line of the table under the title.
type Fact struct{ Name, Value string }

// Link is something to follow. Only http and https are shown.
type Link struct{ Text, URL string }

// Layout writes c as an HTML document and as plain text.
func Layout(c Content) (html, text string) { panic("wave 1") }

// TLS says how a connection to a mail server is protected.
type TLS string

const (
	NoTLS       TLS = "none"
	STARTTLS    TLS = "starttls" // required, not opportunistic
	ImplicitTLS TLS = "tls"
)

// Config is how to reach the mail server.
type Config struct {
	Host     string
	Port     int // 0: 25, 587 or 465 by TLS
	TLS      TLS // "": starttls
	Username string
	Password string
	Timeout  time.Duration // of a whole delivery; 0: a minute
	HELO     string        // our name; "": the machine's
}

// SMTP delivers to one mail server. It keeps no connection between deliveries
// and is safe for concurrent use.
type SMTP struct{}

// NewSMTP checks cfg; it doesn't connect.
func NewSMTP(cfg Config) (*SMTP, error) { panic("wave 1") }

// Deliver hands raw to the server for every address in to. It returns nil when
// the server has taken the message for all of them. Otherwise [Permanent] says
// whether trying again makes sense, and [Remaining] for whom.
func (s *SMTP) Deliver(ctx context.Context, raw []byte, from string, to []string) error {
	panic("wave 1")
}

// Permanent says whether err is a refusal that trying again won't change: a 5xx
// answer to the message or to all receivers that don't have it yet. Network
// faults, 4xx answers and a wrong password (someone will mend it) are temporary.
func Permanent(err error) bool { panic("wave 1") }

// Remaining returns those of to for whom it makes sense to try again after err.
// Receivers for whom the server has taken the message are never among them.
func Remaining(err error, to []string) []string { panic("wave 1") }
