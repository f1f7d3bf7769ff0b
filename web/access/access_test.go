package access

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

// office is an Access with an admin, ada, and a clock that the test moves.
type office struct {
	*Access
	t       *testing.T
	now     time.Time
	catalog *catalog.Catalog
}

const password = "correct horse"

func open(t *testing.T) *office {
	t.Helper()
	documents, err := catalog.Open(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { documents.Close() })
	o := &office{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), catalog: documents}
	o.reopen()
	if err := o.Setup(t.Context(), o.SetupToken(), "Ada@example.com", password); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) reopen() {
	o.t.Helper()
	var err error
	o.Access, err = New(Config{
		Catalog: o.catalog, Required: true, APIKeys: []string{"configured"},
		Now: func() time.Time { return o.now }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) identify(c Credentials) Caller {
	o.t.Helper()
	caller, err := o.Identify(c)
	if err != nil {
		o.t.Fatal(err)
	}
	return caller
}

func TestFirstRunLinkWorksOnce(t *testing.T) {
	o := open(t)
	if o.SetupToken() != "" {
		t.Error("the link stays valid after it was used")
	}
	if err := o.Setup(t.Context(), "", "eve@example.com", password); !errors.Is(err, ErrSetup) {
		t.Errorf("an empty token: got error %v, want ErrSetup", err)
	}
	o.reopen()
	if o.SetupToken() != "" {
		t.Error("there is a link although there is an admin")
	}
}

func TestLoginGivesASessionUntilItEnds(t *testing.T) {
	o := open(t)
	secret, err := o.LogIn(t.Context(), " ADA@example.com ", password, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	caller := o.identify(Credentials{Session: secret})
	if caller.Name != "ada@example.com" || caller.Role != Admin || caller.CSRF == "" {
		t.Errorf("got %+v, want ada as admin with a CSRF token", caller)
	}
	o.reopen() // sessions outlast a restart
	for range 20 {
		o.now = o.now.Add(24 * time.Hour)
		if o.identify(Credentials{Session: secret}).Role != Admin {
			t.Fatal("a session that is used every day has ended")
		}
	}
	o.now = o.now.Add(sessionLife + time.Minute)
	if got := o.identify(Credentials{Session: secret}); got.Role != Nobody {
		t.Errorf("a session that was not used for long is %+v", got)
	}

	secret, err = o.LogIn(t.Context(), "ada@example.com", password, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.LogOut(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	if got := o.identify(Credentials{Session: secret}); got.Role != Nobody {
		t.Errorf("after the logout the caller is %+v", got)
	}
}

func TestNewPasswordEndsSessions(t *testing.T) {
	o := open(t)
	secret, err := o.LogIn(t.Context(), "ada@example.com", password, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.SetPassword(t.Context(), "ada@example.com", "another password"); err != nil {
		t.Fatal(err)
	}
	if got := o.identify(Credentials{Session: secret}); got.Role != Nobody {
		t.Errorf("the old session is %+v", got)
	}
	if _, err := o.LogIn(t.Context(), "ada@example.com", password, ""); !errors.Is(err, ErrWrongLogin) {
		t.Errorf("the old password: got error %v", err)
	}
	if _, err := o.LogIn(t.Context(), "ada@example.com", "another password", ""); err != nil {
		t.Errorf("the new password: got error %v", err)
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	o := open(t)
	for range freeFailures {
		if _, err := o.LogIn(t.Context(), "ada@example.com", "wrong", "192.0.2.9"); !errors.Is(err, ErrWrongLogin) {
			t.Fatalf("got error %v, want ErrWrongLogin", err)
		}
	}
	var throttled *ThrottleError
	if _, err := o.LogIn(t.Context(), "ada@example.com", password, "192.0.2.9"); !errors.As(err, &throttled) {
		t.Errorf("after %d failures: got error %v, want to wait", freeFailures, err)
	}
	if _, err := o.LogIn(t.Context(), "ada@example.com", password, "192.0.2.1"); !errors.As(err, &throttled) {
		t.Errorf("from another address, the same name: got error %v, want to wait", err)
	}
	o.now = o.now.Add(2 * time.Second)
	if _, err := o.LogIn(t.Context(), "ada@example.com", password, "192.0.2.9"); err != nil {
		t.Errorf("after the wait: got error %v", err)
	}
}

func TestUsersThatCannotBe(t *testing.T) {
	o := open(t)
	tests := []struct {
		name, user, password string
		role                 Role
		want                 string
	}{
		{"no address", "bob", password, Viewer, "address of mail"},
		{"name and address", "Bob <bob@example.com>", password, Viewer, "address of mail"},
		{"no role", "bob@example.com", password, "owner", "viewer, editor and admin"},
		{"short password", "bob@example.com", "short", Viewer, "the least is 10"},
		{"the name as password", "bob@example.com", "BOB@example.com", Viewer, "it is the name"},
		{"there already", "ADA@example.com", password, Viewer, "is a user already"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := o.AddUser(t.Context(), tt.user, tt.password, tt.role)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestOneAdminAlwaysStays(t *testing.T) {
	o := open(t)
	if err := o.SetRole(t.Context(), "ada@example.com", Viewer); !errors.Is(err, ErrLastAdmin) {
		t.Errorf("got error %v, want ErrLastAdmin", err)
	}
	if err := o.RemoveUser(t.Context(), "ada@example.com"); !errors.Is(err, ErrLastAdmin) {
		t.Errorf("got error %v, want ErrLastAdmin", err)
	}
	if err := o.AddUser(t.Context(), "bob@example.com", password, Admin); err != nil {
		t.Fatal(err)
	}
	if err := o.RemoveUser(t.Context(), "ada@example.com"); err != nil {
		t.Errorf("with another admin: got error %v", err)
	}
	if err := o.RemoveUser(t.Context(), "ada@example.com"); !errors.Is(err, ErrNoUser) {
		t.Errorf("a second time: got error %v, want ErrNoUser", err)
	}
}

func TestKeysDoWhatTheyAreFor(t *testing.T) {
	o := open(t)
	ada := Caller{Name: "ada@example.com", Role: Admin}
	api, apiSecret, err := o.AddKey(t.Context(), APIKey, "agents", "", ada)
	if err != nil {
		t.Fatal(err)
	}
	app, appSecret, err := o.AddKey(t.Context(), ApplicationKey, "terraform", Editor, ada)
	if err != nil {
		t.Fatal(err)
	}
	if len(apiSecret) != 32 || len(appSecret) != 40 || api.Last4 != apiSecret[28:] || app.Hash != "" {
		t.Errorf("got keys %+v and %+v", api, app)
	}
	for key, want := range map[string]bool{apiSecret: true, "configured": true, appSecret: false, "": false, "wrong": false} {
		if got := o.MaySubmit(key); got != want {
			t.Errorf("may submit with %.4s...: got %v, want %v", key, got, want)
		}
	}
	if got := o.identify(Credentials{AppKey: appSecret}); got.Role != Editor || got.CSRF != "" {
		t.Errorf("the application key is %+v, want an editor", got)
	}
	if got := o.identify(Credentials{AppKey: apiSecret}); got.Role != Nobody {
		t.Errorf("an API key reads as %+v", got)
	}
	o.reopen()
	if got := o.identify(Credentials{AppKey: appSecret}); got.Name != "key terraform" {
		t.Errorf("after a restart the key is %+v", got)
	}
	if err := o.RemoveKey(t.Context(), ApplicationKey, app.ID); err != nil {
		t.Fatal(err)
	}
	if got := o.identify(Credentials{AppKey: appSecret}); got.Role != Nobody {
		t.Errorf("a revoked key is %+v", got)
	}
	if _, _, err := o.AddKey(t.Context(), ApplicationKey, "too much", Admin, Caller{Name: "bob", Role: Viewer}); err == nil {
		t.Error("a viewer can make an admin's key")
	}
}

func TestChangesAreEnteredWithoutSecrets(t *testing.T) {
	o := open(t)
	ctx := o.As(context.Background(), Caller{Name: "ada@example.com", Role: Admin}, "192.0.2.1")
	if err := o.AddUser(ctx, "bob@example.com", password, Viewer); err != nil {
		t.Fatal(err)
	}
	if err := o.SetRole(ctx, "bob@example.com", Editor); err != nil {
		t.Fatal(err)
	}
	if err := o.SetRole(t.Context(), "bob@example.com", Viewer); err != nil { // by nobody: not a person's change
		t.Fatal(err)
	}
	changes, err := o.catalog.Changes(0, func(c *catalog.Change) bool { return c.Document == "bob@example.com" }, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) != 2 {
		t.Fatalf("got %d changes, want 2", len(changes))
	}
	newest := changes[0]
	if newest.Actor != "ada@example.com" || newest.Address != "192.0.2.1" || newest.At != o.now.UnixMilli() ||
		!strings.Contains(string(newest.Before), `"viewer"`) || !strings.Contains(string(newest.After), `"editor"`) || len(changes[1].Before) != 0 {
		t.Errorf("got %+v", changes)
	}
	for _, c := range changes {
		if strings.Contains(string(c.Before)+string(c.After), "argon2") {
			t.Errorf("the trail shows a password's hash: %s", c.After)
		}
	}
	older, err := o.catalog.Changes(newest.ID, nil, 10)
	if err != nil || len(older) == 0 || older[0].ID != newest.ID-1 {
		t.Errorf("the page before: got %v (error %v)", older, err)
	}
}

func TestWithoutLoginsEverybodyIsLocal(t *testing.T) {
	o := open(t)
	a, err := New(Config{Catalog: o.catalog, Now: time.Now, Log: slog.Default()})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := a.Identify(Credentials{})
	if err != nil || caller.Name != "local" || caller.Role != Admin || !a.MaySubmit("") {
		t.Errorf("got %+v (error %v), want the local admin, who may submit", caller, err)
	}
}
