package alerting

import (
	"cmp"
	"context"
	"fmt"
	"html"
	netmail "net/mail"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/whippet-obs/whippet/alerting/mail"
	"github.com/whippet-obs/whippet/store/catalog"
)

// Shown is a graph that a person sends to others, drawn already.
type Shown struct {
	To         string   // addresses apart by commas or blanks, with or without an @ before each; "@all" is the installation's
	Title      string   // of the graph
	Query      string   // what it asks, in one line
	Note       string   // the sender's words, plain text
	View       string   // path of the page that shows the graph, on this installation; "": no link
	Start, End int64    // ms; the graph's time
	Marks      []Marked // what the sender marked in it
	Pictures   [][]byte // PNG: light, dark
}

// Marked is a time that a mark covers, in ms.
type Marked struct{ From, To int64 }

const (
	mostReceivers = 20
	mostNote      = 5000 // bytes
	mostShown     = 60   // mails per sender and hour
)

// RateError refuses what was done too often.
type RateError struct {
	What string
	Wait time.Duration
}

func (e *RateError) Error() string {
	return fmt.Sprintf("%s: try again in %v", e.What, e.Wait.Round(time.Second))
}

// Show mails a graph, in the name of ctx's actor, and returns the mail's number
// in the outbox. Errors are *FieldError and *RateError. Who sent what to whom is
// in the audit trail.
func (s *Service) Show(ctx context.Context, g Shown) (int64, error) {
	to, err := s.addressees(g.To)
	if err != nil {
		return 0, err
	}
	if len(g.Note) > mostNote || !utf8.ValidString(g.Note) {
		return 0, &FieldError{Field: "note", Value: fmt.Sprintf("%d bytes", len(g.Note)), Allowed: fmt.Sprintf("text of at most %d bytes", mostNote)}
	}
	link, err := s.viewLink(g)
	if err != nil {
		return 0, err
	}
	actor, known := catalog.ActorOf(ctx)
	sender := actor.Name
	if !known || sender == "local" {
		sender = ""
	}
	now := s.ms()
	if wait := s.shown.wait([]string{actor.Name}, now); wait > 0 {
		return 0, &RateError{fmt.Sprintf("%d snapshots were sent within the last hour, the limit for one person", mostShown), msDuration(wait)}
	}

	c := mail.Content{
		State: mail.Snapshot, Title: g.Title, Since: s.clock(now),
		Facts: []mail.Fact{
			{Name: "Marked", Value: s.markedText(g.Marks)},
			{Name: "Shown", Value: s.clock(g.Start) + " to " + s.clock(g.End)},
			{Name: "Query", Value: g.Query, Code: true},
			{Name: "From", Value: sender},
		},
		BodyText: g.Note, BodyHTML: paragraphs(g.Note),
		ImageCID: pictureCID, DarkCID: darkCID, ImageAlt: fmt.Sprintf("%s from %s to %s", g.Query, s.clock(g.Start), s.clock(g.End)),
		Footer: "You get this because somebody sent it to you from Whippet.",
	}
	if sender != "" {
		c.Footer = fmt.Sprintf("You get this because %s sent it to you from Whippet.", sender)
	}
	if link != "" {
		c.Links = []mail.Link{{Text: "Open the graph", URL: link}}
	}
	l := letter{}
	l.Subject, l.To, l.Created, l.Drawn = "[Snapshot] "+g.Title, to, now, g.Pictures
	l.MessageID = mail.NewMessageID(fmt.Sprintf("snapshot-%s-%d", hash(strings.Join(to, ",")+g.Title+g.Note), now), s.from)
	l.HTML, l.Text = mail.Layout(c)

	letters := []letter{l}
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := post(tx, letters); err != nil {
			return err
		}
		return tx.Note(catalog.Snapshots, fmt.Sprintf("mail %d", letters[0].ID), map[string]any{
			"to": to, "title": g.Title, "query": g.Query, "note": g.Note, "from": g.Start, "until": g.End,
		})
	})
	if err != nil {
		return 0, fmt.Errorf("send a snapshot: %w", err)
	}
	s.shown.note([]string{actor.Name}, now)
	s.handOver(letters)
	return letters[0].ID, nil
}

// addressees reads the addresses that a person wrote.
func (s *Service) addressees(text string) ([]string, error) {
	var to []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) }) {
		if word == "@all" {
			to = union(to, s.all)
			continue
		}
		address, err := netmail.ParseAddress(strings.TrimPrefix(word, "@"))
		if err != nil || address.Name != "" {
			return nil, &FieldError{Field: "to", Value: word, Allowed: "mail addresses such as @name@example.com"}
		}
		to = union(to, []string{address.Address})
	}
	if len(to) == 0 || len(to) > mostReceivers {
		return nil, &FieldError{Field: "to", Value: fmt.Sprintf("%d addresses", len(to)), Allowed: fmt.Sprintf("1 to %d", mostReceivers)}
	}
	return to, s.mayReach(to)
}

// viewLink is where the receiver finds the graph, over the time that was sent.
func (s *Service) viewLink(g Shown) (string, error) {
	if g.View == "" || s.url == "" {
		return "", nil
	}
	view, err := url.Parse(g.View)
	if err != nil || view.IsAbs() || view.Host != "" || !strings.HasPrefix(view.Path, "/") || strings.HasPrefix(view.Path, "//") {
		return "", &FieldError{Field: "view", Value: g.View, Allowed: "the path of a page here"}
	}
	q := view.Query()
	q.Set("from_ts", fmt.Sprint(g.Start))
	q.Set("to_ts", fmt.Sprint(g.End))
	q.Set("live", "false")
	return s.url + view.EscapedPath() + "?" + q.Encode(), nil
}

func (s *Service) markedText(marks []Marked) string {
	var lines []string
	for _, m := range slices.SortedFunc(slices.Values(marks), func(a, b Marked) int { return cmp.Compare(a.From, b.From) }) {
		lines = append(lines, s.clock(m.From)+" to "+s.clock(m.To))
	}
	return strings.Join(lines, "\n")
}

// paragraphs is plain text as HTML.
func paragraphs(text string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSpace(text), "\r\n", "\n"), "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(part), "\n", "<br>") + "</p>")
		}
	}
	return b.String()
}
