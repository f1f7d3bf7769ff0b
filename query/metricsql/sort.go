package metricsql

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// sortByValue orders rows by their last value; where both have none or the same,
// by the one before.
func sortByValue(c *call) ([]row, error) {
	rows, err := c.only()
	slices.SortStableFunc(rows, func(a, b row) int {
		for i := len(a.values) - 1; i >= 0; i-- {
			x, y := a.values[i], b.values[i]
			switch {
			case math.IsNaN(x) && math.IsNaN(y), x == y:
				continue
			case math.IsNaN(x):
				return -1
			case math.IsNaN(y):
				return 1
			case c.name == "sort_desc":
				return cmp.Compare(y, x)
			}
			return cmp.Compare(x, y)
		}
		return 0
	})
	return rows, err
}

// sortByLabel orders rows by the values of labels, as texts or as the numbers in
// them.
func sortByLabel(c *call) ([]row, error) {
	if err := c.takes(2, -1); err != nil {
		return nil, err
	}
	names, err := c.texts(1)
	if err != nil {
		return nil, err
	}
	rows, err := c.rows(0)
	compare := strings.Compare
	if strings.Contains(c.name, "numeric") {
		compare = compareNumeric
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		for _, name := range names {
			if order := compare(a.label(name), b.label(name)); order != 0 {
				if strings.HasSuffix(c.name, "_desc") {
					return -order
				}
				return order
			}
		}
		return 0
	})
	return rows, err
}

// compareNumeric compares texts part by part, digits as numbers: "a9" comes
// before "a10".
func compareNumeric(a, b string) int {
	for a != "" && b != "" {
		x, y := leadingNumber(a), leadingNumber(b)
		switch {
		case x == "" && y != "":
			return 1
		case y == "" && x != "":
			return -1
		case x != "":
			// Digits too many for a float are infinite, which orders them.
			m, _ := strconv.ParseFloat(x, 64)
			n, _ := strconv.ParseFloat(y, 64)
			if m != n {
				return cmp.Compare(m, n)
			}
		}
		a, b = a[len(x):], b[len(y):]
		x, y = leadingText(a), leadingText(b)
		if x != y {
			return strings.Compare(x, y)
		}
		a, b = a[len(x):], b[len(y):]
	}
	return cmp.Compare(len(a), len(b))
}

// leadingNumber is the decimal number that s begins with, or "".
func leadingNumber(s string) string {
	i, digits, point := 0, false, false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		i = 1
	}
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits = true
			continue
		case c == '.' && !point:
			point = true
			continue
		}
		break
	}
	if !digits {
		return ""
	}
	return s[:i]
}

// leadingText is what s begins with, up to a digit.
func leadingText(s string) string {
	if at := strings.IndexAny(s, "0123456789"); at >= 0 {
		return s[:at]
	}
	return s
}
