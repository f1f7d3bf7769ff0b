package span

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A segment is an immutable file:
//
//	magic "WHSPAN" and version u16
//	blocks, back to back
//	index:
//	  blocks  per block: offset u64 | length u32 | CRC32C u32 | spans u32 |
//	          bloom bytes u32 | least start i64 | greatest start i64 | greatest duration i64
//	  traces  fingerprints u32 each, sorted, then the block of each, u16
//	  blooms  back to back: which tags the spans of a block have
//	footer: index offset u64 | blocks u32 | traces u32 | CRC32C of the index u32 | magic and version
const (
	segmentMagic   = "WHSPAN"
	segmentVersion = 1

	segmentHead   = len(segmentMagic) + 2
	segmentFooter = 8 + 4 + 4 + 4 + segmentHead
	blockEntry    = 48
	maxBlocks     = math.MaxUint16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func segmentMark() []byte {
	return binary.LittleEndian.AppendUint16([]byte(segmentMagic), segmentVersion)
}

// blockInfo is a block's entry in the index.
type blockInfo struct {
	offset      uint64
	length      uint32
	checksum    uint32
	spans       uint32
	bloom       []byte
	from, to    int64 // starts, ns
	maxDuration int64
}

// writeSegment writes spans, which byTrace has ordered, to a file at path. The
// file is durable when it returns.
func writeSegment(path string, c *codec, spans []*Span) (err error) {
	file, err := os.Create(path + ".tmp")
	if err != nil {
		return fmt.Errorf("create span segment: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(path + ".tmp")
			err = fmt.Errorf("write span segment %s: %w", filepath.Base(path), err)
		}
	}()
	out := bufio.NewWriterSize(file, 1<<20)
	out.Write(segmentMark()) // bufio keeps the first error for Flush
	at := uint64(segmentHead)
	type entry struct {
		print uint32
		block uint16
	}
	var blocks, blooms []byte
	var traces []entry
	number := 0
	for ; len(spans) > 0; number++ {
		if number == maxBlocks {
			return errors.New("too many spans for one segment")
		}
		part := spans[:blockEnd(spans)]
		spans = spans[len(part):]
		encoded := c.appendBlock(nil, part)
		bloom := bloomOf(part)
		from, to, longest := int64(math.MaxInt64), int64(math.MinInt64), int64(0)
		for i, s := range part {
			from, to, longest = min(from, s.Start), max(to, s.Start), max(longest, s.Duration)
			if i == 0 || part[i-1].Trace != s.Trace {
				traces = append(traces, entry{s.Trace.fingerprint(), uint16(number)})
			}
		}
		blocks = binary.LittleEndian.AppendUint64(blocks, at)
		for _, v := range []uint32{uint32(len(encoded)), crc32.Checksum(encoded, castagnoli), uint32(len(part)), uint32(len(bloom))} {
			blocks = binary.LittleEndian.AppendUint32(blocks, v)
		}
		for _, v := range []int64{from, to, longest} {
			blocks = binary.LittleEndian.AppendUint64(blocks, uint64(v))
		}
		blooms = append(blooms, bloom...)
		out.Write(encoded)
		at += uint64(len(encoded))
	}
	slices.SortFunc(traces, func(a, b entry) int { return cmp.Or(cmp.Compare(a.print, b.print), cmp.Compare(a.block, b.block)) })
	traces = slices.Compact(traces)
	index := blocks
	for _, t := range traces {
		index = binary.LittleEndian.AppendUint32(index, t.print)
	}
	for _, t := range traces {
		index = binary.LittleEndian.AppendUint16(index, t.block)
	}
	index = append(index, blooms...)
	footer := binary.LittleEndian.AppendUint64(nil, at)
	footer = binary.LittleEndian.AppendUint32(footer, uint32(number))
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(traces)))
	footer = binary.LittleEndian.AppendUint32(footer, crc32.Checksum(index, castagnoli))
	out.Write(index)
	out.Write(append(footer, segmentMark()...))
	if err := out.Flush(); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// blockEnd is how many of spans go into the next block: maxBlock, or fewer so
// that a trace that fits stays in one.
func blockEnd(spans []*Span) int {
	if len(spans) <= maxBlock {
		return len(spans)
	}
	n := maxBlock
	for n > maxBlock/2 && spans[n-1].Trace == spans[n].Trace {
		n--
	}
	if n == maxBlock/2 {
		return maxBlock
	}
	return n
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// fingerprint is a trace's place in the index of traces. It is made of the low
// half alone: some ask with no more.
func (id TraceID) fingerprint() uint32 { return uint32(mix(id.Low) >> 32) }

// mix is the finalizer of splitmix64. It is part of the format.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// segment is an open file, mapped. Safe for concurrent use by those who hold it.
type segment struct {
	path     string
	size     int64
	from, to int64 // starts, ns
	spans    int
	blocks   []blockInfo
	prints   []byte // u32 each
	places   []byte // u16 each
	data     []byte

	users  atomic.Int32
	remove atomic.Bool // when the last user is gone
}

func openSegment(path string) (*segment, error) {
	fail := func(err error) (*segment, error) {
		return nil, fmt.Errorf("open span segment %s: %w", filepath.Base(path), err)
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
	if info.Size() < int64(segmentHead+segmentFooter) {
		return fail(errors.New("too short"))
	}
	data, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fail(fmt.Errorf("map: %w", err))
	}
	s := &segment{path: path, size: info.Size(), data: data, from: math.MaxInt64, to: math.MinInt64}
	s.users.Store(1)
	if err := s.readIndex(); err != nil {
		unix.Munmap(data)
		return fail(err)
	}
	return s, nil
}

func (s *segment) readIndex() error {
	mark := string(segmentMark())
	footer := s.data[len(s.data)-segmentFooter:]
	if string(s.data[:segmentHead]) != mark || string(footer[segmentFooter-segmentHead:]) != mark {
		return fmt.Errorf("not a span segment of version %d", segmentVersion)
	}
	at := binary.LittleEndian.Uint64(footer)
	blocks, traces := int(binary.LittleEndian.Uint32(footer[8:])), int(binary.LittleEndian.Uint32(footer[12:]))
	end := len(s.data) - segmentFooter
	if at > uint64(end) || end-int(at) < blocks*blockEntry+traces*6 {
		return errors.New("the index lies outside of the file")
	}
	index := s.data[at:end]
	if crc32.Checksum(index, castagnoli) != binary.LittleEndian.Uint32(footer[16:]) {
		return errors.New("the index is damaged")
	}
	s.prints = index[blocks*blockEntry:][:traces*4]
	s.places = index[blocks*blockEntry+traces*4:][:traces*2]
	blooms := index[blocks*blockEntry+traces*6:]
	for i := range blocks {
		e := index[i*blockEntry:]
		u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(e[at:]) }
		i64 := func(at int) int64 { return int64(binary.LittleEndian.Uint64(e[at:])) }
		b := blockInfo{
			offset: uint64(i64(0)), length: u32(8), checksum: u32(12), spans: u32(16),
			from: i64(24), to: i64(32), maxDuration: i64(40),
		}
		n := int(u32(20))
		if b.offset+uint64(b.length) > at || n > len(blooms) {
			return errors.New("a block lies outside of the file")
		}
		b.bloom, blooms = blooms[:n], blooms[n:]
		s.from, s.to = min(s.from, b.from), max(s.to, b.to)
		s.spans += int(b.spans)
		s.blocks = append(s.blocks, b)
	}
	return nil
}

// block opens the i-th block, checking its checksum.
func (s *segment) block(c *codec, i int) (*block, error) {
	b := &s.blocks[i]
	raw := s.data[b.offset:][:b.length]
	if crc32.Checksum(raw, castagnoli) != b.checksum {
		return nil, fmt.Errorf("%s: block %d is damaged, its %d spans are left out", filepath.Base(s.path), i, b.spans)
	}
	return c.openBlock(raw)
}

// blocksOf lists the blocks that may hold spans of a trace.
func (s *segment) blocksOf(id TraceID) (blocks []int) {
	print := id.fingerprint()
	n := len(s.prints) / 4
	at := func(i int) uint32 { return binary.LittleEndian.Uint32(s.prints[i*4:]) }
	for i := sort.Search(n, func(i int) bool { return at(i) >= print }); i < n && at(i) == print; i++ {
		if b := int(binary.LittleEndian.Uint16(s.places[i*2:])); b < len(s.blocks) {
			blocks = append(blocks, b)
		}
	}
	return blocks
}

func (s *segment) acquire() { s.users.Add(1) }

func (s *segment) release() error {
	if s.users.Add(-1) > 0 {
		return nil
	}
	err := unix.Munmap(s.data)
	s.data = nil
	if s.remove.Load() {
		err = errors.Join(err, os.Remove(s.path))
	}
	if err != nil {
		return fmt.Errorf("release span segment %s: %w", filepath.Base(s.path), err)
	}
	return nil
}
