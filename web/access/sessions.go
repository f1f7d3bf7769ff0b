package access

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

// sessionLife is how long a login lasts without being used.
const sessionLife = 14 * 24 * time.Hour

// touchEvery is how often a session's use is written down.
const touchEvery = time.Hour

// session is a login, kept under the hash of its token.
type session struct {
	User    string `json:"user"`
	CSRF    string `json:"csrf"`
	Created int64  `json:"created"` // ms
	Used    int64  `json:"used"`    // ms
}

// LogIn checks a password and begins a session, whose token goes into a cookie.
// Guessing is slowed down, by address and by name: a ThrottleError says for how
// long.
func (a *Access) LogIn(ctx context.Context, name, password, address string) (string, error) {
	name = clean(name)
	if wait := a.throttle.wait("address "+address, "name "+name); wait > 0 {
		return "", &ThrottleError{wait}
	}
	right, err := a.CheckPassword(name, password)
	if err != nil {
		return "", err
	}
	if !right {
		a.throttle.failed("address "+address, "name "+name)
		a.log.Warn("a login failed", "name", name, "address", address)
		return "", ErrWrongLogin
	}
	a.throttle.forget("address "+address, "name "+name)
	now := a.now().UnixMilli()
	secret := token()
	err = a.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := dropOldSessions(tx, now); err != nil {
			return err
		}
		var u User
		if _, err := tx.Get(catalog.Users, name, &u); err != nil {
			return err
		}
		u.LastLogin = now
		if err := tx.Put(catalog.Users, name, &u); err != nil {
			return err
		}
		return tx.Put(catalog.Sessions, hash(secret), &session{User: name, CSRF: token(), Created: now, Used: now})
	})
	return secret, err
}

func dropOldSessions(tx *catalog.Tx, now int64) error {
	var old []string
	err := tx.Each(catalog.Sessions, "", func(id string, raw json.RawMessage) error {
		var s session
		if json.Unmarshal(raw, &s) != nil || now-s.Used > sessionLife.Milliseconds() {
			old = append(old, id)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range old {
		if err := tx.Delete(catalog.Sessions, id); err != nil {
			return err
		}
	}
	return nil
}

// session finds the caller of a session's token; Nobody when it has ended.
func (a *Access) session(secret string) (Caller, error) {
	id, now := hash(secret), a.now().UnixMilli()
	var s session
	var u User
	err := a.catalog.View(func(tx *catalog.Tx) error {
		known, err := tx.Get(catalog.Sessions, id, &s)
		if err != nil || !known {
			return err
		}
		_, err = tx.Get(catalog.Users, s.User, &u)
		return err
	})
	if err != nil {
		return Caller{}, fmt.Errorf("look up a session: %w", err)
	}
	if u.Name == "" || u.Disabled || now-s.Used > sessionLife.Milliseconds() {
		return Caller{}, nil
	}
	if now-s.Used > touchEvery.Milliseconds() {
		s.Used = now
		if err := a.catalog.Update(context.Background(), func(tx *catalog.Tx) error {
			if known, err := tx.Get(catalog.Sessions, id, &session{}); err != nil || !known {
				return err // it has been ended meanwhile
			}
			return tx.Put(catalog.Sessions, id, &s)
		}); err != nil {
			return Caller{}, fmt.Errorf("keep a session: %w", err)
		}
	}
	return Caller{Name: u.Name, User: u.Name, Role: u.Role, CSRF: s.CSRF}, nil
}

// LogOut ends a session.
func (a *Access) LogOut(ctx context.Context, secret string) error {
	return a.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.Delete(catalog.Sessions, hash(secret)) })
}

// endSessions ends all sessions of a user.
func (a *Access) endSessions(ctx context.Context, name string) error {
	return a.catalog.Update(ctx, func(tx *catalog.Tx) error {
		var theirs []string
		err := tx.Each(catalog.Sessions, "", func(id string, raw json.RawMessage) error {
			var s session
			if json.Unmarshal(raw, &s) == nil && s.User == name {
				theirs = append(theirs, id)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, id := range theirs {
			if err := tx.Delete(catalog.Sessions, id); err != nil {
				return err
			}
		}
		return nil
	})
}
