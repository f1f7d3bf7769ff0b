package alerting

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/alerting/mail"
	"github.com/whippet-obs/whippet/store/catalog"
)

// A mail's mute links work without a login: they are signed, name one group of
// one monitor and one length, and end a week after the mail. To open one shows
// what it would do; only a POST does it, so that programs which look at every
// link of a mail mute nothing.

// muteToken is what a link says.
type muteToken struct {
	Monitor int64  `json:"m"`
	Group   string `json:"g"`
	Length  string `json:"l"` // 1h, 4h or morning
	Expires int64  `json:"x"` // s
}

const (
	linkLife = 7 * 24 * time.Hour
	morning  = 9 // o'clock
)

// muteLengths are the links of a mail.
var muteLengths = []struct{ length, text string }{
	{"1h", "Mute for 1 h"}, {"4h", "Mute for 4 h"}, {"morning", fmt.Sprintf("Mute until %d:00", morning)},
}

// loadSecret reads the key that signs links, and makes one at the first start.
func (s *Service) loadSecret() error {
	const key = "mute-link-key"
	return s.catalog.Update(context.Background(), func(tx *catalog.Tx) error {
		found, err := tx.Get(catalog.Settings, key, &s.secret)
		if err != nil || found && len(s.secret) == sha256.Size {
			return err
		}
		s.secret = make([]byte, sha256.Size)
		rand.Read(s.secret)
		return tx.Put(catalog.Settings, key, s.secret)
	})
}

func (s *Service) sign(payload string) string {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte("mute " + payload))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// muteLinks are the links below a mail about a group ("*": all of the monitor).
func (s *Service) muteLinks(m *monitor, group string, at int64) []mail.Link {
	if s.url == "" || m.id == 0 {
		return nil
	}
	var links []mail.Link
	for _, l := range muteLengths {
		raw, err := json.Marshal(muteToken{m.id, group, l.length, at/1000 + int64(linkLife/time.Second)})
		if err != nil {
			continue
		}
		payload := base64.RawURLEncoding.EncodeToString(raw)
		links = append(links, mail.Link{Text: l.text, URL: s.url + "/mute?t=" + url.QueryEscape(payload+"."+s.sign(payload))})
	}
	return links
}

// MuteOffer is what a mute link would do.
type MuteOffer struct {
	Monitor int64
	Name    string // of the monitor
	Group   string
	Until   time.Time // in the installation's zone
}

// ReadMuteLink checks the token of a mute link and says what it would do. One
// that is forged, cut or too old is a *FieldError.
func (s *Service) ReadMuteLink(token string) (MuteOffer, error) {
	var t muteToken
	payload, signature, _ := strings.Cut(token, ".")
	if !hmac.Equal([]byte(signature), []byte(s.sign(payload))) {
		return MuteOffer{}, &FieldError{Field: "t", Value: short([]byte(token)), Allowed: "a link as it stands in a mail of ours"}
	}
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err == nil {
		err = json.Unmarshal(raw, &t)
	}
	if err != nil {
		return MuteOffer{}, &FieldError{Field: "t", Value: short([]byte(token)), Allowed: "a link as it stands in a mail of ours"}
	}
	now := s.now().In(s.zone)
	if now.Unix() > t.Expires {
		return MuteOffer{}, &FieldError{Field: "t", Value: "a link that is over a week old", Allowed: "a newer link; or mute the monitor on its page"}
	}
	w, err := s.watch(t.Monitor)
	if err != nil {
		return MuteOffer{}, err
	}
	m, _ := w.snapshot()
	until := now.Add(time.Hour)
	switch t.Length {
	case "4h":
		until = now.Add(4 * time.Hour)
	case "morning":
		until = time.Date(now.Year(), now.Month(), now.Day(), morning, 0, 0, 0, s.zone)
		if !until.After(now) {
			until = time.Date(now.Year(), now.Month(), now.Day()+1, morning, 0, 0, 0, s.zone)
		}
	}
	return MuteOffer{Monitor: t.Monitor, Name: m.name, Group: t.Group, Until: until}, nil
}

// FollowMuteLink does what ReadMuteLink announced.
func (s *Service) FollowMuteLink(ctx context.Context, token string) (MuteOffer, error) {
	offer, err := s.ReadMuteLink(token)
	if err != nil {
		return offer, err
	}
	_, err = s.MuteMonitor(ctx, offer.Monitor, offer.Group, offer.Until.Unix())
	return offer, err
}
