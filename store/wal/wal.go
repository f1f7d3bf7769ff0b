// Package wal is the write-ahead log: records appended to segment files, each
// durable once Append returns. Many goroutines that append at the same time
// share one fsync.
//
// A segment is named NNNNNNNN.log and holds records:
//
//	length u32 | CRC32C of the payload u32 | payload
//
// and, while it is written to, zeros. Whatever a crash leaves of the last record
// of the last segment is cut off at the next Open; the records before it are
// intact.
package wal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// MaxRecord is the longest payload, in bytes.
const MaxRecord = 256 << 20

// segmentSize is where a new segment begins.
const segmentSize = 64 << 20

// ahead is how many zeros are written before the records that will take their
// place. An fsync is then about the bytes alone: one that has to make the file
// longer takes the file system a commit of its journal, twice the processor's
// time and several times as long.
const ahead = 256 << 10

const recordHeader = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrClosed is returned by Append after Close.
var ErrClosed = errors.New("log is closed")

// Log is an open log. Safe for concurrent use.
type Log struct {
	dir   string
	apply func(payload []byte, tag any)
	sync  func(*os.File) error
	ahead int // zeros

	mu      sync.Mutex
	pending []*record
	closed  bool

	// turn is held by whoever writes: an appender that got it writes for all that
	// wait. The fields below are theirs.
	turn    chan struct{}
	file    *os.File
	size    int64 // of the part of file that is known good
	length  int64 // of file, with the zeros that follow
	segment int
	buffer  []byte
	group   []*record

	records sync.Pool // of *record
	status  struct {
		sync.Mutex
		segments []int
		bytes    int64
		dropped  int64
		commits  uint64
		records  uint64
	}
}

type record struct {
	payload []byte
	tag     any
	result  chan error
}

// Options of Open.
type Options struct {
	// Apply is called for each record in the order of the log: at Open for
	// those on disk, with a nil tag, and later for each appended one, once it is
	// durable and before its Append returns. It is never called twice at once.
	Apply func(payload []byte, tag any)
	// Sync makes a file's bytes durable; nil: fdatasync.
	Sync func(*os.File) error
	// Seldom: appends are rare, and not worth the zeros that make them quick.
	Seldom bool
	Log    *slog.Logger
}

// Open reads the log in dir, creating it if needed, and starts to accept
// records.
func Open(dir string, o Options) (*Log, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create the log: %w", err)
	}
	l := &Log{dir: dir, apply: o.Apply, sync: o.Sync, ahead: ahead, turn: make(chan struct{}, 1)}
	if o.Seldom {
		l.ahead = 0
	}
	l.records.New = func() any { return &record{result: make(chan error, 1)} }
	if l.sync == nil {
		l.sync = syncData
	}
	segments, err := listSegments(dir)
	if err != nil {
		return nil, err
	}
	for i, n := range segments {
		if err := l.replay(n, i == len(segments)-1, o.Log); err != nil {
			return nil, err
		}
	}
	l.buffer = nil
	l.status.segments = segments
	if len(segments) == 0 {
		l.segment = 0
		if err := l.nextSegment(); err != nil {
			return nil, err
		}
	} else {
		l.segment = segments[len(segments)-1]
		name := l.path(l.segment)
		if l.file, err = os.OpenFile(name, os.O_RDWR, 0o644); err != nil {
			return nil, fmt.Errorf("open the log: %w", err)
		}
		if l.size, err = l.file.Seek(0, io.SeekEnd); err != nil {
			return nil, fmt.Errorf("open the log: %w", err)
		}
		l.length = l.size
	}
	return l, nil
}

func (l *Log) path(segment int) string {
	return filepath.Join(l.dir, fmt.Sprintf("%08d.log", segment))
}

func listSegments(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the log: %w", err)
	}
	var segments []int
	for _, e := range entries {
		number, ok := strings.CutSuffix(e.Name(), ".log")
		n, err := strconv.Atoi(number)
		if ok && err == nil && n > 0 {
			segments = append(segments, n)
		}
	}
	slices.Sort(segments)
	return segments, nil
}

// replay applies the records of a segment. A torn end is cut off the last
// segment; in an earlier one it can't come from a crash, and what follows it
// there is left out and said.
func (l *Log) replay(segment int, last bool, log *slog.Logger) error {
	name := l.path(segment)
	file, err := os.OpenFile(name, os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	at := int64(0)
	for in := bufio.NewReaderSize(file, 1<<20); ; {
		var payload []byte
		if payload, l.buffer, err = next(in, info.Size()-at, l.buffer); err != nil {
			break
		}
		l.apply(payload, nil)
		at += recordHeader + int64(len(payload))
	}
	if !errors.Is(err, errTorn) && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the log: %w", err)
	}
	end, err := endOf(file, at, info.Size())
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	l.status.bytes += at
	if at < end {
		l.status.dropped += end - at
		if log != nil {
			log.Warn("the log has a broken end, everything before it is kept", "segment", filepath.Base(name), "kept", at, "dropped", end-at)
		}
	}
	if !last || at == info.Size() {
		return nil
	}
	if err := file.Truncate(at); err != nil {
		return fmt.Errorf("cut the end off the log: %w", err)
	}
	if err := l.sync(file); err != nil {
		return fmt.Errorf("cut the end off the log: %w", err)
	}
	return nil
}

// endOf finds where a file's closing zeros begin, at from or after it.
func endOf(file *os.File, from, size int64) (end int64, err error) {
	end = from
	buffer := make([]byte, 64<<10)
	for at := from; at < size; {
		n, err := file.ReadAt(buffer[:min(int64(len(buffer)), size-at)], at)
		if err != nil {
			return 0, err
		}
		if rest := bytes.TrimRight(buffer[:n], "\x00"); len(rest) > 0 {
			end = at + int64(len(rest))
		}
		at += int64(n)
	}
	return end, nil
}

var errTorn = errors.New("the record is not whole")

// next reads a record, of which left bytes may remain, into buffer, which it
// gives back larger if need be. errTorn or io.EOF: there is none that is whole.
func next(in *bufio.Reader, left int64, buffer []byte) (payload, _ []byte, err error) {
	var header [recordHeader]byte
	if left < recordHeader {
		return nil, buffer, errTorn
	}
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return nil, buffer, err
	}
	size := int64(binary.LittleEndian.Uint32(header[:]))
	if size == 0 || size > MaxRecord || size > left-recordHeader {
		return nil, buffer, errTorn
	}
	if int64(cap(buffer)) < size {
		buffer = make([]byte, size)
	}
	payload = buffer[:size]
	if _, err := io.ReadFull(in, payload); err != nil {
		return nil, buffer, err
	}
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(header[4:]) {
		return nil, buffer, errTorn
	}
	return payload, buffer, nil
}

// Append adds a record and returns once it is on disk and applied. tag is
// handed to Apply as it is; payload is the caller's again when Append returns.
// When it fails nothing of the record is kept.
func (l *Log) Append(payload []byte, tag any) error {
	if len(payload) == 0 || len(payload) > MaxRecord {
		return fmt.Errorf("log record of %d bytes: allowed are 1 to %d", len(payload), MaxRecord)
	}
	r := l.records.Get().(*record)
	defer l.records.Put(r)
	r.payload, r.tag = payload, tag
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	l.pending = append(l.pending, r)
	l.mu.Unlock()
	select {
	case err := <-r.result: // another wrote it
		return err
	case l.turn <- struct{}{}:
		l.commitPending()
		<-l.turn
		return <-r.result
	}
}

// commitPending writes and applies what is pending. The caller has the turn.
func (l *Log) commitPending() {
	l.mu.Lock()
	l.group, l.pending = l.pending, l.group[:0]
	l.mu.Unlock()
	if len(l.group) == 0 {
		return
	}
	err := l.commit(l.group)
	for i, r := range l.group {
		if err == nil {
			l.apply(r.payload, r.tag)
		}
		r.payload, r.tag = nil, nil
		l.group[i] = nil
		r.result <- err
	}
}

// commit writes a group and makes it durable. After a failure the segment is
// cut back to its good part, so that a later group follows whole records.
func (l *Log) commit(group []*record) error {
	if l.size >= segmentSize {
		if err := l.nextSegment(); err != nil {
			return err
		}
	}
	l.buffer = l.buffer[:0]
	for _, r := range group {
		l.buffer = binary.LittleEndian.AppendUint32(l.buffer, uint32(len(r.payload)))
		l.buffer = binary.LittleEndian.AppendUint32(l.buffer, crc32.Checksum(r.payload, castagnoli))
		l.buffer = append(l.buffer, r.payload...)
	}
	written := int64(len(l.buffer))
	if l.size+written > l.length {
		l.buffer = append(l.buffer, make([]byte, l.ahead)...)
	}
	_, err := l.file.WriteAt(l.buffer, l.size)
	if err == nil {
		err = l.sync(l.file)
	}
	if err != nil {
		l.file.Truncate(l.size) // what fails here is cut off by the next Open
		l.length = l.size
		return fmt.Errorf("write the log: %w", err)
	}
	l.length = max(l.length, l.size+int64(len(l.buffer)))
	l.size += written
	l.status.Lock()
	l.status.bytes += written
	l.status.commits++
	l.status.records += uint64(len(group))
	l.status.Unlock()
	if cap(l.buffer) > 8<<20 { // one large group must not hold its memory for ever
		l.buffer = nil
	}
	return nil
}

// closeFile closes the segment, without the zeros.
func (l *Log) closeFile() error {
	return errors.Join(l.file.Truncate(l.size), l.file.Close())
}

// syncData is fdatasync: the file's length is part of it, its times are not.
func syncData(file *os.File) error {
	for {
		if err := unix.Fdatasync(int(file.Fd())); err != unix.EINTR {
			return err
		}
	}
}

// nextSegment begins a new file, whose existence is durable when it returns.
func (l *Log) nextSegment() error {
	file, err := os.OpenFile(l.path(l.segment+1), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("begin a log segment: %w", err)
	}
	if err := syncDir(l.dir); err != nil {
		file.Close()
		os.Remove(file.Name())
		return fmt.Errorf("begin a log segment: %w", err)
	}
	if l.file != nil {
		l.closeFile() // nothing in it is at stake: its records are durable
	}
	l.segment++
	l.file, l.size, l.length = file, 0, 0
	l.status.Lock()
	defer l.status.Unlock()
	l.status.segments = append(l.status.segments, l.segment)
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Cut begins a new segment and calls fn with its number, between two groups:
// every record applied so far lies in an earlier segment, every later one in
// this or a following one.
func (l *Log) Cut(fn func(segment int)) error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return ErrClosed
	}
	if err := l.nextSegment(); err != nil {
		return err
	}
	fn(l.segment)
	return nil
}

// Drop removes the segments before the given one: their records are kept
// elsewhere by now.
func (l *Log) Drop(before int) error {
	l.status.Lock()
	defer l.status.Unlock()
	for len(l.status.segments) > 1 && l.status.segments[0] < before {
		name := l.path(l.status.segments[0])
		if info, err := os.Stat(name); err == nil {
			l.status.bytes -= info.Size()
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("drop a log segment: %w", err)
		}
		l.status.segments = l.status.segments[1:]
	}
	return nil
}

// Stats are the log's own figures.
type Stats struct {
	Segments int
	Bytes    int64
	Dropped  int64  // bytes that were not readable at Open
	Commits  uint64 // groups written, each with one fsync
	Records  uint64
}

// Stats returns a snapshot.
func (l *Log) Stats() Stats {
	l.status.Lock()
	defer l.status.Unlock()
	return Stats{len(l.status.segments), l.status.bytes, l.status.dropped, l.status.commits, l.status.records}
}

// Close waits for what is pending and closes the log.
func (l *Log) Close() error {
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if closed {
		return nil
	}
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	l.commitPending()
	if err := l.closeFile(); err != nil {
		return fmt.Errorf("close the log: %w", err)
	}
	return nil
}
