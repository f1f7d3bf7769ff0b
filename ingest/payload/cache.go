package payload

import (
	"hash/maphash"
	"math/bits"
	"sync"
)

// A Cache knows series by a hash of the bytes that describe them on the wire,
// so that a series seen before costs one hash and one probe, and none of its
// tags is parsed. The hash is keyed at random: nobody can make two series
// collide on purpose. Safe for concurrent use.
type Cache[V any] struct {
	seed  maphash.Seed
	limit int
	mu    sync.RWMutex
	known map[uint64]V
}

// NewCache returns a cache of at most limit series. When it is full it starts
// anew: what is still sent is back after one round.
func NewCache[V any](limit int) *Cache[V] {
	return &Cache[V]{seed: maphash.MakeSeed(), limit: limit, known: map[uint64]V{}}
}

// Hash is the hash of b under the cache's key.
func (c *Cache[V]) Hash(b []byte) uint64 { return maphash.Bytes(c.seed, b) }

// Join combines hashes of parts, in their order.
func Join(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xe7037ed1a0b428db)
	return high ^ low ^ bits.RotateLeft64(a, 23)
}

// Get returns what is known under a hash.
func (c *Cache[V]) Get(hash uint64) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.known[hash]
	return v, ok
}

// Put keeps v under a hash.
func (c *Cache[V]) Put(hash uint64, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= c.limit {
		c.known = map[uint64]V{}
	}
	c.known[hash] = v
}

// Clear forgets everything.
func (c *Cache[V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = map[uint64]V{}
}

// Len is the number of series known.
func (c *Cache[V]) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.known)
}
