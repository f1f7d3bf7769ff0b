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
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"
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

const (
	maxSubject    = 250 // runes
	maxReferences = 20  // the first and the newest of a longer thread
)

var (
	validCID       = regexp.MustCompile(`^[A-Za-z0-9._@-]{1,100}$`)
	validMessageID = regexp.MustCompile(`^[!#-;=?A-Z^-~-]{1,200}@[!#-;=?A-Z^-~-]{1,250}$`)
)

// Build writes m as RFC 5322 with CRLF, all 7 bit: multipart/alternative of
// text and HTML, inside multipart/related when there are pictures. Line breaks
// and control characters in header fields are replaced by blanks; an address or
// an ID that can't be written is an error. Boundaries differ from call to call.
func Build(m Message) ([]byte, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP))
	from, err := parseAddress(m.From)
	if err != nil {
		return nil, fmt.Errorf("mail: from: %w", err)
	}
	msg.FromMailAddress(from)
	if len(m.To) == 0 {
		return nil, fmt.Errorf("mail: to: no address")
	}
	for _, each := range m.To {
		to, err := parseAddress(each)
		if err != nil {
			return nil, fmt.Errorf("mail: to: %w", err)
		}
		msg.AddToMailAddress(to)
	}
	id := strings.Trim(m.MessageID, "<>")
	if !validMessageID.MatchString(id) {
		return nil, fmt.Errorf("mail: %q is no Message-ID", m.MessageID)
	}
	msg.SetMessageIDWithValue(id)
	if len(m.References) > 0 {
		var refs []string
		for _, ref := range m.References {
			ref = strings.Trim(ref, "<>")
			if !validMessageID.MatchString(ref) {
				return nil, fmt.Errorf("mail: reference %q is no Message-ID", ref)
			}
			refs = append(refs, "<"+ref+">")
		}
		msg.SetGenHeader(gomail.HeaderInReplyTo, refs[len(refs)-1])
		if len(refs) > maxReferences {
			refs = slices.Concat(refs[:1], refs[len(refs)-maxReferences+1:])
		}
		msg.SetGenHeader(gomail.HeaderReferences, strings.Join(refs, " "))
	}
	msg.Subject(oneLine(m.Subject, maxSubject))
	msg.SetDateWithValue(m.Date)
	// RFC 3834: keeps vacation replies away.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")

	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	for _, image := range m.Images {
		if !validCID.MatchString(image.CID) {
			return nil, fmt.Errorf("mail: %q is no content ID", image.CID)
		}
		err := msg.EmbedReader(image.CID+".png", bytes.NewReader(image.PNG),
			gomail.WithFileContentID("<"+image.CID+">"), gomail.WithFileContentType("image/png"),
			gomail.WithFileDescription(oneLine(image.Alt, maxSubject)))
		if err != nil {
			return nil, fmt.Errorf("mail: picture %s: %w", image.CID, err)
		}
	}
	var raw bytes.Buffer
	if _, err := msg.WriteTo(&raw); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return raw.Bytes(), nil
}

// NewMessageID returns "<unique@host of from>" for a mail that is told apart by
// unique, such as "monitor-17-host-web-1790000000000". The same arguments give
// the same ID; what can't stand in one is replaced, and told apart by a hash.
func NewMessageID(unique, from string) string {
	host := "whippet.localhost"
	if address, err := parseAddress(from); err == nil {
		_, host, _ = strings.Cut(address.Address, "@")
	}
	local := strings.Map(func(r rune) rune {
		if r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_=+", r)) {
			return r
		}
		return '-'
	}, unique)
	if local != unique || local == "" || len(local) > 100 {
		sum := sha256.Sum256([]byte(unique))
		local = local[:min(len(local), 80)] + "-" + hex.EncodeToString(sum[:8])
	}
	return "<" + local + "@" + host + ">"
}

// parseAddress reads one address, and writes an international domain as DNS
// does, so that any server takes it.
func parseAddress(text string) (*netmail.Address, error) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return nil, fmt.Errorf("%q is no mail address: it holds a control character", text)
	}
	address, err := netmail.ParseAddress(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no mail address: %w", text, err)
	}
	at := strings.LastIndexByte(address.Address, '@')
	local, domain := address.Address[:at], address.Address[at+1:]
	if strings.ContainsFunc(local, func(r rune) bool { return r <= ' ' || r >= 127 || r == '<' || r == '>' }) {
		return nil, fmt.Errorf("%q is no mail address that every server takes: %q needs to be plain ASCII", text, local)
	}
	if domain, err = idna.Lookup.ToASCII(domain); err != nil {
		return nil, fmt.Errorf("%q is no mail address: %w", text, err)
	}
	address.Address = local + "@" + domain
	return address, nil
}

// oneLine makes text fit for a header field.
func oneLine(text string, limit int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, ""), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit-1]) + "…"
	}
	return text
}
