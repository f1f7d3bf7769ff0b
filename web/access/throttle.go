package access

import (
	"fmt"
	"sync"
	"time"
)

// ThrottleError refuses a login because too many have failed.
type ThrottleError struct{ Wait time.Duration }

func (e *ThrottleError) Error() string {
	return fmt.Sprintf("too many logins have failed: try again in %v", e.Wait.Round(time.Second))
}

const (
	freeFailures = 5                // before one has to wait
	longestWait  = 15 * time.Minute // the wait doubles with each failure up to this
	mostThrottle = 10_000           // addresses and names remembered
)

// throttle slows down who fails again and again.
type throttle struct {
	now func() time.Time

	mu       sync.Mutex
	failures map[string]*failures
}

type failures struct {
	n    int
	last time.Time
}

// delay is how long after its last failure one has to wait.
func (f *failures) delay() time.Duration {
	if f.n < freeFailures {
		return 0
	}
	return min(longestWait, time.Second<<min(f.n-freeFailures, 20))
}

// wait is how long the slowest of some names still has to wait.
func (t *throttle) wait(names ...string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	longest := time.Duration(0)
	for _, name := range names {
		if f := t.failures[name]; f != nil {
			longest = max(longest, f.last.Add(f.delay()).Sub(t.now()))
		}
	}
	return longest
}

func (t *throttle) failed(names ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.failures) >= mostThrottle {
		for name, f := range t.failures {
			if now.Sub(f.last) > longestWait {
				delete(t.failures, name)
			}
		}
	}
	for _, name := range names {
		f := t.failures[name]
		if f == nil {
			if len(t.failures) >= mostThrottle {
				continue
			}
			f = &failures{}
			t.failures[name] = f
		}
		f.n++
		f.last = now
	}
}

func (t *throttle) forget(names ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range names {
		delete(t.failures, name)
	}
}
