package alerting

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"net/textproto"
	"strings"
)

// readable takes a message apart as a mail reader would: its text, and its
// HTML with the inline pictures put in as data: URLs.
func readable(raw []byte) (text, html string, err error) {
	msg, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return "", "", err
	}
	var parts parts
	if err := parts.read(textproto.MIMEHeader(msg.Header), msg.Body, 0); err != nil {
		return "", "", err
	}
	for cid, url := range parts.pictures {
		parts.html = strings.ReplaceAll(parts.html, "cid:"+cid, url)
	}
	return parts.text, parts.html, nil
}

type parts struct {
	text, html string
	pictures   map[string]string // data: URL by content ID
}

func (p *parts) read(header textproto.MIMEHeader, body io.Reader, depth int) error {
	if depth > 5 {
		return fmt.Errorf("parts nested deeper than 5")
	}
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		r := multipart.NewReader(body, params["boundary"])
		for {
			part, err := r.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := p.read(part.Header, part, depth+1); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	switch {
	case kind == "text/plain" && p.text == "":
		p.text = string(content)
	case kind == "text/html" && p.html == "":
		p.html = string(content)
	case strings.HasPrefix(kind, "image/"):
		if p.pictures == nil {
			p.pictures = map[string]string{}
		}
		cid := strings.Trim(header.Get("Content-ID"), "<>")
		p.pictures[cid] = "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(content)
	}
	return nil
}
