package trace

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/whippet-obs/whippet/store/span"
)

// sampler decides which traces are kept, and tells tracers how many to send.
// Every trace with an error is kept, and the slowest; the rest of a service's
// budget goes to whatever comes first in each second.
type sampler struct {
	perSecond float64 // traces a second of one service and env
	services  map[sampledService]*budget
	slow      map[resourceOwner]*quantile
	turned    int64
}

type sampledService struct{ service, env string }

type budget struct {
	tokens   float64
	at       int64   // ms, when tokens was right
	seen     float64 // traces since the last turn
	rate     float64 // that tracers are told
	lastSeen int64
}

// ratesEvery is how often the rates that tracers are told are worked out.
const ratesEvery = 10 * time.Second

// maxSampled bounds the services and operations that are told apart.
const maxSampled = 10_000

func newSampler(perSecond float64) *sampler {
	return &sampler{perSecond: perSecond, services: map[sampledService]*budget{}, slow: map[resourceOwner]*quantile{}}
}

// keep decides about a chunk; now is in ms.
func (sm *sampler) keep(c *chunk, now int64) bool {
	root := c.root()
	b := sm.services[sampledService{root.Service, root.Env}]
	if b == nil {
		if len(sm.services) >= maxSampled {
			clear(sm.services)
		}
		b = &budget{tokens: sm.perSecond, at: now, rate: 1}
		sm.services[sampledService{root.Service, root.Env}] = b
	}
	b.seen++
	b.lastSeen = now
	b.tokens = min(sm.perSecond*10, b.tokens+sm.perSecond*max(0, float64(now-b.at))/1000)
	b.at = now
	slow := sm.isSlow(root)
	if b.tokens >= 1 {
		b.tokens--
		return true
	}
	return slow || hasError(c)
}

func hasError(c *chunk) bool {
	for _, s := range c.spans {
		if s.Error {
			return true
		}
	}
	return false
}

// isSlow reports whether a root is among the slowest hundredth of its operation.
func (sm *sampler) isSlow(root *span.Span) bool {
	owner := resourceOwner{root.Env, root.Service, root.Name + "\x00" + root.Resource}
	q := sm.slow[owner]
	if q == nil {
		if len(sm.slow) >= maxSampled {
			clear(sm.slow)
		}
		q = &quantile{}
		sm.slow[owner] = q
	}
	return q.add(float64(root.Duration))
}

// quantile follows the 99th percentile of a stream in constant memory: a value
// above it raises it by 99 steps, one below lowers it by one, and a step is a
// small share of it.
type quantile struct {
	value float64
	n     int
}

func (q *quantile) add(v float64) (above bool) {
	q.n++
	if q.n < 100 { // the greatest so far
		q.value = math.Max(q.value, v)
		return false
	}
	if above = v > q.value; above {
		q.value += q.value*0.0005*99 + 1
	} else {
		q.value -= q.value * 0.0005
	}
	return above
}

// turn works out the rates that tracers are told; now is in ms.
func (sm *sampler) turn(now int64) (changed bool) {
	elapsed := float64(now-sm.turned) / 1000
	if elapsed < ratesEvery.Seconds() {
		return false
	}
	sm.turned = now
	for key, b := range sm.services {
		if now-b.lastSeen > time.Hour.Milliseconds() {
			delete(sm.services, key)
			continue
		}
		offered := b.seen / elapsed / b.rate // before the tracers' own sampling
		rate := 1.0
		if offered > sm.perSecond {
			rate = sm.perSecond / offered
		}
		changed = changed || math.Abs(rate-b.rate) > 0.01*b.rate
		b.rate, b.seen = rate, 0
	}
	return changed
}

// rates is the answer that tells tracers their sampling rates.
func (sm *sampler) rates() []byte {
	out := []byte(`{"rate_by_service":{"service:,env:":1`)
	names := make([]string, 0, len(sm.services))
	for key, b := range sm.services {
		name := appendJSONText([]byte{','}, "service:"+key.service+",env:"+key.env)
		names = append(names, string(strconv.AppendFloat(append(name, ':'), b.rate, 'g', 6, 64)))
	}
	slices.Sort(names) // tracers compare the answer with the last one
	for _, name := range names {
		out = append(out, name...)
	}
	return append(out, "}}"...)
}
