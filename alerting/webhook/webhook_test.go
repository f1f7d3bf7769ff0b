package webhook

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func TestBodyArrivesSignedAndOnce(t *testing.T) {
	var got []*http.Request
	var bodies []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got, bodies = append(got, r), append(bodies, string(body))
	}))
	defer srv.Close()
	h := Hook{Name: "chat", URL: srv.URL + "/hook", Payload: `{"text": "$EVENT_TITLE on $HOSTNAME"}`, Headers: `{"Authorization": "Bearer abc"}`, Secret: "s3cret"}
	if err := h.Check(); err != nil {
		t.Fatal(err)
	}
	body, err := h.Body(map[string]string{"EVENT_TITLE": `disk "full"`, "HOSTNAME": "db-1\n"})
	if err != nil {
		t.Fatal(err)
	}
	if err := NewSender(loopback).Deliver(t.Context(), h, "id-1", body); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || bodies[0] != `{"text":"disk \"full\" on db-1\n"}` {
		t.Fatalf("arrived: %q", bodies)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Authorization": "Bearer abc", "X-Whippet-Delivery": "id-1", "X-Whippet-Signature": Signature("s3cret", body),
	} {
		if v := got[0].Header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	h.Encode = "form"
	if body, _ := h.Body(map[string]string{"EVENT_TITLE": "a&b"}); string(body) != "text=a%26b+on+" {
		t.Errorf("as a form: %s", body)
	}
}

// Whatever a value holds, the body stays JSON and the value comes out as it was.
func TestNoValueBreaksOutOfTheBody(t *testing.T) {
	h := Hook{Payload: `{"a": "$EVENT_MSG", "b": {"c": ["x $TAGS"]}}`}
	rapid.Check(t, func(t *rapid.T) {
		value := strings.ToValidUTF8(rapid.String().Draw(t, "value"), "?")
		body, err := h.Body(map[string]string{"EVENT_MSG": value, "TAGS": "$EVENT_MSG"})
		if err != nil {
			t.Fatal(err)
		}
		var out struct {
			A string
			B struct{ C []string }
		}
		if err := json.Unmarshal(body, &out); err != nil || out.A != value || out.B.C[0] != "x $EVENT_MSG" {
			t.Fatalf("%q became %s (%v)", value, body, err)
		}
	})
}

func TestWrongHooksSayWhatIsWrong(t *testing.T) {
	for field, h := range map[string]Hook{
		"name": {Name: "a b", URL: "https://a"}, "url": {Name: "a", URL: "ftp://a"}, "encode_as": {Name: "a", URL: "https://a", Encode: "xml"},
		"custom_headers": {Name: "a", URL: "https://a", Headers: `{"a": "b\r\nc"}`}, "payload": {Name: "a", URL: "https://a", Payload: `{"a": "$EVENT_TITEL"}`},
	} {
		var f *FieldError
		if err := h.Check(); !errors.As(err, &f) || f.Field != field {
			t.Errorf("%+v: %v", h, err)
		}
	}
	for _, payload := range []string{"{", `{"a": $EVENT_TITLE}`} {
		if err := (&Hook{Name: "a", URL: "https://a", Payload: payload}).Check(); err == nil {
			t.Errorf("%s is a payload", payload)
		}
	}
}

func TestInternalAddressesAreRefused(t *testing.T) {
	for address, open := range map[string]bool{
		"127.0.0.1:80": false, "[::1]:80": false, "10.1.2.3:80": false, "192.168.1.1:443": false, "172.16.0.1:1": false, "169.254.169.254:80": false,
		"[fe80::1%eth0]:80": false, "[fd00::1]:80": false, "0.0.0.0:80": false, "[::]:80": false, "[::ffff:127.0.0.1]:80": false, "224.0.0.1:80": false,
		"100.64.0.1:80": false, "[64:ff9b::7f00:1]:80": false, "[2002:7f00:1::]:80": false, "8.8.8.8:443": true, "[2606:4700::1111]:443": true,
	} {
		if err := guard(address, nil); (err == nil) != open {
			t.Errorf("%s: %v", address, err)
		}
	}
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached") }))
	defer srv.Close()
	for _, url := range []string{srv.URL, strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)} {
		err := NewSender(nil).Deliver(t.Context(), Hook{Name: "a", URL: url}, "1", nil)
		if err == nil || !Permanent(err) || !strings.Contains(err.Error(), "--webhook-allow") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestAnswersAreToldApart(t *testing.T) {
	var status atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(int(status.Load()))
		io.WriteString(w, "because")
	}))
	defer srv.Close()
	for code, permanent := range map[int]bool{302: true, 400: true, 404: true, 410: true, 408: false, 429: false, 500: false, 503: false} {
		status.Store(int64(code))
		err := NewSender(loopback).Deliver(t.Context(), Hook{Name: "a", URL: srv.URL}, "1", nil)
		if err == nil || Permanent(err) != permanent || !strings.Contains(err.Error(), "because") {
			t.Errorf("%d: %v", code, err)
		}
	}
	srv.Close()
	if err := NewSender(loopback).Deliver(t.Context(), Hook{Name: "a", URL: srv.URL}, "1", nil); err == nil || Permanent(err) {
		t.Errorf("nobody there: %v", err)
	}
}
