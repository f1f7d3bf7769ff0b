package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/partition"
	"github.com/whippet-obs/whippet/store/wal"
)

// Report is what Check found.
type Report struct {
	Files    int
	Bytes    int64
	Series   int      // with definitions
	Samples  int64    // in sealed files and in the log
	Buckets  int64    // in tiers
	Problems []string // what can't be read, by file
	Notes    []string // what is as it should be, but worth knowing
}

// Check reads everything but spans in the data folder dir, or in a snapshot of one: every
// checksum, every index, every block. It changes nothing, and the folder may be
// in use. progress is called with the bytes read so far and the bytes there are.
// Err is only about the checking itself: what is wrong with the data is in the
// report.
func Check(ctx context.Context, dir string, progress func(done, total int64)) (Report, error) {
	c := checker{ctx: ctx, dir: dir, decoder: chunk.NewDecoder(), series: map[uint32]bool{}}
	c.codec.decoder = c.decoder
	found, err := os.ReadFile(filepath.Join(dir, "FORMAT"))
	if err != nil {
		return c.report, fmt.Errorf("check %s: it is no data folder: %w", dir, err)
	}
	if err := knownFormat(dir, string(found)); err != nil {
		return c.report, fmt.Errorf("check: %w", err)
	}
	files, total, err := c.list()
	if err != nil {
		return c.report, fmt.Errorf("check %s: %w", dir, err)
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return c.report, err
		}
		if err := c.file(f.name); errors.Is(err, fs.ErrNotExist) {
			c.report.Files-- // dropped meanwhile
		} else if err != nil {
			c.problem(f.name, err)
		}
		c.report.Files++
		c.report.Bytes += f.size
		if progress != nil {
			progress(c.report.Bytes, total)
		}
	}
	c.report.Series = len(c.series)
	return c.report, nil
}

// checker is one Check.
type checker struct {
	ctx     context.Context
	dir     string
	report  Report
	series  map[uint32]bool // that are defined
	decoder *chunk.Decoder
	codec   tierCodec
	record  recordDecoder
	c       Columns
	tier    tierColumns
}

type checkedFile struct {
	name string // below dir
	size int64
}

// list lists the folder's files: definitions first, which the rest is held
// against.
func (c *checker) list() (files []checkedFile, total int64, err error) {
	err = filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != c.dir {
			return nil
		}
		if err == nil && d.IsDir() && d.Name() == "spans" {
			return fs.SkipDir // package span has its own Check
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(c.dir, path)
		if err == nil && info.Mode().IsRegular() {
			files = append(files, checkedFile{name, info.Size()})
			total += info.Size()
		}
		return err
	})
	slices.SortStableFunc(files, func(a, b checkedFile) int {
		rank := func(f checkedFile) int {
			return slices.Index([]string{"partitions", "tiers", "log", "series"}, filepath.Dir(f.name))
		}
		return rank(b) - rank(a)
	})
	return files, total, err
}

func (c *checker) problem(name string, err error) {
	for text := range strings.SplitSeq(err.Error(), "\n") {
		c.report.Problems = append(c.report.Problems, name+": "+text)
	}
}

// file checks one file by what its name says that it is.
func (c *checker) file(name string) error {
	path := filepath.Join(c.dir, name)
	switch folder := filepath.Dir(name); {
	case strings.HasSuffix(name, ".tmp"):
		c.report.Notes = append(c.report.Notes, name+": a file whose writing did not end, nothing is lost with it")
		return nil
	case folder == "series" || folder == "log":
		return c.log(name, path)
	case folder == "partitions" && strings.HasSuffix(name, ".part"):
		return c.partition(path)
	case folder == "tiers" && strings.HasSuffix(name, ".tier"):
		return c.tierFile(name, path)
	case name == "catalog.db":
		problems, err := catalog.CheckFile(path)
		c.report.Problems = append(c.report.Problems, problems...)
		if errors.Is(err, catalog.ErrInUse) {
			c.report.Notes = append(c.report.Notes, "catalog.db: not checked, a process has it open: check a backup")
			return nil
		}
		return err
	}
	return nil
}

func (c *checker) torn(name string, torn int64) {
	if torn > 0 {
		c.report.Notes = append(c.report.Notes, fmt.Sprintf("%s: the last %d bytes are no whole record: a crash, or a record that is just being written", name, torn))
	}
}

func (c *checker) log(name, path string) error {
	torn, err := wal.Check(path, func(payload []byte) error {
		definitions, b, err := c.record.decode(payload)
		if err != nil {
			return err
		}
		for _, d := range definitions.series {
			c.series[uint32(d.ref)] = true
		}
		c.report.Samples += int64(len(b.Samples) + len(b.Sketches))
		return nil
	})
	c.torn(name, torn)
	return err
}

func (c *checker) partition(path string) error {
	p, err := partition.Open(path)
	if err != nil {
		return err
	}
	var errs []error
	for b := range p.All() {
		encoded, err := p.Bytes(b)
		if err == nil {
			c.c.Reset()
			err = decodeInto(c.decoder, b.MinTime, encoded, b.Kind == partition.Sketches, &c.c)
			if err == nil && !ascending(c.c.Times) {
				err = errors.New("its times do not ascend")
			}
			if err != nil {
				err = fmt.Errorf("a block of series %d: %w", b.Series, err)
			}
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		c.report.Samples += int64(len(c.c.Times))
	}
	return errors.Join(append(errs, p.Release())...)
}

func (c *checker) tierFile(name, path string) error {
	width, number, ok := tierOf(name)
	if !ok {
		return errors.New("its name is not that of a tier's file")
	}
	p, err := partition.Open(path)
	if err != nil {
		return err
	}
	f := &tierFile{Partition: p, number: number, width: width}
	errs := []error{f.readCoverage()}
	for b := range p.All() {
		encoded, err := p.Bytes(b)
		if err == nil && b.Kind == samplesBlock {
			if err = c.codec.decodeFew(b.MinTime, encoded, width, false, &c.tier); err != nil {
				err = fmt.Errorf("a block of series %d: %w", b.Series, err)
			} else {
				c.report.Buckets += int64(len(c.tier.Start))
			}
		}
		if err == nil && b.Kind == tierBlock {
			if err = c.codec.decode(encoded, width, wantAllTierColumns|WantSketches, &c.tier); err != nil {
				err = fmt.Errorf("a block of series %d: %w", b.Series, err)
			} else {
				c.report.Buckets += int64(len(c.tier.Start))
			}
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, p.Release())...)
}
