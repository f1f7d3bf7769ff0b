package datadog

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// listMetrics names the metrics that had samples since from, of one host or
// tag when asked.
func (a *API) listMetrics(c *fiber.Ctx) error {
	now := a.Now().UnixMilli()
	from, ok, err := seconds(c, "from")
	if err != nil {
		return err
	}
	if !ok {
		from = now - time.Hour.Milliseconds()
	}
	var tags []string
	if host := c.Query("host"); host != "" {
		tags = append(tags, "host:"+host)
	}
	if filter := c.Query("tag_filter"); filter != "" && filter != "*" {
		tags = append(tags, filter)
	}
	names, err := a.metricsWith(c, tags, from, now)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"from": strconv.FormatInt(from/1000, 10), "metrics": orEmpty(names)})
}

func (a *API) metricsWith(c *fiber.Ctx, tags []string, from, to int64) ([]string, error) {
	if len(tags) == 0 {
		return a.DB.Metrics(c.UserContext(), from, to)
	}
	filter := store.Filter{Op: store.And}
	for _, tag := range tags {
		filter.Args = append(filter.Args, store.Filter{Op: store.MatchTag, Value: utils.CopyString(tag)})
	}
	found, err := a.DB.Find(c.UserContext(), filter, from, to, 0)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range found {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// metricMetadata is the editable part of a metric, in Datadog's names.
type metricMetadata struct {
	Description *string `json:"description,omitempty"`
	Integration *string `json:"integration,omitempty"`
	PerUnit     *string `json:"per_unit,omitempty"`
	ShortName   *string `json:"short_name,omitempty"`
	Interval    *int64  `json:"statsd_interval,omitempty"` // s
	Type        *string `json:"type,omitempty"`
	Unit        *string `json:"unit,omitempty"`
}

func metadataOf(m catalog.Metric) metricMetadata {
	text := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	meta := metricMetadata{
		Description: text(m.Description), Integration: text(m.Integration), PerUnit: text(m.PerUnit),
		ShortName: text(m.ShortName), Type: text(m.Type), Unit: text(m.Unit),
	}
	if m.Interval > 0 {
		meta.Interval = &m.Interval
	}
	return meta
}

func (a *API) getMetric(c *fiber.Ctx) error {
	name, err := metricParam(c)
	if err != nil {
		return err
	}
	m, ok := a.Catalog.Metric(name)
	if !ok {
		return notFound("no metric %q", name)
	}
	return c.JSON(metadataOf(m))
}

func (a *API) putMetric(c *fiber.Ctx) error {
	name, err := metricParam(c)
	if err != nil {
		return err
	}
	if _, ok := a.Catalog.Metric(name); !ok {
		return notFound("no metric %q", name)
	}
	var meta metricMetadata
	if err := json.Unmarshal(c.Body(), &meta); err != nil {
		return badJSON(err)
	}
	types := []string{"gauge", "count", "rate", "cumulative", "distribution"}
	if meta.Type != nil && !slices.Contains(types, *meta.Type) {
		return badRequest("type: %q is not one of %s", *meta.Type, strings.Join(types, ", "))
	}
	var changed catalog.Metric
	err = a.Catalog.EditMetric(c.UserContext(), name, func(m *catalog.Metric) {
		for _, f := range []struct{ to, from *string }{
			{&m.Description, meta.Description}, {&m.Integration, meta.Integration}, {&m.PerUnit, meta.PerUnit},
			{&m.ShortName, meta.ShortName}, {&m.Type, meta.Type}, {&m.Unit, meta.Unit},
		} {
			if f.from != nil {
				*f.to = *f.from
			}
		}
		if meta.Interval != nil {
			m.Interval = *meta.Interval
		}
		changed = *m
	})
	if err != nil {
		return err
	}
	return c.JSON(metadataOf(changed))
}

func metricParam(c *fiber.Ctx) (string, error) {
	name, err := url.PathUnescape(c.Params("name"))
	if err != nil {
		return "", badRequest("metric name: %v", err)
	}
	return utils.CopyString(name), nil
}

// search finds hosts and metrics whose names contain the text: "metrics:cpu",
// "hosts:web", or both kinds without a prefix.
func (a *API) search(c *fiber.Ctx) error {
	text := strings.ToLower(c.Query("q"))
	kind, rest, found := strings.Cut(text, ":")
	if found && (kind == "metrics" || kind == "hosts") {
		text = rest
	} else {
		kind = ""
	}
	results := map[string][]string{}
	if kind != "hosts" {
		now := a.Now()
		names, err := a.DB.Metrics(c.UserContext(), now.Add(-24*time.Hour).UnixMilli(), now.UnixMilli())
		if err != nil {
			return err
		}
		results["metrics"] = containing(names, text)
	}
	if kind != "metrics" {
		var names []string
		for _, h := range a.Catalog.Hosts() {
			names = append(names, h.Name)
		}
		results["hosts"] = containing(names, text)
	}
	return c.JSON(fiber.Map{"results": results})
}

// containing keeps the names that contain text, those that start with it first.
func containing(names []string, text string) []string {
	found := []string{}
	for _, name := range names {
		if strings.Contains(strings.ToLower(name), text) {
			found = append(found, name)
		}
	}
	slices.SortStableFunc(found, func(x, y string) int {
		return cmp.Compare(strings.Index(strings.ToLower(x), text), strings.Index(strings.ToLower(y), text))
	})
	return found
}
