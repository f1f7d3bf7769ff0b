package datadog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/web/access"
	"github.com/whippet-obs/whippet/web/boards"
)

// A list holds dashboards that belong together; a dashboard may be in several
// (https://docs.datadoghq.com/api/latest/dashboard-lists/). One that was deleted
// stays in its lists, unseen, until it is gone for good: brought back, it is
// where it was.
type dashboardList struct {
	ID         int64      `json:"id"`
	Name       string     `json:"name"`
	Author     creator    `json:"author"`
	Created    time.Time  `json:"created"`
	Modified   time.Time  `json:"modified"`
	Dashboards []listItem `json:"dashboards"`
}

type creator struct {
	Name   string `json:"name"`
	Handle string `json:"handle"`
	Email  string `json:"email,omitempty"`
}

type listItem struct {
	Type string          `json:"type"`
	ID   json.RawMessage `json:"id"` // a text; the older version of the API sends numbers too
}

func (i listItem) id() string { return strings.Trim(string(i.ID), `"`) }

const (
	mostLists     = 1000
	mostListItems = 5000
)

func listKey(id int64) string { return fmt.Sprintf("%012d", id) }

// shown is a list as clients see it. count is of the dashboards that are there.
func (l *dashboardList) shown(count int) fiber.Map {
	return fiber.Map{
		"id": l.ID, "name": l.Name, "author": l.Author, "created": l.Created, "modified": l.Modified,
		"dashboards": nil, "dashboard_count": count, "is_favorite": false, "type": "manual_dashboard_list",
	}
}

func (l *dashboardList) count(tx *catalog.Tx) (n int, err error) {
	for _, item := range l.Dashboards {
		known, err := tx.Get(catalog.Dashboards, item.id(), &struct{}{})
		if err != nil {
			return 0, err
		}
		if known {
			n++
		}
	}
	return n, nil
}

func (a *API) dashboardLists(c *fiber.Ctx) error {
	lists := []fiber.Map{}
	err := a.Catalog.View(func(tx *catalog.Tx) error {
		return tx.Each(catalog.Lists, "", func(_ string, raw json.RawMessage) error {
			var l dashboardList
			if err := json.Unmarshal(raw, &l); err != nil {
				return err
			}
			n, err := l.count(tx)
			lists = append(lists, l.shown(n))
			return err
		})
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"dashboard_lists": lists})
}

func listName(c *fiber.Ctx) (string, error) {
	doc, err := body(c)
	if err != nil {
		return "", err
	}
	name, err := doc.text("name")
	if err == nil && (strings.TrimSpace(name) == "" || len(name) > 300) {
		err = badRequest("name: a list needs one, of at most 300 bytes")
	}
	return name, err
}

func (a *API) createList(c *fiber.Ctx) error {
	name, err := listName(c)
	if err != nil {
		return err
	}
	by, now := authorOf(c.UserContext()), a.Now().UTC()
	l := dashboardList{Name: name, Author: creator{Name: by, Handle: by}, Created: now, Modified: now, Dashboards: []listItem{}}
	err = a.Catalog.Update(c.UserContext(), func(tx *catalog.Tx) (err error) {
		n := 0
		err = tx.Each(catalog.Lists, "", func(string, json.RawMessage) error { n++; return nil })
		if err != nil {
			return err
		}
		if n >= mostLists {
			return badRequest("there are %d lists, which is the limit: delete one first", n)
		}
		if l.ID, err = tx.NextID(catalog.Lists); err != nil {
			return err
		}
		return tx.Put(catalog.Lists, listKey(l.ID), l)
	})
	if err != nil {
		return err
	}
	return c.JSON(l.shown(0))
}

func (a *API) getList(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	var l dashboardList
	n := 0
	err = a.Catalog.View(func(tx *catalog.Tx) error {
		if found, err := tx.Get(catalog.Lists, listKey(id), &l); err != nil || !found {
			return orNoList(err, id)
		}
		n, err = l.count(tx)
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(l.shown(n))
}

func orNoList(err error, id int64) error {
	if err != nil {
		return err
	}
	return notFound("no dashboard list %d", id)
}

// changeList edits the list that the route names.
func (a *API) changeList(c *fiber.Ctx, change func(*catalog.Tx, *dashboardList) error) (l dashboardList, n int, err error) {
	id, err := id(c)
	if err != nil {
		return l, 0, err
	}
	err = a.Catalog.Update(c.UserContext(), func(tx *catalog.Tx) error {
		l = dashboardList{}
		if found, err := tx.Get(catalog.Lists, listKey(id), &l); err != nil || !found {
			return orNoList(err, id)
		}
		if err := change(tx, &l); err != nil {
			return err
		}
		if len(l.Dashboards) > mostListItems {
			return badRequest("dashboards: a list holds at most %d", mostListItems)
		}
		l.Modified = a.Now().UTC()
		if n, err = l.count(tx); err != nil {
			return err
		}
		return tx.Put(catalog.Lists, listKey(id), l)
	})
	return l, n, err
}

func (a *API) putList(c *fiber.Ctx) error {
	name, err := listName(c)
	if err != nil {
		return err
	}
	l, n, err := a.changeList(c, func(_ *catalog.Tx, l *dashboardList) error {
		l.Name = name
		return nil
	})
	if err != nil {
		return err
	}
	return c.JSON(l.shown(n))
}

func (a *API) deleteList(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	err = a.Catalog.Update(c.UserContext(), func(tx *catalog.Tx) error {
		if found, err := tx.Get(catalog.Lists, listKey(id), &dashboardList{}); err != nil || !found {
			return orNoList(err, id)
		}
		return tx.Delete(catalog.Lists, listKey(id))
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"deleted_dashboard_list_id": id})
}

// items reads the dashboards that a request names.
func items(c *fiber.Ctx) ([]listItem, error) {
	var request struct {
		Dashboards []listItem `json:"dashboards"`
	}
	if err := json.Unmarshal(c.Body(), &request); err != nil {
		return nil, badJSON(err)
	}
	for i, item := range request.Dashboards {
		if item.id() == "" {
			return nil, badRequest("dashboards[%d].id: required", i)
		}
		if !slices.Contains([]string{"", "custom_timeboard", "custom_screenboard", "integration_screenboard", "integration_timeboard", "host_timeboard"}, item.Type) {
			return nil, badRequest("dashboards[%d].type: %q is not one of custom_timeboard, custom_screenboard, integration_screenboard, integration_timeboard, host_timeboard", i, item.Type)
		}
	}
	return request.Dashboards, nil
}

// typed gives items the type that their dashboards have, and refuses those that
// are not there.
func typed(tx *catalog.Tx, wanted []listItem) ([]listItem, error) {
	out := []listItem{}
	for _, item := range wanted {
		var doc object
		if known, err := tx.Get(catalog.Dashboards, item.id(), &doc); err != nil {
			return nil, err
		} else if !known {
			return nil, notFound("no dashboard %q", item.id())
		}
		if slices.ContainsFunc(out, func(have listItem) bool { return have.id() == item.id() }) {
			continue
		}
		out = append(out, listItem{Type: boardType(doc), ID: doc["id"]})
	}
	return out, nil
}

// boardType is what lists call a dashboard of a layout.
func boardType(doc object) string {
	if unquoted(doc["layout_type"]) == "free" {
		return "custom_screenboard"
	}
	return "custom_timeboard"
}

func (a *API) listItems(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	shown := []fiber.Map{}
	err = a.Catalog.View(func(tx *catalog.Tx) error {
		var l dashboardList
		if found, err := tx.Get(catalog.Lists, listKey(id), &l); err != nil || !found {
			return orNoList(err, id)
		}
		favourites, err := boards.Favourites(tx, access.CallerOf(c.UserContext()).Name)
		if err != nil {
			return err
		}
		shared, err := boards.Shared(tx)
		if err != nil {
			return err
		}
		for _, item := range l.Dashboards {
			var doc object
			if known, err := tx.Get(catalog.Dashboards, item.id(), &doc); err != nil {
				return err
			} else if !known {
				continue
			}
			by := unquoted(doc["author_handle"])
			tags := doc["tags"]
			if tags == nil {
				tags = json.RawMessage("[]")
			}
			shown = append(shown, fiber.Map{
				"id": item.id(), "type": boardType(doc), "title": doc["title"], "url": doc["url"], "author": creator{Name: by, Handle: by},
				"created": doc["created_at"], "modified": doc["modified_at"], "is_read_only": doc["is_read_only"], "tags": tags,
				"is_favorite": slices.Contains(favourites, item.id()), "is_shared": shared[item.id()], "icon": nil, "integration_id": nil, "popularity": 0,
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"dashboards": shown, "total": len(shown)})
}

func (a *API) addListItems(c *fiber.Ctx) error {
	wanted, err := items(c)
	if err != nil {
		return err
	}
	added := []listItem{}
	_, _, err = a.changeList(c, func(tx *catalog.Tx, l *dashboardList) error {
		fresh, err := typed(tx, wanted)
		if err != nil {
			return err
		}
		added = slices.DeleteFunc(fresh, l.has)
		l.Dashboards = append(l.Dashboards, added...)
		return nil
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"added_dashboards_to_list": added})
}

func (l *dashboardList) has(item listItem) bool {
	return slices.ContainsFunc(l.Dashboards, func(have listItem) bool { return have.id() == item.id() })
}

func (a *API) putListItems(c *fiber.Ctx) error {
	wanted, err := items(c)
	if err != nil {
		return err
	}
	l, _, err := a.changeList(c, func(tx *catalog.Tx, l *dashboardList) error {
		l.Dashboards, err = typed(tx, wanted)
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"dashboards": l.Dashboards})
}

func (a *API) deleteListItems(c *fiber.Ctx) error {
	unwanted, err := items(c)
	if err != nil {
		return err
	}
	deleted := []listItem{}
	_, _, err = a.changeList(c, func(_ *catalog.Tx, l *dashboardList) error {
		deleted = []listItem{}
		l.Dashboards = slices.DeleteFunc(l.Dashboards, func(have listItem) bool {
			gone := slices.ContainsFunc(unwanted, func(item listItem) bool { return item.id() == have.id() })
			if gone {
				deleted = append(deleted, have)
			}
			return gone
		})
		return nil
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"deleted_dashboards_from_list": deleted})
}
