package chart

import (
	"image/color"
	"math"

	"github.com/whippet-obs/whippet/query"
)

// line is a row with its colour and its last value.
type line struct {
	row   *query.Row
	color color.NRGBA
	last  float64
	style Style

	// Where it is drawn: its values, and what it stands on. Of a Line the first are
	// the row's, and it stands on nothing.
	tops, base []float64
}

const (
	lineWidth = 1.5
	dotRadius = 2.0
	ribbon    = 4.0 // height of the strip under the axis that marks bad spans
)

// draw paints from back to front.
func (p *picture) draw() {
	p.header()
	p.tints()
	p.grid()
	p.events()
	if p.empty {
		p.text("No data in this range", (p.plot.x0+p.plot.x1)/2, (p.plot.y0+p.plot.y1)/2+4, small, center, p.look.muted)
	}
	lines := p.lines[:min(len(p.lines), maxLines)]
	for i := range lines {
		p.band(&lines[i])
	}
	// The first row ends up on top.
	for i := len(lines) - 1; i >= 0; i-- {
		p.curve(&lines[i])
	}
	p.thresholds()
	p.marks()
	p.drawLegend(p.plot.y1 + 22)
}

// header writes title, query, time range and unit.
func (p *picture) header() {
	width := float64(p.spec.Width) - 2*margin
	y := 8.0
	if p.spec.Title != "" {
		p.text(p.fit(p.spec.Title, title, width), margin, y+18, title, left, p.look.text)
		y += 24
	}
	when := p.fit(rangeText(p.spec.From, p.spec.To, p.spec.Zone), small, width)
	p.text(when, margin+width, y+13, small, right, p.look.muted)
	p.text(p.fit(p.spec.Subtitle, mono, width-p.width(when, small)-16), margin, y+13, mono, left, p.look.muted)
	if p.unit.name != "" {
		p.text(p.fit(p.unit.name, small, width), margin, p.plot.y0-7, small, left, p.look.muted)
	}
}

// tints fills the regions beyond thresholds, and the bad spans of time.
func (p *picture) tints() {
	const region, span = 0.07, 0.10
	for _, t := range p.spec.Thresholds {
		if !finite(t.Value) {
			continue
		}
		r := p.plot
		edge := min(max(p.y(t.Value), r.y0), r.y1)
		// Where a worse threshold begins, the tint is its.
		next := r.y0
		if t.Below {
			next = r.y1
		}
		if t.Severity == Warn {
			for _, o := range p.spec.Thresholds {
				if o.Severity == Warn || o.Below != t.Below || !finite(o.Value) {
					continue
				}
				at := p.y(o.Value)
				if !t.Below && at <= edge {
					next = max(next, at)
				}
				if t.Below && at >= edge {
					next = min(next, at)
				}
			}
		}
		r.y0, r.y1 = min(edge, next), max(edge, next)
		p.fillRect(r, alpha(p.look.of(t.Severity), region))
	}
	for _, s := range p.spec.Bad {
		r := p.plot
		r.x0, r.x1 = max(p.x(s.From), r.x0), min(p.x(s.To), r.x1)
		if s.To < s.From || r.x0 > p.plot.x1 || r.x1 < p.plot.x0 {
			continue
		}
		r.x1 = max(r.x1, r.x0+1) // a moment is still seen
		p.fillRect(r, alpha(p.look.of(s.Severity), span))
		p.fillRect(rect{r.x0, p.plot.y1 + 1, r.x1, p.plot.y1 + 1 + ribbon}, p.look.of(s.Severity))
	}
}

// grid draws the axes' lines and labels.
func (p *picture) grid() {
	for _, t := range p.yTicks {
		y := p.y(t.value)
		col := p.look.grid
		if t.value == 0 {
			col = p.look.zero
		}
		p.hline(p.plot.x0, p.plot.x1, y, col)
		p.text(t.label, p.plot.x0-8, y+4, small, right, p.look.muted)
	}
	if p.lo < 0 && p.hi > 0 {
		p.hline(p.plot.x0, p.plot.x1, p.y(0), p.look.zero)
	}
	p.hline(p.plot.x0, p.plot.x1, p.plot.y1, p.look.zero)
	free := math.Inf(-1) // where the last label ended
	for _, t := range p.xTicks {
		x := p.x(t.at)
		p.fillRect(rect{x - 0.5, p.plot.y0, x + 0.5, p.plot.y1}, p.look.grid)
		face, col := small, p.look.muted
		if t.strong {
			face, col = strong, p.look.text
		}
		half := p.width(t.label, face) / 2
		at := min(max(x, p.plot.x0+half-8), float64(p.spec.Width)-4-half)
		if at-half < free+8 {
			continue
		}
		free = at + half
		p.text(t.label, at, p.plot.y1+18, face, center, col)
	}
}

// band fills where a row was expected.
func (p *picture) band(l *line) {
	b := l.row.Band
	if b == nil {
		return
	}
	n := min(len(b.Lower), len(b.Upper), p.spec.Grid.Len())
	known := func(i int) bool { return finite(b.Lower[i]) && finite(b.Upper[i]) }
	p.path.reset()
	for i := 0; i < n; {
		if !known(i) {
			i++
			continue
		}
		begin := i
		for i < n && known(i) {
			i++
		}
		if i-begin < 2 {
			continue
		}
		for k := begin; k < i; k++ {
			p.path.points = append(p.path.points, point{p.x(p.at(k)), p.y(b.Upper[k])})
		}
		for k := i - 1; k >= begin; k-- {
			p.path.points = append(p.path.points, point{p.x(p.at(k)), p.y(b.Lower[k])})
		}
		p.path.ends = append(p.path.ends, len(p.path.points))
	}
	p.fill(&p.path, p.plot, p.look.band)
}

// curve draws a row: a line where neighbours are there, a dot where none is,
// red where the row is anomalous.
func (p *picture) curve(l *line) {
	values := l.tops
	p.path.reset()
	switch l.style {
	case Bars:
		p.bars(&p.path, l)
		p.fill(&p.path, p.plot, l.color)
		return
	case Area:
		p.area(&p.path, l)
		p.fill(&p.path, p.plot, alpha(l.color, 0.12))
		p.path.reset()
	}
	p.trace(&p.path, values)
	p.fill(&p.path, p.around(), l.color)
	if b := l.row.Band; b != nil {
		p.path.reset()
		p.anomalies(&p.path, values, b.Anomalous)
		p.fill(&p.path, p.around(), p.look.alert)
		if b.Forecast { // what is to come, paler than what was
			p.path.reset()
			p.trace(&p.path, b.Middle[:min(len(b.Middle), p.spec.Grid.Len())])
			p.fill(&p.path, p.around(), alpha(l.color, 0.6))
		}
	}
}

// around is the plot with room for the width of a line at its edge.
func (p *picture) around() rect {
	r := p.plot
	r.x0, r.x1, r.y0, r.y1 = r.x0-dotRadius, r.x1+dotRadius, r.y0-dotRadius, r.y1+dotRadius
	return r
}

// trace adds a stroke for each run of values, and a dot for each lone one.
func (p *picture) trace(to *path, values []float64) {
	for i := 0; i < len(values); i++ {
		if !finite(values[i]) {
			continue
		}
		p.run = p.run[:0]
		for ; i < len(values) && finite(values[i]); i++ {
			p.run = append(p.run, p.place(i, values[i]))
		}
		if len(p.run) == 1 {
			to.dot(p.run[0], dotRadius)
		} else {
			to.stroke(p.run, lineWidth)
		}
	}
}

// anomalies draws each anomalous point with the halves of the segments that
// lead to it.
func (p *picture) anomalies(to *path, values []float64, flags []bool) {
	for i := range values[:min(len(values), len(flags))] {
		if !flags[i] || !finite(values[i]) {
			continue
		}
		here := p.place(i, values[i])
		alone := true
		for _, j := range [...]int{i - 1, i + 1} {
			if j < 0 || j >= len(values) || !finite(values[j]) {
				continue
			}
			there := p.place(j, values[j])
			to.segment(here, point{(here.x + there.x) / 2, (here.y + there.y) / 2}, lineWidth+0.5)
			alone = false
		}
		if alone {
			to.dot(here, dotRadius+0.25)
		} else {
			to.dot(here, (lineWidth+0.5)/2)
		}
	}
}

func (p *picture) at(i int) int64 { return p.spec.Grid.At(i) }

func (p *picture) place(i int, v float64) point { return point{p.x(p.at(i)), p.y(v)} }

// thresholds draws the dashed lines and their labels, over the curves so that
// they are never hidden.
func (p *picture) thresholds() {
	var used []rect
	for _, t := range p.spec.Thresholds {
		if !finite(t.Value) {
			continue
		}
		y := p.y(t.Value)
		if y < p.plot.y0 || y > p.plot.y1 {
			continue
		}
		col := p.look.of(t.Severity)
		p.dashes(p.plot.x0, p.plot.x1, y, col)
		label := t.Label
		if label == "" {
			label = p.unit.format(t.Value, 0)
		}
		label = p.fit(label, strong, p.plot.width()/2)
		width := p.width(label, strong)
		box, ok := p.labelBox(y, width, used)
		if !ok {
			continue
		}
		used = append(used, box)
		p.fillRect(box, alpha(p.look.panel, 0.8))
		p.text(label, box.x1-3, box.y1-3.5, strong, right, col)
	}
}

// labelBox finds the place beside a threshold's line where its label hides
// the least of the curves: above or below, at the right or the left end.
func (p *picture) labelBox(y, width float64, used []rect) (best rect, ok bool) {
	least := math.MaxInt
	for _, top := range [...]float64{y - 17, y + 3} {
		for _, x := range [...]float64{p.plot.x1 - width - 8, p.plot.x0 + 2} {
			box := rect{x, top, x + width + 6, top + 14}
			if box.y0 < p.plot.y0 || box.y1 > p.plot.y1 || overlaps(box, used) {
				continue
			}
			if n := p.hidden(box); n < least {
				best, least, ok = box, n, true
			}
		}
	}
	return best, ok
}

// hidden counts the points of the named rows that lie in r.
func (p *picture) hidden(r rect) int {
	n := 0
	for _, l := range p.lines[:min(len(p.lines), maxLegend)] {
		for i, v := range l.tops {
			if !finite(v) {
				continue
			}
			if q := p.place(i, v); q.x >= r.x0 && q.x <= r.x1 && q.y >= r.y0 && q.y <= r.y1 {
				n++
			}
		}
	}
	return n
}

func overlaps(r rect, used []rect) bool {
	for _, u := range used {
		if r.x0 < u.x1 && u.x0 < r.x1 && r.y0 < u.y1 && u.y0 < r.y1 {
			return true
		}
	}
	return false
}
