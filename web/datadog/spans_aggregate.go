package datadog

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/store/sketch"
	"github.com/whippet-obs/whippet/store/span"
)

// compute is a figure to work out, over all time or in steps of it.
type compute struct {
	Aggregation string `json:"aggregation"`
	Metric      string `json:"metric"`
	Interval    string `json:"interval"`
	Type        string `json:"type"` // total, timeseries

	field    string
	interval int64 // ms; 0: total
}

// facet is a tag or field to group by.
type facet struct {
	Facet   string          `json:"facet"`
	Limit   int             `json:"limit"`
	Missing json.RawMessage `json:"missing"`
	Total   json.RawMessage `json:"total"`
	Sort    struct {
		Aggregation string `json:"aggregation"`
		Metric      string `json:"metric"`
		Order       string `json:"order"`
		Type        string `json:"type"`
	} `json:"sort"`

	field string
}

var aggregations = []string{"count", "cardinality", "sum", "avg", "min", "max", "median", "pc75", "pc90", "pc95", "pc98", "pc99"}

// The limits of one aggregation.
const (
	maxComputes = 10
	maxFacets   = 4
	maxBuckets  = 10_000
	maxSteps    = 2000
)

func (cp *compute) check(width int64) error {
	if !slices.Contains(aggregations, cp.Aggregation) {
		return badRequest("compute.aggregation: allowed are %s; got %q", strings.Join(aggregations, ", "), cp.Aggregation)
	}
	cp.field = facetField(cp.Metric)
	if cp.Aggregation != "count" && cp.field == "" {
		return badRequest("compute.metric: %s needs one, such as @duration", cp.Aggregation)
	}
	switch cp.Type {
	case "", "total":
		return nil
	case "timeseries":
	default:
		return badRequest("compute.type: allowed are total and timeseries, got %q", cp.Type)
	}
	cp.interval = max(width/100, 1000)
	if cp.Interval != "" {
		d, err := time.ParseDuration(strings.Replace(cp.Interval, "d", "h", 1))
		if err != nil || d < time.Millisecond {
			return badRequest("compute.interval: want a time such as 5m, got %q", cp.Interval)
		}
		if strings.HasSuffix(cp.Interval, "d") {
			d *= 24
		}
		cp.interval = d.Milliseconds()
	}
	if width/cp.interval > maxSteps {
		return badRequest("compute.interval: %s makes more than %d steps in this range", cp.Interval, maxSteps)
	}
	return nil
}

// facetField is a facet's name as the span store has it.
func facetField(name string) string {
	switch name = strings.TrimPrefix(name, "@"); name {
	case "resource":
		return span.FieldResource
	case "operation", "name":
		return span.FieldOperation
	}
	return name
}

// accumulator works out one figure.
type accumulator struct {
	count    int64
	sum      float64
	least    float64
	greatest float64
	latency  sketch.Sketch
	distinct map[string]struct{}
}

// maxDistinct bounds what is told apart for a cardinality.
const maxDistinct = 100_000

func (ac *accumulator) add(cp *compute, m *span.Match) {
	if cp.Aggregation == "count" && cp.field == "" {
		ac.count++
		return
	}
	text, v := "", math.NaN()
	if cp.field == span.FieldDuration {
		v = float64(m.Duration)
		text = strconv.FormatInt(m.Duration, 10)
	} else {
		value, ok := m.Tag(cp.field)
		if !ok {
			return
		}
		text = value
		if f, err := strconv.ParseFloat(value, 64); err == nil {
			v = f
		}
	}
	switch cp.Aggregation {
	case "count":
		ac.count++
	case "cardinality":
		if ac.distinct == nil {
			ac.distinct = map[string]struct{}{}
		}
		if len(ac.distinct) < maxDistinct {
			ac.distinct[strings.Clone(text)] = struct{}{}
		}
	default:
		if math.IsNaN(v) {
			return
		}
		if ac.count == 0 {
			ac.least, ac.greatest = v, v
		}
		ac.count++
		ac.sum += v
		ac.least, ac.greatest = min(ac.least, v), max(ac.greatest, v)
		if cp.Aggregation == "median" || strings.HasPrefix(cp.Aggregation, "pc") {
			ac.latency.Add(v, 1)
		}
	}
}

// value is the figure; nil when there is nothing to work it out from.
func (ac *accumulator) value(aggregation string) any {
	switch aggregation {
	case "count":
		return ac.count
	case "cardinality":
		return len(ac.distinct)
	}
	if ac.count == 0 {
		return nil
	}
	switch aggregation {
	case "sum":
		return ac.sum
	case "avg":
		return ac.sum / float64(ac.count)
	case "min":
		return ac.least
	case "max":
		return ac.greatest
	case "median":
		return ac.latency.Quantile(0.5)
	default: // pcNN
		n, err := strconv.Atoi(aggregation[2:])
		if err != nil {
			return nil
		}
		return ac.latency.Quantile(float64(n) / 100)
	}
}

// bucket is one combination of the facets' values.
type bucket struct {
	by     []string
	totals []accumulator           // one per compute
	steps  []map[int64]accumulator // of timeseries, by time
}

func (a *API) aggregateSpans(c *fiber.Ctx) error {
	began := time.Now()
	var request struct {
		Data struct {
			Attributes struct {
				Compute []compute   `json:"compute"`
				Filter  spansFilter `json:"filter"`
				GroupBy []facet     `json:"group_by"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := json.Unmarshal(c.Body(), &request); err != nil {
		return badJSON(err)
	}
	r := &request.Data.Attributes
	from, to, filter, err := r.Filter.read(a.Now())
	if err != nil {
		return err
	}
	if len(r.Compute) == 0 {
		r.Compute = []compute{{Aggregation: "count"}}
	}
	if len(r.Compute) > maxComputes || len(r.GroupBy) > maxFacets {
		return badRequest("at most %d computes and %d facets", maxComputes, maxFacets)
	}
	for i := range r.Compute {
		if err := r.Compute[i].check((to - from) / 1e6); err != nil {
			return err
		}
	}
	for i := range r.GroupBy {
		if r.GroupBy[i].field = facetField(r.GroupBy[i].Facet); r.GroupBy[i].field == "" {
			return badRequest("group_by[%d].facet: required, such as service or @http.status_code", i)
		}
	}
	buckets := map[string]*bucket{}
	full := false
	ctx, cancel := context.WithTimeout(c.UserContext(), a.Engine.Limits().Timeout)
	defer cancel()
	warnings, err := a.Spans.Each(ctx, from, to, filter, func(m *span.Match) {
		by := make([]string, len(r.GroupBy))
		for i := range r.GroupBy {
			value, ok := m.Tag(r.GroupBy[i].field)
			if !ok {
				if value, ok = missing(r.GroupBy[i].Missing); !ok {
					return
				}
			}
			by[i] = value
		}
		key := strings.Join(by, "\x00")
		b := buckets[key]
		if b == nil {
			if len(buckets) >= maxBuckets {
				full = true
				return
			}
			b = &bucket{by: by, totals: make([]accumulator, len(r.Compute)), steps: make([]map[int64]accumulator, len(r.Compute))}
			buckets[key] = b
		}
		for i := range r.Compute {
			cp := &r.Compute[i]
			b.totals[i].add(cp, m)
			if cp.interval > 0 {
				if b.steps[i] == nil {
					b.steps[i] = map[int64]accumulator{}
				}
				at := m.Start / 1e6
				at -= at % cp.interval
				step := b.steps[i][at]
				step.add(cp, m)
				b.steps[i][at] = step
			}
		}
	})
	if err != nil {
		return err
	}
	if full {
		warnings = append(warnings, "more than "+strconv.Itoa(maxBuckets)+" groups: the rest is left out")
	}
	return c.JSON(fiber.Map{
		"data": bucketDocuments(sorted(buckets, r.GroupBy, r.Compute), r.GroupBy, r.Compute),
		"meta": fiber.Map{"elapsed": time.Since(began).Milliseconds(), "request_id": "whippet", "status": "done", "warnings": warningsOf(warnings)},
	})
}

func warningsOf(texts []string) []fiber.Map {
	out := []fiber.Map{}
	for _, text := range texts {
		out = append(out, fiber.Map{"code": "partial", "title": "The answer may be partial", "detail": text})
	}
	return out
}

// missing is what spans without a facet are grouped under, if they are at all.
func missing(raw json.RawMessage) (string, bool) {
	var text string
	if len(raw) == 0 || json.Unmarshal(raw, &text) != nil {
		return "", false
	}
	return text, true
}

// sorted orders the groups as the facets ask, and keeps as many values of each
// facet as it allows. The usual order is the first figure, the greatest first.
func sorted(buckets map[string]*bucket, facets []facet, computes []compute) []*bucket {
	all := make([]*bucket, 0, len(buckets))
	for _, b := range buckets {
		all = append(all, b)
	}
	rank := func(b *bucket, f *facet) float64 {
		for i := range computes {
			if f.Sort.Type == "measure" && (computes[i].Aggregation != f.Sort.Aggregation || facetField(f.Sort.Metric) != computes[i].field) {
				continue
			}
			switch v := b.totals[i].value(computes[i].Aggregation).(type) {
			case int64:
				return float64(v)
			case int:
				return float64(v)
			case float64:
				return v
			}
		}
		return 0
	}
	var first facet
	if len(facets) > 0 {
		first = facets[0]
	}
	slices.SortFunc(all, func(a, b *bucket) int {
		byName := slices.Compare(a.by, b.by)
		switch {
		case first.Sort.Type == "alphabetical" && first.Sort.Order == "desc":
			return -byName
		case first.Sort.Type == "alphabetical":
			return byName
		case first.Sort.Order == "asc":
			return cmp.Or(cmp.Compare(rank(a, &first), rank(b, &first)), byName)
		}
		return cmp.Or(cmp.Compare(rank(b, &first), rank(a, &first)), byName)
	})
	for i := range facets {
		limit := facets[i].Limit
		if limit <= 0 {
			limit = 10
		}
		seen := map[string]bool{}
		all = slices.DeleteFunc(all, func(b *bucket) bool {
			if !seen[b.by[i]] && len(seen) >= limit {
				return true
			}
			seen[b.by[i]] = true
			return false
		})
	}
	return all
}

func bucketDocuments(buckets []*bucket, facets []facet, computes []compute) []fiber.Map {
	data := []fiber.Map{}
	for n, b := range buckets {
		by := fiber.Map{}
		for i := range facets {
			by[facets[i].Facet] = b.by[i]
		}
		figures := fiber.Map{}
		for i := range computes {
			name := "c" + strconv.Itoa(i)
			if computes[i].interval == 0 {
				figures[name] = b.totals[i].value(computes[i].Aggregation)
				continue
			}
			points := []fiber.Map{}
			for at, step := range b.steps[i] {
				points = append(points, fiber.Map{"time": time.UnixMilli(at).UTC().Format(isoTime), "value": step.value(computes[i].Aggregation)})
			}
			slices.SortFunc(points, func(a, b fiber.Map) int { return cmp.Compare(a["time"].(string), b["time"].(string)) })
			figures[name] = points
		}
		data = append(data, fiber.Map{
			"id": "bucket-" + strconv.Itoa(n), "type": "bucket",
			"attributes": fiber.Map{"by": by, "compute": fiber.Map{}, "computes": figures},
		})
	}
	return data
}
