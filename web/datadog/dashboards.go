package datadog

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/web/access"
	"github.com/whippet-obs/whippet/web/boards"
)

// author signs documents made without a login.
const author = "whippet@localhost"

// authorOf is who signs what ctx's caller makes.
func authorOf(ctx context.Context) string {
	if name := access.CallerOf(ctx).Name; name != "" && name != "local" {
		return name
	}
	return author
}

// errNoDashboard makes an Update stop without writing.
var errNoDashboard = errors.New("no such dashboard")

func (a *API) createDashboard(c *fiber.Ctx) error {
	doc, err := dashboardBody(c)
	if err != nil {
		return err
	}
	created, err := a.keepNewDashboard(c.UserContext(), doc)
	if err != nil {
		return err
	}
	return c.JSON(created)
}

func (a *API) keepNewDashboard(ctx context.Context, doc object) (object, error) {
	title, err := doc.text("title")
	if err != nil {
		return nil, err
	}
	id := newDashboardID()
	now := a.Now().UTC().Format(time.RFC3339Nano)
	doc.set("id", id)
	doc.set("url", "/dashboard/"+id+"/"+slug(title))
	doc.set("author_handle", authorOf(ctx))
	doc.set("author_name", nil)
	doc.set("created_at", now)
	doc.set("modified_at", now)
	err = a.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := numberWidgets(tx, doc); err != nil {
			return err
		}
		if err := fillTabs(doc); err != nil {
			return err
		}
		return tx.Put(catalog.Dashboards, id, doc)
	})
	return doc, err
}

// dashboardBody reads and checks a dashboard as clients send it. Fields that
// are the server's own are set later, whatever the client sent.
func dashboardBody(c *fiber.Ctx) (object, error) {
	doc, err := body(c)
	if err != nil {
		return nil, err
	}
	title, err := doc.text("title")
	if err != nil {
		return nil, err
	}
	if title == "" {
		return nil, badRequest("title: a dashboard needs one")
	}
	layout, err := doc.text("layout_type")
	if err != nil {
		return nil, err
	}
	if layout != "ordered" && layout != "free" {
		return nil, badRequest("layout_type: %q is not one of ordered, free", layout)
	}
	if raw, ok := doc["widgets"]; !ok || string(raw) == "null" {
		return nil, badRequest("widgets: a dashboard needs a list of widgets, which may be empty")
	}
	if err := checkWidgets("widgets", doc["widgets"], false); err != nil {
		return nil, err
	}
	for _, field := range []string{"description", "notify_list", "template_variables"} {
		if _, ok := doc[field]; !ok {
			doc[field] = json.RawMessage("null")
		}
	}
	if _, ok := doc["is_read_only"]; !ok {
		doc.set("is_read_only", false)
	}
	return doc, nil
}

// numberWidgets gives an id to every widget that has none, in groups too.
func numberWidgets(tx *catalog.Tx, doc object) error {
	var widgets []object
	if err := json.Unmarshal(doc["widgets"], &widgets); err != nil {
		return badRequest("widgets: %v", err)
	}
	for _, w := range widgets {
		if raw, ok := w["id"]; !ok || string(raw) == "null" {
			id, err := tx.NextID(catalog.Dashboards)
			if err != nil {
				return err
			}
			w.set("id", id)
		}
		var definition object
		if json.Unmarshal(w["definition"], &definition) != nil || len(definition["widgets"]) == 0 {
			continue
		}
		if err := numberWidgets(tx, definition); err != nil {
			return err
		}
		w.set("definition", definition)
	}
	doc.set("widgets", orEmpty(widgets))
	return nil
}

// fillTabs puts ids in the place of "@1", "@2" and so on, by which a tab names the
// widgets of its dashboard before they have ids.
func fillTabs(doc object) error {
	if raw := doc["tabs"]; raw == nil || string(raw) == "null" {
		return nil
	}
	var tabs []object
	var widgets []struct {
		ID json.RawMessage `json:"id"`
	}
	if err := json.Unmarshal(doc["tabs"], &tabs); err != nil {
		return badRequest("tabs: want a list of objects: %v", err)
	}
	if err := json.Unmarshal(doc["widgets"], &widgets); err != nil {
		return badRequest("widgets: %v", err)
	}
	for i, tab := range tabs {
		var ids []json.RawMessage
		if raw := tab["widget_ids"]; raw != nil {
			if err := json.Unmarshal(raw, &ids); err != nil {
				return badRequest("tabs[%d].widget_ids: want a list of ids: %v", i, err)
			}
		}
		for k, id := range ids {
			place, named := strings.CutPrefix(strings.Trim(string(id), `"`), "@")
			if !named {
				continue
			}
			n, err := strconv.Atoi(place)
			if err != nil || n < 1 || n > len(widgets) {
				return badRequest("tabs[%d].widget_ids[%d]: %s is none of the %d widgets", i, k, id, len(widgets))
			}
			ids[k] = widgets[n-1].ID
		}
		tab.set("widget_ids", orEmpty(ids))
	}
	doc.set("tabs", tabs)
	return nil
}

func (a *API) dashboard(id string) (object, error) {
	doc, found := object{}, false
	err := a.Catalog.View(func(tx *catalog.Tx) (err error) {
		found, err = tx.Get(catalog.Dashboards, id, &doc)
		return err
	})
	if err == nil && !found {
		err = notFound("no dashboard %q", id)
	}
	return doc, err
}

func (a *API) getDashboard(c *fiber.Ctx) error {
	doc, err := a.dashboard(c.Params("id"))
	if err != nil {
		return err
	}
	return c.JSON(doc)
}

func (a *API) putDashboard(c *fiber.Ctx) error {
	doc, err := dashboardBody(c)
	if err != nil {
		return err
	}
	replaced, err := a.replaceDashboard(c, doc)
	if err != nil {
		return err
	}
	return c.JSON(replaced)
}

// replaceDashboard keeps doc in the place of the dashboard the route names.
func (a *API) replaceDashboard(c *fiber.Ctx, doc object) (object, error) {
	id := strings.Clone(c.Params("id"))
	title, err := doc.text("title")
	if err != nil {
		return nil, err
	}
	err = a.Catalog.Update(c.UserContext(), func(tx *catalog.Tx) error {
		var old object
		if found, err := tx.Get(catalog.Dashboards, id, &old); err != nil {
			return err
		} else if !found {
			return errNoDashboard
		}
		for _, field := range []string{"id", "author_handle", "author_name", "created_at"} {
			doc[field] = old[field]
		}
		doc.set("url", "/dashboard/"+id+"/"+slug(title))
		doc.set("modified_at", a.Now().UTC().Format(time.RFC3339Nano))
		if err := numberWidgets(tx, doc); err != nil {
			return err
		}
		if err := fillTabs(doc); err != nil {
			return err
		}
		return tx.Put(catalog.Dashboards, id, doc)
	})
	if errors.Is(err, errNoDashboard) {
		return nil, notFound("no dashboard %q", id)
	}
	return doc, err
}

func (a *API) deleteDashboard(c *fiber.Ctx) error {
	id := strings.Clone(c.Params("id"))
	if err := a.dropDashboard(c.UserContext(), id); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"deleted_dashboard_id": id})
}

// dropDashboard takes a dashboard away; for 30 days it can be brought back.
func (a *API) dropDashboard(ctx context.Context, ids ...string) error {
	return a.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		for _, id := range ids {
			if found, err := boards.Delete(tx, id, access.CallerOf(ctx).Name, a.Now()); err != nil {
				return err
			} else if !found {
				return notFound("no dashboard %q", id)
			}
		}
		return nil
	})
}

// boardIDs reads the dashboards that a request about several names.
func boardIDs(c *fiber.Ctx) ([]string, error) {
	var request struct {
		Data []struct {
			ID   string `json:"id"`
			Type string `json:"type"`
		} `json:"data"`
	}
	if err := json.Unmarshal(c.Body(), &request); err != nil {
		return nil, badJSON(err)
	}
	ids := make([]string, len(request.Data))
	for i, d := range request.Data {
		if d.Type != "dashboard" || d.ID == "" {
			return nil, badRequest("data[%d]: want the id of a dashboard, and \"dashboard\" as its type", i)
		}
		ids[i] = d.ID
	}
	if len(ids) == 0 {
		return nil, badRequest("data: want at least one dashboard")
	}
	return ids, nil
}

func (a *API) deleteDashboards(c *fiber.Ctx) error {
	ids, err := boardIDs(c)
	if err != nil {
		return err
	}
	if err := a.dropDashboard(c.UserContext(), ids...); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (a *API) restoreDashboards(c *fiber.Ctx) error {
	ids, err := boardIDs(c)
	if err != nil {
		return err
	}
	err = a.Catalog.Update(c.UserContext(), func(tx *catalog.Tx) error {
		for _, id := range ids {
			if found, err := boards.Restore(tx, id, a.Now()); err != nil {
				return err
			} else if !found {
				return notFound("no dashboard %q was deleted within the last 30 days", id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

var summaryFields = []string{"id", "title", "description", "layout_type", "url", "is_read_only", "author_handle", "created_at", "modified_at"}

func summaryOf(doc object) object {
	summary := object{}
	for _, field := range summaryFields {
		if raw, ok := doc[field]; ok {
			summary[field] = raw
		}
	}
	return summary
}

// listDashboards lists those that are there, or with filter[deleted] those that
// can be brought back, or with filter[shared] those that have a link.
func (a *API) listDashboards(c *fiber.Ctx) error {
	summaries := []object{}
	deleted, shared := c.QueryBool("filter[deleted]"), c.QueryBool("filter[shared]")
	err := a.Catalog.View(func(tx *catalog.Tx) error {
		withLink, err := boards.Shared(tx)
		if err != nil {
			return err
		}
		if deleted {
			list, err := boards.Deleted(tx, a.Now())
			for _, t := range list {
				var doc object
				if err := json.Unmarshal(t.Dashboard, &doc); err != nil {
					return err
				}
				summary := summaryOf(doc)
				summary.set("deleted_at", time.UnixMilli(t.At).UTC())
				summary.set("is_shared", withLink[t.ID])
				summaries = append(summaries, summary)
			}
			return err
		}
		return tx.Each(catalog.Dashboards, "", func(id string, raw json.RawMessage) error {
			if shared && !withLink[id] {
				return nil
			}
			var doc object
			if err := json.Unmarshal(raw, &doc); err != nil {
				return err
			}
			summary := summaryOf(doc)
			summary.set("is_shared", withLink[id])
			summaries = append(summaries, summary)
			return nil
		})
	})
	if err != nil {
		return err
	}
	start, count := c.QueryInt("start"), c.QueryInt("count", len(summaries))
	if start < 0 || count < 0 {
		return badRequest("start, count: want numbers from zero on")
	}
	total := len(summaries)
	summaries = summaries[min(start, total):]
	return c.JSON(fiber.Map{"dashboards": summaries[:min(count, len(summaries))], "total": total})
}

func (a *API) eachDashboard(fn func(object) error) error {
	return a.Catalog.View(func(tx *catalog.Tx) error {
		return tx.Each(catalog.Dashboards, "", func(_ string, raw json.RawMessage) error {
			var doc object
			if err := json.Unmarshal(raw, &doc); err != nil {
				return err
			}
			return fn(doc)
		})
	})
}

// newDashboardID makes an id in Datadog's form: "abc-def-ghi".
func newDashboardID() string {
	const letters = "abcdefghijkmnpqrstuvwxyz23456789"
	var random [9]byte
	rand.Read(random[:]) // never fails
	var id strings.Builder
	for i, b := range random {
		if i > 0 && i%3 == 0 {
			id.WriteByte('-')
		}
		id.WriteByte(letters[int(b)%len(letters)])
	}
	return id.String()
}

// slug is the readable end of a dashboard's URL.
func slug(title string) string {
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}
