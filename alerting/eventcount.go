package alerting

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/alerting/search"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store/catalog"
)

// eventSource counts events:
//
//	events("source:deploy status:error").rollup("count").by("service").last("15m") > 3
//	events('priority:all sources:nagios "disk full"').by('host').last('1h') >= 1
type eventSource struct {
	search *search.Query
	by     []string
	window int64 // ms
}

func parseEventCount(text string) (*question, error) {
	c, err := parseChain(text)
	if err != nil {
		return nil, err
	}
	if c.head != "events" {
		return nil, &chainError{0, "want events, such as " + example(eventV2Alert)}
	}
	if err := c.check("rollup", "by", "last"); err != nil {
		return nil, err
	}
	s := &eventSource{}
	if s.search, err = search.Parse(c.first); err != nil {
		return nil, err
	}
	if how, ok := c.of("rollup"); ok && (len(how) != 1 || how[0] != "count") {
		return nil, &chainError{strings.Index(text, ".rollup") + 1, `rollup: events are counted: want rollup("count")`}
	}
	by, _ := c.of("by")
	s.by = slices.Compact(slices.Sorted(slices.Values(slices.DeleteFunc(by, func(key string) bool { return key == "*" }))))
	last, _ := c.of("last")
	if len(last) != 1 {
		return nil, errNoWindow
	}
	window, ok := lookback(last[0])
	if !ok {
		return nil, errNoWindow
	}
	s.window = window.Milliseconds()
	q := &question{text: strings.TrimSpace(strings.TrimSuffix(text, c.rest)), aggregator: "count", window: window, groupBy: s.by, zero: true, source: s}
	if err := q.readComparison(c.rest); err != nil {
		return nil, &chainError{len(text) - len(c.rest), err.Error()}
	}
	return q, nil
}

// maxEvents bounds the events that one evaluation counts.
const maxEvents = 100_000

// find returns the events of (from, to] that are counted, newest first. Those
// of monitors don't count: a monitor that hears itself never falls silent.
func (s *eventSource) find(w world, from, to int64) ([]catalog.Event, error) {
	return w.catalog.Events(from+1, to, func(e *catalog.Event) bool {
		return e.SourceType != "monitor" && MatchEvent(s.search, e, w.catalog)
	}, maxEvents)
}

func (s *eventSource) ask(_ context.Context, w world, end int64) ([]Reading, error) {
	events, err := s.find(w, end-s.window, end)
	if err != nil {
		return nil, err
	}
	groups := map[string]*Reading{}
	if len(s.by) == 0 {
		groups[everything] = &Reading{Last: end}
	}
	check := checkSource{by: s.by}
	for i := range events {
		e := &events[i]
		tags := check.group(eventTagsOf(e, w.catalog))
		name := groupName(tags)
		r := groups[name]
		if r == nil {
			r = &Reading{Tags: tags, Last: end}
			groups[name] = r
		}
		if r.Value++; r.Vars == nil {
			r.Vars = eventVars(e)
		}
	}
	readings := make([]Reading, 0, len(groups))
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		readings = append(readings, *groups[name])
	}
	return readings, nil
}

// eventVars are what messages can say of the newest event.
func eventVars(e *catalog.Event) map[string]string {
	vars := map[string]string{
		"event.title": clipped(e.Title), "event.text": clipped(e.Text), "event.host.name": e.Host, "event.tags": strings.Join(e.Tags, ","),
		"event.status": e.AlertType, "event.priority": e.Priority, "event.source": e.SourceType, "event.aggregation_key": e.AggregationKey,
	}
	for key, values := range tagValues(e.Tags) {
		if len(vars) < 40 {
			vars["event.tags."+key] = clipped(strings.Join(values, ","))
		}
	}
	return vars
}

func (s *eventSource) graph(_ context.Context, w world, from, to int64) (*query.Frame, error) {
	step := max(minuteMillis, (to-from)/60/minuteMillis*minuteMillis)
	g := query.Grid{Start: from / step * step, End: to, Step: step}
	events, err := s.find(w, g.Start, to)
	if err != nil {
		return nil, err
	}
	rows := map[string]*query.Row{}
	check := checkSource{by: s.by}
	for i := range events {
		tags := check.group(eventTagsOf(&events[i], w.catalog))
		row := rows[groupName(tags)]
		if row == nil {
			row = &query.Row{Expr: "events", Tags: tags, Values: make([]float64, g.Len())}
			rows[groupName(tags)] = row
		}
		if at := (events[i].Time - g.Start) / step; at >= 0 && at < int64(len(row.Values)) {
			row.Values[at]++
		}
	}
	frame := &query.Frame{Grid: g}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		frame.Rows = append(frame.Rows, *rows[name])
	}
	return frame, nil
}

// eventTagsOf is an event's tags, its host, and that host's tags.
func eventTagsOf(e *catalog.Event, c *catalog.Catalog) []string {
	if e.Host == "" {
		return e.Tags
	}
	return slices.Concat(e.Tags, []string{"host:" + e.Host}, c.HostTags().Of(e.Host))
}

// MatchEvent says whether q finds e.
func MatchEvent(q *search.Query, e *catalog.Event, c *catalog.Catalog) bool {
	return q.Match(func(t search.Term) bool {
		switch t.Key {
		case "":
			return search.Holds(e.Title, t.Value) || search.Holds(e.Text, t.Value) || search.Tagged(e.Tags, t)
		case "title":
			return search.Holds(e.Title, t.Value)
		case "message", "text":
			return search.Holds(e.Text, t.Value)
		case "source", "sources", "source_type_name":
			return search.Like(e.SourceType, t.Value)
		case "status", "alert_type":
			return search.Like(e.AlertType, t.Value) || e.AlertType == "warning" && t.Value == "warn" || e.AlertType == "success" && t.Value == "ok"
		case "priority":
			return t.Value == "all" || search.Like(e.Priority, t.Value)
		case "aggregation_key", "aggregation":
			return search.Like(e.AggregationKey, t.Value)
		case "event_type", "type":
			return search.Like(e.EventType, t.Value)
		case "host":
			return search.Like(e.Host, t.Value) || search.Tagged(e.Tags, t)
		}
		return search.Tagged(eventTagsOf(e, c), t)
	})
}
