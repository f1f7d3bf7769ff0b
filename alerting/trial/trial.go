// Package trial runs tests of monitors: given these points, expect these mails
// at these times. A test has an installation of its own, in a temporary folder
// and on a clock that it moves: monitors, downtimes, samples and mails go the
// same way as in a running one.
//
//	monitors:
//	  - name: my_metric is high
//	    type: metric alert
//	    query: avg(last_5m):avg:my_metric{*} by {host} > 800
//	    message: "{{value}} on {{host.name}} @ops@example.com"
//	tests:
//	  - name: one bad host, one mail
//	    monitor: my_metric is high
//	    series:
//	      - {metric: my_metric, tags: [host:a], values: 100x60 900x60 100x60}
//	    expect:
//	      - {at: 14m..16m, subject: "[Triggered] my_metric is high on {host:a}", to: [ops@example.com]}
//	      - {at: 20m..26m, subject: "[Recovered] my_metric is high on {host:a}"}
//
// Values are 10 s apart, or as far as "every" says: 100x30 is 100 thirty times,
// 100+5x30 grows by 5, _x6 is a gap.
package trial

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// Test is one test of one monitor.
type Test struct {
	Name      string            `json:"name"`
	Monitor   json.RawMessage   `json:"monitor"` // a document, or the name of one
	Start     string            `json:"start"`   // a time; "": Monday, 2026-01-05, noon
	Timezone  string            `json:"timezone"`
	For       string            `json:"for"` // "": until the longest series ends
	Series    []Series          `json:"series"`
	Checks    []Checks          `json:"checks"`
	Events    []Event           `json:"events"`
	Downtimes []json.RawMessage `json:"downtimes"`
	Expect    []Expect          `json:"expect"` // these mails and no others; none: there is no mail
}

// Series is the values that one series gets.
type Series struct {
	Metric string   `json:"metric"`
	Tags   []string `json:"tags"`
	Type   string   `json:"type"`  // gauge, count or rate; "": gauge
	Every  string   `json:"every"` // "": 10s
	Values string   `json:"values"`
}

// Checks is the statuses that one service check has: ok, warning, critical,
// unknown, as "okx5 criticalx3".
type Checks struct {
	Check   string   `json:"check"`
	Host    string   `json:"host"`
	Tags    []string `json:"tags"`
	Every   string   `json:"every"` // "": 15s
	Message string   `json:"message"`
	Values  string   `json:"values"`
}

// Event is something that happens at a time after the start.
type Event struct {
	At        string   `json:"at"`
	Title     string   `json:"title"`
	Text      string   `json:"text"`
	Tags      []string `json:"tags"`
	AlertType string   `json:"alert_type"`
	Source    string   `json:"source"`
}

// Expect is a mail that must come. What it doesn't say may be anything.
type Expect struct {
	At      string   `json:"at"` // after the start: "5m", or between: "5m..7m"
	Subject string   `json:"subject"`
	To      []string `json:"to"`
	Text    string   `json:"text"` // is in it
}

// Mail is one that was sent.
type Mail struct {
	After   time.Duration // since the start
	Subject string
	To      []string
	Text    string
}

// Result is the outcome of a test.
type Result struct {
	Name     string
	Mails    []Mail
	Failures []string // none: it passed
}

const (
	longest  = 40 * 24 * time.Hour
	maxSteps = 2_000_000 // samples of a test
)

// Run runs t with the monitors that it may name. An error is a test that can't
// be run; what turned out otherwise than expected is in the result.
func Run(ctx context.Context, monitors []json.RawMessage, t Test) (*Result, error) {
	r, err := newRun(t)
	if err != nil {
		return nil, fmt.Errorf("test %q: %w", t.Name, err)
	}
	dir, err := os.MkdirTemp("", "whippet-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	log := slog.New(slog.DiscardHandler)
	if r.db, err = store.Open(filepath.Join(dir, "data"), store.Options{Now: r.clock, Log: log}); err != nil {
		return nil, err
	}
	err = r.play(ctx, monitors, log)
	if err = errors.Join(err, r.db.Close()); err != nil {
		return nil, fmt.Errorf("test %q: %w", t.Name, err)
	}
	return &Result{Name: t.Name, Mails: r.mails, Failures: judge(t.Expect, r.mails)}, nil
}

// run is a test on its way.
type run struct {
	Test
	start, end time.Time
	now        atomic.Pointer[time.Time] // the store reads it beside the test
	zone       *time.Location
	inputs     []input
	db         *store.DB
	mails      []Mail
	seen       int64 // the newest mail that was read
}

// input is what happens at a moment.
type input struct {
	at   time.Time
	feed func(ctx context.Context, r *run) error
}

func (r *run) clock() time.Time { return *r.now.Load() }

func newRun(t Test) (*run, error) {
	r := &run{Test: t, zone: time.UTC}
	var err error
	if t.Timezone != "" {
		if r.zone, err = time.LoadLocation(t.Timezone); err != nil {
			return nil, fmt.Errorf("timezone: %q is no zone such as Europe/Berlin", t.Timezone)
		}
	}
	r.start = time.Date(2026, 1, 5, 12, 0, 0, 0, r.zone)
	if t.Start != "" {
		if r.start, err = moment(t.Start, r.zone); err != nil {
			return nil, err
		}
	}
	r.end = r.start
	r.now.Store(&r.start)
	for i, s := range t.Series {
		if err := r.addSeries(s); err != nil {
			return nil, fmt.Errorf("series[%d]: %w", i, err)
		}
	}
	for i, c := range t.Checks {
		if err := r.addChecks(c); err != nil {
			return nil, fmt.Errorf("checks[%d]: %w", i, err)
		}
	}
	for i, e := range t.Events {
		after, err := length(e.At, 0)
		if err != nil {
			return nil, fmt.Errorf("events[%d]: %w", i, err)
		}
		r.add(r.start.Add(after), func(ctx context.Context, r *run) error {
			return r.db.Catalog().AddEvents(ctx, []catalog.Event{{
				Title: e.Title, Text: e.Text, Tags: e.Tags, AlertType: cmp.Or(e.AlertType, "info"), Priority: "normal", SourceType: e.Source, Time: r.clock().UnixMilli(),
			}})
		})
	}
	if t.For != "" {
		whole, err := length(t.For, 0)
		if err != nil {
			return nil, fmt.Errorf("for: %w", err)
		}
		r.end = r.start.Add(whole)
	}
	if r.end.Sub(r.start) > longest || !r.end.After(r.start) {
		return nil, fmt.Errorf("it lasts %v: give it series, or for, of at most %v", r.end.Sub(r.start), longest)
	}
	slices.SortStableFunc(r.inputs, func(a, b input) int { return a.at.Compare(b.at) })
	return r, nil
}

func (r *run) add(at time.Time, feed func(context.Context, *run) error) {
	r.inputs = append(r.inputs, input{at, feed})
	if at.After(r.end) {
		r.end = at
	}
}

func (r *run) addSeries(s Series) error {
	if s.Metric == "" {
		return fmt.Errorf("metric: its name is missing")
	}
	kind, ok := map[string]store.Kind{"": store.Gauge, "gauge": store.Gauge, "count": store.Count, "rate": store.Rate}[s.Type]
	if !ok {
		return fmt.Errorf("type: %q is none of gauge, count, rate", s.Type)
	}
	every, err := length(s.Every, 10*time.Second)
	if err != nil {
		return fmt.Errorf("every: %w", err)
	}
	values, err := expand(s.Values, func(text string) (float64, error) {
		if text == "_" {
			return math.NaN(), nil
		}
		return strconv.ParseFloat(text, 64)
	})
	if err != nil {
		return fmt.Errorf("values: %w", err)
	}
	series := store.Series{Name: store.NormalizeName(s.Metric), Tags: store.NewTags(s.Tags), Kind: kind, Interval: every.Milliseconds()}
	for i, v := range values {
		if len(r.inputs) >= maxSteps {
			return fmt.Errorf("values: more than %d in all", maxSteps)
		}
		if math.IsNaN(v) {
			continue
		}
		r.add(r.start.Add(time.Duration(i)*every), func(ctx context.Context, r *run) error {
			ref, err := r.db.Intern(series)
			if err != nil {
				return err
			}
			_, err = r.db.Append(ctx, &store.Batch{Samples: []store.Sample{{Ref: ref, Time: r.clock().UnixMilli(), Value: v}}})
			return err
		})
	}
	r.until(time.Duration(len(values)) * every)
	return nil
}

// until lets the test last at least so long.
func (r *run) until(after time.Duration) {
	if end := r.start.Add(after); end.After(r.end) {
		r.end = end
	}
}

func (r *run) addChecks(c Checks) error {
	every, err := length(c.Every, 15*time.Second)
	if err != nil {
		return fmt.Errorf("every: %w", err)
	}
	statuses := map[string]float64{"ok": 0, "warning": 1, "critical": 2, "unknown": 3, "_": math.NaN()}
	values, err := expand(c.Values, func(text string) (float64, error) {
		v, ok := statuses[text]
		if !ok {
			return 0, fmt.Errorf("want ok, warning, critical, unknown or _")
		}
		return v, nil
	})
	if err != nil {
		return fmt.Errorf("values: %w", err)
	}
	for i, v := range values {
		if math.IsNaN(v) {
			continue
		}
		r.add(r.start.Add(time.Duration(i)*every), func(ctx context.Context, r *run) error {
			return r.db.Catalog().PutChecks(ctx, []catalog.Check{{
				Name: c.Check, Host: c.Host, Tags: c.Tags, Status: int(v), Message: c.Message, Time: r.clock().UnixMilli(),
			}})
		})
	}
	r.until(time.Duration(len(values)) * every)
	return nil
}

// tick is how often monitors are looked at: the least interval of all.
const tick = 5 * time.Second

// play lets the time of the test pass.
func (r *run) play(ctx context.Context, monitors []json.RawMessage, log *slog.Logger) error {
	r.now.Store(&r.start)
	service, err := alerting.New(alerting.Deps{
		Catalog: r.db.Catalog(), Engine: query.New(r.db, query.Options{Log: log}), Now: r.clock, Log: log, Zone: r.zone,
	})
	if err != nil {
		return err
	}
	doc, err := r.document(monitors)
	if err != nil {
		return err
	}
	if _, err := service.CreateMonitor(ctx, doc); err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	for i, d := range r.Downtimes {
		if _, err := service.CreateDowntime(ctx, d); err != nil {
			return fmt.Errorf("downtimes[%d]: %w", i, err)
		}
	}
	next := 0
	for r.now.Store(&r.start); !r.clock().After(r.end) && ctx.Err() == nil; {
		upTo := r.clock()
		for ; next < len(r.inputs) && !r.inputs[next].at.After(upTo); next++ {
			r.now.Store(&r.inputs[next].at)
			if err := r.inputs[next].feed(ctx, r); err != nil {
				return err
			}
		}
		r.now.Store(&upTo)
		if err := service.Step(ctx); err != nil {
			return err
		}
		if err := r.collect(service); err != nil {
			return err
		}
		later := r.clock().Add(tick)
		r.now.Store(&later)
	}
	return ctx.Err()
}

// document is the monitor under test: written out, or named.
func (r *run) document(monitors []json.RawMessage) (json.RawMessage, error) {
	var name string
	if json.Unmarshal(r.Monitor, &name) != nil {
		if len(r.Monitor) == 0 && len(monitors) == 1 {
			return monitors[0], nil
		}
		return r.Monitor, nil
	}
	var names []string
	for _, raw := range monitors {
		var m struct{ Key, Name string }
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, fmt.Errorf("monitors: %w", err)
		}
		if m.Name == name || m.Key == name && m.Key != "" {
			return raw, nil
		}
		names = append(names, strconv.Quote(cmp.Or(m.Key, m.Name)))
	}
	return nil, fmt.Errorf("monitor: there is no %q, only %s", name, strings.Join(names, ", "))
}

// collect reads the mails that are new in the outbox. There is no mail server:
// they stay queued.
func (r *run) collect(service *alerting.Service) error {
	mails, err := service.OutboxSince(r.seen)
	if err != nil {
		return err
	}
	for _, m := range mails {
		r.seen = m.ID
		whole, err := service.OutboxMessage(m.ID)
		if err != nil {
			return err
		}
		r.mails = append(r.mails, Mail{After: r.clock().Sub(r.start), Subject: m.Subject, To: m.To, Text: whole.Text})
	}
	return nil
}

// judge matches the mails with those expected, in order of time.
func judge(expected []Expect, mails []Mail) []string {
	var failures []string
	used := make([]bool, len(mails))
	for _, e := range expected {
		from, to, err := between(e.At)
		if err != nil {
			failures = append(failures, err.Error())
			continue
		}
		found, near := -1, ""
		for i, m := range mails {
			if used[i] || e.Subject != "" && m.Subject != e.Subject {
				continue
			}
			switch {
			case m.After < from || m.After > to:
				near = fmt.Sprintf("; it came after %v", m.After)
			case len(e.To) > 0 && !slices.Equal(slices.Sorted(slices.Values(e.To)), slices.Sorted(slices.Values(m.To))):
				near = fmt.Sprintf("; it went to %s", strings.Join(m.To, ", "))
			case !strings.Contains(m.Text, e.Text):
				near = fmt.Sprintf("; its text doesn't hold %q:\n%s", e.Text, m.Text)
			default:
				found = i
			}
			if found >= 0 {
				break
			}
		}
		if found < 0 {
			failures = append(failures, fmt.Sprintf("no mail %q at %s%s", e.Subject, cmp.Or(e.At, "any time"), near))
			continue
		}
		used[found] = true
	}
	for i, m := range mails {
		if !used[i] {
			failures = append(failures, fmt.Sprintf("an unexpected mail after %v: %q to %s", m.After, m.Subject, strings.Join(m.To, ", ")))
		}
	}
	return failures
}

// between reads "5m" (to the minute) or "5m..7m".
func between(text string) (from, to time.Duration, err error) {
	if text == "" {
		return 0, longest, nil
	}
	first, last, ranged := strings.Cut(text, "..")
	if from, err = length(first, 0); err != nil {
		return 0, 0, fmt.Errorf("at: %w", err)
	}
	if !ranged {
		return from, from + time.Minute, nil
	}
	if to, err = length(last, 0); err != nil {
		return 0, 0, fmt.Errorf("at: %w", err)
	}
	return from, to, nil
}

// expand reads "100x30 100+5x30 _x6".
func expand(text string, read func(string) (float64, error)) ([]float64, error) {
	var out []float64
	for _, word := range strings.Fields(strings.ReplaceAll(text, ",", " ")) {
		value, times, repeated := word, 1, false
		if i := strings.LastIndexByte(word, 'x'); i > 0 {
			n, err := strconv.Atoi(word[i+1:])
			if err == nil {
				value, times, repeated = word[:i], n, true
			}
		}
		step := 0.0
		if i := strings.LastIndexByte(value, '+'); i > 0 && repeated {
			var err error
			if step, err = strconv.ParseFloat(value[i+1:], 64); err != nil {
				return nil, fmt.Errorf("%q is no step", word)
			}
			value = value[:i]
		}
		v, err := read(value)
		if err != nil {
			return nil, fmt.Errorf("%q is no value such as 100, 100x30, 100+5x30 or _x6 (%w)", word, err)
		}
		if times < 1 || len(out)+times > maxSteps {
			return nil, fmt.Errorf("%q: want 1 to %d values", word, maxSteps)
		}
		for i := range times {
			out = append(out, v+step*float64(i))
		}
	}
	return out, nil
}

func length(text string, absent time.Duration) (time.Duration, error) {
	if text = strings.TrimSpace(text); text == "" {
		return absent, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err == nil && n >= 0 && n < 1000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration such as 90s, 5m or 2h", text)
	}
	return d, nil
}

func moment(text string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("start: %q is no time such as 2026-01-05T12:00", text)
}
