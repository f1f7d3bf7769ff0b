// Package hostmetrics measures the machine it runs on under the names that the
// Datadog Agent's own checks use (system.*, gpu.*, postgresql.*), so that
// dashboards and monitors made for an agent work on it.
//
// It speaks the agent's wire formats: what is measured becomes payloads for the
// routes /api/v1/series, /api/v1/check_run, /api/v1/collector and /intake, which a
// Deliver function hands to an intake in the same process or ships to another machine.
//
//	c := hostmetrics.New(hostmetrics.Config{Host: "web-1", Deliver: shipper.Deliver})
//	return c.Run(ctx)
package hostmetrics

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Deliver hands over one payload: the path of an agent's intake route and a
// body, JSON but for /api/v1/collector. The body is the callee's from then on.
type Deliver func(ctx context.Context, path string, body []byte) error

// Config says what to measure and where it goes.
type Config struct {
	Host      string   // of everything measured; "": the machine's name
	Tags      []string // of the host, such as "env:test"
	Version   string   // of the program, shown as the host's agent
	Postgres  []string // URLs of PostgreSQL servers to watch
	Processes []string // names of processes to watch
	Top       bool     // list the busiest processes
	Deliver   Deliver
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: slog.Default
}

const (
	// Interval is the time between two measurements.
	Interval = 10 * time.Second
	// metadataEvery is how often the host is described again.
	metadataEvery = 10 * time.Minute
	// pollEvery is how often the clock is looked at.
	pollEvery = 250 * time.Millisecond
	// patience is how long one round of measurements may take.
	patience = 8 * time.Second
)

// Collector measures this machine. Use New.
type Collector struct {
	config    Config
	sources   []*source
	top       top
	measured  int64 // ms; the full interval last measured
	described time.Time
	failing   bool
}

// source is one check of the collector.
type source struct {
	name     string
	collect  func(ctx context.Context, r *report) error
	close    func()
	counters counters
	failing  bool
}

// New returns a collector. It does nothing until Run is called.
func New(c Config) *Collector {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Host == "" {
		if name, err := os.Hostname(); err == nil {
			c.Host = name
		}
	}
	out := &Collector{config: c, sources: systemSources()}
	if s := gpuSource(); s != nil {
		out.sources = append(out.sources, s)
	}
	if len(c.Processes) > 0 {
		out.sources = append(out.sources, processSource(c.Processes))
	}
	for _, url := range c.Postgres {
		out.sources = append(out.sources, postgresSource(url))
	}
	return out
}

// Run measures at once and then at every full 10 s, until ctx ends.
func (c *Collector) Run(ctx context.Context) error {
	defer func() {
		for _, s := range c.sources {
			if s.close != nil {
				s.close()
			}
		}
	}()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		now := c.config.Now()
		if at := now.Truncate(Interval); at.UnixMilli() != c.measured {
			c.measured = at.UnixMilli()
			if err := c.round(ctx, now); ctx.Err() == nil {
				c.told(err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// told logs a failure to deliver when it begins, and when it ends.
func (c *Collector) told(err error) {
	switch {
	case err != nil && !c.failing:
		c.config.Log.Error("deliver this host's metrics", "err", err)
	case err == nil && c.failing:
		c.config.Log.Info("this host's metrics are delivered again")
	}
	c.failing = err != nil
}

// round measures everything once and delivers it.
func (c *Collector) round(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if now.Sub(c.described) >= metadataEvery || now.Before(c.described) {
		body, err := c.metadata(ctx)
		if err != nil {
			return err
		}
		if err := c.config.Deliver(ctx, "/intake/", body); err != nil {
			return err
		}
		c.described = now
	}
	reports := make([]report, len(c.sources))
	var wg sync.WaitGroup
	for i, s := range c.sources {
		reports[i] = report{at: now, counters: &s.counters}
		wg.Go(func() {
			s.counters.begin(now)
			err := s.collect(ctx, &reports[i])
			s.counters.end()
			if failing := err != nil; failing != s.failing && ctx.Err() == nil {
				s.failing = failing
				if failing {
					c.config.Log.Warn("this host can't be measured in full", "check", s.name, "err", err)
				}
			}
		})
	}
	wg.Wait()
	series, checks := c.payloads(reports)
	if err := c.send(ctx, "/api/v1/series", map[string]any{"series": series}); err != nil {
		return err
	}
	if err := c.send(ctx, "/api/v1/check_run", checks); err != nil || !c.config.Top {
		return err
	}
	frame, err := c.top.frame(ctx, c.config.Host, now)
	if err != nil || frame == nil {
		return err
	}
	return c.config.Deliver(ctx, "/api/v1/collector", frame)
}

func (c *Collector) send(ctx context.Context, path string, doc any) error {
	body, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return c.config.Deliver(ctx, path, body)
}

// wireSeries is a series of the agent's v1 JSON payload.
type wireSeries struct {
	Metric   string        `json:"metric"`
	Points   [1][2]float64 `json:"points"` // s, value
	Tags     []string      `json:"tags,omitempty"`
	Host     string        `json:"host"`
	Device   string        `json:"device,omitempty"`
	Type     string        `json:"type"`
	Interval int           `json:"interval,omitempty"`
	Unit     string        `json:"unit,omitempty"`
	Source   string        `json:"source_type_name"`
}

// wireCheck is a service check of the agent's payload.
type wireCheck struct {
	Check   string   `json:"check"`
	Host    string   `json:"host_name"`
	Time    int64    `json:"timestamp"`
	Status  int      `json:"status"`
	Message string   `json:"message,omitempty"`
	Tags    []string `json:"tags"`
}

func (c *Collector) payloads(reports []report) (series []wireSeries, checks []wireCheck) {
	checks = []wireCheck{{Check: "datadog.agent.up", Host: c.config.Host, Time: reports[0].at.Unix(), Tags: []string{}}}
	for _, r := range reports {
		at := r.at.Truncate(Interval).Unix()
		for _, p := range r.points {
			s := wireSeries{
				Metric: p.name, Points: [1][2]float64{{float64(at), p.value}}, Tags: p.tags, Host: c.config.Host,
				Device: p.device, Type: "gauge", Unit: p.unit, Source: r.integration(p.name),
			}
			if p.count {
				// A count is of the interval that has passed.
				s.Type, s.Interval = "count", int(Interval/time.Second)
				s.Points[0][0] -= Interval.Seconds()
			}
			series = append(series, s)
		}
		for _, k := range r.checks {
			k.Host, k.Time = c.config.Host, r.at.Unix()
			checks = append(checks, k)
		}
	}
	return series, checks
}
