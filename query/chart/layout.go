package chart

import (
	"math"
	"strings"

	"github.com/whippet-obs/whippet/query"
)

// picture is a spec with everything in its place.
type picture struct {
	*canvas
	spec   Spec
	unit   unit
	plot   rect // where the lines are
	lo, hi float64
	yTicks []tick
	xTicks []tick
	lines  []line
	legend legend
	empty  bool
}

const (
	margin     = 16.0
	lineHeight = 18.0
	labelSpace = 64.0 // least distance of x labels, CSS px
	padding    = 0.08 // of the value range, above and below
)

// layout decides where everything goes: header on top, legend at the foot,
// and the plot in what is left.
func layout(c *canvas, s Spec) *picture {
	p := &picture{canvas: c, spec: s, unit: parseUnit(s.Unit)}
	p.collect()
	p.scale()

	top := 8.0
	if s.Title != "" {
		top += 24
	}
	top += lineHeight + 14 // query and time range
	if p.unit.name != "" {
		top += 14
	}
	bottom := float64(s.Height) - 10
	p.legend = p.layLegend(bottom - top - 90)
	bottom -= p.legend.height()
	bottom -= 22 // x labels

	p.plot = rect{margin, top, float64(s.Width) - margin, bottom}
	p.yTicks = valueTicks(p.lo, p.hi, p.unit, min(maxTicks, max(3, int(p.plot.height()/26))))
	if p.empty && len(s.Thresholds) == 0 {
		p.yTicks = nil // there is nothing that a scale could be of
	}
	gutter := 0.0
	for _, t := range p.yTicks {
		gutter = max(gutter, c.width(t.label, small))
	}
	p.plot.x0 += math.Ceil(gutter) + 8
	p.xTicks = timeTicks(s.From, s.To, s.Zone, int(p.plot.width()/labelSpace))
	return p
}

// collect turns the rows into lines.
func (p *picture) collect() {
	rows := p.spec.Rows
	colors := Colors(rows)
	p.empty = true
	for i := range rows {
		l := line{row: &rows[i], color: colors[i], last: math.NaN()}
		for _, v := range rows[i].Values[:min(len(rows[i].Values), p.spec.Grid.Len())] {
			if finite(v) {
				l.last = v
				p.empty = false
			}
		}
		p.lines = append(p.lines, l)
	}
	p.stack()
}

// scale finds the value range: of what is drawn and of the thresholds, padded.
func (p *picture) scale() {
	lo, hi := math.Inf(1), math.Inf(-1)
	see := func(v float64) {
		if finite(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	for _, l := range p.lines {
		p.visible(l.tops, see)
		if l.style != Line && !p.empty {
			see(0)
		}
	}
	if !p.empty {
		// A band that is wide as long as it knows little must not flatten the line.
		reach := max(hi-lo, 0.1*max(math.Abs(hi), math.Abs(lo)))
		least, most := lo-reach, hi+reach
		for _, l := range p.lines {
			if b := l.row.Band; b != nil {
				bounded := func(v float64) {
					if finite(v) {
						see(min(max(v, least), most))
					}
				}
				p.visible(b.Lower, bounded)
				p.visible(b.Upper, bounded)
			}
		}
	}
	for _, t := range p.spec.Thresholds {
		see(t.Value)
	}
	if lo > hi {
		lo, hi = 0, 1
	}
	pad := padding * (hi - lo)
	if pad == 0 {
		pad = max(math.Abs(hi)*0.1, 1e-9)
		if hi == 0 {
			pad = 1
		}
	}
	p.lo, p.hi = lo-pad, hi+pad
	if lo >= 0 && p.lo < 0 { // what can't be negative gets no room below zero
		p.lo = 0
	}
	if hi <= 0 && p.hi > 0 {
		p.hi = 0
	}
}

// visible calls f for the values whose times lie in the range.
func (p *picture) visible(values []float64, f func(float64)) {
	g := p.spec.Grid
	for i, v := range values[:min(len(values), g.Len())] {
		if t := g.Start + int64(i)*g.Step; t >= p.spec.From && t <= p.spec.To {
			f(v)
		}
	}
}

// x and y give the place of a time and a value. Values far outside stay near
// the plot, which is where they are clipped.
func (p *picture) x(t int64) float64 {
	return p.plot.x0 + p.plot.width()*float64(t-p.spec.From)/float64(p.spec.To-p.spec.From)
}

func (p *picture) y(v float64) float64 {
	y := p.plot.y1 - p.plot.height()*(v-p.lo)/(p.hi-p.lo)
	return min(max(y, p.plot.y0-1000), p.plot.y1+1000)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// label is how the legend calls the i-th row.
func (p *picture) label(i int) string {
	row := p.lines[i].row
	switch {
	case i >= len(p.spec.Names) || p.spec.Names[i] == "":
		return name(row)
	case len(row.Tags) > 0:
		return p.spec.Names[i] + " · " + strings.Join(row.Tags, ", ")
	}
	return p.spec.Names[i]
}

// name is what a row is called that nobody has named.
func name(r *query.Row) string {
	switch {
	case len(r.Tags) > 0:
		return strings.Join(r.Tags, ", ")
	case r.Expr != "":
		return r.Expr
	case r.Metric != "":
		return r.Metric
	default:
		return "value"
	}
}
