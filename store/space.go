package store

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// spaceEvery is how often the disk's free room is looked at.
const spaceEvery = 250 * time.Millisecond

// watchSpace refuses appends while the disk has less room than the reserve,
// which is left to the catalog, to sealing and to compaction: those make room,
// and monitors must keep their states on a full disk too. It runs until Close.
func (db *DB) watchSpace() {
	defer db.stopped.Done()
	ticker := time.NewTicker(spaceEvery)
	defer ticker.Stop()
	for {
		select {
		case <-db.stop:
			return
		case <-ticker.C:
			db.lookAtSpace()
		}
	}
}

func (db *DB) lookAtSpace() {
	free, err := freeSpace(db.dir)
	if err != nil {
		db.logger.Debug("the disk's free space is unknown, writes go on", "err", err)
		return
	}
	full := free < db.options.MinFree
	if full == db.full.Swap(full) {
		return
	}
	if full {
		db.logger.Error("the disk is nearly full, new samples are refused until there is room; agents keep and repeat theirs", "free", free, "reserve", db.options.MinFree)
	} else {
		db.logger.Info("the disk has room again, samples are taken", "free", free)
	}
}

// freeSpace is how many bytes this process may still write in dir.
func freeSpace(dir string) (int64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, fmt.Errorf("look at the free space of %s: %w", dir, err)
	}
	return int64(disk.Bavail) * disk.Bsize, nil
}
