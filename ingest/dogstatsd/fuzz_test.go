package dogstatsd

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func seeds(f *testing.F) [][]byte {
	f.Helper()
	names, err := filepath.Glob("testdata/clients/*/*")
	if err != nil {
		f.Fatal(err)
	}
	var packets [][]byte
	for _, name := range append(names, "testdata/golden/lines.txt") {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		packets = append(packets, b)
	}
	return packets
}

// FuzzLine checks that a metric line that is taken is in form: what is kept of
// it can be read again and means the same.
func FuzzLine(f *testing.F) {
	for _, packet := range seeds(f) {
		for line := range bytes.Lines(packet) {
			f.Add(bytes.TrimRight(line, "\n"))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var m metric
		if why := parseMetric(line, &m); why != valid {
			return
		}
		if !hasLetter(m.name) || !(m.rate > 0 && m.rate <= 1) || m.weight() < 1 {
			t.Errorf("%q: taken as %v", line, &m)
		}
		if (m.kind == set) != (len(m.values) == 0) || (m.kind == set) != (len(m.member) > 0) {
			t.Errorf("%q: taken as %v", line, &m)
		}
		for _, v := range m.values {
			if !finite(v) {
				t.Errorf("%q: took the value %v", line, v)
			}
		}
		if timed := m.kind == counterAt || m.kind == gaugeAt; timed != (m.at > 0) {
			t.Errorf("%q: taken as %v", line, &m)
		}
	})
}

// FuzzPacket runs any bytes through the whole server. A good line behind them
// must arrive.
func FuzzPacket(f *testing.F) {
	for _, packet := range seeds(f) {
		f.Add(packet)
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		ts := newTestServer(t, Config{Host: "h"})
		ts.Ingest(packet)
		ts.send("after.it:1|c|#of:fuzz")
		ts.advance(10 * time.Second)
		ts.wantPoints("after.it{host:h,of:fuzz} rate", map[int]float64{0: 0.1})
		for name, buckets := range ts.got.values {
			for at, v := range buckets {
				if !finite(v) {
					t.Errorf("%s: kept %v at %d", name, v, at)
				}
			}
		}
		for range 40 {
			ts.advance(10 * time.Second)
		}
		if st := ts.Stats(); st.Contexts != 0 || st.Entries != 0 {
			t.Errorf("%d contexts and %d entries are left", st.Contexts, st.Entries)
		}
	})
}
