package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestSpreadsOfQueries(t *testing.T) {
	end := time.Now().Add(-time.Minute).Truncate(time.Minute)
	server := serve(t, withSamples(t, end))
	for _, tt := range []struct {
		params string
		status int
		want   string
	}{
		{"query=avg:m{*} by {host}&buckets=2", 200, `"bounds":[0,10,20],"counts":[[1,1],[1,1],[1,1]]`},
		{"query=avg:m{*} by {host}&buckets=3&together=true", 200, `"bounds":[0,5,10,15],"counts":[[1,0,1]]`},
		{"query=avg:m{*} by {host}&together=true", 200, `"all":{"count":2,"figures":[6,1,`},
		{"query=avg:none{*}", 200, `no metric \"none\"`},
		{"query=histogram:m{*}", 400, "m is not a distribution"},
		{"query=avg:m{", 400, `"offset":6`},
		{"query=avg:m{*}&buckets=900", 400, "want 1 to 200"},
		{"query=avg:m{*}&scale=cubic", 400, "allowed are linear and log, got cubic"},
	} {
		values, err := url.ParseQuery(tt.params)
		if err != nil {
			t.Fatal(err)
		}
		values.Set("from", fmt.Sprint(end.UnixMilli()-20_000))
		values.Set("to", fmt.Sprint(end.UnixMilli()+9_999))
		status, body := ask(t, "GET", server+"/api/ui/spread?"+values.Encode(), "")
		if status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: got %d %s, want %d with %s", tt.params, status, body, tt.status, tt.want)
		}
	}
}

func TestPicturesAndPagesOnlyOfSitesThatAreListed(t *testing.T) {
	server := serve(t, func(c *Config) { c.About.Embed = []string{"https://a.example", "https://*.b.example"} })
	answer, err := http.Get(server + "/dashboards")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	policy := answer.Header.Get("Content-Security-Policy")
	for _, want := range []string{"img-src 'self' data: https://a.example https://*.b.example;", "frame-src 'self' https://a.example https://*.b.example;", "default-src 'self';"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %q", policy, want)
		}
	}
	for address, shown := range map[string]bool{
		"https://a.example/p.png": true, "https://x.b.example/p.png": true, "https://b.example/p.png": false, "http://a.example/p.png": false, "https://a.example.evil/p.png": false, "/p.png": false,
	} {
		status, body := ask(t, "POST", server+"/api/ui/markdown/preview", fmt.Sprintf(`{"text": "![p](%s)"}`, address), "Content-Type", "application/json")
		if status != 200 || strings.Contains(body, `\u003cimg`) != shown && strings.Contains(body, "<img") != shown {
			t.Errorf("%s: got %d %s, want a picture: %v", address, status, body, shown)
		}
	}
	if status, body := ask(t, "POST", server+"/api/ui/markdown/preview", `{"text": 7}`); status != 400 || !strings.Contains(body, "text") {
		t.Errorf("a number: got %d %s", status, body)
	}
}
