package anomaly

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var detectors = []Algorithm{Basic, BasicSigma, Agile, Robust}

// drawSeries makes a series with a season, noise, spikes, shifts and gaps.
func drawSeries(t *rapid.T, step int64, n int) Series {
	seed := rapid.Uint64().Draw(t, "seed")
	r := rand.New(rand.NewPCG(seed, 1))
	s := Series{Start: 1_700_000_000_000 / step * step, Step: step, Values: make([]float64, n)}
	level, gap := 0.0, 0
	for i := range s.Values {
		at := float64(s.Start + int64(i)*step)
		v := level + 20*math.Sin(at/float64(hour)*2*math.Pi) + r.NormFloat64()
		switch {
		case gap > 0:
			gap--
			v = math.NaN()
		case r.IntN(100) == 0:
			gap = r.IntN(8)
		case r.IntN(400) == 0:
			gap = r.IntN(400)
		case r.IntN(50) == 0:
			v += 60
		case r.IntN(150) == 0:
			level += r.NormFloat64() * 15
		}
		s.Values[i] = v
	}
	return s
}

func drawOptions(t *rapid.T) Options {
	return Options{
		Algorithm: rapid.SampledFrom(detectors).Draw(t, "algorithm"), Season: Hourly,
		Bounds:      rapid.SampledFrom([]float64{1, 2, 3}).Draw(t, "bounds"),
		Direction:   rapid.SampledFrom(Directions).Draw(t, "direction"),
		DefaultZero: rapid.Bool().Draw(t, "default zero"),
		MinChange:   rapid.SampledFrom([]float64{0, 5}).Draw(t, "least change"),
	}
}

func same(a, b Expectation) bool {
	eq := func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) }
	return eq(a.Lower, b.Lower) && eq(a.Middle, b.Middle) && eq(a.Upper, b.Upper)
}

func (b *Band) at(i int) Expectation {
	return Expectation{b.Lower[i], b.Middle[i], b.Upper[i], b.Points[i]}
}

func TestStreamEqualsBatchThroughRestarts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOptions(t)
		s := drawSeries(t, minute, 1200)
		// Begin where a stretch's detector begins, so that both know the same.
		s.Start = floor(s.Start, day)
		every, history := o.withDefaults().anchor(s.Step)
		if every > 0 {
			s.Start = floor(s.Start, every) - history
		}
		batch, err := Judge(s, s.Start, o)
		if err != nil {
			t.Fatal(err)
		}
		d, err := New(o, s.Step)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range s.Values {
			at := s.Start + int64(i)*s.Step
			if every > 0 && at >= floor(s.Start, every)+every {
				break
			}
			if i%97 == 0 { // put to sleep and woken up again
				state := d.AppendState(nil)
				if d, err = New(o, s.Step); err != nil {
					t.Fatal(err)
				}
				if err := d.Restore(state); err != nil {
					t.Fatal(err)
				}
				if len(state) > 20<<10 {
					t.Fatalf("%s: the state has %d bytes", o.Algorithm, len(state))
				}
			}
			e, anomalous := d.Push(at, x)
			if !same(e, batch.at(i)) || anomalous != batch.Anomalous[i] {
				t.Fatalf("%s at %d: stream %v %v, batch %v %v", o.Algorithm, i, e, anomalous, batch.at(i), batch.Anomalous[i])
			}
		}
	})
}

// A refresh shows another part of the same series: it begins elsewhere, and has
// more at its end.
func TestRefreshNeverChangesAVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOptions(t)
		if rapid.IntRange(0, 4).Draw(t, "auto") == 0 {
			o.Algorithm = Auto
		}
		// Five minutes apart, so that the history of days is short to compute.
		step := 5 * minute
		if o.Algorithm == Basic || o.Algorithm == BasicSigma {
			step = minute
		}
		whole := drawSeries(t, step, 3200)
		if o.Algorithm == BasicSigma {
			whole = drawSeries(t, step, 9000)
		}
		end := whole.Start + int64(len(whole.Values))*step
		view := func(from, to int64) (Band, int64) {
			start := max(o.Start(from, step), whole.Start)
			part := Series{start, step, whole.Values[(start-whole.Start)/step : (to-whole.Start)/step]}
			band, err := Judge(part, from, o)
			if err != nil {
				t.Fatal(err)
			}
			return band, from
		}
		least := whole.Start
		for o.Start(least, step) < whole.Start {
			least += hour
		}
		if least >= end {
			t.Skip("history is longer than the series")
		}
		points := int((end - least) / step)
		a0, b0 := rapid.IntRange(0, points-1).Draw(t, "left edge"), rapid.IntRange(0, points-1).Draw(t, "left edge later")
		a1, b1 := rapid.IntRange(a0+1, points).Draw(t, "right edge"), rapid.IntRange(b0+1, points).Draw(t, "right edge later")
		at := func(i int) int64 { return least + int64(i)*step }
		first, _ := view(at(a0), at(a1))
		second, _ := view(at(b0), at(b1))
		for i := max(a0, b0); i < min(a1, b1); i++ {
			x, y := first.at(i-a0), second.at(i-b0)
			if !same(x, y) || first.Anomalous[i-a0] != second.Anomalous[i-b0] {
				t.Fatalf("%s at %d: %v %v in one view, %v %v in the other", o.Algorithm, i, x, first.Anomalous[i-a0], y, second.Anomalous[i-b0])
			}
		}
	})
}

func TestBasicMatchesItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := basicParams{window: 40, least: 10, floor: 0.9}
		n := rapid.IntRange(1, 300).Draw(t, "n")
		b := newBasic(p, 2, minute)
		var past []float64
		for i := range n {
			x := rapid.Float64Range(-1e6, 1e6).Draw(t, "x")
			e := b.push(int64(i)*minute, x)
			if w := past[max(0, len(past)-p.window):]; len(w) >= p.least {
				sorted := slices.Sorted(slices.Values(w))
				mean, square := 0.0, 0.0
				for _, v := range w {
					mean += v / float64(len(w))
				}
				for _, v := range w {
					square += (v - mean) * (v - mean) / float64(len(w))
				}
				middle := quantile(sorted, 0.5)
				up := max((quantile(sorted, 0.9)-middle)/z90, 0.9*math.Sqrt(square), floorOf(middle))
				if !near(e.Upper, middle+2*up) || e.Middle != middle {
					t.Fatalf("at %d: got %v, want middle %v, upper %v", i, e, middle, middle+2*up)
				}
			} else if !math.IsNaN(e.Upper) {
				t.Fatalf("a band from %d points", len(w))
			}
			past = append(past, x)
		}
	})
}

func TestFalseAlarmsOnNoiseAreWithinTheGoal(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	values := make([]float64, 60_000)
	for i := range values {
		values[i] = r.NormFloat64()
	}
	for _, a := range []Algorithm{Basic, BasicSigma} {
		s := Series{0, minute, values}
		band, err := Judge(s, 0, Options{Algorithm: a, Bounds: 3})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, a := range band.Anomalous {
			if a {
				n++
			}
		}
		share := float64(n) / float64(len(values))
		t.Logf("%s: %.2f %% of noise is anomalous at 3 bounds", a, 100*share)
		if share < 0.002 || share > 0.006 {
			t.Errorf("%s: %.2f %% of noise is anomalous at 3 bounds, want 0.2 to 0.6 %%", a, 100*share)
		}
	}
}

// A daily habit kept by the clock on the wall is still on time after the clock
// has changed.
func TestClockChangeDoesNotShiftTheSeason(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	start := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)
	s := Series{Start: start.UnixMilli(), Step: 15 * minute}
	change := time.Date(2026, 10, 25, 3, 0, 0, 0, time.UTC).UnixMilli()
	for i := range 28 * 96 {
		local := time.UnixMilli(s.Start + int64(i)*s.Step).In(zone)
		v := 10 + r.NormFloat64()
		if local.Hour() >= 8 && local.Hour() < 18 {
			v += 100
		}
		s.Values = append(s.Values, v)
	}
	count := func(zone *time.Location) int {
		d, err := New(Options{Algorithm: Robust, Season: Daily, Zone: zone, Bounds: 4}, s.Step)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for i, v := range s.Values {
			at := s.Start + int64(i)*s.Step
			if _, anomalous := d.Push(at, v); anomalous && at >= change && at < change+5*day {
				n++
			}
		}
		return n
	}
	if got := count(zone); got > 4 {
		t.Errorf("%d anomalous points in the days after the clock changed, by the local clock", got)
	}
	if got := count(time.UTC); got < 8 {
		t.Errorf("%d anomalous points by UTC: the test does not show what it should", got)
	}
}

func TestDirectionsAndLeastChange(t *testing.T) {
	e := Expectation{Lower: 90, Middle: 100, Upper: 110}
	for _, c := range []struct {
		o    Options
		x    float64
		want bool
	}{
		{Options{}, 110, false}, {Options{}, 110.1, true}, {Options{}, 90, false}, {Options{}, 89, true},
		{Options{Direction: Above}, 89, false}, {Options{Direction: Below}, 111, false}, {Options{Direction: Below}, 89, true},
		{Options{MinChange: 20}, 115, false}, {Options{MinChange: 20}, 121, true},
		{Options{MinRatio: 0.5}, 140, false}, {Options{MinRatio: 0.5}, 151, true},
		{Options{}, math.NaN(), false},
	} {
		if got := c.o.withDefaults().Anomalous(e, c.x); got != c.want {
			t.Errorf("%+v, %v: got %v", c.o, c.x, got)
		}
	}
}

func TestSeasonalBandsNeedThreeSeasons(t *testing.T) {
	for _, early := range []bool{false, true} {
		d, err := New(Options{Algorithm: Agile, Season: Hourly, Early: early}, minute)
		if err != nil {
			t.Fatal(err)
		}
		first := -1
		for i := range 600 {
			if e, _ := d.Push(int64(i)*minute, float64(i%60)); first < 0 && !math.IsNaN(e.Upper) {
				first = i
			}
		}
		want := 180 + leastResiduals
		if early {
			want = 120 + leastResiduals
		}
		if first != want {
			t.Errorf("early %v: the first band is at minute %d, want %d", early, first, want)
		}
	}
}

func TestAutoChoosesTheSeasonWhereThereIsOne(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	make := func(amplitude float64) Series {
		s := Series{Start: 0, Step: 10 * minute}
		for i := range 21 * 144 {
			s.Values = append(s.Values, 50+amplitude*math.Sin(float64(i)/144*2*math.Pi)+r.NormFloat64())
		}
		return s
	}
	if got := Suggest(make(30), Options{Season: Daily}); got.Algorithm != Agile || !got.Enough {
		t.Errorf("a daily wave: %+v", got)
	}
	if got := Suggest(make(0), Options{Season: Daily}); got.Algorithm != Basic || !got.Enough {
		t.Errorf("noise: %+v", got)
	}
	short := make(30)
	short.Values = short.Values[:200]
	if got := Suggest(short, Options{Season: Daily}); got.Algorithm != Basic || got.Enough {
		t.Errorf("a day and a half: %+v", got)
	}
	s := make(30)
	from := s.Start + 20*day
	band, err := Judge(s, from, Options{Algorithm: Auto, Season: Daily})
	if err != nil || band.Algorithm != Agile {
		t.Errorf("auto judged by %q (error %v), want agile", band.Algorithm, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{{Algorithm: "magic"}, {Direction: "up"}, {Season: "yearly"}, {Bounds: math.NaN()}, {Bounds: -1}, {MinChange: math.Inf(1)}} {
		if o.Validate() == nil {
			t.Errorf("%+v is allowed", o)
		}
	}
	if _, err := New(Options{Algorithm: Auto}, minute); err == nil {
		t.Error("auto is a detector")
	}
	if _, err := New(Options{}, 0); err == nil {
		t.Error("an interval of 0 is allowed")
	}
}

func FuzzRestore(f *testing.F) {
	for _, a := range detectors {
		d, err := New(Options{Algorithm: a, Season: Hourly}, minute)
		if err != nil {
			f.Fatal(err)
		}
		for i := range 400 {
			d.Push(int64(i)*minute, float64(i%60))
		}
		f.Add(string(a), d.AppendState(nil))
	}
	f.Fuzz(func(t *testing.T, algorithm string, state []byte) {
		d, err := New(Options{Algorithm: Algorithm(algorithm), Season: Hourly}, minute)
		if err != nil {
			return
		}
		if d.Restore(state) == nil {
			for i := range 200 {
				d.Push(int64(i)*minute, float64(i))
			}
		}
	})
}

func TestNothingIsAllocatedPerPoint(t *testing.T) {
	for _, a := range detectors {
		d, err := New(Options{Algorithm: a, Season: Hourly}, minute)
		if err != nil {
			t.Fatal(err)
		}
		i := int64(0)
		if n := testing.AllocsPerRun(2000, func() { d.Push(i*minute, float64(i*7919%101)); i++ }); n != 0 {
			t.Errorf("%s allocates %v times per point", a, n)
		}
	}
}

// BenchmarkPush must stay at or below, per point: basic 200 ns, basic_sigma
// 20 ns, agile and robust 400 ns.
func BenchmarkPush(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	values := make([]float64, 1<<16)
	for i := range values {
		values[i] = 50 + 20*math.Sin(float64(i)/1440*2*math.Pi) + r.NormFloat64()
	}
	for _, a := range detectors {
		b.Run(string(a), func(b *testing.B) {
			d, err := New(Options{Algorithm: a, Season: Daily}, minute)
			if err != nil {
				b.Fatal(err)
			}
			for i, v := range values {
				d.Push(int64(i)*minute, v)
			}
			b.ReportAllocs()
			i := int64(len(values))
			for b.Loop() {
				d.Push(i*minute, values[i&(1<<16-1)])
				i++
			}
		})
	}
}
