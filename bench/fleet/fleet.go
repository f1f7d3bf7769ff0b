// Package fleet makes the load that Whippet's benchmarks run on: hosts that
// send what servers send, the same for the same seed on every machine.
//
// A host of the Fleet workload has 200 series every 10 seconds, of the kinds
// listed at [Kind]; one of Random has a single series of uniform integers; one
// of Churn is a Fleet host whose containers live for a minute.
//
//	for request := range fleet.Requests(fleet.Fleet, 1, 50, 180, fleet.Batch) {
//		for _, p := range request {
//			send(p.Series.Name, p.Series.Tags, p.Times, p.Values)
//		}
//	}
package fleet

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
)

// Interval is the time between two samples of a series, and Start the time of
// the first, both in ms. Start is the midnight of 2026-11-23, UTC.
const (
	Interval = 10_000
	Start    = 1_795_392_000_000
)

// Workload says what a host sends.
type Workload int

const (
	Fleet  Workload = iota // 200 series of every kind
	Random                 // one series, my_metric, of uniform integers
	Churn                  // Fleet, with a container_id that changes every ChurnTicks
)

// ChurnTicks is how many samples a series of Churn lives.
const ChurnTicks = 6

// Series is one series of one host. Tags are "key:value", sorted.
type Series struct {
	Name string
	Kind Kind
	Tags []string
}

// Host is the state of one host's series. Not safe for concurrent use.
type Host struct {
	workload Workload
	name     string
	tick     int
	random   *rand.Rand
	series   []Series
	state    []generator
}

// NewHost makes host n of a workload. Its values depend on seed and n alone.
func NewHost(w Workload, seed uint64, n int) *Host {
	h := &Host{workload: w, name: fmt.Sprintf("host-%05d", n), random: rand.New(rand.NewPCG(seed, uint64(n)))}
	common := []string{
		"env:" + pick(n, "prod", "prod", "staging", "test"), "host:" + h.name,
		fmt.Sprintf("rack:r%02d", n/20%32), "service:" + pick(n, "web", "api", "checkout", "search", "batch"),
	}
	for _, m := range metrics {
		if w == Random && m.kind != Uniform {
			continue
		}
		for i := range m.instances {
			tags := common
			if m.key != "" {
				tags = withTag(common, fmt.Sprintf("%s:%s%d", m.key, m.key[:1], i))
			}
			h.series = append(h.series, Series{Name: m.name, Kind: m.kind, Tags: tags})
			h.state = append(h.state, newGenerator(m.kind, h.random))
		}
	}
	if w == Churn {
		h.renew()
	}
	return h
}

func pick(n int, of ...string) string { return of[n%len(of)] }

// withTag copies tags, which are sorted, with one more in its place.
func withTag(tags []string, tag string) []string {
	with := make([]string, 0, len(tags)+1)
	for i, t := range tags {
		if t > tag {
			return append(append(with, tag), tags[i:]...)
		}
		with = append(with, t)
	}
	return append(with, tag)
}

// Series returns the host's series as of the next tick. The slice is the
// host's: Churn replaces its elements, never what they hold.
func (h *Host) Series() []Series { return h.series }

// Next fills values, one for each of Series, with those of the next tick, and
// returns its time in ms. NaN marks a series that has no sample.
func (h *Host) Next(values []float64) (at int64) {
	at = Start + int64(h.tick)*Interval
	for i := range h.state {
		values[i] = h.state[i].next(h.random)
	}
	h.tick++
	if h.workload == Churn && h.tick%ChurnTicks == 0 {
		h.renew()
	}
	return at
}

// renew gives the host's series the id of a new container.
func (h *Host) renew() {
	id := fmt.Sprintf("container_id:%016x", h.random.Uint64())
	fresh := make([]Series, len(h.series))
	for i, s := range h.series {
		tags := s.Tags
		if h.tick > 0 {
			tags = tags[1:] // container_id sorts before all others
		}
		fresh[i] = Series{Name: s.Name, Kind: s.Kind, Tags: append([]string{id}, tags...)}
	}
	h.series = fresh
}

// Shape is how much one request holds.
type Shape struct{ Hosts, Ticks int }

// The shapes that the figures are for.
var (
	Agent    = Shape{Hosts: 1, Ticks: 1}
	Batch    = Shape{Hosts: 10, Ticks: 1}
	Backfill = Shape{Hosts: 1, Ticks: 30}
)

// Points are the samples of one series in one request.
type Points struct {
	Series *Series
	Times  []int64 // ms
	Values []float64
}

// Requests yields the load of some hosts and ticks, in the order of time, as
// requests of a shape. A request and what is in it belong to the receiver.
func Requests(w Workload, seed uint64, hosts, ticks int, shape Shape) iter.Seq[[]Points] {
	return func(yield func([]Points) bool) {
		all := make([]*Host, hosts)
		for i := range all {
			all[i] = NewHost(w, seed, i)
		}
		for at := 0; at < ticks; at += shape.Ticks {
			for first := 0; first < hosts; first += shape.Hosts {
				var request []Points
				for _, h := range all[first:min(first+shape.Hosts, hosts)] {
					request = h.appendPoints(request, min(shape.Ticks, ticks-at))
				}
				if !yield(request) {
					return
				}
			}
		}
	}
}

// appendPoints appends the next ticks of h, a series at a time.
func (h *Host) appendPoints(request []Points, ticks int) []Points {
	values := make([]float64, len(h.series))
	var points []Points // of h.series, until they are renewed
	for range ticks {
		series := h.series
		if points == nil || points[0].Series != &series[0] {
			request = appendFilled(request, points)
			points = make([]Points, len(series))
			for i := range points {
				points[i] = Points{&series[i], make([]int64, 0, ticks), make([]float64, 0, ticks)}
			}
		}
		at := h.Next(values)
		for i, v := range values {
			if v == v {
				points[i].Times = append(points[i].Times, at)
				points[i].Values = append(points[i].Values, v)
			}
		}
	}
	return appendFilled(request, points)
}

func appendFilled(request, points []Points) []Points {
	for _, p := range points {
		if len(p.Times) > 0 {
			request = append(request, p)
		}
	}
	return request
}

// Column returns n samples of the first series of a kind, without gaps, as a
// host of the given seed would send them.
func Column(k Kind, seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, uint64(k)))
	g := newGenerator(k, r)
	column := make([]float64, 0, n)
	for len(column) < n {
		if v := g.next(r); !math.IsNaN(v) {
			column = append(column, v)
		}
	}
	return column
}
