package nab

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

func corpus(t *testing.T) []*File {
	t.Helper()
	files, err := Load("testdata")
	if err != nil {
		t.Fatal(err)
	}
	windows := 0
	for _, f := range files {
		windows += len(f.Windows)
	}
	if len(files) != 35 || windows != 50 {
		t.Fatalf("%d files with %d windows, want 35 with 50", len(files), windows)
	}
	return files
}

func each(files []*File, score func(*File) []float64) [][]float64 {
	out := make([][]float64, len(files))
	for i, f := range files {
		out[i] = score(f)
	}
	return out
}

// NAB's windowed Gaussian: a value's upper tail under the normal distribution
// of the values before it. The benchmark's own run of it scores 37.09 on these
// 35 files.
func TestScorerAgreesWithThePublishedFigure(t *testing.T) {
	files := corpus(t)
	scores := each(files, func(f *File) []float64 {
		const window = 6400
		if len(f.Values) > window {
			t.Fatalf("%s is longer than the window: it would have to slide", f.Name)
		}
		out := make([]float64, len(f.Values))
		mean, squares := 0.0, 0.0
		for i, v := range f.Values {
			if i > 0 {
				deviation := math.Sqrt(squares / float64(i))
				if deviation == 0 {
					deviation = 1e-6
				}
				// The run was stored with 12 decimals, which makes ties.
				out[i] = math.Round(1e12*(1-0.5*math.Erfc(math.Abs(v-mean)/deviation/math.Sqrt2))) / 1e12
			}
			off := v - mean
			mean += off / float64(i+1)
			squares += off * (v - mean)
		}
		return out
	})
	if got := Score(files, scores, Standard).Score; math.Abs(got-37.09) > 0.02 {
		t.Errorf("the windowed Gaussian scores %.2f, published are 37.09", got)
	}
}

func TestScaleRunsFromNullToPerfect(t *testing.T) {
	files := corpus(t)
	for _, p := range []Profile{Standard, LowFN} {
		perfect := Score(files, each(files, func(f *File) []float64 {
			out := make([]float64, len(f.Values))
			for _, w := range f.Windows {
				out[max(w.First, f.Probation())] = 1
			}
			return out
		}), p)
		if perfect.Score < 99.9 || perfect.Score > 100.0001 || perfect.Found != 50 || perfect.False != 0 {
			t.Errorf("%s: the first row of every window: %+v", p.Name, perfect)
		}
		silent := ScoreAt(files, each(files, func(f *File) []float64 { return make([]float64, len(f.Values)) }), p, 0.5)
		if silent.Score != 0 || silent.Found != 0 {
			t.Errorf("%s: silence: %+v", p.Name, silent)
		}
	}
}

func TestDetectionsAreWeighed(t *testing.T) {
	f := &File{Name: "a/b.csv", Values: make([]float64, 1000), Windows: []Window{{500, 599}}}
	files := []*File{f}
	for _, c := range []struct {
		rows []int
		want float64
	}{
		{[]int{100}, 0},                 // on probation
		{[]int{500}, 100},               // at once
		{[]int{599}, 50 + 50*0.025330},  // at the last moment
		{[]int{500, 550, 599}, 100},     // the best of a window counts
		{[]int{200}, -50 * 0.11},        // before any window
		{[]int{999}, -50 * 0.11},        // long after
		{[]int{200, 500}, 100 - 50*.11}, // each false one counts
	} {
		scores := make([]float64, 1000)
		for _, i := range c.rows {
			scores[i] = 1
		}
		if got := ScoreAt(files, [][]float64{scores}, Standard, 0.5).Score; math.Abs(got-c.want) > 0.01 {
			t.Errorf("detections at %v: %.3f, want %.3f", c.rows, got, c.want)
		}
	}
}

func TestBestThresholdIsFoundExactly(t *testing.T) {
	files := corpus(t)
	scores := each(files, Detectors()[0].Score)
	best := Score(files, scores, Standard)
	for _, factor := range []float64{0.9, 0.99, 1.01, 1.1} {
		if got := ScoreAt(files, scores, Standard, best.Threshold*factor); got.Score > best.Score {
			t.Errorf("%.2f at %v, but %.2f is called the best", got.Score, got.Threshold, best.Score)
		}
	}
	if got := ScoreAt(files, scores, Standard, best.Threshold); got != best {
		t.Errorf("at the best threshold: %+v, want %+v", got, best)
	}
}

// goals are docs/anomaly.md's: the least standard score, and how far leaving
// one group out may fall below it.
var goals = map[string]float64{"basic": 43, "basic_sigma, tail": 50, "calibrated": 67}

func TestDetectorsReachTheirGoals(t *testing.T) {
	for _, d := range scored() {
		goal, ok := goals[d.name]
		if !ok {
			continue
		}
		if d.standard.Score < goal {
			t.Errorf("%s scores %.1f, the goal is %v", d.name, d.standard.Score, goal)
		}
		if d.out.Score < d.standard.Score-8 {
			t.Errorf("%s scores %.1f, and %.1f with each group left out", d.name, d.standard.Score, d.out.Score)
		}
	}
}

// line is a detector's line of the table.
type line struct {
	name                        string
	standard, lowFP, lowFN, out Result
}

// scored scores every detector, once for all tests.
var scored = sync.OnceValue(func() (lines []line) {
	files, err := Load("testdata")
	if err != nil {
		panic(err)
	}
	for _, d := range Detectors() {
		scores := each(files, d.Score)
		lines = append(lines, line{d.Name, Score(files, scores, Standard), Score(files, scores, LowFP), Score(files, scores, LowFN), LeaveOneGroupOut(files, scores, Standard)})
	}
	return lines
})

var table = flag.Bool("table", false, "print the table of docs/anomaly.md")

// TestTable prints the table, for "make bench-nab", and checks that docs/ has it.
func TestTable(t *testing.T) {
	var b strings.Builder
	b.WriteString("| detector | standard | low FP | low FN | a group left out | threshold | windows found | false rows |\n|---|---|---|---|---|---|---|---|\n")
	for _, d := range scored() {
		fmt.Fprintf(&b, "| %s | %.1f | %.1f | %.1f | %.1f | %.2f | %d of %d | %d |\n", d.name, d.standard.Score,
			d.lowFP.Score, d.lowFN.Score, d.out.Score, d.standard.Threshold, d.standard.Found, d.standard.Windows, d.standard.False)
	}
	if *table {
		fmt.Print(b.String())
	}
	doc, err := os.ReadFile("../../docs/anomaly.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range slices.Collect(strings.Lines(b.String())) {
		if !strings.Contains(string(doc), line) {
			t.Errorf("docs/anomaly.md lacks %q: run make bench-nab and put its table there", strings.TrimSpace(line))
		}
	}
}
