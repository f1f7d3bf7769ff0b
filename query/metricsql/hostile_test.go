package metricsql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// TestHostileQueriesAreBounded asks for what would take hours or all memory.
func TestHostileQueriesAreBounded(t *testing.T) {
	f := newFixture(t)
	f.fill()
	engine := query.New(f.db, query.Options{MaxSeries: 5, MaxSamples: 10, MaxMemory: 64 << 10, Timeout: 5 * time.Second})
	end := t0.UnixMilli()
	for _, tt := range []struct {
		text string
		g    query.Grid
		want string
	}{
		{`{__name__=~".*"}`, query.Grid{Start: end, End: end, Step: 1000}, "too many series"},
		{`m`, query.Grid{Start: 0, End: end, Step: 1000}, "points per row"},
		{`sum_over_time(g[1h])`, query.Grid{Start: end - 60_000, End: end, Step: 100}, "samples"},
		{`(time(), time()+1, time()+2, time()+3, g, g, g)`, query.Grid{Start: end - 1_000_000, End: end, Step: 100}, ""},
		{`label_set(g, "a", "b") or label_set(g, "a", "c")`, query.Grid{Start: end - 900_000, End: end, Step: 100}, "bytes of memory"},
		{`max_over_time(max_over_time(max_over_time(g[1h:1s])[1d:1s])[7d:1s])`, query.Grid{Start: end, End: end, Step: 1000}, "points in a subquery"},
		{strings.Repeat("abs(", 200) + "g" + strings.Repeat(")", 200), query.Grid{Start: end, End: end, Step: 1000}, "nested more than"},
		{strings.Repeat("(", 5000) + `g{host="a"}` + strings.Repeat(")", 5000), query.Grid{Start: end, End: end, Step: 1000}, ""},
		{`g{host=~"(a*)*(a*)*(a*)*b"}`, query.Grid{Start: end, End: end, Step: 1000}, ""},
		{`sum(g) by (` + strings.Repeat("x,", 5000) + `x)`, query.Grid{Start: end, End: end, Step: 1000}, ""},
	} {
		began := time.Now()
		_, err := Range(context.Background(), engine, tt.text, tt.g, Options{})
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%.60s: got error %v, want %q in it", tt.text, err, tt.want)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%.60s took %s", tt.text, took)
		}
	}
}

func TestCancelledQueriesStop(t *testing.T) {
	f := newFixture(t)
	f.fill()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Range(ctx, f.engine, `sum(g)`, query.Grid{Start: t0.UnixMilli(), End: t0.UnixMilli(), Step: 1000}, Options{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
}

func TestExplanationNamesWhatWasRead(t *testing.T) {
	f := newFixture(t)
	f.fill()
	at := t0.UnixMilli()
	for text, how := range map[string]string{`sum(g)`: "last values", `avg(avg_over_time(g[20s]))`: "buckets", `rate(total[1m])`: "samples"} {
		g := query.Grid{Start: at - 40_000, End: at, Step: 20_000}
		if how == "last values" {
			g.Start = at
		}
		frame, err := Range(context.Background(), f.engine, text, g, Options{Explain: true})
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, s := range frame.Steps {
			found = found || s.How == how && s.Series > 0
		}
		if !found || frame.Steps[0].What != text || frame.Steps[0].Rows != len(frame.Rows) {
			t.Errorf("%s: %+v, want how %q", text, frame.Steps, how)
		}
	}
}

// TestManySeriesAreCounted needs none of their samples, and so no limit.
func TestManySeriesAreCounted(t *testing.T) {
	f := newFixture(t)
	engine := query.New(f.db, query.Options{MaxSeries: 3})
	for i := range 10 {
		f.put("many", []string{fmt.Sprint("n:", i)}, 30, 1)
	}
	f.put("many", []string{"n:gone"}, 3600, 1)
	f.put("many", []string{"n:newer"}, 60, 1)
	f.put("many", []string{"n:newer"}, -60, 1)
	f.put("many", []string{"n:future"}, -60, 1)
	for _, tt := range []struct {
		text string
		want float64 // -1: refused
	}{
		{"count(many)", 11}, {"group(many)", 1}, {"count(many) + 1", 12}, {`count(many{n=~"[0-4]"})`, 5},
		{"sum(many)", -1}, {"count(many) by (n)", -1}, {"count(rate(many[5m]))", -1},
	} {
		got, err := Instant(context.Background(), engine, tt.text, t0.UnixMilli(), Options{})
		switch {
		case tt.want < 0:
			if !errors.Is(err, store.ErrTooManySeries) {
				t.Errorf("%s: error %v, want too many series", tt.text, err)
			}
		case err != nil || len(got.Frame.Rows) != 1 || got.Frame.Rows[0].Values[0] != tt.want:
			t.Errorf("%s: got %+v, error %v, want %v", tt.text, got, err, tt.want)
		}
	}
}
