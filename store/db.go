// Package store keeps series of samples and sketches in a folder, durably: an
// embedded time-series database with a log, a head in memory, immutable
// partitions on disk, and a catalog of documents beside them.
//
// A batch goes through Append: it is one record of the log, on disk when
// Append returns, and then in the head. From time to time the head is sealed
// into partitions, one or more per day, and the log forgets what they hold.
// Readers select series by name and tags, then read the samples they want:
//
//	set, err := db.Select(ctx, store.Selector{Filter: filter, From: from, To: to})
//	...
//	defer set.Close()
//	for i := range set.Series {
//		err := set.Read(i, &columns)
//		...
//	}
package store

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/index"
	"github.com/whippet-obs/whippet/store/wal"
)

// Errors that callers decide on.
var (
	ErrLocked        = errors.New("data folder is in use")         // wrapped with the other process's PID
	ErrTooManySeries = errors.New("too many series")               // a Selector's MaxSeries was passed
	ErrSeriesLimit   = errors.New("series limit reached")          // Intern: one of the limits in Options
	ErrForgotten     = errors.New("the series was forgotten")      // Append: Intern it again
	ErrNoSpace       = errors.New("no space left for new samples") // Append: the disk is full; retry later
)

// Options of Open. The zero value is ready to use.
type Options struct {
	Retention   time.Duration    // raw samples are kept this long; 0: 15 days
	Retention5m time.Duration    // and buckets of 5 minutes; 0: 90 days
	Retention1h time.Duration    // and buckets of an hour; 0: 3 years
	Rules       []RetentionRule  // for metrics that are kept for other times
	MaxDisk     int64            // bytes; above them the oldest raw samples are dropped; 0: no limit
	Now         func() time.Time // nil: time.Now
	Log         *slog.Logger     // nil: slog.Default

	MinFree int64 // room on the disk, in bytes, that is left free of samples; 0: 64 MiB

	// New series beyond these limits are refused, counted and named.
	MaxSeries          int // in all; 0: 5 million
	MaxSeriesPerMetric int // 0: 1 million
	MaxTags            int // of one series; 0: 512
	MaxTagBytes        int // of one tag, and of a name; 0: 4096

	// The head is sealed when it has SealSamples and they make blocks of 60 on
	// average, takes SealBytes of memory, or is SealAge old.
	SealSamples int           // 0: 250,000
	SealBytes   int           // 0: 160 MiB
	SealAge     time.Duration // 0: 2 h

	Sync func(*os.File) error // makes a log file durable; nil: fdatasync

	fewForTier int // -1: none; 0: the constant of that name
}

// maxHeads times SealBytes is what a head may grow to while the one before it is
// still being sealed. Then appends wait.
const maxHeads = 2

// DB is a data folder opened by this process. Safe for concurrent use.
type DB struct {
	dir     string
	options Options
	now     func() time.Time
	logger  *slog.Logger
	lock    *os.File
	catalog *catalog.Catalog
	index   *index.Index
	log     *wal.Log // of batches
	defined *wal.Log // of series definitions, beyond the life of the log

	interning         sync.Mutex // held while series are added or forgotten
	forgetting        sync.RWMutex
	states            states
	changes           changes
	definitionsLogged int // in the log of definitions, those of forgotten series too; the sealer's
	lastForget        time.Time
	lastIdle          int64 // the day when series without a sample were last looked for

	mu         sync.RWMutex // guards which heads and partitions there are
	head       *head
	sealing    *head         // being written to partitions; nil most of the time
	partitions []*sealedFile // by number
	tiers      []*tierFile
	broken     []string // partitions and tiers that could not be opened

	retentions []Retention       // the default, then the rules'
	rawFloor   atomic.Int64      // ms; raw samples before it were dropped to make room
	jobs       chan job          // for the maintenance goroutine
	waiting    map[int64]waiting // the maintenance goroutine's, by day

	readers sync.Pool     // of *seriesReader
	records sync.Pool     // of *recordEncoder
	replay  recordDecoder // while the store is opened
	today   today         // of the log's turn

	refused refusals
	future  futureSamples
	doubt   clockDoubt
	full    atomic.Bool // the disk has only its reserve left
	crowded atomic.Bool // the head has maxHeads times SealBytes
	stop    chan struct{}
	stopped sync.WaitGroup
	sealNow chan chan error
	counts  struct {
		appended, future, old, sealed, forgets, forgotten atomic.Uint64
		unreadable, tiersBuilt, compacted                 atomic.Uint64
	}
}

// Open opens the data folder dir, creating it if needed. One process at a time
// may hold it: ErrLocked names the other.
func Open(dir string, o Options) (*DB, error) {
	retentions, err := o.retentions()
	if err != nil {
		return nil, err
	}
	o.MinFree = cmp.Or(o.MinFree, 64<<20)
	o.MaxSeries = cmp.Or(o.MaxSeries, 5_000_000)
	o.MaxSeriesPerMetric = cmp.Or(o.MaxSeriesPerMetric, 1_000_000)
	o.MaxTags = min(cmp.Or(o.MaxTags, 512), math.MaxUint16)
	o.MaxTagBytes = cmp.Or(o.MaxTagBytes, 4096)
	o.SealSamples = cmp.Or(o.SealSamples, 250_000)
	o.SealBytes = cmp.Or(o.SealBytes, 160<<20)
	o.SealAge = cmp.Or(o.SealAge, 2*time.Hour)
	o.fewForTier = max(0, cmp.Or(o.fewForTier, fewForTier))
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	db := &DB{
		dir: dir, options: o, now: o.Now, logger: o.Log, index: index.New(),
		head: newHead(o.Now(), 0), stop: make(chan struct{}), sealNow: make(chan chan error),
		retentions: retentions, jobs: make(chan job), waiting: map[int64]waiting{},
	}
	db.records.New = func() any { return new(recordEncoder) }
	db.readers.New = func() any { return newSeriesReader() }
	if err := db.open(); err != nil {
		return nil, errors.Join(err, db.closeFiles())
	}
	db.lookAtSpace()
	db.stopped.Add(3)
	go db.sealLoop()
	go db.maintainLoop()
	go db.watchSpace()
	return db, nil
}

func (db *DB) open() (err error) {
	if err := os.MkdirAll(db.dir, 0o755); err != nil {
		return fmt.Errorf("create data folder: %w", err)
	}
	if db.lock, err = lockFolder(db.dir); err != nil {
		return err
	}
	if err := checkFormat(db.dir); err != nil {
		return err
	}
	if db.catalog, err = catalog.Open(filepath.Join(db.dir, "catalog.db")); err != nil {
		return err
	}
	if db.defined, err = wal.Open(filepath.Join(db.dir, "series"), wal.Options{Apply: db.applyDefinitions, Seldom: true, Log: db.logger}); err != nil {
		return err
	}
	if err := db.openPartitions(); err != nil {
		return err
	}
	if err := db.openTiers(); err != nil {
		return err
	}
	db.findRawFloor()
	db.log, err = wal.Open(filepath.Join(db.dir, "log"), wal.Options{Apply: db.apply, Sync: db.options.Sync, Log: db.logger})
	db.replay = recordDecoder{}
	return err
}

// Close makes everything durable and gives the folder free.
func (db *DB) Close() error {
	close(db.stop)
	db.stopped.Wait()
	return db.closeFiles()
}

func (db *DB) closeFiles() error {
	var errs []error
	if db.log != nil {
		errs = append(errs, db.log.Close())
	}
	if db.defined != nil {
		errs = append(errs, db.defined.Close())
	}
	for _, p := range db.partitions {
		errs = append(errs, p.Release())
	}
	for _, t := range db.tiers {
		errs = append(errs, t.Release())
	}
	for _, h := range []*head{db.head, db.sealing} {
		if h != nil {
			errs = append(errs, h.release())
		}
	}
	if db.catalog != nil {
		errs = append(errs, db.catalog.Close())
	}
	if db.lock != nil {
		errs = append(errs, db.lock.Close())
	}
	return errors.Join(errs...)
}

// Catalog returns the documents kept beside the samples.
func (db *DB) Catalog() *catalog.Catalog { return db.catalog }

// Stats are the store's own figures since Open, and its sizes now.
type Stats struct {
	Series, HeadSamples, HeadBytes, Partitions int
	Appended, RejectedFuture, RejectedOld      uint64
	LastFuture                                 string // the series of the last sample that was too far ahead, and by how much
	RefusedSeries                              uint64 // attempts to add a series over a limit; Refusals names them
	ForgottenSeries                            uint64
	Commits                                    uint64 // groups of batches, each made durable by one fsync
	Sealed                                     uint64 // samples written to partitions
	TierFiles                                  int
	FilesMerged, Unreadable                    uint64 // partitions merged; damaged blocks that queries met
	DiskBytes, LogBytes                        int64
	LogDropped                                 int64 // bytes of the log that were not readable at Open
	BrokenPartitions                           []string
}

// Stats returns a snapshot.
func (db *DB) Stats() Stats {
	log := db.log.Stats()
	s := Stats{Series: db.index.Len(), LogDropped: log.Dropped, LastFuture: db.future.String()}
	s.Appended, s.RejectedFuture, s.RejectedOld = db.counts.appended.Load(), db.counts.future.Load(), db.counts.old.Load()
	s.RefusedSeries, s.ForgottenSeries = db.refused.count(), db.counts.forgotten.Load()
	s.Commits, s.LogBytes, s.Sealed = log.Commits, log.Bytes, db.counts.sealed.Load()
	db.mu.RLock()
	defer db.mu.RUnlock()
	s.TierFiles, s.FilesMerged, s.Unreadable = len(db.tiers), db.counts.compacted.Load(), db.counts.unreadable.Load()
	s.Partitions, s.DiskBytes, s.BrokenPartitions = len(db.partitions), log.Bytes, slices.Clone(db.broken)
	for _, p := range db.partitions {
		s.DiskBytes += p.Size()
	}
	for _, t := range db.tiers {
		s.DiskBytes += t.Size()
	}
	for _, h := range []*head{db.head, db.sealing} {
		if h != nil {
			h.mu.RLock()
			s.HeadSamples += h.samples
			s.HeadBytes += h.memory()
			h.mu.RUnlock()
		}
	}
	return s
}
