package datadog

import (
	"math"

	"github.com/whippet-obs/whippet/query"
)

// autosmooth is a moving average whose span is chosen so that the lines become as
// smooth as they can while what stands out in them still does: the span with the
// least roughness (deviation of the differences of neighbours) among those that
// don't lower the kurtosis. All rows get the same span. K. Rong and P. Bailis,
// "ASAP: Prioritizing Attention via Time Series Smoothing", VLDB 2017.
func autosmooth(ev *evaluation, c *call, g query.Grid) (result, error) {
	r, err := ev.rows(c.query, g)
	if err != nil {
		return result{}, err
	}
	best, least := 1, roughnessOf(r.rows, 1)
	for span := 2; span <= g.Len()/10; span++ {
		if rough := roughnessOf(r.rows, span); rough < least && keepsPeaks(r.rows, span) {
			best, least = span, rough
		}
	}
	r.rows = mapRows(c, r.rows, func(v float64) float64 { return v })
	for i := range r.rows {
		r.rows[i].Values = movingAverage(r.rows[i].Values, best)
	}
	return r, nil
}

// movingAverage is the mean of the present values among the last span points; a
// missing point stays missing.
func movingAverage(values []float64, span int) []float64 {
	out := make([]float64, len(values))
	for i := range values {
		out[i] = math.NaN()
		if !math.IsNaN(values[i]) {
			out[i] = combineValues(values[max(0, i+1-span):i+1], "avg")
		}
	}
	return out
}

func roughnessOf(rows []query.Row, span int) float64 {
	total := 0.0
	for _, row := range rows {
		smooth := present(movingAverage(row.Values, span))
		for i := len(smooth) - 1; i > 0; i-- {
			smooth[i] -= smooth[i-1]
		}
		if len(smooth) > 1 {
			total += math.Sqrt(moment(smooth[1:], 2))
		}
	}
	return total
}

func keepsPeaks(rows []query.Row, span int) bool {
	before, after := 0.0, 0.0
	for _, row := range rows {
		before += kurtosis(present(row.Values))
		after += kurtosis(present(movingAverage(row.Values, span)))
	}
	return after >= before
}

func present(values []float64) []float64 {
	var out []float64
	for _, v := range values {
		if !math.IsNaN(v) {
			out = append(out, v)
		}
	}
	return out
}

// moment is the central moment of an order.
func moment(values []float64, order float64) float64 {
	if len(values) == 0 {
		return 0
	}
	mean, total := combineValues(values, "avg"), 0.0
	for _, v := range values {
		total += math.Pow(v-mean, order)
	}
	return total / float64(len(values))
}

func kurtosis(values []float64) float64 {
	variance := moment(values, 2)
	if variance == 0 {
		return 0
	}
	return moment(values, 4) / (variance * variance)
}

// timeBetweenPoints is one row: the seconds from each bucket with a point, in any
// group, to the one before it.
func timeBetweenPoints(ev *evaluation, c *call, g query.Grid) (result, error) {
	inner := *ev
	inner.raw = true // a bridged gap is a gap
	r, err := inner.rows(c.query, g)
	if err != nil {
		return result{}, err
	}
	row := query.Row{Tags: []string{}, Expr: c.String(), Values: repeat(math.NaN(), g.Len())}
	last := -1
	for i := range row.Values {
		for _, of := range r.rows {
			if math.IsNaN(of.Values[i]) {
				continue
			}
			if last >= 0 {
				row.Values[i] = float64(g.At(i)-g.At(last)) / 1000
			}
			last = i
			break
		}
	}
	return result{rows: []query.Row{row}}, nil
}
