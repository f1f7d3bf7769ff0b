package datadog

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/alerting"
)

// Documents of monitors and downtimes are checked, kept and written by package
// alerting; these handlers only carry them.

// document is the request's body, in memory of its own.
func document(c *fiber.Ctx) json.RawMessage { return slices.Clone(c.Body()) }

func send(c *fiber.Ctx, doc json.RawMessage, err error) error {
	if err != nil {
		return err
	}
	c.Type("json")
	return c.Send(doc)
}

func (a *API) listMonitors(c *fiber.Ctx) error {
	return c.JSON(a.Alerting.Monitors(alerting.ListOptions{
		GroupStates: utils.CopyString(c.Query("group_states")), Name: utils.CopyString(c.Query("name")),
		Tags: list(utils.CopyString(c.Query("tags"))), MonitorTags: list(utils.CopyString(c.Query("monitor_tags"))),
		IDOffset: int64(c.QueryInt("id_offset", 0)), Page: max(0, c.QueryInt("page", 0)), PageSize: min(1000, max(0, c.QueryInt("page_size", 0))),
	}))
}

func (a *API) createMonitor(c *fiber.Ctx) error {
	doc, err := a.Alerting.CreateMonitor(c.UserContext(), document(c))
	return send(c, doc, err)
}

func (a *API) validateMonitor(c *fiber.Ctx) error {
	if err := a.Alerting.ValidateMonitor(document(c)); err != nil {
		return err
	}
	return c.JSON(fiber.Map{})
}

func (a *API) getMonitor(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	doc, err := a.Alerting.Monitor(id, c.Query("group_states"))
	return send(c, doc, err)
}

func (a *API) putMonitor(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	doc, err := a.Alerting.UpdateMonitor(c.UserContext(), id, document(c))
	return send(c, doc, err)
}

func (a *API) deleteMonitor(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	if _, problems := a.Alerting.CanDelete([]int64{id}); len(problems) > 0 && !c.QueryBool("force") {
		return badRequest("%s: delete those first, or use force=true", problems[strconv.FormatInt(id, 10)][0])
	}
	if err := a.Alerting.DeleteMonitor(c.UserContext(), id); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"deleted_monitor_id": id})
}

func (a *API) listDowntimes(c *fiber.Ctx) error {
	return c.JSON(a.Alerting.Downtimes(c.QueryBool("current_only")))
}

func (a *API) createDowntime(c *fiber.Ctx) error {
	doc, err := a.Alerting.CreateDowntime(c.UserContext(), document(c))
	return send(c, doc, err)
}

func (a *API) getDowntime(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	doc, err := a.Alerting.Downtime(id)
	return send(c, doc, err)
}

func (a *API) putDowntime(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	doc, err := a.Alerting.UpdateDowntime(c.UserContext(), id, document(c))
	return send(c, doc, err)
}

func (a *API) cancelDowntime(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	if err := a.Alerting.CancelDowntime(c.UserContext(), id); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
