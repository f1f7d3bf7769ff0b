package fleet

import (
	"fmt"
	"hash/fnv"
	"slices"
	"testing"
)

func TestFleetHasTheSeriesOfItsDescription(t *testing.T) {
	counts := map[Kind]int{}
	seen := map[string]bool{}
	for _, s := range NewHost(Fleet, 1, 3).Series() {
		counts[s.Kind]++
		if key := fmt.Sprint(s.Name, s.Tags); seen[key] {
			t.Errorf("%s occurs twice", key)
		} else {
			seen[key] = true
		}
		if !slices.IsSorted(s.Tags) {
			t.Errorf("tags of %s are not sorted: %v", s.Name, s.Tags)
		}
	}
	want := map[Kind]int{
		Constant: 36, Rate: 37, Latency: 32, Slow: 26, CPU: 16, Share: 14, Depth: 12,
		MiB: 7, Pages: 6, Counter: 3, Load: 6, Temperature: 2, Uniform: 1, Sparse: 2,
	}
	for _, k := range Kinds {
		if counts[k] != want[k] {
			t.Errorf("%d series of kind %v, want %d", counts[k], k, want[k])
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d series, want 200", len(seen))
	}
}

func digest(w Workload, seed uint64, shape Shape) (sum uint64, samples int) {
	h := fnv.New64a()
	for request := range Requests(w, seed, 4, 13, shape) {
		for _, p := range request {
			for i, at := range p.Times {
				fmt.Fprintln(h, p.Series.Name, p.Series.Tags, at, p.Values[i])
				samples++
			}
		}
	}
	return h.Sum64(), samples
}

func TestSameSeedSameLoad(t *testing.T) {
	for _, w := range []Workload{Fleet, Random, Churn} {
		a, n := digest(w, 1, Agent)
		b, m := digest(w, 1, Agent)
		c, _ := digest(w, 2, Agent)
		if a != b || n != m {
			t.Errorf("workload %d differs from itself", w)
		}
		if a == c {
			t.Errorf("workload %d is the same for another seed", w)
		}
	}
}

func TestShapesHoldTheSameSamples(t *testing.T) {
	for _, w := range []Workload{Fleet, Random, Churn} {
		_, want := digest(w, 1, Agent)
		for _, shape := range []Shape{Batch, Backfill, {Hosts: 3, Ticks: 4}} {
			if _, got := digest(w, 1, shape); got != want {
				t.Errorf("workload %d, shape %v: %d samples, want %d", w, shape, got, want)
			}
		}
	}
}

func TestChurnedSeriesLiveForSixSamples(t *testing.T) {
	samples := map[string]int{}
	for request := range Requests(Churn, 1, 1, 18, Agent) {
		for _, p := range request {
			if p.Series.Kind != Sparse {
				samples[fmt.Sprint(p.Series.Name, p.Series.Tags)] += len(p.Times)
			}
		}
	}
	if len(samples) != 3*198 {
		t.Errorf("%d series, want %d", len(samples), 3*198)
	}
	for key, n := range samples {
		if n != ChurnTicks {
			t.Fatalf("%s has %d samples", key, n)
		}
	}
}
