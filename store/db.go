package store

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

// Errors that callers decide on.
var (
	ErrLocked        = errors.New("data folder is in use")         // wrapped with the other process's PID
	ErrTooManySeries = errors.New("too many series")               // a Selector's MaxSeries was passed
	ErrSeriesLimit   = errors.New("series limit reached")          // Intern: the store is full of series
	ErrNoSpace       = errors.New("no space left for new samples") // Append: the disk is full; retry later
)

// Options of Open. The zero value is ready to use.
type Options struct {
	Retention time.Duration    // raw samples are kept this long; 0: 15 days
	MaxSeries int              // 0: 5 million
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: slog.Default
}

// DB is a data folder opened by this process.
type DB struct{}

func Open(dir string, o Options) (*DB, error) { panic("wave 1") }

func (db *DB) Close() error { panic("wave 1") }

// Catalog returns the documents kept beside the samples.
func (db *DB) Catalog() *catalog.Catalog { panic("wave 1") }

// Intern returns the ref of s, creating the series at first sight. s.Tags is
// copied when kept. A new series becomes durable with the next Append.
func (db *DB) Intern(s Series) (Ref, error) { panic("wave 1") }

// Rejected counts the samples of a batch that were not kept, by reason.
type Rejected struct {
	Future int // more than 10 minutes ahead
	Old    int // before the retention
}

// Append keeps b: when it returns nil, b is on disk and visible to readers.
// Samples may be late, out of order or repeated; the last write of a time wins.
func (db *DB) Append(ctx context.Context, b *Batch) (Rejected, error) { panic("wave 1") }

// SeriesInfo describes one selected series.
type SeriesInfo struct {
	Ref Ref
	Series
	HostTags Tags // tags of the series' host that are not its own
	First    int64
	Last     int64 // ms of the oldest and newest sample known
}

// SeriesSet is the answer to a Select: the series at once, their samples on
// demand. It sees one moment of the store. Close it.
type SeriesSet struct {
	Series   []SeriesInfo
	Warnings []string // why the answer may be partial
}

// Read decodes the samples of Series[i] into c, replacing what is there. Safe
// for concurrent use with different c.
func (s *SeriesSet) Read(i int, c *Columns) error { panic("wave 1") }

func (s *SeriesSet) Close() {}

// Select finds the series that match sel and have samples in its range,
// ordered by name and tags.
func (db *DB) Select(ctx context.Context, sel Selector) (*SeriesSet, error) { panic("wave 1") }

// Metrics lists the names of metrics with samples in [from, to], sorted.
func (db *DB) Metrics(ctx context.Context, from, to int64) ([]string, error) { panic("wave 1") }

// Find lists the series that match f and have samples in [from, to], without
// reading any; at most limit when limit > 0.
func (db *DB) Find(ctx context.Context, f Filter, from, to int64, limit int) ([]SeriesInfo, error) {
	panic("wave 1")
}

// Stats are the store's own figures since Open, and its sizes now.
type Stats struct {
	Series, HeadSamples, Partitions       int
	Appended, RejectedFuture, RejectedOld uint64
	Commits, CommitNanos                  uint64
	DiskBytes, LogBytes                   int64
}

func (db *DB) Stats() Stats { panic("wave 1") }
