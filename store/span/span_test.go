package span

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func someText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{"", "web", "GET /item/:id", "postgres", "ü", "a:b"}), rapid.StringN(0, 12, 40))
}

func someSpan(traces int) *rapid.Generator[*Span] {
	return rapid.Custom(func(t *rapid.T) *Span {
		s := &Span{
			Kind: Kind{
				Service: someText().Draw(t, "service"), Env: someText().Draw(t, "env"), Name: someText().Draw(t, "name"),
				Resource: someText().Draw(t, "resource"), Type: rapid.SampledFrom([]string{"web", "sql", ""}).Draw(t, "type"),
				Host: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "host"), Error: rapid.Bool().Draw(t, "error"),
			},
			Trace:    TraceID{uint64(rapid.IntRange(0, 1).Draw(t, "high")), uint64(rapid.IntRange(1, traces).Draw(t, "trace"))},
			ID:       rapid.Uint64Range(1, 1<<20).Draw(t, "id"),
			Parent:   rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(1, 1<<20)).Draw(t, "parent"),
			Start:    start.UnixNano() + rapid.Int64Range(0, int64(time.Hour)).Draw(t, "start"),
			Duration: rapid.Int64Range(0, int64(time.Minute)).Draw(t, "duration"),
		}
		for i := range rapid.IntRange(0, 6).Draw(t, "tags") {
			key := rapid.SampledFrom([]string{"http.url", "http.status_code", "k1", "k2"}).Draw(t, "key")
			if rapid.Bool().Draw(t, "number") {
				s.Tags = append(s.Tags, Tag{Key: key + fmt.Sprint(i), IsNumber: true, Number: rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 200, math.Inf(1), -1 << 60})).Draw(t, "v")})
			} else {
				s.Tags = append(s.Tags, Tag{Key: key, Text: someText().Draw(t, "v")})
			}
		}
		s.SortTags()
		if len(s.Tags) == 0 {
			s.Tags = nil
		}
		return s
	})
}

func testCodec(t testing.TB) *codec {
	t.Helper()
	c, err := newCodec(zstd.SpeedDefault)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func TestBlockGivesBackWhatWentIn(t *testing.T) {
	c := testCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		spans := rapid.SliceOfN(someSpan(4), 1, 40).Draw(t, "spans")
		byTrace(spans)
		b, err := c.openBlock(c.appendBlock(nil, spans))
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.spans(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !equalSpans(got, spans) {
			t.Fatalf("got\n%+v\nwant\n%+v", got, spans)
		}
	})
}

func equalSpans(a, b []*Span) bool {
	return slices.EqualFunc(a, b, func(a, b *Span) bool { return reflect.DeepEqual(a, b) })
}

func FuzzBlock(f *testing.F) {
	c := testCodec(f)
	f.Add(c.appendBlock(nil, app(3, start)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if spans, err := c.decodeRecord(raw); err == nil && len(spans) > 0 {
			byTrace(spans)
			if len(spans) <= maxBlock {
				c.appendBlock(nil, spans)
			}
		}
	})
}

// app is traces of a shop of three services, such as the recorded ones.
func app(traces int, from time.Time) []*Span {
	var spans []*Span
	for i := range traces {
		id := TraceID{High: uint64(from.Unix()) << 32, Low: mix(uint64(i)+uint64(from.UnixNano())) | 1}
		at := from.Add(time.Duration(i) * 8640 * time.Microsecond).UnixNano()
		failed := i%50 == 7
		status := "200"
		if failed {
			status = "500"
		}
		common := []Tag{
			{Key: "_dd.p.dm", Text: "-1"}, {Key: "language", Text: "go"}, {Key: "process_id", Number: 150, IsNumber: true},
			{Key: "runtime-id", Text: "dace4eae-94b1-4274-b11e-1ddb4f819556"}, {Key: "version", Text: "1.4.2"},
		}
		add := func(k Kind, id64, parent uint64, offset, duration int64, tags ...Tag) uint64 {
			k.Env, k.Host = "test", "web-1"
			s := &Span{Kind: k, Trace: id, ID: id64, Parent: parent, Start: at + offset, Duration: duration, Tags: append(tags, common...)}
			s.SortTags()
			spans = append(spans, s)
			return id64
		}
		d := int64(mix(uint64(i)) % 4e6)
		root := add(Kind{Service: "shop-web", Name: "http.request", Resource: "GET /item/", Type: "web", Error: failed}, id.Low, 0, 0, 3e6+d,
			Tag{Key: "http.method", Text: "GET"}, Tag{Key: "http.status_code", Text: status}, Tag{Key: "http.route", Text: "/item/"},
			Tag{Key: "http.url", Text: fmt.Sprintf("http://127.0.0.1:40383/item/%d", i%1000)}, Tag{Key: "http.useragent", Text: "Go-http-client/1.1"}, Tag{Key: "span.kind", Text: "server"})
		call := add(Kind{Service: "shop-web", Name: "http.request", Resource: "http.request", Type: "http"}, mix(root), root, 1e5, 2.8e6+d,
			Tag{Key: "http.url", Text: fmt.Sprintf("http://127.0.0.1:34515/stock/%d", i%1000)}, Tag{Key: "http.status_code", Text: status}, Tag{Key: "network.destination.name", Text: "127.0.0.1"}, Tag{Key: "span.kind", Text: "client"})
		stock := add(Kind{Service: "shop-inventory", Name: "http.request", Resource: "GET /stock/", Type: "web", Error: failed}, mix(call), call, 7e5, 2e6+d,
			Tag{Key: "http.method", Text: "GET"}, Tag{Key: "http.status_code", Text: status}, Tag{Key: "http.url", Text: fmt.Sprintf("http://127.0.0.1:34515/stock/%d", i%1000)}, Tag{Key: "span.kind", Text: "server"})
		add(Kind{Service: "postgres", Name: "postgres.query", Resource: "SELECT qty FROM stock WHERE sku = ?", Type: "sql"}, mix(stock), stock, 8e5, 1e6+d,
			Tag{Key: "db.name", Text: "stock"}, Tag{Key: "out.host", Text: "db.internal"}, Tag{Key: "peer.service", Text: "stock-db"}, Tag{Key: "span.kind", Text: "client"}, Tag{Key: "unique", Text: fmt.Sprintf("req-%d", i)})
	}
	return spans
}

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return start.Add(time.Hour) }
	}
	o.Log = slog.New(slog.DiscardHandler)
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustAppend(t testing.TB, s *Store, spans []*Span) {
	t.Helper()
	if _, err := s.Append(context.Background(), spans); err != nil {
		t.Fatal(err)
	}
}

// TestStoreAnswersAsAListOfSpansWould runs random appends, seals, restarts and
// kills, and compares every kind of question with a plain list.
func TestStoreAnswersAsAListOfSpansWould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "span")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		now := func() time.Time { return start.Add(time.Hour) }
		quiet := slog.New(slog.DiscardHandler)
		openIt := func() *Store {
			s, err := Open(dir, Options{Now: now, Log: quiet})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := openIt()
		defer func() { s.Close() }()
		var model []*Span
		id := uint64(0)
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1:
				spans := rapid.SliceOfN(someSpan(5), 1, 20).Draw(t, "spans")
				for _, sp := range spans {
					id++
					sp.ID = id
					c := *sp
					c.Tags = slices.Clone(sp.Tags)
					model = append(model, &c)
				}
				if _, err := s.Append(context.Background(), spans); err != nil {
					t.Fatal(err)
				}
			case 2:
				if err := s.Seal(); err != nil {
					t.Fatal(err)
				}
			case 3:
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = openIt()
			case 4: // killed after the seal, before the log was dropped
				logs := map[string][]byte{}
				names, _ := filepath.Glob(filepath.Join(dir, "log", "*.log"))
				for _, name := range names {
					logs[name], _ = os.ReadFile(name)
				}
				if err := s.Seal(); err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				for name, raw := range logs {
					if _, err := os.Stat(name); err != nil {
						os.WriteFile(name, raw, 0o644)
					}
				}
				s = openIt()
			}
		}
		compare(t, s, model)
	})
}

func compare(t *rapid.T, s *Store, model []*Span) {
	ctx := context.Background()
	filters := []Filter{
		{},
		{Op: Equal, Field: FieldService, Value: "web"},
		{Op: Glob, Field: FieldResource, Value: "get*"},
		{Op: Equal, Field: FieldStatus, Value: "error"},
		{Op: Equal, Field: "k1", Value: "web"},
		{Op: Exists, Field: "k2"},
		{Op: Not, Args: []Filter{{Op: Equal, Field: "k1", Value: "postgres"}}},
		{Op: Compare, Field: FieldDuration, Min: 1e10, Max: math.Inf(1)},
		{Op: And, Args: []Filter{{Op: Equal, Field: FieldHost, Value: "a"}, {Op: Or, Args: []Filter{{Op: Equal, Field: FieldType, Value: "sql"}, {Op: Equal, Field: "http.url", Value: "ü"}}}}},
	}
	from, to := start.UnixNano(), start.UnixNano()+int64(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "to"))
	for _, f := range filters {
		var want []*Span
		for _, sp := range model {
			if sp.Start >= from && sp.Start <= to && f.match((*spanSubject)(sp)) {
				want = append(want, sp)
			}
		}
		for _, order := range []Order{Newest, Oldest, Slowest} {
			slices.SortFunc(want, func(a, b *Span) int {
				x, y := candidate{by: order.rank(a.Start, a.Duration), id: a.ID}, candidate{by: order.rank(b.Start, b.Duration), id: b.ID}
				if x.before(y) {
					return -1
				}
				return 1
			})
			q := Query{From: from, To: to, Filter: f, Order: order, Limit: 7}
			var got []*Span
			for {
				found, err := s.Search(ctx, q)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, found.Spans...)
				if len(found.Spans) < 7 {
					break
				}
				place := q.PlaceOf(found.Spans[6])
				q.After = &place
			}
			if !equalSpans(got, want) {
				t.Fatalf("filter %+v order %d: got %d spans, want %d", f, order, len(got), len(want))
			}
		}
		n := 0
		if _, err := s.Each(ctx, from, to, f, func(*Match) { n++ }); err != nil || n != len(want) {
			t.Fatalf("filter %+v: Each shows %d spans, want %d (%v)", f, n, len(want), err)
		}
	}
	for low := uint64(1); low <= 5; low++ {
		got, err := s.Trace(ctx, TraceID{1, low})
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, sp := range model {
			if sameTrace(sp.Trace, TraceID{1, low}) {
				want++
			}
		}
		if len(got) != want {
			t.Fatalf("trace %d: got %d spans, want %d", low, len(got), want)
		}
	}
}

func TestDamagedBlockIsNamedAndTheRestIsFound(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	defer func() { s.Close() }()
	mustAppend(t, s, app(2000, start))
	if err := s.Seal(); err != nil {
		t.Fatal(err)
	}
	s.Close()
	names, _ := filepath.Glob(filepath.Join(dir, "*.spans"))
	raw, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	raw[100] ^= 1
	os.WriteFile(names[0], raw, 0o644)
	s = open(t, dir, Options{})
	n := 0
	warnings, err := s.Each(context.Background(), math.MinInt64, math.MaxInt64, Filter{}, func(*Match) { n++ })
	if err != nil || len(warnings) != 1 || n == 0 || n == 8000 {
		t.Fatalf("got %d spans, warnings %q, err %v", n, warnings, err)
	}
}

func TestOldSpansGoByAgeAndByBudget(t *testing.T) {
	now := start.Add(time.Hour)
	s := open(t, t.TempDir(), Options{Retention: 24 * time.Hour, MaxBytes: 60_000, Now: func() time.Time { return now }})
	defer s.Close()
	if dropped, err := s.Append(context.Background(), app(3, start.Add(-48*time.Hour))); err != nil || dropped != 12 {
		t.Fatalf("of 12 spans before the retention %d were dropped, %v", dropped, err)
	}
	for i := range 6 {
		mustAppend(t, s, app(200, start.Add(time.Duration(i)*time.Minute)))
		if err := s.Seal(); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.DiskBytes-st.LogBytes > 60_000 || st.Segments == 0 || st.Segments == 6 {
		t.Errorf("the budget is 60,000 bytes: %+v", st)
	}
	now = now.Add(30 * time.Hour)
	if err := s.Seal(); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Segments != 0 {
		t.Errorf("after the retention: %+v", st)
	}
}

func TestTraceIDsAreReadInEveryFormPeopleHave(t *testing.T) {
	for text, want := range map[string]TraceID{
		"6b0490ee0000000000d102c237dd1241": {0x6b0490ee00000000, 0x00d102c237dd1241},
		"d102c237dd1241":                   {0, 0x00d102c237dd1241},
		"17683131072204871233":             {0, 17683131072204871233},
	} {
		if got, err := ParseTraceID(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	if _, err := ParseTraceID("nonsense"); err == nil {
		t.Error("nonsense is no trace id")
	}
}
