package exemplar

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The folder has files 1.log, 2.log, ... of half as many exemplars as are kept, of
// which those stay that hold the ones kept. Open makes one of many: each process
// begins a file of its own. A file is records one after the other:
//
//	length of the rest  uvarint
//	series              uint32, little endian, as all numbers
//	time                int64, ms
//	value               float64
//	labels              of each: length and bytes of its name, then of its value (uvarint)
//	checksum            uint32, CRC-32C of everything between it and the length
//
// What follows a record that is not whole is not read: it was being written when
// the machine went down. Files are written by one process, never gone on with by
// another.
type log struct {
	dir     string
	keep    int
	perFile int
	counts  map[int]int // exemplars by file
	logger  *slog.Logger
	number  int
	file    *os.File // nil: there is none yet, or it can't be written
	out     *bufio.Writer
	written int
	failed  bool
	record  []byte // buffers
	body    []byte
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// mostFiles are left by Open.
const mostFiles = 8

// maxRecord bounds a record that is read.
const maxRecord = 4096

func (l *log) open(dir string, keep int, logger *slog.Logger, fn func(Exemplar)) error {
	l.dir, l.keep, l.perFile, l.logger, l.counts = dir, keep, max(1, keep/2), logger, map[int]int{}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	numbers, err := l.files()
	if err != nil {
		return err
	}
	for _, n := range numbers {
		err := readFile(l.path(n), func(e Exemplar) {
			l.counts[n]++
			fn(e)
		})
		if err != nil {
			return err
		}
		l.number = n
	}
	l.out = bufio.NewWriter(nil)
	return nil
}

// rewrite makes one file of many. Dying in it leaves exemplars in two files, which
// are taken for one.
func (l *log) rewrite(exemplars []Exemplar) error {
	if len(l.counts) <= mostFiles {
		return nil
	}
	l.number++
	var b []byte
	for _, e := range exemplars {
		b = l.appendRecord(b, e)
	}
	if err := os.WriteFile(l.path(l.number), b, 0o644); err != nil {
		return err
	}
	l.counts[l.number] = l.keep // so that the others go
	return l.prune()
}

func (l *log) path(n int) string { return filepath.Join(l.dir, strconv.Itoa(n)+".log") }

// files lists the numbers of the files, in order.
func (l *log) files() ([]int, error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".log"); ok {
			if n, err := strconv.Atoi(name); err == nil && n > 0 {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// prune removes the files of which nothing is kept any more.
func (l *log) prune() error {
	numbers, err := l.files()
	newer := 0
	for _, n := range slices.Backward(numbers) {
		if newer >= l.keep {
			delete(l.counts, n)
			err = errors.Join(err, os.Remove(l.path(n)))
		}
		newer += l.counts[n]
	}
	return err
}

func readFile(path string, fn func(Exemplar)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	var record []byte
	for {
		n, err := binary.ReadUvarint(in)
		if err != nil || n < 24 || n > maxRecord {
			return nil
		}
		record = slices.Grow(record[:0], int(n))[:n]
		if _, err := io.ReadFull(in, record); err != nil {
			return nil
		}
		body, sum := record[:n-4], binary.LittleEndian.Uint32(record[n-4:])
		e, ok := decode(body)
		if !ok || crc32.Checksum(body, castagnoli) != sum {
			return nil
		}
		fn(e)
	}
}

func encode(b []byte, e Exemplar) []byte {
	b = binary.LittleEndian.AppendUint32(b, e.Series)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Time))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(e.Value))
	for _, l := range e.Labels {
		for _, text := range []string{l.Name, l.Value} {
			b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		}
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decode reads a record without its checksum.
func decode(b []byte) (e Exemplar, ok bool) {
	if len(b) < 20 {
		return e, false
	}
	e.Series = binary.LittleEndian.Uint32(b)
	e.Time = int64(binary.LittleEndian.Uint64(b[4:]))
	e.Value = math.Float64frombits(binary.LittleEndian.Uint64(b[12:]))
	b = b[20:]
	for len(b) > 0 {
		var texts [2]string
		for i := range texts {
			n, size := binary.Uvarint(b)
			if size <= 0 || n > uint64(len(b)-size) {
				return e, false
			}
			texts[i] = string(b[size : size+int(n)])
			b = b[size+int(n):]
		}
		e.Labels = append(e.Labels, Label{texts[0], texts[1]})
	}
	return e, true
}

// write adds an exemplar to the file. When that fails, it is said once, and the
// exemplars of this file stay in memory alone.
func (l *log) write(e Exemplar) {
	if l.written%l.perFile == 0 && !l.begin() {
		return
	}
	l.written++
	l.counts[l.number]++
	l.record = l.appendRecord(l.record[:0], e)
	_, err := l.out.Write(l.record)
	l.told(err)
}

func (l *log) appendRecord(b []byte, e Exemplar) []byte {
	l.body = encode(l.body[:0], e)
	return append(binary.AppendUvarint(b, uint64(len(l.body))), l.body...)
}

// begin begins the next file.
func (l *log) begin() bool {
	err := l.close()
	if err == nil {
		l.number++
		l.file, err = os.OpenFile(l.path(l.number), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	}
	if err != nil {
		l.file = nil
		l.told(err)
		return false
	}
	l.out.Reset(l.file)
	l.told(l.prune())
	return true
}

func (l *log) flush() {
	if l.file != nil {
		l.told(l.out.Flush())
	}
}

func (l *log) told(err error) {
	if err != nil && !l.failed {
		l.failed = true
		l.logger.Error("exemplars can't be written, they are kept in memory only", "dir", l.dir, "err", err)
	}
}

func (l *log) close() error {
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.out.Flush(), l.file.Close())
	l.file = nil
	if err != nil {
		return fmt.Errorf("close %s: %w", l.path(l.number), err)
	}
	return nil
}
