package web

import (
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
		if _, ok := agent.Route(c.Method(), c.Path()); ok {
			return s.intake(c)
		}
		return c.Next()
	})
}

// traces hands a trace agent's request to the intake of traces.
func (s *Server) traces(c *fiber.Ctx) error {
	if !s.hasKey(c) {
		return fiber.NewError(fiber.StatusForbidden, "the API key is not one of those that --api-keys allows")
	}
	_, err := s.config.Traces.Handle(c.UserContext(), trace.Request{
		Path: c.Path(), ContentEncoding: c.Get(fiber.HeaderContentEncoding), Body: c.Request().Body(),
	})
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusAccepted).JSON(fiber.Map{})
}

// isAgent tells a request of an agent or tracer by its user agent or headers.
func isAgent(c *fiber.Ctx) bool {
	return c.Get("DD-API-KEY") != "" || c.Query("api_key") != "" || c.Get("DD-Agent-Version") != "" ||
		strings.HasPrefix(c.Get(fiber.HeaderUserAgent), "datadog-agent/") || strings.HasPrefix(c.Get(fiber.HeaderUserAgent), "Datadog ")
}

// intake hands a request to the intake.
func (s *Server) intake(c *fiber.Ctx) error {
	if !strings.HasSuffix(c.Path(), "/_health") && !s.hasKey(c) {
		return fiber.NewError(fiber.StatusForbidden, "the API key is not one of those that --api-keys allows")
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
