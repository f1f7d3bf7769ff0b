package alerting

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	netmail "net/mail"
	"strings"

	"github.com/whippet-obs/whippet/alerting/mail"
)

// Preview is the mail that a monitor would send in one state.
type Preview struct {
	State   Status   `json:"state"`
	Subject string   `json:"subject"`
	To      []string `json:"to"`
	HTML    string   `json:"html"` // without the picture
	Text    string   `json:"text"`
}

// PreviewMonitor writes the mail of every state that a monitor's document can
// bring, about the first group that its query finds now. A value that the
// group doesn't have at the moment is the threshold that would bring it.
func (s *Service) PreviewMonitor(ctx context.Context, doc json.RawMessage) ([]Preview, error) {
	m, err := s.understand(doc)
	if err != nil {
		return nil, err
	}
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
	cases := []struct {
		status, from Status
		value        float64
	}{{Alert, OK, m.critical}}
	if !math.IsNaN(m.warning) || m.comparator == "" {
		cases = append(cases, struct {
			status, from Status
			value        float64
		}{Warn, OK, m.warning})
	}
	if m.tells(NoData) {
		cases = append(cases, struct {
			status, from Status
			value        float64
		}{NoData, OK, math.NaN()})
	}
	cases = append(cases, struct {
		status, from Status
		value        float64
	}{OK, Alert, now.Value})

	out := make([]Preview, 0, len(cases))
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
		l := s.letter(m, t, body, at)
		p := Preview{State: c.status, Subject: l.Subject, To: body.To, HTML: withoutPicture(l.HTML), Text: l.Text}
		if p.To == nil {
			p.To = []string{}
		}
		out = append(out, p)
	}
	return out, nil
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
