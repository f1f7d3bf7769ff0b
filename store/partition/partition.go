// Package partition keeps sealed samples: immutable files, one or more per
// day, memory-mapped, every block and the index checksummed.
//
// A file is
//
//	magic "WHPART" and version u16
//	blocks: chunks as package chunk codes them, back to back
//	index: one entry per block, ordered by series and time
//	footer: index offset u64 | entries u32 | CRC32C of the index u32 | magic
//
// and an index entry is
//
//	series u32 | kind u8 | 3 bytes zero | offset u64 | length u32 | CRC32C u32 | chunk.Header
package partition

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sort"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/whippet-obs/whippet/store/chunk"
)

// Version is the format's; a file of another version is refused.
const Version = 1

const (
	magic     = "WHPART"
	headLen   = len(magic) + 2
	footerLen = 8 + 4 + 4 + len(magic) + 2
	entryLen  = 24 + chunk.HeaderLen
)

// Kinds of blocks.
const (
	Numbers  = 0
	Sketches = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrCorrupt is wrapped by errors about bytes that are not what was written.
var ErrCorrupt = errors.New("corrupt")

// Block is one block's entry in the index.
type Block struct {
	Series uint32
	Kind   uint8
	chunk.Header

	offset   uint64
	length   uint32
	checksum uint32
}

// Writer writes one partition. Blocks come in the order of series and time.
type Writer struct {
	path   string
	file   *os.File
	out    *bufio.Writer
	at     uint64
	blocks []Block
	err    error
}

// Create begins a partition at path, in a temporary file beside it.
func Create(path string) (*Writer, error) {
	file, err := os.Create(path + ".tmp")
	if err != nil {
		return nil, fmt.Errorf("create partition: %w", err)
	}
	w := &Writer{path: path, file: file, out: bufio.NewWriterSize(file, 1<<20)}
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

// Add appends a block. Errors show in Close.
func (w *Writer) Add(series uint32, kind uint8, h chunk.Header, encoded []byte) {
	w.blocks = append(w.blocks, Block{
		Series: series, Kind: kind, Header: h,
		offset: w.at, length: uint32(len(encoded)), checksum: crc32.Checksum(encoded, castagnoli),
	})
	w.write(encoded)
}

// Abort drops what has been written.
func (w *Writer) Abort() {
	w.file.Close()
	os.Remove(w.file.Name())
}

// Close writes the index, makes the file durable and gives it its name.
func (w *Writer) Close() error {
	index := make([]byte, 0, len(w.blocks)*entryLen)
	for _, b := range w.blocks {
		index = binary.LittleEndian.AppendUint32(index, b.Series)
		index = append(index, b.Kind, 0, 0, 0)
		index = binary.LittleEndian.AppendUint64(index, b.offset)
		index = binary.LittleEndian.AppendUint32(index, b.length)
		index = binary.LittleEndian.AppendUint32(index, b.checksum)
		index = chunk.AppendHeader(index, b.Header)
	}
	footer := binary.LittleEndian.AppendUint64(nil, w.at)
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(w.blocks)))
	footer = binary.LittleEndian.AppendUint32(footer, crc32.Checksum(index, castagnoli))
	w.write(index)
	w.write(append(footer, head()...))
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
		w.err = syncDir(filepath.Dir(w.path))
	}
	if w.err != nil {
		w.Abort()
		return fmt.Errorf("write partition %s: %w", filepath.Base(w.path), w.err)
	}
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

// Partition is an open file. Safe for concurrent use.
type Partition struct {
	Path             string
	MinTime, MaxTime int64 // ms

	blocks []Block // by series, then time
	data   []byte  // the mapped file
	users  atomic.Int32
	remove atomic.Bool // when the last user is gone
}

// Open maps the partition at path and checks its index. The caller holds it
// until Release.
func Open(path string) (*Partition, error) {
	fail := func(err error) (*Partition, error) {
		return nil, fmt.Errorf("open partition %s: %w", filepath.Base(path), err)
	}
	file, err := os.Open(path)
	if err != nil {
		return fail(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fail(err)
	}
	size := info.Size()
	if size < int64(headLen+footerLen) {
		return fail(fmt.Errorf("%w: %d bytes are too few", ErrCorrupt, size))
	}
	data, err := unix.Mmap(int(file.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fail(fmt.Errorf("map: %w", err))
	}
	p := &Partition{Path: path, data: data}
	p.users.Store(1)
	if err := p.readIndex(); err != nil {
		unix.Munmap(data)
		return fail(err)
	}
	return p, nil
}

func (p *Partition) readIndex() error {
	footer := p.data[len(p.data)-footerLen:]
	for _, mark := range [][]byte{p.data[:headLen], footer[footerLen-headLen:]} {
		if string(mark[:len(magic)]) != magic {
			return fmt.Errorf("%w: not a partition", ErrCorrupt)
		}
		if v := binary.LittleEndian.Uint16(mark[len(magic):]); v != Version {
			return fmt.Errorf("its format is version %d, this program reads version %d", v, Version)
		}
	}
	start, n := binary.LittleEndian.Uint64(footer), uint64(binary.LittleEndian.Uint32(footer[8:]))
	end := uint64(len(p.data) - footerLen)
	if start < uint64(headLen) || start > end || n*uint64(entryLen) != end-start {
		return fmt.Errorf("%w: its index does not fit", ErrCorrupt)
	}
	index := p.data[start:end]
	if crc32.Checksum(index, castagnoli) != binary.LittleEndian.Uint32(footer[12:]) {
		return fmt.Errorf("%w: its index fails its checksum", ErrCorrupt)
	}
	p.blocks = make([]Block, n)
	for i := range p.blocks {
		e := index[i*entryLen:]
		h, err := chunk.ReadHeader(e[24:])
		if err != nil {
			return fmt.Errorf("%w: block %d: %w", ErrCorrupt, i, err)
		}
		b := Block{
			Series: binary.LittleEndian.Uint32(e), Kind: e[4], Header: h, offset: binary.LittleEndian.Uint64(e[8:]),
			length: binary.LittleEndian.Uint32(e[16:]), checksum: binary.LittleEndian.Uint32(e[20:]),
		}
		if b.offset < uint64(headLen) || b.offset > start || uint64(b.length) > start-b.offset {
			return fmt.Errorf("%w: block %d lies outside the file", ErrCorrupt, i)
		}
		p.blocks[i] = b
		if i == 0 || b.MinTime < p.MinTime {
			p.MinTime = b.MinTime
		}
		if i == 0 || b.MaxTime > p.MaxTime {
			p.MaxTime = b.MaxTime
		}
	}
	return nil
}

// Blocks returns the index entries of one series, by time; read only.
func (p *Partition) Blocks(series uint32) []Block {
	first := sort.Search(len(p.blocks), func(i int) bool { return p.blocks[i].Series >= series })
	last := first
	for last < len(p.blocks) && p.blocks[last].Series == series {
		last++
	}
	return p.blocks[first:last]
}

// All returns every index entry, by series and time; read only.
func (p *Partition) All() []Block { return p.blocks }

// Bytes returns the checked bytes of a block, valid until the user's Release.
func (p *Partition) Bytes(b Block) ([]byte, error) {
	encoded := p.data[b.offset : b.offset+uint64(b.length)]
	if crc32.Checksum(encoded, castagnoli) != b.checksum {
		return nil, fmt.Errorf("partition %s: block at %d of series %d: %w: it fails its checksum", filepath.Base(p.Path), b.offset, b.Series, ErrCorrupt)
	}
	return encoded, nil
}

// Size is the file's length in bytes.
func (p *Partition) Size() int64 { return int64(len(p.data)) }

// Acquire adds a user. Only a user may acquire for another.
func (p *Partition) Acquire() { p.users.Add(1) }

// Release ends a use; the last one unmaps the file, and removes it if asked.
func (p *Partition) Release() error {
	if p.users.Add(-1) > 0 {
		return nil
	}
	err := unix.Munmap(p.data)
	p.data = nil
	if p.remove.Load() {
		err = errors.Join(err, os.Remove(p.Path))
	}
	return err
}

// RemoveWhenUnused deletes the file once its last user is gone.
func (p *Partition) RemoveWhenUnused() { p.remove.Store(true) }
