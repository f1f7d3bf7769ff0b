package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// opened is a log and what it applied.
type opened struct {
	*Log
	mu      sync.Mutex
	applied []string
}

func open(t *testing.T, dir string, sync func(*os.File) error) *opened {
	t.Helper()
	o := &opened{}
	var err error
	o.Log, err = Open(dir, Options{Sync: sync, Apply: func(payload []byte, _ any) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.applied = append(o.applied, string(payload))
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func TestAppendedRecordsAreReplayedInOrder(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, nil)
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprint("record ", i))
		if err := l.Append([]byte(want[i]), i); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir, nil).applied; !slices.Equal(got, want) {
		t.Errorf("got %d records, want %d in order", len(got), len(want))
	}
}

func TestManyWaitersShareAnFsync(t *testing.T) {
	release := make(chan struct{})
	once := sync.OnceFunc(func() { <-release })
	l := open(t, t.TempDir(), func(f *os.File) error {
		once()
		return f.Sync()
	})
	var wg sync.WaitGroup
	const n = 64
	for i := range n {
		wg.Go(func() {
			if err := l.Append(fmt.Append(nil, i), nil); err != nil {
				t.Error(err)
			}
		})
	}
	for waiting := 0; waiting < n-1; { // all but those in the first group
		l.Log.mu.Lock()
		waiting = len(l.pending)
		l.Log.mu.Unlock()
		if waiting >= n/2 {
			break
		}
	}
	close(release)
	wg.Wait()
	if s := l.Stats(); s.Records != n || s.Commits > n/2+1 {
		t.Errorf("%d records took %d commits", s.Records, s.Commits)
	}
}

func TestLogCutAnywhereInItsLastRecordKeepsTheOthers(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, nil)
	for _, text := range []string{"first", "second", "the last one"} {
		if err := l.Append([]byte(text), nil); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	whole, err := os.ReadFile(filepath.Join(dir, "00000001.log"))
	if err != nil {
		t.Fatal(err)
	}
	last := len(whole) - recordHeader - len("the last one")
	for length := last; length < len(whole); length++ {
		torn := t.TempDir()
		if err := os.WriteFile(filepath.Join(torn, "00000001.log"), whole[:length], 0o644); err != nil {
			t.Fatal(err)
		}
		l := open(t, torn, nil)
		if !slices.Equal(l.applied, []string{"first", "second"}) {
			t.Fatalf("cut at byte %d: got %q", length, l.applied)
		}
		if err := l.Append([]byte("after"), nil); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if again := open(t, torn, nil).applied; !slices.Equal(again, []string{"first", "second", "after"}) {
			t.Fatalf("cut at byte %d, then appended: got %q", length, again)
		}
	}
	for at := last; at < len(whole); at++ {
		torn := t.TempDir()
		flipped := slices.Clone(whole)
		flipped[at] ^= 0x10
		if err := os.WriteFile(filepath.Join(torn, "00000001.log"), flipped, 0o644); err != nil {
			t.Fatal(err)
		}
		if got := open(t, torn, nil).applied; !slices.Equal(got, []string{"first", "second"}) {
			t.Fatalf("flipped byte %d: got %q", at, got)
		}
	}
}

func TestFailedFsyncIsReportedAndTheNextAppendIsKept(t *testing.T) {
	dir := t.TempDir()
	broken := errors.New("the disk is gone")
	fail := false
	l := open(t, dir, func(f *os.File) error {
		if fail {
			return broken
		}
		return f.Sync()
	})
	if err := l.Append([]byte("one"), nil); err != nil {
		t.Fatal(err)
	}
	fail = true
	if err := l.Append([]byte("two"), nil); !errors.Is(err, broken) {
		t.Fatalf("got error %v", err)
	}
	fail = false
	if err := l.Append([]byte("three"), nil); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if got := open(t, dir, nil).applied; !slices.Equal(got, []string{"one", "three"}) {
		t.Errorf("got %q", got)
	}
}

func TestCutAndDropForgetWhatIsKeptElsewhere(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, nil)
	l.Append([]byte("old"), nil)
	var segment int
	if err := l.Cut(func(n int) { segment = n }); err != nil {
		t.Fatal(err)
	}
	l.Append([]byte("new"), nil)
	if err := l.Drop(segment); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if got := open(t, dir, nil).applied; !slices.Equal(got, []string{"new"}) {
		t.Errorf("got %q, want only the new record", got)
	}
	if err := l.Append([]byte("x"), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("append to a closed log: got error %v", err)
	}
}

func TestKilledLogEndsWithZerosAndIsWhole(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, func(*os.File) error { return nil })
	var want []string
	for i := range 3000 { // past the zeros, several times
		want = append(want, fmt.Sprint(i, strings.Repeat("x", 200)))
		if err := l.Append([]byte(want[i]), nil); err != nil {
			t.Fatal(err)
		}
	}
	killed := t.TempDir()
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(killed, "00000001.log"))
	if err != nil || info.Size() <= l.Stats().Bytes {
		t.Fatalf("the segment has %d bytes, its records %d (error %v)", info.Size(), l.Stats().Bytes, err)
	}
	for range 2 {
		again := open(t, killed, nil)
		if !slices.Equal(again.applied, want) || again.Stats().Dropped != 0 {
			t.Fatalf("got %d records of %d, %d bytes dropped", len(again.applied), len(want), again.Stats().Dropped)
		}
		want = append(want, "after")
		if err := again.Append([]byte("after"), nil); err != nil {
			t.Fatal(err)
		}
		again.Close()
	}
}

func FuzzReplay(f *testing.F) {
	f.Add([]byte("\x05\x00\x00\x00\x00\x00\x00\x00hello"))
	f.Fuzz(func(t *testing.T, segment []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "00000001.log"), segment, 0o644); err != nil {
			t.Fatal(err)
		}
		l, err := Open(dir, Options{Apply: func([]byte, any) {}, Sync: func(*os.File) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	})
}
