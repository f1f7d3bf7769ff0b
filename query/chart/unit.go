package chart

import (
	"math"
	"strconv"
	"strings"
)

// family is a set of units that are written alike.
type family uint8

const (
	plainNumber family = iota // 12.4 k, 3 M
	binary                    // 1.5 GiB
	decimal                   // 3 Mbit, 2 MHz: decimal prefixes on a symbol
	seconds                   // 120 ms, 2 h 5 m
	percent                   // 97.3 %
)

// unit is how the numbers of a chart are written.
type unit struct {
	family family
	factor float64 // multiplies a value to the family's base unit
	symbol string  // of decimal: "bit", "Hz"
	per    string  // "/s"; empty for levels
	name   string  // in words, for the axis; empty when each label says it
}

// parseUnit reads a unit as Datadog's metric metadata names it: "byte",
// "request/second". A name it doesn't know stays as it is, in words.
func parseUnit(s string) unit {
	name, per, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), "/")
	u := unit{factor: 1}
	switch strings.TrimSuffix(per, "s") {
	case "":
	case "second":
		u.per = "/s"
	case "minute":
		u.per = "/min"
	case "hour":
		u.per = "/h"
	default:
		u.per = "/" + per
	}
	switch singular := strings.TrimSuffix(name, "s"); singular {
	case "byte", "b":
		u.family = binary
	case "kibibyte", "mebibyte", "gibibyte", "tebibyte", "pebibyte":
		u.family, u.factor = binary, math.Pow(1024, float64(strings.IndexByte("kmgtp", singular[0])+1))
	case "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte":
		u.family, u.factor = binary, math.Pow(1000, float64(strings.IndexByte("kmgtp", singular[0])+1))
	case "bit", "kilobit", "megabit", "gigabit", "terabit":
		u.family, u.symbol = decimal, "bit"
		if singular != "bit" {
			u.factor = math.Pow(1000, float64(strings.IndexByte("kmgt", singular[0])+1))
		}
	case "hertz", "kilohertz", "megahertz", "gigahertz":
		u.family, u.symbol = decimal, "Hz"
		if singular != "hertz" {
			u.factor = math.Pow(1000, float64(strings.IndexByte("kmg", singular[0])+1))
		}
	case "watt", "kilowatt", "megawatt":
		u.family, u.symbol = decimal, "W"
		if singular != "watt" {
			u.factor = math.Pow(1000, float64(strings.IndexByte("km", singular[0])+1))
		}
	case "nanosecond", "n":
		u.family, u.factor = seconds, 1e-9
	case "microsecond", "µ", "u":
		u.family, u.factor = seconds, 1e-6
	case "millisecond", "m":
		u.family, u.factor = seconds, 1e-3
	case "second", "":
		// "s" without its s is empty, and so is no unit at all.
		if name != "" {
			u.family = seconds
		}
	case "minute":
		u.family, u.factor = seconds, 60
	case "hour":
		u.family, u.factor = seconds, 3600
	case "day":
		u.family, u.factor = seconds, 86400
	case "percent", "%":
		u.family = percent
	case "fraction":
		u.family, u.factor = percent, 100
	default:
		u.name = name + u.per
		u.per = ""
	}
	if u.family == plainNumber && u.name == "" && u.per != "" {
		u.name, u.per = strings.TrimPrefix(u.per, "/"), ""
		u.name = "per " + u.name
	}
	return u
}

// Value writes v as a person reads it in the given unit, to three significant
// digits: "12.4 k", "1.5 GiB", "97.3 %", "2 h 5 m". The names of units that
// have no symbol are left to the caller.
func Value(v float64, unitName string) string {
	return parseUnit(unitName).format(v, 0)
}

// format writes v so that values step apart differ; step 0: three significant
// digits.
func (u unit) format(v, step float64) string {
	switch {
	case math.IsNaN(v):
		return "no data"
	case math.IsInf(v, 1):
		return "∞"
	case math.IsInf(v, -1):
		return "-∞"
	}
	v, step = v*u.factor, math.Abs(step*u.factor)
	switch u.family {
	case binary:
		return scaled(v, step, 1024, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}, true) + u.per
	case decimal:
		names := []string{u.symbol, "k" + u.symbol, "M" + u.symbol, "G" + u.symbol, "T" + u.symbol, "P" + u.symbol}
		return scaled(v, step, 1000, names, true) + u.per
	case seconds:
		return duration(v, step) + u.per
	case percent:
		return digits(v, step) + " %" + u.per
	default:
		return scaled(v, step, 1000, []string{"", "k", "M", "G", "T", "P", "E"}, false) + u.per
	}
}

// scaled writes v with the prefix that leaves one to three digits (four in
// base 1024) before the point.
func scaled(v, step, base float64, names []string, zeroUnit bool) string {
	if v == 0 && !zeroUnit {
		return "0"
	}
	i := 0
	for i < len(names)-1 && math.Abs(v) >= base {
		v, step, i = v/base, step/base, i+1
	}
	// 999.9996 rounds up into the next prefix.
	if text := digits(v, step); i == len(names)-1 || !strings.HasPrefix(strings.TrimPrefix(text, "-"), strconv.Itoa(int(base))) {
		return join(text, names[i])
	}
	return join(digits(v/base, step/base), names[i+1])
}

func join(number, symbol string) string {
	if symbol == "" {
		return number
	}
	return number + " " + symbol
}

// digits writes v with as many decimals as step needs, or three significant
// digits when step is 0.
func digits(v, step float64) string {
	if v == 0 {
		return "0"
	}
	if a := math.Abs(v); a >= 1e15 || a < 1e-4 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	decimals := 0
	if step > 0 {
		// Nice steps have at most three significant digits (0.125, 2.5).
		for decimals = 0; decimals < 9; decimals++ {
			if s := step * math.Pow10(decimals); math.Abs(s-math.Round(s)) < 1e-6*s {
				break
			}
		}
	} else {
		decimals = max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		return "0"
	}
	return text
}

// duration writes seconds: below a minute with a prefix, above in two parts.
func duration(v, step float64) string {
	a := math.Abs(v)
	switch {
	case a == 0:
		return "0 s"
	case a < 1e-6:
		return digits(v*1e9, step*1e9) + " ns"
	case a < 1e-3:
		return digits(v*1e6, step*1e6) + " µs"
	case a < 1:
		return digits(v*1e3, step*1e3) + " ms"
	case a < 60:
		return digits(v, step) + " s"
	case a >= 86400*1000:
		return scaled(v/86400, step/86400, 1000, []string{"d", "k d", "M d", "G d"}, true)
	}
	sign := ""
	if v < 0 {
		sign = "-"
	}
	large, small, ratio := "d", "h", 24.0
	part := 3600.0
	switch {
	case a < 3600:
		large, small, ratio, part = "m", "s", 60, 1
	case a < 86400:
		large, small, ratio, part = "h", "m", 60, 60
	}
	n := math.Round(a / part)
	text := sign + strconv.FormatFloat(math.Floor(n/ratio), 'f', 0, 64) + " " + large
	if rest := math.Mod(n, ratio); rest != 0 {
		text += " " + strconv.FormatFloat(rest, 'f', 0, 64) + " " + small
	}
	return text
}
