package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/partition"
)

// Kinds of blocks in a tier's file, beside those of package partition.
const (
	tierBlock     = 16 // buckets of a series, as tierCodec codes them
	coverageBlock = 17 // of series 0, which no series has
	samplesBlock  = 18 // few samples of a series, in place of buckets
	leanBlock     = 19 // a coverage block of days whose tier is lean
)

// sealedFile is a partition of raw samples of one day.
type sealedFile struct {
	*partition.Partition
	number int   // where two hold the same time, the higher number wins
	day    int64 // since the epoch, UTC
	rules  []int // of retention, that its series fall under
}

// tierFile is a partition of buckets of one width, of one or more days.
type tierFile struct {
	*partition.Partition
	number int // of two that cover a day, the higher number counts
	width  int64
	// covers tells of each of its days up to which number the sealed files are in
	// its buckets. Files with higher numbers hold what came later.
	covers map[int64]int
	// lean: what raw samples serve as well is left out while those are kept. Such
	// a file has one day.
	lean  bool
	rules []int // of retention, that its series fall under
}

// tierOf names the folder's tiers by their widths.
var tierNames = map[int64]string{fiveMinutes: "5m", oneHour: "1h"}

func (db *DB) tierName(width int64, number int) string {
	return filepath.Join(db.dir, "tiers", fmt.Sprintf("%s-%08d.tier", tierNames[width], number))
}

func tierOf(name string) (width int64, number int, ok bool) {
	for width, tier := range tierNames {
		rest, found := strings.CutPrefix(filepath.Base(name), tier+"-")
		if !found {
			continue
		}
		n, err := fmt.Sscanf(rest, "%d.tier", &number)
		return width, number, err == nil && n == 1 && strings.HasSuffix(name, ".tier")
	}
	return 0, 0, false
}

// openTiers opens the tiers' files. One that can't be read is left where it is
// and named; the raw samples it was made of serve while they are kept.
func (db *DB) openTiers() error {
	dir := filepath.Join(db.dir, "tiers")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create tiers folder: %w", err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return fmt.Errorf("list tiers: %w", err)
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.HasSuffix(name, ".tmp") {
			os.Remove(name) // a tier whose building did not end; it is built again
			continue
		}
		width, number, ok := tierOf(name)
		if !ok {
			continue
		}
		f, err := db.openTier(name, width, number)
		if err != nil {
			db.logger.Error("a tier's file can't be read, long ranges may lack its days", "err", err)
			db.broken = append(db.broken, filepath.Base(name))
			continue
		}
		db.tiers = append(db.tiers, f)
		for ref, times := range f.Series() {
			for d := dayOf(times[0]); d <= dayOf(times[1]); d++ {
				db.sawSeries(Ref(ref), d, times[0], times[1])
			}
		}
	}
	return db.dropUnusedTiers()
}

func (db *DB) openTier(name string, width int64, number int) (*tierFile, error) {
	p, err := partition.Open(name)
	if err != nil {
		return nil, err
	}
	f := &tierFile{Partition: p, number: number, width: width}
	if err := f.readCoverage(); err != nil {
		return nil, errors.Join(fmt.Errorf("open tier %s: %w", filepath.Base(name), err), p.Release())
	}
	f.rules = db.rulesIn(p)
	return f, nil
}

// openSealed opens a partition of raw samples.
func (db *DB) openSealed(name string, number int, d int64) (*sealedFile, error) {
	p, err := partition.Open(name)
	if err != nil {
		return nil, err
	}
	return &sealedFile{p, number, d, db.rulesIn(p)}, nil
}

// coverage is the payload of a file's coverage block: days and numbers.
func coverage(covers map[int64]int) ([]byte, chunk.Header) {
	var b []byte
	h := chunk.Header{Count: len(covers), MinTime: -noSample, MaxTime: noSample}
	for d, n := range covers {
		b = binary.AppendVarint(b, d)
		b = binary.AppendUvarint(b, uint64(n))
		h.MinTime, h.MaxTime = min(h.MinTime, d*day), max(h.MaxTime, (d+1)*day-1)
	}
	return b, h
}

func (f *tierFile) readCoverage() error {
	blocks := f.Blocks(0)
	if len(blocks) != 1 || blocks[0].Kind != coverageBlock && blocks[0].Kind != leanBlock {
		return fmt.Errorf("%w: it does not say which days it covers", partition.ErrCorrupt)
	}
	encoded, err := f.Bytes(blocks[0])
	if err != nil {
		return err
	}
	f.lean = blocks[0].Kind == leanBlock
	f.covers = map[int64]int{}
	for r := (reader{b: encoded}); len(r.b) > 0; {
		d, n := r.varint(), r.uvarint()
		if r.failed || n > 1<<40 {
			return fmt.Errorf("%w: the days it covers", partition.ErrCorrupt)
		}
		f.covers[d] = int(n)
	}
	return nil
}

// coveringTier is the file that counts for a day, nil if there is none.
func coveringTier(tiers []*tierFile, width, d int64) *tierFile {
	var best *tierFile
	for _, f := range tiers {
		if f.width != width || best != nil && best.number > f.number {
			continue
		}
		if _, ok := f.covers[d]; ok {
			best = f
		}
	}
	return best
}

// dropUnusedTiers removes the files all of whose days others cover by now.
func (db *DB) dropUnusedTiers() error {
	var errs []error
	db.tiers = slices.DeleteFunc(db.tiers, func(f *tierFile) bool {
		for d := range f.covers {
			if coveringTier(db.tiers, f.width, d) == f {
				return false
			}
		}
		f.RemoveWhenUnused()
		errs = append(errs, f.Release())
		return true
	})
	return errors.Join(errs...)
}
