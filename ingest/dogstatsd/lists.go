package dogstatsd

import (
	"strings"

	"github.com/whippet-obs/whippet/store"
)

// metricList numbers the names of the contexts' metrics, and counts what has
// arrived for each. Numbers are used again.
type metricList struct {
	all    []metricCounts
	free   []uint32
	byName map[string]uint32
}

// metricCounts is what has arrived for one metric name.
type metricCounts struct {
	name     string
	contexts int // 0: the number is free
	values   uint64
	last     int64 // bucket
}

func newMetricList() metricList { return metricList{byName: map[string]uint32{}} }

// use returns the number of a name that gets one more context.
func (l *metricList) use(name string) uint32 {
	n, known := l.byName[name]
	if !known {
		name = strings.Clone(name) // else it would hold the tags sent with it
		if free := len(l.free); free > 0 {
			n, l.free = l.free[free-1], l.free[:free-1]
			l.all[n] = metricCounts{name: name}
		} else {
			n = uint32(len(l.all))
			l.all = append(l.all, metricCounts{name: name})
		}
		l.byName[name] = n
	}
	l.all[n].contexts++
	return n
}

// release takes a context from a name; without any it is forgotten.
func (l *metricList) release(n uint32) {
	m := &l.all[n]
	if m.contexts--; m.contexts == 0 {
		delete(l.byName, m.name)
		*m = metricCounts{}
		l.free = append(l.free, n)
	}
}

// hostList numbers the hosts of contexts. Number 0 is of no host, and of those
// that are too many.
type hostList struct {
	names  []string
	byName map[string]uint32
}

// maxHosts bounds the hosts that contexts tell apart; series of any more are
// kept, but those hosts aren't noted as seen.
const maxHosts = 100_000

func newHostList() hostList { return hostList{[]string{""}, map[string]uint32{"": 0}} }

func (l *hostList) number(name string) uint32 {
	n, known := l.byName[name]
	if !known && len(l.names) < maxHosts {
		name, n = strings.Clone(name), uint32(len(l.names))
		l.names = append(l.names, name)
		l.byName[name] = n
	}
	return n
}

// blocks keeps the refs of histograms, as many for each as it has figures.
type blocks struct {
	refs   []store.Ref
	length int
	free   []uint32 // places
}

// add returns the place of a block of zeros; all blocks have one length.
func (b *blocks) add(length int) uint32 {
	b.length = length
	if n := len(b.free); n > 0 {
		place := b.free[n-1]
		b.free = b.free[:n-1]
		clear(b.at(place))
		return place
	}
	place := uint32(len(b.refs))
	b.refs = append(b.refs, make([]store.Ref, length)...)
	return place
}

func (b *blocks) at(place uint32) []store.Ref { return b.refs[place:][:b.length] }

func (b *blocks) remove(place uint32) { b.free = append(b.free, place) }
