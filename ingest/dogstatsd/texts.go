package dogstatsd

import (
	"encoding/binary"
	"sync"
)

// texts is a queue of contexts as they were sent: a name, tags and a container
// each, behind their lengths, in chunks that are never copied.
type texts struct {
	chunks [][]byte
	size   int // bytes in all
}

const chunkLen = 64 << 10

func (q *texts) add(name, tags, container []byte) {
	need := len(name) + len(tags) + len(container) + 3*binary.MaxVarintLen32
	if n := len(q.chunks); n == 0 || cap(q.chunks[n-1])-len(q.chunks[n-1]) < need {
		q.chunks = append(q.chunks, make([]byte, 0, max(need, chunkLen)))
	}
	chunk := &q.chunks[len(q.chunks)-1]
	before := len(*chunk)
	for _, text := range [...][]byte{name, tags, container} {
		*chunk = append(binary.AppendUvarint(*chunk, uint64(len(text))), text...)
	}
	q.size += len(*chunk) - before
}

// next takes the oldest. There must be one.
func (q *texts) next() spelling {
	for len(q.chunks[0]) == 0 {
		q.chunks[0] = nil // read: its memory may go
		q.chunks = q.chunks[1:]
	}
	one := func() string {
		length, n := binary.Uvarint(q.chunks[0])
		text := string(q.chunks[0][n:][:length])
		q.chunks[0] = q.chunks[0][n+int(length):]
		return text
	}
	return spelling{one(), one(), one()}
}

// pages lends pages of accumulators to the sides of all tables.
type pages struct {
	mu   sync.Mutex
	free []*sums
}

func (p *pages) get() *sums {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		page := p.free[n-1]
		p.free[n-1] = nil
		p.free = p.free[:n-1]
		return page
	}
	return new(sums)
}

func (p *pages) put(list []*sums) {
	p.mu.Lock()
	p.free = append(p.free, list...)
	p.mu.Unlock()
}

// trim keeps no more than so many pages.
func (p *pages) trim(keep int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) > keep {
		clear(p.free[keep:])
		p.free = p.free[:keep]
	}
}
