package downtime

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

const layout = "2006-01-02 15:04 -0700"

func instant(t testing.TB, zone, text string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", text, loc)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func schedule(t testing.TB, spec Spec) *Schedule {
	t.Helper()
	s, err := New(spec)
	if err != nil {
		t.Fatalf("New(%+v): %v", spec, err)
	}
	return s
}

func show(windows []Window) string {
	var b strings.Builder
	for _, w := range windows {
		end := "open"
		if !w.End.IsZero() {
			end = w.End.Format(layout)
		}
		fmt.Fprintf(&b, "%s to %s\n", w.Start.Format(layout), end)
	}
	return b.String()
}

func TestWindowsKeepToTheClockOnTheWall(t *testing.T) {
	night := func(zone, start string) Spec {
		return Spec{Zone: zone, Cron: "0 19 * * *", Duration: 14 * time.Hour, Start: instant(t, zone, start).UnixMilli()}
	}
	for _, c := range []struct {
		name  string
		spec  Spec
		n     int
		lines string
	}{
		{"Berlin, clocks forward: the night is an hour shorter", night("Europe/Berlin", "2026-03-27 00:00"), 4, `
2026-03-27 19:00 +0100 to 2026-03-28 09:00 +0100
2026-03-28 19:00 +0100 to 2026-03-29 09:00 +0200
2026-03-29 19:00 +0200 to 2026-03-30 09:00 +0200
2026-03-30 19:00 +0200 to 2026-03-31 09:00 +0200`},
		{"Berlin, clocks back: the night is an hour longer", night("Europe/Berlin", "2026-10-24 00:00"), 3, `
2026-10-24 19:00 +0200 to 2026-10-25 09:00 +0100
2026-10-25 19:00 +0100 to 2026-10-26 09:00 +0100
2026-10-26 19:00 +0100 to 2026-10-27 09:00 +0100`},
		{"New York, forward", night("America/New_York", "2026-03-07 00:00"), 2, `
2026-03-07 19:00 -0500 to 2026-03-08 09:00 -0400
2026-03-08 19:00 -0400 to 2026-03-09 09:00 -0400`},
		{"New York, back", night("America/New_York", "2026-10-31 00:00"), 2, `
2026-10-31 19:00 -0400 to 2026-11-01 09:00 -0500
2026-11-01 19:00 -0500 to 2026-11-02 09:00 -0500`},
		{"Lord Howe, forward by half an hour", night("Australia/Lord_Howe", "2026-10-03 00:00"), 2, `
2026-10-03 19:00 +1030 to 2026-10-04 09:00 +1100
2026-10-04 19:00 +1100 to 2026-10-05 09:00 +1100`},
		{"Lord Howe, back by half an hour", night("Australia/Lord_Howe", "2026-04-04 00:00"), 2, `
2026-04-04 19:00 +1100 to 2026-04-05 09:00 +1030
2026-04-05 19:00 +1030 to 2026-04-06 09:00 +1030`},
		{"Kolkata never changes", night("Asia/Kolkata", "2026-03-28 00:00"), 2, `
2026-03-28 19:00 +0530 to 2026-03-29 09:00 +0530
2026-03-29 19:00 +0530 to 2026-03-30 09:00 +0530`},
		{"a start inside the missing hour is the first instant after it",
			Spec{Zone: "Europe/Berlin", Cron: "30 2 * * *", Duration: 2 * time.Hour, Start: instant(t, "Europe/Berlin", "2026-03-28 00:00").UnixMilli()}, 3, `
2026-03-28 02:30 +0100 to 2026-03-28 04:30 +0100
2026-03-29 03:00 +0200 to 2026-03-29 04:30 +0200
2026-03-30 02:30 +0200 to 2026-03-30 04:30 +0200`},
		{"a window inside the missing hour doesn't happen",
			Spec{Zone: "Europe/Berlin", Cron: "10 2 * * *", Duration: 30 * time.Minute, Start: instant(t, "Europe/Berlin", "2026-03-28 00:00").UnixMilli()}, 2, `
2026-03-28 02:10 +0100 to 2026-03-28 02:40 +0100
2026-03-30 02:10 +0200 to 2026-03-30 02:40 +0200`},
		{"an hour that comes twice starts once",
			Spec{Zone: "Europe/Berlin", Cron: "30 2 * * *", Duration: 2 * time.Hour, Start: instant(t, "Europe/Berlin", "2026-10-24 00:00").UnixMilli()}, 3, `
2026-10-24 02:30 +0200 to 2026-10-24 04:30 +0200
2026-10-25 02:30 +0200 to 2026-10-25 04:30 +0100
2026-10-26 02:30 +0100 to 2026-10-26 04:30 +0100`},
		{"hour by hour, the doubled hour is one window, and the missing one none",
			Spec{Zone: "Europe/Berlin", Cron: "0 * * * *", Duration: time.Hour, Start: instant(t, "Europe/Berlin", "2026-10-25 01:00").UnixMilli()}, 3, `
2026-10-25 01:00 +0200 to 2026-10-25 02:00 +0200
2026-10-25 02:00 +0200 to 2026-10-25 03:00 +0100
2026-10-25 03:00 +0100 to 2026-10-25 04:00 +0100`},
		{"Samoa left out a whole day",
			Spec{Zone: "Pacific/Apia", Cron: "0 12 * * *", Duration: time.Hour, Start: instant(t, "Pacific/Apia", "2011-12-29 00:00").UnixMilli()}, 2, `
2011-12-29 12:00 -1000 to 2011-12-29 13:00 -1000
2011-12-31 12:00 +1400 to 2011-12-31 13:00 +1400`},
		{"weekday nights as cron",
			Spec{Zone: "Europe/Berlin", Cron: "0 19 * * MON-FRI", Duration: 14 * time.Hour, Start: instant(t, "Europe/Berlin", "2026-11-26 00:00").UnixMilli()}, 3, `
2026-11-26 19:00 +0100 to 2026-11-27 09:00 +0100
2026-11-27 19:00 +0100 to 2026-11-28 09:00 +0100
2026-11-30 19:00 +0100 to 2026-12-01 09:00 +0100`},
		{"weekday nights as RRULE, the length from the first window",
			Spec{Zone: "Europe/Berlin", RRule: "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
				Start: instant(t, "Europe/Berlin", "2026-11-26 19:00").UnixMilli(), End: instant(t, "Europe/Berlin", "2026-11-27 09:00").UnixMilli()}, 3, `
2026-11-26 19:00 +0100 to 2026-11-27 09:00 +0100
2026-11-27 19:00 +0100 to 2026-11-28 09:00 +0100
2026-11-30 19:00 +0100 to 2026-12-01 09:00 +0100`},
		{"weekday nights as v1 recurrence",
			Spec{Zone: "Europe/Berlin", Recurrence: &Recurrence{Type: "weeks", Period: 1, WeekDays: []string{"Mon", "Tue", "Wed", "Thu", "Fri"}},
				Start: instant(t, "Europe/Berlin", "2026-11-26 19:00").UnixMilli(), End: instant(t, "Europe/Berlin", "2026-11-27 09:00").UnixMilli()}, 3, `
2026-11-26 19:00 +0100 to 2026-11-27 09:00 +0100
2026-11-27 19:00 +0100 to 2026-11-28 09:00 +0100
2026-11-30 19:00 +0100 to 2026-12-01 09:00 +0100`},
		{"weekends", Spec{Zone: "Europe/Berlin", Cron: "0 0 * * SAT", Duration: 48 * time.Hour, Start: instant(t, "Europe/Berlin", "2026-10-20 00:00").UnixMilli()}, 2, `
2026-10-24 00:00 +0200 to 2026-10-26 00:00 +0100
2026-10-31 00:00 +0100 to 2026-11-02 00:00 +0100`},
		{"Saturday and Sunday one by one", Spec{Zone: "Europe/Berlin", Cron: "0 0 * * 6,7", Duration: 24 * time.Hour, Start: instant(t, "Europe/Berlin", "2026-10-20 00:00").UnixMilli()}, 2, `
2026-10-24 00:00 +0200 to 2026-10-25 00:00 +0200
2026-10-25 00:00 +0200 to 2026-10-26 00:00 +0100`},
		{"a window that outlasts its period ends where the next starts",
			Spec{Zone: "UTC", Cron: "0 0 * * *", Duration: 30 * time.Hour, Start: instant(t, "UTC", "2026-01-01 00:00").UnixMilli()}, 2, `
2026-01-01 00:00 +0000 to 2026-01-02 00:00 +0000
2026-01-02 00:00 +0000 to 2026-01-03 00:00 +0000`},
		{"the last one may run over the end",
			Spec{Zone: "UTC", Cron: "0 22 * * *", Duration: 4 * time.Hour, Start: instant(t, "UTC", "2026-01-01 00:00").UnixMilli(), Until: instant(t, "UTC", "2026-01-02 23:00").UnixMilli()}, 9, `
2026-01-01 22:00 +0000 to 2026-01-02 02:00 +0000
2026-01-02 22:00 +0000 to 2026-01-03 02:00 +0000`},
		{"COUNT", Spec{RRule: "RRULE:FREQ=MONTHLY;BYDAY=2TU;COUNT=2", Duration: time.Hour, Start: instant(t, "UTC", "2026-01-01 03:00").UnixMilli()}, 9, `
2026-01-13 03:00 +0000 to 2026-01-13 04:00 +0000
2026-02-10 03:00 +0000 to 2026-02-10 04:00 +0000`},
		{"a date as UNTIL is all of that day", Spec{RRule: "FREQ=DAILY;UNTIL=20260102", Duration: time.Hour, Start: instant(t, "UTC", "2026-01-01 03:00").UnixMilli()}, 9, `
2026-01-01 03:00 +0000 to 2026-01-01 04:00 +0000
2026-01-02 03:00 +0000 to 2026-01-02 04:00 +0000`},
		{"until_occurrences", Spec{Recurrence: &Recurrence{Type: "months", Period: 1, UntilOccurrences: 2}, Duration: time.Hour, Start: instant(t, "UTC", "2026-01-31 03:00").UnixMilli()}, 9, `
2026-01-31 03:00 +0000 to 2026-01-31 04:00 +0000
2026-03-31 03:00 +0000 to 2026-03-31 04:00 +0000`},
		{"until_date", Spec{Recurrence: &Recurrence{Type: "days", Period: 2, UntilDate: instant(t, "UTC", "2026-01-03 03:00").Unix()}, Duration: time.Hour, Start: instant(t, "UTC", "2026-01-01 03:00").UnixMilli()}, 9, `
2026-01-01 03:00 +0000 to 2026-01-01 04:00 +0000
2026-01-03 03:00 +0000 to 2026-01-03 04:00 +0000`},
		{"the last working day of the year", Spec{RRule: "FREQ=YEARLY;BYMONTH=12;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", Duration: time.Hour, Start: instant(t, "UTC", "2026-01-01 00:00").UnixMilli()}, 2, `
2026-12-31 00:00 +0000 to 2026-12-31 01:00 +0000
2027-12-31 00:00 +0000 to 2027-12-31 01:00 +0000`},
		{"the 29th of February", Spec{Cron: "0 0 29 2 *", Duration: time.Hour, Start: instant(t, "UTC", "2096-03-01 00:00").UnixMilli()}, 1, `
2104-02-29 00:00 +0000 to 2104-02-29 01:00 +0000`},
		{"once", Spec{Zone: "Europe/Berlin", Start: instant(t, "Europe/Berlin", "2026-03-28 19:00").UnixMilli(), End: instant(t, "Europe/Berlin", "2026-03-29 09:00").UnixMilli()}, 9, `
2026-03-28 19:00 +0100 to 2026-03-29 09:00 +0200`},
		{"once, and no end", Spec{Start: instant(t, "UTC", "2026-03-28 19:00").UnixMilli()}, 9, `
2026-03-28 19:00 +0000 to open`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := schedule(t, c.spec)
			got := show(s.Upcoming(time.UnixMilli(c.spec.Start-1), c.n))
			if want := strings.TrimPrefix(c.lines, "\n") + "\n"; got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestActiveIsFromStartUpToEnd(t *testing.T) {
	s := schedule(t, Spec{Zone: "Europe/Berlin", Cron: "0 19 * * MON-FRI", Duration: 14 * time.Hour})
	for at, want := range map[string]bool{
		"2026-11-23 18:59": false, "2026-11-23 19:00": true, "2026-11-24 08:59": true, "2026-11-24 09:00": false,
		"2026-11-28 08:00": true, "2026-11-28 19:30": false, "2026-11-29 23:00": false,
	} {
		if _, _, ok := s.Active(instant(t, "Europe/Berlin", at)); ok != want {
			t.Errorf("active at %s: %v, want %v", at, ok, want)
		}
	}
	open := schedule(t, Spec{Start: instant(t, "UTC", "2026-01-01 00:00").UnixMilli()})
	if _, end, ok := open.Active(instant(t, "UTC", "2030-01-01 00:00")); !ok || !end.IsZero() {
		t.Errorf("open downtime: active %v, end %v", ok, end)
	}
	if open.Recurring() || !s.Recurring() {
		t.Error("Recurring is wrong")
	}
}

func TestWhatCannotBeIsRefusedByName(t *testing.T) {
	start := instant(t, "UTC", "2026-01-01 00:00").UnixMilli()
	for _, c := range []struct {
		field string
		spec  Spec
	}{
		{"timezone", Spec{Zone: "Europe/Berlim"}},
		{"timezone", Spec{Zone: "Local"}},
		{"timezone", Spec{Zone: "../../etc/passwd"}},
		{"start", Spec{Start: -1}},
		{"end", Spec{Start: start, End: start}},
		{"end", Spec{Start: start, End: 1 << 62}},
		{"until", Spec{Start: start, Until: start - 1, Cron: "0 0 * * *", Duration: time.Hour}},
		{"schedule", Spec{Start: start, Cron: "0 0 * * *", RRule: "FREQ=DAILY", Duration: time.Hour}},
		{"duration", Spec{Cron: "0 0 * * *"}},
		{"duration", Spec{Cron: "0 0 * * *", Duration: time.Millisecond}},
		{"duration", Spec{Cron: "0 0 * * *", Duration: 367 * 24 * time.Hour}},
		{"cron", Spec{Cron: "0 0 30 2 *", Duration: time.Hour}},
		{"cron", Spec{Cron: "0 0 , * *", Duration: time.Hour}},
		{"cron", Spec{Cron: "TZ=", Duration: time.Hour}},
		{"cron", Spec{Cron: "CRON_TZ=UTC 0 0 * * *", Duration: time.Hour}},
		{"cron", Spec{Cron: "@every 1s", Duration: time.Hour}},
		{"cron", Spec{Cron: "* * * * * *", Duration: time.Hour}},
		{"cron", Spec{Cron: "61 * * * *", Duration: time.Hour}},
		{"cron", Spec{Cron: "0 0 * * MOM", Duration: time.Hour}},
		{"start", Spec{RRule: "FREQ=DAILY", Duration: time.Hour}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=SECONDLY"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=MINUTELY;COUNT=5"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=DAILY;INTERVAL=0"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=DAILY;INTERVAL=99999999999999999999"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=DAILY;COUNT=100000000"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=DAILY;COUNT=2;UNTIL=20270101"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=MONTHLY;BYDAY=-54MO"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=MONTHLY;BYDAY=-53MO"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=HOURLY;INTERVAL=24;BYHOUR=5"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=WEEKLY;BYDAY=2MO"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "DTSTART=20260101T000000;FREQ=DAILY"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "BYDAY=MO"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=DAILY;FREQ=WEEKLY"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=DAILY;;"}},
		{"rrule", Spec{Start: start, Duration: time.Hour, RRule: "FREQ=DAILY;UNTIL=20250101"}},
		{"recurrence.type", Spec{Start: start, Duration: time.Hour, Recurrence: &Recurrence{Type: "hours", Period: 1}}},
		{"recurrence.period", Spec{Start: start, Duration: time.Hour, Recurrence: &Recurrence{Type: "days"}}},
		{"recurrence.week_days", Spec{Start: start, Duration: time.Hour, Recurrence: &Recurrence{Type: "weeks", Period: 1, WeekDays: []string{"Moon"}}}},
		{"recurrence.week_days", Spec{Start: start, Duration: time.Hour, Recurrence: &Recurrence{Type: "days", Period: 1, WeekDays: []string{"Mon"}}}},
		{"recurrence.until_occurrences", Spec{Start: start, Duration: time.Hour, Recurrence: &Recurrence{Type: "days", Period: 1, UntilDate: 1900000000, UntilOccurrences: 3}}},
		{"recurrence.rrule", Spec{Start: start, Duration: time.Hour, Recurrence: &Recurrence{Type: "rrule", RRule: "FREQ=NEVER"}}},
	} {
		_, err := New(c.spec)
		var wrong *FieldError
		if !errors.As(err, &wrong) || wrong.Field != c.field || wrong.Allowed == "" {
			t.Errorf("New(%+v) = %v, want an error about %s", c.spec, err, c.field)
		}
	}
}

// exoticZones change at midnight, by two hours, by half an hour, twice a year
// for Ramadan, or have crossed the date line.
var exoticZones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "Antarctica/Troll",
	"Africa/Casablanca", "Asia/Beirut", "America/Havana", "Asia/Gaza", "Europe/Dublin", "America/St_Johns", "Pacific/Chatham",
	"America/Sao_Paulo", "Asia/Tehran", "Africa/Cairo", "America/Scoresbysund", "Pacific/Kiritimati", "America/Caracas",
}

// slowly finds the earliest instant at which the wall shows w or later, minute
// by minute.
func slowly(w wall, zone *time.Location) time.Time {
	for sec := int64(w) - farthest; ; sec += 60 {
		t := time.Unix(sec, 0).In(zone)
		if _, offset := t.Zone(); sec+int64(offset) >= int64(w) {
			return t
		}
	}
}

func TestActiveAndNextAgreeWithBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(exoticZones).Draw(t, "zone")
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		year := rapid.IntRange(2010, 2035).Draw(t, "year")
		minute, hour := rapid.IntRange(0, 59).Draw(t, "minute"), rapid.IntRange(0, 23).Draw(t, "hour")
		length := time.Duration(rapid.IntRange(1, 30*60).Draw(t, "length")) * time.Minute
		s, err := New(Spec{Zone: name, Cron: fmt.Sprintf("%d %d * * *", minute, hour), Duration: length})
		if err != nil {
			t.Fatal(err)
		}
		// The days around one change of the clocks, or any days.
		from := time.Date(year, 1, 1, 0, 0, 0, 0, zone).AddDate(0, 0, rapid.IntRange(0, 364).Draw(t, "day"))
		if _, change := from.ZoneBounds(); !change.IsZero() && change.Year() < 2040 {
			from = change.AddDate(0, 0, -3)
		}
		first := wallOf(from, zone).day()
		var want []Window
		for day := first - 3; day < first+7; day++ {
			w := wallAt(day, int32(hour*3600+minute*60))
			next := slowly(w+86400, zone)
			win := Window{slowly(w, zone), slowly(w+wall(length/time.Second), zone)}
			if next.Before(win.End) {
				win.End = next
			}
			if win.End.After(win.Start) {
				want = append(want, win)
			}
		}
		for range 20 {
			at := from.Add(time.Duration(rapid.IntRange(0, 6*24*60).Draw(t, "at")) * time.Minute)
			var active, next *Window
			for i := range want {
				if !at.Before(want[i].Start) && at.Before(want[i].End) {
					active = &want[i]
				}
				if next == nil && want[i].Start.After(at) {
					next = &want[i]
				}
			}
			start, end, ok := s.Active(at)
			if ok != (active != nil) || ok && (!start.Equal(active.Start) || !end.Equal(active.End)) {
				t.Fatalf("%s at %v: active %v %v to %v, by brute force %v", name, at, ok, start, end, active)
			}
			if start, end, ok = s.Next(at); next != nil && (!ok || !start.Equal(next.Start) || !end.Equal(next.End)) {
				t.Fatalf("%s after %v: next %v to %v, by brute force %v", name, at, start, end, next)
			}
		}
	})
}

// drawSpec makes schedules of every kind.
func drawSpec(t *rapid.T) Spec {
	spec := Spec{
		Zone:     rapid.SampledFrom(exoticZones).Draw(t, "zone"),
		Start:    rapid.Int64Range(1_200_000_000, 2_000_000_000).Draw(t, "start") * 1000,
		Duration: time.Duration(rapid.IntRange(1, 3*86400).Draw(t, "length")) * time.Second,
	}
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		spec.Cron = fmt.Sprintf("%s %s * * %s",
			rapid.SampledFrom([]string{"*", "0", "*/15", "30", "59"}).Draw(t, "m"),
			rapid.SampledFrom([]string{"*", "0", "1-3", "2", "23", "*/5"}).Draw(t, "h"),
			rapid.SampledFrom([]string{"*", "1-5", "SAT,SUN", "7"}).Draw(t, "dow"))
	case 1:
		spec.RRule = rapid.SampledFrom([]string{
			"FREQ=HOURLY;INTERVAL=7", "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=0,30", "FREQ=WEEKLY;BYDAY=SU,SA", "FREQ=MONTHLY;BYDAY=-1SU,1SU",
			"FREQ=YEARLY;BYWEEKNO=13,44", "FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;BYSETPOS=-1;BYHOUR=0,2",
		}).Draw(t, "rrule")
	case 2:
		spec.Recurrence = &Recurrence{Type: rapid.SampledFrom([]string{"days", "weeks", "months", "years"}).Draw(t, "type"), Period: rapid.IntRange(1, 3).Draw(t, "period")}
	}
	return spec
}

func TestWindowsAreOrderedDisjointAndActive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawSpec(t)
		s, err := New(spec)
		if err != nil {
			t.Fatalf("New(%+v): %v", spec, err)
		}
		at := time.UnixMilli(spec.Start).Add(time.Duration(rapid.IntRange(-100, 400*86400).Draw(t, "after")) * time.Second)
		var before Window
		for _, w := range s.Upcoming(at, 60) {
			if !w.Start.After(at) || !w.End.After(w.Start) {
				t.Fatalf("window %v after %v", w, at)
			}
			if w.Start.Before(before.End) {
				t.Fatalf("%v overlaps %v", w, before)
			}
			for _, in := range []time.Time{w.Start, w.End.Add(-time.Second)} {
				if start, end, ok := s.Active(in); !ok || !start.Equal(w.Start) || !end.Equal(w.End) {
					t.Fatalf("at %v: active %v %v to %v, want %v", in, ok, start, end, w)
				}
			}
			if start, _, ok := s.Active(w.Start.Add(-time.Second)); ok && start.Equal(w.Start) {
				t.Fatalf("%v is active before its start", w)
			}
			before = w
		}
	})
}

func TestDurationsAndTimes(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"14h": 14 * time.Hour, "1d12h": 36 * time.Hour, "90m": 90 * time.Minute, "1w": 168 * time.Hour, "3600": time.Hour, "1h 30m": 90 * time.Minute,
		"": 0, "0": 0, "h": 0, "-1h": 0, "1h30": 0, "400d": 0, "99999999999999999999h": 0, "1.5h": 0,
	} {
		got, err := ParseDuration(text)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	berlin, _ := time.LoadLocation("Europe/Berlin")
	for text, want := range map[string]string{
		"2026-11-23T19:00": "2026-11-23 19:00 +0100", "2026-03-29 02:30": "2026-03-29 03:00 +0200", "2026-10-25T02:30:00": "2026-10-25 02:30 +0200",
		"1795456800": "2026-11-23 19:00 +0100", "2026-11-23T18:00:00Z": "2026-11-23 19:00 +0100", "2026-11-23": "2026-11-23 00:00 +0100",
		"soon": "", "-5": "", "9999999999999": "", "9999-01-01T00:00:00Z": "",
	} {
		got, err := ParseTime(text, berlin)
		if err == nil && got.In(berlin).Format(layout) != want || (err == nil) != (want != "") {
			t.Errorf("ParseTime(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
}

func BenchmarkActive(b *testing.B) {
	s := schedule(b, Spec{Zone: "Europe/Berlin", RRule: "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", Duration: 14 * time.Hour, Start: instant(b, "Europe/Berlin", "2020-01-01 19:00").UnixMilli()})
	at := instant(b, "Europe/Berlin", "2026-11-22 12:00")
	b.ReportAllocs()
	for b.Loop() {
		s.Active(at)
	}
}
