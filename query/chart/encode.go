package chart

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"io"
	"slices"
)

// maxBytes is what a picture may weigh in a mail, as long as fewer colours help.
const maxBytes = 60 << 10

// encode writes img with at most 256 colours: a chart has few, and the shades
// of its smooth edges lie close together. A third of the size of true colour.
// A thicket of lines costs more; it gets fewer shades, and then half of the
// pixels each way, until it fits.
func encode(w io.Writer, img *image.RGBA) error {
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	var b bytes.Buffer
	for _, try := range [...]struct {
		img  func() *image.RGBA
		room int
	}{
		{func() *image.RGBA { return img }, 256},
		{func() *image.RGBA { return img }, 40},
		{func() *image.RGBA { return halved(img) }, 64},
		{func() *image.RGBA { return halved(img) }, 16},
	} {
		b.Reset()
		if err := encoder.Encode(&b, reduce(try.img(), try.room)); err != nil {
			return err
		}
		if b.Len() <= maxBytes {
			break
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// halved is img with each four pixels made one, their average.
func halved(img *image.RGBA) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, img.Rect.Dx()/2, img.Rect.Dy()/2))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			from, to := img.PixOffset(2*x, 2*y), out.PixOffset(x, y)
			for c := range 4 {
				sum := int(img.Pix[from+c]) + int(img.Pix[from+4+c]) + int(img.Pix[from+img.Stride+c]) + int(img.Pix[from+img.Stride+4+c])
				out.Pix[to+c] = uint8((sum + 2) / 4)
			}
		}
	}
	return out
}

// rgbKey is an opaque colour as one number.
type rgbKey uint32

func (k rgbKey) channels() (r, g, b int) {
	return int(k >> 16), int(k >> 8 & 0xff), int(k & 0xff)
}

// distance is the squared distance of two colours, green weighing most, as it
// does for the eye.
func (k rgbKey) distance(o rgbKey) int {
	r1, g1, b1 := k.channels()
	r2, g2, b2 := o.channels()
	return 2*(r1-r2)*(r1-r2) + 4*(g1-g2)*(g1-g2) + 3*(b1-b2)*(b1-b2)
}

// reduce maps img to a palette: its own colours if there are no more than room (at most 256),
// else the commonest ones that are not too alike, and for every other colour
// the nearest of those.
func reduce(img *image.RGBA, room int) *image.Paletted {
	counts := map[rgbKey]int{}
	keys := make([]rgbKey, 0, len(img.Pix)/4)
	for i := 0; i+3 < len(img.Pix); i += 4 {
		keys = append(keys, rgbKey(img.Pix[i])<<16|rgbKey(img.Pix[i+1])<<8|rgbKey(img.Pix[i+2]))
	}
	// Runs of one colour are long: count them, not their pixels.
	for i := 0; i < len(keys); {
		run := i + 1
		for run < len(keys) && keys[run] == keys[i] {
			run++
		}
		counts[keys[i]] += run - i
		i = run
	}

	chosen := choose(counts, room)
	index := make(map[rgbKey]uint8, len(counts))
	for key := range counts {
		index[key] = nearest(key, chosen)
	}
	palette := make(color.Palette, len(chosen))
	for i, key := range chosen {
		r, g, b := key.channels()
		palette[i] = color.RGBA{R: uint8(r), G: uint8(g), B: uint8(b), A: 0xff}
	}
	out := image.NewPaletted(img.Bounds(), palette)
	for i := 0; i < len(keys); {
		value := index[keys[i]]
		for run := keys[i]; i < len(keys) && keys[i] == run; i++ {
			out.Pix[i] = value
		}
	}
	return out
}

// choose picks at most room colours, commonest first, passing over those that
// lie close to a chosen one as long as there are more than fit.
func choose(counts map[rgbKey]int, room int) []rgbKey {
	all := make([]rgbKey, 0, len(counts))
	for key := range counts {
		all = append(all, key)
	}
	slices.SortFunc(all, func(a, b rgbKey) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	if len(all) <= room {
		return all
	}
	var chosen []rgbKey
	for apart := 64; ; apart *= 2 {
		chosen = chosen[:0]
		for _, key := range all {
			if len(chosen) > room {
				break
			}
			if len(chosen) == 0 || key.distance(chosen[nearest(key, chosen)]) >= apart {
				chosen = append(chosen, key)
			}
		}
		if len(chosen) <= room {
			return chosen
		}
	}
}

func nearest(key rgbKey, chosen []rgbKey) uint8 {
	best, least := 0, 1<<31
	for i, c := range chosen {
		if d := key.distance(c); d < least {
			best, least = i, d
			if d == 0 {
				break
			}
		}
	}
	return uint8(best)
}
