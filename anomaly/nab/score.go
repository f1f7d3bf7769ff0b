package nab

import (
	"cmp"
	"math"
	"slices"
)

// Profile weighs what a detector gets right and wrong.
type Profile struct {
	Name                   string
	Hit, Miss, FalseDetect float64
}

// The benchmark's three profiles.
var (
	Standard = Profile{"standard", 1, 1, 0.11}
	LowFP    = Profile{"low FP", 1, 1, 0.22}
	LowFN    = Profile{"low FN", 1, 2, 0.11}
)

// Result is a detector's score at a threshold: 0 for one that never speaks, 100
// for a perfect one.
type Result struct {
	Score     float64
	Threshold float64
	Found     int // windows with a detection
	Windows   int
	False     int // detections outside windows
}

// sigmoid is the benchmark's: 1 far before, 0 at 0, -1 far behind.
func sigmoid(x float64) float64 { return 2/(1+math.Exp(5*x)) - 1 }

// row is one detection that could be made.
type row struct {
	score  float64
	window int     // of all files' windows; -1: outside
	value  float64 // what it is worth
}

// rows lists every row of the corpus that counts, best scores first.
func rows(corpus []*File, scores [][]float64, p Profile) (list []row, windows int) {
	for f, file := range corpus {
		for i := file.Probation(); i < len(file.Values); i++ {
			r := row{score: scores[f][i], window: -1, value: -p.FalseDetect}
			for w, window := range file.Windows {
				switch {
				case i >= window.First && i <= window.Last:
					r.window = windows + w
					r.value = p.Hit * sigmoid(-float64(window.Last-i+1)/float64(window.width())) / sigmoid(-1)
				case i > window.Last && r.window < 0:
					r.value = -p.FalseDetect
					if width := float64(window.width() - 1); width > 0 && float64(i-window.Last)/width <= 3 {
						r.value = p.FalseDetect * sigmoid(float64(i-window.Last)/width)
					}
				}
			}
			list = append(list, r)
		}
		windows += len(file.Windows)
	}
	slices.SortStableFunc(list, func(a, b row) int { return cmp.Compare(b.score, a.score) })
	return list, windows
}

// Score gives the result at the threshold that is best for all files together.
// scores has a slice for each file, one score per row, higher being more
// anomalous.
func Score(corpus []*File, scores [][]float64, p Profile) Result {
	return sweep(corpus, scores, p, math.Inf(-1), true)
}

// ScoreAt gives the result at a threshold.
func ScoreAt(corpus []*File, scores [][]float64, p Profile, threshold float64) Result {
	return sweep(corpus, scores, p, threshold, false)
}

// sweep lowers the threshold from infinity to least, one score at a time, and
// returns the last result, or the best.
func sweep(corpus []*File, scores [][]float64, p Profile, least float64, best bool) Result {
	list, windows := rows(corpus, scores, p)
	gained := make([]float64, windows) // the best detection in each window
	found := make([]bool, windows)
	now := Result{Threshold: math.Inf(1), Windows: windows}
	sum := -p.Miss * float64(windows)
	normal := func() float64 {
		if windows == 0 {
			return 0
		}
		return 100 * (sum + p.Miss*float64(windows)) / ((p.Hit + p.Miss) * float64(windows))
	}
	now.Score = normal()
	top := now
	for i := 0; i < len(list) && list[i].score >= least; {
		now.Threshold = list[i].score
		for ; i < len(list) && list[i].score == now.Threshold; i++ {
			r := &list[i]
			switch {
			case r.window < 0:
				sum += r.value
				now.False++
			case !found[r.window]:
				found[r.window], gained[r.window] = true, r.value
				sum += p.Miss + r.value
				now.Found++
			case r.value > gained[r.window]:
				sum += r.value - gained[r.window]
				gained[r.window] = r.value
			}
		}
		now.Score = normal()
		if now.Score > top.Score {
			top = now
		}
	}
	if best {
		return top
	}
	return now
}

// LeaveOneGroupOut scores each group of files at the threshold that is best for
// the others, and returns the score of all of them together.
func LeaveOneGroupOut(corpus []*File, scores [][]float64, p Profile) Result {
	var groups []string
	for _, f := range corpus {
		if !slices.Contains(groups, f.Group()) {
			groups = append(groups, f.Group())
		}
	}
	total := Result{Threshold: math.NaN()}
	sum := 0.0
	for _, g := range groups {
		var in, out []*File
		var inScores, outScores [][]float64
		for i, f := range corpus {
			if f.Group() == g {
				out, outScores = append(out, f), append(outScores, scores[i])
			} else {
				in, inScores = append(in, f), append(inScores, scores[i])
			}
		}
		threshold := Score(in, inScores, p).Threshold
		// A group without windows has no score of its own, but its false
		// detections count: weigh by points, not by scores.
		list, windows := rows(out, outScores, p)
		found, gained := make([]bool, windows), make([]float64, windows)
		sum -= p.Miss * float64(windows)
		for _, r := range list {
			switch {
			case r.score < threshold:
			case r.window < 0:
				sum += r.value
				total.False++
			case !found[r.window]:
				found[r.window], gained[r.window] = true, r.value
				sum += p.Miss + r.value
				total.Found++
			case r.value > gained[r.window]:
				sum += r.value - gained[r.window]
				gained[r.window] = r.value
			}
		}
		total.Windows += windows
	}
	total.Score = 100 * (sum + p.Miss*float64(total.Windows)) / ((p.Hit + p.Miss) * float64(total.Windows))
	return total
}
