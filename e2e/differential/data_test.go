package differential

import (
	"fmt"
	"math"
	"math/rand"
	"slices"
	"time"
)

func sortStrings(s []string) { slices.Sort(s) }

// The samples lie in two hours of the past, always the same, so that a run gives
// what the one before gave. The servers are told to keep samples for long.
var (
	end   = time.Date(2026, 10, 15, 12, 0, 0, 0, time.UTC)
	begin = end.Add(-2 * time.Hour)
)

// stale is Prometheus' marker of a series' end.
var stale = math.Float64frombits(0x7ff0000000000002)

type label struct{ name, value string }

type series struct {
	name   string
	labels []label
	times  []int64
	values []float64
}

func (s *series) add(at int64, v float64) {
	s.times, s.values = append(s.times, at), append(s.values, v)
}

// digits rounds to what a decimal of VictoriaMetrics holds exactly.
func digits(v float64, n int) float64 {
	p := math.Pow10(n)
	return math.Round(v*p) / p
}

// samples makes series of every kind that matters: regular and irregular, with
// gaps, resets, infinities, markers of their end, one sample only. No time is a
// whole second, so that windows of Prometheus, closed at both ends, and of
// MetricsQL hold the same samples.
func samples() []series {
	r := rand.New(rand.NewSource(1))
	from, to := begin.UnixMilli(), end.UnixMilli()
	var all []series
	regular := func(name string, step int64, labels []label, value func(i int) float64) {
		s := series{name: name, labels: labels}
		for i, at := 0, from+1234; at < to; i, at = i+1, at+step {
			s.add(at, value(i))
		}
		all = append(all, s)
	}
	walk := func(scale float64, n int) func(int) float64 {
		v := scale * r.Float64()
		return func(int) float64 {
			v += scale * 0.1 * r.NormFloat64()
			if v*scale < 0 { // stay on one side of zero
				v = -v
			}
			return digits(v, n)
		}
	}
	for i, host := range []string{"a", "b", "c", "d", "e"} {
		env := []string{"prod", "test"}[i%2]
		regular("g", 10_000, []label{{"env", env}, {"host", host}}, walk(100, 2))
		regular("h", 10_000, []label{{"env", env}, {"host", host}}, walk(10, 3))
		total := 0.0
		regular("c_total", 10_000, []label{{"env", env}, {"host", host}}, func(n int) float64 {
			if total += digits(20*r.Float64(), 2); r.Intn(100) == 0 {
				total = float64(r.Intn(5)) // a reset
			}
			return digits(total, 2)
		})
		regular("info", 60_000, []label{{"host", host}, {"version", fmt.Sprint("1.", i)}}, func(int) float64 { return 1 })
	}
	regular("level", 15_000, []label{{"k", "x"}}, func(i int) float64 { return float64((i / 7) % 4) })
	regular("constant", 30_000, nil, func(int) float64 { return 42 })
	regular("negative", 20_000, []label{{"k", "n"}}, walk(-50, 1))
	regular("big", 30_000, []label{{"k", "b"}}, func(i int) float64 { return 1e12 + float64(i)*1e6 })
	regular("small", 30_000, []label{{"k", "s"}}, func(i int) float64 { return digits(1e-6*float64(1+i%9), 9) })
	regular("fast", 1_000, []label{{"k", "f"}}, walk(50, 0))
	regular("slow", 120_000, []label{{"k", "w"}}, walk(7, 1))
	regular("wild", 10_000, []label{{"k", "i"}}, func(i int) float64 {
		switch i % 50 {
		case 10:
			return math.Inf(1)
		case 30:
			return math.Inf(-1)
		}
		return float64(i % 13)
	})
	regular("hollow", 10_000, []label{{"k", "h"}}, func(i int) float64 {
		if i%5 == 2 {
			return math.NaN()
		}
		return float64(i % 11)
	})

	irregular := series{name: "irregular", labels: []label{{"k", "r"}}}
	for at := from + 777; at < to; at += 3_000 + int64(r.Intn(40_000)) {
		irregular.add(at, digits(50*r.Float64(), 2))
	}
	gaps := series{name: "gaps", labels: []label{{"k", "g"}}}
	for i, at := 0, from+1234; at < to; i, at = i+1, at+10_000 {
		if minute := (at - from) / 60_000; minute%30 < 22 && minute%7 != 3 {
			gaps.add(at, float64(i%17))
		}
	}
	ends := series{name: "ends", labels: []label{{"k", "e"}}}
	for i, at := 0, from+1234; at < to; i, at = i+1, at+10_000 {
		switch minute := (at - from) / 60_000; {
		case minute >= 40 && minute < 55, minute >= 90:
		case minute == 39 && (at-from)%60_000 >= 50_000, minute == 89 && (at-from)%60_000 >= 50_000:
			ends.add(at, stale)
		default:
			ends.add(at, float64(i))
		}
	}
	once := series{name: "once", labels: []label{{"k", "o"}}}
	once.add(from+3_600_000+1234, 7)
	twice := series{name: "twice", labels: []label{{"k", "t"}}}
	twice.add(from+3_600_000+1234, 7)
	twice.add(from+3_640_000+1234, 9)
	late := series{name: "late_total", labels: []label{{"k", "l"}}}
	for i, at := 0, from+4_000_000+1234; at < to; i, at = i+1, at+10_000 {
		late.add(at, float64(1000+3*i))
	}
	all = append(all, irregular, gaps, ends, once, twice, late)

	// Histograms, with le and with vmrange, of two hosts.
	for _, host := range []string{"a", "b"} {
		bounds := []string{"0.1", "0.5", "1", "2.5", "5", "+Inf"}
		counts := make([]float64, len(bounds))
		rows := make([]series, len(bounds))
		for j, le := range bounds {
			rows[j] = series{name: "lat_bucket", labels: []label{{"host", host}, {"le", le}}}
		}
		ranges := []string{"1.000e-01...1.136e-01", "1.136e-01...1.292e-01", "5.000e-01...5.700e-01", "1.000e+00...1.136e+00", "2.000e+00...2.300e+00"}
		vm := make([]series, len(ranges))
		for j, vmrange := range ranges {
			vm[j] = series{name: "vl_bucket", labels: []label{{"host", host}, {"vmrange", vmrange}}}
		}
		hits := make([]float64, len(ranges))
		for at := from + 1234; at < to; at += 10_000 {
			for range 1 + r.Intn(8) {
				v := r.ExpFloat64()
				for j, bound := range []float64{0.1, 0.5, 1, 2.5, 5, math.Inf(1)} {
					if v <= bound {
						counts[j]++
					}
				}
				hits[r.Intn(len(hits))]++
			}
			for j := range rows {
				rows[j].add(at, counts[j])
			}
			for j := range vm {
				vm[j].add(at, hits[j])
			}
		}
		all = append(append(all, rows...), vm...)
	}
	return all
}
