package dogstatsd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/sketch"
)

// record keeps in memory what a server hands to the store, and can refuse it.
type record struct {
	mu       sync.Mutex
	refs     map[string]store.Ref
	series   []store.Series
	samples  []store.Sample
	values   map[string]map[int64]float64 // by series, by s
	sketches map[string]map[int64]*sketch.Sketch
	metrics  map[string]catalog.Metric
	hosts    map[string]int64
	events   []catalog.Event
	checks   []catalog.Check
	appends  int
	refuse   error
	forgot   map[store.Ref]bool
	limit    int // series; 0: none
}

func newRecord() *record {
	return &record{
		refs: map[string]store.Ref{}, values: map[string]map[int64]float64{}, sketches: map[string]map[int64]*sketch.Sketch{},
		metrics: map[string]catalog.Metric{}, hosts: map[string]int64{},
	}
}

// seriesName shows a series as name{tags} kind.
func seriesName(s store.Series) string {
	return fmt.Sprintf("%s{%s} %s", s.Name, strings.Join(s.Tags, ","), s.Kind)
}

func (r *record) backend() backend {
	return backend{
		sink: sink{
			intern: func(s store.Series) (store.Ref, error) {
				r.mu.Lock()
				defer r.mu.Unlock()
				name := seriesName(s)
				if ref, ok := r.refs[name]; ok {
					return ref, nil
				}
				if r.limit > 0 && len(r.refs) >= r.limit {
					return 0, store.ErrSeriesLimit
				}
				r.series = append(r.series, s)
				ref := store.Ref(len(r.series)) // 0 is none
				r.refs[name] = ref
				return ref, nil
			},
			learn: func(m catalog.Metric) {
				r.mu.Lock()
				r.metrics[m.Name] = m
				r.mu.Unlock()
			},
			seen: func(host string, ms int64) {
				r.mu.Lock()
				r.hosts[host] = ms
				r.mu.Unlock()
			},
		},
		append: func(_ context.Context, b *store.Batch) (store.Rejected, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.refuse != nil {
				return store.Rejected{}, r.refuse
			}
			for _, s := range b.Samples {
				if r.forgot[s.Ref] {
					return store.Rejected{}, store.ErrForgotten
				}
			}
			for _, s := range b.Sketches {
				if r.forgot[s.Ref] {
					return store.Rejected{}, store.ErrForgotten
				}
			}
			r.appends++
			r.samples = append(r.samples, b.Samples...)
			for _, s := range b.Samples {
				name := seriesName(r.series[s.Ref-1])
				if r.values[name] == nil {
					r.values[name] = map[int64]float64{}
				}
				r.values[name][s.Time/1000] = s.Value
			}
			for _, s := range b.Sketches {
				name := seriesName(r.series[s.Ref-1])
				if r.sketches[name] == nil {
					r.sketches[name] = map[int64]*sketch.Sketch{}
				}
				r.sketches[name][s.Time/1000] = s.Sketch
			}
			return store.Rejected{}, nil
		},
		addEvents: func(_ context.Context, events []catalog.Event) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, events...)
			return r.refuse
		},
		putChecks: func(_ context.Context, checks []catalog.Check) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.checks = append(r.checks, checks...)
			return r.refuse
		},
	}
}

// testServer is a server without sockets on a clock moved by hand.
type testServer struct {
	*Server
	t   testing.TB
	got *record
	at  time.Time
}

// epoch is the start of a bucket.
var epoch = time.Unix(1795463350, 0).UTC()

func newTestServer(t testing.TB, c Config) *testServer {
	t.Helper()
	ts := &testServer{t: t, got: newRecord(), at: epoch}
	c.Now = func() time.Time { return ts.at }
	c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	s, err := newServer(c, ts.got.backend())
	if err != nil {
		t.Fatal(err)
	}
	ts.Server = s
	return ts
}

// send takes lines as one packet.
func (ts *testServer) send(lines ...string) { ts.Ingest([]byte(strings.Join(lines, "\n"))) }

// advance moves the clock and flushes.
func (ts *testServer) advance(d time.Duration) {
	ts.t.Helper()
	ts.at = ts.at.Add(d)
	ts.Server.flush(context.Background())
}

// points returns what the store has of a series, by seconds since epoch.
func (ts *testServer) points(series string) map[int]float64 {
	points := map[int]float64{}
	for at, v := range ts.got.values[series] {
		points[int(at-epoch.Unix())] = v
	}
	return points
}

func (ts *testServer) wantPoints(series string, want map[int]float64) {
	ts.t.Helper()
	got := ts.points(series)
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		ts.t.Errorf("%s: got %v, want %v", series, got, want)
	}
}

// rejectedFor returns how many lines were refused, by reason.
func (ts *testServer) rejectedFor() map[string]uint64 {
	counts := map[string]uint64{}
	for _, r := range ts.Stats().Rejected {
		counts[r.Reason] = r.Count
	}
	return counts
}
