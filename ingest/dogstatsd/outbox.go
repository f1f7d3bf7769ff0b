package dogstatsd

import (
	"context"
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

		rejected, err := o.append(ctx, b)

		o.mu.Lock()
		if err != nil {
			o.batches = append([]*store.Batch{b}, o.batches...)
			o.waiting += size(b)
			o.mu.Unlock()
			return err
		}
		o.written += uint64(size(b) - rejected.Future - rejected.Old)
		o.rejected.Future += rejected.Future
		o.rejected.Old += rejected.Old
		o.mu.Unlock()
	}
}

// count returns how many samples wait.
func (o *outbox) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waiting
}
