package dogstatsd

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// maxStreams bounds the connections open at a time; more wait to be accepted.
const maxStreams = 256

// drainStream is how long a connection may go on at shutdown, for what it has
// sent already.
const drainStream = 200 * time.Millisecond

// streamListener takes packets over a unix stream socket, each preceded by its
// length as four little-endian bytes.
type streamListener struct {
	listener *net.UnixListener
	path     string
	created  os.FileInfo
}

func openStream(path string) (*streamListener, error) {
	l, info, err := bindUnix(path, "unix", func() (*net.UnixListener, error) {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err == nil {
			l.SetUnlinkOnClose(false) // the file may be another server's by then
		}
		return l, err
	})
	if err != nil {
		return nil, err
	}
	return &streamListener{l, path, info}, nil
}

// run accepts until ctx ends, calls ingest for every packet, and returns when
// all connections are closed.
func (s *streamListener) run(ctx context.Context, ingest func([]byte)) error {
	defer removeSocket(s.path, s.created)
	defer s.listener.Close()
	stop := context.AfterFunc(ctx, func() { s.listener.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var connections sync.WaitGroup
	defer connections.Wait()
	slots := make(chan struct{}, maxStreams)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := s.listener.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		connections.Go(func() {
			defer func() { <-slots }()
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Now().Add(drainStream)) })
			defer stop()
			readFrames(conn, ingest)
		})
	}
}

// readFrames calls ingest for every packet of r, until its end or a length that
// no packet has. An incomplete packet at the end is left out.
func readFrames(r io.Reader, ingest func([]byte)) error {
	in := bufio.NewReaderSize(r, 4+maxPacket)
	for {
		prefix, err := in.Peek(4)
		if err != nil {
			if errors.Is(err, io.EOF) && len(prefix) == 0 {
				return nil
			}
			return err
		}
		length := binary.LittleEndian.Uint32(prefix)
		if length > maxPacket {
			return errors.New("frame longer than 65535 bytes")
		}
		frame, err := in.Peek(4 + int(length))
		if err != nil {
			return err
		}
		ingest(frame[4:])
		in.Discard(4 + int(length))
	}
}
