// Package nab scores anomaly detectors by the rules of the Numenta Anomaly
// Benchmark, version 1.1, on the part of its corpus that testdata holds (MIT,
// testdata/LICENSE-NAB.txt): S. Ahmad and A. Lavin, "Evaluating Real-time
// Anomaly Detection Algorithms", 2015.
//
//	corpus, err := nab.Load("anomaly/nab/testdata")
//	result := nab.Score(corpus, scores, nab.Standard)
package nab

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// File is one series of the corpus.
type File struct {
	Name    string // "realTraffic/speed_7578.csv"
	Times   []int64
	Values  []float64
	Windows []Window
}

// Group is the folder that the file is in.
func (f *File) Group() string { return strings.Split(f.Name, "/")[0] }

// Probation is how many rows at the beginning don't count.
func (f *File) Probation() int { return min(len(f.Values)*15/100, 750) }

// Window is a labelled anomaly: rows First to Last.
type Window struct{ First, Last int }

func (w Window) width() int { return w.Last - w.First + 1 }

// Load reads windows.json and the series that it names from dir.
func Load(dir string) ([]*File, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "windows.json"))
	if err != nil {
		return nil, fmt.Errorf("load corpus: %w", err)
	}
	var labels map[string][][2]string
	if err := json.Unmarshal(raw, &labels); err != nil {
		return nil, fmt.Errorf("load corpus: windows.json: %w", err)
	}
	var corpus []*File
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		f, err := readFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("load corpus: %s: %w", name, err)
		}
		for _, label := range labels[name] {
			from, err1 := time.Parse("2006-01-02 15:04:05", label[0])
			to, err2 := time.Parse("2006-01-02 15:04:05", label[1])
			if err1 != nil || err2 != nil {
				return nil, fmt.Errorf("load corpus: %s: window %v is not a pair of times", name, label)
			}
			w := Window{len(f.Times), -1}
			for i, t := range f.Times {
				if t >= from.UnixMilli() && t <= to.UnixMilli() {
					w.First, w.Last = min(w.First, i), i
				}
			}
			if w.Last < 0 {
				return nil, fmt.Errorf("load corpus: %s: no row in window %v", name, label)
			}
			f.Windows = append(f.Windows, w)
		}
		corpus = append(corpus, f)
	}
	return corpus, nil
}

func readFile(dir, name string) (*File, error) {
	in, err := os.Open(filepath.Join(dir, "data", filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	rows, err := csv.NewReader(in).ReadAll()
	if err != nil {
		return nil, err
	}
	f := &File{Name: name}
	for i, row := range rows[1:] {
		at, err := time.Parse("2006-01-02 15:04:05", row[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		v, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		f.Times, f.Values = append(f.Times, at.UnixMilli()), append(f.Values, v)
	}
	return f, nil
}
