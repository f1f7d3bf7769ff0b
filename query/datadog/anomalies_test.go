package datadog

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// wave keeps a series with an hourly season, noise, gaps and incidents, one
// sample a minute over the minutes before t0.
func (f *fixture) wave(s store.Series, seed uint64, minutes int, value func(minute int, v float64) float64) {
	r := rand.New(rand.NewPCG(seed, 7))
	var pairs []float64
	gap := 0
	for i := minutes; i > 0; i-- {
		v := 100 + 30*math.Sin(float64(i)/60*2*math.Pi) + 2*r.NormFloat64()
		if r.IntN(200) == 0 {
			gap = r.IntN(12)
		}
		if gap--; gap >= 0 {
			continue
		}
		if value != nil {
			if v = value(i, v); math.IsNaN(v) {
				continue
			}
		}
		pairs = append(pairs, float64(60*i), v)
	}
	f.put(s, pairs...)
}

func parseMonitor(t testing.TB, text string) *Monitor {
	t.Helper()
	m, err := ParseMonitor(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// One store serves all draws: it takes longer to fill than to ask.
func anomalyFixture(t testing.TB) *fixture {
	f := newFixture(t)
	const minutes = 7 * 1440
	spikes := func(i int, v float64) float64 {
		if i%377 < 4 {
			return v + 90
		}
		return v
	}
	f.wave(gauge("m", "host:a"), 1, minutes, spikes)
	f.wave(gauge("m", "host:b"), 2, minutes, nil)
	f.wave(gauge("m", "host:late"), 3, 200, nil)
	f.wave(gauge("m", "host:gone"), 4, minutes, func(i int, v float64) float64 {
		if i < 150 {
			return math.NaN()
		}
		return v
	})
	f.wave(store.Series{Name: "hits", Kind: store.Count, Interval: 10_000}, 5, minutes, func(i int, v float64) float64 {
		if i%500 < 30 {
			return math.NaN()
		}
		return math.Round(v)
	})
	return f
}

func TestRefreshNeverChangesAVerdict(t *testing.T) {
	f := anomalyFixture(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{
			"anomalies(avg:m{*} by {host}, 'basic', 2, interval=60)",
			"anomalies(avg:m{*}, 'basic_sigma', 2, interval=300)",
			"anomalies(avg:m{*} by {host}, 'agile', 2, seasonality='hourly')",
			"anomalies(sum:hits{*}.as_count(), 'robust', 2, direction='below', seasonality='hourly', interval=300)",
			"anomalies(avg:m{*}, 'auto', 2, seasonality='hourly', min_change=5)",
		}).Draw(t, "query")
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		// The first look ends in the past, at a moment when nothing after it was known.
		end := t0.Add(-time.Duration(rapid.IntRange(0, 600).Draw(t, "minutes ago")) * time.Minute).UnixMilli()
		later := min(end+int64(rapid.IntRange(1, 90).Draw(t, "later"))*60_000, t0.UnixMilli())
		span := int64(rapid.IntRange(60, 300).Draw(t, "minutes")) * 60_000
		span2 := int64(rapid.IntRange(60, 300).Draw(t, "other minutes")) * 60_000
		look := func(from, to int64) map[string]string {
			frames, err := q.Range(context.Background(), f.engine, Options{From: from, To: to, Interval: 60_000})
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]string{}
			g := frames[0].Grid
			for _, row := range frames[0].Rows {
				for i := range row.Values {
					if at := g.Start + int64(i)*g.Step; at+g.Step <= to {
						out[fmt.Sprint(row.Tags, at)] = fmt.Sprint(row.Band.Upper[i], row.Band.Middle[i], row.Band.Anomalous[i], row.Band.Scores[i])
					}
				}
			}
			return out
		}
		first, second := look(end-span, end), look(later-span2, later)
		for key, verdict := range first {
			if again, both := second[key]; both && again != verdict {
				t.Fatalf("%s: %s was %s, and is %s later", text, key, verdict, again)
			}
		}
	})
}

// A watch that goes from minute to minute on its states says what a monitor
// says that reads all of the history each time.
func TestWatchSaysWhatTheMonitorSays(t *testing.T) {
	f := anomalyFixture(t)
	for _, text := range []string{
		"avg(last_1h):anomalies(avg:m{*} by {host}, 'basic', 2, alert_window='last_15m') >= 0.4",
		"avg(last_1h):anomalies(avg:m{*} by {host}, 'agile', 3, alert_window='last_5m', seasonality='hourly', severe=6) >= 0.6",
		"avg(last_1h):anomalies(sum:hits{*}.as_count(), 'robust', 2, direction='below', alert_window='last_15m', seasonality='hourly') >= 0.4",
		"avg(last_1h):anomalies(avg:m{*}, 'auto', 3, alert_window='last_15m', seasonality='hourly') >= 0.5",
		"avg(last_15m):anomalies(avg:m{*} by {host}, 'basic_sigma', 2) >= 0.5",
	} {
		m := parseMonitor(t, text)
		m.Recovery = 10 * time.Minute
		w := NewWatch(m)
		// Over midnight, where the hourly detectors change, and a long pause.
		for _, minutes := range []int{800, 799, 798, 797, 790, 730, 729, 728, 727, 715, 714, 713, 300, 299, 298, 297, 140, 139, 138, 137, 120, 60, 30, 10, 2, 1, 0} {
			at := t0.Add(-time.Duration(minutes)*time.Minute + 20*time.Second).UnixMilli()
			want, err := m.Eval(context.Background(), f.engine, at)
			if err != nil {
				t.Fatal(err)
			}
			got, err := w.Eval(context.Background(), f.engine, at)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := valuesOf(got), valuesOf(want); a != b {
				t.Fatalf("%s\n%d minutes ago the watch says\n%s\nthe monitor\n%s", text, minutes, a, b)
			}
		}
		if w.upto == 0 {
			t.Errorf("%s: the watch kept no states", text)
		}
	}
}

func valuesOf(groups []GroupValue) string {
	var b strings.Builder
	for _, g := range groups {
		fmt.Fprintln(&b, g.Tags, g.Value, *g.Recovered, g.Points, g.Last, g.Explanation)
	}
	return b.String()
}

func TestAnomalyMonitorNeedsHalfOfItsPoints(t *testing.T) {
	f := newFixture(t)
	f.wave(gauge("m"), 1, 600, func(i int, v float64) float64 {
		if i < 14 { // a gauge holds for five minutes more
			return math.NaN()
		}
		return v
	})
	m := parseMonitor(t, "avg(last_15m):anomalies(avg:m{*}, 'basic', 3) >= 0.5")
	for minutes, judged := range map[int]bool{0: false, 9: true, 5: true} {
		groups, err := m.Eval(context.Background(), f.engine, t0.Add(-time.Duration(minutes)*time.Minute).UnixMilli())
		if err != nil || len(groups) != 1 {
			t.Fatalf("%+v, %v", groups, err)
		}
		if math.IsNaN(groups[0].Value) == judged {
			t.Errorf("%d minutes ago: the share is %v", minutes, groups[0].Value)
		}
	}
}

func TestOneSeverePointAloneIsAnAlert(t *testing.T) {
	f := newFixture(t)
	f.wave(gauge("m"), 1, 600, func(i int, v float64) float64 {
		if i == 3 {
			return 900
		}
		return v
	})
	at := t0.UnixMilli()
	plain := parseMonitor(t, "avg(last_15m):anomalies(avg:m{*}, 'basic', 3) >= 0.5")
	severe := parseMonitor(t, "avg(last_15m):anomalies(avg:m{*}, 'basic', 3, severe=6) >= 0.5")
	a, err := plain.Eval(context.Background(), f.engine, at)
	if err != nil || len(a) != 1 || a[0].Value > 0.2 {
		t.Errorf("without severe: %+v, %v", a, err)
	}
	b, err := severe.Eval(context.Background(), f.engine, at)
	if err != nil || len(b) != 1 || b[0].Value != 1 {
		t.Errorf("with severe: %+v, %v", b, err)
	}
	if want := "900 is "; !strings.HasPrefix(b[0].Explanation, want) || !strings.Contains(b[0].Explanation, "outside") {
		t.Errorf("explanation: %s", b[0].Explanation)
	}
}

func TestWhatCannotBeNestedIsRefusedByName(t *testing.T) {
	for text, want := range map[string]string{
		"anomalies(cumsum(avg:m{*}), 'basic', 2)":                   "anomalies can't judge cumsum",
		"anomalies(abs(integral(avg:m{*})), 'basic', 2)":            "anomalies can't judge integral",
		"forecast(robust_trend(avg:m{*}), 'linear', 2)":             "forecast can't judge robust_trend",
		"anomalies(trend_line(avg:m{*}), 'agile', 2)":               "can't judge trend_line",
		"anomalies(piecewise_constant(avg:m{*}), 'basic', 2)":       "can't judge piecewise_constant",
		"anomalies(outliers(avg:m{*} by {a}, 'MAD', 2), 'basic',2)": "anomalies can't be applied to outliers",
		"abs(anomalies(avg:m{*}, 'basic', 2))":                      "abs can't be applied to anomalies",
		"anomalies(avg:m{*}, 'basic', 2) / 2":                       "there is no arithmetic with anomalies",
		"anomalies(avg:m{*}, 'basic', 2, direktion='both')":         "did you mean direction",
		"anomalies(avg:m{*}, 'basic', 2, seasonality='yearly')":     "'hourly', 'daily', 'weekly'",
		"anomalies(avg:m{*}, 'agile', 2, timezone='Mars')":          "timezone: want a name",
		"outliers(avg:m{*}, 'DBSCAN', 3)":                           "group the query by a tag",
		"outliers(avg:m{*} by {a}, 'KMEANS', 3)":                    "'DBSCAN', 'MAD'",
		"forecast(avg:m{*}, 'cubic', 3)":                            "'linear', 'seasonal'",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"avg(last_1h):anomalies(avg:m{*}, 'basic', 2) >= 3":                          "0 to 1",
		"avg(last_1h):anomalies(avg:m{*}, 'basic', 2) < 1":                           "compare with >=",
		"avg(last_15m):anomalies(avg:m{*}, 'basic', 2, alert_window='last_1h') >= 1": "can't be longer",
		"avg(last_1h):forecast(avg:m{*}, 'linear', 2) > 3":                           "next_1w",
		"avg(next_1h):avg:m{*} > 3":                                                  "only forecast",
	} {
		if _, err := ParseMonitor(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", text, err, want)
		}
	}
}

func TestForecastGoesOnWhereTheDataEnds(t *testing.T) {
	f := newFixture(t)
	var pairs []float64
	r := rand.New(rand.NewPCG(1, 1))
	for i := 2 * 1440; i > 0; i-- {
		pairs = append(pairs, float64(60*i), 80-0.01*float64(i)+0.1*r.NormFloat64())
	}
	f.put(gauge("disk", "host:a"), pairs...)
	q, err := Parse("forecast(avg:disk{*}, 'linear', 2)")
	if err != nil {
		t.Fatal(err)
	}
	from, to := t0.Add(-24*time.Hour).UnixMilli(), t0.UnixMilli()
	frames, err := q.Range(context.Background(), f.engine, Options{From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	g, row := frames[0].Grid, frames[0].Rows[0]
	if g.End < to+11*3_600_000 || row.Band == nil || !row.Band.Forecast {
		t.Fatalf("the grid ends %v after now, band %v", time.Duration(g.End-to)*time.Millisecond, row.Band)
	}
	// 80 now, 0.01 a minute: 86 ten hours on.
	i := int((to + 10*3_600_000 - g.Start) / g.Step)
	if v := row.Band.Middle[i]; math.Abs(v-86) > 0.5 || !(row.Band.Upper[i] > v) || !math.IsNaN(row.Values[i]) {
		t.Errorf("ten hours on: %v to %v", v, row.Band.Upper[i])
	}
	if !math.IsNaN(row.Band.Middle[i-200]) {
		t.Error("the past is forecast")
	}
	if !strings.Contains(row.Band.Summary, "a day") {
		t.Errorf("summary: %s", row.Band.Summary)
	}

	m := parseMonitor(t, "max(next_1d):forecast(avg:disk{*} by {host}, 'linear', 2) >= 90")
	groups, err := m.Eval(context.Background(), f.engine, to)
	if err != nil || len(groups) != 1 {
		t.Fatalf("%+v, %v", groups, err)
	}
	if v := groups[0].Value; math.Abs(v-94.4) > 1 || !strings.Contains(groups[0].Explanation, "It reaches 90 on Nov 24, 04:") {
		t.Errorf("a day ahead: %v, %s", v, groups[0].Explanation)
	}
	m = parseMonitor(t, "min(next_1d):forecast(avg:disk{*}, 'linear', 2) < 50")
	groups, err = m.Eval(context.Background(), f.engine, to)
	if err != nil || len(groups) != 1 || !strings.Contains(groups[0].Explanation, "stays on this side of 50") || groups[0].Value < 79 {
		t.Errorf("%+v, %v", groups, err)
	}
}

func TestOutlierMonitorNamesTheGroup(t *testing.T) {
	f := newFixture(t)
	for i := range 6 {
		f.wave(gauge("load", fmt.Sprintf("host:%d", i)), uint64(i), 120, func(_ int, v float64) float64 {
			if i == 4 {
				return v + 300
			}
			return v
		})
	}
	q, err := Parse("outliers(avg:load{*} by {host}, 'DBSCAN', 3)")
	if err != nil {
		t.Fatal(err)
	}
	frames, err := q.Range(context.Background(), f.engine, Options{From: t0.Add(-time.Hour).UnixMilli(), To: t0.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range frames[0].Rows {
		if want := row.Tags[0] == "host:4"; row.Outlier != want {
			t.Errorf("%v: outlier %v", row.Tags, row.Outlier)
		}
	}
	m := parseMonitor(t, "avg(last_1h):outliers(avg:load{*} by {host}, 'MAD', 3, 50) > 0")
	groups, err := m.Eval(context.Background(), f.engine, t0.UnixMilli())
	if err != nil || len(groups) != 6 {
		t.Fatalf("%+v, %v", groups, err)
	}
	for _, g := range groups {
		if want := g.Tags[0] == "host:4"; (g.Value == 1) != want {
			t.Errorf("%v: %v", g.Tags, g.Value)
		}
	}
}

func TestTrendFunctionsDrawOverTheGraph(t *testing.T) {
	f := newFixture(t)
	var pairs []float64
	for i := 60; i > 0; i-- {
		pairs = append(pairs, float64(60*i), float64(-2*i))
	}
	f.put(gauge("m"), pairs...)
	for text, step := range map[string]float64{"trend_line(avg:m{*})": 2, "robust_trend(avg:m{*})": 2, "piecewise_constant(avg:m{*} * 0 + 5)": 0} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		frames, err := q.Range(context.Background(), f.engine, Options{From: t0.Add(-time.Hour).UnixMilli(), To: t0.UnixMilli() - 1, Interval: 60_000})
		if err != nil || len(frames[0].Rows) != 1 {
			t.Fatalf("%s: %v, %v", text, frames, err)
		}
		v := frames[0].Rows[0].Values
		for i := 1; i < len(v); i++ {
			if math.Abs(v[i]-v[i-1]-step) > 1e-9 {
				t.Fatalf("%s: from %v to %v at %d, want steps of %v", text, v[i-1], v[i], i, step)
			}
		}
	}
}

func BenchmarkWatch(b *testing.B) {
	f := anomalyFixture(b)
	m := parseMonitor(b, "avg(last_1h):anomalies(avg:m{*} by {host}, 'agile', 3, alert_window='last_5m', seasonality='hourly', severe=6) >= 0.6")
	eval := func(b *testing.B, eval func(context.Context, *query.Engine, int64) ([]GroupValue, error)) {
		for i := 0; b.Loop(); i++ {
			if _, err := eval(context.Background(), f.engine, t0.UnixMilli()-int64(60-i%60)*60_000); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("watch", func(b *testing.B) { eval(b, NewWatch(m).Eval) })
	b.Run("afresh", func(b *testing.B) { eval(b, m.Eval) })
}

func TestOldSumsAreSpreadOverTheirMinutes(t *testing.T) {
	g := query.Grid{Start: 0, End: 3 * 86_400_000, Step: 60_000}
	c := &store.Columns{Times: []int64{300_000, 600_000, 960_000, g.End - 600_000}, Values: []float64{50, 100, 7, 9}}
	row := rollup(g, c, "sum")
	spreadOut(g, c, row, g.End)
	for at, want := range map[int]float64{5: 10, 9: 10, 10: 20, 14: 20, 16: 7, len(row) - 11: 9} {
		if row[at] != want {
			t.Errorf("minute %d: %v, want %v", at, row[at], want)
		}
	}
	if !math.IsNaN(row[15]) || !math.IsNaN(row[len(row)-10]) {
		t.Error("a sample of its own was spread")
	}
}
