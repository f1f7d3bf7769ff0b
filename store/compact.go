package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/whippet-obs/whippet/store/chunk"
	"github.com/whippet-obs/whippet/store/partition"
)

// compactable picks which of a day's files, given by number, to merge: the
// newest ones that are of like size, once there are four; or, when nothing more
// is expected, all of them, unless those are crumbs beside a large one. So each
// sample is written again only a few times, and late ones don't pile up files.
func compactable(files []*sealedFile, quiet bool) []*sealedFile {
	n, sum := 0, int64(0)
	for i := len(files) - 1; i >= 0 && (n == 0 || files[i].Size() <= 2*sum); i-- {
		n++
		sum += files[i].Size()
	}
	if n == len(files) && n > 1 && quiet || n >= 8 {
		return files[len(files)-n:]
	}
	if quiet && len(files) > 1 {
		total := int64(0)
		for _, f := range files {
			total += f.Size()
		}
		if (total-files[0].Size())*10 >= total || len(files) > 4 {
			return files
		}
	}
	return nil
}

// byRules splits files by the rules of retention that their series fall under:
// those that are dropped at different times are not merged.
func byRules(files []*sealedFile) (groups [][]*sealedFile) {
next:
	for _, f := range files {
		for i, g := range groups {
			if slices.Equal(g[0].rules, f.rules) {
				groups[i] = append(g, f)
				continue next
			}
		}
		groups = append(groups, []*sealedFile{f})
	}
	return groups
}

// compact merges files that follow each other by number into one, which takes
// the place of the last. Dying before the others are removed leaves samples in
// two files, which changes nothing.
func (db *DB) compact(files []*sealedFile, pace *pacer) error {
	last := files[len(files)-1]
	if err := db.mergeFiles(last.Path, files, nil, pace); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	merged, err := db.openSealed(last.Path, last.number, last.day)
	if err != nil {
		return err
	}
	for _, f := range files[:len(files)-1] {
		f.RemoveWhenUnused()
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.counts.compacted.Add(uint64(len(files)))
	return db.swap(files, merged)
}

// swap lets one file, nil for none, take the place of others. The caller holds
// db.mu.
func (db *DB) swap(files []*sealedFile, by *sealedFile) error {
	var errs []error
	kept := make([]*sealedFile, 0, len(db.partitions)+1)
	for _, p := range db.partitions {
		if slices.Contains(files, p) {
			errs = append(errs, p.Release())
			continue
		}
		kept = append(kept, p)
	}
	if by != nil {
		kept = append(kept, by)
	}
	slices.SortFunc(kept, func(a, b *sealedFile) int { return cmp.Compare(a.number, b.number) })
	db.partitions = kept
	return errors.Join(errs...)
}

// mergeFiles writes the samples of files to one at path, without those that
// drop says, if it is not nil. Blocks that can be are copied as they are.
func (db *DB) mergeFiles(path string, files []*sealedFile, drop func(ref Ref, at int64) bool, pace *pacer) error {
	w, err := partition.Create(path)
	if err != nil {
		return err
	}
	m := &merger{w: w, db: db, drop: drop, encoder: chunk.NewEncoder(), decoder: chunk.NewDecoder()}
	set := &SeriesSet{db: db, sealed: files}
	for it := set.refs().Iterator(); it.HasNext(); {
		err := m.series(it.Next(), files)
		if err == nil {
			err = pace.rest()
		}
		if err != nil {
			w.Abort()
			return err
		}
	}
	return w.Close()
}

// merger writes the blocks of one series after the other.
type merger struct {
	w       *partition.Writer
	db      *DB
	drop    func(ref Ref, at int64) bool
	encoder *chunk.Encoder
	decoder *chunk.Decoder
	pieces  []piece
	c       Columns
}

// series merges the blocks of one series. One that can't be read ends the
// merging, so that its file stays as it is, unless samples are to be dropped.
func (m *merger) series(ref uint32, files []*sealedFile) error {
	m.pieces = m.pieces[:0]
	samples := 0
	for i, f := range files {
		for _, b := range f.Blocks(ref) {
			encoded, err := f.Bytes(b)
			if err != nil {
				if m.drop == nil {
					return err // its file stays as it is, for a repair
				}
				m.db.logger.Error("a block is left out of a file that is written anew", "err", err)
				continue
			}
			n, _, err := chunk.Span(b.MinTime, encoded)
			if err != nil {
				return fmt.Errorf("%s: series %d: %w", f.Path, ref, err)
			}
			m.pieces = append(m.pieces, piece{interval: interval{b.MinTime, b.MaxTime}, source: i, file: f, block: b})
			samples += n
		}
	}
	slices.SortStableFunc(m.pieces, func(a, b piece) int { return cmp.Compare(a.from, b.from) })
	apart := true
	for i := 1; i < len(m.pieces) && apart; i++ {
		apart = m.pieces[i-1].to < m.pieces[i].from
	}
	if fewest := (samples + mergedLen - 1) / mergedLen; apart && m.drop == nil && 4*len(m.pieces) <= 5*fewest {
		for _, p := range m.pieces {
			encoded, err := p.file.Bytes(p.block)
			if err != nil {
				return err
			}
			m.w.Add(ref, p.block.Kind, chunk.Header{MinTime: p.from, MaxTime: p.to}, encoded)
		}
		return nil
	}
	if len(m.pieces) == 0 {
		return nil
	}
	kind := m.pieces[0].block.Kind
	slices.SortStableFunc(m.pieces, func(a, b piece) int { return cmp.Compare(a.source, b.source) })
	m.c.Reset()
	for _, p := range m.pieces {
		encoded, err := p.file.Bytes(p.block)
		if err == nil {
			err = decodeInto(m.decoder, p.from, encoded, kind == partition.Sketches, &m.c)
		}
		if err != nil {
			return fmt.Errorf("%s: series %d: %w", p.file.Path, ref, err)
		}
	}
	if !ascending(m.c.Times) {
		sortColumns(&m.c)
	}
	if m.drop != nil {
		m.c.drop(func(at int64) bool { return m.drop(Ref(ref), at) })
	}
	for rest := m.c; len(rest.Times) > 0; {
		var block Columns
		block, rest = rest.split(min(mergedLen, len(rest.Times)))
		encoded, header := encodeColumns(m.encoder, &block)
		m.w.Add(ref, kind, header, encoded)
	}
	return nil
}

// drop removes the samples whose times fn says.
func (c *Columns) drop(fn func(at int64) bool) {
	n := 0
	for i, at := range c.Times {
		if fn(at) {
			continue
		}
		c.Times[n] = at
		if len(c.Sketches) > 0 {
			c.Sketches[n] = c.Sketches[i]
		} else {
			c.Values[n] = c.Values[i]
		}
		n++
	}
	c.Times = c.Times[:n]
	c.Values = c.Values[:min(n, len(c.Values))]
	c.Sketches = c.Sketches[:min(n, len(c.Sketches))]
}
