package span

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/wal"
)

// Options of Open. The zero value is ready to use.
type Options struct {
	Retention time.Duration    // spans are kept this long; 0: 15 days
	MaxBytes  int64            // of segments on disk, the oldest go first; 0: 20 GiB
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: slog.Default

	SealSpans int                  // the head is sealed at this many spans; 0: 65,536
	SealAge   time.Duration        // or when it is this old; 0: 30 min
	Sync      func(*os.File) error // makes a log file durable; nil: (*os.File).Sync
}

// Store is a folder of spans opened by this process. Safe for concurrent use.
type Store struct {
	dir     string
	options Options
	log     *slog.Logger
	wal     *wal.Log
	quick   *codec // of log records
	small   *codec // of segments

	mu       sync.RWMutex
	head     *head
	sealing  *head      // being written to a segment; nil most of the time
	segments []*segment // oldest first
	broken   []string

	interned interner // the committer's

	stop    chan struct{}
	stopped sync.WaitGroup
	sealNow chan chan error
	counts  struct{ appended, dropped atomic.Uint64 }
}

// head holds the spans that are in the log only.
type head struct {
	mu      sync.RWMutex
	since   time.Time
	segment int // log segments before it are not this head's
	spans   []*Span
	byTrace map[uint64][]int32 // by the low half
}

func newHead(since time.Time, segment int) *head {
	return &head{since: since, segment: segment, byTrace: map[uint64][]int32{}}
}

func (h *head) add(spans []*Span) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range spans {
		h.byTrace[s.Trace.Low] = append(h.byTrace[s.Trace.Low], int32(len(h.spans)))
		h.spans = append(h.spans, s)
	}
}

// snapshot returns the spans there are now; they and their order never change.
func (h *head) snapshot() []*Span {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.spans[:len(h.spans):len(h.spans)]
}

func (h *head) trace(id TraceID) (found []*Span) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, i := range h.byTrace[id.Low] {
		if sameTrace(h.spans[i].Trace, id) {
			found = append(found, h.spans[i])
		}
	}
	return found
}

// Open opens the folder dir, creating it if needed. The caller sees to it that
// no other process has it open.
func Open(dir string, o Options) (*Store, error) {
	if o.Retention == 0 {
		o.Retention = 15 * 24 * time.Hour
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 20 << 30
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.SealSpans == 0 {
		o.SealSpans = 1 << 16
	}
	if o.SealAge == 0 {
		o.SealAge = 30 * time.Minute
	}
	s := &Store{
		dir: dir, options: o, log: o.Log, head: newHead(o.Now(), 0),
		stop: make(chan struct{}), sealNow: make(chan chan error),
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	s.stopped.Add(1)
	go s.sealLoop()
	return s, nil
}

func (s *Store) open() (err error) {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("create span folder: %w", err)
	}
	if s.quick, err = newCodec(zstd.SpeedFastest); err != nil {
		return err
	}
	if s.small, err = newCodec(zstd.SpeedDefault); err != nil {
		return err
	}
	sealedTo, err := s.openSegments()
	if err != nil {
		return err
	}
	logDir := filepath.Join(s.dir, "log")
	if err := dropLog(logDir, sealedTo); err != nil {
		return err
	}
	s.wal, err = wal.Open(logDir, wal.Options{Apply: s.apply, Sync: s.options.Sync, Log: s.log})
	return err
}

// segmentName is the file of the spans of the log segments before number.
func (s *Store) segmentName(number int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%08d.spans", number))
}

func segmentNumber(name string) (number int, ok bool) {
	n, err := fmt.Sscanf(filepath.Base(name), "%d.spans", &number)
	return number, err == nil && n == 1 && strings.HasSuffix(name, ".spans")
}

// openSegments opens what earlier runs sealed, and returns the first log
// segment that none of them holds. A file that can't be read is left where it
// is and named.
func (s *Store) openSegments() (sealedTo int, err error) {
	names, err := filepath.Glob(filepath.Join(s.dir, "*"))
	if err != nil {
		return 0, fmt.Errorf("list span segments: %w", err)
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.HasSuffix(name, ".tmp") {
			os.Remove(name) // a seal that did not end; the log still has its spans
			continue
		}
		number, ok := segmentNumber(name)
		if !ok {
			continue
		}
		sealedTo = max(sealedTo, number)
		seg, err := openSegment(name)
		if err != nil {
			s.log.Error("a span segment can't be read, its spans are missing", "err", err)
			s.broken = append(s.broken, filepath.Base(name))
			continue
		}
		s.segments = append(s.segments, seg)
	}
	return sealedTo, nil
}

// dropLog removes the log segments that a crash kept from being dropped: their
// spans are sealed, and must not be there twice.
func dropLog(dir string, before int) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return fmt.Errorf("list the span log: %w", err)
	}
	for _, name := range names {
		var number int
		if n, err := fmt.Sscanf(filepath.Base(name), "%d.log", &number); err == nil && n == 1 && number < before {
			if err := os.Remove(name); err != nil {
				return fmt.Errorf("drop a segment of the span log: %w", err)
			}
		}
	}
	return nil
}

// Close makes everything durable and gives the folder free.
func (s *Store) Close() error {
	close(s.stop)
	s.stopped.Wait()
	return s.closeFiles()
}

func (s *Store) closeFiles() error {
	var errs []error
	if s.wal != nil {
		errs = append(errs, s.wal.Close())
	}
	for _, seg := range s.segments {
		errs = append(errs, seg.release())
	}
	for _, c := range []*codec{s.quick, s.small} {
		if c != nil {
			c.close()
		}
	}
	return errors.Join(errs...)
}

// Append keeps spans: when it returns nil they are on disk and found by
// readers. Spans that ended before the retention are left out and counted. The
// caller gives the spans away, and their tags must be sorted.
func (s *Store) Append(ctx context.Context, spans []*Span) (dropped int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	oldest := s.options.Now().Add(-s.options.Retention).UnixNano()
	n := len(spans)
	spans = slices.DeleteFunc(spans, func(s *Span) bool { return s.End() < oldest })
	dropped = n - len(spans)
	s.counts.dropped.Add(uint64(dropped))
	if len(spans) == 0 {
		return dropped, nil
	}
	byTrace(spans)
	var record []byte
	for rest := spans; len(rest) > 0; {
		part := rest[:blockEnd(rest)]
		rest = rest[len(part):]
		record = s.quick.appendBlock(record, part)
	}
	if err := s.wal.Append(record, spans); err != nil {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = fmt.Errorf("%w: %w", store.ErrNoSpace, err)
		}
		return 0, fmt.Errorf("append %d spans: %w", len(spans), err)
	}
	s.counts.appended.Add(uint64(len(spans)))
	return dropped, nil
}

// apply puts the spans of a durable record into the head. It runs in the order
// of the log, one record at a time.
func (s *Store) apply(payload []byte, tag any) {
	spans, live := tag.([]*Span)
	if !live {
		var err error
		if spans, err = s.quick.decodeRecord(payload); err != nil {
			s.log.Error("a record of the span log is not readable, its spans are lost", "err", err)
			return
		}
	}
	s.interned.share(spans)
	s.mu.RLock()
	h := s.head
	s.mu.RUnlock()
	h.add(spans)
}

func (c *codec) decodeRecord(payload []byte) (spans []*Span, err error) {
	for len(payload) > 0 {
		size, err := blockSize(payload)
		if err != nil {
			return nil, err
		}
		b, err := c.openBlock(payload[:size])
		if err != nil {
			return nil, err
		}
		part, err := c.spans(b, nil)
		if err != nil {
			return nil, err
		}
		spans = append(spans, part...)
		payload = payload[size:]
	}
	return spans, nil
}

// blockSize is the length of the block at the front of b.
func blockSize(b []byte) (int, error) {
	r := reader{b: b}
	r.uvarint()
	total := uint64(0)
	for range blockParts {
		n := r.uvarint()
		if n > uint64(len(b)) {
			return 0, errBlock
		}
		total += n
	}
	if r.failed || total > uint64(len(r.b)) {
		return 0, errBlock
	}
	return len(b) - len(r.b) + int(total), nil
}

// interner lets equal texts share their bytes, so that the head holds one copy
// of each service, resource and common tag.
type interner struct{ texts map[string]string }

// maxInterned bounds it; when it is full it starts anew.
const maxInterned = 1 << 15

func (in *interner) of(s string) string {
	if known, ok := in.texts[s]; ok {
		return known
	}
	if len(s) > 256 {
		return s
	}
	if in.texts == nil || len(in.texts) >= maxInterned {
		in.texts = make(map[string]string, 1024)
	}
	s = strings.Clone(s)
	in.texts[s] = s
	return s
}

func (in *interner) share(spans []*Span) {
	for _, s := range spans {
		for _, text := range s.texts() {
			*text = in.of(*text)
		}
		for i := range s.Tags {
			t := &s.Tags[i]
			t.Key = in.of(t.Key)
			if !t.IsNumber {
				t.Text = in.of(t.Text)
			}
		}
	}
}

// sealLoop seals the head when it is large or old, and drops what is older than
// the retention or above the budget.
func (s *Store) sealLoop() {
	defer s.stopped.Done()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	failed := time.Time{}
	for {
		var asked chan error
		select {
		case <-s.stop:
			return
		case asked = <-s.sealNow:
		case <-ticker.C:
			if !s.sealDue() || time.Since(failed) < time.Minute {
				continue
			}
		}
		err := s.seal()
		if err != nil {
			failed = time.Now()
			s.log.Error("seal the newest spans, they stay in the log", "err", err)
		}
		s.dropOld()
		if asked != nil {
			asked <- err
		}
	}
}

func (s *Store) sealDue() bool {
	s.mu.RLock()
	h, unfinished := s.head, s.sealing != nil
	s.mu.RUnlock()
	n := len(h.snapshot())
	return unfinished || n >= s.options.SealSpans || n > 0 && s.options.Now().Sub(h.since) >= s.options.SealAge
}

// Seal moves what is in the head to a segment now.
func (s *Store) Seal() error {
	asked := make(chan error)
	select {
	case s.sealNow <- asked:
		return <-asked
	case <-s.stop:
		return errors.New("the span store is closed")
	}
}

func (s *Store) seal() error {
	s.mu.RLock()
	h := s.sealing // left over from a seal that failed
	s.mu.RUnlock()
	if h == nil {
		err := s.wal.Cut(func(segment int) {
			s.mu.Lock()
			defer s.mu.Unlock()
			h, s.head = s.head, newHead(s.options.Now(), segment)
			s.sealing = h
		})
		if err != nil {
			return err
		}
	}
	s.mu.RLock()
	number := s.head.segment
	s.mu.RUnlock()
	var sealed *segment
	if spans := slices.Clone(h.snapshot()); len(spans) > 0 {
		byTrace(spans)
		name := s.segmentName(number)
		if err := writeSegment(name, s.small, spans); err != nil {
			return err
		}
		var err error
		if sealed, err = openSegment(name); err != nil {
			return err
		}
	}
	s.mu.Lock()
	if sealed != nil {
		s.segments = append(s.segments, sealed)
	}
	s.sealing = nil
	s.mu.Unlock()
	return s.wal.Drop(number)
}

// dropOld removes the segments whose last span is older than the retention,
// and the oldest while there are more bytes than the budget.
func (s *Store) dropOld() {
	oldest := s.options.Now().Add(-s.options.Retention).UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortStableFunc(s.segments, func(a, b *segment) int { return cmp.Compare(a.to, b.to) })
	total := int64(0)
	for _, seg := range s.segments {
		total += seg.size
	}
	s.segments = slices.DeleteFunc(s.segments, func(seg *segment) bool {
		if seg.to >= oldest && total <= s.options.MaxBytes {
			return false
		}
		total -= seg.size
		seg.remove.Store(true)
		if err := seg.release(); err != nil {
			s.log.Error("drop old spans", "err", err)
		}
		return true
	})
}

// Stats are the store's own figures since Open, and its sizes now.
type Stats struct {
	HeadSpans, Segments int
	SealedSpans         int
	Appended, TooOld    uint64
	DiskBytes, LogBytes int64
	Broken              []string // segments that can't be read
}

// Stats returns a snapshot.
func (s *Store) Stats() Stats {
	log := s.wal.Stats()
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := Stats{
		Segments: len(s.segments), Appended: s.counts.appended.Load(), TooOld: s.counts.dropped.Load(),
		LogBytes: log.Bytes, DiskBytes: log.Bytes, Broken: slices.Clone(s.broken),
	}
	for _, seg := range s.segments {
		st.DiskBytes += seg.size
		st.SealedSpans += seg.spans
	}
	for _, h := range []*head{s.head, s.sealing} {
		if h != nil {
			st.HeadSpans += len(h.snapshot())
		}
	}
	return st
}
