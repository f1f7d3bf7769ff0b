// Package selfmetrics keeps Whippet's own figures as metrics like any other,
// named whippet.*, so that the first graph is there when the first page opens
// and Whippet's health can be queried, graphed and alerted on.
//
//	self := selfmetrics.New(selfmetrics.Config{DB: db, Host: hostname, Sources: []selfmetrics.Source{
//		func() []selfmetrics.Figure {
//			st := db.Stats()
//			return []selfmetrics.Figure{
//				{Name: "whippet.store.series", Value: float64(st.Series), Help: "Series known to the store."},
//				{Name: "whippet.store.appended", Value: float64(st.Appended), Total: true, Help: "Samples kept."},
//			}
//		},
//	}})
//	return self.Run(ctx)
//
// Sources are asked at once, and then at every full 10 s. The process's own
// figures (memory, CPU, goroutines, garbage collection) need no source.
package selfmetrics

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// Figure is one number that a part of Whippet tells of itself.
type Figure struct {
	Name  string   // "whippet.store.series"
	Tags  []string // whole tags such as "reason:bad name"
	Value float64

	// Total says that Value counts events since the start and only grows. What
	// is kept is how many there were in each 10 s; otherwise it is a level.
	Total bool

	Unit string // "byte", "second"; empty: a plain number
	Help string // one sentence
}

// Source tells the present figures of one part of Whippet. It is called from
// one goroutine.
type Source func() []Figure

// Config says whom to ask and where to keep the answers.
type Config struct {
	DB      *store.DB
	Host    string           // of the samples; "": none
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: slog.Default
	Sources []Source
}

// Reporter asks the sources and keeps their figures.
type Reporter struct {
	db       *store.DB
	catalog  *catalog.Catalog
	host     string
	now      func() time.Time
	log      *slog.Logger
	sources  []Source
	known    map[string]*series
	reported int64 // ms; the full 10 s last reported
	failing  bool
}

// series is a figure seen before.
type series struct {
	ref  store.Ref
	last float64 // of a total, at the last report
}

const (
	interval     = 10 * time.Second
	pollInterval = 250 * time.Millisecond // how often the clock is looked at
	writeTimeout = 5 * time.Second
)

// New returns a reporter. It does nothing until Run is called.
func New(c Config) *Reporter {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Reporter{
		db: c.DB, catalog: c.DB.Catalog(), host: store.NormalizeHost(c.Host), now: c.Now, log: c.Log,
		sources: append([]Source{process()}, c.Sources...),
		known:   map[string]*series{},
	}
}

// Run reports until ctx ends. Levels that the store does not take are lost: they
// are about now. What was counted goes with the next report.
func (r *Reporter) Run(ctx context.Context) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		r.poll(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// poll reports when the clock, forwards or backwards, has come to another full
// 10 s than the one last reported.
func (r *Reporter) poll(ctx context.Context) {
	at := r.now().Truncate(interval).UnixMilli()
	if at == r.reported {
		return
	}
	err := r.report(ctx, at)
	if failing := err != nil && ctx.Err() == nil; failing != r.failing {
		r.failing = failing
		if failing {
			r.log.Error("keep Whippet's own metrics", "err", err)
		}
	}
}

// report keeps the present figures at at (ms), a full 10 s. What has been
// counted since the last report is a count of the 10 s before at.
func (r *Reporter) report(ctx context.Context, at int64) error {
	first := r.reported == 0
	r.reported = at
	var batch store.Batch
	var counted []func() // once the batch is kept
	var errs []error
	for _, source := range r.sources {
		for _, f := range source() {
			s, err := r.find(f)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			if !f.Total {
				batch.Samples = append(batch.Samples, store.Sample{Ref: s.ref, Time: at, Value: f.Value})
				continue
			}
			delta := f.Value - s.last
			if delta < 0 {
				delta = f.Value // its source has started over
			}
			if first {
				continue // not 10 s yet: goes with the next report
			}
			counted = append(counted, func() { s.last = f.Value })
			batch.Samples = append(batch.Samples, store.Sample{Ref: s.ref, Time: at - interval.Milliseconds(), Value: delta})
		}
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if _, err := r.db.Append(ctx, &batch); err != nil {
		return err
	}
	for _, commit := range counted {
		commit()
	}
	if r.host != "" {
		r.catalog.Seen(r.host, at)
	}
	if len(errs) > 0 {
		return fmt.Errorf("%d figures are not kept, the first: %w", len(errs), errs[0])
	}
	return nil
}

// find returns the series of f, made at first sight.
func (r *Reporter) find(f Figure) (*series, error) {
	key := f.Name + "|" + strings.Join(f.Tags, ",")
	if s, ok := r.known[key]; ok {
		return s, nil
	}
	tags := make([]string, 0, len(f.Tags)+1)
	for _, tag := range f.Tags {
		tags = append(tags, store.NormalizeTag(tag))
	}
	if r.host != "" {
		tags = append(tags, "host:"+r.host)
	}
	id := store.Series{Name: store.NormalizeName(f.Name), Tags: store.NewTags(tags), Kind: store.Gauge}
	if f.Total {
		id.Kind, id.Interval = store.Count, interval.Milliseconds()
	}
	ref, err := r.db.Intern(id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	r.catalog.LearnMetric(catalog.Metric{
		Name: id.Name, Type: id.Kind.String(), Interval: int64(interval / time.Second),
		Unit: f.Unit, Description: f.Help, Integration: "whippet",
	})
	s := &series{ref: ref}
	r.known[key] = s
	return s, nil
}
