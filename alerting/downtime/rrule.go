package downtime

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// frequency is the FREQ of a rule. MINUTELY and SECONDLY are left out: a
// downtime that starts every minute is none.
type frequency int

const (
	yearly frequency = iota
	monthly
	weekly
	daily
	hourly
)

var frequencies = []string{"YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"}
var weekdays = []string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}

// rule is an RRULE of RFC 5545 section 3.3.10.
//
// It is walked day by day, so that any day can be asked about without counting
// from the first, and an impossible rule costs a bounded number of steps.
// (rrule-go, which the tests compare with, walks from DTSTART, never returns
// from FREQ=HOURLY;INTERVAL=24 with another BYHOUR than DTSTART's, and panics
// on FREQ=MONTHLY;BYDAY=-53MO.)
type rule struct {
	freq     frequency
	interval int64
	wkst     int64 // 0 Monday to 6 Sunday
	count    int
	until    time.Time // UNTIL as if in UTC
	untilUTC bool      // it is in UTC, not on the wall

	byMonth, byMonthDay, byYearDay, byWeekNo []int
	byDay                                    []nthDay
	byHour, byMinute, bySecond, bySetPos     []int
}

// nthDay is an entry of BYDAY: the n-th weekday of the month or year, from its
// end if n is negative, every one if n is 0.
type nthDay struct{ day, n int }

// parseRule reads "FREQ=...;...", with or without "RRULE:" before it.
func parseRule(field, text string) (*rule, error) {
	wrong := func(part, allowed string) error { return &FieldError{field, clip(part), allowed} }
	if len(text) > maxText {
		return nil, wrong(text, "at most 4096 bytes")
	}
	body := strings.ToUpper(strings.TrimSpace(text))
	body = strings.TrimSuffix(strings.TrimPrefix(body, "RRULE:"), ";")
	r := &rule{freq: -1, interval: 1}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(body, ";") {
		key, value, ok := strings.Cut(part, "=")
		if !ok || value == "" {
			return nil, wrong(part, `parts such as "FREQ=WEEKLY" with ";" between them`)
		}
		if seen[key] {
			return nil, wrong(part, key+" once")
		}
		seen[key] = true
		allowed := r.set(key, value)
		if allowed != "" {
			return nil, wrong(part, allowed)
		}
	}
	switch ordinal := slices.ContainsFunc(r.byDay, func(d nthDay) bool { return d.n != 0 }); {
	case r.freq < 0:
		return nil, wrong(text, "a rule with FREQ="+strings.Join(frequencies, ", "))
	case r.count > 0 && !r.until.IsZero():
		return nil, wrong(text, "COUNT or UNTIL, not both")
	case r.freq == hourly && len(r.bySetPos) > 0:
		return nil, wrong(text, "BYSETPOS with FREQ=YEARLY, MONTHLY, WEEKLY or DAILY")
	case len(r.byWeekNo) > 0 && r.freq != yearly:
		return nil, wrong(text, "BYWEEKNO with FREQ=YEARLY")
	case ordinal && (r.freq > monthly || len(r.byWeekNo) > 0):
		return nil, wrong(text, "BYDAY with numbers (2MO, -1FR) with FREQ=MONTHLY or YEARLY, without BYWEEKNO")
	case len(r.bySetPos) > 0 && len(r.byHour)*len(r.byMinute) > 24:
		return nil, wrong(text, "with BYSETPOS, at most 24 times a day by BYHOUR and BYMINUTE")
	}
	return r, nil
}

// set reads one part of the rule and returns what is allowed if it is wrong.
func (r *rule) set(key, value string) (allowed string) {
	switch key {
	case "FREQ":
		r.freq = frequency(slices.Index(frequencies, value))
		if r.freq < 0 {
			return strings.Join(frequencies, ", ")
		}
	case "INTERVAL":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > 1000 {
			return "1 to 1000"
		}
		r.interval = int64(n)
	case "COUNT":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > maxCount {
			return fmt.Sprintf("1 to %d", maxCount)
		}
		r.count = n
	case "UNTIL":
		return r.setUntil(value)
	case "WKST":
		r.wkst = int64(slices.Index(weekdays, value))
		if r.wkst < 0 {
			return strings.Join(weekdays, ", ")
		}
	case "BYDAY":
		for item := range strings.SplitSeq(value, ",") {
			d, ok := parseNthDay(item)
			if !ok || len(r.byDay) > 400 {
				return `days such as MO,TU, or 2MO, -1FR for the second Monday and the last Friday`
			}
			r.byDay = append(r.byDay, d)
		}
	case "BYMONTH":
		return ints(&r.byMonth, value, 1, 12, false)
	case "BYMONTHDAY":
		return ints(&r.byMonthDay, value, 1, 31, true)
	case "BYYEARDAY":
		return ints(&r.byYearDay, value, 1, 366, true)
	case "BYWEEKNO":
		return ints(&r.byWeekNo, value, 1, 53, true)
	case "BYHOUR":
		return ints(&r.byHour, value, 0, 23, false)
	case "BYMINUTE":
		return ints(&r.byMinute, value, 0, 59, false)
	case "BYSECOND":
		if allowed := ints(&r.bySecond, value, 0, 59, false); allowed != "" || len(r.bySecond) != 1 {
			return "one second, 0 to 59"
		}
	case "BYSETPOS":
		return ints(&r.bySetPos, value, 1, 366, true)
	case "DTSTART", "DTEND", "DURATION":
		return "a rule without " + key + ": start, end and duration have their own fields"
	default:
		return "FREQ, INTERVAL, COUNT, UNTIL, WKST, BYDAY, BYMONTH, BYMONTHDAY, BYYEARDAY, BYWEEKNO, BYHOUR, BYMINUTE, BYSECOND, BYSETPOS"
	}
	return ""
}

func (r *rule) setUntil(value string) (allowed string) {
	var err error
	switch {
	case len(value) == len("20060102"):
		// The last day, all of it.
		if r.until, err = time.Parse("20060102", value); err == nil {
			r.until = r.until.Add(24*time.Hour - time.Second)
		}
	case strings.HasSuffix(value, "Z"):
		r.untilUTC = true
		r.until, err = time.Parse("20060102T150405Z", value)
	default:
		r.until, err = time.Parse("20060102T150405", value)
	}
	if err != nil || r.until.Year() < 1970 || r.until.Year() > 2299 {
		return "20261231, 20261231T190000 on the clock of the zone, or 20261231T190000Z; 1970 to 2299"
	}
	return ""
}

// lastWall is where UNTIL ends the rule.
func (r *rule) lastWall(zone *time.Location) wall {
	switch {
	case r.until.IsZero():
		return lastWall
	case r.untilUTC:
		return latestWall(r.until, zone)
	}
	return wall(r.until.Unix())
}

func parseNthDay(item string) (nthDay, bool) {
	if len(item) < 2 || len(item) > 5 {
		return nthDay{}, false
	}
	d := nthDay{day: slices.Index(weekdays, item[len(item)-2:])}
	if number := item[:len(item)-2]; number != "" {
		n, err := strconv.Atoi(number)
		if err != nil || n == 0 || n < -53 || n > 53 {
			return d, false
		}
		d.n = n
	}
	return d, d.day >= 0
}

// ints reads a list of numbers from low to high, and from -high to -low too if
// signed.
func ints(list *[]int, value string, low, high int, signed bool) (allowed string) {
	for item := range strings.SplitSeq(value, ",") {
		n, err := strconv.Atoi(item)
		inside := n >= low && n <= high || signed && n >= -high && n <= -low
		if err != nil || !inside || len(*list) > 800 {
			if signed {
				return fmt.Sprintf("numbers from %d to %d, or from -%d to -%d to count from the end", low, high, high, low)
			}
			return fmt.Sprintf("numbers from %d to %d", low, high)
		}
		*list = append(*list, n)
	}
	return ""
}

// pattern gives the days of the rule if its first window starts at first, which
// fills in what the rule leaves open.
func (r *rule) pattern(first wall) pattern {
	filled := *r
	date := newDate(first.day())
	sec := int(int64(first) - first.day()*86400)
	if len(r.byWeekNo)+len(r.byYearDay)+len(r.byMonthDay)+len(r.byDay) == 0 {
		switch r.freq {
		case yearly:
			if len(r.byMonth) == 0 {
				filled.byMonth = []int{date.month}
			}
			filled.byMonthDay = []int{date.day}
		case monthly:
			filled.byMonthDay = []int{date.day}
		case weekly:
			filled.byDay = []nthDay{{day: date.weekday}}
		}
	}
	if len(r.byHour) == 0 && r.freq != hourly {
		filled.byHour = []int{sec / 3600}
	}
	if len(r.byMinute) == 0 {
		filled.byMinute = []int{sec / 60 % 60}
	}
	if len(r.bySecond) == 0 {
		filled.bySecond = []int{sec % 60}
	}
	times, hour := filled.times(), first.day()*24+int64(sec/3600)
	return func() func(int64) []int32 {
		return (&ruleScan{rule: &filled, first: date, hour: hour, times: times}).starts
	}
}

// times is the seconds of a day at which windows start, for rules that don't
// count hours.
func (r *rule) times() []int32 {
	var out []int32
	for _, hour := range r.byHour {
		for _, minute := range r.byMinute {
			out = append(out, int32(hour*3600+minute*60+r.bySecond[0]))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ruleScan is a walk over days.
type ruleScan struct {
	*rule
	first date
	hour  int64 // of the first window, since the epoch
	times []int32
	buf   []int32

	chosen     []wall // by BYSETPOS, in the days from..to
	from, to   int64
	haveChosen bool
}

func (s *ruleScan) starts(day int64) []int32 {
	d := newDate(day)
	if !s.matches(&d) {
		return nil
	}
	switch {
	case s.freq == hourly:
		return s.hours(day)
	case len(s.bySetPos) == 0:
		return s.times
	}
	if !s.haveChosen || day < s.from || day > s.to {
		s.choose(&d)
	}
	s.buf = s.buf[:0]
	for _, w := range s.chosen {
		if w.day() == day {
			s.buf = append(s.buf, int32(int64(w)-day*86400))
		}
	}
	return s.buf
}

func (s *ruleScan) hours(day int64) []int32 {
	s.buf = s.buf[:0]
	for h := range int64(24) {
		if floorMod(day*24+h-s.hour, s.interval) != 0 || len(s.byHour) > 0 && !slices.Contains(s.byHour, int(h)) {
			continue
		}
		for _, minute := range s.byMinute {
			s.buf = append(s.buf, int32(int(h)*3600+minute*60+s.bySecond[0]))
		}
	}
	slices.Sort(s.buf)
	s.buf = slices.Compact(s.buf)
	return s.buf
}

// choose applies BYSETPOS to the year, month, week or day around d.
func (s *ruleScan) choose(d *date) {
	s.from, s.to = d.number, d.number
	switch s.freq {
	case yearly:
		s.from = d.number - int64(d.yearDay-1)
		s.to = s.from + int64(d.yearLength) - 1
	case monthly:
		s.from = d.number - int64(d.day-1)
		s.to = s.from + int64(d.monthLength) - 1
	case weekly:
		s.from = d.number - floorMod(int64(d.weekday)-s.wkst, 7)
		s.to = s.from + 6
	}
	var all []wall
	for day := s.from; day <= s.to; day++ {
		if each := newDate(day); s.matches(&each) {
			for _, sec := range s.times {
				all = append(all, wallAt(day, sec))
			}
		}
	}
	s.chosen, s.haveChosen = s.chosen[:0], true
	for _, pos := range s.bySetPos {
		if pos < 0 {
			pos += len(all)
		} else {
			pos--
		}
		if pos >= 0 && pos < len(all) {
			s.chosen = append(s.chosen, all[pos])
		}
	}
	slices.Sort(s.chosen)
	s.chosen = slices.Compact(s.chosen)
}

// matches says whether the rule allows the day, hours and BYSETPOS aside.
func (s *ruleScan) matches(d *date) bool {
	switch s.freq {
	case yearly:
		if floorMod(int64(d.year-s.first.year), s.interval) != 0 {
			return false
		}
	case monthly:
		if floorMod(int64(d.year*12+d.month-s.first.year*12-s.first.month), s.interval) != 0 {
			return false
		}
	case weekly:
		// Day 0 was a Thursday: 3 of the weekdays.
		if floorMod(floorDiv(d.number+3-s.wkst, 7)-floorDiv(s.first.number+3-s.wkst, 7), s.interval) != 0 {
			return false
		}
	case daily:
		if floorMod(d.number-s.first.number, s.interval) != 0 {
			return false
		}
	}
	return (len(s.byMonth) == 0 || slices.Contains(s.byMonth, d.month)) &&
		has(s.byMonthDay, d.day, d.monthLength) &&
		has(s.byYearDay, d.yearDay, d.yearLength) &&
		(len(s.byWeekNo) == 0 || s.inWeek(d)) &&
		(len(s.byDay) == 0 || s.onDay(d))
}

// has says whether the list is empty or holds n, or n counted from the end of
// length as a negative number.
func has(list []int, n, length int) bool {
	return len(list) == 0 || slices.Contains(list, n) || slices.Contains(list, n-length-1)
}

// inWeek says whether the day's week is one of BYWEEKNO. Week 1 is the first
// with four days in the year; a week belongs to the year of its fourth day.
func (s *ruleScan) inWeek(d *date) bool {
	fourth := newDate(d.number - floorMod(int64(d.weekday)-s.wkst, 7) + 3)
	weeks := (fourth.yearDay-1)/7 + 1 + (fourth.yearLength-fourth.yearDay)/7
	return has(s.byWeekNo, (fourth.yearDay-1)/7+1, weeks)
}

func (s *ruleScan) onDay(d *date) bool {
	n, length := d.day, d.monthLength
	if s.freq == yearly && len(s.byMonth) == 0 {
		n, length = d.yearDay, d.yearLength
	}
	for _, by := range s.byDay {
		if by.day == d.weekday && (by.n == 0 || by.n == (n-1)/7+1 || by.n == -((length-n)/7+1)) {
			return true
		}
	}
	return false
}

// date is a day of the calendar with what rules ask about it.
type date struct {
	number              int64 // since the epoch
	year, month, day    int
	weekday             int // 0 Monday to 6 Sunday
	yearDay, yearLength int
	monthLength         int
}

func newDate(number int64) date {
	t := time.Unix(number*86400, 0).UTC()
	d := date{number: number, weekday: int(floorMod(number+3, 7)), yearDay: t.YearDay(), yearLength: 365}
	year, month, day := t.Date()
	d.year, d.month, d.day = year, int(month), day
	if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		d.yearLength = 366
	}
	switch month {
	case time.February:
		d.monthLength = 28 + d.yearLength - 365
	case time.April, time.June, time.September, time.November:
		d.monthLength = 30
	default:
		d.monthLength = 31
	}
	return d
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }
