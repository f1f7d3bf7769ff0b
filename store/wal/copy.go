package wal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Snapshot copies the log to a folder, which it makes: every record that was
// appended before the call, unless its segment has been dropped meanwhile.
// Appending goes on in a new segment.
func (l *Log) Snapshot(to string) error {
	// Segments that go while they are copied may have gone to a later one.
	for whole := false; !whole; {
		if err := os.RemoveAll(to); err != nil {
			return fmt.Errorf("copy the log: %w", err)
		}
		if err := os.MkdirAll(to, 0o755); err != nil {
			return fmt.Errorf("copy the log: %w", err)
		}
		var before int
		if err := l.Cut(func(segment int) { before = segment }); err != nil {
			return err
		}
		segments, err := listSegments(l.dir)
		if err != nil {
			return err
		}
		whole = true
		for _, n := range segments {
			if n >= before {
				break
			}
			err := copyFile(l.path(n), filepath.Join(to, filepath.Base(l.path(n))))
			if errors.Is(err, os.ErrNotExist) {
				whole = false
				break
			}
			if err != nil {
				return fmt.Errorf("copy the log: %w", err)
			}
		}
	}
	if err := syncDir(to); err != nil {
		return fmt.Errorf("copy the log: %w", err)
	}
	return nil
}

func copyFile(from, to string) error {
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

// Check reads one segment's file, without changing it, and gives the payload of
// each whole record, lent until fn returns, to fn. torn is how many bytes behind
// them, but for closing zeros, are no whole record: a crash can leave some in the last segment, and so
// can a record that is just being written.
func Check(file string, fn func(payload []byte) error) (torn int64, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, fmt.Errorf("check the log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("check the log: %w", err)
	}
	at := int64(0)
	var payload, buffer []byte
	for in := bufio.NewReaderSize(f, 1<<20); ; {
		if payload, buffer, err = next(in, info.Size()-at, buffer); err != nil {
			break
		}
		if err := fn(payload); err != nil {
			return 0, fmt.Errorf("%s: record at %d: %w", filepath.Base(file), at, err)
		}
		at += recordHeader + int64(len(payload))
	}
	if !errors.Is(err, errTorn) && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("check the log: %w", err)
	}
	end, err := endOf(f, at, info.Size())
	if err != nil {
		return 0, fmt.Errorf("check the log: %w", err)
	}
	return end - at, nil
}
