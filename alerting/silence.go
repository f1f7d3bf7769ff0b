package alerting

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/alerting/downtime"
	"github.com/whippet-obs/whippet/alerting/message"
)

// silence is a downtime's document, understood. It is never changed.
type silence struct {
	id   int64
	doc  object
	life life

	schedule    downtime.Calendar
	scope       downtime.Scope
	scopes      []string
	monitorID   int64    // 0: any
	monitorTags []string // all of them; empty: any
	disabled    bool
	canceled    int64 // s; 0: it isn't
	text        string
	body        *message.Template
	zone        *time.Location

	dropRecovery bool
	endStates    []Status // nil: all
	endTypes     []string // nil: not said
}

// life is what has been told of a downtime, kept with its document so that
// each occurrence is told once. Times are ms: the start of the occurrence.
type life struct {
	Started int64 `json:"started,omitempty"`
	Ended   int64 `json:"ended,omitempty"`
}

// record is how a downtime is kept.
type record struct {
	Document object `json:"document"`
	Life     life   `json:"life"`
}

// parseSilence understands a downtime in the shape of Datadog's v1 API, with
// our additions: cron, rrule, duration and until. The error is a *FieldError.
func parseSilence(rec record) (*silence, error) {
	r := &reader{object: rec.Document}
	d := &silence{doc: rec.Document, life: rec.Life}
	d.id = r.number("id", 0, 1<<53, "a number")
	d.monitorID = r.number("monitor_id", 1, 1<<53, "the number of a monitor, or null")

	r.get("monitor_tags", "a list of texts", &d.monitorTags)
	d.monitorTags = slices.DeleteFunc(d.monitorTags, func(tag string) bool { return tag == "*" || tag == "" })
	d.scopes = r.texts("scope")
	if d.monitorID == 0 && len(d.monitorTags) == 0 {
		r.check(len(d.scopes) > 0, "scope", `a list of tags such as ["env:prod"], or ["*"] for everything`)
	}
	r.get("disabled", "true or false", &d.disabled)
	d.canceled = r.number("canceled", 0, 1<<40, "a time in seconds, or null")
	r.get("message", "a text", &d.text)
	r.get("mute_first_recovery_notification", "true or false", &d.dropRecovery)
	var words []string
	if r.get("notify_end_states", `a list of "alert", "warn" and "no data"`, &words) {
		d.endStates = r.statuses("notify_end_states", words)
	}
	if r.get("notify_end_types", `a list of "expired" and "canceled"`, &d.endTypes) {
		for _, word := range d.endTypes {
			r.check(word == "expired" || word == "canceled", "notify_end_types", `a list of "expired" and "canceled"`)
		}
	}
	specs := readSpecs(r)
	if r.err != nil {
		return nil, r.err
	}
	var err error
	if d.scope, err = downtime.ParseScope(d.scopes...); err != nil {
		return nil, fieldError("", err)
	}
	for i, spec := range specs {
		s, err := downtime.New(spec)
		if err != nil {
			prefix := ""
			if len(specs) > 1 {
				prefix = fmt.Sprintf("recurrences[%d].", i)
			}
			return nil, fieldError(prefix, err)
		}
		d.schedule = append(d.schedule, s)
	}
	zone := specs[0].Zone
	if d.zone, err = time.LoadLocation(cmp.Or(zone, "UTC")); err != nil {
		return nil, &FieldError{Field: "timezone", Value: zone, Allowed: `an IANA name such as "Europe/Berlin"`}
	}
	if d.body, err = message.Parse(d.text); err != nil {
		return nil, &FieldError{Field: "message", Value: short([]byte(d.text)), Allowed: "a message", Err: err}
	}
	return d, nil
}

// maxRecurrences bounds the recurrences of one downtime.
const maxRecurrences = 10

// readSpecs reads when a downtime is: by its own fields, or by several
// recurrences, each with a cron or rrule, a duration and a start of its own.
func readSpecs(r *reader) []downtime.Spec {
	if !r.has("recurrences") {
		return []downtime.Spec{readSpec(r)}
	}
	var list []object
	r.get("recurrences", "a list of objects with rrule or cron, duration and start", &list)
	r.check(len(list) > 0 && len(list) <= maxRecurrences, "recurrences", fmt.Sprintf("1 to %d recurrences", maxRecurrences))
	r.refuseAll("nothing beside recurrences", "cron", "rrule", "recurrence", "duration")
	var specs []downtime.Spec
	for i, each := range list {
		inner := &reader{object: maps.Clone(each), path: fmt.Sprintf("%srecurrences[%d].", r.path, i)}
		for _, key := range []string{"timezone", "until", "start"} {
			if raw, given := r.object[key]; given && (key != "start" || !inner.has("start")) {
				inner.object[key] = raw
			}
		}
		spec := readSpec(inner)
		if inner.check(spec.Cron != "" || spec.RRule != "", "rrule", "an rrule or a cron expression"); r.err == nil {
			r.err = inner.err
		}
		specs = append(specs, spec)
	}
	if len(specs) == 0 {
		specs = []downtime.Spec{{}}
	}
	return specs
}

// readSpec reads when a downtime is. start and end are seconds, as in the v1
// API, or a time as text.
func readSpec(r *reader) downtime.Spec {
	var spec downtime.Spec
	r.get("timezone", "an IANA name such as \"Europe/Berlin\"", &spec.Zone)
	zone, err := time.LoadLocation(cmp.Or(spec.Zone, "UTC"))
	if err != nil {
		r.refuse("timezone", `an IANA name such as "Europe/Berlin"`)
		return spec
	}
	spec.Start, spec.End, spec.Until = r.moment("start", zone), r.moment("end", zone), r.moment("until", zone)
	r.get("cron", `a cron expression such as "0 19 * * MON-FRI"`, &spec.Cron)
	r.get("rrule", `an RRULE such as "FREQ=WEEKLY;BYDAY=SA,SU"`, &spec.RRule)
	if r.has("recurrence") {
		recurrence := r.into("recurrence")
		spec.Recurrence = readRecurrence(recurrence)
		if r.err == nil {
			r.err = recurrence.err
		}
	}
	if r.has("duration") {
		text := strings.Trim(string(r.object["duration"]), `"`)
		if spec.Duration, err = downtime.ParseDuration(text); err != nil && r.err == nil {
			r.err = fieldError("", err)
		}
	}
	return spec
}

func readRecurrence(r *reader) *downtime.Recurrence {
	var out downtime.Recurrence
	r.get("type", "days, weeks, months, years or rrule", &out.Type)
	out.Period = int(r.number("period", 1, 1000, "a number from 1 to 1000"))
	r.get("week_days", "a list of Mon, Tue, Wed, Thu, Fri, Sat and Sun", &out.WeekDays)
	out.UntilDate = r.number("until_date", 0, 1<<40, "a time in seconds")
	out.UntilOccurrences = int(r.number("until_occurrences", 1, 10000, "a number from 1 to 10000"))
	r.get("rrule", "an RRULE", &out.RRule)
	return &out
}

// moment reads a time, in ms; 0 when there is none.
func (r *reader) moment(key string, zone *time.Location) int64 {
	if r.err != nil || !r.has(key) {
		return 0
	}
	t, err := downtime.ParseTime(strings.Trim(string(r.object[key]), `"`), zone)
	if err != nil {
		r.refuse(key, "a time in seconds since the epoch, or such as 2026-11-23T19:00")
		return 0
	}
	return t.UnixMilli()
}

// texts reads a list of texts, or a single one.
func (r *reader) texts(key string) []string {
	if r.err != nil || !r.has(key) {
		return nil
	}
	var one string
	if json.Unmarshal(r.object[key], &one) == nil {
		return []string{one}
	}
	var list []string
	r.get(key, "a list of texts", &list)
	return list
}

// active returns the running occurrence of d, in ms. An end of 0 is open.
func (d *silence) active(at int64) (start, end int64, ok bool) {
	if d.disabled || d.canceled != 0 {
		return 0, 0, false
	}
	from, to, ok := d.schedule.Active(time.UnixMilli(at))
	if !ok {
		return 0, 0, false
	}
	if !to.IsZero() {
		end = to.UnixMilli()
	}
	return from.UnixMilli(), end, true
}

// concerns says whether d is about a monitor at all.
func (d *silence) concerns(m *monitor) bool {
	return (d.monitorID == 0 || d.monitorID == m.id) && containsAll(m.tags, d.monitorTags)
}

// mutes answers, for the evaluation of m at at, what silences a group; nil
// when nothing does.
func (s *Service) mutes(m *monitor, at int64) func(tags []string) *Mute {
	if m.draft {
		return func([]string) *Mute { return &Mute{Reason: "its being a draft"} }
	}
	var running []*silence
	for _, d := range s.silences() {
		if _, _, ok := d.active(at); ok && d.concerns(m) {
			running = append(running, d)
		}
	}
	silenced := map[string]bool{}
	for scope, end := range m.silenced {
		if end == 0 || end*1000 > at {
			silenced[scope] = true
		}
	}
	if len(running) == 0 && len(silenced) == 0 {
		return nil
	}
	return func(tags []string) *Mute {
		for scope := range silenced {
			if scope == everything || containsAll(tags, strings.Split(scope, ",")) {
				return &Mute{Reason: "the monitor's own setting"}
			}
		}
		known := s.knownTags(m, tags)
		for _, d := range running {
			if d.scope.Match(known) {
				return &Mute{Downtime: d.id, Reason: fmt.Sprintf("downtime %d", d.id)}
			}
		}
		return nil
	}
}

// lift says how to speak up when a mute is over.
func (s *Service) lift(mute Mute) Lift {
	s.mu.RLock()
	d := s.downtimes[mute.Downtime]
	s.mu.RUnlock()
	if d == nil {
		return Lift{}
	}
	l := Lift{Only: d.endStates, DropRecovery: d.dropRecovery}
	if d.endTypes == nil {
		return l
	}
	end := "expired"
	if d.canceled != 0 {
		end = "canceled"
	}
	if slices.Contains(d.endTypes, end) {
		l.Again = true
	} else {
		l.Only = []Status{} // this kind of end is not worth telling anything
	}
	return l
}

// silences returns all downtimes, by id.
func (s *Service) silences() []*silence {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*silence, 0, len(s.downtimes))
	for _, d := range s.downtimes {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b *silence) int { return cmp.Compare(a.id, b.id) })
	return out
}

// mutedGroups are the names of m's groups that d is about.
func (s *Service) mutedGroups(m *monitor, d *silence) []string {
	names := []string{}
	w, err := s.watch(m.id)
	if err != nil {
		return names
	}
	_, state := w.snapshot()
	for _, name := range slices.Sorted(maps.Keys(state)) {
		if g := state[name]; name != everything && !g.Unit && d.scope.Match(s.knownTags(m, g.Tags)) {
			names = append(names, name)
		}
	}
	return names
}

// knownTags is everything that is known of a group: its tags, what the query
// asks for, and the tags of its host.
func (s *Service) knownTags(m *monitor, tags []string) []string {
	known := slices.Concat(tags, m.scope)
	if host := hostOf(known); host != "" {
		known = append(known, s.catalog.HostTags().Of(host)...)
	}
	return known
}

// matching lists the running downtimes that are about m, as Datadog's monitor
// documents do.
func (s *Service) matching(m *monitor) []map[string]any {
	list := []map[string]any{}
	now := s.ms()
	for _, d := range s.silences() {
		if start, end, ok := d.active(now); ok && d.concerns(m) {
			entry := map[string]any{"id": d.id, "start": start / 1000, "end": nil, "scope": d.scopes, "groups": s.mutedGroups(m, d)}
			if end != 0 {
				entry["end"] = end / 1000
			}
			list = append(list, entry)
		}
	}
	return list
}
