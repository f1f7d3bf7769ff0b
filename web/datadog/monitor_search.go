package datadog

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/alerting"
)

func findOptions(c *fiber.Ctx) alerting.FindOptions {
	return alerting.FindOptions{
		Query: utils.CopyString(c.Query("query")), Sort: utils.CopyString(c.Query("sort")),
		Page: max(0, min(1_000_000, c.QueryInt("page", 0))), PerPage: min(1000, max(0, c.QueryInt("per_page", 0))),
	}
}

func (a *API) searchMonitors(c *fiber.Ctx) error {
	found, err := a.Alerting.FindMonitors(findOptions(c))
	if err != nil {
		return err
	}
	return c.JSON(found)
}

func (a *API) searchGroups(c *fiber.Ctx) error {
	found, err := a.Alerting.FindGroups(findOptions(c))
	if err != nil {
		return err
	}
	return c.JSON(found)
}

// canDelete answers 409 when other monitors are made of some of those asked for,
// as Datadog does.
func (a *API) canDelete(c *fiber.Ctx) error {
	var ids []int64
	for _, text := range list(c.Query("monitor_ids")) {
		id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return badRequest("monitor_ids: want numbers by comma, got %q", text)
		}
		ids = append(ids, id)
	}
	ok, problems := a.Alerting.CanDelete(ids)
	answer := fiber.Map{"data": fiber.Map{"ok": ok}}
	if len(problems) > 0 {
		answer["errors"] = problems
		c.Status(fiber.StatusConflict)
	}
	return c.JSON(answer)
}

func (a *API) monitorDowntimes(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	docs, err := a.Alerting.MonitorDowntimes(id)
	if err != nil {
		return err
	}
	return c.JSON(docs)
}
