package hostmetrics

import (
	"math"
	"strings"
	"time"
)

// report is what one source measured in one round.
type report struct {
	at       time.Time
	counters *counters
	points   []point
	checks   []wireCheck
}

type point struct {
	name   string
	value  float64
	device string
	tags   []string
	unit   string
	count  bool // of events in the last interval; otherwise a level or a rate per second
}

// gauge reports a level.
func (r *report) gauge(name string, value float64, tags ...string) {
	r.add(point{name: name, value: value, tags: tags})
}

// add reports a point, unless it is no number.
func (r *report) add(p point) {
	if !math.IsNaN(p.value) && !math.IsInf(p.value, 0) {
		r.points = append(r.points, p)
	}
}

// rate reports how fast a counter grows per second, once it has been seen twice.
func (r *report) rate(name string, total float64, tags ...string) {
	if delta, ok := r.counters.delta(name+"|"+strings.Join(tags, ","), total); ok {
		r.gauge(name, delta/r.counters.seconds, tags...)
	}
}

// integration is the word that the agent gives as the source of a metric.
func (*report) integration(metric string) string {
	switch prefix, _, _ := strings.Cut(metric, "."); prefix {
	case "postgresql":
		return "Postgres"
	case "gpu":
		return "gpu"
	default:
		return "System"
	}
}

// maxGap is the longest time between two looks at a counter that a rate is made
// of: after a sleep of the machine it would be about something else.
const maxGap = 5 * Interval

// counters remembers counters that only grow from one round to the next.
type counters struct {
	last, now map[string]float64
	at        time.Time
	seconds   float64 // since the last round
}

func (c *counters) begin(at time.Time) {
	if gap := at.Sub(c.at); gap <= 0 || gap > maxGap {
		c.last = nil
	}
	c.seconds, c.at, c.now = at.Sub(c.at).Seconds(), at, map[string]float64{}
}

// end forgets the counters that this round did not see.
func (c *counters) end() { c.last, c.now = c.now, nil }

// delta is how much a counter has grown since the last round; ok is false at
// first sight and when it has started over.
func (c *counters) delta(key string, total float64) (delta float64, ok bool) {
	c.now[key] = total
	last, seen := c.last[key]
	return total - last, seen && total >= last
}
