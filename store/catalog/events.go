package catalog

import (
	"context"
	"encoding/binary"
	"encoding/json"
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
}

// Events are kept in two buckets within theirs: by time and id, and from id to
// time, for those who know only the id.
var (
	eventsByTime = []byte("time")
	eventsByID   = []byte("id")
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
	return nil
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
