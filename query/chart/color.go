package chart

import (
	"cmp"
	"hash/fnv"
	"image/color"
	"math"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/query"
)

// tokens are the colours of one theme, as in the user interface's style sheet.
type tokens struct {
	panel, border, text, muted color.NRGBA
	warn, alert, band          color.NRGBA
	mark                       color.NRGBA // what people draw: the accent
	grid                       color.NRGBA // lines barely there: border at half strength
	zero                       color.NRGBA // the zero line, visible
}

var themes = [...]tokens{
	Light: {
		panel: rgb(0xffffff), border: rgb(0xe1e4ea), text: rgb(0x1a1f29), muted: rgb(0x667085),
		warn: rgb(0xd97706), alert: rgb(0xd92d20), band: alpha(rgb(0x98a2b3), 0.25), mark: rgb(0x3b5bdb),
		grid: alpha(rgb(0xe1e4ea), 0.6), zero: rgb(0xc3c9d4),
	},
	Dark: {
		panel: rgb(0x151a21), border: rgb(0x262d38), text: rgb(0xe6e9ef), muted: rgb(0x8b95a5),
		warn: rgb(0xf5a524), alert: rgb(0xff5c5c), band: alpha(rgb(0x8b95a5), 0.25), mark: rgb(0x7c9cff),
		grid: alpha(rgb(0x262d38), 0.75), zero: rgb(0x465060),
	},
}

// of gives the colour of a severity.
func (t tokens) of(s Severity) color.NRGBA {
	if s == Warn {
		return t.warn
	}
	return t.alert
}

// palette holds the series' colours, the same in both themes, distinct for the
// common kinds of colour blindness.
var palette = [...]color.NRGBA{
	rgb(0x4c78e0), rgb(0xe8743b), rgb(0x19a979), rgb(0x945ecf), rgb(0x13a4b4),
	rgb(0xed4a7b), rgb(0xbf9b30), rgb(0x525df4), rgb(0x6c8893), rgb(0xee6868),
}

// hueShift is how far each repeat of the palette is turned, in degrees.
const hueShift = 18

// Colors gives each row its colour: the same series has the same colour after
// a refresh, in another panel and on another page, as far as its neighbours
// allow. The user interface follows the same rule:
//
//   - A row's key is its tags joined by ","; without tags its metric; without
//     that its expression.
//   - Rows take their colours in the order of their keys (bytewise; equal keys
//     in the order given), ten at a time. In each ten, a row begins at slot
//     FNV-1a-32(key) mod 10 and takes the next free slot, going round.
//   - A slot of the first ten is the palette's colour; of the n-th further ten
//     it is that colour with its HSL hue turned by n*18 degrees.
func Colors(rows []query.Row) []color.NRGBA {
	order := make([]int, len(rows))
	keys := make([]string, len(rows))
	for i := range rows {
		order[i], keys[i] = i, colorKey(&rows[i])
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })

	colors := make([]color.NRGBA, len(rows))
	var taken [len(palette)]bool
	for n, i := range order {
		if n%len(palette) == 0 {
			clear(taken[:])
		}
		h := fnv.New32a()
		h.Write([]byte(keys[i]))
		slot := int(h.Sum32() % uint32(len(palette)))
		for taken[slot] {
			slot = (slot + 1) % len(palette)
		}
		taken[slot] = true
		colors[i] = turnHue(palette[slot], float64(n/len(palette)*hueShift))
	}
	return colors
}

func colorKey(r *query.Row) string {
	switch {
	case len(r.Tags) > 0:
		return strings.Join(r.Tags, ",")
	case r.Metric != "":
		return r.Metric
	default:
		return r.Expr
	}
}

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

// alpha gives c at opacity a, 0 to 1.
func alpha(c color.NRGBA, a float64) color.NRGBA {
	c.A = uint8(math.Round(a * 255))
	return c
}

// turnHue turns the HSL hue of c by degrees.
func turnHue(c color.NRGBA, degrees float64) color.NRGBA {
	if degrees == 0 {
		return c
	}
	r, g, b := float64(c.R)/255, float64(c.G)/255, float64(c.B)/255
	hi, lo := max(r, g, b), min(r, g, b)
	light, chroma := (hi+lo)/2, hi-lo
	if chroma == 0 {
		return c
	}
	var hue float64 // in sixths of a turn
	switch hi {
	case r:
		hue = math.Mod((g-b)/chroma+6, 6)
	case g:
		hue = (b-r)/chroma + 2
	default:
		hue = (r-g)/chroma + 4
	}
	hue = math.Mod(hue+degrees/60, 6)
	x := chroma * (1 - math.Abs(math.Mod(hue, 2)-1))
	switch int(hue) {
	case 0:
		r, g, b = chroma, x, 0
	case 1:
		r, g, b = x, chroma, 0
	case 2:
		r, g, b = 0, chroma, x
	case 3:
		r, g, b = 0, x, chroma
	case 4:
		r, g, b = x, 0, chroma
	default:
		r, g, b = chroma, 0, x
	}
	m := light - chroma/2
	to8 := func(v float64) uint8 { return uint8(math.Round((v + m) * 255)) }
	return color.NRGBA{R: to8(r), G: to8(g), B: to8(b), A: c.A}
}
