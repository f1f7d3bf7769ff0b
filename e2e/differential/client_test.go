package differential

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/encoding/protowire"
)

// startWhippet runs Whippet alone until the test ends, and returns its URL.
func startWhippet(t *testing.T) string {
	t.Helper()
	address := freeAddress(t)
	run(t, "http://"+address+"/readyz", "../../bin/whippet", "serve", "--data-dir", filepath.Join(t.TempDir(), "whippet"), "--http", address,
		"--statsd", "", "--statsd-socket", "", "--traces", "")
	return "http://" + address
}

// post sends a body and wants a status.
func post(t *testing.T, url, body string, want int) {
	t.Helper()
	response, err := http.Post(url, "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != want {
		t.Fatalf("POST %s: %s %s (error %v)", url, response.Status, answer, err)
	}
}

// TestPrometheusClients asks with Prometheus' own client library and promtool.
func TestPrometheusClients(t *testing.T) {
	server := startWhippet(t)
	end := time.Now().Add(-time.Minute).Truncate(time.Minute)
	var page strings.Builder
	page.WriteString("# TYPE e2e_requests_total counter\n# HELP e2e_requests_total Requests.\n")
	for i := range 13 {
		for _, code := range []string{"200", "500"} {
			fmt.Fprintf(&page, "e2e_requests_total{code=%q} %d %d\n", code, 10*i, end.Add(time.Duration(i-12)*10*time.Second).UnixMilli())
		}
	}
	fmt.Fprintf(&page, "e2e_took_bucket{le=\"1\"} 3 %d # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 0.67 %d.5\n", end.UnixMilli(), end.Unix()-2)
	post(t, server+"/api/v1/import/prometheus", page.String(), http.StatusNoContent)

	client, err := api.NewClient(api.Config{Address: server + "/prometheus"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, prom := context.Background(), v1.NewAPI(client)

	value, _, _, err := prom.Query(ctx, `sum(increase(e2e_requests_total[1m]))`, end)
	if vector, ok := value.(model.Vector); err != nil || !ok || len(vector) != 1 || vector[0].Value != 120 {
		t.Errorf("query: %v (error %v)", value, err)
	}
	root, err := api.NewClient(api.Config{Address: server}) // without the prefix
	if err != nil {
		t.Fatal(err)
	}
	value, _, _, err = v1.NewAPI(root).Query(ctx, `sum(increase(e2e_requests_total[1m]))`, end)
	if vector, ok := value.(model.Vector); err != nil || !ok || len(vector) != 1 || vector[0].Value != 120 {
		t.Errorf("query at the root: %v (error %v)", value, err)
	}
	value, _, _, err = prom.Query(ctx, `e2e_requests_total{code="200"}[25s]`, end)
	if matrix, ok := value.(model.Matrix); err != nil || !ok || len(matrix) != 1 || len(matrix[0].Values) != 3 {
		t.Errorf("raw samples: %v (error %v)", value, err)
	}
	value, _, _, err = prom.Query(ctx, `1 + 1`, end)
	if scalar, ok := value.(*model.Scalar); err != nil || !ok || scalar.Value != 2 {
		t.Errorf("scalar: %v (error %v)", value, err)
	}
	value, _, _, err = prom.QueryRange(ctx, `rate(e2e_requests_total{code="500"}[1m])`, v1.Range{Start: end.Add(-time.Minute), End: end, Step: 30 * time.Second})
	if matrix, ok := value.(model.Matrix); err != nil || !ok || len(matrix) != 1 || len(matrix[0].Values) != 3 || matrix[0].Values[2].Value != 1 {
		t.Errorf("range: %v (error %v)", value, err)
	}
	if _, _, _, err := prom.Query(ctx, `sum(`, end); err == nil || !strings.Contains(err.Error(), "bad_data") {
		t.Errorf("a malformed query: error %v", err)
	}
	exemplars, err := prom.QueryExemplars(ctx, `histogram_quantile(0.9, sum(rate(e2e_took_bucket[5m])) by (le))`, end.Add(-time.Hour), end)
	if err != nil || len(exemplars) != 1 || exemplars[0].SeriesLabels["le"] != "1" || len(exemplars[0].Exemplars) != 1 ||
		exemplars[0].Exemplars[0].Labels["trace_id"] != "4bf92f3577b34da6a3ce929d0e0e4736" || exemplars[0].Exemplars[0].Value != 0.67 || exemplars[0].Exemplars[0].Timestamp.Time().UnixMilli() != end.UnixMilli()-1500 {
		t.Errorf("exemplars: %+v (error %v)", exemplars, err)
	}
	names, _, _, err := prom.LabelNames(ctx, nil, end.Add(-time.Hour), end)
	if err != nil || !slices.Contains(names, "code") {
		t.Errorf("label names: %v (error %v)", names, err)
	}
	values, _, _, err := prom.LabelValues(ctx, "code", []string{"e2e_requests_total"}, end.Add(-time.Hour), end)
	if err != nil || len(values) != 2 {
		t.Errorf("label values: %v (error %v)", values, err)
	}
	series, _, _, err := prom.Series(ctx, []string{`e2e_requests_total{code="500"}`}, end.Add(-time.Hour), end)
	if err != nil || len(series) != 1 || series[0]["code"] != "500" {
		t.Errorf("series: %v (error %v)", series, err)
	}
	about, err := prom.Metadata(ctx, "e2e_requests_total", "")
	if err != nil || len(about["e2e_requests_total"]) != 1 || about["e2e_requests_total"][0].Type != v1.MetricTypeCounter {
		t.Errorf("metadata: %v (error %v)", about, err)
	}
	if build, err := prom.Buildinfo(ctx); err != nil || build.Version == "" {
		t.Errorf("build info: %+v (error %v)", build, err)
	}
	if run, err := prom.Runtimeinfo(ctx); err != nil || run.GOMAXPROCS == 0 {
		t.Errorf("runtime info: %+v (error %v)", run, err)
	}
	if rules, err := prom.Rules(ctx, nil); err != nil || len(rules.Groups) != 0 {
		t.Errorf("rules without a monitor: %+v (error %v)", rules, err)
	}
	monitor := `{"name": "requests", "type": "metric alert", "query": "max(last_5m):max:e2e_requests_total{*} by {code} > 100", "message": "too many", "tags": ["team:web"]}`
	response, err := http.Post(server+"/api/v1/monitor", "application/json", strings.NewReader(monitor))
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("make a monitor: %v %v", response, err)
	}
	response.Body.Close()
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(200 * time.Millisecond) { // monitors are evaluated every minute
		alerts, err := prom.Alerts(ctx)
		if err == nil && len(alerts.Alerts) == 2 && alerts.Alerts[0].State == v1.AlertStateFiring && alerts.Alerts[0].Labels["team"] == "web" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("alerts are %+v (error %v)", alerts, err)
		}
	}
	rules, err := prom.Rules(ctx, nil)
	if err != nil || len(rules.Groups) != 1 || len(rules.Groups[0].Rules) != 1 {
		t.Errorf("rules: %+v (error %v)", rules, err)
	}

	out, err := exec.Command("promtool", "query", "instant", "--time="+end.Format(time.RFC3339), server+"/prometheus", `sum(e2e_requests_total)`).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "=> 240 @") {
		t.Errorf("promtool query instant: %s (error %v)", out, err)
	}
	out, err = exec.Command("promtool", "query", "labels", server+"/prometheus", "code").CombinedOutput()
	if err != nil || string(out) != "200\n500\n" {
		t.Errorf("promtool query labels: %s (error %v)", out, err)
	}

	federated, err := http.Get(server + "/prometheus/federate?match[]=e2e_requests_total")
	if err != nil {
		t.Fatal(err)
	}
	defer federated.Body.Close()
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = federated.Body
	if out, err := check.CombinedOutput(); err != nil && !strings.Contains(string(out), "no help text") {
		t.Errorf("promtool check metrics: %s (error %v)", out, err)
	}
}

// TestRemoteRead reads back what was imported, as Prometheus does.
func TestRemoteRead(t *testing.T) {
	server := startWhippet(t)
	at := time.Now().Add(-time.Minute).Truncate(time.Second).UnixMilli()
	post(t, server+"/api/v1/import/prometheus", fmt.Sprintf("read_me{a=\"b\"} 1.5 %d\nread_me{a=\"c\"} 2 %d\n", at, at), http.StatusNoContent)

	text := func(b []byte, number protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), s)
	}
	nest := func(b []byte, number protowire.Number, inner []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), inner)
	}
	count := func(b []byte, number protowire.Number, v int64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(v))
	}
	query := count(count(nil, 1, at-60_000), 2, at+60_000)
	query = nest(query, 3, text(text(nil, 2, "__name__"), 3, "read_me"))
	query = nest(query, 3, text(text(count(nil, 1, 2), 2, "a"), 3, "b|x"))
	response, err := http.Post(server+"/prometheus/api/v1/read", "application/x-protobuf", bytes.NewReader(s2.EncodeSnappy(nil, nest(nil, 1, query))))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s (error %v)", response.Status, body, err)
	}
	got, err := s2.Decode(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	series := nest(nil, 1, text(text(nil, 1, "__name__"), 2, "read_me"))
	series = nest(series, 1, text(text(nil, 1, "a"), 2, "b"))
	sample := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(1.5))
	series = nest(series, 2, count(sample, 2, at))
	if want := nest(nil, 1, nest(nil, 1, series)); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}
