package store

import (
	"context"
	"testing"
	"time"
)

func TestInspectTellsWhatMetricsTake(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{})
	var b Batch
	for _, name := range []string{"constant", "noisy"} {
		for _, tag := range []string{"n:1", "n:2"} {
			ref := intern(t, db, name, tag)
			for i := range int64(500) {
				v := 1.0
				if name == "noisy" {
					v = 1 / float64(i*i%997+1)
				}
				b.Samples = append(b.Samples, Sample{ref, start.Add(-10*time.Hour).UnixMilli() + i*10_000, v})
			}
		}
	}
	if _, err := db.Append(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	if in := db.Inspect(); in.Samples != 0 || in.Tiers[0].Files != 0 {
		t.Errorf("before anything is sealed: %+v", in)
	}
	if err := db.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := db.Settle(); err != nil {
		t.Fatal(err)
	}
	in := db.Inspect()
	if in.Samples != 2000 || len(in.Metrics) != 2 || in.Metrics[0].Name != "noisy" || in.Metrics[0].Series != 2 || in.Metrics[0].Samples != 1000 || !(in.Metrics[0].BytesPerSample > 10*in.Metrics[1].BytesPerSample) {
		t.Errorf("got %+v", in)
	}
	for i, name := range []string{"raw", "5m", "1h"} {
		if s := in.Tiers[i]; s.Name != name || s.Files != 1 || s.Days != 1 || s.Bytes == 0 || s.First != "2026-11-23" {
			t.Errorf("tier %d: %+v", i, s)
		}
	}
}
