package web

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/ingest/agent"
	"github.com/whippet-obs/whippet/web/access"
)

// Who may call what, where it isn't "GET: viewers, the rest: editors".
var (
	forEverybody = regexp.MustCompile(`^(/healthz|/readyz|/mute|/snapshot/view/:name|/api/public/:token(/query|/scalar|/spread|/markdown)?|/api/ui/(session|login|setup))$`)
	forAdmins    = regexp.MustCompile(`^(/debug/|/api/ui/users|/api/ui/audit|/api/v[12]/(api_key|application_key|users|user_invitations)|.*/admin/)`)
	withAPIKey   = regexp.MustCompile(`^((/prometheus)?/api/v1/write|/api/v0.2/(traces|stats)|/dogstatsd/v[12]/proxy|/v1/(metrics|traces))$`)
	asksByPost   = regexp.MustCompile(`^(/prometheus/api/v1/|/api/v1/(query|query_range|query_exemplars|labels|format_query|parse_query|read)$|/api/v2/query/|/api/v2/spans/.*(search|aggregate)$|.*/(validate|preview|backtest|complete)$)`)
	ownByPost    = regexp.MustCompile(`^(/api/ui/(logout|password|keys|favourites/)|/api/v2/current_user/application_keys)`)
	changesByGET = regexp.MustCompile(`$^`) // none, and none may be added
)

// wanted is the least role for a route, by the rules above.
func wanted(method, path string) access.Role {
	reads := method == "GET" || method == "HEAD"
	switch {
	case forEverybody.MatchString(path):
		return access.Nobody
	case forAdmins.MatchString(path), strings.HasPrefix(path, "/api/v2/roles") && !reads:
		return access.Admin
	case !strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/prometheus/") && path != "/metrics" && path != "/federate":
		return access.Nobody
	case reads && !changesByGET.MatchString(path), method == "POST" && asksByPost.MatchString(path) && !strings.Contains(path, "import"), ownByPost.MatchString(path):
		return access.Viewer
	default:
		return access.Editor
	}
}

// TestEveryRouteAsksWhoCalls calls every route there is as everybody.
func TestEveryRouteAsksWhoCalls(t *testing.T) {
	var server *Server
	url := serveWith(t, func(c *Config) { c.LoginRequired = true }, func(s *Server) { server = s })
	if status, text := ask(t, "POST", url+"/api/ui/setup", `{"token":"`+server.SetupToken()+`","name":"ada@example.com","password":"correct horse"}`); status != 200 {
		t.Fatalf("setup: %d %s", status, text)
	}
	admin := access.Caller{Name: "ada@example.com", Role: access.Admin}
	callers := map[access.Role][]string{access.Nobody: nil}
	for _, role := range []access.Role{access.Viewer, access.Editor, access.Admin} {
		_, secret, err := server.access.AddKey(t.Context(), access.ApplicationKey, string(role), role, admin)
		if err != nil {
			t.Fatal(err)
		}
		callers[role] = []string{"DD-APPLICATION-KEY", secret}
	}
	parameter := regexp.MustCompile(`[:*][a-z]*`)
	seen := 0
	for _, route := range server.app.GetRoutes(true) {
		path := parameter.ReplaceAllString(route.Path, "999")
		if _, ok := agent.Route(route.Method, path); ok || withAPIKey.MatchString(path) || strings.HasPrefix(path, "/debug/pprof") {
			continue // API keys decide, or it takes long
		}
		if route.Method == fiber.MethodHead || route.Method == fiber.MethodOptions {
			continue
		}
		seen++
		want := wanted(route.Method, route.Path)
		for role, headers := range callers {
			if role.AtLeast(want) {
				continue // what a caller who may gets is the routes' own matter
			}
			status, text := ask(t, route.Method, url+path, "{}", headers...)
			if refused := status == http.StatusUnauthorized || status == http.StatusForbidden; !refused {
				t.Errorf("%s %s: %q gets %d %.100s, it takes %s", route.Method, route.Path, role, status, text, want)
			}
		}
		if got := needs(route.Method, route.Path); got != want {
			t.Errorf("%s %s takes %q, the rules above say %q", route.Method, route.Path, got, want)
		}
	}
	if seen < 50 {
		t.Errorf("only %d routes were called", seen)
	}
	if status, text := ask(t, "POST", url+"/api/v1/series", `{"series":[]}`, "Content-Type", "application/json"); status != 403 {
		t.Errorf("a submission without a key: got %d %s", status, text)
	}
	if status, text := ask(t, "POST", url+"/api/v1/write", ""); status != 403 {
		t.Errorf("a remote write without a key: got %d %s", status, text)
	}
	for _, path := range []string{"/", "/monitors", "/assets/none.js"} {
		if status, _ := ask(t, "GET", url+path, ""); status == 401 || status == 403 {
			t.Errorf("%s: got %d, the UI's files are for everybody", path, status)
		}
	}
}

func TestPagesSendBackTheirToken(t *testing.T) {
	var server *Server
	url := serveWith(t, func(c *Config) { c.LoginRequired = true }, func(s *Server) { server = s })
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	do := func(method, path, body, token string) (int, map[string]any) {
		t.Helper()
		request, err := http.NewRequest(method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-CSRF-Token", token)
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var answer map[string]any
		json.NewDecoder(response.Body).Decode(&answer)
		return response.StatusCode, answer
	}
	if _, session := do("GET", "/api/ui/session", "", ""); session["required"] != true || session["setup"] != true || session["name"] != "" {
		t.Errorf("before anybody is there: %v", session)
	}
	if status, _ := do("POST", "/api/ui/setup", `{"token":"wrong","name":"ada@example.com","password":"correct horse"}`, ""); status != 403 {
		t.Errorf("a wrong link: got %d", status)
	}
	if status, answer := do("POST", "/api/ui/setup", `{"token":"`+server.SetupToken()+`","name":"ada@example.com","password":"correct horse"}`, ""); status != 200 {
		t.Fatalf("setup: got %d %v", status, answer)
	}
	_, session := do("GET", "/api/ui/session", "", "")
	csrf, _ := session["csrf"].(string)
	if session["role"] != "admin" || csrf == "" {
		t.Fatalf("the session: %v", session)
	}
	dashboard := `{"title":"mine","layout_type":"ordered","widgets":[]}`
	if status, _ := do("POST", "/api/v1/dashboard", dashboard, ""); status != 403 {
		t.Errorf("without the page's token: got %d, want 403", status)
	}
	if status, answer := do("POST", "/api/v1/dashboard", dashboard, csrf); status != 200 {
		t.Errorf("with the page's token: got %d %v", status, answer)
	}
	status, answer := do("GET", "/api/ui/audit?kind=dashboards", "", "")
	changes, _ := answer["changes"].([]any)
	if status != 200 || len(changes) != 1 || changes[0].(map[string]any)["actor"] != "ada@example.com" {
		t.Errorf("the audit trail: %d %v", status, answer)
	}
	if status, _ := do("POST", "/api/ui/logout", "", csrf); status != 200 {
		t.Errorf("logout: got %d", status)
	}
	if status, _ := do("GET", "/api/v1/dashboard", "", ""); status != 401 {
		t.Errorf("after the logout: got %d, want 401", status)
	}
}
