package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/partition"
	"github.com/whippet-obs/whippet/store/span"
)

const (
	backupUsage = `Usage: whippet backup [--data-dir DIR] BACKUP

Writes a consistent copy of everything in the data folder to a new folder, also
while Whippet runs on it. On the same file system the bulk of it are hard links,
which take no room until the originals are dropped: copy BACKUP elsewhere then.
`
	restoreUsage = `Usage: whippet restore [--data-dir DIR] [--damaged] BACKUP

Checks a backup and copies it to a data folder, which must not exist yet or be
empty. A backup with damage is refused, unless --damaged says to take what is
left.
`
	checkUsage = `Usage: whippet check [--data-dir DIR]

Reads everything in a data folder or a backup, and verifies every checksum, index
and block. It changes nothing, and Whippet may be running on the folder. The exit
status is 1 when something can't be read.
`
)

// folderArgs parses the flags of a command that works on a data folder. ok is
// false when the command is to end with the given status.
func folderArgs(fs *flag.FlagSet, args []string, operands int, usage string, stdout, stderr io.Writer) (dataDir string, status int, ok bool) {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	folder := os.Getenv("WHIPPET_DATA_DIR")
	if folder == "" {
		folder = "./whippet-data"
	}
	fs.StringVar(&dataDir, "data-dir", folder, "")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return "", 0, false
	}
	if err == nil && fs.NArg() != operands {
		err = fmt.Errorf("want %d folder after the flags, got %d", operands, fs.NArg())
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n\n%s", fs.Name(), err, usage)
		return "", 2, false
	}
	return dataDir, 0, true
}

// runBackup is "whippet backup".
func runBackup(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("whippet backup", flag.ContinueOnError)
	dataDir, status, ok := folderArgs(fs, args, 1, backupUsage, stdout, stderr)
	if !ok {
		return status
	}
	began := time.Now()
	to, err := filepath.Abs(fs.Arg(0))
	if err == nil {
		err = askRunning(ctx, dataDir, "backup", struct{ Dir string }{to})
		if errors.Is(err, errNotRunning) {
			err = backupFolder(ctx, dataDir, to)
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "whippet backup: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "%s is a copy of %s, made in %s. \"whippet check --data-dir %s\" verifies it.\n", to, dataDir, time.Since(began).Round(time.Millisecond), to)
	return 0
}

// backupFolder copies a data folder on which no process runs.
func backupFolder(ctx context.Context, dataDir, to string) error {
	if _, err := os.Stat(filepath.Join(dataDir, "FORMAT")); err != nil {
		return fmt.Errorf("%s is no data folder: name it with --data-dir", dataDir)
	}
	db, err := store.Open(dataDir, store.Options{})
	if err != nil {
		return err
	}
	spans, err := span.Open(filepath.Join(dataDir, "spans"), span.Options{})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(snapshot(ctx, db, spans, to), spans.Close(), db.Close())
}

// snapshot writes copies of both stores to the new folder dir, which is there as
// a whole or not at all.
func snapshot(ctx context.Context, db *store.DB, spans *span.Store, dir string) error {
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: there is something already", dir)
	}
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("remove what an earlier backup left: %w", err)
	}
	err := db.Snapshot(ctx, partial)
	if err == nil {
		err = spans.Snapshot(filepath.Join(partial, "spans"))
	}
	if err == nil {
		err = os.Rename(partial, dir)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(partial))
	}
	return partition.SyncDir(filepath.Dir(dir))
}

// runRestore is "whippet restore".
func runRestore(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("whippet restore", flag.ContinueOnError)
	damaged := fs.Bool("damaged", false, "")
	dataDir, status, ok := folderArgs(fs, args, 1, restoreUsage, stdout, stderr)
	if !ok {
		return status
	}
	if err := restore(ctx, fs.Arg(0), dataDir, *damaged, stdout); err != nil {
		fmt.Fprintf(stderr, "whippet restore: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "%s is restored: start \"whippet serve --data-dir %s\".\n", dataDir, dataDir)
	return 0
}

func restore(ctx context.Context, backup, dataDir string, damaged bool, stdout io.Writer) error {
	if there, err := os.ReadDir(dataDir); err == nil && len(there) > 0 {
		return fmt.Errorf("%s is not empty: move it away first", dataDir)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	problems, err := checkFolder(ctx, backup, stdout)
	if err != nil {
		return err
	}
	if problems > 0 && !damaged {
		return fmt.Errorf("the backup is damaged: --damaged restores what is left of it")
	}
	partial := strings.TrimRight(dataDir, "/") + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := copyTree(ctx, backup, partial); err != nil {
		return errors.Join(fmt.Errorf("copy the backup: %w", err), os.RemoveAll(partial))
	}
	os.Remove(dataDir) // it is empty, or not there
	if err := os.Rename(partial, dataDir); err != nil {
		return err
	}
	return partition.SyncDir(filepath.Dir(filepath.Clean(dataDir)))
}

// copyTree copies regular files and folders, durably. It makes no links: what is
// restored must not share files with its backup.
func copyTree(ctx context.Context, from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		case !d.Type().IsRegular() || name == "lock":
			return nil
		}
		return copyFile(path, filepath.Join(to, name))
	})
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
