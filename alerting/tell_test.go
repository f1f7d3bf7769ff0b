package alerting

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/alerting/webhook"
)

// receiver is a program that webhooks call.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	bodies []string
	ids    []string
	signed []string
}

func listen(t *testing.T) *receiver {
	r := &receiver{status: 200}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ids = append(r.ids, q.Header.Get("X-Whippet-Delivery")); r.status == 200 {
			r.bodies, r.signed = append(r.bodies, string(body)), append(r.signed, q.Header.Get("X-Whippet-Signature"))
		}
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func TestWebhooksAreCalledOncePerTransition(t *testing.T) {
	r := listen(t)
	s := newSite(t, noon)
	s.deps.WebhookAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	s.restart()
	hook := `{"name": "chat", "url": "` + r.URL + `", "secret": "k", "payload": "{\"what\": \"$EVENT_TITLE\", \"value\": \"$VALUE\", \"cycle\": \"$ALERT_CYCLE_KEY\"}"}`
	doc, err := s.s.PutWebhook(t.Context(), "", json.RawMessage(hook))
	if err != nil || strings.Contains(string(doc), `"k"`) {
		t.Fatalf("%s, %v", doc, err)
	}
	s.create(monitorDoc(metricAlert, "avg(last_1m):avg:my_metric{*} by {host} > 800", "") + " ")
	s.create(change(t, monitorDoc(metricAlert, "avg(last_1m):avg:my_metric{*} by {host} > 800", ""), "message", `"{{#is_alert}}@webhook-chat{{/is_alert}}{{#is_recovery}}@webhook-Chat @webhook-gone{{/is_recovery}}"`))
	r.answer(503)
	s.minutes(4, map[string]float64{"a": 900})
	r.answer(200)
	s.minutes(5, map[string]float64{"a": 900})
	s.minutes(5, map[string]float64{"a": 1})
	s.want("[Triggered] n on {host:a}", "[Recovered] n on {host:a}") // the other monitor's mails
	if len(r.bodies) != 2 || !strings.Contains(r.bodies[0], `"what":"[Triggered] n on {host:a}","value":"900"`) || !strings.Contains(r.bodies[1], "[Recovered]") {
		t.Fatalf("called with %q", r.bodies)
	}
	cycle := regexp.MustCompile(`"cycle":"\w+"`)
	if cycle.FindString(r.bodies[0]) != cycle.FindString(r.bodies[1]) {
		t.Errorf("an incident has two keys: %q", r.bodies)
	}
	if r.signed[0] != webhook.Signature("k", []byte(r.bodies[0])) {
		t.Errorf("signed as %s", r.signed[0])
	}
	if len(slices.Compact(slices.Clone(r.ids))) != 2 || len(r.ids) < 3 {
		t.Errorf("deliveries are told apart by %q", r.ids)
	}
	mails, err := s.s.Outbox()
	if err != nil {
		t.Fatal(err)
	}
	dead := slices.IndexFunc(mails, func(m Mail) bool { return m.Webhook == "gone" })
	if dead < 0 || mails[dead].State != Failed || !strings.Contains(mails[dead].LastError, `webhook "gone"`) {
		t.Fatalf("a call to nobody: %+v", mails)
	}
	// Made after the fact, it is called by a retry.
	if _, err := s.s.PutWebhook(t.Context(), "", json.RawMessage(strings.Replace(hook, "chat", "gone", 1))); err != nil {
		t.Fatal(err)
	}
	if err := s.s.Retry(t.Context(), mails[dead].ID); err != nil {
		t.Fatal(err)
	}
	s.minutes(1, nil)
	if len(r.bodies) != 3 {
		t.Errorf("after the retry: %q", r.bodies)
	}
	if m, err := s.s.OutboxMessage(mails[dead].ID); err != nil || !strings.HasPrefix(m.Text, `{"what"`) {
		t.Errorf("the outbox shows %q, %v", m.Text, err)
	}
}

func TestWebhookDocuments(t *testing.T) {
	ctx := t.Context()
	s := newSite(t, noon).s
	if _, err := s.PutWebhook(ctx, "", json.RawMessage(`{"name": "a", "url": "https://example.com", "secret": "k"}`)); err != nil {
		t.Fatal(err)
	}
	for doc, field := range map[string]string{
		`{"name": "A", "url": "https://example.com"}`: "name", `{"name": "b"}`: "url", `[]`: "webhook", `{"name": "b", "url": "https://example.com", "payload": "{"}`: "payload",
	} {
		var f *FieldError
		if _, err := s.PutWebhook(ctx, "", json.RawMessage(doc)); !errors.As(err, &f) || f.Field != field {
			t.Errorf("%s: %v", doc, err)
		}
	}
	doc, err := s.PutWebhook(ctx, "a", json.RawMessage(`{"name": "c"}`))
	if err != nil || !strings.Contains(string(doc), `"url":"https://example.com"`) || !strings.Contains(string(doc), `"signed":true`) {
		t.Errorf("renamed: %s, %v", doc, err)
	}
	if _, err := s.Webhook("a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the old name: %v", err)
	}
	if list, err := s.Webhooks(); err != nil || len(list) != 1 {
		t.Errorf("list: %s, %v", list, err)
	}
	if err := s.DeleteWebhook(ctx, "c"); err != nil {
		t.Error(err)
	}
	if err := s.DeleteWebhook(ctx, "c"); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestMuteLinksMuteWhatTheySayOnce(t *testing.T) {
	s := newSite(t, noon.In(berlin(t)))
	id := s.create(exerciseMonitor)
	s.minutes(5, map[string]float64{"thinkpad": 900, "other": 900})
	var html string
	for _, m := range s.take() {
		if strings.Contains(m.subject, "thinkpad") {
			html = m.html
		}
	}
	links := regexp.MustCompile(`http://whippet\.example\.com/mute\?t=([^"]+)"`).FindAllStringSubmatch(html, -1)
	if len(links) != 3 {
		t.Fatalf("the mail has the links %q", links)
	}
	until := []string{"15:05", "18:05", "09:00"} // it is 14:05 in Berlin
	for i, l := range links {
		token, err := url.QueryUnescape(l[1])
		if err != nil {
			t.Fatal(err)
		}
		offer, err := s.s.ReadMuteLink(token)
		if err != nil || offer.Monitor != id || offer.Group != "host:thinkpad" || offer.Until.Format("15:04") != until[i] {
			t.Errorf("link %d offers %+v, %v; want until %s", i, offer, err, until[i])
		}
	}
	token, _ := url.QueryUnescape(links[0][1])
	if groups, _ := s.s.MonitorGroups(id); groups[0].Mute != nil || groups[1].Mute != nil {
		t.Fatal("to look at a link mutes")
	}
	if _, err := s.s.FollowMuteLink(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	s.minutes(30, map[string]float64{"thinkpad": 900, "other": 900})
	s.minutes(5, map[string]float64{"thinkpad": 1, "other": 1})
	s.want("[Re-Triggered] my_metric is high on {host:other}", "[Warn] my_metric is high on {host:other}", "[Recovered] my_metric is high on {host:other}")
	s.minutes(40, map[string]float64{"thinkpad": 1, "other": 1})
	s.want("[Recovered] my_metric is high on {host:thinkpad}")

	for _, forged := range []string{"", "x", token + "x", "A" + token, strings.Split(token, ".")[0] + "."} {
		if _, err := s.s.ReadMuteLink(forged); err == nil {
			t.Errorf("%q is followed", forged)
		}
	}
	s.restart() // the key stays
	if _, err := s.s.ReadMuteLink(token); err != nil {
		t.Error(err)
	}
	s.advance(8 * 24 * time.Hour)
	if _, err := s.s.ReadMuteLink(token); err == nil || !strings.Contains(err.Error(), "a week old") {
		t.Errorf("an old link: %v", err)
	}
}

func TestReceiversHaveALimit(t *testing.T) {
	s := newSite(t, noon)
	s.deps.MailRate = 3
	s.restart()
	s.create(change(t, monitorDoc(metricAlert, "avg(last_1m):avg:my_metric{*} by {host} > 800", ""), "message", `"@a@example.com"`))
	s.create(change(t, monitorDoc(metricAlert, "avg(last_1m):avg:my_metric{*} by {host} > 800", ""), "message", `"@b@example.com"`))
	for i := range 6 {
		s.minutes(2, map[string]float64{"x": float64(1000 * (1 - i%2))})
	}
	got := map[string]int{}
	for _, m := range s.take() {
		got[m.to[0]]++
	}
	if got["a@example.com"] != 3 || got["b@example.com"] != 3 {
		t.Errorf("within the hour: %v", got)
	}
	mails, _ := s.s.Outbox()
	if m := mails[slices.IndexFunc(mails, func(m Mail) bool { return m.State == Queued && m.Next > 0 })]; !strings.Contains(m.LastError, "--mail-rate") {
		t.Errorf("held back: %+v", m)
	}
	s.minutes(62, nil)
	if mails := s.take(); len(mails) != 6 {
		t.Errorf("after another hour %d more", len(mails))
	}
}

func TestEverybodyIsWhomAllMeans(t *testing.T) {
	s := newSite(t, noon)
	s.deps.Everybody = []string{"ann@example.com", "bob@example.com"}
	s.restart()
	s.create(change(t, monitorDoc(metricAlert, "avg(last_1m):avg:my_metric{*} > 800", ""), "message", `"@all @Bob@example.com"`))
	s.minutes(2, map[string]float64{"x": 900})
	if m := s.want("[Triggered] n")[0]; len(m.to) != 2 {
		t.Errorf("sent to %q", m.to)
	}
}

func TestTestMailsOfAMonitor(t *testing.T) {
	s := newSite(t, noon)
	s.minutes(5, map[string]float64{"thinkpad": 640})
	ids, err := s.s.TestMonitor(t.Context(), json.RawMessage(exerciseMonitor), []Status{Alert, OK}, nil)
	if err != nil || len(ids) != 2 {
		t.Fatalf("%v, %v", ids, err)
	}
	s.s.deliverReady(t.Context())
	s.s.deliverReady(t.Context())
	s.want("[Test] [Triggered] my_metric is high on {host:thinkpad}", "[Test] [Recovered] my_metric is high on {host:thinkpad}")
	if _, err := s.s.TestMonitor(t.Context(), json.RawMessage(exerciseMonitor), []Status{Warn}, []string{"me"}); err == nil {
		t.Error("me is an address")
	}
	if _, err := s.s.TestMonitor(t.Context(), json.RawMessage(change(t, exerciseMonitor, "message", `""`)), nil, nil); err == nil || !strings.Contains(err.Error(), "names nobody") {
		t.Errorf("to nobody: %v", err)
	}
}
