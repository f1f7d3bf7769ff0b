package dogstatsd

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store"
)

// start runs a server with sockets on a clock moved by hand; the returned
// function stops it and waits.
func start(t *testing.T, c Config) (s *Server, got *record, stop func()) {
	t.Helper()
	got = newRecord()
	c.Now = func() time.Time { return epoch }
	c.Log = newTestServer(t, Config{}).log
	s, err := newServer(c, got.backend())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, got, stop
}

// until waits for something that other goroutines are about to do.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain: %s", what)
}

func dial(t *testing.T, network, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func write(t *testing.T, conn net.Conn, packet string) {
	t.Helper()
	if _, err := conn.Write([]byte(packet)); err != nil {
		t.Fatal(err)
	}
}

func TestSendersByEverySocketReachTheStore(t *testing.T) {
	dir := t.TempDir()
	s, got, stop := start(t, Config{UDP: "127.0.0.1:0", Socket: filepath.Join(dir, "dsd.socket"), Stream: filepath.Join(dir, "dsd.stream"), Host: "h"})

	const senders, each = 8, 50 // several senders, so that every UDP socket gets some
	for i := range senders {
		udp := dial(t, "udp", s.Addr().String())
		for range each {
			write(t, udp, "by.udp:1|c|#a\nby.udp:1|c|#b")
		}
		until(t, "the sender's packets are in", func() bool { return s.Stats().Packets == uint64(i+1)*each })
	}
	unixgram := dial(t, "unixgram", filepath.Join(dir, "dsd.socket"))
	stream := dial(t, "unix", filepath.Join(dir, "dsd.stream"))
	for range each {
		write(t, unixgram, "by.unixgram:1|c\n")
		write(t, stream, string(binary.LittleEndian.AppendUint32(nil, 14))+"by.stream:1|c\n")
	}
	until(t, "all packets are in", func() bool { return s.Stats().Packets == senders*each+2*each })
	stop()

	if st := s.Stats(); st.KernelDrops != 0 || len(st.Rejected) != 0 || len(st.Sockets) < 2 || st.Sockets[0].ReceiveBuffer == 0 {
		t.Errorf("got %+v", st)
	}
	for series, want := range map[string]float64{
		"by.udp{a,host:h} rate": senders * each / 10, "by.udp{b,host:h} rate": senders * each / 10,
		"by.unixgram{host:h} rate": each / 10, "by.stream{host:h} rate": each / 10,
	} {
		if v := got.values[series][epoch.Unix()]; v != want {
			t.Errorf("%s: got %v, want %v", series, v, want)
		}
	}
	for _, name := range []string{"dsd.socket", "dsd.stream"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !os.IsNotExist(err) {
			t.Errorf("%s is left after the server has stopped", name)
		}
	}
}

func TestWhatWasReceivedBeforeTheStopIsKept(t *testing.T) {
	s, err := newServer(Config{UDP: "127.0.0.1:0"}, newRecord().backend())
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, "udp", s.Addr().String())
	for range 100 {
		write(t, conn, "c:1|c")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // before a reader has looked
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Metrics != 100 || st.Samples != 1 {
		t.Errorf("got %d metrics, %d samples; want 100 and 1", st.Metrics, st.Samples)
	}
}

func TestLargestDatagramIsTakenWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dsd.socket")
	s, _, _ := start(t, Config{UDP: "127.0.0.1:0", Socket: path})
	var packet []byte
	lines := 0
	for len(packet)+10 <= 65507 {
		packet = fmt.Appendf(packet, "c%d:1|c\n", 100+lines%900)
		lines++
	}
	write(t, dial(t, "udp", s.Addr().String()), string(packet))
	until(t, "the datagram is in", func() bool { return s.Stats().Packets == 1 })
	if st := s.Stats(); st.Metrics != uint64(lines) || len(st.Rejected) != 0 {
		t.Errorf("got %d metrics of %d, refused %v", st.Metrics, lines, st.Rejected)
	}

	// A unix socket takes more than UDP does; what is too long loses its end.
	for range 1000 {
		packet = append(packet, "more:1|c\n"...)
	}
	write(t, dial(t, "unixgram", path), string(packet))
	until(t, "the long datagram is in", func() bool { return s.Stats().Packets == 2 })
	if st := s.Stats(); st.Metrics <= 2*uint64(lines) || len(st.Rejected) != 1 || st.Rejected[0].Reason != truncated.String() {
		t.Errorf("got %d metrics, refused %v", st.Metrics, st.Rejected)
	}
}

func TestPortInUseIsRefused(t *testing.T) {
	s, _, _ := start(t, Config{UDP: "127.0.0.1:0"})
	if _, err := newServer(Config{UDP: s.Addr().String()}, newRecord().backend()); err == nil {
		t.Error("a second server took the same port")
	}
}

func TestStaleSocketFileIsReplacedAndALiveOneIsNot(t *testing.T) {
	dir := t.TempDir()
	for _, network := range []string{"unixgram", "unix"} {
		path := filepath.Join(dir, network)
		config := Config{Socket: path}
		if network == "unix" {
			config = Config{Stream: path}
		}
		leaveStale(t, network, path)
		_, _, stop := start(t, config)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != socketMode {
			t.Errorf("%s: got mode %v, %v", network, info.Mode(), err)
		}
		if _, err := newServer(config, newRecord().backend()); err == nil {
			t.Errorf("%s: a second server took the socket of a live one", network)
		}
		stop()

		if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := newServer(config, newRecord().backend()); err == nil {
			t.Errorf("%s: listens on an ordinary file", network)
		}
		if b, _ := os.ReadFile(path); string(b) != "precious" {
			t.Errorf("%s: an ordinary file was replaced", network)
		}
	}
}

// leaveStale makes a socket file that nobody listens on.
func leaveStale(t *testing.T, network, path string) {
	t.Helper()
	if network == "unix" {
		l, err := net.ListenUnix(network, &net.UnixAddr{Name: path, Net: network})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		l.Close()
		return
	}
	c, err := net.ListenUnixgram(network, &net.UnixAddr{Name: path, Net: network})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("%s: no stale socket was left: %v", network, err)
	}
}

func TestDatagramsTheKernelDroppedAreCounted(t *testing.T) {
	s, err := newServer(Config{UDP: "127.0.0.1:0"}, newRecord().backend())
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, "udp", s.Addr().String())
	packet := make([]byte, 60_000)
	for range 1000 { // nobody reads yet; 60 MB do not fit
		conn.Write(packet)
	}
	drops := s.Stats().KernelDrops
	if drops == 0 || drops >= 1000 {
		t.Errorf("got %d drops of 1000 datagrams", drops)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Packets+st.KernelDrops != 1000 || st.KernelDrops != drops {
		t.Errorf("got %d packets and %d drops of 1000", st.Packets, st.KernelDrops)
	}
}

func TestManyReadersAndReadersOfStatsRaceNot(t *testing.T) {
	var mu sync.Mutex
	now := epoch
	got := newRecord()
	s, err := newServer(Config{UDP: "127.0.0.1:0", Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(20 * time.Millisecond) // a bucket every 500 looks at the clock
		return now
	}}, got.backend())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	const senders, each = 4, 2000
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for i := range each {
				s.Ingest(fmt.Appendf(nil, "c:1|c|#n:%d\nd:1|d\nh:1|h\ns:%d|s\n", i%7, i))
				if i%100 == 0 {
					s.Stats()
				}
			}
		})
	}
	wg.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for n := range 7 {
		for _, v := range got.values[fmt.Sprintf("c{n:%d} rate", n)] {
			total += v * 10
		}
	}
	values := int64(0)
	for _, s := range got.sketches["d{} distribution"] {
		values += s.Count
	}
	if int(total+0.5) != senders*each || values != senders*each {
		t.Errorf("got %v counted and %d in sketches, want %d", total, values, senders*each)
	}
}

func TestDatagramIsReadBackFromTheStore(t *testing.T) {
	now := epoch
	clock := func() time.Time { return now }
	db, err := store.Open(t.TempDir(), store.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := Listen(Config{UDP: "127.0.0.1:0", DB: db, Host: "web-1", Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, "udp", s.Addr().String())
	write(t, conn, "page.views:20|c|#env:test\nload:1:2:3|d\n_e{6,4}:deploy|v1.2\n_sc|db.up|2|m:refused")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	until(t, "the datagram is in", func() bool { return s.Stats().Packets == 1 })
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	set, err := db.Select(t.Context(), store.Selector{From: epoch.UnixMilli(), To: epoch.UnixMilli() + 10_000})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var columns store.Columns
	got := map[string]string{}
	for i, series := range set.Series {
		if err := set.Read(i, &columns); err != nil {
			t.Fatal(err)
		}
		name := seriesName(series.Series)
		got[name] = fmt.Sprint(columns.Times, columns.Values)
		if len(columns.Sketches) == 1 {
			got[name] = fmt.Sprint(columns.Times, columns.Sketches[0].Count, columns.Sketches[0].Sum)
		}
	}
	want := map[string]string{
		"page.views{env:test,host:web-1} rate": fmt.Sprintf("[%d] [2]", epoch.UnixMilli()),
		"load{host:web-1} distribution":        fmt.Sprintf("[%d] 3 6", epoch.UnixMilli()),
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	events, err := db.Catalog().Events(0, epoch.UnixMilli(), nil, 0)
	if err != nil || len(events) != 1 || events[0].Title != "deploy" || events[0].Host != "web-1" {
		t.Errorf("events: got %+v, %v", events, err)
	}
	if checks := db.Catalog().Checks(); len(checks) != 1 || checks[0].Name != "db.up" || checks[0].Status != 2 {
		t.Errorf("checks: got %+v", checks)
	}
	if host, ok := db.Catalog().Host("web-1"); !ok {
		t.Errorf("host: got %+v", host)
	}
}
