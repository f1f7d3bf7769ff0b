package web

import (
	"bytes"
	_ "embed"
	"errors"
	"html/template"
	"net/url"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/alerting"
)

// The page behind the mute links of mails. It works without a login and
// without scripts: the link itself is the proof, and only its form mutes.

//go:embed mute.html
var muteSource string

var mutePage = template.Must(template.New("mute").Parse(muteSource))

type muteView struct {
	Token string
	Offer alerting.MuteOffer
	Group string
	Until string
	Done  bool
	Wrong string
}

func (s *Server) offerMute(c *fiber.Ctx) error {
	token := utils.CopyString(c.Query("t"))
	offer, err := s.config.Alerting.ReadMuteLink(token)
	return s.showMute(c, muteView{Token: token, Offer: offer}, err)
}

func (s *Server) followMute(c *fiber.Ctx) error {
	form, err := url.ParseQuery(string(c.Body()))
	if err != nil {
		return fiber.NewError(fiber.StatusBadRequest, "the form can't be read: "+err.Error())
	}
	offer, err := s.config.Alerting.FollowMuteLink(c.UserContext(), form.Get("t"))
	return s.showMute(c, muteView{Offer: offer, Done: true}, err)
}

func (s *Server) showMute(c *fiber.Ctx, v muteView, err error) error {
	var field *alerting.FieldError
	switch {
	case errors.As(err, &field):
		v.Wrong = "This link can't be used: it says " + field.Value + "; needed is " + field.Allowed + "."
		c.Status(fiber.StatusBadRequest)
	case errors.Is(err, alerting.ErrNotFound):
		v.Wrong = "The monitor of this link is gone."
		c.Status(fiber.StatusNotFound)
	case err != nil:
		return err
	}
	if v.Group = v.Offer.Group; v.Group == "*" {
		v.Group = ""
	}
	v.Until = v.Offer.Until.Format("Mon Jan 2, 15:04 MST")
	var page bytes.Buffer
	if err := mutePage.Execute(&page, v); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("Referrer-Policy", "no-referrer")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	return c.Send(page.Bytes())
}
