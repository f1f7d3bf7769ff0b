package e2e

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestFirstAdminComesInByTheLinkInTheLog(t *testing.T) {
	s := startServer(t, "--login")
	link := regexp.MustCompile(`/setup\?token=[0-9a-f]+`).FindString(s.log.String())
	if link == "" {
		t.Fatalf("the log shows no link:\n%s", s.log)
	}
	if _, err := s.try("GET", "/api/v1/monitor", nil, nil); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("without a login: got error %v, want 401", err)
	}

	b := openBrowser(t, s.url)
	b.expect("401")
	b.open("/")
	b.see("Nobody can log in yet")
	b.open(link)
	b.see("You are the first one here")
	b.fill("input[type=email]", "ada@example.com")
	b.fill("input[type=password]", "correct horse")
	b.screenshot("access-setup")
	b.click("Create the account")
	b.see("First steps")
	b.open("/settings/keys")
	b.see("New key")
	b.fill("input[placeholder]", "agents in Berlin")
	b.click("Make the key")
	b.see("The key agents in Berlin", "It is shown this once")
	b.screenshot("access-keys")
	b.open("/settings/people")
	b.see("ada@example.com", "(you)")
	b.screenshot("access-people")
	b.open("/settings/audit")
	b.see("made key")
	b.screenshot("access-audit")
	b.click("Log out")
	b.see("Mail address", "Password")
	b.screenshot("access-login")
}

func TestOwnCertificateEncrypts(t *testing.T) {
	s := startServer(t)
	s.stop() // its folder is all that is needed
	address := freeTCP(t)
	s.args = append(s.args, "--tls-self-signed", "--login", "--http", address)
	s.url = "https://" + address
	insecure := http.DefaultTransport.(*http.Transport).Clone()
	insecure.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	s.client = &http.Client{Transport: insecure, Timeout: 10 * time.Second}
	s.start()
	response, err := s.client.Get(s.url + "/api/ui/session")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 || response.TLS == nil || response.TLS.PeerCertificates[0].VerifyHostname("127.0.0.1") != nil {
		t.Errorf("got %d over %+v, want 200 with a certificate for 127.0.0.1", response.StatusCode, response.TLS)
	}
	if want := fmt.Sprintf("https://%s/setup?token=", address); !strings.Contains(s.log.String(), want) {
		t.Errorf("the log does not show %s:\n%s", want, s.log)
	}
}
