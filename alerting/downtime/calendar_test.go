package downtime

import (
	"archive/zip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// weeknightsAndWeekends is one downtime: 19:00 to 09:00 from Monday to Friday,
// and all of Saturday and Sunday.
func weeknightsAndWeekends(t testing.TB, zone string) Calendar {
	t.Helper()
	var c Calendar
	for _, spec := range []Spec{
		{Zone: zone, Cron: "0 19 * * MON-FRI", Duration: 14 * time.Hour},
		{Zone: zone, Cron: "0 0 * * SAT,SUN", Duration: 24 * time.Hour},
	} {
		s, err := New(spec)
		if err != nil {
			t.Fatal(err)
		}
		c = append(c, s)
	}
	return c
}

func TestWindowsThatTouchAreOne(t *testing.T) {
	c := weeknightsAndWeekends(t, "Europe/Berlin")
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range c.Upcoming(time.Date(2026, 11, 18, 12, 0, 0, 0, zone), 4) {
		got = append(got, w.Start.Format("Mon 15:04")+" to "+w.End.Format("Mon 15:04"))
	}
	want := []string{"Wed 19:00 to Thu 09:00", "Thu 19:00 to Fri 09:00", "Fri 19:00 to Mon 00:00", "Mon 19:00 to Tue 09:00"}
	if !slices.Equal(got, want) {
		t.Errorf("windows are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	start, end, ok := c.Active(time.Date(2026, 11, 22, 12, 0, 0, 0, zone))
	if !ok || start.Format("Mon 15:04") != "Fri 19:00" || end.Format("Mon 15:04") != "Mon 00:00" {
		t.Errorf("on Sunday: %v to %v, %v", start, end, ok)
	}
}

// A calendar is active exactly when one of its schedules is, and its windows
// are where it changes.
func TestCalendarsAreTheUnionOfTheirSchedules(t *testing.T) {
	c := weeknightsAndWeekends(t, "America/New_York")
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(t, "at"), 0)
		_, _, one := c[0].Active(at)
		_, _, two := c[1].Active(at)
		start, end, any := c.Active(at)
		if any != (one || two) {
			t.Fatalf("active: %v, of its schedules %v and %v", any, one, two)
		}
		if any {
			_, _, before := c.Active(start.Add(-time.Second))
			_, _, after := c.Active(end)
			if before || after || at.Before(start) || !at.Before(end) {
				t.Fatalf("%v is in %v to %v; active before: %v, after: %v", at, start, end, before, after)
			}
		}
		next, _, ok := c.Next(at)
		if !ok || !next.After(at) {
			t.Fatalf("next after %v is %v", at, next)
		}
		if _, _, before := c.Active(next.Add(-time.Second)); before {
			t.Fatalf("next is %v, which is inside a window", next)
		}
	})
}

// zoneNames lists every IANA zone that the Go installation knows.
func zoneNames(t *testing.T) []string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("no Go installation here: ", err)
	}
	files, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Skip("no list of zones here: ", err)
	}
	defer files.Close()
	var names []string
	for _, f := range files.File {
		if !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	return names
}

// For every zone and every change of its clocks in ten years, windows are where
// the wall says: each starts at the first instant at which the wall shows its
// start or later, ends so too, and is active in between.
func TestEveryZoneAndEveryChangeOfTheClocks(t *testing.T) {
	names := zoneNames(t)
	changes := 0
	for _, name := range names {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range clockChanges(zone, 2020, 2030) {
			changes++
			checkAround(t, name, zone, change)
		}
	}
	if t.Logf("%d zones, %d changes", len(names), changes); changes < 1000 {
		t.Errorf("only %d changes of the clocks were found", changes)
	}
}

// clockChanges are the instants at which the offset of zone changes.
func clockChanges(zone *time.Location, from, to int) []time.Time {
	var out []time.Time
	offset := func(t time.Time) int { _, o := t.In(zone).Zone(); return o }
	end := time.Date(to, 1, 1, 0, 0, 0, 0, time.UTC)
	for t := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC); t.Before(end); t = t.Add(24 * time.Hour) {
		before, after := t, t.Add(24*time.Hour)
		if offset(before) == offset(after) {
			continue
		}
		for after.Sub(before) > time.Second {
			if mid := before.Add(after.Sub(before) / 2).Truncate(time.Second); offset(mid) == offset(before) {
				before = mid
			} else {
				after = mid
			}
		}
		out = append(out, after)
	}
	return out
}

// firstShown is the earliest instant of a few days around at which the wall
// shows the date and time or something later, found by looking at every minute.
func firstShown(zone *time.Location, y int, m time.Month, d, hour, minute int) time.Time {
	want := time.Date(y, m, d, hour, minute, 0, 0, time.UTC)
	for t := want.Add(-27 * time.Hour); ; t = t.Add(time.Minute) {
		_, ahead := t.In(zone).Zone()
		if !t.Add(time.Duration(ahead) * time.Second).Before(want) {
			return t
		}
	}
}

func checkAround(t *testing.T, name string, zone *time.Location, change time.Time) {
	t.Helper()
	_, before := change.Add(-time.Second).In(zone).Zone()
	_, after := change.In(zone).Zone()
	// Windows that start in the middle of the hour that is missing or comes
	// twice, and some that end there.
	middle := change.Add(time.Duration(min(before, after)+max(before, after)) * time.Second / 2).UTC().Truncate(time.Minute)
	for _, w := range []struct {
		start  time.Time // on the wall, as UTC
		length time.Duration
	}{{middle, 3 * time.Hour}, {middle.Add(-5 * time.Hour), 5 * time.Hour}, {middle.Add(-12 * time.Hour), 24 * time.Hour}} {
		s, err := New(Spec{Zone: name, Cron: w.start.Format("4 15 * * *"), Duration: w.length})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		y, m, d := w.start.Date()
		start := firstShown(zone, y, m, d, w.start.Hour(), w.start.Minute())
		wallEnd := w.start.Add(w.length)
		y, m, d = wallEnd.Date()
		end := firstShown(zone, y, m, d, wallEnd.Hour(), wallEnd.Minute())
		if w.length == 24*time.Hour { // the next one's start
			end = end.Truncate(time.Minute)
		}
		if !start.Before(end) {
			continue // all of it lies in the missing hour
		}
		gotStart, gotEnd, ok := s.Active(start)
		if !ok || !gotStart.Equal(start) || !gotEnd.Equal(end) {
			t.Errorf("%s at %v: window from %v on the wall for %v is %v to %v (%v), want %v to %v", name, change, w.start, w.length, gotStart, gotEnd, ok, start, end)
			continue
		}
		if next, _, ok := s.Next(start.Add(-time.Second)); !ok || !next.Equal(start) {
			t.Errorf("%s: before %v, the next window starts %v (%v)", name, start, next, ok)
		}
		if _, _, ok := s.Active(end.Add(-time.Second)); !ok {
			t.Errorf("%s: not active a second before %v", name, end)
		}
	}
}
