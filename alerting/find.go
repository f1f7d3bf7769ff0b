package alerting

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/alerting/search"
	"github.com/whippet-obs/whippet/store/catalog"
)

// Found is the answer to a search for monitors, in the JSON of Datadog's API.
type Found struct {
	Counts   map[string][]Count `json:"counts"` // facets: of all that were found, not only of this page
	Monitors []FoundMonitor     `json:"monitors,omitempty"`
	Groups   []FoundGroup       `json:"groups,omitempty"`
	Metadata Metadata           `json:"metadata"`
}

// Count is how many have one value of a facet.
type Count struct {
	Name  any `json:"name"`
	Count int `json:"count"`
}

// Metadata says which page of how many an answer is.
type Metadata struct {
	Page       int `json:"page"`
	PageCount  int `json:"page_count"`
	PerPage    int `json:"per_page"`
	TotalCount int `json:"total_count"`
}

// FoundMonitor is a monitor in a list. Times are seconds.
type FoundMonitor struct {
	ID             int64           `json:"id"`
	Name           string          `json:"name"`
	Type           string          `json:"type"`
	Classification string          `json:"classification"`
	Query          string          `json:"query"`
	Status         Status          `json:"status"`
	Tags           []string        `json:"tags"`
	Scopes         []string        `json:"scopes"`
	Metrics        []string        `json:"metrics"`
	Notifications  []Notification  `json:"notifications"`
	Creator        json.RawMessage `json:"creator,omitempty"`
	LastTriggered  *int64          `json:"last_triggered_ts"`
	OrgID          int64           `json:"org_id"`
	Priority       int             `json:"priority,omitempty"`
	Muted          bool            `json:"muted"`
}

// Notification is whom a monitor tells.
type Notification struct {
	Handle string `json:"handle"`
	Name   string `json:"name"`
}

// FoundGroup is a group of a monitor in a list. Times are seconds.
type FoundGroup struct {
	Group         string   `json:"group"`
	GroupTags     []string `json:"group_tags"`
	MonitorID     int64    `json:"monitor_id"`
	MonitorName   string   `json:"monitor_name"`
	Status        Status   `json:"status"`
	LastTriggered *int64   `json:"last_triggered_ts"`
	LastNoData    *int64   `json:"last_nodata_ts,omitempty"`
}

// FindOptions choose a page and an order.
type FindOptions struct {
	Query   string
	Sort    string // "name,asc"; by name, status, id, type, priority or last_triggered
	Page    int    // from 0
	PerPage int    // 0: 30
}

// candidate is a monitor that a search looks at.
type candidate struct {
	m      *monitor
	state  State
	status Status
	muted  bool
	last   int64 // ms
}

func (s *Service) candidates() []candidate {
	now := s.ms()
	var list []candidate
	for _, w := range s.monitors() {
		m, state := w.snapshot()
		c := candidate{m: m, state: state}
		c.status, _ = state.overall()
		muted := s.mutes(m, now)
		for _, g := range state {
			c.last = max(c.last, g.LastTriggered)
		}
		c.muted = muted != nil && muted(nil) != nil
		list = append(list, c)
	}
	return list
}

var metricName = regexp.MustCompile(`(?:^|[\s(,:+*/-])(?:avg|sum|min|max|count|p\d+):([A-Za-z][\w.]*)`)

func metricsOf(m *monitor) []string {
	names := []string{}
	for _, match := range metricName.FindAllStringSubmatch(m.query.text, -1) {
		if !slices.Contains(names, match[1]) {
			names = append(names, match[1])
		}
	}
	return names
}

// has answers one term of a search about a monitor.
func (c *candidate) has(t search.Term) bool {
	m := c.m
	like := func(text string) bool { return search.Like(text, t.Value) }
	switch t.Key {
	case "":
		return search.Holds(m.name, t.Value) || search.Holds(m.queryText, t.Value) || search.Tagged(m.tags, t)
	case "title", "name":
		return search.Holds(m.name, t.Value)
	case "message":
		return search.Holds(m.body.Source(), t.Value)
	case "id":
		return like(fmt.Sprint(m.id))
	case "type":
		return like(m.kind) || like(classify(m)) || t.Value == "metric" && (m.kind == metricAlert || m.kind == queryAlert)
	case "status":
		return like(string(c.status))
	case "muted":
		return t.Value == strconv.FormatBool(c.muted)
	case "draft":
		return t.Value == strconv.FormatBool(m.draft)
	case "priority":
		return m.priority > 0 && (like(fmt.Sprint("p", m.priority)) || like(fmt.Sprint(m.priority)))
	case "tag", "tags":
		return search.Tagged(m.tags, t)
	case "scope":
		return slices.ContainsFunc(m.scope, like)
	case "metric":
		return slices.ContainsFunc(metricsOf(m), like)
	case "query":
		return search.Holds(m.queryText, t.Value)
	case "notification":
		return slices.ContainsFunc(handles(m), like)
	case "group", "group_status":
		for _, g := range c.state {
			if !g.Unit && groupHas(&g, t) {
				return true
			}
		}
		return false
	}
	return search.Tagged(m.tags, t)
}

func groupHas(g *Group, t search.Term) bool {
	if t.Key == "group_status" {
		return search.Like(string(g.Status), t.Value)
	}
	return search.Like(g.Name, t.Value) || slices.ContainsFunc(g.Tags, func(tag string) bool { return search.Like(tag, t.Value) })
}

// handles are those that a monitor's message names.
func handles(m *monitor) []string {
	r := m.body.Receivers()
	list := slices.Clone(r.To)
	for _, name := range r.Webhooks {
		list = append(list, "webhook-"+name)
	}
	if r.All {
		list = append(list, "all")
	}
	return append(list, r.Others...)
}

// classify is Datadog's word for what a monitor is about.
func classify(m *monitor) string {
	switch m.query.source.(type) {
	case *checkSource:
		return "custom"
	case *eventSource:
		return "event"
	case *compositeSource:
		return "composite"
	}
	if metrics := metricsOf(m); len(metrics) > 0 && strings.HasPrefix(metrics[0], "trace.") {
		return "apm"
	}
	if source, ok := m.query.source.(*verdictSource); ok {
		switch {
		case source.monitor.Anomaly:
			return "anomaly"
		case source.monitor.Forecast:
			return "forecast"
		}
		return "outlier"
	}
	return "metric"
}

// FindMonitors searches monitors. A query that can't be read is a *FieldError.
func (s *Service) FindMonitors(o FindOptions) (*Found, error) {
	found, err := s.find(o.Query)
	if err != nil {
		return nil, err
	}
	key, descending := order(o.Sort)
	compare, ok := map[string]func(a, b candidate) int{
		"name":           func(a, b candidate) int { return cmp.Compare(strings.ToLower(a.m.name), strings.ToLower(b.m.name)) },
		"status":         func(a, b candidate) int { return cmp.Compare(b.status.severity(), a.status.severity()) },
		"id":             func(a, b candidate) int { return cmp.Compare(a.m.id, b.m.id) },
		"type":           func(a, b candidate) int { return cmp.Compare(a.m.kind, b.m.kind) },
		"priority":       func(a, b candidate) int { return cmp.Compare((a.m.priority+5)%6, (b.m.priority+5)%6) },
		"last_triggered": func(a, b candidate) int { return cmp.Compare(a.last, b.last) },
	}[key]
	if !ok {
		return nil, &FieldError{Field: "sort", Value: o.Sort, Allowed: "name, status, id, type, priority or last_triggered, with ,asc or ,desc"}
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		if descending {
			return compare(b, a)
		}
		return compare(a, b)
	})
	counts := map[string]map[any]int{"status": {}, "type": {}, "muted": {}, "tag": {}}
	for _, c := range found {
		counts["status"][string(c.status)]++
		counts["type"][c.m.kind]++
		counts["muted"][c.muted]++
		for _, tag := range c.m.tags {
			counts["tag"][tag]++
		}
	}
	answer := &Found{Counts: facets(counts), Monitors: []FoundMonitor{}}
	for _, c := range page(answer, found, o) {
		answer.Monitors = append(answer.Monitors, c.listed())
	}
	return answer, nil
}

func (s *Service) find(text string) ([]candidate, error) {
	q, err := search.Parse(text)
	if err != nil {
		return nil, &FieldError{Field: "query", Value: text, Allowed: `a search such as type:metric status:alert "disk"`, Err: err}
	}
	return slices.DeleteFunc(s.candidates(), func(c candidate) bool { return !q.Match(c.has) }), nil
}

func order(sort string) (key string, descending bool) {
	key, direction, _ := strings.Cut(cmp.Or(sort, "name"), ",")
	return strings.TrimSpace(key), strings.TrimSpace(direction) == "desc"
}

// page cuts a page out of found, and says so in the answer.
func page[T any](answer *Found, found []T, o FindOptions) []T {
	per := cmp.Or(o.PerPage, 30)
	answer.Metadata = Metadata{Page: o.Page, PageCount: (len(found) + per - 1) / per, PerPage: per, TotalCount: len(found)}
	from := min(o.Page*per, len(found))
	return found[from:min(from+per, len(found))]
}

func facets(counts map[string]map[any]int) map[string][]Count {
	out := map[string][]Count{}
	for facet, values := range counts {
		list := []Count{}
		for name, n := range values {
			list = append(list, Count{name, n})
		}
		slices.SortFunc(list, func(a, b Count) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(fmt.Sprint(a.Name), fmt.Sprint(b.Name)))
		})
		out[facet] = list
	}
	return out
}

func (c *candidate) listed() FoundMonitor {
	m := c.m
	f := FoundMonitor{
		ID: m.id, Name: m.name, Type: m.kind, Classification: classify(m), Query: m.queryText, Status: c.status,
		Tags: m.tags, Scopes: m.scope, Metrics: metricsOf(m), Notifications: []Notification{}, Creator: m.doc["creator"],
		OrgID: 1, Priority: m.priority, Muted: c.muted, LastTriggered: seconds(c.last),
	}
	if f.Tags == nil {
		f.Tags = []string{}
	}
	if f.Scopes == nil {
		f.Scopes = []string{}
	}
	for _, handle := range handles(m) {
		f.Notifications = append(f.Notifications, Notification{handle, handle})
	}
	return f
}

// seconds is a time in s, or nil for never.
func seconds(ms int64) *int64 {
	if ms == 0 {
		return nil
	}
	ms /= 1000
	return &ms
}

// FindGroups searches the groups of monitors. Terms "group" and "group_status"
// are about the group, all others about its monitor.
func (s *Service) FindGroups(o FindOptions) (*Found, error) {
	q, err := search.Parse(o.Query)
	if err != nil {
		return nil, &FieldError{Field: "query", Value: o.Query, Allowed: `a search such as group:"host:a" status:alert`, Err: err}
	}
	counts := map[string]map[any]int{"status": {}, "type": {}}
	var found []FoundGroup
	for _, c := range s.candidates() {
		for _, name := range slices.Sorted(maps.Keys(c.state)) {
			g := c.state[name]
			if !shown(g, AllStates) || !q.Match(func(t search.Term) bool {
				if t.Key == "group" || t.Key == "group_status" {
					return groupHas(&g, t)
				}
				return c.has(t)
			}) {
				continue
			}
			counts["status"][string(g.Status)]++
			counts["type"][c.m.kind]++
			f := FoundGroup{Group: g.Name, GroupTags: g.Tags, MonitorID: c.m.id, MonitorName: c.m.name, Status: g.Status, LastTriggered: seconds(g.LastTriggered), LastNoData: seconds(g.LastNoData)}
			if f.GroupTags == nil {
				f.GroupTags = []string{}
			}
			found = append(found, f)
		}
	}
	key, descending := order(o.Sort)
	compare, ok := map[string]func(a, b FoundGroup) int{
		"name": func(a, b FoundGroup) int {
			return cmp.Compare(strings.ToLower(a.MonitorName), strings.ToLower(b.MonitorName))
		},
		"group":          func(a, b FoundGroup) int { return cmp.Compare(a.Group, b.Group) },
		"status":         func(a, b FoundGroup) int { return cmp.Compare(b.Status.severity(), a.Status.severity()) },
		"id":             func(a, b FoundGroup) int { return cmp.Compare(a.MonitorID, b.MonitorID) },
		"last_triggered": func(a, b FoundGroup) int { return cmp.Compare(value(a.LastTriggered), value(b.LastTriggered)) },
	}[key]
	if !ok {
		return nil, &FieldError{Field: "sort", Value: o.Sort, Allowed: "name, group, status, id or last_triggered, with ,asc or ,desc"}
	}
	slices.SortStableFunc(found, func(a, b FoundGroup) int {
		if descending {
			return compare(b, a)
		}
		return compare(a, b)
	})
	answer := &Found{Counts: facets(counts)}
	if answer.Groups = page(answer, found, o); answer.Groups == nil {
		answer.Groups = []FoundGroup{}
	}
	return answer, nil
}

func value(p *int64) int64 {
	if p == nil {
		return 0
	}
	return *p
}

// CanDelete says which of the monitors can be deleted, and for the others which
// composites are made of them.
func (s *Service) CanDelete(ids []int64) (ok []int64, problems map[string][]string) {
	ok, problems = []int64{}, map[string][]string{}
	for _, id := range ids {
		if users := s.composites(id); len(users) == 0 {
			ok = append(ok, id)
		} else {
			problems[fmt.Sprint(id)] = []string{fmt.Sprintf("monitor [%d,%s] is referenced in composite monitors: %v", id, s.monitorName(id), users)}
		}
	}
	return ok, problems
}

// composites are the monitors that are made of monitor id.
func (s *Service) composites(id int64) []int64 {
	var users []int64
	for _, w := range s.monitors() {
		m, _ := w.snapshot()
		if c, joins := m.query.source.(*compositeSource); joins && slices.Contains(c.members, id) {
			users = append(users, m.id)
		}
	}
	return users
}

// Period is a time that a group spent in one status, in ms.
type Period struct {
	From   int64  `json:"from"`
	To     int64  `json:"to"`
	Status Status `json:"status"`
}

// Timeline returns, for every group of a monitor, the statuses it has been in
// from from to to (ms). Groups that are gone are there if they changed in that
// time.
func (s *Service) Timeline(id, from, to int64) (map[string][]Period, error) {
	w, err := s.watch(id)
	if err != nil {
		return nil, err
	}
	now := s.ms()
	to = min(to, now)
	events, err := s.catalog.MonitorEvents(id, from, now, 50_000)
	if err != nil {
		return nil, fmt.Errorf("timeline of monitor %d: %w", id, err)
	}
	m, state := w.snapshot()
	var created time.Time
	if json.Unmarshal(m.doc["created"], &created) == nil {
		from = max(from, created.UnixMilli()) // it watched nothing before
	}
	lines := map[string][]Period{}
	// Backward from what is now: before an event, a group was in its From.
	until, status := map[string]int64{}, map[string]Status{}
	for name, g := range state {
		if shown(g, AllStates) {
			until[name], status[name] = now, g.Status
		}
	}
	add := func(group string, start int64) {
		p := Period{max(start, from), min(until[group], to), status[group]}
		if p.From < p.To && p.Status != "" {
			lines[group] = append(lines[group], p)
		}
	}
	for i := range events {
		e := &events[i]
		if e.To == "" || e.From == e.To {
			continue
		}
		if _, known := until[e.Group]; !known {
			until[e.Group], status[e.Group] = e.Time, "" // gone since
		} else {
			status[e.Group] = Status(e.To)
		}
		add(e.Group, e.Time)
		until[e.Group], status[e.Group] = e.Time, Status(e.From)
	}
	for group := range until {
		start := from
		if g, known := state[group]; known && g.FirstSeen > 0 {
			start = max(from, g.FirstSeen)
		}
		add(group, start)
		slices.Reverse(lines[group])
		if len(lines[group]) == 0 {
			delete(lines, group)
		}
	}
	return lines, nil
}

// Changes returns the edits of a monitor, newest first.
func (s *Service) Changes(id int64) ([]catalog.Event, error) {
	events, err := s.catalog.MonitorEvents(id, 0, s.ms(), 10_000)
	if err != nil {
		return nil, fmt.Errorf("changes of monitor %d: %w", id, err)
	}
	return slices.DeleteFunc(events, func(e catalog.Event) bool { return !slices.Contains(e.Tags, "audit") }), nil
}
