package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestPrometheusWritesWhatItScrapes lets a real Prometheus, where there is one
// (Debian's package will do), scrape itself and write here.
func TestPrometheusWritesWhatItScrapes(t *testing.T) {
	executable, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("there is no prometheus on this machine")
	}
	s := startServer(t)
	dir, address := t.TempDir(), freeTCP(t)
	config := fmt.Sprintf(`
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: self
    static_configs: [{targets: ['%s']}]
remote_write:
  - url: %s/api/v1/write
    send_native_histograms: true
    send_exemplars: true
    metadata_config: {send: true, send_interval: 1s}
    queue_config: {batch_send_deadline: 200ms}
`, address, s.url)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	prometheus := exec.Command(executable, "--config.file", file, "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", address, "--enable-feature=native-histograms,exemplar-storage")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	prometheus.Stderr = log
	if err := prometheus.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		prometheus.Process.Signal(syscall.SIGTERM)
		prometheus.Wait()
		if raw, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("log of prometheus:\n%s", raw)
		}
	}()
	s.eventually("up is written", func() error {
		if rows := s.instant(`sum_over_time(up{job="self", instance="`+address+`"}[1m])`, time.Now()); len(rows) != 1 || sum(rows) < 3 {
			return &statusError{0, "up", fmt.Sprint(rows)}
		}
		return nil
	})
	s.eventually("a counter is known as one, with its help", func() error {
		var m struct{ Type, Description string }
		s.call("GET", "/api/v1/metrics/prometheus_http_requests_total", nil, &m)
		if m.Description == "" {
			return &statusError{0, "metadata", fmt.Sprint(m)}
		}
		return nil
	})
	s.eventually("the rate of a counter can be asked", func() error {
		if rows := s.instant(`sum(rate(prometheus_remote_storage_samples_total[30s]))`, time.Now()); sum(rows) <= 0 {
			return &statusError{0, "rate", fmt.Sprint(rows)}
		}
		return nil
	})
	var stats struct{ Malformed, RejectedSeries, RejectedOld, RejectedFuture uint64 }
	s.call("GET", "/debug/whippet/remote-write", nil, &stats)
	if stats.Malformed+stats.RejectedSeries+stats.RejectedOld+stats.RejectedFuture > 0 {
		t.Errorf("not all was taken: %+v", stats)
	}
}

func sum(rows map[string]float64) (total float64) {
	for _, v := range rows {
		total += v
	}
	return total
}
