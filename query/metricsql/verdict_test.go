package metricsql

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// sway fills m{job="a"} and m{job="b"}, one sample a minute over ten hours up to
// t0, with one incident of a.
func sway(t *testing.T) *query.Engine {
	t.Helper()
	db, err := store.Open(t.TempDir(), store.Options{Now: func() time.Time { return time.UnixMilli(swayEnd) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	var b store.Batch
	for j, job := range []string{"job:a", "job:b"} {
		ref, err := db.Intern(store.Series{Name: "m", Tags: store.Tags{job}})
		if err != nil {
			t.Fatal(err)
		}
		for i := 600; i > 0; i-- {
			v := float64(100*j) + 50 + float64(i*7%11)
			if j == 0 && i >= 20 && i < 25 {
				v += 80
			}
			b.Samples = append(b.Samples, store.Sample{Ref: ref, Time: swayEnd - int64(i)*60_000, Value: v})
		}
	}
	if _, err := db.Append(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return query.New(db, query.Options{})
}

const swayEnd = int64(1_795_435_200_000)

func TestVerdictsAroundMetricsQL(t *testing.T) {
	e := sway(t)
	look := func(text string, minutes int64) *query.Frame {
		t.Helper()
		f, err := Range(context.Background(), e, text, query.Grid{Start: swayEnd - minutes*60_000, End: swayEnd - 60_000, Step: 60_000}, Options{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return f
	}
	const text = `anomalies(avg(m) by (job), 'basic', 3, direction="above")`
	f := look(text, 60)
	if len(f.Rows) != 2 || f.Grid.Len() != len(f.Rows[0].Values) || len(f.Rows[0].Band.Upper) != f.Grid.Len() {
		t.Fatalf("%d rows on %d points", len(f.Rows), f.Grid.Len())
	}
	for i := range f.Rows[0].Values {
		minute := 60 - i
		if want := minute >= 20 && minute < 25; f.Rows[0].Band.Anomalous[i] != want || f.Rows[1].Band.Anomalous[i] {
			t.Errorf("minute %d: flags %v, %v", minute, f.Rows[0].Band.Anomalous[i], f.Rows[1].Band.Anomalous[i])
		}
	}
	if len(f.Rows[0].Band.Notes) != 5 || !strings.Contains(f.Rows[0].Band.Summary, "5 of 60") {
		t.Errorf("%d notes; %s", len(f.Rows[0].Band.Notes), f.Rows[0].Band.Summary)
	}
	// The band does not depend on where the graph begins.
	g := look(text, 30)
	for i := range g.Rows[0].Band.Upper {
		if a, b := g.Rows[0].Band.Upper[i], f.Rows[0].Band.Upper[i+30]; a != b {
			t.Fatalf("the bound is %v in one view, %v in the other", a, b)
		}
	}

	f = look("forecast(m{job='b'}, 'linear', 2)", 60)
	if b := f.Rows[0].Band; !b.Forecast || f.Grid.End <= swayEnd || math.Abs(b.Middle[len(b.Middle)-1]-155) > 3 {
		t.Errorf("forecast: %+v until %d", b, f.Grid.End)
	}
	f = look("robust_trend(m)", 60)
	if v := f.Rows[1].Values; math.Abs(v[59]-155) > 3 || math.Abs((v[59]-v[0])-59*(v[1]-v[0])) > 1e-6 {
		t.Errorf("robust_trend: from %v to %v", v[0], v[59])
	}
	f = look(`outliers({__name__="m"}, 'MAD', 3, 20)`, 60)
	if len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0], "at least three groups") {
		t.Errorf("two groups: %q", f.Warnings)
	}
	r, err := Instant(context.Background(), e, text, swayEnd-22*60_000, Options{})
	if err != nil || len(r.Frame.Rows) != 2 || !r.Frame.Rows[0].Band.Anomalous[0] {
		t.Errorf("at one moment: %+v, %v", r, err)
	}
}

func TestVerdictsAreRefusedWhereTheyCannotStand(t *testing.T) {
	e := sway(t)
	for text, want := range map[string]string{
		"sum(anomalies(m, 'basic', 2))":        "anomalies judges a graph as a whole: it must be the outermost function",
		"anomalies(m, 'basic', 2) * 2":         "must be the outermost function",
		"anomalies(m, 'magic', 2)":             "'basic', 'basic_sigma'",
		"anomalies(trend_line(m), 'basic', 2)": "trend_line judges",
		"anomalies(m)":                         "want anomalies(query, 'basic', bounds)",
		"anomalies(m, 'basic', 2, wide)":       "want a named option",
		"anomalies(m, 'basic', 2, wide=3)":     "there is no option \"wide\"",
		"anomalies(m, 'basic', 2":              "must be the outermost function",
		"anomalies(sum(m, 'basic', 2)":         "must be the outermost function",
		"outliers(m, 'DBSCAN', 1, 2, 3)":       "want outliers",
		"trend_line(m, 3)":                     "takes a query and nothing else",
	} {
		_, err := Range(context.Background(), e, text, query.Grid{Start: swayEnd - 60_000, End: swayEnd, Step: 60_000}, Options{})
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", text, err, want)
		}
	}
	pretty, err := Format(`anomalies(sum(rate(m{job="a,)"}[5m])), 'basic', 2)`)
	if err != nil || !strings.HasPrefix(pretty, "anomalies(sum(") || !strings.HasSuffix(pretty, ", 'basic', 2)") {
		t.Errorf("formatted: %s, %v", pretty, err)
	}
}

func FuzzVerdict(f *testing.F) {
	for _, text := range []string{`anomalies(m{a=")"}, 'basic', 2, direction="above")`, "outliers(m, `MAD`, 3", "forecast(x, 'linear', 2) 3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parseVerdict(text)
		if err == nil && v != nil && !strings.Contains(text, v.inner) {
			t.Fatalf("%q is not in %q", v.inner, text)
		}
	})
}
