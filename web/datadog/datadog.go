// Package datadog answers the public Datadog API: queries, monitors,
// downtimes, dashboards, hosts, tags, metrics and events, in the shapes that
// Datadog's official clients send and expect
// (https://docs.datadoghq.com/api/latest/). What agents send goes to
// ingest/agent instead.
package datadog

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/span"
	"github.com/whippet-obs/whippet/web/access"
	"github.com/whippet-obs/whippet/web/snapshot"
)

// API is what the handlers work with.
type API struct {
	DB       *store.DB
	Catalog  *catalog.Catalog
	Engine   *query.Engine
	Spans    *span.Store
	Alerting *alerting.Service

	Access    *access.Access
	Snapshots *snapshot.Shelf
	PublicURL string // where people find us, without a slash at the end
	Now       func() time.Time
}

// Register adds the routes to r, which stands at the root.
func (a *API) Register(r fiber.Router) {
	r.Get("/api/v1/query", a.query)
	r.Post("/api/v2/query/timeseries", a.timeseriesV2)
	r.Post("/api/v2/query/scalar", a.Scalar)

	r.Get("/api/v1/metrics", a.listMetrics)
	r.Get("/api/v1/metrics/:name", a.getMetric)
	r.Put("/api/v1/metrics/:name", a.putMetric)
	r.Get("/api/v1/search", a.search)

	r.Get("/api/v1/hosts", a.listHosts)
	r.Get("/api/v1/hosts/totals", a.hostTotals)
	r.Post("/api/v1/host/:host/mute", a.muteHost)
	r.Post("/api/v1/host/:host/unmute", a.unmuteHost)
	r.Get("/api/v1/tags/hosts", a.allHostTags)
	r.Get("/api/v1/tags/hosts/:host", a.getHostTags)
	r.Post("/api/v1/tags/hosts/:host", a.addHostTags)
	r.Put("/api/v1/tags/hosts/:host", a.putHostTags)
	r.Delete("/api/v1/tags/hosts/:host", a.deleteHostTags)

	r.Get("/api/v1/events", a.listEvents)
	r.Get("/api/v1/events/:id", a.getEvent)
	r.Get("/api/v2/events", a.listEventsV2)
	r.Post("/api/v2/events/search", a.searchEventsV2)
	r.Get("/api/v2/events/:id", a.getEventV2)

	r.Get("/api/v1/dashboard", a.listDashboards)
	r.Post("/api/v1/dashboard", a.createDashboard)
	r.Patch("/api/v1/dashboard", a.restoreDashboards)
	r.Delete("/api/v1/dashboard", a.deleteDashboards)

	const lists = "/api/v1/dashboard/lists/manual"
	r.Get(lists, a.dashboardLists)
	r.Post(lists, a.createList)
	r.Get(lists+"/:id", a.getList)
	r.Put(lists+"/:id", a.putList)
	r.Delete(lists+"/:id", a.deleteList)
	for _, version := range []string{"1", "2"} {
		items := "/api/v" + version + "/dashboard/lists/manual/:id/dashboards"
		r.Get(items, a.listItems)
		r.Post(items, a.addListItems)
		r.Put(items, a.putListItems)
		r.Delete(items, a.deleteListItems)
	}

	const public = "/api/v1/dashboard/public"
	r.Post(public, a.shareDashboard)
	r.Get(public+"/:token", a.getShare)
	r.Put(public+"/:token", a.putShare)
	r.Delete(public+"/:token", a.deleteShare)
	r.Get(public+"/:token/invitation", a.refuseInvitations)
	r.Post(public+"/:token/invitation", a.refuseInvitations)
	r.Delete(public+"/:token/invitation", a.refuseInvitations)

	r.Get("/api/v1/dashboard/:id", a.getDashboard)
	r.Put("/api/v1/dashboard/:id", a.putDashboard)
	r.Delete("/api/v1/dashboard/:id", a.deleteDashboard)
	r.Get("/api/v1/dash", a.listTimeboards)
	r.Post("/api/v1/dash", a.createTimeboard)
	r.Get("/api/v1/dash/:id", a.getTimeboard)
	r.Put("/api/v1/dash/:id", a.putTimeboard)
	r.Delete("/api/v1/dash/:id", a.deleteTimeboard)
	r.Get("/api/v1/screen", a.listScreenboards)
	r.Post("/api/v1/screen", a.createScreenboard)
	r.Get("/api/v1/screen/share/:id", a.shareScreenboard)
	r.Post("/api/v1/screen/share/:id", a.shareScreenboard)
	r.Delete("/api/v1/screen/share/:id", a.unshareScreenboard)
	r.Get("/api/v1/screen/:id", a.getScreenboard)
	r.Put("/api/v1/screen/:id", a.putScreenboard)
	r.Delete("/api/v1/screen/:id", a.deleteScreenboard)

	r.Get("/api/v1/graph/snapshot", a.snapshot)
	r.Get("/api/v1/graph/snapshot_status/:id", a.snapshotStatus)

	a.registerKeys(r)
	a.registerUsers(r)

	r.Get("/api/v2/spans/events", a.listSpans)
	r.Post("/api/v2/spans/events/search", a.searchSpans)
	r.Post("/api/v2/spans/analytics/aggregate", a.aggregateSpans)
	r.Get("/api/v1/trace/:id", a.getTrace)
	r.Get("/api/v1/service_dependencies", a.serviceDependencies)
	r.Get("/api/v1/service_dependencies/:service", a.serviceDependency)
	r.Get("/api/v2/apm/services", a.listServices)

	r.Get("/api/v1/monitor", a.listMonitors)
	r.Post("/api/v1/monitor", a.createMonitor)
	r.Post("/api/v1/monitor/validate", a.validateMonitor)
	r.Get("/api/v1/monitor/search", a.searchMonitors)
	r.Get("/api/v1/monitor/groups/search", a.searchGroups)
	r.Get("/api/v1/monitor/can_delete", a.canDelete)
	r.Post("/api/v1/monitor/bulk_resolve", a.bulkResolve)
	r.Post("/api/v1/monitor/mute_all", a.muteAll)
	r.Post("/api/v1/monitor/unmute_all", a.unmuteAll)
	r.Get("/api/v1/monitor/:id", a.getMonitor)
	r.Put("/api/v1/monitor/:id", a.putMonitor)
	r.Delete("/api/v1/monitor/:id", a.deleteMonitor)
	r.Post("/api/v1/monitor/:id/validate", a.validateMonitor)
	r.Post("/api/v1/monitor/:id/mute", a.muteMonitor)
	r.Post("/api/v1/monitor/:id/unmute", a.unmuteMonitor)
	r.Get("/api/v1/monitor/:id/downtimes", a.monitorDowntimes)
	r.Get("/api/v2/monitor/:id/downtime_matches", a.downtimeMatches)

	r.Get("/api/v1/downtime", a.listDowntimes)
	r.Post("/api/v1/downtime", a.createDowntime)
	r.Get("/api/v1/downtime/:id", a.getDowntime)
	r.Put("/api/v1/downtime/:id", a.putDowntime)
	r.Delete("/api/v1/downtime/:id", a.cancelDowntime)
	r.Post("/api/v1/downtime/cancel/by_scope", a.cancelByScope)
	r.Get("/api/v2/downtime", a.listDowntimesV2)
	r.Post("/api/v2/downtime", a.createDowntimeV2)
	r.Get("/api/v2/downtime/:id", a.getDowntimeV2)
	r.Patch("/api/v2/downtime/:id", a.patchDowntimeV2)
	r.Delete("/api/v2/downtime/:id", a.cancelDowntime)

	const hooks = "/api/v1/integration/webhooks/configuration/webhooks"
	r.Get(hooks, a.listWebhooks)
	r.Post(hooks, a.createWebhook)
	r.Get(hooks+"/:name", a.getWebhook)
	r.Put(hooks+"/:name", a.putWebhook)
	r.Delete(hooks+"/:name", a.deleteWebhook)
}

// object is a JSON document whose unknown fields are kept as they came.
type object map[string]json.RawMessage

// body decodes the request's JSON document. Clients differ in the content
// type they send, so it is not looked at.
func body(c *fiber.Ctx) (object, error) {
	var doc object
	if err := json.Unmarshal(c.Body(), &doc); err != nil {
		return nil, badJSON(err)
	}
	if doc == nil {
		return nil, badRequest("the body must be a JSON object")
	}
	return doc, nil
}

func badJSON(err error) error {
	if syntax, ok := err.(*json.SyntaxError); ok {
		return badRequest("the body is not JSON: %v at offset %d", syntax, syntax.Offset)
	}
	return badRequest("the body has the wrong shape: %v", err)
}

func badRequest(format string, args ...any) error {
	return fiber.NewError(fiber.StatusBadRequest, fmt.Sprintf(format, args...))
}

func notFound(format string, args ...any) error {
	return fiber.NewError(fiber.StatusNotFound, fmt.Sprintf(format, args...))
}

// text decodes the string field key; "" when it is absent or null.
func (o object) text(key string) (string, error) {
	raw, ok := o[key]
	if !ok || string(raw) == "null" {
		return "", nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", badRequest("%s: want a string, got %s", key, raw)
	}
	return s, nil
}

// raw is the document as JSON.
func (o object) raw() json.RawMessage {
	raw, err := json.Marshal(o)
	if err != nil {
		panic("BUG: a document that was read does not marshal: " + err.Error())
	}
	return raw
}

func (o object) set(key string, value any) {
	raw, err := json.Marshal(value)
	if err != nil {
		panic("BUG: a value of ours does not marshal: " + err.Error())
	}
	o[key] = raw
}

// seconds reads a query parameter that is a unix time in seconds. ok is false
// when it is absent.
func seconds(c *fiber.Ctx, name string) (ms int64, ok bool, err error) {
	text := c.Query(name)
	if text == "" {
		return 0, false, nil
	}
	s, err := strconv.ParseInt(text, 10, 64)
	if err != nil || s < 0 || s > 1<<40 {
		return 0, false, badRequest("%s: want a unix time in seconds, got %q", name, text)
	}
	return s * 1000, true, nil
}

// timeRange reads two required unix times; from must lie before to.
func timeRange(c *fiber.Ctx, fromName, toName string) (from, to int64, err error) {
	from, okFrom, err := seconds(c, fromName)
	if err != nil {
		return 0, 0, err
	}
	to, okTo, err := seconds(c, toName)
	if err != nil {
		return 0, 0, err
	}
	if !okFrom || !okTo {
		return 0, 0, badRequest("%s and %s are required: unix times in seconds", fromName, toName)
	}
	if from >= to {
		return 0, 0, badRequest("%s must be before %s", fromName, toName)
	}
	return from, to, nil
}

// id reads the route's numeric :id.
func id(c *fiber.Ctx) (int64, error) {
	n, err := strconv.ParseInt(c.Params("id"), 10, 64)
	if err != nil || n <= 0 {
		return 0, badRequest("id: want a number, got %q", c.Params("id"))
	}
	return n, nil
}
