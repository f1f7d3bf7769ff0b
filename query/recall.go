package query

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/whippet-obs/whippet/store"
)

// Leaf describes a part of a query whose rows may be remembered: a selection that
// is rolled up in time, and perhaps aggregated over its series.
type Leaf struct {
	Key  string // says all that its values depend on, but for the range and the step
	Grid Grid
	From int64 // ms; of the first sample read for the whole grid

	// A step's values depend on samples from Before ms before it to After ms after
	// it.
	Before, After int64
	// Adapts: also on each series' own interval, which widens the window of Size ms
	// or says which samples are near it, and on samples further back. Facts of each
	// series and step are noted.
	Adapts bool
	Size   int64
	// AllSeries: also on which series there are, be it without samples.
	AllSeries bool
}

// Memo is what is remembered of a leaf while it is evaluated.
type Memo struct {
	leaf      Leaf
	selection *Selection
	memory    *memory // nil: nothing is remembered
	key       string

	old   *remembered // nil: nothing is known
	first int         // the first step to compute
	from  int64       // ms; samples that it takes are of this time or later
	tail  *store.SeriesSet
	at    []int32 // of each series: its place in old; -1: it was not there

	touched map[int32]bool // places in old of series that samples came to out of order
	whole   []bool         // series that are read from the leaf's From on
	facts   []facts        // of each series

	mu    sync.Mutex
	reach []int64 // of each step computed
	until int64
}

// errStale is why a leaf must be computed from the beginning after all.
var errStale = errors.New("what is remembered no longer holds")

// longestSilence is how long after its last sample (ms) a series is taken for
// living: its next one is waited for before a step counts as closed.
const longestSilence = 15 * 60_000

// Recall looks up what is remembered of a leaf over this selection.
func (s *Selection) Recall(leaf Leaf) *Memo {
	m := &Memo{leaf: leaf, selection: s}
	g := leaf.Grid
	if leaf.Key == "" || s.run.forgetful || s.run.engine.memory.most == 0 || g.Edges != nil || g.Len() < 3 || len(s.Series) == 0 || !s.Simple() {
		return m
	}
	m.memory = s.run.engine.memory
	m.key = leaf.Key + "\x00" + strconv.FormatInt(g.Step, 10) + "\x00" + strconv.FormatInt(g.Start%g.Step, 10)
	m.facts = make([]facts, len(s.Series))
	m.at = make([]int32, len(s.Series))
	m.whole = make([]bool, len(s.Series))
	m.start()
	if old := m.memory.get(m.key); old != nil && g.Start >= old.start && g.Start <= old.end && g.End >= old.asked && m.match(old) {
		m.use(old)
	}
	s.memo = m
	return m
}

// start forgets what was known and found out.
func (m *Memo) start() {
	m.old, m.tail, m.first, m.from, m.until = nil, nil, 0, m.leaf.From, math.MinInt64
	for i := range m.facts {
		// Newer samples are not seen yet, and will be new the next time.
		last := min(m.selection.Series[i].Last, m.leaf.Grid.End+m.leaf.After)
		m.facts[i] = facts{ref: m.selection.Series[i].Ref, last: last, Facts: Facts{Low: math.MinInt64, High: math.MaxInt64, Open: math.MaxInt64}}
		m.at[i], m.whole[i] = -1, true
	}
	m.reach = nil
}

// match finds the series of the selection among those of old, and says whether
// the steps kept still hold as far as can be told before reading.
func (m *Memo) match(old *remembered) bool {
	series := m.selection.Series
	var index map[store.Ref]int32
	indexed := func() map[store.Ref]int32 {
		if index == nil {
			index = make(map[store.Ref]int32, len(old.series))
			for k := range old.series {
				index[old.series[k].ref] = int32(k)
			}
		}
		return index
	}
	found := make([]bool, len(old.series))
	m.touched = map[int32]bool{}
	next := 0
	for i := range series {
		k := -1
		if next < len(old.series) && old.series[next].ref == series[i].Ref {
			k = next
		} else if at, ok := indexed()[series[i].Ref]; ok {
			k = int(at)
		}
		m.at[i] = int32(k)
		if k < 0 {
			if m.leaf.AllSeries {
				return false
			}
			continue
		}
		found[k], next = true, k+1
		var before store.Tags
		if old.hostTags != nil {
			before = old.hostTags[k]
		}
		if !slices.Equal(before, series[i].HostTags) {
			return false
		}
	}
	for k, ok := range found { // their samples must be gone by, too
		if !ok && (m.leaf.AllSeries || old.series[k].last >= m.leaf.From) {
			return false
		}
	}
	if old.reach != nil {
		for _, t := range old.reach[(m.leaf.Grid.Start-old.start)/m.leaf.Grid.Step:] {
			if t < m.leaf.From { // it would not be read any more
				return false
			}
		}
	}
	holds := true
	complete := m.selection.run.engine.db.Changes(old.mark, func(ref store.Ref, at int64) {
		if k, ok := indexed()[ref]; ok {
			holds = holds && at > max(old.closed, old.until)
			m.touched[k] = true
		}
	})
	return complete && holds
}

// use makes old what is known.
func (m *Memo) use(old *remembered) {
	g, series := m.leaf.Grid, m.selection.Series
	m.old = old
	m.first = min(int((old.end-g.Start)/g.Step)+1, g.Len()-1)
	m.from = g.At(m.first) - m.leaf.Before
	if m.leaf.Adapts {
		for i := range series {
			if last := min(series[i].Last, g.End); last >= g.End-longestSilence {
				m.from = min(m.from, last-old.span*5/4)
			}
		}
	}
	m.from = max(m.from, m.leaf.From)
	m.tail = m.selection.set.Since(m.from)
	m.until = old.until
}

// Try evaluates the leaf on the steps that are not known. When it turns out that
// the others do not hold either, it evaluates it again on all of them.
func (m *Memo) Try(fn func(g Grid) error) error {
	err := fn(m.rest())
	if !errors.Is(err, errStale) {
		return err
	}
	m.memory.stale.Add(1)
	m.memory.forget(m.key)
	m.start()
	return fn(m.rest())
}

// rest is the grid of the steps to compute.
func (m *Memo) rest() Grid {
	g := m.leaf.Grid
	if m.first > 0 {
		g.Start = g.At(m.first)
	}
	return g
}

// On reports whether rows are remembered.
func (m *Memo) On() bool { return m.memory != nil }

// Adapts reports whether facts and reach are to be noted.
func (m *Memo) Adapts() bool { return m.leaf.Adapts }

// From is the time (ms) before which the samples of series i were not read but
// would be for the whole grid; math.MinInt64 when there are none.
func (m *Memo) From(i int) int64 {
	if m.whole[i] || m.selection.Series[i].First >= m.from {
		return math.MinInt64
	}
	return m.from
}

// source decides what is read of series i; nil for nothing, when none of its
// samples matter to the steps to compute.
func (m *Memo) source(i int, b *buffers) (*store.SeriesSet, error) {
	s, now := m.selection, &m.selection.Series[i]
	if m.old == nil {
		return s.set, nil
	}
	m.whole[i] = true
	k := m.at[i]
	if k < 0 { // its samples must all be new
		if now.First <= m.old.closed {
			if err := m.quiet(i, math.MinInt64, b); err != nil {
				return nil, err
			}
		}
		if now.First < m.from {
			return s.set, nil
		}
		m.whole[i] = false
		return m.tail, nil
	}
	known := &m.old.series[k]
	m.facts[i].Facts = known.Facts
	switch {
	case m.same(i):
		if m.leaf.Adapts && known.Enough < m.leaf.From {
			return s.set, nil
		}
		if known.last < m.from && !m.leaf.AllSeries && (!m.leaf.Adapts || known.last <= m.leaf.Grid.At(m.first)-m.leaf.Size-known.Near) {
			return nil, nil
		}
	case m.leaf.Adapts && known.Open <= m.old.end:
		return nil, errStale
	case known.last < m.old.closed:
		if err := m.quiet(i, known.last, b); err != nil {
			return nil, err
		}
		if known.last < m.from {
			return s.set, nil
		}
	}
	m.whole[i] = false
	return m.tail, nil
}

// same reports whether the samples of series i are those that there were.
func (m *Memo) same(i int) bool {
	k := m.at[i]
	return m.old != nil && k >= 0 && m.selection.Series[i].Last == m.old.series[k].last && !m.touched[k]
}

// quiet makes sure that nothing came to the steps kept: no sample of series i
// after a time.
func (m *Memo) quiet(i int, after int64, b *buffers) error {
	if err := m.selection.set.Read(i, &b.one); err != nil {
		return err
	}
	for _, t := range b.one.Times {
		if t > after && t <= m.old.closed {
			return errStale
		}
	}
	return m.selection.account(int64(len(b.one.Times)))
}

// ReadWhole reads series i again, from the leaf's From on.
func (m *Memo) ReadWhole(i int, c *store.Columns) error {
	m.whole[i] = true
	if err := m.selection.set.Read(i, c); err != nil {
		return err
	}
	return m.selection.account(int64(len(c.Times)))
}

// Known are the facts of series i, if they still hold.
func (m *Memo) Known(i int) (f Facts, ok bool) {
	if !m.same(i) {
		return f, false
	}
	f = m.old.series[m.at[i]].Facts
	return f, f.Enough >= m.leaf.From
}

// Note keeps what was found out about series i, on the steps computed.
func (m *Memo) Note(i int, f Facts) error {
	if m.old != nil && m.at[i] >= 0 {
		known := &m.old.series[m.at[i]]
		if m.leaf.Adapts && (f.Near <= known.Low || f.Near > known.High) {
			return errStale
		}
		f.Seen = max(f.Seen, known.Seen)
		f.Low, f.High = max(f.Low, known.Low), min(f.High, known.High)
		if known.Open <= m.old.end {
			f.Open = min(f.Open, known.Open)
		}
	}
	m.facts[i].Facts = f
	return nil
}

// Reached keeps, of each step computed, the oldest sample that it depends on, and
// the last of the samples that were looked at ahead of one.
func (m *Memo) Reached(steps []int64, ahead int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.until = max(m.until, ahead)
	if m.reach == nil {
		m.reach = slices.Clone(steps)
		return
	}
	for i, t := range steps {
		m.reach[i] = min(m.reach[i], t)
	}
}

// Seen reports whether series i has a sample in the range of the whole grid.
func (m *Memo) Seen(i int) bool { return m.facts[i].Seen >= m.leaf.From && m.facts[i].Seen != 0 }

// Newest is the time of the newest sample of series i in the range of the whole
// grid, of which the newest read is at, 0 for none; and keeps it.
func (m *Memo) Newest(i int, at int64) int64 {
	if m.memory == nil {
		return at
	}
	m.facts[i].Seen = max(m.facts[i].Seen, at)
	if !m.Seen(i) {
		return 0
	}
	return m.facts[i].Seen
}

// Row is the row of a key on the whole grid; rest is what was computed of it, nil
// for nothing. The result is nil when there is nothing of it at all.
func (m *Memo) Row(key string, rest []float64) []float64 {
	if m.first == 0 {
		return rest
	}
	known := m.old.rows[key]
	if known == nil && rest == nil {
		return nil
	}
	g := m.leaf.Grid
	row := make([]float64, g.Len())
	for i := range row {
		row[i] = math.NaN()
	}
	if known != nil {
		copy(row[:m.first], known[(g.Start-m.old.start)/g.Step:])
	}
	if rest != nil {
		copy(row[m.first:], rest)
	}
	return row
}

// Keep remembers the closed steps of rows, by their keys.
func (m *Memo) Keep(rows map[string][]float64) {
	if m.memory == nil {
		return
	}
	if m.old != nil {
		m.memory.hits.Add(1)
	} else {
		m.memory.misses.Add(1)
	}
	s, g := m.selection, m.leaf.Grid
	if len(s.set.Warnings()) > 0 || m.tail != nil && len(m.tail.Warnings()) > 0 {
		return // something could not be read
	}
	r := &remembered{key: m.key, start: g.Start, asked: g.End, mark: s.mark, series: m.facts, until: m.until, rows: make(map[string][]float64, len(rows))}
	open := g.End + m.leaf.After
	for i := range s.Series {
		f := &m.facts[i]
		if f.last >= g.End-longestSilence {
			open = min(open, f.last-1)
			if m.leaf.Adapts {
				r.span = max(r.span, f.last-f.Enough)
			}
		}
		if len(s.Series[i].HostTags) > 0 && r.hostTags == nil {
			r.hostTags = make([]store.Tags, len(s.Series))
		}
		if r.hostTags != nil {
			r.hostTags[i] = s.Series[i].HostTags
		}
	}
	if m.old != nil {
		r.span = max(r.span, m.old.span)
	}
	r.span = min(r.span, g.End-g.Start)
	steps := min(int((open-m.leaf.After-g.Start)/g.Step)+1, g.Len())
	if open-m.leaf.After < g.Start || steps < 2 {
		return
	}
	r.end = g.At(steps - 1)
	r.closed = r.end + m.leaf.After
	if m.leaf.Adapts {
		if m.old != nil {
			r.reach = append(r.reach, m.old.reach[(g.Start-m.old.start)/g.Step:][:m.first]...)
		}
		for len(r.reach)+len(m.reach) < g.Len() { // no series was read
			r.reach = append(r.reach, math.MaxInt64)
		}
		r.reach = append(r.reach, m.reach...)[:steps]
	}
	r.bytes = int64(len(m.key)) + int64(len(m.facts))*96 + int64(len(r.reach))*8
	for key, values := range rows {
		r.rows[key] = slices.Clone(values[:steps])
		r.bytes += int64(len(key)) + 64 + 8*int64(steps)
	}
	m.memory.put(r)
}
