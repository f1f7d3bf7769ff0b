package datadog

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/datadog"
)

// questionV2 is the body of /api/v2/query/timeseries and /scalar
// (https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-data-across-multiple-products).
type questionV2 struct {
	Data struct {
		Type       string `json:"type"`
		Attributes struct {
			From     int64 `json:"from"` // ms
			To       int64 `json:"to"`
			Interval int64 `json:"interval"` // ms; 0: chosen from the range
			Formulas []struct {
				Formula string `json:"formula"`
				Limit   *struct {
					Count int    `json:"count"`
					Order string `json:"order"`
				} `json:"limit"`
			} `json:"formulas"`
			Queries []struct {
				Name       string `json:"name"`
				DataSource string `json:"data_source"`
				Query      string `json:"query"`
				Aggregator string `json:"aggregator"`
			} `json:"queries"`
		} `json:"attributes"`
	} `json:"data"`
}

// maxPartsV2 bounds the queries and the formulas of one request.
const maxPartsV2 = 50

// read decodes and checks the body.
func (a *API) questionV2(c *fiber.Ctx, kind string) (queries []datadog.NamedQuery, formulas []datadog.Formula, o datadog.Options, err error) {
	var q questionV2
	if err := json.Unmarshal(c.Body(), &q); err != nil {
		return nil, nil, o, badJSON(err)
	}
	at := &q.Data.Attributes
	switch {
	case q.Data.Type != kind:
		return nil, nil, o, badRequest("data.type: want %q, got %q", kind, q.Data.Type)
	case at.From <= 0 || at.To <= at.From || at.To > 1<<50:
		return nil, nil, o, badRequest("data.attributes: from must be before to, both unix times in milliseconds")
	case at.Interval < 0:
		return nil, nil, o, badRequest("data.attributes.interval: want milliseconds above zero")
	case len(at.Queries) == 0:
		return nil, nil, o, badRequest("data.attributes.queries: at least one is required")
	case len(at.Queries) > maxPartsV2 || len(at.Formulas) > maxPartsV2:
		return nil, nil, o, badRequest("data.attributes: at most %d queries and formulas are answered at once", maxPartsV2)
	}
	for i, q := range at.Queries {
		if q.DataSource != "metrics" && q.DataSource != "cloud_cost" && q.DataSource != "" {
			return nil, nil, o, badRequest("data.attributes.queries[%d].data_source: %q is not answered here, only \"metrics\"", i, q.DataSource)
		}
		parsed, err := datadog.Parse(q.Query)
		if err != nil {
			return nil, nil, o, fmt.Errorf("queries[%d]: %w", i, err)
		}
		if q.Name == "" {
			q.Name = "query" + strconv.Itoa(i)
		}
		queries = append(queries, datadog.NamedQuery{Name: q.Name, Query: parsed, Reduce: q.Aggregator})
	}
	for i, f := range at.Formulas {
		formula := datadog.Formula{Text: f.Formula}
		if f.Limit != nil {
			if f.Limit.Count < 0 || f.Limit.Order != "" && f.Limit.Order != "asc" && f.Limit.Order != "desc" {
				return nil, nil, o, badRequest("data.attributes.formulas[%d].limit: want a count above zero and the order \"asc\" or \"desc\"", i)
			}
			formula.Limit, formula.Ascending = f.Limit.Count, f.Limit.Order == "asc"
		}
		formulas = append(formulas, formula)
	}
	if len(formulas) == 0 { // the queries themselves are wanted
		for _, q := range queries {
			formulas = append(formulas, datadog.Formula{Text: q.Name})
		}
	}
	return queries, formulas, datadog.Options{
		From: at.From, To: at.To, Interval: at.Interval, Explain: c.Query("explain") == "1", NoCache: c.Query("nocache") == "1",
	}, nil
}

func (a *API) timeseriesV2(c *fiber.Ctx) error {
	queries, formulas, o, err := a.questionV2(c, "timeseries_request")
	if err != nil {
		return err
	}
	frames, err := datadog.Timeseries(c.UserContext(), a.Engine, queries, formulas, o)
	if err != nil {
		return err
	}
	// Formulas with rollups of their own have other times: those of all are told,
	// and a row is null where it has no point.
	var times []int64
	for _, f := range frames {
		for i := range f.Grid.Len() {
			times = append(times, f.Grid.At(i))
		}
	}
	slices.Sort(times)
	times = slices.Compact(times)
	type head struct {
		GroupTags  []string `json:"group_tags"`
		QueryIndex int      `json:"query_index"`
		Unit       []*unit  `json:"unit"`
	}
	heads := []head{}
	values := []byte{'['}
	for index, f := range frames {
		for _, row := range f.Rows {
			for _, line := range withBand(row) {
				heads = append(heads, head{orEmpty(line.Tags), index, unitsOf(line)})
				if len(values) > 1 {
					values = append(values, ',')
				}
				values = appendValues(values, f.Grid, line.Values, times)
			}
		}
	}
	values = append(values, ']')
	answer := fiber.Map{"data": fiber.Map{"id": "0", "type": "timeseries_response", "attributes": fiber.Map{
		"series": heads, "times": append([]int64{}, times...), "values": json.RawMessage(values),
	}}}
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

// appendValues writes the values of a row at times, which hold those of its grid.
func appendValues(b []byte, g query.Grid, row []float64, times []int64) []byte {
	b = append(b, '[')
	next := 0
	for i, at := range times {
		if i > 0 {
			b = append(b, ',')
		}
		v := math.NaN()
		if next < len(row) && g.At(next) == at {
			v = row[next]
			next++
		}
		b = appendValue(b, v)
	}
	return append(b, ']')
}

// Scalar answers /api/v2/query/scalar.
func (a *API) Scalar(c *fiber.Ctx) error {
	queries, formulas, o, err := a.questionV2(c, "scalar_request")
	if err != nil {
		return err
	}
	frames, err := datadog.Scalars(c.UserContext(), a.Engine, queries, formulas, o)
	if err != nil {
		return err
	}
	// A table: a column for each tag key, then one for each formula.
	var keys []string
	for _, q := range queries {
		keys = append(keys, q.Query.GroupBy()...)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	var groups [][]string
	index := map[string]int{}
	cells := make([]map[int]query.Row, len(frames)) // by formula, then group
	for i, f := range frames {
		cells[i] = map[int]query.Row{}
		for _, row := range f.Rows {
			at, ok := index[scope(row.Tags)]
			if !ok {
				at = len(groups)
				index[scope(row.Tags)] = at
				groups = append(groups, row.Tags)
			}
			cells[i][at] = row
		}
	}
	columns := []fiber.Map{}
	for _, key := range keys {
		values := make([][]string, len(groups))
		for i, tags := range groups {
			values[i] = valuesOf(tags, key)
		}
		columns = append(columns, fiber.Map{"name": key, "type": "group", "values": values})
	}
	for i, f := range formulas {
		values, units := []byte{'['}, []*unit(nil)
		for g := range groups {
			if g > 0 {
				values = append(values, ',')
			}
			v := math.NaN()
			if row, ok := cells[i][g]; ok {
				v, units = row.Values[0], unitsOf(row)
			}
			values = appendValue(values, v)
		}
		columns = append(columns, fiber.Map{"name": f.Text, "type": "number", "values": json.RawMessage(append(values, ']')), "meta": fiber.Map{"unit": units}})
	}
	answer := fiber.Map{"data": fiber.Map{"id": "0", "type": "scalar_response", "attributes": fiber.Map{"columns": columns}}}
	if e := query.ExplanationOf(frames...); e != nil {
		answer["explain"] = e
	}
	return c.JSON(answer)
}

// valuesOf is the values of a key among a group's tags.
func valuesOf(tags []string, key string) []string {
	values := []string{}
	for _, tag := range tags {
		if len(tag) > len(key) && tag[:len(key)] == key && tag[len(key)] == ':' {
			values = append(values, tag[len(key)+1:])
		}
	}
	return values
}
