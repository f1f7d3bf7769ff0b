package web

import (
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/ingest/agent"
	"github.com/whippet-obs/whippet/ingest/trace"
)

// registerIntake gives the agents' own routes to the intake, before any other
// handler sees them.
func (s *Server) registerIntake() {
	for _, path := range trace.AgentRoutes() {
		s.app.Post(path, s.traces)
	}
	s.app.Use(func(c *fiber.Ctx) error {
		// Prometheus has a POST of the same name as agents.
		if _, ok := agent.Route(c.Method(), c.Path()); ok && !strings.HasPrefix(c.Path(), "/prometheus/") {
			return s.intake(c)
		}
		return c.Next()
	})
}

// traces hands a trace agent's request to the intake of traces.
func (s *Server) traces(c *fiber.Ctx) error {
	if !s.maySubmit(c) {
		return errUnknownKey
	}
	_, err := s.config.Traces.Handle(c.UserContext(), trace.Request{
		Path: c.Path(), ContentEncoding: c.Get(fiber.HeaderContentEncoding), Body: c.Request().Body(),
	})
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusAccepted).JSON(fiber.Map{})
}

// registerStatsD takes DogStatsD lines over HTTP, where tracing libraries post
// them to an agent.
func (s *Server) registerStatsD() {
	for _, path := range []string{"/dogstatsd/v2/proxy", "/dogstatsd/v1/proxy"} {
		s.app.Post(path, s.statsdLines)
		s.app.Put(path, s.statsdLines)
	}
}

func (s *Server) statsdLines(c *fiber.Ctx) error {
	if !s.maySubmit(c) {
		return errUnknownKey
	}
	from, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	s.config.StatsD.IngestFrom(from.Unmap(), c.Request().Body())
	return c.SendStatus(fiber.StatusOK)
}

// isAgent tells a request of an agent or tracer by its user agent or headers.
func isAgent(c *fiber.Ctx) bool {
	return c.Get("DD-API-KEY") != "" || c.Query("api_key") != "" || isAgentItself(c)
}

// isAgentItself leaves out the API's other clients, which send keys too.
func isAgentItself(c *fiber.Ctx) bool {
	return c.Get("DD-Agent-Version") != "" ||
		strings.HasPrefix(c.Get(fiber.HeaderUserAgent), "datadog-agent/") || strings.HasPrefix(c.Get(fiber.HeaderUserAgent), "Datadog ")
}

// intake hands a request to the intake.
func (s *Server) intake(c *fiber.Ctx) error {
	if !strings.HasSuffix(c.Path(), "/_health") && !s.maySubmit(c) {
		return errUnknownKey
	}
	response, err := s.config.Intake.Handle(c.UserContext(), agent.Request{
		Method: c.Method(), Path: c.Path(),
		ContentType: c.Get(fiber.HeaderContentType), ContentEncoding: c.Get(fiber.HeaderContentEncoding),
		Body: c.Request().Body(), // as it was sent: decompressing it is the intake's work
	})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, response.ContentType)
	return c.Status(response.Status).Send(response.Body)
}
