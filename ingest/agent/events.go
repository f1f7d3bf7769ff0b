package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// Bounds on what one event or check may hold; longer texts are cut.
const (
	maxTitle = 500
	maxText  = 16 << 10
)

// agentEvent is an event in an agent's /intake/ payload.
type agentEvent struct {
	Title          string   `json:"msg_title"`
	Text           string   `json:"msg_text"`
	Timestamp      number   `json:"timestamp"` // s; 0: now
	Priority       string   `json:"priority"`
	Host           string   `json:"host"`
	Tags           []string `json:"tags"`
	AlertType      string   `json:"alert_type"`
	AggregationKey string   `json:"aggregation_key"`
	Source         string   `json:"source_type_name"`
	EventType      string   `json:"event_type"`
}

// agentEvents keeps the events of an /intake/ payload, which come by source.
func (in *Intake) agentEvents(ctx context.Context, bySource map[string][]agentEvent, host string) (int, error) {
	var events []catalog.Event
	for source, list := range bySource {
		for _, e := range list {
			if e.Title == "" && e.Text == "" {
				continue
			}
			events = append(events, in.event(catalog.Event{
				Title: e.Title, Text: e.Text, Time: milliseconds(e.Timestamp.value), Host: cmp.Or(e.Host, host), Tags: e.Tags,
				AlertType: e.AlertType, Priority: e.Priority, AggregationKey: e.AggregationKey,
				SourceType: cmp.Or(e.Source, source), EventType: e.EventType,
			}))
		}
	}
	slices.SortStableFunc(events, func(a, b catalog.Event) int { return cmp.Compare(a.Time, b.Time) })
	return len(events), in.addEvents(ctx, events)
}

func (in *Intake) addEvents(ctx context.Context, events []catalog.Event) error {
	if len(events) == 0 {
		return nil
	}
	in.seen(len(events), func(i int) string { return events[i].Host })
	return in.catalog.AddEvents(ctx, events)
}

// event fills in what an event may leave out, and bounds the rest.
func (in *Intake) event(e catalog.Event) catalog.Event {
	e.Title, e.Text = cut(e.Title, maxTitle), cut(e.Text, maxText)
	if e.Time <= 0 {
		e.Time = in.now().UnixMilli()
	}
	if !slices.Contains([]string{"info", "warning", "error", "success"}, e.AlertType) {
		e.AlertType = "info"
	}
	if e.Priority != "low" {
		e.Priority = "normal"
	}
	e.Host = store.NormalizeHost(e.Host)
	e.Tags = normalTags(e.Tags)
	return e
}

// normalTags normalizes, sorts and bounds the tags of a document.
func normalTags(tags []string) []string {
	if len(tags) > maxTags {
		tags = tags[:maxTags]
	}
	out := make([]string, len(tags))
	for i, tag := range tags {
		out[i] = store.NormalizeTag(tag)
	}
	return store.NewTags(out)
}

// cut shortens s to at most n bytes, at a character's start.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}

// eventV1 keeps one event as API clients post it to /api/v1/events.
func (in *Intake) eventV1(ctx context.Context, r request) (Response, int, error) {
	var posted struct {
		Title          string   `json:"title"`
		Text           string   `json:"text"`
		Happened       number   `json:"date_happened"`
		Priority       string   `json:"priority"`
		Host           string   `json:"host"`
		Tags           []string `json:"tags"`
		AlertType      string   `json:"alert_type"`
		AggregationKey string   `json:"aggregation_key"`
		Source         string   `json:"source_type_name"`
		Device         string   `json:"device_name"`
	}
	if err := decodeJSON(r.plain, &posted); err != nil {
		return Response{}, 0, err
	}
	if posted.Title == "" {
		return Response{}, 0, payload.Malformed(-1, "title: an event needs one")
	}
	if posted.Device != "" {
		posted.Tags = append(posted.Tags, "device:"+posted.Device)
	}
	e, err := in.postedEvent(ctx, catalog.Event{
		Title: posted.Title, Text: posted.Text, Time: milliseconds(posted.Happened.value), Host: posted.Host, Tags: posted.Tags,
		AlertType: posted.AlertType, Priority: posted.Priority, AggregationKey: posted.AggregationKey, SourceType: cmp.Or(posted.Source, "api"),
	})
	if err != nil {
		return Response{}, 0, err
	}
	answer, err := json.Marshal(map[string]any{"status": "ok", "event": map[string]any{
		"id": e.ID, "id_str": fmt.Sprint(e.ID), "title": e.Title, "text": e.Text, "date_happened": e.Time / 1000, "host": e.Host,
		"tags": append([]string{}, e.Tags...), "alert_type": e.AlertType, "priority": e.Priority, "url": fmt.Sprintf("/events?event=%d", e.ID),
	}})
	if err != nil {
		return Response{}, 0, err
	}
	return Response{202, "application/json", answer}, 1, nil
}

// postedEvent keeps one event of an API client.
func (in *Intake) postedEvent(ctx context.Context, e catalog.Event) (catalog.Event, error) {
	events := []catalog.Event{in.event(e)}
	err := in.addEvents(ctx, events)
	return events[0], err
}

// eventV2 keeps one event as API clients post it to /api/v2/events: a JSON:API
// document whose category is change or alert.
func (in *Intake) eventV2(ctx context.Context, r request) (Response, int, error) {
	var posted struct {
		Data struct {
			Attributes struct {
				Title          string   `json:"title"`
				Message        string   `json:"message"`
				Timestamp      string   `json:"timestamp"` // RFC 3339
				Category       string   `json:"category"`
				AggregationKey string   `json:"aggregation_key"`
				Host           string   `json:"host"`
				Integration    string   `json:"integration_id"`
				Tags           []string `json:"tags"`
				Details        struct {
					Status   string          `json:"status"`   // of alerts: ok, warn, error
					Priority json.RawMessage `json:"priority"` // of alerts: "1" to "5", as text or number
					Changed  struct {
						Name string `json:"name"`
						Type string `json:"type"`
					} `json:"changed_resource"`
				} `json:"attributes"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := decodeJSON(r.plain, &posted); err != nil {
		return Response{}, 0, err
	}
	a := posted.Data.Attributes
	if a.Title == "" {
		return Response{}, 0, payload.Malformed(-1, "data.attributes.title: an event needs one")
	}
	happened := int64(0)
	if a.Timestamp != "" {
		at, err := time.Parse(time.RFC3339Nano, a.Timestamp)
		if err != nil {
			return Response{}, 0, payload.Malformed(-1, "data.attributes.timestamp: want a time such as 2026-01-02T03:04:05Z, got %q", a.Timestamp)
		}
		happened = at.UnixMilli()
	}
	alertType := map[string]string{"ok": "success", "warn": "warning", "error": "error"}[a.Details.Status]
	if name := a.Details.Changed.Name; name != "" {
		a.Tags = append(a.Tags, "changed_resource:"+name, cmp.Or(a.Details.Changed.Type, "resource")+":"+name)
	}
	e, err := in.postedEvent(ctx, catalog.Event{
		Title: a.Title, Text: a.Message, Time: happened, Host: a.Host, Tags: a.Tags, AlertType: alertType,
		AggregationKey: a.AggregationKey, SourceType: cmp.Or(a.Integration, "api"), EventType: a.Category,
	})
	if err != nil {
		return Response{}, 0, err
	}
	answer, err := json.Marshal(map[string]any{"data": map[string]any{
		"id": fmt.Sprint(e.ID), "type": "event",
		"attributes": map[string]any{"attributes": map[string]any{"evt": map[string]any{"id": fmt.Sprint(e.ID), "uid": fmt.Sprint(e.ID)}}},
	}})
	if err != nil {
		return Response{}, 0, err
	}
	return Response{202, "application/json", answer}, 1, nil
}

// checkRun keeps the runs of service checks: a list, or one object.
func (in *Intake) checkRun(ctx context.Context, r request) (int, error) {
	type run struct {
		Check     string   `json:"check"`
		Host      string   `json:"host_name"`
		Timestamp number   `json:"timestamp"` // s
		Status    number   `json:"status"`
		Message   string   `json:"message"`
		Tags      []string `json:"tags"`
	}
	var list []run
	var err error
	if len(r.plain) > 0 && r.plain[0] == '{' {
		list = make([]run, 1)
		err = decodeJSON(r.plain, &list[0])
	} else {
		err = decodeJSON(r.plain, &list)
	}
	if err != nil {
		return 0, err
	}
	now := in.now().UnixMilli()
	var runs []catalog.Check
	for i, c := range list {
		if c.Check == "" {
			return 0, payload.Malformed(-1, "check run %d: \"check\" is missing", i)
		}
		status := int(c.Status.value)
		if status < 0 || status > 3 || float64(status) != c.Status.value {
			return 0, payload.Malformed(-1, "check run %d: status %v: allowed are 0 OK, 1 warning, 2 critical, 3 unknown", i, c.Status.value)
		}
		if c.Host == "" && !c.Timestamp.set {
			continue // the agent's self-test
		}
		ms := milliseconds(c.Timestamp.value)
		if ms == 0 || ms > now+600_000 {
			ms = now
		}
		host := store.NormalizeHost(c.Host)
		runs = append(runs, catalog.Check{
			Name: store.NormalizeName(c.Check), Host: host, Tags: normalTags(c.Tags), Status: status, Message: cut(c.Message, maxText), Time: ms,
		})
	}
	if len(runs) == 0 {
		return 0, nil
	}
	in.seen(len(runs), func(i int) string { return runs[i].Host })
	return len(runs), in.catalog.PutChecks(ctx, runs)
}
