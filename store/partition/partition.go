// Package partition keeps sealed blocks of series: immutable files,
// memory-mapped, every byte of them checksummed.
//
// Blocks lie in pages of 8 KiB and more, ordered by series and time. A directory
// has one entry per page, a table the times of each series; both are read where
// they lie, so that an open partition takes no memory to speak of. The page
// docs/storage-format.md describes the file.
//
//	w, err := partition.Create(path)
//	w.Add(series, partition.Numbers, header, encoded)
//	err = w.Close()
//
//	p, err := partition.Open(path)
//	for _, b := range p.Blocks(series) {
//		encoded, err := p.Bytes(b)
//		...
//	}
//	err = p.Release()
package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"os"
	"path/filepath"
	"sort"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/whippet-obs/whippet/store/chunk"
)

// Version is the format's; a file of another version is refused.
const Version = 1

// The file is
//
//	magic and version | pages | table of series | directory | footer
//
// An entry of the directory is a page's offset u64, its first and its last
// block's series u32, its CRC32C u32, and the least and the greatest time in it,
// i64 each. The
// footer has the offsets of table and directory u64, the numbers of series and
// pages u32, the least and the greatest time i64, the CRC32C u32 of everything
// from the table on, and again magic and version.
const (
	magic     = "WHPART"
	headLen   = len(magic) + 2
	footerLen = 8 + 8 + 4 + 4 + 8 + 8 + 4 + headLen
	entryLen  = 8 + 4 + 4 + 4 + 8 + 8
)

// Kinds of blocks. Those of the first two are chunks; a caller may have others.
const (
	Numbers  = 0
	Sketches = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrCorrupt is wrapped by errors about bytes that are not what was written.
var ErrCorrupt = errors.New("corrupt")

// Block is one block of a series.
type Block struct {
	Series           uint32
	Kind             uint8
	MinTime, MaxTime int64 // ms

	data []byte
	err  error // why there is none
}

// Partition is an open file. Safe for concurrent use.
type Partition struct {
	Path             string
	MinTime, MaxTime int64 // ms

	data      []byte // the mapped file
	directory []byte
	table     []byte
	series    int
	uses      []atomic.Uint32 // of each page since it was checked; 0: check it
	users     atomic.Int32
	remove    atomic.Bool // when the last user is gone
}

// Open maps the partition at path and checks its directory and table. The
// caller holds it until Release.
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
	if err := p.readFooter(); err != nil {
		unix.Munmap(data)
		return fail(err)
	}
	return p, nil
}

func (p *Partition) readFooter() error {
	end := len(p.data) - footerLen
	footer := p.data[end:]
	for _, mark := range [][]byte{p.data[:headLen], footer[footerLen-headLen:]} {
		if string(mark[:len(magic)]) != magic {
			return fmt.Errorf("%w: not a partition", ErrCorrupt)
		}
		if v := binary.LittleEndian.Uint16(mark[len(magic):]); v != Version {
			return fmt.Errorf("its format is version %d, this program reads version %d", v, Version)
		}
	}
	table, directory := binary.LittleEndian.Uint64(footer), binary.LittleEndian.Uint64(footer[8:])
	series, pages := binary.LittleEndian.Uint32(footer[16:]), binary.LittleEndian.Uint32(footer[20:])
	if table < uint64(headLen) || table > directory || directory > uint64(end) || uint64(end)-directory != uint64(pages)*entryLen {
		return fmt.Errorf("%w: its directory does not fit", ErrCorrupt)
	}
	sum := len(p.data) - headLen - 4
	if crc32.Checksum(p.data[table:sum], castagnoli) != binary.LittleEndian.Uint32(p.data[sum:]) {
		return fmt.Errorf("%w: its directory fails its checksum", ErrCorrupt)
	}
	p.MinTime, p.MaxTime = int64(binary.LittleEndian.Uint64(footer[24:])), int64(binary.LittleEndian.Uint64(footer[32:]))
	p.table, p.directory, p.series = p.data[table:directory], p.data[directory:end], int(series)
	p.uses = make([]atomic.Uint32, pages)
	at := uint64(headLen)
	for i := range int(pages) {
		from := p.page(i).from
		if from < at || from > table {
			return fmt.Errorf("%w: page %d lies outside the file", ErrCorrupt, i)
		}
		at = from
	}
	return nil
}

// page is an entry of the directory.
type page struct {
	from, to         uint64
	first, last      uint32 // series
	checksum         uint32
	minTime, maxTime int64
}

func (p *Partition) pages() int { return len(p.directory) / entryLen }

func (p *Partition) page(i int) page {
	e := p.directory[i*entryLen : (i+1)*entryLen]
	g := page{
		from: binary.LittleEndian.Uint64(e), first: binary.LittleEndian.Uint32(e[8:]), last: binary.LittleEndian.Uint32(e[12:]),
		checksum: binary.LittleEndian.Uint32(e[16:]), minTime: int64(binary.LittleEndian.Uint64(e[20:])), maxTime: int64(binary.LittleEndian.Uint64(e[28:])),
	}
	if next := (i + 1) * entryLen; next < len(p.directory) {
		g.to = binary.LittleEndian.Uint64(p.directory[next:])
	} else {
		g.to = uint64(len(p.data) - footerLen - len(p.directory) - len(p.table))
	}
	return g
}

// ranged gives the series of a page's first and last block.
func (p *Partition) ranged(i int) (first, last uint32) {
	e := p.directory[i*entryLen : (i+1)*entryLen]
	return binary.LittleEndian.Uint32(e[8:]), binary.LittleEndian.Uint32(e[12:])
}

// Blocks returns the blocks of one series, by time. In place of those of a page
// that fails its checksum there is one of all the page's times, the bytes of
// which are an error: whether it holds blocks of the series can't be told.
func (p *Partition) Blocks(series uint32) []Block { return p.AppendBlocks(nil, series) }

// AppendBlocks is Blocks into a slice of the caller's.
func (p *Partition) AppendBlocks(found []Block, series uint32) []Block {
	n := p.pages()
	i := sort.Search(n, func(i int) bool { _, last := p.ranged(i); return last >= series })
	for ; i < n; i++ {
		if first, _ := p.ranged(i); first > series {
			break
		}
		found = p.appendBlocks(found, i, series)
	}
	return found
}

// appendBlocks appends the blocks that a page has of a series.
func (p *Partition) appendBlocks(found []Block, i int, series uint32) []Block {
	g := p.page(i)
	data, bad := p.pageData(i, &g)
	b := Block{Series: g.first}
	for len(data) > 0 && b.Series <= series && bad == nil {
		var ok bool
		if b, data, ok = nextBlock(b, data); ok && b.Series == series {
			if ok = b.end(); ok {
				found = append(found, b)
			}
		}
		if !ok {
			bad = p.unreadable(&g, "its blocks can't be told apart")
		}
	}
	if bad != nil {
		found = append(found, Block{Series: series, MinTime: g.minTime, MaxTime: g.maxTime, err: bad})
	}
	return found
}

// usesPerCheck is how often a page is used until it is checked again. Whoever
// reads many series comes to a page once for each that it holds.
const usesPerCheck = 64

// pageData returns the checked bytes of a page.
func (p *Partition) pageData(i int, g *page) ([]byte, error) {
	data := p.data[g.from:g.to]
	if uses := p.uses[i].Load(); 0 < uses && uses < usesPerCheck {
		p.uses[i].Store(uses + 1)
		return data, nil
	}
	if crc32.Checksum(data, castagnoli) != g.checksum {
		p.uses[i].Store(0)
		return nil, p.unreadable(g, "it fails its checksum")
	}
	p.uses[i].Store(1)
	return data, nil
}

func (p *Partition) unreadable(g *page, why string) error {
	return fmt.Errorf("partition %s: page at %d: %w: %s", filepath.Base(p.Path), g.from, ErrCorrupt, why)
}

// All yields every block, by series and time, and one whose bytes are an error
// for every page that fails its checksum.
func (p *Partition) All() iter.Seq[Block] {
	return func(yield func(Block) bool) {
		for i := range p.pages() {
			g := p.page(i)
			data, bad := p.pageData(i, &g)
			b := Block{Series: g.first}
			for len(data) > 0 && bad == nil {
				var ok bool
				if b, data, ok = nextBlock(b, data); !ok || !b.end() {
					bad = p.unreadable(&g, "its blocks can't be told apart")
				} else if !yield(b) {
					return
				}
			}
			if bad != nil && !yield(Block{Series: g.first, MinTime: g.minTime, MaxTime: g.maxTime, err: bad}) {
				return
			}
		}
	}
}

// nextBlock reads the block at the front of data; prev is the one before it.
//
//	series less the one before's uvarint, times 2, plus 1 if the kind follows |
//	kind u8 and last less first time uvarint, if flagged |
//	first time less the one before's zigzag varint | length uvarint | bytes
func nextBlock(prev Block, data []byte) (b Block, rest []byte, ok bool) {
	u, n := binary.Uvarint(data)
	if n <= 0 {
		return b, nil, false
	}
	data = data[n:]
	b.Series = prev.Series + uint32(u>>1)
	length := uint64(0)
	other := u&1 != 0
	if other {
		if len(data) == 0 {
			return b, nil, false
		}
		b.Kind = data[0]
		if length, n = binary.Uvarint(data[1:]); n <= 0 {
			return b, nil, false
		}
		data = data[1+n:]
	}
	ahead, n := binary.Varint(data)
	if n <= 0 {
		return b, nil, false
	}
	data = data[n:]
	b.MinTime = prev.MinTime + ahead
	size, n := binary.Uvarint(data)
	if n <= 0 || size > uint64(len(data)-n) {
		return b, nil, false
	}
	b.data, rest = data[n:n+int(size)], data[n+int(size):]
	if other {
		b.MaxTime = b.MinTime + int64(length)
		return b, rest, true
	}
	return b, rest, true
}

// end fills what a chunk says itself: its kind and the time of its last sample.
func (b *Block) end() (ok bool) {
	if b.Kind != Numbers {
		return true
	}
	if chunk.HoldsSketches(b.data) {
		b.Kind = Sketches
	}
	var err error
	_, b.MaxTime, err = chunk.Span(b.MinTime, b.data)
	return err == nil
}

// Bytes returns the bytes of a block, valid until the user's Release.
func (p *Partition) Bytes(b Block) ([]byte, error) { return b.data, b.err }

// Series yields each series and the times of its first and last sample, in ms.
func (p *Partition) Series() iter.Seq2[uint32, [2]int64] {
	return func(yield func(uint32, [2]int64) bool) {
		table := p.table
		var columns [3][]int64
		for left := p.series; left > 0; {
			n := min(left, tableGroup)
			left -= n
			for i := range columns {
				if columns[i] == nil {
					columns[i] = make([]int64, n)
				}
				columns[i] = columns[i][:n]
				var err error
				if table, err = chunk.Ints(columns[i], table); err != nil {
					return // not possible: the table passed its checksum
				}
			}
			for i, series := range columns[0] {
				first := columns[1][i]
				if !yield(uint32(series), [2]int64{first, first + columns[2][i]}) {
					return
				}
			}
		}
	}
}

// LinkTo makes the partition a durable file at path, too: the same file where
// the file system can do that, else a copy. The folder is the caller's to sync.
func (p *Partition) LinkTo(path string) error {
	if os.Link(p.Path, path) == nil {
		return nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("copy partition: %w", err)
	}
	defer file.Close()
	if _, err = file.Write(p.data); err == nil {
		err = file.Sync()
	}
	if err != nil {
		return fmt.Errorf("copy partition: %w", err)
	}
	return nil
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
	p.data, p.directory, p.table = nil, nil, nil
	if p.remove.Load() {
		err = errors.Join(err, os.Remove(p.Path))
	}
	return err
}

// RemoveWhenUnused deletes the file once its last user is gone.
func (p *Partition) RemoveWhenUnused() { p.remove.Store(true) }
