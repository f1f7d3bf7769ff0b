package metricsql

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// relabelOf finds a function that changes labels; nil when there is none of
// that name.
func relabelOf(name string) func(*call) ([]row, error) {
	least, change := 1, (func(texts []string) (func(*row), error))(nil)
	switch name {
	case "label_match", "label_mismatch":
		return labelMatch
	case "label_value":
		return labelValue
	case "label_graphite_group":
		return labelGraphiteGroup
	case "label_set":
		change = inPairs(func(r *row, name, value string) { r.set(name, value) })
	case "label_copy":
		change = inPairs(func(r *row, from, to string) {
			if v := r.label(from); v != "" {
				r.set(to, v)
			}
		})
	case "label_move":
		change = inPairs(func(r *row, from, to string) {
			if v := r.label(from); v != "" && from != to {
				r.set(to, v)
				r.set(from, "")
			}
		})
	case "label_del":
		change = func(names []string) (func(*row), error) {
			return func(r *row) { r.keepOnly(func(name string) bool { return !slices.Contains(names, name) }) }, nil
		}
	case "label_keep":
		change = func(names []string) (func(*row), error) {
			return func(r *row) { r.keepOnly(func(name string) bool { return slices.Contains(names, name) }) }, nil
		}
	case "label_lowercase":
		least, change = 2, ofEach(strings.ToLower)
	case "label_uppercase":
		least, change = 2, ofEach(strings.ToUpper)
	case "label_map":
		least, change = 2, labelMap
	case "label_join":
		least, change = 3, labelJoin
	case "label_replace":
		least, change = 5, labelReplace
	case "label_transform":
		least, change = 4, labelTransform
	default:
		return nil
	}
	return func(c *call) ([]row, error) {
		most := -1
		if name == "label_replace" || name == "label_transform" {
			most = least
		}
		if err := c.takes(least, most); err != nil {
			return nil, err
		}
		texts, err := c.texts(1)
		if err != nil {
			return nil, err
		}
		fn, err := change(texts)
		if err != nil {
			return nil, c.fail("%v", err)
		}
		rows, err := c.rows(0)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			fn(&rows[i])
		}
		return rows, nil
	}
}

// oddTexts is an error of functions that take texts in pairs.
type oddTexts int

func (n oddTexts) Error() string {
	return "wants its texts in pairs, found " + strconv.Itoa(int(n)) + " of them"
}

func inPairs(fn func(r *row, a, b string)) func([]string) (func(*row), error) {
	return func(texts []string) (func(*row), error) {
		if len(texts)%2 != 0 {
			return nil, oddTexts(len(texts))
		}
		return func(r *row) {
			for i := 0; i < len(texts); i += 2 {
				fn(r, texts[i], texts[i+1])
			}
		}, nil
	}
}

func ofEach(fn func(string) string) func([]string) (func(*row), error) {
	return func(names []string) (func(*row), error) {
		return func(r *row) {
			for _, name := range names {
				r.set(name, fn(r.label(name)))
			}
		}, nil
	}
}

func labelMap(texts []string) (func(*row), error) {
	name, pairs := texts[0], texts[1:]
	if len(pairs)%2 != 0 {
		return nil, oddTexts(len(pairs))
	}
	return func(r *row) {
		before := r.label(name)
		for i := len(pairs) - 2; i >= 0; i -= 2 { // the last of several wins
			if pairs[i] == before {
				r.set(name, pairs[i+1])
				return
			}
		}
	}, nil
}

func labelJoin(texts []string) (func(*row), error) {
	return func(r *row) {
		var values []string
		for _, name := range texts[2:] {
			values = append(values, r.label(name))
		}
		r.set(texts[0], strings.Join(values, texts[1]))
	}, nil
}

func labelReplace(texts []string) (func(*row), error) {
	to, replacement, from := texts[0], texts[1], texts[2]
	re, err := regexp.Compile("^(?:" + texts[3] + ")$")
	if err != nil {
		return nil, err
	}
	return func(r *row) {
		if v := r.label(from); re.MatchString(v) {
			r.set(to, re.ReplaceAllString(v, replacement))
		}
	}, nil
}

func labelTransform(texts []string) (func(*row), error) {
	re, err := regexp.Compile(texts[1])
	if err != nil {
		return nil, err
	}
	return func(r *row) {
		if v := r.label(texts[0]); re.MatchString(v) {
			r.set(texts[0], re.ReplaceAllString(v, texts[2]))
		}
	}, nil
}

// labelMatch keeps the rows whose label matches, or does not.
func labelMatch(c *call) ([]row, error) {
	if err := c.takes(3, 3); err != nil {
		return nil, err
	}
	texts, err := c.texts(1)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile("^(?:" + texts[1] + ")$")
	if err != nil {
		return nil, c.fail("%v", err)
	}
	rows, err := c.rows(0)
	return slices.DeleteFunc(rows, func(r row) bool { return re.MatchString(r.label(texts[0])) != (c.name == "label_match") }), err
}

// labelValue is the number that a label holds, where there is a value.
func labelValue(c *call) ([]row, error) {
	if err := c.takes(2, 2); err != nil {
		return nil, err
	}
	name, err := c.text(1)
	if err != nil {
		return nil, err
	}
	rows, err := c.rows(0)
	for _, r := range rows {
		n, err := strconv.ParseFloat(r.label(name), 64)
		if err != nil {
			n = math.NaN()
		}
		for i, v := range r.values {
			if !math.IsNaN(v) {
				r.values[i] = n
			}
		}
	}
	return c.named(rows), err
}

// labelGraphiteGroup names rows by parts of their dotted names.
func labelGraphiteGroup(c *call) ([]row, error) {
	if err := c.takes(2, -1); err != nil {
		return nil, err
	}
	var groups []int
	for i := 1; i < len(c.args); i++ {
		n, err := c.whole(i)
		if err != nil {
			return nil, err
		}
		groups = append(groups, n)
	}
	rows, err := c.rows(0)
	for i := range rows {
		parts := strings.Split(rows[i].name, ".")
		chosen := make([]string, len(groups))
		for j, g := range groups {
			if g >= 0 && g < len(parts) {
				chosen[j] = parts[g]
			}
		}
		rows[i].name = strings.Join(chosen, ".")
	}
	return rows, err
}

// labelsEqual keeps the rows in which all the labels have one value.
func labelsEqual(c *call) ([]row, error) {
	if err := c.takes(3, -1); err != nil {
		return nil, err
	}
	names, err := c.texts(1)
	if err != nil {
		return nil, err
	}
	rows, err := c.rows(0)
	return slices.DeleteFunc(rows, func(r row) bool {
		return slices.ContainsFunc(names[1:], func(name string) bool { return r.label(name) != r.label(names[0]) })
	}), err
}

// dropCommonLabels drops the labels that all rows have with the same value.
func dropCommonLabels(c *call) ([]row, error) {
	if err := c.takes(1, -1); err != nil {
		return nil, err
	}
	var rows []row
	for i := range c.args {
		more, err := c.rows(i)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	first := rows[0]
	common := func(name string) bool {
		return !slices.ContainsFunc(rows, func(r row) bool { return r.label(name) != first.label(name) })
	}
	drop := []string{}
	if common(nameLabel) {
		drop = append(drop, nameLabel)
	}
	for _, l := range first.labels {
		if common(l.Name) {
			drop = append(drop, l.Name)
		}
	}
	for i := range rows {
		rows[i].keepOnly(func(name string) bool { return !slices.Contains(drop, name) })
	}
	return rows, nil
}
