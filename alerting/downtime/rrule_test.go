package downtime

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/teambition/rrule-go"
	"pgregory.net/rapid"
)

// TestRulesAgreeWithRRuleGo compares with the library on the rules it can walk:
// our own walk exists because of those it can't. Lists don't repeat a number,
// which the library would give twice.
func TestRulesAgreeWithRRuleGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		freq := rapid.SampledFrom([]string{"YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"}).Draw(t, "freq")
		parts := []string{"FREQ=" + freq}
		list := func(key string, low, high int, chance int) {
			if rapid.IntRange(0, 99).Draw(t, key) >= chance {
				return
			}
			var items []string
			for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(low, high), 1, 3, rapid.ID[int]).Draw(t, key+" list") {
				if n != 0 {
					items = append(items, fmt.Sprint(n))
				}
			}
			if len(items) > 0 {
				parts = append(parts, key+"="+strings.Join(items, ","))
			}
		}
		if interval := rapid.IntRange(1, 4).Draw(t, "interval"); interval > 1 {
			parts = append(parts, fmt.Sprint("INTERVAL=", interval))
		}
		list("BYMONTH", 1, 12, 25)
		list("BYMONTHDAY", -31, 31, 25)
		byWeekNo := false
		if freq == "YEARLY" {
			list("BYYEARDAY", -366, 366, 15)
			before := len(parts)
			list("BYWEEKNO", -40, 51, 15) // the library mistakes weeks that reach into another year
			byWeekNo = len(parts) > before
		}
		if rapid.IntRange(0, 1).Draw(t, "byday") == 0 {
			numbers := (freq == "YEARLY" || freq == "MONTHLY") && !byWeekNo && rapid.Bool().Draw(t, "numbers")
			var days []string
			for _, day := range rapid.SliceOfN(rapid.SampledFrom(weekdays), 1, 3).Draw(t, "days") {
				if numbers {
					day = fmt.Sprint(rapid.SampledFrom([]int{-4, -2, -1, 1, 2, 4}).Draw(t, "nth"), day)
				}
				days = append(days, day)
			}
			parts = append(parts, "BYDAY="+strings.Join(days, ","))
		}
		list("BYMINUTE", 1, 59, 20)
		if freq != "HOURLY" {
			list("BYHOUR", 1, 23, 30)
			list("BYSETPOS", -5, 5, 20)
		}
		wkst := rapid.SampledFrom(weekdays).Draw(t, "wkst")
		parts = append(parts, "WKST="+wkst)
		text := strings.Join(parts, ";")

		// The library applies BYSETPOS to what is left of the first week.
		first := time.Unix(rapid.Int64Range(1_000_000_000, 2_000_000_000).Draw(t, "first"), 0).UTC()
		for strings.ToUpper(first.Weekday().String()[:2]) != wkst {
			first = first.AddDate(0, 0, 1)
		}
		s, err := New(Spec{RRule: text, Start: first.UnixMilli(), Duration: time.Second})
		if err != nil {
			return // never happens; the library would count to the year 9999
		}
		option, err := rrule.StrToROption(text)
		if err != nil {
			t.Fatal(text, err)
		}
		option.Dtstart = first
		r, err := rrule.NewRRule(*option)
		if err != nil {
			t.Fatal(text, err)
		}
		next := r.Iterator()
		last := first.AddDate(30, 0, 0)
		for _, w := range s.Upcoming(first.Add(-time.Second), 40) {
			want, ok := next()
			if !ok || !w.Start.Equal(want) {
				t.Fatalf("%s from %v:\n got %v\nwant %v", text, first, w.Start, want)
			}
			if want.After(last) {
				break
			}
		}
	})
}

func TestCronAgreesWithItsLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		field := func(low, high int) string {
			a, b := rapid.IntRange(low, high).Draw(t, "a"), rapid.IntRange(low, high).Draw(t, "b")
			switch rapid.IntRange(0, 4).Draw(t, "form") {
			case 0:
				return "*"
			case 1:
				return fmt.Sprint(a)
			case 2:
				return fmt.Sprintf("%d,%d", a, b)
			case 3:
				return fmt.Sprintf("%d-%d/2", min(a, b), max(a, b))
			}
			return "*/3"
		}
		text := strings.Join([]string{field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)}, " ")
		s, err := New(Spec{Cron: text, Duration: time.Second})
		if err != nil {
			t.Fatal(text, err)
		}
		want, err := cron.ParseStandard(text)
		if err != nil {
			t.Fatal(text, err)
		}
		at := time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(t, "at"), 0).UTC()
		for range 10 {
			got, _, _ := s.Next(at)
			if at = want.Next(at); !got.Equal(at) {
				t.Fatalf("%s: got %v, want %v", text, got, at)
			}
		}
	})
}

func TestSundayMayBeSeven(t *testing.T) {
	for field, want := range map[string]string{"7": "0", "5-7": "5,6,0", "1-7/2": "1,3,5,0", "MON-FRI,7": "MON-FRI,0", "*": "*", "0": "0", "8-7": "8-7"} {
		if got := sundayIsZero(field); got != want {
			t.Errorf("sundayIsZero(%q) = %q, want %q", field, got, want)
		}
	}
}

func FuzzCron(f *testing.F) {
	for _, seed := range []string{"0 19 * * MON-FRI", "*/5 2-4 29 2 7", "@daily", "@every 1s", "TZ=X", "TZ=", "0 0 30 2 *", "* * * * 1-7/3", ", , , , ,"} {
		f.Add(seed, int64(1_790_000_000_000), int64(3600))
	}
	f.Fuzz(func(t *testing.T, text string, start, length int64) {
		walk(t, Spec{Zone: "Europe/Berlin", Cron: text, Start: start, Duration: time.Duration(length) * time.Second})
	})
}

func FuzzRRule(f *testing.F) {
	for _, seed := range []string{
		"FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "FREQ=SECONDLY;COUNT=1000000000", "RRULE:FREQ=MONTHLY;BYDAY=-1SU;UNTIL=20300101T000000Z",
		"FREQ=YEARLY;BYWEEKNO=-1,53;BYDAY=MO;WKST=SU", "FREQ=HOURLY;INTERVAL=24;BYHOUR=5", "FREQ=YEARLY;BYSETPOS=366;BYDAY=MO,TU,WE,TH,FR,SA,SU",
		"FREQ=DAILY;BYSETPOS=-1;BYHOUR=1,2,3;COUNT=10000", "FREQ=MONTHLY;BYMONTHDAY=31;INTERVAL=1000",
	} {
		f.Add(seed, int64(1_790_000_000_000), int64(3600))
	}
	f.Fuzz(func(t *testing.T, text string, start, length int64) {
		walk(t, Spec{Zone: "America/New_York", RRule: text, Start: start, Duration: time.Duration(length) * time.Second})
	})
}

func walk(t *testing.T, spec Spec) {
	s, err := New(spec)
	if err != nil {
		return
	}
	at := time.UnixMilli(spec.Start)
	for _, w := range s.Upcoming(at, 5) {
		if !w.Start.After(at) || !w.End.After(w.Start) {
			t.Fatalf("%+v: %v after %v", spec, w, at)
		}
		if start, _, ok := s.Active(w.Start); !ok || !start.Equal(w.Start) {
			t.Fatalf("%+v: not active at its start %v", spec, w)
		}
		at = w.Start
	}
}
