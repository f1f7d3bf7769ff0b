package metricsql

import (
	"math"
	"math/rand"
	"strconv"
	"strings"
	"time"

	mql "github.com/VictoriaMetrics/metricsql"
)

// transformOf finds a function that is neither a rollup nor an aggregate; nil
// when there is none of that name, which is in lower case.
func transformOf(name string) func(*call) ([]row, error) {
	if fn := valueFunction(name); fn != nil {
		return func(c *call) ([]row, error) { return c.each(fn) }
	}
	switch name {
	case "", "union":
		return union
	case "vector":
		return func(c *call) ([]row, error) { return c.only() }
	case "scalar":
		return scalar
	case "absent":
		return absentNow
	case "drop_empty_series":
		return func(c *call) ([]row, error) {
			rows, err := c.only()
			return withoutEmpty(rows), err
		}
	case "time", "now", "start", "end", "step", "pi":
		return moment
	case "timezone_offset":
		return timezoneOffset
	case "rand", "rand_normal", "rand_exponential":
		return random
	case "minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year":
		return calendar
	case "clamp", "clamp_min", "clamp_max":
		return clamp
	case "round":
		return round
	case "bitmap_and", "bitmap_or", "bitmap_xor":
		return bitmap
	case "limit_offset":
		return limitOffset
	case "sort", "sort_desc":
		return sortByValue
	case "sort_by_label", "sort_by_label_desc", "sort_by_label_numeric", "sort_by_label_numeric_desc":
		return sortByLabel
	case "drop_common_labels":
		return dropCommonLabels
	case "labels_equal":
		return labelsEqual
	case "histogram_quantile":
		return histogramQuantile
	case "histogram_quantiles":
		return histogramQuantiles
	case "histogram_share":
		return histogramShare
	case "histogram_fraction":
		return histogramFraction
	case "histogram_avg", "histogram_stddev", "histogram_stdvar":
		return histogramMoments
	case "prometheus_buckets":
		return func(c *call) ([]row, error) {
			rows, err := c.only()
			return cumulativeBuckets(rows), err
		}
	case "buckets_limit":
		return bucketsLimit
	}
	switch {
	case strings.HasPrefix(name, "label_"):
		return relabelOf(name)
	default:
		return rowFunctionOf(name)
	}
}

// only evaluates the only argument of c.
func (c *call) only() ([]row, error) {
	if err := c.takes(1, 1); err != nil {
		return nil, err
	}
	return c.rows(0)
}

// union is all rows of all arguments, the first of those with the same labels.
// Numbers stay side by side, for == and != to compare with each.
func union(c *call) ([]row, error) {
	if len(c.args) == 0 {
		return c.ev.constant(math.NaN()), nil
	}
	var all []row
	scalars, seen := true, map[string]bool{}
	sets := make([][]row, len(c.args))
	for i := range c.args {
		rows, err := c.rows(i)
		if err != nil {
			return nil, err
		}
		sets[i] = rows
		scalars = scalars && isScalar(rows)
	}
	for _, rows := range sets {
		for _, r := range rows {
			key := r.key(anyLabel)
			if scalars || !seen[key] {
				seen[key] = true
				all = append(all, r)
			}
		}
	}
	return all, nil
}

// scalar is the only series of its argument, or the number that a text holds.
func scalar(c *call) ([]row, error) {
	if err := c.takes(1, 1); err != nil {
		return nil, err
	}
	if s, ok := c.args[0].(*mql.StringExpr); ok {
		n, err := strconv.ParseFloat(s.S, 64)
		if err != nil {
			n = math.NaN()
		}
		return c.ev.constant(n), nil
	}
	rows, err := c.rows(0)
	if err != nil || len(rows) != 1 {
		return c.ev.constant(math.NaN()), err
	}
	return []row{{values: rows[0].values}}, nil
}

// absentNow is 1 where its argument has no value.
func absentNow(c *call) ([]row, error) {
	rows, err := c.only()
	if err != nil {
		return nil, err
	}
	out := c.ev.constant(1)
	out[0].labels = askedLabels(c.args[0])
	for _, r := range rows {
		for i, v := range r.values {
			if !math.IsNaN(v) {
				out[0].values[i] = math.NaN()
			}
		}
	}
	return out, nil
}

// moment are the functions without arguments.
func moment(c *call) ([]row, error) {
	if err := c.takes(0, 0); err != nil {
		return nil, err
	}
	ev := c.ev
	switch c.name {
	case "time":
		return ev.times(func(ms int64) float64 { return float64(ms) / 1000 }), nil
	case "now":
		if now := ev.options.Now; !now.IsZero() {
			return ev.constant(float64(now.UnixMilli()) / 1000), nil
		}
		return ev.constant(float64(ev.end) / 1000), nil
	case "start":
		return ev.constant(float64(ev.grid.Start) / 1000), nil
	case "end":
		return ev.constant(float64(ev.grid.End) / 1000), nil
	case "step":
		return ev.constant(float64(ev.grid.Step) / 1000), nil
	}
	return ev.constant(math.Pi), nil
}

func timezoneOffset(c *call) ([]row, error) {
	if err := c.takes(1, 1); err != nil {
		return nil, err
	}
	name, err := c.text(0)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, c.fail("%v", err)
	}
	return c.ev.times(func(ms int64) float64 {
		_, offset := time.UnixMilli(ms).In(zone).Zone()
		return float64(offset)
	}), nil
}

// random numbers follow from the seed; without one, from the end of the range.
func random(c *call) ([]row, error) {
	if err := c.takes(0, 1); err != nil {
		return nil, err
	}
	seed := float64(c.ev.end)
	if len(c.args) == 1 {
		var err error
		if seed, err = c.number(0); err != nil {
			return nil, err
		}
	}
	source := rand.New(rand.NewSource(int64(seed)))
	next := source.Float64
	switch c.name {
	case "rand_normal":
		next = source.NormFloat64
	case "rand_exponential":
		next = source.ExpFloat64
	}
	return c.ev.times(func(int64) float64 { return next() }), nil
}

// limitOffset is a page of the rows that have a value.
func limitOffset(c *call) ([]row, error) {
	if err := c.takes(3, 3); err != nil {
		return nil, err
	}
	limit, err := c.whole(0)
	if err != nil {
		return nil, err
	}
	offset, err := c.whole(1)
	if err != nil {
		return nil, err
	}
	if limit < 0 || offset < 0 {
		return nil, c.fail("limit and offset must not be below zero")
	}
	rows, err := c.rows(2)
	if err != nil {
		return nil, err
	}
	rows = withoutEmpty(rows)
	rows = rows[min(offset, len(rows)):]
	return rows[:min(limit, len(rows))], nil
}
