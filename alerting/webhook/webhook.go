// Package webhook tells a program of what monitors find: a POST with a body
// that a template makes, signed, to an address that isn't an internal one.
//
//	h := webhook.Hook{Name: "chat", URL: "https://chat.example.com/hook", Payload: `{"text": "$EVENT_TITLE"}`}
//	body, err := h.Body(map[string]string{"EVENT_TITLE": "[Triggered] disk is full"})
//	err = webhook.NewSender(nil).Deliver(ctx, h, "monitor-17-...", body)
//
// The address is checked when the connection is made, after the name has been
// looked up, so that no name and no redirect leads inside.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Hook is where to tell, and how. Its JSON is that of Datadog's API; secret is
// ours.
type Hook struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	Payload string `json:"payload,omitempty"`        // a template; "": DefaultPayload
	Headers string `json:"custom_headers,omitempty"` // a JSON object of texts
	Encode  string `json:"encode_as"`                // json or form
	Secret  string `json:"secret,omitempty"`         // signs the body; "": it isn't signed
}

// DefaultPayload is sent by hooks that say nothing else.
const DefaultPayload = `{
	"id": "$ID",
	"title": "$EVENT_TITLE",
	"body": "$EVENT_MSG",
	"transition": "$ALERT_TRANSITION",
	"status": "$ALERT_STATUS",
	"monitor": "$ALERT_ID",
	"scope": "$ALERT_SCOPE",
	"host": "$HOSTNAME",
	"tags": "$TAGS",
	"priority": "$ALERT_PRIORITY",
	"date": "$DATE",
	"link": "$LINK",
	"incident": "$ALERT_CYCLE_KEY"
}`

// variables are the names that a payload may use.
var variables = []string{
	"AGGREG_KEY", "ALERT_CYCLE_KEY", "ALERT_ID", "ALERT_METRIC", "ALERT_PRIORITY", "ALERT_QUERY", "ALERT_SCOPE", "ALERT_STATUS",
	"ALERT_TITLE", "ALERT_TRANSITION", "ALERT_TYPE", "DATE", "EMAIL", "EVENT_MSG", "EVENT_TITLE", "EVENT_TYPE", "HOSTNAME", "ID",
	"LAST_UPDATED", "LINK", "ORG_ID", "ORG_NAME", "PRIORITY", "SNAPSHOT", "TAGS", "TEXT_ONLY_MSG", "VALUE",
}

// FieldError is a mistake in one field of a hook.
type FieldError struct{ Field, Value, Allowed string }

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s: %q given; allowed: %s", e.Field, e.Value, e.Allowed)
}

var (
	validName = regexp.MustCompile(`^[A-Za-z0-9._%+-]{1,100}$`)
	variable  = regexp.MustCompile(`\$[A-Z_]+`)
)

const maxPayload = 64 << 10

// Check says what is wrong with h. The error is a *FieldError.
func (h *Hook) Check() error {
	if !validName.MatchString(h.Name) {
		return &FieldError{"name", h.Name, "letters, digits and . _ % + -, as it stands behind @webhook- in a message"}
	}
	if u, err := url.Parse(h.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || len(h.URL) > 2000 {
		return &FieldError{"url", h.URL, "an address such as https://chat.example.com/hook"}
	}
	if h.Encode != "" && h.Encode != "json" && h.Encode != "form" {
		return &FieldError{"encode_as", h.Encode, "json or form"}
	}
	if _, err := h.headers(); err != nil {
		return &FieldError{"custom_headers", h.Headers, `a JSON object of texts, such as {"Authorization": "Bearer abc"}`}
	}
	if len(h.Payload) > maxPayload {
		return &FieldError{"payload", fmt.Sprintf("%d bytes", len(h.Payload)), fmt.Sprintf("at most %d bytes", maxPayload)}
	}
	for _, name := range variable.FindAllString(h.Payload, -1) {
		if !slices.Contains(variables, name[1:]) {
			return &FieldError{"payload", name, "$" + strings.Join(variables, ", $")}
		}
	}
	if _, err := h.Body(nil); err != nil {
		return &FieldError{"payload", h.Payload, "JSON, with variables inside quotation marks: " + err.Error()}
	}
	return nil
}

func (h *Hook) headers() (map[string]string, error) {
	out := map[string]string{}
	if strings.TrimSpace(h.Headers) == "" {
		return out, nil
	}
	if err := json.Unmarshal([]byte(h.Headers), &out); err != nil {
		return nil, err
	}
	for name, value := range out {
		if strings.ContainsAny(name+value, "\r\n\x00") || name == "" {
			return nil, fmt.Errorf("header %q can't be sent", name)
		}
	}
	return out, nil
}

// Body writes the payload with values in the place of its variables. A value
// can't break out of the quotation marks that it stands in.
func (h *Hook) Body(values map[string]string) ([]byte, error) {
	payload := h.Payload
	if strings.TrimSpace(payload) == "" {
		payload = DefaultPayload
	}
	filled := variable.ReplaceAllStringFunc(payload, func(name string) string {
		quoted, err := json.Marshal(values[name[1:]])
		if err != nil {
			return ""
		}
		return string(quoted[1 : len(quoted)-1])
	})
	if h.Encode != "form" {
		var out bytes.Buffer
		if err := json.Compact(&out, []byte(filled)); err != nil {
			return nil, err
		}
		return out.Bytes(), nil
	}
	fields := map[string]any{}
	if err := json.Unmarshal([]byte(filled), &fields); err != nil {
		return nil, err
	}
	form := url.Values{}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if text, ok := fields[key].(string); ok {
			form.Set(key, text)
		} else if raw, err := json.Marshal(fields[key]); err == nil {
			form.Set(key, string(raw))
		}
	}
	return []byte(form.Encode()), nil
}

// Signature is what a hook's receiver can check a body by: the header
// X-Whippet-Signature, "sha256=" and the HMAC of the body in hexadecimal.
func Signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// Sender delivers. Safe for concurrent use.
type Sender struct{ client *http.Client }

// NewSender returns a Sender that connects to public addresses, and to those of
// allow.
func NewSender(allow []netip.Prefix) *Sender {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		return guard(address, allow)
	}}
	return &Sender{&http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 20 * time.Second,
			MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// errInternal is an address that a hook must not reach.
var errInternal = errors.New("is an internal address; allow it with --webhook-allow if that is meant")

// guard refuses addresses that only this machine or its network knows.
func guard(address string, allow []netip.Prefix) error {
	where, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := where.Addr().Unmap().WithZone("")
	if slices.ContainsFunc(allow, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return nil
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return fmt.Errorf("%s %w", ip, errInternal)
	}
	return nil
}

// reserved is address space that looks public and isn't (RFC 6890): carriers'
// networks, tests, and IPv6 forms that carry an IPv4 address.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
}

// StatusError is an answer other than a success.
type StatusError struct {
	Status int
	Body   string // its beginning
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("answered %d %s", e.Status, http.StatusText(e.Status))
	if e.Status >= 300 && e.Status < 400 {
		text += ": redirects are not followed, put the final address into the hook"
	}
	if e.Body != "" {
		text += ": " + e.Body
	}
	return text
}

// Permanent says whether err won't go away by trying again.
func Permanent(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		switch s := status.Status; {
		case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s == http.StatusTooManyRequests:
			return false
		default:
			return s < 500
		}
	}
	return errors.Is(err, errInternal)
}

// Deliver posts body, made by h.Body. id stays the same over retries, for the
// receiver to recognise: it goes into the header X-Whippet-Delivery.
func (s *Sender) Deliver(ctx context.Context, h Hook, id string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook %s: %w", h.Name, err)
	}
	headers, err := h.headers()
	if err != nil {
		return fmt.Errorf("webhook %s: custom_headers: %w", h.Name, err)
	}
	request.Header.Set("Content-Type", map[bool]string{true: "application/x-www-form-urlencoded", false: "application/json"}[h.Encode == "form"])
	request.Header.Set("User-Agent", "whippet")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("X-Whippet-Delivery", id)
	if h.Secret != "" {
		request.Header.Set("X-Whippet-Signature", Signature(h.Secret, body))
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("webhook %s: %w", h.Name, err)
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 300)) // only for the message
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("webhook %s: %w", h.Name, &StatusError{answer.StatusCode, strings.TrimSpace(strings.ToValidUTF8(string(said), ""))})
	}
	return nil
}
