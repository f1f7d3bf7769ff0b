package message

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// commonVars are the variables that every monitor has.
var commonVars = []string{
	"value", "threshold", "warn_threshold", "ok_threshold", "comparator",
	"first_triggered_at", "first_triggered_at_epoch", "last_triggered_at", "last_triggered_at_epoch",
	"triggered_duration_sec", "check_message",
}

// conditions are the names of sections and what they ask of a transition.
var conditions = map[string]func(d *Data) bool{
	"is_alert":    func(d *Data) bool { return d.To == Alert },
	"is_warning":  func(d *Data) bool { return d.To == Warn },
	"is_no_data":  func(d *Data) bool { return d.To == NoData },
	"is_recovery": func(d *Data) bool { return d.To == OK },
	"is_renotify": func(d *Data) bool { return d.Renotify },

	"is_alert_recovery":   between(Alert, OK),
	"is_warning_recovery": between(Warn, OK),
	"is_no_data_recovery": between(NoData, OK),

	"is_alert_to_warning":   between(Alert, Warn),
	"is_alert_to_no_data":   between(Alert, NoData),
	"is_warning_to_alert":   between(Warn, Alert),
	"is_warning_to_no_data": between(Warn, NoData),
	"is_no_data_to_alert":   between(NoData, Alert),
	"is_no_data_to_warning": between(NoData, Warn),
}

func between(from, to State) func(d *Data) bool {
	return func(d *Data) bool { return d.From == from && d.To == to }
}

// withArguments are the sections that are told what to ask.
var withArguments = []string{"is_match", "is_exact_match", "is_priority"}

// Check reports unknown variables and sections, in the order of the text.
func (t *Template) Check(known Known) []Problem {
	c := &checker{source: t.source, known: known, names: slices.Concat(commonVars, known.Vars)}
	for _, key := range known.Groups {
		c.names = append(c.names, key+".name")
		if key == "host" {
			c.names = append(c.names, "host.ip")
		}
	}
	c.nodes(t.nodes)
	return c.problems
}

type checker struct {
	source   string
	known    Known
	names    []string
	problems []Problem
}

func (c *checker) report(n *node, read, suggestion, format string, args ...any) {
	p := Problem{Offset: n.offset, Read: read, Suggestion: suggestion, Message: fmt.Sprintf(format, args...)}
	p.Line, p.Column = position(c.source, n.offset)
	c.problems = append(c.problems, p)
}

func (c *checker) nodes(nodes []node) {
	for i := range nodes {
		n := &nodes[i]
		switch n.kind {
		case variable:
			c.variable(n, n.name)
		case eval:
			n.expr.variables(func(name string) { c.variable(n, name) })
		case localTime:
			c.variable(n, n.args[0])
			if _, err := time.LoadLocation(n.args[1]); err != nil || n.args[1] == "" || n.args[1] == "Local" {
				c.report(n, n.args[1], "", "%q is no time zone such as Europe/Berlin", n.args[1])
			}
		case section:
			c.section(n)
			c.nodes(n.body)
			c.nodes(n.other)
		}
	}
}

func (c *checker) section(n *node) {
	_, plain := conditions[n.name]
	switch {
	case plain && len(n.args) > 0:
		c.report(n, n.name, "", "%s takes no arguments", n.name)
	case plain:
	case n.name == "is_priority":
		for _, arg := range n.args {
			if _, ok := priority(arg); !ok {
				c.report(n, arg, "", "%q is no priority; there are P1 to P5", arg)
			}
		}
		if len(n.args) == 0 {
			c.report(n, n.name, "", "is_priority needs a priority, 'P1' to 'P5'")
		}
	case slices.Contains(withArguments, n.name):
		if len(n.args) < 2 {
			c.report(n, n.name, "", `%s needs a variable and what to compare it with, such as "host.name" "web"`, n.name)
			return
		}
		c.variable(n, plainName(n.args[0]))
	default:
		names := slices.Clone(withArguments)
		for name := range conditions {
			names = append(names, name)
		}
		slices.Sort(names)
		c.report(n, n.name, nearest(n.name, names), "unknown condition %q", n.name)
	}
}

func (c *checker) variable(n *node, name string) {
	for _, known := range c.names {
		prefix, all := strings.CutSuffix(known, "*")
		if name == known || all && strings.HasPrefix(name, prefix) && len(name) > len(prefix) {
			return
		}
	}
	key, field, dotted := strings.Cut(name, ".")
	if dotted && key == "host" && field != "" && slices.Contains(c.known.Groups, "host") {
		return // any tag of the host
	}
	if group, ok := strings.CutSuffix(name, ".name"); ok {
		if near := nearest(group, c.known.Groups); near != "" {
			c.report(n, name, near+".name", "unknown variable %q", name)
		} else {
			c.report(n, name, "", "%q has a value only if the monitor groups by %s", name, group)
		}
		return
	}
	if key == "host" && dotted {
		c.report(n, name, "", "%q has a value only if the monitor groups by host", name)
		return
	}
	c.report(n, name, nearest(name, c.names), "unknown variable %q", name)
}

// nearest returns the name that is the fewest edits away, or "" if all are far.
func nearest(name string, names []string) string {
	best, bestDistance := "", len(name)/3+2
	if len(name) > 100 {
		return ""
	}
	for _, candidate := range names {
		if strings.HasSuffix(candidate, "*") {
			continue
		}
		if d := distance(strings.ToLower(name), candidate); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance counts insertions, deletions, replacements and swaps of neighbours
// that lead from a to b.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, last, this := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		this[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			this[j] = min(last[j]+1, this[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				this[j] = min(this[j], before[j-2]+1)
			}
		}
		before, last, this = last, this, before
	}
	return last[len(b)]
}
