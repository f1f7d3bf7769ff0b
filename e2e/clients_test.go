package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV2"
)

// has waits until a query gives one row with a value.
func (s *server) has(q string, want float64, from, to time.Time) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s gives %v", q, want), func() error {
		rows := s.query(q, from, to)
		if len(rows) == 1 && slices.Contains(rows[0].values(), want) {
			return nil
		}
		return &statusError{0, q, fmt.Sprintf("%+v", rows)}
	})
}

// nodeDir holds the clients for Node.
const nodeDir = "node"

// installNode gets their packages.
func installNode(t *testing.T) {
	t.Helper()
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = nodeDir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}

// TestNodeClientKeepsDocuments is the script's own: it fails where what was sent
// does not come back.
func TestNodeClientKeepsDocuments(t *testing.T) {
	installNode(t)
	s := startServer(t)
	run := exec.Command("node", "documents.mjs", s.url)
	run.Dir = nodeDir
	if out, err := run.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "as sent" {
		t.Fatalf("node documents.mjs: %v\n%s", err, out)
	}
}

// TestNodeClients runs hot-shots and Datadog's API client for Node, unmodified.
func TestNodeClients(t *testing.T) {
	installNode(t)
	s := startServer(t)
	now := s.now()
	run := exec.Command("node", "clients.mjs", s.url, s.statsd)
	run.Dir = nodeDir
	out, err := run.Output()
	if err != nil {
		t.Fatalf("node clients.mjs: %v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	var answers struct {
		Validate struct{ Valid bool }
		Event    struct{ Event struct{ ID int64 } }
		Hosts    struct{ HostList []struct{ Name string } }
		Totals   struct{ TotalUp int }
		Mute     struct{ Action, Hostname string }
		Unmute   struct{ Action string }
		Tags     struct{ Tags []string }
		Query    struct{ Series []struct{ Scope string } }
	}
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if a := answers; !a.Validate.Valid || a.Event.Event.ID == 0 || len(a.Hosts.HostList) != 1 || a.Totals.TotalUp < 1 ||
		a.Mute.Action != "Muted" || a.Mute.Hostname != "js-host" || a.Unmute.Action != "Unmuted" || !slices.Contains(a.Tags.Tags, "team:core") || len(a.Query.Series) != 1 {
		t.Errorf("got %s", out)
	}
	s.eventually("what hot-shots sent is in", func() error {
		var stats struct{ Metrics, Events, Checks uint64 }
		s.call("GET", "/debug/whippet/dogstatsd", nil, &stats)
		if stats.Metrics < 35 || stats.Events < 1 || stats.Checks < 1 {
			return &statusError{0, "dogstatsd", fmt.Sprintf("%+v", stats)}
		}
		return nil
	})
	s.advance(15 * time.Second)
	from, to := now.Add(-time.Minute), now.Add(time.Minute)
	s.has("sum:hs.requests{via:hot-shots}.as_count()", 19, from, to)
	s.has("avg:hs.queue{queue:mail}", 42.5, from, to)
	s.has("avg:hs.users{*}", 2, from, to)
	s.has("avg:hs.hist.median{*}", 5, from, to)
	s.has("max:hs.timing.95percentile{*}", 10, from, to)
	s.has("count:hs.dist{*}", 10, from, to)
	s.has("max:js.dist{host:js-host}", 100, from, to)
	s.has("avg:js.v2.rate{host:js-host}", 1.25, from, to)
	var checks struct {
		Checks []struct{ Check, Host string }
	}
	s.call("GET", "/api/ui/checks", nil, &checks)
	if len(checks.Checks) != 2 {
		t.Errorf("checks: got %+v, want one per client", checks.Checks)
	}
}

// TestGoAPIClient submits and reads with Datadog's API client for Go, in each
// of its encodings.
func TestGoAPIClient(t *testing.T) {
	s := startServer(t)
	ctx, client := s.api()
	now := s.now()
	at := float64(now.Unix())
	v1, v2 := datadogV1.NewMetricsApi(client), datadogV2.NewMetricsApi(client)
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	series := func(metric string) datadogV1.MetricsPayload {
		return datadogV1.MetricsPayload{Series: []datadogV1.Series{{
			Metric: metric, Type: datadog.PtrString("count"), Interval: *datadog.NewNullableInt64(datadog.PtrInt64(10)), Host: datadog.PtrString("go-host"),
			Points: [][]*float64{{&at, datadog.PtrFloat64(3)}}, Tags: []string{"env:test"},
		}}}
	}
	_, _, err := v1.SubmitMetrics(ctx, series("go.plain"))
	must("v1 series", err)
	_, _, err = v1.SubmitMetrics(ctx, series("go.deflate"), *datadogV1.NewSubmitMetricsOptionalParameters().WithContentEncoding(datadogV1.METRICCONTENTENCODING_DEFLATE))
	must("v1 series in deflate", err)
	for metric, encoding := range map[string]datadogV2.MetricContentEncoding{"go.gzip": "gzip", "go.zstd": "zstd1", "go.v2deflate": "deflate"} {
		_, _, err = v2.SubmitMetrics(ctx, datadogV2.MetricPayload{Series: []datadogV2.MetricSeries{{
			Metric: metric, Type: datadogV2.METRICINTAKETYPE_COUNT.Ptr(), Interval: datadog.PtrInt64(10),
			Points:    []datadogV2.MetricPoint{{Timestamp: datadog.PtrInt64(now.Unix()), Value: datadog.PtrFloat64(3)}},
			Resources: []datadogV2.MetricResource{{Name: datadog.PtrString("go-host"), Type: datadog.PtrString("host")}},
		}}}, *datadogV2.NewSubmitMetricsOptionalParameters().WithContentEncoding(encoding))
		must("v2 series in "+string(encoding), err)
	}
	for _, metric := range []string{"go.plain", "go.deflate", "go.gzip", "go.zstd", "go.v2deflate"} {
		s.has("sum:"+metric+"{host:go-host}.as_count()", 3, now.Add(-time.Minute), now.Add(time.Minute))
	}
	_, _, err = v1.SubmitDistributionPoints(ctx, datadogV1.DistributionPointsPayload{Series: []datadogV1.DistributionPointsSeries{{
		Metric: "go.dist", Host: datadog.PtrString("go-host"),
		Points: [][]datadogV1.DistributionPointItem{{{DistributionPointTimestamp: &at}, {DistributionPointData: &[]float64{1, 2, 3, 100}}}},
	}}})
	must("distribution points", err)
	s.has("max:go.dist{host:go-host}", 100, now.Add(-time.Minute), now.Add(time.Minute))

	event, _, err := datadogV1.NewEventsApi(client).CreateEvent(ctx, datadogV1.EventCreateRequest{Title: "go event", Text: "hello", Tags: []string{"env:test"}})
	if must("event", err); event.GetStatus() != "ok" || event.Event.GetId() == 0 {
		t.Errorf("event: got %+v", event)
	}
	_, _, err = datadogV1.NewServiceChecksApi(client).SubmitServiceCheck(ctx, []datadogV1.ServiceCheck{{
		Check: "go.check", HostName: "go-host", Status: datadogV1.SERVICECHECKSTATUS_CRITICAL, Tags: []string{"env:test"},
	}})
	must("service check", err)

	hosts := datadogV1.NewHostsApi(client)
	list, _, err := hosts.ListHosts(ctx, *datadogV1.NewListHostsOptionalParameters().WithFilter("go-host"))
	if must("hosts", err); list.GetTotalMatching() != 1 || list.HostList[0].GetName() != "go-host" || !list.HostList[0].GetUp() {
		t.Errorf("hosts: got %+v", list)
	}
	totals, _, err := hosts.GetHostTotals(ctx)
	if must("totals", err); totals.GetTotalUp() < 1 {
		t.Errorf("totals: got %+v", totals)
	}
	muted, _, err := hosts.MuteHost(ctx, "go-host", datadogV1.HostMuteSettings{Message: datadog.PtrString("quiet")})
	if must("mute", err); muted.GetAction() != "Muted" {
		t.Errorf("mute: got %+v", muted)
	}
	_, _, err = hosts.UnmuteHost(ctx, "go-host")
	must("unmute", err)
	tags := datadogV1.NewTagsApi(client)
	_, _, err = tags.CreateHostTags(ctx, "go-host", datadogV1.HostTags{Tags: []string{"team:core"}})
	must("tag a host", err)
	got, _, err := tags.GetHostTags(ctx, "go-host")
	if must("tags of a host", err); strings.Join(got.Tags, ",") != "team:core" {
		t.Errorf("tags: got %v", got.Tags)
	}
	s.has("sum:go.plain{team:core}.as_count()", 3, now.Add(-time.Minute), now.Add(time.Minute))
}
