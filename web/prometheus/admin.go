package prometheus

import (
	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/query/metricsql"
	"github.com/whippet-obs/whippet/store"
)

// deleteSeries removes the samples of the series that match one of match[],
// between start and end, or all of them. It answers when they are gone.
func (a *API) deleteSeries(c *fiber.Ctx) error {
	from, err := timestamp(c, "start", -maxTime)
	if err != nil {
		return err
	}
	to, err := timestamp(c, "end", maxTime)
	if err != nil {
		return err
	}
	if from > to {
		return badRequest("start must not be after end")
	}
	matches := parameters(c, "match[]")
	if len(matches) == 0 {
		return badRequest("match[]: at least one is required, such as up{host=\"a\"}")
	}
	filter := store.Filter{Op: store.Or}
	for _, match := range matches {
		filters, err := metricsql.Selector(match)
		if err != nil {
			return badRequest("match[]: %v", err)
		}
		filter.Args = append(filter.Args, filters...)
	}
	if _, err := a.DB.Delete(c.UserContext(), filter, from, to); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
