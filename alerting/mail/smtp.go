package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// TLS says how a connection to a mail server is protected.
type TLS string

// The protections. STARTTLS is required, not opportunistic: a server that
// doesn't offer it gets nothing.
const (
	NoTLS       TLS = "none"
	STARTTLS    TLS = "starttls"
	ImplicitTLS TLS = "tls"
)

// Config is how to reach the mail server.
type Config struct {
	Host      string
	Port      int // 0: 25, 587 or 465 by TLS
	TLS       TLS // "": starttls
	Username  string
	Password  string
	Timeout   time.Duration // of a whole delivery; 0: a minute
	HELO      string        // our name; "": the machine's
	TLSConfig *tls.Config   // nil: the system's roots and Host as the server's name
}

// SMTP delivers to one mail server. It keeps no connection between deliveries
// and is safe for concurrent use.
type SMTP struct{ cfg Config }

// NewSMTP checks cfg; it doesn't connect.
func NewSMTP(cfg Config) (*SMTP, error) {
	if cfg.Host == "" || strings.ContainsAny(cfg.Host, " \r\n/@") {
		return nil, fmt.Errorf("smtp host %q: give the name or the address of a mail server", cfg.Host)
	}
	if cfg.TLS == "" {
		cfg.TLS = STARTTLS
	}
	ports := map[TLS]int{NoTLS: 25, STARTTLS: 587, ImplicitTLS: 465}
	if ports[cfg.TLS] == 0 {
		return nil, fmt.Errorf("smtp tls %q: allowed are %s, %s and %s", cfg.TLS, NoTLS, STARTTLS, ImplicitTLS)
	}
	if cfg.Port == 0 {
		cfg.Port = ports[cfg.TLS]
	}
	if cfg.Port < 1 || cfg.Port > 65535 {
		return nil, fmt.Errorf("smtp port %d: allowed are 1 to 65535", cfg.Port)
	}
	if cfg.Password != "" && cfg.Username == "" {
		return nil, errors.New("smtp username: a password is set, but no name to go with it")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = time.Minute
	}
	if cfg.HELO == "" {
		cfg.HELO, _ = os.Hostname()
	}
	if cfg.HELO == "" || strings.ContainsAny(cfg.HELO, " \r\n") {
		cfg.HELO = "localhost"
	}
	if cfg.TLSConfig == nil {
		cfg.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if cfg.TLSConfig.ServerName == "" {
		cfg.TLSConfig = cfg.TLSConfig.Clone()
		cfg.TLSConfig.ServerName = cfg.Host
	}
	return &SMTP{cfg}, nil
}

// failure is a delivery that didn't reach everybody.
type failure struct {
	step      string
	err       error
	permanent bool
	taken     bool     // the server has the message for other receivers
	each      bool     // it is about single receivers, and
	retry     []string // for these it makes sense to try again
}

func (f *failure) Error() string { return "smtp: " + f.step + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// Permanent says whether err is a refusal that trying again won't change: a 5xx
// answer to the message or to all receivers that don't have it yet. Network
// faults and 4xx answers are temporary, and so is all that is wrong between us
// and the server before it looks at the mail: certificate, password, sender.
// Someone will mend that.
func Permanent(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.permanent
}

// Remaining returns those of to for whom it makes sense to try again after err.
// Receivers for whom the server has taken the message are never among them.
func Remaining(err error, to []string) []string {
	var f *failure
	switch {
	case err == nil || Permanent(err):
		return nil
	case errors.As(err, &f) && f.each:
		return f.retry
	}
	return slices.Clone(to)
}

// Deliver hands raw to the server for every address in to. It returns nil when
// the server has taken the message for all of them. Otherwise [Permanent] says
// whether trying again makes sense, and [Remaining] for whom. If the connection
// breaks after the message and before the server's answer, nobody can know
// whether it was taken; the error is temporary, and the message's ID tells the
// receiver of the second copy.
func (s *SMTP) Deliver(ctx context.Context, raw []byte, from string, to []string) error {
	sender, err := parseAddress(from)
	if err != nil {
		return &failure{step: "from", err: err, permanent: true}
	}
	if len(to) == 0 {
		return &failure{step: "to", err: errors.New("no receivers"), permanent: true}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// The client knows no context: closing the connection ends whatever it waits
	// for.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	client, err := s.greet(conn)
	if err == nil {
		err = s.send(client, raw, sender.Address, to)
	}
	if accepted(err) {
		// What the server says to QUIT doesn't matter.
		conn.SetDeadline(time.Now().Add(quitTimeout))
		_ = client.Quit()
	}
	return because(ctx, err)
}

const quitTimeout = 5 * time.Second

// accepted says whether the server has taken the message for anybody.
func accepted(err error) bool {
	var f *failure
	return err == nil || errors.As(err, &f) && f.taken
}

// because puts the end of ctx, where that is the reason, in the place of the
// closed connection that it shows as.
func because(ctx context.Context, err error) error {
	var f *failure
	if ctx.Err() != nil && errors.As(err, &f) && !f.each && !isReply(f.err) {
		f.err = fmt.Errorf("%w (%v)", context.Cause(ctx), f.err)
	}
	return err
}

func (s *SMTP) server() string { return net.JoinHostPort(s.cfg.Host, strconv.Itoa(s.cfg.Port)) }

func (s *SMTP) dial(ctx context.Context) (net.Conn, error) {
	dial := (&net.Dialer{}).DialContext
	if s.cfg.TLS == ImplicitTLS {
		dial = (&tls.Dialer{Config: s.cfg.TLSConfig}).DialContext
	}
	conn, err := dial(ctx, "tcp", s.server())
	if err != nil {
		return nil, &failure{step: "connect to " + s.server(), err: err}
	}
	return conn, nil
}

// greet returns a client that is greeted, protected and logged in.
func (s *SMTP) greet(conn net.Conn) (*smtp.Client, error) {
	wrong := func(step string, err error) error { return &failure{step: s.server() + ": " + step, err: err} }
	client, err := smtp.NewClient(conn, s.cfg.Host)
	if err != nil {
		return nil, wrong("greeting", err)
	}
	client.SkipSMTPUTF8(true) // all we send is ASCII
	if err = client.Hello(s.cfg.HELO); err != nil {
		return nil, wrong("EHLO", err)
	}
	if s.cfg.TLS == STARTTLS {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return nil, wrong("STARTTLS", fmt.Errorf("the server doesn't offer it; tls: %s or %s may be what it wants", ImplicitTLS, NoTLS))
		}
		if err = client.StartTLS(s.cfg.TLSConfig); err != nil {
			return nil, wrong("STARTTLS", err)
		}
	}
	if s.cfg.Username != "" {
		auth, err := s.auth(client)
		if err == nil {
			err = client.Auth(auth)
		}
		if err != nil {
			return nil, wrong("AUTH", err)
		}
	}
	return client, nil
}

// auth chooses how to log in: the strongest way that the server offers. The
// password itself leaves this machine only over TLS.
func (s *SMTP) auth(client *smtp.Client) (smtp.Auth, error) {
	_, list := client.Extension("AUTH")
	offered := strings.Fields(strings.ToUpper(list))
	name, password := s.cfg.Username, s.cfg.Password
	for _, way := range []struct {
		name string
		auth smtp.Auth
	}{
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(name, password)},
		{"SCRAM-SHA-1", smtp.ScramSHA1Auth(name, password)},
		{"CRAM-MD5", smtp.CRAMMD5Auth(name, password)},
		{"PLAIN", smtp.PlainAuth("", name, password, s.cfg.Host, false)},
		{"LOGIN", smtp.LoginAuth(name, password, s.cfg.Host, false)},
	} {
		if slices.Contains(offered, way.name) {
			return way.auth, nil
		}
	}
	return nil, fmt.Errorf("the server offers %q; we know SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5, PLAIN and LOGIN", list)
}

// send goes through the transaction of RFC 5321 section 3.3.
func (s *SMTP) send(client *smtp.Client, raw []byte, from string, to []string) error {
	if err := client.Mail("<" + from + ">"); err != nil {
		return &failure{step: "MAIL FROM " + from, err: err}
	}
	var refused []error
	var retry []string
	accepted := 0
	for _, each := range to {
		address, err := parseAddress(each)
		permanent := err != nil
		if err == nil {
			if err = client.Rcpt("<" + address.Address + ">"); err == nil {
				accepted++
				continue
			}
			if !isReply(err) {
				return &failure{step: "RCPT TO " + each, err: err}
			}
			permanent = isFinal(err) && !isTooMany(err)
		}
		refused = append(refused, fmt.Errorf("%s: %w", each, err))
		if !permanent {
			retry = append(retry, each)
		}
	}
	if accepted == 0 {
		return &failure{step: "RCPT TO", err: all(refused), permanent: len(retry) == 0, retry: retry, each: true}
	}
	if err := data(client, raw); err != nil {
		return &failure{step: "DATA", err: err, permanent: isFinal(err)}
	}
	if len(refused) > 0 {
		return &failure{
			step: fmt.Sprintf("delivered to %d of %d; RCPT TO", accepted, len(to)), err: all(refused),
			permanent: len(retry) == 0, retry: retry, each: true, taken: true,
		}
	}
	return nil
}

// all is the errors in one line.
type all []error

func (a all) Error() string {
	var parts []string
	for _, err := range a {
		parts = append(parts, err.Error())
	}
	return strings.Join(parts, "; ")
}

func (a all) Unwrap() []error { return a }

func data(client *smtp.Client, raw []byte) error {
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err = w.Write(raw); err != nil {
		return err // closed with the connection, so that the message isn't ended
	}
	return w.Close()
}

func isReply(err error) bool {
	var reply *textproto.Error
	return errors.As(err, &reply)
}

// isFinal says whether a reply refuses for good; 530 to 538 are about logging
// in, which someone will mend.
func isFinal(err error) bool {
	var reply *textproto.Error
	return errors.As(err, &reply) && reply.Code >= 500 && (reply.Code < 530 || reply.Code > 538)
}

// isTooMany says whether a receiver was refused with 552, which is to be taken
// for 452, too many receivers (RFC 5321 section 4.5.3.1.10).
func isTooMany(err error) bool {
	var reply *textproto.Error
	return errors.As(err, &reply) && reply.Code == 552
}
