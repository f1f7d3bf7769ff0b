package alerting

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// rules is the part of a monitor that decides about states. Durations are ms.
type rules struct {
	comparator string
	critical   float64
	// NaN where absent.
	warning, criticalRecovery, warningRecovery float64
	shares                                     bool // values are shares of anomalous points

	window     int64
	fullWindow bool // judge only windows that are filled

	missing      missingMode
	missingAfter int64 // without data for so long, missing applies
	timeout      int64 // without data for so long, a triggered group is resolved; 0: never
	retention    int64 // without data for so long, a group is forgotten

	groupDelay int64 // new groups are not judged for so long
	hostDelay  int64 // the same for groups that carry a host

	renotifyEvery int64 // 0: never
	renotifyMax   int   // 0: no limit
	renotifyOn    []Status

	grouped  bool     // the query has a "by"
	notifyBy []string // nil: each group by itself; ["*"]: all as one
}

// missingMode is what becomes of a group without data.
type missingMode int

const (
	missingShow   missingMode = iota // No Data, seen but not told
	missingNotify                    // No Data, and told
	missingResolve
	missingKeep // the last known status stays
	missingZero // judged as if it were 0
)

// Reading is what a query answered for one group.
type Reading struct {
	Tags  []string
	Value float64 // NaN: there is data, but nothing to judge it by
	Last  int64   // ms of the newest point
	Full  bool    // the window is filled with data

	Status Status // judged by who answered; "": by Value
	Hold   bool   // too early to say anything: the group stays what it is
	// Recovery is what an alert ends by, where that is another value than the
	// one it begins by.
	Recovery *float64
	Vars     map[string]string // what messages can say: "check_message", "event.title"
}

// Observation is one evaluation as seen from outside: the clock, the answer of
// the query, and what is silenced.
type Observation struct {
	At       int64 // ms; when the evaluation was due
	End      int64 // ms; where its window ended
	Readings []Reading
	// Hold keeps groups without data as they are: we are just up or just awake,
	// and data may still be on its way.
	Hold bool
	// Muted tells what silences a group; nil: nothing does.
	Muted func(tags []string) *Mute
	// Lifted tells how to speak up after a mute is over.
	Lifted func(Mute) Lift
}

// Lift is what is told when a mute ends. The zero Lift tells everything the
// receivers don't know yet.
type Lift struct {
	Only         []Status // bad statuses worth telling; nil: all
	Again        bool     // tell also what was told before the mute and still holds
	DropRecovery bool     // a recovery that happened during the mute is not told
}

// Transition is a change of a group's status, or an occasion to mail about it.
type Transition struct {
	Group    Group // after the change
	From     Status
	FromTold Status // what receivers believed before
	At       int64
	Changed  bool // Status differs from From
	// Mail says that receivers are told now. Renotify: they knew already.
	Mail     bool
	Renotify bool
	First    bool // Mail is the first one of its incident
	Thread   int64
	Muted    string // why there is no mail; "" when nothing is held back
	Began    int64  // when the incident began, also on its recovery
	Members  []Group
	// Forgotten: the group went out of sight in a bad status, for so long that
	// it is no longer looked for.
	Forgotten bool
}

// Step is the outcome of an evaluation.
type Step struct {
	State       State
	Transitions []Transition
	Put         []string // groups that must be written
	Forget      []string // groups that are gone
}

// evaluate moves state by one observation. It is a pure function: the
// scheduler, a backtest and a preview all call it, so they cannot disagree.
func evaluate(r *rules, state State, o Observation) Step {
	e := evaluation{rules: r, o: o, first: len(state) == 0, before: state}
	e.State = make(State, len(state)+1)
	maps.Copy(e.State, state)

	seen := make(map[string]bool, len(o.Readings))
	if r.grouped && len(o.Readings) == 1 && len(o.Readings[0].Tags) == 0 {
		simple := *r // what could have groups turns out to have none
		simple.grouped = false
		r, e.rules = &simple, &simple
	}
	for i := range o.Readings {
		reading := &o.Readings[i]
		name := groupName(reading.Tags)
		if seen[name] {
			continue
		}
		seen[name] = true
		e.present(name, reading)
	}
	names := make([]string, 0, len(state))
	for name, g := range state {
		if !seen[name] && !g.Unit && !(r.grouped && name == everything) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		e.absent(name)
	}
	e.whole()
	if len(r.notifyBy) > 0 {
		e.units()
	}
	return e.Step
}

type evaluation struct {
	*rules
	o      Observation
	first  bool // the monitor's first evaluation ever
	before State
	Step
}

// fresh is a group at first sight. Nobody was told anything, and nobody needs
// to hear that it is well.
func (e *evaluation) fresh(name string, tags []string) Group {
	g := Group{Name: name, Tags: tags, Status: Skipped, Since: e.o.At, Value: Number(math.NaN()), LastData: e.o.End, Told: OK}
	if !e.first {
		g.FirstSeen = e.o.At
	}
	return g
}

func (e *evaluation) present(name string, reading *Reading) {
	g, known := e.before[name]
	if !known {
		g = e.fresh(name, slices.Clone(reading.Tags))
	}
	dirty := !known || g.Missing
	g.Missing = false
	g.Value = Number(reading.Value)
	g.LastData = max(reading.Last, min(g.LastData, e.o.End))
	if !known {
		g.LastData = reading.Last
	}
	g.Vars = reading.Vars
	status := g.Status
	switch {
	case e.delayed(&g):
	case (e.missing == missingShow || e.missing == missingNotify) && e.o.End-g.LastData >= e.missingAfter && !e.o.Hold:
		status = NoData // the window is longer than the patience
	case reading.Hold, e.fullWindow && !reading.Full:
	case reading.Status != "":
		status = reading.Status
	case math.IsNaN(reading.Value):
	default:
		status = e.judgeReading(g.Status, reading)
	}
	e.settle(g, status, dirty)
}

// delayed says whether g is too young to be judged.
func (e *evaluation) delayed(g *Group) bool {
	if g.FirstSeen == 0 || g.Status != Skipped {
		return false
	}
	delay := e.groupDelay
	if delay == 0 && slices.ContainsFunc(g.Tags, func(tag string) bool { return strings.HasPrefix(tag, "host:") }) {
		delay = e.hostDelay
	}
	age := e.o.At - g.FirstSeen
	return age >= 0 && age < delay
}

func (e *evaluation) absent(name string) {
	g := e.before[name]
	dirty := !g.Missing
	g.Missing = true
	if g.LastData > e.o.End {
		g.LastData = e.o.End // the clock was set back
		dirty = true
	}
	gone := e.o.End - g.LastData
	status := e.afterMissing(&g)
	if e.grouped && gone >= e.retention && status == g.Status && !e.o.Hold {
		if g.Status == Alert || g.Status == Warn {
			e.Transitions = append(e.Transitions, Transition{Group: g, From: g.Status, FromTold: g.Told, At: e.o.At, Began: g.Triggered, Forgotten: true})
		}
		e.forget(g)
		return
	}
	e.settle(g, status, dirty)
}

// afterMissing is the status of a group whose data stays away.
func (e *evaluation) afterMissing(g *Group) Status {
	gone := e.o.End - g.LastData
	if e.o.Hold {
		return g.Status
	}
	if e.timeout > 0 && gone >= e.timeout && (g.Status.bad() || g.Status == OK) {
		return OK
	}
	if gone < e.missingAfter {
		return g.Status
	}
	switch e.missing {
	case missingShow, missingNotify:
		return NoData
	case missingResolve:
		return OK
	case missingZero:
		return e.judge(g.Status, 0)
	default:
		return g.Status
	}
}

// forget drops a group that will not come back. What it was in is recorded; no
// mail is sent, since nothing new is known.
func (e *evaluation) forget(g Group) {
	delete(e.State, g.Name)
	e.Forget = append(e.Forget, g.Name)
}

// whole looks after the monitor as such: without "by" it has exactly one
// group; with "by", one stands in while there is none.
func (e *evaluation) whole() {
	g, known := e.before[everything]
	if !e.grouped {
		if _, done := e.State[everything]; !done {
			g = e.fresh(everything, nil)
			g.Missing = true
			e.settle(g, e.afterMissing(&g), true)
		}
		return
	}
	groups := 0
	for name, g := range e.State {
		if name != everything && !g.Unit {
			groups++
		}
	}
	switch {
	case groups > 0 && !known:
	case groups > 0:
		// Data is back. The stand-in goes once its receivers know, or had
		// nothing to know.
		e.settle(g, OK, false)
		if now := e.State[everything]; now.Told == OK {
			e.forget(now)
			e.Put = slices.DeleteFunc(e.Put, func(name string) bool { return name == everything })
		}
	default:
		if !known {
			g = e.fresh(everything, nil)
			for _, name := range e.Forget {
				gone := e.before[name]
				g.LastData = min(g.LastData, gone.LastData)
				if gone.Told == NoData {
					g.Status, g.Told = NoData, NoData // they were told group by group
				}
			}
		}
		g.Missing = true
		e.settle(g, e.afterMissing(&g), !known)
	}
}

// judgeReading judges a reading by its value.
func (r *rules) judgeReading(prev Status, reading *Reading) Status {
	if r.shares {
		return r.judgeShare(prev, reading)
	}
	return r.judge(prev, reading.Value)
}

// judge compares a value with the thresholds. prev matters where a recovery
// threshold holds a status longer.
func (r *rules) judge(prev Status, v float64) Status {
	if r.breaches(v, r.critical) || prev == Alert && r.breaches(v, r.criticalRecovery) {
		return Alert
	}
	if r.breaches(v, r.warning) || (prev == Warn || prev == Alert) && r.breaches(v, r.warningRecovery) {
		return Warn
	}
	return OK
}

// breaches says whether v lies on the bad side of limit; never for an absent one.
func (r *rules) breaches(v, limit float64) bool {
	switch r.comparator {
	case ">":
		return v > limit
	case ">=":
		return v >= limit
	case "<":
		return v < limit
	case "<=":
		return v <= limit
	case "==":
		return v == limit
	case "!=":
		return v != limit && !math.IsNaN(limit)
	}
	return false
}
