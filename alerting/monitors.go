package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

// computed are the fields of a monitor's document that we answer and never
// take from a client.
var computed = []string{"created_at", "deleted", "multi", "overall_state", "overall_state_modified", "state", "matching_downtimes", "org_id"}

// owned are the fields that are kept and not for clients to change.
var owned = []string{"id", "created", "modified", "creator"}

// timeFormat is how Datadog's API writes the times of a monitor.
const timeFormat = "2006-01-02T15:04:05.000000-07:00"

// CreateMonitor checks and keeps a monitor, and evaluates it from now on. It
// returns the document as it is kept. A mistake in it is a *FieldError.
func (s *Service) CreateMonitor(ctx context.Context, doc json.RawMessage) (json.RawMessage, error) {
	o, err := parseObject("monitor", doc)
	if err != nil {
		return nil, err
	}
	if err := s.fill(o, nil); err != nil {
		return nil, err
	}
	s.editing.Lock()
	defer s.editing.Unlock()
	var m *monitor
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		id, err := tx.NextID(catalog.Monitors)
		if err != nil {
			return err
		}
		o.set("id", id)
		if m, err = parseMonitor(o); err != nil {
			return err
		}
		if err := s.checkMembers(m); err != nil {
			return err
		}
		if err := tx.Put(catalog.Monitors, docKey(id), o); err != nil {
			return err
		}
		return s.note(tx, m, "created", nil)
	})
	if err != nil {
		return nil, fmt.Errorf("create monitor: %w", err)
	}
	w := &watch{monitor: m, state: State{}}
	s.mu.Lock()
	s.watches[m.id] = w
	s.mu.Unlock()
	return s.document(w, "").json(), nil
}

// ValidateMonitor checks a document as CreateMonitor would, and keeps nothing.
func (s *Service) ValidateMonitor(doc json.RawMessage) error {
	_, err := s.understand(doc)
	return err
}

func (s *Service) understand(doc json.RawMessage) (*monitor, error) {
	o, err := parseObject("monitor", doc)
	if err != nil {
		return nil, err
	}
	if err := s.fill(o, nil); err != nil {
		return nil, err
	}
	m, err := parseMonitor(o)
	if err != nil {
		return nil, err
	}
	return m, s.checkMembers(m)
}

// checkMembers refuses a composite of monitors that don't exist, or that are
// composites themselves.
func (s *Service) checkMembers(m *monitor) error {
	c, ok := m.query.source.(*compositeSource)
	if !ok {
		return nil
	}
	for _, id := range c.members {
		w, err := s.watch(id)
		if err != nil {
			return &FieldError{Field: "query", Value: m.queryText, Allowed: "numbers of monitors that exist", Err: fmt.Errorf("there is no monitor %d", id)}
		}
		if member, _ := w.snapshot(); member.kind == composite {
			return &FieldError{Field: "query", Value: m.queryText, Allowed: "monitors that are not composite", Err: fmt.Errorf("monitor %d is a composite itself: write its query instead of its number", id)}
		}
	}
	return nil
}

// fill brings a client's document into the form that is kept: our own fields,
// and Datadog's defaults. before is the document it replaces; nil: none.
func (s *Service) fill(o, before object) error {
	for _, key := range computed {
		delete(o, key)
	}
	for _, key := range owned {
		delete(o, key)
		if raw, ok := before[key]; ok {
			o[key] = raw
		}
	}
	now := s.now().UTC().Format(timeFormat)
	o.preset("created", now)
	o.set("modified", now)
	o.preset("creator", map[string]any{"handle": "local", "name": nil, "email": ""})
	o.preset("message", "")
	o.preset("tags", []string{})
	for _, key := range []string{"priority", "restricted_roles"} {
		// Terraform's provider used to say 0 for no priority.
		if !o.has(key) || key == "priority" && string(o[key]) == "0" {
			o[key] = json.RawMessage("null")
		}
	}
	if !o.has("name") && o.has("query") {
		o["name"] = o["query"]
	}
	r := &reader{object: o}
	options := r.into("options")
	// A critical threshold that is only in the query stays there: Terraform's
	// provider takes one that it didn't send for a change.
	if options.has("thresholds") {
		thresholds := options.into("thresholds")
		if err := firstError(r.err, options.err); err != nil {
			return err
		}
		for key := range thresholds.object {
			if !thresholds.has(key) {
				delete(thresholds.object, key)
			}
		}
		options.object.set("thresholds", thresholds.object)
	} else {
		delete(options.object, "thresholds")
	}
	if err := firstError(r.err, options.err); err != nil {
		return err
	}
	for key, value := range map[string]any{
		"notify_audit": false, "locked": false, "include_tags": true, "notify_no_data": false, "silenced": map[string]any{},
	} {
		if _, ok := options.object[key]; !ok {
			options.object.set(key, value)
		}
	}
	o.set("options", options.object)
	return r.err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// note writes an edit into the event log, and mails it where the monitor asks
// for that (notify_audit).
//
// The event's text is what changed: of an edit the fields with their values
// before and after, else the query.
func (s *Service) note(tx *catalog.Tx, m *monitor, what string, before object) error {
	text := fmt.Sprintf("Monitor %d was %s: %s", m.id, what, m.queryText)
	if before != nil {
		after := maps.Clone(m.doc)
		before = maps.Clone(before)
		for _, o := range []object{before, after} {
			delete(o, "modified")
		}
		text = strings.Join(Diff(before.json(), after.json()), "\n")
	}
	e := catalog.Event{
		Title: fmt.Sprintf("[%s] %s", strings.ToUpper(what[:1])+what[1:], m.name), Text: text,
		Time: s.ms(), Tags: append(slices.Clone(m.tags), "monitor", "audit"), AlertType: "info", Priority: "low",
		SourceType: "monitor", EventType: "monitor_" + what, MonitorID: m.id,
	}
	return tx.AddEvent(&e)
}

// AllStates asks for the states of all groups.
const AllStates = "all"

// Monitor returns a monitor's document. groupStates says which groups' states
// come with it: "all", or some of alert, warn, "no data", ok, by comma; "" for
// none. An unknown id is ErrNotFound.
func (s *Service) Monitor(id int64, groupStates string) (json.RawMessage, error) {
	w, err := s.watch(id)
	if err != nil {
		return nil, err
	}
	o := s.document(w, groupStates)
	m, _ := w.snapshot()
	o.set("matching_downtimes", s.matching(m))
	return o.json(), nil
}

// ListOptions choose monitors. The zero value chooses all.
type ListOptions struct {
	GroupStates string   // as of Monitor
	Name        string   // part of the name, in any case
	Tags        []string // tags that the monitor's query filters by
	MonitorTags []string // tags of the monitor; all of them
	IDOffset    int64    // monitors with greater ids
	Page        int      // from 0, when PageSize is set
	PageSize    int      // 0: all
}

// Monitors lists the documents of the monitors that o chooses, by id.
func (s *Service) Monitors(o ListOptions) []json.RawMessage {
	list := []json.RawMessage{}
	skip := o.Page * o.PageSize
	for _, w := range s.monitors() {
		m, _ := w.snapshot()
		switch {
		case m.id <= o.IDOffset,
			!strings.Contains(strings.ToLower(m.name), strings.ToLower(o.Name)),
			!containsAll(m.tags, o.MonitorTags), !containsAll(m.scope, o.Tags):
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		if o.PageSize > 0 && len(list) == o.PageSize {
			break
		}
		list = append(list, s.document(w, o.GroupStates).json())
	}
	return list
}

func containsAll(have, want []string) bool {
	for _, tag := range want {
		if !slices.Contains(have, tag) {
			return false
		}
	}
	return true
}

// document is a monitor as the API shows it.
func (s *Service) document(w *watch, groupStates string) object {
	m, state := w.snapshot()
	o := maps.Clone(m.doc)
	status, since := state.overall()
	o.set("overall_state", status)
	o["overall_state_modified"] = json.RawMessage("null")
	if since > 0 {
		o.set("overall_state_modified", time.UnixMilli(since).UTC().Format(timeFormat))
	}
	_, alone := state[everything]
	o.set("multi", m.grouped && !(m.query.anyGroups && alone))
	o["deleted"] = json.RawMessage("null")
	o.set("org_id", 1)
	var created time.Time
	if json.Unmarshal(o["created"], &created) == nil {
		o.set("created_at", created.UnixMilli())
	}
	if groupStates == "" {
		return o
	}
	groups := map[string]groupState{}
	for name, g := range state {
		if shown(g, groupStates) {
			groups[name] = stateOf(g)
		}
	}
	answer := map[string]any{"groups": groups}
	w.mu.Lock()
	if w.problem != "" {
		answer["error"] = w.problem
	}
	if w.due > 0 {
		answer["last_evaluated_ts"] = w.due / 1000
	}
	w.mu.Unlock()
	o.set("state", answer)
	return o
}

// groupState is a group in Datadog's JSON, times in seconds; after the blank
// line, what we add.
type groupState struct {
	Name            string `json:"name"`
	Status          Status `json:"status"`
	LastNodataTs    *int64 `json:"last_nodata_ts"`
	LastNotifiedTs  *int64 `json:"last_notified_ts"`
	LastResolvedTs  *int64 `json:"last_resolved_ts"`
	LastTriggeredTs *int64 `json:"last_triggered_ts"`

	SinceTs    *int64 `json:"since_ts"`
	LastDataTs *int64 `json:"last_data_ts"`
	Value      Number `json:"value"`
	MutedBy    string `json:"muted_by,omitempty"`
}

func stateOf(g Group) groupState {
	st := groupState{
		Name: g.Name, Status: g.Status, LastNodataTs: seconds(g.LastNoData), LastNotifiedTs: seconds(g.ToldAt),
		LastResolvedTs: seconds(g.LastResolved), LastTriggeredTs: seconds(g.LastTriggered),
		SinceTs: seconds(g.Since), LastDataTs: seconds(g.LastData), Value: g.Value,
	}
	if g.Mute != nil {
		st.MutedBy = g.Mute.Reason
	}
	return st
}

// shown says whether a group is among those that a client asked for.
func shown(g Group, wanted string) bool {
	if g.Unit || g.Name == everything && g.Status == Skipped {
		return false // the latter stands in for groups that nobody has seen yet
	}
	for word := range strings.SplitSeq(wanted, ",") {
		if word = strings.ToLower(strings.TrimSpace(word)); word == AllStates || word == strings.ToLower(string(g.Status)) {
			return true
		}
	}
	return false
}

// UpdateMonitor changes the fields that doc has; options are replaced as a
// whole, as Datadog does. A changed query starts the groups afresh, since it
// is about something else; everything else goes on where it stood.
func (s *Service) UpdateMonitor(ctx context.Context, id int64, doc json.RawMessage) (json.RawMessage, error) {
	change, err := parseObject("monitor", doc)
	if err != nil {
		return nil, err
	}
	return s.edit(ctx, id, "edited", func(o object) error {
		for _, key := range slices.Concat(computed, owned) {
			delete(change, key)
		}
		maps.Copy(o, change)
		return nil
	})
}

// edit changes a monitor's document by fn, which gets a copy.
func (s *Service) edit(ctx context.Context, id int64, what string, fn func(object) error) (json.RawMessage, error) {
	s.editing.Lock()
	defer s.editing.Unlock()
	w, err := s.watch(id)
	if err != nil {
		return nil, err
	}
	w.run.Lock() // not while an evaluation decides by the old document
	defer w.run.Unlock()
	old, state := w.snapshot()
	o := maps.Clone(old.doc)
	if err := fn(o); err != nil {
		return nil, err
	}
	if err := s.fill(o, old.doc); err != nil {
		return nil, err
	}
	m, err := parseMonitor(o)
	if err != nil {
		return nil, err
	}
	if err := s.checkMembers(m); err != nil {
		return nil, err
	}
	afresh := m.kind != old.kind || !m.query.same(old.query)
	letters := s.audit(m, what)
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.Put(catalog.Monitors, docKey(id), o); err != nil {
			return err
		}
		if afresh {
			if err := dropState(tx, id, state); err != nil {
				return err
			}
		}
		if err := s.note(tx, m, what, old.doc); err != nil {
			return err
		}
		return post(tx, letters)
	})
	if err != nil {
		return nil, fmt.Errorf("monitor %d: %w", id, err)
	}
	w.mu.Lock()
	w.monitor = m
	if afresh {
		w.state, w.due = State{}, 0
	}
	w.mu.Unlock()
	s.handOver(letters)
	return s.document(w, "").json(), nil
}

func dropState(tx *catalog.Tx, id int64, state State) error {
	for name := range state {
		if err := tx.Delete(catalog.States, stateKey(id, name)); err != nil {
			return err
		}
	}
	return nil
}

// DeleteMonitor removes a monitor and its state. Its events stay.
func (s *Service) DeleteMonitor(ctx context.Context, id int64) error {
	s.editing.Lock()
	defer s.editing.Unlock()
	w, err := s.watch(id)
	if err != nil {
		return err
	}
	w.run.Lock()
	defer w.run.Unlock()
	m, state := w.snapshot()
	letters := s.audit(m, "deleted")
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.Delete(catalog.Monitors, docKey(id)); err != nil {
			return err
		}
		if err := dropState(tx, id, state); err != nil {
			return err
		}
		if err := s.note(tx, m, "deleted", nil); err != nil {
			return err
		}
		return post(tx, letters)
	})
	if err != nil {
		return fmt.Errorf("monitor %d: %w", id, err)
	}
	w.mu.Lock()
	w.gone = true
	w.mu.Unlock()
	s.mu.Lock()
	delete(s.watches, id)
	s.mu.Unlock()
	s.handOver(letters)
	return nil
}

// MonitorGroups returns the state of every group of a monitor, by name.
func (s *Service) MonitorGroups(id int64) ([]Group, error) {
	w, err := s.watch(id)
	if err != nil {
		return nil, err
	}
	_, state := w.snapshot()
	groups := []Group{}
	for _, name := range slices.Sorted(maps.Keys(state)) {
		if g := state[name]; !g.Unit {
			groups = append(groups, g)
		}
	}
	return groups, nil
}

// MonitorHistory returns a monitor's transitions and edits, newest first; at
// most limit (0: 1000). A deleted monitor's history is still there.
func (s *Service) MonitorHistory(id int64, limit int) ([]catalog.Event, error) {
	events, err := s.catalog.MonitorEvents(id, 0, s.ms(), limit)
	if err != nil {
		return nil, fmt.Errorf("history of monitor %d: %w", id, err)
	}
	return events, nil
}
