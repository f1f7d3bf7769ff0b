package chart

import "math"

// stack says where each line is drawn: areas stand on the areas after them, bars
// on the bars.
func (p *picture) stack() {
	n := p.spec.Grid.Len()
	below := map[Style][]float64{}
	for i := len(p.lines) - 1; i >= 0; i-- {
		l := &p.lines[i]
		values := l.row.Values[:min(len(l.row.Values), n)]
		l.style, l.tops = Line, values
		if i < len(p.spec.Styles) && (p.spec.Styles[i] == Area || p.spec.Styles[i] == Bars) {
			l.style = p.spec.Styles[i]
		}
		if l.style == Line {
			continue
		}
		l.base = below[l.style]
		if l.base == nil {
			l.base = make([]float64, n)
		}
		l.tops = make([]float64, len(values))
		sums := append([]float64(nil), l.base...)
		for k, v := range values {
			l.tops[k] = v
			if finite(v) {
				l.tops[k] = l.base[k] + v
				sums[k] = l.tops[k]
			}
		}
		below[l.style] = sums
	}
}

// area adds what lies between a line and what it stands on, a polygon for each
// run of values.
func (p *picture) area(to *path, l *line) {
	for i := 0; i < len(l.tops); i++ {
		begin := i
		for i < len(l.tops) && finite(l.tops[i]) {
			i++
		}
		if i-begin < 2 {
			continue
		}
		for k := begin; k < i; k++ {
			to.points = append(to.points, p.place(k, l.tops[k]))
		}
		for k := i - 1; k >= begin; k-- {
			to.points = append(to.points, p.place(k, l.base[k]))
		}
		to.ends = append(to.ends, len(to.points))
	}
}

// bars adds a bar for each value, nine tenths of its time wide, and 1 px apart
// from the next.
func (p *picture) bars(to *path, l *line) {
	const share, widest, gap, least = 0.9, 60.0, 1.0, 1.0
	for i, top := range l.tops {
		if !finite(top) {
			continue
		}
		step := p.x(p.at(i)+p.spec.Grid.Width(i)) - p.x(p.at(i))
		half := math.Max(math.Min(step*share, widest)-gap, least) / 2
		x, y0, y1 := p.x(p.at(i)), p.y(math.Max(top, l.base[i])), p.y(math.Min(top, l.base[i]))
		to.polygon(point{x - half, y0}, point{x - half, y1}, point{x + half, y1}, point{x + half, y0})
	}
}
