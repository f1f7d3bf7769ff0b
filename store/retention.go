package store

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/whippet-obs/whippet/store/partition"
)

// Retention is how long the samples of a series are kept: as they came, and as
// buckets of the tiers. 0 stands for the store's default.
type Retention struct {
	Raw         time.Duration // 15 days unless told otherwise
	FiveMinutes time.Duration // 90 days
	OneHour     time.Duration // 3 years
}

// RetentionRule gives the metrics whose names match Pattern a retention of
// their own. In a pattern "*" stands for any run of characters and "?" for any
// one. Of several rules that match a name the first counts.
type RetentionRule struct {
	Pattern string
	Retention
}

var usualRetention = Retention{Raw: 15 * 24 * time.Hour, FiveMinutes: 90 * 24 * time.Hour, OneHour: 3 * 365 * 24 * time.Hour}

// or fills what r leaves open.
func (r Retention) or(d Retention) Retention {
	fill := func(own *time.Duration, common time.Duration) {
		if *own == 0 {
			*own = common
		}
	}
	fill(&r.Raw, d.Raw)
	fill(&r.FiveMinutes, d.FiveMinutes)
	fill(&r.OneHour, d.OneHour)
	return r
}

// tier is the part of r for the tier of a width.
func (r Retention) tier(width int64) time.Duration {
	if width == oneHour {
		return r.OneHour
	}
	return r.FiveMinutes
}

// maxRules is how many fit into a series' state.
const maxRules = 255

// retentions lists the default and those of the rules.
func (o *Options) retentions() ([]Retention, error) {
	all := []Retention{Retention{o.Retention, o.Retention5m, o.Retention1h}.or(usualRetention)}
	if len(o.Rules) > maxRules {
		return nil, fmt.Errorf("%d retention rules: at most %d are allowed", len(o.Rules), maxRules)
	}
	for _, r := range o.Rules {
		if _, err := path.Match(r.Pattern, ""); err != nil || r.Pattern == "" {
			return nil, fmt.Errorf("retention rule %q: want a metric's name, in which * stands for anything", r.Pattern)
		}
		all = append(all, r.Retention.or(all[0]))
	}
	return all, nil
}

// ruleOf is the index of a metric's retention among retentions.
func (o *Options) ruleOf(name string) int {
	for i, r := range o.Rules {
		if ok, _ := path.Match(r.Pattern, name); ok { // names hold no "/", which * would not match
			return i + 1
		}
	}
	return 0
}

// oldestRaw is the time before which no sample of a series under a rule is taken.
func (db *DB) oldestRaw(rule int, now time.Time) int64 {
	return max(now.Add(-db.retentions[rule].Raw).UnixMilli(), db.rawFloor.Load())
}

// rulesIn lists the rules that the series of a file fall under.
func (db *DB) rulesIn(p *partition.Partition) []int {
	if len(db.retentions) == 1 {
		return []int{0}
	}
	found := make([]bool, len(db.retentions))
	for ref := range p.Series() {
		if s := db.states.at(Ref(ref)); s != nil {
			found[s.rule()] = true
		}
	}
	var rules []int
	for i, ok := range found {
		if ok {
			rules = append(rules, i)
		}
	}
	return rules
}

// longest is the longest that any of the rules keeps what of takes from it.
func (db *DB) longest(rules []int, of func(Retention) time.Duration) time.Duration {
	longest := time.Duration(0)
	for _, r := range rules {
		longest = max(longest, of(db.retentions[r]))
	}
	return longest
}

func rawOf(r Retention) time.Duration { return r.Raw }

// passed says whether all of a day is older than it is to be kept.
func (db *DB) passed(d int64, keep time.Duration) bool {
	return (d+1)*day <= db.now().Add(-keep).UnixMilli()
}

// tierWanted says whether a tier's buckets of a day are to be kept, for any metric.
func (db *DB) tierWanted(width, d int64) bool {
	for _, r := range db.retentions {
		if !db.passed(d, r.tier(width)) {
			return true
		}
	}
	return false
}

// findRawFloor finds the end of the last day whose raw samples were dropped
// before their time, to make room: its tiers are there, what they were made of
// is not. Samples of such days are not taken any more, since the buckets they
// belong to can't be made anew.
func (db *DB) findRawFloor() {
	first := map[int64]int{} // the lowest number among a day's files
	for _, p := range db.partitions {
		if n, ok := first[p.day]; !ok || p.number < n {
			first[p.day] = p.number
		}
	}
	for _, name := range db.broken { // it is there, and may be repaired
		if n, d, ok := partitionOf(name); ok {
			first[d] = min(n, cmp.Or(first[d], n))
		}
	}
	for _, t := range db.tiers {
		for d, covers := range t.covers {
			if coveringTier(db.tiers, t.width, d) != t {
				continue // it says what was once
			}
			if n, ok := first[d]; !ok || n > covers {
				db.rawFloor.Store(max(db.rawFloor.Load(), (d+1)*day))
			}
		}
	}
}

// expire drops the files of days that are older than they are to be kept, and,
// where the disk budget asks for it, more.
func (db *DB) expire(pace *pacer) error {
	for _, d := range db.sealedDays() {
		files := db.filesOf(d)
		var old []*sealedFile
		for _, f := range files {
			if db.passed(d, db.longest(f.rules, rawOf)) {
				old = append(old, f)
			}
		}
		err := db.dropRaw(d, files, old, pace)
		if err = errors.Join(err, release(files)); err != nil {
			return err
		}
	}
	if err := db.expireTiers(pace); err != nil {
		return err
	}
	db.index.ForgetDays(dayOf(db.oldest(db.now())))
	return db.keepBudget(pace)
}

// oldest is the time before which nothing is kept.
func (db *DB) oldest(now time.Time) int64 {
	longest := time.Duration(0)
	for _, r := range db.retentions {
		longest = max(longest, r.Raw, r.FiveMinutes, r.OneHour)
	}
	return now.Add(-longest).UnixMilli()
}

// dropRaw removes some of a day's sealed files, once all of them is in the tiers.
func (db *DB) dropRaw(d int64, files, old []*sealedFile, pace *pacer) error {
	if len(old) == 0 {
		return nil
	}
	if db.uncovered(d, files) > 0 || db.leanTiers(d) {
		if err := db.buildTiers(d, files, true, pace); err != nil {
			return err
		}
	}
	for _, f := range old {
		f.RemoveWhenUnused()
	}
	defer db.removedSamples()
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.swap(old, nil)
}

// leanTiers says whether a day's tiers leave out series.
func (db *DB) leanTiers(d int64) bool {
	db.mu.RLock()
	defer db.mu.RUnlock()
	for _, width := range []int64{fiveMinutes, oneHour} {
		if f := coveringTier(db.tiers, width, d); f != nil && f.lean {
			return true
		}
	}
	return false
}

// expireTiers drops the tiers' files of which nothing is to be kept, and writes
// those anew of which some metrics are not.
func (db *DB) expireTiers(pace *pacer) error {
	for _, f := range db.holdTiers() {
		last := int64(noSample)
		for d := range f.covers {
			last = max(last, d)
		}
		var over []int
		for _, r := range f.rules {
			if db.passed(last, db.retentions[r].tier(f.width)) {
				over = append(over, r)
			}
		}
		var err error
		if len(over) > 0 {
			defer db.removedSamples()
		}
		switch {
		case len(over) == len(f.rules) && !db.tierWanted(f.width, last):
			f.RemoveWhenUnused()
			db.mu.Lock()
			db.tiers = slices.DeleteFunc(db.tiers, func(o *tierFile) bool { return o == f })
			db.mu.Unlock()
			err = f.Release()
		case len(over) > 0:
			err = db.rewriteTier(f, func(ref Ref, t *tierColumns) {
				if slices.Contains(over, db.rule(ref)) {
					t.reset(t.width)
				}
			}, pace)
		}
		if err = errors.Join(err, f.Release()); err != nil {
			return err
		}
	}
	return nil
}

// holdTiers returns the tiers' files, held.
func (db *DB) holdTiers() []*tierFile {
	db.mu.RLock()
	defer db.mu.RUnlock()
	for _, f := range db.tiers {
		f.Acquire()
	}
	return slices.Clone(db.tiers)
}

// keepBudget drops whole days, the oldest first, until the files fit into the
// disk budget: raw samples, of which the tiers remain, then 5 minutes, then
// hours. Today stays.
func (db *DB) keepBudget(pace *pacer) error {
	if db.options.MaxDisk <= 0 {
		return nil
	}
	today := dayOf(db.now().UnixMilli())
	for db.Stats().DiskBytes > db.options.MaxDisk {
		days := db.sealedDays()
		if len(days) > 0 && days[0] < today {
			db.rawFloor.Store(max(db.rawFloor.Load(), (days[0]+1)*day))
			files := db.filesOf(days[0])
			db.logger.Warn("the disk budget is used up, the oldest raw samples are dropped", "day", time.UnixMilli(days[0]*day).UTC().Format(time.DateOnly), "budget", db.options.MaxDisk)
			if err := errors.Join(db.dropRaw(days[0], files, files, pace), release(files)); err != nil {
				return err
			}
			continue
		}
		dropped, err := db.dropOldestTier(today)
		if err != nil || !dropped {
			return err
		}
	}
	return nil
}

// dropOldestTier drops the oldest file of the finest tier that has one of past
// days.
func (db *DB) dropOldestTier(today int64) (dropped bool, err error) {
	defer db.removedSamples()
	db.mu.Lock()
	defer db.mu.Unlock()
	var oldest *tierFile
	for _, f := range db.tiers {
		if dayOf(f.MaxTime) >= today {
			continue
		}
		if oldest == nil || f.width < oldest.width || f.width == oldest.width && f.MinTime < oldest.MinTime {
			oldest = f
		}
	}
	if oldest == nil {
		return false, nil
	}
	db.logger.Warn("the disk budget is used up, the oldest buckets of a tier are dropped", "tier", tierNames[oldest.width], "day", time.UnixMilli(oldest.MinTime).UTC().Format(time.DateOnly))
	oldest.RemoveWhenUnused()
	db.tiers = slices.DeleteFunc(db.tiers, func(o *tierFile) bool { return o == oldest })
	return true, oldest.Release()
}
