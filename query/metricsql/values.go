package metricsql

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// valuesKeepName reports whether a function of single values leaves the metric
// what it is.
func valuesKeepName(name string) bool {
	switch name {
	case "ceil", "floor", "round", "clamp", "clamp_min", "clamp_max":
		return true
	}
	return false
}

// each applies fn to every value of the only argument.
func (c *call) each(fn func(float64) float64) ([]row, error) {
	rows, err := c.only()
	if err != nil {
		return nil, err
	}
	return c.change(rows, func(_ int, v float64) float64 { return fn(v) }), nil
}

// change applies fn to every value of rows, which are the caller's.
func (c *call) change(rows []row, fn func(i int, v float64) float64) []row {
	for _, r := range rows {
		for i, v := range r.values {
			r.values[i] = fn(i, v)
		}
	}
	if valuesKeepName(c.name) {
		return rows
	}
	return c.named(rows)
}

// valueFunction finds a function of single values; nil when there is none.
func valueFunction(name string) func(float64) float64 {
	switch name {
	case "abs":
		return math.Abs
	case "ceil":
		return math.Ceil
	case "floor":
		return math.Floor
	case "exp":
		return math.Exp
	case "ln":
		return math.Log
	case "log2":
		return math.Log2
	case "log10":
		return math.Log10
	case "sqrt":
		return math.Sqrt
	case "sin":
		return math.Sin
	case "cos":
		return math.Cos
	case "tan":
		return math.Tan
	case "asin":
		return math.Asin
	case "acos":
		return math.Acos
	case "atan":
		return math.Atan
	case "sinh":
		return math.Sinh
	case "cosh":
		return math.Cosh
	case "tanh":
		return math.Tanh
	case "asinh":
		return math.Asinh
	case "acosh":
		return math.Acosh
	case "atanh":
		return math.Atanh
	case "deg":
		return func(v float64) float64 { return v * 180 / math.Pi }
	case "rad":
		return func(v float64) float64 { return v * math.Pi / 180 }
	case "sgn":
		return func(v float64) float64 {
			switch {
			case v < 0:
				return -1
			case v > 0:
				return 1
			}
			return v * 0 // zero, or NaN
		}
	}
	return nil
}

// calendar are the functions of a time in seconds, in UTC; without an argument,
// of the timestamps.
func calendar(c *call) ([]row, error) {
	if err := c.takes(0, 1); err != nil {
		return nil, err
	}
	rows := c.ev.times(func(ms int64) float64 { return float64(ms) / 1000 })
	if len(c.args) == 1 {
		var err error
		if rows, err = c.rows(0); err != nil {
			return nil, err
		}
	}
	return c.change(rows, func(_ int, v float64) float64 {
		if math.IsNaN(v) {
			return v
		}
		t := time.Unix(int64(max(-maxSeconds, min(v, maxSeconds))), 0).UTC()
		switch c.name {
		case "minute":
			return float64(t.Minute())
		case "hour":
			return float64(t.Hour())
		case "day_of_week":
			return float64(t.Weekday())
		case "day_of_month":
			return float64(t.Day())
		case "day_of_year":
			return float64(t.YearDay())
		case "days_in_month":
			return float64(time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day())
		case "month":
			return float64(t.Month())
		}
		return float64(t.Year())
	}), nil
}

// clamp keeps values between bounds, which may change over time.
func clamp(c *call) ([]row, error) {
	want := 2
	if c.name == "clamp" {
		want = 3
	}
	if err := c.takes(want, want); err != nil {
		return nil, err
	}
	rows, err := c.rows(0)
	if err != nil {
		return nil, err
	}
	low, err := c.scalar(1)
	if err != nil {
		return nil, err
	}
	high, err := c.scalar(want - 1)
	if err != nil {
		return nil, err
	}
	return c.change(rows, func(i int, v float64) float64 {
		switch {
		case c.name != "clamp_min" && v > high[i]:
			return high[i]
		case c.name != "clamp_max" && v < low[i]:
			return low[i]
		}
		return v
	}), nil
}

// round rounds to the nearest multiple, halves away from zero.
func round(c *call) ([]row, error) {
	if err := c.takes(1, 2); err != nil {
		return nil, err
	}
	rows, err := c.rows(0)
	if err != nil {
		return nil, err
	}
	nearest := c.ev.blank(1)
	if len(c.args) == 2 {
		if nearest, err = c.scalar(1); err != nil {
			return nil, err
		}
	}
	before, scale := math.NaN(), 1.0
	return c.change(rows, func(i int, v float64) float64 {
		n := nearest[i]
		if n != before {
			before, scale = n, math.Pow10(decimals(n))
		}
		v += 0.5 * math.Copysign(n, v)
		v -= math.Mod(v, n)
		// What is left of the binary fraction is cut off at the digits of n.
		whole, _ := math.Modf(v * scale)
		return whole / scale
	}), nil
}

// decimals is the number of digits after the point that v is written with;
// below zero the number of zeros before it.
func decimals(v float64) int {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	text := strconv.FormatFloat(math.Abs(v), 'e', -1, 64) // d.ddde±xx
	digits, exponent, _ := strings.Cut(text, "e")
	e, err := strconv.Atoi(exponent)
	if err != nil {
		return 0
	}
	return max(0, len(digits)-2) - e
}

func bitmap(c *call) ([]row, error) {
	if err := c.takes(2, 2); err != nil {
		return nil, err
	}
	rows, err := c.rows(0)
	if err != nil {
		return nil, err
	}
	mask, err := c.scalar(1)
	if err != nil {
		return nil, err
	}
	return c.change(rows, func(i int, v float64) float64 {
		m := mask[i]
		if math.IsNaN(v) || math.IsNaN(m) {
			return math.NaN()
		}
		a, b := uint64(v), uint64(m)
		switch c.name {
		case "bitmap_and":
			a &= b
		case "bitmap_or":
			a |= b
		case "bitmap_xor":
			a ^= b
		}
		return float64(a)
	}), nil
}
