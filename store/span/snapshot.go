package span

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/whippet-obs/whippet/store/wal"
)

// Snapshot writes a copy of the store to the folder dir, which it makes: all
// spans that were kept before the call. Segments are hard links where the file
// system can do that. The log comes first: what a seal takes from it meanwhile is
// in a segment then.
func (s *Store) Snapshot(dir string) error {
	if err := s.wal.Snapshot(filepath.Join(dir, "log")); err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(s.dir, "*.spans"))
	if err != nil {
		return fmt.Errorf("copy spans: %w", err)
	}
	for _, name := range names {
		err := linkOrCopy(name, filepath.Join(dir, filepath.Base(name)))
		if err != nil && !errors.Is(err, os.ErrNotExist) { // it may be dropped meanwhile, for its age
			return fmt.Errorf("copy spans: %w", err)
		}
	}
	return syncDir(dir)
}

func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}

// Report is what Check found.
type Report struct {
	Files    int
	Bytes    int64
	Spans    int64
	Problems []string // what can't be read, by file
	Notes    []string
}

// Check reads every block and every log record of the store in dir, or of a
// snapshot of one, without changing anything. progress is called with the bytes
// of each file that was read.
func Check(dir string, progress func(n int64)) (r Report, err error) {
	c, err := newCodec(zstd.SpeedFastest)
	if err != nil {
		return r, err
	}
	for _, pattern := range []string{"*.spans", filepath.Join("log", "*.log")} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return r, fmt.Errorf("check spans: %w", err)
		}
		for _, name := range names {
			info, err := os.Stat(name)
			if errors.Is(err, os.ErrNotExist) {
				continue // dropped meanwhile
			}
			if err == nil {
				r.Files++
				r.Bytes += info.Size()
				progress(info.Size())
				err = r.file(c, name)
			}
			if err != nil {
				r.Problems = append(r.Problems, fmt.Sprintf("spans: %v", err))
			}
		}
	}
	return r, nil
}

func (r *Report) file(c *codec, name string) error {
	if filepath.Ext(name) == ".log" {
		torn, err := wal.Check(name, func([]byte) error { return nil })
		if torn > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("spans/log/%s: the last %d bytes are no whole record: a crash, or a record that is just being written", filepath.Base(name), torn))
		}
		return err
	}
	s, err := openSegment(name)
	if err != nil {
		return err
	}
	var errs []error
	for i := range s.blocks {
		if _, err := s.block(c, i); err != nil {
			errs = append(errs, err)
			continue
		}
		r.Spans += int64(s.blocks[i].spans)
	}
	return errors.Join(append(errs, s.release())...)
}
