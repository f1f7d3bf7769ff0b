package catalog

import (
	"sync/atomic"

	"go.etcd.io/bbolt"
)

// What changes beside the collections. Only Revision takes these kinds.
const (
	Hosts  Kind = hostsBucket
	Events Kind = eventsBucket
	Checks Kind = checksBucket
)

// revisions count what was changed, by bucket. The map itself is made once.
type revisions map[string]*atomic.Uint64

func (r *revisions) load(tx *bbolt.Tx) error {
	*r = revisions{}
	return tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		(*r)[string(name)] = &atomic.Uint64{}
		return nil
	})
}

func (r revisions) bump(k Kind) { r[string(k)].Add(1) }

// Revision counts the changes of a collection, of the hosts, the events or the
// checks since Open. Two equal revisions have nothing between them that a
// reader could see; of hosts, when they last sent something does not count, and
// of checks, only a change of status. Cheap enough to ask often.
func (c *Catalog) Revision(k Kind) uint64 {
	if n := c.revisions[string(k)]; n != nil {
		return n.Load()
	}
	return 0
}
