package dogstatsd

import (
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiver takes up to batchSize datagrams at a time with recvmmsg(2): under
// load most of the cost of a datagram is the system call around it.
type receiver struct {
	raw     syscall.RawConn
	headers []mmsghdr
	vectors []unix.Iovec
	names   []unix.RawSockaddrInet6 // of the senders; an IPv4 one fits too
	buffers []byte                  // maxPacket each; only pages that were written take memory

	poll  func(fd uintptr) bool // made once, so that receiving does not allocate
	check func(fd uintptr)
	n     int
	err   error
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

func (r *receiver) init(_ datagramConn, raw syscall.RawConn) {
	r.raw = raw
	r.headers = make([]mmsghdr, batchSize)
	r.vectors = make([]unix.Iovec, batchSize)
	r.names = make([]unix.RawSockaddrInet6, batchSize)
	r.buffers = make([]byte, batchSize*maxPacket)
	for i := range r.headers {
		r.vectors[i].Base = &r.buffers[i*maxPacket]
		r.vectors[i].SetLen(maxPacket)
		r.headers[i].header.Iov = &r.vectors[i]
		r.headers[i].header.SetIovlen(1)
		r.headers[i].header.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		r.headers[i].header.Namelen = unix.SizeofSockaddrInet6
	}
	r.poll = func(fd uintptr) bool {
		r.try(fd)
		return r.err != unix.EAGAIN
	}
	r.check = r.try
}

// try takes what is there.
func (r *receiver) try(fd uintptr) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.headers[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			r.n, r.err = int(n), nil
		case unix.EINTR:
			continue
		default:
			r.n, r.err = 0, errno
		}
		return
	}
}

// receive waits for datagrams and returns how many it got.
func (r *receiver) receive() (int, error) {
	if err := r.raw.Read(r.poll); err != nil {
		return 0, err
	}
	if r.err != nil {
		return 0, os.NewSyscallError("recvmmsg", r.err)
	}
	return r.n, nil
}

// receiveLeft returns how many datagrams it got without waiting.
func (r *receiver) receiveLeft() int {
	if r.raw.Control(r.check) != nil || r.err != nil {
		return 0
	}
	return r.n
}

// from returns the sender's address of the i-th datagram; the zero Addr when it
// has none, as on unix sockets.
func (r *receiver) from(i int) netip.Addr {
	h := &r.headers[i].header
	size := h.Namelen
	h.Namelen = unix.SizeofSockaddrInet6 // the kernel wrote what it used
	switch name := &r.names[i]; {
	case size == unix.SizeofSockaddrInet4 && name.Family == unix.AF_INET:
		return netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr)
	case size == unix.SizeofSockaddrInet6 && name.Family == unix.AF_INET6:
		return netip.AddrFrom16(name.Addr).Unmap()
	}
	return netip.Addr{}
}

// packet returns the i-th datagram of the last receive, valid until the next,
// and whether its end was cut off.
func (r *receiver) packet(i int) ([]byte, bool) {
	h := &r.headers[i]
	return r.buffers[i*maxPacket:][:h.length], h.header.Flags&unix.MSG_TRUNC != 0
}

// growBuffer asks for a large receive buffer, past the system's limit where
// the process may, and returns its size in bytes.
func growBuffer(_ datagramConn, raw syscall.RawConn) (size int) {
	raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, wantBuffer) != nil {
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, wantBuffer)
		}
		// The kernel doubles the figure to pay for its own bookkeeping.
		doubled, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		size = doubled / 2
	})
	return size
}

// shareAddress lets other sockets of this user bind the same port.
func shareAddress(raw syscall.RawConn) (err error) {
	if e := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}); e != nil {
		return e
	}
	return err
}

// dropCount returns the kernel's count of datagrams dropped by a socket, the
// figure that /proc/net/udp shows as drops.
func dropCount(raw syscall.RawConn) (count uint32, ok bool) {
	const drops = 8 // SK_MEMINFO_DROPS of linux/sock_diag.h
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	raw.Control(func(fd uintptr) {
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		ok = errno == 0 && size == uint32(unsafe.Sizeof(info))
	})
	return info[drops], ok
}
