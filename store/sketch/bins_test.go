package sketch

import (
	"math"
	"testing"
)

func TestBinsHoldTheirValues(t *testing.T) {
	values := []float64{-250, -3.5, 0, 1e-4, 0.2, 1, 1.01, 7, 7, 7, 1e6}
	var agent Sketch
	for _, v := range values {
		agent.Add(v, 1)
	}
	indexes, counts := []int32{}, []uint64{}
	for _, v := range values {
		if v > 0 {
			indexes, counts = append(indexes, int32(math.Floor(math.Log(v/nanosecond)/durationLnGamma))), append(counts, 1)
		}
	}
	durations, err := FromDurations(indexes, counts, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Sketch{"agent": &agent, "durations": durations} {
		n, before := uint64(0), math.Inf(-1)
		for b := range s.Bins() {
			if b.Lower > b.Upper || b.Lower < before-1e-9*math.Abs(before) || b.Count == 0 {
				t.Errorf("%s: a bin %+v after %v", name, b, before)
			}
			n, before = n+b.Count, b.Upper
		}
		if n != uint64(s.Count) {
			t.Errorf("%s: the bins hold %d of %d", name, n, s.Count)
		}
		for _, v := range values {
			if name == "durations" && v < 0 {
				continue
			}
			held := false
			for b := range s.Bins() {
				held = held || b.Lower <= v*(1+math.Copysign(1e-2, v)) && v*(1-math.Copysign(1e-2, v)) <= b.Upper
			}
			if !held {
				t.Errorf("%s: no bin holds %v", name, v)
			}
		}
	}
}
