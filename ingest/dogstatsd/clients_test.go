package dogstatsd

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"
	"time"
)

// recorded returns the datagrams that a client sent, in order.
func recorded(t testing.TB, client string) [][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata/clients", client, "*.body"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no recording of %s: %v", client, err)
	}
	var packets [][]byte
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, b)
	}
	return packets
}

// TestRecordedClientsAreUnderstood feeds what official clients sent.
func TestRecordedClientsAreUnderstood(t *testing.T) {
	const goTags = "{client:datadog-go,env:test,host:h} "
	const goRoute = "{client:datadog-go,env:test,host:h,route:/cart} "
	const hotShots = "{client:hot-shots,env:test,host:h} "
	for _, tt := range []struct {
		client                  string
		metrics, events, checks uint64
		want                    map[string]float64
		sketch                  string
		count                   int64
		sum                     float64
	}{
		{
			client: "datadog-go-udp", metrics: 66, events: 1, checks: 1,
			want: map[string]float64{
				"rc.requests" + goRoute + "rate": 2, "rc.users" + goTags + "gauge": 4, "rc.incr" + goTags + "rate": 0.1, "rc.decr" + goTags + "rate": -0.1,
				"rc.queue.depth{client:datadog-go,env:test,host:h,queue:mail} gauge": 42.5,
				"rc.hist.median" + goRoute + "gauge":                                 5, "rc.hist.95percentile" + goRoute + "gauge": 10, "rc.hist.count" + goRoute + "rate": 1, "rc.hist.avg" + goRoute + "gauge": 5.5,
				"rc.timing.max" + goTags + "gauge": 10, "rc.sampled" + goTags + "rate": 0.1,
				"plain.s{host:h} gauge": 1, "plain.t.median{host:h} gauge": 12.25, "plain.g{host:h} gauge": -4, "plain.hist.max{a:b,host:h} gauge": 1.5, "plain.c{host:h} rate": 0.3,
				"datadog.dogstatsd.client.metrics{client:datadog-go,client:go,client_transport:udp,client_version:5.9.1,env:test,host:h} rate": 5.6,
			},
			sketch: "rc.dist" + goRoute + "distribution", count: 10, sum: 550,
		},
		{
			client: "datadog-go-udsgram", metrics: 18, events: 1, checks: 1,
			want:   map[string]float64{"rc.requests" + goRoute + "rate": 2, "rc.users" + goTags + "gauge": 4},
			sketch: "rc.dist" + goRoute + "distribution", count: 10, sum: 550,
		},
		{
			client: "hot-shots-udp", metrics: 50, events: 1, checks: 1,
			want: map[string]float64{
				"hs.requests{client:hot-shots,env:test,host:h,route:/cart} rate": 0.3, "hs.dec" + hotShots + "rate": -0.1,
				"hs.delta" + hotShots + "gauge": 2, "hs.users" + hotShots + "gauge": 2, "hs.timing.max" + hotShots + "gauge": 120,
				"hs.buffered.count{client:hot-shots,env:test,host:h,i:x} rate": 3, "hs.buffered.max{client:hot-shots,env:test,host:h,i:x} gauge": 29,
			},
			sketch: "hs.dist" + hotShots + "distribution", count: 2, sum: 199,
		},
		{
			client: "hot-shots-udsgram", metrics: 47, events: 1, checks: 1,
			want: map[string]float64{"hs.buffered.max{client:hot-shots,env:test,host:h,i:x} gauge": 28},
		},
		{
			client: "aiodogstatsd-udp", metrics: 7,
			want: map[string]float64{
				"aio.requests{env:test,host:h,route:/cart} rate": 0.3, "aio.dec{env:test,host:h} rate": -0.1, "aio.queue{env:test,host:h} gauge": 42.5,
				"aio.hist.max{env:test,host:h} gauge": 1.5, "aio.timing.median{env:test,host:h} gauge": 120,
			},
			sketch: "aio.dist{env:test,host:h} distribution", count: 1, sum: 2.5,
		},
		{client: "dd-trace-go", metrics: 6},
		{
			client: "dd-trace-js", metrics: 16,
			sketch: "app.dist{env:test,host:h,service:shop-node,version:2.0.1} distribution", count: 1, sum: 4.5,
		},
	} {
		t.Run(tt.client, func(t *testing.T) {
			ts := newTestServer(t, Config{Host: "h"})
			for _, packet := range recorded(t, tt.client) {
				ts.Ingest(packet)
			}
			ts.advance(10 * time.Second)
			st := ts.Stats()
			if len(st.Rejected) > 0 {
				t.Errorf("refused %+v", st.Rejected)
			}
			if st.Metrics != tt.metrics || st.Events != tt.events || st.Checks != tt.checks {
				t.Errorf("got %d metrics, %d events, %d checks; want %d, %d, %d", st.Metrics, st.Events, st.Checks, tt.metrics, tt.events, tt.checks)
			}
			for series, v := range tt.want {
				ts.wantPoints(series, map[int]float64{0: v})
			}
			if tt.sketch != "" {
				if s := ts.got.sketches[tt.sketch][epoch.Unix()]; s == nil || s.Count != tt.count || s.Sum != tt.sum {
					t.Errorf("%s: got %+v, want %d values, sum %v", tt.sketch, s, tt.count, tt.sum)
				}
			}
		})
	}
}

func TestRecordedEventsAndChecksAreKept(t *testing.T) {
	ts := newTestServer(t, Config{Host: "h"})
	for _, packet := range recorded(t, "datadog-go-udp") {
		ts.Ingest(packet)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ts.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if len(ts.got.events) != 1 || len(ts.got.checks) != 1 {
		t.Fatalf("got %+v and %+v", ts.got.events, ts.got.checks)
	}
	e, c := ts.got.events[0], ts.got.checks[0]
	if e.Title != "deploy" || e.Text != "line one\nline two" || e.Host != "web-9" || e.AlertType != "warning" || !slices.Equal(e.Tags, []string{"client:datadog-go", "env:test", "version:1.2"}) {
		t.Errorf("event: got %+v", e)
	}
	if c.Name != "db.can_connect" || c.Status != 2 || c.Host != "db-1" || c.Message != "refused" || !slices.Equal(c.Tags, []string{"client:datadog-go", "db:main", "env:test"}) {
		t.Errorf("check: got %+v", c)
	}
}

func TestStreamIsCutIntoItsFrames(t *testing.T) {
	stream := recorded(t, "datadog-go-udsstream")[0]
	frames := 0
	ts := newTestServer(t, Config{})
	err := readFrames(iotest.OneByteReader(bytes.NewReader(stream)), func(frame []byte) {
		frames++
		ts.Ingest(frame)
	})
	if err != nil || frames != 15 {
		t.Errorf("got %d frames, %v; want 15", frames, err)
	}
	if st := ts.Stats(); st.Packets != 15 || st.Bytes != uint64(len(stream)-4*15) || len(st.Rejected) > 0 {
		t.Errorf("got %d packets of %d bytes, refused %+v", st.Packets, st.Bytes, st.Rejected)
	}
	for _, bad := range []string{"\x01", "\x05\x00\x00\x00a:1", "\x00\x00\x01\x00", "\xff\xff\xff\xff"} {
		if err := readFrames(bytes.NewReader([]byte(bad)), func([]byte) {}); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
