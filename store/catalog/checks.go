package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.etcd.io/bbolt"
)

// Check is the last run of a service check by one host and tag set.
type Check struct {
	Name    string   `json:"check"`
	Host    string   `json:"host_name,omitempty"`
	Tags    []string `json:"tags,omitempty"` // sorted
	Status  int      `json:"status"`         // 0 OK, 1 warning, 2 critical, 3 unknown
	Message string   `json:"message,omitempty"`
	Time    int64    `json:"timestamp"` // ms of the last run
	Changed int64    `json:"changed"`   // ms since when it has this status
	Streak  int      `json:"streak"`    // runs in a row with this status
}

func (c *Check) key() string {
	return c.Name + "\x00" + c.Host + "\x00" + strings.Join(c.Tags, "\x00")
}

type checks struct {
	mu    sync.Mutex
	byKey map[string]Check
}

func (c *checks) load(tx *bbolt.Tx) error {
	c.byKey = map[string]Check{}
	return tx.Bucket([]byte(checksBucket)).ForEach(func(key, raw []byte) error {
		var check Check
		if err := json.Unmarshal(raw, &check); err != nil {
			return fmt.Errorf("read check: %w", err)
		}
		c.byKey[string(key)] = check
		return nil
	})
}

// PutChecks keeps the runs durably; an older run than the known one changes nothing.
func (c *Catalog) PutChecks(ctx context.Context, runs []Check) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.checks.mu.Lock()
	defer c.checks.mu.Unlock()
	changed, turned := map[string]Check{}, false
	for _, run := range runs {
		key := run.key()
		known, ok := changed[key]
		if !ok {
			known, ok = c.checks.byKey[key]
		}
		if ok && run.Time < known.Time {
			continue
		}
		run.Changed, run.Streak = run.Time, 1
		if ok && run.Status == known.Status {
			run.Changed, run.Streak = known.Changed, known.Streak
			if run.Time > known.Time { // the same run may come twice
				run.Streak++
			}
		} else {
			turned = true
		}
		changed[key] = run
	}
	if len(changed) == 0 {
		return nil
	}
	err := c.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(checksBucket))
		for key, check := range changed {
			raw, err := json.Marshal(check)
			if err != nil {
				return err
			}
			if err := bucket.Put([]byte(key), raw); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep %d check runs: %w", len(changed), err)
	}
	for key, check := range changed {
		c.checks.byKey[key] = check
	}
	if turned {
		c.revisions.bump(Checks)
	}
	return nil
}

// Checks returns every check's last run, by name, host, tags.
func (c *Catalog) Checks() []Check {
	c.checks.mu.Lock()
	defer c.checks.mu.Unlock()
	all := make([]Check, 0, len(c.checks.byKey))
	for _, check := range c.checks.byKey {
		all = append(all, check)
	}
	slices.SortFunc(all, func(a, b Check) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Host, b.Host), slices.Compare(a.Tags, b.Tags))
	})
	return all
}
