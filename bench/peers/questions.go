package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/whippet-obs/whippet/bench/fleet"
)

// question is a query, or a path of the API with its parameters.
type question struct {
	name  string
	expr  string
	hours int // of the range; 0 for an instant
	step  int // s
	path  string
}

// questions are those that dashboards and monitors ask, from narrow to wide.
var questions = []question{
	{name: "1 series, 1 h at 10 s", expr: `system_load_1{host="host-00003"}`, hours: 1, step: 10},
	{name: "1 series, 24 h, avg 5 min", expr: `avg_over_time(system_load_1{host="host-00003"}[5m])`, hours: 24, step: 300},
	{name: "1 metric x hosts, 1 h at 10 s, avg by env", expr: `avg by (env) (system_load_1)`, hours: 1, step: 10},
	{name: "sum by host, 20 series a host as 5 terms, 6 h at 1 min", hours: 6, step: 60, expr: `sum by (host) (avg_over_time(system_cpu_user[1m])) + sum by (host) (avg_over_time(system_cpu_system[1m])) + ` +
		`sum by (host) (avg_over_time(system_cpu_iowait[1m])) + sum by (host) (avg_over_time(system_cpu_idle[1m])) + sum by (host) (avg_over_time(system_net_bytes_rcvd[1m]))`},
	{name: "sum by host, the same series by name regex", expr: `sum by (host) (avg_over_time({__name__=~"system_cpu_(user|system|iowait|idle)|system_net_bytes_rcvd"}[1m]))`, hours: 6, step: 60},
	{name: "avg of all series, 24 h at 5 min", expr: `avg(avg_over_time({__name__!=""}[5m]))`, hours: 24, step: 300},
	{name: "avg of all series, 24 h at 5 min, last values", expr: `avg({__name__!=""})`, hours: 24, step: 300},
	{name: "p95 over hosts, 4 series a host, 6 h at 1 min", expr: `quantile(0.95, avg_over_time(system_net_bytes_rcvd[1m]))`, hours: 6, step: 60},
	{name: "p95 in time, 4 series a host, 6 h, 5 min", expr: `quantile_over_time(0.95, system_net_bytes_rcvd[5m])`, hours: 6, step: 300},
	{name: "topk 5, 4 series a host, 24 h, 5 min", expr: `topk(5, avg_over_time(system_net_bytes_rcvd[5m]))`, hours: 24, step: 300},
	{name: "rate of counters, 2 series a host, 24 h, 5 min", expr: `rate(app_events_total[5m])`, hours: 24, step: 300},
	{name: "max, 1 metric x hosts, 24 h, 5 min", expr: `max(max_over_time(system_load_1[5m]))`, hours: 24, step: 300},
	{name: "regex on name and host, 1 h at 1 min", expr: `sum by (host) (avg_over_time({__name__=~"system_io_.*",host=~"host-000[0-4].*"}[1m]))`, hours: 1, step: 60},
	{name: "last value of all series", expr: `{__name__!=""}`},
	{name: "count of all series", expr: `count({__name__!=""})`},
	{name: "label values: host", path: "/api/v1/label/host/values?"},
	{name: "label values: __name__ of one host", path: `/api/v1/label/__name__/values?match[]=` + url.QueryEscape(`{host="host-00003"}`) + "&"},
	{name: "series of one metric", path: "/api/v1/series?match[]=system_load_1&"},
}

// at is the question's path, for a range that ends at the given ms.
func (q question) at(end int64) string {
	seconds := func(ms int64) string { return fmt.Sprintf("%d.%03d", ms/1000, ms%1000) }
	switch {
	case q.path != "":
		return q.path + "start=" + seconds(end-3_600_000) + "&end=" + seconds(end)
	case q.hours == 0:
		return "/api/v1/query?query=" + url.QueryEscape(q.expr) + "&time=" + seconds(end)
	}
	start := end - int64(q.hours)*3_600_000
	return "/api/v1/query_range?query=" + url.QueryEscape(q.expr) + "&start=" + seconds(start) + "&end=" + seconds(end) + fmt.Sprintf("&step=%ds", q.step)
}

// ask asks once and checks that the answer is one.
func (s *server) ask(path string) (took time.Duration, body []byte, err error) {
	path = s.query + path
	if s.uncache != "" {
		path += "&" + s.uncache
	}
	start := time.Now()
	status, body, err := s.get(path)
	took = time.Since(start)
	if err != nil {
		return took, nil, err
	}
	if status != http.StatusOK {
		var refusal struct{ Error string }
		json.Unmarshal(body, &refusal)
		return took, nil, fmt.Errorf("%d %s", status, refusal.Error)
	}
	return took, body, nil
}

// enough is how long a client asks one question.
const enough = 15 * time.Second

// askOften asks from some clients at once, and gives the median time and the
// server's mean processor time of one answer.
func (s *server) askOften(ctx context.Context, path string, clients, rounds int) (median, cpu time.Duration, err error) {
	busy := s.cpuNow()
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			rounds := rounds
			for begun := time.Now(); rounds > 0 && ctx.Err() == nil && time.Since(begun) < enough; rounds-- {
				d, _, err := s.ask(path)
				mu.Lock()
				if took = append(took, d); err != nil {
					failed = err
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	if failed == nil {
		failed = ctx.Err()
	}
	if failed != nil {
		return 0, 0, failed
	}
	slices.Sort(took)
	return took[len(took)/2], (s.cpuNow() - busy) / time.Duration(len(took)), nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// day loads a day, measures what it takes on the disk, restarts the server, and
// asks the questions.
func (b *bench) day(ctx context.Context) error {
	disk := newTable(fmt.Sprintf("A day of %d hosts", b.scale.dayHosts), "server", "M samples", "k samples/s", "ns CPU/sample", "settled", "B/sample settled", "RSS MB after the questions", "peak at 1 client", "peak at 8 clients")
	columns := []string{"question"}
	for _, of := range []string{"CPU", "1", "8"} {
		for _, p := range b.peers {
			columns = append(columns, p.name+" "+of)
		}
	}
	asked := newTable("Questions: ms of the server's processor time for one answer, and p50 ms at 1 and at 8 clients", columns...)
	cells := make([][]string, len(questions))
	for i := range cells {
		cells[i] = make([]string, 3*len(b.peers))
	}
	for at, p := range b.peers {
		log.Printf("day: %s", p.name)
		err := b.with(ctx, p, func(s *server) error {
			sent, err := s.send(ctx, load{fleet.Fleet, b.scale.dayHosts, 8640, fleet.Backfill, remoteWrite, 2}, 0)
			if err != nil {
				return err
			}
			busy := s.cpu()
			if err := s.settle(ctx, b.scale.settle); err != nil {
				return err
			}
			n := float64(sent.samples)
			settled, size := s.cpu(), s.disk()
			if err := s.stop(); err != nil {
				return err
			}
			if err := s.restart(ctx); err != nil {
				return err
			}
			peaks := [2]int64{}
			for round, clients := range []int{1, 8} {
				s.resetPeak()
				for i, q := range questions {
					path := q.at(sent.last)
					s.ask(path) // once for the page cache and the like
					took, cpu, err := s.askOften(ctx, path, clients, b.scale.rounds)
					cell := fmt.Sprintf("%.2f", milliseconds(took))
					if err != nil {
						cell = "fails"
						log.Printf("%s: %s: %v", p.name, q.name, err)
					}
					cells[i][(1+round)*len(b.peers)+at] = cell
					if round == 0 && err == nil {
						cells[i][at] = fmt.Sprintf("%.2f", milliseconds(cpu))
					}
				}
				peaks[round] = s.memory("VmHWM")
			}
			disk.row(p.name, fmt.Sprintf("%.1f", n/1e6), fmt.Sprintf("%.0f", n/sent.took.Seconds()/1000), perSample(busy, n), perSample(settled, n),
				fmt.Sprintf("%.3f", float64(size)/n), fmt.Sprint(s.memory("VmRSS")>>20), fmt.Sprint(peaks[0]>>20), fmt.Sprint(peaks[1]>>20))
			return nil
		})
		if err != nil {
			disk.failed(err, p.name)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	for i, q := range questions {
		asked.row(append([]string{strings.ReplaceAll(q.name, "|", `\|`)}, cells[i]...)...)
	}
	disk.print()
	asked.print()
	return nil
}
