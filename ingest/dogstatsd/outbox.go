package dogstatsd

import (
	"context"
	"errors"
	"sync"

	"github.com/whippet-obs/whippet/store"
)

// Bounds on samples that wait for the store.
const (
	batchSamples = 1 << 16 // of one Append
	maxWaiting   = 4 << 20 // samples kept while the store can't take any
)

// outbox holds finished batches until the store has taken them. When the store
// can't for too long, the oldest are given up and counted.
type outbox struct {
	append func(context.Context, *store.Batch) (store.Rejected, error)
	limit  int // waiting samples

	mu       sync.Mutex
	filling  *store.Batch
	batches  []*store.Batch // complete, oldest first
	waiting  int            // samples in batches
	written  uint64
	dropped  uint64
	rejected store.Rejected

	forgotten int         // samples of series that the store has forgotten
	lost      []store.Ref // those series, until somebody asks
}

func (o *outbox) batch() *store.Batch {
	if o.filling != nil && size(o.filling) >= batchSamples {
		o.sealLocked()
	}
	if o.filling == nil {
		o.filling = &store.Batch{}
	}
	return o.filling
}

func size(b *store.Batch) int { return len(b.Samples) + len(b.Sketches) }

func (o *outbox) addSample(s store.Sample) {
	o.mu.Lock()
	b := o.batch()
	b.Samples = append(b.Samples, s)
	o.mu.Unlock()
}

func (o *outbox) addSketch(s store.SketchSample) {
	o.mu.Lock()
	b := o.batch()
	b.Sketches = append(b.Sketches, s)
	o.mu.Unlock()
}

// seal completes the batch being filled.
func (o *outbox) seal() {
	o.mu.Lock()
	o.sealLocked()
	o.mu.Unlock()
}

func (o *outbox) sealLocked() {
	if o.filling == nil {
		return
	}
	o.batches = append(o.batches, o.filling)
	o.waiting += size(o.filling)
	o.filling = nil
	for o.waiting > o.limit && len(o.batches) > 1 {
		o.waiting -= size(o.batches[0])
		o.dropped += uint64(size(o.batches[0]))
		o.batches[0] = nil
		o.batches = o.batches[1:]
	}
}

// write hands the complete batches to the store, oldest first, and stops at the
// first that it does not take.
func (o *outbox) write(ctx context.Context) error {
	for {
		o.mu.Lock()
		if len(o.batches) == 0 {
			o.mu.Unlock()
			return nil
		}
		b := o.batches[0]
		o.batches[0] = nil
		o.batches = o.batches[1:]
		o.waiting -= size(b)
		o.mu.Unlock()

		n := size(b)
		rejected, forgotten, err := o.hand(ctx, b)

		o.mu.Lock()
		if err != nil {
			o.batches = append([]*store.Batch{b}, o.batches...)
			o.waiting += size(b)
			o.mu.Unlock()
			return err
		}
		o.written += uint64(n - rejected.Future - rejected.Old - forgotten)
		o.rejected.Future += rejected.Future
		o.rejected.Old += rejected.Old
		o.mu.Unlock()
	}
}

// hand gives a batch to the store. Samples of series that the store has
// forgotten, which happens to those of which it never takes any, are searched
// by halving, left out and counted: they must not hold up the others for ever.
func (o *outbox) hand(ctx context.Context, b *store.Batch) (rejected store.Rejected, forgotten int, err error) {
	rejected, err = o.append(ctx, b)
	if !errors.Is(err, store.ErrForgotten) {
		return rejected, 0, err
	}
	samples, sketches := b.Samples, b.Sketches
	if len(samples)+len(sketches) == 1 {
		o.mu.Lock()
		o.forgotten++
		for _, s := range samples {
			o.lost = append(o.lost, s.Ref)
		}
		for _, s := range sketches {
			o.lost = append(o.lost, s.Ref)
		}
		o.mu.Unlock()
		return store.Rejected{}, 1, nil
	}
	halves := [2]store.Batch{{Samples: samples[:len(samples)/2], Sketches: sketches[:len(sketches)/2]}, {Samples: samples[len(samples)/2:], Sketches: sketches[len(sketches)/2:]}}
	if len(samples) == 1 { // and one sketch
		halves = [2]store.Batch{{Samples: samples}, {Sketches: sketches}}
	}
	for i := range halves {
		if size(&halves[i]) == 0 {
			continue
		}
		r, n, err := o.hand(ctx, &halves[i])
		if err != nil {
			// What the first half has kept is kept again: the last write of a time wins.
			return store.Rejected{}, 0, err
		}
		rejected.Future += r.Future
		rejected.Old += r.Old
		forgotten += n
	}
	return rejected, forgotten, nil
}

// takeLost returns the series that the store has forgotten, since the last call.
func (o *outbox) takeLost() []store.Ref {
	o.mu.Lock()
	defer o.mu.Unlock()
	lost := o.lost
	o.lost = nil
	return lost
}

// count returns how many samples wait.
func (o *outbox) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waiting
}
