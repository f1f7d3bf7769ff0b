package uiapi

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/ingest/trace"
	"github.com/whippet-obs/whippet/query/apm"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/span"
)

// figures are what services, resources and edges did, in numbers.
type figures struct {
	Hits   float64 `json:"hits"`
	Errors float64 `json:"errors"`
	P50    number  `json:"p50"` // seconds
	P95    number  `json:"p95"`
	P99    number  `json:"p99"`
	Max    number  `json:"max"`
	Total  float64 `json:"total"` // seconds, of all hits
	Apdex  number  `json:"apdex"`
}

// number is a float in JSON; null stands for NaN.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	if v := float64(n); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', -1, 64), nil
}

// figuresOf judges apdex by the threshold of the service that f is of.
func figuresOf(f *apm.Figures, threshold time.Duration) figures {
	l := &f.Latency
	out := figures{
		Hits: f.Hits, Errors: f.Errors, P50: number(l.Quantile(0.5)), P95: number(l.Quantile(0.95)), P99: number(l.Quantile(0.99)),
		Max: number(math.NaN()), Total: l.Sum, Apdex: number(f.Apdex(threshold)),
	}
	if l.Count > 0 {
		out.Max = number(l.Max)
	}
	return out
}

type service struct {
	Name     string    `json:"name"`
	Type     string    `json:"type"`
	Inferred bool      `json:"inferred"`
	Envs     []string  `json:"envs"`
	Hosts    []string  `json:"hosts"`
	Entries  []string  `json:"entries"`
	Versions []version `json:"versions"`
	// ApdexThreshold is the time within which a request satisfies, ms.
	ApdexThreshold float64 `json:"apdex_threshold"`
	figures
}

type version struct {
	Name  string `json:"name"`
	First int64  `json:"first"` // ms
	Last  int64  `json:"last"`
	figures
}

func serviceOf(s *apm.Service, t thresholds) service {
	out := service{
		Name: s.Name, Type: s.Type, Inferred: s.Inferred, Envs: list(s.Envs), Hosts: list(s.Hosts), Entries: list(s.Entries),
		Versions: []version{}, figures: figuresOf(&s.Figures, t.of(s.Name)),
		ApdexThreshold: float64(t.of(s.Name)) / float64(time.Millisecond),
	}
	for i := range s.Versions {
		v := &s.Versions[i]
		out.Versions = append(out.Versions, version{v.Name, v.First, v.Last, figuresOf(&v.Figures, t.of(s.Name))})
	}
	return out
}

func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

type edge struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Kind     string `json:"kind"`
	Inferred bool   `json:"inferred"`
	figures
}

func edgesOf(edges []apm.Edge, t thresholds) []edge {
	out := []edge{}
	for i := range edges {
		e := &edges[i]
		out = append(out, edge{e.From, e.To, e.Kind, e.Inferred, figuresOf(&e.Figures, t.of(e.To))})
	}
	return out
}

// thresholds are those of services that have one of their own.
type thresholds map[string]time.Duration

func (t thresholds) of(service string) time.Duration {
	if d, ok := t[service]; ok {
		return d
	}
	return catalog.DefaultApdex
}

func (a *API) thresholds() (thresholds, error) { return a.Catalog.ApdexThresholds() }

// setApdex sets the threshold of a service; 0 gives it the usual one again.
func (a *API) setApdex(c *fiber.Ctx) error {
	var request struct {
		Threshold float64 `json:"threshold"` // ms
	}
	if err := json.Unmarshal(c.Body(), &request); err != nil {
		return fiber.NewError(fiber.StatusBadRequest, `want {"threshold": 250}, in milliseconds: `+err.Error())
	}
	if request.Threshold < 0 || request.Threshold > 3.6e6 || request.Threshold > 0 && request.Threshold < 1 {
		return fiber.NewError(fiber.StatusBadRequest, "threshold: want 1 to 3600000 milliseconds, or 0 for the usual 500")
	}
	d := time.Duration(request.Threshold * float64(time.Millisecond))
	if err := a.Catalog.SetApdexThreshold(c.UserContext(), utils.CopyString(c.Params("name")), d); err != nil {
		return err
	}
	return c.JSON(fiber.Map{})
}

// services lists what services did, and who called whom: what the list and the
// map show.
func (a *API) services(c *fiber.Ctx) error {
	from, to, err := a.timeRange(c)
	if err != nil {
		return err
	}
	scope := apm.Scope{Env: utils.CopyString(c.Query("env"))}
	found, err := apm.Services(c.UserContext(), a.Engine, scope, from, to)
	if err != nil {
		return err
	}
	edges, err := apm.Edges(c.UserContext(), a.Engine, scope, from, to)
	if err != nil {
		return err
	}
	t, err := a.thresholds()
	if err != nil {
		return err
	}
	services, envs := []service{}, []string{}
	for i := range found {
		services = append(services, serviceOf(&found[i], t))
		for _, env := range found[i].Envs {
			if !slices.Contains(envs, env) {
				envs = append(envs, env)
			}
		}
	}
	slices.Sort(envs)
	return c.JSON(fiber.Map{"services": services, "edges": edgesOf(edges, t), "envs": envs})
}

type resource struct {
	Name      string `json:"name"`
	Tag       string `json:"tag"` // that its metrics have
	Operation string `json:"operation"`
	Type      string `json:"type"`
	SpanKind  string `json:"span_kind"`
	Request   bool   `json:"request"`
	figures
}

// service is one service: its figures, resources, versions, and neighbours.
func (a *API) service(c *fiber.Ctx) error {
	from, to, err := a.timeRange(c)
	if err != nil {
		return err
	}
	scope := apm.Scope{Env: utils.CopyString(c.Query("env")), Service: utils.CopyString(c.Params("name"))}
	operations, err := apm.Operations(c.UserContext(), a.Engine, scope, from, to)
	if err != nil {
		return err
	}
	edges, err := apm.Edges(c.UserContext(), a.Engine, scope, from, to)
	if err != nil {
		return err
	}
	t, err := a.thresholds()
	if err != nil {
		return err
	}
	answer := fiber.Map{"edges": edgesOf(edges, t), "resources": []resource{}, "service": nil}
	if services := apm.ServicesOf(operations); len(services) > 0 {
		answer["service"] = serviceOf(&services[0], t)
	}
	resources := []resource{}
	for _, r := range apm.Resources(operations) {
		resources = append(resources, resource{r.Name, trace.ResourceTag(r.Name), r.Operation, r.Type, r.SpanKind, r.Request, figuresOf(&r.Figures, t.of(scope.Service))})
	}
	answer["resources"] = resources
	return c.JSON(answer)
}

type spanInfo struct {
	TraceID  string         `json:"trace_id"`
	SpanID   string         `json:"span_id"` // as decimal numbers: they don't fit a double
	ParentID string         `json:"parent_id"`
	Service  string         `json:"service"`
	Name     string         `json:"name"`
	Resource string         `json:"resource"`
	Type     string         `json:"type"`
	Env      string         `json:"env"`
	Host     string         `json:"host"`
	Error    bool           `json:"error"`
	Start    float64        `json:"start"`    // ms
	Duration float64        `json:"duration"` // ms
	Tags     map[string]any `json:"tags"`
}

func spanInfoOf(s *span.Span) spanInfo {
	tags := map[string]any{}
	for i := range s.Tags {
		t := &s.Tags[i]
		switch {
		case strings.HasPrefix(t.Key, "_") && t.Key != "_dd.base_service" && t.Key != "_dd.span_links":
		case t.IsNumber:
			tags[t.Key] = number(t.Number)
		default:
			tags[t.Key] = t.Text
		}
	}
	return spanInfo{
		TraceID: s.Trace.String(), SpanID: strconv.FormatUint(s.ID, 10), ParentID: strconv.FormatUint(s.Parent, 10),
		Service: s.Service, Name: s.Name, Resource: s.Resource, Type: s.Type, Env: s.Env, Host: s.Host, Error: s.Error,
		Start: float64(s.Start) / 1e6, Duration: float64(s.Duration) / 1e6, Tags: tags,
	}
}

var orders = map[string]span.Order{"": span.Newest, "newest": span.Newest, "oldest": span.Oldest, "slowest": span.Slowest}

// spans searches spans.
func (a *API) spans(c *fiber.Ctx) error {
	from, to, err := a.timeRange(c)
	if err != nil {
		return err
	}
	filter, err := apm.ParseSearch(utils.CopyString(c.Query("query")))
	if err != nil {
		return err
	}
	order, ok := orders[c.Query("sort")]
	if !ok {
		return fiber.NewError(fiber.StatusBadRequest, "sort: allowed are newest, oldest and slowest")
	}
	limit := min(500, max(1, c.QueryInt("limit", 100)))
	ctx, cancel := context.WithTimeout(c.UserContext(), a.Engine.Limits().Timeout)
	defer cancel()
	found, err := a.Spans.Search(ctx, span.Query{From: from * 1e6, To: to * 1e6, Filter: filter, Order: order, Limit: limit})
	if err != nil {
		return err
	}
	spans := []spanInfo{}
	for _, s := range found.Spans {
		spans = append(spans, spanInfoOf(s))
	}
	return c.JSON(fiber.Map{"spans": spans, "more": len(spans) == limit, "warnings": list(found.Warnings)})
}

// maxTrace is how many spans of a trace are shown.
const maxTrace = 20_000

// trace is all spans of one trace.
func (a *API) trace(c *fiber.Ctx) error {
	id, err := span.ParseTraceID(c.Params("id"))
	if err != nil {
		return fiber.NewError(fiber.StatusBadRequest, err.Error())
	}
	found, err := a.Spans.Trace(c.UserContext(), id)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fiber.NewError(fiber.StatusNotFound, "no spans of trace "+id.String()+" are kept")
	}
	total := len(found)
	spans := []spanInfo{}
	for _, s := range found[:min(total, maxTrace)] {
		spans = append(spans, spanInfoOf(s))
	}
	return c.JSON(fiber.Map{"spans": spans, "total": total})
}
