package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/sketch"
)

// known is what a payload's series leads to. There may be millions.
type known struct {
	host *hostName
	ref  store.Ref // 0: refused, over the limit or unnamed
}

func (k known) ok() bool { return k.ref != 0 }

// hostName is a normalized name, "" for none, shared by the host's series.
type hostName struct{ name string }

// hostOf returns the shared name of a host.
func (in *Intake) hostOf(name string) *hostName {
	in.hostsMu.Lock()
	defer in.hostsMu.Unlock()
	h := in.hosts[name]
	if h == nil {
		h = &hostName{name}
		if len(in.hosts) < maxShared {
			in.hosts[name] = h
		}
	}
	return h
}

// maxShared bounds the host names shared.
const maxShared = 100_000

// maxKnown bounds the cache of series.
const maxKnown = 2 << 20

// described is a series as a payload describes it, before normalizing.
type described struct {
	name, host, device string
	tags               []string // given away
	kind               store.Kind
	interval           int64 // s
	unit, source       string
}

// maxTags bounds the tags of one series.
const maxTags = 512

// intern finds or creates the series, and learns what it says of its metric
// and host. Series over the limit or without a usable name are no error: the
// rest of the payload is good.
func (in *Intake) intern(d described) (known, error) {
	name := store.NormalizeName(d.name)
	if name == "" || len(d.tags) > maxTags {
		return known{host: in.hostOf("")}, nil
	}
	host := d.host
	tags := d.tags[:0]
	for _, tag := range d.tags {
		if value, ok := strings.CutPrefix(tag, "host:"); ok && host == "" {
			host = value
			continue
		}
		tags = append(tags, store.NormalizeTag(tag))
	}
	host = store.NormalizeHost(host)
	if host != "" {
		tags = append(tags, "host:"+host)
	}
	if d.device != "" {
		tags = append(tags, store.NormalizeTag("device:"+d.device))
	}
	interval := int64(0)
	if d.kind == store.Count || d.kind == store.Rate {
		interval = clampInterval(d.interval) * 1000
	}
	ref, err := in.db.Intern(store.Series{Name: name, Tags: store.NewTags(tags), Kind: d.kind, Interval: interval})
	if errors.Is(err, store.ErrSeriesLimit) {
		return known{host: in.hostOf(host)}, nil
	}
	if err != nil {
		return known{}, err
	}
	in.catalog.LearnMetric(catalog.Metric{
		Name: name, Type: d.kind.String(), Interval: clampInterval(d.interval), Unit: d.unit, Integration: d.source,
	})
	in.catalog.Seen(host, in.now().UnixMilli())
	in.catalog.SawApp(host, strings.ToLower(d.source))
	return known{ref: ref, host: in.hostOf(host)}, nil
}

// clampInterval keeps an interval in seconds within a year; nonsense is 0.
func clampInterval(s int64) int64 {
	if s < 0 || s > 365*86400 {
		return 0
	}
	return s
}

// batch collects what one payload holds for the store. Its memory is used
// again and again.
type batch struct {
	in *Intake
	store.Batch
	ms       int64 // now
	lastHost string
	hosts    map[string]bool
}

func (in *Intake) begin() *batch {
	b, _ := in.batches.Get().(*batch)
	if b == nil {
		b = &batch{in: in, hosts: map[string]bool{}}
	}
	b.ms = in.now().UnixMilli()
	return b
}

// maxIdle is how many samples a batch may hold memory for while it waits for
// its next payload.
const maxIdle = 100_000

// release gives the batch's memory back.
func (b *batch) release() {
	clear(b.Sketches[:cap(b.Sketches)])
	clear(b.hosts)
	b.Samples, b.Sketches, b.lastHost = b.Samples[:0], b.Sketches[:0], ""
	if cap(b.Samples) <= maxIdle && cap(b.Sketches) <= maxIdle {
		b.in.batches.Put(b)
	}
}

// sample adds a sample of the series with ref, unless its value or time is no
// number to keep.
func (b *batch) sample(ref store.Ref, ms int64, value float64) {
	if value-value != 0 || ms <= 0 || ms > maxSeconds*1000 { // infinite or no number
		b.in.counts.value.Add(1)
		return
	}
	b.Samples = append(b.Samples, store.Sample{Ref: ref, Time: ms, Value: value})
}

// sketch adds a sketch of the series with ref. A second one of the same time
// is merged into the first.
func (b *batch) sketch(ref store.Ref, ms int64, s *sketch.Sketch) {
	if s.Count == 0 || ms <= 0 || ms > maxSeconds*1000 {
		b.in.counts.value.Add(1)
		return
	}
	if n := len(b.Sketches); n > 0 && b.Sketches[n-1].Ref == ref && b.Sketches[n-1].Time == ms {
		b.Sketches[n-1].Sketch.Merge(s)
		return
	}
	b.Sketches = append(b.Sketches, store.SketchSample{Ref: ref, Time: ms, Sketch: s})
}

// assign gives the samples from first on to a series; those of a refused one
// are dropped.
func (b *batch) assign(first int, k known) {
	if !k.ok() {
		b.in.counts.series.Add(uint64(len(b.Samples) - first))
		b.Samples = b.Samples[:first]
		return
	}
	for i := first; i < len(b.Samples); i++ {
		b.Samples[i].Ref = k.ref
	}
	b.seen(k.host.name)
}

// seen notes a host of the payload, once.
func (b *batch) seen(host string) {
	if host == "" || host == b.lastHost {
		return
	}
	b.lastHost = host
	if !b.hosts[host] {
		b.hosts[host] = true
		b.in.catalog.Seen(host, b.ms)
	}
}

// seen notes the hosts of n documents.
func (in *Intake) seen(n int, host func(int) string) {
	b := in.begin()
	defer b.release()
	for i := range n {
		b.seen(host(i))
	}
}

// keep makes the batch durable and counts what the store refused. It returns
// the number of samples and sketches that were sent.
func (b *batch) keep(ctx context.Context) (int, error) {
	n := len(b.Samples) + len(b.Sketches)
	if n == 0 {
		return 0, nil
	}
	rejected, err := b.in.db.Append(ctx, &b.Batch)
	if errors.Is(err, store.ErrForgotten) {
		b.in.series.Clear() // the sender repeats the payload, and its series are found anew
	}
	if err != nil {
		return 0, fmt.Errorf("append %d samples and %d sketches: %w", len(b.Samples), len(b.Sketches), err)
	}
	b.in.counts.future.Add(uint64(rejected.Future))
	b.in.counts.old.Add(uint64(rejected.Old))
	return n, nil
}

// maxSeconds keeps times in seconds where milliseconds fit.
const maxSeconds = 1 << 42

// milliseconds turns a time in seconds into ms; what can't be one is 0, which
// no sample may have.
func milliseconds(seconds float64) int64 {
	if !(seconds > 0 && seconds < maxSeconds) {
		return 0
	}
	return int64(seconds * 1000)
}
