// Package catalog keeps everything that is not a sample, in one bbolt file:
// documents, hosts, metric metadata, events and the last runs of service
// checks.
//
// Hosts, metrics and checks are few and asked for at every query and payload,
// so they are also held in memory; what is only worth knowing, such as when a
// host was last seen, is written every few seconds, and the rest at once.
package catalog

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// Kind names a collection of documents.
type Kind string

// The collections that exist.
const (
	Monitors   Kind = "monitors"
	States     Kind = "states" // of monitors' groups
	Downtimes  Kind = "downtimes"
	Dashboards Kind = "dashboards"
	Outbox     Kind = "outbox"
	Settings   Kind = "settings"
	Users      Kind = "users"
	Keys       Kind = "keys"
	Sessions   Kind = "sessions"  // of people who are logged in
	Deleted    Kind = "deleted"   // dashboards that can still be brought back
	Lists      Kind = "lists"     // of dashboards
	Shares     Kind = "shares"    // links by which anybody sees a dashboard
	Snapshots  Kind = "snapshots" // pictures of graphs

	Favourites Kind = "favourites" // dashboards that people keep at hand
)

// Buckets beside the collections.
const (
	hostsBucket   = "hosts"
	metricsBucket = "metrics"
	checksBucket  = "checks"
	eventsBucket  = "events"
	auditBucket   = "audit"
	metaBucket    = "meta"
)

// formatVersion is kept in the file; another version is refused.
const formatVersion = 1

// flushEvery is how often what is only worth knowing is written.
const flushEvery = 5 * time.Second

// Catalog is an open catalog file. Safe for concurrent use.
type Catalog struct {
	db      *bbolt.DB
	hosts   hosts
	metrics metrics
	checks  checks

	processes processes

	revisions revisions

	stop    chan struct{}
	stopped sync.WaitGroup
}

// Open opens the catalog at path, creating it if needed. The caller sees to it
// that no other process has it open.
func Open(path string) (*Catalog, error) {
	db, err := bbolt.Open(path, 0o644, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true})
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	db.MaxBatchDelay = time.Millisecond
	c := &Catalog{db: db, stop: make(chan struct{})}
	if err := c.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open catalog: %w", err), db.Close())
	}
	c.stopped.Add(1)
	go c.flushLoop()
	return c, nil
}

func (c *Catalog) load() error {
	err := c.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{
			string(Monitors), string(States), string(Downtimes), string(Dashboards), string(Outbox), string(Settings),
			string(Users), string(Keys), string(Sessions), string(Deleted), string(Lists), string(Shares), string(Snapshots), string(Favourites), hostsBucket, metricsBucket, checksBucket, eventsBucket, auditBucket, metaBucket,
		} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		meta := tx.Bucket([]byte(metaBucket))
		found := meta.Get([]byte("version"))
		if found == nil {
			return meta.Put([]byte("version"), []byte{formatVersion})
		}
		if len(found) != 1 || found[0] != formatVersion {
			return fmt.Errorf("its format is version %d, this program reads version %d", found, formatVersion)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.db.View(func(tx *bbolt.Tx) error {
		return errors.Join(c.hosts.load(tx), c.metrics.load(tx), c.checks.load(tx), c.revisions.load(tx))
	})
}

// flushLoop writes what is only worth knowing, until Close.
func (c *Catalog) flushLoop() {
	defer c.stopped.Done()
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-ticker.C:
			c.flush() // a failure keeps it for the next time
		}
	}
}

func (c *Catalog) flush() error {
	return errors.Join(c.flushHosts(), c.flushMetrics())
}

// Close writes what is not yet written and closes the file.
func (c *Catalog) Close() error {
	close(c.stop)
	c.stopped.Wait()
	if err := errors.Join(c.flush(), c.db.Close()); err != nil {
		return fmt.Errorf("close catalog: %w", err)
	}
	return nil
}

// Update runs fn in one durable transaction: all of it is kept, or nothing.
// What it changes in the name of ctx's actor is entered in the audit trail.
// Calls that wait at the same time share one fsync, so fn may run twice.
func (c *Catalog) Update(ctx context.Context, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := Tx{}
	if actor, ok := ActorOf(ctx); ok {
		t.actor = &actor
	}
	err := c.db.Batch(func(tx *bbolt.Tx) error {
		t.tx, t.changed = tx, t.changed[:0]
		return fn(&t)
	})
	if err != nil {
		return err
	}
	for _, k := range t.changed {
		c.revisions.bump(k)
	}
	return nil
}

// View runs fn over one consistent state.
func (c *Catalog) View(fn func(*Tx) error) error {
	return c.db.View(func(tx *bbolt.Tx) error { return fn(&Tx{tx: tx}) })
}

// Tx is a transaction. It and the slices it lends are valid inside fn only.
type Tx struct {
	tx      *bbolt.Tx
	actor   *Actor // nil: Whippet itself
	changed []Kind
}

// touch notes that k is changed, once the transaction is kept.
func (tx *Tx) touch(k Kind) {
	if !slices.Contains(tx.changed, k) {
		tx.changed = append(tx.changed, k)
	}
}

// Put keeps doc, as JSON, under id.
func (tx *Tx) Put(k Kind, id string, doc any) error {
	raw, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("keep %s %s: %w", k, id, err)
	}
	if err := tx.record(k, id, raw); err != nil {
		return err
	}
	if err := tx.tx.Bucket([]byte(k)).Put([]byte(id), raw); err != nil {
		return fmt.Errorf("keep %s %s: %w", k, id, err)
	}
	tx.touch(k)
	return nil
}

// Get decodes the document id into doc; false when there is none.
func (tx *Tx) Get(k Kind, id string, doc any) (bool, error) {
	raw := tx.tx.Bucket([]byte(k)).Get([]byte(id))
	if raw == nil {
		return false, nil
	}
	if err := json.Unmarshal(raw, doc); err != nil {
		return false, fmt.Errorf("read %s %s: %w", k, id, err)
	}
	return true, nil
}

// Delete removes a document; it is no error if there is none.
func (tx *Tx) Delete(k Kind, id string) error {
	if err := tx.record(k, id, nil); err != nil {
		return err
	}
	if err := tx.tx.Bucket([]byte(k)).Delete([]byte(id)); err != nil {
		return fmt.Errorf("delete %s %s: %w", k, id, err)
	}
	tx.touch(k)
	return nil
}

// Each calls fn for every document whose id starts with prefix, in byte order
// of the ids. raw is valid until fn returns; fn must not change the collection.
func (tx *Tx) Each(k Kind, prefix string, fn func(id string, raw json.RawMessage) error) error {
	return tx.EachFrom(k, prefix, prefix, fn)
}

// EachFrom is Each from the id first on.
func (tx *Tx) EachFrom(k Kind, prefix, first string, fn func(id string, raw json.RawMessage) error) error {
	cursor := tx.tx.Bucket([]byte(k)).Cursor()
	for id, raw := cursor.Seek([]byte(first)); id != nil && len(id) >= len(prefix) && string(id[:len(prefix)]) == prefix; id, raw = cursor.Next() {
		if err := fn(string(id), raw); err != nil {
			return err
		}
	}
	return nil
}

// NextID returns a new number for a document of k; numbers grow and are not reused.
func (tx *Tx) NextID(k Kind) (int64, error) {
	n, err := tx.tx.Bucket([]byte(k)).NextSequence()
	if err != nil {
		return 0, fmt.Errorf("number %s: %w", k, err)
	}
	return int64(n), nil
}

// bigEndian is a key that sorts as its number does.
func bigEndian(n int64) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(n))
}
