package e2e

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// gate stands between whippet and the mail server, and is out of order in the
// ways that mail servers are.
type gate struct {
	addr, target string
	mode         atomic.Value // string
	failures     atomic.Int64
}

func startGate(t *testing.T, target string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{addr: l.Addr().String(), target: target}
	g.mode.Store("open")
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { g.pass(c) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return g
}

func (g *gate) pass(client net.Conn) {
	defer client.Close()
	mode := g.mode.Load().(string)
	switch mode {
	case "refused":
		g.failures.Add(1)
		return
	case "full":
		g.failures.Add(1)
		g.full(client)
		return
	}
	server, err := net.Dial("tcp", g.target)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(client, server)
		client.Close()
	}()
	data := false
	lines := bufio.NewReader(client)
	for sent := 0; ; sent++ {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		if mode == "slow" && sent%20 == 0 {
			time.Sleep(50 * time.Millisecond)
		}
		if mode == "dropping" && data && sent > 30 {
			g.failures.Add(1)
			return // in the middle of the message
		}
		if _, err := server.Write(line); err != nil {
			return
		}
		data = data || strings.EqualFold(strings.TrimSpace(string(line)), "DATA")
	}
}

// full is a server whose disk is full: it takes no receiver.
func (g *gate) full(c net.Conn) {
	fmt.Fprint(c, "220 here\r\n")
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		switch verb, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " "); verb {
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		case "MAIL":
			fmt.Fprint(c, "452 4.3.1 insufficient system storage\r\n")
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

// An hour each of a mail server that is refused, slow, hangs up in the middle
// of a message, and is full, while a monitor goes on flapping: in the end every
// transition has its mail, in order, and none has two.
func TestMailServerOutOfOrderLosesAndDoublesNothing(t *testing.T) {
	mail := startMailServer(t)
	g := startGate(t, mail.addr)
	a := &alarm{server: startServer(t, "--smtp", g.addr, "--smtp-tls", "none", "--mail-from", "whippet@example.com", "--mail-rate", "0"), mail: mail}
	a.announce("thinkpad")
	a.live(map[string]float64{"thinkpad": 100}, 6)
	var made struct{ ID int64 }
	doc := monitorDocument(map[string]any{"thresholds": map[string]any{"critical": 800}, "notify_no_data": false, "no_data_timeframe": nil})
	doc["query"] = "avg(last_1m):avg:my_metric{*} by {host} > 800"
	a.call("POST", "/api/v1/monitor", doc, &made)
	a.id = made.ID
	for _, mode := range []string{"refused", "slow", "dropping", "full"} {
		g.mode.Store(mode)
		for i := range 4 {
			a.live(map[string]float64{"thinkpad": []float64{2000, 10}[i%2]}, 3)
			a.advance(12 * time.Minute)
		}
	}
	if g.failures.Load() < 10 {
		t.Errorf("only %d attempts failed", g.failures.Load())
	}
	g.mode.Store("open")
	a.advance(time.Hour) // the longest back-off
	want := a.told()
	if len(want) < 12 {
		t.Fatalf("the monitor only said %q", want)
	}
	var got []string
	for range 40 {
		for _, m := range mail.unread() {
			got = append(got, m.Subject)
		}
		if len(got) >= len(want) {
			break
		}
		a.advance(time.Hour)
		time.Sleep(250 * time.Millisecond)
	}
	time.Sleep(time.Second)
	for _, m := range mail.unread() {
		got = append(got, m.Subject)
	}
	if !slices.Equal(got, want) {
		t.Errorf("mails:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// told is the titles of the transitions that the event log has, oldest first.
func (s *server) told() []string {
	s.t.Helper()
	var titles []string
	after := ""
	for {
		body := map[string]any{
			"filter": map[string]string{"query": "source:monitor -tags:audit", "from": "0", "to": strconv.FormatInt(s.now().UnixMilli()+3600_000, 10)},
			"sort":   "timestamp", "page": map[string]any{"limit": 1000, "cursor": after},
		}
		var answer struct {
			Data []struct {
				Attributes struct{ Attributes struct{ Title string } }
			}
			Meta struct{ Page struct{ After string } }
		}
		s.call("POST", "/api/v2/events/search", body, &answer)
		for _, d := range answer.Data {
			titles = append(titles, d.Attributes.Attributes.Title)
		}
		if after = answer.Meta.Page.After; after == "" {
			return titles
		}
	}
}

// killFor is how long the next test kills: KILL_MAILS=10m is the long way.
func killFor(t *testing.T) time.Duration {
	t.Helper()
	if text := os.Getenv("KILL_MAILS"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	return 45 * time.Second
}

var manyGroups = regexp.MustCompile(`^\[(.+?)\] .* on \{(\d+) groups\}$`)
var oneGroup = regexp.MustCompile(`^\[(.+?)\] .* on \{host:\w+\}$`)

// A thousand groups flap while the process is killed again and again: the
// mailbox tells what the event log has. The one duplicate that is possible, a
// kill between the server's 250 and our note of it, shows by its Message-ID.
func TestKillsWhileAThousandGroupsFlapLoseNoMail(t *testing.T) {
	mail := startMailServer(t)
	s := startServer(t, "--smtp", mail.addr, "--smtp-tls", "none", "--mail-from", "whippet@example.com", "--mail-rate", "0")
	values := make([]float64, 1000)
	send := func() {
		var list []any
		for i, v := range values {
			list = append(list, map[string]any{"metric": "flap", "host": fmt.Sprintf("h%03d", i), "type": "gauge", "points": [][2]float64{{float64(time.Now().Unix()), v}}})
		}
		raw, err := json.Marshal(map[string]any{"series": list})
		if err != nil {
			t.Fatal(err)
		}
		s.try("POST", "/api/v1/series", map[string]string{"Content-Type": "application/json"}, raw) // while it is down nobody takes it
	}
	send()
	s.call("POST", "/api/v1/monitor", map[string]any{
		"name": "flapping", "type": "metric alert", "query": "last(last_1m):avg:flap{*} by {host} > 800", "message": "@ops@example.com",
		"options": map[string]any{"on_missing_data": "default"},
	}, nil)
	stop := time.Now().Add(killFor(t))
	kills := 0
	next := time.Now().Add(14 * time.Second) // let the first evaluations see well groups
	for time.Now().Before(stop) {
		for range 40 {
			i := mathrand.IntN(len(values))
			values[i] = 1000 - values[i]
		}
		send()
		time.Sleep(500 * time.Millisecond)
		if time.Now().After(next) {
			s.kill()
			s.start()
			kills++
			next = time.Now().Add(time.Duration(500+mathrand.IntN(8000)) * time.Millisecond)
		}
	}
	s.eventually("all mails are delivered", func() error {
		send()
		var outbox struct{ Messages []struct{ State string } }
		s.call("GET", "/api/ui/outbox", nil, &outbox)
		for _, m := range outbox.Messages {
			if m.State != "sent" {
				return fmt.Errorf("a mail is %s", m.State)
			}
		}
		return nil
	})
	want := map[string]int{}
	transitions := s.told()
	for _, title := range transitions {
		m := oneGroup.FindStringSubmatch(title)
		if m == nil {
			t.Fatalf("an event is called %q", title)
		}
		want[m[1]]++
	}
	got := map[string]int{}
	ids := map[string]bool{}
	doubled := 0
	mails := mail.unread()
	for _, m := range mails {
		if ids[m.MessageID] {
			doubled++
			continue
		}
		ids[m.MessageID] = true
		if many := manyGroups.FindStringSubmatch(m.Subject); many != nil {
			n, err := strconv.Atoi(many[2])
			if err != nil {
				t.Fatal(err)
			}
			got[many[1]] += n
		} else if one := oneGroup.FindStringSubmatch(m.Subject); one != nil {
			got[one[1]]++
		} else {
			t.Errorf("a mail is called %q", m.Subject)
		}
	}
	t.Logf("%d kills, %d transitions in %d mails, %d of them twice", kills, len(transitions), len(mails), doubled)
	if fmt.Sprint(got) != fmt.Sprint(want) || len(transitions) < 200 || kills < 3 {
		t.Errorf("the mailbox has %v, the event log %v, after %d kills", got, want, kills)
	}
}

// writeCertificate makes a certificate for 127.0.0.1 that signs itself.
func writeCertificate(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: raw}, key: {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
