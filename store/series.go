package store

import (
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/store/sketch"
)

// Ref is the short name of a series inside one data folder. It is handed out
// by DB.Intern, is never reused, and stays valid across restarts.
type Ref uint32

// Kind says what the values of a series mean.
type Kind uint8

const (
	// Gauge is a level at the sample's time.
	Gauge Kind = iota
	// Count is the number of events in [time, time+interval).
	Count
	// Rate is events per second over [time, time+interval).
	Rate
	// Cumulative is a counter that only grows, or resets (Prometheus, OTLP).
	Cumulative
	// Distribution holds a sketch per bucket instead of a number.
	Distribution
)

// String gives the name the Datadog API uses for k.
func (k Kind) String() string {
	switch k {
	case Count:
		return "count"
	case Rate:
		return "rate"
	case Cumulative:
		return "cumulative"
	case Distribution:
		return "distribution"
	default:
		return "gauge"
	}
}

// Tags is a set of tags, sorted and without duplicates. A tag is "key:value"
// or bare ("nice_tag"); one key may have several values. The host of a series
// is the tag "host:NAME", its device "device:NAME".
type Tags []string

// NewTags sorts and de-duplicates tags in place, drops empty ones, and returns
// the set. The caller gives the slice away.
func NewTags(tags []string) Tags {
	slices.Sort(tags)
	tags = slices.Compact(tags)
	if len(tags) > 0 && tags[0] == "" {
		tags = tags[1:]
	}
	return tags
}

// Values returns every value that key has in t, in order; a bare tag has the
// value "true".
func (t Tags) Values(key string) []string {
	var values []string
	for _, tag := range t {
		k, v := SplitTag(tag)
		if k == key {
			values = append(values, v)
		}
	}
	return values
}

// SplitTag splits a tag at its first colon. A bare tag has the value "true".
func SplitTag(tag string) (key, value string) {
	key, value, found := strings.Cut(tag, ":")
	if !found {
		return tag, "true"
	}
	return key, value
}

// Series identifies a series. Kind and Interval are part of the identity: when
// an agent changes either, the old samples keep their meaning and a new series
// continues under the same name and tags; readers merge the two.
type Series struct {
	Name     string
	Tags     Tags
	Kind     Kind
	Interval int64 // of Count and Rate samples, ms; 0 when unknown
}

// Sample is one number of one series.
type Sample struct {
	Ref   Ref
	Time  int64 // ms since the epoch, UTC
	Value float64
}

// SketchSample is one bucket of a distribution.
type SketchSample struct {
	Ref    Ref
	Time   int64 // bucket start, ms since the epoch, UTC
	Sketch *sketch.Sketch
}

// Batch is what one Append makes durable as a whole.
type Batch struct {
	Samples  []Sample
	Sketches []SketchSample
}
