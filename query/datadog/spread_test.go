package datadog

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/sketch"
)

// putSketches keeps one sketch of values every ten seconds.
func (f *fixture) putSketches(name, tag string, each ...[]float64) {
	f.t.Helper()
	ref, err := f.db.Intern(store.Series{Name: name, Tags: store.NewTags([]string{tag}), Kind: store.Distribution})
	if err != nil {
		f.t.Fatal(err)
	}
	var b store.Batch
	for i, values := range each {
		s := &sketch.Sketch{}
		for _, v := range values {
			s.Add(v, 1)
		}
		b.Sketches = append(b.Sketches, store.SketchSample{Ref: ref, Time: t0.UnixMilli() - 60_000 + int64(i)*10_000, Sketch: s})
	}
	if _, err := f.db.Append(context.Background(), &b); err != nil {
		f.t.Fatal(err)
	}
}

// showSpread writes "bound count bound count bound" of each timestamp, with the
// counts rounded.
func showSpread(s *Spread) string {
	var columns []string
	for _, counts := range s.Counts {
		text := "_"
		if counts != nil {
			text = ""
			for i, n := range counts {
				text += fmt.Sprintf("%.3g %.0f ", s.Bounds[i], math.Round(n))
			}
			text += fmt.Sprintf("%.3g", s.Bounds[len(counts)])
		}
		columns = append(columns, text)
	}
	return strings.Join(columns, " | ")
}

func TestSpreads(t *testing.T) {
	f := newFixture(t)
	f.fill()
	f.putSketches("took", "host:a", []float64{1, 1, 9}, nil, []float64{100})
	f.putSketches("took", "host:b", []float64{1, 40})
	for _, tt := range []struct {
		query string
		want  SpreadOptions
		shown string
	}{
		{"avg:took{*}", SpreadOptions{Buckets: 2, Together: true}, "0 5 50 1 100"},
		{"histogram:took{host:b}", SpreadOptions{Buckets: 2, Together: true}, "0 1 20 1 40"},
		{"avg:took{*} by {host}", SpreadOptions{Buckets: 4}, "0 4 25 1 50 0 75 0 100 | _ | 0 0 25 0 50 0 75 1 100 | _ | _ | _"},
		{"avg:took{*}", SpreadOptions{Buckets: 2, Together: true, Log: true}, "1 4 10 2 100"},
		{"avg:neg{*}", SpreadOptions{Buckets: 2, Log: true}, "_ | _ | _ | 7.92 1 7.96 0 8 | 7.92 1 7.96 0 8 | 7.92 0 7.96 1 8"}, // -3 and 0 lie under all
		{"avg:neg{*} - 10", SpreadOptions{Buckets: 2, Log: true, Together: true}, "-10 0 -9 1 -8 0 -7"},                         // a logarithm of none of it
		{"avg:g{*} by {host}", SpreadOptions{Buckets: 2, Together: true}, "0 2 200 1 400"},                                      // by the hosts' means: 35, 3.5 and 250
		{"max:g{env:*}", SpreadOptions{Buckets: 1, Together: true}, "30 1 40"},
		{"avg:g{host:b}", SpreadOptions{Buckets: 5}, "1 1 2 0 3 0 4 0 5 0 6 | 1 0 2 1 3 0 4 0 5 0 6 | 1 0 2 0 3 1 4 0 5 0 6 | 1 0 2 0 3 0 4 1 5 0 6 | 1 0 2 0 3 0 4 0 5 1 6 | 1 0 2 0 3 0 4 0 5 1 6"},
		{"p50:took{*}", SpreadOptions{Buckets: 1, Together: true}, "40 1 60"},
		{"avg:nothing{*}", SpreadOptions{Buckets: 5, Together: true}, "_"},
	} {
		o := Options{From: t0.UnixMilli() - 60_000, To: t0.UnixMilli() - 1, Interval: 10_000}
		s, err := SpreadOf(context.Background(), f.engine, tt.query, o, tt.want)
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
		} else if got := showSpread(s); got != tt.shown {
			t.Errorf("%s in %+v: got %s, want %s", tt.query, tt.want, got, tt.shown)
		}
	}
	for query, want := range map[string]string{
		"histogram:g{*}":     "g is not a distribution",
		"histogram:g{":       "want",
		"avg:g{*}, avg:g{*}": "without commas",
	} {
		if _, err := SpreadOf(context.Background(), f.engine, query, Options{From: t0.UnixMilli() - 60_000, To: t0.UnixMilli()}, SpreadOptions{Buckets: 10}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", query, err, want)
		}
	}
}
