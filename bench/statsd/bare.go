package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bareCommand, as the first argument, makes this program the bare receiver.
const bareCommand = "receive"

// receive is the least that a server must do: it takes datagrams from the
// kernel, with as many threads and as large buffers as Whippet has, counts
// their lines and forgets them. What it loses no server could keep.
func receive(statsd, web string) error {
	var lines atomic.Uint64
	for range runtime.NumCPU() {
		socket, err := shared(statsd)
		if err != nil {
			return err
		}
		go drain(socket, &lines)
	}
	http.HandleFunc("/debug/whippet/dogstatsd", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]uint64{"Metrics": lines.Load(), "KernelDrops": drops(statsd)})
	})
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGTERM)
	failed := make(chan error, 1)
	go func() { failed <- http.ListenAndServe(web, nil) }()
	select {
	case err := <-failed:
		return err
	case <-stopped:
		return nil
	}
}

// shared opens a socket of several on one port.
func shared(address string) (int, error) {
	addr, err := net.ResolveUDPAddr("udp4", address)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return 0, err
	}
	const size = 4 << 20
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return 0, err
	}
	to := &unix.SockaddrInet4{Port: addr.Port}
	copy(to.Addr[:], addr.IP.To4())
	return fd, unix.Bind(fd, to)
}

func drain(fd int, lines *atomic.Uint64) {
	const batch, size = 64, 1 << 16
	buffers := make([]byte, batch*size)
	var vectors [batch]unix.Iovec
	var headers [batch]struct {
		header unix.Msghdr
		length uint32
	}
	for i := range headers {
		vectors[i].Base = &buffers[i*size]
		vectors[i].SetLen(size)
		headers[i].header.Iov = &vectors[i]
		headers[i].header.SetIovlen(1)
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&headers[0])), batch, unix.MSG_WAITFORONE, 0, 0)
		if errno != 0 {
			continue
		}
		for i := range int(n) {
			lines.Add(uint64(bytes.Count(buffers[i*size:][:headers[i].length], []byte("\n"))))
		}
	}
}

// drops reads what the kernel dropped on a port.
func drops(address string) (total uint64) {
	addr, err := net.ResolveUDPAddr("udp4", address)
	if err != nil {
		return 0
	}
	table, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 13 || !strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", addr.Port)) {
			continue
		}
		var n uint64
		if _, err := fmt.Sscan(fields[12], &n); err == nil {
			total += n
		}
	}
	return total
}
