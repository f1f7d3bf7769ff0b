package query

import (
	"slices"
	"strings"
	"time"
)

// Explanation is what a query cost and how it was carried out, as the APIs tell
// it.
type Explanation struct {
	Series  int             `json:"series"`
	Samples int64           `json:"samples"`
	Bytes   int64           `json:"bytes"`
	Seconds float64         `json:"seconds"`
	Steps   []ExplainedStep `json:"steps"`
}

// ExplainedStep is a Step as the APIs tell it. Those inside it follow, deeper.
type ExplainedStep struct {
	What    string  `json:"what"`
	Depth   int     `json:"depth"`
	How     string  `json:"how,omitempty"`
	Tier    string  `json:"tier,omitempty"`
	Series  int     `json:"series"`
	Samples int64   `json:"samples"`
	Rows    int     `json:"rows"`
	Seconds float64 `json:"seconds"`
}

// ExplanationOf is what a run's frames, one after the other, tell of it; nil when
// it was not asked to explain itself.
func ExplanationOf(frames ...*Frame) *Explanation {
	if len(frames) == 0 {
		return nil
	}
	last := frames[len(frames)-1] // knows of those before
	if last == nil || len(last.Steps) == 0 {
		return nil
	}
	e := &Explanation{last.Stats.Series, last.Stats.Samples, last.Stats.Bytes, last.Stats.Took.Seconds(), make([]ExplainedStep, len(last.Steps))}
	for i, s := range last.Steps {
		e.Steps[i] = ExplainedStep{s.What, s.Depth, s.How, s.Tier, s.Series, s.Samples, s.Rows, s.Took.Seconds()}
	}
	return e
}

// Step is a part of a query's plan, as it was carried out.
type Step struct {
	What    string        // the operator, as a person would write it
	Depth   int           // how deep it stands in the query
	How     string        // what was read: "samples", "buckets", "last values", "cache and ..."; "" for what reads nothing
	Tier    string        // "5m" or "1h": the coarsest tier that was read; "" for none
	Series  int           // read by the step, without those inside
	Samples int64         // likewise
	Rows    int           // of its result
	Took    time.Duration // with the steps inside
}

// Explain makes the run keep its steps.
func (r *Run) Explain() { r.explain = true }

// Step begins a step; call done when it is carried out. A run that does not
// explain itself keeps nothing, and asks what for nothing.
func (r *Run) Step(depth int, what func() string) (done func(rows int)) {
	if !r.explain {
		return func(int) {}
	}
	began := time.Now()
	r.mu.Lock()
	at := len(r.steps)
	r.steps = append(r.steps, Step{What: what(), Depth: depth})
	r.mu.Unlock()
	return func(rows int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.steps[at].Rows, r.steps[at].Took = rows, time.Since(began)
	}
}

// read adds to the step begun last what a selection read, and how.
func (r *Run) read(how string, tier time.Duration, series int, samples int64) {
	if !r.explain {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.steps) == 0 {
		return
	}
	s := &r.steps[len(r.steps)-1]
	s.How = how
	if tier > 0 {
		s.Tier = strings.TrimSuffix(strings.TrimSuffix(tier.String(), "0s"), "0m")
	}
	s.Series += series
	s.Samples += samples
}

// Steps are the steps carried out, each before those inside it.
func (r *Run) Steps() []Step {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.steps)
}
