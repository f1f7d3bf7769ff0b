package alerting

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/whippet-obs/whippet/query"
)

// compositeSource joins the states of other monitors: "12 && !(13 || 14)".
//
// The states are ordered OK, No Data, Warn, Alert: && is the mildest of its
// sides, || the worst, and ! turns OK into Alert, Alert and Warn into OK, and
// leaves No Data, of which nobody knows the opposite. Groups are joined by the
// tags that they have in common: a group of one monitor that another doesn't
// have has no state here.
type compositeSource struct {
	root    *term
	members []int64 // ascending, each once
}

// term is a monitor, or an operation on one or two terms.
type term struct {
	op          byte // 'm' a monitor, '&', '|', '!'
	monitor     int64
	left, right *term
}

const (
	maxMembers = 10
	maxJoined  = 10_000 // groups of a composite
)

func parseComposite(text string) (*question, error) {
	p := &compositeParser{text: text}
	root, err := p.or(0)
	if err == nil && p.peek() != 0 {
		err = p.wrong("want && or ||")
	}
	if err != nil {
		return nil, err
	}
	s := &compositeSource{root: root}
	s.members = slices.Compact(slices.Sorted(slices.Values(p.members)))
	if len(s.members) > maxMembers {
		return nil, &chainError{0, fmt.Sprintf("at most %d monitors can be joined", maxMembers)}
	}
	return &question{text: strings.TrimSpace(text), anyGroups: true, source: s}, nil
}

// compositeParser reads by recursive descent; && binds tighter than ||.
type compositeParser struct {
	text    string
	at      int
	members []int64
}

func (p *compositeParser) wrong(text string) error {
	found := "the end"
	if p.at < len(p.text) {
		found = strconv.Quote(p.text[p.at : p.at+1])
	}
	return &chainError{p.at, text + ", found " + found}
}

func (p *compositeParser) peek() byte {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *compositeParser) operator(op string) bool {
	if p.peek(); strings.HasPrefix(p.text[p.at:], op) {
		p.at += len(op)
		return true
	}
	return false
}

func (p *compositeParser) or(depth int) (*term, error) {
	left, err := p.and(depth)
	for err == nil && p.operator("||") {
		var right *term
		right, err = p.and(depth)
		left = &term{op: '|', left: left, right: right}
	}
	return left, err
}

func (p *compositeParser) and(depth int) (*term, error) {
	left, err := p.not(depth)
	for err == nil && p.operator("&&") {
		var right *term
		right, err = p.not(depth)
		left = &term{op: '&', left: left, right: right}
	}
	return left, err
}

func (p *compositeParser) not(depth int) (*term, error) {
	const deepest = 32
	if depth > deepest || len(p.members) > 100 {
		return nil, p.wrong("the expression is too deep or too long")
	}
	switch c := p.peek(); {
	case c == '!':
		p.at++
		arg, err := p.not(depth + 1)
		return &term{op: '!', left: arg}, err
	case c == '(':
		p.at++
		inner, err := p.or(depth + 1)
		if err == nil && !p.operator(")") {
			err = p.wrong("want )")
		}
		return inner, err
	case c >= '0' && c <= '9':
		start := p.at
		for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
			p.at++
		}
		id, err := strconv.ParseInt(p.text[start:p.at], 10, 64)
		if err != nil || id == 0 {
			return nil, &chainError{start, "want the number of a monitor"}
		}
		p.members = append(p.members, id)
		return &term{op: 'm', monitor: id}, nil
	}
	return nil, p.wrong("want the number of a monitor")
}

func (s *compositeSource) graph(context.Context, world, int64, int64) (*query.Frame, error) {
	return nil, nil
}

// joined is a group of a composite: its tags, and its members' statuses.
type joined struct {
	tags     []string
	statuses map[int64]Status
}

func (s *compositeSource) ask(_ context.Context, w world, end int64) ([]Reading, error) {
	groups := []joined{{statuses: map[int64]Status{}}}
	for _, id := range s.members {
		state, ok := w.states(id)
		if !ok {
			return nil, fmt.Errorf("monitor %d, of which this one is made, is gone: take it out of the query", id)
		}
		var next []joined
		for _, g := range groups {
			for _, name := range slices.Sorted(maps.Keys(state)) {
				member := state[name]
				if member.Unit || !agree(g.tags, member.Tags) {
					continue
				}
				if len(next) == maxJoined {
					return nil, fmt.Errorf("the groups of the monitors joined are more than %d: group them by fewer tags", maxJoined)
				}
				statuses := maps.Clone(g.statuses)
				statuses[id] = member.Status
				tags := slices.Concat(g.tags, member.Tags)
				slices.Sort(tags)
				next = append(next, joined{slices.Compact(tags), statuses})
			}
		}
		groups = next
	}
	readings := make([]Reading, 0, len(groups))
	for _, g := range groups {
		r := Reading{Tags: g.tags, Value: math.NaN(), Last: end, Status: s.root.status(g.statuses)}
		r.Hold = r.Status == Skipped
		readings = append(readings, r)
	}
	return readings, nil
}

// agree says whether no key has different values in a and b.
func agree(a, b []string) bool {
	for _, tag := range a {
		key, _, _ := strings.Cut(tag, ":")
		for _, other := range b {
			if k, _, _ := strings.Cut(other, ":"); k == key && other != tag {
				return false
			}
		}
	}
	return true
}

// rank orders statuses from mild to bad.
func rank(s Status) int {
	return slices.Index([]Status{OK, Skipped, NoData, Warn, Alert}, s)
}

func (t *term) status(of map[int64]Status) Status {
	switch t.op {
	case '&':
		return slices.MinFunc([]Status{t.left.status(of), t.right.status(of)}, func(a, b Status) int { return rank(a) - rank(b) })
	case '|':
		return slices.MaxFunc([]Status{t.left.status(of), t.right.status(of)}, func(a, b Status) int { return rank(a) - rank(b) })
	case '!':
		switch s := t.left.status(of); s {
		case OK:
			return Alert
		case Alert, Warn:
			return OK
		default:
			return s
		}
	}
	return of[t.monitor]
}
