package prometheus

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/query/metricsql"
	"github.com/whippet-obs/whippet/store"
)

// request is what the explorers share: match[] selectors, a range and a limit.
type request struct {
	filter   store.Filter
	from, to int64
	limit    int // 0: none
}

func (a *API) request(c *fiber.Ctx, required bool) (r request, err error) {
	if r.from, r.to, err = a.span(c); err != nil {
		return r, err
	}
	if text := parameter(c, "limit"); text != "" {
		if r.limit, err = strconv.Atoi(text); err != nil || r.limit < 0 {
			return r, badRequest("limit: want a number, got %q", text)
		}
	}
	matches := parameters(c, "match[]")
	if len(matches) == 0 {
		if required {
			return r, badRequest("match[]: at least one is required, such as up{host=\"a\"}")
		}
		return r, nil
	}
	r.filter.Op = store.Or
	for _, match := range matches {
		filters, err := metricsql.Selector(match)
		if err != nil {
			return r, err
		}
		r.filter.Args = append(r.filter.Args, filters...)
	}
	return r, nil
}

// list answers with the first of the texts.
func (r *request) list(c *fiber.Ctx, texts []string) error {
	if r.limit > 0 {
		texts = texts[:min(r.limit, len(texts))]
	}
	return success(c, append([]string{}, texts...))
}

func (a *API) series(c *fiber.Ctx) error {
	r, err := a.request(c, true)
	if err != nil {
		return err
	}
	found, err := a.DB.Find(c.UserContext(), r.filter, r.from, r.to, r.limit)
	if err != nil {
		return err
	}
	all, one := []byte{'['}, []byte(nil)
	seen := make(map[string]bool, len(found))
	for i := range found {
		one = append(one[:0], '{')
		for j, l := range metricsql.Labels(found[i]) {
			if j > 0 {
				one = append(one, ',')
			}
			one = appendString(append(appendString(one, l.Name), ':'), l.Value)
		}
		one = append(one, '}')
		if seen[string(one)] {
			continue
		}
		seen[string(one)] = true
		if len(all) > 1 {
			all = append(all, ',')
		}
		all = append(all, one...)
	}
	return answer(c, append(all, ']'), nil)
}

// labels lists the names of labels. Where a key has several values on a series,
// labelValues lists each: a selector finds them one by one.
func (a *API) labels(c *fiber.Ctx) error {
	r, err := a.request(c, false)
	if err != nil {
		return err
	}
	keys, err := a.DB.TagKeys(c.UserContext(), r.filter, r.from, r.to)
	if err != nil {
		return err
	}
	metrics, err := a.DB.MetricsOf(c.UserContext(), r.filter, r.from, r.to)
	if err != nil {
		return err
	}
	if len(metrics) > 0 {
		keys = append(keys, "__name__")
	}
	slices.Sort(keys)
	return r.list(c, slices.Compact(keys))
}

func (a *API) labelValues(c *fiber.Ctx) error {
	name, err := url.PathUnescape(c.Params("name"))
	if err != nil {
		return badRequest("label name: %v", err)
	}
	r, err := a.request(c, false)
	if err != nil {
		return err
	}
	var values []string
	if name == "__name__" {
		values, err = a.DB.MetricsOf(c.UserContext(), r.filter, r.from, r.to)
	} else {
		values, err = a.DB.TagValues(c.UserContext(), name, r.filter, r.from, r.to)
	}
	if err != nil {
		return err
	}
	return r.list(c, values)
}

func success(c *fiber.Ctx, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return answer(c, raw, nil)
}
