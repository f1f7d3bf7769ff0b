package catalog

import (
	"context"
	"fmt"
	"time"
)

// apdexKey is the settings document of the thresholds of services.
const apdexKey = "apdex"

// DefaultApdex is the threshold of services that have none of their own.
const DefaultApdex = 500 * time.Millisecond

// apdexThresholds are milliseconds by service.
type apdexThresholds map[string]float64

// ApdexThresholds returns the threshold of each service that has one of its own.
func (c *Catalog) ApdexThresholds() (map[string]time.Duration, error) {
	var kept apdexThresholds
	err := c.View(func(tx *Tx) error {
		_, err := tx.Get(Settings, apdexKey, &kept)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read apdex thresholds: %w", err)
	}
	thresholds := make(map[string]time.Duration, len(kept))
	for service, ms := range kept {
		thresholds[service] = time.Duration(ms * float64(time.Millisecond))
	}
	return thresholds, nil
}

// SetApdexThreshold sets the threshold of a service; 0 takes it away.
func (c *Catalog) SetApdexThreshold(ctx context.Context, service string, threshold time.Duration) error {
	return c.Update(ctx, func(tx *Tx) error {
		var kept apdexThresholds
		if _, err := tx.Get(Settings, apdexKey, &kept); err != nil {
			return err
		}
		if kept == nil {
			kept = apdexThresholds{}
		}
		if kept[service] = float64(threshold) / float64(time.Millisecond); threshold == 0 {
			delete(kept, service)
		}
		return tx.Put(Settings, apdexKey, kept)
	})
}
