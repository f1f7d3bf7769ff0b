package web

import (
	"strconv"

	"github.com/gofiber/fiber/v2"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/whippet-obs/whippet/ingest/otlp"
)

// registerOTLP takes OTLP over HTTP at its own paths, so that an SDK needs to be
// told the address only.
func (s *Server) registerOTLP() {
	s.app.Post(otlp.PathMetrics, s.otlp)
	s.app.Post(otlp.PathTraces, s.otlp)
}

func (s *Server) otlp(c *fiber.Ctx) error {
	answer, err := otlp.Answer{}, error(errUnknownKey)
	if s.maySubmit(c) {
		answer, err = s.config.OTLP.Handle(c.UserContext(), otlp.Request{
			Path: c.Path(), ContentType: c.Get(fiber.HeaderContentType), ContentEncoding: c.Get(fiber.HeaderContentEncoding), Body: c.Request().Body(),
		})
	}
	if err != nil {
		return s.answerOTLP(c, err)
	}
	c.Set(fiber.HeaderContentType, answer.ContentType)
	return c.Send(answer.Body)
}

// answerOTLP writes an error as the protocol has it: a Status, encoded as the
// request was.
func (s *Server) answerOTLP(c *fiber.Ctx, err error) error {
	f := failureOf(err)
	if f.status >= 500 {
		s.config.Log.Warn("an OTLP request was not kept", "path", c.Path(), "err", err)
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(retryAfter))
	}
	status := &rpcstatus.Status{Message: f.text}
	body, err := proto.Marshal(status)
	c.Set(fiber.HeaderContentType, "application/x-protobuf")
	if c.Is("json") {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		body, err = protojson.Marshal(status)
	}
	if err != nil {
		return err
	}
	return c.Status(f.status).Send(body)
}

// MaySubmit reports whether a program with this API key may send metrics and
// traces, by whatever protocol.
func (s *Server) MaySubmit(key string) bool { return s.access.MaySubmit(key) }
