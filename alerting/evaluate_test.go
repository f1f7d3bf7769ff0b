package alerting

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const minute = int64(60_000)

// basic is the exercise's monitor: Alert above 800, Warn above 500, No Data
// after 10 minutes, a window of 5 minutes.
func basic(change func(*rules)) rules {
	r := rules{
		comparator: ">", critical: 800, warning: 500,
		criticalRecovery: math.NaN(), warningRecovery: math.NaN(),
		window: 5 * minute, missing: missingNotify, missingAfter: 10 * minute, retention: 24 * 60 * minute,
		renotifyOn: []Status{Alert, NoData}, grouped: true,
	}
	if change != nil {
		change(&r)
	}
	return r
}

// The script of a case has a line per evaluation:
//
//	minute  group=value ...  [muted] [hold]  |  transition; transition
//
// A value of "full:9" stands for a filled window, "9@3" for one whose newest
// point is of minute 3. Transitions read "group From>To mail"; a mail that
// repeats what is known is "again", one that is held back "muted".
func TestEvaluateOverTime(t *testing.T) {
	cases := []struct {
		fact   string
		rules  rules
		lift   Lift
		script string
	}{
		{"a healthy group begins quietly, an alerting one at first sight is mailed", basic(nil), Lift{}, `
			0 a=100 b=900 | b Skipped>Alert mail
			1 a=100 b=900 |
			2 a=100 c=20 b=900 |`},
		{"every change is mailed once", basic(nil), Lift{}, `
			0 a=100 |
			1 a=600 | a OK>Warn mail
			2 a=900 | a Warn>Alert mail
			3 a=900 |
			4 a=600 | a Alert>Warn mail
			5 a=500 | a Warn>OK mail
			6 a=500 |`},
		{"each group has a state of its own", basic(nil), Lift{}, `
			0 a=1 b=1 |
			1 a=900 b=1 | a OK>Alert mail
			2 a=900 b=900 | b OK>Alert mail
			3 a=1 b=900 | a Alert>OK mail`},
		{"No Data comes after its timeframe, once, and its end is told", basic(nil), Lift{}, `
			0 a=1 b=1 |
			1 b=1 |
			9 b=1 |
			10 b=1 | a OK>No Data mail
			11 b=1 |
			12 a=1 b=1 | a No Data>OK mail`},
		{"No Data counts from the newest point, also while the window still holds some", basic(func(r *rules) { r.window = 60 * minute }), Lift{}, `
			0 a=1@0 |
			9 a=1@0 |
			10 a=1@0 | a OK>No Data mail
			11 a=1@11 | a No Data>OK mail`},
		{"a group that alerts when data comes back says so", basic(nil), Lift{}, `
			0 a=1 b=1 |
			10 b=1 | a OK>No Data mail
			11 a=900 b=1 | a No Data>Alert mail
			12 a=1 b=1 | a Alert>OK mail`},
		{"No Data that isn't notified is seen but not mailed, nor is its end", basic(func(r *rules) { r.missing = missingShow }), Lift{}, `
			0 a=1 b=1 |
			10 b=1 | a OK>No Data quiet
			11 a=1 b=1 | a No Data>OK quiet`},
		{"an alert that loses its data and comes back is not told twice when No Data isn't notified", basic(func(r *rules) { r.missing = missingShow }), Lift{}, `
			0 a=900 b=1 | a Skipped>Alert mail
			10 b=1 | a Alert>No Data quiet
			11 a=900 b=1 | a No Data>Alert quiet
			12 a=1 b=1 | a Alert>OK mail`},
		{"on_missing_data resolve", basic(func(r *rules) { r.missing, r.missingAfter = missingResolve, 5*minute }), Lift{}, `
			0 a=900 b=1 | a Skipped>Alert mail
			4 b=1 |
			5 b=1 | a Alert>OK mail`},
		{"on_missing_data default keeps the last status of a gauge", basic(func(r *rules) { r.missing, r.missingAfter = missingKeep, 5*minute }), Lift{}, `
			0 a=900 b=1 | a Skipped>Alert mail
			50 b=1 |
			51 a=1 b=1 | a Alert>OK mail`},
		{"on_missing_data default takes a count as 0", basic(func(r *rules) { r.missing, r.missingAfter = missingZero, 5*minute }), Lift{}, `
			0 a=900 b=1 | a Skipped>Alert mail
			5 b=1 | a Alert>OK mail`},
		{"a count below its threshold alerts when it stops, as 0", basic(func(r *rules) {
			r.comparator, r.critical, r.warning, r.missing, r.missingAfter = "<", 5, math.NaN(), missingZero, 5*minute
		}), Lift{}, `
			0 a=9 |
			6 b=9 | a OK>Alert mail`},
		{"a grouped monitor without any group goes to No Data as a whole", basic(nil), Lift{}, `
			0 |
			9 |
			10 | * Skipped>No Data mail
			11 |
			12 a=1 | * No Data>OK mail
			13 a=1 |`},
		{"a monitor without groups goes to No Data though nothing ever came", basic(func(r *rules) { r.grouped = false }), Lift{}, `
			0 |
			10 | * Skipped>No Data mail
			12 *=1 | * No Data>OK mail
			13 *=900 | * OK>Alert mail`},
		{"when all groups are gone the monitor doesn't repeat their No Data", basic(func(r *rules) { r.retention = 60 * minute }), Lift{}, `
			0 a=1 |
			10 | a OK>No Data mail
			60 |
			61 |
			62 a=1 | * No Data>OK mail`},
		{"a group is forgotten after its retention and begins anew", basic(func(r *rules) { r.retention = 60 * minute }), Lift{}, `
			0 a=1 b=1 |
			10 b=1 | a OK>No Data mail
			60 b=1 |
			61 a=1 b=1 |`},
		{"a forgotten group that was in alert is recorded", basic(func(r *rules) { r.retention, r.missing = 60*minute, missingKeep }), Lift{}, `
			0 a=900 b=1 | a Skipped>Alert mail
			60 b=1 | a forgotten
			61 b=1 |`},
		{"an ungrouped monitor is never forgotten", basic(func(r *rules) { r.grouped, r.retention = false, 60*minute }), Lift{}, `
			0 *=1 |
			10 | * OK>No Data mail
			100 |
			101 *=1 | * No Data>OK mail`},
		{"timeout_h resolves a triggered group without data", basic(func(r *rules) { r.timeout, r.missing = 60*minute, missingShow }), Lift{}, `
			0 a=900 b=1 | a Skipped>Alert mail
			10 b=1 | a Alert>No Data quiet
			59 b=1 |
			60 b=1 | a No Data>OK mail
			61 b=1 |
			62 a=900 b=1 | a OK>Alert mail`},
		{"recovery thresholds hold a status", basic(func(r *rules) { r.criticalRecovery, r.warningRecovery = 700, 400 }), Lift{}, `
			0 a=900 | a Skipped>Alert mail
			1 a=750 |
			2 a=700 | a Alert>Warn mail
			3 a=750 |
			4 a=450 |
			5 a=400 | a Warn>OK mail
			6 a=450 |
			7 a=501 | a OK>Warn mail`},
		{"an alert that falls between warning and its recovery is a warning still", basic(func(r *rules) { r.warningRecovery = 400 }), Lift{}, `
			0 a=900 | a Skipped>Alert mail
			1 a=450 | a Alert>Warn mail
			2 a=399 | a Warn>OK mail`},
		{"below", basic(func(r *rules) { r.comparator, r.critical, r.warning, r.criticalRecovery = "<=", 5, 10, 6 }), Lift{}, `
			0 a=5 | a Skipped>Alert mail
			1 a=6 |
			2 a=7 | a Alert>Warn mail
			3 a=11 | a Warn>OK mail`},
		{"renotify repeats alert and No Data at its interval", basic(func(r *rules) { r.renotifyEvery = 10 * minute }), Lift{}, `
			0 a=900 | a Skipped>Alert mail
			9 a=900 |
			10 a=900 | a Alert>Alert again
			19 a=900 |
			20 a=900 | a Alert>Alert again
			21 a=600 | a Alert>Warn mail
			40 a=600 |
			41 a=1 | a Warn>OK mail
			80 a=1 |`},
		{"renotify stops after its occurrences and counts anew in a new status", basic(func(r *rules) { r.renotifyEvery, r.renotifyMax, r.renotifyOn = 10*minute, 2, []Status{Alert, Warn} }), Lift{}, `
			0 a=900 | a Skipped>Alert mail
			10 a=900 | a Alert>Alert again
			20 a=900 | a Alert>Alert again
			30 a=900 |
			31 a=600 | a Alert>Warn mail
			41 a=600 | a Warn>Warn again`},
		{"without renotify an alert is mailed once however long it lasts", basic(nil), Lift{}, `
			0 a=900 | a Skipped>Alert mail
			10000 a=900 |`},
		{"a downtime records but doesn't mail; what still holds is mailed at its end", basic(nil), Lift{}, `
			0 a=1 b=1 c=1 |
			1 a=900 b=1 c=1 muted | a OK>Alert muted
			2 a=900 b=900 c=1 muted | b OK>Alert muted
			3 a=900 b=1 c=1 muted | b Alert>OK muted
			4 a=900 b=1 c=1 | a Alert>Alert mail
			5 a=1 b=1 c=1 | a Alert>OK mail`},
		{"a recovery during a downtime is told at its end", basic(nil), Lift{}, `
			0 a=900 | a Skipped>Alert mail
			1 a=1 muted | a Alert>OK muted
			2 a=1 | a OK>OK mail`},
		{"mute_first_recovery_notification drops it", basic(nil), Lift{DropRecovery: true}, `
			0 a=900 | a Skipped>Alert mail
			1 a=1 muted | a Alert>OK muted
			2 a=1 |
			3 a=900 | a OK>Alert mail`},
		{"an alert told before a downtime is not told again at its end", basic(nil), Lift{}, `
			0 a=900 | a Skipped>Alert mail
			1 a=900 muted |
			2 a=900 |`},
		{"unless notify_end_types asks for it", basic(nil), Lift{Again: true}, `
			0 a=900 | a Skipped>Alert mail
			1 a=900 muted |
			2 a=900 | a Alert>Alert again
			3 a=900 |`},
		{"notify_end_states chooses what is told at the end", basic(nil), Lift{Only: []Status{Alert}}, `
			0 a=1 b=1 |
			1 a=600 b=900 muted | a OK>Warn muted; b OK>Alert muted
			2 a=600 b=900 | b Alert>Alert mail
			3 a=1 b=900 | a Warn>OK mail`},
		{"a muted monitor doesn't renotify, and goes on at the end", basic(func(r *rules) { r.renotifyEvery = 10 * minute }), Lift{}, `
			0 a=900 | a Skipped>Alert mail
			10 a=900 muted |
			30 a=900 muted |
			31 a=900 | a Alert>Alert again
			32 a=900 |`},
		{"a first sight inside a downtime is told at its end", basic(nil), Lift{}, `
			0 a=900 muted | a Skipped>Alert muted
			1 a=900 | a Alert>Alert mail`},
		{"while held, missing groups stay as they are", basic(nil), Lift{}, `
			0 a=1 b=900 | b Skipped>Alert mail
			480 hold |
			481 hold b=900 |
			482 a=1 b=900 |`},
		{"new_group_delay lets a group settle, but not those that were there first", basic(func(r *rules) { r.groupDelay = 5 * minute }), Lift{}, `
			0 a=900 | a Skipped>Alert mail
			1 a=900 b=900 |
			5 a=900 b=900 |
			6 a=900 b=900 | b Skipped>Alert mail`},
		{"require_full_window waits for it", basic(func(r *rules) { r.fullWindow = true }), Lift{}, `
			0 a=900 |
			1 a=full:900 | a Skipped>Alert mail
			2 a=1 |
			3 a=full:1 | a Alert>OK mail`},
		{"what can't be judged keeps its status, and is not missing", basic(nil), Lift{}, `
			0 a=nan |
			20 a=nan |
			21 a=900 | a Skipped>Alert mail
			40 a=nan |
			41 a=1 | a Alert>OK mail`},
		{"a clock that was set back does no harm", basic(func(r *rules) { r.renotifyEvery = 10 * minute }), Lift{}, `
			500 a=900 b=1 | a Skipped>Alert mail
			100 a=900 |
			101 a=900 |
			109 a=900 |
			110 a=900 | a Alert>Alert again; b OK>No Data mail`},
		{"notify_by tells bundles: once when the first member moves, once when the last is well", basic(func(r *rules) { r.notifyBy = []string{"c"} }), Lift{}, `
			0 c:1,p:1=1 c:1,p:2=1 c:2,p:3=1 |
			1 c:1,p:1=900 c:1,p:2=1 c:2,p:3=1 | c:1,p:1 OK>Alert quiet; c:1 OK>Alert mail
			2 c:1,p:1=900 c:1,p:2=900 c:2,p:3=1 | c:1,p:2 OK>Alert quiet
			3 c:1,p:1=1 c:1,p:2=900 c:2,p:3=1 | c:1,p:1 Alert>OK quiet
			4 c:1,p:1=1 c:1,p:2=1 c:2,p:3=1 | c:1,p:2 Alert>OK quiet; c:1 Alert>OK mail`},
		{"notify_by * tells the monitor as one", basic(func(r *rules) { r.notifyBy = []string{"*"} }), Lift{}, `
			0 a=900 b=900 | a Skipped>Alert quiet; b Skipped>Alert quiet; * Skipped>Alert mail
			1 a=1 b=900 | a Alert>OK quiet
			2 a=1 b=1 | b Alert>OK quiet; * Alert>OK mail`},
		{"a bundle of muted members is told when the mute ends", basic(func(r *rules) { r.notifyBy = []string{"*"} }), Lift{}, `
			0 a=1 |
			1 a=900 muted | a OK>Alert muted
			2 a=900 | * OK>Alert mail`},
	}
	for _, c := range cases {
		t.Run(c.fact, func(t *testing.T) {
			state := State{}
			for _, line := range strings.Split(strings.TrimSpace(c.script), "\n") {
				left, want, _ := strings.Cut(strings.TrimSpace(line), "|")
				before := frozen(t, state)
				step := evaluate(&c.rules, state, observe(t, left, c.lift))
				if now := frozen(t, state); now != before {
					t.Fatalf("%s: evaluate changed its input", left)
				}
				if got := describe(step.Transitions); got != strings.TrimSpace(want) {
					t.Fatalf("%s\n got: %s\nwant: %s", left, got, strings.TrimSpace(want))
				}
				// What is written must be enough to go on from after a restart.
				state = persisted(t, state, step)
			}
		})
	}
}

func frozen(t *testing.T, s State) string {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// persisted plays the catalog: only what a step puts is kept. What a step
// changes without putting it must not matter for later steps, but for the
// newest point, which the running process remembers.
func persisted(t *testing.T, before State, step Step) State {
	t.Helper()
	kept := maps.Clone(before)
	for _, name := range step.Put {
		raw, err := json.Marshal(step.State[name])
		if err != nil {
			t.Fatal(err)
		}
		var g Group
		if err := json.Unmarshal(raw, &g); err != nil {
			t.Fatal(err)
		}
		kept[name] = g
	}
	for _, name := range step.Forget {
		delete(kept, name)
	}
	if len(kept) != len(step.State) {
		t.Fatalf("%d groups written, %d in memory", len(kept), len(step.State))
	}
	for name, g := range kept {
		now := step.State[name]
		g.LastData, g.Value = now.LastData, now.Value
		kept[name] = g
	}
	return kept
}

func observe(t *testing.T, line string, lift Lift) Observation {
	t.Helper()
	fields := strings.Fields(line)
	at, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	// An evaluation sees the window up to the same minute; the epoch is put
	// somewhere real.
	base := int64(1_700_000_000_000)
	o := Observation{At: base + at*minute, End: base + at*minute, Lifted: func(Mute) Lift { return lift }}
	for _, f := range fields[1:] {
		switch f {
		case "muted":
			o.Muted = func([]string) *Mute { return &Mute{Downtime: 1, Reason: "downtime 1"} }
			continue
		case "hold":
			o.Hold = true
			continue
		}
		i := strings.LastIndex(f, "=")
		r := Reading{Last: o.End}
		if f[:i] != "*" {
			r.Tags = strings.Split(f[:i], ",")
		}
		text, last, ok := strings.Cut(f[i+1:], "@")
		if ok {
			m, err := strconv.ParseInt(last, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			r.Last = base + m*minute
		}
		text, r.Full = strings.CutPrefix(text, "full:")
		if r.Value, err = strconv.ParseFloat(text, 64); err != nil {
			t.Fatal(err)
		}
		o.Readings = append(o.Readings, r)
	}
	return o
}

func describe(ts []Transition) string {
	var out []string
	for _, t := range ts {
		name := strings.TrimPrefix(t.Group.Name, unitPrefix)
		how := "quiet"
		switch {
		case t.Forgotten:
			out = append(out, name+" forgotten")
			continue
		case t.Renotify:
			how = "again"
		case t.Mail:
			how = "mail"
		case t.Muted != "":
			how = "muted"
		}
		out = append(out, fmt.Sprintf("%s %s>%s %s", name, t.From, t.Group.Status, how))
	}
	return strings.Join(out, "; ")
}

// Whatever happens, receivers who read their mails know the state: after any
// run of evaluations without a mute, what was told last is what is.
func TestReceiversKnowTheState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := basic(func(r *rules) {
			r.criticalRecovery = rapid.SampledFrom([]float64{math.NaN(), 700}).Draw(rt, "recovery")
			r.retention = 1 << 60
		})
		told := map[string]Status{}
		state := State{}
		at := int64(1_700_000_000_000)
		for range rapid.IntRange(1, 60).Draw(rt, "evaluations") {
			at += minute * rapid.Int64Range(1, 12).Draw(rt, "minutes")
			o := Observation{At: at, End: at}
			muted := rapid.IntRange(0, 3).Draw(rt, "muted") == 0
			if muted {
				o.Muted = func([]string) *Mute { return &Mute{Downtime: 1} }
			}
			for _, g := range []string{"host:a", "host:b", "host:c"} {
				if rapid.Bool().Draw(rt, g) {
					o.Readings = append(o.Readings, Reading{Tags: []string{g}, Value: rapid.Float64Range(0, 1000).Draw(rt, "value"), Last: at})
				}
			}
			step := evaluate(&r, state, o)
			state = step.State
			for _, tr := range step.Transitions {
				if !tr.Mail {
					continue
				}
				if muted {
					rt.Fatalf("mail during a mute: %+v", tr)
				}
				if was, ok := told[tr.Group.Name]; ok && was == tr.Group.Status {
					rt.Fatalf("told twice: %+v", tr)
				}
				told[tr.Group.Name] = tr.Group.Status
			}
			if muted {
				continue
			}
			for name, g := range state {
				want := g.Status
				if want == Skipped {
					want = OK
				}
				got, ok := told[name]
				if !ok {
					got = OK
				}
				if got != want {
					rt.Fatalf("%s is %s, but receivers believe %s", name, want, got)
				}
			}
		}
	})
}

func TestOverallIsTheWorst(t *testing.T) {
	cases := []struct {
		statuses []Status
		want     Status
	}{
		{nil, NoData},
		{[]Status{Skipped}, NoData},
		{[]Status{OK, Skipped}, OK},
		{[]Status{OK, NoData}, NoData},
		{[]Status{OK, Warn, NoData}, Warn},
		{[]Status{OK, Warn, NoData, Alert}, Alert},
	}
	for _, c := range cases {
		for range 2 {
			s := State{}
			for i, status := range c.statuses {
				name := fmt.Sprint("host:", i)
				s[name] = Group{Name: name, Status: status}
			}
			if got, _ := s.overall(); got != c.want {
				t.Errorf("overall of %v is %s, want %s", c.statuses, got, c.want)
			}
			slices.Reverse(c.statuses)
		}
	}
}

// A thousand monitors of 20 groups: the part of a minute's work that is ours,
// beside the queries. To hold: under 20 ms in all.
func BenchmarkEvaluate1000Monitors(b *testing.B) {
	r := basic(nil)
	readings := make([]Reading, 20)
	for i := range readings {
		readings[i] = Reading{Tags: []string{fmt.Sprintf("host:web-%03d", i)}, Value: float64(40 * i)}
	}
	states := make([]State, 1000)
	at := int64(1_700_000_000_000)
	b.ReportAllocs()
	for b.Loop() {
		at += minute
		for i := range readings {
			readings[i].Last = at
		}
		readings[at/minute%20].Value = float64(at / minute % 1000)
		for i := range states {
			states[i] = evaluate(&r, states[i], Observation{At: at, End: at, Readings: readings}).State
		}
	}
}
