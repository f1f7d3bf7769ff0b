package chart

import "math"

// maxLegend is how many rows the legend names.
const maxLegend = 8

// legend is laid out in columns of equal width.
type legend struct {
	entries []entry
	columns int
	column  float64 // width, CSS px
}

type entry struct {
	line  *line
	label string
	value string
}

const (
	swatch   = 12.0 // width of the colour sample
	entryGap = 16.0
)

// height is the room that the legend takes, with its distance from the axis.
func (l legend) height() float64 {
	if len(l.entries) == 0 {
		return 0
	}
	rows := (len(l.entries) + l.columns - 1) / l.columns
	return float64(rows)*lineHeight + 6
}

// layLegend names the first rows with their last values, in at most room CSS
// px of height; a last entry counts those that are not named.
func (p *picture) layLegend(room float64) legend {
	if len(p.lines) == 0 || p.empty {
		return legend{}
	}
	total := float64(p.spec.Width) - 2*margin
	named := min(len(p.lines), maxLegend)
	for ; named > 0; named-- {
		l := p.columnsFor(named, total)
		if l.height() <= room {
			return l
		}
	}
	return legend{}
}

// columnsFor lays out the first named rows in total CSS px of width.
func (p *picture) columnsFor(named int, total float64) legend {
	var l legend
	widest := 0.0
	for i := range p.lines[:named] {
		e := entry{line: &p.lines[i], label: p.label(i), value: p.unit.format(p.lines[i].last, 0)}
		// Measure a label only as far as it could ever be shown.
		e.label = p.fit(e.label, small, total-swatch-6-8-p.width(e.value, strong))
		widest = max(widest, swatch+6+p.width(e.label, small)+8+p.width(e.value, strong))
		l.entries = append(l.entries, e)
	}
	if rest := len(p.lines) - named; rest > 0 {
		l.entries = append(l.entries, entry{label: "+" + p.count(rest) + " more"})
	}
	l.columns = max(1, min(len(l.entries), 4, int((total+entryGap)/(widest+entryGap))))
	// Two columns of shortened labels beat eight lines of long ones.
	if l.columns == 1 && len(l.entries) > 2 && total >= 400 {
		l.columns = 2
	}
	l.column = (total + entryGap) / float64(l.columns)
	for i := range l.entries {
		e := &l.entries[i]
		e.label = p.fit(e.label, small, l.column-entryGap-swatch-6-8-p.width(e.value, strong))
	}
	return l
}

func (p *picture) count(n int) string {
	return parseUnit("").format(float64(n), 1)
}

// drawLegend draws l, row by row, with its first baseline below top.
func (p *picture) drawLegend(top float64) {
	l := p.legend
	for i, e := range l.entries {
		x := margin + float64(i%l.columns)*l.column
		y := top + 6 + float64(i/l.columns)*lineHeight + 12
		if e.line == nil {
			p.text(e.label, x+swatch+6, y, small, left, p.look.muted)
			continue
		}
		p.path.reset()
		p.path.segment(point{x, y - 4}, point{x + swatch, y - 4}, 3)
		p.fill(&p.path, rect{0, 0, math.Inf(1), math.Inf(1)}, e.line.color)
		p.text(e.label, x+swatch+6, y, small, left, p.look.text)
		p.text(e.value, x+swatch+6+p.width(e.label, small)+8, y, strong, left, p.look.text)
	}
}
