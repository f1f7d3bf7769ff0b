package alerting

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/alerting/mail"
)

// server is a mail server on loopback that refuses receivers as it is told.
type server struct {
	mu     sync.Mutex
	refuse map[string]string // the answer to RCPT TO, by address
	got    map[string]int    // messages by receiver
}

// serveMail starts one, and returns a Mailer that talks to it.
func serveMail(t *testing.T) (*server, Mailer) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{refuse: map[string]string{}, got: map[string]int{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.talk(c) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	smtp, err := mail.NewSMTP(mail.Config{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: mail.NoTLS})
	if err != nil {
		t.Fatal(err)
	}
	return s, smtp.Deliver
}

func (s *server) talk(c net.Conn) {
	defer c.Close()
	say := func(line string) { fmt.Fprintf(c, "%s\r\n", line) }
	say("220 here")
	var to []string
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		verb, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " ")
		switch verb {
		case "RCPT":
			_, rest, _ := strings.Cut(lines.Text(), "<")
			address, _, _ := strings.Cut(rest, ">")
			s.mu.Lock()
			answer := s.refuse[address]
			s.mu.Unlock()
			if answer == "" {
				to = append(to, address)
				answer = "250 ok"
			}
			say(answer)
		case "DATA":
			say("354 go on")
			for lines.Scan() && lines.Text() != "." {
			}
			s.mu.Lock()
			for _, address := range to {
				s.got[address]++
			}
			s.mu.Unlock()
			to = nil
			say("250 taken")
		case "RSET":
			to = nil
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

const twoReceivers = `{"type": "metric alert", "name": "n", "message": "m @a@example.com @b@example.com",
	"query": "avg(last_5m):avg:my_metric{*} > 800"}`

func TestEachReceiverGetsAMailOnceWhateverTheOthersGet(t *testing.T) {
	srv, send := serveMail(t)
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s.deps.Mailer = send
	s.restart()
	s.create(twoReceivers)
	srv.refuse["b@example.com"] = "450 mailbox busy"
	s.minutes(2, map[string]float64{"thinkpad": 950})
	mails, err := s.s.Outbox()
	if err != nil || len(mails) != 1 {
		t.Fatalf("outbox is %+v, %v", mails, err)
	}
	if m := mails[0]; m.State != Queued || !slices.Equal(m.Pending, []string{"b@example.com"}) {
		t.Errorf("after half a delivery: %+v", m)
	}
	srv.mu.Lock()
	delete(srv.refuse, "b@example.com")
	srv.mu.Unlock()
	s.restart()
	s.minutes(10, map[string]float64{"thinkpad": 950})
	if srv.got["a@example.com"] != 1 || srv.got["b@example.com"] != 1 {
		t.Errorf("the server took %v", srv.got)
	}
	if mails, _ = s.s.Outbox(); mails[0].State != Sent || mails[0].Pending != nil {
		t.Errorf("after all: %+v", mails[0])
	}
}

func TestWhatIsRefusedForGoodIsSetAside(t *testing.T) {
	srv, send := serveMail(t)
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s.deps.Mailer = send
	s.restart()
	s.create(strings.Replace(twoReceivers, "@b@example.com", "", 1))
	srv.refuse["a@example.com"] = "550 no such user"
	s.minutes(3, map[string]float64{"thinkpad": 950})
	mails, err := s.s.Outbox()
	if err != nil || len(mails) != 1 {
		t.Fatalf("outbox is %+v, %v", mails, err)
	}
	if m := mails[0]; m.State != Failed || m.Attempts != 1 || !strings.Contains(m.LastError, "no such user") {
		t.Errorf("refused for good: %+v", m)
	}
	// The next mail of the line is not held up by it.
	delete(srv.refuse, "a@example.com")
	s.minutes(6, map[string]float64{"thinkpad": 1})
	if srv.got["a@example.com"] != 1 {
		t.Errorf("the server took %v", srv.got)
	}
}

func TestBackoffGrowsToAnHour(t *testing.T) {
	want := []time.Duration{15 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}
	for attempts, d := range want {
		if got := backoff(attempts); got != d {
			t.Errorf("after %d attempts: %v, want %v", attempts, got, d)
		}
	}
	for _, attempts := range []int{10, 100, 1 << 40} {
		if got := backoff(attempts); got != time.Hour {
			t.Errorf("after %d attempts: %v", attempts, got)
		}
	}
}

func TestOutboxForgetsTheOldest(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	var letters []letter
	for i := range outboxKeep + 150 {
		l := letter{draft: draft{Text: "t", HTML: "<p>h</p>"}}
		l.Subject, l.To, l.Created, l.MessageID = fmt.Sprint(i), []string{"a@example.com"}, s.s.ms(), fmt.Sprintf("<%d@example.com>", i)
		letters = append(letters, l)
	}
	if err := s.s.postNow(t.Context(), letters); err != nil {
		t.Fatal(err)
	}
	for s.s.deliverReady(t.Context()) {
	}
	mails, err := s.s.Outbox()
	if err != nil || len(mails) != outboxKeep || len(s.take()) != outboxKeep+150 {
		t.Fatalf("%d mails are kept, %v", len(mails), err)
	}
	if mails[0].Subject != fmt.Sprint(outboxKeep+149) || mails[len(mails)-1].Subject != "150" {
		t.Errorf("kept are %s to %s", mails[len(mails)-1].Subject, mails[0].Subject)
	}
}

func TestSendTest(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	if _, err := s.s.SendTest(t.Context(), "nobody"); err == nil {
		t.Error("nobody is an address")
	}
	if _, err := s.s.SendTest(t.Context(), "me@example.com"); err != nil {
		t.Fatal(err)
	}
	s.s.deliverReady(t.Context())
	s.want("[Test] Whippet can send mail")
}
