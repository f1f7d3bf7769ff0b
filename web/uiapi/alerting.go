package uiapi

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/store/catalog"
)

func (a *API) history(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	events, err := a.Alerting.MonitorHistory(id, 200)
	if err != nil {
		return err
	}
	if events == nil {
		events = []catalog.Event{}
	}
	return c.JSON(fiber.Map{"events": events})
}

func (a *API) previewMonitor(c *fiber.Ctx) error {
	states, err := a.Alerting.PreviewMonitor(c.UserContext(), slices.Clone(c.Body()))
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"states": states})
}

// previewed is how many windows of a downtime are shown before it is made.
const previewed = 5

func (a *API) previewDowntime(c *fiber.Ctx) error {
	occurrences, err := a.Alerting.UpcomingDowntime(slices.Clone(c.Body()), previewed)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"occurrences": occurrences})
}

// mostDays bounds the days of a calendar.
const mostDays = 92

// downtimeCalendar tells when downtimes are, from now on for ?days.
func (a *API) downtimeCalendar(c *fiber.Ctx) error {
	days := c.QueryInt("days", 14)
	if days < 1 || days > mostDays {
		return fiber.NewError(fiber.StatusBadRequest, fmt.Sprintf("days: %d is not from 1 to %d", days, mostDays))
	}
	from := a.Now()
	to := from.Add(time.Duration(days) * 24 * time.Hour)
	return c.JSON(fiber.Map{"from": from.UnixMilli(), "to": to.UnixMilli(), "windows": a.Alerting.DowntimeCalendar(to.UnixMilli())})
}

func (a *API) outbox(c *fiber.Ctx) error {
	mails, err := a.Alerting.Outbox()
	if err != nil {
		return err
	}
	if mails == nil {
		mails = []alerting.Mail{}
	}
	return c.JSON(fiber.Map{"messages": mails})
}

func (a *API) mail(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	message, err := a.Alerting.OutboxMessage(id)
	if err != nil {
		return err
	}
	return c.JSON(message)
}

func (a *API) rawMail(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	message, err := a.Alerting.OutboxMessage(id)
	if err != nil {
		return err
	}
	if message.Raw == nil {
		return fiber.NewError(fiber.StatusNotFound, fmt.Sprintf("mail %d is not composed yet: try again in a moment", id))
	}
	c.Set(fiber.HeaderContentType, "message/rfc822")
	c.Set(fiber.HeaderContentDisposition, fmt.Sprintf(`attachment; filename="whippet-%d.eml"`, id))
	return c.Send(message.Raw)
}

func id(c *fiber.Ctx) (int64, error) {
	n, err := strconv.ParseInt(c.Params("id"), 10, 64)
	if err != nil || n <= 0 {
		return 0, fiber.NewError(fiber.StatusBadRequest, "id: want a number, got "+strconv.Quote(c.Params("id")))
	}
	return n, nil
}
