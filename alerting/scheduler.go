package alerting

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

// pollEvery is how often the clock is looked at, in wall time. The clock is a
// parameter: one that is moved ahead has its effect at the next look.
const pollEvery = 250 * time.Millisecond

// holdFor is how long after a start or a sleep missing data is not held
// against anybody: senders need a moment to reach us again.
const holdFor = 2 * time.Minute

// Run evaluates monitors, starts and ends downtimes, delivers mails and tells
// what becomes unusual until ctx ends, and returns when all of its goroutines have. It may run once.
func (s *Service) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.schedule(ctx) })
	wg.Go(func() { s.deliver(ctx) })
	wg.Go(func() { s.tendDowntimes(ctx) })
	wg.Go(func() { s.forgetEvents(ctx) })
	wg.Go(func() { s.tendFeed(ctx) })
	wg.Wait()
	return nil
}

// Step does once what Run does all the time, but delivers nothing: downtimes
// begin and end, monitors that are due are evaluated, one after the other. It
// is for tests of monitors, whose clock is their own; don't mix it with Run.
func (s *Service) Step(ctx context.Context) error {
	s.tendOnce(ctx)
	for _, w := range s.monitors() {
		due, ok := w.claim(s.ms())
		if !ok {
			continue
		}
		s.evaluateDue(ctx, w, due)
		if w.problem != "" {
			return fmt.Errorf("monitor %d: %s", w.monitor.id, w.problem)
		}
	}
	return nil
}

// forgetEvents drops old events now and then, until ctx ends.
func (s *Service) forgetEvents(ctx context.Context) {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		s.forget(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// forget drops the events that are older than they are kept, some at a time so
// that nobody waits for it.
func (s *Service) forget(ctx context.Context) {
	const some = 2000
	for s.keepFor > 0 && ctx.Err() == nil {
		n, err := s.catalog.DropEvents(ctx, s.ms()-s.keepFor.Milliseconds(), some)
		if err != nil && ctx.Err() == nil {
			s.log.Error("old events are not dropped", "err", err)
		}
		if err != nil || n < some {
			return
		}
	}
}

// schedule starts every evaluation that is due. Each monitor has its own
// moment within its interval, so that the work is spread; of several that were
// missed (sleep, overload, a clock moved ahead) only the latest is made up for.
func (s *Service) schedule(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	places := make(chan struct{}, s.workers)
	last := s.now()
	for {
		now := s.now()
		if slept(last, now) {
			s.log.Info("the machine slept", "for", now.Round(0).Sub(last.Round(0)).Round(time.Second))
			s.holdFrom(now.UnixMilli())
		}
		last = now
		for _, w := range s.monitors() {
			due, ok := w.claim(s.ms())
			if !ok {
				continue
			}
			select {
			case <-ctx.Done():
				return
			case places <- struct{}{}:
			}
			wg.Go(func() {
				defer func() { <-places }()
				s.evaluateDue(ctx, w, due)
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// slept says whether the machine was suspended between two readings of the
// clock: then wall time went on and monotonic time did not. A clock that is
// only moved ahead for a test moves both.
func slept(before, after time.Time) bool {
	wall := after.Round(0).Sub(before.Round(0))
	return wall-after.Sub(before) > 30*time.Second
}

func (s *Service) holdFrom(ms int64) { s.hold.Store(ms + holdFor.Milliseconds()) }

// claim returns the due time of w's next evaluation if it has come, and marks
// w as busy.
func (w *watch) claim(now int64) (due int64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy || w.gone {
		return 0, false
	}
	switch due = w.monitor.latestDue(now); {
	case due == 0 || w.monitor.custom != nil && due == w.due:
		return 0, false
	case w.due == 0 && w.monitor.custom == nil:
		due = now // just made, or just loaded: at once
	case due > w.due:
	case due < w.due-2*w.monitor.interval(): // the clock was set back
	default:
		return 0, false
	}
	w.due, w.busy = due, true
	return due, true
}

// latestDue is when m was last due, at or before now; 0: never.
func (m *monitor) latestDue(now int64) int64 {
	if m.custom == nil {
		return latestDue(m.id, m.interval(), now)
	}
	start, _, ok := m.custom.Active(time.UnixMilli(now))
	if !ok {
		return 0
	}
	return start.UnixMilli()
}

// latestDue is the latest moment at or before now at which monitor id is due.
// Multiplying by the golden ratio spreads consecutive numbers evenly.
func latestDue(id, interval, now int64) int64 {
	offset := int64(uint64(id) * 0x9E3779B97F4A7C15 >> 33 % uint64(interval))
	return (now-offset)/interval*interval + offset
}

func (s *Service) evaluateDue(ctx context.Context, w *watch, due int64) {
	late := max(0, s.ms()-due)
	s.stats.lastLateness.Store(late)
	s.stats.lateness.Add(late)
	for most := s.stats.maxLate.Load(); late > most && !s.stats.maxLate.CompareAndSwap(most, late); {
		most = s.stats.maxLate.Load()
	}
	began := time.Now() // what it costs, not what it means
	err := s.evaluateOnce(ctx, w, due)
	s.stats.nanos.Add(int64(time.Since(began)))
	s.stats.evaluations.Add(1)

	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = false
	problem := ""
	if err != nil && ctx.Err() == nil {
		problem = err.Error()
		s.stats.errors.Add(1)
		if problem != w.problem {
			s.log.Error("monitor not evaluated", "monitor", w.monitor.id, "name", w.monitor.name, "err", err)
		}
	} else if err == nil && w.problem != "" {
		s.log.Info("monitor is evaluated again", "monitor", w.monitor.id, "name", w.monitor.name)
	}
	if ctx.Err() == nil {
		w.problem = problem
	}
}

// evaluateOnce asks the query, moves the state, and commits what follows.
func (s *Service) evaluateOnce(ctx context.Context, w *watch, due int64) error {
	w.run.Lock()
	defer w.run.Unlock()
	m, state := w.snapshot()
	if w.gone {
		return nil
	}
	end := m.windowEnd(due)
	readings, err := m.read(ctx, s.world(), end)
	if err != nil {
		return err
	}
	step := evaluate(&m.rules, state, Observation{
		At: due, End: end, Readings: readings, Hold: due < s.hold.Load(),
		Muted: s.mutes(m, due), Lifted: s.lift,
	})
	return s.commit(w, m, step, due)
}

// world is the present, as the scheduler asks it.
func (s *Service) world() world {
	return world{engine: s.engine, catalog: s.catalog, states: func(id int64) (State, bool) {
		w, err := s.watch(id)
		if err != nil {
			return nil, false
		}
		_, state := w.snapshot()
		return state, true
	}}
}

// read evaluates a monitor's query over the window that ends at end.
func (m *monitor) read(ctx context.Context, w world, end int64) ([]Reading, error) {
	readings, err := m.query.ask(ctx, w, end)
	if err != nil || !m.fullWindow || len(readings) == 0 {
		return readings, err
	}
	// A window is filled when the data goes back to its beginning: the group
	// is there in a window that ends just after this one begins.
	before, err := m.query.ask(ctx, w, end-m.window+max(2*bucket, m.window/30))
	if err != nil {
		return nil, err
	}
	reaches := make(map[string]bool, len(before))
	for i := range before {
		reaches[groupName(before[i].Tags)] = true
	}
	for i := range readings {
		readings[i].Full = reaches[groupName(readings[i].Tags)]
	}
	return readings, nil
}

// commit makes an evaluation's outcome durable: states, events and mails in
// one transaction. The caller holds w.run.
func (s *Service) commit(w *watch, m *monitor, step Step, at int64) error {
	var letters []letter
	if len(step.Put)+len(step.Forget)+len(step.Transitions) > 0 {
		letters = s.letters(m, step.Transitions, at)
		// Not cut short when we stop: memory and disk would part.
		err := s.catalog.Update(context.Background(), func(tx *catalog.Tx) error {
			for _, name := range step.Put {
				if err := tx.Put(catalog.States, stateKey(m.id, name), step.State[name]); err != nil {
					return err
				}
			}
			for _, name := range step.Forget {
				if err := tx.Delete(catalog.States, stateKey(m.id, name)); err != nil {
					return err
				}
			}
			for i := range step.Transitions {
				if step.Transitions[i].Group.Unit {
					continue // the events of its members say it
				}
				e := s.event(m, &step.Transitions[i])
				if err := tx.AddEvent(&e); err != nil {
					return err
				}
			}
			return post(tx, letters)
		})
		if err != nil {
			return errors.Join(err, s.reload(w, m.id))
		}
	}
	w.mu.Lock()
	w.state = step.State
	w.mu.Unlock()
	s.stats.transitions.Add(int64(len(step.Transitions)))
	s.handOver(letters)
	return nil
}

// reload takes a monitor's state from the catalog again, after a write of
// which we don't know how far it came.
func (s *Service) reload(w *watch, id int64) error {
	return s.catalog.View(func(tx *catalog.Tx) error {
		state, err := loadState(tx, id)
		if err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for name, g := range state {
			if old, ok := w.state[name]; ok {
				g.LastData, g.Value = old.LastData, old.Value
				state[name] = g
			}
		}
		w.state = state
		return nil
	})
}
