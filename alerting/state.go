package alerting

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Status is where a group of a monitor stands.
type Status string

// The statuses, as Datadog's API spells them.
const (
	OK     Status = "OK"
	Warn   Status = "Warn"
	Alert  Status = "Alert"
	NoData Status = "No Data"
	// Skipped is a group that was seen but not judged yet: its new-group delay
	// runs, its window is not full, or nothing has ever arrived.
	Skipped Status = "Skipped"
)

// severity orders statuses for "the worst of these".
func (s Status) severity() int {
	switch s {
	case Alert:
		return 4
	case Warn:
		return 3
	case NoData:
		return 2
	case OK:
		return 1
	}
	return 0
}

// bad says whether somebody may want to be woken for s.
func (s Status) bad() bool { return s == Alert || s == Warn || s == NoData }

// everything is the name of the only group of a monitor without "by", and of a
// grouped monitor that has no group at all.
const everything = "*"

// Group is the state of one group of a monitor, as kept in the catalog. Times
// are ms since the epoch; 0 is never.
type Group struct {
	Name   string   `json:"name"`           // "host:a,env:b"; "*" without groups
	Tags   []string `json:"tags,omitempty"` // the same, one by one
	Status Status   `json:"status"`
	Since  int64    `json:"since"` // when it took this status

	Value     Number `json:"value"`      // as last evaluated; null when unknown
	FirstSeen int64  `json:"first_seen"` // 0: was there when the monitor was made
	LastData  int64  `json:"last_data"`  // newest point seen, or since when one is waited for
	Missing   bool   `json:"missing,omitempty"`

	Vars map[string]string `json:"vars,omitempty"` // of the last reading, for messages

	// Told is the status its receivers believe in, since ToldAt. Mail goes out
	// when Status and Told differ, and that is the whole rule: whatever was
	// held back by a downtime, or happened while we were away, is caught up by
	// it, and nothing can be told twice.
	Told       Status `json:"told"`
	ToldAt     int64  `json:"told_at,omitempty"`
	Renotified int    `json:"renotified,omitempty"` // reminders since ToldAt's change
	Thread     int64  `json:"thread,omitempty"`     // time of the running incident's first mail

	Triggered     int64 `json:"triggered,omitempty"` // when the running incident began
	LastTriggered int64 `json:"last_triggered,omitempty"`
	LastResolved  int64 `json:"last_resolved,omitempty"`
	LastNoData    int64 `json:"last_no_data,omitempty"`

	Mute *Mute `json:"mute,omitempty"` // what silenced it at the last evaluation

	// Unit marks a bundle of groups that is told as one (options.notify_by). It
	// lives beside the groups under a name no group can have.
	Unit bool `json:"unit,omitempty"`
}

// State is all groups of a monitor by name.
type State map[string]Group

// overall is the status of the monitor as a whole, the worst of its groups,
// and since when.
func (s State) overall() (status Status, since int64) {
	status = Skipped
	for _, g := range s {
		switch {
		case g.Unit:
		case g.Status.severity() > status.severity():
			status, since = g.Status, g.Since
		case g.Status == status && (since == 0 || g.Since < since):
			since = g.Since
		}
	}
	if status == Skipped {
		return NoData, 0 // what Datadog answers for a monitor that never judged
	}
	return status, since
}

// Mute is why nothing is mailed about a group for now.
type Mute struct {
	Downtime int64  `json:"downtime,omitempty"` // 0: silenced in the monitor's options, or a draft
	Reason   string `json:"reason"`             // "downtime 3", for the event log
}

// Number is a float64 whose NaN and infinities survive JSON.
type Number float64

// MarshalJSON writes null for NaN and the names of the infinities as strings.
func (n Number) MarshalJSON() ([]byte, error) {
	v := float64(n)
	switch {
	case math.IsNaN(v):
		return []byte("null"), nil
	case math.IsInf(v, 0):
		return json.Marshal(strconv.FormatFloat(v, 'g', -1, 64))
	}
	return json.Marshal(v)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (n *Number) UnmarshalJSON(raw []byte) error {
	text := strings.Trim(string(raw), `"`)
	if text == "null" {
		*n = Number(math.NaN())
		return nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("number %s: %w", raw, err)
	}
	*n = Number(v)
	return nil
}

// groupName joins the tags of a group as Datadog's API names it.
func groupName(tags []string) string {
	if len(tags) == 0 {
		return everything
	}
	return strings.Join(tags, ",")
}
