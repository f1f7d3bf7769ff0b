package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/alerting/mail"
	"github.com/whippet-obs/whippet/alerting/message"
	"github.com/whippet-obs/whippet/alerting/webhook"
	"github.com/whippet-obs/whippet/store/catalog"
)

// Webhooks are kept by name among the settings, in the JSON of Datadog's
// webhooks integration. Messages call them by @webhook-name.

func webhookKey(name string) string { return "webhook/" + strings.ToLower(name) }

// PutWebhook checks and keeps a webhook, under name if that isn't "". Fields
// that doc doesn't have stay as they are. A mistake is a *FieldError.
func (s *Service) PutWebhook(ctx context.Context, name string, doc json.RawMessage) (json.RawMessage, error) {
	s.editing.Lock()
	defer s.editing.Unlock()
	h := webhook.Hook{Encode: "json"}
	if name != "" {
		var err error
		if h, err = s.hook(name); err != nil {
			return nil, err
		}
	}
	if err := json.Unmarshal(doc, &h); err != nil {
		return nil, &FieldError{Field: "webhook", Value: short(doc), Allowed: "an object with texts: name, url, payload, custom_headers, encode_as, secret", Err: err}
	}
	if err := h.Check(); err != nil {
		var f *webhook.FieldError
		if errors.As(err, &f) {
			return nil, &FieldError{Field: f.Field, Value: short([]byte(f.Value)), Allowed: f.Allowed}
		}
		return nil, err
	}
	renamed := name != "" && !strings.EqualFold(name, h.Name)
	if name == "" || renamed {
		if _, err := s.hook(h.Name); err == nil {
			return nil, &FieldError{Field: "name", Value: h.Name, Allowed: "a name that no other webhook has"}
		}
	}
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if renamed {
			if err := tx.Delete(catalog.Settings, webhookKey(name)); err != nil {
				return err
			}
		}
		return tx.Put(catalog.Settings, webhookKey(h.Name), h)
	})
	if err != nil {
		return nil, fmt.Errorf("webhook %s: %w", h.Name, err)
	}
	return hookDocument(h), nil
}

// hookDocument is a webhook as the API shows it: its secret stays with us.
func hookDocument(h webhook.Hook) json.RawMessage {
	doc := object{}
	for key, value := range map[string]string{"name": h.Name, "url": h.URL, "encode_as": h.Encode} {
		doc.set(key, value)
	}
	for key, value := range map[string]string{"payload": h.Payload, "custom_headers": h.Headers} {
		if doc[key] = json.RawMessage("null"); value != "" {
			doc.set(key, value)
		}
	}
	doc.set("signed", h.Secret != "")
	return doc.json()
}

func (s *Service) hook(name string) (h webhook.Hook, err error) {
	var found bool
	err = s.catalog.View(func(tx *catalog.Tx) error {
		var err error
		found, err = tx.Get(catalog.Settings, webhookKey(name), &h)
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("webhook %q: %w", name, ErrNotFound)
	}
	return h, err
}

// Webhook returns a webhook's document.
func (s *Service) Webhook(name string) (json.RawMessage, error) {
	h, err := s.hook(name)
	if err != nil {
		return nil, err
	}
	return hookDocument(h), nil
}

// Webhooks lists the documents of all webhooks, by name.
func (s *Service) Webhooks() ([]json.RawMessage, error) {
	list := []json.RawMessage{}
	err := s.catalog.View(func(tx *catalog.Tx) error {
		return tx.Each(catalog.Settings, webhookKey(""), func(_ string, raw json.RawMessage) error {
			var h webhook.Hook
			if err := json.Unmarshal(raw, &h); err != nil {
				return err
			}
			list = append(list, hookDocument(h))
			return nil
		})
	})
	return list, err
}

// DeleteWebhook removes a webhook.
func (s *Service) DeleteWebhook(ctx context.Context, name string) error {
	if _, err := s.hook(name); err != nil {
		return err
	}
	return s.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.Delete(catalog.Settings, webhookKey(name)) })
}

// call is the letter to a webhook about one group.
func (s *Service) call(m *monitor, t *Transition, body message.Rendered, name string, at int64) letter {
	g := &t.Group
	title := m.title.RenderTitle(s.data(m, t))
	e := s.event(m, t)
	link := ""
	if links := s.links(m, at); len(links) > 0 {
		link = links[0].URL
	}
	priority := ""
	if m.priority > 0 {
		priority = fmt.Sprint("P", m.priority)
	}
	l := letter{}
	l.status = g.Status
	l.Subject, l.To, l.Webhook = e.Title, []string{"@webhook-" + name}, name
	l.MonitorID, l.Created = m.id, s.ms()
	thread := threadName(m.id, g.Name, t.Thread)
	l.MessageID = mail.NewMessageID(fmt.Sprintf("%s-webhook-%s-%s-%d", thread, name, slug(t.word()), t.At), s.from)
	l.Line = "webhook-" + strings.ToLower(name) + "-" + hash(g.Name)
	l.Text = body.Text
	l.Vars = map[string]string{
		"ID": strings.Trim(l.MessageID, "<>"), "EVENT_TITLE": e.Title, "EVENT_MSG": body.Text, "TEXT_ONLY_MSG": body.Text, "EVENT_TYPE": e.EventType,
		"ALERT_ID": fmt.Sprint(m.id), "ALERT_TITLE": title, "ALERT_STATUS": m.account(t), "ALERT_TRANSITION": t.word(), "ALERT_TYPE": e.AlertType,
		"ALERT_SCOPE": strings.TrimSpace(g.Name), "ALERT_METRIC": m.query.text, "ALERT_QUERY": m.queryText, "ALERT_PRIORITY": priority,
		"ALERT_CYCLE_KEY": hash(thread), "AGGREG_KEY": hash(thread), "HOSTNAME": hostOf(slices.Concat(g.Tags, m.scope)),
		"TAGS": strings.Join(eventTags(m, g), ","), "DATE": fmt.Sprint(t.At), "LAST_UPDATED": fmt.Sprint(at), "PRIORITY": e.Priority,
		"LINK": link, "ORG_ID": "1", "ORG_NAME": "whippet", "VALUE": m.value(g),
	}
	return l
}

// callBody is what a webhook is sent. The hook is looked up as late as this, so
// that one that is made or mended after the fact still works.
func (s *Service) callBody(m Mail, d draft) ([]byte, error) {
	h, err := s.hook(m.Webhook)
	if err != nil {
		return nil, err
	}
	raw, err := h.Body(d.Vars)
	if err != nil {
		return nil, fmt.Errorf("%w: webhook %s: payload: %w", errMalformed, h.Name, err)
	}
	return raw, nil
}

// dial sends a composed call.
func (s *Service) dial(ctx context.Context, m Mail, body []byte) error {
	h, err := s.hook(m.Webhook)
	if err != nil {
		return err
	}
	return s.hooks.Deliver(ctx, h, strings.Trim(m.MessageID, "<>"), body)
}
