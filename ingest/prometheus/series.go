package prometheus

import (
	"errors"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// Limits of one series; those beyond are refused and counted.
const (
	maxLabels = 512
	maxText   = 4096 // of a name, or of a label with its value
)

// description is a series as a request describes it.
type description struct {
	labels []label
	family family // with version 2.0
}

// intern finds or creates the series of a description; native is set for the
// one that takes its native histograms. Series over a limit or without a name
// are no error: the rest of the request is good.
func (in *Intake) intern(d description, native bool) (known, error) {
	name := ""
	tags := make([]string, 0, len(d.labels))
	for _, l := range d.labels {
		switch {
		case len(l.name)+len(l.value) > maxText || len(l.name) == 0:
			return known{}, nil
		case string(l.name) == "__name__":
			name = string(l.value)
		case len(l.value) > 0: // an empty label is one that is not there
			tags = append(tags, string(l.name)+":"+string(l.value))
		}
	}
	if name == "" || len(tags) > maxLabels {
		return known{}, nil
	}
	family := d.family
	if family.kind == typeUnknown {
		family = in.families.of(name)
	}
	kind := kindOf(name, family.kind)
	if native {
		kind = store.Distribution
	} else if family == (unknownFamily) {
		// What was learned before this process began still holds.
		if m, ok := in.catalog.Metric(name); ok && m.Type == store.Cumulative.String() {
			kind = store.Cumulative
		}
	}
	ref, err := in.db.Intern(store.Series{Name: name, Tags: store.NewTags(tags), Kind: kind})
	if errors.Is(err, store.ErrSeriesLimit) {
		return known{}, nil
	}
	if err != nil {
		return known{}, err
	}
	in.catalog.LearnMetric(catalog.Metric{Name: name, Type: kind.String(), Unit: family.unit, Description: family.help})
	return known{ref: ref}, nil
}

// metricType is MetricMetadata.MetricType, the same in both versions.
type metricType uint64

const (
	typeUnknown metricType = iota
	typeCounter
	typeGauge
	typeHistogram
	typeGaugeHistogram
	typeSummary
)

// family is what metadata says of a metric family.
type family struct {
	kind       metricType
	help, unit string
}

var unknownFamily family

// kindOf tells counters from gauges: by metadata where there is any, else by
// the suffix of the name.
func kindOf(name string, t metricType) store.Kind {
	counts := strings.HasSuffix(name, "_count") || strings.HasSuffix(name, "_sum") || strings.HasSuffix(name, "_bucket")
	switch t {
	case typeCounter:
		if strings.HasSuffix(name, "_created") {
			return store.Gauge
		}
		return store.Cumulative
	case typeUnknown:
		if counts || strings.HasSuffix(name, "_total") {
			return store.Cumulative
		}
	case typeHistogram, typeSummary:
		if counts {
			return store.Cumulative
		}
	}
	return store.Gauge
}

// families is what the metadata of version 1.0 said, which comes in requests
// of its own, before or after the samples.
type families struct {
	mu     sync.RWMutex
	byName map[string]family
}

// Limits of metadata.
const (
	maxFamilies = 200_000
	maxHelp     = 1024
	maxUnit     = 64
)

// suffixes are what a family's members add to its name.
var suffixes = []string{"_total", "_bucket", "_count", "_sum", "_created", "_info"}

// of returns the family of a metric.
func (f *families) of(name string) family {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if known, ok := f.byName[name]; ok {
		return known
	}
	for _, suffix := range suffixes {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			if known, ok := f.byName[base]; ok {
				return known
			}
		}
	}
	return family{}
}

// learn keeps a family, and reports whether that changes what kind its series are.
func (f *families) learn(name string, told family) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	known, ok := f.byName[name]
	if !ok && len(f.byName) >= maxFamilies || known == told {
		return false
	}
	f.byName[name] = told
	return known.kind != told.kind
}

// metadata1 reads a MetricMetadata of version 1.0.
func (d *decoder) metadata1(message []byte, base int) error {
	var f payload.Field
	var name string
	var told family
	for {
		more, err := f.Next(message, base)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch {
		case f.Number == 1 && f.Type == protowire.VarintType:
			told.kind = metricType(f.Value)
		case f.Number == 2:
			name = string(f.Bytes)
		case f.Number == 4:
			told.help = cut(string(f.Bytes), maxHelp)
		case f.Number == 5:
			told.unit = cut(string(f.Bytes), maxUnit)
		}
	}
	if name == "" || len(name) > maxText {
		return nil
	}
	d.in.learn(name, told)
	return nil
}

// learn keeps what metadata says. Series seen before it are looked at anew, in
// case they are counters after all.
func (in *Intake) learn(name string, told family) {
	if in.families.learn(name, told) {
		in.series.Clear()
	}
	for _, suffix := range append([]string{""}, suffixes...) {
		member := name + suffix
		if m, ok := in.catalog.Metric(member); ok {
			kind := m.Type
			if kind != store.Distribution.String() {
				kind = kindOf(member, told.kind).String()
			}
			in.catalog.LearnMetric(catalog.Metric{Name: member, Type: kind, Unit: told.unit, Description: told.help})
		}
	}
}

// cut shortens s to at most n bytes, at a character's start.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
