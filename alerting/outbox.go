package alerting

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/whippet-obs/whippet/store/catalog"
)

// MailState is how far a mail has come.
type MailState string

const (
	Queued MailState = "queued" // waits to be delivered
	Sent   MailState = "sent"   // the mail server took it
	Kept   MailState = "kept"   // no mail server is configured: it stays here to be read
	Failed MailState = "failed" // refused for good, or given up; nobody got it
)

// Mail is one message of the outbox. Times are ms.
type Mail struct {
	ID         int64     `json:"id"`
	Created    int64     `json:"created"`
	Subject    string    `json:"subject"`
	To         []string  `json:"to"`
	State      MailState `json:"state"`
	Attempts   int       `json:"attempts"`
	Next       int64     `json:"next,omitempty"` // not tried before
	Done       int64     `json:"done,omitempty"` // when it was sent, kept or given up
	LastError  string    `json:"last_error,omitempty"`
	MonitorID  int64     `json:"monitor_id,omitempty"`
	DowntimeID int64     `json:"downtime_id,omitempty"`
	MessageID  string    `json:"message_id"` // stable over retries
	References []string  `json:"references,omitempty"`
	Line       string    `json:"line,omitempty"`    // mails of one line go out in order
	Pending    []string  `json:"pending,omitempty"` // of To, who does not have it yet after a partial delivery
	Webhook    string    `json:"webhook,omitempty"` // called instead of a mail server; To is its handle
}

// draft is the content of a mail until it is composed: all that depends on the
// moment it is about, but the picture, which is drawn when it is composed.
type draft struct {
	Text    string   `json:"text"`
	HTML    string   `json:"html"`
	Picture *picture `json:"picture,omitempty"`
	Drawn   [][]byte `json:"drawn,omitempty"` // PNGs that exist already: light, dark

	Vars map[string]string `json:"vars,omitempty"` // what a webhook's payload is filled with
}

// letter is a mail on its way into the outbox.
type letter struct {
	Mail
	draft
	status Status // of the groups that it is about
}

// The documents of the outbox: the mail, its draft until it is composed, and
// then the raw message. The list reads only the first.
func mailKey(id int64) string  { return fmt.Sprintf("mail/%012d", id) }
func draftKey(id int64) string { return fmt.Sprintf("draft/%012d", id) }
func rawKey(id int64) string   { return fmt.Sprintf("raw/%012d", id) }

// post puts letters into the outbox within tx, and sets their IDs.
func post(tx *catalog.Tx, letters []letter) error {
	for i := range letters {
		l := &letters[i]
		id, err := tx.NextID(catalog.Outbox)
		if err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
		l.ID = id
		l.State = Queued
		if err := tx.Put(catalog.Outbox, mailKey(id), l.Mail); err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
		if err := tx.Put(catalog.Outbox, draftKey(id), l.draft); err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
	}
	return nil
}

// postNow puts letters into the outbox in a transaction of their own.
func (s *Service) postNow(ctx context.Context, letters []letter) error {
	if err := s.catalog.Update(ctx, func(tx *catalog.Tx) error { return post(tx, letters) }); err != nil {
		return err
	}
	s.handOver(letters)
	return nil
}

// handOver gives letters that are committed to the courier.
func (s *Service) handOver(letters []letter) {
	s.stats.queued.Add(int64(len(letters)))
	s.queue.add(letters)
}

// outboxKeep is how many mails that are done with stay readable.
const outboxKeep = 1000

// prune drops the oldest mails that are done with.
func (s *Service) prune(ctx context.Context) error {
	var done []int64
	err := s.catalog.View(func(tx *catalog.Tx) error {
		return tx.Each(catalog.Outbox, "mail/", func(_ string, raw json.RawMessage) error {
			var m Mail
			if err := json.Unmarshal(raw, &m); err != nil {
				return err
			}
			if m.State != Queued {
				done = append(done, m.ID)
			}
			return nil
		})
	})
	if err != nil || len(done) <= outboxKeep {
		return err
	}
	return s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		for _, id := range done[:len(done)-outboxKeep] {
			for _, key := range []string{mailKey(id), draftKey(id), rawKey(id)} {
				if err := tx.Delete(catalog.Outbox, key); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Outbox lists the mails that are waiting, and the newest of those that are
// done with; newest first.
func (s *Service) Outbox() ([]Mail, error) {
	var mails []Mail
	err := s.catalog.View(func(tx *catalog.Tx) error {
		return tx.Each(catalog.Outbox, "mail/", func(_ string, raw json.RawMessage) error {
			var m Mail
			if err := json.Unmarshal(raw, &m); err != nil {
				return err
			}
			mails = append(mails, m)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	slices.SortFunc(mails, func(a, b Mail) int { return cmp.Compare(b.ID, a.ID) })
	return mails, nil
}

// OutboxSince lists the mails with greater numbers than id, oldest first.
func (s *Service) OutboxSince(id int64) ([]Mail, error) {
	var mails []Mail
	err := s.catalog.View(func(tx *catalog.Tx) error {
		return tx.EachFrom(catalog.Outbox, "mail/", mailKey(id+1), func(_ string, raw json.RawMessage) error {
			var m Mail
			if err := json.Unmarshal(raw, &m); err != nil {
				return err
			}
			mails = append(mails, m)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	return mails, nil
}

// Message is a mail with its content.
type Message struct {
	Mail
	Text string `json:"text"`
	HTML string `json:"html"` // pictures are data: URLs
	Raw  []byte `json:"-"`    // the RFC 5322 message; nil until it is composed
}

// OutboxMessage returns one mail of the outbox. ErrNotFound when there is none.
func (s *Service) OutboxMessage(id int64) (Message, error) {
	var m Message
	var d draft
	var found bool
	err := s.catalog.View(func(tx *catalog.Tx) error {
		var err error
		if found, err = tx.Get(catalog.Outbox, mailKey(id), &m.Mail); err != nil || !found {
			return err
		}
		composed, err := tx.Get(catalog.Outbox, rawKey(id), &m.Raw)
		if err == nil && !composed {
			_, err = tx.Get(catalog.Outbox, draftKey(id), &d)
		}
		return err
	})
	if err != nil {
		return m, fmt.Errorf("outbox: mail %d: %w", id, err)
	}
	if !found {
		return m, fmt.Errorf("mail %d: %w", id, ErrNotFound)
	}
	switch {
	case m.Raw == nil:
		m.Text, m.HTML = d.Text, d.HTML
		return m, nil
	case m.Webhook != "":
		m.Text = string(m.Raw)
		return m, nil
	}
	if m.Text, m.HTML, err = readable(m.Raw); err != nil {
		return m, fmt.Errorf("outbox: mail %d: %w", id, err)
	}
	return m, nil
}
