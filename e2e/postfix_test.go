package e2e

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The login that the mail server insists on.
const (
	mailUser     = "whippet"
	mailPassword = "s3cret"
)

// mailerArgs make a whippet send to m as that login.
func (m *mailServer) mailerArgs() []string {
	return []string{"--smtp", m.addr, "--smtp-user", mailUser, "--smtp-password", mailPassword, "--mail-from", "whippet@example.com"}
}

// startPostfix runs Debian's postfix, which takes mail over STARTTLS from who
// has logged in, and puts that for everybody into one Maildir. The test's
// processes trust its certificate.
func startPostfix(t *testing.T) *mailServer {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("postfix starts as root only")
	}
	dir := shortTempDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	m := &mailServer{t: t, addr: freeTCP(t), dir: at("box"), seen: map[string]bool{}}
	for _, sub := range []string{"conf/sasl", "queue", "data", "box"} {
		if err := os.MkdirAll(at(sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil { // postfix's own users pass through it
		t.Fatal(err)
	}
	writeCertificate(t, at("cert.pem"), at("key.pem"))
	t.Setenv("SSL_CERT_FILE", at("cert.pem"))
	for name, text := range map[string]string{
		"conf/sasl/smtpd.conf": fmt.Sprintf("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\nsasldb_path: %s\n", at("users")),
		"conf/main.cf":         strings.ReplaceAll(postfixMain, "DIR", dir),
		"conf/master.cf":       strings.ReplaceAll(postfixMaster, "ADDRESS", m.addr),
	} {
		if err := os.WriteFile(at(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(input, name string, args ...string) {
		t.Helper()
		command := exec.Command(name, args...)
		command.Stdin = strings.NewReader(input)
		if out, err := command.CombinedOutput(); err != nil {
			log, _ := os.ReadFile(at("log"))
			t.Fatalf("%s: %v\n%s\n%s", command, err, out, log)
		}
	}
	run(mailPassword, "saslpasswd2", "-p", "-c", "-f", at("users"), "-u", "mail.test", mailUser)
	run("", "chown", "postfix", at("data"), at("users"))
	run("", "chown", "nobody", at("box"))
	run("", "postfix", "-c", at("conf"), "start")
	t.Cleanup(func() {
		run("", "postfix", "-c", at("conf"), "abort")
		if t.Failed() {
			log, _ := os.ReadFile(at("log"))
			t.Logf("log of postfix:\n%s", log)
		}
	})
	m.await(&bytes.Buffer{})
	return m
}

const postfixMain = `compatibility_level = 3.6
queue_directory = DIR/queue
data_directory = DIR/data
maillog_file = DIR/log
maillog_file_prefixes = /
mail_owner = postfix
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.test
mydestination =
mynetworks =
alias_maps =
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:box/
virtual_mailbox_base = DIR
virtual_minimum_uid = 1
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_tls_cert_file = DIR/cert.pem
smtpd_tls_key_file = DIR/key.pem
smtpd_tls_security_level = encrypt
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = mail.test
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
`

const postfixMaster = `ADDRESS inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`

// A server that insists on STARTTLS and a login, with a certificate that the
// system trusts.
func TestMailGoesOverSTARTTLSWithALogin(t *testing.T) {
	m := startPostfix(t)
	for _, c := range []struct{ password, state string }{{"wrong", "queued"}, {mailPassword, "sent"}} {
		s := startServer(t, append(m.mailerArgs(), "--smtp-password", c.password)...)
		var sent struct{ ID int64 }
		s.call("POST", "/api/ui/outbox/test", map[string]string{"to": "me@example.com"}, &sent)
		s.eventually("the mail is tried", func() error {
			var mail struct {
				State     string
				Attempts  int
				LastError string `json:"last_error"`
			}
			s.call("GET", "/api/ui/outbox/"+url.PathEscape(fmt.Sprint(sent.ID)), nil, &mail)
			if mail.Attempts == 0 || c.state == "sent" && mail.State != "sent" {
				return fmt.Errorf("it is %+v", mail)
			}
			if c.state != "sent" && !strings.Contains(mail.LastError, "535") {
				return fmt.Errorf("the wrong password: %+v", mail)
			}
			return nil
		})
	}
	if got := m.wait(1); got[0].Subject != "[Test] Whippet can send mail" {
		t.Errorf("arrived: %+v", got)
	}
}
