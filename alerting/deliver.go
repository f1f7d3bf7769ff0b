package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/whippet-obs/whippet/alerting/mail"
	"github.com/whippet-obs/whippet/alerting/webhook"
	"github.com/whippet-obs/whippet/query/chart"
	"github.com/whippet-obs/whippet/store/catalog"
)

// Delivery. A mail is in the catalog before anybody tries to send it, in the
// same transaction as the change of state it tells of. It leaves by three
// steps, each committed before the next: composed (the picture is drawn, the
// raw message kept), handed to the mail server, marked as sent. Killed before
// a step's commit, we do the step again after the restart: drawing twice is
// harmless, and a server that was asked twice before it said 250 has taken the
// mail once. What is left is a kill between the server's 250 and our commit of
// "sent": then the same message goes out again with the same Message-ID, which
// is how receivers recognise it. No protocol closes that gap; it is a few
// milliseconds wide.

const (
	firstRetry  = 15 * time.Second
	lastRetry   = time.Hour
	giveUpAfter = 4 * 24 * time.Hour
	sendTimeout = 2 * time.Minute
	senders     = 4 // connections to the mail server at the same time
)

// backoff is how long to wait after the attempts-th failure.
func backoff(attempts int) time.Duration {
	wait := firstRetry
	for i := 1; i < attempts && wait < lastRetry; i++ {
		wait *= 2
	}
	return min(wait, lastRetry)
}

// queue is the mails that are still to be delivered, as in the catalog.
type queue struct {
	mu    sync.Mutex
	mails map[int64]Mail
	wake  chan struct{}
}

// add takes over letters that are committed.
func (q *queue) add(letters []letter) {
	if len(letters) == 0 {
		return
	}
	q.mu.Lock()
	for i := range letters {
		q.mails[letters[i].ID] = letters[i].Mail
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// ready returns the mails to try now, oldest first: of each line only the
// oldest, so that nobody hears of the recovery before the alert.
func (q *queue) ready(now int64) []Mail {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []Mail
	lines := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(q.mails)) {
		m := q.mails[id]
		if m.Line != "" {
			if lines[m.Line] {
				continue
			}
			lines[m.Line] = true
		}
		// A Next that lies further away than any back-off was set by a clock
		// that has been put back since.
		if m.Next <= now || m.Next > now+lastRetry.Milliseconds() {
			out = append(out, m)
		}
	}
	return out
}

func (q *queue) put(m Mail) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if m.State == Queued {
		q.mails[m.ID] = m
	} else {
		delete(q.mails, m.ID)
	}
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.mails)
}

func (s *Service) loadQueue() error {
	return s.catalog.View(func(tx *catalog.Tx) error {
		return tx.Each(catalog.Outbox, "mail/", func(id string, raw json.RawMessage) error {
			var m Mail
			if err := json.Unmarshal(raw, &m); err != nil {
				return fmt.Errorf("outbox %s: %w", id, err)
			}
			if m.State == Queued {
				s.queue.mails[m.ID] = m
			}
			return nil
		})
	})
}

// deliver empties the outbox until ctx ends.
func (s *Service) deliver(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		for s.deliverReady(ctx) && ctx.Err() == nil {
		}
		select {
		case <-ctx.Done():
			return
		case <-s.queue.wake:
		case <-tick.C:
		}
	}
}

// deliverReady tries every mail that is due once. It returns when all were,
// and says whether one got done, so that the next in its line may follow.
func (s *Service) deliverReady(ctx context.Context) bool {
	ready := s.queue.ready(s.ms())
	if len(ready) == 0 {
		return false
	}
	before := s.stats.mailsDone.Load()
	var wg sync.WaitGroup
	places := make(chan struct{}, senders)
	for _, m := range ready {
		if wait := s.limits.wait(m.To, s.ms()); wait > 0 {
			s.holdBack(ctx, m, wait)
			continue
		}
		select {
		case <-ctx.Done():
		case places <- struct{}{}:
			wg.Go(func() {
				defer func() { <-places }()
				s.deliverOne(ctx, m)
			})
		}
	}
	wg.Wait()
	done := s.stats.mailsDone.Load()
	if done-s.pruned >= 100 && ctx.Err() == nil {
		s.pruned = done
		if err := s.prune(ctx); err != nil {
			s.log.Warn("outbox: cannot drop old mails", "err", err)
		}
	}
	return done > before
}

// holdBack lets a mail wait whose receivers have had too many.
func (s *Service) holdBack(ctx context.Context, m Mail, wait int64) {
	m.Next, m.LastError = s.ms()+wait, fmt.Sprintf("held back: a receiver has had %d messages within an hour, the limit (--mail-rate)", s.limits.most)
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.Put(catalog.Outbox, mailKey(m.ID), m) })
	if err != nil && ctx.Err() == nil {
		s.log.Error("outbox: cannot write down a delay", "mail", m.ID, "err", err)
	}
	s.queue.put(m)
}

func (s *Service) deliverOne(ctx context.Context, m Mail) {
	raw, err := s.composed(ctx, m)
	if err != nil && ctx.Err() != nil {
		return // stopped in the middle: tried again after the restart
	}
	switch {
	case err == nil && m.Webhook != "":
		callCtx, cancel := context.WithTimeout(ctx, sendTimeout)
		err = s.dial(callCtx, m, raw)
		cancel()
		if ctx.Err() != nil && err != nil {
			return
		}
	case err == nil && s.send != nil:
		to := m.To
		if m.Pending != nil {
			to = m.Pending
		}
		if to = s.receivers.among(to); len(to) == 0 {
			err = s.receivers.refuse(m.To)
			break
		}
		sendCtx, cancel := context.WithTimeout(ctx, sendTimeout)
		err = s.send(sendCtx, raw, s.from, to)
		cancel()
		left := mail.Remaining(err, to)
		if ctx.Err() != nil && err != nil && len(left) == len(to) {
			return
		}
		if m.Pending = nil; len(left) < len(m.To) {
			m.Pending = left
		}
	}
	now := s.ms()
	if err == nil {
		s.limits.note(m.To, now)
	}
	m.Attempts++
	switch {
	case err == nil && s.send == nil && m.Webhook == "":
		m.State, m.Done, m.LastError = Kept, now, ""
		s.stats.kept.Add(1)
	case err == nil:
		m.State, m.Done, m.LastError = Sent, now, ""
		if others := s.receivers.others(m.To); m.Webhook == "" && len(others) > 0 {
			m.LastError = "not sent to " + s.receivers.refuse(others).Error()
		}
		s.stats.sent.Add(1)
	case mail.Permanent(err) || webhook.Permanent(err) || errors.Is(err, errNotAllowed) || errors.Is(err, errMalformed) || errors.Is(err, ErrNotFound):
		m.State, m.Done, m.LastError = Failed, now, err.Error()
		s.stats.failed.Add(1)
		s.log.Error("mail refused", "mail", m.ID, "to", m.To, "subject", m.Subject, "err", err)
	case now-m.Created > giveUpAfter.Milliseconds():
		m.State, m.Done, m.LastError = Failed, now, fmt.Sprintf("given up after %d attempts in %v: %v", m.Attempts, giveUpAfter, err)
		s.stats.failed.Add(1)
		s.log.Error("mail given up", "mail", m.ID, "to", m.To, "subject", m.Subject, "err", err)
	default:
		wait := backoff(m.Attempts)
		m.Next, m.LastError = now+wait.Milliseconds(), err.Error()
		s.stats.retried.Add(1)
		s.log.Warn("mail not delivered, will retry", "mail", m.ID, "to", m.To, "attempt", m.Attempts, "in", wait, "err", err)
	}
	// The mail server has it: that must be written down even while we stop.
	err = s.catalog.Update(context.WithoutCancel(ctx), func(tx *catalog.Tx) error {
		return tx.Put(catalog.Outbox, mailKey(m.ID), m)
	})
	if err != nil {
		// Remembered here, so that this process doesn't send it twice; it is
		// written again with the next change of the mail, or sent again after
		// a restart.
		s.log.Error("outbox: cannot write down a delivery", "mail", m.ID, "state", m.State, "err", err)
	}
	if m.State != Queued {
		s.stats.mailsDone.Add(1)
	}
	s.queue.put(m)
}

// errMalformed is a mail that can't be written; trying again won't help.
var errMalformed = errors.New("the message cannot be written")

// composed returns the raw message of m, and makes it on the first call: draws
// the picture and keeps the result, so that every attempt sends the same bytes.
func (s *Service) composed(ctx context.Context, m Mail) ([]byte, error) {
	var raw []byte
	var d draft
	err := s.catalog.View(func(tx *catalog.Tx) error {
		found, err := tx.Get(catalog.Outbox, rawKey(m.ID), &raw)
		if err == nil && !found {
			found, err = tx.Get(catalog.Outbox, draftKey(m.ID), &d)
			if err == nil && !found {
				err = fmt.Errorf("its draft is gone")
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("outbox: mail %d: %w", m.ID, err)
	}
	if raw != nil {
		return raw, nil
	}
	if m.Webhook != "" {
		raw, err := s.callBody(m, d)
		if err != nil {
			return nil, err
		}
		return raw, s.keepComposed(ctx, m.ID, raw)
	}
	message := mail.Message{
		From: s.from, To: m.To, Subject: m.Subject, MessageID: m.MessageID, References: m.References,
		Text: d.Text, HTML: d.HTML, Date: time.UnixMilli(m.Created).In(s.zone),
	}
	if d.Picture != nil || d.Drawn != nil {
		pictures, err := d.Drawn, error(nil)
		if pictures == nil {
			pictures, err = s.draw(ctx, d.Picture, chart.Light, chart.Dark)
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			s.log.Warn("mail goes without its picture", "mail", m.ID, "err", err)
			message.HTML = withoutPicture(message.HTML)
		} else {
			message.Images = []mail.Image{{CID: pictureCID, PNG: pictures[0]}, {CID: darkCID, PNG: pictures[1]}}
			if len(pictures[0])+len(pictures[1]) > mostPictures {
				message.HTML, message.Images = onlyLight(message.HTML), message.Images[:1]
			}
		}
	}
	if raw, err = mail.Build(message); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return raw, s.keepComposed(ctx, m.ID, raw)
}

// keepComposed puts the raw message in the place of the draft.
func (s *Service) keepComposed(ctx context.Context, id int64, raw []byte) error {
	err := s.catalog.Update(context.WithoutCancel(ctx), func(tx *catalog.Tx) error {
		if err := tx.Put(catalog.Outbox, rawKey(id), raw); err != nil {
			return err
		}
		return tx.Delete(catalog.Outbox, draftKey(id))
	})
	if err != nil {
		return fmt.Errorf("outbox: mail %d: %w", id, err)
	}
	return nil
}

// Retry queues a failed mail again, at once.
func (s *Service) Retry(ctx context.Context, id int64) error {
	var m Mail
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		found, err := tx.Get(catalog.Outbox, mailKey(id), &m)
		switch {
		case err != nil:
			return err
		case !found:
			return fmt.Errorf("mail %d: %w", id, ErrNotFound)
		case m.State != Failed && m.State != Kept:
			return &FieldError{Field: "state", Value: string(m.State), Allowed: string(Failed) + " or " + string(Kept)}
		}
		m.State, m.Next, m.Done, m.Created = Queued, 0, 0, s.ms()
		return tx.Put(catalog.Outbox, mailKey(id), m)
	})
	if err != nil {
		return err
	}
	s.queue.add([]letter{{Mail: m}})
	return nil
}
