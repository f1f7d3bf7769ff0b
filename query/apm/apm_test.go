package apm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/sketch"
	"github.com/whippet-obs/whippet/store/span"
)

// shown writes a filter back, to compare.
func shown(f *span.Filter) string {
	var args []string
	for i := range f.Args {
		args = append(args, shown(&f.Args[i]))
	}
	switch f.Op {
	case span.All:
		return "all"
	case span.And:
		return "(" + strings.Join(args, " & ") + ")"
	case span.Or:
		return "(" + strings.Join(args, " | ") + ")"
	case span.Not:
		return "!" + args[0]
	case span.Equal:
		return f.Field + "=" + f.Value
	case span.Glob:
		return f.Field + "~" + f.Value
	case span.Exists:
		return f.Field + "?"
	}
	return fmt.Sprintf("%s[%g,%g]", f.Field, f.Min, f.Max)
}

func TestSearchesAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "all",
		" * ":                                 "all",
		"service:web":                         "service=web",
		"service:web env:prod":                "(service=web & env=prod)",
		"service:web AND NOT env:prod":        "(service=web & !env=prod)",
		"-status:ok":                          "!status=ok",
		"error:true":                          "status=error",
		"a:1 OR b:2 c:3":                      "(a=1 | (b=2 & c=3))",
		"(a:1 OR b:2) c:3":                    "((a=1 | b=2) & c=3)",
		"c:(x OR y*)":                         "(c=x | c~y*)",
		`resource_name:"GET /item/:id (x)"`:   "resource_name=GET /item/:id (x)",
		"resource:GET*":                       "resource_name~GET*",
		"@http.status_code:500":               "http.status_code=500",
		"@http.status_code:[500 TO 599]":      "http.status_code[500,599]",
		"@http.status_code:>=500":             "http.status_code[500,+Inf]",
		"@duration:>=100ms":                   "duration[1e+08,+Inf]",
		"@duration:[* TO 1s]":                 "duration[-Inf,1e+09]",
		"@team:*":                             "team?",
		"http.url:http\\://x/*":               "http.url~http://x/*",
		"cart":                                "(resource_name~*cart* | service~*cart* | operation_name~*cart*)",
		"trace_id:6b0490ee0000000000d102c237": "trace_id=6b0490ee0000000000d102c237",
	} {
		f, err := ParseSearch(text)
		if err != nil || shown(&f) != want {
			t.Errorf("%s: %s, want %s (%v)", text, shown(&f), want, err)
		}
	}
	for text, offset := range map[string]int{
		"(a:1": 4, "a:1)": 3, `a:"x`: 2, "a:": 2, "@duration:>fast": 11, "@x:[1 2]": 3, "a:[x TO y]": 2,
	} {
		_, err := ParseSearch(text)
		var bad *SyntaxError
		if !errors.As(err, &bad) || bad.Offset != offset {
			t.Errorf("%s: %v, want an error at offset %d", text, err, offset)
		}
	}
}

func FuzzParseSearch(f *testing.F) {
	f.Add(`service:(a OR "b c") -@x:>=5 (NOT y:[1 TO *])`)
	f.Fuzz(func(t *testing.T, text string) {
		if filter, err := ParseSearch(text); err == nil {
			shown(&filter)
		}
	})
}

func TestServicesCountTheirRequests(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	db, err := store.Open(t.TempDir(), store.Options{Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	at := now.UnixMilli() - 60_000
	add := func(name string, hits, errors, seconds float64, tags ...string) {
		var b store.Batch
		ref := func(suffix string, kind store.Kind) store.Ref {
			interval := int64(0)
			if kind == store.Count {
				interval = 10_000
			}
			r, err := db.Intern(store.Series{Name: name + suffix, Tags: store.NewTags(append([]string{}, tags...)), Kind: kind, Interval: interval})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		sk := &sketch.Sketch{}
		sk.Add(seconds, uint64(hits))
		b.Samples = []store.Sample{{Ref: ref(".hits", store.Count), Time: at, Value: hits}, {Ref: ref(".errors", store.Count), Time: at, Value: errors}}
		b.Sketches = []store.SketchSample{{Ref: ref("", store.Distribution), Time: at, Sketch: sk}}
		if _, err := db.Append(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
	}
	add("trace.http.request", 20, 5, 0.1, "service:web", "env:prod", "resource:GET /", "entry:request", "span.kind:server", "version:1", "host:a")
	add("trace.http.request", 10, 0, 1, "service:web", "env:prod", "resource:GET /", "entry:request", "span.kind:server", "version:2", "host:b")
	add("trace.http.request", 40, 0, 0.05, "service:web", "env:prod", "resource:http.request", "span.kind:client", "host:a")
	add("trace.postgres.query", 7, 1, 0.01, "service:db", "env:prod", "resource:SELECT ?", "entry:call", "span.kind:client", "type:sql")
	add("trace.http.request", 3, 0, 0.1, "service:web", "env:dev", "resource:GET /", "entry:request", "span.kind:server")
	add("trace.service_edge", 7, 1, 0.01, "from:web", "to:db", "env:prod", "peer:inferred", "source:stats", "kind:sql")
	add("trace.service_edge", 5, 1, 0.01, "from:web", "to:db", "env:prod", "peer:inferred", "source:spans", "kind:sql")

	e := query.New(db, query.Options{})
	from, to := now.UnixMilli()-600_000, now.UnixMilli()
	services, err := Services(context.Background(), e, Scope{Env: "prod"}, from, to)
	if err != nil || len(services) != 2 {
		t.Fatalf("%+v %v", services, err)
	}
	db1, web := &services[0], &services[1]
	if web.Hits != 30 || web.Errors != 5 || web.Inferred || len(web.Versions) != 2 || len(web.Hosts) != 2 || db1.Hits != 7 || !db1.Inferred || db1.Type != "sql" {
		t.Errorf("%+v\n%+v", web, db1)
	}
	if a := web.Apdex(500 * time.Millisecond); math.Abs(a-(20+5)/30.0*(25/30.0)) > 1e-9 {
		t.Errorf("apdex %v", a)
	}
	operations, err := Operations(context.Background(), e, Scope{Env: "prod", Service: "web"}, from, to)
	if err != nil {
		t.Fatal(err)
	}
	resources := Resources(operations)
	if len(resources) != 2 || resources[0].Name != "GET /" || resources[0].Hits != 30 || !resources[0].Request || resources[1].Request {
		t.Errorf("%+v", resources)
	}
	edges, err := Edges(context.Background(), e, Scope{}, from, to)
	if err != nil || len(edges) != 1 || edges[0].Hits != 7 || !edges[0].Inferred {
		t.Errorf("%+v %v", edges, err)
	}
}
