package web

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store"
)

// withSamples keeps three samples each of m{host:a} and m{host:b} in a store, ten
// seconds apart, the last at end.
func withSamples(t *testing.T, end time.Time) func(*Config) {
	return func(c *Config) {
		var b store.Batch
		for h, host := range []string{"host:a", "host:b"} {
			ref, err := c.DB.Intern(store.Series{Name: "m", Tags: store.Tags{host}})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				b.Samples = append(b.Samples, store.Sample{Ref: ref, Time: end.UnixMilli() - int64(2-i)*10_000, Value: float64(10*h + i)})
			}
		}
		if _, err := c.DB.Append(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
	}
}

func TestQueriesWithFormulas(t *testing.T) {
	end := time.Now().Add(-time.Minute).Truncate(time.Minute)
	url := serve(t, withSamples(t, end))
	question := func(kind, queries, formulas string) string {
		return fmt.Sprintf(`{"data": {"type": %q, "attributes": {"from": %d, "to": %d, "interval": 10000, "queries": [%s], "formulas": [%s]}}}`,
			kind, end.UnixMilli()-20_000, end.UnixMilli()+9_999, queries, formulas)
	}
	const a = `{"data_source": "metrics", "name": "a", "query": "avg:m{*} by {host}", "aggregator": "max"}`
	for _, tt := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"timeseries", question("timeseries_request", a, `{"formula": "a * 2"}`), 200, `"values":[[0,2,4],[20,22,24]]`},
		{"timeseries", question("timeseries_request", a, `{"formula": "a", "limit": {"count": 1, "order": "asc"}}`), 200, `"series":[{"group_tags":["host:a"],"query_index":0,"unit":null}]`},
		{"timeseries?explain=1", question("timeseries_request", a, `{"formula": "a * 2"}`), 200, `{"what":"avg:m{*} by {host}","depth":2,"how":"buckets","series":2,"samples":6,"rows":2,`},
		{"scalar?explain=1", question("scalar_request", a, `{"formula": "a + 1"}`), 200, `"how":"buckets"`},
		{"timeseries", question("timeseries_request", a, ``), 200, fmt.Sprintf(`"times":[%d,%d,%d]`, end.UnixMilli()-20_000, end.UnixMilli()-10_000, end.UnixMilli())},
		{"timeseries", question("timeseries_request", a, `{"formula": "a"}, {"formula": "timeshift(a, -10)"}`), 200, `[null,0,1],[null,10,11]`},
		{"scalar", question("scalar_request", a, `{"formula": "a + 1"}`), 200, `{"name":"host","type":"group","values":[["a"],["b"]]}`},
		{"scalar", question("scalar_request", a, `{"formula": "a + 1"}`), 200, `"values":[3,13]`},
		{"scalar", question("timeseries_request", a, ``), 400, `want \"scalar_request\"`},
		{"scalar", question("scalar_request", a, `{"formula": "b"}`), 400, `there is no query \"b\"`},
		{"scalar", question("scalar_request", ``, ``), 400, `at least one is required`},
		{"scalar", question("scalar_request", `{"data_source": "logs", "name": "a"}`, ``), 400, `not answered here`},
		{"timeseries", question("timeseries_request", `{"name": "a", "query": "avg:m{"}`, ``), 400, `queries[0]: query: at position`},
		{"timeseries", `{`, 400, `the body is not JSON`},
	} {
		status, body := ask(t, "POST", url+"/api/v2/query/"+tt.path, tt.body, "Content-Type", "application/json")
		if status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s %s: got %d %s, want %d with %s", tt.path, tt.body, status, body, tt.status, tt.want)
		}
	}
}

func TestQueryV1TellsWhatWasAsked(t *testing.T) {
	end := time.Now().Add(-time.Minute).Truncate(time.Minute)
	url := serve(t, withSamples(t, end))
	status, body := ask(t, "GET", fmt.Sprintf("%s/api/v1/query?from=%d&to=%d&query=max:m{*}%%20by%%20{host},abs(avg:m{*})", url, end.Unix()-20, end.Unix()+9), "")
	for _, want := range []string{
		`"group_by":["host"]`, `"aggr":"max"`, `"aggr":null`, `"query_index":1`, `"scope":"host:b"`, `"tag_set":["host:b"]`, `"length":3`, `"interval":10`,
		fmt.Sprintf(`"pointlist":[[%d.0,10],[%d.0,11],[%d.0,12]]`, end.UnixMilli()-20_000, end.UnixMilli()-10_000, end.UnixMilli()), `"expression":"abs(avg:m{*})"`,
	} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("got %d %s, want %s in it", status, body, want)
		}
	}
}

func TestQueriesExplainThemselves(t *testing.T) {
	end := time.Now().Add(-time.Minute).Truncate(time.Minute)
	url := serve(t, withSamples(t, end))
	times := fmt.Sprintf("&from=%d&to=%d", end.Unix()-600, end.Unix())
	milliseconds := fmt.Sprintf("&from=%d&to=%d", end.UnixMilli()-600_000, end.UnixMilli())
	for _, tt := range []struct{ path, want string }{
		{"/api/v1/query?explain=1&query=sum:m{*}" + times, `"how":"buckets"`},
		{"/api/v1/query?explain=1&query=sum:m{*}" + times, `"how":"cache and buckets"`},
		{"/api/v1/query?explain=1&nocache=1&query=sum:m{*}" + times, `"how":"buckets"`},
		{"/api/ui/query?explain=1&lang=metricsql&query=sum(m)" + milliseconds, `{"what":"sum(m)","depth":1,"how":"samples","series":2,`},
	} {
		if status, body := ask(t, "GET", url+tt.path, ""); status != 200 || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s, want %s", tt.path, status, body, tt.want)
		}
	}
	if _, body := ask(t, "GET", url+"/api/v1/query?query=sum:m{*}"+times, ""); strings.Contains(body, "explain") {
		t.Errorf("explains what was not asked to: %s", body)
	}
}

func TestCompletionAnswersBothLanguages(t *testing.T) {
	url := serve(t, withSamples(t, time.Now().Add(-time.Minute)))
	for _, tt := range []struct {
		query  string
		status int
		want   string
	}{
		{"language=datadog&query=max:m%7Bho", 200, `{"text":"host:","kind":"key","note":"tag","from":6,"insert":"host:","caret":5}`},
		{"language=datadog&query=max:m%7Bhost:b%7D&cursor=11", 200, `{"text":"a","kind":"value","from":11,"insert":"a","caret":1}`},
		{"language=metricsql&query=m%7Bhost=%22", 200, `{"text":"b","kind":"value","from":8,"insert":"b","caret":1}`},
		{"language=datadog&query=max:", 200, `{"text":"m","kind":"metric","from":4,"insert":"m{*}","caret":3}`},
		{"language=datadog&query=ewma", 200, `"text":"ewma_3","kind":"function","from":0,"insert":"ewma_3()","caret":7}`},
		{"language=datadog&query=m", 200, `{"text":"m","kind":"metric","from":0,"insert":"avg:m{*}","caret":7}`},
		{"language=metricsql&query=m%7Bho", 200, `{"text":"host","kind":"key","from":2,"insert":"host=\"\"","caret":6}`},
		{"language=metricsql&query=rat", 200, `{"text":"rate","kind":"function","from":0,"insert":"rate()","caret":5}`},
		{"language=metricsql&query=hist", 200, `"text":"histogram"`},
		{"language=sql&query=a", 400, `want \"datadog\" or \"metricsql\"`},
		{"query=a&cursor=-1", 400, `want an offset`},
	} {
		status, body := ask(t, "GET", url+"/api/ui/complete?"+tt.query, "")
		if status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: got %d %.300s, want %d with %s", tt.query, status, body, tt.status, tt.want)
		}
	}
}
