package e2e

import (
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV2"
	"github.com/DataDog/datadog-go/v5/statsd"
)

// announce posts a recorded host metadata payload as the agent of another host
// would: with that host's name and tags.
func (s *server) announce(host string, tags ...string) {
	s.t.Helper()
	for _, r := range recordings(s.t, "agent-env") {
		if !strings.HasSuffix(r.name, "02-intake.json") && !strings.Contains(r.name, "09-api_v1_metadata") {
			continue
		}
		var doc map[string]any
		if err := json.Unmarshal(decompress(s.t, r.Headers["Content-Encoding"], r.body), &doc); err != nil {
			s.t.Fatal(err)
		}
		if _, ok := doc["hostname"]; ok {
			doc["hostname"] = host
		} else {
			doc["internalHostname"] = host
			doc["host-tags"] = map[string]any{"system": tags}
			meta := doc["meta"].(map[string]any)
			meta["hostname"], meta["socket-hostname"], meta["socket-fqdn"] = host, host, host
		}
		plain, err := json.Marshal(doc)
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := s.try(r.Method, r.Path, r.Headers, compress(s.t, r.Headers["Content-Encoding"], plain)); err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestA1HostTagsBareOrNotAreTagsLikeAnyOther(t *testing.T) {
	s := startServer(t)
	s.announce("thinkpad", "awesome_tag", "env:test", "nice_tag", "host:thinkpad")
	now := s.now()
	s.submit("my_metric", "thinkpad", nil, point{now.Add(-30 * time.Second), 640})
	s.submit("my_metric", "other", nil, point{now.Add(-30 * time.Second), 1})

	for _, filter := range []string{"env:test", "nice_tag", "awesome_tag", "host:thinkpad", "!host:other"} {
		rows := s.query("avg:my_metric{"+filter+"}", now.Add(-5*time.Minute), now)
		if len(rows) != 1 || !slices.Equal(rows[0].values(), []float64{640}) {
			t.Errorf("{%s}: got %+v, want one row of 640", filter, rows)
		}
	}
	rows := s.query("avg:my_metric{*} by {env}", now.Add(-5*time.Minute), now)
	found := false
	for _, r := range rows {
		found = found || slices.Contains(r.TagSet, "env:test")
	}
	if !found {
		t.Errorf("by {env}: got %+v, want a row env:test", rows)
	}
	for q, want := range map[string]int{`my_metric{nice_tag="true"}`: 1, `my_metric{env="test"}`: 1, `my_metric{env!="test"}`: 1} {
		if rows := s.instant(q, now); len(rows) != want {
			t.Errorf("%s: got %v, want %d rows", q, rows, want)
		}
	}

	b := openBrowser(t, s.url)
	b.open("/infrastructure")
	b.see("thinkpad")
	b.screenshot("A1-host-map")
	b.open("/infrastructure/thinkpad")
	b.see("awesome_tag", "env:test", "nice_tag", "7.82.1", "192.0.2.2", "debian 12.11")
	b.screenshot("A1-host")
}

func TestA3CustomGaugeFromTheOfficialClient(t *testing.T) {
	s := startServer(t)
	clients := map[string]string{"udp": s.statsd, "socket": "unixgram://" + s.socket}
	sent := map[string]float64{}
	for name, addr := range clients {
		client, err := statsd.New(addr, statsd.WithTags([]string{"host:thinkpad", "via:" + name}), statsd.WithoutTelemetry())
		if err != nil {
			t.Fatal(err)
		}
		sent[name] = float64(rand.IntN(1001))
		if err := client.Gauge("my_metric", sent[name], nil, 1); err != nil {
			t.Fatal(err)
		}
		if err := client.Count("my_count", 20, nil, 1); err != nil {
			t.Fatal(err)
		}
		for v := 1; v <= 10; v++ {
			client.Histogram("my_hist", float64(v), nil, 1)
			client.Distribution("my_dist", float64(10*v), nil, 1)
		}
		if err := client.Event(&statsd.Event{Title: "deploy via " + name, Text: "line one\nline two"}); err != nil {
			t.Fatal(err)
		}
		if err := client.ServiceCheck(&statsd.ServiceCheck{Name: "my.check." + name, Status: statsd.Critical, Message: "no | pipes"}); err != nil {
			t.Fatal(err)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
	}
	now := s.now()
	s.eventually("both clients' packets are in", func() error {
		var stats struct{ Metrics uint64 }
		s.call("GET", "/debug/whippet/dogstatsd", nil, &stats)
		if stats.Metrics < 44 {
			return &statusError{0, "dogstatsd", "metrics so far"}
		}
		return nil
	})
	s.advance(15 * time.Second)

	for name, value := range sent {
		one := func(q string, want float64) {
			t.Helper()
			s.eventually(q+" is readable", func() error {
				rows := s.query(q, now.Add(-time.Minute), now.Add(time.Minute))
				if len(rows) == 1 {
					if values := rows[0].values(); slices.Contains(values, want) {
						return nil
					}
				}
				return &statusError{0, q, "no such point yet"}
			})
		}
		one("avg:my_metric{via:"+name+"}", value)
		one("sum:my_count{via:"+name+"}.as_count()", 20)
		one("avg:my_hist.median{via:"+name+"}", 5)
		one("max:my_hist.95percentile{via:"+name+"}", 10)
		one("count:my_dist{via:"+name+"}", 10)
		if rows := s.instant(`max_over_time(my_metric{host="thinkpad", via="`+name+`"}[5m])`, now.Add(20*time.Second)); len(rows) != 1 {
			t.Errorf("my_metric of %s in MetricsQL: got %v, want one row", name, rows)
		}
	}
	var checks struct{ Checks []struct{ Check string } }
	s.call("GET", "/api/ui/checks", nil, &checks)
	if len(checks.Checks) != 2 {
		t.Errorf("checks: got %v, want one per client", checks.Checks)
	}
}

func TestA4AnotherCollectionIntervalBreaksNothing(t *testing.T) {
	s := startServer(t)
	now := s.now()
	ctx, client := s.api()
	var points []datadogV2.MetricPoint
	for at := now.Add(-14 * time.Minute); at.Before(now); at = at.Add(45 * time.Second) {
		points = append(points, datadogV2.MetricPoint{Timestamp: datadog.PtrInt64(at.Unix()), Value: datadog.PtrFloat64(500)})
	}
	payload := datadogV2.MetricPayload{Series: []datadogV2.MetricSeries{{
		Metric: "my_metric", Type: datadogV2.METRICINTAKETYPE_GAUGE.Ptr(), Interval: datadog.PtrInt64(45), Points: points,
		Resources: []datadogV2.MetricResource{{Name: datadog.PtrString("thinkpad"), Type: datadog.PtrString("host")}},
	}}}
	if _, _, err := datadogV2.NewMetricsApi(client).SubmitMetrics(ctx, payload, *datadogV2.NewSubmitMetricsOptionalParameters()); err != nil {
		t.Fatal(err)
	}

	rows := s.query("avg:my_metric{host:thinkpad}", now.Add(-15*time.Minute), now)
	if len(rows) != 1 {
		t.Fatalf("got %d rows, want 1", len(rows))
	}
	values := rows[0].values()
	if rows[0].Interval > 20 || len(values) < 13*60/rows[0].Interval {
		t.Errorf("got %d points on an interval of %d s over 14 minutes: holes between samples 45 s apart", len(values), rows[0].Interval)
	}
	for _, v := range values {
		if v != 500 {
			t.Errorf("got a point %v between samples of 500", v)
		}
	}
	var detail struct {
		Observed float64 `json:"observed_interval"`
	}
	s.call("GET", "/api/ui/metrics/my_metric", nil, &detail)
	if detail.Observed != 45 {
		t.Errorf("observed interval: got %v s, want 45", detail.Observed)
	}

	b := openBrowser(t, s.url)
	b.open("/metrics/explorer?" + url.Values{"q": {"avg:my_metric{host:thinkpad}"}}.Encode())
	b.see("my_metric")
	b.screenshot("A4-interval")
}
