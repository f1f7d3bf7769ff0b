package prometheus

import (
	"context"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store"
)

// textStore is a store and an intake into it, at a fixed time.
func textStore(t testing.TB) (*store.DB, *Intake, time.Time) {
	t.Helper()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	db, err := store.Open(t.TempDir(), store.Options{Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, New(Deps{DB: db, Now: func() time.Time { return now }}), now
}

func TestTextIsKeptAsAPageSaysIt(t *testing.T) {
	db, in, now := textStore(t)
	const page = `# HELP http_requests_total What came in.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1795435100000
http_requests_total{code="400", method="post",} 3

# TYPE temp gauge
temp -3.5e1
temp{quote="a \"b\" \\ c\n",empty=""} +Inf 1795435190.5
infinite NaN
with_exemplar{le="1"} 5 # {trace_id="abc"} 0.5
`
	w, err := in.Text(context.Background(), "", []byte(page))
	if err != nil || w.Samples != 6 {
		t.Fatalf("kept %+v, error %v", w, err)
	}
	set, err := db.Select(context.Background(), store.Selector{From: 0, To: now.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	got := map[string]float64{}
	for i, s := range set.Series {
		var c store.Columns
		if err := set.Read(i, &c); err != nil {
			t.Fatal(err)
		}
		got[s.Name+"{"+strings.Join(s.Tags, ",")+"} "+s.Kind.String()+" "+time.UnixMilli(c.Times[0]).UTC().Format("15:04:05.0")] = c.Values[0]
	}
	for series, want := range map[string]float64{
		"http_requests_total{code:200,method:post} cumulative 11:58:20.0": 1027,
		"http_requests_total{code:400,method:post} cumulative 12:00:00.0": 3,
		"temp{} gauge 12:00:00.0":                     -35,
		"temp{quote:a \"b\" \\ c\n} gauge 11:59:50.5": math.Inf(1),
		"with_exemplar{le:1} gauge 12:00:00.0":        5,
	} {
		if v, ok := got[series]; !ok || v != want {
			t.Errorf("%s is %v, want %v; all are %v", series, v, want, got)
		}
	}
	if m, ok := db.Catalog().Metric("http_requests_total"); !ok || m.Type != "cumulative" {
		t.Errorf("the metric is described as %+v", m)
	}
}

func TestBadTextNamesItsLine(t *testing.T) {
	_, in, _ := textStore(t)
	for page, want := range map[string]string{
		"a 1\nb{x=\"y\"":     "line 2: want label=\"value\"",
		"a{x=y} 1":           "line 1: want label=\"value\"",
		"a":                  "line 1: want name{labels} value",
		"a{} ":               "line 1: want a value",
		"a one":              "line 1: \"one\" is not a number",
		"a 1 soon":           "line 1: \"soon\" is not a time",
		"a 1 2 3":            "line 1: want a value, and a time",
		"{__name__=\"a\"} 1": "line 1: want name{labels} value",
	} {
		if _, err := in.Text(context.Background(), "", []byte(page)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q in it", page, err, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("# TYPE a counter\na{b=\"c\\n\",d=\"\"} 1 2\na 3 # {x=\"y\"} 1\n"))
	_, in, _ := textStore(f)
	f.Fuzz(func(t *testing.T, page []byte) {
		in.Text(context.Background(), "", page)
	})
}
