package datadog

import (
	"slices"

	"github.com/whippet-obs/whippet/store"
)

// Within reports whether q asks nothing that others don't ask: whatever series
// it reads, one of them reads, by the same aggregation and in the same groups,
// and whatever function it calls, one of them calls with the same arguments.
// Arithmetic, how points are rolled up, and the choice of the top rows are free:
// they show nothing else.
func (q *Query) Within(others []*Query) bool {
	var mine, theirs inventory
	for _, n := range q.parts {
		mine.add(n)
	}
	for _, other := range others {
		for _, n := range other.parts {
			theirs.add(n)
		}
	}
	for _, t := range mine.terms {
		if !slices.ContainsFunc(theirs.terms, t.asks) {
			return false
		}
	}
	for _, c := range mine.calls {
		if c.fn != "top" && !slices.ContainsFunc(theirs.calls, func(o *call) bool {
			return c.fn == o.fn && slices.EqualFunc(c.args, o.args, argument.same)
		}) {
			return false
		}
	}
	return true
}

// inventory is the terms and the calls of queries.
type inventory struct {
	terms []*term
	calls []*call
}

func (i *inventory) add(n node) {
	switch n := n.(type) {
	case *term:
		i.terms = append(i.terms, n)
	case *binary:
		i.add(n.left)
		i.add(n.right)
	case *call:
		i.calls = append(i.calls, n)
		i.add(n.query)
	}
}

// asks says whether two terms read the same series and combine them alike.
func (t *term) asks(o *term) bool {
	return t.space == o.space && t.percentile == o.percentile && t.metric == o.metric && slices.Equal(t.by, o.by) && sameFilter(t.filter, o.filter)
}

// same says whether two arguments are the same, wherever they stand.
func (a argument) same(o argument) bool { return a.name == o.name && a.text == o.text }

func sameFilter(a, b store.Filter) bool {
	if a.Op != b.Op || a.Key != b.Key || a.Value != b.Value || (a.Regexp == nil) != (b.Regexp == nil) {
		return false
	}
	if a.Regexp != nil && a.Regexp.String() != b.Regexp.String() {
		return false
	}
	return slices.EqualFunc(a.Args, b.Args, sameFilter)
}
