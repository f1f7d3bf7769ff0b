package uiapi

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/datadog"
	"github.com/whippet-obs/whippet/query/metricsql"
)

// floats is a list of numbers in JSON; null stands for NaN and infinities,
// which JSON lacks.
type floats []float64

func (f floats) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 2+8*len(f))
	b = append(b, '[')
	for i, v := range f {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendFloat(b, v, 'g', -1, 64)
		}
	}
	return append(b, ']'), nil
}

type frame struct {
	Grid     grid     `json:"grid"`
	Rows     []row    `json:"rows"`
	Warnings []string `json:"warnings"`
	Stats    stats    `json:"stats"`
}

type grid struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"`
	Step  int64 `json:"step"`
}

type row struct {
	Metric string   `json:"metric"`
	Tags   []string `json:"tags"`
	Expr   string   `json:"expr"`
	Unit   string   `json:"unit"`
	Values floats   `json:"values"`
	Band   *band    `json:"band,omitempty"`

	Outlier bool `json:"outlier,omitempty"`
}

type stats struct {
	Series  int   `json:"series"`
	Samples int64 `json:"samples"`
}

func (a *API) query(c *fiber.Ctx) error {
	from, to, err := a.timeRange(c)
	if err != nil {
		return err
	}
	return a.answer(c, c.Query("query"), c.Query("lang", "datadog"), from, to)
}

// answer writes the frames of a query.
func (a *API) answer(c *fiber.Ctx, text, lang string, from, to int64) error {
	points := min(1500, max(0, c.QueryInt("points", 0)))
	explain, noCache := c.Query("explain") == "1", c.Query("nocache") == "1"
	var frames []*query.Frame
	switch lang {
	case "datadog":
		q, err := datadog.Parse(text)
		if err != nil {
			return err
		}
		if frames, err = q.Range(c.UserContext(), a.Engine, datadog.Options{From: from, To: to, MaxPoints: points, Bars: c.Query("bars") == "1", Explain: explain, NoCache: noCache}); err != nil {
			return err
		}
	case "metricsql":
		f, err := metricsql.Range(c.UserContext(), a.Engine, text, gridOf(from, to, points), metricsql.Options{Explain: explain, NoCache: noCache})
		if err != nil {
			return err
		}
		frames = []*query.Frame{f}
	default:
		return fiber.NewError(fiber.StatusBadRequest, "lang: allowed are datadog and metricsql, got "+lang)
	}
	answer := make([]frame, len(frames))
	for i, f := range frames {
		answer[i] = frameOf(f)
	}
	raw, err := json.Marshal(struct {
		Frames  []frame            `json:"frames"`
		Explain *query.Explanation `json:"explain,omitempty"`
	}{answer, query.ExplanationOf(frames...)})
	if err != nil {
		return err
	}
	c.Type("json")
	return c.Send(raw)
}

// gridOf spaces about points timestamps over the range, on a step that is easy
// to read and aligned to the epoch.
func gridOf(from, to int64, points int) query.Grid {
	if points == 0 {
		points = 350
	}
	least := max(1, (to-from)/1000/int64(points))
	step := int64(86400)
	for _, s := range []int64{1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400} {
		if s >= least {
			step = s
			break
		}
	}
	for step < least {
		step += 86400
	}
	step *= 1000
	return query.Grid{Start: (from + step - 1) / step * step, End: to / step * step, Step: step}
}

func frameOf(f *query.Frame) frame {
	out := frame{
		Grid: grid{f.Grid.Start, f.Grid.End, f.Grid.Step}, Rows: make([]row, len(f.Rows)),
		Warnings: f.Warnings, Stats: stats{f.Stats.Series, f.Stats.Samples},
	}
	if out.Warnings == nil {
		out.Warnings = []string{}
	}
	for i, r := range f.Rows {
		out.Rows[i] = row{Metric: r.Metric, Tags: r.Tags, Expr: r.Expr, Unit: r.Unit, Values: r.Values, Band: bandOf(r.Band), Outlier: r.Outlier}
		if r.Tags == nil {
			out.Rows[i].Tags = []string{}
		}
	}
	return out
}
