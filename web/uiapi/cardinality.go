package uiapi

import (
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/store"
)

// maxTop bounds the lists of a cardinality answer.
const maxTop = 1000

// cardinality says where the series of a time are: ?metric and ?tag narrow them,
// ?key lists that key's values, ?top is how long the lists may be (20). It also
// names the metrics whose new series are refused, and the tag key to blame.
func (a *API) cardinality(c *fiber.Ctx) error {
	from, to, err := a.timeRange(c)
	if err != nil {
		return err
	}
	top, err := strconv.Atoi(c.Query("top", "20"))
	if err != nil || top < 1 || top > maxTop {
		return fiber.NewError(fiber.StatusBadRequest, "top: want a number from 1 to "+strconv.Itoa(maxTop)+", got "+strconv.Quote(c.Query("top")))
	}
	filter := store.Filter{Op: store.And}
	if metric := c.Query("metric"); metric != "" {
		filter.Args = append(filter.Args, store.Filter{Op: store.MatchName, Value: utils.CopyString(metric)})
	}
	if tag := c.Query("tag"); tag != "" {
		filter.Args = append(filter.Args, store.Filter{Op: store.MatchTag, Value: utils.CopyString(tag)})
	}
	found, err := a.DB.Cardinality(c.UserContext(), filter, from, to, utils.CopyString(c.Query("key")), top)
	if err != nil {
		return err
	}
	return c.JSON(struct {
		store.Cardinality
		Refused []store.Refusal `json:"refused"`
	}{found, a.DB.Refusals()})
}
