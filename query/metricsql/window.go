package metricsql

import (
	"fmt"
	"math"
	"slices"

	"github.com/whippet-obs/whippet/query"
)

// window is what a rollup function sees at one timestamp: the samples of
// (at-size, at].
type window struct {
	i        int   // index of the timestamp on the grid
	at, size int64 // ms
	times    []int64
	values   []float64

	before     float64 // the sample just before the window, if it is near; NaN otherwise
	beforeTime int64   // its time; the farthest that would be near when there is none
	earlier    float64 // the sample before the window, however far; NaN if there is none
	after      float64 // the sample after the window; NaN if there is none

	scratch []float64
}

// sorted is the values of w in order, until it is asked again.
func (w *window) sorted() []float64 {
	w.scratch = append(w.scratch[:0], w.values...)
	slices.Sort(w.scratch)
	return w.scratch
}

// rollupPlan is a rollup function with its arguments, ready to be run.
type rollupPlan struct {
	outputs []output
	// spread computes the windows of functions that make a row per value found:
	// add sets the value of the row with the label value at the window.
	spread      func(w *window, add func(value string, v float64))
	spreadLabel string

	prepare func(s *samples) // changes the samples before windows are made

	keepsName  bool   // the result is the metric itself, at another time
	adapts     bool   // without a window, to the series' interval
	looksBack  bool   // reads samples before the window
	looksAhead bool   // the window follows the timestamp
	keepsStale bool   // sees the markers of a series' end
	takesLast  bool   // the value is that of the last sample in the window
	key        string // of what is remembered of it; "" for nothing

	size int64 // of the window, ms; 0 when the query names none

	// overTime is the name of a function that aggregates the samples of a window
	// and nothing else; "" for all others.
	overTime string
}

// output is one row that a rollup makes of a series.
type output struct {
	compute func(*window) float64
	label   string // value of the label "rollup"; "" when there is one output
}

// over computes the rows that p makes of one series.
func (p *rollupPlan) over(ev *evaluation, base row, s *samples) []row {
	if !p.keepsName {
		base.name = ""
	}
	if p.prepare != nil {
		p.prepare(s)
	}
	if p.spread != nil {
		return p.spreadOver(ev, base, s)
	}
	rows := make([]row, len(p.outputs))
	for i, o := range p.outputs {
		rows[i] = base
		if o.label != "" {
			rows[i].set("rollup", o.label)
		}
		rows[i].values = make([]float64, ev.grid.Len())
		p.walk(ev.grid, s, nil, func(w *window) { rows[i].values[w.i] = o.compute(w) })
	}
	return rows
}

// compute is over for plans with one output, into out. t may be nil.
func (p *rollupPlan) compute(g query.Grid, s *samples, t *tracker, out []float64) {
	if p.prepare != nil {
		p.prepare(s)
	}
	if p.overTime != "" || p.takesLast {
		p.computeInside(g, s, t, out)
		return
	}
	fn := p.outputs[0].compute
	p.walk(g, s, t, func(w *window) { out[w.i] = fn(w) })
}

// computeInside is compute for functions that look at nothing but the samples of
// the window: the widest questions ask for these.
func (p *rollupPlan) computeInside(g query.Grid, s *samples, t *tracker, out []float64) {
	size, _ := p.sizes(g, s.times, t)
	from, to, fromRun, toRun := 0, 0, 1, 1
	for i := range out {
		at := g.Start + int64(i)*g.Step
		next := after(s.times, at-size, from, fromRun)
		fromRun, from = next-from, next
		next = after(s.times, at, max(to, from), toRun)
		toRun, to = next-to, next
		if t != nil {
			t.last(i, s.times[:to], at, size, p.window(g))
		}
		if from == to {
			out[i] = math.NaN()
			continue
		}
		values := s.values[from:to]
		switch {
		case p.takesLast:
			out[i] = values[len(values)-1]
		case p.overTime == "avg_over_time":
			out[i] = mean(values)
		case p.overTime == "sum_over_time":
			out[i] = sum(values)
		case p.overTime == "min_over_time":
			out[i] = least(values)
		case p.overTime == "max_over_time":
			out[i] = most(values)
		case p.overTime == "count_over_time":
			out[i] = float64(len(values))
		default: // present_over_time
			out[i] = 1
		}
	}
}

// sizes are the length of a plan's windows over a series, and how near to them
// the sample before must be.
func (p *rollupPlan) sizes(g query.Grid, times []int64, t *tracker) (size, near int64) {
	near = g.Step
	switch {
	case t != nil && t.adapts:
		near = t.Near
	case g.Start < g.End:
		near = nearEnough(times, g.Step)
	}
	size = p.window(g)
	if p.size <= 0 && p.adapts && size < near {
		size = near
	}
	return size, near
}

// spreadOver is over for functions that make a row per value found.
func (p *rollupPlan) spreadOver(ev *evaluation, base row, s *samples) []row {
	var rows []row
	index := map[string]int{}
	p.walk(ev.grid, s, nil, func(w *window) {
		p.spread(w, func(value string, v float64) {
			at, ok := index[value]
			if !ok {
				at = len(rows)
				index[value] = at
				r := base
				r.set(p.spreadLabel, value)
				r.values = ev.blank(math.NaN())
				rows = append(rows, r)
			}
			rows[at].values[w.i] = v
		})
	})
	return rows
}

// window is the length of a plan's windows that do not adapt to a series (ms).
func (p *rollupPlan) window(g query.Grid) int64 {
	if p.size > 0 {
		return p.size
	}
	return g.Step
}

// walk calls fn with the window of every timestamp of g. t may be nil.
func (p *rollupPlan) walk(g query.Grid, s *samples, t *tracker, fn func(*window)) {
	size, near := p.sizes(g, s.times, t)
	if t != nil {
		t.sized(p, size, p.window(g))
	}
	w := window{size: size}
	from, to, n := 0, 0, g.Len()
	fromRun, toRun := 1, 1 // by how much they moved last, most often as much as they move next
	for w.i = 0; w.i < n; w.i++ {
		w.at = g.Start + int64(w.i)*g.Step
		begin := w.at - w.size
		next := after(s.times, begin, from, fromRun)
		fromRun, from = next-from, next
		next = after(s.times, w.at, max(to, from), toRun)
		toRun, to = next-to, next
		w.times, w.values = s.times[from:to], s.values[from:to]
		w.before, w.earlier, w.after = math.NaN(), math.NaN(), math.NaN()
		w.beforeTime = begin - near
		if from > 0 {
			w.earlier = s.values[from-1]
			if from < len(s.times) && s.times[from-1] > w.beforeTime {
				w.before, w.beforeTime = s.values[from-1], s.times[from-1]
			}
		}
		if to < len(s.times) {
			w.after = s.values[to]
		}
		if t != nil {
			t.around(&w, s.times, from, to)
		}
		fn(&w)
	}
}

// after is the index of the first time, from index i on, that is after t. It lies
// run further on, or near there, if the samples are as regular as most are.
func after(times []int64, t int64, i, run int) int {
	if i >= len(times) || times[i] > t {
		return i
	}
	// times[lo] <= t < times[hi], where hi may be the end.
	lo, hi := i, len(times)
	if guess := i + run; guess < len(times) && run > 0 {
		if times[guess] > t {
			if hi = guess; times[guess-1] <= t {
				return guess
			}
		} else if lo = guess; guess+1 < len(times) && times[guess+1] > t {
			return guess + 1
		}
	}
	for step := 1; lo+step < hi; step *= 2 { // gallop, then halve
		if times[lo+step] > t {
			hi = lo + step
			break
		}
		lo += step
	}
	for lo+1 < hi {
		middle := int(uint(lo+hi) / 2)
		if times[middle] > t {
			hi = middle
		} else {
			lo = middle
		}
	}
	return hi
}

// nearEnough estimates, from its last samples, how far apart two samples of a
// series may lie without a gap: its interval and a bit, more so for short ones.
// Where nothing can be estimated the interval is taken to be fallback.
func nearEnough(times []int64, fallback int64) int64 {
	interval := fallback
	if n := len(times); n > 1 {
		var buffer [20]float64
		steps := buffer[:0]
		for i := n - 1; i > 0 && len(steps) < len(buffer); i-- {
			steps = append(steps, float64(times[i]-times[i-1]))
		}
		slices.Sort(steps)
		if estimate := int64(quantileSorted(0.6, steps)); estimate > 0 {
			interval = estimate
		}
	}
	switch {
	case interval <= 2_000:
		return 5 * interval
	case interval <= 4_000:
		return 3 * interval
	case interval <= 8_000:
		return 2 * interval
	case interval <= 16_000:
		return interval + interval/2
	case interval <= 32_000:
		return interval + interval/4
	}
	return interval + interval/8
}

// planOf finds what the rollup function c computes. series is the index of the
// argument that it rolls up; the others are evaluated here.
func planOf(c *call, series int) (*rollupPlan, error) {
	p := &rollupPlan{keepsName: c.keepNames || rollupKeepsName(c.name), looksBack: looksBack(c.name), adapts: adapts(c.name)}
	p.keepsStale = c.name == "default_rollup" || c.name == "stale_samples_over_time"
	p.takesLast = c.name == "default_rollup" || c.name == "last_over_time"
	if removesResets(c.name) {
		p.prepare = func(s *samples) { removeResets(s.values) }
	}
	if done, err := p.planFamily(c); done || err != nil {
		return p, err
	}
	least, most := rollupArguments(c.name)
	if err := c.takes(least, most); err != nil {
		return nil, err
	}
	var arg [][]float64
	for i := range c.args {
		if i == series {
			continue
		}
		values, err := c.scalar(i)
		if err != nil {
			return nil, err
		}
		arg = append(arg, values)
	}
	compute := rollupOf(c.name, arg)
	if compute == nil {
		return nil, fmt.Errorf("BUG: the rollup function %s is not known", c.name)
	}
	p.outputs = []output{{compute: compute}}
	p.key = keyOf(c, series)
	if wantOf(c.name) != 0 {
		p.overTime = c.name
	}
	return p, nil
}
