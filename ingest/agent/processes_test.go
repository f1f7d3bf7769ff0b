package agent

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"
)

// message makes a protobuf message of fields: strings and messages, whole
// numbers, and float32s.
func message(fields ...any) []byte {
	var b []byte
	for i := 0; i < len(fields); i += 2 {
		n := protowire.Number(fields[i].(int))
		switch v := fields[i+1].(type) {
		case string:
			b = protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), v)
		case []byte:
			b = protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
		case int:
			b = protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(v))
		case float32:
			b = protowire.AppendFixed32(protowire.AppendTag(b, n, protowire.Fixed32Type), math.Float32bits(v))
		}
	}
	return b
}

func frame(kind, encoding byte, seconds int64, content []byte) string {
	b := []byte{3, encoding, kind, 0, 0, 0, 0, 0}
	b = binary.BigEndian.AppendUint64(b, uint64(seconds))
	return string(append(b, content...))
}

// process is one as the process agent writes it.
func process(pid int, cpu float32, rss int, user string, args ...string) []byte {
	command := []byte{}
	for _, arg := range args {
		command = append(command, message(1, arg)...)
	}
	command = append(command, message(3, "/", 6, 1, 8, "/usr/bin/"+args[0], 9, args[0])...)
	return message(2, pid, 4, command, 5, message(1, user, 2, 1000), 7, message(1, rss, 2, 1<<30), 8, message(2, cpu, 3, cpu/2, 5, 7), 9, 1795460000000, 11, 12, 14, "c1", 20, 1, 23, "a:b")
}

func TestProcessesOfAHost(t *testing.T) {
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	at := recorded.Unix() - 5
	plain := message(2, "Web-1", 3, process(7, 12.5, 4096, "root", "nginx", "-g", "daemon off;"), 3, process(8, 80, 1<<20, "postgres", "postgres"), 5, message(1, 1), 6, 99, 7, 1)
	for name, body := range map[string]string{
		"plain":               frame(12, 0, at, plain),
		"zstd":                frame(12, 4, at, encoder.EncodeAll(plain, nil)),
		"the other zstd":      frame(12, 5, at, encoder.EncodeAll(plain, nil)),
		"two frames of zstd":  frame(12, 4, at, append(encoder.EncodeAll(plain[:20], nil), encoder.EncodeAll(plain[20:], nil)...)),
		"without a timestamp": frame(12, 0, 0, plain),
	} {
		t.Run(name, func(t *testing.T) {
			in, db := newIntake(t)
			response, err := handle(in, "/api/v1/collector", "application/x-protobuf", body)
			if err != nil || response.Status != 200 || len(response.Body) != 20 || response.Body[2] != 23 {
				t.Fatalf("got %d %x (error %v), want a frame of type 23", response.Status, response.Body, err)
			}
			got := db.Catalog().Processes("web-1")
			if got.Total != 2 || got.Time != at*1000 && got.Time != recorded.UnixMilli() {
				t.Errorf("got %+v", got)
			}
			want := "[{8 postgres postgres postgres 80 1048576 7 12 1795460000000 c1 0} {7 nginx nginx -g daemon off; root 12.5 4096 7 12 1795460000000 c1 0}]"
			if fmt.Sprint(got.List) != want {
				t.Errorf("got  %v\nwant %s", got.List, want)
			}
			if h, ok := db.Catalog().Host("web-1"); !ok || h.LastSeen == 0 {
				t.Errorf("the host was not noted: %+v", h)
			}
		})
	}
}

func TestASnapshotMayComeInSeveralMessages(t *testing.T) {
	in, db := newIntake(t)
	send := func(group, pid int) {
		t.Helper()
		m := message(2, "h", 3, process(pid, 1, 1, "u", "p"), 6, group, 7, 2)
		if _, err := handle(in, "/api/v1/collector", "", frame(12, 0, recorded.Unix(), m)); err != nil {
			t.Fatal(err)
		}
	}
	send(1, 10) // its other half is lost
	send(2, 20)
	if got := db.Catalog().Processes("h"); got.Time != 0 {
		t.Errorf("half a snapshot is shown: %+v", got)
	}
	send(2, 21)
	if got := db.Catalog().Processes("h"); got.Total != 2 || got.List[0].PID != 20 || got.List[1].PID != 21 {
		t.Errorf("got %+v, want processes 20 and 21", got)
	}
}

func TestFramesThatCantBeReadAreAnsweredAndCounted(t *testing.T) {
	in, db := newIntake(t)
	for _, body := range []string{"", "\x03", frame(12, 3, 0, []byte("abc")), frame(12, 1, 0, []byte("{}")), "\x01" + strings.Repeat("x", 40)} {
		if response, err := handle(in, "/api/v1/collector", "", body); err != nil || len(response.Body) != 20 {
			t.Errorf("%q: got %x, error %v", body, response.Body, err)
		}
	}
	if got := in.Stats().OddFrames; got != 5 {
		t.Errorf("%d frames are counted, want 5", got)
	}
	for _, body := range []string{frame(27, 0, 0, message(2, "h")), frame(12, 0, 0, message(3, process(1, 1, 1, "u", "p"))), "{}"} {
		if response, err := handle(in, "/api/v1/collector", "", body); err != nil || len(response.Body) != 20 {
			t.Errorf("%q: got %x, error %v", body, response.Body, err)
		}
	}
	for _, encoding := range []byte{2, 4, 5} {
		if _, err := handle(in, "/api/v1/collector", "", frame(12, encoding, 0, []byte("no zstd at all"))); err == nil {
			t.Errorf("encoding %d: a body that isn't zstd is accepted", encoding)
		}
	}
	if got := db.Catalog().Processes("h"); got.Time != 0 {
		t.Errorf("got %+v", got)
	}
}

// TestProcessesOfARealAgent is a frame of Agent 7.82.1, in zstd of version 0.5.
func TestProcessesOfARealAgent(t *testing.T) {
	in, db := newIntake(t)
	body, err := os.ReadFile("testdata/agent-process/01-collector.body")
	if err != nil {
		t.Fatal(err)
	}
	if response, err := handle(in, "/api/v1/collector", "application/x-protobuf", string(body)); err != nil || len(response.Body) != 20 {
		t.Fatalf("got %x, error %v", response.Body, err)
	}
	got := db.Catalog().Processes("web-1")
	found := map[string]string{}
	for _, p := range got.List {
		found[p.Name] = p.Command
		if p.PID < 1 || p.User != "root" || p.RSS < 1<<16 || p.Started < 1795570000000 || p.Threads < 1 {
			t.Errorf("got %+v", p)
		}
	}
	for name, want := range map[string]string{
		"agent": "/opt/datadog-agent/bin/agent/agent run -c /etc/datadog-agent", "tail": "/usr/bin/tail -f /dev/null", "python3": "/usr/bin/python3 /usr/local/bin/recorder",
	} {
		if found[name] != want {
			t.Errorf("the command of %s is %q, want %q", name, found[name], want)
		}
	}
	if got.Time != recorded.UnixMilli() || got.Total != 6 {
		t.Errorf("got %d processes at %d", got.Total, got.Time)
	}
}

// TestProcessesByNameOfACoreAgent is what an agent sends without its process
// checks: it yields to single processes.
func TestProcessesByNameOfACoreAgent(t *testing.T) {
	in, db := newIntake(t)
	recorded := recordings(t, "agent-core")
	for _, name := range slices.Sorted(maps.Keys(recorded)) { // two are of one second
		if strings.HasSuffix(name, "intake") {
			if _, err := in.Handle(t.Context(), recorded[name]); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := db.Catalog().Processes("whip-host-1")
	if got.Total != 6 || len(got.List) != 5 || got.List[0].Name != "datadog-agent" || got.List[0].RSS != 128974848 || got.List[0].User != "root" || got.List[0].Number != 1 {
		t.Errorf("got %+v", got)
	}
	one := func(seconds int64) {
		t.Helper()
		if _, err := handle(in, "/api/v1/collector", "", frame(12, 0, seconds, message(2, "whip-host-1", 3, process(7, 1, 1, "u", "p")))); err != nil {
			t.Fatal(err)
		}
	}
	one(1795461600)
	snap := func(seconds int64) string {
		return fmt.Sprintf(`{"resources":{"meta":{"host":"whip-host-1"},"processes":{"snaps":[[%d,[["root",1,2,3,4,"x",5],["root","NaN",2,3,-4,"y",1],["bad"],[1,2,3,4,5,6,7]]]]}}}`, seconds)
	}
	if _, err := handle(in, "/intake/", "application/json", snap(1795461640)); err != nil {
		t.Fatal(err)
	}
	if got := db.Catalog().Processes("whip-host-1"); got.List[0].Name != "p" {
		t.Errorf("got %+v, want the single process still", got)
	}
	one(1795461500) // older
	if got := db.Catalog().Processes("whip-host-1"); got.Time != 1795461600000 {
		t.Errorf("an older snapshot replaced a newer one: %+v", got)
	}
	if _, err := handle(in, "/intake/", "application/json", `{"resources":{"meta":{"host":"other"},"processes":{"snaps":[[1795461640,[["root","NaN",2,3,-4,"y",1],["bad"]]]]}}}`); err != nil {
		t.Fatal(err)
	}
	if got := db.Catalog().Processes("other"); len(got.List) != 1 || got.List[0].CPU != 0 || got.List[0].RSS != 0 {
		t.Errorf("got %+v", got)
	}
	for _, odd := range []string{`{"resources":[]}`, `{"resources":{"meta":{"host":"z"},"processes":{"snaps":[[]]}}}`, `{"resources":{"meta":{"host":"z"},"processes":{"snaps":[["x",[]]]}}}`} {
		if _, err := handle(in, "/intake/", "application/json", odd); err != nil {
			t.Errorf("%s: %v", odd, err)
		}
	}
}

func FuzzProcesses(f *testing.F) {
	f.Add([]byte(frame(12, 0, 1, message(2, "h", 3, process(7, 1, 1, "u", "p"), 7, 3))))
	f.Add([]byte(frame(12, 4, 1, nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > frameHeader {
			m, err := parseCollector(b[frameHeader:])
			if err == nil {
				(&parts{}).add("h", m)
			}
		}
	})
}
