package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/whippet-obs/whippet/store/catalog"
)

// User is a person. Its name is an address of mail, in lower case.
type User struct {
	Name      string `json:"name"`
	Role      Role   `json:"role"`
	Created   int64  `json:"created"`              // ms
	LastLogin int64  `json:"last_login,omitempty"` // ms
	Hash      string `json:"hash,omitempty"`       // of the password; never leaves this package

	FullName string `json:"full_name,omitempty"`
	Title    string `json:"title,omitempty"` // "SRE"
	Disabled bool   `json:"disabled,omitempty"`
	Changed  int64  `json:"changed,omitempty"` // ms; 0: never
}

// Errors that callers decide on.
var (
	ErrWrongLogin = errors.New("the name or the password is wrong")
	ErrNoUser     = errors.New("there is no such user")
	ErrLastAdmin  = errors.New("this is the last admin: make another one first")
	ErrSetup      = errors.New("the link is not valid: take the newest one from Whippet's log")
)

// leastPassword is the shortest password, in characters; length is what makes
// one hard to guess (NIST SP 800-63B).
const leastPassword = 10

// argon2id's cost: 19 MiB and two passes, as OWASP's password storage sheet has
// it, some 20 ms on a small machine.
const (
	argonTime    = 2
	argonMemory  = 19 << 10 // KiB
	argonThreads = 1
	argonLen     = 32
)

func hashPassword(password string) string {
	salt := make([]byte, 16)
	rand.Read(salt)
	sum := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonLen)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, encode(salt), encode(sum))
}

// checkPassword reports whether password is the one of a hash in the PHC format.
func checkPassword(hash, password string) bool {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	var memory, time uint32
	var threads uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil || memory > 1<<20 || time == 0 || time > 100 || threads == 0 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) == 0 {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}

// dummyHash is compared with when there is no such user, so that the answer
// takes as long.
const dummyHash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// Users lists everybody, by name, without the hashes of their passwords.
func (a *Access) Users() ([]User, error) {
	users := []User{}
	err := a.catalog.View(func(tx *catalog.Tx) error {
		return tx.Each(catalog.Users, "", func(_ string, raw json.RawMessage) error {
			var u User
			if err := json.Unmarshal(raw, &u); err != nil {
				return fmt.Errorf("read a user: %w", err)
			}
			u.Hash = ""
			users = append(users, u)
			return nil
		})
	})
	slices.SortFunc(users, func(a, b User) int { return cmp.Compare(a.Name, b.Name) })
	return users, err
}

// Setup makes the first user, an admin, for who holds the first-run link.
func (a *Access) Setup(ctx context.Context, token, name, password string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.setup == "" || subtle.ConstantTimeCompare([]byte(token), []byte(a.setup)) != 1 {
		return ErrSetup
	}
	ctx = catalog.WithActor(ctx, catalog.Actor{Name: "first-run link", At: a.now().UnixMilli()})
	if err := a.AddUser(ctx, name, password, Admin); err != nil {
		return err
	}
	a.setup = ""
	return nil
}

// AddUser makes a user who can log in at once.
func (a *Access) AddUser(ctx context.Context, name, password string, role Role) error {
	name = clean(name)
	if address, err := mail.ParseAddress(name); err != nil || address.Address != name || len(name) > 254 {
		return invalid("name", "want an address of mail such as ada@example.com")
	}
	if role.rank() == 0 {
		return invalid("role", "got %q, allowed are viewer, editor and admin", role)
	}
	if err := a.checkNew(name, password); err != nil {
		return err
	}
	hash := hashPassword(password)
	return a.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if known, err := tx.Get(catalog.Users, name, &User{}); err != nil || known {
			return cmp.Or(err, invalid("name", "%s is a user already", name))
		}
		return tx.Put(catalog.Users, name, &User{Name: name, Role: role, Created: a.now().UnixMilli(), Hash: hash})
	})
}

// Admit makes a user without a password, who can log in once an admin has set
// one. The role may be Nobody, who may do nothing.
func (a *Access) Admit(ctx context.Context, u User) (User, error) {
	u.Name = clean(u.Name)
	if err := checkUser(&u); err != nil {
		return User{}, err
	}
	u.Created, u.Hash = a.now().UnixMilli(), ""
	err := a.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if known, err := tx.Get(catalog.Users, u.Name, &User{}); err != nil || known {
			return cmp.Or(err, invalid("email", "%s is a user already", u.Name))
		}
		return tx.Put(catalog.Users, u.Name, &u)
	})
	return u, err
}

func checkUser(u *User) error {
	switch address, err := mail.ParseAddress(u.Name); {
	case err != nil || address.Address != u.Name || len(u.Name) > 254:
		return invalid("email", "want an address of mail such as ada@example.com")
	case u.Role != Nobody && u.Role.rank() == 0:
		return invalid("role", "got %q, allowed are viewer, editor and admin", u.Role)
	case len(u.FullName) > 200 || len(u.Title) > 200:
		return invalid("name", "names and titles have at most 200 bytes")
	}
	return nil
}

// User finds a person by name.
func (a *Access) User(name string) (u User, known bool, err error) {
	if name == "" {
		return u, false, nil
	}
	err = a.catalog.View(func(tx *catalog.Tx) (err error) {
		known, err = tx.Get(catalog.Users, clean(name), &u)
		return err
	})
	u.Hash = ""
	return u, known, err
}

// ChangeUser edits what is known of a user; the name, the password and the
// times are not to be changed here. One who is disabled is logged out.
func (a *Access) ChangeUser(ctx context.Context, name string, edit func(*User)) (User, error) {
	var out User
	err := a.change(ctx, name, func(u *User) (bool, error) {
		kept := *u
		edit(u)
		u.Name, u.Hash, u.Created, u.LastLogin = kept.Name, kept.Hash, kept.Created, kept.LastLogin
		u.Changed = a.now().UnixMilli()
		out = *u
		return true, checkUser(u)
	})
	if err == nil && out.Disabled {
		err = a.endSessions(ctx, out.Name)
	}
	out.Hash = ""
	return out, err
}

func (*Access) checkNew(name, password string) error {
	switch n := len([]rune(password)); {
	case n < leastPassword:
		return invalid("password", "it has %d characters, the least is %d", n, leastPassword)
	case len(password) > 1024:
		return invalid("password", "it is longer than 1024 bytes")
	case strings.EqualFold(password, name):
		return invalid("password", "it is the name")
	}
	return nil
}

// change edits a user. At least one admin always stays.
func (a *Access) change(ctx context.Context, name string, fn func(*User) (keep bool, err error)) error {
	name = clean(name)
	return a.catalog.Update(ctx, func(tx *catalog.Tx) error {
		var u User
		if known, err := tx.Get(catalog.Users, name, &u); err != nil || !known {
			return cmp.Or(err, ErrNoUser)
		}
		wasAdmin := u.Role == Admin && !u.Disabled
		keep, err := fn(&u)
		if err != nil {
			return err
		}
		if wasAdmin && (!keep || u.Role != Admin || u.Disabled) {
			others := 0
			err := tx.Each(catalog.Users, "", func(_ string, raw json.RawMessage) error {
				var other User
				if err := json.Unmarshal(raw, &other); err != nil {
					return err
				}
				if other.Role == Admin && !other.Disabled && other.Name != name {
					others++
				}
				return nil
			})
			if err != nil || others == 0 {
				return cmp.Or(err, ErrLastAdmin)
			}
		}
		if !keep {
			return tx.Delete(catalog.Users, name)
		}
		return tx.Put(catalog.Users, name, &u)
	})
}

// SetRole changes what a user may do.
func (a *Access) SetRole(ctx context.Context, name string, role Role) error {
	if role.rank() == 0 {
		return invalid("role", "got %q, allowed are viewer, editor and admin", role)
	}
	return a.change(ctx, name, func(u *User) (bool, error) {
		u.Role = role
		return true, nil
	})
}

// SetPassword changes a user's password and ends all of the user's sessions.
func (a *Access) SetPassword(ctx context.Context, name, password string) error {
	if err := a.checkNew(clean(name), password); err != nil {
		return err
	}
	hash := hashPassword(password)
	err := a.change(ctx, name, func(u *User) (bool, error) {
		u.Hash = hash
		return true, nil
	})
	if err != nil {
		return err
	}
	return a.endSessions(ctx, clean(name))
}

// CheckPassword reports whether a user's password is right.
func (a *Access) CheckPassword(name, password string) (bool, error) {
	var u User
	var known bool
	err := a.catalog.View(func(tx *catalog.Tx) (err error) {
		known, err = tx.Get(catalog.Users, clean(name), &u)
		return err
	})
	if err != nil {
		return false, err
	}
	if !known || u.Hash == "" {
		u.Hash = dummyHash
	}
	return checkPassword(u.Hash, password) && known && !u.Disabled, nil
}

// RemoveUser removes a user and ends the user's sessions.
func (a *Access) RemoveUser(ctx context.Context, name string) error {
	err := a.change(ctx, name, func(*User) (bool, error) { return false, nil })
	if err != nil {
		return err
	}
	return a.endSessions(ctx, clean(name))
}
