package anomaly

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestAlertsFollowShareRecoveryAndSevere(t *testing.T) {
	nan := math.NaN()
	rule := Rule{Bounds: 3, Window: 5, Critical: 0.6, Recovery: 3, CriticalRecovery: 0}
	for _, c := range []struct {
		name   string
		change func(*Rule)
		scores []float64
		want   []Episode
	}{
		{"three of five", func(*Rule) {}, []float64{0, 0, 4, 4, 4, 0, 0, 0, 0, 0}, []Episode{{4, 7, false}}},
		{"two of five", func(*Rule) {}, []float64{0, 0, 0, 4, 4, 0, 0, 0}, nil},
		{"too few judged to begin", func(*Rule) {}, []float64{4, nan, nan, nan, 4, nan}, nil},
		{"no data keeps an alert", func(*Rule) {}, []float64{4, 4, 4, nan, nan, nan, nan, nan, 0, 0, 0}, []Episode{{2, 10, false}}},
		{"below only", func(r *Rule) { r.Direction = Below }, []float64{4, 4, 4, 4, -4, -4, -4, 0, 0, 0}, []Episode{{6, 9, false}}},
		{"one severe point", func(r *Rule) { r.Severe = 6 }, []float64{0, 0, 0, 7, 0, 0, 0, 0, 0}, []Episode{{3, 8, true}}},
		{"above the recovery share", func(r *Rule) { r.Recovery, r.CriticalRecovery = 5, 0.2 }, []float64{4, 4, 4, 0, 0, 0, 0, 0}, []Episode{{2, 6, false}}},
	} {
		r := rule
		c.change(&r)
		got := r.Alerts(c.scores)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
		}
	}
}

// A monitor that looks at its windows minute by minute, and a backtest that
// runs through, are the same evaluation.
func TestBacktestIsTheMonitorRunMinuteByMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scores := make([]float64, 200)
		for i := range scores {
			scores[i] = rapid.SampledFrom([]float64{0, 0, 0, 2.5, 4, -4, 7, math.NaN()}).Draw(t, "score")
		}
		r := Rule{
			Bounds: 3, Window: rapid.IntRange(1, 12).Draw(t, "window"), Recovery: rapid.IntRange(0, 12).Draw(t, "recovery"),
			Critical: rapid.SampledFrom([]float64{0.2, 0.5, 1}).Draw(t, "critical"), CriticalRecovery: rapid.SampledFrom([]float64{0, 0.1}).Draw(t, "recovers"),
			Severe:    rapid.SampledFrom([]float64{0, 6}).Draw(t, "severe"),
			Direction: rapid.SampledFrom(Directions).Draw(t, "direction"),
		}
		inEpisode := make([]bool, len(scores))
		for _, e := range r.Alerts(scores) {
			for i := e.From; i < e.To; i++ {
				inEpisode[i] = true
			}
		}
		alert := false
		for i := range scores {
			share, recovery, severe := r.Share(scores[:i+1])
			if alert = r.Next(alert, share, recovery, severe); alert != inEpisode[i] {
				t.Fatalf("at %d the monitor says %v, the backtest %v", i, alert, inEpisode[i])
			}
		}
	})
}

func noisyMonth(step int64, n int) Series {
	r := rand.New(rand.NewPCG(21, 22))
	s := Series{Start: 0, Step: step}
	for i := range n {
		at := float64(int64(i)*step) / float64(day)
		v := 100 + 40*math.Sin(2*math.Pi*at) + 3*r.NormFloat64()
		if r.IntN(5000) == 0 {
			v += 30
		}
		s.Values = append(s.Values, v)
	}
	return s
}

func TestSuggestionKeepsWhatIsReal(t *testing.T) {
	s := noisyMonth(5*minute, 30*288)
	incident := 20 * 288
	for i := incident; i < incident+12; i++ {
		s.Values[i] += 60
	}
	from := s.Start + 15*day
	mark := Mark{From: s.Start + int64(incident)*s.Step, To: s.Start + int64(incident+12)*s.Step, Real: true}
	got, err := Run([]Series{s}, from, Options{Algorithm: Robust, Season: Daily, Bounds: 2},
		Rule{Bounds: 2, Window: 3, Critical: 0.6, Severe: 6}, []Mark{mark})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Table) != 18 || got.Best < 0 {
		t.Fatalf("%d cells, best %d", len(got.Table), got.Best)
	}
	best := got.Table[got.Best]
	if best.Found != 1 {
		t.Errorf("the suggested cell %+v loses the incident", best)
	}
	for _, cell := range got.Table {
		if cell.Found == 1 && cell.Alerts < best.Alerts {
			t.Errorf("%+v keeps the incident with fewer alerts than the suggested %+v", cell, best)
		}
	}
	found := false
	for _, a := range got.Alerts {
		found = found || a.From < mark.To && mark.From < a.To
	}
	if !found {
		t.Errorf("no alert at the incident: %+v", got.Alerts)
	}
}

// BenchmarkBacktest is 30 days at 60 s of one series, with all 18 cells, after
// six weeks of history: it must take less than a second.
func BenchmarkBacktest(b *testing.B) {
	o := Options{Algorithm: Agile, Season: Weekly, Bounds: 3}
	s := noisyMonth(minute, (30+49)*1440)
	from := s.Start + int64(len(s.Values)-30*1440)*s.Step
	for b.Loop() {
		if _, err := Run([]Series{s}, from, o, Rule{Bounds: 3, Window: 5, Critical: 0.6, Severe: 6}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
