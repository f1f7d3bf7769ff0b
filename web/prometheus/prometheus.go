// Package prometheus answers the Prometheus HTTP API
// (https://prometheus.io/docs/prometheus/latest/querying/api/), with queries
// in MetricsQL.
package prometheus

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/metricsql"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/exemplar"
)

// API is what the handlers work with.
type API struct {
	DB        *store.DB
	Engine    *query.Engine
	Exemplars *exemplar.Store
	Alerting  *alerting.Service
	Now       func() time.Time
	Started   time.Time
	Version   string
}

// Register adds the routes to r, which stands at /prometheus.
func (a *API) Register(r fiber.Router) {
	a.RegisterBare(r)
	r.Get("/api/v1/query", a.query)
	r.Post("/api/v1/series", a.series)
	r.Post("/federate", a.federate)
	r.Get("/-/healthy", func(c *fiber.Ctx) error { return c.SendString("Whippet is healthy.\n") })
	r.Get("/-/ready", func(c *fiber.Ctx) error { return c.SendString("Whippet is ready.\n") })
}

// RegisterBare adds to r, which is the server itself, the routes that the Datadog
// API has not, for clients that are told the server's address alone.
func (a *API) RegisterBare(r fiber.Router) {
	get := func(path string, handler fiber.Handler) { r.Get(path, marked(handler)) }
	post := func(path string, handler fiber.Handler) { r.Post(path, marked(handler)) }
	both := func(path string, handler fiber.Handler) {
		get(path, handler)
		post(path, handler)
	}
	post("/api/v1/query", a.query)
	both("/api/v1/query_range", a.queryRange)
	both("/api/v1/labels", a.labels)
	get("/api/v1/label/:name/values", a.labelValues)
	get("/api/v1/series", a.series)
	both("/api/v1/query_exemplars", a.queryExemplars)
	both("/api/v1/format_query", a.formatQuery)
	both("/api/v1/parse_query", a.parseQuery)
	get("/federate", a.federate)
	post("/api/v1/read", a.remoteRead)
	get("/api/v1/rules", a.rules)
	get("/api/v1/alerts", a.alerts)
	get("/api/v1/metadata", a.metadata)
	post("/api/v1/admin/tsdb/delete_series", a.deleteSeries)
	r.Put("/api/v1/admin/tsdb/delete_series", marked(a.deleteSeries))
	a.registerStatus(get)
}

// marked makes the errors of a handler be told in Prometheus' JSON.
func marked(handler fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Locals(ErrorsMark, true)
		return handler(c)
	}
}

// ErrorsMark is the local of requests whose errors are told in Prometheus' JSON.
const ErrorsMark = "prometheus"

// parameter reads name from the query string or the posted form.
func parameter(c *fiber.Ctx, name string) string {
	if v := c.Query(name); v != "" {
		return v
	}
	return c.FormValue(name)
}

// parameters reads every value of name, from the query string and the form.
func parameters(c *fiber.Ctx, name string) []string {
	var values []string
	for _, v := range c.Context().QueryArgs().PeekMulti(name) {
		values = append(values, string(v))
	}
	for _, v := range c.Context().PostArgs().PeekMulti(name) {
		values = append(values, string(v))
	}
	return values
}

func badRequest(format string, args ...any) error {
	return fiber.NewError(fiber.StatusBadRequest, fmt.Sprintf(format, args...))
}

// maxTime bounds times to what int64 milliseconds hold, with room to add.
const maxTime = 1 << 50

// timestamp reads a unix time in seconds, with a fraction, or RFC 3339.
func timestamp(c *fiber.Ctx, name string, absent int64) (int64, error) {
	text := parameter(c, name)
	if text == "" {
		return absent, nil
	}
	if s, err := strconv.ParseFloat(text, 64); err == nil {
		if ms := s * 1000; math.Abs(ms) < maxTime {
			return int64(math.Round(ms)), nil
		}
	} else if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UnixMilli(), nil
	}
	return 0, badRequest("%s: want a unix time in seconds or an RFC 3339 time, got %q", name, text)
}

// step reads a duration in seconds or in Prometheus' form, such as 5m.
func step(c *fiber.Ctx) (int64, error) {
	text := parameter(c, "step")
	if text == "" {
		return 0, badRequest("step: required, such as 15 or 5m")
	}
	ms := int64(0)
	if s, err := strconv.ParseFloat(text, 64); err == nil {
		if math.Abs(s) < maxTime/1000 {
			ms = int64(math.Round(s * 1000))
		}
	} else if ms, err = metricsql.Duration(text); err != nil {
		return 0, badRequest("step: want seconds or a duration such as 5m, got %q", text)
	}
	if ms <= 0 {
		return 0, badRequest("step: must be above zero and less than 35 years, got %q", text)
	}
	return ms, nil
}

// span reads start and end; by default the last day.
func (a *API) span(c *fiber.Ctx) (from, to int64, err error) {
	now := a.Now().UnixMilli()
	if to, err = timestamp(c, "end", now); err != nil {
		return 0, 0, err
	}
	if from, err = timestamp(c, "start", to-24*time.Hour.Milliseconds()); err != nil {
		return 0, 0, err
	}
	if from > to {
		return 0, 0, badRequest("start must not be after end")
	}
	return from, to, nil
}

// options reads what goes with any query.
func (a *API) options(c *fiber.Ctx) metricsql.Options {
	return metricsql.Options{
		Now: a.Now(), Explain: parameter(c, "explain") == "1" || parameter(c, "stats") == "all", NoCache: parameter(c, "nocache") == "1",
	}
}

// limited cuts rows to the request's limit, and warns of it.
func limited(c *fiber.Ctx, f *query.Frame) error {
	text := parameter(c, "limit")
	if text == "" {
		return nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 0 {
		return badRequest("limit: want a number, got %q", text)
	}
	if limit > 0 && len(f.Rows) > limit {
		f.Rows = f.Rows[:limit]
		f.Warnings = append(f.Warnings, "results truncated due to limit")
	}
	return nil
}

func (a *API) query(c *fiber.Ctx) error {
	at, err := timestamp(c, "time", a.Now().UnixMilli())
	if err != nil {
		return err
	}
	o := a.options(c)
	if parameter(c, "step") != "" {
		if o.Step, err = step(c); err != nil {
			return err
		}
	}
	result, err := metricsql.Instant(c.UserContext(), a.Engine, parameter(c, "query"), at, o)
	if err != nil {
		return err
	}
	result.Frame.Rows = withBands(result.Frame.Rows)
	if err := limited(c, result.Frame); err != nil {
		return err
	}
	return answer(c, appendInstant(nil, result, at), result.Frame)
}

func (a *API) queryRange(c *fiber.Ctx) error {
	from, err := timestamp(c, "start", math.MinInt64)
	if err != nil {
		return err
	}
	to, err := timestamp(c, "end", math.MinInt64)
	if err != nil {
		return err
	}
	if from == math.MinInt64 || to == math.MinInt64 {
		return badRequest("start and end are required")
	}
	if to < from {
		return badRequest("end must not be before start")
	}
	step, err := step(c)
	if err != nil {
		return err
	}
	grid := query.Grid{Start: from, End: to, Step: step}
	if n := (to - from) / step; n > 11_000 {
		return badRequest("step: %d points per series are too many, the most is 11000: choose a larger step", n)
	}
	frame, err := metricsql.Range(c.UserContext(), a.Engine, parameter(c, "query"), grid, a.options(c))
	if err != nil {
		return err
	}
	frame.Rows = withBands(frame.Rows)
	if err := limited(c, frame); err != nil {
		return err
	}
	return answer(c, appendMatrix(nil, frame), frame)
}
