package datadog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/sketch"
)

// t0 is the tests' present, on a round hour.
var t0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// fixture is a store filled for a test.
type fixture struct {
	t      testing.TB
	db     *store.DB
	engine *query.Engine
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	db, err := store.Open(t.TempDir(), store.Options{Now: func() time.Time { return t0 }, Retention: 100 * 24 * time.Hour, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &fixture{t, db, query.New(db, query.Options{})}
}

// put keeps samples of a series: seconds before t0 and values, in pairs.
func (f *fixture) put(s store.Series, pairs ...float64) {
	f.t.Helper()
	s.Tags = store.NewTags(s.Tags)
	ref, err := f.db.Intern(s)
	if err != nil {
		f.t.Fatal(err)
	}
	var b store.Batch
	for i := 0; i < len(pairs); i += 2 {
		b.Samples = append(b.Samples, store.Sample{Ref: ref, Time: t0.UnixMilli() - int64(pairs[i]*1000), Value: pairs[i+1]})
	}
	if _, err := f.db.Append(context.Background(), &b); err != nil {
		f.t.Fatal(err)
	}
}

func gauge(name string, tags ...string) store.Series { return store.Series{Name: name, Tags: tags} }

func counter(kind store.Kind, seconds int64, name string, tags ...string) store.Series {
	return store.Series{Name: name, Tags: tags, Kind: kind, Interval: seconds * 1000}
}

// fill keeps what the cases below ask about.
func (f *fixture) fill() {
	f.put(gauge("g", "host:a", "env:prod"), 60, 10, 50, 20, 40, 30, 30, 40, 20, 50, 10, 60)
	f.put(gauge("g", "host:b", "env:test"), 60, 1, 50, 2, 40, 3, 30, 4, 20, 5, 10, 6)
	f.put(gauge("g", "host:c", "bare"), 60, 100, 30, 400)
	f.put(gauge("slow", "host:a"), 100, 0, 55, 45, 10, 90)
	f.put(gauge("gap", "host:a"), 400, 1, 50, 2)
	f.put(gauge("neg"), 30, -3, 20, 0, 10, 8)
	f.put(counter(store.Rate, 10, "req", "route:x"), 60, 2, 50, 0, 40, 1, 30, 0, 20, 0, 10, 3)
	f.put(counter(store.Count, 20, "hits"), 60, 20, 40, 40, 20, 60)
	f.put(counter(store.Rate, 10, "mixed"), 60, 2, 50, 2)
	f.put(counter(store.Rate, 45, "mixed"), 40, 2)
	f.put(gauge("ramp"), 60, 0, 50, 1, 40, 3, 30, 6, 20, 2, 10, 4)
	f.put(gauge("multi", "env:x", "env:y"), 10, 7)
	ref, err := f.db.Intern(store.Series{Name: "dist", Tags: store.NewTags([]string{"host:a"}), Kind: store.Distribution})
	if err != nil {
		f.t.Fatal(err)
	}
	var b store.Batch
	for i := range 2 {
		s := &sketch.Sketch{}
		for v := 1; v <= 10; v++ {
			s.Add(float64(v*(i+1)), 1)
		}
		b.Sketches = append(b.Sketches, store.SketchSample{Ref: ref, Time: t0.UnixMilli() - int64(20-10*i)*1000, Sketch: s})
	}
	if _, err := f.db.Append(context.Background(), &b); err != nil {
		f.t.Fatal(err)
	}
	err = f.db.Catalog().UpdateHost(context.Background(), "a", func(h *catalog.Host) { h.Tags = map[string][]string{"system": {"team:core", "nice"}} })
	if err != nil {
		f.t.Fatal(err)
	}
}

// show writes rows as a person reads them: "tags: v v v" per row, "_" for none.
func show(frames []*query.Frame) string {
	var rows []string
	for _, f := range frames {
		for _, r := range f.Rows {
			text := strings.Join(r.Tags, ",") + ":"
			for _, v := range r.Values {
				if math.IsNaN(v) {
					text += " _"
				} else {
					text += fmt.Sprintf(" %.6g", v)
				}
			}
			rows = append(rows, text)
		}
	}
	return strings.Join(rows, " | ")
}

// TestWorkedCases asks over the minute before t0, in buckets of 10 s, unless a
// case has its own interval. The expected rows were computed by hand.
func TestWorkedCases(t *testing.T) {
	f := newFixture(t)
	f.fill()
	for _, tt := range []struct {
		query string
		want  string
	}{
		// One series, and what filters select.
		{"avg:g{host:a}", ": 10 20 30 40 50 60"},
		{"avg:g{env:prod}", ": 10 20 30 40 50 60"},
		{"avg:g{team:core}", ": 10 20 30 40 50 60"},
		{"avg:g{nice}", ": 10 20 30 40 50 60"},
		{"avg:g{bare}", ": 100 200 300 400 _ _"},
		{"avg:g{host:a,env:prod}", ": 10 20 30 40 50 60"},
		{"avg:g{host:a,env:test}", ""},
		{"avg:g{!host:a,!bare}", ": 1 2 3 4 5 6"},
		{"avg:g{NOT host:a AND NOT bare}", ": 1 2 3 4 5 6"},
		{"avg:g{host:a OR host:b}", ": 5.5 11 16.5 22 27.5 33"},
		{"avg:g{host IN (a,b)}", ": 5.5 11 16.5 22 27.5 33"},
		{"avg:g{host NOT IN (a, b)}", ": 100 200 300 400 _ _"},
		{"avg:g{(host:a OR host:b) AND env:t*}", ": 1 2 3 4 5 6"},
		{"avg:g{env:*}", ": 5.5 11 16.5 22 27.5 33"},
		{"avg:g{ho*:b}", ": 1 2 3 4 5 6"},
		{"avg:g{ENV:Prod}", ": 10 20 30 40 50 60"},
		{"avg:nothing{*}", ""},
		// Space aggregators.
		{"sum:g{*}", ": 111 222 333 444 55 66"},
		{"min:g{*}", ": 1 2 3 4 5 6"},
		{"max:g{*}", ": 100 200 300 400 50 60"},
		{"count:g{*}", ": 3 3 3 3 2 2"},
		{"p50:g{*}", ": 10 20 30 40 27.5 33"},
		// Groups.
		{"avg:g{*} by {host}", "host:a: 10 20 30 40 50 60 | host:b: 1 2 3 4 5 6 | host:c: 100 200 300 400 _ _"},
		{"sum:g{*} by {env}", "env:N/A: 100 200 300 400 _ _ | env:prod: 10 20 30 40 50 60 | env:test: 1 2 3 4 5 6"},
		{"avg:g{env:*} by {env,host}", "env:prod,host:a: 10 20 30 40 50 60 | env:test,host:b: 1 2 3 4 5 6"},
		{"avg:g{host:a} by {team}", "team:core: 10 20 30 40 50 60"},
		{"avg:multi{*} by {env}", "env:x: _ _ _ _ _ 7 | env:y: _ _ _ _ _ 7"},
		// Gaps of gauges: bridged up to 300 s, never beyond the ends.
		{"avg:slow{*}", ": 45 54 63 72 81 90"},
		{"avg:slow{*}.fill(null)", ": 45 _ _ _ _ 90"},
		{"avg:gap{*}", ": _ 2 _ _ _ _"},
		{"avg:gap{*}.fill(last)", ": _ 2 2 2 2 2"},
		{"avg:gap{*}.fill(last, 20)", ": _ 2 2 2 _ _"},
		{"avg:gap{*}.fill(zero)", ": 0 2 0 0 0 0"},
		// Counts and rates.
		{"sum:req{*}", ": 2 0 1 0 0 3"},
		{"sum:req{*}.as_count()", ": 20 0 10 0 0 30"},
		{"sum:req{*}.as_rate()", ": 2 0 1 0 0 3"},
		{"sum:hits{*}", ": 20 _ 40 _ 60 _"},
		{"sum:hits{*}.as_rate()", ": 1 _ 2 _ 3 _"},
		{"sum:hits{*}.as_count()", ": 20 _ 40 _ 60 _"},
		{"sum:mixed{*}.as_count()", ": 20 20 90 _ _ _"},
		{"avg:g{host:a}.as_count()", ": 10 20 30 40 50 60"},
		{"avg:g{host:a}.as_rate()", ": 10 20 30 40 50 60"},
		// Distributions.
		{"avg:dist{*}", ": _ _ _ _ 5.5 11"},
		{"sum:dist{*}", ": _ _ _ _ 55 110"},
		{"count:dist{*}", ": _ _ _ _ 10 10"},
		{"min:dist{*}", ": _ _ _ _ 1 2"},
		{"max:dist{*} by {host}", "host:a: _ _ _ _ 10 20"},
		// Arithmetic.
		{"avg:g{host:a} + 1", ": 11 21 31 41 51 61"},
		{"100 - avg:g{host:a}", ": 90 80 70 60 50 40"},
		{"avg:g{host:a} * 2 + 1", ": 21 41 61 81 101 121"},
		{"1 + 2 * avg:g{host:b}", ": 3 5 7 9 11 13"},
		{"(1 + 2) * avg:g{host:b}", ": 3 6 9 12 15 18"},
		{"10 - 4 - avg:g{host:b}", ": 5 4 3 2 1 0"},
		{"avg:g{host:a} / avg:g{host:b}", ": 10 10 10 10 10 10"},
		{"avg:g{*} by {host} / avg:g{host:b}", "host:a: 10 10 10 10 10 10 | host:b: 1 1 1 1 1 1 | host:c: 100 100 100 100 _ _"},
		{"avg:g{env:*} by {host} - avg:g{*} by {host}", "host:a: 0 0 0 0 0 0 | host:b: 0 0 0 0 0 0"},
		{"avg:g{host:a} / (avg:neg{*} - avg:neg{*})", ""},
		{"-2 * avg:g{host:b}", ": -2 -4 -6 -8 -10 -12"},
		{"avg:g{host:a}, avg:g{host:b}", ": 10 20 30 40 50 60 | : 1 2 3 4 5 6"},
		{"7", ": 7 7 7 7 7 7"},
		// Functions.
		{"abs(avg:neg{*})", ": _ _ _ 3 0 8"},
		{"log2(avg:neg{*})", ": _ _ _ _ _ 3"},
		{"cumsum(avg:g{host:b})", ": 1 3 6 10 15 21"},
		{"integral(avg:g{host:b})", ": 10 30 60 100 150 210"},
		{"diff(avg:ramp{*})", ": _ 1 2 3 -4 2"},
		{"monotonic_diff(avg:ramp{*})", ": _ 1 2 3 _ 2"},
		{"derivative(avg:ramp{*})", ": _ 0.1 0.2 0.3 -0.4 0.2"},
		{"per_second(avg:ramp{*})", ": _ 0.1 0.2 0.3 _ 0.2"},
		{"per_minute(avg:ramp{*})", ": _ 6 12 18 _ 12"},
		{"dt(avg:ramp{*})", ": _ 10 10 10 10 10"},
		{"clamp_min(avg:ramp{*}, 2)", ": 2 2 3 6 2 4"},
		{"clamp_max(avg:ramp{*}, 2)", ": 0 1 2 2 2 2"},
		{"cutoff_min(avg:ramp{*}, 2)", ": _ _ 3 6 2 4"},
		{"cutoff_max(avg:ramp{*}, 2)", ": 0 1 _ _ 2 _"},
		{"default_zero(avg:gap{*})", ": 0 2 0 0 0 0"},
		{"default_zero(avg:nothing{*})", ": 0 0 0 0 0 0"},
		{"median_3(avg:ramp{*})", ": 0 0.5 1 3 3 4"},
		{"ewma_3(avg:ramp{*})", ": 0 0.5 1.75 3.875 2.9375 3.46875"},
		{"moving_rollup(avg:ramp{*}, 20, 'max')", ": 0 1 3 6 6 4"},
		{"timeshift(avg:ramp{*}, -20)", ": _ _ 0 1 3 6"},
		{"hour_before(avg:ramp{*})", ""},
		{"top(avg:g{*} by {host}, 1, 'mean', 'desc')", "host:c: 100 200 300 400 _ _"},
		{"bottom5_max(avg:g{env:*} by {host})", "host:b: 1 2 3 4 5 6 | host:a: 10 20 30 40 50 60"},
		{"count_not_null(avg:g{*} by {host})", ": 3 3 3 3 2 2"},
		{"count_nonzero(avg:ramp{*})", ": 0 1 1 1 1 1"},
		{"exclude_null(sum:g{*} by {env})", "env:prod: 10 20 30 40 50 60 | env:test: 1 2 3 4 5 6"},
		// Rollups bring their own interval: the whole minute is one bucket.
		{"avg:g{host:a}.rollup(sum, 60)", ": 210"},
		{"avg:g{host:a}.rollup(60)", ": 35"},
		{"avg:g{host:a}.rollup(max, 30)", ": 30 60"},
		{"avg:g{host:a}.rollup(last, 60)", ": 60"},
		{"sum:req{*}.as_count().rollup(sum, 60)", ": 60"},
		{"sum:hits{*}.as_rate().rollup(sum, 60)", ": 2"},
		{"sum:mixed{*}.as_rate().rollup(sum, 60)", ": 2.16667"},
		{"p50:dist{*}.rollup(avg, 60)", ": 7.98497"},
		{"count:dist{*}.rollup(sum, 60)", ": 20"},
		{"avg:g{host:a}.rollup(max)", ": 10 20 30 40 50 60"},
		{"avg:g{host:a}.rollup(min, 20)", ": 10 30 50"},
		{"avg:g{host:a}.rollup(count, 30)", ": 3 3"},
		{"avg:g{host:a}.rollup(avg, 20)", ": 15 35 55"},
		{"sum:g{env:*}.rollup(sum, 30)", ": 66 165"},
		{"max:g{*}.rollup(min, 60)", ": 100"},
		{"sum:hits{*}.rollup(sum, 60)", ": 120"},
		{"sum:hits{*}.rollup(60)", ": 120"},
		{"sum:hits{*}.rollup(avg, 60)", ": 40"},
		{"sum:hits{*}.as_rate().rollup(sum, 20)", ": 1 2 3"},
		{"sum:req{*}.as_count().rollup(sum, 20)", ": 20 10 30"},
		{"sum:req{*}.rollup(avg, 30)", ": 1 1"},
		{"sum:req{*}.as_rate().rollup(sum, 30)", ": 1 1"},
		{"avg:slow{*}.rollup(last, 60)", ": 90"},
		{"p90:g{*}.rollup(avg, 60)", ": 207"}, // of 35, 3.5 and 250: 35 + 0.8 * 215
		// More filters.
		{"avg:g{*,host:b}", ": 1 2 3 4 5 6"},
		{"avg:g{!env:prod AND !env:test}", ": 100 200 300 400 _ _"},
		{"avg:g{NOT (host:a OR host:b)}", ": 100 200 300 400 _ _"},
		{"avg:g{env IN (prod, t*)}", ": 5.5 11 16.5 22 27.5 33"},
		{"avg:g{*prod}", ": 10 20 30 40 50 60"},
		{"avg:g{host:a OR bare}", ": 55 110 165 220 50 60"},
		{"avg:g{host:a OR host:b, env:test}", ": 5.5 11 16.5 22 27.5 33"}, // the comma binds like AND
		{"avg:g{}", ": 37 74 111 148 27.5 33"},
		{"avg:g{host:nobody}", ""},
		{"avg:multi{env:x}", ": _ _ _ _ _ 7"},
		{"avg:multi{env:x,env:y}", ": _ _ _ _ _ 7"},
		// More space aggregation.
		{"p75:g{env:*}", ": 7.75 15.5 23.25 31 38.75 46.5"},
		{"p99:g{host:b}", ": 1 2 3 4 5 6"},
		{"count_values:g{*}", ": 3 2 2 3 2 2"}, // what was submitted, not what bridges gaps
		{"count_values:g{*}.rollup(count, 30)", ": 7 7"},
		{"count_values:hits{*}", ": 1 _ 1 _ 1 _"},
		{"count_values:dist{*}", ": _ _ _ _ 10 10"},
		{"sum:g{*} by {host,env}", "env:N/A,host:c: 100 200 300 400 _ _ | env:prod,host:a: 10 20 30 40 50 60 | env:test,host:b: 1 2 3 4 5 6"},
		{"max:g{*} by {nothing}", "nothing:N/A: 100 200 300 400 50 60"},
		{"min:dist{*}.rollup(min, 60)", ": 1"},
		{"max:dist{*}.rollup(max, 60)", ": 20"},
		{"avg:dist{*}.rollup(60)", ": 8.25"},
		{"sum:dist{*}.as_rate()", ": _ _ _ _ 5.5 11"},
		// More arithmetic: missing on either side is missing; a number goes with all.
		{"avg:g{host:a} - avg:ramp{*}", ": 10 19 27 34 48 56"},
		{"avg:ramp{*} / avg:ramp{*}", ": _ 1 1 1 1 1"},
		{"avg:g{host:c} + avg:g{host:a}", ": 110 220 330 440 _ _"},
		{"2 * (avg:g{host:b} + 3) / 4", ": 2 2.5 3 3.5 4 4.5"},
		{"0.5 * avg:g{host:b} - -1", ": 1.5 2 2.5 3 3.5 4"},
		{"1e1 + avg:g{host:b}", ": 11 12 13 14 15 16"},
		{"sum:req{*}.as_count() / sum:hits{*}.as_count()", ": 1 _ 0.25 _ 0 _"},
		{"avg:g{env:*} by {env} * 2", "env:prod: 20 40 60 80 100 120 | env:test: 2 4 6 8 10 12"},
		{"(avg:g{host:a} + avg:g{host:b}) / 11", ": 1 2 3 4 5 6"},
		{"3 / 0", ": _ _ _ _ _ _"},
		// More functions.
		{"abs(0 - avg:g{host:b})", ": 1 2 3 4 5 6"},
		{"log10(avg:g{host:c} / 10)", ": 1 1.30103 1.47712 1.60206 _ _"},
		{"log10(avg:neg{*})", ": _ _ _ _ _ 0.90309"},
		{"cumsum(avg:slow{*}.fill(null))", ": 45 45 45 45 45 135"},
		{"cumsum(avg:g{*} by {host})", "host:a: 10 30 60 100 150 210 | host:b: 1 3 6 10 15 21 | host:c: 100 300 600 1000 1000 1000"},
		{"integral(avg:slow{*}.fill(zero))", ": 450 450 450 450 450 1350"},
		{"default_zero(avg:slow{*}.fill(null))", ": 45 0 0 0 0 90"},
		{"default_zero(avg:gap{*} / avg:gap{*})", ": 0 1 0 0 0 0"},
		{"diff(avg:slow{*}.fill(null))", ": _ _ _ _ _ 45"},
		{"derivative(avg:slow{*}.fill(null))", ": _ _ _ _ _ 0.9"},
		{"per_hour(avg:ramp{*})", ": _ 360 720 1080 _ 720"},
		{"per_second(avg:slow{*}.fill(null))", ": _ _ _ _ _ 0.9"},
		{"throughput(sum:hits{*})", ": 2 _ 4 _ 6 _"},
		{"throughput(sum:hits{*}.rollup(sum, 60))", ": 2"},
		{"dt(avg:slow{*})", ": _ _ _ _ _ 50"},
		{"dt(avg:g{*} by {host})", ": _ 10 10 10 10 10"}, // one line, whatever the groups
		{"ewma_5(avg:g{host:b})", ": 1 1.33333 1.88889 2.59259 3.39506 4.26337"},
		{"median_5(avg:ramp{*})", ": 0 0.5 1 2 2 3"},
		{"median_3(avg:slow{*}.fill(null))", ": 45 _ _ _ _ 67.5"},
		{"autosmooth(avg:ramp{*})", ": 0 1 3 6 2 4"}, // too few points for any span
		{"moving_rollup(avg:ramp{*}, 30)", ": 0 0.5 1.33333 3.33333 3.66667 4"},
		{"moving_rollup(avg:ramp{*}, 30, 'sum')", ": 0 1 4 10 11 12"},
		{"moving_rollup(avg:g{host:c}, 20, 'count')", ": 1 2 2 2 1 _"},
		{"clamp_min(avg:slow{*}.fill(null), 50)", ": 50 _ _ _ _ 90"},
		{"cutoff_max(cutoff_min(avg:ramp{*}, 1), 4)", ": _ 1 3 _ 2 4"},
		{"timeshift(avg:g{host:b}, -30)", ": _ _ _ 1 2 3"},
		{"timeshift(avg:g{host:b}, -10) - avg:g{host:b}", ": _ -1 -1 -1 -1 -1"},
		{"calendar_shift(avg:g{host:b}, '-1d', 'Europe/Berlin')", ""},
		{"top(avg:g{*} by {host}, 2, 'last', 'asc')", "host:b: 1 2 3 4 5 6 | host:a: 10 20 30 40 50 60"},
		{"top(avg:g{*} by {host}, 1, 'sum', 'asc')", "host:b: 1 2 3 4 5 6"},
		{"top(avg:g{*} by {host}, 2, 'max', 'desc')", "host:c: 100 200 300 400 _ _ | host:a: 10 20 30 40 50 60"},
		{"top5_l2norm(avg:g{env:*} by {host})", "host:a: 10 20 30 40 50 60 | host:b: 1 2 3 4 5 6"},
		{"bottom5_area(avg:g{*} by {host})", "host:b: 1 2 3 4 5 6 | host:a: 10 20 30 40 50 60 | host:c: 100 200 300 400 _ _"},
		{"count_nonzero(avg:g{*} by {host} - avg:g{host:b})", ": 2 2 2 2 1 1"},
		{"count_not_null(avg:nothing{*} by {host})", ": 0 0 0 0 0 0"},
		{"exclude_null(avg:g{*} by {host,env})", "env:prod,host:a: 10 20 30 40 50 60 | env:test,host:b: 1 2 3 4 5 6"},
		{"exclude_null(exclude_null(avg:g{*} by {env}))", "env:prod: 10 20 30 40 50 60 | env:test: 1 2 3 4 5 6"},
		{"abs(clamp_max(avg:g{host:b}, 3) - 5)", ": 4 3 2 2 2 2"},
	} {
		q, err := Parse(tt.query)
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		frames, err := q.Range(context.Background(), f.engine, Options{From: t0.UnixMilli() - 60_000, To: t0.UnixMilli() - 1, Interval: 10_000})
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		if got := show(frames); got != tt.want {
			t.Errorf("%s:\n got  %s\n want %s", tt.query, got, tt.want)
		}
		again, err := Parse(q.parts[0].String())
		if err != nil || again.parts[0].String() != q.parts[0].String() {
			t.Errorf("%s is written as %s, which reads as something else (error %v)", tt.query, q.parts[0], err)
		}
	}
}

// TestCalendarRollups asks over days around the change of the clock, of a metric
// that is 1 every hour.
func TestCalendarRollups(t *testing.T) {
	f := newFixture(t)
	var pairs []float64
	for h := 40 * 24; h > 0; h-- { // 14 October 12:00 to 23 November 11:00 UTC
		pairs = append(pairs, float64(h*3600), 1)
	}
	f.put(gauge("hourly"), pairs...)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method   string
		from, to time.Time
		want     string
		first    time.Time
	}{
		// 25 October has 25 hours in Berlin.
		{"rollup(sum, daily, 'Europe/Berlin')", time.Date(2026, 10, 24, 12, 0, 0, 0, berlin), time.Date(2026, 10, 26, 12, 0, 0, 0, berlin),
			": 24 25 24", time.Date(2026, 10, 24, 0, 0, 0, 0, berlin)},
		{"rollup(sum, 86400, 'Europe/Berlin')", time.Date(2026, 10, 25, 1, 0, 0, 0, berlin), time.Date(2026, 10, 25, 2, 0, 0, 0, berlin),
			": 25", time.Date(2026, 10, 25, 0, 0, 0, 0, berlin)},
		{"rollup(sum, daily)", time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC), time.Date(2026, 10, 26, 12, 0, 0, 0, time.UTC),
			": 24 24 24", time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC)},
		{"rollup(sum, daily, 'Europe/Berlin', '7h')", time.Date(2026, 10, 24, 12, 0, 0, 0, berlin), time.Date(2026, 10, 26, 6, 0, 0, 0, berlin),
			": 25 24", time.Date(2026, 10, 24, 7, 0, 0, 0, berlin)},
		{"rollup(sum, weekly, 'Europe/Berlin')", time.Date(2026, 10, 20, 0, 0, 0, 0, berlin), time.Date(2026, 10, 27, 0, 0, 0, 0, berlin),
			": 169 168", time.Date(2026, 10, 19, 0, 0, 0, 0, berlin)},
		{"rollup(sum, weekly, 'UTC', '1d')", time.Date(2026, 10, 22, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC),
			": 168", time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)},
		{"rollup(sum, monthly, 'UTC')", time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC),
			": 420 540", time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)}, // 17.5 days of October, 22.5 of November
		{"rollup(sum, 43200, 'America/New_York')", time.Date(2026, 10, 20, 16, 0, 0, 0, time.UTC), time.Date(2026, 10, 21, 3, 0, 0, 0, time.UTC),
			": 12", time.Date(2026, 10, 20, 16, 0, 0, 0, time.UTC)},
		{"rollup(count, 21600, 'Europe/Berlin')", time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), time.Date(2026, 10, 25, 23, 0, 0, 0, berlin),
			": 6 6 6 6 1", time.Date(2026, 10, 25, 0, 0, 0, 0, berlin)},
		{"rollup(avg, monthly, 'Asia/Tokyo')", time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC),
			": 1", time.Date(2026, 10, 31, 15, 0, 0, 0, time.UTC)},
	} {
		q, err := Parse("sum:hourly{*}." + tt.method)
		if err != nil {
			t.Errorf("%s: %v", tt.method, err)
			continue
		}
		frames, err := q.Range(context.Background(), f.engine, Options{From: tt.from.UnixMilli(), To: tt.to.UnixMilli()})
		if err != nil {
			t.Errorf("%s: %v", tt.method, err)
			continue
		}
		if got := show(frames); got != tt.want || frames[0].Grid.At(0) != tt.first.UnixMilli() {
			t.Errorf("%s: got %s from %s, want %s from %s", tt.method, got, time.UnixMilli(frames[0].Grid.At(0)).In(tt.first.Location()), tt.want, tt.first)
		}
		again, err := Parse(q.parts[0].String())
		if err != nil || again.parts[0].String() != q.parts[0].String() {
			t.Errorf("%s is written as %s, which reads as something else (error %v)", tt.method, q.parts[0], err)
		}
	}
}

func TestTemplateVariablesStandForTags(t *testing.T) {
	f := newFixture(t)
	f.fill()
	variables := map[string][]string{"env": {"env:prod"}, "both": {"host:a", "host:b"}, "all": nil, "star": {"*"}}
	for query, want := range map[string]string{
		"avg:g{$env}":                       ": 10 20 30 40 50 60",
		"avg:g{!$env,!bare}":                ": 1 2 3 4 5 6",
		"avg:g{$both}":                      ": 5.5 11 16.5 22 27.5 33",
		"avg:g{host:$both.value}":           ": 5.5 11 16.5 22 27.5 33",
		"avg:g{env:$env.value}":             ": 10 20 30 40 50 60",
		"avg:g{env IN ($env.value)}":        ": 10 20 30 40 50 60",
		"avg:g{$all,host:b}":                ": 1 2 3 4 5 6",
		"avg:g{$star,host:b}":               ": 1 2 3 4 5 6",
		"avg:g{host:$all.value,env:test}":   ": 1 2 3 4 5 6",
		"sum:g{$env} by {$env.key}":         "env:prod: 10 20 30 40 50 60",
		"avg:g{$env} + avg:g{$both,host:b}": ": 11 22 33 44 55 66",
	} {
		q, err := ParseWith(query, variables)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		frames, err := q.Range(context.Background(), f.engine, Options{From: t0.UnixMilli() - 60_000, To: t0.UnixMilli() - 1, Interval: 10_000})
		if err != nil || show(frames) != want {
			t.Errorf("%s: got %s, want %s (error %v)", query, show(frames), want, err)
		}
	}
	if _, err := ParseWith("avg:g{$evn}", variables); err == nil || !strings.Contains(err.Error(), "did you mean env?") {
		t.Errorf("an unknown variable: got error %v", err)
	}
}

func TestIntervalFollowsTheRange(t *testing.T) {
	for span, want := range map[time.Duration]time.Duration{
		15 * time.Minute: 10 * time.Second, time.Hour: 20 * time.Second, 4 * time.Hour: time.Minute, 24 * time.Hour: 5 * time.Minute,
		48 * time.Hour: 10 * time.Minute, 7 * 24 * time.Hour: time.Hour, 30 * 24 * time.Hour: 4 * time.Hour,
		90 * 24 * time.Hour: 12 * time.Hour, 365 * 24 * time.Hour: 24 * time.Hour, time.Minute: 10 * time.Second,
	} {
		if got := (Options{To: span.Milliseconds(), Bars: true}).interval(); got < 4*want.Milliseconds() || got > 12*want.Milliseconds()/2 {
			t.Errorf("bars over %v: %d ms apart, lines are %v", span, got, want)
		}
		if got := (Options{To: span.Milliseconds()}).interval(); got != want.Milliseconds() {
			t.Errorf("%s: got %s, want %s", span, seconds(got), want)
		}
	}
}

func TestTooFineARollupIsRaisedAndSaid(t *testing.T) {
	f := newFixture(t)
	f.fill()
	q, err := Parse("avg:g{*}.rollup(avg, 1)")
	if err != nil {
		t.Fatal(err)
	}
	frames, err := q.Range(context.Background(), f.engine, Options{From: t0.Add(-24 * time.Hour).UnixMilli(), To: t0.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	if n := frames[0].Grid.Len(); n > 1501 || len(frames[0].Warnings) != 1 || !strings.Contains(frames[0].Warnings[0], "1500") {
		t.Errorf("got %d points and warnings %q", n, frames[0].Warnings)
	}
}

func TestUnknownMetricIsNamedWithTheNearest(t *testing.T) {
	f := newFixture(t)
	f.put(gauge("my_metric"), 10, 1)
	q, err := Parse("avg:my_metrik{*}")
	if err != nil {
		t.Fatal(err)
	}
	frames, err := q.Range(context.Background(), f.engine, Options{From: t0.UnixMilli() - 60_000, To: t0.UnixMilli()})
	if err != nil || len(frames[0].Warnings) != 1 || !strings.Contains(frames[0].Warnings[0], "did you mean my_metric?") {
		t.Errorf("got %+v (error %v)", frames, err)
	}
}

func TestBadQueriesSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "position 1: want a query",
		"avg:m":                           `position 6: want "{"`,
		"avg:m{*":                         `position 8: want "}"`,
		"avrg:m{*}":                       `position 1: "avrg" is not an aggregator: allowed are avg, sum, min, max, count, count_values and percentiles such as p95; did you mean avg?`,
		"avg:m{*} by host":                `want "{" with tag keys`,
		"avg:m{*}.rolup(sum)":             `"rolup" is not a method: allowed are rollup, as_count, as_rate, fill; did you mean rollup?`,
		"avg:m{*}.rollup(sun, 60)":        `"sun" is not a time aggregator`,
		"avg:m{*} +":                      "want a query such as",
		"avg:m{*} ) ":                     `want an operator, a comma or the end, found ")"`,
		"absolut(avg:m{*})":               `there is no function "absolut"`,
		"anomalies(avg:m{*})":             "want anomalies(query, 'basic', bounds)",
		"anomalies(avg:m{*}, 'fancy', 2)": `found "fancy"`,
		"anomalies(avg:m{*}, 'basic', x)": "bounds: want a number",
		"anomalies(cumsum(avg:m{*}), 'basic', 2)": "anomalies can't judge cumsum",
		"avg:m{a:b AND}":               "want a tag such as env:prod",
		"avg:m{a NOT b}":               "want IN after NOT",
		"p101:m{*}":                    "is not an aggregator",
		strings.Repeat("(", 100) + "1": "nested more than",
		"avg:m{" + strings.Repeat("x", 20_000) + "}":     "longer than",
		"avg:m{*}.rollup(sum, daily, 'Mars/Base')":       `"Mars/Base" is not a time zone`,
		"avg:m{*}.rollup(sum, 5000, 'UTC')":              "want seconds that divide a day",
		"avg:m{*}.rollup(sum, daily, 'UTC', '2d')":       "less than the bucket",
		"avg:m{*}.rollup(sum, daily) + avg:m{*}":         "rolled up by the same calendar",
		"moving_rollup(avg:m{*}.rollup(sum, daily), 60)": "points that are evenly apart",
		"calendar_shift(avg:m{*}, '-2d')":                `"-2d" is no shift`,
		"avg:m{$env}":                                    "there is no template variable $env",
		"avg:m{*}.fill(maybe)":                           "want .fill(null)",
		"system.cpu.user":                                "want an aggregator before the metric, such as avg:system.cpu.user{*}",
	} {
		_, err := Parse(text)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got error %v, want %q in it", text, err, want)
		}
	}
}

func TestAnomaliesDoNotDependOnTheLeftEdge(t *testing.T) {
	f := newFixture(t)
	var pairs []float64
	for i := 600; i > 0; i-- {
		pairs = append(pairs, float64(10*i), float64(i*i%97))
	}
	f.put(gauge("m"), pairs...)
	q, err := Parse("anomalies(avg:m{*}, 'basic', 2)")
	if err != nil {
		t.Fatal(err)
	}
	rows := func(minutes int) query.Row {
		frames, err := q.Range(context.Background(), f.engine, Options{From: t0.Add(-time.Duration(minutes) * time.Minute).UnixMilli(), To: t0.UnixMilli() - 1, Interval: 10_000})
		if err != nil || len(frames[0].Rows) != 1 {
			t.Fatalf("got %+v (error %v)", frames, err)
		}
		return frames[0].Rows[0]
	}
	short, long := rows(5), rows(30)
	for i := range short.Values {
		j := i + len(long.Values) - len(short.Values)
		if short.Band.Upper[i] != long.Band.Upper[j] || short.Band.Anomalous[i] != long.Band.Anomalous[j] || math.IsNaN(short.Band.Upper[i]) {
			t.Fatalf("point %d: upper %v and %v", i, short.Band.Upper[i], long.Band.Upper[j])
		}
	}
}

func TestMonitorEvaluatesItsWindow(t *testing.T) {
	f := newFixture(t)
	f.fill()
	for _, tt := range []struct {
		query, want string
	}{
		{"avg(last_1m):avg:g{*} by {host} > 800", "host:a 35 (6) | host:b 3.5 (6) | host:c 250 (2)"},
		{"max(last_1m):avg:g{host:a} >= 5", " 60 (6)"},
		{"min(last_1m):avg:g{host:a} < -5.5", " 10 (6)"},
		{"sum(last_1m):sum:req{*}.as_count() > 10", " 60 (6)"},
		{"last(last_1m):avg:g{host:a} <= 1", " 60 (6)"},
		{"avg(last_5m):avg:slow{*} > 1", " 45 (3)"},
		{"avg(last_1m):avg:nothing{*} > 1", ""},
		{"avg(last_1m):avg:g{host:a} / avg:g{host:b} > 1", " 10 (6)"},
	} {
		m, err := ParseMonitor(tt.query)
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		groups, err := m.Eval(context.Background(), f.engine, t0.UnixMilli())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, g := range groups {
			got = append(got, fmt.Sprintf("%s %g (%d)", strings.Join(g.Tags, ","), g.Value, g.Points))
		}
		if text := strings.Join(got, " | "); text != tt.want {
			t.Errorf("%s: got %s, want %s", tt.query, text, tt.want)
		}
	}
	m, err := ParseMonitor("avg(last_5m):avg:my_metric{*} by {host,env} >= -1.5")
	if err != nil || m.Window != 5*time.Minute || m.Comparator != ">=" || m.Threshold != -1.5 || strings.Join(m.GroupBy, ",") != "env,host" || m.QueryText != "avg:my_metric{*} by {host,env}" {
		t.Errorf("got %+v (error %v)", m, err)
	}
	for _, text := range []string{"", "avg:m{*} > 1", "avg(last_5x):avg:m{*} > 1", "avg(last_5m):avg:m{*}", "avg(last_5m):avg:m{*} > x", "avg(last_5m):avg:m{*} > 1 2", "avg(last_5m):7 > 1", "median(last_5m):avg:m{*} > 1"} {
		if _, err := ParseMonitor(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestAnomalyMonitorSeesTheShareOfTheAlertWindow(t *testing.T) {
	f := newFixture(t)
	var pairs []float64
	for i := 600; i > 0; i-- {
		v := float64(i % 7)
		if i <= 30 { // the last five minutes
			v = 1000
		}
		pairs = append(pairs, float64(10*i), v)
	}
	f.put(gauge("m"), pairs...)
	m, err := ParseMonitor("avg(last_1h):anomalies(avg:m{*}, 'basic', 3, direction='above', alert_window='last_5m', interval=20) >= 0.8")
	if err != nil {
		t.Fatal(err)
	}
	groups, err := m.Eval(context.Background(), f.engine, t0.UnixMilli())
	if err != nil || len(groups) != 1 || groups[0].Value < 0.8 {
		t.Errorf("got %+v (error %v), want most of the window anomalous", groups, err)
	}
	groups, err = m.Eval(context.Background(), f.engine, t0.Add(-10*time.Minute).UnixMilli())
	if err != nil || len(groups) != 1 || groups[0].Value > 0.2 {
		t.Errorf("before the jump: got %+v (error %v)", groups, err)
	}
}

func TestSeriesInShardsAddUpToTheWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		want := make([]float64, 6)
		for h := range rapid.IntRange(1, 20).Draw(rt, "hosts") {
			var pairs []float64
			for i := range want {
				v := float64(rapid.IntRange(0, 100).Draw(rt, "v"))
				want[i] += v
				pairs = append(pairs, float64(60-10*i), v)
			}
			f.put(gauge("m", fmt.Sprint("host:", h)), pairs...)
		}
		q, err := Parse("sum:m{*}")
		if err != nil {
			rt.Fatal(err)
		}
		frames, err := q.Range(context.Background(), f.engine, Options{From: t0.UnixMilli() - 60_000, To: t0.UnixMilli() - 1, Interval: 10_000})
		if err != nil || len(frames[0].Rows) != 1 {
			rt.Fatalf("got %+v (error %v)", frames, err)
		}
		for i, v := range frames[0].Rows[0].Values {
			if v != want[i] {
				rt.Fatalf("bucket %d: got %v, want %v", i, v, want[i])
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"avg:m{a:b,!c} by {d}.rollup(sum, 3600)", "anomalies(avg:m{*} / 2, 'basic', 1.2, direction='above')", "top(sum:x{a IN (b,c)}.as_count(), 5, 'mean', 'desc')"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			return
		}
		for _, p := range q.parts {
			if again, err := Parse(p.String()); err != nil || again.parts[0].String() != p.String() {
				t.Fatalf("%q is written as %q, which reads as something else (error %v)", text, p, err)
			}
		}
	})
}

func FuzzParseMonitor(f *testing.F) {
	f.Add("avg(last_5m):avg:my_metric{*} by {host} > 800")
	f.Add("avg(last_4h):anomalies(avg:x{*}, 'basic', 2, alert_window='last_15m') >= 1")
	f.Fuzz(func(t *testing.T, text string) { ParseMonitor(text) })
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse("sum:requests{env:prod AND !role:db} by {host}.as_count().rollup(sum, 60) / 60"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRange(b *testing.B) {
	f := newFixture(b)
	for h := range 1000 {
		var pairs []float64
		for i := 360; i > 0; i-- {
			pairs = append(pairs, float64(10*i), float64((h+i)%100))
		}
		f.put(gauge("m", fmt.Sprint("host:", h), fmt.Sprint("env:", h%5)), pairs...)
	}
	for name, text := range map[string]string{"one_series_1h": "avg:m{host:7}", "1000_series_1h_by_env": "avg:m{*} by {env}"} {
		q, err := Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := q.Range(context.Background(), f.engine, Options{From: t0.Add(-time.Hour).UnixMilli(), To: t0.UnixMilli()}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
