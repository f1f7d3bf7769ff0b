package uiapi

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/store/catalog"
)

type host struct {
	catalog.Host
	AllTags []string        `json:"all_tags"`
	Up      bool            `json:"up"`
	Checks  []catalog.Check `json:"checks"`
}

func (a *API) hosts(c *fiber.Ctx) error {
	checks := map[string][]catalog.Check{}
	for _, check := range a.Catalog.Checks() {
		checks[check.Host] = append(checks[check.Host], check)
	}
	tags, now := a.Catalog.HostTags(), a.Now().UnixMilli()
	hosts := []host{}
	for _, h := range a.Catalog.Hosts() {
		hosts = append(hosts, host{
			Host: h, AllTags: append([]string{}, tags.Of(h.Name)...), Checks: append([]catalog.Check{}, checks[h.Name]...),
			Up: h.Up(now),
		})
	}
	return c.JSON(fiber.Map{"hosts": hosts})
}

func (a *API) checks(c *fiber.Ctx) error {
	return c.JSON(fiber.Map{"checks": a.Catalog.Checks()})
}

// events lists the events of the range whose title, text, host, source or tags
// contain every word of q.
func (a *API) events(c *fiber.Ctx) error {
	from, to, err := a.timeRange(c)
	if err != nil {
		return err
	}
	words := strings.Fields(strings.ToLower(c.Query("q")))
	found, err := a.Catalog.Events(from, to, func(e *catalog.Event) bool {
		if len(words) == 0 {
			return true
		}
		text := strings.ToLower(strings.Join(append([]string{e.Title, e.Text, "host:" + e.Host, "source:" + e.SourceType, "status:" + e.AlertType}, e.Tags...), "\n"))
		for _, word := range words {
			if !strings.Contains(text, word) {
				return false
			}
		}
		return true
	}, 500)
	if err != nil {
		return err
	}
	if found == nil {
		found = []catalog.Event{}
	}
	return c.JSON(fiber.Map{"events": found})
}
