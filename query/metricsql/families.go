package metricsql

import (
	"math"
	"slices"
	"strconv"

	"github.com/VictoriaMetrics/metrics"
	mql "github.com/VictoriaMetrics/metricsql"
)

// planFamily plans the rollup functions that make several rows of a series;
// done reports that c is one of them.
func (p *rollupPlan) planFamily(c *call) (done bool, err error) {
	before := p.prepare
	then := func(fn func(*samples)) {
		p.prepare = func(s *samples) {
			if before != nil {
				before(s)
			}
			fn(s)
		}
	}
	switch c.name {
	case "rollup":
		return true, p.spreadExtremes(c)
	case "rollup_rate", "rollup_deriv":
		then(derive)
		return true, p.spreadExtremes(c)
	case "rollup_increase", "rollup_delta":
		then(differences)
		return true, p.spreadExtremes(c)
	case "rollup_scrape_interval":
		then(intervals)
		return true, p.spreadExtremes(c)
	case "rollup_candlestick":
		p.looksAhead = true
		return true, p.candlestick(c)
	case "aggr_over_time":
		return true, p.severalFunctions(c)
	case "quantiles_over_time":
		return true, p.quantiles(c)
	case "count_values_over_time":
		if err := c.takes(2, 2); err != nil {
			return true, err
		}
		p.spread = countValues
		p.spreadLabel, err = c.text(0)
		return true, err
	case "histogram_over_time":
		if err := c.takes(1, 1); err != nil {
			return true, err
		}
		p.spreadLabel = "vmrange"
		p.spread = func(w *window, add func(string, float64)) {
			var h metrics.Histogram
			for _, v := range w.values {
				h.Update(v)
			}
			h.VisitNonZeroBuckets(func(vmrange string, count uint64) { add(vmrange, float64(count)) })
		}
		return true, nil
	}
	return false, nil
}

// choice reads an optional last argument that picks one of several rows.
func choice(c *call, among ...string) (picked string, err error) {
	if err := c.takes(1, 2); err != nil || len(c.args) == 1 {
		return "", err
	}
	if picked, err = c.text(1); err == nil && !slices.Contains(among, picked) {
		return "", c.fail("wants one of %q, found %q", among, picked)
	}
	return picked, err
}

// spreadExtremes makes a row each of the least, greatest and mean value.
func (p *rollupPlan) spreadExtremes(c *call) error {
	picked, err := choice(c, "min", "max", "avg")
	for _, o := range []output{{some(least), "min"}, {some(most), "max"}, {some(mean), "avg"}} {
		switch picked {
		case "":
			p.outputs = append(p.outputs, o)
		case o.label:
			p.outputs = []output{{compute: o.compute}}
		}
	}
	return err
}

// candlestick makes a row each of the opening, highest, lowest and closing
// value. A value at the very end of the window belongs to the next candle; the
// one before it opens this one.
func (p *rollupPlan) candlestick(c *call) error {
	inside := func(w *window) []float64 {
		n := len(w.times)
		for n > 0 && w.times[n-1] >= w.at {
			n--
		}
		values := w.values[:n]
		if w.beforeTime+w.size >= w.at && !math.IsNaN(w.before) {
			values = append([]float64{w.before}, values...)
		}
		return values
	}
	of := func(fn func([]float64) float64) func(*window) float64 {
		return func(w *window) float64 {
			if values := inside(w); len(values) > 0 {
				return fn(values)
			}
			return math.NaN()
		}
	}
	picked, err := choice(c, "open", "high", "low", "close")
	for _, o := range []output{{of(func(v []float64) float64 { return v[0] }), "open"}, {of(last), "close"}, {of(least), "low"}, {of(most), "high"}} {
		if picked == "" || picked == o.label {
			p.outputs = append(p.outputs, o)
		}
	}
	return err
}

// severalFunctions plans aggr_over_time: a row for each function named.
func (p *rollupPlan) severalFunctions(c *call) error {
	if err := c.takes(2, 2); err != nil {
		return err
	}
	names := []mql.Expr{c.args[0]}
	if list, ok := c.args[0].(*mql.FuncExpr); ok && list.Name == "" {
		names = list.Args
	}
	for _, e := range names {
		name, ok := e.(*mql.StringExpr)
		if !ok {
			return c.fail("wants names of rollup functions in quotes, found %s", e.AppendString(nil))
		}
		var compute func(*window) float64
		if least, _ := rollupArguments(name.S); least == 1 {
			compute = rollupOf(name.S, nil)
		}
		if compute == nil {
			return c.fail("%q is not a rollup function of one argument", name.S)
		}
		if removesResets(name.S) {
			p.prepare = func(s *samples) { removeResets(s.values) }
		}
		p.outputs = append(p.outputs, output{compute, name.S})
	}
	if len(p.outputs) == 0 {
		return c.fail("wants the name of at least one function")
	}
	return nil
}

// quantiles plans quantiles_over_time: a row for each quantile.
func (p *rollupPlan) quantiles(c *call) (err error) {
	if err := c.takes(3, -1); err != nil {
		return err
	}
	if p.spreadLabel, err = c.text(0); err != nil {
		return err
	}
	phis := make([]float64, len(c.args)-2)
	for i := range phis {
		if phis[i], err = c.number(i + 1); err != nil {
			return err
		}
	}
	p.spread = func(w *window, add func(string, float64)) {
		if len(w.values) == 0 {
			return
		}
		sorted := w.sorted()
		for _, phi := range phis {
			add(strconv.FormatFloat(phi, 'g', -1, 64), quantileSorted(phi, sorted))
		}
	}
	return nil
}

func countValues(w *window, add func(string, float64)) {
	sorted := sortedNumbers(w.values)
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		add(strconv.FormatFloat(sorted[i], 'g', -1, 64), float64(j-i))
		i = j
	}
}

// differences replaces each value by how much the next one is more; the last
// by the difference before it.
func differences(s *samples) {
	v := s.values
	if len(v) == 0 {
		return
	}
	d := 0.0
	for i := range v[1:] {
		d = v[i+1] - v[i]
		v[i] = d
	}
	v[len(v)-1] = d
}

// derive is differences, per second.
func derive(s *samples) {
	v := s.values
	if len(v) == 0 {
		return
	}
	d := 0.0
	for i := range v[1:] {
		d = (v[i+1] - v[i]) / (float64(s.times[i+1]-s.times[i]) / 1000)
		v[i] = d
	}
	v[len(v)-1] = d
}

// intervals replaces each value by the seconds since the sample before it; the
// first by the interval after it.
func intervals(s *samples) {
	for i := len(s.values) - 1; i > 0; i-- {
		s.values[i] = float64(s.times[i])/1000 - float64(s.times[i-1])/1000
	}
	if len(s.values) > 1 {
		s.values[0] = s.values[1]
	} else if len(s.values) == 1 {
		s.values[0] = math.NaN()
	}
}
