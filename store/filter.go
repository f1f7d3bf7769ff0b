package store

import "regexp"

// FilterOp is the operator of a Filter.
type FilterOp uint8

const (
	// MatchAll matches every series.
	MatchAll FilterOp = iota
	// MatchName: the metric name equals Value.
	MatchName
	// MatchNameRegexp: Regexp matches the metric name.
	MatchNameRegexp
	// MatchNameAlias: the metric name equals Value, or would with '_' for some '.'.
	MatchNameAlias
	// MatchTag: the series has the whole tag Value ("env:test", or bare "nice_tag").
	MatchTag
	// MatchTagRegexp: Regexp matches one of the series' whole tags.
	MatchTagRegexp
	// MatchKey: the series has a tag with the key Key, or the bare tag Key.
	MatchKey
	// MatchValueRegexp: Regexp matches one value of Key ("true" for a bare tag).
	MatchValueRegexp
	// And, Or and Not combine Args (Not takes one).
	And
	Or
	Not
)

// Filter is a boolean expression over the names and tags of series. Tags of
// the series' host, as the catalog holds them now, count as the series' own.
// The zero Filter matches everything. Regexps must be anchored by the caller.
type Filter struct {
	Op     FilterOp
	Key    string
	Value  string
	Regexp *regexp.Regexp
	Args   []Filter
}

// Selector asks for the samples of the series that match Filter and lie in
// [From, To] (ms, both inclusive).
type Selector struct {
	Filter    Filter
	From, To  int64
	MaxSeries int // refuse with ErrTooManySeries above this; 0: no limit
}
