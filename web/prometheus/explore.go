package prometheus

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/query/metricsql"
	"github.com/whippet-obs/whippet/store"
)

// each calls fn for every series of the request's match[] selectors and range,
// at most once for one set of labels.
func (a *API) each(c *fiber.Ctx, required bool, fn func([]metricsql.Label)) error {
	from, to, err := a.span(c)
	if err != nil {
		return err
	}
	limit := 0
	if text := parameter(c, "limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 0 {
			return badRequest("limit: want a number, got %q", text)
		}
	}
	filter := store.Filter{}
	if matches := parameters(c, "match[]"); len(matches) > 0 {
		filter.Op = store.Or
		for _, match := range matches {
			filters, err := metricsql.Selector(match)
			if err != nil {
				return err
			}
			filter.Args = append(filter.Args, filters...)
		}
	} else if required {
		return badRequest("match[]: at least one is required, such as up{host=\"a\"}")
	}
	found, err := a.DB.Find(c.UserContext(), filter, from, to, limit)
	if err != nil {
		return err
	}
	for _, info := range found {
		fn(metricsql.Labels(info))
	}
	return nil
}

func (a *API) series(c *fiber.Ctx) error {
	all := []map[string]string{}
	seen := map[string]bool{}
	err := a.each(c, true, func(labels []metricsql.Label) {
		set, key := map[string]string{}, ""
		for _, l := range labels {
			set[l.Name] = l.Value
			key += l.Name + "\x00" + l.Value + "\x00"
		}
		if !seen[key] {
			seen[key] = true
			all = append(all, set)
		}
	})
	if err != nil {
		return err
	}
	return success(c, all)
}

func (a *API) labels(c *fiber.Ctx) error {
	names := map[string]bool{}
	err := a.each(c, false, func(labels []metricsql.Label) {
		for _, l := range labels {
			names[l.Name] = true
		}
	})
	if err != nil {
		return err
	}
	return success(c, sorted(names))
}

func (a *API) labelValues(c *fiber.Ctx) error {
	name, err := url.PathUnescape(c.Params("name"))
	if err != nil {
		return badRequest("label name: %v", err)
	}
	if name == "__name__" && len(parameters(c, "match[]")) == 0 {
		from, to, err := a.span(c)
		if err != nil {
			return err
		}
		names, err := a.DB.Metrics(c.UserContext(), from, to)
		if err != nil {
			return err
		}
		return success(c, append([]string{}, names...))
	}
	values := map[string]bool{}
	err = a.each(c, false, func(labels []metricsql.Label) {
		for _, l := range labels {
			if l.Name == name {
				values[l.Value] = true
			}
		}
	})
	if err != nil {
		return err
	}
	return success(c, sorted(values))
}

func sorted(set map[string]bool) []string {
	return append([]string{}, slices.Sorted(maps.Keys(set))...)
}

func success(c *fiber.Ctx, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return answer(c, raw, nil)
}
