package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// lockFolder takes the folder for this process. The lock goes with the process,
// however it ends; the file only tells others whose it is.
func lockFolder(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		owner, _ := io.ReadAll(io.LimitReader(file, 32))
		file.Close()
		return nil, fmt.Errorf("%s: %w by process %s: stop it first, or give this one another --data-dir", dir, ErrLocked, strings.TrimSpace(string(owner)))
	}
	if err == nil {
		err = file.Truncate(0)
	}
	if err == nil {
		_, err = file.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	return file, nil
}

// format is the version of the folder as a whole; each kind of file has its own
// besides. A folder of firstFormat, which has no lean tiers and no dense records,
// is read as it is and becomes one of format by being opened.
const (
	firstFormat = "whippet data 1\n"
	format      = "whippet data 2\n"
)

// knownFormat is about the content of a FORMAT file.
func knownFormat(dir, found string) error {
	if found != format && found != firstFormat {
		return fmt.Errorf("%s holds %q, this program reads up to %q: use the version of whippet that wrote it", dir, strings.TrimSpace(found), strings.TrimSpace(format))
	}
	return nil
}

// checkFormat refuses a folder that another version wrote in another way, and
// marks one that this version is to write.
func checkFormat(dir string) error {
	name := filepath.Join(dir, "FORMAT")
	found, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the data folder's version: %w", err)
	}
	if err == nil {
		if err := knownFormat(dir, string(found)); err != nil || string(found) == format {
			return err
		}
	}
	if err := os.WriteFile(name+".tmp", []byte(format), 0o644); err != nil {
		return fmt.Errorf("mark data folder: %w", err)
	}
	if err := os.Rename(name+".tmp", name); err != nil {
		return fmt.Errorf("mark data folder: %w", err)
	}
	return nil
}
