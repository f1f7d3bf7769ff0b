package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whippet-obs/whippet/store/catalog"
)

// copyFolder copies a closed data folder.
func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestLogCutAtEveryByteOfItsLastBatchesKeepsTheIntactOnes(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, Options{})
	at := start.Add(-time.Hour).UnixMilli()
	const batches = 6
	var ends []int64 // of the last log segment, after each batch
	segment := func(dir string) string {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(dir, "log", "*.log"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no log segment (error %v)", err)
		}
		return slices.Max(files)
	}
	for i := range int64(batches) {
		// Each batch has a new series too: its definition must go or stay with it.
		ref := intern(t, db, "m", fmt.Sprint("batch:", i))
		b := Batch{Samples: []Sample{{ref, at + i, float64(i)}, {ref, at + 1000 + i, 0.1 * float64(i)}}}
		if _, err := db.Append(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, db.Stats().LogBytes)
	}
	db.Close()
	for cut := ends[batches-3]; cut <= ends[batches-1]; cut++ {
		whole := 0
		for whole < batches && ends[whole] <= cut {
			whole++
		}
		damaged := copyFolder(t, dir)
		if err := os.Truncate(segment(damaged), cut); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		db, err := Open(damaged, Options{Now: func() time.Time { return start }, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		got := readAll(t, db, "m")
		if len(got) != whole {
			t.Errorf("cut at %d: got %d batches, want the %d whole ones", cut, len(got), whole)
		}
		for i := range whole {
			if len(got[fmt.Sprint("batch:", i)]) != 2 {
				t.Errorf("cut at %d: batch %d is not whole: %v", cut, i, got)
			}
		}
		if named := strings.Count(log.String(), "broken end"); (cut != ends[whole-1]) != (named == 1) {
			t.Errorf("cut at %d: the log names the damage %d times:\n%s", cut, named, log.String())
		}
		// Life goes on after the cut, under series that were lost and others.
		appendOne(t, db, intern(t, db, "m", fmt.Sprint("batch:", batches-1)), at+5000, 7)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = openTest(t, damaged, Options{})
		if got := readAll(t, db, "m")[fmt.Sprint("batch:", batches-1)]; got[at+5000] != 7 {
			t.Errorf("cut at %d: a sample appended afterwards reads %v", cut, got)
		}
		db.Close()
	}
}

// TestFullDiskOfItsOwn fills a real file system, small and of its own.
func TestFullDiskOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("a small file system can't be mounted here: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	const reserve = 2 << 20
	db, err := Open(filepath.Join(dir, "data"), Options{Log: quiet, MinFree: reserve})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ref := intern(t, db, "m")
	at := time.Now().Add(-time.Hour).UnixMilli()
	appendOne(t, db, ref, at, 1)

	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast, reserve/2)
	wait(t, "appends are refused", func() bool {
		_, err := db.Append(context.Background(), &Batch{Samples: []Sample{{ref, at + 1, 2}}})
		return errors.Is(err, ErrNoSpace)
	})
	if got := readAll(t, db, "m")[""]; got[at] != 1 {
		t.Errorf("on a full disk: got %v, want the sample from before", got)
	}
	if err := db.Catalog().UpdateHost(context.Background(), "thinkpad", func(h *catalog.Host) { h.Platform = "linux" }); err != nil {
		t.Errorf("the catalog can't be written from the reserve: %v", err)
	}

	// Past the reserve the log itself runs out of room.
	fill(t, ballast, 0)
	if _, err := db.Append(context.Background(), &Batch{Samples: []Sample{{ref, at + 2, 3}}}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("got error %v, want ErrNoSpace", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	wait(t, "appends are taken again", func() bool {
		_, err := db.Append(context.Background(), &Batch{Samples: []Sample{{ref, at + 3, 4}}})
		return err == nil
	})
	if err := db.Seal(); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, db, "m")[""]; got[at] != 1 || got[at+3] != 4 {
		t.Errorf("with room again: got %v", got)
	}
}

// fill grows a file until the disk has only left bytes.
func fill(t *testing.T, name string, left int64) {
	t.Helper()
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for page := make([]byte, 4096); ; {
		var disk unix.Statfs_t
		if err := unix.Statfs(filepath.Dir(name), &disk); err != nil {
			t.Fatal(err)
		}
		if int64(disk.Bavail)*disk.Bsize <= left {
			return
		}
		if _, err := file.Write(page); err != nil {
			return
		}
	}
}

func wait(t *testing.T, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !check(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s still not true that %s", what)
		}
	}
}

func TestClockThatJumpsDropsNothing(t *testing.T) {
	now := start
	dir := t.TempDir()
	options := Options{Retention: 24 * time.Hour, Retention5m: 24 * time.Hour, Retention1h: 24 * time.Hour, Now: func() time.Time { return now }}
	db := openTest(t, dir, options)
	ref, at := intern(t, db, "m"), start.Add(-time.Hour).UnixMilli()
	appendOne(t, db, ref, at, 1)
	if err := db.Settle(); err != nil {
		t.Fatal(err)
	}
	tick := func() {
		t.Helper()
		if err := db.ask(func() error { return db.maintain(false, &pacer{stop: db.stop, fast: true}) }); err != nil {
			t.Fatal(err)
		}
	}
	tick()
	for _, jump := range []time.Duration{10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour, -3 * time.Hour} {
		now = now.Add(jump)
		tick()
		appendOne(t, db, ref, now.UnixMilli(), 2)
		if got := readAll(t, db, "m")[""]; got[at] != 1 || got[now.UnixMilli()] != 2 {
			t.Errorf("after a jump by %v: got %v", jump, got)
		}
	}

	// So it is when the clock is wrong at the start.
	db.Close()
	now = start.Add(10 * 365 * 24 * time.Hour)
	db = openTest(t, dir, options)
	tick()
	now = start
	tick()
	if got := readAll(t, db, "m")[""]; got[at] != 1 {
		t.Errorf("after a start with a wrong clock: got %v", got)
	}
}

func TestClockThatHoldsIsTrustedAgain(t *testing.T) {
	var c clockDoubt
	clock, real := start, start
	step := func(clockBy, realBy time.Duration) bool {
		clock, real = clock.Add(clockBy), real.Add(realBy)
		trusted, _ := c.look(clock, real, noSample)
		return trusted
	}
	if !step(0, 0) || !step(time.Minute, time.Minute) {
		t.Error("a clock that keeps time is doubted")
	}
	if step(48*time.Hour, time.Minute) || step(30*time.Minute, 30*time.Minute) {
		t.Error("a clock that jumped two days ahead is trusted at once")
	}
	if !step(31*time.Minute, 31*time.Minute) {
		t.Error("it is doubted after it has held for an hour")
	}
	if !step(-24*time.Hour, time.Minute) {
		t.Error("a clock that is set back is doubted: it drops less")
	}
}
