// Package prometheus takes remote write, versions 1.0 and 2.0, as Prometheus,
// vmagent, Grafana Alloy and the OpenTelemetry collector send it.
//
// Names and labels are kept as sent: the label __name__ is the metric, any
// other label k="v" the tag k:v. Samples are kept bit for bit, staleness
// markers included. Native histograms become sketches: what was observed
// between one sample and the next is a distribution at the later one's time.
// Exemplars are kept beside the samples of their series.
//
//	intake := prometheus.New(prometheus.Deps{DB: db, Now: time.Now})
//	written, err := intake.Write(ctx, prometheus.Request{...})
package prometheus

import (
	"context"
	"fmt"
	"mime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-obs/whippet/ingest/histogram"
	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/store/exemplar"
)

// Deps is what an Intake works with.
type Deps struct {
	DB        *store.DB
	Exemplars *exemplar.Store // nil: they are not kept
	Now       func() time.Time
}

// Intake decodes remote write requests and appends them to the store. Safe for
// concurrent use.
type Intake struct {
	db         *store.DB
	catalog    *catalog.Catalog
	unpacker   *payload.Unpacker
	series     *payload.Cache[known]
	families   families
	histograms *histogram.Totals
	decoders   sync.Pool
	exemplars  *exemplar.Store
	counts     counts
	now        func() time.Time
}

// known is what the labels of a series lead to. There may be millions.
type known struct {
	ref store.Ref // 0: refused, over a limit or without a name
}

func (k known) ok() bool { return k.ref != 0 }

// maxKnown bounds the cache of series.
const maxKnown = 2 << 20

// New returns an intake into d.DB.
func New(d Deps) *Intake {
	in := &Intake{
		db: d.DB, catalog: d.DB.Catalog(), unpacker: payload.NewUnpacker(), series: payload.NewCache[known](maxKnown),
		families:   families{byName: map[string]family{}},
		histograms: histogram.NewTotals(d.Now().UnixMilli()), exemplars: d.Exemplars, now: d.Now,
	}
	in.decoders.New = func() any { return &decoder{in: in} }
	return in
}

// Request is one POST of remote write. Body is borrowed.
type Request struct {
	ContentType     string
	ContentEncoding string
	Body            []byte
}

// Written is what of a request was kept; version 2.0 answers it in headers.
type Written struct {
	Samples, Histograms, Exemplars int
}

// Stats is what an intake has seen since New.
type Stats struct {
	Requests, Malformed    uint64
	Samples, Histograms    uint64 // kept
	Exemplars              uint64 // received
	RejectedFuture         uint64 // samples more than 10 minutes ahead
	RejectedOld            uint64 // samples older than the retention
	RejectedSeries         uint64 // samples of series above a limit or without a name
	KnownSeries, Histories int    // in the cache; native histograms that are followed
}

type counts struct {
	requests, malformed, samples, histograms, exemplars, future, old, series atomic.Uint64
}

// Stats returns a snapshot.
func (in *Intake) Stats() Stats {
	c := &in.counts
	return Stats{
		Requests: c.requests.Load(), Malformed: c.malformed.Load(),
		Samples: c.samples.Load(), Histograms: c.histograms.Load(), Exemplars: c.exemplars.Load(),
		RejectedFuture: c.future.Load(), RejectedOld: c.old.Load(), RejectedSeries: c.series.Load(),
		KnownSeries: in.series.Len(), Histories: in.histograms.Len(),
	}
}

// Write keeps one request; what it kept is durable when it returns. When part
// of a request can't be kept, the rest is, and the error says what was left
// out: senders then don't repeat it. An error is a *payload.Error, or one of
// the store's, after which nothing was kept and the sender should try again.
func (in *Intake) Write(ctx context.Context, r Request) (Written, error) {
	in.counts.requests.Add(1)
	written, err := in.write(ctx, r)
	if _, bad := err.(*payload.Error); bad {
		in.counts.malformed.Add(1)
	}
	return written, err
}

func (in *Intake) write(ctx context.Context, r Request) (Written, error) {
	version, err := versionOf(r.ContentType)
	if err != nil {
		return Written{}, err
	}
	encoding := r.ContentEncoding
	if encoding == "" {
		encoding = "snappy" // which the protocol demands
	}
	plain, err := in.unpacker.Unpack(encoding, r.Body)
	if err != nil {
		return Written{}, err
	}
	defer plain.Release()
	d := in.decoders.Get().(*decoder)
	defer in.decoders.Put(d)
	d.reset(plain.Bytes)
	if version == 2 {
		err = d.request2()
	} else {
		err = d.request1()
	}
	if err != nil {
		return Written{}, err
	}
	return d.keep(ctx)
}

// versionOf reads the protocol's version off the content type.
func versionOf(contentType string) (int, error) {
	switch contentType { // as nearly everyone writes them
	case "application/x-protobuf", "":
		return 1, nil
	case "application/x-protobuf;proto=io.prometheus.write.v2.Request":
		return 2, nil
	}
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err == nil && kind == "application/x-protobuf" {
		switch parameters["proto"] {
		case "", "prometheus.WriteRequest":
			return 1, nil
		case "io.prometheus.write.v2.Request":
			return 2, nil
		}
	}
	return 0, &payload.Error{Status: 415, Reason: fmt.Sprintf("content type %q: want application/x-protobuf with the proto of remote write 1.0 or 2.0", contentType), Offset: -1}
}
