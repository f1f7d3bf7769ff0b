package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store/sketch"
)

// The crash test runs this test binary again as a writer process, kills it,
// and opens its folder. These variables make the binary that writer.
const (
	crashFolder = "WHIPPET_CRASH_FOLDER"
	crashStart  = "WHIPPET_CRASH_START" // ms of slot 0
	crashNext   = "WHIPPET_CRASH_NEXT"  // each worker's next batch, comma-separated
	crashLong   = "WHIPPET_LONG"        // rounds for a long run, such as 500
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashFolder); dir != "" {
		if err := writeUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const crashWorkers = 4

// crashBatch is what a worker appends as its batch number n: the same at every
// call. Later batches write some of the slots of earlier ones again.
func crashBatch(worker, n int) (slots []int, value float64) {
	random := rand.New(rand.NewPCG(uint64(worker), uint64(n)))
	frontier := 10 * (n + 1)
	seen := map[int]bool{}
	for range 1 + random.IntN(60) {
		slot := max(0, frontier-random.IntN(400))
		if !seen[slot] {
			seen[slot] = true
			slots = append(slots, slot)
		}
	}
	return slots, float64(n) + 0.25
}

const crashSlot = 1000 // ms

// writeUntilKilled appends batch after batch and prints "worker number" for
// each one that was acknowledged, while the head is sealed again and again.
func writeUntilKilled(dir string) error {
	base, err := strconv.ParseInt(os.Getenv(crashStart), 10, 64)
	if err != nil {
		return err
	}
	db, err := Open(dir, Options{SealSamples: 2000, Log: quiet})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for worker, text := range strings.Split(os.Getenv(crashNext), ",") {
		next, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		var numbers [3]Ref
		for i := range numbers {
			if numbers[i], err = db.Intern(Series{Name: "m", Tags: NewTags([]string{fmt.Sprint("w:", worker), fmt.Sprint("s:", i)})}); err != nil {
				return err
			}
		}
		sketches, err := db.Intern(Series{Name: "d", Kind: Distribution, Tags: NewTags([]string{fmt.Sprint("w:", worker)})})
		if err != nil {
			return err
		}
		wg.Go(func() {
			for n := next; ; n++ {
				slots, value := crashBatch(worker, n)
				var b Batch
				for _, slot := range slots {
					b.Samples = append(b.Samples, Sample{numbers[slot%len(numbers)], base + int64(slot)*crashSlot, value})
				}
				var s sketch.Sketch
				s.Add(value, 1)
				b.Sketches = []SketchSample{{sketches, base + int64(n)*crashSlot, &s}}
				if _, err := db.Append(context.Background(), &b); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Printf("%d %d\n", worker, n) // one write: it is in the pipe, whatever comes
			}
		})
	}
	for {
		work := db.Seal
		if rand.IntN(3) == 0 { // builds tiers and merges files, too
			work = db.Settle
		}
		if err := work(); err != nil {
			return err
		}
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
	}
}

func TestKillAtAnyInstantLosesNothingAcknowledged(t *testing.T) {
	rounds := 24
	if text := os.Getenv(crashLong); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s=%q: want a number of rounds", crashLong, text)
		}
	}
	dir := t.TempDir()
	base := time.Now().Add(-5 * 24 * time.Hour).UnixMilli()
	var acknowledged [crashWorkers]int // batches, by worker
	total := 0
	for round := range rounds {
		next := make([]string, crashWorkers)
		for w := range next {
			next[w] = strconv.Itoa(acknowledged[w])
		}
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashFolder+"="+dir, crashStart+"="+strconv.FormatInt(base, 10), crashNext+"="+strings.Join(next, ","))
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var failure strings.Builder
		child.Stderr = &failure
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		// From killed while it opens to killed well under way.
		timer := time.AfterFunc(time.Duration(5+rand.IntN(250))*time.Millisecond, func() { child.Process.Kill() })
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var w, n int
			if _, err := fmt.Sscan(lines.Text(), &w, &n); err != nil {
				continue // cut by the kill
			}
			acknowledged[w] = n + 1
			total++
		}
		io.Copy(io.Discard, out)
		var exit *exec.ExitError
		if err := child.Wait(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		timer.Stop()
		if failure.Len() > 0 {
			t.Fatalf("round %d: the writer says: %s", round, failure.String())
		}
		checkCrashed(t, dir, base, acknowledged)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	t.Logf("%d batches acknowledged in %d rounds, none lost", total, rounds)
	if total < rounds {
		t.Errorf("only %d batches were acknowledged in %d rounds", total, rounds)
	}
}

// checkCrashed opens the folder of a killed writer and compares it with what
// each worker had acknowledged. The one batch that was under way may be there,
// as a whole, or not.
func checkCrashed(t *testing.T, dir string, base int64, acknowledged [crashWorkers]int) {
	t.Helper()
	db, err := Open(dir, Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got := readAll(t, db, "m")
	checkTiers(t, db, base)
	for worker, batches := range acknowledged {
		want := map[int]float64{}
		for n := range batches {
			slots, value := crashBatch(worker, n)
			for _, slot := range slots {
				want[slot] = value
			}
		}
		underWay, newest := crashBatch(worker, batches)
		landed := 0
		found := map[int]float64{}
		for i := range 3 {
			for at, value := range got[fmt.Sprintf("s:%d,w:%d", i, worker)] {
				found[int((at-base)/crashSlot)] = value
			}
		}
		for _, slot := range underWay {
			if value, ok := found[slot]; ok && value == newest {
				landed++
				want[slot] = newest
			}
		}
		if landed != 0 && landed != len(underWay) {
			t.Errorf("worker %d: %d of the %d samples of the batch under way are there", worker, landed, len(underWay))
		}
		for slot, value := range want {
			if found[slot] != value {
				t.Errorf("worker %d: slot %d: got %v, want %v", worker, slot, found[slot], value)
			}
		}
		if len(found) != len(want) {
			t.Errorf("worker %d: got %d slots, want %d", worker, len(found), len(want))
		}
		if sketches := readSketches(t, db, fmt.Sprint("w:", worker)); sketches != batches && sketches != batches+1 {
			t.Errorf("worker %d: got %d sketches, want %d", worker, sketches, batches)
		}
	}
}

// checkTiers holds what tiers and headers answer against the samples.
func checkTiers(t *testing.T, db *DB, base int64) {
	t.Helper()
	from, to := base-oneHour, base+5*day
	set, err := db.Select(context.Background(), Selector{From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var c Columns
	var b Buckets
	for i, s := range set.Series {
		if err := set.Read(i, &c); err != nil {
			t.Fatal(err)
		}
		for _, width := range []int64{fiveMinutes, oneHour} {
			if err := set.Aggregate(i, width, LeftClosed, &b); err != nil {
				t.Fatal(err)
			}
			if diff := sameBuckets(&b, wantBuckets(&c, from, to, width, LeftClosed)); diff != "" {
				t.Errorf("%s %v by %d ms: %s", s.Name, s.Tags, width, diff)
			}
		}
	}
	if w := set.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %q", w)
	}
}

// readSketches counts the sketches of the series of "d" with the tag.
func readSketches(t *testing.T, db *DB, tag string) int {
	t.Helper()
	set, err := db.Select(context.Background(), Selector{
		Filter: Filter{Op: And, Args: []Filter{{Op: MatchName, Value: "d"}, {Op: MatchTag, Value: tag}}}, From: 0, To: 1 << 50,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	n := 0
	var c Columns
	for i := range set.Series {
		if err := set.Read(i, &c); err != nil {
			t.Fatal(err)
		}
		n += len(c.Sketches)
	}
	return n
}
