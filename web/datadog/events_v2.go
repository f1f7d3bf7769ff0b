package datadog

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/alerting/search"
	"github.com/whippet-obs/whippet/store/catalog"
)

// The v2 API of events: a search in Datadog's syntax, page by page.

type eventsRequest struct {
	Filter struct {
		Query string `json:"query"`
		From  string `json:"from"`
		To    string `json:"to"`
	} `json:"filter"`
	Sort string `json:"sort"`
	Page struct {
		Cursor string `json:"cursor"`
		Limit  int    `json:"limit"`
	} `json:"page"`
}

func (a *API) listEventsV2(c *fiber.Ctx) error {
	var r eventsRequest
	r.Filter.Query, r.Filter.From, r.Filter.To = c.Query("filter[query]"), c.Query("filter[from]"), c.Query("filter[to]")
	r.Sort, r.Page.Cursor, r.Page.Limit = c.Query("sort"), c.Query("page[cursor]"), c.QueryInt("page[limit]", 0)
	return a.searchEvents(c, r)
}

func (a *API) searchEventsV2(c *fiber.Ctx) error {
	var r eventsRequest
	if body := c.Body(); len(body) > 0 {
		if err := json.Unmarshal(body, &r); err != nil {
			return badJSON(err)
		}
	}
	return a.searchEvents(c, r)
}

// cursor is where the next page begins.
type cursor struct {
	Time int64 `json:"t"` // ms of the last event that was shown
	ID   int64 `json:"i"`
}

func (a *API) searchEvents(c *fiber.Ctx, r eventsRequest) error {
	q, err := search.Parse(r.Filter.Query)
	if err != nil {
		return badRequest("filter.query: %v", err)
	}
	now := a.Now()
	from, err := momentOf("filter.from", r.Filter.From, now, now.Add(-15*time.Minute))
	if err != nil {
		return err
	}
	to, err := momentOf("filter.to", r.Filter.To, now, now)
	if err != nil {
		return err
	}
	limit := r.Page.Limit
	if limit == 0 {
		limit = 10
	}
	if limit < 1 || limit > eventPage {
		return badRequest("page.limit: want 1 to %d, got %d", eventPage, limit)
	}
	if r.Sort != "" && r.Sort != "timestamp" && r.Sort != "-timestamp" {
		return badRequest("sort: want timestamp or -timestamp, got %q", r.Sort)
	}
	oldestFirst := r.Sort == "timestamp"
	var after cursor
	if r.Page.Cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(r.Page.Cursor)
		if err == nil {
			err = json.Unmarshal(raw, &after)
		}
		if err != nil {
			return badRequest("page.cursor: want what the last page's meta.page.after held")
		}
		if oldestFirst {
			from = max(from, after.Time)
		} else {
			to = min(to, after.Time)
		}
	}
	keep := func(e *catalog.Event) bool {
		if after.ID != 0 && e.Time == after.Time && (oldestFirst && e.ID <= after.ID || !oldestFirst && e.ID >= after.ID) {
			return false
		}
		return alerting.MatchEvent(q, e, a.Catalog)
	}
	most := limit + 1
	if oldestFirst {
		most = 100_000 // they are read from the newest on
	}
	found, err := a.Catalog.Events(from, to, keep, most)
	if err != nil {
		return err
	}
	if oldestFirst {
		for i, j := 0, len(found)-1; i < j; i, j = i+1, j-1 {
			found[i], found[j] = found[j], found[i]
		}
	}
	answer := fiber.Map{}
	meta := fiber.Map{"elapsed": a.Now().Sub(now).Milliseconds(), "status": "done"}
	if len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		raw, err := json.Marshal(cursor{last.Time, last.ID})
		if err != nil {
			return err
		}
		meta["page"] = fiber.Map{"after": base64.RawURLEncoding.EncodeToString(raw)}
	}
	data := make([]fiber.Map, 0, len(found))
	for i := range found {
		data = append(data, eventV2(&found[i]))
	}
	answer["data"], answer["meta"] = data, meta
	return c.JSON(answer)
}

func (a *API) getEventV2(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	e, ok, err := a.Catalog.Event(id)
	if err != nil {
		return err
	}
	if !ok {
		return notFound("no event %d", id)
	}
	return c.JSON(fiber.Map{"data": eventV2(&e)})
}

func eventV2(e *catalog.Event) fiber.Map {
	inner := fiber.Map{
		"title": e.Title, "timestamp": e.Time, "date_happened": e.Time / 1000, "status": e.AlertType, "tags": orEmpty(e.Tags),
		"aggregation_key": e.AggregationKey, "hostname": e.Host, "source_type_name": e.SourceType, "priority": e.Priority,
		"evt": fiber.Map{"id": strconv.FormatInt(e.ID, 10), "name": e.Title, "source_id": 0, "type": e.EventType},
	}
	if e.MonitorID != 0 {
		inner["monitor_id"] = e.MonitorID
		if e.Group != "" && e.Group != "*" {
			inner["monitor_groups"] = strings.Split(e.Group, ",")
		}
	}
	return fiber.Map{"id": strconv.FormatInt(e.ID, 10), "type": "event", "attributes": fiber.Map{
		"timestamp": time.UnixMilli(e.Time).UTC().Format(time.RFC3339Nano), "tags": orEmpty(e.Tags), "message": e.Text, "attributes": inner,
	}}
}

// momentOf reads a time as v2 searches write it: RFC 3339, ms since the epoch,
// or "now-15m". The answer is in ms.
func momentOf(field, text string, now, absent time.Time) (int64, error) {
	if text == "" {
		return absent.UnixMilli(), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UnixMilli(), nil
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms >= 0 && ms < 1<<50 {
		return ms, nil
	}
	if back, ok := strings.CutPrefix(text, "now"); ok {
		if back == "" {
			return now.UnixMilli(), nil
		}
		days := map[byte]time.Duration{'d': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[back[len(back)-1]]
		if n, err := strconv.Atoi(strings.Trim(back, "-dw")); days != 0 && err == nil && n < 10_000 && back[0] == '-' {
			return now.Add(-time.Duration(n) * days).UnixMilli(), nil
		}
		if d, err := time.ParseDuration(back); err == nil && d < 0 {
			return now.Add(d).UnixMilli(), nil
		}
	}
	return 0, badRequest("%s: want a time such as 2026-11-23T19:00:00Z, ms since the epoch, or now-15m, got %q", field, text)
}
