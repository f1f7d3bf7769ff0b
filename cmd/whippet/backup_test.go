package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/span"
)

// fill opens a data folder and keeps samples in it.
func fill(t *testing.T, dir string) (*store.DB, *span.Store) {
	t.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	db, err := store.Open(dir, store.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	spans, err := span.Open(filepath.Join(dir, "spans"), span.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := db.Intern(store.Series{Name: "m"})
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	for i := range int64(1000) {
		b.Samples = append(b.Samples, store.Sample{Ref: ref, Time: time.Now().UnixMilli() - i*1000, Value: float64(i) / 3})
	}
	if _, err := db.Append(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return db, spans
}

func command(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(context.Background(), args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestBackupCheckRestore(t *testing.T) {
	// A path longer than a socket's may be.
	root := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	data := filepath.Join(root, "data")
	db, spans := fill(t, data)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- control(ctx, data, db, spans, slog.New(slog.NewTextHandler(io.Discard, nil))) }()
	for range 30_000 { // until it listens
		if _, err := os.Stat(filepath.Join(data, "control.sock")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	running, stopped := filepath.Join(root, "running"), filepath.Join(root, "stopped")
	if status, out, errs := command("backup", "--data-dir", data, running); status != 0 || !strings.Contains(out, "is a copy") {
		t.Fatalf("backup of a running one: status %d: %s%s", status, out, errs)
	}
	if status, _, errs := command("backup", "--data-dir", data, running); status != 1 || !strings.Contains(errs, "something already") {
		t.Errorf("backup over another: status %d: %s", status, errs)
	}
	if err := db.Settle(); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	spans.Close()
	db.Close()
	if status, out, errs := command("backup", "--data-dir", data, stopped); status != 0 {
		t.Fatalf("backup of a stopped one: status %d: %s%s", status, out, errs)
	}
	for _, backup := range []string{running, stopped} {
		if status, out, errs := command("check", "--data-dir", backup); status != 0 || !strings.Contains(out, "1 series, 1000 samples") {
			t.Errorf("check of %s: status %d: %s%s", backup, status, out, errs)
		}
		restored := backup + "-restored"
		if status, out, errs := command("restore", "--data-dir", restored, backup); status != 0 {
			t.Fatalf("restore: status %d: %s%s", status, out, errs)
		}
		if status, _, errs := command("restore", "--data-dir", restored, backup); status != 1 || !strings.Contains(errs, "not empty") {
			t.Errorf("restore over a store: status %d: %s", status, errs)
		}
		if status, out, errs := command("check", "--data-dir", restored); status != 0 || !strings.Contains(out, "1 series, 1000 samples") {
			t.Errorf("check of what was restored: status %d: %s%s", status, out, errs)
		}
	}

	files, err := filepath.Glob(filepath.Join(stopped, "partitions", "*.part"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no partitions (error %v)", err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/3] ^= 1
	os.Remove(files[0]) // it may be a hard link
	if err := os.WriteFile(files[0], raw, 0o644); err != nil {
		t.Fatal(err)
	}
	status, out, _ := command("check", "--data-dir", stopped)
	if status != 1 || !strings.Contains(out, "DAMAGED: partitions/"+filepath.Base(files[0])) {
		t.Errorf("check of a damaged one: status %d: %s", status, out)
	}
	again := filepath.Join(root, "again")
	if status, _, errs := command("restore", "--data-dir", again, stopped); status != 1 || !strings.Contains(errs, "--damaged") {
		t.Errorf("restore of a damaged one: status %d: %s", status, errs)
	}
	if status, _, errs := command("restore", "--data-dir", again, "--damaged", stopped); status != 0 {
		t.Errorf("restore of what is left: status %d: %s", status, errs)
	}
}

func TestCommandsOnFoldersSayWhatTheyWant(t *testing.T) {
	empty := t.TempDir()
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"backup"}, 2, "want 1 folder"},
		{[]string{"backup", "--data-dir", empty, filepath.Join(empty, "b")}, 1, "no data folder"},
		{[]string{"check", "--data-dir", empty}, 1, "no data folder"},
		{[]string{"check", "x"}, 2, "want 0 folder"},
		{[]string{"restore", "--data-dir", filepath.Join(empty, "d"), empty}, 1, "no data folder"},
		{[]string{"backup", "--datadir", "x"}, 2, "not defined"},
	} {
		if status, _, errs := command(tt.args...); status != tt.status || !strings.Contains(errs, tt.want) {
			t.Errorf("%v: status %d, %q; want %d and %q", tt.args, status, errs, tt.status, tt.want)
		}
	}
	if entries, _ := os.ReadDir(empty); len(entries) != 0 {
		t.Errorf("the commands left %v", entries)
	}
}
