package alerting

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	netmail "net/mail"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/alerting/mail"
	"github.com/whippet-obs/whippet/query/chart"
)

// Preview is the mail that a monitor would send in one state.
type Preview struct {
	State   Status   `json:"state"`
	Subject string   `json:"subject"`
	To      []string `json:"to"`
	HTML    string   `json:"html"` // with the picture as a data: URL
	Text    string   `json:"text"`
	Unheard []string `json:"unheard,omitempty"` // handles of the message that lead nowhere: "@slack-ops"
}

// rehearsal is the mail of one state, before anything has happened.
type rehearsal struct {
	status Status
	letter letter
	hooks  []string // webhooks that would be called
	others []string // handles that are neither an address nor a webhook
}

// rehearse writes the mail of every state that m can take, about the first
// group that its query finds now. A value that the group doesn't have at the
// moment is the threshold that would bring it.
func (s *Service) rehearse(ctx context.Context, m *monitor) ([]rehearsal, error) {
	at := s.ms()
	readings, err := m.read(ctx, s.world(), m.windowEnd(at))
	if err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	var now Reading
	if len(readings) > 0 {
		now = readings[0]
	} else {
		now.Value = math.NaN()
		for _, key := range m.query.groupBy {
			now.Tags = append(now.Tags, key+":"+key)
		}
	}
	is := cmp.Or(now.Status, NoData)
	if !math.IsNaN(now.Value) && now.Status == "" {
		is = m.judge(OK, now.Value)
	}
	type state struct {
		status, from Status
		value        float64
	}
	cases := []state{{Alert, OK, m.critical}}
	if !math.IsNaN(m.warning) || m.comparator == "" {
		cases = append(cases, state{Warn, OK, m.warning})
	}
	if m.tells(NoData) {
		cases = append(cases, state{NoData, OK, math.NaN()})
	}
	cases = append(cases, state{OK, Alert, now.Value})

	out := make([]rehearsal, 0, len(cases))
	for _, c := range cases {
		if c.status == is {
			c.value = now.Value
		}
		g := Group{
			Name: groupName(now.Tags), Tags: now.Tags, Status: c.status, Since: at, Value: Number(c.value),
			LastData: at - m.missingAfter, Vars: now.Vars, Triggered: at - m.window, LastTriggered: at - m.window, Told: c.status, ToldAt: at,
		}
		t := &Transition{Group: g, From: c.from, FromTold: c.from, At: at, Changed: true, Mail: true, First: true, Thread: at, Began: g.Triggered}
		body, err := s.render(m, t)
		if err != nil {
			return nil, fmt.Errorf("preview: %w", err)
		}
		out = append(out, rehearsal{c.status, s.letter(m, t, body, at), body.Webhooks, body.Others})
	}
	return out, nil
}

// PreviewMonitor writes the mail of every state that a monitor's document can
// bring, with its picture as a data: URL.
func (s *Service) PreviewMonitor(ctx context.Context, doc json.RawMessage) ([]Preview, error) {
	m, err := s.understand(doc)
	if err != nil {
		return nil, err
	}
	mails, err := s.rehearse(ctx, m)
	if err != nil {
		return nil, err
	}
	out := make([]Preview, 0, len(mails))
	for _, r := range mails {
		p := Preview{State: r.status, Subject: r.letter.Subject, To: slices.Clone(r.letter.To), HTML: r.letter.HTML, Text: r.letter.Text}
		for _, name := range r.hooks {
			p.To = append(p.To, "@webhook-"+name)
		}
		if p.To == nil {
			p.To = []string{}
		}
		for _, handle := range r.others {
			p.Unheard = append(p.Unheard, "@"+handle)
		}
		p.HTML = s.illustrated(ctx, &r.letter)
		out = append(out, p)
	}
	return out, nil
}

// illustrated is a letter's HTML with its picture in it, if one can be drawn.
func (s *Service) illustrated(ctx context.Context, l *letter) string {
	if l.Picture == nil {
		return l.HTML
	}
	pictures, err := s.draw(ctx, l.Picture, chart.Light, chart.Dark)
	if err != nil {
		return withoutPicture(l.HTML)
	}
	html := l.HTML
	for i, cid := range []string{pictureCID, darkCID} {
		html = strings.ReplaceAll(html, "cid:"+cid, "data:image/png;base64,"+base64.StdEncoding.EncodeToString(pictures[i]))
	}
	return html
}

// TestMonitor sends the mails that a monitor's document would send in some
// states (none: all), marked as tests, to the receivers that its message names
// or else to to. It returns their numbers in the outbox.
func (s *Service) TestMonitor(ctx context.Context, doc json.RawMessage, states []Status, to []string) ([]int64, error) {
	for _, address := range to {
		if _, err := netmail.ParseAddress(address); err != nil {
			return nil, &FieldError{Field: "to", Value: address, Allowed: "mail addresses"}
		}
	}
	if err := s.mayReach(to); err != nil {
		return nil, err
	}
	m, err := s.understand(doc)
	if err != nil {
		return nil, err
	}
	mails, err := s.rehearse(ctx, m)
	if err != nil {
		return nil, err
	}
	var letters []letter
	for _, r := range mails {
		l := r.letter
		if len(to) > 0 {
			l.To = to
		}
		if len(states) > 0 && !slices.Contains(states, r.status) || len(l.To) == 0 {
			continue
		}
		l.Subject, l.References = "[Test] "+l.Subject, nil
		l.MessageID = mail.NewMessageID(fmt.Sprintf("test-%s-%s-%d", hash(l.Subject), slug(string(r.status)), l.Created), s.from)
		letters = append(letters, l)
	}
	if len(letters) == 0 {
		return nil, &FieldError{Field: "to", Value: "", Allowed: "a mail address: the message names nobody in these states"}
	}
	if err := s.postNow(ctx, letters); err != nil {
		return nil, fmt.Errorf("test mails: %w", err)
	}
	ids := make([]int64, len(letters))
	for i := range letters {
		ids[i] = letters[i].ID
	}
	return ids, nil
}

// audit is the mail about an edit, to everybody whom the monitor's message
// names, where notify_audit asks for it.
func (s *Service) audit(m *monitor, what string) []letter {
	to := m.body.Receivers().To
	if !m.notifyAudit || len(to) == 0 {
		return nil
	}
	word := strings.ToUpper(what[:1]) + what[1:]
	at := s.ms()
	c := mail.Content{
		State: mail.Test, Word: word, Since: s.clock(at), Title: m.name,
		Facts: []mail.Fact{{Name: "Query", Value: m.queryText}, {Name: "Tags", Value: strings.Join(m.tags, ", ")}},
		Links: s.links(m, at), Footer: "You get this because the monitor tells its receivers of changes to it (notify_audit).",
	}
	l := letter{}
	l.Subject, l.To = m.subject(word, m.name, nil), to
	s.seal(&l, m, c, fmt.Sprintf("monitor-%d-%s-%d", m.id, what, at))
	return []letter{l}
}

// SendTest queues a mail to one address that says that mail works, and returns
// its number in the outbox.
func (s *Service) SendTest(ctx context.Context, to string) (int64, error) {
	if _, err := netmail.ParseAddress(to); err != nil {
		return 0, &FieldError{Field: "to", Value: to, Allowed: "a mail address"}
	}
	if err := s.mayReach([]string{to}); err != nil {
		return 0, err
	}
	l := letter{}
	l.Subject, l.To, l.Created = "[Test] Whippet can send mail", []string{to}, s.ms()
	l.MessageID = mail.NewMessageID(fmt.Sprintf("test-%s-%d", hash(to), l.Created), s.from)
	l.HTML, l.Text = mail.Layout(mail.Content{
		State: mail.Test, Title: "Whippet can send mail", Since: s.clock(l.Created),
		BodyHTML: "<p>Monitors will reach you here.</p>", BodyText: "Monitors will reach you here.",
	})
	letters := []letter{l}
	if err := s.postNow(ctx, letters); err != nil {
		return 0, fmt.Errorf("test mail: %w", err)
	}
	return letters[0].ID, nil
}
