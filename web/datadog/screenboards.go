package datadog

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/web/boards"
)

// A screenboard is the free dashboard of Datadog's older API (/api/v1/screen).
// It is kept as a free dashboard, so that both APIs and the UI see the same
// thing: the place of a widget becomes its layout, what its tile draws is part
// of its definition, and all other fields of it are kept as they are.

func screenboardBody(c *fiber.Ctx) (object, error) {
	doc, err := body(c)
	if err != nil {
		return nil, err
	}
	title, err := doc.text("board_title")
	if err != nil {
		return nil, err
	}
	if title == "" {
		return nil, badRequest("board_title: a screenboard needs one")
	}
	var tiles []object
	if raw, ok := doc["widgets"]; ok {
		if err := json.Unmarshal(raw, &tiles); err != nil {
			return nil, badRequest("widgets: want a list of objects: %v", err)
		}
	}
	widgets := []object{}
	for i, tile := range tiles {
		w, err := widgetOfTile(tile)
		if err != nil {
			return nil, badRequest("widgets[%d]: %v", i, err)
		}
		widgets = append(widgets, w)
	}
	readOnly := doc["read_only"]
	for _, field := range []string{"board_title", "widgets", "read_only", "id", "created", "modified", "board_bgtype", "created_by", "original_title", "resource", "url"} {
		delete(doc, field)
	}
	doc.set("title", title)
	doc.set("layout_type", "free")
	doc.set("widgets", widgets)
	doc["is_read_only"] = readOnly
	if readOnly == nil {
		doc.set("is_read_only", false)
	}
	for _, field := range []string{"description", "notify_list", "template_variables"} {
		if _, ok := doc[field]; !ok {
			doc[field] = json.RawMessage("null")
		}
	}
	return doc, nil
}

var places = []string{"x", "y", "width", "height"}

// widgetOfTile makes a widget of a screenboard's.
func widgetOfTile(tile object) (object, error) {
	kind, err := tile.text("type")
	if err != nil {
		return nil, err
	}
	if kind == "" {
		return nil, badRequest("type: every widget needs one, such as timeseries")
	}
	w, definition := object{}, object{}
	layout := map[string]int{"x": 0, "y": 0, "width": 47, "height": 15}
	for _, side := range places {
		if raw, ok := tile[side]; ok {
			var n float64
			if err := json.Unmarshal(raw, &n); err != nil || n < 0 || n > 1e6 {
				return nil, badRequest("%s: want a number from zero on, got %s", side, raw)
			}
			layout[side] = int(n)
		}
	}
	w.set("layout", layout)
	var drawn object
	if raw, ok := tile["tile_def"]; ok {
		if err := json.Unmarshal(raw, &drawn); err != nil {
			return nil, badRequest("tile_def: want an object: %v", err)
		}
	}
	for field, raw := range drawn {
		definition[field] = raw
	}
	for field, raw := range tile {
		switch field {
		case "x", "y", "width", "height", "tile_def":
		case "title": // here it only says whether there is one
			if raw[0] == '"' {
				definition["title"] = raw
			}
		case "title_text":
			definition["title"] = raw
		case "board_id", "isShared":
		default:
			definition[field] = raw
		}
	}
	definition.set("type", kind)
	if id, ok := definition["id"]; ok {
		w["id"] = id
		delete(definition, "id")
	}
	w["definition"] = definition.raw()
	return w, nil
}

// tileOf shows a widget as a screenboard has it.
func tileOf(w object) object {
	var definition object
	var layout map[string]json.RawMessage
	if json.Unmarshal(w["definition"], &definition) != nil || definition == nil {
		return w
	}
	_ = json.Unmarshal(w["layout"], &layout)
	tile, drawn := object{}, object{}
	for field, raw := range definition {
		switch field {
		case "requests", "events", "markers", "yaxis", "viz", "autoscale", "precision", "style", "custom_unit":
			drawn[field] = raw
		case "title":
			tile["title_text"] = raw
			tile.set("title", unquoted(raw) != "")
		default:
			tile[field] = raw
		}
	}
	if drawn["requests"] != nil {
		if drawn["viz"] == nil {
			drawn["viz"] = definition["type"]
		}
		tile["tile_def"] = drawn.raw()
	} else {
		for field, raw := range drawn {
			tile[field] = raw
		}
	}
	for _, side := range places {
		if raw, ok := layout[side]; ok {
			tile[side] = raw
		}
	}
	if id, ok := w["id"]; ok {
		tile["id"] = id
	}
	return tile
}

func screenboardOf(doc object) object {
	var widgets []object
	tiles := []object{}
	if json.Unmarshal(doc["widgets"], &widgets) == nil {
		for _, w := range widgets {
			tiles = append(tiles, tileOf(w))
		}
	}
	board := object{}
	for field, raw := range doc {
		board[field] = raw
	}
	for _, field := range []string{"title", "layout_type", "is_read_only", "created_at", "modified_at", "author_handle", "author_name", "notify_list", "url"} {
		delete(board, field)
	}
	board["board_title"], board["read_only"], board["created"], board["modified"] = doc["title"], doc["is_read_only"], doc["created_at"], doc["modified_at"]
	board.set("created_by", fiber.Map{"handle": doc["author_handle"], "name": doc["author_name"]})
	board.set("widgets", tiles)
	return board
}

func (a *API) createScreenboard(c *fiber.Ctx) error {
	doc, err := screenboardBody(c)
	if err != nil {
		return err
	}
	if doc, err = a.keepNewDashboard(c.UserContext(), doc); err != nil {
		return err
	}
	return c.JSON(screenboardOf(doc))
}

func (a *API) getScreenboard(c *fiber.Ctx) error {
	doc, err := a.dashboard(c.Params("id"))
	if err != nil {
		return err
	}
	return c.JSON(screenboardOf(doc))
}

func (a *API) putScreenboard(c *fiber.Ctx) error {
	doc, err := screenboardBody(c)
	if err != nil {
		return err
	}
	if doc, err = a.replaceDashboard(c, doc); err != nil {
		return err
	}
	return c.JSON(screenboardOf(doc))
}

func (a *API) deleteScreenboard(c *fiber.Ctx) error {
	id := strings.Clone(c.Params("id"))
	if err := a.dropDashboard(c.UserContext(), id); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"id": id})
}

// listScreenboards lists the free dashboards, which is what screenboards were.
func (a *API) listScreenboards(c *fiber.Ctx) error {
	list := []fiber.Map{}
	err := a.eachDashboard(func(doc object) error {
		if unquoted(doc["layout_type"]) == "free" {
			list = append(list, fiber.Map{
				"id": doc["id"], "title": doc["title"], "description": doc["description"], "read_only": doc["is_read_only"],
				"created": doc["created_at"], "modified": doc["modified_at"], "resource": "/api/v1/screen/" + unquoted(doc["id"]),
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"screenboards": list})
}

// shareScreenboard gives the link of a board, and makes one if there is none.
func (a *API) shareScreenboard(c *fiber.Ctx) error {
	id, by := strings.Clone(c.Params("id")), authorOf(c.UserContext())
	var link *boards.Share
	err := a.Catalog.View(func(tx *catalog.Tx) error {
		return boards.EachShare(tx, func(s *boards.Share) error {
			if s.DashboardID == id && s.Status == "active" && (s.Expiration == nil || s.Expiration.After(a.Now())) {
				link = cmp.Or(link, s)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	if link == nil {
		if c.Method() == fiber.MethodGet {
			return notFound("dashboard %q is not shared: POST shares it", id)
		}
		link = &boards.Share{Token: boards.NewToken(), DashboardID: id, Author: boards.Author{Handle: by, Name: by}, Created: a.Now().UTC()}
		if err := a.keepShare(c, link); err != nil {
			return err
		}
	}
	return c.JSON(fiber.Map{"board_id": id, "public_url": a.shown(*link).PublicURL})
}

func (a *API) unshareScreenboard(c *fiber.Ctx) error {
	id := strings.Clone(c.Params("id"))
	if _, err := a.dashboard(id); err != nil {
		return err
	}
	if err := a.Catalog.Update(c.UserContext(), func(tx *catalog.Tx) error { return boards.Unshare(tx, id) }); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"board_id": id})
}
