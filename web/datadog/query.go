package datadog

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/datadog"
)

// series is one row of an answer to /api/v1/query.
type series struct {
	Metric      string    `json:"metric"`
	DisplayName string    `json:"display_name"`
	Attributes  struct{}  `json:"attributes"`
	Aggr        *string   `json:"aggr"`
	Scope       string    `json:"scope"`
	TagSet      []string  `json:"tag_set"`
	Expression  string    `json:"expression"`
	Interval    int64     `json:"interval"` // s
	Unit        []*unit   `json:"unit"`
	Length      int       `json:"length"`
	Start       int64     `json:"start"` // ms
	End         int64     `json:"end"`   // ms
	QueryIndex  int       `json:"query_index"`
	PointList   pointList `json:"pointlist"`
}

type unit struct {
	Name      string `json:"name"`
	ShortName string `json:"short_name"`
}

// pointList writes [[ms, value], ...] without a number per point on the heap.
type pointList struct {
	grid   query.Grid
	values []float64
}

func (p pointList) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 2+32*len(p.values))
	b = append(b, '[')
	for i, v := range p.values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		b = strconv.AppendInt(b, p.grid.At(i), 10)
		b = append(appendValue(append(b, ".0,"...), v), ']')
	}
	return append(b, ']'), nil
}

// appendValue writes a number as JSON has it: null for none.
func appendValue(b []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

func (a *API) query(c *fiber.Ctx) error {
	from, to, err := timeRange(c, "from", "to")
	if err != nil {
		return err
	}
	text := utils.CopyString(c.Query("query"))
	if text == "" {
		return badRequest("query: required, such as avg:system.load.1{*}")
	}
	q, err := datadog.Parse(text)
	if err != nil {
		return err
	}
	frames, err := q.Range(c.UserContext(), a.Engine, datadog.Options{From: from, To: to, Bars: c.Query("bars") == "1", Explain: c.Query("explain") == "1", NoCache: c.Query("nocache") == "1"})
	if err != nil {
		return err
	}
	rows, message := []series{}, ""
	for i, f := range frames {
		for _, row := range f.Rows {
			for _, line := range withBand(row) {
				rows = append(rows, seriesOf(line, f.Grid, i, q.Aggregator(i)))
			}
		}
		for _, w := range f.Warnings {
			if message != "" {
				message += "; "
			}
			message += w
		}
	}
	answer := fiber.Map{
		"status": "ok", "res_type": "time_series", "resp_version": 1, "query": text, "message": message,
		"from_date": from, "to_date": to, "group_by": orEmpty(q.GroupBy()), "times": []int64{}, "values": []float64{}, "series": rows,
	}
	if e := query.ExplanationOf(frames...); e != nil {
		answer["explain"] = e
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	c.Type("json")
	return c.Send(raw)
}

// withBand gives the lines of a row: itself, and the bounds of its band.
func withBand(row query.Row) []query.Row {
	if row.Band == nil {
		return []query.Row{row}
	}
	lower, upper := row, row
	lower.Values, upper.Values = row.Band.Lower, row.Band.Upper
	lower.Expr, upper.Expr = row.Expr+" lower", row.Expr+" upper"
	return []query.Row{row, lower, upper}
}

func seriesOf(row query.Row, grid query.Grid, index int, aggregator string) series {
	s := series{
		Metric: row.Metric, DisplayName: row.Metric, Expression: row.Expr, TagSet: orEmpty(row.Tags),
		Scope: scope(row.Tags), Interval: grid.Step / 1000, Length: len(row.Values),
		Start: grid.Start, End: grid.End + grid.Width(grid.Len()-1) - 1, QueryIndex: index,
		PointList: pointList{grid, row.Values},
	}
	if row.Metric == "" {
		s.Metric, s.DisplayName = row.Expr, row.Expr
	}
	if aggregator != "" {
		s.Aggr = &aggregator
	}
	s.Unit = unitsOf(row)
	return s
}

// unitsOf is a row's unit and what it is per; nil when nothing is known.
func unitsOf(row query.Row) []*unit {
	if row.Unit == "" {
		return nil
	}
	return []*unit{{Name: row.Unit, ShortName: row.Unit}, nil}
}

func scope(tags []string) string {
	if len(tags) == 0 {
		return "*"
	}
	text := tags[0]
	for _, t := range tags[1:] {
		text += "," + t
	}
	return text
}
