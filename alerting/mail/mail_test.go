package mail

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var day = time.Date(2026, 11, 23, 18, 5, 0, 0, time.FixedZone("CET", 3600))

// graph draws a picture of the size and kind that a chart has.
func graph(t testing.TB) []byte {
	t.Helper()
	picture := image.NewNRGBA(image.Rect(0, 0, 1180, 520))
	for x := range 1180 {
		for y := range 520 {
			c := color.NRGBA{255, 255, 255, 255}
			switch line := 260 + (x*x*7919%521-260)*x/1180; {
			case y > line-3 && y < line+3:
				c = color.NRGBA{0x4c, 0x78, 0xe0, 255}
			case y%104 == 0:
				c = color.NRGBA{0xe1, 0xe4, 0xea, 255}
			}
			picture.SetNRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func example() Message {
	html, text := Layout(states()[0].content)
	return Message{
		From: "Whippet <whippet@example.com>", To: []string{"Ann Ünal <ann@example.com>", "ops@bücher.example"},
		Subject: "[Triggered] my_metric is high on {host:thinkpad} · über 800", MessageID: NewMessageID("monitor-17-host-thinkpad-1790000000000", "Whippet <whippet@example.com>"),
		References: []string{"<monitor-17-1@example.com>", "monitor-17-2@example.com"}, Date: day, Text: text, HTML: html,
		Images: []Image{{CID: "graph@whippet", Alt: "avg:my_metric{*} by {host}", PNG: []byte("\x89PNG\r\n\x1a\nnot really")}},
	}
}

// part is a leaf of a MIME tree.
type part struct {
	path, kind string
	header     map[string][]string
	body       []byte
}

// leaves reads a MIME message as a mail client does.
func leaves(t testing.TB, path string, header map[string][]string, body io.Reader) []part {
	t.Helper()
	get := func(name string) string {
		if v := header[name]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	kind, params, err := mime.ParseMediaType(get("Content-Type"))
	if err != nil {
		t.Fatalf("%s: %v", get("Content-Type"), err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		var out []part
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return out
			}
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, leaves(t, path+kind+"/", p.Header, p)...)
		}
	}
	switch get("Content-Transfer-Encoding") {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return []part{{path, kind, header, content}}
}

// checkExample reads raw and compares it with the message it was built from.
func checkExample(t *testing.T, m Message, raw []byte) {
	t.Helper()
	got, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	words := new(mime.WordDecoder)
	for name, want := range map[string]string{
		"Subject": m.Subject, "Message-Id": m.MessageID, "In-Reply-To": "<monitor-17-2@example.com>",
		"References": "<monitor-17-1@example.com> <monitor-17-2@example.com>", "From": `"Whippet" <whippet@example.com>`,
		"To": `"Ann Ünal" <ann@example.com>, <ops@xn--bcher-kva.example>`, "Mime-Version": "1.0", "Auto-Submitted": "auto-generated",
	} {
		have, err := words.DecodeHeader(got.Header.Get(name))
		if name == "To" {
			have = strings.Replace(have, "Ann Ünal <", `"Ann Ünal" <`, 1)
		}
		if err != nil || have != want {
			t.Errorf("%s: %q, %v, want %q", name, have, err, want)
		}
	}
	if date, err := got.Header.Date(); err != nil || !date.Equal(m.Date) {
		t.Errorf("date %v, %v", date, err)
	}
	parts := leaves(t, "", got.Header, got.Body)
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	lines := func(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }
	for i, want := range []struct{ path, kind, body string }{
		{"multipart/related/multipart/alternative/", "text/plain", m.Text},
		{"multipart/related/multipart/alternative/", "text/html", m.HTML},
		{"multipart/related/", "image/png", string(m.Images[0].PNG)},
	} {
		p := parts[i]
		if p.path != want.path || p.kind != want.kind || lines(string(p.body)) != lines(want.body) {
			t.Errorf("part %d is %s%s, %d bytes", i, p.path, p.kind, len(p.body))
		}
	}
	if cid := parts[2].header["Content-Id"]; len(cid) != 1 || cid[0] != "<graph@whippet>" {
		t.Errorf("content ID %q", cid)
	}
	if disposition := parts[2].header["Content-Disposition"]; len(disposition) != 1 || !strings.HasPrefix(disposition[0], "inline") {
		t.Errorf("disposition %q", disposition)
	}
	if !bytes.Contains(parts[1].body, []byte("cid:graph@whippet")) {
		t.Error("the HTML doesn't show the picture")
	}
}

func TestBuiltMessageReadsBack(t *testing.T) {
	m := example()
	raw, err := Build(m)
	if err != nil {
		t.Fatal(err)
	}
	checkExample(t, m, raw)
	for i, line := range strings.SplitAfter(string(raw), "\r\n") {
		if len(line) > 998 || strings.ContainsAny(strings.TrimSuffix(line, "\r\n"), "\r\n") {
			t.Errorf("line %d: %q", i, line)
		}
		if strings.ContainsFunc(line, func(r rune) bool { return r > 126 }) {
			t.Errorf("line %d isn't 7 bit: %q", i, line)
		}
	}
}

func TestMailWithAPictureIsUnder100KB(t *testing.T) {
	m := example()
	m.Images[0].PNG = graph(t)
	raw, err := Build(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d of them picture", len(raw), len(m.Images[0].PNG))
	if len(raw) >= 100_000 {
		t.Errorf("%d bytes", len(raw))
	}
}

func TestWithoutPictureThereIsNoRelatedPart(t *testing.T) {
	m := example()
	m.Images = nil
	raw, err := Build(m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	parts := leaves(t, "", got.Header, got.Body)
	if len(parts) != 2 || parts[0].path != "multipart/alternative/" {
		t.Errorf("%d parts, first in %s", len(parts), parts[0].path)
	}
}

func TestHeadersCannotBeInjected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zé \r\n\t:<>",;=?@-]{0,300}`))
		m := example()
		m.Subject = "S" + text.Draw(t, "subject")
		m.Images[0].Alt = text.Draw(t, "alt")
		if rapid.Bool().Draw(t, "to") {
			m.To = append(m.To, text.Draw(t, "to")+" <x@example.com>")
		}
		raw, err := Build(m)
		if err != nil {
			return
		}
		got, err := netmail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		allowed := "|Auto-Submitted|Content-Type|Date|From|In-Reply-To|Message-Id|Mime-Version|References|Subject|To|X-Auto-Response-Suppress|"
		for name, values := range got.Header {
			if !strings.Contains(allowed, "|"+name+"|") || len(values) != 1 {
				t.Fatalf("header %s: %q\n%s", name, values, raw)
			}
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
		if want := oneLine(m.Subject, maxSubject); err != nil || strings.Join(strings.Fields(subject), " ") != want {
			t.Fatalf("subject %q, want %q", subject, want)
		}
		if list, err := got.Header.AddressList("To"); err != nil || len(list) != len(m.To) {
			t.Fatalf("to %v %v", list, err)
		}
	})
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	for name, change := range map[string]func(m *Message){
		"from":            func(m *Message) { m.From = "nobody" },
		"no receiver":     func(m *Message) { m.To = nil },
		"to":              func(m *Message) { m.To[0] = "a@b\r\nBcc: c@d" },
		"non-ASCII local": func(m *Message) { m.To[0] = "jörg@example.com" },
		"no message ID":   func(m *Message) { m.MessageID = "" },
		"message ID":      func(m *Message) { m.MessageID = "a b@c" },
		"message ID line": func(m *Message) { m.MessageID = "a@b>\r\nX: y" },
		"reference":       func(m *Message) { m.References = []string{"x"} },
		"content ID":      func(m *Message) { m.Images[0].CID = "a>\r\nX: y" },
	} {
		m := example()
		change(&m)
		if raw, err := Build(m); err == nil {
			t.Errorf("%s: built\n%s", name, raw)
		}
	}
}

func TestMessageIDsAreStableAndApart(t *testing.T) {
	seen := map[string]string{}
	for _, unique := range []string{"monitor-17-1", "monitor-17-2", "host:a b", "host:a_b", "host:a/b", "", strings.Repeat("x", 300), strings.Repeat("x", 301), "é"} {
		id := NewMessageID(unique, "Whippet <w@bücher.example>")
		if id != NewMessageID(unique, "w@bücher.example") {
			t.Errorf("%q isn't stable", unique)
		}
		if was, ok := seen[id]; ok {
			t.Errorf("%q and %q have the same ID", was, unique)
		}
		seen[id] = unique
		if !validMessageID.MatchString(strings.Trim(id, "<>")) || !strings.HasSuffix(id, "@xn--bcher-kva.example>") {
			t.Errorf("%q: %s", unique, id)
		}
	}
	if id := NewMessageID("a", "nonsense"); id != "<a@whippet.localhost>" {
		t.Error(id)
	}
}

func TestLongThreadsKeepTheFirstAndTheNewest(t *testing.T) {
	m := example()
	m.References = nil
	for i := range 50 {
		m.References = append(m.References, fmt.Sprintf("<%d@example.com>", i))
	}
	raw, err := Build(m)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := netmail.ReadMessage(bytes.NewReader(raw))
	refs := strings.Fields(got.Header.Get("References"))
	if len(refs) != maxReferences || refs[0] != "<0@example.com>" || refs[len(refs)-1] != "<49@example.com>" || got.Header.Get("In-Reply-To") != "<49@example.com>" {
		t.Errorf("%q", refs)
	}
}

func BenchmarkBuild(b *testing.B) {
	m := example()
	m.Images[0].PNG = graph(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Build(m); err != nil {
			b.Fatal(err)
		}
	}
}
