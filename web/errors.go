package web

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/apm"
	"github.com/whippet-obs/whippet/query/datadog"
	"github.com/whippet-obs/whippet/query/metricsql"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/web/boards"
	"github.com/whippet-obs/whippet/web/prometheus"
	"github.com/whippet-obs/whippet/web/snapshot"
)

// failure is an error as a client is told of it.
type failure struct {
	status int
	text   string
	offset int // in the query text; -1 when the message is not about a place
}

// failureOf decides, in this one place, whose fault an error is.
func failureOf(err error) failure {
	f := failure{status: fiber.StatusInternalServerError, text: err.Error(), offset: -1}
	var (
		http     *fiber.Error
		field    *alerting.FieldError
		language *datadog.SyntaxError
		promql   *metricsql.SyntaxError
		search   *apm.SyntaxError
		body     *payload.Error
		limit    *query.LimitError
		often    *alerting.RateError
		picture  *snapshot.InvalidError
		share    *boards.InvalidError
	)
	switch {
	case errors.As(err, &http):
		f.status, f.text = http.Code, http.Message
	case errors.As(err, &field), errors.As(err, &picture), errors.As(err, &share):
		f.status = fiber.StatusBadRequest
	case errors.As(err, &language):
		f.status, f.offset = fiber.StatusBadRequest, language.Offset
	case errors.As(err, &promql):
		f.status, f.offset = fiber.StatusBadRequest, promql.Offset
	case errors.As(err, &search):
		f.status, f.offset = fiber.StatusBadRequest, search.Offset
	case errors.As(err, &body):
		f.status = body.Status
	case errors.As(err, &often):
		f.status = fiber.StatusTooManyRequests
	case errors.As(err, &limit), errors.Is(err, store.ErrTooManySeries), errors.Is(err, catalog.ErrTooManyHosts):
		f.status = fiber.StatusUnprocessableEntity
	case accessStatus(err) != 0:
		f.status = accessStatus(err)
	case errors.Is(err, alerting.ErrNotFound), errors.Is(err, boards.ErrNotShared):
		f.status = fiber.StatusNotFound
	case errors.Is(err, store.ErrNoSpace), errors.Is(err, store.ErrForgotten):
		f.status = fiber.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		f.status = fiber.StatusServiceUnavailable
	}
	return f
}

// retryAfter is what overloaded answers ask clients to wait, in seconds.
const retryAfter = 10

// answerError writes an error in the shape of the API that was asked.
func (s *Server) answerError(c *fiber.Ctx, err error) error {
	f := failureOf(err)
	if f.status >= 500 && f.status != fiber.StatusServiceUnavailable {
		s.config.Log.Error("request failed", "method", c.Method(), "path", c.Path(), "err", err)
	}
	if f.status == fiber.StatusServiceUnavailable || f.status == fiber.StatusTooManyRequests {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(retryAfter))
	}
	c.Status(f.status)
	switch path := c.Path(); {
	case strings.HasPrefix(path, "/prometheus/"), c.Locals(prometheus.ErrorsMark) != nil:
		return c.JSON(fiber.Map{"status": "error", "errorType": promErrorType(f.status), "error": f.text})
	case strings.HasPrefix(path, "/api/ui/"), strings.HasPrefix(path, publicPath+"/"):
		message := fiber.Map{"message": f.text}
		if f.offset >= 0 {
			message["offset"] = f.offset
		}
		return c.JSON(fiber.Map{"error": message})
	default:
		return c.JSON(fiber.Map{"errors": []string{f.text}})
	}
}

// promErrorType is Prometheus' word for a status.
func promErrorType(status int) string {
	switch {
	case status == fiber.StatusBadRequest:
		return "bad_data"
	case status == fiber.StatusNotFound:
		return "not_found"
	case status == fiber.StatusUnprocessableEntity:
		return "execution"
	case status == fiber.StatusServiceUnavailable:
		return "unavailable"
	default:
		return "internal"
	}
}
