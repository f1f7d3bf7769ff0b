package datadog

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// A timeboard is the dashboard of Datadog's older API (/api/v1/dash): a title
// and a list of graphs. It is kept as an ordered dashboard of timeseries
// widgets, so that both APIs and the UI see the same thing.
type timeboard struct {
	Title             string          `json:"title"`
	Description       string          `json:"description"`
	Graphs            []graph         `json:"graphs"`
	TemplateVariables json.RawMessage `json:"template_variables,omitempty"`
	ReadOnly          bool            `json:"read_only"`
}

type graph struct {
	Title      string          `json:"title"`
	Definition graphDefinition `json:"definition"`
}

type graphDefinition struct {
	Viz      string            `json:"viz"`
	Requests []json.RawMessage `json:"requests"`
	Events   json.RawMessage   `json:"events,omitempty"`
	Markers  json.RawMessage   `json:"markers,omitempty"`
	YAxis    json.RawMessage   `json:"yaxis,omitempty"`
}

func timeboardBody(c *fiber.Ctx) (object, error) {
	var board timeboard
	if err := json.Unmarshal(c.Body(), &board); err != nil {
		return nil, badJSON(err)
	}
	if board.Title == "" {
		return nil, badRequest("title: a timeboard needs one")
	}
	widgets := []object{}
	for i, g := range board.Graphs {
		if len(g.Definition.Requests) == 0 {
			return nil, badRequest("graphs[%d].definition.requests: a graph needs at least one", i)
		}
		definition := object{}
		definition.set("type", cmp.Or(g.Definition.Viz, "timeseries"))
		definition.set("title", g.Title)
		definition.set("requests", g.Definition.Requests)
		for field, raw := range map[string]json.RawMessage{"events": g.Definition.Events, "markers": g.Definition.Markers, "yaxis": g.Definition.YAxis} {
			if raw != nil {
				definition[field] = raw
			}
		}
		w := object{}
		w.set("definition", definition)
		widgets = append(widgets, w)
	}
	doc := object{}
	doc.set("title", board.Title)
	doc.set("description", board.Description)
	doc.set("layout_type", "ordered")
	doc.set("is_read_only", board.ReadOnly)
	doc.set("notify_list", nil)
	doc["template_variables"] = json.RawMessage("null")
	if board.TemplateVariables != nil {
		doc["template_variables"] = board.TemplateVariables
	}
	doc.set("widgets", widgets)
	return doc, nil
}

// timeboardOf shows a dashboard as a timeboard.
func timeboardOf(doc object) fiber.Map {
	var widgets []struct {
		Definition struct {
			Type  string `json:"type"`
			Title string `json:"title"`
			graphDefinition
		} `json:"definition"`
	}
	graphs := []graph{}
	if json.Unmarshal(doc["widgets"], &widgets) == nil {
		for _, w := range widgets {
			definition := w.Definition.graphDefinition
			definition.Viz = w.Definition.Type
			graphs = append(graphs, graph{Title: w.Definition.Title, Definition: definition})
		}
	}
	return fiber.Map{
		"id": doc["id"], "title": doc["title"], "description": doc["description"], "graphs": graphs,
		"template_variables": doc["template_variables"], "read_only": doc["is_read_only"],
		"created": doc["created_at"], "modified": doc["modified_at"], "created_by": fiber.Map{"handle": doc["author_handle"]},
	}
}

func (a *API) createTimeboard(c *fiber.Ctx) error {
	doc, err := timeboardBody(c)
	if err != nil {
		return err
	}
	if doc, err = a.keepNewDashboard(c.UserContext(), doc); err != nil {
		return err
	}
	return answerTimeboard(c, doc)
}

func answerTimeboard(c *fiber.Ctx, doc object) error {
	return c.JSON(fiber.Map{"dash": timeboardOf(doc), "url": doc["url"], "resource": "/api/v1/dash/" + unquoted(doc["id"])})
}

func (a *API) getTimeboard(c *fiber.Ctx) error {
	doc, err := a.dashboard(c.Params("id"))
	if err != nil {
		return err
	}
	return answerTimeboard(c, doc)
}

func (a *API) putTimeboard(c *fiber.Ctx) error {
	doc, err := timeboardBody(c)
	if err != nil {
		return err
	}
	if doc, err = a.replaceDashboard(c, doc); err != nil {
		return err
	}
	return answerTimeboard(c, doc)
}

func (a *API) deleteTimeboard(c *fiber.Ctx) error {
	if err := a.dropDashboard(c.UserContext(), strings.Clone(c.Params("id"))); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (a *API) listTimeboards(c *fiber.Ctx) error {
	boards := []fiber.Map{}
	err := a.eachDashboard(func(doc object) error {
		boards = append(boards, fiber.Map{
			"id": doc["id"], "title": doc["title"], "description": doc["description"], "read_only": doc["is_read_only"],
			"created": doc["created_at"], "modified": doc["modified_at"], "resource": "/api/v1/dash/" + unquoted(doc["id"]),
		})
		return nil
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"dashes": boards})
}

func unquoted(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
