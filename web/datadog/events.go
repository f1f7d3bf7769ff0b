package datadog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/store/catalog"
)

type event struct {
	ID           int64    `json:"id"`
	IDStr        string   `json:"id_str"`
	Title        string   `json:"title"`
	Text         string   `json:"text"`
	DateHappened int64    `json:"date_happened"` // s
	Host         string   `json:"host,omitempty"`
	Tags         []string `json:"tags"`
	AlertType    string   `json:"alert_type"`
	Priority     string   `json:"priority"`
	Source       string   `json:"source,omitempty"`
	DeviceName   *string  `json:"device_name"`
	URL          string   `json:"url"`
	MonitorID    int64    `json:"monitor_id,omitempty"`
}

func eventOf(e *catalog.Event) event {
	return event{
		ID: e.ID, IDStr: fmt.Sprint(e.ID), Title: e.Title, Text: e.Text, DateHappened: e.Time / 1000, Host: e.Host,
		Tags: orEmpty(e.Tags), AlertType: e.AlertType, Priority: e.Priority, Source: e.SourceType,
		URL: fmt.Sprintf("/events?event=%d", e.ID), MonitorID: e.MonitorID,
	}
}

// eventPage is the most events one answer holds, as at Datadog.
const eventPage = 1000

func (a *API) listEvents(c *fiber.Ctx) error {
	from, to, err := timeRange(c, "start", "end")
	if err != nil {
		return err
	}
	tags, sources, priority := list(c.Query("tags")), list(c.Query("sources")), c.Query("priority")
	page := max(0, c.QueryInt("page", 0))
	if page > 100 {
		return badRequest("page: the most is 100")
	}
	found, err := a.Catalog.Events(from, to, func(e *catalog.Event) bool {
		return (priority == "" || e.Priority == priority) &&
			(len(sources) == 0 || slices.Contains(sources, e.SourceType)) &&
			!slices.ContainsFunc(tags, func(tag string) bool {
				return !slices.Contains(e.Tags, tag) && tag != "host:"+e.Host
			})
	}, (page+1)*eventPage)
	if err != nil {
		return err
	}
	events := []event{}
	for i := min(page*eventPage, len(found)); i < len(found); i++ {
		events = append(events, eventOf(&found[i]))
	}
	return c.JSON(fiber.Map{"events": events})
}

func (a *API) getEvent(c *fiber.Ctx) error {
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
	return c.JSON(fiber.Map{"event": eventOf(&e)})
}

// list splits a comma-separated parameter.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}
