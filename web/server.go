// Package web is the HTTP side of Whippet: the dashboard UI, the
// Datadog-compatible API and the agents' intake, the Prometheus-compatible
// API, health and debugging, all on one listener.
package web

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http/pprof"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gofiber/fiber/v2/middleware/compress"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/ingest/agent"
	"github.com/whippet-obs/whippet/ingest/dogstatsd"
	"github.com/whippet-obs/whippet/ingest/otlp"
	remotewrite "github.com/whippet-obs/whippet/ingest/prometheus"
	"github.com/whippet-obs/whippet/ingest/trace"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/exemplar"
	"github.com/whippet-obs/whippet/store/span"
	"github.com/whippet-obs/whippet/web/access"
	"github.com/whippet-obs/whippet/web/datadog"
	"github.com/whippet-obs/whippet/web/prometheus"
	"github.com/whippet-obs/whippet/web/snapshot"
	"github.com/whippet-obs/whippet/web/uiapi"
)

// maxBody is the largest request body taken, compressed or not. Agents stay
// under 5 MiB. A body up to maxRead is read to its end before it is refused:
// a client that is cut off while it sends never sees the 413.
const (
	maxBody = 16 << 20
	maxRead = 4 * maxBody
)

// Config is what the server works with.
type Config struct {
	DB          *store.DB
	Engine      *query.Engine
	Alerting    *alerting.Service
	Intake      *agent.Intake
	RemoteWrite *remotewrite.Intake
	OTLP        *otlp.Intake
	Traces      *trace.Intake
	Spans       *span.Store
	Exemplars   *exemplar.Store // nil: none are kept
	StatsD      *dogstatsd.Server
	Now         func() time.Time
	Log         *slog.Logger

	APIKeys       []string // when not empty, agents must send one of them, or one made in the UI
	LoginRequired bool     // people log in, programs send keys
	SecureCookies bool     // the UI is reached by https
	About         uiapi.About
	Debug         map[string]func() any         // name -> what /debug/whippet/NAME shows
	Advance       func(time.Duration) time.Time // moves the clock ahead; nil: not allowed
}

// Server is the HTTP server.
type Server struct {
	app      *fiber.App
	config   Config
	access   *access.Access
	shelf    *snapshot.Shelf
	live     *live
	ready    atomic.Bool
	requests atomic.Uint64
	failures atomic.Uint64 // answers of 500 and above
}

// New builds the server; it answers once Listen is called.
func New(config Config) (*Server, error) {
	s := &Server{config: config}
	s.shelf = &snapshot.Shelf{Catalog: config.DB.Catalog(), Engine: config.Engine, Now: config.Now, Zone: config.About.Zone}
	var err error
	s.access, err = access.New(access.Config{
		Catalog: config.DB.Catalog(), Required: config.LoginRequired, APIKeys: config.APIKeys, Now: config.Now, Log: config.Log,
	})
	if err != nil {
		return nil, err
	}
	s.app = fiber.New(fiber.Config{
		AppName:               "whippet",
		BodyLimit:             maxRead,
		ReadTimeout:           60 * time.Second,
		WriteTimeout:          120 * time.Second,
		IdleTimeout:           120 * time.Second,
		ReadBufferSize:        16 << 10, // headers
		DisableStartupMessage: true,
		UnescapePath:          true,
		ErrorHandler:          s.answerError,
	})
	files, err := newStatic(config.About.Embed)
	if err != nil {
		return nil, err
	}

	s.app.Use(recover.New(recover.Config{EnableStackTrace: true, StackTraceHandler: s.logPanic}))
	s.app.Use(s.count, s.refuseForeignPages, refuseLarge)
	s.app.Get("/healthz", func(c *fiber.Ctx) error { return c.SendString("ok\n") })
	s.app.Get("/readyz", s.readyz)
	s.app.Get(mutePath, s.offerMute)
	s.app.Post(mutePath, s.followMute)
	s.app.Get(snapshotPath+":name", s.showSnapshot)
	s.registerIntake()
	s.registerRemoteWrite()
	s.registerStatsD()
	s.registerOTLP()
	s.app.Use(s.guard)
	s.registerDebug()
	s.live = newLive(config, s.access)
	s.app.Get("/api/ui/live", s.live.stream) // before compress, which would hold it back

	s.app.Use(compress.New(compress.Config{Level: compress.LevelBestSpeed}))
	api := &datadog.API{DB: config.DB, Catalog: config.DB.Catalog(), Engine: config.Engine, Spans: config.Spans, Alerting: config.Alerting, Access: s.access, Snapshots: s.shelf, PublicURL: config.About.HTTP, Now: config.Now}
	api.Register(s.app)
	metrics := &prometheus.API{DB: config.DB, Engine: config.Engine, Exemplars: config.Exemplars, Alerting: config.Alerting, Now: config.Now, Started: config.About.Started, Version: config.About.Version}
	metrics.Register(s.app.Group("/prometheus"))
	metrics.RegisterBare(s.app)
	pages := &uiapi.API{DB: config.DB, Catalog: config.DB.Catalog(), Engine: config.Engine, Spans: config.Spans, Alerting: config.Alerting, Snapshots: s.shelf, Now: config.Now, About: config.About, Scalar: api.Scalar}
	pages.Register(s.app.Group("/api/ui"))
	pages.RegisterPublic(s.app.Group(publicPath))
	s.app.Get("/api/ui/dogstatsd", func(c *fiber.Ctx) error { return c.JSON(config.StatsD.Stats()) })
	s.app.Get("/api/ui/intake", func(c *fiber.Ctx) error { return c.JSON(config.Intake.Stats()) })
	s.registerAccount(s.app.Group("/api/ui"))
	s.app.Use("/api", s.unknownRoute)
	s.app.Use("/prometheus", s.unknownRoute)
	s.app.Use(s.unknownAgentRoute, files.serve)
	return s, nil
}

// SetupToken is what the first-run link carries, which lets the first person
// in; "" when nobody is missing.
func (s *Server) SetupToken() string { return s.access.SetupToken() }

// Ready says that everything behind the server is up, or no longer is.
func (s *Server) Ready(ready bool) { s.ready.Store(ready) }

// Stats is what the server counted since it was made.
func (s *Server) Stats() (requests, failures uint64) {
	return s.requests.Load(), s.failures.Load()
}

func (s *Server) readyz(c *fiber.Ctx) error {
	if !s.ready.Load() {
		return fiber.NewError(fiber.StatusServiceUnavailable, "not ready")
	}
	return c.SendString("ready\n")
}

func (s *Server) count(c *fiber.Ctx) error {
	s.requests.Add(1)
	start := time.Now()
	err := c.Next()
	if err != nil {
		err = s.answerError(c, err)
	}
	status := c.Response().StatusCode()
	if status >= 500 {
		s.failures.Add(1)
	}
	if s.config.Log.Enabled(c.UserContext(), slog.LevelDebug) {
		s.config.Log.Debug("request", "method", c.Method(), "path", c.Path(), "status", status, "took", time.Since(start).Round(time.Microsecond))
	}
	return err
}

// refuseForeignPages stops another site's page, open in the same browser, from
// changing anything here: on loopback there is no login that would. A page can
// also have its own name resolve to this address (DNS rebinding) and so pass as
// this site; its Host header gives it away. Where people log in, their cookie
// does not go to that name anyway.
func (s *Server) refuseForeignPages(c *fiber.Ctx) error {
	site := c.Get("Sec-Fetch-Site")
	if site == "" {
		return c.Next() // not a browser
	}
	if site == "cross-site" && c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead {
		return fiber.NewError(fiber.StatusForbidden, "refused: the request was made by a page of another site")
	}
	if host := c.Hostname(); !s.access.Required() && !s.isOwnHost(host) {
		return fiber.NewError(fiber.StatusForbidden, fmt.Sprintf("refused: this is not known as %q: if it is, start whippet with --public-url", host))
	}
	return c.Next()
}

// isOwnHost reports whether a Host header names this server: by an address,
// which no one can make resolve to another, as localhost, or as in --public-url.
func (s *Server) isOwnHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") || net.ParseIP(strings.Trim(name, "[]")) != nil {
		return true
	}
	public, err := url.Parse(s.config.About.HTTP)
	return err == nil && strings.EqualFold(name, public.Hostname())
}

func refuseLarge(c *fiber.Ctx) error {
	if n := len(c.Request().Body()); n > maxBody {
		return fiber.NewError(fiber.StatusRequestEntityTooLarge, fmt.Sprintf("the body has %d bytes, the limit is %d: send smaller payloads", n, maxBody))
	}
	return c.Next()
}

// unknownRoute answers what no handler took. An agent's POST to a route this
// version does not know is accepted and counted: a 404 would make the agent
// keep the payload and try for ever.
func (s *Server) unknownRoute(c *fiber.Ctx) error {
	if c.Method() == fiber.MethodPost && isAgent(c) {
		return s.intake(c)
	}
	return fiber.NewError(fiber.StatusNotFound, "no such route: "+c.Method()+" "+c.Path())
}

// unknownAgentRoute does the same for agents that were given a URL with a path.
func (s *Server) unknownAgentRoute(c *fiber.Ctx) error {
	if c.Method() == fiber.MethodPost && isAgent(c) {
		return s.intake(c)
	}
	return c.Next()
}

func (s *Server) registerDebug() {
	debug := s.app.Group("/debug", func(c *fiber.Ctx) error {
		if !c.IsFromLocal() {
			return fiber.NewError(fiber.StatusForbidden, "/debug answers on loopback only")
		}
		return c.Next()
	})
	debug.Get("/pprof/cmdline", adaptor.HTTPHandlerFunc(pprof.Cmdline))
	debug.Get("/pprof/profile", adaptor.HTTPHandlerFunc(pprof.Profile))
	debug.Get("/pprof/symbol", adaptor.HTTPHandlerFunc(pprof.Symbol))
	debug.Get("/pprof/trace", adaptor.HTTPHandlerFunc(pprof.Trace))
	debug.Get("/pprof/*", adaptor.HTTPHandlerFunc(pprof.Index))
	debug.Get("/whippet/clock", func(c *fiber.Ctx) error {
		return c.JSON(fiber.Map{"now": s.config.Now().UnixMilli()})
	})
	debug.Post("/whippet/clock", s.advanceClock)
	debug.Post("/whippet/settle", func(c *fiber.Ctx) error {
		if err := s.config.DB.Settle(); err != nil {
			return err
		}
		return c.SendStatus(fiber.StatusNoContent)
	})
	for name, show := range s.config.Debug {
		debug.Get("/whippet/"+name, func(c *fiber.Ctx) error { return c.JSON(show()) })
	}
}

func (s *Server) advanceClock(c *fiber.Ctx) error {
	if s.config.Advance == nil {
		return fiber.NewError(fiber.StatusForbidden, "the clock is the system's: start with --debug-clock to move it")
	}
	var request struct {
		Advance string `json:"advance"`
	}
	if err := c.BodyParser(&request); err != nil {
		return fiber.NewError(fiber.StatusBadRequest, `want {"advance": "10m"}: `+err.Error())
	}
	d, err := time.ParseDuration(request.Advance)
	if err != nil || d < 0 {
		return fiber.NewError(fiber.StatusBadRequest, `advance: want a duration ahead such as "10m", got `+strings.Clone(request.Advance))
	}
	return c.JSON(fiber.Map{"now": s.config.Advance(d).UnixMilli()})
}

func (s *Server) logPanic(c *fiber.Ctx, cause any) {
	s.config.Log.Error("a request handler panicked", "method", c.Method(), "path", c.Path(), "cause", cause)
}

// Listen answers requests on addr until Shutdown is called; encrypted with
// encryption, or in the clear when it is nil.
func (s *Server) Listen(addr string, encryption *tls.Config) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	if encryption != nil {
		listener = tls.NewListener(listener, encryption)
	}
	return s.app.Listener(listener)
}

// Shutdown finishes the requests under way, for at most timeout.
func (s *Server) Shutdown(timeout time.Duration) error { return s.app.ShutdownWithTimeout(timeout) }
