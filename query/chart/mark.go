package chart

import (
	"fmt"
	"math"
)

// Mark is a part of the graph that somebody drew attention to: a rectangle of
// times and values, or, when Low and High are NaN, the whole height of a time.
type Mark struct {
	From, To  int64   // ms
	Low, High float64 // in the unit of the rows
}

// Plot is where a picture has its lines, for who draws a mark on the picture.
type Plot struct {
	X0, Y0, X1, Y1 float64 // CSS px from the picture's upper left corner
	From, To       int64   // ms, at X0 and X1
	Low, High      float64 // the values at Y1 and Y0
}

// maxMarks and maxEvents bound what is drawn over the lines.
const (
	maxMarks  = 8
	maxEvents = 200
)

// PlotOf says where PNG puts the plot of s.
func PlotOf(s Spec) (Plot, error) {
	s.complete()
	if s.To <= s.From {
		return Plot{}, fmt.Errorf("chart: time range is empty: from %d to %d ms", s.From, s.To)
	}
	c, err := newCanvas(s.Width, s.Height, themes[s.Theme])
	if err != nil {
		return Plot{}, fmt.Errorf("chart: %w", err)
	}
	p := layout(c, s)
	return Plot{X0: p.plot.x0, Y0: p.plot.y0, X1: p.plot.x1, Y1: p.plot.y1, From: s.From, To: s.To, Low: p.lo, High: p.hi}, nil
}

// marks draws what people marked, over everything else: a wash, and an outline
// that stays visible where the wash doesn't.
func (p *picture) marks() {
	const wash, edge = 0.12, 2.0
	for _, m := range p.spec.Marks[:min(len(p.spec.Marks), maxMarks)] {
		r := p.plot
		r.x0, r.x1 = max(p.x(m.From), p.plot.x0), min(p.x(m.To), p.plot.x1)
		if !math.IsNaN(m.Low) && !math.IsNaN(m.High) {
			r.y0, r.y1 = max(p.y(m.High), p.plot.y0), min(p.y(m.Low), p.plot.y1)
		}
		if r.x0 > p.plot.x1 || r.x1 < p.plot.x0 || r.y0 > p.plot.y1 || r.y1 < p.plot.y0 {
			continue
		}
		r.x1, r.y1 = max(r.x1, r.x0+edge), max(r.y1, r.y0+edge) // a moment is still seen
		p.fillRect(r, alpha(p.look.mark, wash))
		for _, side := range [...]rect{
			{r.x0, r.y0, r.x1, r.y0 + edge}, {r.x0, r.y1 - edge, r.x1, r.y1},
			{r.x0, r.y0, r.x0 + edge, r.y1}, {r.x1 - edge, r.y0, r.x1, r.y1},
		} {
			p.fillRect(side, p.look.mark)
		}
	}
}

// events draws a tick on top of the plot, and a faint line below it, for each.
func (p *picture) events() {
	const tick = 6.0
	for _, at := range p.spec.Events[:min(len(p.spec.Events), maxEvents)] {
		if at < p.spec.From || at > p.spec.To {
			continue
		}
		x := p.x(at)
		p.fillRect(rect{x - 0.5, p.plot.y0, x + 0.5, p.plot.y1}, alpha(p.look.muted, 0.35))
		p.fillRect(rect{x - 1, p.plot.y0 - tick, x + 1, p.plot.y0}, p.look.muted)
	}
}
