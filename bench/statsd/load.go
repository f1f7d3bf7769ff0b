package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// load is what is sent.
type load struct {
	contexts, packet, sockets int
	kind                      string
}

// packets are ready to send; they are sent in their order, again and again.
type packets struct {
	bytes    [][]byte
	messages []int // in each
}

// packets makes messages of 68 bytes with four tags, one per context in turns.
func (l load) packets() *packets {
	p := &packets{}
	var packet []byte
	n := 0
	flush := func() {
		if n > 0 {
			p.bytes, p.messages = append(p.bytes, packet), append(p.messages, n)
			packet, n = nil, 0
		}
	}
	for i := range max(l.contexts, 1000) {
		message := fmt.Sprintf("wb.r.c:1|%s|#ctx:%04d,env:prod,service:web-frontend,region:eu-west-1\n", l.kind, i%l.contexts)
		if len(packet)+len(message) > l.packet {
			flush()
		}
		packet = append(packet, message...)
		n++
	}
	flush()
	return p
}

// step is how often the sender wakes up to send its share.
const step = time.Millisecond

// send sends messages at an even pace for a time, from one thread, and returns
// how many there were and how long it took.
func (p *packets) send(address string, sockets int, rate float64, duration time.Duration) (sent uint64, took time.Duration, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var senders []*sender
	for range sockets {
		s, err := newSender(address)
		if err != nil {
			return 0, 0, err
		}
		defer s.file.Close()
		senders = append(senders, s)
	}
	next, turn := 0, 0
	begin := time.Now()
	for {
		now := time.Since(begin)
		if now >= duration {
			return sent, now, nil
		}
		due := uint64(rate * now.Seconds())
		for due > sent && time.Since(begin) < duration {
			s := senders[turn%len(senders)]
			turn++
			n := 0
			for n < batch && due > sent {
				s.set(n, p.bytes[next])
				sent += uint64(p.messages[next])
				next = (next + 1) % len(p.bytes)
				n++
			}
			if err := s.flush(n); err != nil {
				return sent, time.Since(begin), err
			}
		}
		time.Sleep(step - (time.Since(begin) - now).Truncate(time.Microsecond))
	}
}

// batch is how many packets go out in one call.
const batch = 16

// sender is a connected socket that sends with sendmmsg(2).
type sender struct {
	file    *os.File
	fd      uintptr
	headers [batch]struct {
		header unix.Msghdr
		length uint32
	}
	vectors [batch]unix.Iovec
}

func newSender(address string) (*sender, error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	file, err := conn.(*net.UDPConn).File()
	if err != nil {
		return nil, err
	}
	s := &sender{file: file, fd: file.Fd()} // blocking, from here on
	unix.SetsockoptInt(int(s.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20)
	for i := range s.headers {
		s.headers[i].header.Iov = &s.vectors[i]
		s.headers[i].header.SetIovlen(1)
	}
	return s, nil
}

func (s *sender) set(i int, packet []byte) {
	s.vectors[i].Base = &packet[0]
	s.vectors[i].SetLen(len(packet))
}

// flush sends the first n packets.
func (s *sender) flush(n int) error {
	for from := 0; from < n; {
		sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, s.fd, uintptr(unsafe.Pointer(&s.headers[from])), uintptr(n-from), 0, 0, 0)
		switch errno {
		case 0:
			from += int(sent)
		case syscall.EINTR, syscall.ECONNREFUSED:
		default:
			return os.NewSyscallError("sendmmsg", errno)
		}
	}
	return nil
}
