package uiapi

import (
	"cmp"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/datadog"
	"github.com/whippet-obs/whippet/query/metricsql"
)

// completionPast is how far back metrics and tags count as there, in ms.
const completionPast = 24 * 3_600_000

// suggestion is a way in which a query may go on.
type suggestion struct {
	Text   string `json:"text"`
	Kind   string `json:"kind"`
	Note   string `json:"note,omitempty"`
	From   int    `json:"from"`   // bytes; replaced up to the cursor
	Insert string `json:"insert"` // by this
	Caret  int    `json:"caret"`  // bytes of it before the cursor then
}

// complete suggests how a query goes on at a cursor:
//
//	GET /complete?language=datadog&query=avg:sys&cursor=7
func (a *API) complete(c *fiber.Ctx) error {
	text := utils.CopyString(c.Query("query"))
	cursor := len(text)
	if given := c.Query("cursor"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || n < 0 {
			return fiber.NewError(fiber.StatusBadRequest, "cursor: want an offset in bytes")
		}
		cursor = n
	}
	to := a.Now().UnixMilli()
	complete := datadog.Complete
	switch language := c.Query("language", "datadog"); language {
	case "datadog":
	case "metricsql":
		complete = metricsql.Complete
	default:
		return fiber.NewError(fiber.StatusBadRequest, `language: want "datadog" or "metricsql"`)
	}
	found, err := complete(c.UserContext(), a.DB, text, cursor, to-completionPast, to)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"suggestions": suggestionsOf(found)})
}

func suggestionsOf(found []query.Suggestion) []suggestion {
	out := make([]suggestion, len(found))
	for i, s := range found {
		out[i] = suggestion{s.Text, s.Kind, s.Note, s.From, cmp.Or(s.Insert, s.Text), s.Caret}
		if s.Caret == 0 {
			out[i].Caret = len(out[i].Insert)
		}
	}
	return out
}
