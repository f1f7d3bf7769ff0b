package store

import (
	"cmp"
	"slices"
	"time"

	"github.com/whippet-obs/whippet/store/chunk"
)

// Inspection is what there is to know about the store's files.
type Inspection struct {
	Stats
	Tiers       []TierStats // raw, 5 minutes, 1 hour
	Maintenance struct {
		TiersBuilt uint64 // since Open
		RawFloor   string `json:",omitempty"` // raw samples before it were dropped to make room
	}
	// Of the newest raw files, up to ScannedBytes:
	ScannedBytes    int64
	Blocks, Samples int64
	BytesPerSample  float64
	Metrics         []MetricSize // those that take most, the largest first
}

// TierStats are the files of a tier.
type TierStats struct {
	Name         string
	Files        int
	Bytes        int64
	Days         int
	First, Last  string // days
	KeptFor      string
	FilesPerDay  float64
	WaitingBytes int64 // of raw files that are not in the tiers yet
}

// MetricSize is what a metric takes in raw files.
type MetricSize struct {
	Name            string
	Series          int
	Blocks, Samples int64
	Bytes           int64
	BytesPerSample  float64
}

const (
	inspectBytes   = 256 << 20 // that one inspection reads at the most
	inspectMetrics = 200
)

// Inspect reads the newest of the raw files to tell what metrics take.
func (db *DB) Inspect() Inspection {
	in := Inspection{Stats: db.Stats()}
	in.Tiers = db.tierStats()
	in.Maintenance.TiersBuilt = db.counts.tiersBuilt.Load()
	if floor := db.rawFloor.Load(); floor > 0 {
		in.Maintenance.RawFloor = dateOf(dayOf(floor))
	}
	db.mu.RLock()
	var files []*sealedFile
	for _, p := range slices.Backward(db.partitions) {
		if in.ScannedBytes += p.Size(); in.ScannedBytes > inspectBytes && len(files) > 0 {
			in.ScannedBytes -= p.Size()
			break
		}
		p.Acquire()
		files = append(files, p)
	}
	db.mu.RUnlock()
	in.scan(db, files)
	if err := release(files); err != nil {
		db.logger.Error("release inspected files", "err", err)
	}
	return in
}

func (in *Inspection) scan(db *DB, files []*sealedFile) {
	byRef := map[Ref]*MetricSize{}
	byName := map[string]*MetricSize{}
	for _, f := range files {
		for b := range f.All() {
			encoded, err := f.Bytes(b)
			if err != nil {
				continue
			}
			n, _, err := chunk.Span(b.MinTime, encoded)
			if err != nil {
				continue
			}
			m := byRef[Ref(b.Series)]
			if m == nil {
				name := "(forgotten)"
				if s, ok := db.index.Get(b.Series); ok {
					name = s.Name
				}
				if m = byName[name]; m == nil {
					m = &MetricSize{Name: name}
					byName[name] = m
				}
				byRef[Ref(b.Series)] = m
				m.Series++
			}
			m.Blocks++
			m.Samples += int64(n)
			m.Bytes += int64(len(encoded))
		}
	}
	bytes := int64(0)
	for _, m := range byName {
		m.BytesPerSample = float64(m.Bytes) / float64(m.Samples)
		in.Blocks, in.Samples, bytes = in.Blocks+m.Blocks, in.Samples+m.Samples, bytes+m.Bytes
		in.Metrics = append(in.Metrics, *m)
	}
	if in.Samples > 0 {
		in.BytesPerSample = float64(in.ScannedBytes) / float64(in.Samples)
	}
	slices.SortFunc(in.Metrics, func(a, b MetricSize) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name)) })
	in.Metrics = in.Metrics[:min(len(in.Metrics), inspectMetrics)]
}

func dateOf(d int64) string { return time.UnixMilli(d * day).UTC().Format(time.DateOnly) }

// tierStats sums up the files by tier.
func (db *DB) tierStats() []TierStats {
	keep := db.retentions[0]
	days := [3][]int64{}
	all := []TierStats{{Name: "raw", KeptFor: keep.Raw.String()}, {Name: tierNames[fiveMinutes], KeptFor: keep.FiveMinutes.String()}, {Name: tierNames[oneHour], KeptFor: keep.OneHour.String()}}
	for _, d := range db.sealedDays() {
		files := db.filesOf(d)
		all[0].WaitingBytes += db.uncovered(d, files)
		for _, f := range files {
			all[0].Files++
			all[0].Bytes += f.Size()
		}
		days[0] = append(days[0], d)
		release(files)
	}
	db.mu.RLock()
	for _, t := range db.tiers {
		i := 1
		if t.width == oneHour {
			i = 2
		}
		all[i].Files++
		all[i].Bytes += t.Size()
		for d := range t.covers {
			days[i] = append(days[i], d)
		}
	}
	db.mu.RUnlock()
	for i := range all {
		slices.Sort(days[i])
		days[i] = slices.Compact(days[i])
		if n := len(days[i]); n > 0 {
			all[i].Days, all[i].First, all[i].Last = n, dateOf(days[i][0]), dateOf(days[i][n-1])
			all[i].FilesPerDay = float64(all[i].Files) / float64(n)
		}
	}
	return all
}
