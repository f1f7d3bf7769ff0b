package anomaly

import "math"

// Rule says when anomalous points are an alert: as monitors do it. Windows are
// in points; shares are 0 to 1.
type Rule struct {
	Bounds           float64 // deviations
	Direction        Direction
	Window           int
	Critical         float64 // share of the judged points of Window from which on there is an alert
	Recovery         int     // window of the recovery; 0: Window
	CriticalRecovery float64 // share of the judged points of Recovery down to which it ends
	Severe           float64 // one point of Window so many deviations off is an alert by itself; 0: none is
}

// Episode is one alert: from the point that raised it to the one that ended it,
// or the end of the series.
type Episode struct {
	From, To int // indexes, To excluded
	Severe   bool
}

// Share is the share of anomalous points among those judged, at the end of
// scores: each point's distance from the middle in deviations, NaN where it
// was not judged. NaN when fewer than half of the window could be judged.
// severe: a point of the window alone is an alert.
func (r Rule) Share(scores []float64) (share, recovery float64, severe bool) {
	w := newRolling(r.Window)
	v := newRolling(r.recovery())
	for _, s := range scores[max(0, len(scores)-max(r.Window, r.recovery())):] {
		w.push(r.verdict(s))
		v.push(r.verdict(s))
	}
	return w.share(), v.share(), w.severe > 0
}

func (r Rule) recovery() int {
	if r.Recovery > 0 {
		return r.Recovery
	}
	return r.Window
}

// Next is whether there is an alert after a point, given whether there was one
// before it. Without enough to judge by, things stay as they were.
func (r Rule) Next(alert bool, share, recovery float64, severe bool) bool {
	switch {
	case severe, share >= r.Critical:
		return true
	case alert && !(recovery <= r.CriticalRecovery):
		return true
	case math.IsNaN(share):
		return alert
	}
	return false
}

// Alerts runs the rule over a series of scores.
func (r Rule) Alerts(scores []float64) []Episode {
	var out []Episode
	w, v := newRolling(r.Window), newRolling(r.recovery())
	alert := false
	for i, s := range scores {
		verdict := r.verdict(s)
		w.push(verdict)
		v.push(verdict)
		next := r.Next(alert, w.share(), v.share(), w.severe > 0)
		switch {
		case next && !alert:
			out = append(out, Episode{From: i, To: len(scores), Severe: w.severe > 0 && !(w.share() >= r.Critical)})
		case alert && !next:
			out[len(out)-1].To = i
		}
		alert = next
	}
	return out
}

// verdict of a point.
type verdict uint8

const (
	judged verdict = 1 << iota
	outside
	severe
)

func (r Rule) verdict(score float64) verdict {
	if math.IsNaN(score) {
		return 0
	}
	v := judged
	off := score
	switch r.Direction {
	case Below:
		off = -score
	case Above:
	default:
		off = math.Abs(score)
	}
	if off > r.Bounds*(1+2*edge) {
		v |= outside
	}
	if r.Severe > 0 && off >= r.Severe {
		v |= severe
	}
	return v
}

// rolling counts the verdicts of the last points.
type rolling struct {
	ring                    []verdict
	next                    int
	judged, outside, severe int
}

func newRolling(size int) rolling { return rolling{ring: make([]verdict, max(size, 1))} }

func (w *rolling) push(v verdict) {
	w.count(w.ring[w.next], -1)
	w.ring[w.next] = v
	w.count(v, 1)
	if w.next++; w.next == len(w.ring) {
		w.next = 0
	}
}

func (w *rolling) count(v verdict, by int) {
	if v&judged != 0 {
		w.judged += by
	}
	if v&outside != 0 {
		w.outside += by
	}
	if v&severe != 0 {
		w.severe += by
	}
}

// LeastJudged is the share of a window's points that must have been judged for
// the window to be judged.
const LeastJudged = 0.5

func (w *rolling) share() float64 {
	if float64(w.judged) < max(1, math.Ceil(LeastJudged*float64(len(w.ring)))) {
		return math.NaN()
	}
	return float64(w.outside) / float64(w.judged)
}
