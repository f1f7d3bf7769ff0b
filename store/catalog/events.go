package catalog

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Event is something that happened at a time.
type Event struct {
	ID             int64    `json:"id"`
	Title          string   `json:"title"`
	Text           string   `json:"text"`
	Time           int64    `json:"time"` // ms
	Host           string   `json:"host,omitempty"`
	Tags           []string `json:"tags,omitempty"`
	AlertType      string   `json:"alert_type"` // info, warning, error, success
	Priority       string   `json:"priority"`   // normal, low
	AggregationKey string   `json:"aggregation_key,omitempty"`
	SourceType     string   `json:"source_type_name,omitempty"`
	EventType      string   `json:"event_type,omitempty"`
	MonitorID      int64    `json:"monitor_id,omitempty"`

	// Of a monitor's transitions: the group, and where it came from and went.
	Group string `json:"group,omitempty"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
}

// Events are kept in three buckets within theirs: by time and id; from id to
// the key of that, for those who know only the id; and of monitors' events the
// keys, by monitor.
var (
	eventsByTime    = []byte("time")
	eventsByID      = []byte("id")
	eventsByMonitor = []byte("monitor")
)

// AddEvents keeps events durably and sets their IDs.
func (c *Catalog) AddEvents(ctx context.Context, events []Event) error {
	return c.Update(ctx, func(tx *Tx) error {
		for i := range events {
			if err := tx.AddEvent(&events[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// AddEvent keeps an event and sets its ID.
func (tx *Tx) AddEvent(e *Event) error {
	bucket := tx.tx.Bucket([]byte(eventsBucket))
	byTime, err := bucket.CreateBucketIfNotExists(eventsByTime)
	if err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	byID, err := bucket.CreateBucketIfNotExists(eventsByID)
	if err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	id, err := bucket.NextSequence()
	if err != nil {
		return fmt.Errorf("number event: %w", err)
	}
	e.ID = int64(id)
	raw, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	key := append(bigEndian(e.Time), bigEndian(e.ID)...)
	if err := byTime.Put(key, raw); err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	if err := byID.Put(bigEndian(e.ID), key); err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	tx.touch(Events)
	if e.MonitorID == 0 {
		return nil
	}
	byMonitor, err := bucket.CreateBucketIfNotExists(eventsByMonitor)
	if err == nil {
		err = byMonitor.Put(append(bigEndian(e.MonitorID), key...), nil)
	}
	if err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	return nil
}

// MonitorEvents returns a monitor's events of [from, to] (ms), newest first, at
// most limit (0: 1000).
func (c *Catalog) MonitorEvents(monitor, from, to int64, limit int) ([]Event, error) {
	if limit <= 0 {
		limit = 1000
	}
	var found []Event
	err := c.db.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(eventsBucket))
		byMonitor, byTime := bucket.Bucket(eventsByMonitor), bucket.Bucket(eventsByTime)
		if byMonitor == nil || byTime == nil {
			return nil
		}
		first := append(bigEndian(monitor), bigEndian(max(from, 0))...)
		cursor := byMonitor.Cursor()
		key, _ := cursor.Seek(append(bigEndian(monitor), bigEndian(to+1)...))
		if key == nil {
			key, _ = cursor.Last()
		} else {
			key, _ = cursor.Prev()
		}
		for ; key != nil && bytes.Compare(key, first) >= 0 && len(found) < limit; key, _ = cursor.Prev() {
			var e Event
			if err := json.Unmarshal(byTime.Get(key[8:]), &e); err != nil {
				return fmt.Errorf("read event: %w", err)
			}
			found = append(found, e)
		}
		return nil
	})
	return found, err
}

// DropEvents forgets the oldest events from before a time (ms), at most limit,
// and returns how many there were.
func (c *Catalog) DropEvents(ctx context.Context, before int64, limit int) (dropped int, err error) {
	err = c.Update(ctx, func(tx *Tx) error {
		dropped = 0
		bucket := tx.tx.Bucket([]byte(eventsBucket))
		byTime, byID, byMonitor := bucket.Bucket(eventsByTime), bucket.Bucket(eventsByID), bucket.Bucket(eventsByMonitor)
		if byTime == nil {
			return nil
		}
		var keys [][]byte
		var monitors []int64
		cursor := byTime.Cursor()
		for key, raw := cursor.First(); key != nil && len(keys) < limit && int64(binary.BigEndian.Uint64(key)) < before; key, raw = cursor.Next() {
			var e Event
			if err := json.Unmarshal(raw, &e); err != nil {
				return fmt.Errorf("read event: %w", err)
			}
			keys, monitors = append(keys, bytes.Clone(key)), append(monitors, e.MonitorID)
		}
		for i, key := range keys {
			if err := errors.Join(byTime.Delete(key), byID.Delete(key[8:])); err != nil {
				return err
			}
			if monitors[i] != 0 && byMonitor != nil {
				if err := byMonitor.Delete(append(bigEndian(monitors[i]), key...)); err != nil {
					return err
				}
			}
		}
		dropped = len(keys)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("drop old events: %w", err)
	}
	return dropped, nil
}

// Events returns the events of [from, to] (ms) that keep accepts (nil: all),
// newest first, at most limit (0: 1000).
func (c *Catalog) Events(from, to int64, keep func(*Event) bool, limit int) ([]Event, error) {
	if limit <= 0 {
		limit = 1000
	}
	from = max(from, 0) // keys sort as unsigned
	var found []Event
	err := c.db.View(func(tx *bbolt.Tx) error {
		byTime := tx.Bucket([]byte(eventsBucket)).Bucket(eventsByTime)
		if byTime == nil || to < from {
			return nil
		}
		cursor := byTime.Cursor()
		before := cursor.Prev
		if key, _ := cursor.Seek(bigEndian(to + 1)); key == nil {
			before = cursor.Last
		}
		key, raw := before()
		for ; key != nil && len(found) < limit; key, raw = cursor.Prev() {
			if int64(binary.BigEndian.Uint64(key)) < from {
				return nil
			}
			var e Event
			if err := json.Unmarshal(raw, &e); err != nil {
				return fmt.Errorf("read event: %w", err)
			}
			if keep == nil || keep(&e) {
				found = append(found, e)
			}
		}
		return nil
	})
	return found, err
}

// Event returns one event by ID; false when there is none.
func (c *Catalog) Event(id int64) (e Event, ok bool, err error) {
	err = c.db.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(eventsBucket))
		byID := bucket.Bucket(eventsByID)
		if byID == nil {
			return nil
		}
		key := byID.Get(bigEndian(id))
		if key == nil {
			return nil
		}
		ok = true
		if err := json.Unmarshal(bucket.Bucket(eventsByTime).Get(key), &e); err != nil {
			return fmt.Errorf("read event %d: %w", id, err)
		}
		return nil
	})
	return e, ok, err
}
