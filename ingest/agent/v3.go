package agent

import (
	"context"
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
)

// The columns of a MetricData, by field number. The dictionaries come first,
// with entries numbered from 1; 0 is none. Then there is one entry per series,
// then one per point in the order of the series, then bins of sketches.
const (
	dictNames = 1 + iota
	dictTags
	dictTagsets
	dictResources
	dictResourceLens
	dictResourceTypes
	dictResourceNames
	dictSources
	_                // origins
	colTypes         // bits 0-3 metric type, 4-5 value type, 0x200 has a unit
	colNames         // difference to the series before, as all references
	colTagsets       //
	colResources     //
	colIntervals     // s
	colPoints        // number of points
	colTimes         // s; difference to the point before, across series
	colInts          //
	colFloats        //
	colDoubles       //
	colBins          // number of bins of a sketch's point
	colKeys          // difference to the bin before, anew for each point
	colCounts        //
	colSources       //
	_                // origins
	dictUnits        //
	colUnits         // only for series that have one
	columnsV3        // one past the last
	typeSketch   = 4 // metric types 1 to 3 are those of v2
	hasUnit      = 0x200
)

// metricsV3 keeps the columnar payload of /api/intake/metrics/v3:
//
//	Payload   metadata=2 metricData=3
//	Metadata  tags=1 resources=2 (type, name, type, name, ...), common to all series
func (in *Intake) metricsV3(ctx context.Context, r request) (int, error) {
	// Series may come again, sketches must not.
	return in.once(r.plain, func() (int, error) {
		b := in.begin()
		defer b.release()
		var f payload.Field
		var common described
		for {
			more, err := f.Next(r.plain, 0)
			if err != nil {
				return 0, err
			}
			if !more {
				return b.keep(ctx)
			}
			switch {
			case f.Type != protowire.BytesType:
			case f.Number == 2:
				common, err = metadataV3(f.Bytes, f.Content())
			case f.Number == 3:
				err = b.columnsV3(f.Bytes, f.Content(), common)
			}
			if err != nil {
				return 0, err
			}
		}
	})
}

func metadataV3(message []byte, base int) (common described, err error) {
	var f payload.Field
	kind, paired := "", false
	for {
		more, err := f.Next(message, base)
		if !more || err != nil {
			return common, err
		}
		switch {
		case f.Number == 1 && len(common.tags) <= maxTags:
			common.tags = append(common.tags, string(f.Bytes))
		case f.Number == 2 && paired && len(common.tags) <= maxTags:
			common.addResource(kind, string(f.Bytes))
			paired = false
		case f.Number == 2:
			kind, paired = string(f.Bytes), true
		}
	}
}

// decoderV3 reads the columns of one MetricData.
type decoderV3 struct {
	*batch
	base      int
	common    described
	columns   [columnsV3]column
	names     dictionary
	tags      dictionary
	resources dictionary
	sources   dictionary
	units     dictionary
	tagsets   []group // of tags
	hosts     []group // of pairs of resources: type, name, ...
	start     uint64  // hash of what is common to all series
}

// group is a list of entries of a dictionary, with its hash.
type group struct {
	entries []uint32
	hash    uint64
}

// maxGroupEntries bounds the entries of all groups of a payload: a few bytes
// may ask for many.
const maxGroupEntries = 4 << 20

func (b *batch) columnsV3(message []byte, base int, common described) error {
	d := &decoderV3{batch: b, base: base, common: common}
	var f payload.Field
	for {
		more, err := f.Next(message, base)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if f.Number >= columnsV3 || f.Type != protowire.BytesType {
			continue
		}
		if c := &d.columns[f.Number]; c.rest == nil {
			c.rest, c.here = f.Bytes, true
		} else { // a packed field may come in parts
			c.rest = append(c.rest[:len(c.rest):len(c.rest)], f.Bytes...)
		}
	}
	if err := d.dictionaries(); err != nil {
		return err
	}
	for len(d.columns[colTypes].rest) > 0 {
		if err := d.series(); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoderV3) cutShort(column string) error {
	return payload.Malformed(d.base, "v3: the %s are cut short, or refer to what is not there", column)
}

func (d *decoderV3) dictionaries() error {
	for _, dict := range []struct {
		to     *dictionary
		column int
		name   string
	}{{&d.names, dictNames, "names"}, {&d.tags, dictTags, "tags"}, {&d.resources, dictResources, "resources"}, {&d.sources, dictSources, "source types"}, {&d.units, dictUnits, "units"}} {
		if !dict.to.read(d.columns[dict.column].rest, d.in.series) {
			return d.cutShort(dict.name)
		}
	}
	if !d.readTagsets() {
		return d.cutShort("tag sets")
	}
	if !d.readResources() {
		return d.cutShort("resource sets")
	}
	d.start = 3
	for _, text := range append([]string{d.common.host, d.common.device}, d.common.tags...) {
		d.start = payload.Join(d.start, d.in.series.Hash([]byte(text)))
	}
	return nil
}

// readTagsets reads sets of tags: a count, then as many differences. A sum
// that is negative stands for all tags of an earlier set.
func (d *decoderV3) readTagsets() bool {
	c, total := &d.columns[dictTagsets], 0
	for len(c.rest) > 0 && !c.failed {
		set := group{}
		at := int64(0)
		for range c.signed() {
			at += c.signed()
			switch {
			case c.failed:
				return false
			case at > 0 && at <= int64(len(d.tags)):
				set.entries = append(set.entries, uint32(at-1))
			case at < 0 && at >= -int64(len(d.tagsets)):
				set.entries = append(set.entries, d.tagsets[-at-1].entries...)
			default:
				return false
			}
			if len(set.entries) > maxGroupEntries-total {
				return false
			}
		}
		for _, tag := range set.entries {
			set.hash = payload.Join(set.hash, d.tags[tag].hash)
		}
		total += len(set.entries)
		d.tagsets = append(d.tagsets, set)
	}
	return !c.failed
}

func (d *decoderV3) readResources() bool {
	c, kinds, names := &d.columns[dictResourceLens], &d.columns[dictResourceTypes], &d.columns[dictResourceNames]
	for len(c.rest) > 0 && !c.failed {
		set := group{}
		kind, name := int64(0), int64(0)
		for range c.unsigned() {
			kind += kinds.signed()
			name += names.signed()
			if kinds.failed || names.failed || kind < 1 || kind > int64(len(d.resources)) || name < 1 || name > int64(len(d.resources)) {
				return false
			}
			set.entries = append(set.entries, uint32(kind-1), uint32(name-1))
			set.hash = payload.Join(payload.Join(set.hash, d.resources[kind-1].hash), d.resources[name-1].hash)
		}
		d.hosts = append(d.hosts, set)
	}
	return !c.failed
}

// reference moves a column's sum on; it must be 0 or number an entry of n.
func (d *decoderV3) reference(number, n int) (int, bool) {
	c := &d.columns[number]
	if !c.here {
		return 0, true
	}
	c.sum += c.signed()
	return int(c.sum), !c.failed && c.sum >= 0 && c.sum <= int64(n)
}

// headV3 is what the columns say of one series beside its points.
type headV3 struct {
	kind, interval                        uint64
	name, tagset, resources, source, unit int
}

func (d *decoderV3) series() error {
	var h headV3
	var ok [5]bool
	kind := d.columns[colTypes].unsigned()
	h.kind = kind & 0xf
	h.name, ok[0] = d.reference(colNames, len(d.names))
	h.tagset, ok[1] = d.reference(colTagsets, len(d.tagsets))
	h.resources, ok[2] = d.reference(colResources, len(d.hosts))
	h.source, ok[3] = d.reference(colSources, len(d.sources))
	ok[4] = true
	if kind&hasUnit != 0 {
		h.unit, ok[4] = d.reference(colUnits, len(d.units))
	}
	if d.columns[colIntervals].here {
		h.interval = d.columns[colIntervals].unsigned()
	}
	points := d.columns[colPoints].unsigned()
	if ok != [5]bool{true, true, true, true, true} || d.columns[colTypes].failed || d.columns[colIntervals].failed || d.columns[colPoints].failed {
		return d.cutShort("series")
	}
	if h.kind > typeSketch {
		return payload.Malformed(d.base, "v3: metric type %d: known are 1 count, 2 rate, 3 gauge and 4 sketch", h.kind)
	}
	series, err := d.known(&h)
	if err != nil {
		return err
	}
	if h.kind == typeSketch {
		return d.sketches(series, points, kind&0x30)
	}
	first := len(d.Samples)
	for range points {
		ms := d.time()
		v := d.value(kind & 0x30)
		if d.failed() {
			return d.cutShort("points")
		}
		d.sample(0, ms, v)
	}
	d.assign(first, series)
	return nil
}

// known finds the series by the hash of its texts, and interns it at first sight.
func (d *decoderV3) known(h *headV3) (known, error) {
	hash := payload.Join(d.start, h.kind<<32^h.interval)
	hash = payload.Join(hash, d.names.hash(h.name))
	if h.tagset > 0 {
		hash = payload.Join(hash, d.tagsets[h.tagset-1].hash)
	}
	if h.resources > 0 {
		hash = payload.Join(hash, d.hosts[h.resources-1].hash)
	}
	hash = payload.Join(payload.Join(hash, d.units.hash(h.unit)), d.sources.hash(h.source))
	if series, ok := d.in.series.Get(hash); ok {
		return series, nil
	}
	described := described{
		name: d.names.text(h.name), host: d.common.host, device: d.common.device, kind: kindOf(h.kind),
		interval: int64(min(h.interval, math.MaxInt64)), unit: d.units.text(h.unit), source: d.sources.text(h.source),
	}
	if h.kind == typeSketch {
		described.kind, described.interval = store.Distribution, sketchInterval
	}
	described.tags = append(described.tags, d.common.tags...)
	if h.tagset > 0 {
		set := d.tagsets[h.tagset-1].entries
		for _, tag := range set[:min(len(set), maxTags+1)] {
			described.tags = append(described.tags, string(d.tags[tag].text))
		}
	}
	if h.resources > 0 {
		set := d.hosts[h.resources-1].entries
		for i := 0; i+1 < min(len(set), 2*maxTags+2); i += 2 {
			described.addResource(string(d.resources[set[i]].text), string(d.resources[set[i+1]].text))
		}
	}
	series, err := d.in.intern(described)
	if err == nil && series.ok() {
		d.in.series.Put(hash, series)
	}
	return series, err
}

// sketches reads the points of a distribution: sum, min and max by the series'
// value type, then the count, which the bins give us anyway.
func (d *decoderV3) sketches(series known, points, valueType uint64) error {
	d.seen(series.host.name)
	for range points {
		ms := d.time()
		sum, minimum, maximum := d.value(valueType), d.value(valueType), d.value(valueType)
		d.columns[colInts].signed()
		bins := d.columns[colBins].unsigned()
		if d.failed() || bins > maxBins {
			return d.cutShort("sketches")
		}
		keys, counts := make([]int32, bins), make([]uint64, bins)
		key := int64(0)
		for i := range keys {
			key += d.columns[colKeys].signed()
			keys[i] = int32(max(math.MinInt32, min(key, math.MaxInt32)))
			counts[i] = d.columns[colCounts].unsigned()
		}
		if d.failed() {
			return d.cutShort("bins")
		}
		s, err := sketchOf(keys, counts, minimum, maximum, sum, d.base)
		if err != nil {
			return err
		}
		if series.ok() {
			d.sketch(series.ref, ms, s)
		} else {
			d.in.counts.series.Add(1)
		}
	}
	return nil
}

// time reads the next point's time, in ms; 0 for what is none.
func (d *decoderV3) time() int64 {
	c := &d.columns[colTimes]
	c.sum += c.signed()
	if c.sum < 0 || c.sum > maxSeconds {
		return 0
	}
	return c.sum * 1000
}

// value reads the next value of a type: zero, sint64, float or double.
func (d *decoderV3) value(valueType uint64) float64 {
	switch valueType {
	case 0x10:
		return float64(d.columns[colInts].signed())
	case 0x20:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(d.columns[colFloats].fixed(4))))
	case 0x30:
		return math.Float64frombits(binary.LittleEndian.Uint64(d.columns[colDoubles].fixed(8)))
	}
	return 0
}

func (d *decoderV3) failed() bool {
	for _, c := range []int{colTimes, colInts, colFloats, colDoubles, colBins, colKeys, colCounts} {
		if d.columns[c].failed {
			return true
		}
	}
	return false
}

// column is a packed field that is read from its front. Past its end it reads
// zeros, and has failed.
type column struct {
	rest   []byte
	here   bool // the payload has it
	failed bool
	sum    int64 // of the differences read, where it holds differences
}

func (c *column) unsigned() uint64 {
	if len(c.rest) > 0 && c.rest[0] < 0x80 {
		v := uint64(c.rest[0])
		c.rest = c.rest[1:]
		return v
	}
	v, n := binary.Uvarint(c.rest)
	if n <= 0 {
		c.rest, c.failed = nil, true
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

func (c *column) signed() int64 { return protowire.DecodeZigZag(c.unsigned()) }

func (c *column) fixed(n int) []byte {
	if len(c.rest) < n {
		c.rest, c.failed = nil, true
		return make([]byte, n)
	}
	v := c.rest[:n]
	c.rest = c.rest[n:]
	return v
}

// dictionary is a list of texts, in the payload's memory.
type dictionary []entry

type entry struct {
	text []byte
	hash uint64
}

// read splits texts that stand behind their lengths.
func (d *dictionary) read(b []byte, by *payload.Cache[known]) bool {
	for len(b) > 0 {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return false
		}
		text := b[n : n+int(size)]
		*d = append(*d, entry{text, by.Hash(text)})
		b = b[n+int(size):]
	}
	return true
}

// text is an entry by its number from 1; 0 is none.
func (d dictionary) text(number int) string {
	if number == 0 {
		return ""
	}
	return string(d[number-1].text)
}

func (d dictionary) hash(number int) uint64 {
	if number == 0 {
		return 0
	}
	return d[number-1].hash
}
