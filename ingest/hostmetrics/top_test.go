package hostmetrics

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// fields walks a protobuf message.
func fields(t *testing.T, b []byte, fn func(n protowire.Number, number uint64, content []byte)) {
	t.Helper()
	for len(b) > 0 {
		field, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		b = b[size:]
		var number uint64
		var content []byte
		switch kind {
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, size = protowire.ConsumeFixed32(b)
			number = uint64(v)
		case protowire.BytesType:
			content, size = protowire.ConsumeBytes(b)
		default:
			t.Fatalf("field %d is of type %d", field, kind)
		}
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		fn(field, number, content)
		b = b[size:]
	}
}

// used is the processor time of this process.
func used(t *testing.T) time.Duration {
	t.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func TestTheBusiestProcessesAreListed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	l := &top{}
	now := time.Unix(1_795_000_000, 0)
	if _, err := l.frame(t.Context(), "web-1", now); err != nil {
		t.Fatal(err)
	}
	for begin := used(t); used(t) < begin+50*time.Millisecond; { // be busy, by the kernel's ticks of 10 ms
		_ = slices.Repeat([]byte{1}, 1000)
	}
	l.next = time.Time{} // whatever the first look took
	frame, err := l.frame(t.Context(), "web-1", now.Add(Interval))
	if err != nil {
		t.Fatal(err)
	}
	if string(frame[:8]) != "\x03\x00\x0c\x00\x00\x00\x00\x00" {
		t.Fatalf("the header is %x", frame[:16])
	}
	host, found := "", false
	fields(t, frame[16:], func(n protowire.Number, _ uint64, content []byte) {
		switch n {
		case 2:
			host = string(content)
		case 3:
			var pid, rss, cpu uint64
			var command, user string
			fields(t, content, func(n protowire.Number, number uint64, content []byte) {
				switch n {
				case 2:
					pid = number
				case 4:
					command = string(content)
				case 5:
					user = string(content)
				case 7:
					fields(t, content, func(n protowire.Number, number uint64, _ []byte) {
						if n == 1 {
							rss = number
						}
					})
				case 8:
					fields(t, content, func(n protowire.Number, number uint64, _ []byte) {
						if n == 2 {
							cpu = number
						}
					})
				}
			})
			if int(pid) == os.Getpid() {
				found = true
				if rss == 0 || cpu == 0 || !strings.Contains(command, os.Args[0]) || user == "" {
					t.Errorf("this process: rss %d, cpu bits %x, command %q, user %q", rss, cpu, command, user)
				}
			}
		}
	})
	if host != "web-1" || !found {
		t.Errorf("host %q, this process is listed: %v", host, found)
	}
	l.next = now.Add(time.Minute)
	if early, err := l.frame(t.Context(), "web-1", now.Add(2*Interval)); early != nil || err != nil {
		t.Errorf("too early: got %d bytes, error %v", len(early), err)
	}
}

func TestSecretsInCommandLinesAreHidden(t *testing.T) {
	for _, c := range []struct{ in, want []string }{
		{[]string{"mysqld", "--port", "3306"}, []string{"mysqld", "--port", "3306"}},
		{[]string{"a", "--password=x y", "-p", "1"}, []string{"a", "--password=" + hidden, "-p", "1"}},
		{[]string{"a", "--Password", "x", "b"}, []string{"a", "--Password", hidden, "b"}},
		{[]string{"a", "--api-key", "--verbose", "b"}, []string{"a", "--api-key", "--verbose", "b"}},
		{[]string{"a", "API_KEY=abc", "aws_secret_access_key:z"}, []string{"a", "API_KEY=" + hidden, "aws_secret_access_key:" + hidden}},
		{[]string{"a", "postgres://me:pw@db/x?y"}, []string{"a", "postgres://me:" + hidden + "@db/x?y"}},
		{[]string{"vi", "passwords.txt", "b"}, []string{"vi", "passwords.txt", "b"}},
		{nil, []string{}},
	} {
		if got := scrub(c.in); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
	long := scrub(slices.Repeat([]string{strings.Repeat("x", 100)}, 100))
	if n := len(strings.Join(long, " ")); n > maxCommand+10 {
		t.Errorf("a command of %d bytes is sent", n)
	}
}
