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
}

// rollupPlan is a rollup function with its arguments, ready to be run.
type rollupPlan struct {
	outputs []output
	// spread computes the windows of functions that make a row per value found:
	// add sets the value of the row with the label value at the window.
	spread      func(w *window, add func(value string, v float64))
	spreadLabel string

	prepare func(s *samples) // changes the samples before windows are made

	keepsName  bool // the result is the metric itself, at another time
	adapts     bool // without a window, to the series' interval
	looksBack  bool // reads samples before the window
	looksAhead bool // the window follows the timestamp
	keepsStale bool // sees the markers of a series' end

	size int64 // of the window, ms; 0 when the query names none
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
		p.walk(ev.grid, s, func(w *window) { rows[i].values[w.i] = o.compute(w) })
	}
	return rows
}

// compute is over for plans with one output, into out.
func (p *rollupPlan) compute(g query.Grid, s *samples, out []float64) {
	if p.prepare != nil {
		p.prepare(s)
	}
	fn := p.outputs[0].compute
	p.walk(g, s, func(w *window) { out[w.i] = fn(w) })
}

// spreadOver is over for functions that make a row per value found.
func (p *rollupPlan) spreadOver(ev *evaluation, base row, s *samples) []row {
	var rows []row
	index := map[string]int{}
	p.walk(ev.grid, s, func(w *window) {
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

// walk calls fn with the window of every timestamp of g.
func (p *rollupPlan) walk(g query.Grid, s *samples, fn func(*window)) {
	near := g.Step
	if g.Start < g.End {
		near = nearEnough(s.times, g.Step)
	}
	w := window{size: p.size}
	if w.size <= 0 {
		if w.size = g.Step; p.adapts && w.size < near {
			w.size = near
		}
	}
	from, to, n := 0, 0, g.Len()
	for w.i = 0; w.i < n; w.i++ {
		w.at = g.Start + int64(w.i)*g.Step
		begin := w.at - w.size
		for from < len(s.times) && s.times[from] <= begin {
			from++
		}
		to = max(to, from)
		for to < len(s.times) && s.times[to] <= w.at {
			to++
		}
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
		fn(&w)
	}
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
	return p, nil
}
