package chart

import (
	"math"
	"time"
)

// maxTicks is how many labels the y axis has at most.
const maxTicks = 5

// tick is one label of an axis: at a value of y, or a time of x in ms.
type tick struct {
	value  float64
	at     int64
	label  string
	strong bool // the first label of a new day, month or year
}

// valueTicks returns at most n labels at round values in [lo, hi], as close
// together as n allows.
func valueTicks(lo, hi float64, u unit, n int) []tick {
	low, high := lo*u.factor, hi*u.factor
	span := high - low
	if !(span > 0) || math.IsInf(span, 0) || n < 1 {
		return nil
	}
	step := roundStep(span/float64(n+1), u.family)
	for math.Floor(high/step)-math.Ceil(low/step)+1 > float64(n) {
		step = roundStep(step*1.0001, u.family)
	}
	var ticks []tick
	for i := math.Ceil(low/step - 1e-9); i*step <= high+step*1e-9 && len(ticks) < n; i++ {
		v := i * step / u.factor
		ticks = append(ticks, tick{value: v, label: u.format(v, step/u.factor)})
	}
	return ticks
}

// roundStep is the smallest round step of the family that is >= s.
func roundStep(s float64, f family) float64 {
	round := func(s float64) float64 {
		power := math.Pow(10, math.Floor(math.Log10(s)))
		for _, m := range []float64{1, 2, 2.5, 5} {
			if m*power >= s*(1-1e-12) {
				return m * power
			}
		}
		return 10 * power
	}
	switch {
	case f == binary && s > 1:
		return math.Pow(2, math.Ceil(math.Log2(s)-1e-12))
	case f == seconds && s > 30 && s <= 86400:
		for _, m := range []float64{60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400} {
			if m >= s*(1-1e-12) {
				return m
			}
		}
	case f == seconds && s > 86400:
		return round(s/86400) * 86400
	case f == seconds && s > 5:
		for _, m := range []float64{10, 15, 20, 30} {
			if m >= s*(1-1e-12) {
				return m
			}
		}
	}
	return round(s)
}

// clockSteps are the distances between labels that divide a day.
var clockSteps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 6 * time.Hour, 8 * time.Hour, 12 * time.Hour,
}

const day = 24 * time.Hour

// timeTicks returns at most n labels in [from, to] ms at round local times.
// Times of day are written alone; the date stands where the day changes.
func timeTicks(from, to int64, zone *time.Location, n int) []tick {
	span := time.Duration(to-from) * time.Millisecond
	if n < 1 || span <= 0 {
		return nil
	}
	least := span / time.Duration(n)
	for _, step := range clockSteps {
		if step >= least {
			return clockTicks(from, to, zone, step)
		}
	}
	for _, days := range []int{1, 2, 3, 7, 14} {
		if time.Duration(days)*day >= least {
			return dayTicks(from, to, zone, days)
		}
	}
	for _, months := range []int{1, 2, 3, 6, 12, 24, 60, 120} {
		if time.Duration(months)*30*day >= least {
			return monthTicks(from, to, zone, months)
		}
	}
	return nil
}

// clockTicks steps from each local midnight, so that the labels stay round
// when the clocks change inside the range.
func clockTicks(from, to int64, zone *time.Location, step time.Duration) []tick {
	layout := "15:04"
	if step < time.Minute {
		layout = "15:04:05"
	}
	start := time.UnixMilli(from).In(zone)
	today := start.YearDay()
	var ticks []tick
	last := int64(math.MinInt64)
	for y, m, d := start.Date(); ; d++ {
		if time.Date(y, m, d, 0, 0, 0, 0, zone).UnixMilli() > to {
			return ticks
		}
		for wall := time.Duration(0); wall < day; wall += step {
			t := time.Date(y, m, d, 0, 0, int(wall/time.Second), 0, zone)
			at := t.UnixMilli()
			// An hour that doesn't exist lands on its neighbour.
			if at < from || at > to || at <= last {
				continue
			}
			last = at
			label := tick{at: at, label: t.Format(layout)}
			if t.YearDay() != today {
				today = t.YearDay()
				label.strong = true
				if wall == 0 {
					label.label = t.Format("Jan 2")
				} else {
					label.label = t.Format("Jan 2 " + layout)
				}
			}
			ticks = append(ticks, label)
		}
	}
}

func dayTicks(from, to int64, zone *time.Location, days int) []tick {
	y, m, d := time.UnixMilli(from).In(zone).Date()
	if days%7 == 0 { // weeks begin on Monday
		d -= (int(time.Date(y, m, d, 12, 0, 0, 0, zone).Weekday()) + 6) % 7
	}
	var ticks []tick
	for ; ; d += days {
		t := time.Date(y, m, d, 0, 0, 0, 0, zone)
		switch at := t.UnixMilli(); {
		case at > to:
			return ticks
		case at >= from:
			ticks = append(ticks, tick{at: at, label: t.Format("Jan 2")})
		}
	}
}

func monthTicks(from, to int64, zone *time.Location, months int) []tick {
	start := time.UnixMilli(from).In(zone)
	y := start.Year()
	m := time.Month(1)
	if months < 12 {
		m = time.Month((int(start.Month())-1)/months*months + 1)
	} else {
		y -= y % (months / 12)
	}
	year := start.Year()
	var ticks []tick
	for ; ; m += time.Month(months) {
		t := time.Date(y, m, 1, 0, 0, 0, 0, zone)
		at := t.UnixMilli()
		if at > to {
			return ticks
		}
		if at < from {
			continue
		}
		label := tick{at: at, label: t.Format("Jan")}
		if t.Year() != year || months >= 12 {
			year = t.Year()
			label.label, label.strong = t.Format("Jan 2006"), months < 12
		}
		ticks = append(ticks, label)
	}
}

// rangeText writes the time range with the name of its zone, naming each date
// once: "Nov 23, 17:05 to 18:05 Europe/Berlin".
func rangeText(from, to int64, zone *time.Location) string {
	a, b := time.UnixMilli(from).In(zone), time.UnixMilli(to).In(zone)
	clock := "15:04"
	if b.Sub(a) < 5*time.Minute && (a.Second() != 0 || b.Second() != 0) {
		clock = "15:04:05"
	}
	date := "Jan 2, "
	if a.Year() != b.Year() {
		date = "Jan 2 2006, "
	}
	second := date + clock
	if a.Year() == b.Year() && a.YearDay() == b.YearDay() {
		second = clock
	}
	name := zone.String()
	if name == "Local" || name == "" {
		name, _ = b.Zone()
	}
	return a.Format(date+clock) + " to " + b.Format(second) + " " + name
}
