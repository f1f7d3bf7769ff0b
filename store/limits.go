package store

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/whippet-obs/whippet/store/index"
)

// limit refuses a new series that is over one of the limits. The caller holds
// interning.
func (db *DB) limit(s *index.Series) error {
	o := &db.options
	refuse := func(limit, format string, args ...any) error {
		if db.refused.note(s.Name, limit, db.now()) {
			db.logger.Warn("a metric's new series are refused", "metric", s.Name, "limit", limit)
		}
		return fmt.Errorf("%w: %s: %s", ErrSeriesLimit, s.Name, fmt.Sprintf(format, args...))
	}
	if n := db.index.Len(); n >= o.MaxSeries {
		return refuse("series in all", "there are %d series already; raise --max-series, or send fewer distinct tags", n)
	}
	if n := db.index.SeriesOf(s.Name); n >= o.MaxSeriesPerMetric {
		return refuse("series per metric", "it has %d series already; raise --max-series-per-metric, or send fewer distinct tags", n)
	}
	if len(s.Tags) > o.MaxTags {
		return refuse("tags per series", "%d tags on one series; %d are allowed", len(s.Tags), o.MaxTags)
	}
	if len(s.Name) > o.MaxTagBytes || slices.ContainsFunc(s.Tags, func(tag string) bool { return len(tag) > o.MaxTagBytes }) {
		return refuse("bytes per tag", "its name or a tag is longer than %d bytes", o.MaxTagBytes)
	}
	return nil
}

// Refusal is a metric some of whose new series were refused.
type Refusal struct {
	Metric string    `json:"metric"`
	Limit  string    `json:"limit"` // which: "series in all", "series per metric", "tags per series", "bytes per tag"
	Count  uint64    `json:"count"` // attempts; a sender that repeats itself counts each time
	Last   time.Time `json:"last"`
	// Key is the tag key with the most values among the metric's series, most
	// likely what exploded, and Values is how many it has. Empty when the metric
	// has no series.
	Key    string `json:"key,omitempty"`
	Values int    `json:"values,omitempty"`
}

// maxRefusals bounds how many metrics are remembered.
const maxRefusals = 100

type refusals struct {
	mu     sync.Mutex
	total  uint64
	metric map[string]*Refusal // by name and limit
}

// note counts a refusal and reports whether it is the first of its kind.
func (r *refusals) note(metric, limit string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total++
	known := r.metric[metric+"\x00"+limit]
	if known == nil {
		if len(r.metric) >= maxRefusals {
			return false
		}
		if r.metric == nil {
			r.metric = map[string]*Refusal{}
		}
		known = &Refusal{Metric: metric, Limit: limit}
		r.metric[metric+"\x00"+limit] = known
	}
	known.Count++
	known.Last = now
	return known.Count == 1
}

func (r *refusals) count() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// Refusals lists the metrics whose new series were refused since Open, those
// refused most first; 100 at the most.
func (db *DB) Refusals() []Refusal {
	db.refused.mu.Lock()
	list := make([]Refusal, 0, len(db.refused.metric))
	for _, r := range db.refused.metric {
		list = append(list, *r)
	}
	db.refused.mu.Unlock()
	for i := range list {
		r := &list[i]
		keys := keyCounts{}
		db.index.TagsOf(db.index.Name(r.Metric), "", keys.add)
		for key, n := range keys {
			if n > r.Values || n == r.Values && key < r.Key {
				r.Key, r.Values = key, n
			}
		}
	}
	slices.SortFunc(list, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Limit, b.Limit))
	})
	return list
}

// keyCounts counts distinct tags by key.
type keyCounts map[string]int

func (k keyCounts) add(tag string, _ int) { k[index.Key(tag)]++ }

// futureSamples remembers the last sample that was too far ahead.
type futureSamples struct {
	mu     sync.Mutex
	series string
	ahead  time.Duration
	warned time.Time
}

// note remembers a sample that is ahead of now, and says so once a minute.
func (f *futureSamples) note(db *DB, ref Ref, ahead time.Duration, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, _ := db.index.Get(uint32(ref))
	f.series, f.ahead = fmt.Sprintf("%s%v", s.Name, s.Tags), ahead
	if since := now.Sub(f.warned); since < 0 || since >= time.Minute {
		f.warned = now
		db.logger.Warn("samples from the future are refused, the sender's clock may be wrong", "series", f.series, "ahead", ahead)
	}
}

// String names the series, "" when there was none.
func (f *futureSamples) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.series == "" {
		return ""
	}
	return fmt.Sprintf("%s, %s ahead", f.series, f.ahead.Round(time.Second))
}
