package store

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/whippet-obs/whippet/store/index"
)

// Count is how many series match f and have samples in [from, to].
func (db *DB) Count(ctx context.Context, f Filter, from, to int64) (int, error) {
	matching, _, err := db.match(ctx, f, from, to)
	if err != nil {
		return 0, err
	}
	n := 0
	db.states.visit(matching, func(_ Ref, s *state) {
		if s.first <= to && s.last >= from {
			n++
		}
	})
	return n, nil
}

// MetricsOf lists the names of the metrics of matching series, sorted. Its range
// is in whole days.
func (db *DB) MetricsOf(ctx context.Context, f Filter, from, to int64) ([]string, error) {
	matching, _, err := db.match(ctx, f, from, to)
	if err != nil {
		return nil, err
	}
	return db.index.NamesOf(matching), nil
}

// CountLive counts the series that match f and whose last sample in (from, to] is a
// number. Of series without a newer one that is known. ok is false when the samples
// of too many would have to be read.
func (db *DB) CountLive(ctx context.Context, f Filter, from, to int64) (n int, ok bool, err error) {
	matching, _, err := db.match(ctx, f, from, to)
	if err != nil {
		return 0, false, err
	}
	var newer []Ref
	ok = true
	db.states.visit(matching, func(ref Ref, s *state) {
		switch {
		case s.last <= from || s.first > to:
		case s.last > to:
			newer = append(newer, ref)
		case s.kind() == Distribution:
			n++
		case math.IsNaN(s.value):
			ok = ok && math.Float64bits(s.value) == staleNaN
		default:
			n++
		}
	})
	if !ok || len(newer) > fewToRead {
		return 0, false, ctx.Err()
	}
	set := db.hold(from+1, to)
	defer set.Close()
	r := db.readers.Get().(*seriesReader)
	defer db.readers.Put(r)
	var c Columns
	for _, ref := range newer {
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		c.Reset()
		kind := db.kind(ref)
		if err := r.read(set, ref, set.planFor(0, false), kind == Distribution, WantSum|WantLast|WantSketches, &rawSink{&c, kind}); err != nil {
			return 0, false, err
		}
		if c.trim(from+1, to); len(c.Times) == 0 {
			continue
		}
		if v := c.last(); v == v {
			n++
		} else if math.Float64bits(v) != staleNaN {
			return 0, false, nil
		}
	}
	return n, len(set.Warnings()) == 0, nil
}

// fewToRead is how many series CountLive reads samples of.
const fewToRead = 10_000

// last is the last value; 0 for a sketch.
func (c *Columns) last() float64 {
	if len(c.Values) == 0 {
		return 0
	}
	return c.Values[len(c.Values)-1]
}

// staleNaN is the value with which Prometheus marks the end of a series.
const staleNaN = 0x7ff0000000000002

// TagKeys lists the keys of the tags that the matching series or their hosts
// have, sorted. Its range is in whole days.
func (db *DB) TagKeys(ctx context.Context, f Filter, from, to int64) ([]string, error) {
	keys := map[string]bool{}
	err := db.tags(ctx, f, from, to, "", func(tag string) { keys[index.Key(tag)] = true })
	return sorted(keys), err
}

// TagValues lists the values that key has on the matching series or their hosts,
// sorted; a bare tag has the value "true". Its range is in whole days.
func (db *DB) TagValues(ctx context.Context, key string, f Filter, from, to int64) ([]string, error) {
	values := map[string]bool{}
	err := db.tags(ctx, f, from, to, key, func(tag string) {
		_, value := SplitTag(tag)
		values[value] = true
	})
	return sorted(values), err
}

func sorted(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for s := range set {
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}

// tags calls fn with the tags of the matching series and of their hosts.
func (db *DB) tags(ctx context.Context, f Filter, from, to int64, key string, fn func(tag string)) error {
	matching, hostTags, err := db.match(ctx, f, from, to)
	if err != nil {
		return err
	}
	db.index.TagsOf(matching, key, func(tag string, _ int) { fn(tag) })
	hostTags.Each(func(tag string, hosts []string) {
		if key != "" && index.Key(tag) != key {
			return
		}
		if slices.ContainsFunc(hosts, func(host string) bool { return db.index.Tag("host:" + host).Intersects(matching) }) {
			fn(tag)
		}
	})
	return nil
}

// Cardinality says where the series are.
type Cardinality struct {
	Series  int           `json:"series"`  // that match
	Metrics []MetricCount `json:"metrics"` // with the most series first
	Keys    []KeyCount    `json:"keys"`    // with the most values first
	Values  []ValueCount  `json:"values"`  // of the key asked for, with the most series first
}

// MetricCount is a metric and how many of the series are its.
type MetricCount struct {
	Metric string `json:"metric"`
	Series int    `json:"series"`
}

// KeyCount is a tag key, its distinct values and the series that have it.
type KeyCount struct {
	Key    string `json:"key"`
	Values int    `json:"values"`
	Series int    `json:"series"`
}

// ValueCount is a value of a key and the series that have it.
type ValueCount struct {
	Value  string `json:"value"`
	Series int    `json:"series"`
}

// Cardinality explores the series that match f and have samples on the days of
// [from, to]: which metrics and tag keys they spread over, and the values of one
// key unless it is "". Each list has at most top entries. Only tags of the
// series' own count.
func (db *DB) Cardinality(ctx context.Context, f Filter, from, to int64, key string, top int) (Cardinality, error) {
	matching, _, err := db.match(ctx, f, from, to)
	if err != nil {
		return Cardinality{}, err
	}
	c := Cardinality{Series: int(matching.GetCardinality()), Metrics: []MetricCount{}, Keys: []KeyCount{}, Values: []ValueCount{}}
	db.index.CountNames(matching, func(name string, series int) {
		c.Metrics = append(c.Metrics, MetricCount{name, series})
	})
	values := keyCounts{}
	db.index.TagsOf(matching, "", values.add)
	for k, n := range values {
		c.Keys = append(c.Keys, KeyCount{Key: k, Values: n})
	}
	if key != "" {
		db.index.TagsOf(matching, key, func(tag string, series int) {
			_, value := SplitTag(tag)
			c.Values = append(c.Values, ValueCount{value, series})
		})
	}
	slices.SortFunc(c.Metrics, func(a, b MetricCount) int {
		return cmp.Or(cmp.Compare(b.Series, a.Series), cmp.Compare(a.Metric, b.Metric))
	})
	slices.SortFunc(c.Keys, func(a, b KeyCount) int {
		return cmp.Or(cmp.Compare(b.Values, a.Values), cmp.Compare(a.Key, b.Key))
	})
	slices.SortFunc(c.Values, func(a, b ValueCount) int {
		return cmp.Or(cmp.Compare(b.Series, a.Series), cmp.Compare(a.Value, b.Value))
	})
	c.Metrics = c.Metrics[:min(top, len(c.Metrics))]
	c.Keys = c.Keys[:min(top, len(c.Keys))]
	c.Values = c.Values[:min(top, len(c.Values))]
	for i := range c.Keys {
		with := db.index.TagsThat(c.Keys[i].Key, func(string) bool { return true })
		c.Keys[i].Series = int(roaring.And(with, matching).GetCardinality())
	}
	return c, nil
}
