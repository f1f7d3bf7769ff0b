package snapshot

import (
	"bytes"
	"image/png"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/chart"
	"github.com/whippet-obs/whippet/store"
)

func shelf(t *testing.T, now *time.Time) *Shelf {
	t.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	db, err := store.Open(t.TempDir(), store.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &Shelf{Catalog: db.Catalog(), Engine: query.New(db, query.Options{Log: quiet}), Now: func() time.Time { return *now }}
}

func TestPicturesAreKeptForAWhile(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	s := shelf(t, &now)
	first, err := s.Keep(t.Context(), []byte("first"))
	if err != nil {
		t.Fatal(err)
	}
	has := func(id, want string) {
		t.Helper()
		got, found, err := s.Picture(id)
		if err != nil || found != (want != "") || string(got) != want {
			t.Errorf("%s: got %q, %v, %v, want %q", id, got, found, err, want)
		}
	}
	has(first, "first")
	now = now.Add(20 * 24 * time.Hour)
	second, err := s.Keep(t.Context(), []byte("second"))
	if err != nil {
		t.Fatal(err)
	}
	has(first, "first")
	now = now.Add(11 * 24 * time.Hour)
	if _, err := s.Keep(t.Context(), []byte("third")); err != nil {
		t.Fatal(err)
	}
	has(first, "")
	has(second, "second")
	has("../at", "")
	has(strings.Repeat("G", 32), "")
}

func TestTheOldestOfTooManyPicturesGo(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	s := shelf(t, &now)
	var ids []string
	for range keepMost + 2 {
		now = now.Add(time.Second)
		id, err := s.Keep(t.Context(), []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for i, want := range map[int]bool{0: false, 1: false, 2: true, len(ids) - 1: true} {
		if _, found, err := s.Picture(ids[i]); err != nil || found != want {
			t.Errorf("picture %d of %d: found %v, %v", i, len(ids), found, err)
		}
	}
}

func TestGraphsAreDrawnOrRefused(t *testing.T) {
	now := time.Now()
	s := shelf(t, &now)
	from, to := now.Add(-time.Hour).UnixMilli(), now.UnixMilli()
	one := []Query{{Text: "avg:m{*}"}}
	tests := []struct {
		name  string
		graph Graph
		want  string // of the error; "": a picture
	}{
		{"both languages", Graph{Queries: []Query{{Text: "avg:m{*}"}, {Text: "sum(m)", Lang: "metricsql"}}, From: from, To: to}, ""},
		{"events and marks", Graph{Queries: one, From: from, To: to, Events: "source:deploy", Marks: []chart.Mark{{From: to, To: from, Low: 2, High: 1}}}, ""},
		{"nothing asked", Graph{From: from, To: to}, "queries: a picture shows 1 to 20"},
		{"too many", Graph{Queries: make([]Query, 21), From: from, To: to}, "got 21"},
		{"backwards", Graph{Queries: one, From: to, To: from}, "the start must be before the end"},
		{"a language nobody knows", Graph{Queries: []Query{{Text: "m", Lang: "sql"}}, From: from, To: to}, `got "sql"`},
		{"a wrong query", Graph{Queries: []Query{{Text: "avg:m{"}}, From: from, To: to}, "want a tag such as"},
		{"a wrong search", Graph{Queries: one, From: from, To: to, Events: "("}, "event query: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			picture, area, err := s.Draw(t.Context(), tt.graph)
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Fatalf("got error %v, want %q", err, tt.want)
			case tt.want == "":
				if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
					t.Error(err)
				}
				if area.X0 >= area.X1 || area.Y0 >= area.Y1 || area.From != from {
					t.Errorf("the plot is at %+v", area)
				}
			}
		})
	}
}

func TestRowsOfWiderGridsKeepTheirLines(t *testing.T) {
	nan := math.NaN()
	fine := &query.Frame{Grid: query.Grid{Start: 0, End: 80, Step: 10}, Rows: []query.Row{{Values: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}}}}
	wide := &query.Frame{Grid: query.Grid{Start: 0, End: 80, Step: 20}, Rows: []query.Row{{Values: []float64{0, 20, nan, 60, 80}}}}
	grid, rows := onOneGrid([]*query.Frame{wide, fine})
	if grid.Step != 10 || grid.Len() != 9 || len(rows) != 2 {
		t.Fatalf("grid %+v with %d rows", grid, len(rows))
	}
	want := []float64{0, 10, 20, nan, nan, nan, 60, 70, 80}
	for i, v := range rows[0].Values {
		if v != want[i] && !(math.IsNaN(v) && math.IsNaN(want[i])) {
			t.Fatalf("got %v, want %v", rows[0].Values, want)
		}
	}
}
