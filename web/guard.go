package web

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/web/access"
)

// needs is the least role that may call a route. What agents submit is not
// decided here: that takes an API key.
func needs(method, path string) access.Role {
	switch {
	case path == "/healthz" || path == "/readyz" || path == "/_health":
		return access.Nobody
	case path == "/api/ui/session" || path == "/api/ui/login" || path == "/api/ui/setup":
		return access.Nobody
	case path == mutePath, strings.HasPrefix(path, snapshotPath), strings.HasPrefix(path, publicPath+"/"): // the link itself is the proof
		return access.Nobody
	case strings.HasPrefix(path, "/debug/"), strings.HasPrefix(path, "/api/ui/users"), strings.HasPrefix(path, "/api/ui/audit"),
		strings.HasPrefix(path, "/api/v1/api_key"), strings.HasPrefix(path, "/api/v1/application_key"), strings.HasPrefix(path, "/api/v2/api_keys"), strings.HasPrefix(path, "/api/v2/application_keys"),
		strings.HasPrefix(path, "/api/v2/users"), strings.HasPrefix(path, "/api/v2/user_invitations"), strings.HasPrefix(path, "/api/v2/roles") && method != fiber.MethodGet, strings.Contains(path, "/admin/"):
		return access.Admin
	case !strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/prometheus/") && path != "/metrics" && path != "/federate":
		return access.Nobody // the files of the UI, which know nothing
	case method == fiber.MethodGet || method == fiber.MethodHead || onlyReads(path):
		return access.Viewer
	case path == "/api/ui/logout" || path == "/api/ui/password" || strings.HasPrefix(path, "/api/ui/keys"), strings.HasPrefix(path, "/api/ui/favourites/"), strings.HasPrefix(path, "/api/v2/current_user/application_keys"):
		return access.Viewer // of one's own
	default:
		return access.Editor
	}
}

// onlyReads tells the routes whose POST asks and changes nothing.
func onlyReads(path string) bool {
	if name, ok := strings.CutPrefix(strings.TrimPrefix(path, "/prometheus"), "/api/v1/"); ok {
		switch name {
		case "query", "query_range", "query_exemplars", "labels", "format_query", "parse_query", "read":
			return true
		case "series":
			return strings.HasPrefix(path, "/prometheus/") // elsewhere agents submit them
		}
	}
	switch path {
	case "/api/v2/query/timeseries", "/api/v2/query/scalar", "/api/v1/monitor/validate", "/api/v2/spans/events/search", "/api/v2/spans/analytics/aggregate":
		return true
	}
	return strings.HasPrefix(path, "/api/v1/monitor/") && strings.HasSuffix(path, "/validate") ||
		strings.HasPrefix(path, "/api/ui/") && (strings.HasSuffix(path, "/preview") || strings.HasSuffix(path, "/backtest") || strings.HasSuffix(path, "/complete"))
}

// guard lets a request through if its caller may make it, and names the caller
// as the actor of what it changes.
func (s *Server) guard(c *fiber.Ctx) error {
	caller, err := s.access.Identify(credentials(c))
	if err != nil {
		return err
	}
	method, path := c.Method(), c.Path()
	if role := needs(method, path); !caller.Role.AtLeast(role) {
		if caller.Role == access.Nobody {
			if method == fiber.MethodPost && isAgentItself(c) && s.maySubmit(c) {
				return s.intake(c) // a route that this version does not know
			}
			return fiber.NewError(fiber.StatusUnauthorized, "log in, or send an application key as DD-APPLICATION-KEY")
		}
		return fiber.NewError(fiber.StatusForbidden, fmt.Sprintf("this takes the role %s, %s is %s", role, caller.Name, caller.Role))
	}
	c.SetUserContext(access.WithCaller(c.UserContext(), caller))
	if method == fiber.MethodGet || method == fiber.MethodHead {
		return c.Next()
	}
	if caller.CSRF != "" && path != mutePath && !strings.HasPrefix(path, publicPath+"/") && subtle.ConstantTimeCompare([]byte(c.Get("X-CSRF-Token")), []byte(caller.CSRF)) != 1 {
		return fiber.NewError(fiber.StatusForbidden, "the request was not made by a page of Whippet, or by one from before the login: reload the page")
	}
	if caller.Name != "" {
		c.SetUserContext(s.access.As(c.UserContext(), caller, c.IP()))
	}
	return c.Next()
}

func callerOf(c *fiber.Ctx) access.Caller { return access.CallerOf(c.UserContext()) }

// publicPath is where the pages of shared dashboards ask, which have a link and
// no login.
const publicPath = "/api/public"

// mutePath is where the links in mails lead that silence a group.
const mutePath = "/mute"

// sessionCookie holds the token of a login.
const sessionCookie = "whippet_session"

// credentials collects what a request shows of its caller, wherever clients put
// it: Datadog's headers and parameters, a bearer token, or HTTP basic, as
// Prometheus and Grafana send.
func credentials(c *fiber.Ctx) access.Credentials {
	out := access.Credentials{Session: c.Cookies(sessionCookie), AppKey: c.Get("DD-APPLICATION-KEY")}
	if out.AppKey == "" {
		out.AppKey = c.Query("application_key")
	}
	if out.AppKey == "" {
		out.AppKey = authorization(c)
	}
	return out
}

// maySubmit reports whether a program may send metrics and the like.
func (s *Server) maySubmit(c *fiber.Ctx) bool {
	key := c.Get("DD-API-KEY")
	if key == "" {
		key = c.Query("api_key")
	}
	if key == "" {
		key = authorization(c)
	}
	return s.access.MaySubmit(key)
}

var errUnknownKey = fiber.NewError(fiber.StatusForbidden, "the API key is not known: make one on the Settings page, or list it in --api-keys")

// authorization is the secret of the Authorization header.
func authorization(c *fiber.Ctx) string {
	scheme, value, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		return value
	case "basic":
		raw, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return ""
		}
		_, password, _ := strings.Cut(string(raw), ":")
		return password
	}
	return ""
}

// accessStatus is the answer to an error of package access; 0 for another.
func accessStatus(err error) int {
	var (
		invalid  *access.InvalidError
		throttle *access.ThrottleError
	)
	switch {
	case errors.As(err, &invalid), errors.Is(err, access.ErrLastAdmin):
		return fiber.StatusBadRequest
	case errors.As(err, &throttle):
		return fiber.StatusTooManyRequests
	case errors.Is(err, access.ErrWrongLogin), errors.Is(err, access.ErrSetup):
		return fiber.StatusForbidden
	case errors.Is(err, access.ErrNoUser), errors.Is(err, access.ErrNoKey):
		return fiber.StatusNotFound
	}
	return 0
}
