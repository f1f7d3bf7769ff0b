package datadog

import (
	"context"
	"math"
	"strings"
	"sync"

	"github.com/whippet-obs/whippet/anomaly"
	"github.com/whippet-obs/whippet/query"
)

// Watch evaluates a monitor again and again. Where it is about anomalies, it
// keeps the state of each group's detector, and reads a window of samples each
// time instead of weeks. It says what Monitor.Eval says. Safe for concurrent
// use.
type Watch struct {
	*Monitor
	options anomalyOptions

	mu     sync.Mutex
	upto   int64 // ms; the states know the points before it; 0: there are none
	groups map[string]*watched
}

// watched is the detector of a group, asleep.
type watched struct {
	tags      []string
	algorithm anomaly.Algorithm
	state     []byte
	last      int64 // ms of its newest sample
}

// forgetAfter is how long a group without samples is remembered.
const forgetAfter = 86_400_000

// NewWatch returns a watch that knows nothing yet.
func NewWatch(m *Monitor) *Watch {
	w := &Watch{Monitor: m}
	if m.Anomaly {
		w.options, _, _ = readAnomalyOptions(m.verdicts())
	}
	return w
}

// Eval is Monitor.Eval.
func (w *Watch) Eval(ctx context.Context, e *query.Engine, at int64) (groups []GroupValue, err error) {
	if !w.Anomaly {
		return w.Monitor.Eval(ctx, e, at)
	}
	run, err := e.Begin(ctx, w.QueryText)
	if err != nil {
		return nil, err
	}
	defer func() { run.End(err) }()
	w.mu.Lock()
	defer w.mu.Unlock()
	rule, step := w.Rule(0)
	g := w.judged(at, rule, step)
	ev := &evaluation{run: run, options: Options{From: g.Start, To: at}, interval: step}
	o := w.options
	if !ev.counts(w.verdicts().query) {
		o.DefaultZero = false
	}
	if w.serves(g) {
		rows, ok, err := w.follow(ev, g, o)
		if err != nil || ok {
			return w.values(rows, rule, g), err
		}
	}
	rows, err := w.begin(ev, g, o)
	if err != nil {
		return nil, err
	}
	return w.values(rows, rule, g), nil
}

func (w *Watch) values(rows []query.Row, rule anomaly.Rule, g query.Grid) []GroupValue {
	groups := make([]GroupValue, 0, len(rows))
	for _, row := range rows {
		if v, ok := w.groupValue(row, rule, g); ok {
			groups = append(groups, v)
		}
	}
	return sorted(groups)
}

// serves reports whether the states can be followed up to the end of g: they
// are not ahead, not long behind, and of the same stretch of the calendar.
func (w *Watch) serves(g query.Grid) bool {
	return w.upto > 0 && w.upto <= g.Start && g.Start-w.upto <= int64(g.Len())*g.Step+3_600_000 && !w.crosses(w.upto, g)
}

// crosses reports whether another detector takes over between from and the end
// of g.
func (w *Watch) crosses(from int64, g query.Grid) bool {
	return w.options.StretchEnd(from, g.Step) <= g.End
}

// begin reads the whole history, and keeps the states where g begins.
func (w *Watch) begin(ev *evaluation, g query.Grid, o anomalyOptions) ([]query.Row, error) {
	r, start, err := ev.past(w.verdicts().query, g, o.Start(g.Start, g.Step))
	if err != nil {
		return nil, err
	}
	w.upto, w.groups = 0, map[string]*watched{}
	keep := !w.crosses(g.Start, g)
	rows := r.rows[:0]
	for _, row := range r.rows {
		past := anomaly.Series{Start: start, Step: g.Step, Values: row.Values}
		if !keep { // the next evaluation begins anew, too
			if o.DefaultZero {
				anomaly.ZeroFill(row.Values)
			}
			band, err := anomaly.Judge(past, g.Start, o.Options)
			if err != nil {
				return nil, err
			}
			row.Values = row.Values[len(row.Values)-g.Len():]
			row.Band = query.BandOf(row.Values, band, o.AnomalyOptions)
			rows = append(rows, row)
			continue
		}
		d, from, err := past.Detector(g.Start, o.Options)
		if err != nil {
			return nil, err
		}
		first := len(row.Values) - g.Len()
		for i := from; i < first; i++ {
			d.Push(start+int64(i)*g.Step, row.Values[i])
		}
		w.groups[groupID(row.Tags)] = &watched{row.Tags, d.Algorithm(), d.AppendState(nil), row.Last}
		row.Values = row.Values[first:]
		row.Band = pushed(d, row.Values, g, o)
		rows = append(rows, row)
	}
	if keep {
		w.upto = g.Start
	}
	return rows, nil
}

// follow reads what came since, and moves the states to where g begins. It is
// not ok when a group has come that has no state.
func (w *Watch) follow(ev *evaluation, g query.Grid, o anomalyOptions) (rows []query.Row, ok bool, err error) {
	between := query.Grid{Start: w.upto, End: g.End, Step: g.Step}
	r, _, err := ev.past(w.verdicts().query, between, w.upto)
	if err != nil {
		return nil, false, err
	}
	came := map[string]query.Row{}
	for _, row := range r.rows {
		id := groupID(row.Tags)
		if w.groups[id] == nil {
			return nil, false, nil
		}
		came[id] = row
	}
	first := between.Len() - g.Len()
	for id, group := range w.groups {
		row, is := came[id]
		if !is { // nothing came: that is told to the detector, too
			row = query.Row{Tags: group.tags, Values: repeat(math.NaN(), between.Len())}
		}
		group.last = max(group.last, row.Last)
		if group.last < g.End-forgetAfter {
			delete(w.groups, id)
			continue
		}
		o.Algorithm = group.algorithm
		d, err := anomaly.New(o.Options, g.Step)
		if err != nil {
			return nil, false, err
		}
		if err := d.Restore(group.state); err != nil {
			return nil, false, err
		}
		for i := range first {
			d.Push(between.Start+int64(i)*g.Step, row.Values[i])
		}
		group.state = d.AppendState(group.state[:0])
		if is {
			row.Values = row.Values[first:]
			row.Band = pushed(d, row.Values, g, o)
			rows = append(rows, row)
		}
	}
	w.upto = g.Start
	return rows, true, nil
}

// pushed is what a detector says about the values of a grid, which it learns.
func pushed(d *anomaly.Detector, values []float64, g query.Grid, o anomalyOptions) *query.Band {
	n := len(values)
	band := anomaly.Band{
		Lower: make([]float64, n), Middle: make([]float64, n), Upper: make([]float64, n),
		Anomalous: make([]bool, n), Points: make([]int, n), Algorithm: d.Algorithm(),
	}
	for i, v := range values {
		values[i] = d.Takes(v)
		e, anomalous := d.Push(g.Start+int64(i)*g.Step, v)
		band.Lower[i], band.Middle[i], band.Upper[i], band.Anomalous[i], band.Points[i] = e.Lower, e.Middle, e.Upper, anomalous, e.Points
	}
	return query.BandOf(values, band, o.AnomalyOptions)
}

func groupID(tags []string) string { return strings.Join(tags, "\x00") }
