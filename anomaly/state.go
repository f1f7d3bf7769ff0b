package anomaly

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The states of detectors as bytes: fixed-size values one after the other,
// little endian, lists with their length before them.

const stateVersion = 1

// appendFixed appends values of fixed size, little endian.
func appendFixed(b []byte, values ...any) []byte {
	for _, v := range values {
		b, _ = binary.Append(b, binary.LittleEndian, v) // fails only for types of no fixed size
	}
	return b
}

type stateReader struct {
	rest []byte
	err  error
}

func (r *stateReader) read(values ...any) {
	for _, v := range values {
		if r.err != nil {
			return
		}
		n, err := binary.Decode(r.rest, binary.LittleEndian, v)
		r.rest, r.err = r.rest[n:], err
	}
}

// finite refuses values that no detector learns.
func (r *stateReader) finite(x float64) bool {
	if r.err == nil && !present(x) {
		r.err = errors.New("a value that is not finite")
	}
	return r.err == nil
}

// length reads a list's length, at most most.
func (r *stateReader) length(most int) int {
	var n int32
	r.read(&n)
	if r.err == nil && (n < 0 || int(n) > most) {
		r.err = fmt.Errorf("a list of %d, at most %d are allowed", n, most)
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

func (b *basic) appendState(out []byte) []byte {
	out = appendFixed(out, int32(b.n), b.shift, b.sum, b.square)
	for i := range b.n {
		at := (b.oldest + i) % b.window
		out = appendFixed(out, b.ages[at], b.values[at])
	}
	return out
}

func (b *basic) restore(r *stateReader) {
	n := r.length(b.window)
	var shift, sum, square float64
	r.read(&shift, &sum, &square)
	b.n, b.oldest, b.sorted = 0, 0, b.sorted[:0]
	for range n {
		var index int64
		var x float64
		if r.read(&index, &x); !r.finite(x) {
			return
		}
		b.add(index, x)
	}
	b.shift, b.sum, b.square = shift, sum, square
}

// seasonalState is what a seasonal detector holds beside its lists.
type seasonalState struct {
	First, Last  int64
	Current      int64
	Sum          float64
	Added        int64
	Season       float64
	HasValue     bool
	N, Residuals int64
	Trend, Scale float64
}

func (s *seasonal) appendState(b []byte) []byte {
	b = appendFixed(b, seasonalState{
		s.first, s.last, int64(s.current), s.sum, int64(s.added), s.season, s.hasValue, s.n, s.residuals, s.trend, s.scale,
	})
	b = s.tail.appendState(b)
	for _, p := range s.phase {
		b = appendFixed(b, p.scale, p.n)
	}
	b = appendFixed(b, int32(len(s.recent.values)))
	for i := range s.recent.values {
		b = appendFixed(b, s.recent.values[(s.recent.oldest+i)%len(s.recent.values)])
	}
	for bucket, n := range s.counts {
		b = append(b, n)
		for i := range int(n) { // from the oldest
			at := (int(s.next[bucket]) + s.keep - int(n) + i) % s.keep
			b = appendFixed(b, s.rings[bucket*s.keep+at])
		}
	}
	return b
}

func (s *seasonal) restore(r *stateReader) {
	var f seasonalState
	r.read(&f)
	s.tail.restore(r)
	for i := range s.phase {
		r.read(&s.phase[i].scale, &s.phase[i].n)
	}
	n := r.length(cap(s.recent.values))
	s.recent.reset()
	for range n {
		var x float64
		if r.read(&x); !r.finite(x) {
			return
		}
		s.recent.add(x)
	}
	for bucket := range s.counts {
		var n uint8
		if r.read(&n); int(n) > s.keep && r.err == nil {
			r.err = fmt.Errorf("%d seasons in a bucket, at most %d are kept", n, s.keep)
		}
		if r.err != nil {
			return
		}
		r.read(s.rings[bucket*s.keep : bucket*s.keep+int(n)])
		s.counts[bucket], s.next[bucket] = n, uint8(int(n)%s.keep)
	}
	if r.err == nil && (f.Current < -1 || f.Current >= int64(s.buckets) || f.Current < 0 && f.Added > 0) {
		r.err = errors.New("a place outside the seasons")
	}
	if r.err != nil {
		return
	}
	s.first, s.last, s.current, s.sum, s.added = f.First, f.Last, int(f.Current), f.Sum, int(f.Added)
	s.season, s.hasValue, s.n, s.residuals, s.trend, s.scale = f.Season, f.HasValue, f.N, f.Residuals, f.Trend, f.Scale
}

func (t *tail) appendState(b []byte) []byte {
	return appendFixed(b, t.weight, t.total, t.beyond, int32(t.at), t.bins[:])
}

func (t *tail) restore(r *stateReader) {
	var at int32
	r.read(&t.weight, &t.total, &t.beyond, &at, t.bins[:])
	if r.err == nil && (at < 0 || at >= tailBins) {
		r.err = errors.New("a place outside the histogram")
	}
	if r.err != nil {
		return
	}
	if t.at, t.edge = int(at), 0; t.total > 0 {
		t.edge = binEdge(t.at)
	}
}

// AppendState appends the scorer's state to b, in a form for Restore.
func (c *Calibrated) AppendState(b []byte) []byte {
	b = appendFixed(append(b, stateVersion), c.n, c.errors[:], c.low, c.high, c.onset)
	for _, w := range []*ewma{&c.fast, &c.slow, &c.recent, &c.past} {
		b = appendFixed(b, w.mean, w.variance, w.n)
	}
	for _, p := range []*profile{&c.daily, &c.weekly} {
		b = appendFixed(b, int64(p.current), p.sum, p.n, p.means)
	}
	b = appendFixed(b, c.shape.seen, c.shape.total, c.shape.weight, &c.shape.cells, &c.shape.counts)
	for i := range c.channels {
		b = c.channels[i].below.appendState(c.channels[i].above.appendState(b))
	}
	return b
}

// Restore takes over a state that AppendState wrote.
func (c *Calibrated) Restore(state []byte) error {
	if len(state) < 1 || state[0] != stateVersion {
		return errors.New("restore scorer: not a state of this version")
	}
	r := &stateReader{state[1:], nil}
	r.read(&c.n, c.errors[:], &c.low, &c.high, &c.onset)
	for _, w := range []*ewma{&c.fast, &c.slow, &c.recent, &c.past} {
		r.read(&w.mean, &w.variance, &w.n)
	}
	for _, p := range []*profile{&c.daily, &c.weekly} {
		var current int64
		r.read(&current, &p.sum, &p.n, p.means)
		if r.err == nil && (current < -1 || current >= int64(len(p.means)) || current < 0 && p.n > 0) {
			r.err = errors.New("a place outside the profile")
		}
		p.current = int(current)
	}
	r.read(&c.shape.seen, &c.shape.total, &c.shape.weight, &c.shape.cells, &c.shape.counts)
	if r.err == nil && c.shape.seen < 0 {
		r.err = errors.New("a negative count")
	}
	for i := range c.channels {
		c.channels[i].above.restore(r)
		c.channels[i].below.restore(r)
	}
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("%d bytes too many", len(r.rest))
	}
	if r.err != nil {
		return fmt.Errorf("restore scorer: %w", r.err)
	}
	return nil
}
