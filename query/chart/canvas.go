package chart

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// density is device pixels per CSS px.
const density = 2

// canvas draws shapes and text given in CSS px.
type canvas struct {
	img   *image.RGBA
	z     vector.Rasterizer
	look  tokens
	faces [faceCount]font.Face
	path  path    // scratch
	run   []point // scratch
}

// The typefaces of a chart.
const (
	title  = iota // 16 px
	small         // 11 px: axes, meta
	strong        // 11 px, heavier
	mono          // 11 px: queries
	faceCount
)

// typefaces are parsed once; a parsed font is read-only, its faces are not.
var typefaces = sync.OnceValues(func() (fonts [faceCount]*opentype.Font, err error) {
	for i, ttf := range [...][]byte{title: gomedium.TTF, small: goregular.TTF, strong: gomedium.TTF, mono: gomono.TTF} {
		if fonts[i], err = opentype.Parse(ttf); err != nil {
			return fonts, fmt.Errorf("parse font: %w", err)
		}
	}
	return fonts, nil
})

func newCanvas(width, height int, look tokens) (*canvas, error) {
	c := &canvas{img: image.NewRGBA(image.Rect(0, 0, width*density, height*density)), look: look}
	draw.Draw(c.img, c.img.Bounds(), image.NewUniform(look.panel), image.Point{}, draw.Src)
	fonts, err := typefaces()
	if err != nil {
		return nil, err
	}
	for i, size := range [...]float64{title: 16, small: 11, strong: 11, mono: 11} {
		c.faces[i], err = opentype.NewFace(fonts[i], &opentype.FaceOptions{Size: size * density, DPI: 72, Hinting: font.HintingNone})
		if err != nil {
			return nil, fmt.Errorf("size font: %w", err)
		}
	}
	return c, nil
}

// rect is a rectangle in CSS px.
type rect struct{ x0, y0, x1, y1 float64 }

func (r rect) width() float64  { return r.x1 - r.x0 }
func (r rect) height() float64 { return r.y1 - r.y0 }

// device gives the whole device pixels that r touches.
func (r rect) device() image.Rectangle {
	return image.Rect(
		int(math.Floor(r.x0*density)), int(math.Floor(r.y0*density)),
		int(math.Ceil(r.x1*density)), int(math.Ceil(r.y1*density)))
}

// fillRect fills r, snapped to device pixels so that its edges are crisp.
func (c *canvas) fillRect(r rect, col color.NRGBA) {
	snap := func(v float64) int { return int(math.Round(v * density)) }
	d := image.Rect(snap(r.x0), snap(r.y0), snap(r.x1), snap(r.y1))
	draw.Draw(c.img, d, image.NewUniform(col), image.Point{}, draw.Over)
}

// hline and vline draw a crisp line of one CSS px centred on y or x.
func (c *canvas) hline(x0, x1, y float64, col color.NRGBA) {
	c.fillRect(rect{x0, y - 0.5, x1, y + 0.5}, col)
}

// dashes draws a crisp dashed line, 4 px on and 3 off.
func (c *canvas) dashes(x0, x1, y float64, col color.NRGBA) {
	for x := x0; x < x1; x += 7 {
		c.hline(x, min(x+4, x1), y, col)
	}
}

// path collects closed polygons, all wound the same way: the rasterizer adds
// up signed coverage, so that opposite windings would cancel each other out.
type path struct {
	points []point
	ends   []int // where each polygon ends in points
}

type point struct{ x, y float64 }

func (p *path) reset() { p.points, p.ends = p.points[:0], p.ends[:0] }

func (p *path) polygon(points ...point) {
	p.points = append(p.points, points...)
	p.ends = append(p.ends, len(p.points))
}

// segment adds the line from a to b, width wide.
func (p *path) segment(a, b point, width float64) {
	dx, dy := b.x-a.x, b.y-a.y
	length := math.Hypot(dx, dy)
	if length == 0 {
		return
	}
	nx, ny := -dy/length*width/2, dx/length*width/2
	p.polygon(point{a.x + nx, a.y + ny}, point{a.x - nx, a.y - ny}, point{b.x - nx, b.y - ny}, point{b.x + nx, b.y + ny})
}

// stroke adds the line through points, width wide, mitred where it turns a
// little and rounded where it turns sharply. Pieces meet edge to edge: what
// overlaps would show as beads along the line.
func (p *path) stroke(points []point, width float64) {
	var from point // half the width to the left of the line, at the piece's start
	for i := range len(points) - 1 {
		a, b := points[i], points[i+1]
		n := normal(a, b, width/2)
		if i == 0 || from == (point{}) {
			from = n
		}
		to := n
		round := false
		if i+2 < len(points) {
			to, round = mitre(n, normal(b, points[i+2], width/2), width/2)
		}
		p.polygon(point{a.x + from.x, a.y + from.y}, point{a.x - from.x, a.y - from.y},
			point{b.x - to.x, b.y - to.y}, point{b.x + to.x, b.y + to.y})
		from = to
		if round {
			p.dot(b, width/2)
			from = point{}
		}
	}
}

// normal is the vector of the given length to the left of the way from a to b.
func normal(a, b point, length float64) point {
	dx, dy := b.x-a.x, b.y-a.y
	d := math.Hypot(dx, dy)
	if d == 0 {
		return point{0, length}
	}
	return point{-dy / d * length, dx / d * length}
}

// mitre is where the left edges of two strokes meet, whose normals are n and
// m, as long as that is near; else n and true.
func mitre(n, m point, half float64) (point, bool) {
	sum := point{n.x + m.x, n.y + m.y}
	square := sum.x*sum.x + sum.y*sum.y
	if square < 2.5*half*half { // a turn of more than about 75 degrees
		return n, true
	}
	k := 2 * half * half / square
	return point{sum.x * k, sum.y * k}, false
}

// dot adds a disc.
func (p *path) dot(at point, radius float64) {
	const corners = 16
	for i := range corners {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		p.points = append(p.points, point{at.x + radius*cos, at.y + radius*sin})
	}
	p.ends = append(p.ends, len(p.points))
}

// fill paints p inside clip.
func (c *canvas) fill(p *path, clip rect, col color.NRGBA) {
	if len(p.points) == 0 {
		return
	}
	box := rect{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for _, q := range p.points {
		box.x0, box.x1 = min(box.x0, q.x), max(box.x1, q.x)
		box.y0, box.y1 = min(box.y0, q.y), max(box.y1, q.y)
	}
	box = rect{max(box.x0, clip.x0), max(box.y0, clip.y0), min(box.x1, clip.x1), min(box.y1, clip.y1)}
	d := box.device().Intersect(c.img.Bounds())
	if box.x0 >= box.x1 || box.y0 >= box.y1 || d.Empty() {
		return
	}
	c.z.Reset(d.Dx(), d.Dy())
	begin := 0
	for _, end := range p.ends {
		for i, q := range p.points[begin:end] {
			x := float32(q.x*density - float64(d.Min.X))
			y := float32(q.y*density - float64(d.Min.Y))
			if i == 0 {
				c.z.MoveTo(x, y)
			} else {
				c.z.LineTo(x, y)
			}
		}
		c.z.ClosePath()
		begin = end
	}
	c.z.Draw(c.img, d, image.NewUniform(col), image.Point{})
}

// Anchors of text.
const (
	left = iota
	center
	right
)

// text draws s on the baseline y, anchored at x.
func (c *canvas) text(s string, x, y float64, face, anchor int, col color.NRGBA) {
	d := font.Drawer{Dst: c.img, Src: image.NewUniform(col), Face: c.faces[face]}
	width := d.MeasureString(s)
	dot := fixed.Int26_6(math.Round(x * density * 64))
	switch anchor {
	case center:
		dot -= width / 2
	case right:
		dot -= width
	}
	d.Dot = fixed.Point26_6{X: dot, Y: fixed.Int26_6(math.Round(y*density) * 64)}
	d.DrawString(s)
}

// width measures s in CSS px.
func (c *canvas) width(s string, face int) float64 {
	return float64(font.MeasureString(c.faces[face], s)) / 64 / density
}

// fit shortens s to at most width CSS px, with an ellipsis for what is missing.
func (c *canvas) fit(s string, face int, width float64) string {
	const longest = 512 // runes; more never fit, and measuring them costs
	runes := []rune(s)
	if len(runes) > longest {
		runes = runes[:longest]
	}
	for i, r := range runes {
		if r < ' ' {
			runes[i] = ' '
		}
	}
	if s = string(runes); c.width(s, face) <= width {
		return s
	}
	fits, breaks := 0, len(runes)
	for fits < breaks-1 {
		middle := (fits + breaks) / 2
		if c.width(string(runes[:middle])+"…", face) <= width {
			fits = middle
		} else {
			breaks = middle
		}
	}
	if fits == 0 {
		return ""
	}
	return string(runes[:fits]) + "…"
}
