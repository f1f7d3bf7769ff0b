package alerting

import (
	"slices"
	"sync"
	"time"
)

// limiter holds back what would drown a receiver. Nothing is lost by it: what
// is held back waits in the outbox. What was delivered counts; what is on its
// way doesn't yet, so a receiver may get a few more than the limit.
type limiter struct {
	most int // per hour and receiver; 0: no limit

	mu   sync.Mutex
	sent map[string][]int64 // ms of the last hour, ascending
}

const limitWithin = int64(time.Hour / time.Millisecond)

// wait says how long a message to receivers has to wait at now, in ms.
func (l *limiter) wait(receivers []string, now int64) (wait int64) {
	if l.most == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, to := range receivers {
		times := slices.DeleteFunc(l.sent[to], func(at int64) bool { return at <= now-limitWithin || at > now })
		if len(times) == 0 {
			delete(l.sent, to)
			continue
		}
		if l.sent[to] = times; len(times) >= l.most {
			wait = max(wait, times[len(times)-l.most]+limitWithin-now)
		}
	}
	return wait
}

// note counts a message that receivers got at now.
func (l *limiter) note(receivers []string, now int64) {
	if l.most == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent == nil {
		l.sent = map[string][]int64{}
	}
	for _, to := range receivers {
		l.sent[to] = append(l.sent[to], now)
	}
}
