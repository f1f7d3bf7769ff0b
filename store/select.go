package store

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/index"
)

// SeriesInfo describes one selected series.
type SeriesInfo struct {
	Ref Ref
	Series
	HostTags Tags // tags of the series' host that are not its own
	First    int64
	Last     int64 // ms of the oldest and newest sample known
}

// SeriesSet is the answer to a Select: the series at once, their samples on
// demand. It sees the samples that were there when it was made. Close it.
type SeriesSet struct {
	Series []SeriesInfo

	db       *DB
	last     []float64 // value of the newest sample, by series
	from, to int64
	sealed   []*sealedFile // by number
	tiers    []*tierFile
	heads    []*head // at most two

	mu           sync.Mutex
	warnings     []string
	plans        [3][]stretch
	plansOfLasts [3][]stretch
}

// Warnings says why the answer may be partial. It grows while series are read.
func (s *SeriesSet) Warnings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.warnings)
}

func (s *SeriesSet) warn(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.warnings) < 20 && !slices.Contains(s.warnings, text) {
		s.warnings = append(s.warnings, text)
	}
}

// Last returns the newest sample of Series[i] that the store knew when the set
// was made, without reading any. ok is false when that can't answer: for a
// distribution, for a sample newer than the set's range, and for one from before
// the store was opened.
func (s *SeriesSet) Last(i int) (t int64, v float64, ok bool) {
	info := &s.Series[i]
	known := math.Float64bits(s.last[i]) != math.Float64bits(unknownValue)
	return info.Last, s.last[i], known && info.Last <= s.to
}

// Since is s without the samples before from. It is good until s is closed, and
// is not closed itself.
func (s *SeriesSet) Since(from int64) *SeriesSet {
	return &SeriesSet{
		Series: s.Series, db: s.db, last: s.last, from: max(s.from, from), to: s.to,
		sealed: s.sealed, tiers: s.tiers, heads: s.heads,
	}
}

// Close gives up the set's hold on partitions and heads.
func (s *SeriesSet) Close() {
	for _, h := range s.heads {
		if err := h.release(); err != nil {
			s.db.logger.Error("release a head", "err", err)
		}
	}
	s.heads = nil
	for _, p := range s.sealed {
		if err := p.Release(); err != nil {
			s.db.logger.Error("release a partition", "err", err)
		}
	}
	for _, t := range s.tiers {
		if err := t.Release(); err != nil {
			s.db.logger.Error("release a tier's file", "err", err)
		}
	}
	s.sealed, s.tiers = nil, nil
}

// Read decodes the samples of Series[i] into c, replacing what is there: in
// time order, one per time. A block that fails its checksum is left out and
// named in Warnings. Safe for concurrent use with different c.
//
// Where raw samples are no longer kept, c has one sample for each bucket of the
// finest tier that is, at the bucket's start: a gauge's or rate's average, the
// sum of counts, the merged sketch of a distribution. A cumulative counter has
// the last value, at the last millisecond of the bucket.
func (s *SeriesSet) Read(i int, c *Columns) error {
	c.Reset()
	info := &s.Series[i]
	r := s.db.readers.Get().(*seriesReader)
	defer s.db.readers.Put(r)
	err := r.read(s, info.Ref, s.planFor(0, false), info.Kind == Distribution, WantSum|WantLast|WantSketches, &rawSink{c, info.Kind})
	c.trim(s.from, s.to)
	return err
}

// planFor returns the plan for buckets that the first n of the tiers, from fine
// to coarse, are whole parts of; with lasts, see plan.
func (s *SeriesSet) planFor(n int, lasts bool) []stretch {
	s.mu.Lock()
	defer s.mu.Unlock()
	plan := &s.plans[n]
	if lasts {
		plan = &s.plansOfLasts[n]
	}
	if *plan == nil {
		*plan = s.plan([]int64{oneHour, fiveMinutes}[2-n:], lasts)
	}
	return *plan
}

// Tier is the width of the coarsest tier that was read so far; 0 for none.
func (s *SeriesSet) Tier() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	width := int64(0)
	for _, plan := range slices.Concat(s.plans[:], s.plansOfLasts[:]) {
		for i := range plan {
			if st := &plan[i]; st.tier != nil && (st.matches || len(st.covered) == 0) {
				width = max(width, st.tier.width)
			}
		}
	}
	return time.Duration(width) * time.Millisecond
}

// rawSink collects what is read as samples.
type rawSink struct {
	*Columns
	kind Kind
}

func (s *rawSink) takesHeader(_, _ int64) bool  { return false }
func (s *rawSink) addHeader(*chunk.Header) bool { return false }

func (s *rawSink) addRaw(c *Columns) {
	s.Times = append(s.Times, c.Times...)
	s.Values = append(s.Values, c.Values...)
	s.Sketches = append(s.Sketches, c.Sketches...)
}

func (s *rawSink) addTier(t *tierColumns, i, j int, _, _ int64) {
	for ; i < j; i++ {
		at, value := t.Start[i], 0.0
		switch s.kind {
		case Distribution:
			s.Sketches = append(s.Sketches, t.Sketches[i])
		case Cumulative:
			at, value = at+t.width-1, t.Last[i]
		default:
			sum, n := t.Sum[i], t.Count[i]
			if t.OnStart[i] != 0 {
				sum, n = sum+t.First[i], n+1
			}
			if value = sum; s.kind != Count {
				value = sum / n
			}
		}
		s.Times = append(s.Times, at)
		if s.kind != Distribution {
			s.Values = append(s.Values, value)
		}
	}
}

// Select finds the series that match sel and have samples in its range,
// ordered by name and tags.
func (db *DB) Select(ctx context.Context, sel Selector) (*SeriesSet, error) {
	// The snapshot comes first: what it holds is a subset of what the index knows.
	set := db.hold(sel.From, sel.To)
	var err error
	if set.Series, set.last, err = db.find(ctx, sel.Filter, sel.From, sel.To, sel.MaxSeries); err != nil {
		set.Close()
		return nil, err
	}
	return set, nil
}

// hold is a set of no series yet, with all that has samples in [from, to].
func (db *DB) hold(from, to int64) *SeriesSet {
	set := &SeriesSet{db: db, from: from, to: to}
	db.mu.RLock()
	defer db.mu.RUnlock()
	for _, p := range db.partitions {
		if p.day >= dayOf(from) && p.day <= dayOf(to) {
			p.Acquire()
			set.sealed = append(set.sealed, p)
		}
	}
	for _, t := range db.tiers {
		if t.MinTime <= to && t.MaxTime >= from {
			t.Acquire()
			set.tiers = append(set.tiers, t)
		}
	}
	for _, h := range []*head{db.sealing, db.head} {
		if h != nil {
			h.acquire()
			set.heads = append(set.heads, h)
		}
	}
	for _, name := range db.broken {
		_, d, raw := partitionOf(name)
		switch {
		case raw && dayOf(from) <= d && d <= dayOf(to):
			set.warn("partition " + name + " can't be read: samples of its day may be missing")
		case !raw && from < db.now().Add(-db.retentions[0].Raw).UnixMilli():
			set.warn("tier file " + name + " can't be read: days whose raw samples are gone may be missing")
		}
	}
	return set
}

// Find lists the series that match f and have samples in [from, to], without
// reading any; at most limit when limit > 0.
func (db *DB) Find(ctx context.Context, f Filter, from, to int64, limit int) ([]SeriesInfo, error) {
	found, _, err := db.find(ctx, f, from, to, 0)
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	return found, err
}

// find is Find, with the value of each series' newest sample, but refuses with
// ErrTooManySeries above most (0: no limit).
func (db *DB) find(ctx context.Context, f Filter, from, to int64, most int) ([]SeriesInfo, []float64, error) {
	matching, hostTags, err := db.match(ctx, f, from, to)
	if err != nil {
		return nil, nil, err
	}
	if n := matching.GetCardinality(); most > 0 && n > uint64(most) {
		return nil, nil, fmt.Errorf("%w: the selector matches %d, the limit is %d: narrow it with tags", ErrTooManySeries, n, most)
	}
	spans := db.states.within(matching, from, to)
	ids := make([]uint32, len(spans))
	for i := range spans {
		ids[i] = uint32(spans[i].ref)
	}
	found, last := make([]SeriesInfo, 0, len(spans)), make([]float64, 0, len(spans))
	byHost := map[string][]string{}
	db.index.Each(ids, func(i int, s index.Series) {
		span := &spans[i]
		found = append(found, SeriesInfo{
			Ref: span.ref, Series: Series{s.Name, s.Tags, Kind(s.Kind), s.Interval},
			HostTags: tagsOfHosts(s.Tags, hostTags, byHost), First: span.first, Last: span.last,
		})
		last = append(last, span.value)
	})
	return found, last, nil
}

// match returns the series that match f and had samples on the days of
// [from, to], and the hosts' tags it went by.
func (db *DB) match(ctx context.Context, f Filter, from, to int64) (*roaring.Bitmap, *catalog.HostTags, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	hostTags := db.catalog.HostTags()
	if from > to {
		return roaring.New(), hostTags, nil
	}
	matching := db.index.SeenBetween(dayOf(from), dayOf(to))
	if f.Op != MatchAll {
		matching.And(matcher{db.index, hostTags}.eval(&f))
	}
	return matching, hostTags, nil
}

// tagsOfHosts returns the tags of a series' hosts that are not its own. Hosts'
// tags are kept in byHost from call to call.
func tagsOfHosts(own Tags, hostTags *catalog.HostTags, byHost map[string][]string) Tags {
	var extra []string
	for _, host := range own.Values("host") {
		tags, ok := byHost[host]
		if !ok {
			tags = hostTags.Of(host)
			byHost[host] = tags
		}
		for _, tag := range tags {
			if _, has := slices.BinarySearch(own, tag); !has {
				extra = append(extra, tag)
			}
		}
	}
	if len(extra) == 0 {
		return nil
	}
	return NewTags(extra)
}

// Metrics lists the names of metrics with samples in [from, to], sorted.
func (db *DB) Metrics(ctx context.Context, from, to int64) ([]string, error) {
	return db.MetricsOf(ctx, Filter{}, from, to)
}

// matcher evaluates filters over the index and the hosts' tags of one moment.
type matcher struct {
	index    *index.Index
	hostTags *catalog.HostTags
}

// eval returns the series that match f, in a bitmap of its own.
func (m matcher) eval(f *Filter) *roaring.Bitmap {
	switch f.Op {
	case MatchAll:
		return m.index.All()
	case MatchName:
		return m.index.Name(f.Value)
	case MatchNameAlias:
		return m.index.NamesThat(func(name string) bool { return isAlias(f.Value, name) })
	case MatchNameRegexp:
		return m.index.NamesThat(f.Regexp.MatchString)
	case MatchTag:
		found := m.index.Tag(f.Value)
		m.addHosts(found, m.hostTags.Hosts(f.Value))
		return found
	case MatchTagRegexp:
		return m.tagsThat("", f.Regexp.MatchString)
	case MatchKey:
		return m.tagsThat(f.Key, func(string) bool { return true })
	case MatchValueRegexp:
		return m.tagsThat(f.Key, func(tag string) bool {
			_, value := SplitTag(tag)
			return f.Regexp.MatchString(value)
		})
	case And:
		if len(f.Args) == 0 {
			return m.index.All()
		}
		found := m.eval(&f.Args[0])
		for i := 1; i < len(f.Args) && !found.IsEmpty(); i++ {
			found.And(m.eval(&f.Args[i]))
		}
		return found
	case Or:
		found := roaring.New()
		for i := range f.Args {
			found.Or(m.eval(&f.Args[i]))
		}
		return found
	case Not:
		found := m.index.All()
		found.AndNot(m.eval(&f.Args[0]))
		return found
	default:
		return roaring.New()
	}
}

// tagsThat matches tags by a test, those of the series and those of hosts.
func (m matcher) tagsThat(key string, test func(tag string) bool) *roaring.Bitmap {
	found := m.index.TagsThat(key, test)
	m.hostTags.Each(func(tag string, hosts []string) {
		if (key == "" || index.Key(tag) == key) && test(tag) {
			m.addHosts(found, hosts)
		}
	})
	return found
}

func (m matcher) addHosts(found *roaring.Bitmap, hosts []string) {
	for _, host := range hosts {
		found.Or(m.index.Tag("host:" + host))
	}
}

// isAlias reports whether alias is name, or name with '_' for some '.'.
func isAlias(alias, name string) bool {
	if len(alias) != len(name) {
		return false
	}
	for i := range len(alias) {
		if alias[i] != name[i] && (alias[i] != '_' || name[i] != '.') {
			return false
		}
	}
	return true
}
