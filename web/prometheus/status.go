package prometheus

import (
	"cmp"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/query/metricsql"
)

// The calls with which Grafana, promtool and other clients find out whom they
// talk to.

// registerStatus adds them.
func (a *API) registerStatus(get func(path string, handler fiber.Handler)) {
	get("/api/v1/status/buildinfo", a.buildInfo)
	get("/api/v1/status/runtimeinfo", a.runtimeInfo)
	get("/api/v1/status/config", func(c *fiber.Ctx) error { return success(c, fiber.Map{"yaml": ""}) })
	get("/api/v1/status/flags", func(c *fiber.Ctx) error { return success(c, fiber.Map{}) })
	get("/api/v1/status/tsdb", a.tsdbStatus)
	get("/api/v1/targets", func(c *fiber.Ctx) error {
		return success(c, fiber.Map{"activeTargets": []any{}, "droppedTargets": []any{}}) // nothing is scraped: metrics are sent here
	})
	get("/api/v1/alertmanagers", func(c *fiber.Ctx) error {
		return success(c, fiber.Map{"activeAlertmanagers": []any{}, "droppedAlertmanagers": []any{}})
	})
}

// apiVersion is the Prometheus whose API this is: clients choose by it what they
// may ask for.
const apiVersion = "2.53.0"

func (a *API) buildInfo(c *fiber.Ctx) error {
	return success(c, fiber.Map{
		"version": apiVersion, "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": runtime.Version(),
		"application": "whippet " + a.Version,
	})
}

func (a *API) runtimeInfo(c *fiber.Ctx) error {
	stats := a.DB.Stats()
	return success(c, fiber.Map{
		"startTime": a.Started.UTC().Format(time.RFC3339Nano), "goroutineCount": runtime.NumGoroutine(), "GOMAXPROCS": runtime.GOMAXPROCS(0),
		"timeSeriesCount": stats.Series, "reloadConfigSuccess": true, "lastConfigTime": a.Started.UTC().Format(time.RFC3339Nano),
	})
}

// tsdbStatus tells which metrics have the most series.
func (a *API) tsdbStatus(c *fiber.Ctx) error {
	r, err := a.request(c, false)
	if err != nil {
		return err
	}
	limit := 10
	if r.limit > 0 {
		limit = r.limit
	}
	found, err := a.DB.Find(c.UserContext(), r.filter, r.from, r.to, 0)
	if err != nil {
		return err
	}
	type count struct {
		Name  string `json:"name"`
		Value int    `json:"value"`
	}
	names, pairs := map[string]int{}, map[string]int{}
	for i := range found {
		names[found[i].Name]++
		for _, l := range metricsql.Labels(found[i]) {
			pairs[l.Name+"="+l.Value]++
		}
	}
	top := func(counts map[string]int) []count {
		list := make([]count, 0, len(counts))
		for name, n := range counts {
			list = append(list, count{name, n})
		}
		slices.SortFunc(list, func(a, b count) int { return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Name, b.Name)) })
		return list[:min(limit, len(list))]
	}
	return success(c, fiber.Map{
		"headStats":                   fiber.Map{"numSeries": len(found)},
		"seriesCountByMetricName":     top(names),
		"seriesCountByLabelValuePair": top(pairs),
	})
}

// metadata tells type, help and unit of metrics.
func (a *API) metadata(c *fiber.Ctx) error {
	limit := -1
	if text := parameter(c, "limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return badRequest("limit: want a number, got %q", text)
		}
		limit = n
	}
	type about struct {
		Type string `json:"type"`
		Help string `json:"help"`
		Unit string `json:"unit"`
	}
	types := map[string]string{"gauge": "gauge", "rate": "gauge", "count": "gauge", "cumulative": "counter", "distribution": "histogram"}
	only, all := parameter(c, "metric"), map[string][]about{}
	for _, m := range a.DB.Catalog().Metrics() {
		if only != "" && m.Name != only || limit >= 0 && len(all) >= limit {
			continue
		}
		kind := types[m.Type]
		if kind == "" {
			kind = "unknown"
		}
		all[m.Name] = []about{{kind, m.Description, m.Unit}}
	}
	return success(c, all)
}

// parseQuery tells the syntax tree of a query.
func (a *API) parseQuery(c *fiber.Ctx) error {
	tree, err := metricsql.Syntax(parameter(c, "query"))
	if err != nil {
		return err
	}
	return success(c, tree)
}

func (a *API) formatQuery(c *fiber.Ctx) error {
	text, err := metricsql.Format(parameter(c, "query"))
	if err != nil {
		return err
	}
	return success(c, text)
}
