package chart

import (
	"image"
	"math"
	"testing"
)

// Who draws a mark on a picture finds it again in the picture with the mark.
func TestMarkIsWhereItWasDrawn(t *testing.T) {
	s := pictures(t)["marked"]
	s.Marks, s.Events = nil, nil
	area, err := PlotOf(s)
	if err != nil {
		t.Fatal(err)
	}
	drawn := image.Rect(300, 120, 380, 180) // CSS px, by hand on the picture
	moment := func(x int) int64 {
		return area.From + int64((float64(x)-area.X0)/(area.X1-area.X0)*float64(area.To-area.From))
	}
	value := func(y int) float64 {
		return area.Low + (area.Y1-float64(y))/(area.Y1-area.Y0)*(area.High-area.Low)
	}
	plain := shapes(t, s)
	s.Marks = []Mark{{From: moment(drawn.Min.X), To: moment(drawn.Max.X), Low: value(drawn.Max.Y), High: value(drawn.Min.Y)}}
	marked := shapes(t, s)
	changed := image.Rectangle{}
	for y := range plain.Bounds().Max.Y {
		for x := range plain.Bounds().Max.X {
			if plain.At(x, y) != marked.At(x, y) {
				changed = changed.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	want := image.Rect(drawn.Min.X*density, drawn.Min.Y*density, drawn.Max.X*density, drawn.Max.Y*density)
	if !near(changed, want) {
		t.Errorf("the picture differs in %v, the mark was drawn in %v", changed, want)
	}
}

// shapes is a picture before its colours are reduced.
func shapes(t *testing.T, s Spec) image.Image {
	t.Helper()
	s.complete()
	c, err := newCanvas(s.Width, s.Height, themes[s.Theme])
	if err != nil {
		t.Fatal(err)
	}
	layout(c, s).draw()
	return c.img
}

func near(a, b image.Rectangle) bool {
	const off = 2 // device px
	for _, d := range []int{a.Min.X - b.Min.X, a.Min.Y - b.Min.Y, a.Max.X - b.Max.X, a.Max.Y - b.Max.Y} {
		if math.Abs(float64(d)) > off {
			return false
		}
	}
	return true
}

func TestMarksOutsideAreNotDrawn(t *testing.T) {
	s := pictures(t)["marked"]
	s.Marks, s.Events = nil, nil
	plain := render(t, s)
	s.Marks = []Mark{{From: s.From - 5000, To: s.From - 1000, Low: 0, High: 1}, {From: s.From, To: s.To, Low: 1e9, High: 2e9}}
	s.Events = []int64{s.From - 1, s.To + 1}
	if far, _ := compare(decode(t, plain), decode(t, render(t, s))); far != 0 {
		t.Errorf("%d pixels differ", far)
	}
}
