// Package catalog keeps everything that is not a sample, in one bbolt file.
package catalog

import (
	"context"
	"encoding/json"
)

// Kind names a collection of documents.
type Kind string

// The collections that exist.
const (
	Monitors   Kind = "monitors"
	States     Kind = "states" // of monitors' groups
	Downtimes  Kind = "downtimes"
	Dashboards Kind = "dashboards"
	Outbox     Kind = "outbox"
	Settings   Kind = "settings"
)

// Catalog is an open catalog file. Safe for concurrent use.
type Catalog struct{}

func Open(path string) (*Catalog, error) { panic("wave 1") }

func (c *Catalog) Close() error { panic("wave 1") }

// Update runs fn in one durable transaction: all of it is kept, or nothing.
// Calls that wait at the same time share one fsync, so fn may run twice.
func (c *Catalog) Update(ctx context.Context, fn func(*Tx) error) error { panic("wave 1") }

// View runs fn over one consistent state.
func (c *Catalog) View(fn func(*Tx) error) error { panic("wave 1") }

// Tx is a transaction. It and the slices it lends are valid inside fn only.
type Tx struct{}

// Put keeps doc, as JSON, under id.
func (tx *Tx) Put(k Kind, id string, doc any) error { panic("wave 1") }

// Get decodes the document id into doc; false when there is none.
func (tx *Tx) Get(k Kind, id string, doc any) (bool, error) { panic("wave 1") }

func (tx *Tx) Delete(k Kind, id string) error { panic("wave 1") }

// Each calls fn for every document whose id starts with prefix, in byte order
// of the ids. raw is valid until fn returns.
func (tx *Tx) Each(k Kind, prefix string, fn func(id string, raw json.RawMessage) error) error {
	panic("wave 1")
}

// NextID returns a new number for a document of k; numbers grow and are not reused.
func (tx *Tx) NextID(k Kind) (int64, error) { panic("wave 1") }

// Host is what agents told of one host.
type Host struct {
	Name         string              `json:"name"`
	Aliases      []string            `json:"aliases,omitempty"`
	Tags         map[string][]string `json:"tags,omitempty"` // by source: "system", "user", ...
	OS           string              `json:"os,omitempty"`
	Platform     string              `json:"platform,omitempty"` // "debian 12.11"
	Kernel       string              `json:"kernel,omitempty"`
	Machine      string              `json:"machine,omitempty"` // "x86_64"
	Processor    string              `json:"processor,omitempty"`
	Cores        int                 `json:"cores,omitempty"`
	MemoryBytes  int64               `json:"memory_bytes,omitempty"`
	IP           string              `json:"ip,omitempty"`
	IPv6         string              `json:"ipv6,omitempty"`
	MAC          string              `json:"mac,omitempty"`
	AgentVersion string              `json:"agent_version,omitempty"`
	Apps         []string            `json:"apps,omitempty"`
	FirstSeen    int64               `json:"first_seen,omitempty"` // ms
	LastSeen     int64               `json:"last_seen,omitempty"`  // ms; last payload of any kind
}

// UpdateHost changes (or creates) the host name through fn.
func (c *Catalog) UpdateHost(ctx context.Context, name string, fn func(*Host)) error { panic("wave 1") }

// Seen notes that name sent something at ms. Cheap: kept in memory, written
// now and then. A host not known yet is created.
func (c *Catalog) Seen(name string, ms int64) { panic("wave 1") }

func (c *Catalog) Host(name string) (Host, bool) { panic("wave 1") }

// Hosts lists all hosts by name.
func (c *Catalog) Hosts() []Host { panic("wave 1") }

func (c *Catalog) DeleteHost(ctx context.Context, name string) error { panic("wave 1") }

// HostTags is the tags of all hosts at one moment; immutable.
type HostTags struct{}

// HostTags returns the current tags of all hosts. Cheap enough per query.
func (c *Catalog) HostTags() *HostTags { panic("wave 1") }

// Of returns the sorted tags of a host, from all sources, without duplicates.
func (h *HostTags) Of(host string) []string { panic("wave 1") }

// Hosts returns the hosts with a whole tag.
func (h *HostTags) Hosts(tag string) []string { panic("wave 1") }

// Each calls fn for every distinct host tag and the hosts that carry it.
func (h *HostTags) Each(fn func(tag string, hosts []string)) { panic("wave 1") }

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

// LearnMetric notes what an agent says of a metric; a no-op when known.
// Cheap: called once per new series.
func (c *Catalog) LearnMetric(m Metric) { panic("wave 1") }

// EditMetric changes the metadata of a metric by a person's hand.
func (c *Catalog) EditMetric(ctx context.Context, name string, fn func(*Metric)) error {
	panic("wave 1")
}

func (c *Catalog) Metric(name string) (Metric, bool) { panic("wave 1") }

func (c *Catalog) Metrics() []Metric { panic("wave 1") }

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

// AddEvents keeps events durably and sets their IDs.
func (c *Catalog) AddEvents(ctx context.Context, events []Event) error { panic("wave 1") }

// AddEvent is AddEvents within a transaction.
func (tx *Tx) AddEvent(e *Event) error { panic("wave 1") }

// Events returns the events of [from, to] (ms) that keep accepts (nil: all),
// newest first, at most limit (0: 1000).
func (c *Catalog) Events(from, to int64, keep func(*Event) bool, limit int) ([]Event, error) {
	panic("wave 1")
}

// Event returns one event by ID.
func (c *Catalog) Event(id int64) (Event, bool, error) { panic("wave 1") }

// Check is the last run of a service check by one host and tag set.
type Check struct {
	Name    string   `json:"check"`
	Host    string   `json:"host_name,omitempty"`
	Tags    []string `json:"tags,omitempty"` // sorted
	Status  int      `json:"status"`         // 0 OK, 1 warning, 2 critical, 3 unknown
	Message string   `json:"message,omitempty"`
	Time    int64    `json:"timestamp"` // ms of the last run
	Changed int64    `json:"changed"`   // ms since when it has this status
}

// PutChecks keeps the runs durably; an older run than the known one changes nothing.
func (c *Catalog) PutChecks(ctx context.Context, runs []Check) error { panic("wave 1") }

// Checks returns every check's last run, by name, host, tags.
func (c *Catalog) Checks() []Check { panic("wave 1") }
