package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T, path string) *Catalog {
	t.Helper()
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestApdexThresholdsAreKeptByService(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "catalog.db"))
	defer c.Close()
	for _, set := range []struct {
		service   string
		threshold time.Duration
	}{{"a", time.Second}, {"b", 20 * time.Millisecond}, {"a", 0}} {
		if err := c.SetApdexThreshold(context.Background(), set.service, set.threshold); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.ApdexThresholds(); err != nil || len(got) != 1 || got["b"] != 20*time.Millisecond {
		t.Errorf("%v %v", got, err)
	}
}

func TestEverythingIsThereAfterReopening(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "catalog.db")
	c := open(t, path)
	err := c.Update(ctx, func(tx *Tx) error {
		if err := tx.Put(Monitors, "1", map[string]int{"a": 1}); err != nil {
			return err
		}
		return tx.AddEvent(&Event{Title: "deploy", Time: 1000})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.UpdateHost(ctx, "web", func(h *Host) {
		h.Tags = map[string][]string{"system": {"env:prod", "nice"}, "user": {"env:prod", "a:b"}}
	}); err != nil {
		t.Fatal(err)
	}
	c.Seen("db", 5000)
	c.LearnMetric(Metric{Name: "m", Type: "rate", Interval: 10})
	c.LearnMetric(Metric{Name: "m", Unit: "byte"})
	if err := c.PutChecks(ctx, []Check{{Name: "up", Host: "web", Status: 0, Time: 10}, {Name: "up", Host: "web", Status: 2, Time: 30}, {Name: "up", Host: "web", Status: 2, Time: 40}, {Name: "up", Host: "web", Status: 1, Time: 5}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	c = open(t, path)
	defer c.Close()
	var doc map[string]int
	if err := c.View(func(tx *Tx) error {
		found, err := tx.Get(Monitors, "1", &doc)
		if !found {
			t.Error("the document is gone")
		}
		return err
	}); err != nil || doc["a"] != 1 {
		t.Errorf("got document %v (error %v)", doc, err)
	}
	if events, err := c.Events(0, 2000, nil, 0); err != nil || len(events) != 1 || events[0].Title != "deploy" || events[0].ID != 1 {
		t.Errorf("got events %v (error %v)", events, err)
	}
	tags := c.HostTags()
	if got := tags.Of("web"); !slices.Equal(got, []string{"a:b", "env:prod", "nice"}) {
		t.Errorf("got tags %v", got)
	}
	if got := tags.Hosts("nice"); !slices.Equal(got, []string{"web"}) {
		t.Errorf("got hosts %v", got)
	}
	if h, ok := c.Host("db"); !ok || h.LastSeen != 5000 || h.FirstSeen != 5000 {
		t.Errorf("got host %+v", h)
	}
	if m, ok := c.Metric("m"); !ok || m.Type != "rate" || m.Interval != 10 || m.Unit != "byte" {
		t.Errorf("got metric %+v", m)
	}
	if checks := c.Checks(); len(checks) != 1 || checks[0].Status != 2 || checks[0].Changed != 30 || checks[0].Time != 40 {
		t.Errorf("got checks %+v", checks)
	}
}

func TestUpdateKeepsAllOrNothing(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "catalog.db"))
	defer c.Close()
	boom := errors.New("boom")
	err := c.Update(context.Background(), func(tx *Tx) error {
		if err := tx.Put(Outbox, "1", "x"); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("got error %v", err)
	}
	if err := c.View(func(tx *Tx) error {
		return tx.Each(Outbox, "", func(id string, _ json.RawMessage) error {
			t.Errorf("document %s of a failed update is there", id)
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
}

func TestConcurrentUpdatesAreAllKept(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "catalog.db"))
	defer c.Close()
	var wg sync.WaitGroup
	const n = 50
	for i := range n {
		wg.Go(func() {
			if err := c.Update(context.Background(), func(tx *Tx) error { return tx.Put(States, fmt.Sprintf("%02d", i), i) }); err != nil {
				t.Error(err)
			}
			c.Seen(fmt.Sprint("h", i%7), int64(i))
			c.HostTags().Of("h1")
			c.LearnMetric(Metric{Name: fmt.Sprint("m", i%5), Type: "gauge"})
		})
	}
	wg.Wait()
	found := 0
	if err := c.View(func(tx *Tx) error {
		return tx.Each(States, "", func(string, json.RawMessage) error { found++; return nil })
	}); err != nil || found != n {
		t.Errorf("%d documents are there (error %v), want %d", found, err, n)
	}
}

func TestEventsComeNewestFirstWithinTheirRange(t *testing.T) {
	ctx := context.Background()
	c := open(t, filepath.Join(t.TempDir(), "catalog.db"))
	defer c.Close()
	var events []Event
	for i := range 10 {
		events = append(events, Event{Title: fmt.Sprint(i), Time: int64(i * 100)})
	}
	if err := c.AddEvents(ctx, events); err != nil {
		t.Fatal(err)
	}
	titles := func(from, to int64, keep func(*Event) bool, limit int) (got []string) {
		found, err := c.Events(from, to, keep, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range found {
			got = append(got, e.Title)
		}
		return got
	}
	if got := titles(200, 400, nil, 0); !slices.Equal(got, []string{"4", "3", "2"}) {
		t.Errorf("got %v", got)
	}
	if got := titles(-5, 1<<50, nil, 2); !slices.Equal(got, []string{"9", "8"}) {
		t.Errorf("got %v", got)
	}
	if got := titles(0, 1000, func(e *Event) bool { return e.Title == "5" }, 0); !slices.Equal(got, []string{"5"}) {
		t.Errorf("got %v", got)
	}
	if e, ok, err := c.Event(events[3].ID); err != nil || !ok || e.Title != "3" {
		t.Errorf("got %+v %v %v", e, ok, err)
	}
	if _, ok, err := c.Event(99); ok || err != nil {
		t.Errorf("an unknown event: found %v (error %v)", ok, err)
	}
}

func TestPeoplesEditsOutlastAgents(t *testing.T) {
	ctx := context.Background()
	c := open(t, filepath.Join(t.TempDir(), "catalog.db"))
	defer c.Close()
	if err := c.EditMetric(ctx, "m", func(m *Metric) { m.Unit = "second" }); err != nil {
		t.Fatal(err)
	}
	c.LearnMetric(Metric{Name: "m", Unit: "byte"})
	if m, _ := c.Metric("m"); m.Unit != "second" {
		t.Errorf("got unit %s", m.Unit)
	}
}

func TestEventsOfAMonitorAndTheirEnd(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "catalog"))
	defer c.Close()
	ctx := t.Context()
	for i := range int64(10) {
		if err := c.AddEvents(ctx, []Event{{Title: fmt.Sprint(i), Time: i * 1000, MonitorID: i % 2 * 7}, {Title: "other", Time: i * 1000, MonitorID: 8}}); err != nil {
			t.Fatal(err)
		}
	}
	titles := func(from, to int64, limit int) (out string) {
		t.Helper()
		events, err := c.MonitorEvents(7, from, to, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			out += e.Title
		}
		return out
	}
	for _, got := range []struct{ got, want string }{
		{titles(0, 10_000, 0), "97531"}, {titles(3000, 7000, 0), "753"}, {titles(0, 10_000, 2), "97"}, {titles(0, 0, 0), ""},
	} {
		if got.got != got.want {
			t.Errorf("found %s, want %s", got.got, got.want)
		}
	}
	if n, err := c.DropEvents(ctx, 5000, 1000); err != nil || n != 10 {
		t.Errorf("dropped %d, %v", n, err)
	}
	if got := titles(0, 10_000, 0); got != "975" {
		t.Errorf("left are %s", got)
	}
	if events, err := c.Events(0, 10_000, nil, 0); err != nil || len(events) != 10 {
		t.Errorf("%d are left, %v", len(events), err)
	}
	if _, ok, err := c.Event(1); ok || err != nil {
		t.Errorf("a dropped event is found: %v, %v", ok, err)
	}
}
