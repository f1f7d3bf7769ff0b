// Package alerting watches: it evaluates monitors on schedule, keeps a state
// per group, knows when nobody is to be disturbed, and mails what changed,
// once, with a picture.
//
//	s, err := alerting.New(alerting.Deps{Catalog: c, Engine: e, Now: time.Now, ...})
//	doc, err := s.CreateMonitor(ctx, json)
//	err = s.Run(ctx)
//
// A change of state, its event and the mail about it are one transaction of the
// catalog; evaluate decides, as a pure function; the courier in deliver.go
// empties the outbox. Documents go in and out in the JSON of Datadog's v1 API,
// and fields that nobody here knows come back as they were.
package alerting

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/mail"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-obs/whippet/alerting/webhook"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store/catalog"
)

// Mailer hands a complete RFC 5322 message to a mail server, as
// (*mail.SMTP).Deliver does; mail.Permanent and mail.Remaining understand its
// errors.
type Mailer func(ctx context.Context, raw []byte, from string, to []string) error

// Deps is what a Service works with.
type Deps struct {
	Catalog   *catalog.Catalog
	Engine    *query.Engine
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: slog.Default
	Mailer    Mailer           // nil: mails are kept in the outbox, to be read there
	From      string           // sender of mails; "": whippet@localhost
	PublicURL string           // where people find us: links in mails start with it
	Zone      *time.Location   // of times in mails; nil: UTC
	Workers   int              // evaluations at the same time; 0: 4

	Everybody    []string       // whom @all means
	Receivers    []string       // addresses and domains that mails may go to; none: all
	MailRate     int            // messages per hour and receiver; 0: no limit
	WebhookAllow []netip.Prefix // internal addresses that webhooks may be at
	KeepEvents   time.Duration  // 0: for ever
}

// Service is the alerting of one installation. Safe for concurrent use.
type Service struct {
	catalog   *catalog.Catalog
	engine    *query.Engine
	now       func() time.Time
	log       *slog.Logger
	send      Mailer
	from      string
	url       string
	zone      *time.Location
	workers   int
	all       []string // whom @all means
	receivers receivers
	hooks     *webhook.Sender
	secret    []byte        // signs the links in mails
	keepFor   time.Duration // events; 0: for ever

	mu        sync.RWMutex
	watches   map[int64]*watch
	downtimes map[int64]*silence
	editing   sync.Mutex // one change of documents at a time

	queue  queue
	limits limiter
	shown  limiter // snapshots that people send
	pruned int64   // mailsDone at the last pruning; the courier's
	hold   atomic.Int64
	stats  counters
}

// watch is a monitor at work.
type watch struct {
	run sync.Mutex // held by an evaluation, and by an edit

	mu      sync.Mutex // guards what follows; held shortly
	monitor *monitor
	state   State // never changed, only replaced
	due     int64 // ms; the last evaluation's due time, 0 before the first
	busy    bool
	gone    bool
	problem string // why the last evaluation failed
}

func (w *watch) snapshot() (*monitor, State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.monitor, w.state
}

// New reads monitors, states, downtimes and the outbox from the catalog. A
// document that can't be understood any more is reported and left alone.
func New(d Deps) (*Service, error) {
	s := &Service{
		catalog: d.Catalog, engine: d.Engine, now: d.Now, log: d.Log, send: d.Mailer,
		from: cmp.Or(d.From, "whippet@localhost"), url: strings.TrimRight(d.PublicURL, "/"), zone: d.Zone,
		workers: cmp.Or(d.Workers, 4), watches: map[int64]*watch{}, downtimes: map[int64]*silence{},
		all: d.Everybody, hooks: webhook.NewSender(d.WebhookAllow), keepFor: d.KeepEvents, limits: limiter{most: d.MailRate},
		shown: limiter{most: mostShown}, receivers: receivers(d.Receivers),
		queue: queue{mails: map[int64]Mail{}, wake: make(chan struct{}, 1)},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.zone == nil {
		s.zone = time.UTC
	}
	if _, err := mail.ParseAddress(s.from); err != nil {
		return nil, fmt.Errorf("alerting: sender %q: %w", s.from, err)
	}
	if err := errors.Join(s.loadSecret(), s.loadMonitors(), s.loadDowntimes(), s.loadQueue()); err != nil {
		return nil, fmt.Errorf("alerting: %w", err)
	}
	s.holdFrom(s.ms())
	return s, nil
}

func (s *Service) ms() int64 { return s.now().UnixMilli() }

func docKey(id int64) string { return fmt.Sprintf("%012d", id) }

// stateKey is where a group's state is kept: under its monitor's prefix.
func stateKey(monitor int64, group string) string { return statePrefix(monitor) + group }
func statePrefix(monitor int64) string            { return docKey(monitor) + "/" }

func (s *Service) loadMonitors() error {
	started := s.ms()
	return s.catalog.View(func(tx *catalog.Tx) error {
		return tx.Each(catalog.Monitors, "", func(id string, raw json.RawMessage) error {
			doc, err := parseObject("monitor", slices.Clone(raw))
			if err != nil {
				return fmt.Errorf("monitor %s: %w", id, err)
			}
			m, err := parseMonitor(doc)
			if err != nil {
				s.log.Error("a monitor is not watched: its document is not understood any more", "monitor", id, "err", err)
				return nil
			}
			state, err := loadState(tx, m.id)
			if err != nil {
				return err
			}
			// What arrived while the process was down, nobody has looked at
			// yet: a group that was well has had data until now.
			for name, g := range state {
				if !g.Missing {
					g.LastData = max(g.LastData, started)
					state[name] = g
				}
			}
			s.watches[m.id] = &watch{monitor: m, state: state}
			return nil
		})
	})
}

func loadState(tx *catalog.Tx, id int64) (State, error) {
	state := State{}
	err := tx.Each(catalog.States, statePrefix(id), func(key string, raw json.RawMessage) error {
		var g Group
		if err := json.Unmarshal(raw, &g); err != nil {
			return fmt.Errorf("state %s: %w", key, err)
		}
		state[g.Name] = g
		return nil
	})
	return state, err
}

// watch returns the monitor id at work.
func (s *Service) watch(id int64) (*watch, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	w := s.watches[id]
	if w == nil {
		return nil, fmt.Errorf("monitor %d: %w", id, ErrNotFound)
	}
	return w, nil
}

// monitors returns every monitor at work, by ID.
func (s *Service) monitors() []*watch {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*watch, 0, len(s.watches))
	for _, id := range slices.Sorted(maps.Keys(s.watches)) {
		out = append(out, s.watches[id])
	}
	return out
}

// counters are the service's own figures.
type counters struct {
	evaluations, errors, nanos      atomic.Int64
	lateness, lastLateness, maxLate atomic.Int64 // ms
	transitions                     atomic.Int64
	queued, sent, kept, failed      atomic.Int64
	retried, mailsDone              atomic.Int64
}

// Stats are the service's figures since New, and what it holds now.
type Stats struct {
	Monitors, Groups     int
	Alert, Warn, NoData  int   // groups in each
	Evaluations, Errors  int64 // evaluations done; of them failed
	EvaluationNanos      int64 // spent in them, queries included
	LatenessMillis       int64 // in all: how long after their due time evaluations began
	LastLatenessMillis   int64
	MaxLatenessMillis    int64
	Transitions          int64
	MailsQueued          int64 // put into the outbox
	MailsSent, MailsKept int64
	MailsFailed          int64
	MailRetries          int64
	OutboxLength         int // waiting now
}

// Stats returns the figures of this moment.
func (s *Service) Stats() Stats {
	st := Stats{
		Evaluations: s.stats.evaluations.Load(), Errors: s.stats.errors.Load(), EvaluationNanos: s.stats.nanos.Load(),
		LatenessMillis: s.stats.lateness.Load(), LastLatenessMillis: s.stats.lastLateness.Load(), MaxLatenessMillis: s.stats.maxLate.Load(),
		Transitions: s.stats.transitions.Load(), MailsQueued: s.stats.queued.Load(), MailsSent: s.stats.sent.Load(),
		MailsKept: s.stats.kept.Load(), MailsFailed: s.stats.failed.Load(), MailRetries: s.stats.retried.Load(),
		OutboxLength: s.queue.len(),
	}
	for _, w := range s.monitors() {
		_, state := w.snapshot()
		st.Monitors++
		for _, g := range state {
			if g.Unit {
				continue
			}
			st.Groups++
			switch g.Status {
			case Alert:
				st.Alert++
			case Warn:
				st.Warn++
			case NoData:
				st.NoData++
			}
		}
	}
	return st
}
