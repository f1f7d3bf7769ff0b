package web

import (
	"errors"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/ingest/prometheus"
)

// registerRemoteWrite takes Prometheus' remote write at the paths that
// Prometheus itself and VictoriaMetrics have for it.
func (s *Server) registerRemoteWrite() {
	for _, path := range []string{"/api/v1/write", "/prometheus/api/v1/write"} {
		s.app.Post(path, s.remoteWrite)
	}
	for _, path := range []string{"/api/v1/import/prometheus", "/prometheus/api/v1/import/prometheus"} {
		s.app.Post(path, s.importText)
	}
}

// importText takes samples in the text exposition format.
func (s *Server) importText(c *fiber.Ctx) error {
	if !s.maySubmit(c) {
		return errUnknownKey
	}
	if _, err := s.config.RemoteWrite.Text(c.UserContext(), c.Get(fiber.HeaderContentEncoding), c.Request().Body()); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// remoteWrite hands a request to the intake. The headers of version 2.0 tell
// the sender what was kept, also when a part was not.
func (s *Server) remoteWrite(c *fiber.Ctx) error {
	if !s.maySubmit(c) {
		return errUnknownKey
	}
	written, err := s.config.RemoteWrite.Write(c.UserContext(), prometheus.Request{
		ContentType: c.Get(fiber.HeaderContentType), ContentEncoding: c.Get(fiber.HeaderContentEncoding), Body: c.Request().Body(),
	})
	var refused *payload.Error
	if err == nil || errors.As(err, &refused) {
		c.Set("X-Prometheus-Remote-Write-Samples-Written", strconv.Itoa(written.Samples))
		c.Set("X-Prometheus-Remote-Write-Histograms-Written", strconv.Itoa(written.Histograms))
		c.Set("X-Prometheus-Remote-Write-Exemplars-Written", strconv.Itoa(written.Exemplars))
	}
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
