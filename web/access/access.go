// Package access knows who may do what: people with a role who log in, and
// programs with a key.
//
// While Whippet answers on loopback only, whoever reaches it may do everything,
// and nobody needs to log in. Once Required, people log in with a password, and
// programs send an API key (to submit) or an application key (to read or to
// change things). The first person is let in by a link that the log shows.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

// Role is what a person may do. A role may do all that the ones before it may.
type Role string

const (
	Nobody Role = ""       // has not logged in
	Viewer Role = "viewer" // looks
	Editor Role = "editor" // changes dashboards, monitors, downtimes, hosts and metrics
	Admin  Role = "admin"  // manages users and keys, deletes data
)

func (r Role) rank() int {
	switch r {
	case Viewer:
		return 1
	case Editor:
		return 2
	case Admin:
		return 3
	default:
		return 0
	}
}

// AtLeast reports whether r may do what other may.
func (r Role) AtLeast(other Role) bool { return r.rank() >= other.rank() }

// Caller is who makes a request.
type Caller struct {
	Name string // of the person or the key; "local" where nobody needs to log in
	User string // the person behind a key; else as Name
	Role Role
	CSRF string // what a page must send back to change things; "" for programs
}

type callerKey struct{}

// WithCaller says in ctx who makes the request.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf is who makes ctx's request; Nobody where none is said.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// Config of New.
type Config struct {
	Catalog  *catalog.Catalog
	Required bool     // people log in, programs send keys
	APIKeys  []string // accepted besides those in the catalog
	Now      func() time.Time
	Log      *slog.Logger
}

// Access decides about callers. Safe for concurrent use.
type Access struct {
	catalog  *catalog.Catalog
	required bool
	apiKeys  map[string]bool // hashes of those from the configuration
	now      func() time.Time
	log      *slog.Logger
	throttle throttle

	mu    sync.Mutex
	setup string // token of the first-run link; "" once there is a user
	keys  map[string]*Key
}

// New reads the keys, and makes the first-run link's token where it is needed.
func New(c Config) (*Access, error) {
	a := &Access{
		catalog: c.Catalog, required: c.Required, now: c.Now, log: c.Log,
		apiKeys: map[string]bool{}, throttle: throttle{now: c.Now, failures: map[string]*failures{}},
	}
	for _, key := range c.APIKeys {
		a.apiKeys[hash(key)] = true
	}
	if err := a.loadKeys(); err != nil {
		return nil, err
	}
	users, err := a.Users()
	if err != nil {
		return nil, err
	}
	if len(users) == 0 && a.required {
		a.setup = token()
	}
	return a, nil
}

// Required reports whether people must log in.
func (a *Access) Required() bool { return a.required }

// SetupToken is what the first-run link carries; "" when it is not needed.
func (a *Access) SetupToken() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.setup
}

// Credentials is what a request shows of its caller.
type Credentials struct {
	Session string // the session's cookie
	APIKey  string // DD-API-KEY
	AppKey  string // DD-APPLICATION-KEY, a bearer token, or the password of HTTP basic
}

// Identify finds out who makes a request. A caller without valid credentials
// is Nobody.
func (a *Access) Identify(c Credentials) (Caller, error) {
	if !a.required {
		return Caller{Name: "local", User: "local", Role: Admin}, nil
	}
	if c.Session != "" {
		return a.session(c.Session)
	}
	if c.AppKey != "" {
		if key := a.key(c.AppKey, ApplicationKey); key != nil {
			owner, known, err := a.User(key.Owner)
			if err != nil || known && owner.Disabled {
				return Caller{}, err
			}
			role := key.Role
			if known && !owner.Role.AtLeast(role) { // it was made when they might do more
				role = owner.Role
			}
			return Caller{Name: "key " + key.Name, User: key.Owner, Role: role}, nil
		}
	}
	return Caller{}, nil
}

// MaySubmit reports whether a program may send metrics, events and traces.
func (a *Access) MaySubmit(apiKey string) bool {
	if !a.required && len(a.apiKeys) == 0 {
		return true
	}
	return apiKey != "" && (a.apiKeys[hash(apiKey)] || a.key(apiKey, APIKey) != nil)
}

// As names the caller as the actor of what ctx changes.
func (a *Access) As(ctx context.Context, caller Caller, address string) context.Context {
	return catalog.WithActor(ctx, catalog.Actor{Name: caller.Name, Address: address, At: a.now().UnixMilli()})
}

// token is a new secret of 256 bits.
func token() string {
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// hash is what is kept of a token or key. They are long and random, so one round
// of SHA-256 is enough; passwords are another matter.
func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// InvalidError is an entry that can't be accepted as it is.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return e.Field + ": " + e.Reason }

func invalid(field, format string, args ...any) error {
	return &InvalidError{field, fmt.Sprintf(format, args...)}
}

// clean brings a user's name into the one form it is known by.
func clean(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
