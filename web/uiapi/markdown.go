package uiapi

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/alerting/message"
)

// maxMarkdown bounds the text of a note.
const maxMarkdown = 64 << 10

// markdown answers a note's text as HTML that is safe to show.
func (a *API) markdown(c *fiber.Ctx) error {
	var note struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(c.Body(), &note); err != nil {
		return fiber.NewError(fiber.StatusBadRequest, `want {"text": "..."}: `+err.Error())
	}
	if len(note.Text) > maxMarkdown {
		return fiber.NewError(fiber.StatusBadRequest, "text: longer than 65536 bytes")
	}
	page, err := message.Page(note.Text, a.embeds)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"html": page})
}

// embeds reports whether what lies at an address may be shown in dashboards.
func (a *API) embeds(address string) bool {
	at, err := url.Parse(address)
	if err != nil || at.Host == "" {
		return false
	}
	for _, site := range a.About.Embed {
		scheme, host, all := strings.Cut(site, "://")
		switch {
		case !all && at.Scheme+":" == site:
			return true
		case !all || at.Scheme != scheme:
		case host == at.Host || strings.HasPrefix(host, "*.") && strings.HasSuffix(at.Host, host[1:]):
			return true
		}
	}
	return false
}
