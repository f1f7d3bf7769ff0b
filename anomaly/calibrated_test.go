package anomaly

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

func TestCalibratedAlarmsAreAsRareAsItSays(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	c := NewCalibrated()
	alarms, n := 0, 100_000
	for i := range n {
		if c.Push(int64(i)*5*minute, r.NormFloat64()).Onset >= AlarmScore && i > 2000 {
			alarms++
		}
	}
	t.Logf("%d alarms in %d points of noise", alarms, n)
	if alarms > n/2500 {
		t.Errorf("%d alarms in %d points of noise, one in 2,500 would be %d", alarms, n, n/2500)
	}
}

func TestCalibratedFindsWhatIsUnusual(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	wave := func(i int) float64 { return 50 + 30*math.Sin(float64(i)/288*2*math.Pi) + r.NormFloat64() }
	for _, c := range []struct {
		name  string
		value func(i int) float64
		want  []Channel
	}{
		{"a spike", func(i int) float64 {
			if i == 4000 {
				return 400
			}
			return wave(i)
		}, []Channel{FromFastAverage, FromSlowAverage, FromSeason}},
		{"a usual value at an unusual time", func(i int) float64 {
			if i >= 4000 && i < 4010 {
				return wave(i + 144)
			}
			return wave(i)
		}, []Channel{FromSeason, OfShape}},
		{"a flat line", func(i int) float64 {
			if i >= 4000 {
				return 50
			}
			return wave(i)
		}, []Channel{OfShape, FromSeason}},
	} {
		d := NewCalibrated()
		best := Score{}
		for i := range 4200 {
			if s := d.Push(int64(i)*5*minute, c.value(i)); i >= 4000 && s.Onset > best.Onset {
				best = s
			}
		}
		if best.Onset < AlarmScore {
			t.Errorf("%s: scored %.1f, an alarm is %.1f", c.name, best.Onset, AlarmScore)
		}
		found := false
		for _, ch := range c.want {
			found = found || ch == best.Channel
		}
		if !found {
			t.Errorf("%s: found by channel %d (%s)", c.name, best.Channel, best.Channel)
		}
	}
}

func TestCalibratedIsSmallAndAllocatesNothing(t *testing.T) {
	c := NewCalibrated()
	i := int64(0)
	if n := testing.AllocsPerRun(2000, func() { c.Push(i*minute, float64(i*7919%101)); i++ }); n != 0 {
		t.Errorf("%v allocations per point", n)
	}
	size := int(unsafe.Sizeof(*c)) + 4*(len(c.daily.means)+len(c.weekly.means))
	t.Logf("%d bytes per series", size)
	if size > 20<<10 {
		t.Errorf("%d bytes per series, at most 20 KiB are allowed", size)
	}
}

func TestOddsAreWords(t *testing.T) {
	for surprise, want := range map[float64]string{
		0:   "nothing unusual for this series",
		2:   "seen about once in 100 points of this series",
		3.4: "seen about once in 2,500 points of this series",
		9:   "seen less than once in a million points of this series",
	} {
		if got := Odds(surprise); got != want {
			t.Errorf("%v: got %q, want %q", surprise, got, want)
		}
	}
}

// BenchmarkCalibrated must stay at or below 1 us per point.
func BenchmarkCalibrated(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	values := make([]float64, 1<<16)
	for i := range values {
		values[i] = 50 + 20*math.Sin(float64(i)/288*2*math.Pi) + r.NormFloat64()
	}
	c := NewCalibrated()
	b.ReportAllocs()
	i := int64(0)
	for b.Loop() {
		c.Push(i*5*minute, values[i&(1<<16-1)])
		i++
	}
}

func TestCalibratedSurvivesARestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSeries(t, 5*minute, 1500)
		straight, restarted := NewCalibrated(), NewCalibrated()
		for i, x := range s.Values {
			if i%211 == 0 {
				state := restarted.AppendState(nil)
				restarted = NewCalibrated()
				if err := restarted.Restore(state); err != nil {
					t.Fatal(err)
				}
			}
			at := s.Start + int64(i)*s.Step
			if a, b := straight.Push(at, x), restarted.Push(at, x); a != b {
				t.Fatalf("at %d: %v, after restarts %v", i, a, b)
			}
		}
	})
}
