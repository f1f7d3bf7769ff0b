package partition

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/whippet-obs/whippet/store/chunk"
)

// pageLen is from how many bytes on a page is full. Whoever reads one block
// checks all of its page, at some 20 bytes per ns.
const pageLen = 8 << 10

// tableGroup is how many series share the columns of one group of the table.
const tableGroup = 1024

// Writer writes one partition. Blocks come in the order of series and time.
type Writer struct {
	path string
	file *os.File
	out  *bufio.Writer
	at   uint64
	err  error

	page      []byte
	current   page // of page, but for offset and checksum
	last      Block
	directory []byte
	pages     uint32

	encoder *chunk.Encoder
	table   []byte
	series  uint32
	group   [3][]int64 // series, first time, last less first time
	minTime int64
	maxTime int64
}

// Create begins a partition at path, in a temporary file beside it.
func Create(path string) (*Writer, error) {
	file, err := os.Create(path + ".tmp")
	if err != nil {
		return nil, fmt.Errorf("create partition: %w", err)
	}
	w := &Writer{path: path, file: file, out: bufio.NewWriterSize(file, 256<<10), encoder: chunk.NewEncoder()}
	w.write(head())
	return w, nil
}

func head() []byte { return binary.LittleEndian.AppendUint16([]byte(magic), Version) }

func (w *Writer) write(b []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(b)
		w.at += uint64(len(b))
	}
}

// Add appends a block: an encoded chunk, or anything of another kind. Of its
// header the times count. Errors show in Close.
func (w *Writer) Add(series uint32, kind uint8, h chunk.Header, encoded []byte) {
	b := Block{Series: series, Kind: kind, MinTime: h.MinTime, MaxTime: h.MaxTime}
	first := len(w.group[0]) == 0 // it is never empty after the first
	if !first && (series < w.last.Series || series == w.last.Series && b.MinTime < w.last.MinTime) {
		w.err = errors.Join(w.err, fmt.Errorf("BUG: block of series %d from %d comes after one of series %d from %d", series, b.MinTime, w.last.Series, w.last.MinTime))
		return
	}
	w.enter(b, first)
	if len(w.page) == 0 {
		w.current = page{first: series, minTime: b.MinTime, maxTime: b.MaxTime}
		w.last = Block{Series: series}
	}
	w.current.minTime, w.current.maxTime = min(w.current.minTime, b.MinTime), max(w.current.maxTime, b.MaxTime)
	gap := uint64(series-w.last.Series) << 1
	if kind != Numbers && kind != Sketches {
		w.page = append(binary.AppendUvarint(w.page, gap|1), kind)
		w.page = binary.AppendUvarint(w.page, uint64(b.MaxTime-b.MinTime))
	} else {
		w.page = binary.AppendUvarint(w.page, gap)
	}
	w.page = binary.AppendVarint(w.page, b.MinTime-w.last.MinTime)
	w.page = binary.AppendUvarint(w.page, uint64(len(encoded)))
	w.page = append(w.page, encoded...)
	w.last = b
	if len(w.page) >= pageLen {
		w.endPage()
	}
}

// endPage writes the page and enters it in the directory.
func (w *Writer) endPage() {
	if len(w.page) == 0 {
		return
	}
	w.directory = binary.LittleEndian.AppendUint64(w.directory, w.at)
	w.directory = binary.LittleEndian.AppendUint32(w.directory, w.current.first)
	w.directory = binary.LittleEndian.AppendUint32(w.directory, w.last.Series)
	w.directory = binary.LittleEndian.AppendUint32(w.directory, crc32.Checksum(w.page, castagnoli))
	w.directory = binary.LittleEndian.AppendUint64(w.directory, uint64(w.current.minTime))
	w.directory = binary.LittleEndian.AppendUint64(w.directory, uint64(w.current.maxTime))
	w.pages++
	w.write(w.page)
	w.page = w.page[:0]
}

// enter notes a block's times for its series.
func (w *Writer) enter(b Block, first bool) {
	if first {
		w.minTime, w.maxTime = b.MinTime, b.MaxTime
	}
	w.minTime, w.maxTime = min(w.minTime, b.MinTime), max(w.maxTime, b.MaxTime)
	n := len(w.group[0])
	if n > 0 && w.group[0][n-1] == int64(b.Series) {
		w.group[2][n-1] = max(w.group[2][n-1], b.MaxTime)
		return
	}
	if n == tableGroup {
		w.endGroup()
	}
	w.group[0] = append(w.group[0], int64(b.Series))
	w.group[1] = append(w.group[1], b.MinTime)
	w.group[2] = append(w.group[2], b.MaxTime)
}

// endGroup appends the group to the table, its last times as distances.
func (w *Writer) endGroup() {
	w.series += uint32(len(w.group[0]))
	for i := range w.group[2] {
		w.group[2][i] -= w.group[1][i]
	}
	for i := range w.group {
		if len(w.group[i]) > 0 {
			w.table = w.encoder.AppendInts(w.table, w.group[i])
		}
		w.group[i] = w.group[i][:0]
	}
}

// Abort drops what has been written.
func (w *Writer) Abort() {
	w.file.Close()
	os.Remove(w.file.Name())
}

// Close writes table, directory and footer, makes the file durable and gives it
// its name.
func (w *Writer) Close() error {
	w.endPage()
	w.endGroup()
	footer := binary.LittleEndian.AppendUint64(nil, w.at)
	footer = binary.LittleEndian.AppendUint64(footer, w.at+uint64(len(w.table)))
	footer = binary.LittleEndian.AppendUint32(footer, w.series)
	footer = binary.LittleEndian.AppendUint32(footer, w.pages)
	footer = binary.LittleEndian.AppendUint64(footer, uint64(w.minTime))
	footer = binary.LittleEndian.AppendUint64(footer, uint64(w.maxTime))
	sum := crc32.Checksum(w.table, castagnoli)
	sum = crc32.Update(sum, castagnoli, w.directory)
	sum = crc32.Update(sum, castagnoli, footer)
	w.write(w.table)
	w.write(w.directory)
	w.write(append(binary.LittleEndian.AppendUint32(footer, sum), head()...))
	if w.err == nil {
		w.err = w.out.Flush()
	}
	if w.err == nil {
		w.err = w.file.Sync()
	}
	if w.err == nil {
		w.err = w.file.Close()
	}
	if w.err == nil {
		w.err = os.Rename(w.file.Name(), w.path)
	}
	if w.err == nil {
		w.err = SyncDir(filepath.Dir(w.path))
	}
	if w.err != nil {
		w.Abort()
		return fmt.Errorf("write partition %s: %w", filepath.Base(w.path), w.err)
	}
	return nil
}

// SyncDir makes the entries of a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
