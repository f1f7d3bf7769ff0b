package datadog

import (
	"context"
	"strings"
	"testing"

	"github.com/whippet-obs/whippet/query"
)

func named(t *testing.T, name, text, reduce string) NamedQuery {
	t.Helper()
	q, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return NamedQuery{name, q, reduce}
}

// TestFormulas asks like TestWorkedCases; a is one line, b a line per host.
func TestFormulas(t *testing.T) {
	f := newFixture(t)
	f.fill()
	queries := []NamedQuery{
		named(t, "a", "avg:g{host:a}", ""), named(t, "b", "avg:g{*} by {host}", "max"), named(t, "hits", "sum:hits{*}.as_count()", "sum"),
		named(t, "none", "avg:nothing{*}", ""),
	}
	for _, tt := range []struct {
		formula    Formula
		timeseries string
		scalars    string
	}{
		{Formula{Text: "a"}, ": 10 20 30 40 50 60", ": 35"},
		{Formula{Text: "a * 2 + 1"}, ": 21 41 61 81 101 121", ": 71"},
		{Formula{Text: "b"}, "host:a: 10 20 30 40 50 60 | host:b: 1 2 3 4 5 6 | host:c: 100 200 300 400 _ _", "host:a: 60 | host:b: 6 | host:c: 400"},
		{Formula{Text: "b / a"}, "host:a: 1 1 1 1 1 1 | host:b: 0.1 0.1 0.1 0.1 0.1 0.1 | host:c: 10 10 10 10 _ _", "host:a: 1.71429 | host:b: 0.171429 | host:c: 11.4286"},
		{Formula{Text: "hits / 60"}, ": 0.333333 _ 0.666667 _ 1 _", ": 2"},
		{Formula{Text: "b", Limit: 1}, "host:c: 100 200 300 400 _ _", "host:c: 400"},
		{Formula{Text: "b", Limit: 2, Ascending: true}, "host:b: 1 2 3 4 5 6 | host:a: 10 20 30 40 50 60", "host:b: 6 | host:a: 60"},
		{Formula{Text: "cumsum(a)"}, ": 10 30 60 100 150 210", ": 35"},
		{Formula{Text: "abs(a - 100)"}, ": 90 80 70 60 50 40", ": 65"},
		{Formula{Text: "none"}, "", ""},
		{Formula{Text: "default_zero(none) + a"}, ": 10 20 30 40 50 60", ": 35"},
		{Formula{Text: "7"}, ": 7 7 7 7 7 7", ": 7"},
	} {
		o := Options{From: t0.UnixMilli() - 60_000, To: t0.UnixMilli() - 1, Interval: 10_000}
		for kind, ask := range map[string]func(context.Context, *query.Engine, []NamedQuery, []Formula, Options) ([]*query.Frame, error){"timeseries": Timeseries, "scalars": Scalars} {
			want := tt.timeseries
			if kind == "scalars" {
				want = tt.scalars
			}
			frames, err := ask(context.Background(), f.engine, queries, []Formula{tt.formula}, o)
			if err != nil || show(frames) != want {
				t.Errorf("%s of %+v: got %s, want %s (error %v)", kind, tt.formula, show(frames), want, err)
			}
		}
	}
}

func TestBadFormulasAreToldApart(t *testing.T) {
	f := newFixture(t)
	a := named(t, "alpha", "avg:g{*}", "")
	for _, tt := range []struct {
		queries []NamedQuery
		formula string
		want    string
	}{
		{[]NamedQuery{a}, "alhpa + 1", `there is no query "alhpa"; did you mean alpha?`},
		{[]NamedQuery{a}, "alpha +", "want a query such as"},
		{[]NamedQuery{a}, "alpha beta", "want an operator or the end"},
		{[]NamedQuery{a, a}, "alpha", `two queries have the name "alpha"`},
		{[]NamedQuery{named(t, "a b", "avg:g{*}", "")}, "1", "can't be the name of a query"},
		{[]NamedQuery{named(t, "a", "avg:g{*}, avg:h{*}", "")}, "a", "want one query, without commas"},
		{[]NamedQuery{named(t, "a", "avg:g{*}", "mx")}, "a", `"mx" is not an aggregator`},
	} {
		_, err := Scalars(context.Background(), f.engine, tt.queries, []Formula{{Text: tt.formula}}, Options{From: 1, To: 60_000})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want %q in it", tt.formula, err, tt.want)
		}
	}
}
