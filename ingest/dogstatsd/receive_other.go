//go:build !linux

package dogstatsd

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// receiver takes one datagram at a time where there is no recvmmsg.
type receiver struct {
	conn   datagramConn
	buffer []byte
	n      int
	sender netip.Addr
}

func (r *receiver) init(conn datagramConn, _ syscall.RawConn) {
	r.conn = conn
	r.buffer = make([]byte, maxPacket)
}

func (r *receiver) receive() (int, error) {
	n, addr, err := r.conn.ReadFrom(r.buffer)
	if err != nil {
		return 0, err
	}
	r.n, r.sender = n, netip.Addr{}
	if udp, ok := addr.(*net.UDPAddr); ok {
		r.sender = udp.AddrPort().Addr().Unmap()
	}
	return 1, nil
}

func (r *receiver) receiveLeft() int { return 0 }

func (r *receiver) from(int) netip.Addr { return r.sender }

func (r *receiver) packet(int) ([]byte, bool) { return r.buffer[:r.n], false }

func growBuffer(conn datagramConn, _ syscall.RawConn) int {
	for size := wantBuffer; size >= 64<<10; size /= 2 {
		if conn.SetReadBuffer(size) == nil {
			return size
		}
	}
	return 0
}

func shareAddress(syscall.RawConn) error { return errors.ErrUnsupported }

func dropCount(syscall.RawConn) (uint32, bool) { return 0, false }
