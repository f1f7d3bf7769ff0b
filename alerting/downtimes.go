package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/alerting/mail"
	"github.com/whippet-obs/whippet/alerting/message"
	"github.com/whippet-obs/whippet/store/catalog"
)

func (s *Service) loadDowntimes() error {
	return s.catalog.View(func(tx *catalog.Tx) error {
		return tx.Each(catalog.Downtimes, "", func(id string, raw json.RawMessage) error {
			var rec record
			if err := json.Unmarshal(raw, &rec); err != nil {
				return fmt.Errorf("downtime %s: %w", id, err)
			}
			d, err := parseSilence(rec)
			if err != nil {
				s.log.Error("a downtime has no effect: its document is not understood any more", "downtime", id, "err", err)
				return nil
			}
			s.downtimes[d.id] = d
			return nil
		})
	})
}

// The fields of a downtime's document that are ours.
var (
	downtimeComputed = []string{"active", "active_child", "child_id", "downtime_type", "org_id", "parent_id", "status"}
	downtimeOwned    = []string{"id", "created", "modified", "canceled", "creator_id", "updater_id"}
)

// fillDowntime brings a client's document into the form that is kept.
func (s *Service) fillDowntime(o, before object) error {
	for _, key := range downtimeComputed {
		delete(o, key)
	}
	for _, key := range downtimeOwned {
		delete(o, key)
		if raw, ok := before[key]; ok {
			o[key] = raw
		}
	}
	now := s.ms() / 1000
	o.preset("created", now)
	o.set("modified", now)
	o.preset("creator_id", 0)
	o.preset("disabled", false)
	o.preset("monitor_tags", []string{"*"})
	o.preset("timezone", "UTC")
	if !o.has("scope") && (o.has("monitor_id") || string(o["monitor_tags"]) != `["*"]`) {
		o.set("scope", []string{everything})
	}
	if !o.has("cron") || o.has("recurrences") {
		o.preset("start", now) // a cron expression says itself when
	}
	for _, key := range []string{"canceled", "end", "start", "message", "monitor_id", "recurrence", "updater_id"} {
		if !o.has(key) {
			o[key] = json.RawMessage("null")
		}
	}
	if scopes := (&reader{object: o}).texts("scope"); scopes != nil {
		o.set("scope", scopes)
	}
	// Clients compare and compute with seconds: a time given as text is kept
	// as what it means.
	r := &reader{object: o}
	spec := readSpec(r)
	if r.err != nil {
		return r.err
	}
	for key, ms := range map[string]int64{"start": spec.Start, "end": spec.End, "until": spec.Until} {
		if ms != 0 {
			o.set(key, ms/1000)
		}
	}
	return nil
}

// CreateDowntime checks and keeps a downtime, and tells the receivers that its
// message names. It returns the document as it is kept.
func (s *Service) CreateDowntime(ctx context.Context, doc json.RawMessage) (json.RawMessage, error) {
	o, err := parseObject("downtime", doc)
	if err != nil {
		return nil, err
	}
	delete(o, "canceled")
	if err := s.fillDowntime(o, nil); err != nil {
		return nil, err
	}
	s.editing.Lock()
	defer s.editing.Unlock()
	var d *silence
	var letters []letter
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		id, err := tx.NextID(catalog.Downtimes)
		if err != nil {
			return err
		}
		o.set("id", id)
		if d, err = parseSilence(record{Document: o}); err != nil {
			return err
		}
		if err := tx.Put(catalog.Downtimes, docKey(id), record{Document: o}); err != nil {
			return err
		}
		start, end, ok := d.window(s.ms())
		letters = nil
		if ok {
			letters = s.announce(d, mail.DowntimeScheduled, start, end)
		}
		if err := s.tell(tx, d, "scheduled"); err != nil {
			return err
		}
		return post(tx, letters)
	})
	if err != nil {
		return nil, fmt.Errorf("create downtime: %w", err)
	}
	s.keep(d)
	s.handOver(letters)
	return s.downtimeDocument(d).json(), nil
}

// window is d's running or else its next occurrence, in ms.
func (d *silence) window(at int64) (start, end int64, ok bool) {
	if start, end, ok = d.active(at); ok {
		return start, end, true
	}
	if d.disabled || d.canceled != 0 {
		return 0, 0, false
	}
	from, to, ok := d.schedule.Next(time.UnixMilli(at))
	if !ok {
		return 0, 0, false
	}
	if !to.IsZero() {
		end = to.UnixMilli()
	}
	return from.UnixMilli(), end, true
}

func (s *Service) keep(d *silence) {
	s.mu.Lock()
	s.downtimes[d.id] = d
	s.mu.Unlock()
}

func (s *Service) downtime(id int64) (*silence, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d := s.downtimes[id]
	if d == nil {
		return nil, fmt.Errorf("downtime %d: %w", id, ErrNotFound)
	}
	return d, nil
}

// Downtime returns a downtime's document.
func (s *Service) Downtime(id int64) (json.RawMessage, error) {
	d, err := s.downtime(id)
	if err != nil {
		return nil, err
	}
	return s.downtimeDocument(d).json(), nil
}

// Downtimes lists the documents of all downtimes by id, those that are over
// and canceled too; with currentOnly, only those that are active now.
func (s *Service) Downtimes(currentOnly bool) []json.RawMessage {
	list := []json.RawMessage{}
	for _, d := range s.silences() {
		if _, _, active := d.active(s.ms()); active || !currentOnly {
			list = append(list, s.downtimeDocument(d).json())
		}
	}
	return list
}

// downtimeDocument is a downtime as the API shows it.
func (s *Service) downtimeDocument(d *silence) object {
	o := maps.Clone(d.doc)
	start, end, active := d.active(s.ms())
	o.set("active", active)
	o.set("org_id", 1)
	for _, key := range []string{"child_id", "parent_id", "active_child"} {
		o[key] = json.RawMessage("null")
	}
	kind := 2 // scoped to anything
	switch {
	case len(d.scopes) == 1 && d.scopes[0] == everything:
		kind = 0
	case !slices.ContainsFunc(d.scopes, func(scope string) bool { return !strings.HasPrefix(scope, "host:") }):
		kind = 1
	}
	o.set("downtime_type", kind)
	o.set("status", s.statusOf(d, active))
	if active && d.schedule.Recurring() {
		child := maps.Clone(o)
		delete(child, "active_child")
		child.set("parent_id", d.id)
		child.set("start", start/1000)
		child["end"] = json.RawMessage("null")
		if end != 0 {
			child.set("end", end/1000)
		}
		o.set("active_child", child)
	}
	return o
}

// statusOf is Datadog's word for how far a downtime is.
func (s *Service) statusOf(d *silence, active bool) string {
	switch {
	case d.canceled != 0:
		return "canceled"
	case active:
		return "active"
	}
	if _, _, ok := d.window(s.ms()); ok {
		return "scheduled"
	}
	return "ended"
}

// DowntimeWindow returns the running window of a downtime, or else its next
// one; ok is false when there is none.
func (s *Service) DowntimeWindow(id int64) (w Occurrence, ok bool, err error) {
	d, err := s.downtime(id)
	if err != nil {
		return w, false, err
	}
	w.Start, w.End, ok = d.window(s.ms())
	return w, ok, nil
}

// MonitorDowntimes lists the documents of the downtimes that are about a
// monitor and run now.
func (s *Service) MonitorDowntimes(id int64) ([]json.RawMessage, error) {
	w, err := s.watch(id)
	if err != nil {
		return nil, err
	}
	m, _ := w.snapshot()
	list := []json.RawMessage{}
	for _, d := range s.silences() {
		if _, _, active := d.active(s.ms()); active && d.concerns(m) {
			o := s.downtimeDocument(d)
			o.set("groups", s.mutedGroups(m, d))
			list = append(list, o.json())
		}
	}
	return list, nil
}

// CancelByScope cancels the downtimes of exactly these scopes, and returns
// their numbers.
func (s *Service) CancelByScope(ctx context.Context, scopes []string) ([]int64, error) {
	ids := []int64{}
	for _, d := range s.silences() {
		if d.canceled == 0 && len(d.scopes) == len(scopes) && containsAll(d.scopes, scopes) {
			if err := s.CancelDowntime(ctx, d.id); err != nil {
				return ids, err
			}
			ids = append(ids, d.id)
		}
	}
	return ids, nil
}

// UpdateDowntime changes the fields that doc has. What is running goes on if
// it still applies, and ends otherwise.
func (s *Service) UpdateDowntime(ctx context.Context, id int64, doc json.RawMessage) (json.RawMessage, error) {
	change, err := parseObject("downtime", doc)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Concat(downtimeComputed, downtimeOwned) {
		delete(change, key)
	}
	s.editing.Lock()
	defer s.editing.Unlock()
	old, err := s.downtime(id)
	if err != nil {
		return nil, err
	}
	o := maps.Clone(old.doc)
	maps.Copy(o, change)
	if err := s.fillDowntime(o, old.doc); err != nil {
		return nil, err
	}
	o.set("updater_id", 0)
	d, err := parseSilence(record{Document: o, Life: old.life})
	if err != nil {
		return nil, err
	}
	if err := s.putDowntime(ctx, d, nil); err != nil {
		return nil, err
	}
	return s.downtimeDocument(d).json(), nil
}

// putDowntime keeps d, with the mails and the event about what happened to it.
func (s *Service) putDowntime(ctx context.Context, d *silence, letters []letter, what ...string) error {
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.Put(catalog.Downtimes, docKey(d.id), record{Document: d.doc, Life: d.life}); err != nil {
			return err
		}
		for _, what := range what {
			if err := s.tell(tx, d, what); err != nil {
				return err
			}
		}
		return post(tx, letters)
	})
	if err != nil {
		return fmt.Errorf("downtime %d: %w", d.id, err)
	}
	s.keep(d)
	s.handOver(letters)
	return nil
}

// CancelDowntime ends a downtime for good. Its document stays, canceled. To
// cancel a canceled one changes nothing.
func (s *Service) CancelDowntime(ctx context.Context, id int64) error {
	s.editing.Lock()
	defer s.editing.Unlock()
	old, err := s.downtime(id)
	if err != nil {
		return err
	}
	if old.canceled != 0 {
		return nil
	}
	now := s.ms()
	o := maps.Clone(old.doc)
	o.set("canceled", now/1000)
	o.set("modified", now/1000)
	o.set("disabled", true)
	o.set("updater_id", 0)
	d, err := parseSilence(record{Document: o, Life: old.life})
	if err != nil {
		return err
	}
	var letters []letter
	if start, end, ok := old.window(now); ok {
		letters = s.announce(d, mail.DowntimeCanceled, start, end)
	}
	d.life.Ended = d.life.Started // the cancellation says it
	return s.putDowntime(ctx, d, letters, "canceled")
}

// Occurrence is one window of a downtime, in ms. An End of 0 is open.
type Occurrence struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"`
}

// UpcomingDowntime checks a downtime's document and returns its next n
// windows, the running one first.
func (s *Service) UpcomingDowntime(doc json.RawMessage, n int) ([]Occurrence, error) {
	o, err := parseObject("downtime", doc)
	if err != nil {
		return nil, err
	}
	if !o.has("scope") {
		o.set("scope", []string{everything}) // the preview is about when
	}
	if err := s.fillDowntime(o, nil); err != nil {
		return nil, err
	}
	d, err := parseSilence(record{Document: o})
	if err != nil {
		return nil, err
	}
	return d.upcoming(s.ms(), n), nil
}

// upcoming is the running window, if there is one, and those after it, n in all.
func (d *silence) upcoming(now int64, n int) []Occurrence {
	list := []Occurrence{}
	if start, end, ok := d.active(now); ok && n > 0 {
		list = append(list, Occurrence{start, end})
	}
	for _, w := range d.schedule.Upcoming(time.UnixMilli(now), n-len(list)) {
		next := Occurrence{Start: w.Start.UnixMilli()}
		if !w.End.IsZero() {
			next.End = w.End.UnixMilli()
		}
		list = append(list, next)
	}
	return list
}

// inCalendar is how many windows of a downtime a calendar has.
const inCalendar = 100

// DowntimeCalendar is the windows, by downtime, that run now or start before
// until (ms), but for canceled ones.
func (s *Service) DowntimeCalendar(until int64) map[int64][]Occurrence {
	all := map[int64][]Occurrence{}
	for _, d := range s.silences() {
		if d.canceled != 0 {
			continue
		}
		windows := slices.DeleteFunc(d.upcoming(s.ms(), inCalendar), func(o Occurrence) bool { return o.Start >= until })
		if len(windows) > 0 {
			all[d.id] = windows
		}
	}
	return all
}

// tendDowntimes tells of starts and ends until ctx ends.
func (s *Service) tendDowntimes(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		s.tendOnce(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tendOnce looks at every downtime once. Occurrences that began and ended
// while nobody looked are passed over: nobody was kept from anything.
func (s *Service) tendOnce(ctx context.Context) {
	for _, d := range s.silences() {
		if err := s.tend(ctx, d, s.ms()); err != nil && ctx.Err() == nil {
			s.log.Error("downtime not told", "downtime", d.id, "err", err)
		}
	}
}

func (s *Service) tend(ctx context.Context, d *silence, now int64) error {
	start, end, active := d.active(now)
	ended := d.life.Started != d.life.Ended && (!active || start != d.life.Started)
	started := active && start != d.life.Started
	if !ended && !started {
		return nil
	}
	s.editing.Lock()
	defer s.editing.Unlock()
	if current, err := s.downtime(d.id); err != nil || current != d {
		return nil // edited meanwhile: looked at again at the next tick
	}
	next := *d
	var letters []letter
	var what []string
	if ended {
		letters = append(letters, s.announce(d, mail.DowntimeEnded, d.life.Started, 0)...)
		next.life.Ended = d.life.Started
		what = append(what, "ended")
	}
	if started {
		letters = append(letters, s.announce(d, mail.DowntimeStarted, start, end)...)
		next.life.Started = start
		what = append(what, "started")
	}
	return s.putDowntime(ctx, &next, letters, what...)
}

// happenings are the words and the colours of what happens to a downtime.
var happenings = map[mail.State]string{
	mail.DowntimeScheduled: "Scheduled", mail.DowntimeStarted: "Started", mail.DowntimeEnded: "Ended", mail.DowntimeCanceled: "Canceled",
}

// announce is the mail about what happens to an occurrence of d.
func (s *Service) announce(d *silence, state mail.State, start, end int64) []letter {
	body, err := d.body.Render(message.Data{})
	if err != nil || len(body.To) == 0 {
		return nil
	}
	now := s.ms()
	when := d.clock(start) + " to " + d.clock(end)
	if end == 0 {
		when = "from " + d.clock(start)
	}
	c := mail.Content{
		State: state, Since: d.clock(now), Title: d.about(),
		Facts: []mail.Fact{
			{Name: "When", Value: when},
			{Name: "Scope", Value: strings.Join(d.scopes, ", ")},
			{Name: "Monitor", Value: s.monitorName(d.monitorID)},
			{Name: "Monitor tags", Value: strings.Join(d.monitorTags, ", ")},
			{Name: "Repeats", Value: d.repeats()},
			{Name: "Next", Value: d.next(now, state)},
		},
		BodyHTML: body.HTML, BodyText: body.Text, Footer: "You get this because the message of the downtime names your address.",
	}
	if s.url != "" {
		c.Links = []mail.Link{{Text: "Downtimes", URL: s.url + "/downtimes"}}
	}
	thread := fmt.Sprintf("downtime-%d", d.id)
	l := letter{}
	l.Subject, l.To = fmt.Sprintf("[Downtime %s] %s", happenings[state], d.about()), body.To
	l.DowntimeID, l.Created, l.Line = d.id, now, thread
	unique := fmt.Sprintf("%s-%s-%d", thread, slug(happenings[state]), start)
	if state == mail.DowntimeScheduled {
		unique = thread
	} else {
		l.References = []string{mail.NewMessageID(thread, s.from)}
	}
	l.MessageID = mail.NewMessageID(unique, s.from)
	l.HTML, l.Text = mail.Layout(c)
	return []letter{l}
}

// about names a downtime by what it silences.
func (d *silence) about() string {
	what := strings.Join(d.scopes, ", ")
	if len(d.scopes) == 0 || what == everything {
		what = "everything"
	}
	if d.monitorID != 0 {
		what += fmt.Sprintf(" of monitor %d", d.monitorID)
	}
	if len(d.monitorTags) > 0 {
		what += " of monitors tagged " + strings.Join(d.monitorTags, ", ")
	}
	return what
}

// repeats is the rule of a recurring downtime, as it was given.
func (d *silence) repeats() string {
	for _, key := range []string{"cron", "rrule", "recurrence", "recurrences"} {
		if d.doc.has(key) {
			return strings.Trim(string(d.doc[key]), `"`) + " (" + d.zone.String() + ")"
		}
	}
	return ""
}

// next is when a recurring downtime comes again.
func (d *silence) next(now int64, state mail.State) string {
	if !d.schedule.Recurring() || state == mail.DowntimeCanceled {
		return ""
	}
	start, _, ok := d.schedule.Next(time.UnixMilli(now))
	if !ok {
		return "never again"
	}
	return d.clock(start.UnixMilli())
}

// clock writes a moment as the wall of the downtime's zone shows it.
func (d *silence) clock(ms int64) string {
	return time.UnixMilli(ms).In(d.zone).Format("Mon Jan 2 2006, 15:04 MST")
}

func (s *Service) monitorName(id int64) string {
	w, err := s.watch(id)
	if err != nil {
		return ""
	}
	m, _ := w.snapshot()
	return m.name
}

// tell writes what happens to d into the event log.
func (s *Service) tell(tx *catalog.Tx, d *silence, what string) error {
	e := catalog.Event{
		Title: fmt.Sprintf("[Downtime %s] %s", what, d.about()), Text: d.text, Time: s.ms(),
		Tags: []string{"downtime"}, AlertType: "info", Priority: "normal", AggregationKey: fmt.Sprintf("downtime-%d", d.id),
		SourceType: "downtime", EventType: "downtime_" + what, MonitorID: d.monitorID,
	}
	return tx.AddEvent(&e)
}
