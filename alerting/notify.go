package alerting

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// The second half of an evaluation: a group has its new status, and who hears
// of it is to be decided.

// tells says whether receivers hear of a status at all.
func (r *rules) tells(s Status) bool {
	return s == OK || s == Warn || s == Alert || s == NoData && r.missing == missingNotify
}

// settle gives g its status of this evaluation, and decides who hears of it.
func (e *evaluation) settle(g Group, status Status, dirty bool) {
	t := Transition{From: g.Status, FromTold: g.Told, At: e.o.At, Began: g.Triggered}
	if status != g.Status {
		e.enter(&g, status)
		t.Changed = t.From != Skipped || status != OK
		t.Began = cmp.Or(t.Began, g.Triggered)
		dirty = true
	}
	if len(e.notifyBy) > 0 && !g.Unit {
		mute := e.mute(g.Tags)
		dirty = dirty || (mute == nil) != (g.Mute == nil)
		g.Mute, g.Told = mute, g.Status
		if mute != nil {
			t.Muted = mute.Reason
		}
	} else if e.tell(&g, &t) {
		dirty = true
	}
	if g.Status == OK && g.Told == OK {
		g.Triggered = 0
	}
	e.State[g.Name] = g
	if t.Group = g; t.Changed || t.Mail {
		e.Transitions = append(e.Transitions, t)
	}
	if dirty {
		e.Put = append(e.Put, g.Name)
	}
}

// enter notes the times of a change of status.
func (e *evaluation) enter(g *Group, status Status) {
	if status.bad() && !g.Status.bad() {
		g.Triggered = e.o.At
	}
	switch status {
	case Alert, Warn:
		g.LastTriggered = e.o.At
	case NoData:
		g.LastNoData = e.o.At
	case OK:
		if g.Status.bad() {
			g.LastResolved = e.o.At
		}
	}
	g.Status, g.Since = status, e.o.At
}

// tell decides whether receivers hear of g now, and reports whether anything
// durable changed.
func (e *evaluation) tell(g *Group, t *Transition) bool {
	if mute := e.mute(g.Tags); mute != nil && !g.Unit {
		changed := g.Mute == nil || *g.Mute != *mute
		g.Mute = mute
		t.Muted = mute.Reason
		return changed
	}
	again, changed := false, false
	if g.Mute != nil {
		again = e.lift(g)
		changed = true
	}
	if g.ToldAt > e.o.At { // the clock was set back
		g.ToldAt, changed = e.o.At, true
	}
	switch {
	case !e.tells(g.Status):
		return changed
	case g.Status != g.Told:
		g.Renotified = 0
	case g.Status == OK:
		return changed
	case again:
		t.Renotify = true
	case e.remind(*g):
		t.Renotify = true
		g.Renotified++
	default:
		return changed
	}
	t.Mail = true
	if g.Thread == 0 {
		g.Thread = e.o.At
		t.First = true
	}
	t.Thread = g.Thread
	g.Told, g.ToldAt = g.Status, e.o.At
	if g.Status == OK {
		g.Thread = 0
	}
	return true
}

// lift ends a mute, and says whether what was told before is told again.
func (e *evaluation) lift(g *Group) (again bool) {
	var lift Lift
	if e.o.Lifted != nil {
		lift = e.o.Lifted(*g.Mute)
	}
	g.Mute = nil
	switch {
	case g.Status == OK && lift.DropRecovery:
		g.Told, g.Thread = OK, 0
	case g.Status.bad() && lift.Only != nil && !slices.Contains(lift.Only, g.Status):
		g.Told = g.Status
	default:
		return g.Status.bad() && lift.Again
	}
	return false
}

// remind says whether a reminder is due.
func (e *evaluation) remind(g Group) bool {
	if e.o.Hold && g.Missing {
		return false // not before we have looked again
	}
	if e.renotifyEvery == 0 || !slices.Contains(e.renotifyOn, g.Status) || e.renotifyMax > 0 && g.Renotified >= e.renotifyMax {
		return false
	}
	return e.o.At-g.ToldAt >= e.renotifyEvery
}

func (e *evaluation) mute(tags []string) *Mute {
	if e.o.Muted == nil {
		return nil
	}
	return e.o.Muted(tags)
}

// unitPrefix starts the names of units; no tag starts with a space.
const unitPrefix = " "

// units tells groups as bundles: those that agree in the tags of notify_by are
// one, in the worst status of its members that aren't muted.
func (e *evaluation) units() {
	type bundle struct {
		tags    []string
		worst   Group
		members []Group
	}
	bundles := map[string]*bundle{}
	for name, g := range e.State {
		if g.Unit {
			continue
		}
		tags := e.unitTags(g.Tags)
		key := unitPrefix + groupName(tags)
		b := bundles[key]
		if b == nil {
			b = &bundle{tags: tags}
			bundles[key] = b
		}
		if g.Mute != nil || !e.tells(g.Status) {
			continue
		}
		if g.Status.bad() {
			b.members = append(b.members, g)
		}
		if d := g.Status.severity() - b.worst.Status.severity(); d > 0 || d == 0 && name < b.worst.Name {
			b.worst = g
		}
	}
	for _, name := range slices.Sorted(maps.Keys(bundles)) {
		b := bundles[name]
		unit, known := e.before[name]
		if !known {
			unit = e.fresh(name, b.tags)
			unit.Unit = true
		}
		unit.Value, unit.LastData = b.worst.Value, b.worst.LastData
		n := len(e.Transitions)
		e.settle(unit, Status(cmp.Or(string(b.worst.Status), string(OK))), !known)
		if len(e.Transitions) > n {
			t := &e.Transitions[n]
			slices.SortFunc(b.members, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
			t.Members = b.members
			t.Changed = false // its members' changes are the history
			if !t.Mail {
				e.Transitions = e.Transitions[:n]
			}
		}
	}
	for name, g := range e.before {
		if g.Unit && bundles[name] == nil {
			e.forget(g)
		}
	}
}

func (e *evaluation) unitTags(tags []string) []string {
	var out []string
	for _, tag := range tags {
		key, _, _ := strings.Cut(tag, ":")
		if slices.Contains(e.notifyBy, key) {
			out = append(out, tag)
		}
	}
	return out
}
