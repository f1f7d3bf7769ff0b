// Package uiapi answers the UI where the public APIs have no route for what it
// shows. Times are milliseconds since the epoch; an error is
// {"error": {"message": "...", "offset": 12}}, offset only where the message
// is about a place in a query.
package uiapi

import (
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/span"
	"github.com/whippet-obs/whippet/web/snapshot"
)

// API is what the handlers work with.
type API struct {
	DB       *store.DB
	Catalog  *catalog.Catalog
	Engine   *query.Engine
	Spans    *span.Store
	Alerting *alerting.Service
	Now      func() time.Time
	About    About

	Snapshots *snapshot.Shelf
	Scalar    fiber.Handler // answers /api/v2/query/scalar

	titles titles
}

// titles are the dashboards as find knows them, of one revision.
type titles struct {
	sync.Mutex
	known    bool
	revision uint64
	list     []thing
}

// About describes the running program.
type About struct {
	Version      string
	Started      time.Time
	Hostname     string
	HTTP         string // URL
	StatsD       string // UDP address; "" when off
	StatsDSocket string // path; "" when off
	Traces       string // TCP address of tracers; "" when off
	SMTP         bool   // mails are sent, not only kept
	Zone         *time.Location
	Embed        []string // sites whose pages and pictures may be shown, in the terms of a content policy
}

// Register adds the routes to r, which stands at /api/ui.
func (a *API) Register(r fiber.Router) {
	r.Get("/status", a.status)
	r.Get("/find", a.find)
	r.Get("/query", a.query)
	r.Get("/spread", a.spread)
	r.Post("/markdown/preview", a.markdown)
	r.Get("/complete", a.complete)
	r.Get("/presets", a.presets)
	r.Get("/presets/:id", a.preset)
	r.Get("/metrics", a.metrics)
	r.Get("/metrics/:name", a.metric)
	r.Get("/metrics/:name/uses", a.uses)
	r.Get("/cardinality", a.cardinality)
	r.Get("/hosts", a.hosts)
	r.Get("/hosts/:name/processes", a.processes)
	r.Get("/checks", a.checks)
	r.Get("/events", a.events)
	r.Get("/events/facets", a.eventFacets)
	r.Get("/monitors/:id/history", a.history)
	r.Get("/monitors/:id/changes", a.changes)
	r.Get("/monitors/:id/timeline", a.timeline)
	r.Get("/monitors/:id/export", a.exportMonitor)
	r.Get("/monitors/:id/terraform", a.terraform)
	r.Post("/monitors/:id/clone", a.cloneMonitor)
	r.Post("/monitors/:id/resolve", a.resolveMonitor)
	r.Post("/monitors/mute", a.muteMonitors)
	r.Post("/monitors/unmute", a.unmuteMonitors)
	r.Post("/monitors/preview", a.previewMonitor)
	r.Post("/monitors/test", a.testMonitor)
	r.Post("/monitors/backtest", a.backtest)
	r.Post("/anomalies/backtest", a.backtestAnomalies)
	r.Get("/anomalies/unusual", a.mostUnusual)
	r.Get("/downtimes/calendar", a.downtimeCalendar)
	r.Post("/downtimes/preview", a.previewDowntime)
	r.Get("/apm/services", a.services)
	r.Get("/apm/services/:name", a.service)
	r.Put("/apm/services/:name/apdex", a.setApdex)
	r.Get("/apm/spans", a.spans)
	r.Get("/apm/traces/:id", a.trace)
	r.Get("/favourites", a.favourites)
	r.Put("/favourites/:id", a.setFavourite)
	r.Delete("/favourites/:id", a.setFavourite)
	r.Get("/deleted", a.deleted)
	r.Get("/shares/:dashboard", a.shares)
	r.Post("/snapshots/preview", a.previewSnapshot)
	r.Post("/snapshots/send", a.sendSnapshot)
	r.Get("/outbox", a.outbox)
	r.Get("/outbox/:id", a.mail)
	r.Get("/outbox/:id/eml", a.rawMail)
	r.Post("/outbox/:id/retry", a.retryMail)
	r.Post("/outbox/test", a.testMail)
}

// checklist says which first steps have been taken.
type checklist struct {
	Metrics   bool `json:"metrics"`
	Agent     bool `json:"agent"`
	Dashboard bool `json:"dashboard"`
	Monitor   bool `json:"monitor"`
	Mail      bool `json:"mail"`
}

func (a *API) status(c *fiber.Ctx) error {
	list, err := a.checklist()
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{
		"version": a.About.Version, "started": a.About.Started.UnixMilli(), "now": a.Now().UnixMilli(),
		"zone": a.About.Zone.String(), "hostname": a.About.Hostname, "http": a.About.HTTP,
		"statsd": a.About.StatsD, "statsd_socket": a.About.StatsDSocket, "traces": a.About.Traces, "smtp": a.About.SMTP, "embed": append([]string{}, a.About.Embed...), "checklist": list,
	})
}

func (a *API) checklist() (checklist, error) {
	list := checklist{Metrics: a.DB.Stats().Appended > 0}
	for _, h := range a.Catalog.Hosts() {
		list.Agent = list.Agent || h.AgentVersion != ""
	}
	mails, err := a.Alerting.Outbox()
	if err != nil {
		return list, err
	}
	for _, m := range mails {
		list.Mail = list.Mail || m.State == alerting.Sent
	}
	any := func(tx *catalog.Tx, kind catalog.Kind) (found bool, err error) {
		err = tx.Each(kind, "", func(string, json.RawMessage) error {
			found = true
			return nil
		})
		return found, err
	}
	err = a.Catalog.View(func(tx *catalog.Tx) (err error) {
		if list.Dashboard, err = any(tx, catalog.Dashboards); err != nil {
			return err
		}
		list.Monitor, err = any(tx, catalog.Monitors)
		return err
	})
	return list, err
}

// timeRange reads ?from&to; the default is the last hour.
func (a *API) timeRange(c *fiber.Ctx) (from, to int64, err error) {
	now := a.Now().UnixMilli()
	if to, err = millis(c, "to", now); err != nil {
		return 0, 0, err
	}
	if from, err = millis(c, "from", to-time.Hour.Milliseconds()); err != nil {
		return 0, 0, err
	}
	if from >= to {
		return 0, 0, fiber.NewError(fiber.StatusBadRequest, "from must be before to")
	}
	return from, to, nil
}

func millis(c *fiber.Ctx, name string, absent int64) (int64, error) {
	text := c.Query(name)
	if text == "" {
		return absent, nil
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 || ms > 1<<50 {
		return 0, fiber.NewError(fiber.StatusBadRequest, name+": want milliseconds since the epoch, got "+strconv.Quote(text))
	}
	return ms, nil
}
