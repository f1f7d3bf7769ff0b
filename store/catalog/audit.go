package catalog

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"
)

// Actor is who changes documents: a person, or a program by its key.
type Actor struct {
	Name    string // "alice", "key 1a2b"
	Address string // IP address
	At      int64  // ms
}

type actorKey struct{}

// WithActor names the one in whose name ctx's changes are made. Changes made
// without an actor are Whippet's own and are not recorded.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf is the actor of ctx; ok is false when there is none.
func ActorOf(ctx context.Context) (a Actor, ok bool) {
	a, ok = ctx.Value(actorKey{}).(Actor)
	return a, ok
}

// Change is one entry of the audit trail: what a document was and what it has
// become. Before is empty for a new one, After for one that is gone.
type Change struct {
	ID       int64           `json:"id"`
	At       int64           `json:"at"` // ms
	Actor    string          `json:"actor"`
	Address  string          `json:"address,omitempty"`
	Kind     Kind            `json:"kind"`
	Document string          `json:"document"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
}

// mostChanges bounds the audit trail; the oldest entries go.
const mostChanges = 20_000

// audited are the collections that people change.
func audited(k Kind) bool {
	switch k {
	case Monitors, Downtimes, Dashboards, Lists, Shares, Settings, Users, Keys, hostsBucket:
		return true
	}
	return false
}

// record enters a change of document id; after is nil when it is gone.
func (tx *Tx) record(k Kind, id string, after []byte) error {
	if tx.actor == nil || !audited(k) {
		return nil
	}
	before := tx.tx.Bucket([]byte(k)).Get([]byte(id))
	if string(before) == string(after) {
		return nil
	}
	return record(tx.tx, *tx.actor, k, id, before, after)
}

// Note enters in the audit trail what the actor did with document id where no
// document of an audited collection tells of it.
func (tx *Tx) Note(k Kind, id string, what any) error {
	if tx.actor == nil {
		return nil
	}
	raw, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("enter the audit trail: %w", err)
	}
	return record(tx.tx, *tx.actor, k, id, nil, raw)
}

func record(tx *bbolt.Tx, a Actor, k Kind, id string, before, after []byte) error {
	trail := tx.Bucket([]byte(auditBucket))
	n, err := trail.NextSequence()
	if err != nil {
		return fmt.Errorf("enter the audit trail: %w", err)
	}
	raw, err := json.Marshal(Change{
		ID: int64(n), At: a.At, Actor: a.Name, Address: a.Address, Kind: k, Document: id, Before: withoutSecrets(before), After: withoutSecrets(after),
	})
	if err != nil {
		return fmt.Errorf("enter the audit trail: %w", err)
	}
	if err := trail.Put(bigEndian(int64(n)), raw); err != nil {
		return fmt.Errorf("enter the audit trail: %w", err)
	}
	if n > mostChanges {
		if err := trail.Delete(bigEndian(int64(n - mostChanges))); err != nil {
			return fmt.Errorf("shorten the audit trail: %w", err)
		}
	}
	return nil
}

// withoutSecrets leaves out the fields that hold hashes of passwords and keys.
func withoutSecrets(raw []byte) json.RawMessage {
	var fields map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	if _, secret := fields["hash"]; !secret {
		return raw
	}
	delete(fields, "hash")
	out, err := json.Marshal(fields)
	if err != nil {
		return nil
	}
	return out
}

// Changes lists the audit trail, newest first: entries older than before (an
// ID; 0: from the newest) that keep accepts, at most limit.
func (c *Catalog) Changes(before int64, keep func(*Change) bool, limit int) ([]Change, error) {
	changes := []Change{}
	err := c.db.View(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket([]byte(auditBucket)).Cursor()
		id, raw := cursor.Last()
		if before > 0 {
			cursor.Seek(bigEndian(before))
			id, raw = cursor.Prev()
		}
		for ; id != nil && len(changes) < limit; id, raw = cursor.Prev() {
			var change Change
			if err := json.Unmarshal(raw, &change); err != nil {
				return fmt.Errorf("entry %d: %w", binary.BigEndian.Uint64(id), err)
			}
			if keep == nil || keep(&change) {
				changes = append(changes, change)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	return changes, nil
}
