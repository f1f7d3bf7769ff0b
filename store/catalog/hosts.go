package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

// Host is what agents told of one host.
type Host struct {
	Name         string              `json:"name"`
	Aliases      []string            `json:"aliases,omitempty"`
	Tags         map[string][]string `json:"tags,omitempty"` // by source: "system", "user", ...
	OS           string              `json:"os,omitempty"`
	Platform     string              `json:"platform,omitempty"` // "debian 12.11"
	Kernel       string              `json:"kernel,omitempty"`
	Machine      string              `json:"machine,omitempty"` // "x86_64"
	Processor    string              `json:"processor,omitempty"`
	Cores        int                 `json:"cores,omitempty"`
	MemoryBytes  int64               `json:"memory_bytes,omitempty"`
	IP           string              `json:"ip,omitempty"`
	IPv6         string              `json:"ipv6,omitempty"`
	MAC          string              `json:"mac,omitempty"`
	AgentVersion string              `json:"agent_version,omitempty"`
	Apps         []string            `json:"apps,omitempty"`
	FirstSeen    int64               `json:"first_seen,omitempty"` // ms
	LastSeen     int64               `json:"last_seen,omitempty"`  // ms; last payload of any kind
}

// UpFor is how long after its last payload a host still counts as up, in ms.
const UpFor = 120_000

// Up reports whether the host has been heard of lately; now is in ms.
func (h *Host) Up(now int64) bool { return now-h.LastSeen < UpFor }

// maxHosts bounds the hosts known; names come from the network.
const maxHosts = 100_000

// ErrTooManyHosts is returned for a host that would be one too many.
var ErrTooManyHosts = errors.New("too many hosts are known; delete some that are gone")

// hosts holds all hosts in memory. Readers get immutable snapshots.
type hosts struct {
	mu    sync.Mutex
	byKey map[string]*Host
	dirty map[string]bool // changed in memory, not yet written
	tags  atomic.Pointer[HostTags]
}

func (h *hosts) load(tx *bbolt.Tx) error {
	h.byKey, h.dirty = map[string]*Host{}, map[string]bool{}
	err := tx.Bucket([]byte(hostsBucket)).ForEach(func(name, raw []byte) error {
		var host Host
		if err := json.Unmarshal(raw, &host); err != nil {
			return fmt.Errorf("read host %s: %w", name, err)
		}
		h.byKey[string(name)] = &host
		return nil
	})
	h.rebuildTags()
	return err
}

// UpdateHost changes (or creates) the host name through fn, durably. fn gets a
// copy whose maps and slices it must replace rather than change.
func (c *Catalog) UpdateHost(ctx context.Context, name string, fn func(*Host)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.hosts.mu.Lock()
	defer c.hosts.mu.Unlock()
	host := Host{Name: name}
	known := c.hosts.byKey[name]
	if known != nil {
		host = *known
	} else if len(c.hosts.byKey) >= maxHosts {
		return fmt.Errorf("keep host %s: %w: %d", name, ErrTooManyHosts, maxHosts)
	}
	host.Tags = maps.Clone(host.Tags)
	fn(&host)
	host.Name = name
	if host.FirstSeen == 0 {
		host.FirstSeen = host.LastSeen
	}
	raw, err := json.Marshal(&host)
	if err != nil {
		return fmt.Errorf("keep host %s: %w", name, err)
	}
	err = c.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(hostsBucket))
		if actor, ok := ActorOf(ctx); ok {
			if err := record(tx, actor, hostsBucket, name, bucket.Get([]byte(name)), raw); err != nil {
				return err
			}
		}
		return bucket.Put([]byte(name), raw)
	})
	if err != nil {
		return fmt.Errorf("keep host %s: %w", name, err)
	}
	c.hosts.byKey[name] = &host
	delete(c.hosts.dirty, name)
	c.hosts.rebuildTags()
	if known == nil || !known.same(&host) {
		c.revisions.bump(Hosts)
	}
	return nil
}

// same reports whether two hosts differ at most in when they were seen.
func (h *Host) same(other *Host) bool {
	a, b := *h, *other
	a.LastSeen, b.LastSeen = 0, 0
	return reflect.DeepEqual(a, b)
}

// Seen notes that name sent something at ms. Cheap: kept in memory, written
// now and then. A host not known yet is created.
func (c *Catalog) Seen(name string, ms int64) {
	if name == "" {
		return
	}
	c.hosts.mu.Lock()
	defer c.hosts.mu.Unlock()
	host := c.hosts.byKey[name]
	if host == nil {
		if len(c.hosts.byKey) >= maxHosts {
			return
		}
		host = &Host{Name: name, FirstSeen: ms}
		c.revisions.bump(Hosts)
	} else if ms <= host.LastSeen {
		return
	}
	changed := *host
	changed.LastSeen = ms
	c.hosts.byKey[name] = &changed
	c.hosts.dirty[name] = true
}

// SawApp notes that an app, or an agent's integration, reports from a host.
// Cheap: called once per new series.
func (c *Catalog) SawApp(host, app string) {
	if host == "" || app == "" || len(app) > maxApp {
		return
	}
	c.hosts.mu.Lock()
	defer c.hosts.mu.Unlock()
	known := c.hosts.byKey[host]
	if known == nil || slices.Contains(known.Apps, app) || len(known.Apps) >= maxApps {
		return
	}
	changed := *known
	changed.Apps = append(slices.Clone(known.Apps), app)
	slices.Sort(changed.Apps)
	c.hosts.byKey[host] = &changed
	c.hosts.dirty[host] = true
	c.revisions.bump(Hosts)
}

// Bounds on the apps of a host.
const (
	maxApps = 200
	maxApp  = 100 // bytes of a name
)

// FindHost returns the host with a name or, when there is none, with an alias.
func (c *Catalog) FindHost(name string) (Host, bool) {
	if h, ok := c.Host(name); ok {
		return h, true
	}
	c.hosts.mu.Lock()
	defer c.hosts.mu.Unlock()
	for _, h := range c.hosts.byKey {
		if slices.Contains(h.Aliases, name) {
			return *h, true
		}
	}
	return Host{}, false
}

// Host returns a host; false when there is none of that name.
func (c *Catalog) Host(name string) (Host, bool) {
	c.hosts.mu.Lock()
	defer c.hosts.mu.Unlock()
	if host := c.hosts.byKey[name]; host != nil {
		return *host, true
	}
	return Host{}, false
}

// Hosts lists all hosts by name.
func (c *Catalog) Hosts() []Host {
	c.hosts.mu.Lock()
	defer c.hosts.mu.Unlock()
	all := make([]Host, 0, len(c.hosts.byKey))
	for _, name := range slices.Sorted(maps.Keys(c.hosts.byKey)) {
		all = append(all, *c.hosts.byKey[name])
	}
	return all
}

// DeleteHost forgets a host. It comes back when it sends again.
func (c *Catalog) DeleteHost(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.hosts.mu.Lock()
	defer c.hosts.mu.Unlock()
	err := c.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(hostsBucket)).Delete([]byte(name)) })
	if err != nil {
		return fmt.Errorf("delete host %s: %w", name, err)
	}
	delete(c.hosts.byKey, name)
	delete(c.hosts.dirty, name)
	c.hosts.rebuildTags()
	c.revisions.bump(Hosts)
	return nil
}

func (c *Catalog) flushHosts() error {
	c.hosts.mu.Lock()
	defer c.hosts.mu.Unlock()
	if len(c.hosts.dirty) == 0 {
		return nil
	}
	err := c.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(hostsBucket))
		for name := range c.hosts.dirty {
			raw, err := json.Marshal(c.hosts.byKey[name])
			if err != nil {
				return err
			}
			if err := bucket.Put([]byte(name), raw); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep hosts: %w", err)
	}
	clear(c.hosts.dirty)
	return nil
}

// HostTags is the tags of all hosts at one moment; immutable.
type HostTags struct {
	byHost map[string][]string
	byTag  map[string][]string
}

// HostTags returns the current tags of all hosts. Cheap enough per query.
func (c *Catalog) HostTags() *HostTags { return c.hosts.tags.Load() }

// rebuildTags makes a new snapshot. The caller holds the lock.
func (h *hosts) rebuildTags() {
	t := &HostTags{byHost: map[string][]string{}, byTag: map[string][]string{}}
	for name, host := range h.byKey {
		var all []string
		for _, tags := range host.Tags {
			all = append(all, tags...)
		}
		if len(all) == 0 {
			continue
		}
		slices.Sort(all)
		all = slices.Compact(all)
		t.byHost[name] = all
		for _, tag := range all {
			t.byTag[tag] = append(t.byTag[tag], name)
		}
	}
	for _, hosts := range t.byTag {
		slices.Sort(hosts)
	}
	h.tags.Store(t)
}

// Of returns the sorted tags of a host, from all sources, without duplicates;
// read only.
func (h *HostTags) Of(host string) []string { return h.byHost[host] }

// Hosts returns the hosts with a whole tag; read only.
func (h *HostTags) Hosts(tag string) []string { return h.byTag[tag] }

// Each calls fn for every distinct host tag and the hosts that carry it.
func (h *HostTags) Each(fn func(tag string, hosts []string)) {
	for tag, hosts := range h.byTag {
		fn(tag, hosts)
	}
}
