package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/whippet-obs/whippet/store/partition"
)

// Snapshot writes a consistent copy of the store to the folder dir, which must
// not exist yet: everything that was acknowledged before the call is in it, and
// maybe some of what came during it. Appends, queries and maintenance go on. On
// the same file system sealed files are hard links, which take no room until
// the store drops its own. The copy can be opened as a store, and checked with
// Check.
//
// What is read first can only be missing from it for being in what is read
// later: the log is copied before the sealed files that seals move it to, and
// those before the definitions of the series in them.
func (db *DB) Snapshot(ctx context.Context, dir string) (err error) {
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("snapshot to %s: there is something already", dir)
	}
	unfinished := strings.TrimRight(dir, "/") + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	for _, sub := range []string{"partitions", "tiers"} {
		if err := os.MkdirAll(filepath.Join(unfinished, sub), 0o755); err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("snapshot: %w", err), os.RemoveAll(unfinished))
		}
	}()
	if err := db.log.Snapshot(filepath.Join(unfinished, "log")); err != nil {
		return err
	}
	files := db.holdFiles()
	for _, f := range files {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = f.LinkTo(filepath.Join(unfinished, filepath.Base(filepath.Dir(f.Path)), filepath.Base(f.Path)))
		}
		err = errors.Join(err, f.Release())
	}
	if err != nil {
		return err
	}
	if err := db.defined.Snapshot(filepath.Join(unfinished, "series")); err != nil {
		return err
	}
	if err := db.catalog.Snapshot(filepath.Join(unfinished, "catalog.db")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(unfinished, "FORMAT"), []byte(format), 0o644); err != nil {
		return err
	}
	for _, sub := range []string{"partitions", "tiers", ""} {
		if err := partition.SyncDir(filepath.Join(unfinished, sub)); err != nil {
			return err
		}
	}
	if err := os.Rename(unfinished, dir); err != nil {
		return err
	}
	return partition.SyncDir(filepath.Dir(dir))
}

// holdFiles returns all files of samples and tiers, held.
func (db *DB) holdFiles() []*partition.Partition {
	db.mu.RLock()
	defer db.mu.RUnlock()
	var files []*partition.Partition
	for _, p := range db.partitions {
		files = append(files, p.Partition)
	}
	for _, t := range db.tiers {
		files = append(files, t.Partition)
	}
	for _, f := range files {
		f.Acquire()
	}
	return files
}
