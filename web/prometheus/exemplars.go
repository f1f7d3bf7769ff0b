package prometheus

import (
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/query/metricsql"
)

// exemplars are those of one series, as Prometheus has them.
type exemplars struct {
	SeriesLabels map[string]string `json:"seriesLabels"`
	Exemplars    []observation     `json:"exemplars"`
}

type observation struct {
	Labels    map[string]string `json:"labels"`
	Value     string            `json:"value"`
	Timestamp float64           `json:"timestamp"` // s
}

// queryExemplars lists the exemplars of the series that a query selects.
func (a *API) queryExemplars(c *fiber.Ctx) error {
	from, to, err := a.span(c)
	if err != nil {
		return err
	}
	filter, err := metricsql.Selectors(parameter(c, "query"))
	if err != nil {
		return err
	}
	answer := []exemplars{}
	if a.Exemplars == nil || len(filter.Args) == 0 {
		return success(c, answer)
	}
	series, err := a.DB.Find(c.UserContext(), filter, from, to, a.Engine.Limits().MaxSeries)
	if err != nil {
		return err
	}
	for _, s := range series {
		found := a.Exemplars.Of(uint32(s.Ref), from, to)
		if len(found) == 0 {
			continue
		}
		of := exemplars{SeriesLabels: map[string]string{}}
		for _, l := range metricsql.Labels(s) {
			of.SeriesLabels[l.Name] = l.Value
		}
		for _, e := range found {
			o := observation{Labels: map[string]string{}, Value: strconv.FormatFloat(e.Value, 'g', -1, 64), Timestamp: float64(e.Time) / 1000}
			for _, l := range e.Labels {
				o.Labels[l.Name] = l.Value
			}
			of.Exemplars = append(of.Exemplars, o)
		}
		answer = append(answer, of)
	}
	return success(c, answer)
}
