package uiapi

import (
	"encoding/json"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/query/datadog"
)

// summary is of all values together.
type summary struct {
	Count   int64  `json:"count"`
	Figures floats `json:"figures"` // avg, min, p50, p75, p90, p95, p99, max
}

// spread answers how the values of a query lie: in buckets over time, or of the
// whole range with ?together=true. counts has a list for each timestamp, null
// where there is nothing.
func (a *API) spread(c *fiber.Ctx) error {
	from, to, err := a.timeRange(c)
	if err != nil {
		return err
	}
	buckets := c.QueryInt("buckets", 40)
	if buckets < 1 || buckets > 200 {
		return fiber.NewError(fiber.StatusBadRequest, "buckets: want 1 to 200")
	}
	scale := c.Query("scale", "linear")
	if scale != "linear" && scale != "log" {
		return fiber.NewError(fiber.StatusBadRequest, "scale: allowed are linear and log, got "+scale)
	}
	points := min(1500, max(1, c.QueryInt("points", 120)))
	s, err := datadog.SpreadOf(c.UserContext(), a.Engine, c.Query("query"), datadog.Options{From: from, To: to, MaxPoints: points},
		datadog.SpreadOptions{Buckets: buckets, Log: scale == "log", Together: c.QueryBool("together")})
	if err != nil {
		return err
	}
	counts := make([]*floats, len(s.Counts))
	for i := range s.Counts {
		if s.Counts[i] != nil {
			counts[i] = (*floats)(&s.Counts[i])
		}
	}
	all := summary{s.All.Count, floats{s.All.Avg(), s.All.Min, s.All.Quantile(0.5), s.All.Quantile(0.75), s.All.Quantile(0.9), s.All.Quantile(0.95), s.All.Quantile(0.99), s.All.Max}}
	raw, err := json.Marshal(fiber.Map{
		"grid": grid{s.Grid.Start, s.Grid.End, s.Grid.Step}, "bounds": floats(s.Bounds), "counts": counts, "unit": s.Unit, "all": all,
		"warnings": append([]string{}, s.Warnings...), "stats": stats{s.Stats.Series, s.Stats.Samples},
	})
	if err != nil {
		return err
	}
	c.Type("json")
	return c.Send(raw)
}
