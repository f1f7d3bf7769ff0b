package span

import (
	"cmp"
	"container/heap"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Order is how found spans are sorted.
type Order uint8

const (
	// Newest first, by start.
	Newest Order = iota
	// Oldest first, by start.
	Oldest
	// Slowest first, by duration.
	Slowest
)

// Query asks for spans that start in [From, To] and match Filter.
type Query struct {
	From, To int64 // ns, both inclusive
	Filter   Filter
	Order    Order
	Limit    int // 0: 100
	// After continues a search: the answer begins behind this place.
	After *Place
}

// Place is where a span stands in the order of a search.
type Place struct {
	By int64  // its start or duration
	ID uint64 // its id
}

// Found is what a search found.
type Found struct {
	Spans    []*Span
	Warnings []string // why the answer may be partial
}

// view is the heads and segments of one moment.
type view struct {
	s        *Store
	heads    []*head
	segments []*segment

	mu       sync.Mutex
	warnings []string
}

func (s *Store) view() *view {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v := &view{s: s}
	if s.sealing != nil {
		v.heads = append(v.heads, s.sealing)
	}
	v.heads = append(v.heads, s.head)
	for _, seg := range s.segments {
		seg.acquire()
		v.segments = append(v.segments, seg)
	}
	for _, name := range s.broken {
		v.warnings = append(v.warnings, "span segment "+name+" can't be read: spans may be missing")
	}
	return v
}

func (v *view) close() {
	for _, seg := range v.segments {
		if err := seg.release(); err != nil {
			v.s.log.Error("release a span segment", "err", err)
		}
	}
}

func (v *view) warn(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if text := err.Error(); len(v.warnings) < 20 && !slices.Contains(v.warnings, text) {
		v.warnings = append(v.warnings, text)
	}
}

// Trace returns the spans of a trace, ordered by start, each once. An id whose
// high half is zero finds a trace by the low half.
func (s *Store) Trace(ctx context.Context, id TraceID) ([]*Span, error) {
	v := s.view()
	defer v.close()
	var found []*Span
	for _, h := range v.heads {
		found = append(found, h.trace(id)...)
	}
	for _, seg := range v.segments {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, i := range seg.blocksOf(id) {
			b, err := seg.block(s.small, i)
			if err != nil {
				v.warn(err)
				continue
			}
			ids, err := s.small.idsOf(b)
			if err != nil {
				return nil, err
			}
			var at []int
			for place := range ids {
				if sameTrace(ids[place].trace, id) {
					at = append(at, place)
				}
			}
			if len(at) == 0 {
				continue
			}
			spans, err := s.small.spans(b, at)
			if err != nil {
				return nil, err
			}
			found = append(found, spans...)
		}
	}
	return once(found), nil
}

// once drops copies: a tracer that heard no answer sends a trace again.
func once(spans []*Span) []*Span {
	slices.SortStableFunc(spans, func(a, b *Span) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.ID, b.ID)) })
	seen := make(map[uint64]bool, len(spans))
	return slices.DeleteFunc(spans, func(s *Span) bool {
		if seen[s.ID] {
			return true
		}
		seen[s.ID] = true
		return false
	})
}

// candidate is a span that matched, and where it is.
type candidate struct {
	by   int64 // its rank: the greater, the earlier in the answer
	id   uint64
	span *Span // when it was in a head
	b    *block
	at   int
}

func (a candidate) before(b candidate) bool { return a.by > b.by || a.by == b.by && a.id > b.id }

// best keeps the first limit candidates; its root is the last of them.
type best struct {
	list []candidate
	most int
}

func (h *best) Len() int           { return len(h.list) }
func (h *best) Less(i, j int) bool { return h.list[j].before(h.list[i]) }
func (h *best) Swap(i, j int)      { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *best) Push(x any)         { h.list = append(h.list, x.(candidate)) }
func (h *best) Pop() any {
	last := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return last
}

func (h *best) add(c candidate) {
	switch {
	case len(h.list) < h.most:
		heap.Push(h, c)
	case c.before(h.list[0]):
		h.list[0] = c
		heap.Fix(h, 0)
	}
}

// full reports whether nothing that ranks at most by can get in any more.
func (h *best) full(by int64) bool { return len(h.list) == h.most && by < h.list[0].by }

// rank is the value that candidates are ordered by, made so that more is earlier.
func (o Order) rank(start, duration int64) int64 {
	switch o {
	case Oldest:
		return -start
	case Slowest:
		return duration
	default:
		return start
	}
}

// bound is the greatest rank in a block or segment.
func (o Order) bound(from, to, longest int64) int64 {
	switch o {
	case Oldest:
		return -from
	case Slowest:
		return longest
	default:
		return to
	}
}

// PlaceOf is the place of a found span, to go on behind it.
func (q *Query) PlaceOf(s *Span) Place { return Place{q.Order.rank(s.Start, s.Duration), s.ID} }

// Search returns the spans that match, in the order asked for.
func (s *Store) Search(ctx context.Context, q Query) (*Found, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	v := s.view()
	defer v.close()
	top := &best{most: q.Limit}
	admits := func(by int64, id uint64) bool {
		return q.After == nil || by < q.After.By || by == q.After.By && id < q.After.ID
	}
	for _, h := range v.heads {
		for _, sp := range h.snapshot() {
			if by := q.Order.rank(sp.Start, sp.Duration); sp.Start >= q.From && sp.Start <= q.To && !top.full(by) && admits(by, sp.ID) && q.Filter.match((*spanSubject)(sp)) {
				top.add(candidate{by: by, id: sp.ID, span: sp})
			}
		}
	}
	type work struct {
		seg   *segment
		i     int
		bound int64
	}
	var blocks []work
	for _, seg := range v.segments {
		if seg.to < q.From || seg.from > q.To {
			continue
		}
		for i := range seg.blocks {
			b := &seg.blocks[i]
			if b.to >= q.From && b.from <= q.To && q.Filter.matchBlock(b) != no {
				blocks = append(blocks, work{seg, i, q.Order.bound(b.from, b.to, b.maxDuration)})
			}
		}
	}
	slices.SortFunc(blocks, func(a, b work) int { return cmp.Compare(b.bound, a.bound) })

	var mu sync.Mutex // guards top
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(blocks)) {
		group.Go(func() error {
			scan := scanner{store: s, filter: &q.Filter}
			for {
				i := int(next.Add(1)) - 1
				if i >= len(blocks) {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				w := blocks[i]
				mu.Lock()
				done := top.full(w.bound)
				mu.Unlock()
				if done {
					return nil
				}
				err := scan.block(w.seg, w.i, q.From, q.To, func(r *row) error {
					by := q.Order.rank(r.start, r.duration)
					mu.Lock()
					defer mu.Unlock()
					if top.full(by) {
						return nil
					}
					if id := scan.ids().id; scan.failed == nil && admits(by, id) {
						top.add(candidate{by: by, id: id, b: scan.b, at: scan.at})
					}
					return nil
				})
				if err != nil {
					v.warn(err)
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	spans, err := s.fetch(top.list)
	return &Found{Spans: spans, Warnings: v.warnings}, err
}

// fetch decodes the candidates in their order; those of one block at once.
func (s *Store) fetch(list []candidate) ([]*Span, error) {
	slices.SortFunc(list, func(a, b candidate) int {
		switch {
		case a.before(b):
			return -1
		case b.before(a):
			return 1
		}
		return 0
	})
	spans := make([]*Span, len(list))
	byBlock := map[*block][]int{}
	for i, c := range list {
		if spans[i] = c.span; c.b != nil {
			byBlock[c.b] = append(byBlock[c.b], i)
		}
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for b, wanted := range byBlock {
		group.Go(func() error {
			at := make([]int, len(wanted))
			for k, i := range wanted {
				at[k] = list[i].at
			}
			decoded, err := s.small.spans(b, at)
			if err != nil {
				return err
			}
			for k, i := range wanted {
				spans[i] = decoded[k]
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return spans, nil
}

// Match is a span that Each shows. It is valid until the call returns.
type Match struct {
	*Kind
	Start, Duration int64
	subject         subject
}

// Tag is the value of a field or tag as text; ok is false when the span has none.
func (m *Match) Tag(field string) (value string, ok bool) {
	switch field {
	case FieldTrace:
		return m.subject.ids().trace.String(), true
	}
	if value, ok := ofKind(m.Kind, field); ok {
		return value, value != ""
	}
	return m.subject.tag(field)
}

// Trace is the trace the span belongs to.
func (m *Match) Trace() TraceID { return m.subject.ids().trace }

// Each calls fn for every span that starts in [from, to] and matches, in no
// order, from one goroutine.
func (s *Store) Each(ctx context.Context, from, to int64, filter Filter, fn func(*Match)) (warnings []string, err error) {
	v := s.view()
	defer v.close()
	for _, h := range v.heads {
		for _, sp := range h.snapshot() {
			if sp.Start >= from && sp.Start <= to && filter.match((*spanSubject)(sp)) {
				fn(&Match{Kind: &sp.Kind, Start: sp.Start, Duration: sp.Duration, subject: (*spanSubject)(sp)})
			}
		}
	}
	scan := scanner{store: s, filter: &filter}
	for _, seg := range v.segments {
		if seg.to < from || seg.from > to {
			continue
		}
		for i := range seg.blocks {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if b := &seg.blocks[i]; b.to < from || b.from > to || filter.matchBlock(b) == no {
				continue
			}
			err := scan.block(seg, i, from, to, func(r *row) error {
				fn(&Match{Kind: scan.kind(), Start: r.start, Duration: r.duration, subject: &scan})
				return nil
			})
			if err != nil {
				v.warn(err)
			}
		}
	}
	return v.warnings, nil
}

// spanSubject is a whole span being matched.
type spanSubject Span

func (s *spanSubject) kind() *Kind     { return &s.Kind }
func (s *spanSubject) duration() int64 { return s.Duration }
func (s *spanSubject) ids() spanIDs    { return spanIDs{s.Trace, s.ID, s.Parent} }
func (s *spanSubject) tag(key string) (string, bool) {
	i, ok := (*Span)(s).find(key)
	if !ok {
		return "", false
	}
	return s.Tags[i].Value(), true
}

// scanner matches the spans of a block, decoding only what the filter asks
// for. It is the subject being matched: the span number at of block b.
type scanner struct {
	store  *Store
	filter *Filter

	b       *block
	rows    []row
	answers []answer
	at      int
	idList  []spanIDs
	columns *openedColumns
	values  map[string][]*columnValues
	failed  error
}

// block calls fn for the spans of a block that match, with at set.
func (s *scanner) block(seg *segment, i int, from, to int64, fn func(*row) error) error {
	b, err := seg.block(s.store.small, i)
	if err != nil {
		return err
	}
	s.b, s.idList, s.columns, s.failed = b, nil, nil, nil
	clear(s.values)
	s.answers = s.answers[:0]
	any := no
	for k := range b.kinds {
		a := s.filter.matchKind(&b.kinds[k])
		s.answers = append(s.answers, a)
		any = max(any, a)
	}
	if any == no {
		return nil
	}
	if s.rows, err = b.rows(s.rows); err != nil {
		return err
	}
	for at := range s.rows {
		r := &s.rows[at]
		a := s.answers[r.kind]
		if a == no || r.start < from || r.start > to {
			continue
		}
		s.at = at
		if a == yes || s.filter.match(s) {
			if err := fn(r); err != nil {
				return err
			}
		}
		if s.failed != nil {
			return s.failed
		}
	}
	return nil
}

func (s *scanner) ids() spanIDs {
	if s.idList == nil {
		if s.idList, s.failed = s.store.small.idsOf(s.b); s.failed != nil {
			return spanIDs{}
		}
	}
	return s.idList[s.at]
}

func (s *scanner) kind() *Kind     { return &s.b.kinds[s.rows[s.at].kind] }
func (s *scanner) duration() int64 { return s.rows[s.at].duration }

func (s *scanner) tag(key string) (string, bool) {
	columns, ok := s.values[key]
	if !ok {
		var err error
		if columns, err = s.open(key); err != nil {
			s.failed = err
			return "", false
		}
		if s.values == nil {
			s.values = map[string][]*columnValues{}
		}
		s.values[key] = columns
	}
	for _, c := range columns {
		if text, ok := c.text(s.at); ok {
			return text, true
		}
	}
	return "", false
}

// open decodes the columns of a key: one of texts, one of numbers, or both.
func (s *scanner) open(key string) (columns []*columnValues, err error) {
	c := s.store.small
	if s.columns == nil {
		if s.columns, err = c.openColumns(s.b); err != nil {
			return nil, err
		}
	}
	for _, info := range s.columns.all {
		if info.key != key {
			continue
		}
		values, err := s.columns.values(c, info)
		if err != nil {
			return nil, err
		}
		columns = append(columns, values)
	}
	return columns, nil
}
