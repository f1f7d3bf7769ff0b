package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	_ "image/png"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// mailServer is a real SMTP server process that keeps what it receives in a
// Maildir.
type mailServer struct {
	t    *testing.T
	addr string
	dir  string
	seen map[string]bool
}

func startMailServer(t *testing.T) *mailServer {
	t.Helper()
	m := &mailServer{t: t, addr: freeTCP(t), dir: filepath.Join(t.TempDir(), "maildir"), seen: map[string]bool{}}
	var log bytes.Buffer
	process := exec.Command("/usr/bin/python3", "-m", "aiosmtpd", "-n", "-l", m.addr, "-c", "aiosmtpd.handlers.Mailbox", m.dir)
	process.Stdout, process.Stderr = &log, &log
	if err := process.Start(); err != nil {
		t.Fatalf("start the mail server (Debian's python3-aiosmtpd): %v", err)
	}
	t.Cleanup(func() {
		process.Process.Kill()
		process.Wait()
	})
	m.await(&log)
	return m
}

// await returns once the server takes connections.
func (m *mailServer) await(log *bytes.Buffer) {
	m.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		c, err := net.Dial("tcp", m.addr)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("the mail server does not answer: %v\n%s", err, log)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// message is a received mail, decoded.
type message struct {
	Subject   string
	To        []string
	MessageID string
	Text      string
	HTML      string
	Pictures  []image.Config
	PNGs      [][]byte // the pictures themselves
	Raw       []byte
}

// unread returns the mails that arrived since the last call, oldest first.
func (m *mailServer) unread() []message {
	m.t.Helper()
	names, err := filepath.Glob(filepath.Join(m.dir, "new", "*"))
	if err != nil {
		m.t.Fatal(err)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, errX := os.Stat(a)
		y, errY := os.Stat(b)
		if errX != nil || errY != nil {
			m.t.Fatal(errX, errY)
		}
		return x.ModTime().Compare(y.ModTime())
	})
	var messages []message
	for _, name := range names {
		if m.seen[name] {
			continue
		}
		m.seen[name] = true
		raw, err := os.ReadFile(name)
		if err != nil {
			m.t.Fatal(err)
		}
		messages = append(messages, m.decode(raw))
	}
	return messages
}

// wait returns the next mails once there are n of them, and fails when there
// are more. It leaves time for a mail too many to show up.
func (m *mailServer) wait(n int) []message {
	m.t.Helper()
	var got []message
	deadline := time.Now().Add(30 * time.Second)
	for len(got) < n && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
		got = append(got, m.unread()...)
	}
	time.Sleep(time.Second)
	got = append(got, m.unread()...)
	if len(got) != n {
		subjects := make([]string, len(got))
		for i, g := range got {
			subjects[i] = fmt.Sprintf("%s -> %s", g.Subject, g.To)
		}
		m.t.Fatalf("got %d mails, want %d:\n%s", len(got), n, strings.Join(subjects, "\n"))
	}
	return got
}

func (m *mailServer) decode(raw []byte) message {
	m.t.Helper()
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		m.t.Fatalf("received mail is not readable: %v\n%s", err, raw)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	if err != nil {
		m.t.Fatal(err)
	}
	got := message{Subject: subject, MessageID: parsed.Header.Get("Message-ID"), Raw: raw}
	to, err := parsed.Header.AddressList("To")
	if err != nil {
		m.t.Fatalf("received mail's To: %v", err)
	}
	for _, a := range to {
		got.To = append(got.To, a.Address)
	}
	m.parts(&got, parsed.Header.Get("Content-Type"), parsed.Header.Get("Content-Transfer-Encoding"), parsed.Body)
	return got
}

func (m *mailServer) parts(got *message, contentType, encoding string, body io.Reader) {
	m.t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		m.t.Fatalf("received mail's content type %q: %v", contentType, err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				return
			}
			if err != nil {
				m.t.Fatal(err)
			}
			m.parts(got, part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part)
		}
	}
	switch strings.ToLower(encoding) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		m.t.Fatal(err)
	}
	switch kind {
	case "text/plain":
		got.Text += string(content)
	case "text/html":
		got.HTML += string(content)
	case "image/png":
		config, _, err := image.DecodeConfig(bytes.NewReader(content))
		if err != nil {
			m.t.Fatalf("the mail's picture: %v", err)
		}
		got.Pictures, got.PNGs = append(got.Pictures, config), append(got.PNGs, content)
	}
}
