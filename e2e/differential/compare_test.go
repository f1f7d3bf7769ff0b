package differential

import (
	"fmt"
	"math"
	"regexp"
	"strings"
)

// tolerance is relative to the larger value.
const tolerance = 1e-9

// difference describes the first way in which two answers differ; "" for none.
func difference(got, want answer) string {
	for key := range want {
		if got[key] == nil {
			return fmt.Sprintf("%s is missing, has %d values elsewhere", key, len(want[key]))
		}
	}
	for key, points := range got {
		other := want[key]
		if other == nil {
			return fmt.Sprintf("%s is only here, with %d values", key, len(points))
		}
		for at, v := range points {
			o, ok := other[at]
			if !ok {
				return fmt.Sprintf("%s at %d is %v, and nothing elsewhere", key, at, v)
			}
			if !near(v, o) {
				return fmt.Sprintf("%s at %d is %v, and %v elsewhere", key, at, v, o)
			}
		}
		for at, o := range other {
			if _, ok := points[at]; !ok {
				return fmt.Sprintf("%s at %d is nothing, and %v elsewhere", key, at, o)
			}
		}
	}
	return ""
}

func near(a, b float64) bool {
	return a == b || math.Abs(a-b) <= tolerance*max(1e-3, math.Abs(a), math.Abs(b))
}

var metricName = regexp.MustCompile(`__name__="[^"]*",?`)

// unnamed drops the metric names, which PromQL drops and MetricsQL keeps after
// functions that leave a metric what it is.
func (a answer) unnamed() answer {
	out := make(answer, len(a))
	for key, points := range a {
		out[strings.ReplaceAll(metricName.ReplaceAllString(key, ""), ",}", "}")] = points
	}
	return out
}
