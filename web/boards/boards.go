// Package boards knows of dashboards what is beside their documents: which were
// deleted and can be brought back, whom they are shown to, which ones people
// keep at hand, and what questions their widgets ask.
//
// A dashboard is a JSON document in catalog.Dashboards, in the form of Datadog's
// API; fields that nobody here knows are kept as they came.
package boards

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

// How long and how many deleted dashboards can be brought back.
const (
	KeepDeleted    = 30 * 24 * time.Hour
	mostDeleted    = 500
	mostFavourites = 200
)

// Trashed is a dashboard that was deleted.
type Trashed struct {
	ID        string          `json:"id"`
	At        int64           `json:"at"` // ms
	By        string          `json:"by,omitempty"`
	Dashboard json.RawMessage `json:"dashboard"`
}

// Delete takes a dashboard away, so that it can be brought back for a while;
// false when there is none.
func Delete(tx *catalog.Tx, id, by string, now time.Time) (bool, error) {
	var doc json.RawMessage
	known, err := tx.Get(catalog.Dashboards, id, &doc)
	if err != nil || !known {
		return false, err
	}
	if err := dropOld(tx, now); err != nil {
		return false, err
	}
	if err := tx.Put(catalog.Deleted, id, Trashed{ID: id, At: now.UnixMilli(), By: by, Dashboard: doc}); err != nil {
		return false, err
	}
	return true, tx.Delete(catalog.Dashboards, id)
}

// Restore brings a deleted dashboard back; false when there is none.
func Restore(tx *catalog.Tx, id string, now time.Time) (bool, error) {
	var t Trashed
	known, err := tx.Get(catalog.Deleted, id, &t)
	if err != nil || !known || t.expired(now) {
		return false, err
	}
	if err := tx.Put(catalog.Dashboards, id, t.Dashboard); err != nil {
		return false, err
	}
	return true, tx.Delete(catalog.Deleted, id)
}

func (t *Trashed) expired(now time.Time) bool {
	return now.UnixMilli()-t.At > KeepDeleted.Milliseconds()
}

// Deleted lists what can be brought back, newest first.
func Deleted(tx *catalog.Tx, now time.Time) ([]Trashed, error) {
	list := []Trashed{}
	err := tx.Each(catalog.Deleted, "", func(id string, raw json.RawMessage) error {
		var t Trashed
		if err := json.Unmarshal(raw, &t); err != nil {
			return fmt.Errorf("read the deleted dashboard %s: %w", id, err)
		}
		if !t.expired(now) {
			list = append(list, t)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Trashed) int { return int(b.At - a.At) })
	return list, err
}

// dropOld forgets what was deleted too long ago, and the oldest of too many;
// their links go too.
func dropOld(tx *catalog.Tx, now time.Time) error {
	var old []string
	err := tx.Each(catalog.Deleted, "", func(id string, raw json.RawMessage) error {
		var t Trashed
		if err := json.Unmarshal(raw, &t); err != nil {
			return fmt.Errorf("read the deleted dashboard %s: %w", id, err)
		}
		if t.expired(now) {
			old = append(old, id)
		}
		return nil
	})
	if err != nil {
		return err
	}
	kept, err := Deleted(tx, now)
	if err != nil {
		return err
	}
	for _, t := range kept[min(len(kept), mostDeleted-1):] {
		old = append(old, t.ID)
	}
	for _, id := range old {
		if err := tx.Delete(catalog.Deleted, id); err != nil {
			return err
		}
		if err := Unshare(tx, id); err != nil {
			return err
		}
	}
	return nil
}

// Favourites is the ids of the dashboards that a person keeps at hand, in the
// order they were marked.
func Favourites(tx *catalog.Tx, person string) ([]string, error) {
	ids := []string{}
	_, err := tx.Get(catalog.Favourites, person, &ids)
	return ids, err
}

// SetFavourite marks a dashboard for a person, or takes the mark away.
func SetFavourite(tx *catalog.Tx, person, id string, marked bool) error {
	ids, err := Favourites(tx, person)
	if err != nil {
		return err
	}
	ids = slices.DeleteFunc(ids, func(have string) bool { return have == id })
	if marked {
		ids = append(ids, id)
	}
	if len(ids) > mostFavourites {
		ids = ids[len(ids)-mostFavourites:]
	}
	return tx.Put(catalog.Favourites, person, ids)
}
