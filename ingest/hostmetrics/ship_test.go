package hostmetrics

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// receiver keeps the bodies it accepts and answers with status.
type receiver struct {
	status atomic.Int32
	bodies []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	status := int(r.status.Load())
	w.WriteHeader(status)
	if status >= 300 {
		return
	}
	decoder, err := zstd.NewReader(request.Body)
	if err != nil {
		panic(err)
	}
	defer decoder.Close()
	body, err := io.ReadAll(decoder)
	if err != nil {
		panic(err)
	}
	r.bodies = append(r.bodies, request.URL.Path+" "+string(body))
}

func TestUnsentPayloadsWaitOnDiskInOrder(t *testing.T) {
	r := &receiver{}
	server := httptest.NewServer(r)
	defer server.Close()
	dir := t.TempDir()
	open := func() *Shipper {
		s, err := NewShipper(ShipConfig{URL: server.URL, Key: "k", Dir: dir, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	var want []string
	send := func(i int, fails bool) {
		t.Helper()
		want = append(want, fmt.Sprintf("/api/v1/series %d", i))
		if err := s.Deliver(t.Context(), "/api/v1/series", fmt.Append(nil, i)); (err != nil) != fails {
			t.Fatalf("payload %d: error %v, want one: %v", i, err, fails)
		}
	}
	r.status.Store(202)
	send(0, false)
	r.status.Store(503)
	send(1, true)
	send(2, true)
	s = open() // the shipper is restarted while the other side is away
	send(3, true)
	r.status.Store(202)
	send(4, false)
	if !slices.Equal(r.bodies, want) {
		t.Errorf("received %q, want %q", r.bodies, want)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("%d files are left", len(files))
	}
}

func TestRefusedPayloadIsDroppedAndDoesNotBlock(t *testing.T) {
	r := &receiver{}
	server := httptest.NewServer(r)
	defer server.Close()
	s, err := NewShipper(ShipConfig{URL: server.URL, Dir: t.TempDir(), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{400, 413} {
		r.status.Store(int32(status))
		if err := s.Deliver(t.Context(), "/api/v1/series", []byte("bad")); err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("got error %v, want the status %d named", err, status)
		}
	}
	r.status.Store(403) // a wrong key can be mended
	if err := s.Deliver(t.Context(), "/api/v1/series", []byte("good")); err == nil {
		t.Error("a wrong key is not told")
	}
	r.status.Store(202)
	if err := s.Deliver(t.Context(), "/api/v1/series", []byte("better")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"/api/v1/series good", "/api/v1/series better"}; !slices.Equal(r.bodies, want) {
		t.Errorf("received %q, want %q", r.bodies, want)
	}
}

func TestOldestPayloadsGoWhenTheRoomIsFull(t *testing.T) {
	r := &receiver{}
	server := httptest.NewServer(r)
	defer server.Close()
	s, err := NewShipper(ShipConfig{URL: server.URL, Dir: t.TempDir(), MaxBytes: 200, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	r.status.Store(503)
	for i := range 20 {
		s.Deliver(t.Context(), "/intake/", fmt.Appendf(nil, "payload %d", i))
	}
	if s.bytes > 200 || len(s.waiting) == 0 {
		t.Errorf("%d bytes wait in %d files, the room is 200", s.bytes, len(s.waiting))
	}
	r.status.Store(202)
	if err := s.Deliver(t.Context(), "/intake/", []byte("last")); err != nil {
		t.Fatal(err)
	}
	if n := len(r.bodies); n < 2 || r.bodies[n-1] != "/intake/ last" || r.bodies[n-2] != "/intake/ payload 19" {
		t.Errorf("received %q, want the newest ones", r.bodies)
	}
}
