package anomaly

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Explanation is why a value was called anomalous, or not.
type Explanation struct {
	At                   int64 // ms
	Value                float64
	Lower, Middle, Upper float64
	// Sigmas is how many standard deviations the value was off the middle,
	// negative below it. The deviation is that of the value's side.
	Sigmas    float64
	Anomalous bool
	Algorithm Algorithm
	Season    Season // of seasonal algorithms; "" otherwise
	Points    int    // present values that the band stands on
	Step      int64  // ms between them
}

// Explain explains point i of a band that was made with o for values.
func (b *Band) Explain(values []float64, i int, at, step int64, o Options) Explanation {
	o = o.withDefaults()
	x := Explanation{
		At: at, Value: values[i], Lower: b.Lower[i], Middle: b.Middle[i], Upper: b.Upper[i], Anomalous: b.Anomalous[i],
		Sigmas:    Sigmas(Expectation{Lower: b.Lower[i], Middle: b.Middle[i], Upper: b.Upper[i]}, values[i], o.Bounds),
		Algorithm: b.Algorithm, Points: b.Points[i], Step: step,
	}
	if b.Algorithm.Seasonal() {
		x.Season = o.Season
	}
	return x
}

// Sigmas is how many standard deviations x is off the middle of a band of
// bounds deviations on each side.
func Sigmas(e Expectation, x, bounds float64) float64 {
	if x >= e.Middle {
		return (x - e.Middle) / (e.Upper - e.Middle) * bounds
	}
	return (x - e.Middle) / (e.Middle - e.Lower) * bounds
}

// Sentence says it in one sentence for people. show writes a value with its
// unit.
//
//	412 is 5.2 sigmas above the 255 expected here (180 to 330), going by the
//	same time on the days before: 8,640 points 1 min apart.
func (x Explanation) Sentence(show func(float64) string) string {
	if math.IsNaN(x.Value) {
		return "There is no value here to judge."
	}
	if math.IsNaN(x.Upper) {
		return fmt.Sprintf("%s can't be judged yet: %s.", show(x.Value), x.missing())
	}
	where := "within"
	switch {
	case x.Value > x.Middle:
		where = "above"
	case x.Value < x.Middle:
		where = "below"
	}
	basis := fmt.Sprintf("going by %s: %s points %s apart", x.compared(), thousands(x.Points), Span(x.Step))
	switch {
	case x.Anomalous, x.Value > x.Upper, x.Value < x.Lower:
		return fmt.Sprintf("%s is %s %s the %s expected here (%s to %s), %s.", show(x.Value), off(x.Sigmas), where, show(x.Middle), show(x.Lower), show(x.Upper), basis)
	default:
		return fmt.Sprintf("%s is as expected here (%s to %s), %s.", show(x.Value), show(x.Lower), show(x.Upper), basis)
	}
}

// off writes a distance in sigmas; beyond the floor of a constant series it
// means nothing as a number.
func off(sigmas float64) string {
	if s := math.Abs(sigmas); s < 100 {
		return fmt.Sprintf("%.1f sigmas", s)
	}
	return "over 100 sigmas"
}

func (x Explanation) compared() string {
	switch {
	case x.Season == Hourly:
		return "the same time in the hours before"
	case x.Season == Daily:
		return "the same time on the days before"
	case x.Season == Weekly:
		return "the same time in the weeks before"
	case x.Algorithm == BasicSigma:
		return "the average before it"
	}
	return "the values before it"
}

func (x Explanation) missing() string {
	switch x.Season {
	case "":
		return fmt.Sprintf("a band needs %d values before it", basicDefaults.least)
	case Hourly:
		return "a band needs three hours of history"
	case Daily:
		return "a band needs three days of history"
	}
	return "a band needs three weeks of history"
}

// Summary says in one sentence what a graph's band means: how it was made, and
// what share of the points fell outside.
//
//	The grey band is where values were expected: 2 standard deviations on each
//	side of the median of the 240 points before (4 h at 1 min); 12 of 350
//	points (3.4 %) fell outside.
func (b *Band) Summary(values []float64, step int64, o Options) string {
	o = o.withDefaults()
	judged, outside, points := 0, 0, 0
	for i, v := range values {
		points = max(points, b.Points[i])
		if !math.IsNaN(v) && !math.IsNaN(b.Upper[i]) {
			judged++
			if b.Anomalous[i] {
				outside++
			}
		}
	}
	x := Explanation{Algorithm: b.Algorithm, Step: step}
	if b.Algorithm.Seasonal() {
		x.Season = o.Season
	}
	if judged == 0 {
		return fmt.Sprintf("There is no band yet: %s, %s apart.", strings.TrimPrefix(x.missing(), "a band "), Span(step))
	}
	var basis string
	switch {
	case x.Season != "":
		basis = fmt.Sprintf("what was usual at %s, with the trend since (%s points, %s apart)", x.compared(), thousands(points), Span(step))
	case b.Algorithm == BasicSigma:
		basis = fmt.Sprintf("the average of the points before, the last %d counting most", sigmaSpan)
	default:
		basis = fmt.Sprintf("the median of the %d points before (%s at %s)", points, Span(int64(points)*step), Span(step))
	}
	return fmt.Sprintf("The grey band is where values were expected: %v standard deviations on each side of %s; %s of %s points (%.1f %%) fell outside.",
		o.Bounds, basis, thousands(outside), thousands(judged), 100*float64(outside)/float64(judged))
}

// Span writes a length of time in at most two units: "1 min", "2 h 30 min".
func Span(ms int64) string {
	units := []struct {
		ms   int64
		name string
	}{{day, "d"}, {hour, "h"}, {minute, "min"}, {1000, "s"}}
	var parts []string
	for _, u := range units {
		if n := ms / u.ms; n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			ms -= n * u.ms
		} else if len(parts) > 0 {
			break
		}
	}
	if len(parts) == 0 {
		return (time.Duration(ms) * time.Millisecond).String()
	}
	return strings.Join(parts, " ")
}

// thousands writes a count with commas.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
