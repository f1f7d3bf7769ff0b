package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.etcd.io/bbolt"
)

// Metric is what is known of a metric beside its samples.
type Metric struct {
	Name        string `json:"name"`
	Type        string `json:"type"`               // gauge, count, rate, cumulative, distribution
	Interval    int64  `json:"interval,omitempty"` // s; as last seen
	Unit        string `json:"unit,omitempty"`
	PerUnit     string `json:"per_unit,omitempty"`
	Description string `json:"description,omitempty"`
	ShortName   string `json:"short_name,omitempty"`
	Integration string `json:"integration,omitempty"`
	Edited      bool   `json:"edited,omitempty"` // by a person: agents no longer change it
}

// maxMetrics bounds the metrics described; names come from the network.
const maxMetrics = 1_000_000

type metrics struct {
	mu     sync.RWMutex
	byName map[string]Metric
	dirty  map[string]bool
}

func (m *metrics) load(tx *bbolt.Tx) error {
	m.byName, m.dirty = map[string]Metric{}, map[string]bool{}
	return tx.Bucket([]byte(metricsBucket)).ForEach(func(name, raw []byte) error {
		var metric Metric
		if err := json.Unmarshal(raw, &metric); err != nil {
			return fmt.Errorf("read metric %s: %w", name, err)
		}
		m.byName[string(name)] = metric
		return nil
	})
}

// LearnMetric notes what an agent says of a metric; what it leaves out stays as
// it is. Cheap: called once per new series.
func (c *Catalog) LearnMetric(m Metric) {
	c.metrics.mu.RLock()
	known, ok := c.metrics.byName[m.Name]
	c.metrics.mu.RUnlock()
	learned := m
	if ok {
		if known.Edited {
			return
		}
		learned = known
		for _, f := range []struct {
			to   *string
			from string
		}{{&learned.Type, m.Type}, {&learned.Unit, m.Unit}, {&learned.PerUnit, m.PerUnit}, {&learned.Description, m.Description}, {&learned.Integration, m.Integration}} {
			if f.from != "" {
				*f.to = f.from
			}
		}
		if m.Interval > 0 {
			learned.Interval = m.Interval
		}
		if learned == known {
			return
		}
	}
	c.metrics.mu.Lock()
	defer c.metrics.mu.Unlock()
	if !ok && len(c.metrics.byName) >= maxMetrics || c.metrics.byName[m.Name].Edited {
		return
	}
	c.metrics.byName[m.Name] = learned
	c.metrics.dirty[m.Name] = true
}

// EditMetric changes the metadata of a metric by a person's hand, durably.
func (c *Catalog) EditMetric(ctx context.Context, name string, fn func(*Metric)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.metrics.mu.Lock()
	defer c.metrics.mu.Unlock()
	m := c.metrics.byName[name]
	fn(&m)
	m.Name, m.Edited = name, true
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("keep metric %s: %w", name, err)
	}
	err = c.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(metricsBucket)).Put([]byte(name), raw) })
	if err != nil {
		return fmt.Errorf("keep metric %s: %w", name, err)
	}
	c.metrics.byName[name] = m
	delete(c.metrics.dirty, name)
	return nil
}

// Metric returns what is known of a metric; false when nothing is.
func (c *Catalog) Metric(name string) (Metric, bool) {
	c.metrics.mu.RLock()
	defer c.metrics.mu.RUnlock()
	m, ok := c.metrics.byName[name]
	return m, ok
}

// Metrics lists all metrics known, by name.
func (c *Catalog) Metrics() []Metric {
	c.metrics.mu.RLock()
	defer c.metrics.mu.RUnlock()
	all := make([]Metric, 0, len(c.metrics.byName))
	for _, name := range slices.Sorted(maps.Keys(c.metrics.byName)) {
		all = append(all, c.metrics.byName[name])
	}
	return all
}

func (c *Catalog) flushMetrics() error {
	c.metrics.mu.Lock()
	defer c.metrics.mu.Unlock()
	if len(c.metrics.dirty) == 0 {
		return nil
	}
	err := c.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(metricsBucket))
		for name := range c.metrics.dirty {
			raw, err := json.Marshal(c.metrics.byName[name])
			if err != nil {
				return err
			}
			if err := bucket.Put([]byte(name), raw); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep metrics: %w", err)
	}
	clear(c.metrics.dirty)
	return nil
}
