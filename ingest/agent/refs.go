package agent

import (
	"errors"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// A refCache knows series by a hash of the bytes that describe them on the
// wire, so that a series seen before costs one hash and one probe, and none of
// its tags is parsed. The hash is keyed at random: nobody can make two series
// collide on purpose.
type refCache struct {
	seed maphash.Seed
	mu   sync.RWMutex
	refs map[uint64]known
}

// known is what a payload's series leads to.
type known struct {
	ref  store.Ref
	host string // normalized; "" for none
	ok   bool   // false: refused, over the limit or unnamed
}

// maxRefs bounds the cache. When it is full it starts anew: what is still sent
// is back after one round.
const maxRefs = 1 << 20

func newRefCache() *refCache {
	return &refCache{seed: maphash.MakeSeed(), refs: map[uint64]known{}}
}

func (c *refCache) len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.refs)
}

func (c *refCache) get(hash uint64) (known, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k, ok := c.refs[hash]
	return k, ok
}

func (c *refCache) put(hash uint64, k known) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.refs) >= maxRefs {
		c.refs = map[uint64]known{}
	}
	c.refs[hash] = k
}

// described is a series as a payload describes it, before normalizing.
type described struct {
	name, host, device string
	tags               []string // given away
	kind               store.Kind
	interval           int64 // s
	unit, source       string
}

// maxTags bounds the tags of one series.
const maxTags = 512

// intern finds or creates the series, and learns what it says of its metric
// and host. Series over the limit or without a usable name are counted, and
// are no error: the rest of the payload is good.
func (in *Intake) intern(d described) (known, error) {
	name := store.NormalizeName(d.name)
	if name == "" || len(d.tags) > maxTags {
		in.counts.series.Add(1)
		return known{}, nil
	}
	host := d.host
	tags := d.tags[:0]
	for _, tag := range d.tags {
		if value, ok := strings.CutPrefix(tag, "host:"); ok && host == "" {
			host = value
			continue
		}
		tags = append(tags, store.NormalizeTag(tag))
	}
	host = store.NormalizeHost(host)
	if host != "" {
		tags = append(tags, "host:"+host)
	}
	if d.device != "" {
		tags = append(tags, store.NormalizeTag("device:"+d.device))
	}
	interval := int64(0)
	if d.kind == store.Count || d.kind == store.Rate {
		interval = clampInterval(d.interval) * 1000
	}
	ref, err := in.db.Intern(store.Series{Name: name, Tags: store.NewTags(tags), Kind: d.kind, Interval: interval})
	if errors.Is(err, store.ErrSeriesLimit) {
		in.counts.series.Add(1)
		return known{host: host}, nil
	}
	if err != nil {
		return known{}, err
	}
	in.catalog.LearnMetric(catalog.Metric{
		Name: name, Type: d.kind.String(), Interval: clampInterval(d.interval), Unit: d.unit, Integration: d.source,
	})
	return known{ref: ref, host: host, ok: true}, nil
}

// clampInterval keeps an interval in seconds within a year; nonsense is 0.
func clampInterval(s int64) int64 {
	if s < 0 || s > 365*86400 {
		return 0
	}
	return s
}

// seenHosts notes every host of one payload once.
type seenHosts struct {
	in    *Intake
	ms    int64
	last  string
	hosts map[string]bool
}

func (in *Intake) seen() seenHosts {
	return seenHosts{in: in, ms: in.now().UnixMilli(), hosts: map[string]bool{}}
}

func (s *seenHosts) add(host string) {
	if host == "" || host == s.last || s.hosts[host] {
		return
	}
	s.last = host
	s.hosts[host] = true
	s.in.catalog.Seen(host, s.ms)
}

// repeats remembers the bodies of sketch payloads. An agent repeats a payload
// byte for byte when it didn't hear our answer, and sketches must not be
// merged twice.
type repeats struct {
	seed   maphash.Seed
	mu     sync.Mutex
	bodies map[uint64]time.Time
}

// repeatWindow is how long a body is remembered: agents give up or succeed
// within some minutes.
const repeatWindow = 15 * time.Minute

func newRepeats() *repeats {
	return &repeats{seed: maphash.MakeSeed(), bodies: map[uint64]time.Time{}}
}

// known reports whether body was taken before.
func (r *repeats) known(body []byte, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.bodies[maphash.Bytes(r.seed, body)]
	return ok && now.Sub(at) < repeatWindow
}

// add remembers a body that has been taken.
func (r *repeats) add(body []byte, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.bodies) >= 10_000 {
		for hash, at := range r.bodies {
			if now.Sub(at) >= repeatWindow {
				delete(r.bodies, hash)
			}
		}
	}
	if len(r.bodies) < 100_000 {
		r.bodies[maphash.Bytes(r.seed, body)] = now
	}
}
