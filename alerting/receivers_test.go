package alerting

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

func TestReceiversAreAddressesAndDomains(t *testing.T) {
	r := receivers{"example.com", "ada@example.org"}
	for address, want := range map[string]bool{
		"bo@example.com": true, "Bo <BO@Example.COM>": true, "bo@eu.example.com": true, "ada@example.org": true,
		"bo@example.org": false, "bo@notexample.com": false, "example.com": false, "": false,
	} {
		if got := r.allow(address); got != want {
			t.Errorf("%q: got %v, want %v", address, got, want)
		}
	}
	if !(receivers{}).allow("anybody@example.net") {
		t.Error("without a list, somebody is refused")
	}
	if err := CheckReceivers(r); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{"a b", "@", "Ada <ada@example.org>", "exa_mple!"} {
		if err := CheckReceivers([]string{wrong}); err == nil || !strings.Contains(err.Error(), "neither a mail address nor a domain") {
			t.Errorf("%q: got %v", wrong, err)
		}
	}
}

func TestMailsGoOnlyWhereTheSettingsLetThem(t *testing.T) {
	srv, send := serveMail(t)
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s.deps.Mailer, s.deps.Receivers = send, []string{"a@example.com"}
	s.restart()
	s.create(twoReceivers)
	s.minutes(2, map[string]float64{"thinkpad": 950})
	if srv.got["a@example.com"] != 1 || srv.got["b@example.com"] != 0 {
		t.Errorf("the server took %v", srv.got)
	}
	mails, err := s.s.Outbox()
	if err != nil || len(mails) != 1 || mails[0].State != Sent || !strings.Contains(mails[0].LastError, "not sent to b@example.com") {
		t.Fatalf("outbox is %+v, %v", mails, err)
	}
	s.deps.Receivers = []string{"example.org"}
	s.restart()
	s.minutes(12, map[string]float64{"thinkpad": 1})
	if mails, _ = s.s.Outbox(); len(mails) != 2 || mails[0].State != Failed || !strings.Contains(mails[0].LastError, "--mail-only") {
		t.Errorf("to nobody who may: %+v", mails)
	}
	var field *FieldError
	if _, err := s.s.SendTest(t.Context(), "b@example.com"); !errors.As(err, &field) || field.Field != "to" {
		t.Errorf("a test mail: %v", err)
	}
	if _, err := s.s.Show(t.Context(), Shown{To: "b@example.com", Title: "t"}); !errors.As(err, &field) || field.Field != "to" {
		t.Errorf("a snapshot: %v", err)
	}
}

func TestSnapshotsOfOnePersonAreBounded(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	ada := catalog.WithActor(t.Context(), catalog.Actor{Name: "ada@example.com"})
	show := func(ctx context.Context) error {
		_, err := s.s.Show(ctx, Shown{To: "@b@example.com", Title: "t", Pictures: [][]byte{{1}, {2}}})
		return err
	}
	for range mostShown {
		if err := show(ada); err != nil {
			t.Fatal(err)
		}
	}
	var often *RateError
	if err := show(ada); !errors.As(err, &often) || often.Wait != time.Hour {
		t.Errorf("one more: %v", err)
	}
	if err := show(catalog.WithActor(t.Context(), catalog.Actor{Name: "bo@example.com"})); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	s.advance(time.Hour + time.Second)
	if err := show(ada); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}
