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
	"time"
)

// Spec is a schedule as a person writes it. Exactly one of Cron, RRule and
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
	RRule      string        // RFC 5545, "FREQ=WEEKLY;BYDAY=MO,TU", without DTSTART
	Recurrence *Recurrence   // Datadog's v1 API
	Duration   time.Duration // length of a window on the wall, a minute to 366 days

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

// Schedule is a checked Spec. It is safe for concurrent use.
type Schedule struct{}

// New checks spec and makes it usable. The error is a *FieldError. A rule that
// never happens (the 30th of February) is refused.
func New(spec Spec) (*Schedule, error) { panic("wave 1") }

// Next returns the first window that starts after the instant given. Of an
// open-ended window, end is the zero Time. ok is false when there is none.
//
// Windows don't overlap: one that still runs when its successor starts ends
// there.
func (s *Schedule) Next(after time.Time) (start, end time.Time, ok bool) { panic("wave 1") }

// Active returns the window that at lies in, start <= at < end.
func (s *Schedule) Active(at time.Time) (start, end time.Time, ok bool) { panic("wave 1") }

// Upcoming returns up to n windows that start after the instant given, at most
// 1000.
func (s *Schedule) Upcoming(after time.Time, n int) []Window { panic("wave 1") }

// Recurring says whether the schedule has more than its one window.
func (s *Schedule) Recurring() bool { panic("wave 1") }

// Window is one occurrence, start <= t < end. End is zero when it is open.
type Window struct{ Start, End time.Time }

// ParseDuration reads the length of a window: "14h", "1d12h", "90m", "1w", or a
// number of seconds.
func ParseDuration(text string) (time.Duration, error) { panic("wave 1") }

// ParseTime reads an instant as the APIs write it: seconds since the epoch, RFC
// 3339 with an offset, or a wall time of the zone, "2026-11-23T19:00".
func ParseTime(text string, zone *time.Location) (time.Time, error) { panic("wave 1") }

// Scope chooses groups by their tags. The zero Scope chooses all.
type Scope struct{}

// ParseScope reads scopes, all of which must match. Each is a tag ("env:prod",
// "nice_tag"), "*", or an expression: "env:(staging OR prod) AND !role:db",
// "service IN (a, b)", with the wildcards * and ?. Commas and blanks between
// terms mean AND. The error is a *FieldError.
func ParseScope(scopes ...string) (Scope, error) { panic("wave 1") }

// Match says whether a group with these tags ("key:value" or bare) is chosen. A
// key may occur with several values; one that matches is enough.
func (s Scope) Match(tags []string) bool { panic("wave 1") }
