package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// What people do to a monitor by hand, beside editing it.

// MuteMonitor silences the groups that scope names ("*": all; "host:a,env:b")
// until end (seconds; 0: until UnmuteMonitor).
func (s *Service) MuteMonitor(ctx context.Context, id int64, scope string, end int64) (json.RawMessage, error) {
	if scope == "" {
		scope = everything
	}
	if end != 0 && end*1000 <= s.ms() {
		return nil, &FieldError{Field: "end", Value: fmt.Sprint(end), Allowed: "a time in seconds that is still to come"}
	}
	return s.silence(ctx, id, "muted", func(silenced map[string]*int64) {
		silenced[scope] = nil
		if end != 0 {
			silenced[scope] = &end
		}
	})
}

// UnmuteMonitor ends what MuteMonitor began for scope; allScopes: for all.
func (s *Service) UnmuteMonitor(ctx context.Context, id int64, scope string, allScopes bool) (json.RawMessage, error) {
	if scope == "" {
		scope = everything
	}
	return s.silence(ctx, id, "unmuted", func(silenced map[string]*int64) {
		if delete(silenced, scope); allScopes {
			clear(silenced)
		}
	})
}

func (s *Service) silence(ctx context.Context, id int64, what string, fn func(map[string]*int64)) (json.RawMessage, error) {
	return s.edit(ctx, id, what, func(o object) error {
		r := &reader{object: o}
		options := r.into("options")
		silenced := map[string]*int64{}
		options.get("silenced", "an object", &silenced)
		if err := firstError(r.err, options.err); err != nil {
			return err
		}
		fn(silenced)
		options.object = maps.Clone(options.object)
		options.object.set("silenced", silenced)
		o.set("options", options.object)
		return nil
	})
}

// MuteMonitors silences several monitors as MuteMonitor does one. It returns
// the numbers of those that it reached before the first error.
func (s *Service) MuteMonitors(ctx context.Context, ids []int64, scope string, end int64) ([]int64, error) {
	done := []int64{}
	for _, id := range ids {
		if _, err := s.MuteMonitor(ctx, id, scope, end); err != nil {
			return done, err
		}
		done = append(done, id)
	}
	return done, nil
}

// UnmuteMonitors ends all mutes of several monitors.
func (s *Service) UnmuteMonitors(ctx context.Context, ids []int64) ([]int64, error) {
	done := []int64{}
	for _, id := range ids {
		if _, err := s.UnmuteMonitor(ctx, id, "", true); err != nil {
			return done, err
		}
		done = append(done, id)
	}
	return done, nil
}

// ResolveMonitor sets a group ("" or "*": all) to OK by hand. Receivers hear
// of it as of any recovery. While the value stays bad, the next evaluation
// triggers again.
func (s *Service) ResolveMonitor(_ context.Context, id int64, group string) error {
	w, err := s.watch(id)
	if err != nil {
		return err
	}
	w.run.Lock()
	defer w.run.Unlock()
	m, state := w.snapshot()
	if _, ok := state[group]; !ok && group != "" && group != everything {
		return fmt.Errorf("group %q of monitor %d: %w", group, id, ErrNotFound)
	}
	at := s.ms()
	o := Observation{At: at, End: at, Muted: s.mutes(m, at), Lifted: s.lift}
	e := evaluation{rules: &m.rules, o: o, before: state, Step: Step{State: maps.Clone(state)}}
	for _, name := range slices.Sorted(maps.Keys(state)) {
		g := state[name]
		if g.Status.bad() && !g.Unit && (group == "" || group == everything || group == name) {
			e.settle(g, OK, false)
		}
	}
	if len(e.notifyBy) > 0 {
		e.units()
	}
	return s.commit(w, m, e.Step, at)
}
