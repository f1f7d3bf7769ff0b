package store

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"
)

// Maintenance runs in one goroutine beside the sealer: it builds tiers from
// sealed files, merges those files, and drops what is older than it is to be
// kept. It only ever adds a file and then removes those it replaces, so that
// appends and queries go on meanwhile.

// settleAfter is how long little sealed files wait for more of their day before
// they are worked into its tiers.
const settleAfter = 30 * time.Minute

// job is work for the maintenance goroutine that someone waits for.
type job struct {
	do   func() error
	done chan error
}

var errClosed = errors.New("the store is closed")

// maintainLoop works until Close.
func (db *DB) maintainLoop() {
	defer db.stopped.Done()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var failed time.Time
	for {
		select {
		case <-db.stop:
			return
		case j := <-db.jobs:
			j.done <- j.do()
		case <-ticker.C:
			if time.Since(failed) < time.Minute {
				continue
			}
			if err := db.maintain(false, &pacer{stop: db.stop}); err != nil && !errors.Is(err, errClosed) {
				failed = time.Now()
				db.logger.Error("maintain the store's files; it is tried again", "err", err)
			}
		}
	}
}

// ask runs fn in the maintenance goroutine.
func (db *DB) ask(fn func() error) error {
	j := job{fn, make(chan error, 1)}
	select {
	case db.jobs <- j:
		return <-j.done
	case <-db.stop:
		return errClosed
	}
}

// Settle seals the head and does all of the maintenance that would be done in
// the course of the next hours, at full speed.
func (db *DB) Settle() error {
	if err := db.Seal(); err != nil {
		return err
	}
	return db.ask(func() error { return db.maintain(true, &pacer{stop: db.stop, fast: true}) })
}

// maintain does what is due; with all, also what would wait for more to come.
func (db *DB) maintain(all bool, pace *pacer) error {
	for _, d := range db.sealedDays() {
		if err := db.maintainDay(d, all, pace); err != nil {
			return err
		}
	}
	if err := db.mergeTiers(all, pace); err != nil {
		return err
	}
	if !db.mayExpire() && !all {
		return nil
	}
	return db.expire(pace)
}

// sealedDays lists the days with sealed files, the oldest first.
func (db *DB) sealedDays() []int64 {
	db.mu.RLock()
	defer db.mu.RUnlock()
	var days []int64
	for _, p := range db.partitions {
		days = append(days, p.day)
	}
	slices.Sort(days)
	return slices.Compact(days)
}

// filesOf returns the sealed files of a day by number, and holds them.
func (db *DB) filesOf(d int64) []*sealedFile {
	db.mu.RLock()
	defer db.mu.RUnlock()
	var files []*sealedFile
	for _, p := range db.partitions {
		if p.day == d {
			p.Acquire()
			files = append(files, p)
		}
	}
	slices.SortFunc(files, func(a, b *sealedFile) int { return cmp.Compare(a.number, b.number) })
	return files
}

func release(files []*sealedFile) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Release())
	}
	return errors.Join(errs...)
}

// maintainDay brings a day's tiers up to date, then merges its files.
func (db *DB) maintainDay(d int64, all bool, pace *pacer) error {
	files := db.filesOf(d)
	defer func() { release(files) }()
	if db.tiersDue(d, files, all) {
		if err := db.buildTiers(d, files, false, pace); err != nil {
			return err
		}
	}
	if db.uncovered(d, files) > 0 {
		return nil // what tiers cover and what they don't is not mixed
	}
	quiet := all || db.now().UnixMilli() > (d+1)*day+settleAfter.Milliseconds() && db.waited(d, files)
	for _, alike := range byRules(files) {
		if merge := compactable(alike, quiet); len(merge) > 1 {
			if err := db.compact(merge, pace); err != nil {
				return err
			}
		}
	}
	return nil
}

// uncovered is how many bytes of a day's files are not in its tiers.
func (db *DB) uncovered(d int64, files []*sealedFile) (bytes int64) {
	covers := db.covered(d)
	for _, f := range files {
		if f.number > covers {
			bytes += f.Size()
		}
	}
	return bytes
}

// covered is the number up to which a day's files are in all of its tiers; -1
// when there are none.
func (db *DB) covered(d int64) int {
	db.mu.RLock()
	defer db.mu.RUnlock()
	covers := math.MaxInt
	for _, width := range []int64{fiveMinutes, oneHour} {
		if !db.tierWanted(width, d) {
			continue
		}
		f := coveringTier(db.tiers, width, d)
		if f == nil {
			return -1
		}
		covers = min(covers, f.covers[d])
	}
	return covers
}

// tiersDue says whether to work a day's later files into its tiers: when there
// are many of them, or when they have waited.
func (db *DB) tiersDue(d int64, files []*sealedFile, all bool) bool {
	fresh := db.uncovered(d, files)
	if fresh == 0 {
		return false
	}
	total := int64(0)
	for _, f := range files {
		total += f.Size()
	}
	return all || fresh*2 >= total || db.waited(d, files)
}

// waited says whether the newest of a day's files is old enough not to wait for
// more of that day.
func (db *DB) waited(d int64, files []*sealedFile) bool {
	newest := files[len(files)-1].number
	w, ok := db.waiting[d]
	if !ok || w.newest != newest {
		w = waiting{newest, db.now()}
		db.waiting[d] = w
	}
	return db.now().Sub(w.since) >= settleAfter
}

// waiting is since when a day's newest file has been the newest.
type waiting struct {
	newest int
	since  time.Time
}

// pacer keeps work in the background to half of one core's time.
type pacer struct {
	stop  <-chan struct{}
	fast  bool
	since time.Time
}

// workFor is how long the background works before it rests as long.
const workFor = 10 * time.Millisecond

// rest is called often between small steps of work. It returns errClosed when
// the work is to end.
func (p *pacer) rest() error {
	now := time.Now()
	if p.since.IsZero() {
		p.since = now
	}
	worked := now.Sub(p.since)
	if worked < workFor {
		return nil
	}
	pause := worked
	if p.fast {
		pause = 0
	}
	select {
	case <-p.stop:
		return errClosed
	case <-time.After(min(pause, time.Second)):
	}
	p.since = time.Now()
	return nil
}
