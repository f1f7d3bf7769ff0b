package alerting

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the monitor sent while it watched, its backtest says too, in the same
// words at the same minutes.
func TestBacktestAgreesWithWhatHappened(t *testing.T) {
	s := newSite(t, noon)
	s.undelivered = true
	for i := range 30 { // data from before the monitor
		_ = i
		s.advance(time.Minute)
		s.send("my_metric", map[string]float64{"a": 1, "b": 1}, 6)
	}
	doc := change(t, exerciseMonitor, "options.renotify_interval", "10")
	id := s.create(doc)
	if _, err := s.s.CreateDowntime(t.Context(), json.RawMessage(fmt.Sprintf(`{"scope": ["host:b"], "monitor_id": %d, "start": %d, "end": %d}`, id,
		s.clock().Add(40*time.Minute).Unix(), s.clock().Add(70*time.Minute).Unix()))); err != nil {
		t.Fatal(err)
	}
	s.minutes(1, map[string]float64{"a": 1, "b": 1})
	first := s.s.monitors()[0].due
	r := rand.New(rand.NewPCG(1, 2))
	value := map[string]float64{"a": 1, "b": 1}
	type mail struct {
		at      int64
		subject string
	}
	var happened []mail
	for range 120 {
		for host := range value {
			if r.Float64() < 0.15 {
				value[host] = []float64{1, 600, 900}[r.IntN(3)]
			}
		}
		s.minutes(1, value)
		for _, m := range s.take() {
			happened = append(happened, mail{s.s.monitors()[0].due, m.subject})
		}
	}
	b, err := s.s.Backtest(t.Context(), json.RawMessage(strings.Replace(doc, "{", fmt.Sprintf(`{"id": %d,`, id), 1)), first, s.clock().UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	var would []mail
	for _, m := range b.Mails {
		would = append(would, mail{m.At, m.Subject})
	}
	for _, list := range [][]mail{happened, would} {
		slices.SortFunc(list, func(a, b mail) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	if !slices.Equal(happened, would) || len(would) < 10 {
		t.Errorf("happened:\n%v\nwould have:\n%v", happened, would)
	}
	if b.Step != minuteMillis || b.Evaluations < 110 || len(b.Groups) != 2 {
		t.Errorf("step %d, %d evaluations, %d groups", b.Step, b.Evaluations, len(b.Groups))
	}
}

func TestBacktestOfComposites(t *testing.T) {
	s := newSite(t, noon)
	high := s.create(change(t, monitorDoc(metricAlert, "avg(last_1m):avg:my_metric{*} by {host} > 800", ""), "message", `""`))
	low := s.create(change(t, monitorDoc(metricAlert, "avg(last_1m):avg:my_metric{host:b} < 5", ""), "message", `""`))
	check := s.create(monitorDoc(serviceCheck, `"pg".over("*").by("host").last(2).count_by_status()`, ""))
	for i := range 20 {
		s.advance(time.Minute)
		s.send("my_metric", map[string]float64{"a": float64(900 * (i / 10)), "b": 1}, 6)
	}
	b, err := s.s.Backtest(t.Context(), json.RawMessage(monitorDoc(composite, fmt.Sprintf("%d && %d", high, low), "")), noon.Add(2*time.Minute).UnixMilli(), s.clock().UnixMilli())
	if err != nil || len(b.Mails) != 1 || b.Mails[0].Subject != "[Triggered] n on {host:a}" || b.Mails[0].Status != Alert {
		t.Errorf("%+v, %v", b, err)
	}
	for _, doc := range []string{monitorDoc(serviceCheck, `"pg".over("*").last(2).count_by_status()`, ""), monitorDoc(composite, fmt.Sprintf("%d && %d", high, check), "")} {
		var f *FieldError
		if _, err := s.s.Backtest(t.Context(), json.RawMessage(doc), noon.UnixMilli(), s.clock().UnixMilli()); !errors.As(err, &f) || !strings.Contains(err.Error(), "only the last run") {
			t.Errorf("%s: %v", doc, err)
		}
	}
}
