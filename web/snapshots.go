package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// snapshotPath is where kept pictures are, by a name that can't be guessed:
// chats and mails show them to people who have no login.
const snapshotPath = "/snapshot/view/"

func (s *Server) showSnapshot(c *fiber.Ctx) error {
	png, found, err := s.shelf.Picture(strings.TrimSuffix(utils.CopyString(c.Params("name")), ".png"))
	if err != nil {
		return err
	}
	if !found {
		return fiber.NewError(fiber.StatusNotFound, "there is no such snapshot, or it is older than 30 days")
	}
	c.Set(fiber.HeaderContentType, "image/png")
	c.Set(fiber.HeaderCacheControl, "private, max-age=86400")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'")
	return c.Send(png)
}
