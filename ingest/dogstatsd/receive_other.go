//go:build !linux

package dogstatsd

import (
	"errors"
	"syscall"
)

// receiver takes one datagram at a time where there is no recvmmsg.
type receiver struct {
	conn   datagramConn
	buffer []byte
	n      int
}

func (r *receiver) init(conn datagramConn, _ syscall.RawConn) {
	r.conn = conn
	r.buffer = make([]byte, maxPacket)
}

func (r *receiver) receive() (int, error) {
	n, _, err := r.conn.ReadFrom(r.buffer)
	if err != nil {
		return 0, err
	}
	r.n = n
	return 1, nil
}

func (r *receiver) receiveLeft() int { return 0 }

func (r *receiver) packet(int) ([]byte, bool) { return r.buffer[:r.n], false }

func growBuffer(conn datagramConn, _ syscall.RawConn) int {
	if conn.SetReadBuffer(wantBuffer) != nil {
		return 0
	}
	return wantBuffer
}

func shareAddress(syscall.RawConn) error { return errors.ErrUnsupported }

func dropCount(syscall.RawConn) (uint32, bool) { return 0, false }
