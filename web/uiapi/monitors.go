package uiapi

import (
	"encoding/json"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/store/catalog"
)

// What the monitors' pages do beyond the public API.

func (a *API) changes(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	events, err := a.Alerting.Changes(id)
	if err != nil {
		return err
	}
	if events == nil {
		events = []catalog.Event{}
	}
	return c.JSON(fiber.Map{"changes": events})
}

func (a *API) timeline(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	now := a.Now().UnixMilli()
	to, err := millis(c, "to", now)
	if err != nil {
		return err
	}
	from, err := millis(c, "from", to-24*3600_000)
	if err != nil {
		return err
	}
	groups, err := a.Alerting.Timeline(id, from, to)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"from": from, "to": to, "groups": groups})
}

func (a *API) exportMonitor(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	doc, err := a.Alerting.ExportMonitor(id)
	if err != nil {
		return err
	}
	c.Type("json")
	return c.Send(doc)
}

func (a *API) terraform(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	text, err := a.Alerting.Terraform(id)
	if err != nil {
		return err
	}
	return c.SendString(text)
}

func (a *API) cloneMonitor(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	doc, err := a.Alerting.CloneMonitor(c.UserContext(), id)
	if err != nil {
		return err
	}
	c.Type("json")
	return c.Send(doc)
}

func (a *API) resolveMonitor(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	if err := a.Alerting.ResolveMonitor(c.UserContext(), id, utils.CopyString(c.Query("group"))); err != nil {
		return err
	}
	return c.JSON(fiber.Map{})
}

// request reads a JSON body.
func request(c *fiber.Ctx, target any) error {
	if err := json.Unmarshal(c.Body(), target); err != nil {
		return fiber.NewError(fiber.StatusBadRequest, "the body has the wrong shape: "+err.Error())
	}
	return nil
}

func (a *API) muteMonitors(c *fiber.Ctx) error {
	var r struct {
		IDs   []int64 `json:"ids"`
		Scope string  `json:"scope"`
		End   int64   `json:"end"` // s; 0: without end
	}
	if err := request(c, &r); err != nil {
		return err
	}
	done, err := a.Alerting.MuteMonitors(c.UserContext(), r.IDs, r.Scope, r.End)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"ids": done})
}

func (a *API) unmuteMonitors(c *fiber.Ctx) error {
	var r struct {
		IDs []int64 `json:"ids"`
	}
	if err := request(c, &r); err != nil {
		return err
	}
	done, err := a.Alerting.UnmuteMonitors(c.UserContext(), r.IDs)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"ids": done})
}

func (a *API) testMonitor(c *fiber.Ctx) error {
	var r struct {
		Monitor json.RawMessage   `json:"monitor"`
		States  []alerting.Status `json:"states"`
		To      []string          `json:"to"`
	}
	if err := request(c, &r); err != nil {
		return err
	}
	ids, err := a.Alerting.TestMonitor(c.UserContext(), slices.Clone(r.Monitor), r.States, r.To)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"ids": ids})
}

// backtest says what a monitor would have done from from to to (ms).
func (a *API) backtest(c *fiber.Ctx) error {
	var r struct {
		Monitor json.RawMessage `json:"monitor"`
		From    int64           `json:"from"`
		To      int64           `json:"to"`
	}
	if err := request(c, &r); err != nil {
		return err
	}
	result, err := a.Alerting.Backtest(c.UserContext(), slices.Clone(r.Monitor), r.From, r.To)
	if err != nil {
		return err
	}
	return c.JSON(result)
}

func (a *API) retryMail(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	if err := a.Alerting.Retry(c.UserContext(), id); err != nil {
		return err
	}
	return c.JSON(fiber.Map{})
}

func (a *API) testMail(c *fiber.Ctx) error {
	var r struct {
		To string `json:"to"`
	}
	if err := request(c, &r); err != nil {
		return err
	}
	id, err := a.Alerting.SendTest(c.UserContext(), r.To)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"id": id})
}
