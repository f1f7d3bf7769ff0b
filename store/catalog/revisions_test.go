package catalog

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

// TestRevisionCountsWhatAReaderCouldSee says which changes count, and for what.
func TestRevisionCountsWhatAReaderCouldSee(t *testing.T) {
	c, err := Open(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	put := func() error {
		return c.Update(ctx, func(tx *Tx) error { return tx.Put(Dashboards, "a", map[string]int{"n": 1}) })
	}
	check := func(status int, at int64) error {
		return c.PutChecks(ctx, []Check{{Name: "up", Host: "a", Status: status, Time: at}})
	}
	steps := []struct {
		name string
		kind Kind
		want uint64 // added
		do   func() error
	}{
		{"a document is kept", Dashboards, 1, put},
		{"a document is deleted", Dashboards, 1, func() error { return c.Update(ctx, func(tx *Tx) error { return tx.Delete(Dashboards, "a") }) }},
		{"another collection changes", Monitors, 0, put},
		{"an event comes", Events, 1, func() error { return c.AddEvents(ctx, []Event{{Title: "a", Time: 1}, {Title: "b", Time: 2}}) }},
		{"a host is new", Hosts, 1, func() error { c.Seen("a", 1000); return nil }},
		{"a host is seen again", Hosts, 0, func() error { c.Seen("a", 2000); return nil }},
		{"a host tells the same", Hosts, 0, func() error { return c.UpdateHost(ctx, "a", func(h *Host) { h.LastSeen = 3000 }) }},
		{"a host tells its platform", Hosts, 1, func() error { return c.UpdateHost(ctx, "a", func(h *Host) { h.Platform = "debian" }) }},
		{"a host has a new app", Hosts, 1, func() error { c.SawApp("a", "redis"); return nil }},
		{"a host is deleted", Hosts, 1, func() error { return c.DeleteHost(ctx, "a") }},
		{"a check is new", Checks, 1, func() error { return check(0, 1000) }},
		{"a check runs again", Checks, 0, func() error { return check(0, 2000) }},
		{"a check fails", Checks, 1, func() error { return check(2, 3000) }},
	}
	for _, step := range steps {
		before := c.Revision(step.kind)
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := c.Revision(step.kind) - before; got != step.want {
			t.Errorf("%s: %s went up by %d, want %d", step.name, step.kind, got, step.want)
		}
	}
	before := c.Revision(Dashboards)
	broken := errors.New("broken")
	err = c.Update(ctx, func(tx *Tx) error { return errors.Join(tx.Put(Dashboards, "b", 1), broken) })
	if !errors.Is(err, broken) || c.Revision(Dashboards) != before {
		t.Errorf("a transaction that failed (%v) counts", err)
	}
}
