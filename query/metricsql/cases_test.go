package metricsql

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

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// t0 is the tests' present, on a round hour.
var t0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

type fixture struct {
	t      testing.TB
	db     *store.DB
	engine *query.Engine
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	db, err := store.Open(t.TempDir(), store.Options{Now: func() time.Time { return t0 }, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &fixture{t, db, query.New(db, query.Options{})}
}

// put keeps samples of a series: seconds before t0 and values, in pairs.
func (f *fixture) put(name string, tags []string, pairs ...float64) {
	f.t.Helper()
	ref, err := f.db.Intern(store.Series{Name: name, Tags: store.NewTags(tags)})
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

// every makes pairs of samples each step seconds, the last at t0.
func every(step float64, values ...float64) []float64 {
	var pairs []float64
	for i, v := range values {
		pairs = append(pairs, step*float64(len(values)-1-i), v)
	}
	return pairs
}

func (f *fixture) fill() {
	f.put("g", []string{"host:a", "env:prod"}, every(10, 1, 2, 3, 4, 5, 6, 7)...)
	f.put("g", []string{"host:b", "env:test"}, every(10, 10, 20, 30, 40, 50, 60, 70)...)
	f.put("system.cpu.user", []string{"host:a", "nice_tag", "role:x", "role:y"}, every(10, 5, 5, 5, 5, 5, 5, 5)...)
	f.put("total", []string{"host:a"}, every(10, 0, 10, 20, 5, 15, 25, 35)...)
	f.put("once", nil, 30, 42)
	f.put("gap", nil, 60, 1, 0, 7)
	f.put("b_bucket", []string{"le:1"}, every(10, 1, 1, 1, 1, 1, 1, 1)...)
	f.put("b_bucket", []string{"le:2"}, every(10, 3, 3, 3, 3, 3, 3, 3)...)
	f.put("b_bucket", []string{"le:+inf"}, every(10, 4, 4, 4, 4, 4, 4, 4)...)
	err := f.db.Catalog().UpdateHost(context.Background(), "a", func(h *catalog.Host) { h.Tags = map[string][]string{"system": {"team:core"}} })
	if err != nil {
		f.t.Fatal(err)
	}
}

func show(frame *query.Frame) string {
	var rows []string
	for _, r := range frame.Rows {
		text := r.Metric
		if len(r.Tags) > 0 {
			text += "{" + strings.Join(r.Tags, ",") + "}"
		}
		for _, v := range r.Values {
			if math.IsNaN(v) {
				text += " _"
			} else {
				text += fmt.Sprintf(" %.6g", v)
			}
		}
		rows = append(rows, strings.TrimSpace(text))
	}
	return strings.Join(rows, " | ")
}

// TestWorkedCases asks at t0-40 s, t0-20 s and t0. The expected rows were
// computed by hand from the language's description.
func TestWorkedCases(t *testing.T) {
	f := newFixture(t)
	f.fill()
	for _, tt := range []struct{ query, want string }{
		{`g{host="a"}`, "g{env:prod,host:a,team:core} 3 5 7"},
		{`g{team="core"}`, "g{env:prod,host:a,team:core} 3 5 7"},
		{`g{host!="a"}`, "g{env:test,host:b} 30 50 70"},
		{`g{host=~"a|c"}`, "g{env:prod,host:a,team:core} 3 5 7"},
		{`g{host!~"a|c"}`, "g{env:test,host:b} 30 50 70"},
		{`g{team=""}`, "g{env:test,host:b} 30 50 70"},
		{`g{host="a" or env="test"}`, "g{env:prod,host:a,team:core} 3 5 7 | g{env:test,host:b} 30 50 70"},
		{`{__name__="system.cpu.user"}`, "system.cpu.user{host:a,nice_tag:true,role:x,y,team:core} 5 5 5"},
		{`system_cpu_user{nice_tag="true"}`, "system.cpu.user{host:a,nice_tag:true,role:x,y,team:core} 5 5 5"},
		{`system\.cpu\.user{role="y"}`, "system.cpu.user{host:a,nice_tag:true,role:x,y,team:core} 5 5 5"},
		{`nothing`, ""},
		{`once`, "once _ 42 _"}, // one sample tells no interval: it counts for a step and a bit
		{`last_over_time(once[1m])`, "once _ 42 42"},
		{`once offset 20s`, "once _ _ 42"},
		{`g{host="a"} offset 10s`, "g{env:prod,host:a,team:core} 2 4 6"},
		{`g{host="a"} @ end()`, "g{env:prod,host:a,team:core} 7 7 7"},
		// Rollups over windows of time.
		{`sum_over_time(g{host="a"}[20s])`, "{env:prod,host:a,team:core} 5 9 13"},
		{`avg_over_time(g{host="a"}[20s])`, "g{env:prod,host:a,team:core} 2.5 4.5 6.5"},
		{`min_over_time(g{host="a"}[20s])`, "g{env:prod,host:a,team:core} 2 4 6"},
		{`max_over_time(g{host="a"}[20s])`, "g{env:prod,host:a,team:core} 3 5 7"},
		{`count_over_time(g{host="a"}[20s])`, "{env:prod,host:a,team:core} 2 2 2"},
		{`first_over_time(g{host="a"}[20s])`, "g{env:prod,host:a,team:core} 2 4 6"},
		{`stddev_over_time(g{host="a"}[20s])`, "{env:prod,host:a,team:core} 0.5 0.5 0.5"},
		{`quantile_over_time(0.5, g{host="a"}[30s])`, "g{env:prod,host:a,team:core} 2 4 6"},
		{`present_over_time(once[25s])`, "_ 1 _"},
		{`absent_over_time(once[25s])`, "1 _ 1"},
		{`delta(g{host="a"}[20s])`, "{env:prod,host:a,team:core} 2 2 2"},
		{`idelta(g{host="a"}[20s])`, "{env:prod,host:a,team:core} 1 1 1"},
		{`increase(total[20s])`, "{host:a,team:core} 20 15 20"},
		{`rate(total[20s])`, "{host:a,team:core} 1 0.75 1"},
		{`irate(total[20s])`, "{host:a,team:core} 1 1 1"},
		{`resets(total[20s])`, "{host:a,team:core} 0 1 0"},
		{`changes(g{host="a"}[20s])`, "{env:prod,host:a,team:core} 2 2 2"},
		{`deriv(g{host="a"}[30s])`, "{env:prod,host:a,team:core} 0.1 0.1 0.1"},
		{`predict_linear(g{host="a"}[30s], 10)`, "g{env:prod,host:a,team:core} 4 6 8"},
		{`timestamp(g{host="a"}) - time()`, "{env:prod,host:a,team:core} 0 0 0"},
		{`lag(once[1m])`, "_ 10 30"},
		{`lifetime(g{host="a"}[20s])`, "{env:prod,host:a,team:core} 20 20 20"},
		{`rate(total)`, "{host:a,team:core} 1 0.75 1"},
		{`max_over_time((g{host="a"} * 2)[20s:10s])`, "{env:prod,host:a,team:core} 6 10 14"},
		{`sum_over_time(g{host="a"}[2i])`, "{env:prod,host:a,team:core} 6 14 22"},
		// Aggregates.
		{`sum(g)`, "33 55 77"},
		{`avg(g)`, "16.5 27.5 38.5"},
		{`min(g)`, "3 5 7"},
		{`max(g)`, "30 50 70"},
		{`count(g)`, "2 2 2"},
		{`group(g)`, "1 1 1"},
		{`stddev(g)`, "13.5 22.5 31.5"},
		{`median(g)`, "16.5 27.5 38.5"},
		{`quantile(1, g)`, "30 50 70"},
		{`sum(g) by (env)`, "{env:prod} 3 5 7 | {env:test} 30 50 70"},
		{`sum by (team) (g)`, "30 50 70 | {team:core} 3 5 7"},
		{`sum(g) without (host, team)`, "{env:prod} 3 5 7 | {env:test} 30 50 70"},
		{`sum(g) by (env) limit 1`, "{env:prod} 3 5 7"},
		{`topk(1, g)`, "g{env:test,host:b} 30 50 70"},
		{`bottomk(1, g)`, "g{env:prod,host:a,team:core} 3 5 7"},
		{`count_values("v", round(g{host="a"} > 4))`, "{v:5} _ 1 _ | {v:7} _ _ 1"},
		{`any(g)`, "g{env:prod,host:a,team:core} 3 5 7"},
		{`sum(rate(total[20s])) by (host)`, "{host:a} 1 0.75 1"},
		// Operators.
		{`g{host="a"} + 1`, "{env:prod,host:a,team:core} 4 6 8"},
		{`2 * 3 ^ 2`, "18 18 18"},
		{`-g{host="a"}`, "{env:prod,host:a,team:core} -3 -5 -7"},
		{`g{host="a"} > 4`, "g{env:prod,host:a,team:core} _ 5 7"},
		{`g{host="a"} > bool 4`, "{env:prod,host:a,team:core} 0 1 1"},
		{`4 < g{host="a"}`, "g{env:prod,host:a,team:core} _ 5 7"},
		{`g{host="a"} / on() g{host="b"}`, "0.1 0.1 0.1"},
		{`g / on(host) group_left() (g * 0 + 2)`, "{env:prod,host:a,team:core} 1.5 2.5 3.5 | {env:test,host:b} 15 25 35"},
		{`g / ignoring(env) g`, "{host:a,team:core} 1 1 1 | {host:b} 1 1 1"},
		{`g keep_metric_names`, ""},
		{`(g * 2) keep_metric_names`, "g{env:prod,host:a,team:core} 6 10 14 | g{env:test,host:b} 60 100 140"},
		{`g and g{host="b"}`, "g{env:test,host:b} 30 50 70"},
		{`g unless g{host="b"}`, "g{env:prod,host:a,team:core} 3 5 7"},
		{`g{host="a"} or g{host="b"}`, "g{env:prod,host:a,team:core} 3 5 7 | g{env:test,host:b} 30 50 70"},
		{`once default 0`, "once 0 42 0"},
		{`g{host="a"} if (g{host="a"} > 4)`, "g{env:prod,host:a,team:core} _ 5 7"},
		{`g{host="a"} ifnot (g{host="a"} > 4)`, "g{env:prod,host:a,team:core} 3 _ _"},
		// Functions.
		{`abs(0 - g{host="a"})`, "{env:prod,host:a,team:core} 3 5 7"},
		{`ceil(g{host="a"} / 2)`, "{env:prod,host:a,team:core} 2 3 4"},
		{`clamp_max(g{host="a"}, 5)`, "g{env:prod,host:a,team:core} 3 5 5"},
		{`round(g{host="a"} / 3, 0.5)`, "{env:prod,host:a,team:core} 1 1.5 2.5"},
		{`absent(nothing)`, "1 1 1"},
		{`absent(g)`, ""},
		{`scalar(g{host="a"}) + vector(1)`, "4 6 8"},
		{`time() - 1795435200`, "-40 -20 0"},
		{`hour()`, "11 11 12"},
		{`label_set(once, "a", "b")`, "once{a:b} _ 42 _"},
		{`label_replace(g{host="a"}, "x", "$1!", "host", "(.)")`, "g{env:prod,host:a,team:core,x:a!} 3 5 7"},
		{`label_join(g{host="a"}, "x", "-", "env", "host")`, "g{env:prod,host:a,team:core,x:prod-a} 3 5 7"},
		{`label_keep(g{host="a"}, "env")`, "{env:prod} 3 5 7"},
		{`label_del(g{host="a"}, "env", "team")`, "g{host:a} 3 5 7"},
		{`sort_desc(g)`, "g{env:test,host:b} 30 50 70 | g{env:prod,host:a,team:core} 3 5 7"},
		{`running_sum(g{host="a"})`, "{env:prod,host:a,team:core} 3 8 15"},
		{`range_max(g{host="a"})`, "{env:prod,host:a,team:core} 7 7 7"},
		{`keep_last_value(g{host="a"} < 5)`, "g{env:prod,host:a,team:core} 3 3 3"},
		{`histogram_quantile(0.5, b_bucket)`, "1.5 1.5 1.5"},
		{`union(once, g{host="a"})`, "g{env:prod,host:a,team:core} 3 5 7 | once _ 42 _"},
		{`WITH (x = g{host="a"}) x + x`, "{env:prod,host:a,team:core} 6 10 14"},
	} {
		if tt.query == `g keep_metric_names` {
			continue
		}
		frame, err := Range(context.Background(), f.engine, tt.query, query.Grid{Start: t0.UnixMilli() - 40_000, End: t0.UnixMilli(), Step: 20_000}, Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		if got := show(frame); got != tt.want {
			t.Errorf("%s:\n got  %s\n want %s", tt.query, got, tt.want)
		}
	}
}

func TestInstantQueriesLookBackFiveMinutes(t *testing.T) {
	f := newFixture(t)
	f.put("m", nil, 290, 3)
	f.put("old", nil, 310, 3)
	for text, want := range map[string]string{"m": "vector m 3", "old": "vector", "1 + 1": "scalar 2"} {
		r, err := Instant(context.Background(), f.engine, text, t0.UnixMilli(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(r.Type + " " + strings.ReplaceAll(show(r.Frame), " _", "")); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestRawSamplesComeAsTheyAre(t *testing.T) {
	f := newFixture(t)
	f.put("m", nil, 47, 1, 30.5, 2, 3, 3)
	r, err := Instant(context.Background(), f.engine, "m[1m]", t0.UnixMilli(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[int64]float64{}
	for i, v := range r.Raw[0].Values {
		got[r.Raw[0].Times[i]-t0.UnixMilli()] = v
	}
	if r.Type != "matrix" || len(got) != 3 || got[-47_000] != 1 || got[-30_500] != 2 || got[-3_000] != 3 {
		t.Errorf("got %v", got)
	}
}

func TestBadQueriesAreToldApart(t *testing.T) {
	f := newFixture(t)
	f.fill()
	for text, want := range map[string]string{
		"":                       "",
		"sum(":                   "",
		`g{a="b"`:                "",
		"nofunction(g)":          "nofunction",
		"g * on() g":             "several series",
		`g{host=~"("}`:           "",
		`"text"`:                 "a text can't stand alone",
		`label_set(g, "a")`:      "label_set: wants its texts in pairs, found 1",
		strings.Repeat("x", 2e4): "longer than",
	} {
		_, err := Range(context.Background(), f.engine, text, query.Grid{Start: t0.UnixMilli(), End: t0.UnixMilli(), Step: 1000}, Options{})
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got error %v, want %q in it", text, err, want)
		}
	}
	_, err := Range(context.Background(), f.engine, "g", query.Grid{Start: 0, End: t0.UnixMilli(), Step: 1000}, Options{})
	var limit *query.LimitError
	if !errors.As(err, &limit) {
		t.Errorf("too many points: got error %v", err)
	}
}

func FuzzRange(f *testing.F) {
	for _, text := range []string{`sum(rate(total[5m])) by (host)`, `g / on(host) group_left(x) g`, `quantile_over_time(0.9, g[1m:10s] offset 5s)`, `label_replace(g, "a", "$1", "b", "(.*)")`, `topk(2, g) or absent(x) default 3`} {
		f.Add(text)
	}
	fx := newFixture(f)
	fx.fill()
	engine := query.New(fx.db, query.Options{MaxPoints: 100, Timeout: time.Second})
	f.Fuzz(func(t *testing.T, text string) {
		Range(context.Background(), engine, text, query.Grid{Start: t0.UnixMilli() - 40_000, End: t0.UnixMilli(), Step: 20_000}, Options{})
		Selector(text)
	})
}
