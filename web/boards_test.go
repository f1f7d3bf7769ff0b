package web

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/web/access"
)

// site is a server with a way to talk to it in JSON.
type site struct {
	t       *testing.T
	url     string
	server  *Server
	headers []string
}

func newSite(t *testing.T, change func(*Config)) *site {
	t.Helper()
	s := &site{t: t}
	s.url = serveWith(t, change, func(server *Server) { s.server = server })
	return s
}

// call makes a request that must be answered with status, and decodes the answer.
func (s *site) call(status int, method, path, body string) map[string]any {
	s.t.Helper()
	got, text := ask(s.t, method, s.url+path, body, s.headers...)
	if got != status {
		s.t.Fatalf("%s %s: got %d %.300s, want %d", method, path, got, text, status)
	}
	var answer map[string]any
	if text != "" {
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			s.t.Fatalf("%s %s: %v in %.200s", method, path, err, text)
		}
	}
	return answer
}

// board makes a dashboard and returns its id.
func (s *site) board(title, more string) string {
	s.t.Helper()
	id, _ := s.call(200, "POST", "/api/v1/dashboard", fmt.Sprintf(`{"title":%q,"layout_type":"ordered","widgets":[]%s}`, title, more))["id"].(string)
	if id == "" {
		s.t.Fatal("a dashboard without an id")
	}
	return id
}

func titles(answer map[string]any) string {
	var all []string
	for _, d := range answer["dashboards"].([]any) {
		all = append(all, fmt.Sprint(d.(map[string]any)["title"]))
	}
	return strings.Join(all, ",")
}

func TestDeletedDashboardsCanBeBroughtBack(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	s := newSite(t, func(c *Config) { c.Now = func() time.Time { return now } })
	one, two := s.board("one", ""), s.board("two", "")
	before := s.call(200, "GET", "/api/v1/dashboard/"+one, "")
	s.call(200, "DELETE", "/api/v1/dashboard/"+one, "")
	s.call(404, "GET", "/api/v1/dashboard/"+one, "")
	if got := titles(s.call(200, "GET", "/api/v1/dashboard", "")); got != "two" {
		t.Errorf("left is %q", got)
	}
	if got := titles(s.call(200, "GET", "/api/v1/dashboard?filter[deleted]=true", "")); got != "one" {
		t.Errorf("deleted is %q", got)
	}
	pick := func(ids ...string) string {
		var data []string
		for _, id := range ids {
			data = append(data, fmt.Sprintf(`{"id":%q,"type":"dashboard"}`, id))
		}
		return `{"data":[` + strings.Join(data, ",") + `]}`
	}
	s.call(204, "PATCH", "/api/v1/dashboard", pick(one))
	if after := s.call(200, "GET", "/api/v1/dashboard/"+one, ""); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("brought back is %v, it was %v", after, before)
	}
	s.call(404, "PATCH", "/api/v1/dashboard", pick(one))
	s.call(404, "DELETE", "/api/v1/dashboard", pick(one, "nothing"))
	if got := titles(s.call(200, "GET", "/api/v1/dashboard", "")); len(got) != len("one,two") {
		t.Errorf("half of a deletion was done: %q", got)
	}
	s.call(204, "DELETE", "/api/v1/dashboard", pick(one, two))
	for _, wrong := range []string{`{"data":[]}`, `{"data":[{"id":"x","type":"monitor"}]}`, `{`} {
		s.call(400, "PATCH", "/api/v1/dashboard", wrong)
	}
	list := s.call(200, "GET", "/api/ui/deleted", "")["dashboards"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["by"] != "local" {
		t.Errorf("the UI's list: %v", list)
	}
	now = now.Add(31 * 24 * time.Hour)
	s.call(404, "PATCH", "/api/v1/dashboard", pick(one))
	if got := titles(s.call(200, "GET", "/api/v1/dashboard?filter[deleted]=true", "")); got != "" {
		t.Errorf("a month later, deleted is %q", got)
	}
}

func TestListsKeepDashboardsTogether(t *testing.T) {
	s := newSite(t, nil)
	one := s.board("one", "")
	two, _ := s.call(200, "POST", "/api/v1/dashboard", `{"title":"two","layout_type":"free","widgets":[]}`)["id"].(string)
	list := s.call(200, "POST", "/api/v1/dashboard/lists/manual", `{"name":"Shop"}`)
	if list["name"] != "Shop" || list["dashboard_count"] != 0.0 || list["type"] != "manual_dashboard_list" {
		t.Errorf("made is %v", list)
	}
	at := fmt.Sprintf("/%v", list["id"])
	v1, v2 := "/api/v1/dashboard/lists/manual"+at, "/api/v2/dashboard/lists/manual"+at+"/dashboards"
	items := func(ids ...string) string {
		var all []string
		for _, id := range ids {
			all = append(all, fmt.Sprintf(`{"id":%q,"type":"custom_timeboard"}`, id))
		}
		return `{"dashboards":[` + strings.Join(all, ",") + `]}`
	}
	if added := s.call(200, "POST", v2, items(one, one))["added_dashboards_to_list"].([]any); len(added) != 1 {
		t.Errorf("added %v", added)
	}
	if all := s.call(200, "PUT", v2, items(two, one)); fmt.Sprint(all) != fmt.Sprintf("map[dashboards:[map[id:%s type:custom_screenboard] map[id:%s type:custom_timeboard]]]", two, one) {
		t.Errorf("the list holds %v", all)
	}
	s.call(200, "PUT", "/api/ui/favourites/"+two, "")
	shown := s.call(200, "GET", v2, "")
	if titles(shown) != "two,one" || shown["total"] != 2.0 || shown["dashboards"].([]any)[0].(map[string]any)["is_favorite"] != true {
		t.Errorf("shown is %v", shown)
	}
	s.call(404, "POST", v2, items("nothing"))
	s.call(400, "POST", v2, `{"dashboards":[{"id":"x","type":"note"}]}`)
	// What is deleted is not seen, and comes back to its place.
	s.call(200, "DELETE", "/api/v1/dashboard/"+two, "")
	if got := s.call(200, "GET", v1, ""); got["dashboard_count"] != 1.0 || titles(s.call(200, "GET", v2, "")) != "one" {
		t.Errorf("without the deleted one: %v", got)
	}
	s.call(204, "PATCH", "/api/v1/dashboard", `{"data":[{"id":"`+two+`","type":"dashboard"}]}`)
	if got := titles(s.call(200, "GET", v2, "")); got != "two,one" {
		t.Errorf("brought back: %q", got)
	}
	if gone := s.call(200, "DELETE", v2, items(one))["deleted_dashboards_from_list"].([]any); len(gone) != 1 {
		t.Errorf("taken out: %v", gone)
	}
	if renamed := s.call(200, "PUT", v1, `{"name":"Shops"}`); renamed["name"] != "Shops" || renamed["dashboard_count"] != 1.0 {
		t.Errorf("renamed: %v", renamed)
	}
	s.call(400, "PUT", v1, `{"name":" "}`)
	if all := s.call(200, "GET", "/api/v1/dashboard/lists/manual", "")["dashboard_lists"].([]any); len(all) != 1 {
		t.Errorf("all lists: %v", all)
	}
	s.call(200, "DELETE", v1, "")
	s.call(404, "GET", v1, "")
}

func TestScreenboardsAreFreeDashboards(t *testing.T) {
	s := newSite(t, nil)
	sent := `{"board_title":"Wall","description":"of the shop","width":"100%","height":100,"read_only":true,"template_variables":[{"name":"env","prefix":"env","default":"*"}],
		"widgets":[{"type":"timeseries","title":true,"title_text":"Load","title_size":16,"x":1,"y":2,"width":40,"height":12,"timeframe":"4h","tile_def":{"viz":"timeseries","requests":[{"q":"avg:load{$env}","type":"line"}],"events":[]}},
			{"type":"free_text","text":"Hello","color":"#4d4d4d","x":50,"y":2,"width":10,"height":5}]}`
	made := s.call(200, "POST", "/api/v1/screen", sent)
	id, _ := made["id"].(string)
	var want map[string]any
	if err := json.Unmarshal([]byte(sent), &want); err != nil {
		t.Fatal(err)
	}
	for field, value := range want {
		if field != "widgets" && fmt.Sprint(made[field]) != fmt.Sprint(value) {
			t.Errorf("%s: %v was sent, %v came back", field, value, made[field])
		}
	}
	for i, tile := range want["widgets"].([]any) {
		got := made["widgets"].([]any)[i].(map[string]any)
		for field, value := range tile.(map[string]any) {
			if fmt.Sprint(got[field]) != fmt.Sprint(value) {
				t.Errorf("widgets[%d].%s: %v was sent, %v came back", i, field, value, got[field])
			}
		}
	}
	board := s.call(200, "GET", "/api/v1/dashboard/"+id, "")
	first := board["widgets"].([]any)[0].(map[string]any)
	definition := first["definition"].(map[string]any)
	if board["layout_type"] != "free" || board["title"] != "Wall" || definition["title"] != "Load" || definition["requests"] == nil || fmt.Sprint(first["layout"]) != "map[height:12 width:40 x:1 y:2]" {
		t.Errorf("as a dashboard: %v", board)
	}
	again, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	updated := s.call(200, "PUT", "/api/v1/screen/"+id, string(again))
	delete(updated, "modified")
	delete(made, "modified")
	if fmt.Sprint(updated) != fmt.Sprint(made) {
		t.Errorf("put back as it came: %v, it was %v", updated, made)
	}
	s.board("ordered", "")
	if list := s.call(200, "GET", "/api/v1/screen", "")["screenboards"].([]any); len(list) != 1 {
		t.Errorf("the list: %v", list)
	}
	s.call(404, "GET", "/api/v1/screen/share/"+id, "")
	link := s.call(200, "POST", "/api/v1/screen/share/"+id, "")
	if again := s.call(200, "GET", "/api/v1/screen/share/"+id, ""); again["public_url"] != link["public_url"] || !strings.HasPrefix(fmt.Sprint(link["public_url"]), "http://whippet.test/p/") {
		t.Errorf("the link: %v and %v", link, again)
	}
	s.call(200, "DELETE", "/api/v1/screen/share/"+id, "")
	s.call(404, "GET", "/api/v1/screen/share/"+id, "")
	s.call(200, "DELETE", "/api/v1/screen/"+id, "")
	s.call(404, "GET", "/api/v1/screen/"+id, "")
	s.call(400, "POST", "/api/v1/screen", `{"board_title":""}`)
	s.call(400, "POST", "/api/v1/screen", `{"board_title":"x","widgets":[{"type":"note","x":-1}]}`)
	s.call(400, "POST", "/api/v1/screen", `{"board_title":"x","widgets":[{}]}`)
}

// A link shows its dashboard, asks its questions, and nothing else, to people who
// are nobody.
func TestLinkOpensNothingButItsDashboard(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	s := newSite(t, func(c *Config) { c.LoginRequired = true; c.Now = func() time.Time { return now } })
	_, secret, err := s.server.access.AddKey(t.Context(), access.ApplicationKey, "ada", access.Editor, access.Caller{Name: "ada", Role: access.Editor})
	if err != nil {
		t.Fatal(err)
	}
	key := []string{"DD-APPLICATION-KEY", secret}
	s.headers = key
	id, _ := s.call(200, "POST", "/api/v1/dashboard", `{"title":"Shop","layout_type":"ordered","notify_list":["boss@example.com"],
		"template_variables":[{"name":"env","prefix":"env","defaults":["prod"]},{"name":"region","prefix":"region","default":"*"},{"name":"team","prefix":"team","default":"a"},{"name":"by","type":"group","defaults":["host"]}],
		"widgets":[
			{"definition":{"type":"timeseries","requests":[{"queries":[{"name":"a","query":"disk","data_source":"prometheus"}]}]}},
			{"definition":{"type":"timeseries","requests":[{"q":"avg:cpu{$env,$region} by {host}"},{"queries":[{"name":"a","query":"sum:hits{$team}.as_count()","data_source":"metrics"}],"formulas":[{"formula":"a / 60"}]}]}},
			{"definition":{"type":"toplist","requests":[{"q":"top(max:disk{$env} by {$by}, 5, 'mean', 'desc')"}]}},
			{"definition":{"type":"group","widgets":[{"definition":{"type":"query_value","requests":[{"q":"max:disk{*}"}]}}]}}]}`)["id"].(string)
	share := s.call(200, "POST", "/api/v1/dashboard/public", `{"dashboard_id":"`+id+`","dashboard_type":"custom_timeboard","share_type":"open","global_time":{"live_span":"1h"},
		"selectable_template_vars":[{"name":"env","prefix":"env","default_value":"prod","visible_tags":["prod","dev"]},{"name":"region","prefix":"region","default_value":"*","visible_tags":[]},{"name":"by","prefix":"","default_value":"host","visible_tags":[]}]}`)
	token, _ := share["token"].(string)
	if len(token) != 32 || share["public_url"] != "http://whippet.test/p/"+token || share["title"] != "Shop" || share["status"] != "active" {
		t.Fatalf("the share: %v", share)
	}

	s.headers = nil // nobody from here on
	shown := s.call(200, "GET", "/api/public/"+token, "")
	if board := shown["dashboard"].(map[string]any); board["title"] != "Shop" || board["notify_list"] != nil || board["author_handle"] != nil || board["id"] == id {
		t.Errorf("shown is %v", board)
	}
	asks := func(query, more string, from, to time.Time) (int, string) {
		t.Helper()
		return ask(t, "GET", fmt.Sprintf("%s/api/public/%s/query?query=%s&from=%d&to=%d%s", s.url, token, url.QueryEscape(query), from.UnixMilli(), to.UnixMilli(), more), "")
	}
	hour := now.Add(-time.Hour)
	for _, tt := range []struct {
		query, more string
		from, to    time.Time
		status      int
	}{
		{"avg:cpu{env:prod,*} by {host}", "", hour, now, 200},
		{"avg:cpu{env:dev,*} by {host}", "&tpl_var_env=dev", hour, now, 200},
		{"avg:cpu{env:prod,region:eu} by {host}", "&tpl_var_region=eu", hour, now, 200},
		{"sum:hits{team:a}.as_count() / 60", "", hour, now, 200},
		{"max:disk{*}", "", hour, now, 200},
		{"max:disk{*}", "", now.Add(-10 * time.Minute), now, 200},

		{"max:disk{env:prod} by {device}", "&tpl_var_by=device", hour, now, 200},
		{"avg:cpu{env IN (prod, dev),*} by {host}", "&tpl_var_env%5B0%5D=prod&tpl_var_env%5B1%5D=dev", hour, now, 200},

		{"max:disk{env:prod} by {device}", "", hour, now, 400},
		{"avg:secret{*}", "&tpl_var_by=" + url.QueryEscape("host} + avg:secret{*"), hour, now, 400},
		{"avg:cpu{env:dev,*} by {host}", "", hour, now, 400},
		{"avg:cpu{env:test,*} by {host}", "&tpl_var_env=test", hour, now, 400},
		{"avg:cpu{*} by {host}", "&tpl_var_env=*", hour, now, 400},
		{"sum:hits{team:b}.as_count() / 60", "&tpl_var_team=b", hour, now, 400},
		{"avg:secret{*}", "", hour, now, 400},
		{"max:disk{*} + avg:secret{*}", "", hour, now, 400},
		{"max:disk{*}", "&lang=metricsql", hour, now, 400},
		{"disk", "&lang=metricsql", hour, now, 400},
		{"disk", "", hour, now, 400},
		{"max:disk{", "", hour, now, 400},
		{"max:disk{*}", "", now.Add(-24 * time.Hour), now, 400},
		{"max:disk{*}", "", now.Add(-25 * time.Hour), now.Add(-24 * time.Hour), 400},
		{"max:disk{*}", "&points=1500", hour, now, 400},
	} {
		if status, text := asks(tt.query, tt.more, tt.from, tt.to); status != tt.status {
			t.Errorf("%s %s: got %d %.200s, want %d", tt.query, tt.more, status, text, tt.status)
		}
	}
	if _, text := asks("disk", "&lang=metricsql", hour, now); !strings.Contains(text, "do not show MetricsQL") {
		t.Errorf("MetricsQL on a shared dashboard: %s", text)
	}
	scalar := func(query, formula string) string {
		return fmt.Sprintf(`{"data":{"type":"scalar_request","attributes":{"from":%d,"to":%d,"queries":[{"name":"q","query":%q,"data_source":"metrics","aggregator":"avg"}],"formulas":[{"formula":%q}]}}}`, hour.UnixMilli(), now.UnixMilli(), query, formula)
	}
	s.call(200, "POST", "/api/public/"+token+"/scalar", scalar("max:disk{*}", "q"))
	s.call(400, "POST", "/api/public/"+token+"/scalar", scalar("max:secret{*}", "q"))
	s.call(400, "POST", "/api/public/"+token+"/scalar", scalar("max:disk{*}", "timeshift(q, -86400)"))
	for _, path := range []string{"/api/v1/dashboard/" + id, "/api/v1/dashboard/public/" + token, "/api/ui/query?query=max:disk{*}", "/api/ui/shares/" + id} {
		if status, _ := ask(t, "GET", s.url+path, ""); status != 401 {
			t.Errorf("%s is open to nobody: %d", path, status)
		}
	}
	s.call(404, "GET", "/api/public/"+strings.Repeat("0", 32), "")

	// Times can be let free, and a link be paused, end, and be revoked.
	change := func(body string) {
		t.Helper()
		s.headers = key
		s.call(200, "PUT", "/api/v1/dashboard/public/"+token, body)
		s.headers = nil
	}
	change(`{"global_time_selectable_enabled":true}`)
	if status, text := asks("max:disk{*}", "", now.Add(-48*time.Hour), now.Add(-24*time.Hour)); status != 200 {
		t.Errorf("with a free time: %d %s", status, text)
	}
	if status, _ := asks("avg:cpu{env:dev,*} by {host}", "&tpl_var_env=dev", hour, now); status != 200 {
		t.Error("a change of one field took the variables away")
	}
	change(`{"status":"paused"}`)
	s.call(404, "GET", "/api/public/"+token, "")
	change(`{"status":"active","expiration":"2026-11-25T13:00:00Z"}`)
	s.call(200, "GET", "/api/public/"+token, "")
	now = now.Add(2 * time.Hour)
	s.call(404, "GET", "/api/public/"+token, "")
	change(`{"expiration":null}`)
	s.headers = key
	s.call(200, "DELETE", "/api/v1/dashboard/"+id, "")
	s.call(404, "GET", "/api/public/"+token, "")
	s.call(204, "PATCH", "/api/v1/dashboard", `{"data":[{"id":"`+id+`","type":"dashboard"}]}`)
	s.call(200, "GET", "/api/public/"+token, "")
	if got := titles(s.call(200, "GET", "/api/v1/dashboard?filter[shared]=true", "")); got != "Shop" {
		t.Errorf("shared are %q", got)
	}
	if gone := s.call(200, "DELETE", "/api/v1/dashboard/public/"+token, ""); gone["deleted_public_dashboard_token"] != token {
		t.Errorf("revoked: %v", gone)
	}
	s.call(404, "GET", "/api/public/"+token, "")
	for _, wrong := range []string{
		`{"dashboard_id":"` + id + `","share_type":"invite"}`, `{"dashboard_id":"` + id + `","share_list":["a@example.com"]}`,
		`{"dashboard_id":"` + id + `","expiration":"2020-01-01T00:00:00Z"}`, `{"dashboard_id":"` + id + `","global_time":{"live_span":"soon"}}`,
	} {
		s.call(400, "POST", "/api/v1/dashboard/public", wrong)
	}
	s.call(404, "POST", "/api/v1/dashboard/public", `{"dashboard_id":"nothing"}`)
}
