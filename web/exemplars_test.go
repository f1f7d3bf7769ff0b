package web

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/ingest/prometheus"
	"github.com/whippet-obs/whippet/store/exemplar"
)

func TestExemplarsOfTheSeriesThatAQuerySelects(t *testing.T) {
	base := serve(t, func(config *Config) {
		var err error
		if config.Exemplars, err = exemplar.Open(t.TempDir(), exemplar.Options{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { config.Exemplars.Close() })
		config.RemoteWrite = prometheus.New(prometheus.Deps{DB: config.DB, Exemplars: config.Exemplars, Now: time.Now})
	})
	at := time.Now().Add(-time.Minute).Unix()
	page := fmt.Sprintf("took_bucket{le=\"1\"} 5 %d000 # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 0.5 %d.25\ntook_bucket{le=\"2\"} 7 # {trace_id=\"1\"} 1.5\nother 1 # {trace_id=\"2\"} 1\n", at, at)
	if status, body := ask(t, "POST", base+"/api/v1/import/prometheus", page); status >= 300 {
		t.Fatalf("import: %d %s", status, body)
	}
	get := func(query string, more string) string {
		t.Helper()
		_, body := ask(t, "GET", base+"/prometheus/api/v1/query_exemplars?query="+url.QueryEscape(query)+more, "")
		return body
	}
	want := fmt.Sprintf(`{"status":"success","data":[{"seriesLabels":{"__name__":"took_bucket","le":"1"},"exemplars":[{"labels":{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"},"value":"0.5","timestamp":%d.25}]}]}`, at)
	if got := get(`histogram_quantile(0.9, sum(rate(took_bucket{le="1"}[5m])) by (le))`, ""); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := get(`took_bucket`, fmt.Sprintf("&start=%d&end=%d", at-3600, at-1800)); got != `{"status":"success","data":[]}` {
		t.Errorf("of another time: got %s", got)
	}
	if status, body := ask(t, "GET", base+"/prometheus/api/v1/query_exemplars?query=took_bucket%7B", ""); status != 400 {
		t.Errorf("a malformed query: %d %s", status, body)
	}
}
