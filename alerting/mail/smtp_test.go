package mail

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const python = "/usr/bin/python3"

// mailServer starts testdata/smtpd.py, a real SMTP server in a process of its
// own, and returns its port and the directory in which mail arrives.
func mailServer(t *testing.T, args ...string) (port int, maildir string) {
	t.Helper()
	if out, err := exec.Command(python, "-c", "import aiosmtpd").CombinedOutput(); err != nil {
		t.Skipf("needs %s with aiosmtpd (Debian: apt-get install python3-aiosmtpd): %v %s", python, err, out)
	}
	maildir = filepath.Join(t.TempDir(), "mail")
	cmd := exec.Command(python, append([]string{"testdata/smtpd.py", maildir}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("mail server: %s", stderr.String())
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("mail server: %v %s", err, stderr.String())
	}
	if port, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
	return port, maildir
}

// received returns the messages in a maildir, oldest first.
func received(t *testing.T, maildir string) [][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(maildir, "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var out [][]byte
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, raw)
	}
	return out
}

// certificate writes a certificate for 127.0.0.1 and its key, and returns the
// pool that trusts it.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, content := range map[string][]byte{certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, pool
}

func sender(t *testing.T, cfg Config) *SMTP {
	t.Helper()
	cfg.Host = "127.0.0.1"
	s, err := NewSMTP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func letterTo(t *testing.T, subject string, to ...string) []byte {
	t.Helper()
	raw, err := Build(Message{From: "Whippet <whippet@example.com>", To: to, Subject: subject, MessageID: "a@example.com", Date: day, Text: "text", HTML: "<p>html</p>"})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestMailArrivesAsItWasBuilt(t *testing.T) {
	port, maildir := mailServer(t)
	s := sender(t, Config{Port: port, TLS: NoTLS})
	m := example()
	raw, err := Build(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(t.Context(), raw, m.From, m.To); err != nil {
		t.Fatal(err)
	}
	mails := received(t, maildir)
	if len(mails) != 1 {
		t.Fatalf("%d mails arrived", len(mails))
	}
	checkExample(t, m, mails[0])
}

func TestEveryWayToProtectAndLogIn(t *testing.T) {
	cert, key, pool := certificate(t)
	trust := &tls.Config{RootCAs: pool}
	startTLS, startTLSMail := mailServer(t, "--cert", cert, "--key", key, "--auth", "ann", "secret")
	implicit, implicitMail := mailServer(t, "--cert", cert, "--key", key, "--implicit", "--auth", "ann", "secret")
	plain, _ := mailServer(t)
	for _, c := range []struct {
		name string
		cfg  Config
		want string // part of the error
	}{
		{"starttls", Config{Port: startTLS, Username: "ann", Password: "secret", TLSConfig: trust}, ""},
		{"tls", Config{Port: implicit, TLS: ImplicitTLS, Username: "ann", Password: "secret", TLSConfig: trust}, ""},
		{"wrong password", Config{Port: startTLS, Username: "ann", Password: "wrong", TLSConfig: trust}, "AUTH: 535"},
		{"no login", Config{Port: startTLS, TLSConfig: trust}, "530"},
		{"unknown certificate", Config{Port: startTLS, Username: "ann", Password: "secret"}, "certificate"},
		{"unknown certificate, implicit", Config{Port: implicit, TLS: ImplicitTLS}, "certificate"},
		{"no TLS where it is required", Config{Port: startTLS, TLS: NoTLS}, "530"},
		{"TLS where there is none", Config{Port: plain}, "doesn't offer it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := sender(t, c.cfg).Deliver(t.Context(), letterTo(t, "hello", "ann@example.com"), "whippet@example.com", []string{"ann@example.com"})
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || Permanent(err)):
				t.Errorf("got %v, want a temporary error with %q", err, c.want)
			case c.want != "" && !slices.Equal(Remaining(err, []string{"ann@example.com"}), []string{"ann@example.com"}):
				t.Errorf("remaining %v", Remaining(err, []string{"ann@example.com"}))
			}
		})
	}
	if a, b := len(received(t, startTLSMail)), len(received(t, implicitMail)); a != 1 || b != 1 {
		t.Errorf("%d and %d mails arrived", a, b)
	}
}

func TestRefusalsAreToldApart(t *testing.T) {
	port, maildir := mailServer(t)
	s := sender(t, Config{Port: port, TLS: NoTLS})
	for _, c := range []struct {
		subject   string
		to        []string
		failed    bool
		permanent bool
		remaining []string
		arrives   bool
	}{
		{"all well", []string{"a@x.org", "Bea <b@x.org>"}, false, false, nil, true},
		{"one gone", []string{"a@x.org", "gone@x.org"}, true, true, nil, true},
		{"one full", []string{"full@x.org", "a@x.org"}, true, false, []string{"full@x.org"}, true},
		{"gone and full and many", []string{"gone@x.org", "full@x.org", "a@x.org", "many@x.org"}, true, false, []string{"full@x.org", "many@x.org"}, true},
		{"all gone", []string{"gone@x.org", "gone2@x.org"}, true, true, nil, false},
		{"all full", []string{"full@x.org"}, true, false, []string{"full@x.org"}, false},
		{"no address", []string{"nonsense"}, true, true, nil, false},
		{"refuse me", []string{"a@x.org"}, true, true, nil, false},
		{"try later", []string{"a@x.org", "b@x.org"}, true, false, []string{"a@x.org", "b@x.org"}, false},
	} {
		before := len(received(t, maildir))
		err := s.Deliver(t.Context(), letterTo(t, c.subject, "list@x.org"), "whippet@example.com", c.to)
		if (err != nil) != c.failed || Permanent(err) != c.permanent || !reflect.DeepEqual(Remaining(err, c.to), c.remaining) {
			t.Errorf("%s: %v, permanent %v, remaining %v", c.subject, err, Permanent(err), Remaining(err, c.to))
		}
		if arrived := len(received(t, maildir)) > before; arrived != c.arrives {
			t.Errorf("%s: arrived %v", c.subject, arrived)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error of several lines: %v", c.subject, err)
		}
	}
}

func TestDeliveryEndsWithItsContext(t *testing.T) {
	port, _ := mailServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	to := []string{"a@x.org"}
	err := sender(t, Config{Port: port, TLS: NoTLS}).Deliver(ctx, letterTo(t, "hang", to...), "whippet@example.com", to)
	if !errors.Is(err, context.DeadlineExceeded) || Permanent(err) || !slices.Equal(Remaining(err, to), to) {
		t.Errorf("got %v", err)
	}
}

// TestServerThatStops listens and says nothing, or hangs up at once.
func TestServerThatSaysNothingOrHangsUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	to := []string{"a@x.org"}
	s := sender(t, Config{Port: port, TLS: NoTLS, Timeout: 200 * time.Millisecond})
	if err := s.Deliver(t.Context(), letterTo(t, "x", to...), "whippet@example.com", to); err == nil || Permanent(err) {
		t.Errorf("silent server: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	if err := s.Deliver(t.Context(), letterTo(t, "x", to...), "whippet@example.com", to); err == nil || Permanent(err) {
		t.Errorf("server that hangs up: %v", err)
	}
	l.Close()
	<-done
	if err := s.Deliver(t.Context(), letterTo(t, "x", to...), "whippet@example.com", to); err == nil || Permanent(err) || !strings.Contains(err.Error(), "connect") {
		t.Errorf("no server: %v", err)
	}
}

func TestWrongConfigurationIsRefused(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "host"}, {Config{Host: "a b"}, "host"}, {Config{Host: "mail.example.com:25/x"}, "host"},
		{Config{Host: "h", TLS: "ssl"}, `tls "ssl": allowed are none, starttls and tls`},
		{Config{Host: "h", Port: 70000}, "port"}, {Config{Host: "h", Password: "x"}, "username"},
	} {
		if _, err := NewSMTP(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}
