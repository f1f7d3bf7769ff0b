// Package downtime says when nobody is to be disturbed, and about what: a
// [Schedule] gives windows of time, a [Scope] chooses groups by their tags.
//
// A schedule is made once, or again and again by a cron expression, an RRULE
// or the recurrence of Datadog's v1 API, always in a named IANA time zone.
// Recurring windows live on the wall: from 19:00 to 09:00 means what a clock
// on the wall of that zone shows, on both sides of a change of the clocks, and
// a window across the change is an hour longer or shorter. A wall time that a
// change skips stands for the first instant after the gap; one that comes
// twice stands for its first coming. Both rules are one: a wall time is the
// earliest instant at which the wall shows it or something later.
//
//	s, err := downtime.New(downtime.Spec{
//		Zone: "Europe/Berlin", Cron: "0 19 * * MON-FRI", Duration: 14 * time.Hour,
//	})
//	start, end, ok := s.Active(time.Now())
//
// Everything here is a pure function of its arguments. Zones come from the time
// package; a program that must not depend on the machine's zone files imports
// time/tzdata.
package downtime

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Spec is a schedule as a person writes it. At most one of Cron, RRule and
// Recurrence makes it recur; without any of them it happens once.
type Spec struct {
	Zone string // IANA name, "Europe/Berlin"; empty is UTC

	// Start and End are ms since the epoch. Of a one-off they are the window,
	// and an End of 0 leaves it open. Of a recurring schedule they are the first
	// window: no window starts before Start, and their distance on the wall is
	// the length of every window unless Duration says it. RRule and Recurrence
	// need Start; a cron expression does without.
	Start, End int64

	Cron       string        // five fields or @daily, @weekly, ...; days of the week by name or 0 to 7
	RRule      string        // RFC 5545, "FREQ=WEEKLY;BYDAY=MO,TU", hourly to yearly, without DTSTART
	Recurrence *Recurrence   // Datadog's v1 API
	Duration   time.Duration // length of a window on the wall, a second to 366 days

	Until int64 // ms; no window of a recurring schedule starts after it; 0: no limit
}

// Recurrence is the recurrence of Datadog's v1 downtimes, in its JSON shape.
type Recurrence struct {
	Type             string   `json:"type"` // days, weeks, months, years or rrule
	Period           int      `json:"period,omitempty"`
	WeekDays         []string `json:"week_days,omitempty"`  // of weeks: Mon, Tue, ...
	UntilDate        int64    `json:"until_date,omitempty"` // seconds since the epoch
	UntilOccurrences int      `json:"until_occurrences,omitempty"`
	RRule            string   `json:"rrule,omitempty"` // of rrule
}

// FieldError is a mistake in one field of what a person wrote.
type FieldError struct {
	Field   string // as in the API's JSON: "rrule", "recurrence.period"
	Value   string // what was read
	Allowed string // what could stand there
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s: %q is not possible; allowed: %s", e.Field, e.Value, e.Allowed)
}

const (
	maxText   = 4096           // bytes of an expression
	maxLength = 366 * 86400    // seconds of a window
	horizon   = 50 * 366       // days without a window after which none is expected
	maxCount  = 10000          // occurrences of a COUNT
	lastWall  = 10413792000    // 2300-01-01: what lies later is never
	maxInput  = 7258118400_000 // 2200-01-01 in ms: the latest moment a Spec may name
)

// Schedule is a checked Spec. It is safe for concurrent use.
type Schedule struct {
	zone *time.Location

	once   Window  // of a one-off
	days   pattern // nil for a one-off
	length wall    // of a window

	first, last wall // starts lie between these, both included
}

// pattern is what recurs: it begins a scan over days, in any order, which for
// every day since the epoch gives the seconds of the day at which windows
// start, ascending. A scan is not for concurrent use; the slice it returns is
// valid until its next call.
type pattern func() func(day int64) []int32

// New checks spec and makes it usable. The error is a *FieldError. A rule that
// never happens (the 30th of February) is refused.
func New(spec Spec) (*Schedule, error) {
	zone, err := loadZone(spec.Zone)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name string
		ms   int64
	}{{"start", spec.Start}, {"end", spec.End}, {"until", spec.Until}} {
		if f.ms < 0 || f.ms > maxInput {
			return nil, &FieldError{f.name, strconv.FormatInt(f.ms, 10), "a time between 1970 and 2200"}
		}
	}
	if spec.End != 0 && spec.End <= spec.Start {
		return nil, &FieldError{"end", stamp(spec.End, zone), "a time after start, " + stamp(spec.Start, zone)}
	}
	kinds := 0
	for _, given := range []bool{spec.Cron != "", spec.RRule != "", spec.Recurrence != nil} {
		if given {
			kinds++
		}
	}
	s := &Schedule{zone: zone, last: lastWall}
	switch {
	case kinds > 1:
		return nil, &FieldError{"schedule", "several recurrences", "one of cron, rrule and recurrence"}
	case kinds == 0:
		s.once.Start = time.UnixMilli(spec.Start).In(zone)
		if spec.End != 0 {
			s.once.End = time.UnixMilli(spec.End).In(zone)
		}
		return s, nil
	}

	if s.length, err = windowLength(spec, zone); err != nil {
		return nil, err
	}
	if spec.Start != 0 {
		s.first = wallOf(time.UnixMilli(spec.Start), zone)
	}
	if spec.Until != 0 {
		if spec.Until < spec.Start {
			return nil, &FieldError{"until", stamp(spec.Until, zone), "a time after start, " + stamp(spec.Start, zone)}
		}
		s.last = latestWall(time.UnixMilli(spec.Until), zone)
	}
	field, text := "cron", spec.Cron
	if spec.Cron != "" {
		s.days, err = parseCron(spec.Cron)
	} else {
		field, text, err = s.rule(spec)
	}
	if err != nil {
		return nil, err
	}
	if _, ok := s.next(s.first, lastWall); !ok {
		return nil, &FieldError{field, text, "a rule that happens at least once between its start and its end"}
	}
	return s, nil
}

// rule sets the pattern and the limits of an RRULE or a v1 recurrence, and
// returns the field it was read from.
func (s *Schedule) rule(spec Spec) (field, text string, err error) {
	field, text = "rrule", spec.RRule
	var r *rule
	if spec.Recurrence != nil {
		field, text = "recurrence", spec.Recurrence.Type
		r, err = spec.Recurrence.rule()
	} else {
		r, err = parseRule(field, spec.RRule)
	}
	if err != nil {
		return field, text, err
	}
	if spec.Start == 0 {
		return field, text, &FieldError{"start", "0", "the start of the first window, which " + field + " counts from"}
	}
	s.days = r.pattern(s.first)
	s.last = min(s.last, r.lastWall(s.zone))
	if r.count > 0 {
		s.last = s.nth(r.count)
	}
	return field, text, nil
}

// nth returns the start of the n-th window, or a later moment before the one
// that follows it. It gives up a hundred years after the first.
func (s *Schedule) nth(n int) wall {
	scan, seen := s.days(), 0
	for day := s.first.day(); day <= s.first.day()+2*horizon; day++ {
		for _, sec := range scan(day) {
			w := wallAt(day, sec)
			if w < s.first {
				continue
			}
			if seen++; seen == n || w > s.last {
				return min(w, s.last)
			}
		}
	}
	return s.last
}

func windowLength(spec Spec, zone *time.Location) (wall, error) {
	switch {
	case spec.Duration != 0:
		sec := spec.Duration / time.Second
		if sec < 1 || sec > maxLength || spec.Duration%time.Second != 0 {
			return 0, &FieldError{"duration", spec.Duration.String(), "whole seconds, 1 s to 366 days"}
		}
		return wall(sec), nil
	case spec.End == 0:
		return 0, &FieldError{"duration", "", `the length of a window, such as "14h", or the end of the first`}
	}
	length := wallOf(time.UnixMilli(spec.End), zone) - wallOf(time.UnixMilli(spec.Start), zone)
	if length < 1 || length > maxLength {
		return 0, &FieldError{"end", stamp(spec.End, zone), "the end of the first window, 1 s to 366 days after start on the clock"}
	}
	return length, nil
}

func stamp(ms int64, zone *time.Location) string {
	return time.UnixMilli(ms).In(zone).Format("2006-01-02 15:04:05 -07:00")
}

// Window is one occurrence, Start <= t < End. End is zero when it is open.
type Window struct{ Start, End time.Time }

// Recurring says whether the schedule has more than its one window.
func (s *Schedule) Recurring() bool { return s.days != nil }

// Next returns the first window that starts after the instant given. Of an
// open-ended window, end is the zero Time. ok is false when there is none.
//
// Windows don't overlap: one that still runs when its successor starts ends
// there.
func (s *Schedule) Next(after time.Time) (start, end time.Time, ok bool) {
	if s.days == nil {
		return s.once.Start, s.once.End, s.once.Start.After(after)
	}
	for from := wallOf(after, s.zone) + 1; ; {
		w, ok := s.next(from, lastWall)
		if !ok {
			return time.Time{}, time.Time{}, false
		}
		start, end = s.window(w)
		// In an hour that comes twice, after may be later than what the wall
		// will show again; and a window inside a gap has no length.
		if start.After(after) && end.After(start) {
			return start, end, true
		}
		from = w + 1
	}
}

// Active returns the window that at lies in, start <= at < end. A one-off
// without an end is active for ever from its start.
func (s *Schedule) Active(at time.Time) (start, end time.Time, ok bool) {
	if s.days == nil {
		w := s.once
		return w.Start, w.End, !at.Before(w.Start) && (w.End.IsZero() || at.Before(w.End))
	}
	// Windows are equally long and a later wall time is never an earlier
	// instant, so if any window holds at, the last to start does.
	from := latestWall(at, s.zone)
	w, ok := s.previous(from, from-s.length-2*86400)
	if !ok {
		return time.Time{}, time.Time{}, false
	}
	start, end = s.window(w)
	return start, end, at.Before(end)
}

// Upcoming returns up to n windows that start after the instant given, at most
// 1000.
func (s *Schedule) Upcoming(after time.Time, n int) []Window {
	var out []Window
	for len(out) < min(n, 1000) {
		start, end, ok := s.Next(after)
		if !ok {
			break
		}
		out = append(out, Window{start, end})
		after = start
	}
	return out
}

// window returns the instants of the window that starts at w.
func (s *Schedule) window(w wall) (start, end time.Time) {
	start, end = w.in(s.zone), (w + s.length).in(s.zone)
	if next, ok := s.next(w+1, w+s.length); ok {
		if cut := next.in(s.zone); cut.Before(end) {
			end = cut
		}
	}
	return start, end
}

// next returns the first start in [from, to].
func (s *Schedule) next(from, to wall) (wall, bool) {
	from, to = max(from, s.first), min(to, s.last)
	if from > to {
		return 0, false
	}
	scan := s.days()
	for day := from.day(); day <= min(to.day(), from.day()+horizon); day++ {
		for _, sec := range scan(day) {
			if w := wallAt(day, sec); w >= from {
				return w, w <= to
			}
		}
	}
	return 0, false
}

// previous returns the last start in [to, from].
func (s *Schedule) previous(from, to wall) (wall, bool) {
	from, to = min(from, s.last), max(to, s.first)
	if from < to {
		return 0, false
	}
	scan := s.days()
	for day := from.day(); day >= to.day(); day-- {
		starts := scan(day)
		for i := len(starts) - 1; i >= 0; i-- {
			if w := wallAt(day, starts[i]); w <= from {
				return w, w >= to
			}
		}
	}
	return 0, false
}

// ParseDuration reads the length of a window: "14h", "1d12h", "90m", "1w", or a
// number of seconds.
func ParseDuration(text string) (time.Duration, error) {
	wrong := &FieldError{"duration", clip(text), `a length from 1 s to 366 days such as "14h", "1d12h", "90m", "1w", or seconds`}
	units := map[byte]int64{'w': 7 * 86400, 'd': 86400, 'h': 3600, 'm': 60, 's': 1}
	rest, total := strings.ReplaceAll(strings.TrimSpace(text), " ", ""), int64(0)
	if rest == "" || len(rest) > 64 {
		return 0, wrong
	}
	for rest != "" {
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 32)
		if err != nil {
			return 0, wrong
		}
		unit := int64(1)
		switch rest = rest[digits:]; {
		case rest != "" && units[rest[0]] != 0:
			unit, rest = units[rest[0]], rest[1:]
		case rest != "" || total != 0:
			return 0, wrong
		}
		if total += n * unit; total > maxLength {
			return 0, wrong
		}
	}
	if total == 0 {
		return 0, wrong
	}
	return time.Duration(total) * time.Second, nil
}

// ParseTime reads an instant as the APIs write it: seconds since the epoch, RFC
// 3339 with an offset, or a wall time of the zone, "2026-11-23T19:00".
func ParseTime(text string, zone *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	t, err := time.Time{}, error(nil)
	if sec, notNumber := strconv.ParseInt(text, 10, 64); notNumber == nil {
		if sec < 0 || sec > maxInput/1000 {
			err = strconv.ErrRange
		}
		t = time.Unix(sec, 0).In(zone)
	} else if t, err = time.Parse(time.RFC3339, text); err != nil {
		for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
			if t, err = time.Parse(layout, text); err == nil {
				t = wall(t.Unix()).in(zone)
				break
			}
		}
	}
	if err != nil || t.Unix() < 0 || t.UnixMilli() > maxInput {
		return time.Time{}, &FieldError{"time", clip(text), `a time between 1970 and 2200: "2026-11-23T19:00" on the clock of the zone, RFC 3339, or seconds since the epoch`}
	}
	return t, nil
}

func clip(text string) string {
	if len(text) > 100 {
		return strings.ToValidUTF8(text[:100], "") + "..."
	}
	return text
}
