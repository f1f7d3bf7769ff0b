// Package chart draws a query's result as a PNG: the picture in a mail and in
// a snapshot. It is the same picture as on screen, with the same colours and
// the same rules for axes, gaps, thresholds and bands, and it carries in
// itself what a reader far from the screen needs: title, query, time range
// with its zone, and unit.
//
//	err := chart.PNG(w, chart.Spec{
//		Title: "my_metric is high", Subtitle: "avg:my_metric{*} by {host}",
//		From: from, To: to, Grid: frame.Grid, Rows: frame.Rows,
//		Thresholds: []chart.Threshold{{Value: 800, Severity: chart.Alert}},
//		Zone: berlin,
//	})
//
// Everything is drawn in pure Go, anti-aliased, with the Go fonts, so that the
// bytes are the same on every machine.
package chart

import (
	"fmt"
	"io"
	"time"

	"github.com/whippet-obs/whippet/query"
)

// Theme chooses one of the two sets of colours.
type Theme uint8

// The themes of the user interface.
const (
	Light Theme = iota
	Dark
)

// Severity says how bad the far side of a threshold, or a span of time, is.
// The zero value means Alert.
type Severity string

// The severities that have a colour.
const (
	Alert Severity = "alert"
	Warn  Severity = "warn"
)

// Style is how a row is drawn.
type Style string

// The styles. Areas and bars stand on those of the rows after them, so that
// together they show the sum, as on screen.
const (
	Line Style = "line" // also the empty one
	Area Style = "area"
	Bars Style = "bars"
)

// Threshold is a dashed line with a tinted region beyond it.
type Threshold struct {
	Value    float64
	Label    string // "alert > 800"; empty: the value in the chart's unit
	Severity Severity
	Below    bool // the bad side is below Value
}

// Span is a part of the time axis, in ms, that is marked.
type Span struct {
	From, To int64
	Severity Severity
}

// Spec is what to draw. The zero Width, Height, Zone and Theme mean 640 by 320
// CSS px, UTC and Light.
type Spec struct {
	Title      string // one line, shortened to fit
	Subtitle   string // the query, in monospace
	From, To   int64  // ms; the ends of the time axis
	Grid       query.Grid
	Rows       []query.Row // values on Grid; NaN and Inf are gaps
	Styles     []Style     // of the rows; Line for those without one
	Names      []string    // of the rows in the legend, before their tags; "": as the query has it
	Unit       string      // Datadog's unit name ("byte", "request/second"); empty: that of the rows, if they agree
	Thresholds []Threshold
	Bad        []Span
	Marks      []Mark  // what somebody marked; at most 8 are drawn
	Events     []int64 // ms; ticks on top, at most 200
	Theme      Theme
	Width      int // CSS px, 240 to 1600
	Height     int // CSS px, 120 to 1200
	Zone       *time.Location
}

// Bounds of a picture, and of the work that one may cause.
const (
	defaultWidth  = 640
	defaultHeight = 320
	minWidth      = 240
	maxWidth      = 1600
	minHeight     = 120
	maxHeight     = 1200
	maxLines      = 200 // lines drawn; the legend says how many there are
	maxThresholds = 16
)

// PNG draws s, two device pixels to a CSS px, and writes it to w as a paletted
// PNG. A spec without a single value gives a picture that says so. The error
// is w's, or says that the time range is empty.
func PNG(w io.Writer, s Spec) error {
	s.complete()
	if s.To <= s.From {
		return fmt.Errorf("chart: time range is empty: from %d to %d ms", s.From, s.To)
	}
	c, err := newCanvas(s.Width, s.Height, themes[s.Theme])
	if err != nil {
		return fmt.Errorf("chart: %w", err)
	}
	p := layout(c, s)
	p.draw()
	if err := encode(w, c.img); err != nil {
		return fmt.Errorf("chart: write PNG: %w", err)
	}
	return nil
}

// complete fills in defaults and brings sizes into their bounds.
func (s *Spec) complete() {
	if s.Width == 0 {
		s.Width = defaultWidth
	}
	if s.Height == 0 {
		s.Height = defaultHeight
	}
	s.Width = min(max(s.Width, minWidth), maxWidth)
	s.Height = min(max(s.Height, minHeight), maxHeight)
	if s.Theme != Dark {
		s.Theme = Light
	}
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	if s.Unit == "" {
		s.Unit = commonUnit(s.Rows)
	}
	if len(s.Thresholds) > maxThresholds {
		s.Thresholds = s.Thresholds[:maxThresholds]
	}
}

// commonUnit is the unit of all rows, or none when they differ.
func commonUnit(rows []query.Row) string {
	unit := ""
	for i := range rows {
		switch {
		case i == 0:
			unit = rows[i].Unit
		case rows[i].Unit != unit:
			return ""
		}
	}
	return unit
}
