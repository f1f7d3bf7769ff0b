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
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/index"
	"github.com/whippet-obs/whippet/store/partition"
	"github.com/whippet-obs/whippet/store/wal"
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

	MinFree int64 // room on the disk, in bytes, that is left free of samples; 0: 64 MiB

	SealSamples int                  // the head is sealed at this many samples; 0: 4 million
	SealAge     time.Duration        // or when its first sample is this old; 0: 2 h
	Sync        func(*os.File) error // makes a log file durable; nil: (*os.File).Sync
}

// maxAhead is how far in the future a sample may lie.
const maxAhead = 10 * time.Minute

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

	seriesMu sync.RWMutex
	byKey    map[string]Ref
	series   []*entry // by Ref; Ref 0 is not used

	mu         sync.RWMutex // guards which heads and partitions there are
	head       *head
	sealing    *head // being written to partitions; nil most of the time
	partitions []*partition.Partition
	broken     []string // partitions that could not be opened

	encoder  *chunk.Encoder // the committer's
	decoders sync.Pool
	columns  sync.Pool // of *Columns, to read into
	lastSeen struct {  // the committer's, to enter a day only once in a row
		day int64
		ids map[Ref]bool
	}

	full    atomic.Bool // the disk has only its reserve left
	stop    chan struct{}
	stopped sync.WaitGroup
	sealNow chan chan error
	counts  struct{ appended, future, old, sealed atomic.Uint64 }
}

// entry is a series as the store knows it.
type entry struct {
	Series
	logged      atomic.Bool // a durable log record defines it
	saved       bool        // the log of definitions has it; the sealer's
	first, last atomic.Int64
}

const noSample = int64(-1) << 62

func newEntry(s Series) *entry {
	e := &entry{Series: s}
	e.first.Store(-noSample)
	e.last.Store(noSample)
	return e
}

// saw widens the known span of e's samples. Only one goroutine calls it.
func (e *entry) saw(from, to int64) {
	if from < e.first.Load() {
		e.first.Store(from)
	}
	if to > e.last.Load() {
		e.last.Store(to)
	}
}

// Open opens the data folder dir, creating it if needed. One process at a time
// may hold it: ErrLocked names the other.
func Open(dir string, o Options) (*DB, error) {
	if o.Retention == 0 {
		o.Retention = 15 * 24 * time.Hour
	}
	if o.MaxSeries == 0 {
		o.MaxSeries = 5_000_000
	}
	if o.MinFree == 0 {
		o.MinFree = 64 << 20
	}
	if o.SealSamples == 0 {
		o.SealSamples = 4_000_000
	}
	if o.SealAge == 0 {
		o.SealAge = 2 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	db := &DB{
		dir: dir, options: o, now: o.Now, logger: o.Log, index: index.New(),
		byKey: map[string]Ref{}, series: []*entry{nil}, head: &head{since: o.Now()},
		encoder: chunk.NewEncoder(), stop: make(chan struct{}), sealNow: make(chan chan error),
	}
	db.decoders.New = func() any { return chunk.NewDecoder() }
	db.columns.New = func() any { return new(Columns) }
	db.lastSeen.ids = map[Ref]bool{}
	if err := db.open(); err != nil {
		return nil, errors.Join(err, db.closeFiles())
	}
	db.lookAtSpace()
	db.stopped.Add(2)
	go db.sealLoop()
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
	if db.defined, err = wal.Open(filepath.Join(db.dir, "series"), wal.Options{Apply: db.applyDefinitions, Log: db.logger}); err != nil {
		return err
	}
	if err := db.openPartitions(); err != nil {
		return err
	}
	db.log, err = wal.Open(filepath.Join(db.dir, "log"), wal.Options{Apply: db.apply, Sync: db.options.Sync, Log: db.logger})
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

// key is what two equal series share.
func (s *Series) key() string {
	var b strings.Builder
	b.WriteString(s.Name)
	fmt.Fprintf(&b, "\x00%d %d", s.Kind, s.Interval)
	for _, tag := range s.Tags {
		b.WriteByte(0)
		b.WriteString(tag)
	}
	return b.String()
}

// Intern returns the ref of s, creating the series at first sight. s.Tags is
// copied when kept. A new series becomes durable with the first Append that
// has a sample of it.
func (db *DB) Intern(s Series) (Ref, error) {
	if s.Name == "" {
		return 0, errors.New("a series needs a name")
	}
	key := s.key()
	db.seriesMu.RLock()
	ref, ok := db.byKey[key]
	db.seriesMu.RUnlock()
	if ok {
		return ref, nil
	}
	db.seriesMu.Lock()
	defer db.seriesMu.Unlock()
	if ref, ok := db.byKey[key]; ok {
		return ref, nil
	}
	if len(db.byKey) >= db.options.MaxSeries {
		return 0, fmt.Errorf("%w: %d; raise --max-series, or send fewer distinct tags", ErrSeriesLimit, db.options.MaxSeries)
	}
	ref = Ref(len(db.series))
	db.series = append(db.series, nil)
	db.enter(ref, key, s)
	return ref, nil
}

// enter makes a series known under ref. The caller holds seriesMu.
func (db *DB) enter(ref Ref, key string, s Series) *entry {
	name, tags := db.index.Add(uint32(ref), s.Name, s.Tags)
	e := newEntry(Series{Name: name, Tags: tags, Kind: s.Kind, Interval: s.Interval})
	db.byKey[key] = ref
	db.series[ref] = e
	return e
}

// define enters the series of a record that was read from disk.
func (db *DB) define(definitions []definition) {
	db.seriesMu.Lock()
	defer db.seriesMu.Unlock()
	for _, d := range definitions {
		for int(d.ref) >= len(db.series) {
			db.series = append(db.series, nil)
		}
		if db.series[d.ref] == nil {
			db.enter(d.ref, d.key(), d.Series)
		}
		db.series[d.ref].logged.Store(true)
	}
}

func (db *DB) applyDefinitions(payload []byte, tag any) {
	if tag != nil {
		return // the sealer wrote what it knows
	}
	definitions, _, err := decodeRecord(payload)
	if err != nil {
		db.logger.Error("a record of series definitions is not readable, its series are lost", "err", err)
		return
	}
	db.define(definitions)
	for _, d := range definitions {
		db.series[d.ref].saved = true
	}
}

// saveDefinitions makes the series durable beyond the log.
func (db *DB) saveDefinitions() error {
	var unsaved []definition
	series := db.entries()
	for ref, e := range series {
		if e != nil && !e.saved && e.last.Load() != noSample {
			unsaved = append(unsaved, definition{Ref(ref), e.Series})
		}
	}
	if len(unsaved) == 0 {
		return nil
	}
	if err := db.defined.Append(encodeRecord(unsaved, &Batch{}), true); err != nil {
		return fmt.Errorf("save %d series: %w", len(unsaved), err)
	}
	for _, d := range unsaved {
		series[d.ref].saved = true
	}
	return nil
}

// kind returns the kind of a series that exists.
func (db *DB) kind(ref Ref) Kind { return db.entries()[ref].Kind }

// sawSeries notes, while the store is opened, that a partition of the given day
// has a series' samples from first to last. Series that no definition names any
// more are skipped.
func (db *DB) sawSeries(ref Ref, day, first, last int64) {
	if int(ref) < len(db.series) && db.series[ref] != nil {
		db.series[ref].saw(first, last)
		db.index.Saw(day, uint32(ref))
	}
}

// entries returns the series table as it is now; refs below its length never change.
func (db *DB) entries() []*entry {
	db.seriesMu.RLock()
	defer db.seriesMu.RUnlock()
	return db.series
}

// Rejected counts the samples of a batch that were not kept, by reason.
type Rejected struct {
	Future int // more than 10 minutes ahead
	Old    int // before the retention
}

// logged is a batch on its way through the log.
type logged struct {
	batch       *Batch
	definitions []definition
}

// Append keeps b: when it returns nil, b is on disk and visible to readers.
// Samples may be late, out of order or repeated; the last write of a time wins.
// Those outside of the times that may be kept are left out and counted. b is
// borrowed until Append returns, and reordered.
func (db *DB) Append(ctx context.Context, b *Batch) (Rejected, error) {
	if err := ctx.Err(); err != nil {
		return Rejected{}, err
	}
	if db.full.Load() {
		return Rejected{}, fmt.Errorf("%w: less than %d MiB are free on the disk of %s", ErrNoSpace, db.options.MinFree>>20, db.dir)
	}
	kept, rejected, definitions, err := db.admit(b)
	if err != nil {
		return Rejected{}, err
	}
	if len(kept.Samples) > 0 || len(kept.Sketches) > 0 {
		if err := db.log.Append(encodeRecord(definitions, kept), logged{kept, definitions}); err != nil {
			if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
				err = fmt.Errorf("%w: %w", ErrNoSpace, err)
			}
			return Rejected{}, err
		}
	}
	db.counts.appended.Add(uint64(len(kept.Samples) + len(kept.Sketches)))
	db.counts.future.Add(uint64(rejected.Future))
	db.counts.old.Add(uint64(rejected.Old))
	return rejected, nil
}

// admit drops the samples of b whose times can't be kept, and finds the series
// among the rest that no durable record defines.
func (db *DB) admit(b *Batch) (kept *Batch, rejected Rejected, definitions []definition, err error) {
	now := db.now()
	oldest, newest := now.Add(-db.options.Retention).UnixMilli(), now.Add(maxAhead).UnixMilli()
	series := db.entries()
	var listed map[Ref]bool
	check := func(ref Ref, at int64, sketch bool) (bool, error) {
		if ref == 0 || int(ref) >= len(series) || series[ref] == nil {
			return false, fmt.Errorf("append: no series has ref %d", ref)
		}
		e := series[ref]
		if (e.Kind == Distribution) != sketch {
			return false, fmt.Errorf("append: %s is a %s: sketches belong to distributions, numbers to the others", e.Name, e.Kind)
		}
		switch {
		case at > newest:
			rejected.Future++
			return false, nil
		case at < oldest:
			rejected.Old++
			return false, nil
		}
		if !e.logged.Load() && !listed[ref] {
			if listed == nil {
				listed = map[Ref]bool{}
			}
			listed[ref] = true
			definitions = append(definitions, definition{ref, e.Series})
		}
		return true, nil
	}
	kept = &Batch{Samples: b.Samples[:0], Sketches: b.Sketches[:0]}
	for _, s := range b.Samples {
		ok, err := check(s.Ref, s.Time, false)
		if err != nil {
			return nil, rejected, nil, err
		}
		if ok {
			kept.Samples = append(kept.Samples, s)
		}
	}
	for _, s := range b.Sketches {
		ok, err := check(s.Ref, s.Time, true)
		if err != nil {
			return nil, rejected, nil, err
		}
		if ok {
			kept.Sketches = append(kept.Sketches, s)
		}
	}
	return kept, rejected, definitions, nil
}

// apply puts a durable record into the head. It runs in the order of the log,
// one record at a time.
func (db *DB) apply(payload []byte, tag any) {
	record, live := tag.(logged)
	if live {
		for _, d := range record.definitions {
			db.entries()[d.ref].logged.Store(true)
		}
	} else {
		var err error
		if record.definitions, record.batch, err = decodeRecord(payload); err != nil {
			db.logger.Error("a log record is not readable, its samples are lost", "err", err)
			return
		}
		db.define(record.definitions)
	}
	db.mu.RLock()
	h := db.head
	db.mu.RUnlock()
	series := db.entries()
	for _, s := range record.batch.Samples {
		if int(s.Ref) < len(series) && series[s.Ref] != nil {
			h.add(db.encoder, s.Ref, s.Time, s.Value, nil)
			db.sawSample(series[s.Ref], s.Ref, s.Time)
		}
	}
	for _, s := range record.batch.Sketches {
		if int(s.Ref) < len(series) && series[s.Ref] != nil {
			h.add(db.encoder, s.Ref, s.Time, 0, s.Sketch)
			db.sawSample(series[s.Ref], s.Ref, s.Time)
		}
	}
	h.mu.Lock()
	h.samples += len(record.batch.Samples) + len(record.batch.Sketches)
	h.mu.Unlock()
}

const day = 24 * 60 * 60 * 1000 // ms

// dayOf is the number of the UTC day of a time, also before the epoch.
func dayOf(ms int64) int64 {
	d := ms / day
	if ms%day < 0 {
		d--
	}
	return d
}

// sawSample notes a sample's time for its series and day.
func (db *DB) sawSample(e *entry, ref Ref, at int64) {
	e.saw(at, at)
	if d := dayOf(at); d != db.lastSeen.day {
		db.lastSeen.day = d
		clear(db.lastSeen.ids)
	}
	if !db.lastSeen.ids[ref] {
		db.lastSeen.ids[ref] = true
		db.index.Saw(db.lastSeen.day, uint32(ref))
	}
}

// Stats are the store's own figures since Open, and its sizes now.
type Stats struct {
	Series, HeadSamples, Partitions       int
	Appended, RejectedFuture, RejectedOld uint64
	Commits                               uint64 // groups of batches, each made durable by one fsync
	Sealed                                uint64 // samples written to partitions
	DiskBytes, LogBytes                   int64
	BrokenPartitions                      []string
}

// Stats returns a snapshot.
func (db *DB) Stats() Stats {
	log := db.log.Stats()
	db.seriesMu.RLock()
	s := Stats{Series: len(db.byKey)}
	db.seriesMu.RUnlock()
	s.Appended, s.RejectedFuture, s.RejectedOld = db.counts.appended.Load(), db.counts.future.Load(), db.counts.old.Load()
	s.Commits, s.LogBytes, s.Sealed = log.Commits, log.Bytes, db.counts.sealed.Load()
	db.mu.RLock()
	defer db.mu.RUnlock()
	s.Partitions, s.DiskBytes, s.BrokenPartitions = len(db.partitions), log.Bytes, slices.Clone(db.broken)
	for _, p := range db.partitions {
		s.DiskBytes += p.Size()
	}
	for _, h := range []*head{db.head, db.sealing} {
		if h != nil {
			h.mu.RLock()
			s.HeadSamples += h.samples
			h.mu.RUnlock()
		}
	}
	return s
}
