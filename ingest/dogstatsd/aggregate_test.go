package dogstatsd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whippet-obs/whippet/store"
)

func TestBucketHoldsWhatArrivedInIt(t *testing.T) {
	ts := newTestServer(t, Config{Host: "web-1"})
	ts.send("c:1|c", "g:1|g")
	ts.at = ts.at.Add(9999 * time.Millisecond)
	ts.send("c:2|c", "g:5|g", "g:3|g")
	ts.at = ts.at.Add(time.Millisecond)
	ts.send("c:4|c", "g:7|g") // the next bucket, though nobody has flushed
	ts.advance(10 * time.Second)
	ts.wantPoints("c{host:web-1} rate", map[int]float64{0: 0.3, 10: 0.4})
	ts.wantPoints("g{host:web-1} gauge", map[int]float64{0: 3, 10: 7})
	if ts.got.hosts["web-1"] != epoch.UnixMilli()+10_000 {
		t.Errorf("host seen at %d", ts.got.hosts["web-1"])
	}
}

func TestCounterGoesOnAsZeroForFiveMinutes(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.send("c:5|c", "g:5|g", "h:5|h", "s:5|s", "d:5|d")
	for range 60 {
		ts.advance(10 * time.Second)
	}
	want := map[int]float64{0: 0.5}
	for at := 10; at <= 300; at += 10 {
		want[at] = 0
	}
	ts.wantPoints("c{} rate", want)
	ts.wantPoints("g{} gauge", map[int]float64{0: 5})
	ts.wantPoints("h.count{} rate", map[int]float64{0: 0.1})
	ts.wantPoints("s{} gauge", map[int]float64{0: 1})
	if n := len(ts.got.sketches["d{} distribution"]); n != 1 {
		t.Errorf("distribution: got %d buckets, want 1", n)
	}
	if st := ts.Stats(); st.Contexts != 0 || st.Entries != 0 {
		t.Errorf("got %d contexts and %d entries after 10 minutes, want none", st.Contexts, st.Entries)
	}
}

func TestContextIsForgottenAfterTwentySeconds(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.send("g:5|g")
	for _, want := range []int{1, 1, 1, 0} {
		ts.advance(10 * time.Second)
		if st := ts.Stats(); st.Contexts != want {
			t.Errorf("%v after the value: got %d contexts, want %d", ts.at.Sub(epoch), st.Contexts, want)
		}
	}
}

func TestClockThatJumpsAheadEmitsTheMissedZerosOnly(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.send("c:5|c")
	ts.advance(10 * time.Minute)
	want := map[int]float64{0: 0.5}
	for at := 10; at <= 300; at += 10 {
		want[at] = 0
	}
	ts.wantPoints("c{} rate", want)

	ts.send("c:7|c")
	ts.advance(24 * 365 * time.Hour)
	want[600] = 0.7
	for at := 610; at <= 900; at += 10 {
		want[at] = 0
	}
	ts.wantPoints("c{} rate", want)
}

func TestClockThatIsSetBackLosesNothingNew(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.send("c:1|c", "g:1|g")
	ts.advance(-time.Hour)
	ts.send("c:2|c", "g:2|g")
	ts.advance(10 * time.Second)
	ts.wantPoints("c{} rate", map[int]float64{0: 0.1, -3600: 0.2})
	ts.wantPoints("g{} gauge", map[int]float64{0: 1, -3600: 2})
	for range 40 {
		ts.advance(10 * time.Second)
	}
	if st := ts.Stats(); st.Contexts != 0 {
		t.Errorf("got %d contexts 400 s later, want none", st.Contexts)
	}
}

func TestBucketThatComesAgainKeepsWhatItHeld(t *testing.T) {
	ts := newTestServer(t, Config{})
	for range 6 {
		ts.send("c:1|c")
		ts.advance(10 * time.Second)
	}
	ts.advance(-40 * time.Second)
	for range 6 {
		ts.send("c:1|c")
		ts.advance(10 * time.Second)
	}
	kept := map[int64]float64{} // by time, as in the store
	for _, s := range ts.got.samples {
		kept[s.Time] = s.Value
	}
	total := 0.0
	for _, v := range kept {
		total += v * 10
	}
	if total != 12 {
		t.Errorf("got %v counted, want 12: %v", total, kept)
	}
}

func TestClockThatWaversOverABoundaryKeepsOneBucket(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.advance(10 * time.Second)
	ts.send("c:1|c")
	ts.advance(-3 * time.Millisecond)
	ts.send("c:2|c")
	ts.advance(3 * time.Millisecond)
	ts.send("c:3|c")
	ts.advance(10 * time.Second)
	ts.wantPoints("c{} rate", map[int]float64{10: 0.6})
}

func TestBothSidesOfARestartAreKept(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.agg.started = epoch.UnixMilli() + 4000 // another process kept second 0 to 4
	ts.at = ts.at.Add(5 * time.Second)
	ts.send("c:1|c")
	ts.advance(10 * time.Second)
	ts.wantPoints("c{} rate", map[int]float64{4: 0.1})
	ts.send("c:1|c")
	ts.advance(10 * time.Second)
	ts.wantPoints("c{} rate", map[int]float64{4: 0.1, 10: 0.1})
}

func TestSpellingsOfOneContextAreOneSeries(t *testing.T) {
	ts := newTestServer(t, Config{Host: "Web-1"})
	ts.send("c:1|c|#b:2,a:1", "c:2|c|#a:1,b:2,a:1", "c:3|c|#A:1,,B:2,dd.internal.entity_id:x|@0.5", "c:1|c|#host:web-1,a:1,b:2",
		"g:1|g|#a:1,b:2", "g:2|g|#b:2,a:1", "g:3|g|#a:1,b:2", "g:4|g|#B:2,a:1",
		"s:x|s|#a,b", "s:y|s|#b,a", "s:x|s|#B,a",
		"h:1|h|#a,b", "h:3|ms|#b,a", "h:2|h|#a,b",
		"d:1|d|#a,b", "d:3|d|#b,a")
	ts.advance(10 * time.Second)
	ts.wantPoints("c{a:1,b:2,host:web-1} rate", map[int]float64{0: 1})
	ts.wantPoints("g{a:1,b:2,host:web-1} gauge", map[int]float64{0: 4})
	ts.wantPoints("s{a,b,host:web-1} gauge", map[int]float64{0: 2})
	ts.wantPoints("h.median{a,b,host:web-1} gauge", map[int]float64{0: 2})
	ts.wantPoints("h.count{a,b,host:web-1} rate", map[int]float64{0: 0.3})
	if s := ts.got.sketches["d{a,b,host:web-1} distribution"][epoch.Unix()]; s == nil || s.Count != 2 || s.Sum != 4 {
		t.Errorf("distribution: got %+v", s)
	}
	if len(ts.got.refs) != 9 {
		t.Errorf("got series %v, want 9", slices.Sorted(maps.Keys(ts.got.refs)))
	}
}

func TestHistogramFiguresFollowTheAgentsRules(t *testing.T) {
	ts := newTestServer(t, Config{Aggregates: []string{"min", "max", "median", "avg", "sum", "count"}, Percentiles: []float64{0.95, 0.99, 0.5}})
	ts.send("h:10:9:8:7:6:5:4:3:2:1|h")
	ts.advance(10 * time.Second)
	for suffix, want := range map[string]float64{"min": 1, "max": 10, "median": 5, "avg": 5.5, "sum": 55, "95percentile": 10, "99percentile": 10, "50percentile": 5} {
		ts.wantPoints("h."+suffix+"{} gauge", map[int]float64{0: want})
	}
	ts.wantPoints("h.count{} rate", map[int]float64{0: 1})

	for _, c := range []Config{{Aggregates: []string{"stddev"}}, {Percentiles: []float64{95}}, {Percentiles: []float64{math.NaN()}}} {
		if _, err := newServer(c, newRecord().backend()); err == nil {
			t.Errorf("%v %v: accepted", c.Aggregates, c.Percentiles)
		}
	}
}

func TestHistogramOfManyValuesKeepsItsPercentilesWithinOnePercent(t *testing.T) {
	ts := newTestServer(t, Config{Aggregates: []string{"min", "max", "median", "avg", "sum", "count"}})
	const n = 10 * maxExact
	var b strings.Builder
	for v := 1; v <= n; v++ {
		fmt.Fprintf(&b, "h:%d|h\n", v)
	}
	ts.Ingest([]byte(b.String()))
	for _, m := range ts.inside.sides[0].many {
		if s := &m.spread; len(s.points) > 0 {
			t.Errorf("%d values are kept one by one", len(s.points))
		}
	}
	ts.advance(10 * time.Second)
	for suffix, want := range map[string]float64{"min": 1, "max": n, "avg": (n + 1) / 2.0, "sum": n * (n + 1) / 2} {
		ts.wantPoints("h."+suffix+"{} gauge", map[int]float64{0: want})
	}
	for suffix, want := range map[string]float64{"median": n / 2, "95percentile": n * 0.95} {
		if got := ts.points("h." + suffix + "{} gauge")[0]; math.Abs(got/want-1) > 0.01 {
			t.Errorf("%s: got %v, want %v within 1 %%", suffix, got, want)
		}
	}
}

func TestTimestampedValuesGoStraightToTheStore(t *testing.T) {
	ts := newTestServer(t, Config{})
	at := epoch.Unix() - 60
	ts.send(fmt.Sprintf("g:7|g|T%d", at), fmt.Sprintf("c:4:5|c|T%d", at), "c:1|c")
	ts.advance(time.Second) // the bucket is still open
	ts.wantPoints("g{} gauge", map[int]float64{-60: 7})
	ts.wantPoints("c{} rate", map[int]float64{-60: 0.9})
	ts.advance(10 * time.Second)
	ts.wantPoints("c{} rate", map[int]float64{-60: 0.9, 0: 0.1})
	for range 5 {
		ts.advance(10 * time.Second)
	}
	if st := ts.Stats(); st.Contexts != 1 {
		t.Errorf("got %d contexts, want only the counter's", st.Contexts)
	}
}

func TestHostTagNamesTheHost(t *testing.T) {
	ts := newTestServer(t, Config{Host: "web-1"})
	ts.send("a:1|g", "b:1|g|#host:Other,k:v", "c:1|g|#host:", "d:1|g|#host:x,host:y")
	ts.advance(10 * time.Second)
	for _, name := range []string{"a{host:web-1} gauge", "b{host:other,k:v} gauge", "c{} gauge", "d{host:y} gauge"} {
		ts.wantPoints(name, map[int]float64{0: 1})
	}
	if got := slices.Sorted(maps.Keys(ts.got.hosts)); !slices.Equal(got, []string{"other", "web-1", "y"}) {
		t.Errorf("hosts seen: %v", got)
	}
}

func TestSamplesWaitWhileTheStoreIsFull(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.got.refuse = store.ErrNoSpace
	ts.send("g:1|g")
	ts.advance(10 * time.Second)
	ts.send("g:2|g")
	ts.advance(10 * time.Second)
	if st := ts.Stats(); st.Waiting != 2 || st.Samples != 0 {
		t.Errorf("got %d waiting, %d taken", st.Waiting, st.Samples)
	}
	ts.got.refuse = nil
	ts.advance(10 * time.Second)
	ts.wantPoints("g{} gauge", map[int]float64{0: 1, 10: 2})
	if st := ts.Stats(); st.Waiting != 0 || st.Samples != 2 || st.DroppedSamples != 0 {
		t.Errorf("got %d waiting, %d taken, %d dropped", st.Waiting, st.Samples, st.DroppedSamples)
	}
}

func TestOldestSamplesAreGivenUpWhenTooManyWait(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.out.limit = 2
	ts.got.refuse = errors.New("out of order")
	for i := range 5 {
		ts.send(fmt.Sprintf("g:%d|g", i))
		ts.advance(10 * time.Second)
	}
	ts.got.refuse = nil
	ts.advance(10 * time.Second)
	ts.wantPoints("g{} gauge", map[int]float64{30: 3, 40: 4})
	if st := ts.Stats(); st.DroppedSamples != 3 {
		t.Errorf("got %d dropped, want 3", st.DroppedSamples)
	}
}

func TestSeriesOverTheStoresLimitAreCounted(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.got.limit = 1
	ts.send("a:1|g", "b:1|g")
	ts.advance(10 * time.Second)
	ts.wantPoints("a{} gauge", map[int]float64{0: 1})
	if st := ts.Stats(); st.RefusedSamples != 1 {
		t.Errorf("got %d refused, want 1", st.RefusedSamples)
	}
}

func TestContextsOverTheLimitAreCountedAndSpoilNothing(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.agg.maxEntries = 2
	ts.send("a:1|g", "b:1|g", "c:1|g", "a:2|g")
	ts.advance(10 * time.Second)
	ts.wantPoints("a{} gauge", map[int]float64{0: 2})
	ts.wantPoints("b{} gauge", map[int]float64{0: 1})
	ts.wantPoints("c{} gauge", nil)
	if got := ts.rejectedFor()[tooManyContexts.String()]; got != 1 {
		t.Errorf("got %d refused, want 1", got)
	}
	for range 3 {
		ts.advance(10 * time.Second)
	}
	ts.send("c:1|g") // there is room again
	ts.advance(10 * time.Second)
	ts.wantPoints("c{} gauge", map[int]float64{40: 1})
}

// forget makes the store forget a series: its ref is never good again.
func (r *record) forget(name string) {
	if r.forgot == nil {
		r.forgot = map[store.Ref]bool{}
	}
	r.forgot[r.refs[name]] = true
	delete(r.refs, name)
}

func TestForgottenSeriesHoldUpNobodyAndComeBack(t *testing.T) {
	ts := newTestServer(t, Config{})
	lines := []string{"a:1|g", "b:2|g", "c:3|c", "d:4|d", "h:5|h"}
	ts.send(lines...)
	ts.advance(10 * time.Second)
	for _, name := range []string{"b{} gauge", "d{} distribution", "h.avg{} gauge"} {
		ts.got.forget(name)
	}
	ts.send(lines...)
	ts.advance(10 * time.Second)
	ts.wantPoints("a{} gauge", map[int]float64{0: 1, 10: 1})
	ts.wantPoints("c{} rate", map[int]float64{0: 0.3, 10: 0.3})
	ts.wantPoints("h.max{} gauge", map[int]float64{0: 5, 10: 5})
	if st := ts.Stats(); st.Forgotten != 3 || st.Waiting != 0 {
		t.Errorf("got %d samples of forgotten series, %d waiting", st.Forgotten, st.Waiting)
	}
	ts.send(lines...)
	ts.advance(10 * time.Second)
	ts.wantPoints("b{} gauge", map[int]float64{0: 2, 20: 2})
	ts.wantPoints("h.avg{} gauge", map[int]float64{0: 5, 20: 5})
	if st := ts.Stats(); st.Forgotten != 3 || st.Contexts != 5 || st.Entries != 5 {
		t.Errorf("got %d samples of forgotten series, %d contexts, %d entries", st.Forgotten, st.Contexts, st.Entries)
	}
}

func TestTooManyTagsAreRefused(t *testing.T) {
	ts := newTestServer(t, Config{})
	tags := strings.Repeat("a,", maxTags)
	ts.send("g:1|g|#"+tags+"a", "g:2|g|#"+tags[:len(tags)-1])
	ts.advance(10 * time.Second)
	ts.wantPoints("g{a} gauge", map[int]float64{0: 2})
	if got := ts.rejectedFor()[tooManyTags.String()]; got != 1 {
		t.Errorf("got %d refused, want 1", got)
	}
}

func TestBadLineSpoilsNothingBesideIt(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.Ingest([]byte("good.one:1|g\nbad:x|g\n\x00\xff|||\n_e{9999,1}:a|b\n\n\r\n_sc|x\n_unknown\n_x:1|g\ngood.two:2|g"))
	ts.advance(10 * time.Second)
	ts.wantPoints("good.one{} gauge", map[int]float64{0: 1})
	ts.wantPoints("good.two{} gauge", map[int]float64{0: 2})
	ts.wantPoints("x{} gauge", map[int]float64{0: 1})
	st := ts.Stats()
	if st.Metrics != 3 || st.Packets != 1 {
		t.Errorf("got %d metrics in %d packets", st.Metrics, st.Packets)
	}
	total := uint64(0)
	for _, r := range st.Rejected {
		total += r.Count
		if len(r.Examples) == 0 {
			t.Errorf("%s: no example", r.Reason)
		}
	}
	if total != 6 {
		t.Errorf("got %+v, want 6 lines refused", st.Rejected)
	}
}

func TestExamplesAreFewAndShort(t *testing.T) {
	ts := newTestServer(t, Config{})
	for i := range 100 {
		ts.send(fmt.Sprintf("bad%d:%s|g", i, strings.Repeat("x", 1000)))
	}
	r := ts.Stats().Rejected
	if len(r) != 1 || r[0].Count != 100 || len(r[0].Examples) != exampleCount {
		t.Fatalf("got %+v", r)
	}
	for _, example := range r[0].Examples {
		if len(example) > exampleBytes || !strings.HasPrefix(example, "bad9") {
			t.Errorf("got example %q", example)
		}
	}
}

func TestCutDatagramLosesOnlyItsLastLine(t *testing.T) {
	ts := newTestServer(t, Config{})
	now := ts.at.UnixMilli()
	ts.inside.begin(now)
	ts.inside.packet([]byte("a:1|g\nb:12|g\nc:12"), netip.Addr{}, true, now)
	ts.inside.end()
	ts.advance(10 * time.Second)
	ts.wantPoints("a{} gauge", map[int]float64{0: 1})
	ts.wantPoints("b{} gauge", map[int]float64{0: 12})
	if got := ts.rejectedFor()[truncated.String()]; got != 1 {
		t.Errorf("got %d truncated, want 1", got)
	}
}

func TestTypeUnitAndIntervalAreLearned(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.send("t:5|ms", "c:1|c")
	ts.advance(10 * time.Second)
	if m := ts.got.metrics["t.max"]; m.Type != "gauge" || m.Unit != "millisecond" || m.Interval != 10 {
		t.Errorf("t.max: got %+v", m)
	}
	if m := ts.got.metrics["t.count"]; m.Type != "rate" || m.Unit != "" {
		t.Errorf("t.count: got %+v", m)
	}
	if m := ts.got.metrics["c"]; m.Type != "rate" || m.Interval != 10 {
		t.Errorf("c: got %+v", m)
	}
}

// TestManyReadersAgreeWithOne sends the same lines to one table, and spread
// over several; what comes out must be the same.
func TestManyReadersAgreeWithOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		one, many := newTestServer(t, Config{}), newTestServer(t, Config{})
		for range 3 {
			many.agg.tables = append(many.agg.tables, newTable(many.agg))
		}
		name := rapid.SampledFrom([]string{"a", "b"})
		tags := rapid.SampledFrom([]string{"", "|#x,y", "|#y,x", "|#y,X,,y"})
		for range rapid.IntRange(1, 60).Draw(rt, "lines") {
			var line string
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0: // time goes by
				d := time.Duration(rapid.IntRange(0, 25).Draw(rt, "s")) * time.Second
				one.at, many.at = one.at.Add(d), many.at.Add(d)
				if rapid.Bool().Draw(rt, "flush") {
					one.advance(0)
					many.advance(0)
				}
				continue
			case 1:
				line = fmt.Sprintf("s.%s:%d|s", name.Draw(rt, "n"), rapid.IntRange(0, 3).Draw(rt, "m"))
			default:
				k := rapid.SampledFrom([]string{"c", "g", "h", "d", "ms"}).Draw(rt, "k")
				line = fmt.Sprintf("%s.%s:%d|%s", k, name.Draw(rt, "n"), rapid.IntRange(-5, 5).Draw(rt, "v"), k)
			}
			line += tags.Draw(rt, "t")
			one.send(line)
			at := many.tables()[rapid.IntRange(0, 3).Draw(rt, "table")]
			now := many.at.UnixMilli()
			at.begin(now)
			at.packet([]byte(line), netip.Addr{}, false, now)
			at.end()
		}
		one.advance(10 * time.Second)
		many.advance(10 * time.Second)
		if a, b := fmt.Sprint(one.got.values), fmt.Sprint(many.got.values); a != b {
			rt.Fatalf("one reader gave\n%s\nfour gave\n%s", a, b)
		}
		for series, buckets := range one.got.sketches {
			for at, s := range buckets {
				if a, b := fmt.Sprint(*s), fmt.Sprint(*many.got.sketches[series][at]); a != b {
					rt.Fatalf("%s at %d: one reader gave %s, four gave %s", series, at, a, b)
				}
			}
		}
	})
}

func (ts *testServer) tables() []*table { return ts.agg.tables }

func TestEventFloodDoesNotStallMetrics(t *testing.T) {
	ts := newTestServer(t, Config{}) // nobody runs the queue
	for range 3 * documentQueue {
		ts.send("_e{1,1}:a|b", "_sc|x|0", "g:1|g")
	}
	st := ts.Stats()
	if st.Metrics != 3*documentQueue || st.DroppedEvents != 2*documentQueue || st.DroppedChecks != 2*documentQueue {
		t.Errorf("got %d metrics, dropped %d events, %d checks", st.Metrics, st.DroppedEvents, st.DroppedChecks)
	}
}

func TestShutdownFlushesTheOpenBucket(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.send("g:1|g", "_e{1,1}:a|b", "_sc|x|0")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ts.Run(ctx); err != nil {
		t.Fatal(err)
	}
	ts.wantPoints("g{} gauge", map[int]float64{0: 1})
	if len(ts.got.events) != 1 || len(ts.got.checks) != 1 {
		t.Errorf("got %d events, %d checks, want one each", len(ts.got.events), len(ts.got.checks))
	}
}

func TestShutdownEndsThoughTheStoreIsFull(t *testing.T) {
	ts := newTestServer(t, Config{})
	ts.got.refuse = store.ErrNoSpace
	ts.send("g:1|g", "_e{1,1}:a|b")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ts.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if st := ts.Stats(); st.DroppedEvents != 1 {
		t.Errorf("got %d dropped events, want 1", st.DroppedEvents)
	}
}
