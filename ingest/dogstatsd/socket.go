package dogstatsd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	maxPacket  = 65535    // bytes of a datagram or frame
	batchSize  = 64       // datagrams taken in one call
	wantBuffer = 16 << 20 // bytes of receive buffer asked of the kernel; it takes memory only while they wait
	goodBuffer = 4 << 20  // less than this is worth a warning
	maxReaders = 8        // UDP sockets that share the port
	socketMode = 0o722    // whoever runs on this machine may send
)

// socket is one datagram socket with its reader's buffers.
type socket struct {
	name          string
	conn          datagramConn
	raw           syscall.RawConn
	receiveBuffer int // bytes granted
	path          string
	created       os.FileInfo // of path

	receiver

	dropsMu   sync.Mutex
	lastDrops uint32 // the kernel's counter wraps
	drops     uint64
	closed    atomic.Bool
}

// datagramConn is what *net.UDPConn and *net.UnixConn share.
type datagramConn interface {
	net.PacketConn
	syscall.Conn
	SetReadBuffer(int) error
}

func openSockets(c Config) (sockets []*socket, err error) {
	defer func() {
		if err != nil {
			closeAll(sockets)
			sockets = nil
		}
	}()
	if c.UDP != "" {
		if sockets, err = openUDP(c.UDP); err != nil {
			return sockets, err
		}
	}
	if c.Socket != "" {
		conn, info, err := bindUnix(c.Socket, "unixgram", func() (*net.UnixConn, error) {
			return net.ListenUnixgram("unixgram", &net.UnixAddr{Name: c.Socket, Net: "unixgram"})
		})
		if err != nil {
			return sockets, err
		}
		so, err := newSocket(c.Socket, conn)
		if err != nil {
			conn.Close()
			return sockets, err
		}
		so.path, so.created = c.Socket, info
		sockets = append(sockets, so)
	}
	for _, so := range sockets {
		if so.receiveBuffer < goodBuffer {
			c.Log.Warn("small receive buffer: bursts of datagrams may be lost; raise net.core.rmem_max",
				"socket", so.name, "bytes", so.receiveBuffer, "wanted", goodBuffer)
			break
		}
	}
	return sockets, nil
}

// openUDP opens several sockets on one port, so that the kernel spreads the
// senders over several readers. The first is bound alone, so that a port which
// another server uses is refused; only then may its siblings join it.
func openUDP(address string) (sockets []*socket, err error) {
	ctx := context.Background()
	first, err := new(net.ListenConfig).ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	so, err := newSocket("udp "+first.LocalAddr().String(), first.(*net.UDPConn))
	if err != nil {
		first.Close()
		return nil, err
	}
	sockets = append(sockets, so)
	readers := min(runtime.GOMAXPROCS(0), maxReaders)
	if readers < 2 || so.share() != nil {
		return sockets, nil
	}
	shared := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return shareAddress(raw) }}
	for len(sockets) < readers {
		conn, err := shared.ListenPacket(ctx, "udp", first.LocalAddr().String())
		if err != nil {
			return sockets, err
		}
		so, err := newSocket("udp "+conn.LocalAddr().String(), conn.(*net.UDPConn))
		if err != nil {
			conn.Close()
			return sockets, err
		}
		sockets = append(sockets, so)
	}
	return sockets, nil
}

func newSocket(name string, conn datagramConn) (*socket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	so := &socket{name: name, conn: conn, raw: raw}
	so.receiveBuffer = growBuffer(conn, raw)
	so.receiver.init(conn, raw)
	return so, nil
}

func (so *socket) share() error { return shareAddress(so.raw) }

// interrupt makes a waiting receive return.
func (so *socket) interrupt() { so.conn.SetReadDeadline(time.Unix(1, 0)) }

// kernelDrops returns how many datagrams found the buffer full, since the
// socket was opened.
func (so *socket) kernelDrops() uint64 {
	so.dropsMu.Lock()
	defer so.dropsMu.Unlock()
	if so.closed.Load() {
		return so.drops
	}
	if now, ok := dropCount(so.raw); ok {
		so.drops += uint64(now - so.lastDrops)
		so.lastDrops = now
	}
	return so.drops
}

func (so *socket) close() {
	so.kernelDrops()
	so.closed.Store(true)
	so.conn.Close()
	removeSocket(so.path, so.created)
}

func closeAll(sockets []*socket) {
	for _, so := range sockets {
		so.close()
	}
}

// bindUnix makes a unix socket at path. A socket file that nobody listens on,
// left by a process that was killed, is replaced; anything else is not.
func bindUnix[L interface{ Close() error }](path, network string, bind func() (L, error)) (L, os.FileInfo, error) {
	var none L
	l, err := bind()
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := removeStale(path, network); err != nil {
			return none, nil, err
		}
		l, err = bind()
	}
	if err != nil {
		return none, nil, err
	}
	if err := os.Chmod(path, socketMode); err != nil {
		l.Close()
		return none, nil, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return none, nil, err
	}
	return l, info, nil
}

func removeStale(path, network string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("listen on %s: there is a file that is not a socket", path)
	}
	c, err := net.Dial(network, path)
	if err == nil {
		c.Close()
		return fmt.Errorf("listen on %s: another process listens there", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("listen on %s: is the socket file in use? %w", path, err)
	}
	return os.Remove(path)
}

// removeSocket removes the socket file at path, if it is still the one that was
// created there.
func removeSocket(path string, created os.FileInfo) {
	if path == "" {
		return
	}
	if info, err := os.Lstat(path); err == nil && os.SameFile(info, created) {
		os.Remove(path)
	}
}
