package dogstatsd

import "net/netip"

// clients counts what each address sent. A table's own, under its lock.
type clients struct {
	byAddr map[netip.Addr]*clientCounts
	last   netip.Addr // of the packet before, which most often has the same sender
	counts *clientCounts
}

type clientCounts struct {
	packets, bytes, values, rejected uint64
	seen                             int64 // ms
}

// maxClients bounds the addresses told apart; further ones are counted together.
const maxClients = 10_000

func newClients() clients { return clients{byAddr: map[netip.Addr]*clientCounts{}} }

func (c *clients) add(from netip.Addr, now int64, bytes int, values, rejected uint64) {
	if c.counts == nil || from != c.last {
		counts := c.byAddr[from]
		if counts == nil {
			if len(c.byAddr) >= maxClients {
				from = netip.IPv6Unspecified()
			}
			if counts = c.byAddr[from]; counts == nil {
				counts = &clientCounts{}
				c.byAddr[from] = counts
			}
		}
		c.last, c.counts = from, counts
	}
	c.counts.packets++
	c.counts.bytes += uint64(bytes)
	c.counts.values += values
	c.counts.rejected += rejected
	c.counts.seen = now
}
