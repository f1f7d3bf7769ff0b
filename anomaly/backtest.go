package anomaly

import (
	"cmp"
	"math"
	"slices"
)

// The cells of a backtest's table.
var (
	backtestBounds  = [...]float64{2, 2.5, 3, 4, 5, 6}
	backtestWindows = [...]int64{5 * minute, 15 * minute, 30 * minute}
)

// Cell is what a monitor would have done with other bounds and another window.
type Cell struct {
	Bounds float64
	Window int64 // ms
	Alerts int
	Found  int // of the marks that are real, those that an alert touches
	Noise  int // of the marks that are noise, those that an alert touches
}

// Mark is a person's word about a stretch of time.
type Mark struct {
	From, To int64 // ms
	Real     bool  // an incident worth an alert; false: noise
}

// Alert is one that a monitor would have raised.
type Alert struct {
	Group    int // index of the series
	From, To int64
	Severe   bool
	Peak     float64 // the farthest point, in deviations
}

// Backtest is what a monitor would have done.
type Backtest struct {
	Alerts []Alert // with the settings given, by time
	Table  []Cell  // with others: bounds by bounds, window by window
	Best   int     // the cheapest cell of Table that keeps the real marks; -1: none does
	Judged int     // points judged, of all series
}

// Run evaluates what monitors evaluate over the past: the points of each series
// from from (ms) on. Every series must begin at o.Start(from), and end at the
// same moment. The score of each point is computed once; the cells of the table
// only compare.
func Run(series []Series, from int64, o Options, rule Rule, marks []Mark) (*Backtest, error) {
	o = o.withDefaults()
	out := &Backtest{Best: -1}
	for _, b := range backtestBounds {
		for _, w := range backtestWindows {
			out.Table = append(out.Table, Cell{Bounds: b, Window: w})
		}
	}
	touched := make([][]bool, len(out.Table)) // per cell, per mark
	for i := range touched {
		touched[i] = make([]bool, len(marks))
	}
	for g, s := range series {
		scores, err := Scores(s, from, o)
		if err != nil {
			return nil, err
		}
		begin := s.Start + int64(len(s.Values)-len(scores))*s.Step
		for _, v := range scores {
			if !math.IsNaN(v) {
				out.Judged++
			}
		}
		for _, e := range rule.Alerts(scores) {
			a := Alert{Group: g, From: begin + int64(e.From)*s.Step, To: begin + int64(e.To)*s.Step, Severe: e.Severe}
			for _, v := range scores[max(0, e.From-rule.Window+1):e.To] {
				if math.Abs(v) > math.Abs(a.Peak) {
					a.Peak = v
				}
			}
			out.Alerts = append(out.Alerts, a)
		}
		for i := range out.Table {
			cell := &out.Table[i]
			r := rule.cell(cell.Bounds, int(max(cell.Window/s.Step, 1)))
			for _, e := range r.Alerts(scores) {
				cell.Alerts++
				// A mark is met by an alert while it lasted, or soon after.
				a, z := begin+int64(e.From-r.Window)*s.Step, begin+int64(e.To)*s.Step
				for m, mark := range marks {
					touched[i][m] = touched[i][m] || a < mark.To && mark.From < z
				}
			}
		}
	}
	slices.SortFunc(out.Alerts, func(a, b Alert) int { return int(a.From - b.From) })
	out.suggest(marks, touched)
	return out, nil
}

// cell is the rule with other bounds and another window. A severe point stays
// twice the bounds, or what was asked for.
func (r Rule) cell(bounds float64, window int) Rule {
	if r.Severe > 0 {
		r.Severe = max(2*bounds, min(r.Severe, 6))
	}
	if r.Recovery > 0 {
		r.Recovery = max(1, r.Recovery*window/max(r.Window, 1))
	}
	r.Bounds, r.Window = bounds, window
	return r
}

// suggest finds the cell that keeps every real mark with the fewest alerts on
// noise, and then the fewest alerts at all. Of equal ones the quickest is the
// best, and then the widest.
func (b *Backtest) suggest(marks []Mark, touched [][]bool) {
	reals := 0
	for _, m := range marks {
		if m.Real {
			reals++
		}
	}
	for i := range b.Table {
		cell := &b.Table[i]
		for m, mark := range marks {
			switch {
			case touched[i][m] && mark.Real:
				cell.Found++
			case touched[i][m]:
				cell.Noise++
			}
		}
		if reals == 0 || cell.Found < reals {
			continue
		}
		if b.Best < 0 {
			b.Best = i
			continue
		}
		best := b.Table[b.Best]
		better := cmp.Or(cmp.Compare(cell.Noise, best.Noise), cmp.Compare(cell.Alerts, best.Alerts),
			cmp.Compare(cell.Window, best.Window), cmp.Compare(best.Bounds, cell.Bounds))
		if better < 0 {
			b.Best = i
		}
	}
}

// Scores gives each point's distance from the middle of its band in
// deviations, from from (ms) on; NaN where it could not be judged, 0 where it
// is nearer than the least change of the options.
func Scores(s Series, from int64, o Options) ([]float64, error) {
	o = o.withDefaults()
	band, err := Judge(s, from, o)
	if err != nil {
		return nil, err
	}
	n := len(band.Upper)
	values := slices.Clone(s.Values)
	if o.DefaultZero {
		ZeroFill(values)
	}
	return band.Scores(values[len(values)-n:], o), nil
}

// Scores is each value's distance from the middle of the band in deviations;
// NaN where it could not be judged, 0 where it is nearer than the least change
// of the options.
func (b *Band) Scores(values []float64, o Options) []float64 {
	o = o.withDefaults()
	out := make([]float64, len(values))
	for i, v := range values {
		e := Expectation{Lower: b.Lower[i], Middle: b.Middle[i], Upper: b.Upper[i]}
		switch off := math.Abs(v - e.Middle); {
		case !e.Judged(v):
			out[i] = math.NaN()
		case off >= o.MinChange && off >= o.MinRatio*math.Abs(e.Middle):
			out[i] = Sigmas(e, v, o.Bounds)
		}
	}
	return out
}
