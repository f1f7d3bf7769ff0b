package datadog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/query"
)

// calendar is a rollup whose buckets begin at round times on the wall of a place:
//
//	.rollup(sum, 3600, 'America/New_York')
//	.rollup(sum, daily, 'Europe/Berlin', '7h')
//
// A day of a change of the clock is a bucket of 23 or 25 hours.
type calendar struct {
	period string // daily, weekly or monthly; "" for every
	every  int64  // ms
	zone   *time.Location
	offset time.Duration // how long after midnight, Monday or the first it begins
}

var periods = []string{"daily", "weekly", "monthly"}

func isPeriod(text string) bool { return slices.Contains(periods, text) }

// calendar reads period or seconds, time zone and offset.
func (s *scanner) calendar(args []argument) *calendar {
	c := &calendar{zone: time.UTC}
	if isPeriod(args[0].text) {
		c.period = args[0].text
	} else if c.every = s.seconds(args[0]); c.every > day && c.every%day != 0 || c.every < day && day%c.every != 0 {
		s.fail(args[0].at, "want seconds that divide a day, or whole days, found %q", args[0].text)
	}
	if len(args) > 1 {
		zone, err := time.LoadLocation(args[1].text)
		if err != nil {
			s.fail(args[1].at, "%q is not a time zone, such as 'Europe/Berlin'", args[1].text)
		}
		c.zone = zone
	}
	if len(args) > 2 {
		d, err := query.ParseLength(args[2].text)
		if err != nil || d < 0 || d >= c.usual() {
			s.fail(args[2].at, "want how long after its usual beginning a bucket begins, such as '7h', less than the bucket, found %q", args[2].text)
		}
		c.offset = time.Duration(d) * time.Millisecond
	}
	return c
}

const day = 86_400_000 // ms

// usual is the length of most buckets, in ms.
func (c *calendar) usual() int64 {
	switch c.period {
	case "daily":
		return day
	case "weekly":
		return 7 * day
	case "monthly":
		return 30 * day
	}
	return c.every
}

// method is c as it is written behind a term.
func (c *calendar) method(aggregator string) string {
	var args []string
	if aggregator != "" {
		args = append(args, aggregator)
	}
	if c.period != "" {
		args = append(args, c.period)
	} else {
		args = append(args, strconv.FormatInt(c.every/1000, 10))
	}
	args = append(args, "'"+c.zone.String()+"'")
	if c.offset > 0 {
		args = append(args, fmt.Sprintf("'%dm'", c.offset/time.Minute))
	}
	return ".rollup(" + strings.Join(args, ", ") + ")"
}

// day is when the day of a date begins, by the clock on the wall.
func (c *calendar) day(y int, m time.Month, d int) time.Time {
	return time.Date(y, m, d, int(c.offset/time.Hour), int(c.offset%time.Hour/time.Minute), 0, 0, c.zone)
}

// after is the beginning of the n-th bucket, of a day or longer, from the one of a
// date.
func (c *calendar) after(y int, m time.Month, d, n int) time.Time {
	switch {
	case c.period == "weekly":
		return c.day(y, m, d+7*n)
	case c.period == "monthly":
		return c.day(y, m+time.Month(n), d)
	case c.period == "" && c.every > day:
		return c.day(y, m, d+n*int(c.every/day))
	}
	return c.day(y, m, d+n)
}

// start is the beginning of the bucket that holds t.
func (c *calendar) start(t time.Time) time.Time {
	y, m, d := t.In(c.zone).Date()
	switch {
	case c.period == "weekly":
		d -= (int(t.In(c.zone).Weekday()) + 6) % 7
	case c.period == "monthly":
		d = 1
	case c.period == "" && c.every > day: // whole days are counted from 1 January 1970
		n := c.every / day
		days := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
		d -= int((days%n + n) % n)
	}
	begin := c.day(y, m, d)
	if begin.After(t) {
		begin = c.after(y, m, d, -1)
	}
	if c.period == "" && c.every < day {
		within := t.Sub(begin).Milliseconds()
		begin = begin.Add(time.Duration(within-within%c.every) * time.Millisecond)
	}
	return begin
}

// next is the beginning of the bucket after the one that begins at t.
func (c *calendar) next(t time.Time) time.Time {
	if c.period == "" && c.every < day {
		after := t.Add(time.Duration(c.every) * time.Millisecond)
		y, m, d := t.Add(-c.offset).In(c.zone).Date()
		// The last bucket of a day of 23 hours is cut short, or left out.
		if tomorrow := c.day(y, m, d+1); after.After(tomorrow) && tomorrow.After(t) {
			return tomorrow
		}
		return after
	}
	y, m, d := t.In(c.zone).Date()
	// The date is that of the bucket, less the days of the offset.
	return c.after(y, m, d-int(c.offset/(24*time.Hour)), 1)
}

// grid is the buckets that [from, to] (ms) touches.
func (c *calendar) grid(from, to int64) (query.Grid, error) {
	if n := (to - from) / c.usual(); n > mostPoints {
		return query.Grid{}, &query.LimitError{Limit: "points of a rollup by the calendar", Most: mostPoints}
	}
	t := c.start(time.UnixMilli(from))
	g := query.Grid{Step: c.usual(), Start: t.UnixMilli(), Edges: []int64{t.UnixMilli()}}
	for t.UnixMilli() <= to {
		g.End = t.UnixMilli()
		t = c.next(t)
		g.Edges = append(g.Edges, t.UnixMilli())
	}
	return g, nil
}

// calendarOf is the calendar that a query rolls up by; nil when there is none.
func calendarOf(n node) *calendar {
	switch n := n.(type) {
	case *term:
		return n.days
	case *binary:
		if c := calendarOf(n.left); c != nil {
			return c
		}
		return calendarOf(n.right)
	case *call:
		return calendarOf(n.query)
	}
	return nil
}

// uneven are functions that need evenly spaced points.
var uneven = []string{"timeshift", "hour_before", "day_before", "week_before", "month_before", "calendar_shift", "moving_rollup", "autosmooth", "anomalies", "forecast", "outliers"}

// checkCalendar refuses what can't be put on a calendar's grid.
func (s *scanner) checkCalendar(n node, at int) {
	c := calendarOf(n)
	if c == nil {
		return
	}
	var check func(n node)
	check = func(n node) {
		switch n := n.(type) {
		case *term:
			if n.days == nil || n.days.method("") != c.method("") {
				s.fail(at, "all parts of a query must be rolled up by the same calendar: %s", c.method(""))
			}
		case *binary:
			check(n.left)
			check(n.right)
		case *call:
			if slices.Contains(uneven, n.fn) {
				s.fail(at, "%s needs points that are evenly apart: roll up by seconds, not by the calendar", n.fn)
			}
			check(n.query)
		}
	}
	check(n)
}

// shifts are the ways in which calendar_shift goes back.
var shifts = map[string]struct{ months, days int }{
	"-1d": {0, -1}, "-1w": {0, -7}, "-1mo": {-1, 0}, "-1y": {-12, 0},
}

func checkCalendarShift(s *scanner, c *call, start int) {
	if len(c.args) == 0 || len(c.args) > 2 {
		s.fail(start, "want calendar_shift(query, '-1mo', 'Europe/Berlin')")
	}
	if _, ok := shifts[c.args[0].text]; !ok {
		s.fail(c.args[0].at, "%q is no shift: allowed are '-1d', '-1w', '-1mo', '-1y'", c.args[0].text)
	}
	if len(c.args) == 2 {
		if _, err := time.LoadLocation(c.args[1].text); err != nil {
			s.fail(c.args[1].at, "%q is not a time zone, such as 'Europe/Berlin'", c.args[1].text)
		}
	}
}

// calendarShift goes back by days or months on the wall of a place, by as much as
// that is at the end of the range.
func calendarShift(ev *evaluation, c *call, g query.Grid) (result, error) {
	zone := time.UTC
	if len(c.args) == 2 {
		zone, _ = time.LoadLocation(c.args[1].text) // the parser has checked it
	}
	by := shifts[c.args[0].text]
	end := time.UnixMilli(g.End).In(zone)
	return shifted(ev, c, g, end.AddDate(0, by.months, by.days).UnixMilli()-g.End)
}
