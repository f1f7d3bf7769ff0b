package store

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/partition"
)

// blockLen is how many samples a sealed block holds at the most, and mergedLen
// how many one in a merged file does: an hour is asked of the newest samples.
const (
	blockLen  = 1024
	mergedLen = 2048
)

// partitionName is the file of a day's partition; later numbers win where two
// hold the same time.
func (db *DB) partitionName(day int64, number int) string {
	return filepath.Join(db.dir, "partitions", fmt.Sprintf("%08d-%d.part", number, day))
}

func partitionOf(name string) (number int, day int64, ok bool) {
	n, err := fmt.Sscanf(filepath.Base(name), "%d-%d.part", &number, &day)
	return number, day, err == nil && n == 2 && strings.HasSuffix(name, ".part")
}

// openPartitions opens what earlier runs sealed. A partition that can't be read
// is left where it is, named in the log and in every answer that may lack it.
func (db *DB) openPartitions() error {
	dir := filepath.Join(db.dir, "partitions")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create partitions folder: %w", err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return fmt.Errorf("list partitions: %w", err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".tmp") {
			os.Remove(name) // a seal that did not end; the log still has its samples
			continue
		}
		number, day, ok := partitionOf(name)
		if !ok {
			continue
		}
		p, err := db.openSealed(name, number, day)
		if err != nil {
			db.logger.Error("a partition can't be read, queries will lack its samples", "err", err)
			db.broken = append(db.broken, filepath.Base(name))
			continue
		}
		db.partitions = append(db.partitions, p)
		for series, times := range p.Series() {
			db.sawSeries(Ref(series), day, times[0], times[1])
		}
	}
	return nil
}

// sealLoop seals the head when it is large or old.
func (db *DB) sealLoop() {
	defer db.stopped.Done()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	failed := time.Time{}
	for {
		var asked chan error
		select {
		case <-db.stop:
			return
		case asked = <-db.sealNow:
		case <-ticker.C:
			if !db.sealDue() || time.Since(failed) < time.Minute {
				continue
			}
		}
		err := db.seal()
		if err != nil {
			failed = time.Now()
			db.logger.Error("seal the head, its samples stay in the log", "err", err)
		}
		if err := db.forgetNow(); err != nil {
			db.logger.Error("forget series whose data is gone", "err", err)
		}
		if asked != nil {
			asked <- err
		}
	}
}

func (db *DB) sealDue() bool {
	db.mu.RLock()
	h, unfinished := db.head, db.sealing != nil
	db.mu.RUnlock()
	return unfinished || h.full(&db.options, db.now())
}

// Seal moves what is in the head to partitions now.
func (db *DB) Seal() error {
	asked := make(chan error)
	select {
	case db.sealNow <- asked:
		return <-asked
	case <-db.stop:
		return errors.New("the store is closed")
	}
}

// seal writes the head to partitions: a new head takes over between two log
// records, the series and samples of the old one are made durable, and then
// the log forgets them. Dying anywhere in between loses nothing: the log is
// replayed, and its samples replace their own copies.
func (db *DB) seal() error {
	db.mu.RLock()
	h := db.sealing // left over from a seal that failed
	db.mu.RUnlock()
	if h == nil {
		err := db.log.Cut(func(segment int) {
			db.mu.Lock()
			defer db.mu.Unlock()
			h, db.head = db.head, newHead(db.now(), segment)
			db.crowded.Store(false)
			db.sealing = h
		})
		if err != nil {
			return err
		}
	}
	if err := db.saveDefinitions(); err != nil {
		return err
	}
	sealed, err := db.writePartitions(h)
	if err != nil {
		return err
	}
	db.mu.Lock()
	db.partitions = append(db.partitions, sealed...)
	slices.SortFunc(db.partitions, func(a, b *sealedFile) int { return cmp.Compare(a.number, b.number) })
	db.sealing = nil
	segment := db.head.segment
	db.mu.Unlock()
	db.counts.sealed.Add(uint64(h.samples))
	return errors.Join(h.release(), db.log.Drop(segment))
}

// writePartitions writes the samples of h, a partition for each day.
func (db *DB) writePartitions(h *head) (sealed []*sealedFile, err error) {
	type file struct { // the samples of a day that are dropped on one day
		day  int64
		rule int
	}
	writers := map[file]*partition.Writer{}
	var opened []*sealedFile
	defer func() {
		if err == nil {
			return
		}
		for _, w := range writers {
			w.Abort()
		}
		for _, p := range opened { // none may stay: the head will be written again
			p.RemoveWhenUnused()
			p.Release()
		}
	}()
	number := db.nextNumber()
	encoder := chunk.NewEncoder()
	var c Columns
	for ref := range h.refs() {
		sketches := db.kind(ref) == Distribution
		c.Reset()
		if err := h.read(ref, sketches, noSample, -noSample, &c); err != nil {
			return nil, fmt.Errorf("read series %d of the head: %w", ref, err)
		}
		if !ascending(c.Times) {
			sortColumns(&c)
		}
		for rest := c; len(rest.Times) > 0; {
			d := dayOf(rest.Times[0])
			n := 1
			for n < len(rest.Times) && n < blockLen && dayOf(rest.Times[n]) == d {
				n++
			}
			at := file{d, db.rule(ref)}
			w := writers[at]
			if w == nil {
				if w, err = partition.Create(db.partitionName(d, number+at.rule)); err != nil {
					return nil, err
				}
				writers[at] = w
			}
			var block Columns
			block, rest = rest.split(n)
			encoded, header := encodeColumns(encoder, &block)
			kind := uint8(partition.Numbers)
			if sketches {
				kind = partition.Sketches
			}
			w.Add(uint32(ref), kind, header, encoded)
		}
	}
	for at, w := range writers {
		delete(writers, at)
		if err := w.Close(); err != nil {
			return nil, err
		}
		p, err := db.openSealed(db.partitionName(at.day, number+at.rule), number+at.rule, at.day)
		if err != nil {
			return nil, err
		}
		opened = append(opened, p)
	}
	return opened, nil
}

// nextNumber is above that of any partition, also of those that are gone and
// whose samples are in a tier.
func (db *DB) nextNumber() int {
	db.mu.RLock()
	defer db.mu.RUnlock()
	last := 0
	for _, p := range db.partitions {
		last = max(last, p.number)
	}
	for _, t := range db.tiers {
		for _, n := range t.covers {
			last = max(last, n)
		}
	}
	for _, name := range db.broken {
		n, _, _ := partitionOf(name)
		last = max(last, n)
	}
	return last + 1
}

// split cuts the first n samples off.
func (c Columns) split(n int) (first, rest Columns) {
	first.Times, rest.Times = c.Times[:n], c.Times[n:]
	if len(c.Sketches) > 0 {
		first.Sketches, rest.Sketches = c.Sketches[:n], c.Sketches[n:]
	} else {
		first.Values, rest.Values = c.Values[:n], c.Values[n:]
	}
	return first, rest
}
