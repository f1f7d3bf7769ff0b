package agent

import (
	"hash/maphash"
	"sync"
	"time"
)

// repeats remembers the bodies of sketch payloads. An agent repeats a payload
// byte for byte when it didn't hear our answer, and sketches must not be
// merged twice.
type repeats struct {
	seed   maphash.Seed
	mu     sync.Mutex
	bodies map[uint64]time.Time
}

// repeatWindow is how long a body is remembered: agents give up or succeed
// within some minutes.
const repeatWindow = 15 * time.Minute

func newRepeats() *repeats {
	return &repeats{seed: maphash.MakeSeed(), bodies: map[uint64]time.Time{}}
}

// known reports whether body was taken before.
func (r *repeats) known(body []byte, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.bodies[maphash.Bytes(r.seed, body)]
	return ok && now.Sub(at) < repeatWindow
}

// add remembers a body that has been taken.
func (r *repeats) add(body []byte, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.bodies) >= 10_000 {
		for hash, at := range r.bodies {
			if now.Sub(at) >= repeatWindow {
				delete(r.bodies, hash)
			}
		}
	}
	if len(r.bodies) < 100_000 {
		r.bodies[maphash.Bytes(r.seed, body)] = now
	}
}

// once calls take unless the same body was taken before.
func (in *Intake) once(body []byte, take func() (int, error)) (int, error) {
	now := in.now()
	if in.repeats.known(body, now) {
		in.counts.repeated.Add(1)
		return 0, nil
	}
	kept, err := take()
	if err == nil {
		in.repeats.add(body, now)
	}
	return kept, err
}
