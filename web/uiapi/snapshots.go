package uiapi

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/query/chart"
	"github.com/whippet-obs/whippet/web/snapshot"
)

// shownGraph is a graph as a page asks for its picture.
type shownGraph struct {
	Title      string           `json:"title"`
	Queries    []snapshot.Query `json:"queries"`
	From       int64            `json:"from"` // ms
	To         int64            `json:"to"`
	Dark       bool             `json:"dark"`
	Marks      []mark           `json:"marks"`
	Thresholds []struct {
		Value float64 `json:"value"`
		Label string  `json:"label"`
		Warn  bool    `json:"warn"`
		Below bool    `json:"below"`
	} `json:"thresholds"`
}

// mark is a rectangle in the graph; without low and high it has all its height.
type mark struct {
	From int64    `json:"from"` // ms
	To   int64    `json:"to"`
	Low  *float64 `json:"low"`
	High *float64 `json:"high"`
}

const mostMarks = 8

func (g *shownGraph) graph() (snapshot.Graph, error) {
	out := snapshot.Graph{Title: g.Title, Queries: g.Queries, From: g.From, To: g.To, Dark: g.Dark}
	if len(g.Title) > 300 || !utf8.ValidString(g.Title) {
		return out, fiber.NewError(fiber.StatusBadRequest, "title: want text of at most 300 bytes")
	}
	if len(g.Marks) > mostMarks {
		return out, fiber.NewError(fiber.StatusBadRequest, fmt.Sprintf("marks: at most %d are drawn, got %d", mostMarks, len(g.Marks)))
	}
	for _, m := range g.Marks {
		drawn := chart.Mark{From: m.From, To: m.To, Low: math.NaN(), High: math.NaN()}
		if m.Low != nil && m.High != nil {
			drawn.Low, drawn.High = *m.Low, *m.High
		}
		out.Marks = append(out.Marks, drawn)
	}
	for _, t := range g.Thresholds {
		drawn := chart.Threshold{Value: t.Value, Label: t.Label, Severity: chart.Alert, Below: t.Below}
		if t.Warn {
			drawn.Severity = chart.Warn
		}
		out.Thresholds = append(out.Thresholds, drawn)
	}
	return out, nil
}

// previewSnapshot draws the picture that a mail would hold, and says where its
// plot is, so that a person can mark a part of it.
func (a *API) previewSnapshot(c *fiber.Ctx) error {
	var asked shownGraph
	if err := request(c, &asked); err != nil {
		return err
	}
	g, err := asked.graph()
	if err != nil {
		return err
	}
	png, area, err := a.Snapshots.Draw(c.UserContext(), g)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"png": png, "plot": fiber.Map{
		"x0": area.X0, "y0": area.Y0, "x1": area.X1, "y1": area.Y1, "from": area.From, "to": area.To, "low": area.Low, "high": area.High,
	}})
}

func (a *API) sendSnapshot(c *fiber.Ctx) error {
	var asked struct {
		shownGraph
		Receivers string `json:"receivers"`
		Note      string `json:"note"`
		View      string `json:"view"`
	}
	if err := request(c, &asked); err != nil {
		return err
	}
	g, err := asked.graph()
	if err != nil {
		return err
	}
	pictures, area, err := a.Snapshots.DrawAll(c.UserContext(), g, false, true)
	if err != nil {
		return err
	}
	shown := alerting.Shown{
		To: asked.Receivers, Title: g.Title, Query: g.Text(), Note: asked.Note, View: asked.View, Start: area.From, End: area.To, Pictures: pictures,
	}
	if shown.Title == "" {
		shown.Title = shown.Query
	}
	for _, m := range g.Marks {
		shown.Marks = append(shown.Marks, alerting.Marked{From: min(m.From, m.To), To: max(m.From, m.To)})
	}
	id, err := a.Alerting.Show(c.UserContext(), shown)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"id": id})
}
