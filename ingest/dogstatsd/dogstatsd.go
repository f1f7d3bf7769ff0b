// Package dogstatsd receives what DogStatsD clients send and aggregates it as
// the Datadog agent does: buckets of 10 s by time of arrival, the same rules
// and the same figures.
//
//	server, err := dogstatsd.Listen(dogstatsd.Config{UDP: "127.0.0.1:8125", DB: db, Host: "web-1"})
//	if err != nil {
//		return err
//	}
//	return server.Run(ctx)
//
// A datagram is read by one of a few readers, each with a socket and a table of
// its own. A line is parsed where it lies in the receive buffer; its context is
// found by the bytes of name and tags as they were sent, so that a known one
// costs a lookup and an addition, and no memory. When a bucket closes, the
// tables are merged by context and the samples appended to the store in one
// batch. Events and service checks go to the catalog by a queue of their own.
//
// Lines that can't be read are counted by reason and spoil nothing beside them;
// what the kernel or a full queue dropped is counted too. A line's value counts
// as kept once its bucket has been flushed: as with any DogStatsD server, a
// crash loses the bucket that was open.
package dogstatsd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/whippet-obs/whippet/store"
)

// Config says where to listen and where to put what arrives.
type Config struct {
	UDP    string // address such as "127.0.0.1:8125"; empty: off
	Socket string // path of a unix datagram socket; empty: off
	Stream string // path of a unix stream socket; empty: off

	DB   *store.DB
	Host string           // of metrics that name none; "": they have no host
	Now  func() time.Time // nil: time.Now
	Log  *slog.Logger     // nil: slog.Default

	Aggregates  []string  // of histograms: min, max, median, avg, sum, count; nil: max, median, avg, count
	Percentiles []float64 // of histograms, between 0 and 1; nil: 0.95
	Mapper      *Mapper   // turns names into names with tags; nil: off
	Containers  bool      // make a tag container_id of the container that a client names
}

// Server is a DogStatsD server that listens.
type Server struct {
	now     func() time.Time
	log     *slog.Logger
	agg     *aggregator
	out     *outbox
	docs    *documents
	sockets []*socket
	stream  *streamListener // nil: off
	inside  *table          // of Ingest and of stream connections
	failing bool            // the store did not take the last batch; the flusher's own
}

const (
	pollInterval = 250 * time.Millisecond // how often the flusher looks at the clock
	writeTimeout = 5 * time.Second        // of one write to the store at shutdown
)

// Listen opens the sockets of c. What arrives waits in them until Run is called.
func Listen(c Config) (*Server, error) {
	cat := c.DB.Catalog()
	s, err := newServer(c, backend{
		sink:      sink{intern: c.DB.Intern, learn: cat.LearnMetric, seen: cat.Seen},
		append:    c.DB.Append,
		addEvents: cat.AddEvents,
		putChecks: cat.PutChecks,
	})
	if err != nil {
		return nil, fmt.Errorf("dogstatsd: %w", err)
	}
	return s, nil
}

// newServer is Listen with the store as functions.
func newServer(c Config, b backend) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Aggregates == nil {
		c.Aggregates = []string{"max", "median", "avg", "count"}
	}
	if c.Percentiles == nil {
		c.Percentiles = []float64{0.95}
	}
	list, err := figures(c.Aggregates, c.Percentiles)
	if err != nil {
		return nil, err
	}
	sockets, err := openSockets(c)
	if err != nil {
		return nil, err
	}
	s := &Server{now: c.Now, log: c.Log, sockets: sockets}
	if c.Stream != "" {
		if s.stream, err = openStream(c.Stream); err != nil {
			closeAll(sockets)
			return nil, err
		}
	}
	s.docs = newDocuments()
	s.docs.addEvents, s.docs.putChecks, s.docs.seen, s.docs.log = b.addEvents, b.putChecks, b.sink.seen, c.Log
	s.out = &outbox{append: b.append, limit: maxWaiting}
	s.agg = newAggregator(len(sockets)+1, c.Now)
	s.agg.relieve = s.relieve
	s.agg.mapper, s.agg.containers = c.Mapper, c.Containers
	s.agg.host = store.NormalizeHost(c.Host)
	s.agg.figures, s.agg.sink, s.agg.documents, s.agg.out, s.agg.log = list, b.sink, s.docs, s.out, c.Log
	s.inside = s.agg.tables[len(sockets)]
	return s, nil
}

// Addr returns the address of the UDP listener; nil when it is off.
func (s *Server) Addr() net.Addr {
	for _, so := range s.sockets {
		if a, ok := so.conn.LocalAddr().(*net.UDPAddr); ok {
			return a
		}
	}
	return nil
}

// Ingest takes a packet as if it had just been received: lines separated by
// newlines. It keeps nothing of packet. Safe for concurrent use.
func (s *Server) Ingest(packet []byte) { s.IngestFrom(netip.Addr{}, packet) }

// IngestFrom is Ingest of a packet from an address, which is counted as its
// sender.
func (s *Server) IngestFrom(from netip.Addr, packet []byte) {
	now := s.now().UnixMilli()
	s.inside.begin(now)
	s.inside.packet(packet, from, false, now)
	s.inside.end()
}

// Run receives and flushes until ctx ends or a socket fails. It returns when
// what had arrived by then is in the store, the open bucket included, or could
// not be written within a few seconds.
func (s *Server) Run(ctx context.Context) error {
	docsDone := make(chan struct{})
	docsStop := make(chan struct{})
	go func() {
		defer close(docsDone)
		s.docs.run(docsStop)
	}()

	readers, reading := errgroup.WithContext(ctx)
	for i, so := range s.sockets {
		readers.Go(func() error { return s.read(reading, so, s.agg.tables[i]) })
	}
	if s.stream != nil {
		readers.Go(func() error { return s.stream.run(reading, s.Ingest) })
	}
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for reading.Err() == nil {
		select {
		case <-reading.Done():
		case <-ticker.C:
			s.flush(reading)
		}
	}

	err := readers.Wait()
	s.agg.flushAll()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if writeErr := s.out.write(last); writeErr != nil {
		s.log.Error("samples from DogStatsD are lost", "samples", s.out.count(), "err", writeErr)
	}
	close(docsStop)
	<-docsDone
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("dogstatsd: %w", err)
	}
	return nil
}

// flush hands finished buckets to the store. What it does not take is tried
// again at the next poll.
func (s *Server) flush(ctx context.Context) {
	s.agg.flush(s.now().UnixMilli())
	s.write(ctx)
	if lost := s.out.takeLost(); len(lost) > 0 {
		s.agg.startAnew(lost)
	}
}

// relieve writes finished batches while a bucket is still being collected,
// unless the store takes none.
func (s *Server) relieve() {
	if !s.failing && s.out.count() > batchSamples {
		s.write(context.Background())
	}
}

// write hands batches to the store, and logs when it begins or ends to fail.
func (s *Server) write(ctx context.Context) {
	err := s.out.write(ctx)
	if failing := err != nil && ctx.Err() == nil; failing != s.failing {
		s.failing = failing
		if failing {
			s.log.Error("the store takes no samples from DogStatsD; keeping them in memory", "err", err)
		} else {
			s.log.Info("the store takes samples from DogStatsD again")
		}
	}
}

// read feeds a table from a socket until ctx ends, and then with what is still
// in the socket's buffer.
func (s *Server) read(ctx context.Context, so *socket, t *table) error {
	defer so.close()
	stop := context.AfterFunc(ctx, so.interrupt)
	defer stop()
	for {
		n, err := so.receive()
		if err != nil {
			if ctx.Err() == nil {
				return fmt.Errorf("receive on %s: %w", so.name, err)
			}
			if n = so.receiveLeft(); n == 0 {
				return nil
			}
		}
		now := s.now().UnixMilli()
		t.begin(now)
		for i := range n {
			packet, cut := so.packet(i)
			t.packet(packet, so.from(i), cut, now)
		}
		t.end()
	}
}
