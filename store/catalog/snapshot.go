package catalog

import (
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// ErrInUse says that a process has the catalog open.
var ErrInUse = errors.New("the catalog is in use")

// Snapshot writes a copy of the catalog to a new file at path, as it is at one
// moment, durably.
func (c *Catalog) Snapshot(path string) error {
	if err := c.flush(); err != nil {
		return fmt.Errorf("copy catalog: %w", err)
	}
	err := c.db.View(func(tx *bbolt.Tx) error {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		defer file.Close()
		if _, err := tx.WriteTo(file); err != nil {
			return err
		}
		return file.Sync()
	})
	if err != nil {
		return fmt.Errorf("copy catalog: %w", err)
	}
	return nil
}

// CheckFile reads every page of the catalog at path, without changing it, and
// returns what is wrong with it. A catalog that a process has open can't be
// checked: that is the error ErrInUse.
func CheckFile(path string) (problems []string, err error) {
	db, err := bbolt.Open(path, 0o644, &bbolt.Options{ReadOnly: true, Timeout: 100 * time.Millisecond})
	if errors.Is(err, bbolterrors.ErrTimeout) {
		return nil, ErrInUse
	}
	if err != nil {
		return []string{fmt.Sprintf("the catalog can't be opened: %v", err)}, nil
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		for problem := range tx.Check() {
			problems = append(problems, "catalog: "+problem.Error())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("check catalog: %w", err)
	}
	return problems, nil
}
