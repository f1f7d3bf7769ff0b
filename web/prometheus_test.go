package web

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	remotewrite "github.com/whippet-obs/whippet/ingest/prometheus"
)

func TestPrometheusAPI(t *testing.T) {
	end := time.Now().Add(-time.Minute).Truncate(time.Minute)
	base := serve(t, func(c *Config) {
		c.RemoteWrite = remotewrite.New(remotewrite.Deps{DB: c.DB, Now: time.Now})
		withSamples(t, end)(c)
	})
	at := fmt.Sprint(end.Unix())
	query := func(text string) string { return url.QueryEscape(text) }
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/api/v1/import/prometheus", "# TYPE imported_total counter\n# HELP imported_total Told.\nimported_total{a=\"b\"} 42\n", 204, ""},
		{"POST", "/prometheus/api/v1/import/prometheus", "bad", 400, `line 1`},
		{"GET", "/prometheus/api/v1/query?time=" + at + "&query=" + query(`m{host="a"}`), "", 200,
			`{"resultType":"vector","result":[{"metric":{"__name__":"m","host":"a"},"value":[` + at + `,"2"]}]}`},
		{"GET", "/prometheus/api/v1/query?time=" + at + "&query=" + query(`sum(m)`), "", 200, `"value":[` + at + `,"14"]`},
		{"GET", "/prometheus/api/v1/query?time=" + at + "&query=" + query(`"text"`), "", 200, `{"resultType":"string","result":[` + at + `,"text"]}`},
		{"GET", "/prometheus/api/v1/query?time=" + at + "&query=" + query(`1+1`), "", 200, `{"resultType":"scalar","result":[` + at + `,"2"]}`},
		{"GET", "/prometheus/api/v1/query?time=" + at + "&query=" + query(`m{host="a"}[15s]`), "", 200, `"resultType":"matrix"`},
		{"GET", "/prometheus/api/v1/query?time=" + at + ".5&query=1", "", 200, `[` + at + `.5,"1"]`},
		{"GET", "/prometheus/api/v1/query?limit=1&time=" + at + "&query=m", "", 200, `"warnings":["results truncated due to limit"]`},
		{"GET", "/prometheus/api/v1/query?explain=1&time=" + at + "&query=" + query(`sum(m)`), "", 200, `"how":"last values"`},
		{"GET", "/prometheus/api/v1/query_range?step=10&start=" + fmt.Sprint(end.Unix()-20) + "&end=" + at + "&query=" + query(`m{host="b"}`), "", 200,
			`"values":[[` + fmt.Sprint(end.Unix()-20) + `,"10"],[` + fmt.Sprint(end.Unix()-10) + `,"11"],[` + at + `,"12"]]`},
		{"POST", "/prometheus/api/v1/query", "time=" + at + "&query=count(m)", 200, `"value":[` + at + `,"2"]`},
		{"GET", "/prometheus/api/v1/query?query=" + query(`sum(`), "", 400, `"errorType":"bad_data"`},
		{"GET", "/prometheus/api/v1/query_range?query=m&start=1&end=2&step=0", "", 400, `"status":"error"`},
		{"GET", "/prometheus/api/v1/labels", "", 200, `["__name__","a","host"]`},
		{"GET", "/prometheus/api/v1/label/host/values", "", 200, `["a","b"]`},
		{"GET", "/prometheus/api/v1/series?match[]=" + query(`m{host="a"}`), "", 200, `[{"__name__":"m","host":"a"}]`},
		{"POST", "/prometheus/api/v1/series", "match[]=m&query=", 200, `[{"__name__":"m","host":"a"},{"__name__":"m","host":"b"}]`},
		{"GET", "/prometheus/api/v1/metadata?metric=imported_total", "", 200, `"imported_total":[{"type":"counter","help":"Told.","unit":""}]`},
		{"GET", "/prometheus/api/v1/format_query?query=" + query(`sum(m)by(host)`), "", 200, `"sum(m) by(host)"`},
		{"GET", "/prometheus/api/v1/status/buildinfo", "", 200, `"version":"2.`},
		{"GET", "/prometheus/api/v1/status/runtimeinfo", "", 200, `"GOMAXPROCS"`},
		{"GET", "/prometheus/api/v1/status/tsdb", "", 200, `{"name":"m","value":2}`},
		{"GET", "/prometheus/api/v1/status/flags", "", 200, `{}`},
		{"GET", "/prometheus/api/v1/rules", "", 200, `"groups":[]`},
		{"GET", "/prometheus/api/v1/alerts", "", 200, `"alerts":[]`},
		{"GET", "/prometheus/api/v1/targets", "", 200, `"activeTargets":[]`},
		{"GET", "/prometheus/api/v1/query_exemplars?query=m&start=1&end=2", "", 200, `"data":[]`},
		{"GET", "/prometheus/federate?match[]=m", "", 200, "# TYPE m untyped\nm{host=\"a\"} 2 "},
		{"GET", "/prometheus/federate", "", 400, `at least one is required`},
		{"POST", "/prometheus/api/v1/read", "not snappy", 400, `not a snappy block`},
		{"GET", "/prometheus/-/healthy", "", 200, "healthy"},
		{"GET", "/prometheus/api/v1/nothing", "", 404, ``},
	} {
		headers := []string{}
		if tt.method == "POST" && strings.Contains(tt.body, "query=") {
			headers = []string{"Content-Type", "application/x-www-form-urlencoded"}
		}
		status, body := ask(t, tt.method, base+tt.path, tt.body, headers...)
		if status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s %s: got %d %.400s, want %d with %s", tt.method, tt.path, status, body, tt.status, tt.want)
		}
	}
}

// TestPrometheusWithoutThePrefix asks the server as a Prometheus that stands at its
// root.
func TestPrometheusWithoutThePrefix(t *testing.T) {
	end := time.Now().Add(-time.Minute).Truncate(time.Minute)
	url := serve(t, withSamples(t, end))
	times := fmt.Sprintf("start=%d&end=%d&step=10", end.Unix()-20, end.Unix())
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/api/v1/query_range?query=m&" + times, "", 200, `"resultType":"matrix"`},
		{"POST", "/api/v1/query", "query=m&time=" + fmt.Sprint(end.Unix()), 200, `"resultType":"vector"`},
		{"GET", "/api/v1/labels", "", 200, `"host"`},
		{"GET", "/api/v1/label/host/values", "", 200, `["a","b"]`},
		{"GET", "/api/v1/series?match[]=m", "", 200, `"__name__":"m"`},
		{"GET", "/api/v1/metadata", "", 200, `"status":"success"`},
		{"GET", "/api/v1/format_query?query=sum(m)by(host)", "", 200, `"sum(m) by(host)"`},
		{"GET", "/api/v1/parse_query?query=sum(m)", "", 200, `"type":"aggregation"`},
		{"GET", "/prometheus/api/v1/parse_query?query=m%7B", "", 400, `"errorType":"bad_data"`},
		{"GET", "/api/v1/status/buildinfo", "", 200, `"version"`},
		{"GET", "/api/v1/rules", "", 200, `"groups"`},
		{"GET", "/api/v1/alerts", "", 200, `"alerts"`},
		{"GET", "/federate?match[]=m", "", 200, `m{`},
		{"GET", "/api/v1/query_range?query=m%7B&" + times, "", 400, `{"error":"query: want a label's name, found the end","errorType":"bad_data","status":"error"}`},
		// What is Datadog's stays so.
		{"GET", "/api/v1/query?query=avg:m%7B*%7D&from=" + fmt.Sprint(end.Unix()-60) + "&to=" + fmt.Sprint(end.Unix()), "", 200, `"res_type":"time_series"`},
		{"GET", "/api/v1/query?query=m", "", 400, `"errors"`},
		{"POST", "/api/v1/series", `{"series":[]}`, 202, ``},
	} {
		kind := "application/x-www-form-urlencoded"
		if strings.HasPrefix(tt.body, "{") {
			kind = "application/json"
		}
		status, body := ask(t, tt.method, url+tt.path, tt.body, "Content-Type", kind)
		if status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s %s: got %d %.300s, want %d with %s", tt.method, tt.path, status, body, tt.status, tt.want)
		}
	}
}
