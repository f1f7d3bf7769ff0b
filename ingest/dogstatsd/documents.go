package dogstatsd

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

// documents takes events and service checks off the readers' hands: a catalog
// that is slow to write them must not hold up metrics. When the queue is full,
// further ones are dropped and counted.
type documents struct {
	addEvents func(context.Context, []catalog.Event) error
	putChecks func(context.Context, []catalog.Check) error
	seen      func(host string, ms int64)
	log       *slog.Logger

	events        chan catalog.Event
	checks        chan catalog.Check
	droppedEvents atomic.Uint64
	droppedChecks atomic.Uint64
}

const (
	documentQueue = 1024 // of each kind; no document is larger than a datagram
	documentBatch = 256  // written in one transaction
	documentRetry = time.Second
)

func newDocuments() *documents {
	return &documents{events: make(chan catalog.Event, documentQueue), checks: make(chan catalog.Check, documentQueue)}
}

func (d *documents) event(e catalog.Event) {
	select {
	case d.events <- e:
	default:
		d.droppedEvents.Add(1)
	}
}

func (d *documents) check(c catalog.Check) {
	select {
	case d.checks <- c:
	default:
		d.droppedChecks.Add(1)
	}
}

// run writes what is queued until stop is closed, and then what is left. What
// the catalog refuses is tried again, after stop only once.
func (d *documents) run(stop <-chan struct{}) {
	for {
		select {
		case e := <-d.events:
			d.writeEvents(stop, fill([]catalog.Event{e}, d.events))
		case c := <-d.checks:
			d.writeChecks(stop, fill([]catalog.Check{c}, d.checks))
		case <-stop:
			for {
				events, checks := fill(nil, d.events), fill(nil, d.checks)
				if len(events)+len(checks) == 0 {
					return
				}
				if len(events) > 0 {
					d.writeEvents(stop, events)
				}
				if len(checks) > 0 {
					d.writeChecks(stop, checks)
				}
			}
		}
	}
}

// fill adds what waits in queue, without waiting, up to one batch.
func fill[T any](batch []T, queue <-chan T) []T {
	for len(batch) < documentBatch {
		select {
		case item := <-queue:
			batch = append(batch, item)
		default:
			return batch
		}
	}
	return batch
}

func (d *documents) writeEvents(stop <-chan struct{}, events []catalog.Event) {
	if !d.retry(stop, "events", func(ctx context.Context) error { return d.addEvents(ctx, events) }) {
		d.droppedEvents.Add(uint64(len(events)))
	}
}

func (d *documents) writeChecks(stop <-chan struct{}, checks []catalog.Check) {
	for _, c := range checks {
		if c.Host != "" {
			d.seen(c.Host, c.Time)
		}
	}
	if !d.retry(stop, "service checks", func(ctx context.Context) error { return d.putChecks(ctx, checks) }) {
		d.droppedChecks.Add(uint64(len(checks)))
	}
}

// retry calls write until it succeeds, at least once; false when it never did.
func (d *documents) retry(stop <-chan struct{}, what string, write func(context.Context) error) bool {
	for tries := 0; ; tries++ {
		ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
		err := write(ctx)
		cancel()
		if err == nil {
			return true
		}
		if tries == 0 {
			d.log.Error("keep "+what+" from DogStatsD; trying again", "err", err)
		}
		select {
		case <-stop:
			return false
		case <-time.After(documentRetry):
		}
	}
}
