package main

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/bench/fleet"
	"github.com/whippet-obs/whippet/ingest/agent"
	"github.com/whippet-obs/whippet/ingest/prometheus"
	"github.com/whippet-obs/whippet/store"
)

// Every format brings every sample with its tags to the store, bit for bit.
func TestEveryFormatBringsTheSameSamples(t *testing.T) {
	now := func() time.Time { return time.UnixMilli(fleet.Start).Add(time.Hour) }
	ctx := context.Background()
	for _, f := range []format{remoteWrite, datadogV1, datadogV2} {
		t.Run(f.String(), func(t *testing.T) {
			db, err := store.Open(t.TempDir(), store.Options{Now: now, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			write, post := prometheus.New(prometheus.Deps{DB: db, Now: now}), agent.New(agent.Deps{DB: db, Now: now, Log: slog.New(slog.DiscardHandler)})
			e, want := newEncoder(f, 0), map[string][]float64{}
			for request := range fleet.Requests(fleet.Fleet, 1, 3, 7, fleet.Shape{Hosts: 2, Ticks: 3}) {
				for _, p := range request {
					key := nameIn(f, p.Series.Name) + " " + join(p.Series.Tags)
					want[key] = append(want[key], p.Values...)
				}
				body := e.encode(request)
				switch headers := f.headers(); f {
				case remoteWrite:
					_, err = write.Write(ctx, prometheus.Request{ContentType: headers["Content-Type"], ContentEncoding: headers["Content-Encoding"], Body: body})
				default:
					_, err = post.Handle(ctx, agent.Request{Method: "POST", Path: doorOf(f), ContentType: headers["Content-Type"], ContentEncoding: headers["Content-Encoding"], Body: body})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			set, err := db.Select(ctx, store.Selector{From: fleet.Start, To: fleet.Start + 1e6})
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			if len(set.Series) != len(want) {
				t.Errorf("%d series, want %d", len(set.Series), len(want))
			}
			var c store.Columns
			for i, s := range set.Series {
				if err := set.Read(i, &c); err != nil {
					t.Fatal(err)
				}
				key := s.Name + " " + join(s.Tags)
				if !slices.EqualFunc(c.Values, want[key], func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }) {
					t.Fatalf("%s has %v, want %v", key, c.Values, want[key])
				}
			}
		})
	}
}

func nameIn(f format, name string) string {
	if f == remoteWrite {
		return underscored(name)
	}
	return name
}

func doorOf(f format) string {
	if f == datadogV1 {
		return "/api/v1/series"
	}
	return "/api/v2/series"
}

func join(tags []string) string {
	sorted := slices.Clone(tags)
	slices.Sort(sorted)
	key := ""
	for _, tag := range sorted {
		key += tag + " "
	}
	return key
}
