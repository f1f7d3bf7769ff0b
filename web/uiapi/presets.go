package uiapi

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/web/presets"
)

// presetPast is how far back a metric makes a built-in dashboard appear.
const presetPast = 24 * time.Hour

// presets lists the built-in dashboards that have something to show.
func (a *API) presets(c *fiber.Ctx) error {
	all, err := presets.All()
	if err != nil {
		return err
	}
	now := a.Now()
	metrics, err := a.DB.Metrics(c.UserContext(), now.Add(-presetPast).UnixMilli(), now.UnixMilli())
	if err != nil {
		return err
	}
	dashboards := []map[string]any{}
	for _, p := range presets.With(all, metrics) {
		dashboards = append(dashboards, p.Summary())
	}
	return c.JSON(fiber.Map{"dashboards": dashboards})
}

func (a *API) preset(c *fiber.Ctx) error {
	all, err := presets.All()
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.ID == c.Params("id") {
			return c.JSON(p.Document())
		}
	}
	return fiber.NewError(fiber.StatusNotFound, "there is no built-in dashboard "+c.Params("id"))
}
