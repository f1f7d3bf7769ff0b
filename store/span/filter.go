package span

import (
	"math"
	"strconv"
	"strings"
)

// Op is what a Filter does.
type Op uint8

const (
	// All matches every span.
	All Op = iota
	// Equal: the field has the text Value.
	Equal
	// Glob: the field's text matches Value, in which * stands for any text and
	// ? for one byte. Letters match in either case.
	Glob
	// Exists: the span has the field.
	Exists
	// Compare: the field is a number in [Min, Max].
	Compare
	// And, Or and Not combine Args (Not takes one).
	And
	Or
	Not
)

// Filter is a boolean expression over spans. The zero Filter matches all.
//
// Fields are service, env, operation_name, resource_name, type, host, status
// ("ok" or "error"), duration (ns), trace_id, span_id, and any other name is
// that of a tag.
type Filter struct {
	Op       Op
	Field    string
	Value    string
	Min, Max float64 // of Compare; ±Inf for no bound
	Args     []Filter
}

// The names of the fields that every span has.
const (
	FieldService   = "service"
	FieldEnv       = "env"
	FieldOperation = "operation_name"
	FieldResource  = "resource_name"
	FieldType      = "type"
	FieldHost      = "host"
	FieldStatus    = "status"
	FieldDuration  = "duration"
	FieldTrace     = "trace_id"
	FieldSpan      = "span_id"
)

// ofKind is the value of a field that is part of the kind.
func ofKind(k *Kind, field string) (value string, ok bool) {
	switch field {
	case FieldService:
		return k.Service, true
	case FieldEnv:
		return k.Env, true
	case FieldOperation:
		return k.Name, true
	case FieldResource:
		return k.Resource, true
	case FieldType:
		return k.Type, true
	case FieldHost:
		return k.Host, true
	case FieldStatus:
		if k.Error {
			return "error", true
		}
		return "ok", true
	}
	return "", false
}

// answer is what is known of a filter without a span's tags.
type answer int8

const (
	no answer = iota - 1
	maybe
	yes
)

func known(b bool) answer {
	if b {
		return yes
	}
	return no
}

// judge puts together what leaf says of the filter's leaves.
func (f *Filter) judge(leaf func(*Filter) answer) answer {
	switch f.Op {
	case All:
		return yes
	case And:
		result := yes
		for i := range f.Args {
			result = min(result, f.Args[i].judge(leaf))
		}
		return result
	case Or:
		result := no
		for i := range f.Args {
			result = max(result, f.Args[i].judge(leaf))
		}
		return result
	case Not:
		return -f.Args[0].judge(leaf)
	}
	return leaf(f)
}

// matchKind judges f by a kind alone.
func (f *Filter) matchKind(k *Kind) answer {
	return f.judge(func(f *Filter) answer {
		if value, ok := ofKind(k, f.Field); ok {
			return known(f.matchText(value, value != ""))
		}
		return maybe
	})
}

// matchBlock judges whether any span of a block can match, by its bloom filter.
func (f *Filter) matchBlock(b *blockInfo) answer {
	return f.judge(func(f *Filter) answer {
		switch f.Op {
		case Equal:
			_, err := strconv.ParseFloat(f.Value, 64)
			_, inKind := ofKind(&Kind{}, f.Field)
			isNumber := err == nil // a number tag may have it, and those are not in the filter
			if !inKind && !isNumber && f.Field != FieldTrace && f.Field != FieldSpan && f.Field != FieldDuration && !mayHave(b.bloom, f.Field, f.Value) {
				return no
			}
		case Compare:
			if f.Field == FieldDuration && float64(b.maxDuration) < f.Min {
				return no
			}
		}
		return maybe
	})
}

// matchText judges a leaf by the field's value.
func (f *Filter) matchText(value string, has bool) bool {
	switch f.Op {
	case Equal:
		return has && value == f.Value
	case Glob:
		return has && glob(f.Value, value)
	case Exists:
		return has
	case Compare:
		v, err := strconv.ParseFloat(value, 64)
		return has && err == nil && f.within(v)
	}
	return false
}

func (f *Filter) within(v float64) bool { return v >= f.Min && v <= f.Max && !math.IsNaN(v) }

// subject is a span being matched, whose parts are fetched as they are asked for.
type subject interface {
	kind() *Kind
	duration() int64
	ids() spanIDs
	tag(key string) (string, bool)
}

// match judges f for one span.
func (f *Filter) match(s subject) bool {
	switch f.Op {
	case All:
		return true
	case And:
		for i := range f.Args {
			if !f.Args[i].match(s) {
				return false
			}
		}
		return true
	case Or:
		for i := range f.Args {
			if f.Args[i].match(s) {
				return true
			}
		}
		return false
	case Not:
		return !f.Args[0].match(s)
	}
	switch f.Field {
	case FieldDuration:
		if f.Op == Compare {
			return f.within(float64(s.duration()))
		}
		return f.matchText(strconv.FormatInt(s.duration(), 10), true)
	case FieldTrace:
		id, err := ParseTraceID(f.Value)
		return f.Op == Exists || f.Op == Equal && err == nil && sameTrace(s.ids().trace, id)
	case FieldSpan:
		return f.Op == Exists || f.Op == Equal && (strconv.FormatUint(s.ids().id, 10) == f.Value || strconv.FormatUint(s.ids().id, 16) == strings.TrimLeft(f.Value, "0"))
	}
	if value, ok := ofKind(s.kind(), f.Field); ok {
		return f.matchText(value, value != "")
	}
	value, ok := s.tag(f.Field)
	return f.matchText(value, ok)
}

// sameTrace compares ids; where one side knows 64 bits only, those decide.
func sameTrace(a, b TraceID) bool {
	return a.Low == b.Low && (a.High == b.High || a.High == 0 || b.High == 0)
}

// glob matches in time linear in both texts for patterns with one star, and
// never worse than their product.
func glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || lower(pattern[p]) == lower(s[i])):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
