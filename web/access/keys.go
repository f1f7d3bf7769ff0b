package access

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/whippet-obs/whippet/store/catalog"
)

// KeyKind is what a key is for.
type KeyKind string

const (
	APIKey         KeyKind = "api"         // submits metrics, events and traces
	ApplicationKey KeyKind = "application" // reads, and changes things
)

// Key is a program's credential. The key itself is shown once, when it is made.
type Key struct {
	ID      string   `json:"id"`
	Kind    KeyKind  `json:"kind"`
	Name    string   `json:"name"`
	Role    Role     `json:"role,omitempty"`   // of an application key
	Scopes  []string `json:"scopes,omitempty"` // as a client named them; they decided on the role
	Last4   string   `json:"last4"`
	Owner   string   `json:"owner"`
	Created int64    `json:"created"`        // ms
	Hash    string   `json:"hash,omitempty"` // never leaves this package

	lastUsed *atomic.Int64 // ms; since the start
}

// LastUsed is when the key was last used, in ms; 0: not since Whippet started.
func (k *Key) LastUsed() int64 {
	if k.lastUsed == nil {
		return 0
	}
	return k.lastUsed.Load()
}

// ErrNoKey is returned for a key that is not there.
var ErrNoKey = errors.New("there is no such key")

func (a *Access) loadKeys() error {
	a.keys = map[string]*Key{}
	return a.catalog.View(func(tx *catalog.Tx) error {
		return tx.Each(catalog.Keys, "", func(_ string, raw json.RawMessage) error {
			k := Key{lastUsed: new(atomic.Int64)}
			if err := json.Unmarshal(raw, &k); err != nil {
				return fmt.Errorf("read a key: %w", err)
			}
			a.keys[k.Hash] = &k
			return nil
		})
	})
}

// key finds a key by its secret; nil when there is none of that kind.
func (a *Access) key(secret string, kind KeyKind) *Key {
	a.mu.Lock()
	k := a.keys[hash(secret)]
	a.mu.Unlock()
	if k == nil || k.Kind != kind {
		return nil
	}
	k.lastUsed.Store(a.now().UnixMilli())
	return k
}

// Keys lists the keys of a kind, by name, without their hashes.
func (a *Access) Keys(kind KeyKind) []Key {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := []Key{}
	for _, k := range a.keys {
		if k.Kind == kind {
			shown := *k
			shown.Hash = ""
			list = append(list, shown)
		}
	}
	slices.SortFunc(list, func(a, b Key) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return list
}

// AddKey makes a key. The secret is returned here and never again. A key may not
// do more than its owner; scopes are kept with it, see RoleFor.
func (a *Access) AddKey(ctx context.Context, kind KeyKind, name string, role Role, owner Caller, scopes ...string) (Key, string, error) {
	name = strings.TrimSpace(name)
	if err := checkScopes(scopes); err != nil {
		return Key{}, "", err
	}
	switch {
	case name == "" || len(name) > 100:
		return Key{}, "", invalid("name", "want 1 to 100 characters")
	case kind != APIKey && kind != ApplicationKey:
		return Key{}, "", invalid("kind", "got %q, allowed are api and application", kind)
	case kind == ApplicationKey && (role.rank() == 0 || !owner.Role.AtLeast(role)):
		return Key{}, "", invalid("role", "got %q, allowed is what you may do yourself: up to %s", role, owner.Role)
	}
	if kind == APIKey {
		role = Nobody
	}
	// As long as Datadog's own, whose clients check the length: 32 and 40 digits.
	secret := token()[:32]
	if kind == ApplicationKey {
		secret = token()[:40]
	}
	k := Key{
		ID: uuid(), Kind: kind, Name: name, Role: role, Scopes: scopes, Last4: secret[len(secret)-4:], Owner: cmp.Or(owner.User, owner.Name),
		Created: a.now().UnixMilli(), Hash: hash(secret), lastUsed: new(atomic.Int64),
	}
	if err := a.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.Put(catalog.Keys, k.ID, &k) }); err != nil {
		return Key{}, "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys[k.Hash] = &k
	shown := k
	shown.Hash = ""
	return shown, secret, nil
}

// KeyChange is what of a key can be changed; nil: it stays.
type KeyChange struct {
	Name   *string
	Scopes *[]string
}

// ChangeKey changes a key in the name of by, who may not let it do more than they
// may themselves.
func (a *Access) ChangeKey(ctx context.Context, kind KeyKind, id string, change KeyChange, by Caller) (Key, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := a.byID(kind, id)
	if k == nil {
		return Key{}, ErrNoKey
	}
	changed := *k
	if change.Name != nil {
		changed.Name = strings.TrimSpace(*change.Name)
		if changed.Name == "" || len(changed.Name) > 100 {
			return Key{}, invalid("name", "want 1 to 100 characters")
		}
	}
	if change.Scopes != nil && !slices.Equal(*change.Scopes, k.Scopes) {
		if err := checkScopes(*change.Scopes); err != nil {
			return Key{}, err
		}
		changed.Scopes, changed.Role = *change.Scopes, RoleFor(*change.Scopes, by.Role)
	}
	if err := a.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.Put(catalog.Keys, id, &changed) }); err != nil {
		return Key{}, err
	}
	a.keys[k.Hash] = &changed
	shown := changed
	shown.Hash = ""
	return shown, nil
}

// RoleFor is what a key with scopes may do that somebody with a role makes: look,
// if all scopes only read; else what they may themselves.
func RoleFor(scopes []string, role Role) Role {
	if len(scopes) == 0 {
		return role
	}
	for _, s := range scopes {
		if !strings.HasSuffix(s, "_read") {
			return role
		}
	}
	return Viewer
}

func checkScopes(scopes []string) error {
	if len(scopes) > 100 {
		return invalid("scopes", "at most 100")
	}
	for _, s := range scopes {
		if s == "" || len(s) > 100 {
			return invalid("scopes", "want names of 1 to 100 characters such as dashboards_read")
		}
	}
	return nil
}

// FindKey finds a key by its id, or by the key itself.
func (a *Access) FindKey(kind KeyKind, idOrSecret string) (Key, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := a.byID(kind, idOrSecret)
	if k == nil {
		k = a.keys[hash(idOrSecret)]
	}
	if k == nil || k.Kind != kind {
		return Key{}, ErrNoKey
	}
	shown := *k
	shown.Hash = ""
	return shown, nil
}

// RemoveKey revokes a key at once.
func (a *Access) RemoveKey(ctx context.Context, kind KeyKind, id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := a.byID(kind, id)
	if k == nil {
		return ErrNoKey
	}
	if err := a.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.Delete(catalog.Keys, id) }); err != nil {
		return err
	}
	delete(a.keys, k.Hash)
	return nil
}

// byID finds a key. The caller holds mu.
func (a *Access) byID(kind KeyKind, id string) *Key {
	for _, k := range a.keys {
		if k.ID == id && k.Kind == kind {
			return k
		}
	}
	return nil
}

// uuid is a random id in the form that Datadog's clients expect.
func uuid() string {
	t := token()
	return t[:8] + "-" + t[8:12] + "-4" + t[13:16] + "-a" + t[17:20] + "-" + t[20:32]
}
