package web

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/web/access"
)

func TestSnapshotIsServedAtItsURL(t *testing.T) {
	base := serve(t, nil)
	now := time.Now().Unix()
	take := func(parameters string) (int, string) {
		return ask(t, "GET", fmt.Sprintf("%s/api/v1/graph/snapshot?start=%d&end=%d&%s", base, now-3600, now, parameters), "")
	}
	for _, tt := range []struct{ parameters, gives string }{
		{"metric_query=avg:m{*}&event_query=source:deploy&title=Load&width=400&height=200", `"metric_query":"avg:m{*}"`},
		{"graph_def=" + url.QueryEscape(`{"viz":"timeseries","requests":[{"q":"avg:m{*}"}],"markers":[{"value":"y > 5","display_type":"error dashed"}]}`), `"graph_def":"{\"viz\":`},
		{"graph_def=" + url.QueryEscape(`{"requests":[{"queries":[{"name":"a","query":"avg:m{*}","data_source":"metrics"}],"formulas":[{"formula":"a * 2"}]}]}`), `"graph_def":`},
	} {
		status, text := take(tt.parameters)
		var answer struct {
			URL string `json:"snapshot_url"`
		}
		json.Unmarshal([]byte(text), &answer)
		path, ours := strings.CutPrefix(answer.URL, "http://whippet.test")
		if status != 200 || !strings.Contains(text, tt.gives) || !ours {
			t.Fatalf("%s: got %d %s", tt.parameters, status, text)
		}
		if status, png := ask(t, "GET", base+path, ""); status != 200 || !strings.HasPrefix(png, "\x89PNG") {
			t.Errorf("%s: got %d %.20q", path, status, png)
		}
		// As datadogpy asks for it.
		id := strings.TrimSuffix(strings.TrimPrefix(path, "/snapshot/view/"), ".png")
		if status, text := ask(t, "GET", base+"/api/v1/graph/snapshot_status/"+id, ""); status != 200 || text != `{"status_code":200}` {
			t.Errorf("status of the picture: %d %s", status, text)
		}
	}
	for _, tt := range []struct{ parameters, says string }{
		{"", "one of them is required"},
		{"metric_query=avg:m{*}&graph_def={}", "give one of them"},
		{"metric_query=avg:m{", "want a tag such as"},
		{"metric_query=avg:m{*}&width=9000", "width: want 240 to 1600 pixels"},
		{"graph_def={", "graph_def: want a JSON object"},
		{"graph_def=" + url.QueryEscape(`{"viz":"toplist","requests":[{"q":"avg:m{*}"}]}`), `not of \"toplist\"`},
		{"graph_def=" + url.QueryEscape(`{"requests":[{"queries":[{"name":"a","query":"x","data_source":"logs"}]}]}`), `data_source \"logs\"`},
	} {
		if status, text := take(tt.parameters); status != 400 || !strings.Contains(text, tt.says) {
			t.Errorf("%s: got %d %s, want 400 with %q", tt.parameters, status, text, tt.says)
		}
	}
	if status, _ := ask(t, "GET", base+"/snapshot/view/"+strings.Repeat("a", 32)+".png", ""); status != 404 {
		t.Errorf("a picture that is not there: got %d", status)
	}
	if status, _ := ask(t, "GET", base+"/api/v1/graph/snapshot?metric_query=avg:m{*}&start=1&end=2", "", "Sec-Fetch-Site", "cross-site", "Host", "127.0.0.1"); status != 403 {
		t.Errorf("a picture that another site's page asks for: got %d", status)
	}
}

func TestSnapshotIsMailedWithNoteAndMark(t *testing.T) {
	var server *Server
	var alerts *alerting.Service
	base := serveWith(t, func(c *Config) { c.LoginRequired = true; alerts = c.Alerting }, func(s *Server) { server = s })
	_, secret, err := server.access.AddKey(t.Context(), access.ApplicationKey, "ada", access.Editor, access.Caller{Name: "ada", Role: access.Editor})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixMilli()
	graph := fmt.Sprintf(`"title":"Rows","queries":[{"query":"avg:rows{*}"}],"from":%d,"to":%d,"marks":[{"from":%d,"to":%d,"low":0.2,"high":0.6}]`, now-300_000, now, now-200_000, now-100_000)
	post := func(path, body string) (int, string) {
		t.Helper()
		return ask(t, "POST", base+path, body, "DD-APPLICATION-KEY", secret)
	}
	status, text := post("/api/ui/snapshots/preview", "{"+graph+"}")
	if status != 200 || !strings.Contains(text, `"png":"iVBOR`) || !strings.Contains(text, fmt.Sprintf(`"from":%d`, now-300_000)) {
		t.Fatalf("preview: %d %.200s", status, text)
	}
	status, text = post("/api/ui/snapshots/send", "{"+graph+`,"receivers":"@bo@example.com, cy@example.com","note":"what is <this>?\n\nNight job?","view":"/dashboard/abc?tpl_var_env=x&from_ts=1"}`)
	if status != 200 {
		t.Fatalf("send: %d %s", status, text)
	}
	mails, err := alerts.Outbox()
	if err != nil || len(mails) != 1 {
		t.Fatalf("outbox: %v, %v", mails, err)
	}
	m, err := alerts.OutboxMessage(mails[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(m.To) != "[bo@example.com cy@example.com]" || m.Subject != "[Snapshot] Rows" {
		t.Errorf("to %v, subject %q", m.To, m.Subject)
	}
	for _, want := range []string{"key ada", "what is <this>?", "Night job?", "avg:rows{*}", "http://whippet.test/dashboard/abc?", fmt.Sprintf("from_ts=%d", now-300_000), "tpl_var_env=x", "Marked:"} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("the mail lacks %q:\n%s", want, m.Text)
		}
	}
	if !strings.Contains(m.HTML, "what is &lt;this&gt;?") {
		t.Errorf("the note is not text: %s", m.HTML)
	}
	changes, err := server.config.DB.Catalog().Changes(0, nil, 5)
	if err != nil || len(changes) != 1 || changes[0].Actor != "key ada" || !strings.Contains(string(changes[0].After), "bo@example.com") {
		t.Errorf("the audit trail: %+v, %v", changes, err)
	}
	for _, tt := range []struct{ extra, says string }{
		{`"receivers":""`, "0 addresses"},
		{`"receivers":"nobody"`, "mail addresses such as"},
		{`"receivers":"a@example.com","view":"https://evil.example/"`, "the path of a page here"},
		{`"receivers":"a@example.com","view":"//evil.example/"`, "the path of a page here"},
		{`"receivers":"a@example.com","note":"` + strings.Repeat("x", 5001) + `"`, "5001 bytes"},
	} {
		if status, text := post("/api/ui/snapshots/send", "{"+graph+","+tt.extra+"}"); status != 400 || !strings.Contains(text, tt.says) {
			t.Errorf("%.60s: got %d %s, want %q", tt.extra, status, text, tt.says)
		}
	}
}
