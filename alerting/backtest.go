package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Backtest is what a monitor would have done. Times are ms.
type Backtest struct {
	From        int64               `json:"from"`
	To          int64               `json:"to"`
	Step        int64               `json:"step"`     // between two evaluations
	Interval    int64               `json:"interval"` // the same while it watches; less than Step when the range is too long to look at everything
	Evaluations int                 `json:"evaluations"`
	Mails       []BacktestMail      `json:"mails"`
	More        int                 `json:"more"`   // mails beyond those listed
	Groups      map[string][]Period `json:"groups"` // of the first 1000 groups
}

// BacktestMail is a mail that would have been sent.
type BacktestMail struct {
	At      int64    `json:"at"`
	Status  Status   `json:"status"`
	Subject string   `json:"subject"`
	To      []string `json:"to"`
}

const (
	backtestTime   = 20 * time.Second // how long an answer may take, about
	backtestMails  = 500
	backtestGroups = 1000
	backtestMost   = 35 * 24 * time.Hour
)

// simulation is a monitor that lives through the past.
type simulation struct {
	m     *monitor
	state State
	ahead [][]Reading // what its query answers at the next steps
}

// Backtest runs a monitor's document over [from, to]: the same evaluation at
// the same moments, with the downtimes that there are, and the same letters.
// A range that would take too long is looked at in wider steps. The monitor
// begins as a new one does.
func (s *Service) Backtest(ctx context.Context, doc json.RawMessage, from, to int64) (*Backtest, error) {
	var named struct{ ID int64 }
	if err := json.Unmarshal(doc, &named); err != nil {
		named.ID = 0 // understand says what is wrong
	}
	m, err := s.understand(doc)
	if err != nil {
		return nil, err
	}
	m.id = named.ID // downtimes may be about it
	to = min(to, s.ms())
	if from >= to || to-from > backtestMost.Milliseconds() {
		return nil, &FieldError{Field: "from", Value: fmt.Sprint(from), Allowed: "a range of the past, of at most 35 days"}
	}
	main := &simulation{m: m, state: State{}}
	members, err := s.simulations(m)
	if err != nil {
		return nil, err
	}
	b := &Backtest{From: from, To: to, Mails: []BacktestMail{}, Groups: map[string][]Period{}}
	if b.Interval = m.interval(); len(members) > 0 {
		b.Interval = minuteMillis // composites move when their members do
	}
	if b.Step, err = s.affordable(ctx, main, members, b); err != nil {
		return nil, err
	}
	var steps []int64
	// At the seconds of the minute at which it is evaluated while it watches.
	first := latestDue(m.id, b.Interval, from)
	if first < from {
		first += b.Interval
	}
	for at := first; at <= to; at += b.Step {
		if m.custom == nil || m.latestDue(at) > at-b.Step {
			steps = append(steps, at)
		}
	}
	b.Evaluations = len(steps)
	const together = 256
	for len(steps) > 0 {
		some := steps[:min(together, len(steps))]
		steps = steps[len(some):]
		for _, sim := range append(slices.Clone(members), main) {
			if err := s.foresee(ctx, sim, some); err != nil {
				return nil, err
			}
		}
		for i, at := range some {
			if err := s.relive(ctx, b, main, members, i, at); err != nil {
				return nil, err
			}
		}
	}
	for _, periods := range b.Groups {
		periods[len(periods)-1].To = to
	}
	return b, nil
}

// simulations are the members of a composite, each at its own beginning.
func (s *Service) simulations(m *monitor) ([]*simulation, error) {
	switch source := m.query.source.(type) {
	case *checkSource:
		return nil, &FieldError{Field: "type", Value: m.kind, Allowed: "a monitor of metrics or events: of service checks only the last run is kept, so the past can't be judged"}
	case *compositeSource:
		var members []*simulation
		for _, id := range source.members {
			w, err := s.watch(id)
			if err != nil {
				return nil, err
			}
			member, _ := w.snapshot()
			if _, checks := member.query.source.(*checkSource); checks {
				return nil, &FieldError{Field: "query", Value: m.queryText, Allowed: fmt.Sprintf("monitors of metrics or events: monitor %d watches service checks, of which only the last run is kept", id)}
			}
			members = append(members, &simulation{m: member, state: State{}})
		}
		return members, nil
	}
	return nil, nil
}

// affordable is the step at which the whole range can be looked at in time. It
// tries a few evaluations at its beginning; the first, which may have to learn,
// doesn't count.
func (s *Service) affordable(ctx context.Context, main *simulation, members []*simulation, b *Backtest) (int64, error) {
	const tries = 4
	began := time.Now() // what it costs, not what it means
	for i := range int64(tries + 1) {
		if i == 1 {
			began = time.Now()
		}
		at := b.From + i*b.Interval
		for _, sim := range append(slices.Clone(members), main) {
			if sim.isComposite() {
				continue
			}
			if _, err := sim.m.read(ctx, s.world(), sim.m.windowEnd(at)); err != nil {
				return 0, err
			}
		}
	}
	each := time.Since(began) / tries / time.Duration(max(1, runtime.GOMAXPROCS(0)/2))
	step := b.Interval
	for (b.To-b.From)/step > int64(backtestTime/max(each, time.Microsecond)) || (b.To-b.From)/step > 100_000 {
		step *= 2
	}
	return step, nil
}

func (sim *simulation) isComposite() bool {
	_, joins := sim.m.query.source.(*compositeSource)
	return joins
}

// foresee asks the query of every step at once: the answers don't depend on
// each other, only the states do.
func (s *Service) foresee(ctx context.Context, sim *simulation, steps []int64) error {
	sim.ahead = make([][]Reading, len(steps))
	if sim.isComposite() {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	if _, learns := sim.m.query.source.(*verdictSource); learns {
		group.SetLimit(1) // it goes on from its last answer
	}
	for i, at := range steps {
		group.Go(func() error {
			var err error
			sim.ahead[i], err = sim.m.read(ctx, s.world(), sim.m.windowEnd(at))
			return err
		})
	}
	return group.Wait()
}

// relive is one evaluation of the past, and what came of it.
func (s *Service) relive(ctx context.Context, b *Backtest, main *simulation, members []*simulation, i int, at int64) error {
	past := s.world()
	past.states = func(id int64) (State, bool) {
		for _, sim := range members {
			if sim.m.id == id {
				return sim.state, true
			}
		}
		return nil, false
	}
	for _, sim := range members {
		sim.state = s.step(sim.m, sim.state, sim.ahead[i], at).State
	}
	readings := main.ahead[i]
	if main.isComposite() {
		var err error
		if readings, err = main.m.read(ctx, past, at); err != nil {
			return err
		}
	}
	step := s.step(main.m, main.state, readings, at)
	main.state = step.State
	b.note(step, at)
	for _, l := range s.letters(main.m, step.Transitions, at) {
		if len(b.Mails) == backtestMails {
			b.More++
			continue
		}
		b.Mails = append(b.Mails, BacktestMail{At: at, Status: l.status, Subject: l.Subject, To: l.To})
	}
	return nil
}

// step is an evaluation without a commit.
func (s *Service) step(m *monitor, state State, readings []Reading, at int64) Step {
	return evaluate(&m.rules, state, Observation{
		At: at, End: m.windowEnd(at), Readings: readings, Muted: s.mutes(m, at), Lifted: s.lift,
	})
}

// note continues the groups' periods.
func (b *Backtest) note(step Step, at int64) {
	for name, g := range step.State {
		if !shown(g, AllStates) {
			continue
		}
		periods := b.Groups[name]
		if len(periods) == 0 && len(b.Groups) >= backtestGroups {
			continue
		}
		if n := len(periods); n > 0 && periods[n-1].Status == g.Status {
			periods[n-1].To = at
			continue
		} else if n > 0 {
			periods[n-1].To = at
		}
		b.Groups[name] = append(periods, Period{at, at, g.Status})
	}
}
